//! The rows of an import: their columns, and their comparison with the rows of the target.

use std::collections::HashSet;
use std::hash::Hash;

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::accounts::StoredAccount;
use super::from_row::from_row;
use super::import::{ConflictKind, ImportedRefreshToken, RowOutcome};
use super::import_columns::{Columns, Values};
use crate::model::{AccountId, EmailAddress, KnoxRow, MAX_NAME_LEN, SessionRow, TokenRow, User, UserId, truncated};

from_row! {
    /// What an import reads of an existing user.
    pub(super) struct KnownUser {
        pub id: UserId,
        pub username: String,
        pub created: i64,
        pub is_active: bool,
        fields: Option<Json<Map<String, Value>>>,
        edited: Option<Json<Vec<String>>>,
    }
}

impl KnownUser {
    /// The outcome for an imported user with this id.
    pub fn outcome(&self, user: &User) -> RowOutcome {
        if self.username != user.username && self.created != user.created.0 {
            RowOutcome::Conflict(ConflictKind::Id)
        } else if self.is_active && !user.is_active {
            RowOutcome::ExistsButActive
        } else if self.with_missing_fields(&user.fields).is_some() {
            RowOutcome::FieldsAdded
        } else {
            RowOutcome::Exists
        }
    }

    /// The fields with those of `source` that have no value here and that the user did not edit; `None`: there are none.
    pub fn with_missing_fields(&self, source: &Map<String, Value>) -> Option<Map<String, Value>> {
        let known = self.fields.as_ref().map(|fields| &fields.0);
        let may = |name: &String| {
            !known.is_some_and(|known| known.contains_key(name))
                && !self.edited.as_ref().is_some_and(|edited| edited.contains(name))
        };
        let missing: Vec<_> = source.iter().filter(|(name, _)| may(name)).collect();
        if missing.is_empty() {
            return None;
        }
        let missing = missing.into_iter().map(|(name, value)| (name.clone(), value.clone()));
        Some(known.cloned().unwrap_or_default().into_iter().chain(missing).collect())
    }
}

from_row! {
    pub(super) struct KnownAccount {
        pub id: AccountId,
        pub user_id: UserId,
        pub provider: String,
        pub uid: String,
    }
}

/// The outcome for a credential of `user`. `owner`: whose it is in the target, if it exists.
pub(super) fn credential_outcome(owner: Option<UserId>, user: UserId) -> RowOutcome {
    match owner {
        None => RowOutcome::Inserted,
        Some(owner) if owner == user => RowOutcome::Exists,
        Some(_) => RowOutcome::Conflict(ConflictKind::Credential),
    }
}

/// Marks rows that should have been written but whose key the database did not return.
pub(super) fn mark_unwritten<K: Eq + Hash>(
    outcomes: &mut [RowOutcome],
    keys: impl Iterator<Item = K>,
    written: &HashSet<K>,
) {
    for (outcome, key) in outcomes.iter_mut().zip(keys) {
        if matches!(outcome, RowOutcome::Inserted | RowOutcome::Renumbered) && !written.contains(&key) {
            *outcome = RowOutcome::Conflict(ConflictKind::ConcurrentWrite);
        }
    }
}

/// The rows with the outcome `wanted`, in order.
pub(super) fn with_outcome<'a, T>(rows: &'a [T], outcomes: &'a [RowOutcome], wanted: RowOutcome) -> Vec<&'a T> {
    rows.iter().zip(outcomes).filter(|(_, outcome)| **outcome == wanted).map(|(row, _)| row).collect()
}

/// One value of each row.
fn each<'r, R, T>(rows: &[&'r R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

/// The rows by digest: neighbours in the table are inserted together.
fn by_digest<'r, R, K: Ord>(rows: &[&'r R], digest: impl Fn(&'r R) -> K) -> Vec<&'r R> {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|row| digest(*row));
    rows
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

pub(super) fn user_columns<'r>(users: &[&'r User]) -> Columns<'r> {
    Columns::new("users", users.len())
        .with("id", Values::Integer(each(users, |user| user.id.0)))
        .with("username", Values::Text(each(users, |user| user.username.as_str())))
        .with("first_name", Values::Text(each(users, |user| truncated(&user.first_name, MAX_NAME_LEN))))
        .with("last_name", Values::Text(each(users, |user| truncated(&user.last_name, MAX_NAME_LEN))))
        .with("email", Values::Text(each(users, |user| user.email.as_str())))
        .with("email_lower", Values::OwnedText(each(users, |user| EmailAddress::key_of_stored(&user.email))))
        .with("email_verified", Values::Boolean(each(users, |user| user.email_verified)))
        .with("is_active", Values::Boolean(each(users, |user| user.is_active)))
        .with("created", Values::Integer(each(users, |user| user.created.0)))
        .with("credential_generation", Values::Integer(each(users, |user| user.credential_generation)))
        .with("last_login", Values::OptionalInteger(each(users, |user| user.last_login.map(|at| at.0))))
        .with("fields", Values::Json(each(users, |user| (!user.fields.is_empty()).then(|| json(&user.fields)))))
}

