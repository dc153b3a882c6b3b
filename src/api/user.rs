//! The signed-in user and the linked accounts, by any kind of credential.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON};
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Done, User};
use super::app::{self, App, Gate};
use super::described::described;
use super::entry::{ByAny, Member};
use super::login::Tag;
use super::problem::Failure;
use super::refused::{self, Case, Problems, Refused};
use crate::account::Unlink;
use crate::clock::UnixMillis;
use crate::model;
use crate::secrets::ExposeSecret;

pub struct Users {
    pub app: Arc<App>,
}

pub struct UserProblems;

impl Problems for UserProblems {
    const LIST: &'static [&'static [Case]] = &[refused::ANY, refused::CREDENTIAL, refused::STORE];
}

pub struct TokenProblems;

impl Problems for TokenProblems {
    const LIST: &'static [&'static [Case]] =
        &[refused::ANY, refused::CREDENTIAL, refused::KEPT, refused::PROVIDER_CALL, refused::STORE];
}

pub struct UnlinkProblems;

impl Problems for UnlinkProblems {
    const LIST: &'static [&'static [Case]] =
        &[refused::ANY, refused::CREDENTIAL, refused::CSRF, refused::NAMED, refused::UNLINK, refused::STORE];
}

#[OpenApi(prefix_path = "/api/user", tag = Tag::User)]
impl Users {
    /// Show the signed-in user
    ///
    /// By any kind of credential. An `Authorization` header settles who calls; without one, the session cookie.
    #[oai(path = "/", method = "get", operation_id = "getUser")]
    async fn user(&self, member: Member<'_, ByAny>) -> Result<Answer<User>, Refused<UserProblems>> {
        let caller = member.admit(&self.app, Gate::Open).await?;
        Ok(Answer(caller.user.into()))
    }

    /// List the linked accounts
    ///
    /// The providers' accounts that sign this user in, the oldest first. What authenticates is left out of `extra_data`.
    #[oai(path = "/social", method = "get", operation_id = "listSocialAccounts")]
    async fn accounts(&self, member: Member<'_, ByAny>) -> Result<Answer<Vec<SocialAccount>>, Refused<UserProblems>> {
        let caller = member.admit(&self.app, Gate::Open).await?;
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
        member: Member<'_, ByAny>,
    ) -> Result<Answer<ProviderToken>, Refused<TokenProblems>> {
        let caller = member.admit(&self.app, Gate::Open).await?;
        let Ok(id) = id.0.parse() else { return Err(Failure::not_found().into()) };
        let tokens = self.app.account.provider_token(&caller, id).await?;
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
    /// The provider's account does not sign this user in any more. The last one stays: link another one first.
    #[oai(path = "/social/:id", method = "delete", operation_id = "unlinkSocialAccount")]
    async fn unlink(
        &self,
        /// The account's id in the list.
        id: Path<String>,
        member: Member<'_, ByAny>,
    ) -> Result<Done, Refused<UnlinkProblems>> {
        let caller = member.admit(&self.app, Gate::Unsafe).await?;
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

/// An object of any members, in their order.
pub struct JsonObject(Map<String, Value>);

/// RFC 3339 in UTC.
pub struct Timestamp(String);

impl From<UnixMillis> for Timestamp {
    fn from(at: UnixMillis) -> Self {
        Self(at.rfc3339())
    }
}

impl Example for Timestamp {
    fn example() -> Self {
        Self("2026-11-23T12:27:05.000Z".to_owned())
    }
}

described!(JsonObject, "object", {
    let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
    let schema = MetaSchema { additional_properties: Some(Box::new(any)), ..MetaSchema::new("object") };
    MetaSchemaRef::Inline(Box::new(schema))
});
described!(Timestamp, "timestamp", {
    MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
});

impl ParseFromJSON for JsonObject {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map(Self).map_err(ParseError::custom)
    }
}

impl ToJSON for JsonObject {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Object(self.0.clone()))
    }
}

impl ParseFromJSON for Timestamp {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map(Self).map_err(ParseError::custom)
    }
}

impl ToJSON for Timestamp {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}
