//! Audit events: what an audit row holds, and how rows are selected.

use std::borrow::Cow;

use serde::Serialize;

use crate::clock::UnixMillis;
use crate::model::{ClientInfo, CredentialKind, ServiceName, UserId};

/// The kind of an audit event (SEC-45). Its text form is snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AuditKind {
    /// A login created a user.
    SignUp,
    /// A login of an existing user.
    SignIn,
    /// An account was linked to a user.
    Link,
    /// An account was unlinked.
    Unlink,
    /// The stored provider tokens of an account were deleted; `code` says why.
    ProviderTokensDropped,
    /// A request was refused; `code` says why.
    Refused,
    /// One credential, all of a kind, or all credentials were revoked.
    LogOut,
    /// A refresh token was used after its successor was used: its token family was revoked.
    TokenReused,
    /// The user changed their own data.
    Updated,
    /// The user exported their own data.
    Exported,
    /// An operator deactivated the user.
    Deactivated,
    /// An operator activated the user.
    Activated,
    /// The user was deleted.
    Deleted,
    /// An operator added a service.
    ServiceAdded,
    /// An operator removed a service.
    ServiceRemoved,
    /// A key of the server began to sign JWTs; `code` is its `kid`.
    SigningKeyRotated,
    /// An operator requested that a key of the server signs as soon as it may; `code` is its `kid`.
    SigningKeyRotationRequested,
    /// An operator retired a key of the server at once; `code` is its `kid`.
    SigningKeyRetired,
}

/// One row of the audit log. It holds no secret and no text of a provider.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// When.
    pub at: UnixMillis,
    /// What happened.
    pub event: AuditKind,
    /// The stable code of a refusal, or a detail of another event.
    pub code: Option<Cow<'static, str>>,
    /// The provider's name, when a provider is concerned.
    pub provider: Option<String>,
    /// The kind of credential that was issued, presented or revoked.
    pub kind: Option<CredentialKind>,
    /// The user concerned; `None`: a refusal without a known user.
    pub user_id: Option<UserId>,
    /// The service that made the request, or that the event is about.
    pub service: Option<ServiceName>,
    /// Who made the request.
    pub client: ClientInfo,
}

/// The context of a refusal, only for the log and the audit log; it is never sent to the caller.
#[derive(Clone, Debug, Default)]
pub struct RefusalContext {
    /// A configured provider, never a name that an unauthenticated caller sent.
    pub provider: Option<String>,
    /// The kind of credential that was requested or presented.
    pub kind: Option<CredentialKind>,
    /// The acting user, or the user whose account is concerned.
    pub user_id: Option<UserId>,
    /// The service whose credential is wrong.
    pub service: Option<ServiceName>,
    /// For the log; may contain text of a provider.
    pub cause: Option<String>,
    /// Whether the audit event must still be written.
    pub audit: AuditState,
}

/// What is to be done about the audit event of a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditState {
    /// It must be written.
    #[default]
    Due,
    /// It is in the audit log already.
    Written,
    /// The database is unavailable, so it is not called again.
    DatabaseUnavailable,
}

impl AuditEvent {
    /// An event that is about nothing yet.
    pub fn new(event: AuditKind, client: ClientInfo, at: UnixMillis) -> Self {
        Self { at, event, code: None, provider: None, kind: None, user_id: None, service: None, client }
    }

    /// The event of a refusal with this code.
    pub fn of_refusal(code: Cow<'static, str>, context: &RefusalContext, client: ClientInfo, at: UnixMillis) -> Self {
        let RefusalContext { provider, kind, user_id, service, .. } = context.clone();
        Self { at, event: AuditKind::Refused, code: Some(code), provider, kind, user_id, service, client }
    }

    /// The event of an operator's command about a user.
    pub fn of_operator(event: AuditKind, user: UserId, at: UnixMillis) -> Self {
        Self { user_id: Some(user), ..Self::new(event, ClientInfo::of_command(), at) }
    }

    /// The event of an operator's command about a service.
    pub fn of_service(event: AuditKind, service: ServiceName, at: UnixMillis) -> Self {
        Self { service: Some(service), ..Self::new(event, ClientInfo::of_command(), at) }
    }

    /// An event about a key that signs JWTs. `client`: empty for a rotation by schedule.
    pub fn of_signing_key(event: AuditKind, kid: String, client: ClientInfo, at: UnixMillis) -> Self {
        Self { code: Some(kid.into()), ..Self::new(event, client, at) }
    }
}

/// Selects rows of the audit log that match every given value.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The user concerned.
    pub user: Option<UserId>,
    /// The provider's name.
    pub provider: Option<String>,
    /// The kind of event.
    pub event: Option<AuditKind>,
    /// Refusals only, or all other events only.
    pub refused: Option<bool>,
    /// The stable code.
    pub code: Option<String>,
    /// The name of a service.
    pub service: Option<String>,
    /// `X-Request-Id` of the request.
    pub request_id: Option<String>,
    /// From this moment on.
    pub since: Option<UnixMillis>,
    /// Before this moment.
    pub until: Option<UnixMillis>,
}

impl AuditFilter {
    /// All rows of a user.
    pub fn of_user(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }
}

/// A row of the audit log as read back.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// RFC 3339, UTC.
    pub at: String,
    /// Text form of [`AuditKind`].
    pub event: String,
    /// As in [`AuditEvent::code`].
    pub code: Option<String>,
    /// As in [`AuditEvent::provider`].
    pub provider: Option<String>,
    /// Text form of [`CredentialKind`].
    pub kind: Option<String>,
    /// As in [`AuditEvent::user_id`].
    pub user_id: Option<UserId>,
    /// As in [`AuditEvent::service`].
    pub service: Option<String>,
    /// As in [`ClientInfo::ip`].
    pub ip: Option<String>,
    /// As in [`ClientInfo::agent`].
    pub agent: Option<String>,
    /// As in [`ClientInfo::request_id`].
    pub request_id: Option<String>,
}
