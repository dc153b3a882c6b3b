//! The store of rate limits: what several nodes count together.

use std::time::Duration;

use async_trait::async_trait;

use super::error::Result;
use crate::secrets::Digest;

/// A part of a limit that a node asks for.
#[derive(Clone, Copy, Debug)]
pub struct SharedUse<'a> {
    /// Digest of the limit and of the caller.
    pub key: &'a Digest,
    /// The time in which the least is restored that must be left.
    pub part: Duration,
    /// The time in which what is used is restored. It may be more than what is left.
    pub cost: Duration,
    /// The time in which the whole limit is restored.
    pub period: Duration,
}

/// Rate limits that are near (SEC-43). The clock is that of the database, so that the clocks of the nodes need not agree.
#[async_trait]
pub trait RateLimitStore: Send + Sync {
    /// Records the use, if a part of the limit is left. Otherwise changes nothing and returns the time until it is, which is not
    /// zero.
    async fn use_rate_limit(&self, shared: SharedUse<'_>) -> Result<Option<Duration>>;
    /// Returns what was used and is not needed: the time in which it is restored.
    async fn return_rate_limit(&self, key: &Digest, unused: Duration) -> Result<()>;
}
