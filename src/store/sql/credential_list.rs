//! The list of a user's credentials, and their revocation by handle.

use std::collections::HashSet;

use super::{Builder, KEY_BATCH, Key, Store, Tx, push_list};
use crate::clock::UnixMillis;
use crate::model::{CredentialEntry, CredentialHandle, CredentialKind, CredentialPosition, CredentialQuery, UserId};
use crate::store::credentials::RevokedCredentials;
use crate::store::error::Result;
use crate::store::stored_rows::CredentialEntryRow;

/// The statement that reads a table for the list, in parts: up to the user's id, up to the time, and the rest.
struct ListedTable {
    pub before_user: &'static str,
    pub before_now: &'static str,
    pub end: &'static str,
    /// The column that orders rows with equal times.
    pub key: &'static str,
    /// Whether SESSION_IDLE_TIMEOUT applies.
    pub has_idle_timeout: bool,
}

/// In the order in which credentials with equal times are listed.
const LISTED_TABLES: [ListedTable; 4] = [
    ListedTable {
        before_user:
            "SELECT * FROM (SELECT 'session' AS kind, digest, NULL AS name, created, created AS signed_in, last_used,
                      expires, ip, agent FROM sessions WHERE user_id = ",
        before_now: " AND expires > ",
        end: ") AS listed WHERE true",
        key: "digest",
        has_idle_timeout: true,
    },
    ListedTable {
        before_user: "SELECT * FROM (SELECT 'token' AS kind, digest, NULL AS name, created, signed_in, last_used,
                      NULL AS expires, ip, agent FROM tokens WHERE user_id = ",
        before_now: " AND 0 <= ",
        end: ") AS listed WHERE true",
        key: "digest",
        has_idle_timeout: false,
    },
    ListedTable {
        before_user:
            "SELECT * FROM (SELECT 'knox' AS kind, NULL AS digest, digest AS name, created, created AS signed_in,
                      last_used, expires, ip, agent FROM knox_tokens WHERE user_id = ",
        before_now: " AND coalesce(expires, 9223372036854775807) > ",
        end: ") AS listed WHERE true",
        key: "name",
        has_idle_timeout: false,
    },
    // The newest token of each family.
    ListedTable {
        before_user: "SELECT * FROM (SELECT kind, NULL AS digest, family AS name, family_created AS created,
                      signed_in, last_used, expires, ip, agent
                      FROM (SELECT r.*, row_number() OVER (PARTITION BY family ORDER BY created DESC, jti DESC) AS place
                            FROM refresh_tokens r WHERE blacklisted IS NULL AND user_id = ",
        before_now: " AND expires > ",
        end: ") AS families WHERE place = 1) AS listed WHERE true",
        key: "name",
        has_idle_timeout: false,
    },
];

/// The index of a position's table in [`LISTED_TABLES`].
fn table_of(position: &CredentialPosition) -> usize {
    match position.handle {
        CredentialHandle::Session(_) => 0,
        CredentialHandle::Token(_) => 1,
        CredentialHandle::Knox(_) => 2,
        CredentialHandle::Family(_) => 3,
    }
}

impl Store {
    pub(super) async fn credential_page(&self, user: UserId, page: &CredentialQuery) -> Result<Vec<CredentialEntry>> {
        let mut entries = Vec::new();
        for (number, table) in LISTED_TABLES.iter().enumerate() {
            let mut query = Builder::new(table.before_user);
            query.push_bind(user).push(table.before_now).push_bind(page.now.0).push(table.end);
            if let Some(idle_since) = page.idle_since.filter(|_| table.has_idle_timeout) {
                query.push(" AND last_used > ").push_bind(idle_since.0);
            }
            if let Some(after) = &page.after {
                Self::push_after(&mut query, number, table.key, after);
            }
            query.push(format!(" ORDER BY last_used DESC, created DESC, {} LIMIT ", table.key));
            query.push_bind(page.limit);
            let rows: Vec<CredentialEntryRow> = query.build_query_as().fetch_all(&mut *self.reader().await?).await?;
            for row in rows {
                entries.push(row.into_entry()?);
            }
        }
        // A stable sort: entries with equal times stay in the order of their tables and keys.
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.last_used, entry.created)));
        entries.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        Ok(entries)
    }

    /// Limits the query to rows after `after`, which may be in another table.
    fn push_after(query: &mut Builder, table: usize, key: &str, after: &CredentialPosition) {
        let other = table_of(after);
        let compared = if table > other { "<=" } else { "<" };
        query.push(format!(" AND ((last_used, created) {compared} ("));
        query.push_bind(after.last_used.0).push(", ").push_bind(after.created.0).push(")");
        if table == other {
            query.push(" OR ((last_used, created) = (").push_bind(after.last_used.0).push(", ");
            query.push_bind(after.created.0).push(format!(") AND {key} > "));
            match &after.handle {
                CredentialHandle::Session(digest) | CredentialHandle::Token(digest) => {
                    query.push_bind(digest.as_bytes().to_vec())
                }
                CredentialHandle::Knox(name) | CredentialHandle::Family(name) => query.push_bind(name.clone()),
            };
            query.push(")");
        }
        query.push(")");
    }

    /// Runs one statement for each batch of a kind. Returns what was not revoked before.
    pub(super) async fn revoke_handles(
        tx: &mut Tx,
        handles: &[CredentialHandle],
        user: UserId,
        now: UnixMillis,
    ) -> Result<RevokedCredentials> {
        let (mut sessions, mut tokens, mut knox, mut families) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for handle in handles {
            match handle {
                CredentialHandle::Session(digest) => sessions.push(digest.as_bytes().to_vec()),
                CredentialHandle::Token(digest) => tokens.push(digest.as_bytes().to_vec()),
                CredentialHandle::Knox(digest) => knox.push(digest.clone()),
                CredentialHandle::Family(family) => families.push(family.clone()),
            }
        }
        if !tokens.is_empty() {
            // Otherwise the next login would derive the same token again.
            sqlx::query(
                "UPDATE users
                 SET token_generation = CASE WHEN token_generation < $1 THEN $1 ELSE token_generation + 1 END
                 WHERE id = $2",
            )
            .bind(now.0)
            .bind(user)
            .execute(&mut **tx)
            .await?;
        }
        let counts = [
            (CredentialKind::Session, Self::delete_keys(tx, "sessions", user, &sessions).await?),
            (CredentialKind::Token, Self::delete_keys(tx, "tokens", user, &tokens).await?),
            (CredentialKind::Knox, Self::delete_keys(tx, "knox_tokens", user, &knox).await?),
        ];
        let mut revoked: RevokedCredentials = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        for batch in families.chunks(KEY_BATCH) {
            let mut update = Builder::new("UPDATE refresh_tokens SET blacklisted = ");
            update.push_bind(now.0).push(", family_revoked = ").push_bind(now.0);
            update.push(" WHERE blacklisted IS NULL AND user_id = ");
            Self::push_keys(&mut update, user, "family", batch);
            update.push(" RETURNING kind, family");
            let rows: Vec<(String, String)> = update.build_query_as().persistent(false).fetch_all(&mut **tx).await?;
            // Without rotation a family may have several valid tokens.
            let families: HashSet<(String, String)> = rows.into_iter().collect();
            revoked.extend(families.iter().filter_map(|(kind, _)| Some((kind.parse().ok()?, 1))));
        }
        Ok(revoked)
    }

    /// Deletes the credentials with these digests; returns how many there were.
    async fn delete_keys<K: Key + Clone + Sync>(tx: &mut Tx, table: &str, user: UserId, keys: &[K]) -> Result<u64> {
        let mut deleted = 0;
        for batch in keys.chunks(KEY_BATCH) {
            let mut delete = Builder::new(format!("DELETE FROM {table} WHERE user_id = "));
            Self::push_keys(&mut delete, user, "digest", batch);
            deleted += delete.build().persistent(false).execute(&mut **tx).await?.rows_affected();
        }
        Ok(deleted)
    }

    /// Completes a statement that ends before the user's id.
    fn push_keys<K: Key + Clone>(statement: &mut Builder, user: UserId, column: &str, keys: &[K]) {
        statement.push_bind(user).push(format!(" AND {column} IN "));
        push_list(statement, keys.iter().cloned());
    }
}
