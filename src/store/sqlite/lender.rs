//! How the task of a group lends its transaction to a write.

use tokio::sync::{mpsc, oneshot};

use super::Tx;
use crate::store::error::{Result, StoreError};

/// The transaction of a group, and the way back to its task.
pub(super) struct Lent {
    pub tx: Tx,
    pub back: oneshot::Sender<Tx>,
}

/// The task's end of a loan.
pub(super) struct Lender(mpsc::Sender<Lent>);

impl Lender {
    /// The two ends of a loan.
    pub fn new() -> (Self, mpsc::Receiver<Lent>) {
        let (sender, loans) = mpsc::channel(1);
        (Self(sender), loans)
    }

    /// Lends the transaction, and waits until it is back. False: no caller waits for it any more.
    ///
    /// Errors: it did not come back, because the write failed; it is rolled back.
    pub async fn lend(&self, tx: Tx) -> Result<(Tx, bool)> {
        let (back, returned) = oneshot::channel();
        if let Err(unsent) = self.0.try_send(Lent { tx, back }) {
            return Ok((unsent.into_inner().tx, false));
        }
        let failed = |_| StoreError("a write failed and rolled its group back".into());
        returned.await.map(|tx| (tx, true)).map_err(failed)
    }
}
