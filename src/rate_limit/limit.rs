//! A limit and its stages. On one node it counts in memory alone.
//!
//! Where several nodes use the database, each node allows a tenth of the quota by itself, so that a common login costs no
//! statement. All nodes share the rest. So `n` nodes allow a caller the quota and `n - 1` tenths of it at most.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::local::LocalLimit;
use super::shared::{Shared, SharedLimit};
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

impl Limit {
    pub fn new(quota: Quota, store: &Arc<dyn Repository>, clock: &SteadyClock, deps: &Deps) -> Self {
        let Quota { requests, period } = quota;
        let local = |requests| LocalLimit::new(requests, period, clock.clone());
        if !store.serves_several_nodes() {
            return Self { quota, stages: Stages::Local(local(requests)) };
        }
        let own = requests.get() / OWN_PART;
        let rest = NonZeroU32::new(requests.get() - own).unwrap_or(requests);
        let stages = SeveralNodes {
            own: NonZeroU32::new(own).map(local),
            shared: SharedLimit::new(rest, period, store.clone(), deps),
            alone: local(rest),
        };
        Self { quota, stages: Stages::Several(Box::new(stages)) }
    }

    /// Counts one request. Errors: the time until it will be allowed. A refused request is not counted.
    pub async fn check(&self, key: &Key) -> Result<(), Duration> {
        match &self.stages {
            Stages::Local(local) => local.check(key),
            Stages::Several(stages) => {
                let SeveralNodes { own, shared, alone } = &**stages;
                if own.as_ref().is_some_and(|own| own.check(key).is_ok()) {
                    return Ok(());
                }
                match shared.check(key).await {
                    Shared::Allowed => Ok(()),
                    Shared::Refused(wait) => Err(wait),
                    Shared::Unknown => alone.check(key),
                }
            }
        }
    }
}
