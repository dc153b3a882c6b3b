//! The signed-in user and the linked accounts, by any kind of credential.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Done, LoggedOut, User};
use super::app::{self, App, OriginPolicy};
use super::auth::{ByAny, RequiredAuth};
use super::body::RawBody;
use super::export::UserExport;
use super::input::UserChange;
use super::login::Tag;
use super::logout::dropped;
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};
use super::schemas::{JsonObject, Timestamp};
use crate::account::{Proof, Unlink};
use crate::model;
use crate::secrets::ExposeSecret;

pub struct Users {
    pub app: Arc<App>,
}

pub struct UserProblems;

impl Problems for UserProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::CREDENTIAL, refusals::STORE];
}

pub struct TokenProblems;

impl Problems for TokenProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::CREDENTIAL, refusals::KEPT, refusals::PROVIDER_CALL, refusals::STORE];
}

pub struct UnlinkProblems;

impl Problems for UnlinkProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::CREDENTIAL, refusals::FRESH, refusals::NAMED, refusals::UNLINK, refusals::STORE];
}

pub struct UpdateProblems;

impl Problems for UpdateProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::BODY, refusals::CHANGE, refusals::CREDENTIAL, refusals::CSRF, refusals::STORE];
}

pub struct DeleteProblems;

impl Problems for DeleteProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::CREDENTIAL, refusals::FRESH, refusals::STORE];
}

#[OpenApi(prefix_path = "/api/user", tag = Tag::User)]
impl Users {
    /// Show the signed-in user
    ///
    /// By any kind of credential. An `Authorization` header settles who calls; without one, the session cookie.
    #[oai(path = "/", method = "get", operation_id = "getUser")]
    async fn user(&self, member: RequiredAuth<'_, ByAny>) -> Result<Answer<User>, Refused<UserProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Open).await?;
        Ok(Answer(self.shown(&caller.user)))
    }

    /// Change the signed-in user
    ///
    /// Names, e-mail and declared fields, as far as the settings let a user change them
    /// (REST_SOCIAL_EDITABLE_USER_FIELDS, REST_SOCIAL_USER_FIELDS); all of the body or nothing. What is changed here
    /// no later login writes anew. A new e-mail is unverified.
    #[oai(path = "/", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        member: RequiredAuth<'_, ByAny>,
        body: RawBody<UserChange>,
    ) -> Result<Answer<User>, Refused<UpdateProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Unsafe).await?;
        let fields = body.fields().await?;
        let user = self.app.account.change(&caller, fields.map(), &app::client(member.request)).await?;
        Ok(Answer(self.shown(&user)))
    }

    /// Delete the signed-in user
    ///
    /// With linked accounts and everything that is signed in; tokens of providers that were kept are given back. What
    /// happened stays in the audit trail. It needs a login that is at most FRESH_LOGIN_AGE old: sign in again first.
    #[oai(path = "/", method = "delete", operation_id = "deleteUser")]
    async fn delete(&self, member: RequiredAuth<'_, ByAny>) -> Result<LoggedOut, Refused<DeleteProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Unsafe).await?;
        self.app.account.delete(&caller, &app::client(member.request)).await?;
        let by_session = matches!(caller.proof, Proof::Session(_));
        Ok(LoggedOut { cookie: by_session.then(|| dropped(&self.app.own(member.request))) })
    }

    /// Export what is kept of the user
    ///
    /// The user, the linked accounts, what is signed in, and what happened (the newest 10,000 events): everything that
    /// the server keeps of them, without what authenticates.
    #[oai(path = "/export", method = "get", operation_id = "exportUser")]
    async fn export(&self, member: RequiredAuth<'_, ByAny>) -> Result<Answer<UserExport>, Refused<UserProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Open).await?;
        let export = self.app.account.export(&caller, &app::client(member.request)).await?;
        Ok(Answer(export.into()))
    }

    /// List the linked accounts
    ///
    /// The providers' accounts that sign this user in, the oldest first. What authenticates is left out of `extra_data`.
    #[oai(path = "/social", method = "get", operation_id = "listSocialAccounts")]
    async fn accounts(
        &self,
        member: RequiredAuth<'_, ByAny>,
    ) -> Result<Answer<Vec<SocialAccount>>, Refused<UserProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Open).await?;
        let accounts = self.app.account.accounts(&caller).await?;
        Ok(Answer(accounts.into_iter().map(SocialAccount::from).collect()))
    }

    /// Hand out a provider's token
    ///
    /// The access token that the provider gave for this user, renewed when it is due: for the user's own front-end or
    /// back-end to call the provider. Only where the server keeps them (STORE_PROVIDER_TOKENS).
    #[oai(path = "/social/:id/token", method = "get", operation_id = "getProviderToken")]
    async fn provider_token(
        &self,
        /// The account's id in the list.
        id: Path<String>,
        member: RequiredAuth<'_, ByAny>,
    ) -> Result<Answer<ProviderToken>, Refused<TokenProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Open).await?;
        let Ok(id) = id.0.parse() else { return Err(Failure::not_found().into()) };
        let tokens = self.app.account.provider_token(&caller, id, &app::client(member.request)).await?;
        let now = self.app.account.now();
        Ok(Answer(ProviderToken {
            access_token: tokens.access_token.expose_secret().to_owned(),
            token_type: tokens.token_type,
            expires_in: tokens.expires.map(|expires| (expires.seconds() - now.seconds()).max(0)),
            oauth_token_secret: tokens.secret.map(|secret| secret.expose_secret().to_owned()),
        }))
    }

    /// Unlink an account
    ///
    /// The provider's account does not sign this user in any more. The last one stays: link another one first. It needs a
    /// login that is at most FRESH_LOGIN_AGE old: sign in again first.
    #[oai(path = "/social/:id", method = "delete", operation_id = "unlinkSocialAccount")]
    async fn unlink(
        &self,
        /// The account's id in the list.
        id: Path<String>,
        member: RequiredAuth<'_, ByAny>,
    ) -> Result<Done, Refused<UnlinkProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Unsafe).await?;
        let Ok(id) = id.0.parse() else { return Err(Failure::not_found().into()) };
        match self.app.account.unlink(&caller, id, &app::client(member.request)).await? {
            Unlink::Done => Ok(Done),
            Unlink::NotFound => Err(Failure::not_found().into()),
            Unlink::LastWayIn => Err(Failure::new(
                StatusCode::CONFLICT,
                "last_login_method",
                "This is the last account that signs you in: link another one first.",
            )
            .into()),
        }
    }
}

