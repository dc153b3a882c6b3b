//! Group commit: one task commits the two writes of every login, times of last use and audit events of refusals together.
//!
//! SQLite has one writer. The fixed cost of a transaction (locks, pages of the log, its sync, two thread switches) is shared by
//! all writes that arrived while the previous group was committed. Before the task begins a transaction, and before it commits it,
//! the other tasks that are ready run: each may have another write for it. A group may hold a single write; the task never waits
//! to fill a group. No write is answered before the commit.
//!
//! When a group fails, each of its writes is retried in its own transaction: a failing write fails no other login.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::Tx;
use super::lender::Lender;
use crate::clock::UnixMillis;
use crate::metrics::Metrics;
use crate::model::{AuditEvent, CodeClaim, CredentialHandle, UserId};
use crate::secrets::Digest;
use crate::store::error::{Result, StoreError, sqlite_result_code};
use crate::store::group::{self, GroupQueue, MAX_GROUP_SIZE, answer_all};
use crate::store::login_commit::KnownLogin;

/// A write of a group.
pub(super) enum Write {
    Claim {
        authorization_request: Option<Digest>,
        code: Option<CodeClaim>,
        now: UnixMillis,
    },
    Login(Box<KnownLogin>),
    /// A credential was used.
    Touch {
        handle: CredentialHandle,
        user: UserId,
        now: UnixMillis,
    },
    Audit(Box<AuditEvent>),
    /// What the borrower of the transaction writes.
    Lend(Lender),
    #[cfg(test)]
    Faulty(Fault),
}

/// How a write of the tests fails.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(super) enum Fault {
    Error,
    Panic,
}

/// Executes a write in the transaction of its group. True: all of its rows were written; false: none.
pub(super) trait WriteInGroup: 'static {
    fn write(tx: &mut Tx, write: &Write) -> impl Future<Output = Result<bool>> + Send;
}

type Pending = group::Pending<Write>;

pub(super) struct Group(GroupQueue<Write>);

/// Why a group was not committed.
enum Failed {
    /// No transaction could begin: another try would wait as long again.
    Begin(StoreError),
    Write(StoreError),
}

impl Failed {
    fn into_error(self) -> StoreError {
        match self {
            Self::Begin(error) | Self::Write(error) => error,
        }
    }
}

impl Group {
    /// Starts the task. It sets `reopen` when a write failed, so that the next one gets a new connection.
    pub fn start<W: WriteInGroup>(writer: SqlitePool, reopen: Arc<AtomicBool>, metrics: Metrics) -> Self {
        let (sender, mut queue) = GroupQueue::new();
        tokio::spawn(async move {
            while let Some(first) = queue.recv().await {
                yield_now().await;
                commit_group::<W>(&writer, &reopen, &metrics, first, &mut queue).await;
            }
        });
        Self(sender)
    }

    /// Errors: those of this write, or of the database as a whole.
    pub async fn write(&self, write: Write) -> Result<bool> {
        self.0.write(write).await
    }
}

async fn commit_group<W: WriteInGroup>(
    writer: &SqlitePool,
    reopen: &AtomicBool,
    metrics: &Metrics,
    first: Pending,
    queue: &mut mpsc::Receiver<Pending>,
) {
    let mut group = vec![first];
    let failed = match commit::<W>(writer, reopen, &mut group, Some(&mut *queue)).await {
        Ok(outcomes) => {
            metrics.write_group(outcomes.len());
            for (pending, written) in group.into_iter().zip(outcomes) {
                pending.answer(Ok(written));
            }
            return;
        }
        Err(failed) => failed,
    };
    reopen.store(true, Ordering::Release);
    match failed {
        Failed::Begin(error) => {
            group.extend(std::iter::from_fn(|| queue.try_recv().ok()));
            answer_all(group, &error);
        }
        Failed::Write(error) if group.len() == 1 => answer_all(group, &error),
        Failed::Write(error) => {
            tracing::warn!(%error, writes = group.len(), "a group of writes failed; each is tried by itself");
            commit_each::<W>(writer, reopen, group).await;
        }
    }
}

/// Each write in a transaction of its own, until none can be begun.
async fn commit_each<W: WriteInGroup>(writer: &SqlitePool, reopen: &AtomicBool, group: Vec<Pending>) {
    let mut group = group.into_iter();
    while let Some(pending) = group.next() {
        let mut alone = vec![pending];
        let outcome = commit::<W>(writer, reopen, &mut alone, None).await;
        let is_unusable = matches!(outcome, Err(Failed::Begin(_)));
        let outcome = outcome.map(|outcomes| outcomes.first().copied().unwrap_or_default()).map_err(|failed| {
            reopen.store(true, Ordering::Release);
            failed.into_error()
        });
        if is_unusable && let Err(error) = &outcome {
            answer_all(group.by_ref(), error);
        }
        if let Some(pending) = alone.pop() {
            pending.answer(outcome);
        }
    }
}

/// Commits the group, and the writes that arrive in `queue` meanwhile, in one transaction. A panic is an error: a bug in one
/// write must not end the task that every login needs.
async fn commit<W: WriteInGroup>(
    writer: &SqlitePool,
    reopen: &AtomicBool,
    group: &mut Vec<Pending>,
    queue: Option<&mut mpsc::Receiver<Pending>>,
) -> std::result::Result<Vec<bool>, Failed> {
    let committed = AssertUnwindSafe(commit_unguarded::<W>(writer, reopen, group, queue)).catch_unwind().await;
    committed.unwrap_or_else(|_| Err(Failed::Write(StoreError("a write panicked".into()))))
}

