//! The pool that calls use now. A database that stops answering gets a new one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::pool::Pool;
use crate::settings::DatabaseLimits;

/// Connections of a command.
const MAX_CONNECTIONS: u32 = 16;
/// How long a command waits for a connection.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The pool of a database.
pub(super) struct CurrentPool {
    options: PgConnectOptions,
    limits: Option<DatabaseLimits>,
    current: RwLock<Current>,
}

/// A pool, when it was made, and when a call last succeeded.
struct Current {
    pool: Pool,
    made: tokio::time::Instant,
    /// Milliseconds after `made`.
    last_success: AtomicU64,
}

impl Current {
    fn new(options: &PgConnectOptions, limits: Option<DatabaseLimits>) -> Self {
        let max = limits.map_or(MAX_CONNECTIONS, |limits| limits.connections);
        let queue = limits.map_or(QUEUE_TIMEOUT, |limits| limits.queue);
        let pool = Pool::new(options.clone(), limits, max, queue);
        Self { pool, made: tokio::time::Instant::now(), last_success: AtomicU64::new(0) }
    }
}

impl CurrentPool {
    /// Makes no connection yet.
    pub fn new(options: PgConnectOptions, limits: Option<DatabaseLimits>) -> Self {
        let current = RwLock::new(Current::new(&options, limits));
        Self { options, limits, current }
    }

    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub fn get(&self) -> Pool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    /// The limit of a call; `None`: there is none.
    pub fn time_limit(&self) -> Option<Duration> {
        self.limits.map(|limits| limits.call)
    }

    /// A call succeeded.
    pub fn on_success(&self) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let elapsed = u64::try_from(current.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        current.last_success.store(elapsed, Ordering::Relaxed);
    }

    /// Replaces the pool if no call succeeded within the limit of a call. A network that drops packets would leave every
    /// connection of the old pool waiting. A database that is only busy still answers some calls.
    pub fn on_timeout(&self) {
        let Some(limits) = self.limits else { return };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let last_success = Duration::from_millis(current.last_success.load(Ordering::Relaxed));
        if current.made.elapsed().saturating_sub(last_success) < limits.call {
            return;
        }
        tracing::warn!("the database does not answer: its connections are replaced");
        let old = std::mem::replace(&mut *current, Current::new(&self.options, self.limits));
        drop(current);
        // Ends calls that wait for a connection.
        tokio::spawn(async move { tokio::time::timeout(limits.call, old.pool.close()).await });
    }
}
