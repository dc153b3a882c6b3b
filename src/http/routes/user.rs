//! The signed-in user: show, change, delete.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;

use crate::account::Proof;
use crate::http::openapi::answers::{Answer, LoggedOut, User, UserIfAny};
use crate::http::openapi::inputs::UserChange;
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{
    App, ByAny, OriginPolicy, RawBody, RequiredAuth, base_url, client_info, delete_session_cookie,
};
use crate::model;

pub struct Users {
    pub app: Arc<App>,
}

error_list! {
    UserErrors: ANY, CREDENTIAL_REJECTED;
    UpdateErrors: ANY, BODY, INVALID_CHANGE, CREDENTIAL_REJECTED, CSRF_FAILED, USER_RATE_LIMITED;
    DeleteErrors: ANY, CREDENTIAL_REJECTED, FRESH_LOGIN_REQUIRED, USER_RATE_LIMITED;
}

#[OpenApi(prefix_path = "/api/user", tag = Tag::User)]
impl Users {
    /// Show the signed-in user
    ///
    /// By any kind of credential. The `Authorization` header takes precedence over the session cookie. A page may add
    /// `?optional=true`: without a credential the answer is then 204 instead of 401, which browsers log as an error.
    #[oai(path = "/", method = "get", operation_id = "getUser")]
    async fn user(&self, auth: RequiredAuth<'_, ByAny>) -> Result<UserIfAny, Refused<UserErrors>> {
        let caller = if is_optional(auth.request) {
            auth.admit_if_any(&self.app, OriginPolicy::Unchecked).await?
        } else {
            Some(auth.admit(&self.app, OriginPolicy::Unchecked).await?)
        };
        Ok(UserIfAny(caller.map(|caller| self.response(&caller.user))))
    }

    /// Change the signed-in user
    ///
    /// The names, the e-mail address and the declared fields that users may change (REST_SOCIAL_EDITABLE_USER_FIELDS,
    /// REST_SOCIAL_USER_FIELDS). The call changes all given fields or none. Later logins do not overwrite a changed field.
    /// A new e-mail address is unverified.
    #[oai(path = "/", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        auth: RequiredAuth<'_, ByAny>,
        body: RawBody<UserChange>,
    ) -> Result<Answer<User>, Refused<UpdateErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::UnsafeCall).await?;
        let fields = body.fields().await?;
        let user = self.app.account.change(&caller, fields.map(), &client_info(auth.request)).await?;
        Ok(Answer(self.response(&user)))
    }

    /// Delete the signed-in user
    ///
    /// Deletes the user with all linked accounts and credentials, and revokes stored provider tokens at their providers.
    /// The audit log keeps its events. Needs a login that is at most FRESH_LOGIN_AGE old; sign in again first.
    #[oai(path = "/", method = "delete", operation_id = "deleteUser")]
    async fn delete(&self, auth: RequiredAuth<'_, ByAny>) -> Result<LoggedOut, Refused<DeleteErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::UnsafeCall).await?;
        self.app.account.delete(&caller, &client_info(auth.request)).await?;
        let by_session = matches!(caller.proof, Proof::Session(_));
        let own = base_url(&self.app.settings, auth.request);
        Ok(LoggedOut { cookie: by_session.then(|| delete_session_cookie(&own)) })
    }
}

/// Not a parameter in the document: generators would make two types of success of it.
fn is_optional(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "optional" && value == "true")
}

impl Users {
    fn response(&self, user: &model::User) -> User {
        self.app.settings.users.own_fields.of(user).into_owned().into()
    }
}
