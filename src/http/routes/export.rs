//! The export of all data of the signed-in user.

use std::sync::Arc;

use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use super::credentials::Credential;
use super::social_accounts::SocialAccount;
use crate::account::Export;
use crate::http::openapi::answers::Answer;
use crate::http::openapi::{JsonObject, Refused, Tag, Timestamp, error_list};
use crate::http::protocol::{App, ByAny, OriginPolicy, RequiredAuth, client_info};
use crate::model::{self, AuditRecord};

pub struct Exports {
    pub app: Arc<App>,
}

error_list! {
    ExportErrors: ANY, CREDENTIAL_REJECTED, USER_RATE_LIMITED;
}

#[OpenApi(prefix_path = "/api/user", tag = Tag::User)]
impl Exports {
    /// Export the data of the user
    ///
    /// Everything that the server stores about the user: the user, linked accounts, credentials, and the newest 10,000
    /// audit events. It has no tokens and secrets.
    #[oai(path = "/export", method = "get", operation_id = "exportUser")]
    async fn export(&self, auth: RequiredAuth<'_, ByAny>) -> Result<Answer<UserExport>, Refused<ExportErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::Unchecked).await?;
        let export = self.app.account.export(&caller, &client_info(auth.request)).await?;
        Ok(Answer(export.into()))
    }
}

/// All data of a user, without tokens and secrets.
#[derive(Object)]
pub struct UserExport {
    /// The time of the export.
    pub exported: Timestamp,
    pub user: ExportedUser,
    pub social_accounts: Vec<SocialAccount>,
    pub credentials: Vec<Credential>,
    /// Newest first.
    pub events: Vec<ExportedEvent>,
}

/// The user with all stored fields.
#[derive(Object)]
#[oai(example)]
pub struct ExportedUser {
    pub id: i64,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    /// Whether a trusted provider verified the e-mail address.
    pub email_verified: bool,
    pub is_active: bool,
    pub created: Timestamp,
    /// The time of the last session login.
    #[oai(skip_serializing_if_is_none)]
    pub last_login: Option<Timestamp>,
    /// Declared and other fields, by name.
    pub fields: JsonObject,
    /// Names of the fields that the user changed.
    pub edited: Vec<String>,
}

/// An event of the audit log.
#[derive(Object)]
#[oai(example)]
pub struct ExportedEvent {
    pub at: Timestamp,
    /// Such as `sign_up`, `sign_in`, `link`, `unlink`, `provider_tokens_dropped`, `log_out`, `token_reused`, `updated`,
    /// `exported`, `refused`.
    pub event: String,
    /// The code of a refusal, or a detail of the event: `legacy_uid` for a login that found an imported account by the key
    /// of an earlier release.
    #[oai(skip_serializing_if_is_none)]
    pub code: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub provider: Option<String>,
    /// The kind of credential.
    #[oai(skip_serializing_if_is_none)]
    pub kind: Option<String>,
    /// The service of the operator that revoked a credential.
    #[oai(skip_serializing_if_is_none)]
    pub service: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub ip: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub agent: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub request_id: Option<String>,
}

impl From<Export> for UserExport {
    fn from(export: Export) -> Self {
        Self {
            exported: export.at.into(),
            user: export.user.into(),
            social_accounts: export.accounts.into_iter().map(SocialAccount::from).collect(),
            credentials: export.credentials.into_iter().map(Credential::from).collect(),
            events: export.events.into_iter().map(ExportedEvent::from).collect(),
        }
    }
}

impl From<model::User> for ExportedUser {
    fn from(user: model::User) -> Self {
        Self {
            id: user.id.0,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            email_verified: user.email_verified,
            is_active: user.is_active,
            created: user.created.into(),
            last_login: user.last_login.map(Timestamp::from),
            fields: JsonObject(user.fields),
            edited: user.edited,
        }
    }
}

impl From<AuditRecord> for ExportedEvent {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { at, event, code, provider, kind, service, ip, agent, request_id, .. } = record;
        Self { at: Timestamp::from_rfc3339(at), event, code, provider, kind, service, ip, agent, request_id }
    }
}

impl Example for ExportedUser {
    fn example() -> Self {
        Self {
            id: 1,
            username: "ada".to_owned(),
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            email: "ada@example.com".to_owned(),
            email_verified: true,
            is_active: true,
            created: Timestamp::example(),
            last_login: None,
            fields: JsonObject::default(),
            edited: Vec::new(),
        }
    }
}

impl Example for ExportedEvent {
    fn example() -> Self {
        Self {
            at: Timestamp::example(),
            event: "sign_in".to_owned(),
            code: None,
            provider: Some("github".to_owned()),
            kind: Some("jwt-pair".to_owned()),
            service: None,
            ip: Some("203.0.113.7".to_owned()),
            agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
            request_id: Some("0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b".to_owned()),
        }
    }
}
