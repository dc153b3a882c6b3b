//! The accounts at providers that are linked to the signed-in user.

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value, json};

use crate::account::Unlinked;
use crate::http::openapi::answers::{Answer, Done};
use crate::http::openapi::{JsonObject, Refused, Tag, Timestamp, error_list};
use crate::http::protocol::{App, ByAny, Failure, OriginPolicy, RequiredAuth, client_info};
use crate::model;

pub struct SocialAccounts {
    pub app: Arc<App>,
}

error_list! {
    ListErrors: ANY, CREDENTIAL_REJECTED;
    UnlinkErrors: ANY, CREDENTIAL_REJECTED, FRESH_LOGIN_REQUIRED, NOT_FOUND, LAST_LOGIN_METHOD, USER_RATE_LIMITED;
}

#[OpenApi(prefix_path = "/api/user/social", tag = Tag::User)]
impl SocialAccounts {
    /// List the linked accounts
    ///
    /// The providers' accounts that sign this user in, oldest first. `extra_data` has no tokens and secrets.
    #[oai(path = "/", method = "get", operation_id = "listSocialAccounts")]
    async fn accounts(&self, auth: RequiredAuth<'_, ByAny>) -> Result<Answer<Vec<SocialAccount>>, Refused<ListErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::Unchecked).await?;
        let accounts = self.app.account.accounts(&caller).await?;
        Ok(Answer(accounts.into_iter().map(SocialAccount::from).collect()))
    }

    /// Unlink an account
    ///
    /// The provider's account cannot sign this user in any more. The last account cannot be unlinked; link another one
    /// first. Needs a login that is at most FRESH_LOGIN_AGE old; sign in again first.
    #[oai(path = "/:id", method = "delete", operation_id = "unlinkSocialAccount")]
    async fn unlink(
        &self,
        /// The id of the linked account.
        id: Path<String>,
        auth: RequiredAuth<'_, ByAny>,
    ) -> Result<Done, Refused<UnlinkErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::UnsafeCall).await?;
        let Ok(id) = id.0.parse() else { return Err(Failure::not_found().into()) };
        match self.app.account.unlink(&caller, id, &client_info(auth.request)).await? {
            Unlinked::Done(_) => Ok(Done),
            Unlinked::NotFound => Err(Failure::not_found().into()),
            Unlinked::LastLoginMethod => Err(Failure::new(
                StatusCode::CONFLICT,
                "last_login_method",
                "This is the last account that signs you in. Link another account first.",
            )
            .into()),
        }
    }
}

/// A provider's account that signs the user in.
#[derive(Object)]
#[oai(example)]
pub struct SocialAccount {
    pub id: i64,
    pub provider: String,
    /// The user's id at the provider.
    pub uid: String,
    /// Other data from the provider, without tokens and secrets.
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
            id: account.id.0,
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
