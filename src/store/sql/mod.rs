//! The statements, written once for both databases: `$1` placeholders and `ON CONFLICT` are common ground, and the
//! macros give each database's types. What differs (how a write begins, the migrations) is said where it is used.

pub(super) mod account_keys;
pub(super) mod attempts;
pub(super) mod audit;
pub(super) mod credentials;
pub(super) mod emails;
pub(super) mod events;
pub(super) mod import;
pub(super) mod users;

/// Deletes some rows of a table that have expired.
macro_rules! expired {
    ($table:literal, $key:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE expires <= $1 LIMIT $2)"
        )
    };
}
pub(super) use expired;

/// Counts the rows of a table, or those of them that fit, and deletes some of the oldest by a column.
macro_rules! oldest {
    ($table:literal, $key:literal, $column:literal) => {
        crate::store::sql::oldest!($table, $key, $column, "")
    };
    ($table:literal, $key:literal, $column:literal, $fit:literal) => {
        (
            concat!("SELECT count(*) FROM ", $table, $fit),
            concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $key,
                " IN (SELECT ",
                $key,
                " FROM ",
                $table,
                $fit,
                " ORDER BY ",
                $column,
                " LIMIT $1)"
            ),
        )
    };
}
pub(super) use oldest;

/// Implements [`super::Repository`] for a store with the pool `write`, whoever is to be told of events in `announce`, and
/// methods `reader`, `begin`, `close_all`, and `claimed` and `signed_in` (how the two writes of a login are committed).
/// `$lock` ends a SELECT whose row nobody else may change before the transaction ends; `$passing` one that leaves out what
/// somebody else is changing.
macro_rules! repository {
    ($store:ty, $database:ty, $migrations:literal, $lock:literal, $passing:literal) => {
        use sqlx::types::Json;

        use super::rows::{
            AccountRow, AccountUserRow, AttemptRow, AuditRow, CredentialEntryRow, DueEventRow, EventRow, HaltRow,
            KnoxUserRow, RefreshUseRow, SealedRow, SessionUserRow, SwapRow, TokenUserRow, UsedCodeRow, UserRow,
            sealed_columns, user_columns,
        };
        use super::{
            AttemptStore, AuditStore, Claimed, Committed, CredentialStore, Ends, EventStore, KnownLogin, Lease,
            LiveRows, LoginCommit, Repository, Resend, Result, Rotated, Schema, Sealed, StoreError, Unlinked, Updated,
            UserStore, Who, Written,
        };
        use crate::clock::UnixMillis;
        use crate::model::{
            Announce, Attempt, AuditEvent, AuditFilter, AuditKind, AuditRecord, CodeClaim, CredentialEntry,
            CredentialHandle, DueEvent, EmailAddress, EventRecord, EventState, Halt, Happened, KnoxRow, NewCredential,
            NewEvent, RefreshRow, RefreshUse, SessionRow, SocialAccount, Swap, UsedCode, User, UserId,
        };
        use crate::secrets::Digest;
        use crate::store::paced;
        use crate::store::sql::{LONGEST_NAME, SWEEP_BATCH, bytes, cut, kind_name};

        type Tx = sqlx::Transaction<'static, $database>;
        type Query<'q> = sqlx::query::Query<'q, $database, <$database as sqlx::Database>::Arguments>;

        crate::store::sql::attempts::attempt_store!($store);
        crate::store::sql::account_keys::account_keys!($store);
        crate::store::sql::emails::email_holders!($store);
        crate::store::sql::users::user_store!($store, $lock);
        crate::store::sql::credentials::credential_store!($store);
        crate::store::sql::import::import_store!($store, $database);
        crate::store::sql::audit::audit_store!($store, $database);
        crate::store::sql::events::event_store!($store, $passing);

        impl $store {
            /// Runs a statement that deletes at most `$2` rows from before `$1`.
            async fn delete_batch(&self, statement: &'static str, before: i64) -> Result<u64> {
                let deleted = sqlx::query(statement).bind(before).bind(SWEEP_BATCH).execute(&self.writer()).await?;
                Ok(deleted.rows_affected())
            }
        }

        #[async_trait::async_trait]
        impl Repository for $store {
            async fn migrate(&self) -> Result<()> {
                sqlx::migrate!($migrations).run(&self.unlimited().await?).await.map_err(|error| StoreError(Box::new(error)))
            }

            async fn schema(&self) -> Result<Schema> {
                let applied: sqlx::Result<Vec<i64>> =
                    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
                        .fetch_all(&mut *self.reader().await?)
                        .await;
                let applied = match applied {
                    // The table that a first migration makes is missing.
                    Err(sqlx::Error::Database(error)) if crate::store::sql::is_missing_table(error.as_ref()) => {
                        Vec::new()
                    }
                    applied => applied?,
                };
                let known: Vec<i64> = sqlx::migrate!($migrations).iter().map(|migration| migration.version).collect();
                if applied.iter().any(|version| !known.contains(version)) {
                    return Ok(Schema::Ahead);
                }
                Ok(if applied.len() == known.len() { Schema::Current } else { Schema::Behind })
            }

            async fn probe(&self, now: UnixMillis) -> Result<()> {
                let mut tx = self.begin().await?;
                sqlx::query(
                    "INSERT INTO readiness_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                )
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
                tx.commit().await?;
                Ok(())
            }

            async fn close(&self) {
                self.close_all().await;
            }

            async fn sweep(&self, now: UnixMillis, most: i64) -> Result<u64> {
                // An expired attempt stays a while, so that "too late" can be told from "never heard of".
                let gone = now.minus(crate::store::sql::AFTERLIFE).0;
                let mut swept = 0;
                for (statement, before) in [
                    (crate::store::sql::expired!("login_attempts", "key"), gone),
                    (crate::store::sql::expired!("used_codes", "code"), now.0),
                    (crate::store::sql::expired!("swap_codes", "code"), now.0),
                    (crate::store::sql::expired!("halted_logins", "token"), gone),
                    (crate::store::sql::expired!("sessions", "digest"), now.0),
                    (crate::store::sql::expired!("knox_tokens", "digest"), now.0),
                    (crate::store::sql::expired!("refresh_tokens", "user_id, jti"), now.0),
                ] {
                    swept += paced(|| self.delete_batch(statement, before)).await?;
                }
                for (count, statement) in [
                    // A row that is not finished still protects its login: those stay, however many they are.
                    crate::store::sql::oldest!("login_attempts", "key", "created", " WHERE claimed IS NOT NULL"),
                    crate::store::sql::oldest!("halted_logins", "token", "expires", " WHERE taken IS NOT NULL"),
                    // Apart, so that no stranger washes out what was refused to a user.
                    crate::store::sql::oldest!(
                        "audit_events",
                        "id",
                        "id",
                        " WHERE event = 'refused' AND user_id IS NULL"
                    ),
                    crate::store::sql::oldest!(
                        "audit_events",
                        "id",
                        "id",
                        " WHERE event = 'refused' AND user_id IS NOT NULL"
                    ),
                ] {
                    let there: i64 = sqlx::query_scalar(count).fetch_one(&mut *self.reader().await?).await?;
                    let mut too_many = there - most;
                    swept += paced(|| {
                        let batch = too_many.clamp(0, SWEEP_BATCH);
                        too_many -= batch;
                        async move {
                            if batch == 0 {
                                return Ok(0);
                            }
                            Ok(sqlx::query(statement).bind(batch).execute(&self.writer()).await?.rows_affected())
                        }
                    })
                    .await?;
                }
                Ok(swept)
            }
        }
    };
}
pub(super) use repository;

use std::time::Duration;

use crate::model::Kind;
use crate::secrets::Digest;

/// Characters of a name's column, as in Django.
pub(super) const LONGEST_NAME: usize = 150;
/// Rows deleted by one statement, so that the sweeper never holds the writer for long.
pub(super) const SWEEP_BATCH: i64 = 250;
/// How long an expired attempt is remembered.
pub(super) const AFTERLIFE: Duration = Duration::from_secs(10 * 60);

pub(super) fn bytes(digest: Option<&Digest>) -> Option<&[u8]> {
    digest.map(Digest::as_bytes)
}

pub(super) fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

pub(super) fn kind_name(kind: Kind) -> String {
    kind.to_string()
}

/// PostgreSQL has a code for it, SQLite only words.
pub(super) fn is_missing_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}

impl From<sqlx::Error> for crate::store::StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(Box::new(error))
    }
}
