//! The first stage of a limit, in the memory of this node.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::{Quota as GovernorQuota, RateLimiter};

use super::bounded_states::{BoundedStates, Charge};
use super::key::Key;
use super::steady_clock::SteadyClock;

/// Callers with a state of their own, in each limit. A state takes about 100 bytes.
const MAX_KEYS: usize = 100_000;

/// Counts requests in memory.
#[derive(Debug)]
pub(super) struct LocalLimit {
    limiter: RateLimiter<Charge, BoundedStates, SteadyClock, NoOpMiddleware<Duration>>,
    states: BoundedStates,
    /// The nanoseconds in which one unit is restored.
    interval: u64,
}

impl LocalLimit {
    /// Allows `requests` in `period`: all of them at once, restored evenly.
    pub fn new(requests: NonZeroU32, period: Duration, clock: SteadyClock) -> Self {
        let interval = (period / requests.get()).max(Duration::from_nanos(1));
        let quota = GovernorQuota::with_period(interval).expect("the interval is not zero").allow_burst(requests);
        let states = BoundedStates::new(MAX_KEYS);
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Self { limiter: RateLimiter::new(quota, states.clone(), clock), states, interval }
    }

    /// Counts one request as `units`, if at least one unit is left. Errors: the time until one is.
    pub fn take(&self, key: &Key, units: NonZeroU32) -> Result<(), Duration> {
        let charge = Charge { key: key.clone(), extra: self.interval.saturating_mul((units.get() - 1).into()) };
        self.limiter.check_key(&charge).map_err(|refused| refused.wait_time_from(self.limiter.clock().now()))
    }

    /// Returns units that a request took.
    pub fn return_units(&self, key: &Key, units: u32) {
        self.states.return_units(key, self.interval.saturating_mul(units.into()));
    }
}
