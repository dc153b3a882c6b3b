//! Delivers the queued webhook events: at least once, with growing retry intervals. After the last attempt an event is dead, and
//! the operator must act (`webhooks list --state dead`).
//!
//! `server/` runs one dispatcher on each node. A lease in the store prevents two nodes from delivering an event at the same
//! time; when a node stops, its leases expire and other nodes take over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::clock::Deps;
use crate::hook::{DeliveryError, Webhook};
use crate::model::DueEvent;
use crate::store::{Lease, Repository, Result};

/// Interval between two reads of the queue.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Events that are delivered concurrently.
const BATCH_SIZE: i64 = 32;
/// Much longer than one call may take.
const LEASE_DURATION: Duration = Duration::from_secs(60);

/// After the first attempt; each further interval is four times longer.
const MIN_RETRY_INTERVAL: Duration = Duration::from_secs(5);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(12 * 3600);
/// Attempts within about two days.
pub const MAX_ATTEMPTS: i64 = 12;

/// Delivers the events of one node.
pub struct WebhookDispatcher {
    hook: Arc<Webhook>,
    store: Arc<dyn Repository>,
    deps: Deps,
}

impl WebhookDispatcher {
    /// Joins the parts.
    pub fn new(hook: Arc<Webhook>, store: Arc<dyn Repository>, deps: Deps) -> Self {
        Self { hook, store, deps }
    }

    /// Runs until `stop`; finishes the deliveries in progress.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.deliver_batch().await {
                // There may be more.
                Ok(BATCH_SIZE..) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the queue of webhooks cannot be read"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Delivers due events; returns how many.
    async fn deliver_batch(&self) -> Result<i64> {
        let now = self.deps.now();
        let lease = Lease { now, until: now.plus(LEASE_DURATION), max_due: now.plus(MAX_RETRY_INTERVAL * 2) };
        let due = self.store.lease_events(lease, BATCH_SIZE).await?;
        for delivered in join_all(due.iter().map(|event| self.deliver(event))).await {
            delivered?;
        }
        Ok(i64::try_from(due.len()).unwrap_or(i64::MAX))
    }

    async fn deliver(&self, event: &DueEvent) -> Result<()> {
        let result = self.hook.deliver(&event.id, &event.body).await;
        let now = self.deps.now();
        let metrics = self.deps.metrics();
        let error = match result {
            Ok(()) => {
                metrics.webhook_delivery("delivered");
                tracing::debug!(id = event.id, "webhook delivered");
                return self.store.event_delivered(&event.id, now).await;
            }
            // The receiver was not called, so this attempt does not count.
            Err(DeliveryError::CircuitOpen) => {
                metrics.webhook_delivery("circuit_open");
                let next = now.plus(with_jitter(MIN_RETRY_INTERVAL, &self.deps));
                return self.store.event_untried(&event.id, next).await;
            }
            Err(error) => error,
        };
        let pause = retry_interval(event.attempts, &self.deps);
        metrics.webhook_delivery(if pause.is_some() { "failed" } else { "dead" });
        match pause {
            Some(pause) => {
                tracing::info!(id = event.id, %error, seconds = pause.as_secs(), "webhook failed: it will be retried");
            }
            None => tracing::warn!(id = event.id, %error, "webhook failed for the last time: see `webhooks show`"),
        }
        self.store.event_failed(&event.id, &error.to_string(), pause.map(|pause| now.plus(pause))).await
    }
}

/// `None` after the last attempt.
fn retry_interval(attempts: i64, deps: &Deps) -> Option<Duration> {
    let retries = attempts.checked_sub(1).and_then(|retries| u32::try_from(retries).ok())?;
    let pause = MIN_RETRY_INTERVAL.saturating_mul(4_u32.saturating_pow(retries)).min(MAX_RETRY_INTERVAL);
    (attempts < MAX_ATTEMPTS).then(|| with_jitter(pause, deps))
}

/// Varies an interval by up to 20 percent, so that events that failed together are not retried together.
fn with_jitter(pause: Duration, deps: &Deps) -> Duration {
    let random = f64::from(u16::from_be_bytes(deps.bytes())) / f64::from(u16::MAX);
    pause.mul_f64(0.8 + 0.4 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_intervals_grow_to_half_a_day_and_end() {
        let deps = Deps::system();
        let pauses: Vec<f64> = (1..MAX_ATTEMPTS)
            .map(|attempts| retry_interval(attempts, &deps).expect("another attempt").as_secs_f64())
            .collect();
        let about = |pause: f64, usual: f64| (usual * 0.8..=usual * 1.2).contains(&pause);
        assert!(about(pauses[0], 5.0) && about(pauses[1], 20.0) && about(pauses[10], 43_200.0), "{pauses:?}");
        assert!((1.5..3.0).contains(&(pauses.iter().sum::<f64>() / 86_400.0)), "{pauses:?}");
        for last in [MAX_ATTEMPTS, MAX_ATTEMPTS + 1, i64::MAX] {
            assert_eq!(retry_interval(last, &deps), None);
        }
    }
}
