//! Deletes expired rows in small batches, so that logins wait for a batch at most. `server/background.rs` says when, and how long
//! audit events and webhook events are kept.

use std::future::Future;
use std::time::Duration;

use strum::IntoEnumIterator as _;
use tokio::time::Instant;

use super::deletable_rows::{BoundedRows, ExpiringTable, SWEEP_BATCH_SIZE};
use super::error::Result;
use super::repository::Repository;
use crate::clock::UnixMillis;

/// The shortest pause between two batches.
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// Deletes the rows that have expired by `now`, and the oldest of each of [`BoundedRows`] above `max_rows`; returns the number
/// of rows. Each batch is a call of its own, with the time limit of the store.
///
/// Errors: the database fails; rows deleted before stay deleted.
pub async fn sweep(repository: &dyn Repository, now: UnixMillis, max_rows: i64) -> Result<u64> {
    let mut deleted = 0;
    for table in ExpiringTable::iter() {
        deleted += delete_in_batches(|| repository.delete_expired(table, now.minus(table.grace_period()))).await?;
    }
    for rows in BoundedRows::iter() {
        let mut excess = repository.count_rows(rows).await? - max_rows;
        deleted += delete_in_batches(|| {
            let batch = excess.clamp(0, SWEEP_BATCH_SIZE);
            excess -= batch;
            async move { if batch == 0 { Ok(0) } else { repository.delete_oldest(rows, batch).await } }
        })
        .await?;
    }
    Ok(deleted)
}

/// Runs `batch`, which deletes some rows and returns how many, until it deletes none; returns how many were deleted. After each
/// batch it pauses for as long as the batch took, so that other writes have the database for at least half of the time.
///
/// Errors: that of the first batch that fails.
pub async fn delete_in_batches<F: Future<Output = Result<u64>>>(mut batch: impl FnMut() -> F) -> Result<u64> {
    let mut all = 0;
    loop {
        let begun = Instant::now();
        let deleted = batch().await?;
        if deleted == 0 {
            return Ok(all);
        }
        all += deleted;
        tokio::time::sleep(begun.elapsed().max(MIN_PAUSE)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fault_f10_a_pause_as_long_as_the_batch_follows_each_batch() {
        const BATCH: Duration = Duration::from_millis(20);
        let (begun, mut batches) = (Instant::now(), 0);
        let deleted = delete_in_batches(|| {
            batches += 1;
            async move {
                tokio::time::sleep(BATCH).await;
                Ok(if batches < 4 { 10 } else { 0 })
            }
        });
        assert_eq!(deleted.await.expect("no error"), 30);
        // Four batches and three pauses.
        assert!(begun.elapsed() >= 7 * BATCH);
    }
}
