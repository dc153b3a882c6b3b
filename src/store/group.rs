//! Group commit: the two writes that every login makes are committed together with those of other logins that wait.
//!
//! SQLite has one writer, and what a transaction costs beside its rows (locks, pages of the log that all of them touch,
//! two changes of threads at either end) is paid once for all who came while the last group was being written. Nobody
//! waits for company: a lone write is a group of one. Nobody is answered before the commit; where it fails, it fails for
//! the whole group.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use super::sqlite::SqliteStore;
use super::{KnownLogin, Result, StoreError};
use crate::clock::UnixMillis;
use crate::model::CodeClaim;
use crate::secrets::Digest;

/// So that the first of a group is not kept waiting by those who came after it.
const MOST: usize = 32;

/// What is written in groups. Each writes all of its rows or, when it answers false, none.
pub(super) enum Write {
    Claim { attempt: Option<Digest>, code: Option<CodeClaim>, now: UnixMillis },
    Login(Box<KnownLogin>),
}

struct Waiting {
    write: Write,
    done: oneshot::Sender<Result<bool>>,
}

pub(super) struct Group(mpsc::Sender<Waiting>);

impl Group {
    pub fn over(writer: SqlitePool) -> Self {
        let (sender, mut queue) = mpsc::channel::<Waiting>(MOST);
        tokio::spawn(async move {
            while let Some(first) = queue.recv().await {
                let mut group = Vec::with_capacity(MOST);
                // A bug in one write must not be the end of all logins to come.
                let outcome = AssertUnwindSafe(together(&writer, first, &mut queue, &mut group)).catch_unwind().await;
                let outcome = outcome.unwrap_or_else(|_| Err(StoreError("a write panicked".into())));
                for (done, written) in group {
                    // Whoever went away does not want to know.
                    let _gone = done.send(match &outcome {
                        Ok(()) => Ok(written),
                        Err(error) => Err(StoreError(error.to_string().into())),
                    });
                }
            }
        });
        Self(sender)
    }

    /// Errors: the database's, of this write or of another of its group.
    pub async fn write(&self, write: Write) -> Result<bool> {
        let (done, answer) = oneshot::channel();
        let closed = || StoreError("the database is closed".into());
        self.0.send(Waiting { write, done }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// Writes `first` and whatever waits by then, in one transaction. Whose answers are due stands in `group`.
async fn together(
    writer: &SqlitePool,
    first: Waiting,
    queue: &mut mpsc::Receiver<Waiting>,
    group: &mut Vec<(oneshot::Sender<Result<bool>>, bool)>,
) -> Result<()> {
    let mut next = Some(first);
    let begun = writer.begin_with("BEGIN IMMEDIATE").await;
    let mut tx = match begun {
        Ok(tx) => tx,
        Err(error) => {
            // Nor would those who wait behind it get in: each would wait as long once more.
            let waiting = next.into_iter().chain(std::iter::from_fn(|| queue.try_recv().ok()));
            group.extend(waiting.map(|waiting| (waiting.done, false)));
            return Err(error.into());
        }
    };
    while let Some(Waiting { write, done }) = next {
        let written = SqliteStore::write_one(&mut tx, &write).await;
        group.push((done, matches!(written, Ok(true))));
        written?;
        next = if group.len() < MOST { queue.try_recv().ok() } else { None };
    }
    Ok(tx.commit().await?)
}
