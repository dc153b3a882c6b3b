//! The statements, written once for both databases: `$1` placeholders and `ON CONFLICT` are common ground, and the
//! macros give each database's types. What differs (how a write begins, the migrations) is said where it is used.

pub(super) mod attempts;
pub(super) mod audit;
pub(super) mod credentials;
pub(super) mod import;
pub(super) mod users;

/// Implements [`super::Repository`] for a store with the pools `read` and `write` and a method `begin`.
macro_rules! repository {
    ($store:ty, $database:ty, $migrations:literal) => {
        use serde_json::{Map, Value};
        use sqlx::types::Json;

        use super::rows::{
            AccountRow, AccountUserRow, AttemptRow, AuditRow, CredentialEntryRow, KnoxUserRow, RefreshUseRow,
            SealedRow, SessionUserRow, SwapRow, TokenUserRow, UsedCodeRow, UserRow, sealed_columns, user_columns,
        };
        use super::{
            AttemptStore, AuditStore, Claimed, Committed, CredentialStore, LoginCommit, Repository, Result, Rotated,
            Schema, StoreError, Unlinked, Updated, UserStore, Who, Written,
        };
        use crate::clock::UnixMillis;
        use crate::model::{
            Attempt, AuditEvent, AuditKind, AuditRecord, CodeClaim, CredentialEntry, CredentialHandle, KnoxRow,
            NewCredential, RefreshRow, RefreshUse, SessionRow, SocialAccount, Swap, UsedCode, User, UserId,
        };
        use crate::secrets::Digest;
        use crate::store::sql::{LONGEST_NAME, SWEEP_BATCH, bytes, cut, kind_name};

        type Tx = sqlx::Transaction<'static, $database>;
        type AuditQuery<'q> = sqlx::query::Query<'q, $database, <$database as sqlx::Database>::Arguments>;

        crate::store::sql::attempts::attempt_store!($store);
        crate::store::sql::users::user_store!($store);
        crate::store::sql::credentials::credential_store!($store);
        crate::store::sql::import::import_store!($store, $database);
        crate::store::sql::audit::audit_store!($store);

        #[async_trait::async_trait]
        impl Repository for $store {
            async fn migrate(&self) -> Result<()> {
                sqlx::migrate!($migrations).run(&self.write).await.map_err(|error| StoreError(Box::new(error)))
            }

            async fn schema(&self) -> Result<Schema> {
                let applied: sqlx::Result<Vec<i64>> =
                    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
                        .fetch_all(&self.read)
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

            async fn ping(&self) -> Result<()> {
                sqlx::query("SELECT 1 FROM users WHERE id = 0").execute(&self.read).await?;
                Ok(())
            }

            async fn close(&self) {
                self.read.close().await;
                self.write.close().await;
            }

            async fn sweep(&self, now: UnixMillis, most: i64) -> Result<u64> {
                // An expired attempt stays a while, so that "too late" can be told from "never heard of".
                let gone = now.minus(crate::store::sql::AFTERLIFE).0;
                let mut swept = 0;
                for (statement, before) in [
                    (
                        "DELETE FROM login_attempts WHERE key IN
                        (SELECT key FROM login_attempts WHERE expires <= $1 LIMIT $2)",
                        gone,
                    ),
                    (
                        "DELETE FROM used_codes WHERE code IN
                        (SELECT code FROM used_codes WHERE expires <= $1 LIMIT $2)",
                        now.0,
                    ),
                    (
                        "DELETE FROM swap_codes WHERE code IN
                        (SELECT code FROM swap_codes WHERE expires <= $1 LIMIT $2)",
                        now.0,
                    ),
                    (
                        "DELETE FROM sessions WHERE digest IN
                        (SELECT digest FROM sessions WHERE expires <= $1 LIMIT $2)",
                        now.0,
                    ),
                    (
                        "DELETE FROM knox_tokens WHERE digest IN
                        (SELECT digest FROM knox_tokens WHERE expires <= $1 LIMIT $2)",
                        now.0,
                    ),
                    (
                        "DELETE FROM refresh_tokens WHERE jti IN
                        (SELECT jti FROM refresh_tokens WHERE expires <= $1 LIMIT $2)",
                        now.0,
                    ),
                ] {
                    loop {
                        let deleted =
                            sqlx::query(statement).bind(before).bind(SWEEP_BATCH).execute(&self.write).await?;
                        swept += deleted.rows_affected();
                        if deleted.rows_affected() < SWEEP_BATCH.unsigned_abs() {
                            break;
                        }
                    }
                }
                for (count, statement) in [
                    (
                        "SELECT count(*) FROM login_attempts",
                        "DELETE FROM login_attempts WHERE key IN
                        (SELECT key FROM login_attempts ORDER BY created LIMIT $1)",
                    ),
                    (
                        "SELECT count(*) FROM used_codes",
                        "DELETE FROM used_codes WHERE code IN
                        (SELECT code FROM used_codes ORDER BY claimed LIMIT $1)",
                    ),
                ] {
                    let there: i64 = sqlx::query_scalar(count).fetch_one(&self.read).await?;
                    let mut too_many = there - most;
                    while too_many > 0 {
                        let batch = too_many.min(SWEEP_BATCH);
                        let deleted = sqlx::query(statement).bind(batch).execute(&self.write).await?.rows_affected();
                        swept += deleted;
                        too_many -= batch;
                        if deleted == 0 {
                            break;
                        }
                    }
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
pub(super) const SWEEP_BATCH: i64 = 1000;
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
