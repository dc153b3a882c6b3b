//! Rate limits, as the generic cell rate algorithm: a row holds the time at which its limit is restored in full.

use std::time::Duration;

use super::Store;
use crate::clock::UnixMillis;
use crate::store::error::Result;
use crate::store::rate_limits::{RateLimitStore, SharedUse};

#[async_trait::async_trait]
impl RateLimitStore for Store {
    async fn use_rate_limit(&self, shared: SharedUse<'_>, now: UnixMillis) -> Result<Option<UnixMillis>> {
        let SharedUse { key, cost, period } = shared;
        // The latest time of full restoration before this use. Nodes whose clocks differ disagree by that difference.
        let latest = now.plus(period).minus(cost);
        let used = sqlx::query(
            "INSERT INTO rate_limits AS known (key, expires) VALUES ($1, $2 + $3)
             ON CONFLICT (key) DO UPDATE
               SET expires = $3 + CASE WHEN known.expires > $2 THEN known.expires ELSE $2 END
               WHERE known.expires <= $4",
        )
        .bind(key.as_bytes())
        .bind(now.0)
        .bind(UnixMillis(0).plus(cost).0)
        .bind(latest.0)
        .execute(&self.writer())
        .await?;
        if used.rows_affected() == 1 {
            return Ok(None);
        }
        let expires: Option<i64> = sqlx::query_scalar("SELECT expires FROM rate_limits WHERE key = $1")
            .bind(key.as_bytes())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let expires = expires.map_or(latest, UnixMillis);
        // Later only by a millisecond when the row changed between the two statements.
        let wait = latest.until(expires).unwrap_or_default().clamp(Duration::from_millis(1), period);
        Ok(Some(now.plus(wait)))
    }
}
