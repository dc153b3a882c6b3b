//! Rate limits, as the generic cell rate algorithm. A row holds the time at which its limit is restored in full, by the clock of
//! the database.

use std::time::Duration;

use super::Store;
use crate::secrets::Digest;
use crate::store::error::Result;
use crate::store::rate_limits::{RateLimitStore, SharedUse};

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[async_trait::async_trait]
impl RateLimitStore for Store {
    async fn use_rate_limit(&self, shared: SharedUse<'_>) -> Result<Option<Duration>> {
        let SharedUse { key, part, cost, period } = shared;
        // How far the time of full restoration may be away before this use.
        let longest = millis(period.saturating_sub(part));
        let used = sqlx::query(concat!(
            "INSERT INTO rate_limits AS known (key, expires) VALUES ($1, ",
            dialect!(now),
            " + $2) ON CONFLICT (key) DO UPDATE
               SET expires = $2 + CASE WHEN known.expires > ",
            dialect!(now),
            " THEN known.expires ELSE ",
            dialect!(now),
            " END WHERE known.expires <= ",
            dialect!(now),
            " + $3"
        ))
        .bind(key.as_bytes())
        .bind(millis(cost))
        .bind(longest)
        .execute(&mut *self.writer().await?)
        .await?;
        if used.rows_affected() == 1 {
            return Ok(None);
        }
        let away: Option<i64> = read!(
            self,
            fetch_optional,
            sqlx::query_scalar(concat!("SELECT expires - ", dialect!(now), " FROM rate_limits WHERE key = $1"))
                .bind(key.as_bytes())
        );
        // Not later when the row changed between the two statements: then the next request asks again.
        let wait = u64::try_from(away.unwrap_or_default().saturating_sub(longest)).unwrap_or_default().max(1);
        Ok(Some(Duration::from_millis(wait)))
    }

    async fn return_rate_limit(&self, key: &Digest, unused: Duration) -> Result<()> {
        sqlx::query("UPDATE rate_limits SET expires = expires - $2 WHERE key = $1")
            .bind(key.as_bytes())
            .bind(millis(unused))
            .execute(&mut *self.writer().await?)
            .await?;
        Ok(())
    }
}
