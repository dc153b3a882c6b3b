//! Checkpoints of the write-ahead log, on a connection of their own: the one that writes does not wait for them.
//!
//! A checkpoint copies pages from the log to the database and syncs it. One in each step of a few hundred pages keeps each sync
//! short. Only the restart of the log, when little is left to copy, holds the writer up.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The page size of a new database, in bytes. Most pages that a login writes are those of its user alone, so a smaller page writes
/// fewer bytes. A database that exists keeps its page size.
pub(super) const PAGE_SIZE: u32 = 2048;

/// The pages of a new database in so many MiB.
pub(super) const fn pages(mebibytes: u32) -> u32 {
    mebibytes * 1024 * 1024 / PAGE_SIZE
}

/// Pages of the log after which the connection that writes makes a checkpoint itself: when this task has failed.
pub(super) const EMERGENCY_PAGES: u32 = pages(256);
/// The shortest time between two checkpoints.
const INTERVAL: Duration = Duration::from_millis(100);
/// Transactions before a checkpoint.
const MIN_WRITES: u64 = 256;
/// How long fewer transactions may wait for a checkpoint.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Pages of the log after which it restarts from its beginning.
const RESTART_PAGES: u32 = pages(16);
/// The part of the log that a restart may have left to copy while the writer waits. A longer log may leave more: when the disk is so slow
/// that each checkpoint leaves much, the log stops growing all the same.
const MAX_REMAINING_PART: i64 = 32;
/// Checkpoints in a row that try to leave so few pages.
const MAX_CHECKPOINTS: u32 = 4;
/// How long a restart waits for the writer, and makes the writer wait for readers.
const RESTART_WAIT: Duration = Duration::from_millis(10);
/// Failed checkpoints in a row after which the store is not ready: the log grows, and nothing reaches the database.
const MAX_FAILURES: u32 = 3;

/// The transactions that were written since the last checkpoint. The task sleeps while there are none.
#[derive(Default)]
struct Writes {
    count: AtomicU64,
    changed: Notify,
}

impl Writes {
    /// Waits until there are so many.
    async fn reach(&self, count: u64) {
        while self.count.load(Ordering::Relaxed) < count {
            self.changed.notified().await;
        }
    }
}

/// The sending end of the task, and the signal to stop.
pub(super) struct Checkpointer {
    writes: Arc<Writes>,
    failures: Arc<AtomicU32>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// Starts the task. `options`: those of the connection that writes.
    pub fn start(options: &SqliteConnectOptions) -> Self {
        let options = options.clone().busy_timeout(RESTART_WAIT).pragma("wal_autocheckpoint", "0");
        let (writes, failures, stop) =
            (Arc::<Writes>::default(), Arc::<AtomicU32>::default(), CancellationToken::new());
        let task = tokio::spawn(run(options, writes.clone(), failures.clone(), stop.clone()));
        Self { writes, failures, stop, task: Mutex::new(Some(task)) }
    }

    /// A transaction is about to be written.
    pub fn count_write(&self) {
        let count = self.writes.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == 1 || count == MIN_WRITES {
            self.writes.changed.notify_one();
        }
    }

    /// Whether the last checkpoints all failed.
    pub fn has_failed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= MAX_FAILURES
    }

    /// Ends the task and closes its connection.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // A panic of the task has ended it too.
            let _ended = task.await;
        }
    }
}

async fn run(options: SqliteConnectOptions, writes: Arc<Writes>, failures: Arc<AtomicU32>, stop: CancellationToken) {
    // Now, so that it has the same log as the writer: if the file is deleted later, its writes are still copied to the database.
    let mut connection = options.connect().await.ok();
    let due = || async {
        tokio::time::sleep(INTERVAL).await;
        writes.reach(1).await;
        // Without so many writes, the checkpoint is made at the end of this time.
        let _few = tokio::time::timeout(MAX_WAIT, writes.reach(MIN_WRITES)).await;
    };
    while stop.run_until_cancelled(due()).await.is_some() {
        writes.count.store(0, Ordering::Relaxed);
        if let Err(error) = checkpoint(&options, &mut connection).await {
            tracing::warn!(%error, "the write-ahead log was not copied to the database; it is tried again");
            connection = None;
            failures.fetch_add(1, Ordering::Relaxed);
            // It is tried again without a further write, so that the store is ready again when the cause is gone.
            writes.count.store(1, Ordering::Relaxed);
        } else {
            failures.store(0, Ordering::Relaxed);
        }
    }
    if let Some(connection) = connection {
        // The connection that writes is closed after this one and copies the rest.
        let _closed = connection.close().await;
    }
}

