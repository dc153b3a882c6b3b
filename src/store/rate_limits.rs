//! The store of rate limits: what several nodes count together.

use std::time::Duration;

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::secrets::Digest;

/// A part of a limit that a node asks for.
#[derive(Clone, Copy, Debug)]
pub struct SharedUse<'a> {
    /// Digest of the limit and of the caller.
    pub key: &'a Digest,
    /// The time in which this part is restored.
    pub cost: Duration,
    /// The time in which the whole limit is restored.
    pub period: Duration,
}

/// Rate limits that are near (SEC-43).
#[async_trait]
pub trait RateLimitStore: Send + Sync {
    /// Records the use, if the limit allows it at `now`. Otherwise changes nothing and returns when it will, which is after
    /// `now`.
    async fn use_rate_limit(&self, shared: SharedUse<'_>, now: UnixMillis) -> Result<Option<UnixMillis>>;
}
