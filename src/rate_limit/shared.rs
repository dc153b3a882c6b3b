//! The second stage of a limit: the part that all nodes share through the database.
//!
//! A node asks for one of about [`PARTS`] parts of the shared quota at a time, and then counts requests against it in memory. So
//! one statement counts many requests, and a refused caller causes at most one statement in the time in which a part is
//! restored. The database measures the time of the quota, so that the clocks of the nodes need not agree.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Deps, UnixMillis};
use crate::secrets::Digest;
use crate::store::{Repository, SharedUse};

use super::key::Key;

/// The number of parts of a large quota. A quota of fewer requests has a part for each.
const PARTS: u32 = 20;
/// Callers whose use this node shares with the others. Further ones are limited by this node alone.
const MAX_SHARED_CALLERS: usize = 10_000;
/// How long the database is not asked after it failed.
const PAUSE: Duration = Duration::from_secs(5);
/// What a node does not use for so long, other nodes may use.
const MAX_IDLE: Duration = Duration::from_secs(10);

/// A quota that several nodes share. Cheap to clone.
#[derive(Clone)]
pub(super) struct SharedLimit(Arc<Inner>);

struct Inner {
    store: Arc<dyn Repository>,
    deps: Deps,
    /// The time in which the whole quota is restored.
    period: Duration,
    /// Requests of one part.
    part: NonZeroU32,
    /// The time in which a part is restored.
    cost: Duration,
    grants: Mutex<HashMap<Key, Arc<Grant>>>,
    paused_until: Mutex<Option<UnixMillis>>,
}

/// Which grants a node returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnScope {
    /// Those that were not used for a while.
    Idle,
    /// All, because the node stops.
    All,
}

/// What this node has of the quota of one caller.
pub(super) struct Grant {
    key: Digest,
    state: Mutex<GrantState>,
    /// Locked while the database is asked.
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Copy)]
struct GrantState {
    /// Requests that this node may still allow; below 0: a request took more than there was.
    left: i64,
    /// When `left` was granted, or the caller was refused.
    since: UnixMillis,
    refused_until: UnixMillis,
    last_used: UnixMillis,
}

/// The decision of the second stage.
pub(super) enum Shared {
    Allowed(Arc<Grant>),
    /// The time until the request will be allowed.
    Refused(Duration),
    /// This node must decide alone: the database does not answer, or too many callers are near their limit.
    Unknown,
}

impl Grant {
    /// Returns units that a request took.
    pub fn return_units(&self, units: u32) {
        self.state().left += i64::from(units);
    }

    fn state(&self) -> MutexGuard<'_, GrantState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedLimit {
    pub fn new(requests: NonZeroU32, period: Duration, store: Arc<dyn Repository>, deps: &Deps) -> Self {
        let part = NonZeroU32::new(requests.get() / PARTS).unwrap_or(NonZeroU32::MIN);
        let millis = period.as_millis().saturating_mul(part.get().into()).div_ceil(requests.get().into());
        let cost = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        Self(Arc::new(Inner {
            store,
            deps: deps.clone(),
            // Rounded with the cost, so that exactly these parts fit into it.
            period: cost * (requests.get() / part),
            part,
            cost,
            grants: Mutex::default(),
            paused_until: Mutex::new(None),
        }))
    }

    /// Counts one request as `units`, if at least one unit is left.
    pub async fn take(&self, key: &Key, units: NonZeroU32) -> Shared {
        let inner = &self.0;
        if inner.is_paused() {
            return Shared::Unknown;
        }
        let Some(grant) = inner.grant_of(key) else { return Shared::Unknown };
        loop {
            if let Some(decision) = inner.decide(&grant, units) {
                return decision;
            }
            // One statement at a time for each caller: requests that wait here use what it grants.
            let asking = grant.asking.clone().lock_owned().await;
            if let Some(decision) = inner.decide(&grant, units) {
                return decision;
            }
            if inner.is_paused() {
                return Shared::Unknown;
            }
            // In a task of its own: what the database grants must not be lost when the caller disconnects.
            let (inner, grant) = (inner.clone(), grant.clone());
            let asked = tokio::spawn(async move {
                let is_answered = inner.ask(&grant, units).await;
                drop(asking);
                is_answered
            });
            if !asked.await.unwrap_or(false) {
                return Shared::Unknown;
            }
        }
    }

    /// Returns what this node was granted and does not use, so that the other nodes can. Also forgets the callers that were not
    /// seen for a period.
    pub async fn return_unused(&self, scope: ReturnScope) {
        let inner = &self.0;
        for (grant, left) in inner.remove_unused(scope) {
            let unused = inner.cost / inner.part.get() * left;
            // What is not returned is restored within the period.
            if let Err(error) = inner.store.return_rate_limit(&grant.key, unused).await {
                tracing::debug!(%error, "an unused part of a rate limit could not be returned to other nodes");
                return;
            }
        }
    }
}

impl Inner {
    /// `None`: the database must be asked.
    fn decide(&self, grant: &Arc<Grant>, units: NonZeroU32) -> Option<Shared> {
        let now = self.deps.now();
        let mut state = grant.state();
        state.last_used = now;
        if state.since.plus(self.period) <= now {
            state.left = 0;
        }
        if state.left > 0 {
            state.left -= i64::from(units.get());
            return Some(Shared::Allowed(grant.clone()));
        }
        // A longer wait is left from before the clock was set back.
        let waits = |wait: &Duration| !wait.is_zero() && *wait <= self.period * 2;
        now.until(state.refused_until).filter(waits).map(Shared::Refused)
    }

