//! The PostgreSQL connections: a pool, replaced when the database stops answering.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Postgres, Transaction};

use super::Tx;
use crate::clock::UnixMillis;
use crate::metrics::PoolConnections;
use crate::model::{AccountId, AuditEvent, CodeClaim, EmailAddress, EventFactory, UserId};
use crate::secrets::Digest;
use crate::settings::{DatabaseLimits, SettingError};
use crate::store::error::Result;
use crate::store::limited::{self, Backend};
use crate::store::opening::Opening;
use crate::store::types::KnownLogin;

/// Connections of a command.
const MAX_CONNECTIONS: u32 = 16;
/// How long a command waits for a connection.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The store in PostgreSQL.
pub(in crate::store) struct Store {
    options: PgConnectOptions,
    limits: Option<DatabaseLimits>,
    current: RwLock<Connections>,
    pub(super) event_factory: Option<EventFactory>,
}

/// A pool, when it was made, and when a call last succeeded.
struct Connections {
    pool: PgPool,
    made: tokio::time::Instant,
    /// Milliseconds after `made`.
    last_success: AtomicU64,
}

impl Connections {
    fn new(pool: PgPool) -> Self {
        Self { pool, made: tokio::time::Instant::now(), last_success: AtomicU64::new(0) }
    }
}

/// Errors name DATABASE_URL. Those of a database that may answer later are temporary.
pub(in crate::store) async fn open(url: &str, opening: Opening) -> std::result::Result<Store, SettingError> {
    let Opening { event_factory, limits, .. } = opening;
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| SettingError::new("DATABASE_URL", "must look like postgres://user:password@host:port/database"))?
        .application_name("rest-social-auth")
        .disable_statement_logging();
    let pool = match pool_options(limits).connect_with(options.clone()).await {
        // The pool retried, since the database may be starting, and does not return the cause.
        Err(sqlx::Error::PoolTimedOut) => {
            let tried = tokio::time::timeout(Duration::from_secs(1), options.connect()).await;
            let cause = tried.ok().and_then(|tried| tried.err());
            Err(cause.unwrap_or(sqlx::Error::PoolTimedOut))
        }
        opened => opened,
    };
    let pool = pool.map_err(|error| not_opened(&options, error))?;
    let current = RwLock::new(Connections::new(pool));
    Ok(Store { options, limits, current, event_factory })
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

/// Whether the database is down, starting or stopping, or has no free connection. The setting may be right then.
fn may_answer_later(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("53300" | "57P01" | "57P02" | "57P03"))
        }
        _ => false,
    }
}

fn pool_options(limits: Option<DatabaseLimits>) -> PgPoolOptions {
    let options = PgPoolOptions::new()
        .max_connections(limits.map_or(MAX_CONNECTIONS, |limits| limits.connections))
        .acquire_timeout(limits.map_or(QUEUE_TIMEOUT, |limits| limits.queue));
    let Some(limits) = limits else { return options };
    // The database cancels a statement before the server stops waiting for it, and frees the locks of a server that died.
    let statement = limited::statement_timeout(&limits).as_millis().to_string();
    let lock = limited::lock_timeout(&limits).as_millis().to_string();
    let call = limits.call.as_millis().to_string();
    let keepalive = limits.call.as_secs().max(1).to_string();
    options.after_connect(move |connection, _| {
        let (statement, lock, call, keepalive) = (statement.clone(), lock.clone(), call.clone(), keepalive.clone());
        Box::pin(async move {
            sqlx::query(
                "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
                        set_config('idle_in_transaction_session_timeout', $3, false),
                        set_config('tcp_keepalives_idle', $4, false), set_config('tcp_user_timeout', $3, false)",
            )
            .bind(statement)
            .bind(lock)
            .bind(call)
            .bind(keepalive)
            .execute(connection)
            .await?;
            Ok(())
        })
    })
}

impl Backend for Store {
    fn on_success(&self) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let elapsed = u64::try_from(current.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        current.last_success.store(elapsed, Ordering::Relaxed);
    }

    /// Replaces the pool if no call succeeded within the limit of a call. A network that drops packets would leave every
    /// connection of the old pool waiting. A database that is only busy still answers some calls.
    fn on_timeout(&self) {
        let Some(limits) = self.limits else { return };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let last_success = Duration::from_millis(current.last_success.load(Ordering::Relaxed));
        if current.made.elapsed().saturating_sub(last_success) < limits.call {
            return;
        }
        tracing::warn!("the database does not answer: its connections are replaced");
        let pool = pool_options(self.limits).connect_lazy_with(self.options.clone());
        let old = std::mem::replace(&mut *current, Connections::new(pool));
        drop(current);
        // Ends calls that wait for a connection; idle connections close by themselves.
        tokio::spawn(async move { tokio::time::timeout(limits.call, old.pool.close()).await });
    }
}

fn reason(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::PoolTimedOut => "no answer".to_owned(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}

impl Store {
    pub(super) fn writer(&self) -> PgPool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    /// Connections without limits, for a migration.
    pub(super) async fn unlimited(&self) -> std::result::Result<PgPool, sqlx::Error> {
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
        options.connect_with(self.options.clone()).await
    }

    pub(super) fn connections(&self) -> PoolConnections {
        let pool = self.writer();
        let open = usize::try_from(pool.size()).unwrap_or_default();
        let idle = pool.num_idle().min(open);
        PoolConnections { idle, used: open - idle }
    }

    pub(super) async fn reader(&self) -> std::result::Result<PoolConnection<Postgres>, sqlx::Error> {
        self.writer().acquire().await
    }

    pub(super) async fn close_all(&self) {
        self.writer().close().await;
    }

    pub(super) async fn begin(&self) -> std::result::Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.writer().begin().await
    }

    /// Commits a claim. False: nothing was written.
    pub(super) async fn commit_claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<bool> {
        // One statement needs no transaction.
        if let (None, Some(code)) = (authorization_request, code) {
            return Ok(Self::claim_code(None, code).execute(&self.writer()).await?.rows_affected() == 1);
        }
        let mut tx = self.begin().await?;
        let is_written = Self::write_claim(&mut tx, authorization_request, code, now).await?;
        Self::finish(tx, is_written).await
    }

    /// Commits a login of a known account. False: nothing was written.
    pub(super) async fn commit_known_login(&self, known: KnownLogin) -> Result<bool> {
        let mut tx = self.begin().await?;
        // Locks the user before the account, as all transactions do: no deadlock, and no revocation before this one ends.
        sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE")
            .bind(known.user.id)
            .execute(&mut *tx)
            .await?;
        let is_written = Self::write_known(&mut tx, &known).await?;
        Self::finish(tx, is_written).await
    }

    /// Commits an event that belongs to no other transaction.
    pub(super) async fn commit_audit_event(&self, event: &AuditEvent) -> Result<()> {
        Self::audit_event_query(event).execute(&self.writer()).await?;
        Ok(())
    }

    /// Commits what was written, or rolls back.
    async fn finish(tx: Tx, is_written: bool) -> Result<bool> {
        if is_written {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(is_written)
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
            sqlx::query(statement).bind(id).execute(&self.writer()).await?;
        }
        Ok(())
    }
}
