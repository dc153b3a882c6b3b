//! The queue of writes that one task commits in groups.

use tokio::sync::{mpsc, oneshot};

use super::error::{Result, StoreError};

/// The maximum number of writes in a group, so that the first does not wait for many later ones.
pub(super) const MAX_GROUP_SIZE: usize = 32;

/// A write that waits for its commit.
pub(super) struct Pending<W> {
    pub write: W,
    done: oneshot::Sender<Result<bool>>,
}

impl<W> Pending<W> {
    /// Whether no caller waits: the caller's time limit ended and its request was answered with 503, so the write must not be made.
    pub fn is_abandoned(&self) -> bool {
        self.done.is_closed()
    }

    /// The write, and where its outcome goes. `closed` of the latter ends when no caller waits any more.
    pub fn into_parts(self) -> (W, oneshot::Sender<Result<bool>>) {
        (self.write, self.done)
    }

    /// The caller may be gone.
    pub fn answer(self, outcome: Result<bool>) {
        let _gone = self.done.send(outcome);
    }
}

/// Answers each write with the same error.
pub(super) fn answer_all<W>(group: impl IntoIterator<Item = Pending<W>>, error: &StoreError) {
    for pending in group {
        pending.answer(Err(StoreError(error.to_string().into())));
    }
}

/// The sending end of the queue.
pub(super) struct GroupQueue<W>(mpsc::Sender<Pending<W>>);

impl<W> GroupQueue<W> {
    /// The queue, and the end from which the task takes the writes.
    pub fn new() -> (Self, mpsc::Receiver<Pending<W>>) {
        let (sender, queue) = mpsc::channel(MAX_GROUP_SIZE);
        (Self(sender), queue)
    }

    /// Waits until the write is committed. True: all of its rows were written; false: none.
    ///
    /// Errors: those of this write, or of the database as a whole.
    pub async fn write(&self, write: W) -> Result<bool> {
        let (done, answer) = oneshot::channel();
        let closed = || StoreError("the database is closed".into());
        self.0.send(Pending { write, done }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}
