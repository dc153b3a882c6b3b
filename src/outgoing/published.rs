//! What a host publishes for everybody, kept for a day: discovery documents and key sets (SEC-19, SEC-39).
//!
//! One fetch at a time however many logins wait for it; a kept one is served on when a fetch fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a fetch is not repeated: after a failure that a kept document covers, or for the sake of an unknown key.
const PAUSE: Duration = Duration::from_secs(60);

/// A document in the form that its reader gave it.
pub struct Published<T> {
    kept: Mutex<Option<Kept<T>>>,
    flight: tokio::sync::Mutex<Option<Tried>>,
    /// Fetches so far.
    rounds: AtomicU64,
}

struct Kept<T> {
    value: Arc<T>,
    fetched: UnixMillis,
}

/// The last fetch, and why it failed if it did.
struct Tried {
    at: UnixMillis,
    failure: Option<String>,
}

/// Why there is no document.
#[derive(Debug)]
pub enum Missing<E> {
    Failed(E),
    /// Somebody else's fetch, which this call waited for, failed so.
    FailedBefore(String),
    Timeout,
}

impl<T> Default for Published<T> {
    fn default() -> Self {
        Self { kept: Mutex::default(), flight: tokio::sync::Mutex::default(), rounds: AtomicU64::default() }
    }
}

impl<T> Published<T> {
    fn kept(&self, now: UnixMillis, lifetime: Duration) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| now < kept.fetched.plus(lifetime)).map(|kept| kept.value.clone())
    }

    /// What is kept, however old.
    pub fn any(&self) -> Option<Arc<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|kept| kept.value.clone())
    }

    /// The kept document, or a fresh one. `newer`: only one fetched within the last minute will do.
    pub async fn get<E: ToString>(
        &self,
        now: UnixMillis,
        newer: bool,
        deadline: Instant,
        fetch: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, Missing<E>> {
        let lifetime = if newer { PAUSE } else { LIFETIME };
        if let Some(value) = self.kept(now, lifetime) {
            return Ok(value);
        }
        let round = self.rounds.load(Ordering::Acquire);
        let locked = tokio::time::timeout_at(deadline, self.flight.lock()).await;
        let mut tried = locked.map_err(|_| Missing::Timeout)?;
        if let Some(value) = self.kept(now, lifetime) {
            return Ok(value);
        }
        if let Some(last) = &*tried {
            // A kept document covers a failure for a minute; who waited for a fetch that failed shares its failure.
            match (self.any(), &last.failure) {
                (Some(stale), _) if now < last.at.plus(PAUSE) => return Ok(stale),
                (None, Some(failure)) if self.rounds.load(Ordering::Acquire) != round => {
                    return Err(Missing::FailedBefore(failure.clone()));
                }
                _ => {}
            }
        }
        let fetched = fetch().await;
        self.rounds.fetch_add(1, Ordering::Release);
        *tried = Some(Tried { at: now, failure: fetched.as_ref().err().map(ToString::to_string) });
        match fetched {
            Ok(value) => {
                let value = Arc::new(value);
                let kept = Kept { value: value.clone(), fetched: now };
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                Ok(value)
            }
            Err(error) => self.any().ok_or(Missing::Failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn sec_39_a_thousand_logins_make_one_fetch_and_an_old_document_covers_a_failure() {
        let published = Published::<u32>::default();
        let fetches = AtomicUsize::new(0);
        let deadline = Instant::now() + Duration::from_secs(5);
        let at = |seconds: i64| UnixMillis::from_seconds(seconds);
        let fetch = |value: Result<u32, &'static str>| {
            let fetches = &fetches;
            async move || {
                fetches.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
                value
            }
        };
        let logins = (0..1000).map(|_| published.get(at(0), false, deadline, fetch(Ok(1))));
        assert!(futures_util::future::join_all(logins).await.into_iter().all(|value| *value.unwrap() == 1));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);

        // A day later the provider is down: one try a minute, and the old document stays.
        for second in [0, 1, 59] {
            assert_eq!(*published.get(at(86_401 + second), false, deadline, fetch(Err("down"))).await.unwrap(), 1);
        }
        assert_eq!(fetches.load(Ordering::Relaxed), 2);
        assert_eq!(*published.get(at(86_401 + 61), false, deadline, fetch(Ok(2))).await.unwrap(), 2);

        // SEC-19: unknown keys make it be fetched again, at most once a minute.
        for _ in 0..100 {
            published.get(at(86_401 + 90), true, deadline, fetch(Ok(3))).await.unwrap();
            published.get(at(86_401 + 130), true, deadline, fetch(Ok(3))).await.unwrap();
        }
        assert_eq!(fetches.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn sec_39_who_waits_for_a_fetch_that_fails_shares_its_failure() {
        let published = Published::<u32>::default();
        let fetches = AtomicUsize::new(0);
        let deadline = Instant::now() + Duration::from_secs(5);
        let logins = (0..100).map(|_| {
            published.get(UnixMillis(0), false, deadline, async || {
                fetches.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
                Err("down")
            })
        });
        assert!(futures_util::future::join_all(logins).await.into_iter().all(|value| value.is_err()));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }
}
