//! The store of webhook events: an outbox. The transactions about users write the events, see
//! [`Opening::event_factory`](super::Opening::event_factory).

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{DueEvent, EventRecord, EventState};

/// Which events are sent again.
#[derive(Clone, Copy, Debug)]
pub enum Resend<'a> {
    /// The event with this id.
    One(&'a str),
    /// All events that were given up.
    Dead,
}

/// A longer queue is not counted to its end.
pub const MAX_COUNTED_EVENTS: i64 = 100_000;

/// The terms of a lease on events.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The present time: events that are due by then are leased.
    pub now: UnixMillis,
    /// When the events become due again, unless their delivery was recorded.
    pub until: UnixMillis,
    /// An event that is due later than this is due now: a clock that was ahead wrote it.
    pub max_due: UnixMillis,
}

/// Webhook events.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Leases at most `limit` due events, the longest due first. Of several nodes one gets an event, and no node waits for
    /// another.
    async fn lease_events(&self, lease: Lease, limit: i64) -> Result<Vec<DueEvent>>;
    /// Records a delivery.
    async fn event_delivered(&self, id: &str, now: UnixMillis) -> Result<()>;
    /// Records a failed attempt. `next`: when to send the event again; `None`: give it up.
    async fn event_failed(&self, id: &str, error: &str, next: Option<UnixMillis>) -> Result<()>;
    /// Makes a leased event due at `next` and does not count the attempt: it was not sent.
    async fn event_untried(&self, id: &str, next: UnixMillis) -> Result<()>;
    /// The newest first, at most `limit`.
    async fn events(&self, state: Option<EventState>, limit: i64) -> Result<Vec<EventRecord>>;
    /// The event with this id.
    async fn event(&self, id: &str) -> Result<Option<EventRecord>>;
    /// Makes events due now and resets their attempts; returns how many.
    async fn resend_events(&self, which: Resend<'_>, now: UnixMillis) -> Result<u64>;
    /// The number of events that wait for their delivery, counted up to 100,000.
    async fn pending_events(&self) -> Result<i64>;
    /// Deletes one batch of the events from before `before` that were delivered or given up; returns how many.
    /// [`delete_in_batches`](super::delete_in_batches) deletes all.
    async fn prune_events(&self, before: UnixMillis) -> Result<u64>;
}
