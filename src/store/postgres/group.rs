//! Group commit: one task for claims and one for logins of known accounts. Each commits the writes that arrived while it
//! committed the previous ones, with a fixed number of statements and one commit (`claim_group.rs`, `login_group.rs`).
//!
//! A group waits for no lock of another transaction. What it leaves out is written by itself, and so is each write of a group
//! that fails: a failing or waiting write holds up no other login. No write is answered before its commit. When a connection is
//! lost in a commit, whether the group was written is not known: its writes are repeated only if that is safe.

use std::collections::HashSet;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use super::current_pool::CurrentPool;
use super::pool::{Lent, is_lost};
use crate::store::error::{Result, StoreError};
use crate::store::group::{GroupQueue, MAX_GROUP_SIZE, Pending};

/// A write that can share a commit with others.
pub(super) trait GroupWrite: Send + Sync + Sized + 'static {
    /// What no two writes of a group have in common: the row that both would lock.
    type Key: Hash + Eq + Send;

    /// Whether a write that may have been committed can be repeated: the second one writes nothing if the first was committed.
    const IS_REPEATABLE: bool;

    fn key(&self) -> Self::Key;
    /// Commits the writes. Of each write: whether its rows were written; `None`: it must be written by itself.
    fn commit_together(
        connection: Lent,
        writes: &[&Self],
    ) -> impl Future<Output = std::result::Result<Vec<Option<bool>>, GroupError>> + Send;
    /// Commits one write, and waits for the locks that it needs. True: its rows were written; false: none.
    fn commit_alone(&self, pool: &CurrentPool) -> impl Future<Output = Result<bool>> + Send;
}

/// Starts the task that commits the writes of the queue.
pub(super) fn start<W: GroupWrite>(pool: Arc<CurrentPool>) -> GroupQueue<W> {
    let (sender, mut queue) = GroupQueue::new();
    tokio::spawn(async move {
        while let Some(first) = queue.recv().await {
            commit_group(&pool, first, &mut queue).await;
        }
    });
    sender
}

/// A write and where its outcome goes.
type Waiting<W> = (W, oneshot::Sender<Result<bool>>);

/// Why a group was not committed.
pub(super) enum GroupError {
    /// There is no connection, or no answer in time: each write by itself would wait as long again.
    NoAnswer(StoreError),
    /// Nothing was written.
    NotWritten(StoreError),
    /// The connection was lost: everything was written, or nothing.
    Unknown(StoreError),
}

impl From<StoreError> for GroupError {
    fn from(error: StoreError) -> Self {
        Self::NotWritten(error)
    }
}

impl From<sqlx::Error> for GroupError {
    fn from(error: sqlx::Error) -> Self {
        Self::NotWritten(error.into())
    }
}

impl GroupError {
    fn into_inner(self) -> StoreError {
        match self {
            Self::NoAnswer(error) | Self::NotWritten(error) | Self::Unknown(error) => error,
        }
    }

    /// The error of a statement that commits. What the database reports about a statement has undone it.
    pub fn of_commit(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::Database(_)) && !is_lost(&error) {
            Self::NotWritten(error.into())
        } else {
            Self::Unknown(error.into())
        }
    }
}

