//! Which refusals are logged: the first of each caller in a minute.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::key::Key;
use crate::clock::UnixMillis;

const INTERVAL: Duration = Duration::from_secs(60);
/// Refusals that are logged in a minute, of all callers together.
const MAX_REPORTS: usize = 1000;

/// The callers whose refusal was logged in this minute.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    since: UnixMillis,
    reported: HashSet<Key>,
    refused: u64,
}

impl Reports {
    /// Counts a refusal. True: it is to be logged.
    pub fn add(&self, key: &Key, now: UnixMillis) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now < minute.since || minute.since.plus(INTERVAL) <= now {
            let last = std::mem::replace(&mut *minute, Minute { since: now, ..Minute::default() });
            let unreported = last.refused.saturating_sub(last.reported.len() as u64);
            if unreported > 0 {
                tracing::warn!(refused = unreported, "more requests were refused with too_many_requests");
            }
        }
        minute.refused += 1;
        minute.reported.len() < MAX_REPORTS && minute.reported.insert(key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    #[test]
    fn sec_43_each_caller_is_reported_once_a_minute() {
        let reports = Reports::default();
        let start = UnixMillis(1_000_000);
        let add = |user, second| reports.add(&Key::User(UserId(user)), start.plus(Duration::from_secs(second)));
        assert_eq!([add(1, 0), add(1, 1), add(2, 59), add(1, 59), add(1, 60)], [true, false, true, false, true]);
        let reported = (0..2000).filter(|user| add(*user, 61)).count();
        assert_eq!(reported, MAX_REPORTS - 1);
    }
}
