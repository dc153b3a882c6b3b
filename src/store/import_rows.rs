//! Rows of the target that an import compares with its own.

use std::collections::HashSet;
use std::hash::Hash;

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::import::{ConflictKind, RowOutcome};
use crate::model::{AccountId, User, UserId};

/// The columns by which a user of the target is told from another.
#[derive(sqlx::FromRow)]
pub(super) struct KnownUser {
    pub id: UserId,
    pub username: String,
    pub created: i64,
    pub is_active: bool,
    fields: Option<Json<Map<String, Value>>>,
    edited: Option<Json<Vec<String>>>,
}

impl KnownUser {
    /// What becomes of the user of this id who is to be imported.
    pub fn fate(&self, user: &User) -> RowOutcome {
        if self.username != user.username && self.created != user.created.0 {
            RowOutcome::Taken(ConflictKind::Id)
        } else if self.is_active && !user.is_active {
            RowOutcome::ThereButActive
        } else if self.filled(&user.fields).is_some() {
            RowOutcome::Filled
        } else {
            RowOutcome::There
        }
    }

    /// All fields with those of `source` that have no value here, unless the user took it away; `None` where none is.
    pub fn filled(&self, source: &Map<String, Value>) -> Option<Map<String, Value>> {
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

#[derive(sqlx::FromRow)]
pub(super) struct KnownAccount {
    pub id: AccountId,
    pub user_id: UserId,
    pub provider: String,
    pub uid: String,
}

/// What a credential's owner makes of it: `owner` is whose it is in the target, if it is there.
pub(super) fn credential_fate(owner: Option<UserId>, user: UserId) -> RowOutcome {
    match owner {
        None => RowOutcome::IssuedCredential,
        Some(owner) if owner == user => RowOutcome::There,
        Some(_) => RowOutcome::Taken(ConflictKind::Credential),
    }
}

/// Corrects the fates of rows that were to be written but whose key the database did not report back.
pub(super) fn record<K: Eq + Hash>(fates: &mut [RowOutcome], keys: impl Iterator<Item = K>, written: &HashSet<K>) {
    for (fate, key) in fates.iter_mut().zip(keys) {
        if matches!(fate, RowOutcome::IssuedCredential | RowOutcome::Renumbered) && !written.contains(&key) {
            *fate = RowOutcome::Taken(ConflictKind::Meanwhile);
        }
    }
}

/// The rows of `fate`, in order.
pub(super) fn with_fate<'a, T>(rows: &'a [T], fates: &'a [RowOutcome], wanted: RowOutcome) -> Vec<&'a T> {
    rows.iter().zip(fates).filter(|(_, fate)| **fate == wanted).map(|(row, _)| row).collect()
}
