//! The state of each caller of one limit, with a bounded number of callers.
//!
//! A flood of new addresses must neither fill the memory nor remove the state of a caller that is being limited. When there
//! are too many callers, states that are restored in full are removed, since a new state is the same. If all states are in
//! use, new callers are counted in a table of fixed size, so that they are never without a limit.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

use super::key::Key;

/// Locks that callers are spread over.
const SHARDS: usize = 16;
/// The shortest time between two removals of restored states, in nanoseconds: one reads a whole shard.
const MIN_PRUNE_INTERVAL: u64 = 250_000_000;

/// A request as the states count it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Charge {
    /// The caller.
    pub key: Key,
    /// What the request takes of the quota beyond one unit, as the nanoseconds in which that is restored. It may exceed what the
    /// caller has left, which is then restored later.
    pub extra: u64,
}

/// States of `governor`: the time at which the limit is restored in full, in nanoseconds since the start. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct BoundedStates(Arc<States>);

#[derive(Debug)]
struct States {
    shards: Vec<Mutex<Shard>>,
    overflow: Mutex<Overflow>,
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
        Self(Arc::new(States {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            overflow: Mutex::default(),
            max_keys_in_shard: max_keys.div_ceil(SHARDS),
            hasher: RandomState::new(),
        }))
    }

    /// Returns a part of what a caller's requests took. A caller without a state of its own gets none back: the table may
    /// count another caller in the same cells.
    pub fn return_units(&self, key: &Key, restored_in: u64) {
        if let Some(state) = self.shard(key).states.get_mut(key) {
            *state = state.saturating_sub(restored_in.into());
        }
    }

    /// The seed is random, so that callers cannot choose their place.
    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.0.shards[place(self.0.hasher.hash_one(key), SHARDS)])
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).states.len()).sum()
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
    type Key = Charge;

    fn measure_and_replace<T, F, E>(&self, Charge { key, extra }: &Charge, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let extra = Nanos::from(*extra);
        let mut shard = self.shard(key);
        if let Some(state) = shard.states.get_mut(key) {
            let (outcome, next) = decide(Some(*state))?;
            *state = next + extra;
            return Ok(outcome);
        }
        let (outcome, fresh) = decide(None)?;
        if shard.states.len() >= self.0.max_keys_in_shard {
            // An earlier state than that of a first request has less than one request to restore.
            shard.prune(fresh);
        }
        if shard.states.len() < self.0.max_keys_in_shard {
            shard.states.insert(key.clone(), fresh + extra);
            return Ok(outcome);
        }
        drop(shard);
        let mut overflow = lock(&self.0.overflow);
        let cells = overflow.cells_of(key, &self.0.hasher);
        let (outcome, next) = decide(Some(overflow.earliest(cells)))?;
        overflow.raise(cells, next + extra);
        Ok(outcome)
    }
}

/// The callers without a state of their own.
///
/// Each has one cell in each of four lines, and the earliest time of the four is its state. Callers that share a cell can make a state
/// too late, never too early. So no number of callers is without a limit, and one caller that exceeds its limit hardly ever
/// limits another: they would have to share all four cells.
#[derive(Debug, Default)]
struct Overflow {
    /// The lines, one after the other; empty until they are needed.
    cells: Vec<Nanos>,
}

impl Overflow {
    const LINES: usize = 4;
    const COLUMNS: usize = 1 << 14;

    fn cells_of(&mut self, key: &Key, hasher: &RandomState) -> [usize; Self::LINES] {
        self.cells.resize(Self::LINES * Self::COLUMNS, Nanos::new(0));
        std::array::from_fn(|line| line * Self::COLUMNS + place(hasher.hash_one((line, key)), Self::COLUMNS))
    }

    fn earliest(&self, cells: [usize; Self::LINES]) -> Nanos {
        cells.into_iter().map(|cell| self.cells[cell]).min().unwrap_or_default()
    }

