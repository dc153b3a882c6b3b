//! Users and their social accounts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{AccountId, AccountUid, UserId};

/// A user, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Primary key.
    pub id: UserId,
    /// Unique.
    pub username: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// May be empty. Never used to identify the user (SEC-22).
    pub email: String,
    /// Whether `email` is verified at present.
    pub email_verified: bool,
    /// The provider that verified it; empty: none, or a step of the pipeline.
    #[serde(default)]
    pub email_verified_by: String,
    /// An inactive user cannot sign in.
    pub is_active: bool,
    /// When the user was created.
    pub created: UnixMillis,
    /// Set by session logins only (R-SES-03).
    pub last_login: Option<UnixMillis>,
    /// Unix seconds. JWTs without a generation claim whose `iat` is not later than this are revoked; zero: none.
    pub revoked_before: i64,
    /// The value that a JWT of this user must carry. It begins with the time of creation in milliseconds and grows
    /// whenever every credential of the user is revoked, so no other user of the same id ever has the same.
    #[serde(default)]
    pub credential_generation: i64,
    /// Part of what the permanent token is derived from; it grows whenever the permanent token is revoked.
    pub token_generation: i64,
    /// Grows whenever a credential that could link accounts is revoked.
    pub link_generation: i64,
    /// Values of the declared fields; may contain names that are no longer declared.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// Names of fields that the user edited; a login does not change them (R-PIPE-09).
    #[serde(default)]
    pub edited: Vec<String>,
}

impl User {
    /// The built-in fields that a user may change.
    pub const STANDARD_FIELDS: [&str; 4] = ["username", "first_name", "last_name", "email"];

    /// Whether the user edited this field.
    pub fn has_edited(&self, field: &str) -> bool {
        self.edited.iter().any(|name| name == field)
    }
}

/// A provider's account that signs a user in: unique on (provider, uid, uid_scope).
#[derive(Clone, Debug)]
pub struct SocialAccount {
    /// Primary key.
    pub id: AccountId,
    /// The user that it signs in.
    pub user_id: UserId,
    /// The provider's name.
    pub provider: String,
    /// The id of the account at the provider.
    pub uid: String,
    /// The scope in which `uid` is unique ([`crate::model::UidScope`]); empty: not known yet.
    pub uid_scope: String,
    /// It was imported under a key of an earlier release.
    pub legacy_uid: bool,
    /// What the provider returned about the account: a JSON object without provider tokens.
    pub extra_data: Value,
    /// When it was linked.
    pub created: UnixMillis,
    /// When a login last changed it.
    pub modified: UnixMillis,
}

/// Whether a login finds imported accounts by the uids of earlier releases (LEGACY_UIDS_UNTIL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyUids {
    Accepted,
    Refused,
}

impl LegacyUids {
    /// `until`: LEGACY_UIDS_UNTIL.
    pub fn at(now: UnixMillis, until: Option<UnixMillis>) -> Self {
        if until.is_some_and(|until| now < until) { Self::Accepted } else { Self::Refused }
    }
}

impl SocialAccount {
    /// The provider's own id, if the extra data has it under one of these names.
    pub fn kept_uid(&self, names: &[String]) -> Option<AccountUid> {
        names.iter().find_map(|name| self.extra_data.get(name).and_then(AccountUid::of_json))
    }

    /// Associated data of the account's encrypted tokens.
    pub fn token_binding(&self) -> [&str; 3] {
        crate::model::token_binding(&self.provider, &self.uid, &self.uid_scope)
    }
}