    /// Asks for as many parts as a request of `units` needs. False: the database fails.
    async fn ask(&self, grant: &Grant, units: NonZeroU32) -> bool {
        let missing = i64::from(units.get()).saturating_sub(grant.state().left);
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        // At most the whole quota, however much is missing.
        let all = u32::try_from(self.period.as_millis() / self.cost.as_millis().max(1)).unwrap_or(u32::MAX);
        let parts = missing.div_ceil(self.part.get()).clamp(1, all.max(1));
        let needed = SharedUse { key: &grant.key, part: self.cost, cost: self.cost * parts, period: self.period };
        // The store answers within DATABASE_TIMEOUT.
        let outcome = self.store.use_rate_limit(needed).await;
        let now = self.deps.now();
        let mut state = grant.state();
        match outcome {
            Ok(None) => {
                state.left += i64::from(parts) * i64::from(self.part.get());
                // Where the quota is smaller than what is missing, one request is allowed all the same.
                state.left = state.left.max(1);
                state.since = now;
            }
            Ok(Some(wait)) => (state.refused_until, state.since) = (now.plus(wait), now),
            Err(error) => {
                drop(state);
                self.pause(now, &error);
                return false;
            }
        }
        true
    }

    /// `None`: too many callers are near their limit.
    fn grant_of(&self, key: &Key) -> Option<Arc<Grant>> {
        let mut grants = self.grants();
        if let Some(grant) = grants.get(key) {
            return Some(grant.clone());
        }
        if grants.len() >= MAX_SHARED_CALLERS {
            return None;
        }
        let now = self.deps.now();
        let state = GrantState { left: 0, since: now, refused_until: UnixMillis(0), last_used: now };
        let grant = Arc::new(Grant { key: key.digest(), state: Mutex::new(state), asking: Arc::default() });
        grants.insert(key.clone(), grant.clone());
        Some(grant)
    }

    /// Removes the grants that no request uses; returns those with something left.
    fn remove_unused(&self, scope: ReturnScope) -> Vec<(Arc<Grant>, u32)> {
        let (now, is_closing) = (self.deps.now(), scope == ReturnScope::All);
        let mut unused = Vec::new();
        self.grants().retain(|_, grant| {
            let state = *grant.state();
            // A request that uses the grant, or may return something, has a reference too.
            let is_idle = Arc::strong_count(grant) == 1 && (is_closing || state.last_used.plus(MAX_IDLE) <= now);
            if !is_idle || (!is_closing && state.refused_until > now) {
                return true;
            }
            let is_restored = state.since.plus(self.period) <= now;
            let left = u32::try_from(state.left).unwrap_or(0);
            if left > 0 && !is_restored {
                unused.push((grant.clone(), left));
            }
            // What a request took too much is remembered until it is restored.
            state.left < 0 && !is_restored
        });
        unused
    }

    fn grants(&self) -> MutexGuard<'_, HashMap<Key, Arc<Grant>>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_paused(&self) -> bool {
        let (now, until) = (self.deps.now(), *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner));
        until.is_some_and(|until| now < until && until <= now.plus(PAUSE))
    }

    fn pause(&self, now: UnixMillis, error: &dyn std::fmt::Display) {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.plus(PAUSE));
        tracing::warn!(%error, "a rate limit could not be shared with other nodes: this node counts alone for some seconds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;
    use crate::secrets::SecretString;

    #[tokio::test]
    async fn sec_43_an_aborted_request_loses_no_part_of_the_quota() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = SecretString::from(format!("sqlite://{}", directory.path().join("limits.db").display()));
        let store = crate::store::open(&url, true).await.expect("a database");
        store.migrate().await.expect("the schema");
        let requests = NonZeroU32::new(40).expect("not 0");
        // In hours, so that nothing is restored meanwhile.
        let limit = SharedLimit::new(requests, Duration::from_secs(40 * 3600), store, &Deps::system());
        let key = Key::User(UserId(1));
        let mut aborted = Box::pin(limit.take(&key, NonZeroU32::MIN));
        let asks = std::future::poll_fn(|context| std::task::Poll::Ready(aborted.as_mut().poll(context)));
        assert!(asks.await.is_pending(), "the database has not answered yet");
        drop(aborted);
        let mut allowed = 0;
        while let Shared::Allowed(_) = limit.take(&key, NonZeroU32::MIN).await {
            allowed += 1;
        }
        assert_eq!(allowed, 40, "the part that the aborted request asked for is used by others");
        // Callers are forgotten without a request that reads all of them.
        limit.return_unused(ReturnScope::All).await;
        assert!(limit.0.grants().is_empty());
    }

    #[tokio::test]
    async fn sec_43_what_a_node_does_not_use_is_returned() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = SecretString::from(format!("sqlite://{}", directory.path().join("limits.db").display()));
        let store = crate::store::open(&url, true).await.expect("a database");
        store.migrate().await.expect("the schema");
        let requests = NonZeroU32::new(200).expect("not 0");
        let node = || SharedLimit::new(requests, Duration::from_secs(200 * 3600), store.clone(), &Deps::system());
        let key = Key::User(UserId(1));
        for stopping in [node(), node()] {
            assert!(matches!(stopping.take(&key, NonZeroU32::MIN).await, Shared::Allowed(_)));
            stopping.return_unused(ReturnScope::Idle).await;
            assert_eq!(stopping.0.grants().len(), 1, "it was used just now");
            stopping.return_unused(ReturnScope::All).await;
        }
        let (last, mut allowed) = (node(), 0);
        while let Shared::Allowed(_) = last.take(&key, NonZeroU32::MIN).await {
            allowed += 1;
        }
        // 198 are left, in parts of ten. Without the return it would be 180.
        assert_eq!(allowed, 190);
    }
}
