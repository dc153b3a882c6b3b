//! What all kinds of credentials are issued with.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{ClientInfo, LoginKind, RefreshRow, User};

/// The minimum time between two writes of `last_used`.
pub const TOUCH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// What to issue, and to which user.
pub struct IssueRequest<'a> {
    /// The kind of credential, and whether JWTs have the user's data as claims (R-JWT-06).
    pub kind: LoginKind,
    /// The owner.
    pub user: &'a User,
    /// When.
    pub now: UnixMillis,
    /// The caller, stored with the credential.
    pub client: &'a ClientInfo,
    /// A Rust program's own JWT claims; reserved names are ignored.
    pub claims: Option<&'a Map<String, Value>>,
    /// Lifetime of the provider's login in seconds, with SESSION_EXPIRATION (R-SES-04).
    pub expires_in: Option<i64>,
    /// MAX_SESSION_LENGTH.
    pub max_session_length: Option<Duration>,
}

#[cfg(test)]
impl<'a> IssueRequest<'a> {
    /// A request without claims of a program and limits of a provider.
    pub fn plain(kind: LoginKind, user: &'a User, now: UnixMillis, client: &'a ClientInfo) -> Self {
        Self { kind, user, now, client, claims: None, expires_in: None, max_session_length: None }
    }
}

/// An access and a refresh token.
pub struct IssuedPair {
    pub access: String,
    pub refresh: String,
    /// The row of the refresh token.
    pub row: RefreshRow,
}