async fn commit_unguarded<W: WriteInGroup>(
    writer: &SqlitePool,
    reopen: &AtomicBool,
    group: &mut Vec<Pending>,
    mut queue: Option<&mut mpsc::Receiver<Pending>>,
) -> std::result::Result<Vec<bool>, Failed> {
    let mut tx = begin(writer, reopen).await.map_err(|error| Failed::Begin(error.into()))?;
    let mut outcomes = Vec::with_capacity(MAX_GROUP_SIZE);
    while let Some(pending) = group.get(outcomes.len()) {
        let written = match &pending.write {
            _ if pending.is_abandoned() => false,
            Write::Lend(lender) => {
                let (returned, written) = lender.lend(tx).await.map_err(Failed::Write)?;
                tx = returned;
                written
            }
            write => W::write(&mut tx, write).await.map_err(Failed::Write)?,
        };
        outcomes.push(written);
        if let Some(queue) = queue.as_deref_mut()
            && group.len() < MAX_GROUP_SIZE
        {
            if group.len() == outcomes.len() {
                yield_now().await;
            }
            group.extend(queue.try_recv().ok());
        }
    }
    tx.commit().await.map_err(|error| Failed::Write(error.into()))?;
    Ok(outcomes)
}

/// Begins a transaction. Retries once on a new connection, unless the database is busy: then the first try waited already.
async fn begin(
    writer: &SqlitePool,
    reopen: &AtomicBool,
) -> std::result::Result<Transaction<'static, Sqlite>, sqlx::Error> {
    match writer.begin_with("BEGIN IMMEDIATE").await {
        Err(error) if !is_busy(&error) => {
            reopen.store(true, Ordering::Release);
            writer.begin_with("BEGIN IMMEDIATE").await
        }
        begun => begun,
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) || sqlite_result_code(error) == Some(BUSY)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::super::{Store, open};
    use super::*;
    use crate::model::{AuditFilter, AuditKind};
    use crate::secrets::SecretString;
    use crate::store::audit::AuditStore as _;
    use crate::store::{Opening, Repository as _};

    fn code(text: &str) -> CodeClaim {
        CodeClaim { digest: Digest::of(text.as_bytes()), binding: None, claimed: UnixMillis(1), expires: UnixMillis(2) }
    }

    fn claim(text: &str) -> Write {
        Write::Claim { authorization_request: None, code: Some(code(text)), now: UnixMillis(1) }
    }

    async fn migrated(folder: &std::path::Path) -> SqlitePool {
        let url = format!("sqlite://{}", folder.join("group.db").display());
        let migrated = crate::store::open(&SecretString::from(url.clone()), true).await.expect("a database");
        migrated.migrate().await.expect("the schema");
        let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        one.connect(&url).await.expect("a connection")
    }

    #[tokio::test]
    async fn fault_b6_a_failing_write_fails_no_other_of_its_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = migrated(folder.path()).await;
        for fault in [Fault::Error, Fault::Panic] {
            let reopen = Arc::new(AtomicBool::new(false));
            let group = Group::start::<Store>(writer.clone(), reopen.clone(), Metrics::default());
            let writes = (0..15).map(|n| {
                let write = if n == 7 { Write::Faulty(fault) } else { claim(&format!("{} {n}", fault as u8)) };
                group.write(write)
            });
            let outcomes = join_all(writes).await;
            for (n, outcome) in outcomes.iter().enumerate() {
                assert_eq!(matches!(outcome, Ok(true)), n != 7, "{n}: {outcome:?}");
            }
            assert!(reopen.load(Ordering::Acquire), "the connection is opened again");
        }
    }

    #[tokio::test]
    async fn fault_f1_a_group_begins_again_on_a_new_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("group.db").display());
        let opening = Opening { create: true, ..Opening::default() };
        let store = open(&url, opening).await.expect("a database");
        store.migrate().await.expect("the schema");
        let mut connection = store.writer().await.expect("the only connection");
        // The driver does not know of this transaction, so the first try to begin another one fails.
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await.expect("a transaction");
        drop(connection);
        assert!(matches!(store.commit_claim(None, Some(&code("first")), UnixMillis(1)).await, Ok(true)));
    }

    #[tokio::test]
    async fn more_audit_events_than_one_group_holds_are_committed() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("group.db").display());
        let store = open(&url, Opening { create: true, ..Opening::default() }).await.expect("a database");
        store.migrate().await.expect("the schema");
        let event = AuditEvent::of_operator(AuditKind::Deactivated, UserId(1), UnixMillis(1));
        let outcomes = join_all((0..2 * MAX_GROUP_SIZE).map(|_| store.insert_audit_event(&event))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let found = store.audit_events(&AuditFilter::default(), 100).await.expect("the events");
        assert_eq!(found.len(), 2 * MAX_GROUP_SIZE);
    }

    #[tokio::test]
    async fn an_abandoned_write_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = migrated(folder.path()).await;
        let group = Group::start::<Store>(writer.clone(), Arc::default(), Metrics::default());
        let busy = writer.begin().await.expect("the only connection");
        let late = tokio::time::timeout(std::time::Duration::from_millis(20), group.write(claim("late"))).await;
        assert!(late.is_err(), "the caller's limit ends first");
        drop(busy);
        assert!(matches!(group.write(claim("next")).await, Ok(true)));
        assert!(matches!(group.write(claim("late")).await, Ok(true)), "the code was not claimed");
    }
}
