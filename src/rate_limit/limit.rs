//! A limit and its stages. On one node it counts in memory alone.
//!
//! Where several nodes use the database, each node allows a tenth of the quota by itself, so that a common login costs no
//! statement. All nodes share the rest. So `n` nodes allow a caller the quota and `n - 1` tenths of it at most.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::key::Key;
use super::local::LocalLimit;
use super::reservations::Reservations;
use super::shared::{Grant, ReturnScope, Shared, SharedLimit};
use super::steady_clock::SteadyClock;
use crate::clock::Deps;
use crate::settings::Quota;
use crate::store::Repository;

/// A node allows this part of a quota without asking the database.
const OWN_PART: u32 = 10;

/// A limit with its two stages.
pub(super) struct Limit {
    pub quota: Quota,
    stages: Stages,
    reservations: Reservations,
}

enum Stages {
    /// One node.
    Local(LocalLimit),
    Several(Box<SeveralNodes>),
}

struct SeveralNodes {
    /// The part that this node allows by itself. `None`: the quota is too small to be divided.
    own: Option<LocalLimit>,
    shared: SharedLimit,
    /// In place of `shared` as long as the database does not answer, so that the limit still holds on each node.
    alone: LocalLimit,
}

/// The stage that counted a request.
enum CountedBy {
    /// The only one, or `own`.
    First,
    Shared(Arc<Grant>),
    Alone,
}

/// What a request took of a quota. Dropped, all of it is returned.
pub(super) struct Taken {
    limit: Arc<Limit>,
    key: Key,
    units: NonZeroU32,
    counted_by: CountedBy,
    /// Units that count for good.
    kept: u32,
    is_reserved: bool,
}

impl Limit {
    pub fn new(quota: Quota, store: &Arc<dyn Repository>, clock: &SteadyClock, deps: &Deps) -> Self {
        let Quota { requests, period } = quota;
        let local = |requests| LocalLimit::new(requests, period, clock.clone());
        let reservations = Reservations::default();
        if !store.serves_several_nodes() {
            return Self { quota, stages: Stages::Local(local(requests)), reservations };
        }
        let own = requests.get() / OWN_PART;
        let rest = NonZeroU32::new(requests.get() - own).unwrap_or(requests);
        let stages = SeveralNodes {
            own: NonZeroU32::new(own).map(local),
            shared: SharedLimit::new(rest, period, store.clone(), deps),
            alone: local(rest),
        };
        Self { quota, stages: Stages::Several(Box::new(stages)), reservations }
    }

    /// Counts one request. Errors: the time until it will be allowed. A refused request is not counted.
    pub async fn take(self: &Arc<Self>, key: Key) -> Result<Taken, Duration> {
        let counted_by = self.try_take(&key, NonZeroU32::MIN).await?;
        Ok(Taken { limit: self.clone(), key, units: NonZeroU32::MIN, counted_by, kept: 0, is_reserved: false })
    }

    /// Counts one request as `units`, of which its outcome decides how many are kept. One unit must be left; the others may exceed
    /// the quota and are then restored later. Waits, until the deadline, while requests of the same caller may return something.
    ///
    /// Errors: the time until a unit is left.
    pub async fn reserve(self: &Arc<Self>, key: Key, units: NonZeroU32, deadline: Instant) -> Result<Taken, Duration> {
        loop {
            // Before the attempt, so that no end is missed in between.
            let reserved = self.reservations.ended(&key);
            let ended = reserved.as_ref().map(|ended| ended.notified());
            match self.try_take(&key, units).await {
                Ok(counted_by) => {
                    self.reservations.add(&key);
                    return Ok(Taken { limit: self.clone(), key, units, counted_by, kept: 0, is_reserved: true });
                }
                Err(wait) => {
                    let may_retry = match ended {
                        Some(ended) => tokio::time::timeout_at(deadline, ended).await.is_ok(),
                        // Another request took the rest during the attempt.
                        None => self.reservations.ended(&key).is_some() && Instant::now() < deadline,
                    };
                    if !may_retry {
                        return Err(wait);
                    }
                }
            }
        }
    }

    /// Returns what this node does not use to the others.
    pub async fn return_unused(&self, scope: ReturnScope) {
        if let Stages::Several(stages) = &self.stages {
            stages.shared.return_unused(scope).await;
        }
    }

    async fn try_take(&self, key: &Key, units: NonZeroU32) -> Result<CountedBy, Duration> {
        let stages = match &self.stages {
            Stages::Local(local) => return local.take(key, units).map(|()| CountedBy::First),
            Stages::Several(stages) => stages,
        };
        if stages.own.as_ref().is_some_and(|own| own.take(key, units).is_ok()) {
            return Ok(CountedBy::First);
        }
        match stages.shared.take(key, units).await {
            Shared::Allowed(grant) => Ok(CountedBy::Shared(grant)),
            Shared::Refused(wait) => Err(wait),
            Shared::Unknown => stages.alone.take(key, units).map(|()| CountedBy::Alone),
        }
    }

    fn return_units(&self, key: &Key, units: u32, counted_by: &CountedBy) {
        match (&self.stages, counted_by) {
            (_, CountedBy::Shared(grant)) => grant.return_units(units),
            (Stages::Local(local), _) => local.return_units(key, units),
            (Stages::Several(stages), CountedBy::Alone) => stages.alone.return_units(key, units),
            (Stages::Several(stages), CountedBy::First) => {
                stages.own.iter().for_each(|own| own.return_units(key, units));
            }
        }
    }
}

impl Taken {
    /// Counts the request for good, as so many units at most.
    pub fn keep(mut self, units: u32) {
        self.kept = units;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let unused = self.units.get().saturating_sub(self.kept);
        if unused > 0 {
            self.limit.return_units(&self.key, unused, &self.counted_by);
        }
        if self.is_reserved {
            self.limit.reservations.remove(&self.key);
        }
    }
}
