//! Compares the rows of an import with those of the target.

use std::collections::HashSet;
use std::hash::Hash;

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::from_row::from_row;
use super::import::{ConflictKind, RowOutcome};
use crate::model::{AccountId, User, UserId};

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
