//! The statements, written once for both databases: `$1` placeholders and `ON CONFLICT` are common ground, and the
//! macros give each database's types. What differs (how a write begins, the migrations) is said where it is used.

pub(super) mod account_keys;
pub(super) mod attempts;
pub(super) mod audit;
pub(super) mod credential_list;
pub(super) mod credentials;
pub(super) mod emails;
pub(super) mod events;
pub(super) mod import;
pub(super) mod search;
pub(super) mod users;

/// Implements [`super::Repository`] for a store with the pool `write`, whoever is to be told of events in `event_factory`, and
/// methods `reader`, `begin`, `close_all`, and `claimed` and `signed_in` (how the two writes of a login are committed).
/// `$lock` ends a SELECT whose row nobody else may change before the transaction ends; `$passing` one that leaves out what
/// somebody else is changing. `$at_least` and `$below` compare texts by their bytes.
macro_rules! repository {
    ($store:ty, $database:ty, $migrations:literal, $lock:literal, $passing:literal, $at_least:literal, $below:literal) => {
        use sqlx::types::Json;

        use super::rows::{
            AccountRow, AccountUserRow, AuthorizationRequestRow, AuditRow, CredentialEntryRow, DueEventRow, EventRow, PendingLoginRow,
            KnoxUserRow, RefreshUseRow, EncryptedTokensRow, SessionUserRow, OneTimeCodeRow, TokenUserRow, UsedCodeRow, UserRow,
            encrypted_tokens_columns, user_columns,
        };
        use super::{
            AuthorizationRequestStore, AuditStore, Claimed, Committed, CredentialStore, ConsumedCredential, EventStore, KnownLogin, Lease,
            LiveRows, LoginCommit, Repository, ReencryptedTokens, Resend, Result, Rotated, Schema, EncryptedTokens, StoreError, Unlinked, Updated,
            UserSearch, UserStore, LoginTarget, IssuedCredential,
        };
        use crate::clock::UnixMillis;
        use crate::model::{
            EventFactory, AuthorizationRequest, AuditEvent, AuditFilter, AuditKind, AuditRecord, CodeClaim, CredentialEntry,
            CredentialHandle, CredentialPage, CredentialPosition, DueEvent, EmailAddress, EventRecord, EventState, StoredPendingLogin, UserEvent, KnoxRow, NewCredential,
            NewEvent, RefreshRow, RefreshUse, SessionRow, SocialAccount, OneTimeCode, UsedCode, User, UserId,
        };
        use crate::secrets::Digest;
        use crate::store::sql::credential_list::{KEY_BATCH, LISTED_TABLES, table_of};
        use crate::store::sql::{LONGEST_NAME, bytes, cut, kind_name};
        use crate::store::sweep::{BoundedRows, ExpiringTable, SWEEP_BATCH_SIZE};

        type Tx = sqlx::Transaction<'static, $database>;
        type Query<'q> = sqlx::query::Query<'q, $database, <$database as sqlx::Database>::Arguments>;

        crate::store::sql::attempts::authorization_request_store!($store);
        crate::store::sql::account_keys::account_keys!($store);
        crate::store::sql::emails::email_holders!($store);
        crate::store::sql::users::user_store!($store, $lock);
        crate::store::sql::search::user_search!($store, $at_least, $below);
        crate::store::sql::credentials::credential_store!($store);
        crate::store::sql::credential_list::credential_list!($store, $database);
        crate::store::sql::import::import_store!($store, $database);
        crate::store::sql::audit::audit_store!($store, $database);
        crate::store::sql::events::event_store!($store, $passing);

        impl $store {
            /// Runs a statement that deletes at most `$2` rows from before `$1`.
            async fn delete_batch(&self, statement: &'static str, before: i64) -> Result<u64> {
                let deleted = sqlx::query(statement).bind(before).bind(SWEEP_BATCH_SIZE).execute(&self.writer()).await?;
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
                Ok(match applied.len() {
                    0 => Schema::Empty,
                    applied if applied == known.len() => Schema::Current,
                    _ => Schema::Behind,
                })
            }

            async fn probe(&self, now: UnixMillis) -> Result<()> {
                let mut tx = self.begin().await?;
                sqlx::query(
                    "INSERT INTO readiness_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                )
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
                // Takes the lock that a login needs, and no row.
                sqlx::query("UPDATE users SET is_active = is_active WHERE id < 0").execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(())
            }

            async fn close(&self) {
                self.close_all().await;
            }

            async fn delete_expired(&self, table: ExpiringTable, before: UnixMillis) -> Result<u64> {
                self.delete_batch(table.delete_statement(), before.0).await
            }

            async fn count_rows(&self, rows: BoundedRows) -> Result<i64> {
                Ok(sqlx::query_scalar(rows.count_statement()).fetch_one(&mut *self.reader().await?).await?)
            }

            async fn delete_oldest(&self, rows: BoundedRows, most: i64) -> Result<u64> {
                let deleted = sqlx::query(rows.delete_statement()).bind(most).execute(&self.writer()).await?;
                Ok(deleted.rows_affected())
            }
        }
    };
}
pub(super) use repository;

use crate::model::Kind;
use crate::secrets::Digest;

/// Characters of a name's column, as in Django.
pub(super) const LONGEST_NAME: usize = 150;

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
