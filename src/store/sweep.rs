//! Deletes expired rows in small batches, so that logins wait for a batch at most.

use std::future::Future;
use std::time::Duration;

use strum::IntoEnumIterator as _;
use tokio::time::Instant;

use super::{Repository, Result};
use crate::clock::UnixMillis;

/// Rows that one statement deletes.
pub(super) const SWEEP_BATCH_SIZE: i64 = 250;
/// The shortest pause between two batches.
const MIN_PAUSE: Duration = Duration::from_millis(5);
/// How long an expired row stays, so that its login is answered with "expired" and not with "unknown".
const EXPIRED_GRACE_PERIOD: Duration = Duration::from_secs(10 * 60);

/// A table whose rows expire.
#[derive(Clone, Copy, Debug, strum::EnumIter)]
pub enum ExpiringTable {
    AuthorizationRequests,
    UsedCodes,
    OneTimeCodes,
    PendingLogins,
    Sessions,
    KnoxTokens,
    RefreshTokens,
}

impl ExpiringTable {
    /// Deletes at most `$2` rows that expired by `$1`.
    pub(super) fn delete_statement(self) -> &'static str {
        macro_rules! delete {
            ($table:literal, $key:literal) => {
                concat!(
                    "DELETE FROM ",
                    $table,
                    " WHERE (",
                    $key,
                    ") IN
                   (SELECT ",
                    $key,
                    " FROM ",
                    $table,
                    " WHERE expires <= $1 LIMIT $2)"
                )
            };
        }
        match self {
            Self::AuthorizationRequests => delete!("authorization_requests", "key"),
            Self::UsedCodes => delete!("used_codes", "code"),
            Self::OneTimeCodes => delete!("one_time_codes", "code"),
            Self::PendingLogins => delete!("pending_logins", "token"),
            Self::Sessions => delete!("sessions", "digest"),
            Self::KnoxTokens => delete!("knox_tokens", "digest"),
            Self::RefreshTokens => delete!("refresh_tokens", "user_id, jti"),
        }
    }

    fn grace_period(self) -> Duration {
        match self {
            Self::AuthorizationRequests | Self::PendingLogins => EXPIRED_GRACE_PERIOD,
            _ => Duration::ZERO,
        }
    }
}

/// Rows that protect no login any more. The oldest above a limit are deleted before they expire (SEC-44).
#[derive(Clone, Copy, Debug, strum::EnumIter)]
pub enum BoundedRows {
    /// Unfinished ones still protect a login and always stay.
    FinishedAuthorizationRequests,
    FinishedPendingLogins,
    /// Counted apart from those of users, so that callers without a credential displace no audit event of a user.
    RefusalsOfNoUser,
    RefusalsOfUsers,
}

impl BoundedRows {
    pub(super) fn count_statement(self) -> &'static str {
        self.statements().0
    }

    /// Deletes the oldest `$1` rows.
    pub(super) fn delete_statement(self) -> &'static str {
        self.statements().1
    }

    fn statements(self) -> (&'static str, &'static str) {
        macro_rules! statements {
            ($table:literal, $key:literal, $order:literal, $condition:literal) => {
                (
                    concat!("SELECT count(*) FROM ", $table, " WHERE ", $condition),
                    concat!(
                        "DELETE FROM ",
                        $table,
                        " WHERE ",
                        $key,
                        " IN
                       (SELECT ",
                        $key,
                        " FROM ",
                        $table,
                        " WHERE ",
                        $condition,
                        " ORDER BY ",
                        $order,
                        " LIMIT $1)"
                    ),
                )
            };
        }
        match self {
            Self::FinishedAuthorizationRequests => {
                statements!("authorization_requests", "key", "expires", "claimed IS NOT NULL")
            }
            Self::FinishedPendingLogins => statements!("pending_logins", "token", "expires", "completed IS NOT NULL"),
            Self::RefusalsOfNoUser => {
                statements!("audit_events", "id", "id", "event = 'refused' AND user_id IS NULL")
            }
            Self::RefusalsOfUsers => {
                statements!("audit_events", "id", "id", "event = 'refused' AND user_id IS NOT NULL")
            }
        }
    }
}

/// Deletes the rows that have expired by `now`, and the oldest of each of [`BoundedRows`] above `max_rows`; returns the number
/// of rows. Each batch is a call of its own, with the time limit of the store.
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
