//! The state of each caller of one limit, with a bounded number of callers.
//!
//! A flood of new addresses must neither fill the memory nor remove the state of a caller that is being limited. When there
//! are too many callers, states that are restored in full are removed, since a new state is the same. If all states are in
//! use, new callers share the states of a fixed table by their wide network, so that they are never without a limit.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

use super::key::Key;

/// Locks that callers are spread over.
const SHARDS: usize = 16;
/// States that callers share when there are too many of them.
const WIDE_STATES: usize = 1024;
/// The shortest time between two removals of restored states, in nanoseconds: one reads a whole shard.
const MIN_PRUNE_INTERVAL: u64 = 250_000_000;

/// States of `governor`: the time at which the limit is restored in full, in nanoseconds since the start.
#[derive(Debug)]
pub(super) struct BoundedStates {
    shards: Vec<Mutex<Shard>>,
    wide: Mutex<Vec<Option<Nanos>>>,
    max_keys_in_shard: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    states: HashMap<Key, Nanos>,
    /// When restored states were removed last.
    pruned: u64,
}

impl BoundedStates {
    /// `max_keys`: the number of callers with a state of their own.
    pub fn new(max_keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            wide: Mutex::new(vec![None; WIDE_STATES]),
            max_keys_in_shard: max_keys.div_ceil(SHARDS),
            hasher: RandomState::new(),
        }
    }

    /// The place of a key among `count` places. The seed is random, so that callers cannot choose theirs.
    fn place(&self, key: &Key, count: usize) -> usize {
        // Truncated on purpose: any bits of the hash will do.
        usize::try_from(self.hasher.hash_one(key) % count as u64).unwrap_or(0)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).states.len()).sum()
    }
}

impl Shard {
    /// Removes states that are restored at `fresh`, unless that was done just before.
    fn prune(&mut self, fresh: Nanos) {
        if fresh.as_u64().saturating_sub(self.pruned) >= MIN_PRUNE_INTERVAL {
            self.states.retain(|_, state| *state >= fresh);
            self.pruned = fresh.as_u64();
        }
    }
}

impl StateStore for BoundedStates {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = lock(&self.shards[self.place(key, SHARDS)]);
        if let Some(state) = shard.states.get_mut(key) {
            let (outcome, next) = decide(Some(*state))?;
            *state = next;
            return Ok(outcome);
        }
        let (outcome, fresh) = decide(None)?;
        if shard.states.len() >= self.max_keys_in_shard {
            // An earlier state than that of a first request has less than one request to restore.
            shard.prune(fresh);
        }
        if shard.states.len() < self.max_keys_in_shard {
            shard.states.insert(key.clone(), fresh);
            return Ok(outcome);
        }
        drop(shard);
        let place = self.place(&key.wide(), WIDE_STATES);
        let state = &mut lock(&self.wide)[place];
        let (outcome, next) = decide(*state)?;
        *state = Some(next);
        Ok(outcome)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Network;

    /// Requests that a state allows before it refuses, when time does not pass.
    const BURST: u64 = 5;
    const CELL: u64 = 1_000_000_000;

    fn key(address: &str) -> Key {
        Key::Address(Network::of_text(Some(address)))
    }

    /// A request at `now`, as `governor` decides it.
    fn allows(states: &BoundedStates, key: &Key, now: u64) -> bool {
        let decide = |state: Option<Nanos>| {
            let restored = state.map_or(now, |state| state.as_u64().max(now));
            let next = restored + CELL;
            if next - now <= BURST * CELL { Ok(((), Nanos::from(next))) } else { Err(()) }
        };
        states.measure_and_replace(key, decide).is_ok()
    }

    #[test]
    fn sec_43_a_flood_of_addresses_removes_no_state_that_limits() {
        let states = BoundedStates::new(320);
        let attacker = key("198.51.100.1");
        let allowed = (0..20).filter(|_| allows(&states, &attacker, 0)).count();
        assert_eq!(allowed, 5);
        let flood = (0..5000).map(|n: u32| key(&format!("2001:db8:{:x}:{:x}::1", n / 100, n)));
        let allowed = flood.filter(|key| allows(&states, key, 0)).count();
        assert!(states.len() <= 320, "{}", states.len());
        // Those without a state of their own share that of their /32.
        assert!((320..=330).contains(&(allowed + 1)), "{allowed}");
        assert!(!allows(&states, &attacker, 0), "still limited");
        assert!(allows(&states, &key("192.0.2.1"), 0), "another network shares another state");
        // Two seconds later the states of one request are restored, and that of the attacker has two requests left.
        let later = 2 * CELL;
        assert!((0..1000).all(|n| allows(&states, &key(&format!("10.0.{}.{}", n / 250, n % 250)), later + n * CELL)));
        assert!(states.len() <= 320, "{}", states.len());
    }
}