/// Copies what no reader needs any more from the log, and restarts a long log.
async fn checkpoint(options: &SqliteConnectOptions, connection: &mut Option<SqliteConnection>) -> sqlx::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(options.connect().await?),
    };
    for _ in 0..MAX_CHECKPOINTS {
        let (_, pages, copied): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
        if pages < i64::from(RESTART_PAGES) {
            return Ok(());
        }
        if pages - copied <= pages / MAX_REMAINING_PART {
            // When the writer or a reader is busy for too long, the next checkpoint tries again.
            sqlx::query("PRAGMA wal_checkpoint(RESTART)").execute(&mut *connection).await?;
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;
    use crate::settings::DatabaseLimits;
    use crate::store::{Opening, Repository as _};

    #[tokio::test]
    async fn checkpoints_that_fail_repeatedly_are_noticed_until_one_succeeds() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("missing.db");
        let checkpointer = Checkpointer::start(&SqliteConnectOptions::new().filename(&file));
        let write_until = async |has_failed: bool| {
            while checkpointer.has_failed() != has_failed {
                (0..MIN_WRITES).for_each(|_| checkpointer.count_write());
                tokio::time::sleep(INTERVAL).await;
            }
        };
        write_until(true).await;
        std::fs::write(&file, "").expect("an empty database");
        write_until(false).await;
        checkpointer.close().await;
    }

    #[tokio::test]
    async fn the_log_stays_short_and_the_writer_makes_no_checkpoint() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("log.db");
        let limit = Duration::from_secs(5);
        let limits = DatabaseLimits { call: limit, queue: limit, connections: 4 };
        let opening = Opening { create: true, limits: Some(limits), ..Opening::default() };
        let store = open(&format!("sqlite://{}", file.display()), opening).await.expect("a database");
        store.migrate().await.expect("the schema");
        let mut writer = store.writer().await.expect("the connection");
        let auto: i64 =
            sqlx::query_scalar("PRAGMA wal_autocheckpoint").fetch_one(&mut *writer).await.expect("a number");
        assert_eq!(auto, i64::from(EMERGENCY_PAGES));
        // 48 MiB, each time in the same pages, and not faster than the task makes checkpoints.
        sqlx::raw_sql(
            "CREATE TABLE large (id INTEGER PRIMARY KEY, bytes BLOB); INSERT INTO large VALUES (1, zeroblob(2097152))",
        )
        .execute(&mut *writer)
        .await
        .expect("a row");
        drop(writer);
        // The second one begins after the first one's end.
        let checkpointer = store.checkpointer.as_ref().expect("a task");
        let two_checkpoints = async || {
            for _ in 0..2 {
                (0..MIN_WRITES).for_each(|_| checkpointer.count_write());
                while checkpointer.writes.count.load(Ordering::Relaxed) > 0 {
                    tokio::time::sleep(INTERVAL / 10).await;
                }
            }
        };
        for _ in 0..24 {
            let mut writer = store.writer().await.expect("the connection");
            sqlx::query("UPDATE large SET bytes = randomblob(2097152)").execute(&mut *writer).await.expect("written");
            drop(writer);
            two_checkpoints().await;
        }
        let log = std::fs::metadata(folder.path().join("log.db-wal")).expect("the log").len();
        assert!(log < 36 * 1024 * 1024, "the log has {log} bytes");
        store.close().await;
        assert!(!folder.path().join("log.db-wal").exists(), "the last connection copied all pages");
    }
}
