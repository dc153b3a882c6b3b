//! PostgreSQL: where several nodes share the work. Nothing that another node must see lives in this process.

use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Postgres, Transaction};

use super::sql::repository;

const CONNECTIONS: u32 = 16;

pub(super) struct PostgresStore {
    write: PgPool,
    announce: Option<Announce>,
}

pub(super) async fn open(url: &str, announce: Option<Announce>) -> std::result::Result<PostgresStore, String> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| "must look like postgres://user:password@host:port/database".to_owned())?
        .application_name("rest-social-auth")
        .disable_statement_logging();
    let place = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or_default());
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options.clone())
        .await;
    let pool = match pool {
        // It waited for a database that might just be starting, and does not say why none came.
        Err(sqlx::Error::PoolTimedOut) => {
            let tried = tokio::time::timeout(Duration::from_secs(1), options.connect()).await;
            let cause = tried.ok().and_then(|tried| tried.err());
            return Err(format!("{place} cannot be opened: {}", cause.map_or("no answer".to_owned(), reason)));
        }
        opened => opened.map_err(|error| format!("{place} cannot be opened: {}", reason(error)))?,
    };
    Ok(PostgresStore { write: pool, announce })
}

fn reason(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}

impl PostgresStore {
    async fn reader(&self) -> std::result::Result<PoolConnection<Postgres>, sqlx::Error> {
        self.write.acquire().await
    }

    async fn close_all(&self) {
        self.write.close().await;
    }

    async fn begin(&self) -> std::result::Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.write.begin().await
    }

    /// False: nothing was written.
    async fn claimed(
        &self,
        attempt: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> super::Result<bool> {
        // One statement needs no transaction.
        if let (None, Some(code)) = (attempt, code) {
            return Ok(claim_code(None, code).execute(&self.write).await?.rows_affected() == 1);
        }
        let mut tx = self.begin().await?;
        let ours = Self::write_claim(&mut tx, attempt, code, now).await?;
        Self::end(tx, ours).await
    }

    /// False: nothing was written.
    async fn signed_in(&self, known: KnownLogin) -> super::Result<bool> {
        let mut tx = self.begin().await?;
        // Before the account's row, as whoever deletes or unlinks has them: nobody ends the user's credentials, and nobody
        // waits crosswise, before this transaction ends.
        sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE")
            .bind(known.user.id)
            .execute(&mut *tx)
            .await?;
        let done = Self::write_known(&mut tx, &known).await?;
        Self::end(tx, done).await
    }

    async fn end(tx: Tx, done: bool) -> super::Result<bool> {
        if done {
            tx.commit().await?
        } else {
            tx.rollback().await?
        }
        Ok(done)
    }

    /// Until the transaction ends, nobody else who wants to be the one holder of this address looks who is.
    async fn queue_for_email(tx: &mut Tx, email: &EmailAddress) -> std::result::Result<(), sqlx::Error> {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(email.key())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Never downwards. A sequence that was not used yet stands at 1 and would still hand that out.
    async fn raise_ids(&self, user: i64, account: i64) -> std::result::Result<(), sqlx::Error> {
        for (statement, id) in [
            (
                "SELECT setval(pg_get_serial_sequence('users', 'id'), $1)
                 WHERE $1 > 0 AND $1 >= (SELECT last_value FROM users_id_seq)",
                user,
            ),
            (
                "SELECT setval(pg_get_serial_sequence('social_accounts', 'id'), $1)
                 WHERE $1 > 0 AND $1 >= (SELECT last_value FROM social_accounts_id_seq)",
                account,
            ),
        ] {
            sqlx::query(statement).bind(id).execute(&self.write).await?;
        }
        Ok(())
    }
}

repository!(PostgresStore, Postgres, "./migrations/postgres", " FOR NO KEY UPDATE", " FOR UPDATE SKIP LOCKED");