impl Users {
    fn shown(&self, user: &model::User) -> User {
        self.app.settings.users.own_fields.of(user).into_owned().into()
    }
}

/// A provider's token. Whoever holds it can act for the person at the provider.
#[derive(Object)]
#[oai(example)]
pub struct ProviderToken {
    pub access_token: String,
    #[oai(skip_serializing_if_is_none)]
    pub token_type: Option<String>,
    /// Seconds; absent where the provider did not say.
    #[oai(skip_serializing_if_is_none)]
    pub expires_in: Option<i64>,
    /// OAuth 1.0a.
    #[oai(skip_serializing_if_is_none)]
    pub oauth_token_secret: Option<String>,
}

impl Example for ProviderToken {
    fn example() -> Self {
        Self {
            access_token: "ya29.a0AfB_byC".to_owned(),
            token_type: Some("Bearer".to_owned()),
            expires_in: Some(3599),
            oauth_token_secret: None,
        }
    }
}

/// A provider's account that signs the user in.
#[derive(Object)]
#[oai(example)]
pub struct SocialAccount {
    pub id: i64,
    pub provider: String,
    /// The person's id at the provider.
    pub uid: String,
    /// What the provider said besides, without tokens and secrets.
    pub extra_data: JsonObject,
    pub created: Timestamp,
    pub modified: Timestamp,
}

impl From<model::SocialAccount> for SocialAccount {
    fn from(account: model::SocialAccount) -> Self {
        let extra_data = match account.extra_data {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        Self {
            id: account.id,
            provider: account.provider,
            uid: account.uid,
            extra_data: JsonObject(extra_data),
            created: account.created.into(),
            modified: account.modified.into(),
        }
    }
}

impl Example for SocialAccount {
    fn example() -> Self {
        let extra_data = json!({"auth_time": 1_795_436_825, "id": 1815, "login": "ada", "token_type": "bearer"});
        Self {
            id: 1,
            provider: "github".to_owned(),
            uid: "1815".to_owned(),
            extra_data: JsonObject(extra_data.as_object().cloned().unwrap_or_default()),
            created: Timestamp::example(),
            modified: Timestamp::example(),
        }
    }
}
