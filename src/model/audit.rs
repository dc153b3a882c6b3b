use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::model::{ClientInfo, Kind, UserId};

/// What an audit row is about (SEC-45).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    SignUp,
    SignIn,
    Link,
    Unlink,
    /// A provider's kept tokens of an account; `code` says why.
    ProviderTokensDropped,
    /// Something that was not done; `code` says why.
    Refused,
    /// One credential, all of a kind, or everything.
    LogOut,
    /// What the user changed about themselves.
    Updated,
    /// The user took a copy of all that is kept of them.
    Exported,
    Deactivated,
    Activated,
    Deleted,
}

impl fmt::Display for AuditKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignUp => "sign_up",
            Self::SignIn => "sign_in",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::ProviderTokensDropped => "provider_tokens_dropped",
            Self::Refused => "refused",
            Self::LogOut => "log_out",
            Self::Updated => "updated",
            Self::Exported => "exported",
            Self::Deactivated => "deactivated",
            Self::Activated => "activated",
            Self::Deleted => "deleted",
        })
    }
}

/// One row of the audit trail: never a secret, never a provider's own words.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    pub at: UnixMillis,
    pub event: AuditKind,
    /// The stable code of a refusal, or what is particular about an event.
    pub code: Option<Cow<'static, str>>,
    pub provider: Option<String>,
    pub kind: Option<Kind>,
    pub user_id: Option<UserId>,
    pub client: ClientInfo,
}

/// What is known of something that was refused, for the log and the trail alone: it never goes out.
#[derive(Clone, Debug, Default)]
pub struct RefusalContext {
    /// One that is configured here, never a name as a stranger wrote it.
    pub provider: Option<String>,
    pub kind: Option<Kind>,
    /// Whose act it was, or whose account it was about.
    pub user_id: Option<UserId>,
    /// In words that may be a provider's own: for the log.
    pub cause: Option<String>,
    /// Whether it has its row.
    pub is_written: bool,
}

impl AuditEvent {
    pub fn of_refusal(code: Cow<'static, str>, about: &RefusalContext, client: ClientInfo, at: UnixMillis) -> Self {
        let RefusalContext { provider, kind, user_id, .. } = about;
        let event = AuditKind::Refused;
        Self { at, event, code: Some(code), provider: provider.clone(), kind: *kind, user_id: *user_id, client }
    }

    /// What an operator did to a user, from the command line.
    pub fn of_operator(event: AuditKind, user: UserId, at: UnixMillis) -> Self {
        let client = ClientInfo { agent: Some("command line".to_owned()), ..ClientInfo::default() };
        Self { at, event, code: None, provider: None, kind: None, user_id: Some(user), client }
    }
}

/// Which rows of the trail are wanted: those that have all that is named here.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub user: Option<UserId>,
    pub provider: Option<String>,
    pub event: Option<AuditKind>,
    /// Whether they are refusals.
    pub refused: Option<bool>,
    pub code: Option<String>,
    pub request_id: Option<String>,
    /// From this moment on.
    pub since: Option<UnixMillis>,
    /// Before this moment.
    pub until: Option<UnixMillis>,
}

impl AuditFilter {
    pub fn of_user(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }
}

/// A row of the trail as read back.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// RFC 3339, UTC.
    pub at: String,
    pub event: String,
    pub code: Option<String>,
    pub provider: Option<String>,
    pub kind: Option<String>,
    pub user_id: Option<UserId>,
    pub ip: Option<String>,
    pub agent: Option<String>,
    pub request_id: Option<String>,
}
