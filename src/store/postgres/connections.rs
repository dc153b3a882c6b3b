//! The store in PostgreSQL: how it is opened, and which connection a statement gets.

use std::str::FromStr;
use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgQueryResult};
use sqlx::query::Query;
use sqlx::{PgPool, Postgres};

use super::claim_group::Claim;
use super::current_pool::CurrentPool;
use super::group;
use super::pool::{Lent, Tx, is_lost, is_starting};
use crate::clock::UnixMillis;
use crate::metrics::PoolConnections;
use crate::model::{AccountId, AuditEvent, CodeClaim, CredentialHandle, EmailAddress, EventFactory, UserId};
use crate::secrets::Digest;
use crate::settings::SettingError;
use crate::store::error::Result;
use crate::store::group::GroupQueue;
use crate::store::limited::Backend;
use crate::store::login_commit::KnownLogin;
use crate::store::opening::{Opening, without_statement_log};

/// The store in PostgreSQL.
pub(in crate::store) struct Store {
    pool: Arc<CurrentPool>,
    claims: GroupQueue<Claim>,
    logins: GroupQueue<KnownLogin>,
    pub(super) event_factory: Option<EventFactory>,
}

/// Errors name DATABASE_URL. Those of a database that may answer later are temporary.
pub(in crate::store) async fn open(url: &str, opening: Opening) -> std::result::Result<Store, SettingError> {
    let Opening { event_factory, limits, .. } = opening;
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| SettingError::new("DATABASE_URL", "must look like postgres://user:password@host:port/database"))?
        .application_name("rest-social-auth");
    let options = without_statement_log(options);
    let pool = Arc::new(CurrentPool::new(options, limits));
    let encoding = server_encoding(&pool).await.map_err(|error| not_opened(pool.options(), error))?;
    if encoding != "UTF8" {
        let problem = format!("the database has the encoding {encoding}: create one with ENCODING 'UTF8'");
        return Err(SettingError::new("DATABASE_URL", problem));
    }
    let (claims, logins) = (group::start(pool.clone()), group::start(pool.clone()));
    Ok(Store { pool, claims, logins, event_factory })
}

/// The encoding of the database, which may lack characters that names have.
async fn server_encoding(pool: &CurrentPool) -> sqlx::Result<String> {
    let mut lent = pool.get().acquire().await?;
    let encoding = sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut *lent).await?;
    lent.release();
    Ok(encoding)
}

fn not_opened(options: &PgConnectOptions, error: sqlx::Error) -> SettingError {
    let host = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let place = format!("{host}/{}", options.get_database().unwrap_or_default());
    let is_temporary = may_answer_later(&error);
    let problem = format!("{place} cannot be opened: {}", reason(error));
    SettingError { is_temporary, ..SettingError::new("DATABASE_URL", problem) }
}

/// Whether the database is down, starting or stopping, has no free connection, or fails. The setting may be right then.
pub(in crate::store) fn may_answer_later(error: &sqlx::Error) -> bool {
    /// Connection exceptions, insufficient resources, `object_not_in_prerequisite_state` (a database that accepts no connections),
    /// internal errors.
    const TEMPORARY: [&str; 4] = ["08", "53", "55000", "XX"];
    let code = error.as_database_error().and_then(|error| error.code());
    let is_temporary = code.is_some_and(|code| TEMPORARY.iter().any(|class| code.starts_with(class)));
    is_temporary || matches!(error, sqlx::Error::PoolTimedOut) || is_starting(error) || is_lost(error)
}

impl Backend for Store {
    fn on_success(&self) {
        self.pool.on_success();
    }

    fn on_timeout(&self) {
        self.pool.on_timeout();
    }
}

fn reason(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no answer".to_owned(),
        other => other.to_string(),
    }
}

impl Store {
    pub(super) async fn writer(&self) -> sqlx::Result<Lent> {
        self.pool.get().acquire().await
    }

