//! The pool of connections. The one of `sqlx` tests a connection when it lends it and when it gets it back: two round trips for
//! each statement of a login.
//!
//! This one tests a connection that has not been used for a second, and one whose last user did not say that it is in order:
//! an error, or a caller that stopped waiting. A test that fails makes every idle connection be tested before its next use. So a
//! statement may find its connection closed ([`is_lost`]); what may be executed twice is then executed on another one.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::metrics::PoolConnections;
use crate::settings::DatabaseLimits;
use crate::store::limited;

/// A connection that was used within this time is used without a test.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long an unused connection is kept.
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);
/// How long a connection is used: afterwards a new one follows a changed address of the database.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// How long the test of a returned connection may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections to one database, at most `max` at a time.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    options: PgConnectOptions,
    limits: Option<DatabaseLimits>,
    max: u32,
    /// How long a caller waits for a connection.
    queue: Duration,
    /// A permit for each connection that may be lent.
    permits: Semaphore,
    /// The last one is the one used last.
    idle: Mutex<VecDeque<Idle>>,
}

struct Live {
    connection: PgConnection,
    made: Instant,
}

struct Idle {
    live: Live,
    used: Instant,
    is_suspect: bool,
}

/// A connection on loan. It goes back to the pool when it is dropped: at once after [`Lent::release`], otherwise after a test.
pub(super) struct Lent {
    live: Option<Live>,
    is_in_order: bool,
    /// Whether a transaction must be rolled back before the connection is used again.
    has_transaction: bool,
    pool: Arc<Shared>,
}

impl Pool {
    /// Makes no connection yet.
    pub fn new(options: PgConnectOptions, limits: Option<DatabaseLimits>, max: u32, queue: Duration) -> Self {
        let permits = Semaphore::new(usize::try_from(max).unwrap_or(Semaphore::MAX_PERMITS));
        Self(Arc::new(Shared { options, limits, max, queue, permits, idle: Mutex::default() }))
    }

    /// Lends a connection.
    ///
    /// Errors: none became free in time, none could be made, or the pool is closed.
    pub async fn acquire(&self) -> sqlx::Result<Lent> {
        self.lend(TRUSTED_FOR).await
    }

    /// Lends a connection that was made or tested just now.
    ///
    /// Errors: as [`Pool::acquire`].
    pub async fn acquire_tested(&self) -> sqlx::Result<Lent> {
        self.lend(Duration::ZERO).await
    }

    async fn lend(&self, trusted_for: Duration) -> sqlx::Result<Lent> {
        let deadline = Instant::now() + self.0.queue;
        let permit = match self.0.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => timeout_at(deadline, self.0.permits.acquire())
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)?
                .map_err(|_| sqlx::Error::PoolClosed)?,
        };
        permit.forget();
        // From here on the drop of `lent` returns the permit.
        let mut lent = Lent { live: None, is_in_order: true, has_transaction: false, pool: self.0.clone() };
        while let Some(idle) = self.0.pop() {
            let Idle { mut live, used, is_suspect } = idle;
            let is_trusted = !is_suspect && used.elapsed() < trusted_for;
            if is_trusted || matches!(timeout_at(deadline, live.connection.ping()).await, Ok(Ok(()))) {
                lent.live = Some(live);
                return Ok(lent);
            }
            self.0.suspect_all();
        }
        lent.live = Some(self.0.connect(deadline).await?);
        Ok(lent)
    }

    /// Tests each idle connection before its next use.
    pub fn suspect_all(&self) {
        self.0.suspect_all();
    }

    /// The connections that are idle, and those that are lent, made or tested.
    pub fn connections(&self) -> PoolConnections {
        let max = usize::try_from(self.0.max).unwrap_or(Semaphore::MAX_PERMITS);
        let used = max.saturating_sub(self.0.permits.available_permits());
        PoolConnections { idle: self.0.lock().len(), used }
    }

    /// Ends calls that wait for a connection, and closes all connections as they come back.
    pub async fn close(&self) {
        let idle = {
            let mut idle = self.0.lock();
            self.0.permits.close();
            std::mem::take(&mut *idle)
        };
        for Idle { live, .. } in idle {
            // The database notices the end of a connection that cannot be closed in order.
            let _closed = live.connection.close().await;
        }
    }

    /// Waits until no connection is lent, then closes the pool.
    pub async fn drain(&self) {
        let all = self.0.permits.acquire_many(self.0.max).await;
        self.close().await;
        drop(all);
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last. Those that are too old are closed.
    fn pop(&self) -> Option<Idle> {
        let mut idle = self.lock();
        while let Some(last) = idle.pop_back() {
            if last.used.elapsed() <= MAX_IDLE && last.live.made.elapsed() <= MAX_AGE {
                return Some(last);
            }
        }
        None
    }

    fn suspect_all(&self) {
        for idle in self.lock().iter_mut() {
            idle.is_suspect = true;
        }
    }

    /// Keeps a connection that is in order, unless the pool is closed or the connection is too old.
    fn put_back(&self, live: Live) {
        let mut idle = self.lock();
        if self.permits.is_closed() || live.made.elapsed() > MAX_AGE {
            return;
        }
        if idle.front().is_some_and(|oldest| oldest.used.elapsed() > MAX_IDLE) {
            idle.pop_front();
        }
        idle.push_back(Idle { live, used: Instant::now(), is_suspect: false });
    }

    /// A database that is starting is tried again until the deadline.
    async fn connect(&self, deadline: Instant) -> sqlx::Result<Live> {
        const RETRY_INTERVAL: Duration = Duration::from_millis(50);
        loop {
            let connection = match timeout_at(deadline, self.options.connect()).await {
                Err(_) => return Err(sqlx::Error::PoolTimedOut),
                Ok(Err(error)) if is_starting(&error) && Instant::now() + RETRY_INTERVAL < deadline => {
                    tokio::time::sleep(RETRY_INTERVAL).await;
                    continue;
                }
                Ok(connection) => connection?,
            };
            let mut live = Live { connection, made: Instant::now() };
            if let Some(limits) = &self.limits {
                timeout_at(deadline, set_limits(&mut live.connection, limits))
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
            return Ok(live);
        }
    }
}

/// Whether a later try may succeed: refused connections, `too_many_connections` and `cannot_connect_now`.
pub(super) fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("53300" | "57P03")),
        _ => false,
    }
}

