//! Webhook events: the outbox.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{DueEvent, EventRecord, EventState};

/// Which events are to be sent again.
#[derive(Clone, Copy, Debug)]
pub enum Resend<'a> {
    One(&'a str),
    Dead,
}

/// When events are taken, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub now: UnixMillis,
    pub until: UnixMillis,
    /// No pause ends later: what is due after it was written by a clock that stood wrong, and is due now.
    pub never_after: UnixMillis,
}

/// The outbox: what the operator's software is still to be told, and was. Rows are written by the transactions of
/// [`UserStore`], where the store was opened with somebody who wants them.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// At most `most` events that are due, the longest waiting first: the caller's until `lease.until`, when they fall
    /// due again. Of several nodes one gets an event, and none waits for another.
    async fn lease_events(&self, lease: Lease, most: i64) -> Result<Vec<DueEvent>>;
    async fn event_delivered(&self, id: &str, now: UnixMillis) -> Result<()>;
    /// `next`: when it is tried again; `None`: never.
    async fn event_failed(&self, id: &str, error: &str, next: Option<UnixMillis>) -> Result<()>;
    /// It was not tried after all: it falls due at `next`, with as many tries as before the lease.
    async fn event_untried(&self, id: &str, next: UnixMillis) -> Result<()>;
    /// The newest first.
    async fn events(&self, state: Option<EventState>, most: i64) -> Result<Vec<EventRecord>>;
    async fn event(&self, id: &str) -> Result<Option<EventRecord>>;
    /// Makes them due now, as if they had never been tried; returns how many.
    async fn resend_events(&self, which: Resend<'_>, now: UnixMillis) -> Result<u64>;
    /// Deletes one batch of what was delivered or given up, of events from before `before`; returns how many. [`in_batches`]
    /// deletes all.
    async fn prune_events(&self, before: UnixMillis) -> Result<u64>;
}
