//! Revokes credentials (R-CMP-07, R-CMP-09).

use std::sync::Arc;

use poem::Request;
use poem::http::HeaderValue;
use poem_openapi::OpenApi;

use crate::http::openapi::answers::{Done, LoggedOut};
use crate::http::openapi::inputs::LogoutInput;
use crate::http::openapi::{AfterLogout, Refused, Tag, error_list};
use crate::http::protocol::{
    App, ByAny, ByKnox, BySession, Failure, OptionalAuth, OriginPolicy, RawBody, RequiredAuth, base_url, client_info,
    delete_session_cookie, wants_html,
};
use crate::login::LoginError;

pub struct Logout {
    pub app: Arc<App>,
}

error_list! {
    KnoxErrors: ANY, CREDENTIAL_REJECTED;
    SessionErrors: ANY, BODY, INVALID_LOGOUT, CSRF_FAILED;
    AllErrors: ANY, BODY, INVALID_LOGOUT, CREDENTIAL_REJECTED, CSRF_FAILED;
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
    /// The server revokes the session and the browser deletes the cookie. Also succeeds without a session. A form of a
    /// page may post `next`, an entry of ALLOWED_REDIRECT_URIS or a page of an origin of ALLOWED_NEXT_ORIGINS, and is redirected
    /// there.
    #[oai(path = "/session/logout", method = "post", operation_id = "logoutSession")]
    async fn session(
        &self,
        auth: OptionalAuth<'_, BySession>,
        body: RawBody<LogoutInput>,
    ) -> Result<AfterLogout, Refused<SessionErrors>> {
        let admitted = auth.admit(&self.app, OriginPolicy::SessionRoute).await?;
        let next = self.page_after_logout(auth.request, body).await?;
        self.app.account.logout_session(&admitted.session_cookies, &admitted.context.client).await?;
        let cookie = Some(delete_session_cookie(&admitted.context.base_url));
        Ok(AfterLogout { logged_out: LoggedOut { cookie }, next })
    }

    /// Revoke all credentials
    ///
    /// Revokes every session, permanent token, knox token and refresh token of the user, and all access tokens, at once. A
    /// form of a page may post `next`, as at `/api/session/logout/`.
    #[oai(path = "/logout/all", method = "post", operation_id = "logoutEverything")]
    async fn everything(
        &self,
        auth: RequiredAuth<'_, ByAny>,
        body: RawBody<LogoutInput>,
    ) -> Result<AfterLogout, Refused<AllErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::UnsafeCall).await?;
        let next = self.page_after_logout(auth.request, body).await?;
        let cookies = auth.presented(&self.app).session_cookies;
        let had_session = self.app.account.logout_everything(&caller, &cookies, &client_info(auth.request)).await?;
        let own = base_url(&self.app.settings, auth.request);
        let cookie = had_session.then(|| delete_session_cookie(&own));
        Ok(AfterLogout { logged_out: LoggedOut { cookie }, next })
    }
}

impl Logout {
    /// Where a form of a page is redirected to; a script gets 204.
    ///
    /// Errors: `redirect_uri_not_allowed` for a `next` that is not allowed, and those of the body.
    async fn page_after_logout(
        &self,
        request: &Request,
        body: RawBody<LogoutInput>,
    ) -> Result<Option<HeaderValue>, Failure> {
        if !wants_html(request) {
            return Ok(None);
        }
        let (fields, mut errors) = (body.fields().await?, Vec::new());
        let next = fields.optional("next", &mut errors);
        LoginError::check_fields(errors)?;
        let next = self.app.login.page_after_logout(next, &base_url(&self.app.settings, request));
        let next = next.map_err(|error| self.app.login_failure(error))?;
        let location = HeaderValue::try_from(next);
        Ok(Some(
            location
                .map_err(|_| Failure::bad("redirect_uri_not_allowed", "The value of next is not a URL in ASCII."))?,
        ))
    }
}
