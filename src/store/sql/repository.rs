//! Migrations, the probe of `/readyz`, and the statements of the sweeper.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::{Database, MIGRATOR, Store};
use crate::clock::UnixMillis;
use crate::metrics::PoolConnections;
use crate::store::deletable_rows::{BoundedRows, ExpiringTable, SWEEP_BATCH_SIZE};
use crate::store::error::{ForeignTables, LaterRelease, Result, StoreError};
use crate::store::repository::Repository;
use crate::store::schema::{AppliedMigration, Schema};

/// One statement for each kind of write of a login. They write no row, but fail if a table is missing, or if the user of the
/// database must not write it. They are sent as one call.
const WRITES_OF_A_LOGIN: &str = "
    INSERT INTO users (username) SELECT NULL WHERE 1 = 0;
    INSERT INTO social_accounts (uid) SELECT NULL WHERE 1 = 0;
    UPDATE social_accounts SET modified = modified WHERE 1 = 0;
    INSERT INTO sessions (digest) SELECT NULL WHERE 1 = 0;
    DELETE FROM sessions WHERE 1 = 0;
    INSERT INTO tokens (digest) SELECT NULL WHERE 1 = 0;
    UPDATE tokens SET last_used = last_used WHERE 1 = 0;
    INSERT INTO knox_tokens (digest) SELECT NULL WHERE 1 = 0;
    INSERT INTO refresh_tokens (jti) SELECT NULL WHERE 1 = 0;
    INSERT INTO authorization_requests (key) SELECT NULL WHERE 1 = 0;
    UPDATE authorization_requests SET provider = provider WHERE 1 = 0;
    INSERT INTO used_codes (code) SELECT NULL WHERE 1 = 0;
    UPDATE used_codes SET binding = binding WHERE 1 = 0;
    INSERT INTO one_time_codes (code) SELECT NULL WHERE 1 = 0;
    DELETE FROM one_time_codes WHERE 1 = 0;
    INSERT INTO pending_logins (token) SELECT NULL WHERE 1 = 0;
    UPDATE pending_logins SET browser = browser WHERE 1 = 0;
    INSERT INTO audit_events (event) SELECT NULL WHERE 1 = 0;
    INSERT INTO webhook_events (id) SELECT NULL WHERE 1 = 0;
";

impl Store {
    /// Runs a statement that deletes at most `$2` rows from before `$1`.
    pub(super) async fn delete_batch(&self, statement: impl SqlSafeStr + Send, before: i64) -> Result<u64> {
        let deleted =
            sqlx::query(statement).bind(before).bind(SWEEP_BATCH_SIZE).execute(&mut *self.writer().await?).await?;
        Ok(deleted.rows_affected())
    }
}

#[async_trait::async_trait]
impl Repository for Store {
    fn serves_several_nodes(&self) -> bool {
        dialect!(several_nodes)
    }

    fn pool_connections(&self) -> PoolConnections {
        self.connections()
    }

    async fn migrate(&self) -> Result<()> {
        let connections = self.unlimited().await?;
        // Asked first: another node may migrate the database meanwhile.
        let had_users = match sqlx::query("SELECT 1 FROM users WHERE 1 = 0").execute(&connections).await {
            Err(sqlx::Error::Database(error)) if is_missing_table(error.as_ref()) => false,
            found => found.map(|_| true)?,
        };
        match schema(&connections).await? {
            Schema::AheadIncompatible => return Err(StoreError(Box::new(LaterRelease))),
            Schema::AheadCompatible => {
                tracing::warn!("a later release changed the database; this release can use it");
                return Ok(());
            }
            // The migrator would create its table, for which the user of the server may lack the right.
            Schema::Current => return Ok(()),
            Schema::Empty if had_users => return Err(StoreError(Box::new(ForeignTables))),
            Schema::Empty | Schema::Behind => {}
        }
        let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
        migrator.set_ignore_missing(true);
        migrator.run(&connections).await.map_err(|error| StoreError(Box::new(error)))
    }

    async fn schema(&self) -> Result<Schema> {
        schema(&mut *self.reader().await?).await
    }

    async fn probe(&self, now: UnixMillis) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO readiness_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        )
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        // Takes the lock that a login needs, and changes no row.
        sqlx::query("UPDATE users SET is_active = is_active WHERE id < 0").execute(&mut *tx).await?;
        sqlx::raw_sql(WRITES_OF_A_LOGIN).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn database_time(&self) -> Result<UnixMillis> {
        let now = sqlx::query_scalar(concat!("SELECT ", dialect!(now))).fetch_one(&mut *self.reader().await?).await?;
        Ok(UnixMillis(now))
    }

    async fn close(&self) {
        self.close_all().await;
    }

    async fn delete_expired(&self, table: ExpiringTable, before: UnixMillis) -> Result<u64> {
        self.delete_batch(AssertSqlSafe(table.delete_statement()), before.0).await
    }

    async fn count_rows(&self, rows: BoundedRows) -> Result<i64> {
        Ok(read!(self, fetch_one, sqlx::query_scalar(AssertSqlSafe(rows.count_statement()))))
    }

    async fn delete_oldest(&self, rows: BoundedRows, limit: i64) -> Result<u64> {
        let deleted = sqlx::query(AssertSqlSafe(rows.delete_statement()));
        let deleted = deleted.bind(limit).execute(&mut *self.writer().await?).await?;
        Ok(deleted.rows_affected())
    }
}

/// Version, description, whether it was applied to its end, and the checksum of its text.
type MigrationRow = (i64, String, bool, Vec<u8>);

/// Errors: a migration was interrupted, or is not the one of this release; the database fails.
async fn schema(connection: impl sqlx::Executor<'_, Database = Database>) -> Result<Schema> {
    let applied: sqlx::Result<Vec<MigrationRow>> =
        sqlx::query_as("SELECT version, description, success, checksum FROM _sqlx_migrations")
            .fetch_all(connection)
            .await;
    let applied = match applied {
        // The first migration creates this table.
        Err(sqlx::Error::Database(error)) if is_missing_table(error.as_ref()) => Vec::new(),
        applied => applied?,
    };
    let is_other =
        |version: i64, sum: &[u8]| MIGRATOR.iter().any(|known| known.version == version && *known.checksum != *sum);
    for (version, _, success, checksum) in &applied {
        if !success {
            return Err(StoreError(Box::new(MigrateError::Dirty(*version))));
        }
        if is_other(*version, checksum) {
            return Err(StoreError(Box::new(MigrateError::VersionMismatch(*version))));
        }
    }
    let applied: Vec<AppliedMigration> =
        applied.into_iter().map(|(version, description, ..)| (version, description)).collect();
    let known: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    Ok(Schema::of(&applied, &known))
}

/// PostgreSQL has a code for this error, SQLite only a text.
fn is_missing_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}
