//! Every way to end what a login handed out (R-CMP-07, R-CMP-09).

use std::sync::Arc;

use poem_openapi::OpenApi;

use super::answer::{Done, LoggedOut};
use super::app::{self, App, Gate, SameSite};
use super::entry::{ByAny, ByKnox, BySession, Guest, Member};
use super::login::Tag;
use super::refused::{self, Case, Problems, Refused};

pub struct Logout {
    pub app: Arc<App>,
}

pub struct KnoxProblems;

impl Problems for KnoxProblems {
    const LIST: &'static [&'static [Case]] = &[refused::ANY, refused::CREDENTIAL, refused::STORE];
}

pub struct SessionProblems;

impl Problems for SessionProblems {
    const LIST: &'static [&'static [Case]] = &[refused::ANY, refused::CSRF, refused::STORE];
}

pub struct AllProblems;

impl Problems for AllProblems {
    const LIST: &'static [&'static [Case]] = &[refused::ANY, refused::CREDENTIAL, refused::CSRF, refused::STORE];
}

#[OpenApi(prefix_path = "/api", tag = Tag::Logout)]
impl Logout {
    /// End this knox token
    #[oai(path = "/knox/logout", method = "post", operation_id = "logoutKnox")]
    async fn knox(&self, member: Member<'_, ByKnox>) -> Result<Done, Refused<KnoxProblems>> {
        let presented = app::presented(member.request, &self.app.own(member.request));
        self.app.account.logout_knox(&presented, &app::client(member.request)).await?;
        Ok(Done)
    }

    /// End all knox tokens of the user
    #[oai(path = "/knox/logoutall", method = "post", operation_id = "logoutAllKnox")]
    async fn all_knox(&self, member: Member<'_, ByKnox>) -> Result<Done, Refused<KnoxProblems>> {
        let presented = app::presented(member.request, &self.app.own(member.request));
        self.app.account.logout_all_knox(&presented, &app::client(member.request)).await?;
        Ok(Done)
    }

    /// End the session
    ///
    /// The session ends on the server, and the browser drops the cookie. No session is fine too.
    #[oai(path = "/session/logout", method = "post", operation_id = "logoutSession")]
    async fn session(&self, guest: Guest<'_, BySession>) -> Result<LoggedOut, Refused<SessionProblems>> {
        let visitor = guest.admit(&self.app, Gate::Session).await?.visitor;
        let presented = app::presented(guest.request, &visitor.own);
        self.app.account.logout_session(&presented.session_cookies, &visitor.client).await?;
        Ok(LoggedOut { cookie: Some(dropped(&visitor.own)) })
    }

    /// End everything
    ///
    /// Every session, permanent token, knox token and refresh token of the user ends at once, and access tokens with
    /// them.
    #[oai(path = "/logout/all", method = "post", operation_id = "logoutEverything")]
    async fn everything(&self, member: Member<'_, ByAny>) -> Result<LoggedOut, Refused<AllProblems>> {
        let caller = member.admit(&self.app, Gate::Unsafe).await?;
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