    /// Connections without limits, for a migration.
    pub(super) async fn unlimited(&self) -> sqlx::Result<PgPool> {
        let options = PgPoolOptions::new().max_connections(1).after_connect(|connection, _| {
            Box::pin(async move {
                // The database cancels the migration of a process that died. PostgreSQL before 14 and some systems do not have
                // this setting: there the running statement ends first.
                let checked = sqlx::query(
                    "SELECT set_config(name, '1000', false) FROM pg_settings WHERE name = 'client_connection_check_interval'",
                );
                if let Err(error) = checked.execute(connection).await {
                    tracing::debug!(%error, "the database cannot detect that this process ended");
                }
                Ok(())
            })
        });
        options.connect_with(self.pool.options().clone()).await
    }

    pub(super) fn connections(&self) -> PoolConnections {
        self.pool.get().connections()
    }

    pub(super) async fn reader(&self) -> sqlx::Result<Lent> {
        self.pool.get().acquire().await
    }

    /// Another connection, if the database had closed that of a read that failed with `error`.
    pub(super) async fn reader_after(&self, reader: Lent, error: sqlx::Error) -> sqlx::Result<Lent> {
        if !is_lost(&error) {
            return Err(error);
        }
        // First, so that its place in the pool is free for the next one.
        reader.discard();
        let pool = self.pool.get();
        pool.suspect_all();
        pool.acquire_tested().await
    }

    /// Gives a reader back after a read that succeeded.
    pub(super) fn release(mut reader: Lent) {
        reader.release();
    }

    /// Executes one statement that writes, outside of a transaction. When the database had closed the connection, executes it
    /// once more on another one: only for a statement that may be executed twice, as the answer of the first may have been lost.
    pub(super) async fn execute_repeatable<'q>(
        &self,
        query: impl Fn() -> Query<'q, Postgres, PgArguments> + Send + Sync,
    ) -> sqlx::Result<PgQueryResult> {
        let mut writer = self.writer().await?;
        let executed = match query().execute(&mut *writer).await {
            Ok(executed) => executed,
            Err(error) => {
                writer = self.reader_after(writer, error).await?;
                query().execute(&mut *writer).await?
            }
        };
        writer.release();
        Ok(executed)
    }

    pub(super) async fn close_all(&self) {
        self.pool.get().drain().await;
    }

    pub(super) async fn begin(&self) -> sqlx::Result<Tx> {
        Tx::begin(&self.pool.get()).await
    }

    /// Commits a claim. False: nothing was written.
    pub(super) async fn commit_claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<bool> {
        let claim = Claim { authorization_request: authorization_request.cloned(), code: code.cloned(), now };
        self.claims.write(claim).await
    }

    /// Commits a login of a known account. False: nothing was written.
    pub(super) async fn commit_known_login(&self, known: KnownLogin) -> Result<bool> {
        self.logins.write(known).await
    }

    /// Commits the time of the last use of a credential.
    pub(super) async fn commit_touch(&self, handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Result<()> {
        self.execute_repeatable(|| Self::touch_query(handle, user, now)).await?;
        Ok(())
    }

    /// Commits an event that belongs to no other transaction. It is in the log twice rather than never.
    pub(super) async fn commit_audit_event(&self, event: &AuditEvent) -> Result<()> {
        self.execute_repeatable(|| Self::audit_event_query(event)).await?;
        Ok(())
    }

    /// Locks the address until the transaction ends, so that transactions that require it to be unclaimed follow each other.
    pub(super) async fn lock_email(tx: &mut Tx, email: &EmailAddress) -> std::result::Result<(), sqlx::Error> {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(email.key())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Makes new users and accounts get higher ids than these. `>=`: an unused sequence has the value 1 and would return it.
    pub(super) async fn raise_ids(&self, user: UserId, account: AccountId) -> std::result::Result<(), sqlx::Error> {
        for (statement, id) in [
            (
                "SELECT setval(pg_get_serial_sequence('users', 'id'), $1)
                 WHERE $1 > 0 AND $1 >= (SELECT last_value FROM users_id_seq)",
                user.0,
            ),
            (
                "SELECT setval(pg_get_serial_sequence('social_accounts', 'id'), $1)
                 WHERE $1 > 0 AND $1 >= (SELECT last_value FROM social_accounts_id_seq)",
                account.0,
            ),
        ] {
            sqlx::query(statement).bind(id).execute(&mut *self.writer().await?).await?;
        }
        Ok(())
    }
}