async fn commit_group<W: GroupWrite>(
    pool: &Arc<CurrentPool>,
    first: Pending<W>,
    queue: &mut mpsc::Receiver<Pending<W>>,
) {
    let (group, mut alone) = take_group(first, queue);
    let (writes, mut done): (Vec<W>, Vec<_>) = group.into_iter().unzip();
    if writes.is_empty() {
        return;
    }
    let refs: Vec<&W> = writes.iter().collect();
    let commit = async {
        let connection = pool.get().acquire().await.map_err(|error| GroupError::NoAnswer(error.into()))?;
        guarded(pool, W::commit_together(connection, &refs)).await.unwrap_or_else(Err)
    };
    let committed = tokio::select! {
        committed = commit => committed,
        // A silent database must not hold up the writes of later callers.
        () = all_closed(&mut done) => Ok(vec![Some(false); writes.len()]),
    };
    let mut is_unsure = false;
    let outcomes = match committed {
        Ok(outcomes) => outcomes,
        Err(GroupError::NotWritten(error)) => {
            tracing::warn!(%error, writes = writes.len(), "a group of writes failed; each is tried by itself");
            vec![None; writes.len()]
        }
        Err(GroupError::Unknown(error)) if W::IS_REPEATABLE => {
            tracing::warn!(%error, writes = writes.len(), "the connection of a group of writes was lost; each is tried by itself");
            pool.get().suspect_all();
            is_unsure = true;
            vec![None; writes.len()]
        }
        Err(GroupError::NoAnswer(error) | GroupError::Unknown(error)) => {
            for done in done {
                answer(done, Err(StoreError(error.to_string().into())));
            }
            write_each(pool, alone, false);
            return;
        }
    };
    let mut repeated = Vec::new();
    for ((write, done), outcome) in writes.into_iter().zip(done).zip(outcomes) {
        match outcome {
            Some(written) => answer(done, Ok(written)),
            None if is_unsure => repeated.push((write, done)),
            None => alone.push((write, done)),
        }
    }
    write_each(pool, repeated, true);
    write_each(pool, alone, false);
}

/// Commits each write by itself. `is_unsure`: it may have been committed before, so "nothing was written" is not an answer.
fn write_each<W: GroupWrite>(pool: &Arc<CurrentPool>, writes: Vec<Waiting<W>>, is_unsure: bool) {
    for (write, mut done) in writes {
        let pool = pool.clone();
        tokio::spawn(async move {
            let commit = async {
                let is_written = guarded(&pool, write.commit_alone(&pool)).await.map_err(GroupError::into_inner)??;
                if is_unsure && !is_written {
                    return Err(StoreError("the connection was lost while the database answered".into()));
                }
                Ok(is_written)
            };
            tokio::select! {
                outcome = commit => answer(done, outcome),
                // The transaction is rolled back.
                () = done.closed() => {}
            }
        });
    }
}

/// The writes that have arrived, and those of them that must be written by themselves.
fn take_group<W: GroupWrite>(
    first: Pending<W>,
    queue: &mut mpsc::Receiver<Pending<W>>,
) -> (Vec<Waiting<W>>, Vec<Waiting<W>>) {
    let (mut keys, mut group, mut alone) = (HashSet::new(), Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(pending) = next {
        if !pending.is_abandoned() {
            let list = if keys.insert(pending.write.key()) { &mut group } else { &mut alone };
            list.push(pending.into_parts());
        }
        next = if group.len() + alone.len() < MAX_GROUP_SIZE { queue.try_recv().ok() } else { None };
    }
    (group, alone)
}

/// Ends when no caller waits for any of the outcomes.
async fn all_closed(done: &mut [oneshot::Sender<Result<bool>>]) {
    for done in done {
        done.closed().await;
    }
}

/// The caller may be gone.
fn answer(done: oneshot::Sender<Result<bool>>, outcome: Result<bool>) {
    let _gone = done.send(outcome);
}

/// With the time limit of a call. A panic is an error: a bug in one write must not end the task that every login needs.
async fn guarded<T>(pool: &CurrentPool, commit: impl Future<Output = T> + Send) -> std::result::Result<T, GroupError> {
    let commit = AssertUnwindSafe(commit).catch_unwind();
    let committed = match pool.time_limit() {
        Some(limit) => tokio::time::timeout(limit, commit)
            .await
            .map_err(|_| GroupError::NoAnswer(StoreError(format!("no answer within {limit:?}").into())))?,
        None => commit.await,
    };
    committed.map_err(|_| GroupError::NotWritten(StoreError("a write panicked".into())))
}