/// Whether the database had closed the connection: the code is `admin_shutdown`, `crash_shutdown` or `idle_session_timeout`, or
/// there is none.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P05")),
        _ => false,
    }
}

/// The database cancels a statement before the server stops waiting for it, and frees the locks of a server that died.
async fn set_limits(connection: &mut PgConnection, limits: &DatabaseLimits) -> sqlx::Result<()> {
    sqlx::query(
        "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
                set_config('idle_in_transaction_session_timeout', $3, false),
                set_config('tcp_keepalives_idle', $4, false), set_config('tcp_user_timeout', $3, false)",
    )
    .bind(limited::statement_timeout(limits).as_millis().to_string())
    .bind(limited::lock_timeout(limits).as_millis().to_string())
    .bind(limits.call.as_millis().to_string())
    .bind(limits.call.as_secs().max(1).to_string())
    .execute(connection)
    .await?;
    Ok(())
}

impl Lent {
    /// Says that the last statement ended well, so that the connection needs no test.
    pub fn release(&mut self) {
        self.is_in_order = true;
    }

    /// Closes a connection that is lost. Its place in the pool is free at once.
    pub fn discard(mut self) {
        self.live = None;
    }
}

const LENT: &str = "a lent connection is there until it is dropped";

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.live.as_ref().expect(LENT).connection
    }
}

impl DerefMut for Lent {
    /// The user may stop in the middle of a statement.
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.is_in_order = false;
        &mut self.live.as_mut().expect(LENT).connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        match self.live.take() {
            Some(mut live) if !self.is_in_order => {
                let has_transaction = self.has_transaction;
                let test = async move {
                    // Both first read what a statement left behind.
                    let tested = async {
                        if has_transaction {
                            sqlx::raw_sql("ROLLBACK").execute(&mut live.connection).await.map(drop)
                        } else {
                            live.connection.ping().await
                        }
                    };
                    match tokio::time::timeout(TEST_TIMEOUT, tested).await {
                        Ok(Ok(())) => pool.put_back(live),
                        _ => pool.suspect_all(),
                    }
                    pool.permits.add_permits(1);
                };
                // Without a runtime the process is about to end.
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(test);
                }
                return;
            }
            Some(live) => pool.put_back(live),
            None => {}
        }
        pool.permits.add_permits(1);
    }
}

/// A transaction. It is rolled back when it is dropped.
pub(in crate::store) struct Tx(Lent);

impl Tx {
    /// Begins a transaction, on another connection if the database had closed the first one.
    pub(super) async fn begin(pool: &Pool) -> sqlx::Result<Self> {
        match Self::begin_on(pool.acquire().await?).await {
            Err(error) if is_lost(&error) => {
                pool.suspect_all();
                Self::begin_on(pool.acquire_tested().await?).await
            }
            begun => begun,
        }
    }

    /// Begins a transaction on this connection.
    pub(super) async fn begin_on(lent: Lent) -> sqlx::Result<Self> {
        let mut tx = Self(lent);
        tx.0.has_transaction = true;
        match sqlx::raw_sql("BEGIN").execute(&mut *tx.0).await {
            Ok(_) => Ok(tx),
            Err(error) => {
                if is_lost(&error) {
                    tx.0.discard();
                }
                Err(error)
            }
        }
    }

    /// Commits. Errors: whether it was committed is not known.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.end("COMMIT").await
    }

    /// Rolls back.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(statement).execute(&mut *self.0).await?;
        self.0.has_transaction = false;
        self.0.release();
        Ok(())
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
