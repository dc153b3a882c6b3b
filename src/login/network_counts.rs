//! Counts the rows of the last ten minutes by network, in memory of fixed size.
//!
//! A count-min sketch: each network has one counter in each of four lines, and the lowest is its count. Networks that share a
//! counter can make a count too high, never too low. So a flood from many addresses cannot make the server forget the rows of
//! any of them, as a list of limited length would.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::model::UNFINISHED_LOGIN_LIFETIME;

const LINES: usize = 4;
const COLUMNS: usize = 1 << 14;
/// Rows are counted by the period in which they were written, and forgotten when the whole period is over.
const PERIODS_PER_LIFETIME: u64 = 4;
const PERIODS: usize = 5;
/// Of the same value: the present period and those of a lifetime.
const KNOWN_PERIODS: i64 = 5;

pub struct NetworkCounts {
    /// Random, so that no caller can choose addresses that share counters.
    hasher: RandomState,
    periods: [Period; PERIODS],
    latest: i64,
}

struct Period {
    number: i64,
    /// The lines, one after the other.
    counters: Vec<u32>,
}

impl Default for NetworkCounts {
    fn default() -> Self {
        let empty = || Period { number: 0, counters: vec![0; LINES * COLUMNS] };
        Self { hasher: RandomState::new(), periods: std::array::from_fn(|_| empty()), latest: 0 }
    }
}

impl NetworkCounts {
    /// At least the number of rows that this network wrote within the last ten minutes.
    pub fn count(&mut self, network: &impl Hash, now: UnixMillis) -> i64 {
        self.advance(now);
        let (cells, latest) = (self.cells(network), self.latest);
        let known = self.periods.iter().filter(|period| latest - period.number < KNOWN_PERIODS);
        known.map(|period| cells.map(|cell| period.counters[cell]).into_iter().min().map_or(0, i64::from)).sum()
    }

    /// Counts a row that was written now.
    pub fn add(&mut self, network: &impl Hash, now: UnixMillis) {
        self.advance(now);
        let (cells, latest) = (self.cells(network), self.latest);
        let period = &mut self.periods[index_of(latest)];
        cells.into_iter().for_each(|cell| period.counters[cell] = period.counters[cell].saturating_add(1));
    }

    /// Uncounts a row that was written at `created`.
    pub fn remove(&mut self, network: &impl Hash, created: UnixMillis) {
        let (cells, number) = (self.cells(network), number_of(created));
        let period = &mut self.periods[index_of(number)];
        if period.number == number {
            cells.into_iter().for_each(|cell| period.counters[cell] = period.counters[cell].saturating_sub(1));
        }
    }

    /// Clears the counters of the oldest period for the present one. A clock that was set back continues the latest period.
    fn advance(&mut self, now: UnixMillis) {
        let number = number_of(now);
        if number > self.latest {
            self.latest = number;
            let period = &mut self.periods[index_of(number)];
            period.number = number;
            period.counters.fill(0);
        }
    }

    fn cells(&self, network: &impl Hash) -> [usize; LINES] {
        #[expect(clippy::cast_possible_truncation, reason = "any part of a hash is a hash")]
        std::array::from_fn(|line| line * COLUMNS + self.hasher.hash_one((line, network)) as usize % COLUMNS)
    }
}

fn number_of(at: UnixMillis) -> i64 {
    const PERIOD: Duration = Duration::from_secs(UNFINISHED_LOGIN_LIFETIME.as_secs() / PERIODS_PER_LIFETIME);
    at.0.div_euclid(i64::try_from(PERIOD.as_millis()).unwrap_or(i64::MAX))
}

fn index_of(number: i64) -> usize {
    usize::try_from(number.rem_euclid(KNOWN_PERIODS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis(1_795_521_600_000);

    fn after(seconds: u64) -> UnixMillis {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn sec_44_rows_are_counted_for_at_least_their_lifetime() {
        let mut counts = NetworkCounts::default();
        counts.add(&"a", after(0));
        counts.add(&"a", after(149));
        counts.add(&"a", after(300));
        let at = [0, 599, 749, 750, 899, 900, 1049, 1050, 1_000_000].map(|seconds| counts.count(&"a", after(seconds)));
        assert_eq!(at, [3, 3, 3, 1, 1, 1, 1, 0, 0]);
        counts.add(&"a", after(1_000_000));
        assert_eq!((counts.count(&"a", after(0)), counts.count(&"b", after(1_000_000))), (1, 0));
    }

    #[test]
    fn sec_44_a_removed_row_is_uncounted_in_its_own_period() {
        let mut counts = NetworkCounts::default();
        counts.add(&"a", after(0));
        counts.add(&"a", after(200));
        counts.remove(&"a", after(0));
        counts.remove(&"a", after(0));
        assert_eq!(counts.count(&"a", after(200)), 1, "not twice");
        // Its period is over and its counters belong to another one.
        counts.add(&"a", after(750));
        counts.remove(&"a", after(0));
        assert_eq!(counts.count(&"a", after(750)), 2);
    }

    #[test]
    fn sec_44_a_flood_of_other_networks_hides_no_row() {
        let mut counts = NetworkCounts::default();
        (0..7).for_each(|_| counts.add(&"a", START));
        (0..300_000).for_each(|n| counts.add(&n, START));
        assert!((7..100).contains(&counts.count(&"a", START)), "{}", counts.count(&"a", START));
    }
}
