//! Deleting many rows without keeping logins from the writer.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::Result;

/// The least pause between two batches.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

/// Runs `batch`, which deletes some rows and returns how many, until it deletes none; returns how many were deleted. After each
/// batch it pauses for as long as the batch took, so that other writes have the database for at least half of the time.
pub async fn paced<F: Future<Output = Result<u64>>>(mut batch: impl FnMut() -> F) -> Result<u64> {
    let mut all = 0;
    loop {
        let begun = Instant::now();
        let deleted = batch().await?;
        if deleted == 0 {
            return Ok(all);
        }
        all += deleted;
        tokio::time::sleep(begun.elapsed().max(LEAST_PAUSE)).await;
    }
}
