//! Requests whose outcome decides how much they count, by caller.
//!
//! What they reserved may be returned, so a request that finds the quota exhausted waits for them before it is refused. Without
//! the wait, many honest logins at the same moment would exhaust a quota that they do not use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::key::Key;

/// Requests of one caller that wait: those of a large office whose day begins. Further ones are refused at once.
const MAX_WAITING: usize = 1000;

/// The callers that have a reservation now.
#[derive(Debug, Default)]
pub(super) struct Reservations(Mutex<HashMap<Key, Reserved>>);

#[derive(Debug, Default)]
struct Reserved {
    /// Requests whose outcome is not known yet.
    open: usize,
    ended: Arc<Notify>,
}

impl Reservations {
    /// A request of this caller reserved a part of the quota.
    pub fn add(&self, key: &Key) {
        let mut all = self.lock();
        match all.get_mut(key) {
            Some(reserved) => reserved.open += 1,
            None => drop(all.insert(key.clone(), Reserved { open: 1, ended: Arc::default() })),
        }
    }

    /// The outcome of a request is known, and what it does not need was returned.
    pub fn remove(&self, key: &Key) {
        let mut all = self.lock();
        let Some(reserved) = all.get_mut(key) else { return };
        reserved.open -= 1;
        let ended = reserved.ended.clone();
        if reserved.open == 0 {
            all.remove(key);
        }
        drop(all);
        ended.notify_waiters();
    }

    /// Notifies when a reservation of this caller ends. `None`: there is none, or too many requests wait for it.
    pub fn ended(&self, key: &Key) -> Option<Arc<Notify>> {
        let all = self.lock();
        let ended = &all.get(key)?.ended;
        // One reference is the map's, the others are those of requests that wait.
        (Arc::strong_count(ended) <= MAX_WAITING).then(|| ended.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Reserved>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
