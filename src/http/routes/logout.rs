//! Revokes credentials (R-CMP-07, R-CMP-09).

use std::sync::Arc;

use poem_openapi::OpenApi;

use crate::http::openapi::answers::{Done, LoggedOut};
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{
    App, ByAny, ByKnox, BySession, OptionalAuth, OriginPolicy, RequiredAuth, base_url, client_info,
    delete_session_cookie,
};

pub struct Logout {
    pub app: Arc<App>,
}

error_list! {
    KnoxErrors: ANY, CREDENTIAL;
    SessionErrors: ANY, CSRF;
    AllErrors: ANY, CREDENTIAL, CSRF;
}

#[OpenApi(prefix_path = "/api", tag = Tag::Logout)]
impl Logout {
    /// Revoke this knox token
    ///
    /// The user stays signed in with every other credential.
    #[oai(path = "/knox/logout", method = "post", operation_id = "logoutKnox")]
    async fn knox(&self, auth: RequiredAuth<'_, ByKnox>) -> Result<Done, Refused<KnoxErrors>> {
        self.app.account.logout_knox(&auth.presented(&self.app), &client_info(auth.request)).await?;
        Ok(Done)
    }

    /// Revoke all knox tokens of the user
    ///
    /// Sessions, JWTs and the permanent token stay valid.
    #[oai(path = "/knox/logoutall", method = "post", operation_id = "logoutAllKnox")]
    async fn all_knox(&self, auth: RequiredAuth<'_, ByKnox>) -> Result<Done, Refused<KnoxErrors>> {
        self.app.account.logout_all_knox(&auth.presented(&self.app), &client_info(auth.request)).await?;
        Ok(Done)
    }

    /// Revoke the session
    ///
    /// The server revokes the session and the browser deletes the cookie. Also succeeds without a session.
    #[oai(path = "/session/logout", method = "post", operation_id = "logoutSession")]
    async fn session(&self, auth: OptionalAuth<'_, BySession>) -> Result<LoggedOut, Refused<SessionErrors>> {
        let admitted = auth.admit(&self.app, OriginPolicy::SessionRoute).await?;
        self.app.account.logout_session(&admitted.session_cookies, &admitted.context.client).await?;
        Ok(LoggedOut { cookie: Some(delete_session_cookie(&admitted.context.base_url)) })
    }

    /// Revoke all credentials
    ///
    /// Revokes every session, permanent token, knox token and refresh token of the user, and all access tokens, at once.
    #[oai(path = "/logout/all", method = "post", operation_id = "logoutEverything")]
    async fn everything(&self, auth: RequiredAuth<'_, ByAny>) -> Result<LoggedOut, Refused<AllErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::UnsafeCall).await?;
        let cookies = auth.presented(&self.app).session_cookies;
        let had_session = self.app.account.logout_everything(&caller, &cookies, &client_info(auth.request)).await?;
        let own = base_url(&self.app.settings, auth.request);
        Ok(LoggedOut { cookie: had_session.then(|| delete_session_cookie(&own)) })
    }
}