    fn raise(&mut self, cells: [usize; Self::LINES], state: Nanos) {
        for cell in cells {
            self.cells[cell] = self.cells[cell].max(state);
        }
    }
}

fn place(hash: u64, count: usize) -> usize {
    // Any bits of the hash will do.
    usize::try_from(hash % count as u64).unwrap_or(0)
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

    /// A request at `now`, as `governor` decides it. It takes `units` of the quota.
    fn takes(states: &BoundedStates, key: &Key, now: u64, units: u64) -> bool {
        let decide = |state: Option<Nanos>| {
            let restored = state.map_or(now, |state| state.as_u64().max(now));
            let next = restored + CELL;
            if next - now <= BURST * CELL { Ok(((), Nanos::from(next))) } else { Err(()) }
        };
        let charge = Charge { key: key.clone(), extra: (units - 1) * CELL };
        states.measure_and_replace(&charge, decide).is_ok()
    }

    fn allows(states: &BoundedStates, key: &Key, now: u64) -> bool {
        takes(states, key, now, 1)
    }

    /// All states are those of callers that have nothing left.
    fn filled() -> BoundedStates {
        let states = BoundedStates::new(320);
        for n in (0_u32..).take_while(|_| states.len() < 320) {
            takes(&states, &key(&format!("10.0.{}.{}", n / 250, n % 250)), 0, BURST);
        }
        states
    }

    #[test]
    fn sec_43_a_flood_of_addresses_removes_no_state_that_limits() {
        let states = BoundedStates::new(320);
        let attacker = key("198.51.100.1");
        let allowed = (0..20).filter(|_| allows(&states, &attacker, 0)).count();
        assert_eq!(allowed, 5);
        let flood = (0..5000).map(|n: u32| key(&format!("2001:db8:{:x}:{:x}::1", n / 100, n)));
        assert!(flood.filter(|key| allows(&states, key, 0)).count() >= 320);
        assert!(states.len() <= 320, "{}", states.len());
        assert!(!allows(&states, &attacker, 0), "still limited");
        // Two seconds later the states of one request are restored, and that of the attacker has two requests left.
        let later = 2 * CELL;
        assert!((0..1000).all(|n| allows(&states, &key(&format!("10.0.{}.{}", n / 250, n % 250)), later + n * CELL)));
        assert!(states.len() <= 320, "{}", states.len());
    }

    #[test]
    fn sec_43_callers_without_a_state_of_their_own_do_not_share_a_limit() {
        let states = filled();
        for address in ["192.0.2.1", "192.0.2.2", "2001:db8:1::1"] {
            let allowed = (0..20).filter(|_| allows(&states, &key(address), 0)).count();
            assert_eq!(allowed, 5, "{address}");
        }
        // So many callers at once that most of them share cells: none is without a limit.
        for n in 0..100_000_u32 {
            allows(&states, &key(&format!("2001:db8:{:x}:{:x}::1", n >> 8, n & 255)), 0);
        }
        let attacker = key("192.0.2.3");
        assert!((0..100).filter(|_| allows(&states, &attacker, 0)).count() <= 5);
    }

    #[test]
    fn sec_43_a_request_may_take_more_than_is_left_and_return_it() {
        let states = BoundedStates::new(320);
        let caller = key("192.0.2.1");
        assert!(takes(&states, &caller, 0, 4) && takes(&states, &caller, 0, 10), "one unit is left for the second");
        assert!(!allows(&states, &caller, 9 * CELL), "nine are owed");
        assert!(allows(&states, &caller, 10 * CELL));
        states.return_units(&caller, 3 * CELL);
        assert_eq!((0..9).filter(|_| allows(&states, &caller, 10 * CELL)).count(), 3);
        // A caller that is not known has nothing to return.
        states.return_units(&key("192.0.2.2"), 3 * CELL);
        assert_eq!((0..9).filter(|_| allows(&states, &key("192.0.2.2"), 0)).count(), 5);
    }
}
