//! Group commit: one task for claims and one for logins of known accounts. Each commits the writes that arrived while it
//! committed the previous ones, with a fixed number of statements and one commit (`claim_group.rs`, `login_group.rs`).
//!
//! A group waits for no lock of another transaction. What it leaves out is written by itself, and so is each write of a group
//! that fails: a failing or waiting write holds up no other login. No write is answered before its commit.

use std::collections::HashSet;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use super::current_pool::CurrentPool;
use super::pool::Lent;
use crate::store::error::{Result, StoreError};
use crate::store::group::{GroupQueue, MAX_GROUP_SIZE, Pending};

/// A write that can share a commit with others.
pub(super) trait GroupWrite: Send + Sync + Sized + 'static {
    /// What no two writes of a group have in common: the row that both would lock.
    type Key: Hash + Eq + Send;

    fn key(&self) -> Self::Key;
    /// Commits the writes. Of each write: whether its rows were written; `None`: it must be written by itself.
    fn commit_together(connection: Lent, writes: &[&Self]) -> impl Future<Output = Result<Vec<Option<bool>>>> + Send;
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
enum Failed {
    /// There is no connection: each write by itself would wait as long again.
    Connection(StoreError),
    Write(StoreError),
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
        let connection = pool.get().acquire().await.map_err(|error| Failed::Connection(error.into()))?;
        guarded(pool, W::commit_together(connection, &refs)).await.map_err(Failed::Write)
    };
    let committed = tokio::select! {
        committed = commit => committed,
        // A silent database must not hold up the writes of later callers.
        () = all_closed(&mut done) => Ok(vec![Some(false); writes.len()]),
    };
    let outcomes = match committed {
        Ok(outcomes) => outcomes,
        Err(Failed::Write(error)) => {
            tracing::warn!(%error, writes = writes.len(), "a group of writes failed; each is tried by itself");
            vec![None; writes.len()]
        }
        Err(Failed::Connection(error)) => {
            for done in done.into_iter().chain(alone.into_iter().map(|(_, done)| done)) {
                answer(done, Err(StoreError(error.to_string().into())));
            }
            return;
        }
    };
    for ((write, done), outcome) in writes.into_iter().zip(done).zip(outcomes) {
        match outcome {
            Some(written) => answer(done, Ok(written)),
            None => alone.push((write, done)),
        }
    }
    for (write, mut done) in alone {
        let pool = pool.clone();
        tokio::spawn(async move {
            tokio::select! {
                outcome = guarded(&pool, write.commit_alone(&pool)) => answer(done, outcome),
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
async fn guarded<T>(pool: &CurrentPool, commit: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let commit = AssertUnwindSafe(commit).catch_unwind();
    let committed = match pool.time_limit() {
        Some(limit) => tokio::time::timeout(limit, commit)
            .await
            .map_err(|_| StoreError(format!("no answer within {limit:?}").into()))?,
        None => commit.await,
    };
    committed.unwrap_or_else(|_| Err(StoreError("a write panicked".into())))
}
