//! Brings what the store has queued to the operator's software: at least once, tried again with growing pauses, given up
//! after the last try and then left for a person to see (`webhooks list --state dead`).
//!
//! `server/` runs one courier on each node; a lease in the store keeps two from bringing the same event at a time, and
//! gives what a dead one held to the others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::clock::Deps;
use crate::hook::{DeliveryError, Hook};
use crate::model::DueEvent;
use crate::store::{Lease, Repository, Result};

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events that are brought at a time.
const AT_ONCE: i64 = 32;
/// Far longer than one call may take.
const LEASE: Duration = Duration::from_secs(60);

/// After the first try; each pause is four times the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 3600);
/// All pauses together: a good two days.
pub const TRIES: i64 = 12;

pub struct WebhookDispatcher {
    hook: Arc<Hook>,
    store: Arc<dyn Repository>,
    deps: Deps,
}

impl WebhookDispatcher {
    pub fn new(hook: Arc<Hook>, store: Arc<dyn Repository>, deps: Deps) -> Self {
        Self { hook, store, deps }
    }

    /// Until `stop`; what is on its way then is still brought.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.round().await {
                // There may be more.
                Ok(AT_ONCE..) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the queue of webhooks cannot be read"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Brings what is due now, and answers how many events that were.
    async fn round(&self) -> Result<i64> {
        let now = self.deps.now();
        let lease = Lease { now, until: now.plus(LEASE), max_due: now.plus(LONGEST_PAUSE * 2) };
        let due = self.store.lease_events(lease, AT_ONCE).await?;
        for brought in join_all(due.iter().map(|event| self.deliver(event))).await {
            brought?;
        }
        Ok(i64::try_from(due.len()).unwrap_or(i64::MAX))
    }

    async fn deliver(&self, event: &DueEvent) -> Result<()> {
        let told = self.hook.tell(&event.id, &event.body).await;
        let now = self.deps.now();
        let error = match told {
            Ok(()) => {
                tracing::debug!(id = event.id, "webhook delivered");
                return self.store.event_delivered(&event.id, now).await;
            }
            // Nobody was called: the others' tries find out when the receiver is back.
            Err(DeliveryError::CircuitOpen) => {
                let next = now.plus(spread(FIRST_PAUSE, &self.deps));
                return self.store.event_untried(&event.id, next).await;
            }
            Err(error) => error,
        };
        let pause = pause_after(event.attempts, &self.deps);
        match pause {
            Some(pause) => tracing::info!(id = event.id, %error, seconds = pause.as_secs(), "webhook is tried again"),
            None => tracing::warn!(id = event.id, %error, "webhook given up: see `webhooks show`"),
        }
        self.store.event_failed(&event.id, &error.to_string(), pause.map(|pause| now.plus(pause))).await
    }
}

/// `None` after the last try.
fn pause_after(attempts: i64, deps: &Deps) -> Option<Duration> {
    let further = attempts.checked_sub(1).and_then(|tried| u32::try_from(tried).ok())?;
    let pause = FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(further)).min(LONGEST_PAUSE);
    (attempts < TRIES).then(|| spread(pause, deps))
}

/// A fifth of chance on either side keeps what failed together from coming back together.
fn spread(pause: Duration, deps: &Deps) -> Duration {
    let chance = f64::from(u16::from_be_bytes(deps.bytes())) / f64::from(u16::MAX);
    pause.mul_f64(0.8 + 0.4 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_day_and_end() {
        let deps = Deps::system();
        let pauses: Vec<f64> =
            (1..TRIES).map(|tries| pause_after(tries, &deps).expect("another try").as_secs_f64()).collect();
        let about = |pause: f64, usual: f64| (usual * 0.8..=usual * 1.2).contains(&pause);
        assert!(about(pauses[0], 5.0) && about(pauses[1], 20.0) && about(pauses[10], 43_200.0), "{pauses:?}");
        assert!((1.5..3.0).contains(&(pauses.iter().sum::<f64>() / 86_400.0)), "{pauses:?}");
        for last in [TRIES, TRIES + 1, i64::MAX] {
            assert_eq!(pause_after(last, &deps), None);
        }
    }
}
