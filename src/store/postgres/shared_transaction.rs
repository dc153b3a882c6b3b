//! The counterpart of SQLite's shared transaction: here each write has its own.

use super::Tx;
use super::connections::Store;
use crate::store::error::{Result, StoreError};

/// A transaction of one write.
pub(super) struct SharedTransaction<'s> {
    store: &'s Store,
    tx: Option<Tx>,
}

impl SharedTransaction<'_> {
    /// The transaction. It is rolled back when it is dropped.
    pub async fn get(&mut self) -> Result<&mut Tx> {
        if self.tx.is_none() {
            self.tx = Some(self.store.begin().await?);
        }
        self.tx.as_mut().ok_or_else(|| StoreError("no transaction was begun".into()))
    }

    /// Commits if it `keeps` the write, otherwise rolls back. Never false.
    pub async fn end(&mut self, keeps: bool) -> Result<bool> {
        match self.tx.take() {
            Some(tx) if keeps => tx.commit().await?,
            Some(tx) => tx.rollback().await?,
            None => {}
        }
        Ok(true)
    }
}

impl Store {
    pub(super) fn shared_transaction(&self) -> SharedTransaction<'_> {
        SharedTransaction { store: self, tx: None }
    }
}
