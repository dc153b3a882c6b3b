//! A clock that never runs backwards, as `governor` needs it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;

use crate::clock::{Deps, UnixMillis};

/// The time since the start. When the system's clock is set back, this clock continues; with the system's time, the limits
/// would refuse every caller until it has caught up.
#[derive(Clone, Debug)]
pub(super) struct SteadyClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    deps: Deps,
    last: Mutex<Reading>,
}

#[derive(Debug)]
struct Reading {
    at: UnixMillis,
    elapsed: Duration,
}

impl SteadyClock {
    pub fn new(deps: &Deps) -> Self {
        let last = Reading { at: deps.now(), elapsed: Duration::ZERO };
        Self(Arc::new(Inner { deps: deps.clone(), last: Mutex::new(last) }))
    }
}

impl Clock for SteadyClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that readings are in order.
        let now = self.0.deps.now();
        let elapsed = last.elapsed + last.at.until(now).unwrap_or_default();
        *last = Reading { at: now, elapsed };
        elapsed
    }
}