/// `with_id`: the accounts keep their ids; otherwise they get new ones.
pub(super) fn account_columns<'r>(rows: &[&'r StoredAccount], with_id: bool) -> Columns<'r> {
    let mut columns = Columns::new("social_accounts", rows.len());
    if with_id {
        columns = columns.with("id", Values::Integer(each(rows, |row| row.account.id.0)));
    }
    columns
        .with("user_id", Values::Integer(each(rows, |row| row.account.user_id.0)))
        .with("provider", Values::Text(each(rows, |row| row.account.provider.as_str())))
        .with("uid", Values::Text(each(rows, |row| row.account.uid.as_str())))
        .with("uid_scope", Values::Text(each(rows, |row| row.account.uid_scope.as_str())))
        .with("legacy_uid", Values::Boolean(each(rows, |row| row.account.legacy_uid)))
        .with("extra_data", Values::Json(each(rows, |row| Some(json(&row.account.extra_data)))))
        .with("created", Values::Integer(each(rows, |row| row.account.created.0)))
        .with("modified", Values::Integer(each(rows, |row| row.account.modified.0)))
        .with("encrypted_tokens", Values::Bytes(each(rows, |row| row.encrypted_tokens.as_deref())))
}

pub(super) fn token_columns<'r>(tokens: &[&'r TokenRow]) -> Columns<'r> {
    let rows = by_digest(tokens, |token| token.digest.as_bytes());
    Columns::new("tokens", rows.len())
        .with("digest", Values::Bytes(each(&rows, |token| Some(token.digest.as_bytes()))))
        .with("user_id", Values::Integer(each(&rows, |token| token.user_id.0)))
        .with("created", Values::Integer(each(&rows, |token| token.created.0)))
        .with("last_used", Values::Integer(each(&rows, |token| token.created.0)))
}

pub(super) fn knox_columns<'r>(rows: &[&'r KnoxRow]) -> Columns<'r> {
    Columns::new("knox_tokens", rows.len())
        .with("digest", Values::Text(each(rows, |token| token.digest.as_str())))
        .with("token_key", Values::Text(each(rows, |token| token.token_key.as_str())))
        .with("user_id", Values::Integer(each(rows, |token| token.user_id.0)))
        .with("created", Values::Integer(each(rows, |token| token.created.0)))
        .with("expires", Values::OptionalInteger(each(rows, |token| token.expires.map(|at| at.0))))
        .with("last_used", Values::Integer(each(rows, |token| token.last_used.0)))
}

pub(super) fn refresh_columns<'r>(rows: &[&'r ImportedRefreshToken]) -> Columns<'r> {
    Columns::new("refresh_tokens AS known", rows.len())
        .with("jti", Values::Text(each(rows, |row| row.token.jti.as_str())))
        .with("family", Values::Text(each(rows, |row| row.token.family.as_str())))
        .with("kind", Values::OwnedText(each(rows, |row| row.token.kind.to_string())))
        .with("user_id", Values::Integer(each(rows, |row| row.token.user_id.0)))
        .with("created", Values::Integer(each(rows, |row| row.token.created.0)))
        .with("family_created", Values::Integer(each(rows, |row| row.token.family_created.0)))
        .with("expires", Values::Integer(each(rows, |row| row.token.expires.0)))
        .with("last_used", Values::Integer(each(rows, |row| row.token.created.0)))
        .with("blacklisted", Values::OptionalInteger(each(rows, |row| row.blacklisted.map(|at| at.0))))
}

pub(super) fn session_columns<'r>(sessions: &[&'r SessionRow]) -> Columns<'r> {
    let rows = by_digest(sessions, |session| session.digest.as_bytes());
    Columns::new("sessions", rows.len())
        .with("digest", Values::Bytes(each(&rows, |session| Some(session.digest.as_bytes()))))
        .with("user_id", Values::Integer(each(&rows, |session| session.user_id.0)))
        .with("created", Values::Integer(each(&rows, |session| session.created.0)))
        .with("expires", Values::Integer(each(&rows, |session| session.expires.0)))
        .with("last_used", Values::Integer(each(&rows, |session| session.last_used.0)))
}
