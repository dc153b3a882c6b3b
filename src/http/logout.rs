//! Every way to end what a login handed out (R-CMP-07, R-CMP-09).

use std::sync::Arc;

use poem_openapi::OpenApi;

use super::answer::{Done, LoggedOut};
use super::app::{self, App, OriginPolicy, SameSite};
use super::auth::{ByAny, ByKnox, BySession, OptionalAuth, RequiredAuth};
use super::login::Tag;
use super::refusals::{self, Case, Problems, Refused};

pub struct Logout {
    pub app: Arc<App>,
}

pub struct KnoxProblems;

impl Problems for KnoxProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::CREDENTIAL, refusals::STORE];
}

pub struct SessionProblems;

impl Problems for SessionProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::CSRF, refusals::STORE];
}

pub struct AllProblems;

impl Problems for AllProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::CREDENTIAL, refusals::CSRF, refusals::STORE];
}

#[OpenApi(prefix_path = "/api", tag = Tag::Logout)]
impl Logout {
    /// End this knox token
    #[oai(path = "/knox/logout", method = "post", operation_id = "logoutKnox")]
    async fn knox(&self, member: RequiredAuth<'_, ByKnox>) -> Result<Done, Refused<KnoxProblems>> {
        let presented = app::presented(member.request, &self.app.own(member.request));
        self.app.account.logout_knox(&presented, &app::client(member.request)).await?;
        Ok(Done)
    }

    /// End all knox tokens of the user
    #[oai(path = "/knox/logoutall", method = "post", operation_id = "logoutAllKnox")]
    async fn all_knox(&self, member: RequiredAuth<'_, ByKnox>) -> Result<Done, Refused<KnoxProblems>> {
        let presented = app::presented(member.request, &self.app.own(member.request));
        self.app.account.logout_all_knox(&presented, &app::client(member.request)).await?;
        Ok(Done)
    }

    /// End the session
    ///
    /// The session ends on the server, and the browser drops the cookie. No session is fine too.
    #[oai(path = "/session/logout", method = "post", operation_id = "logoutSession")]
    async fn session(&self, guest: OptionalAuth<'_, BySession>) -> Result<LoggedOut, Refused<SessionProblems>> {
        let request_context = guest.check_admission(&self.app, OriginPolicy::Session).await?.request_context;
        let presented = app::presented(guest.request, &request_context.own);
        self.app.account.logout_session(&presented.session_cookies, &request_context.client).await?;
        Ok(LoggedOut { cookie: Some(dropped(&request_context.own)) })
    }

    /// End everything
    ///
    /// Every session, permanent token, knox token and refresh token of the user ends at once, and access tokens with
    /// them.
    #[oai(path = "/logout/all", method = "post", operation_id = "logoutEverything")]
    async fn everything(&self, member: RequiredAuth<'_, ByAny>) -> Result<LoggedOut, Refused<AllProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Unsafe).await?;
        let own = self.app.own(member.request);
        let cookies = app::presented(member.request, &own).session_cookies;
        let client = app::client(member.request);
        let had_session = self.app.account.logout_everything(&caller, &cookies, &client).await?;
        Ok(LoggedOut { cookie: had_session.then(|| dropped(&own)) })
    }
}

/// The session cookie, so that a browser forgets it.
pub(super) fn dropped(own: &url::Url) -> poem::http::HeaderValue {
    app::set_cookie(own, app::session_cookie(own), "", 0, SameSite::Lax)
}
