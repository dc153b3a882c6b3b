//! A place in a group for a write that reads before it writes: the task of the group lends it the transaction.

use std::pin::Pin;

use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteQueryResult};
use tokio::sync::mpsc;

use super::Tx;
use super::connections::Store;
use super::group::Write;
use super::lender::{Lender, Lent};
use crate::store::error::{Result, StoreError};

/// A transaction that other writes may share.
pub(super) struct SharedTransaction<'s> {
    /// Whether the write is within a savepoint, so that it can be undone by itself.
    has_savepoint: bool,
    lent: Option<Lent>,
    loans: mpsc::Receiver<Lent>,
    committed: Pin<Box<dyn Future<Output = Result<bool>> + Send + 's>>,
}

impl SharedTransaction<'_> {
    /// The transaction. A write that fails is not committed, and neither is one that is dropped.
    pub async fn get(&mut self) -> Result<&mut Tx> {
        if self.lent.is_none() {
            self.lent = self.next().await?;
        }
        self.lent.as_mut().map(|lent| &mut lent.tx).ok_or_else(|| StoreError("the database is closed".into()))
    }

    /// Ends the write: it is kept, or undone by itself. Waits for the commit of the group in both cases, as the decision to undo
    /// it may depend on the other writes. False: one of them failed, so everything was rolled back. Write once more.
    pub async fn end(&mut self, keeps: bool) -> Result<bool> {
        if let Some(mut lent) = self.lent.take() {
            if self.has_savepoint {
                let end = if keeps { "RELEASE shared" } else { "ROLLBACK TO shared" };
                sqlx::query(end).execute(&mut *lent.tx).await?;
            }
            // Without the task the transaction is dropped, and `next` reports it.
            let _closed = lent.back.send(lent.tx);
        }
        self.lent = self.next().await?;
        Ok(self.lent.is_none())
    }

    /// The next loan. `None`: committed.
    async fn next(&mut self) -> Result<Option<Lent>> {
        let mut lent = tokio::select! {
            Some(lent) = self.loans.recv() => lent,
            committed = &mut self.committed => return committed.map(|_| None),
        };
        if self.has_savepoint {
            sqlx::query("SAVEPOINT shared").execute(&mut *lent.tx).await?;
        }
        Ok(Some(lent))
    }
}

impl Store {
    /// A transaction that other writes may share. What is written in it can be undone by itself.
    pub(super) fn shared_transaction(&self) -> SharedTransaction<'_> {
        self.borrow_transaction(true)
    }

    /// Executes one statement that writes. It may be executed twice, in transactions of which one is committed.
    pub(super) async fn execute_repeatable<'q>(
        &self,
        query: impl Fn() -> Query<'q, Sqlite, SqliteArguments> + Send + Sync,
    ) -> Result<SqliteQueryResult> {
        let mut shared = self.borrow_transaction(false);
        loop {
            let written = query().execute(&mut **shared.get().await?).await?;
            if shared.end(true).await? {
                return Ok(written);
            }
        }
    }

    fn borrow_transaction(&self, has_savepoint: bool) -> SharedTransaction<'_> {
        let (lender, loans) = Lender::new();
        let committed = Box::pin(self.write_in_group(Write::Lend(lender)));
        SharedTransaction { has_savepoint, lent: None, loans, committed }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::store::Opening;

    async fn store(folder: &std::path::Path) -> Store {
        let url = format!("sqlite://{}", folder.join("shared.db").display());
        let store = super::super::open(&url, Opening { create: true, ..Opening::default() }).await.expect("a database");
        sqlx::raw_sql("CREATE TABLE written (value INTEGER NOT NULL)")
            .execute(&mut *store.writer().await.expect("the connection"))
            .await
            .expect("a table");
        store
    }

    async fn insert(tx: &mut Tx, value: i64) {
        sqlx::query("INSERT INTO written VALUES ($1)").bind(value).execute(&mut **tx).await.expect("a row");
    }

    async fn written(store: &Store) -> Vec<i64> {
        let mut reader = store.reader().await.expect("a connection");
        sqlx::query_scalar("SELECT value FROM written ORDER BY value").fetch_all(&mut *reader).await.expect("the rows")
    }

    #[tokio::test]
    async fn a_write_is_undone_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path()).await;
        join_all((0..40).map(async |value| {
            let mut shared = store.shared_transaction();
            loop {
                insert(shared.get().await.expect("the transaction"), value).await;
                if shared.end(value % 3 != 0).await.expect("committed") {
                    return;
                }
            }
        }))
        .await;
        assert_eq!(written(&store).await, (0..40).filter(|value| value % 3 != 0).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn fault_b6_a_write_that_fails_is_left_out_and_the_others_are_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path()).await;
        let tries = join_all((0..20).map(async |value| {
            let mut shared = store.shared_transaction();
            for tries in 1.. {
                let tx = shared.get().await.expect("the transaction");
                insert(tx, value).await;
                if value == 7 {
                    let failed = sqlx::query("INSERT INTO written VALUES (NULL)").execute(&mut **tx).await;
                    assert!(failed.is_err());
                    return 0;
                }
                if shared.end(true).await.expect("committed") {
                    return tries;
                }
            }
            unreachable!("a range without end")
        }))
        .await;
        assert_eq!(written(&store).await, (0..20).filter(|value| *value != 7).collect::<Vec<_>>());
        assert!(tries.contains(&2), "some were in the group that failed: {tries:?}");
    }

    #[tokio::test]
    async fn a_statement_that_fails_reports_its_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path()).await;
        let failed = store.execute_repeatable(|| sqlx::query("INSERT INTO written VALUES (NULL)")).await;
        assert!(failed.expect_err("an error").to_string().contains("NOT NULL"), "the database's own words");
        store.execute_repeatable(|| sqlx::query("INSERT INTO written VALUES (1)")).await.expect("the next one");
        assert_eq!(written(&store).await, [1]);
    }
}
