//! The first stage of a limit, in the memory of this node.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::{Quota as GovernorQuota, RateLimiter};

use super::bounded_states::BoundedStates;
use super::key::Key;
use super::steady_clock::SteadyClock;

/// Callers with a state of their own, in each limit. A state takes about 100 bytes.
const MAX_KEYS: usize = 100_000;

/// Counts requests in memory.
#[derive(Debug)]
pub(super) struct LocalLimit {
    limiter: RateLimiter<Key, BoundedStates, SteadyClock, NoOpMiddleware<Duration>>,
}

impl LocalLimit {
    /// Allows `requests` in `period`: all of them at once, restored evenly.
    pub fn new(requests: NonZeroU32, period: Duration, clock: SteadyClock) -> Self {
        let interval = (period / requests.get()).max(Duration::from_nanos(1));
        let quota = GovernorQuota::with_period(interval).expect("the interval is not zero").allow_burst(requests);
        Self { limiter: RateLimiter::new(quota, BoundedStates::new(MAX_KEYS), clock) }
    }

    /// Counts one request. Errors: the time until it will be allowed.
    pub fn check(&self, key: &Key) -> Result<(), Duration> {
        self.limiter.check_key(key).map_err(|refused| refused.wait_time_from(self.limiter.clock().now()))
    }
}
