//! The credentials of the signed-in user, of all kinds: list and revoke.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use crate::account::ListedCredential;
use crate::http::openapi::answers::{Done, ListPage};
use crate::http::openapi::{PageLimit, Refused, Tag, Timestamp, error_list};
use crate::http::protocol::{App, ByAny, Failure, OriginPolicy, Query, RequiredAuth, client_info};
use crate::model::LoginKind;

pub struct Credentials {
    pub app: Arc<App>,
}

error_list! {
    ListErrors: ANY, INVALID_PAGE, CREDENTIAL_REJECTED;
    RevokeErrors: ANY, CREDENTIAL_REJECTED, CSRF_FAILED, NOT_FOUND, USER_RATE_LIMITED;
}

#[OpenApi(prefix_path = "/api/user/credentials", tag = Tag::User)]
impl Credentials {
    /// List the credentials
    ///
    /// The user's sessions, permanent tokens, knox tokens and families of refresh tokens, in pages, most recently used
    /// first. A credential that is used between two calls may be missing on the later page.
    #[oai(path = "/", method = "get", operation_id = "listCredentials")]
    async fn list(
        &self,
        /// How many entries a page has; the default is 100.
        limit: Query<Option<PageLimit>>,
        /// From the `Link` header of the previous page; absent for the first page.
        cursor: Query<Option<String>>,
        auth: RequiredAuth<'_, ByAny>,
    ) -> Result<ListPage<Credential>, Refused<ListErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::Unchecked).await?;
        let limit = limit.0.unwrap_or_default().get();
        let page = self.app.account.credential_page(&caller, cursor.0.as_deref(), limit).await?;
        let Some(page) = page else {
            let message = "This is not a page of your list. Start with the first page, without a cursor.".to_owned();
            return Err(Failure::fields([("cursor".to_owned(), message)]).into());
        };
        let entries = page.entries.into_iter().map(Credential::from).collect();
        Ok(ListPage { entries, next: page.next.map(|cursor| format!("limit={limit}&cursor={cursor}")) })
    }

    /// Revoke a credential
    ///
    /// By its id in the list; `others` revokes all credentials except the one of this call. The access tokens of a
    /// revoked pair are revoked too. Open logins that would link an account to the user are cancelled too.
    #[oai(path = "/:id", method = "delete", operation_id = "revokeCredential")]
    async fn revoke(
        &self,
        /// The id of a credential in the list, or `others`.
        id: Path<String>,
        auth: RequiredAuth<'_, ByAny>,
    ) -> Result<Done, Refused<RevokeErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::UnsafeCall).await?;
        let client = client_info(auth.request);
        if id.0 == "others" {
            self.app.account.revoke_other_credentials(&caller, &client).await?;
            return Ok(Done);
        }
        if self.app.account.revoke_credential(&caller, &id.0, &client).await? {
            Ok(Done)
        } else {
            Err(Failure::not_found().into())
        }
    }
}

/// A credential of the user.
#[derive(Object)]
#[oai(example)]
pub struct Credential {
    /// Identifies the credential in this API. It is not a secret.
    pub id: String,
    pub kind: LoginKind,
    /// Whether this call was made with it.
    pub current: bool,
    pub created: Timestamp,
    /// Accurate to five minutes. For a JWT pair, the last refresh: the use of an access token is not recorded.
    pub last_used: Timestamp,
    /// Absent if it does not expire.
    #[oai(skip_serializing_if_is_none)]
    pub expires: Option<Timestamp>,
    /// The address that signed in; for a rotated pair, the address of the last refresh.
    #[oai(skip_serializing_if_is_none)]
    pub ip: Option<String>,
    /// The User-Agent header of that request.
    #[oai(skip_serializing_if_is_none)]
    pub agent: Option<String>,
}

impl From<ListedCredential> for Credential {
    fn from(listed: ListedCredential) -> Self {
        let entry = listed.entry;
        Self {
            id: listed.id,
            kind: entry.kind.into(),
            current: listed.is_current,
            created: entry.created.into(),
            last_used: entry.last_used.into(),
            expires: entry.expires.map(Timestamp::from),
            ip: entry.client.ip,
            agent: entry.client.agent,
        }
    }
}

impl Example for Credential {
    fn example() -> Self {
        Self {
            id: "5f1c0a9e7d3b8246a1b2c3d4".to_owned(),
            kind: LoginKind::JwtPair,
            current: true,
            created: Timestamp::example(),
            last_used: Timestamp::example(),
            expires: Some(Timestamp::example()),
            ip: Some("203.0.113.7".to_owned()),
            agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
        }
    }
}
