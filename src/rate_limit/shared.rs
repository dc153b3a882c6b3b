//! The second stage of a limit: the part that all nodes share through the database.
//!
//! A node asks for one of about [`PARTS`] parts of the shared quota at a time, and then counts requests against it in memory. So
//! one statement counts many requests, and a refused caller causes at most one statement in the time in which a part is
//! restored.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Deps, UnixMillis};
use crate::secrets::Digest;
use crate::store::{Repository, SharedUse};

use super::key::Key;

/// The number of parts of a large quota. A quota of fewer requests has a part for each.
const PARTS: u32 = 20;
/// Callers whose use this node shares with the others. Further ones are limited by this node alone.
const MAX_KEYS: usize = 10_000;
/// How long the database is not asked after it failed.
const PAUSE: Duration = Duration::from_secs(5);

/// A quota that several nodes share.
pub(super) struct SharedLimit {
    store: Arc<dyn Repository>,
    deps: Deps,
    /// The time in which the whole quota is restored.
    period: Duration,
    /// Requests of one part.
    part: u32,
    /// The time in which a part is restored.
    cost: Duration,
    grants: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Grant>>>>,
    paused_until: Mutex<Option<UnixMillis>>,
}

/// What this node has of the quota of one caller.
struct Grant {
    key: Digest,
    /// Requests that this node may still allow.
    left: u32,
    /// When `left` was granted, or the caller was refused.
    since: UnixMillis,
    refused_until: UnixMillis,
}

/// The decision of the second stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    Allowed,
    /// The time until the request will be allowed.
    Refused(Duration),
    /// This node must decide alone: the database does not answer, or too many callers are near their limit.
    Unknown,
}

impl SharedLimit {
    pub fn new(requests: NonZeroU32, period: Duration, store: Arc<dyn Repository>, deps: &Deps) -> Self {
        let part = (requests.get() / PARTS).max(1);
        let millis = period.as_millis().saturating_mul(part.into()).div_ceil(requests.get().into());
        let cost = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        Self {
            store,
            deps: deps.clone(),
            // Rounded with the cost, so that exactly these parts fit into it.
            period: cost * (requests.get() / part),
            part,
            cost,
            grants: Mutex::default(),
            paused_until: Mutex::new(None),
        }
    }

    /// Counts one request.
    pub async fn check(&self, key: &Key) -> Shared {
        let now = self.deps.now();
        if self.is_paused(now) {
            return Shared::Unknown;
        }
        let Some(grant) = self.grant_of(key, now) else { return Shared::Unknown };
        // One statement at a time for each caller: requests that wait here use what it grants.
        let mut grant = grant.lock().await;
        let now = self.deps.now();
        if grant.since.plus(self.period) <= now {
            grant.left = 0;
        }
        if grant.left > 0 {
            grant.left -= 1;
            return Shared::Allowed;
        }
        // A longer wait is left from before the clock was set back.
        let waits = |wait: &Duration| !wait.is_zero() && *wait <= self.period;
        if let Some(wait) = now.until(grant.refused_until).filter(waits) {
            return Shared::Refused(wait);
        }
        if self.is_paused(now) {
            return Shared::Unknown;
        }
        let shared = SharedUse { key: &grant.key, cost: self.cost, period: self.period };
        // The store answers within DATABASE_TIMEOUT.
        match self.store.use_rate_limit(shared, now).await {
            Ok(None) => {
                (grant.left, grant.since) = (self.part - 1, now);
                Shared::Allowed
            }
            Ok(Some(until)) => {
                (grant.refused_until, grant.since) = (until, now);
                Shared::Refused(now.until(until).unwrap_or_default())
            }
            Err(error) => self.pause(now, &error),
        }
    }

    /// `None`: too many callers are near their limit.
    fn grant_of(&self, key: &Key, now: UnixMillis) -> Option<Arc<tokio::sync::Mutex<Grant>>> {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grant) = grants.get(key) {
            return Some(grant.clone());
        }
        if grants.len() >= MAX_KEYS {
            // A grant in use is locked; one that is older than the period has no effect.
            let is_old = |grant: &tokio::sync::Mutex<Grant>| {
                grant.try_lock().is_ok_and(|grant| grant.since.plus(self.period) <= now)
            };
            grants.retain(|_, grant| !is_old(grant));
        }
        if grants.len() >= MAX_KEYS {
            return None;
        }
        let grant = Grant { key: key.digest(), left: 0, since: now, refused_until: UnixMillis(0) };
        let grant = Arc::new(tokio::sync::Mutex::new(grant));
        grants.insert(key.clone(), grant.clone());
        Some(grant)
    }

    fn is_paused(&self, now: UnixMillis) -> bool {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until && until <= now.plus(PAUSE))
    }

    fn pause(&self, now: UnixMillis, error: &dyn std::fmt::Display) -> Shared {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.plus(PAUSE));
        tracing::warn!(%error, "a rate limit could not be shared with other nodes: this node counts alone for some seconds");
        Shared::Unknown
    }
}
