//! What a host publishes for everybody and is kept: discovery documents and key sets (SEC-19, SEC-39).
//!
//! One fetch at a time however many logins wait for it. A document that is due is served while it is fetched again in the
//! background, so a host that hangs costs no login anything. A caller that a kept document has failed gets a newer one, at
//! most once a minute.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;

/// How long a document is kept whose answer does not say.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Bounds of what `Cache-Control` and `Expires` may say.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// A document that could not be fetched again for so long is not served any more.
const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long a fetch is not repeated: one that failed, and one for a caller that needs a newer document.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a fetch in the background may take.
const BACKGROUND: Duration = Duration::from_secs(30);

/// A document in the form that its reader gave it.
pub struct Published<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    kept: Mutex<Option<Kept<T>>>,
    flight: tokio::sync::Mutex<Option<Tried>>,
    /// Fetches so far.
    rounds: AtomicU64,
}

struct Kept<T> {
    value: Arc<T>,
    /// Where it came from: one from elsewhere does not count.
    source: String,
    fetched: UnixMillis,
    due: UnixMillis,
}

/// The last fetch, and why it failed if it did.
struct Tried {
    at: UnixMillis,
    source: String,
    failure: Option<String>,
}

/// A document as it was fetched, and how long the answer lets it be kept.
pub struct Fetched<T> {
    pub value: T,
    pub lifetime: Option<Duration>,
}

/// Why there is no document.
#[derive(Debug)]
pub enum Missing<E> {
    Failed(E),
    /// The fetch of another caller, which this one waited for, failed so.
    FailedBefore(String),
    Timeout,
}

impl<T> Default for Published<T> {
    fn default() -> Self {
        let (kept, flight, rounds) = (Mutex::default(), tokio::sync::Mutex::default(), AtomicU64::default());
        Self { shared: Arc::new(Shared { kept, flight, rounds }) }
    }
}

impl<T: Send + Sync + 'static> Published<T> {
    /// What is kept, however old.
    pub fn any(&self) -> Option<Arc<T>> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|kept| kept.value.clone())
    }

    /// The kept document of `source`, or a fresh one. `newer`: only one fetched within the last minute will do, or the kept
    /// one where that cannot be had.
    pub async fn get<E, F>(
        &self,
        source: &str,
        now: UnixMillis,
        newer: bool,
        deadline: Instant,
        fetch: impl FnOnce(Instant) -> F + Send + 'static,
    ) -> Result<Arc<T>, Missing<E>>
    where
        E: ToString + Send + 'static,
        F: Future<Output = Result<Fetched<T>, E>> + Send + 'static,
    {
        let shared = &self.shared;
        match shared.kept(source, now) {
            Some((value, fetched, _)) if newer && now < fetched.plus(PAUSE) => return Ok(value),
            Some((value, _, due)) if !newer => {
                if now >= due && shared.may_try(source, now) {
                    let (shared, source) = (shared.clone(), source.to_owned());
                    tokio::spawn(async move { shared.refresh(&source, now, fetch).await });
                }
                return Ok(value);
            }
            _ => {}
        }
        let round = shared.rounds.load(Ordering::Acquire);
        let locked = tokio::time::timeout_at(deadline, shared.flight.lock()).await;
        let mut tried = locked.map_err(|_| Missing::Timeout)?;
        let kept = shared.kept(source, now);
        if let Some((value, fetched, _)) = &kept
            && (!newer || now < fetched.plus(PAUSE))
        {
            return Ok(value.clone());
        }
        if let Some(last) = tried.as_ref().filter(|last| last.source == source) {
            // A kept document covers a failure for a minute; who waited for a fetch that failed shares its failure.
            match (&kept, &last.failure) {
                (Some((value, ..)), _) if now < last.at.plus(PAUSE) => return Ok(value.clone()),
                (None, Some(failure)) if shared.rounds.load(Ordering::Acquire) != round => {
                    return Err(Missing::FailedBefore(failure.clone()));
                }
                _ => {}
            }
        }
        shared.fetched(&mut tried, source, now, fetch(deadline)).await.or_else(|error| match kept {
            Some((value, ..)) => Ok(value),
            None => Err(Missing::Failed(error)),
        })
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Value, when it was fetched, when it is due.
    fn kept(&self, source: &str, now: UnixMillis) -> Option<(Arc<T>, UnixMillis, UnixMillis)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.as_ref().filter(|kept| kept.source == source && now < kept.fetched.plus(MAX_AGE))?;
        Some((kept.value.clone(), kept.fetched, kept.due))
    }

    /// Whether no fetch is under way, and none failed within the last minute.
    fn may_try(&self, source: &str, now: UnixMillis) -> bool {
        self.flight.try_lock().is_ok_and(|tried| may_try(tried.as_ref(), source, now))
    }

    async fn refresh<E, F>(&self, source: &str, now: UnixMillis, fetch: impl FnOnce(Instant) -> F)
    where
        E: ToString,
        F: Future<Output = Result<Fetched<T>, E>>,
    {
        let Ok(mut tried) = self.flight.try_lock() else { return };
        if may_try(tried.as_ref(), source, now)
            && let Err(error) = self.fetched(&mut tried, source, now, fetch(Instant::now() + BACKGROUND)).await
        {
            tracing::warn!(error = error.to_string(), "a document that is due could not be fetched again");
        }
    }

    async fn fetched<E: ToString>(
        &self,
        tried: &mut Option<Tried>,
        source: &str,
        now: UnixMillis,
        fetch: impl Future<Output = Result<Fetched<T>, E>>,
    ) -> Result<Arc<T>, E> {
        // Noted before, since a caller that goes away ends its fetch.
        *tried = Some(Tried { at: now, source: source.to_owned(), failure: None });
        let fetched = fetch.await;
        self.rounds.fetch_add(1, Ordering::Release);
        let failure = fetched.as_ref().err().map(ToString::to_string);
        *tried = Some(Tried { at: now, source: source.to_owned(), failure });
        let Fetched { value, lifetime } = fetched?;
        let value = Arc::new(value);
        let due = now.plus(lifetime.unwrap_or(LIFETIME).clamp(SHORTEST, LONGEST));
        let kept = Kept { value: value.clone(), source: source.to_owned(), fetched: now, due };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(value)
    }
}

fn may_try(last: Option<&Tried>, source: &str, now: UnixMillis) -> bool {
    last.is_none_or(|last| last.source != source || now >= last.at.plus(PAUSE))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;

    use super::*;

    const SOURCE: &str = "https://idp.example/keys";

    #[derive(Clone, Default)]
    struct Host {
        fetches: Arc<AtomicUsize>,
    }

    type Answer = Result<Fetched<u32>, &'static str>;

    impl Host {
        fn fetch(&self, answer: Result<u32, &'static str>) -> impl FnOnce(Instant) -> Pending + Send + use<> {
            self.fetch_for(answer, None)
        }

        fn fetch_for(
            &self,
            answer: Result<u32, &'static str>,
            lifetime: Option<Duration>,
        ) -> impl FnOnce(Instant) -> Pending + Send + use<> {
            let fetches = self.fetches.clone();
            move |_| {
                Box::pin(async move {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    answer.map(|value| Fetched { value, lifetime })
                })
            }
        }

        fn hang(&self) -> impl FnOnce(Instant) -> Pending + Send + use<> {
            let fetches = self.fetches.clone();
            move |_| {
                Box::pin(async move {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    std::future::pending().await
                })
            }
        }

        fn fetches(&self) -> usize {
            self.fetches.load(Ordering::SeqCst)
        }

        /// Until the background has made so many.
        async fn made(&self, fetches: usize) {
            while self.fetches() < fetches {
                tokio::task::yield_now().await;
            }
        }
    }

    type Pending = futures_util::future::BoxFuture<'static, Answer>;

    fn at(seconds: i64) -> UnixMillis {
        UnixMillis::from_seconds(seconds)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn sec_39_a_thousand_logins_make_one_fetch_and_an_old_document_covers_a_failure() {
        let (published, host) = (Published::<u32>::default(), Host::default());
        let logins = (0..1000).map(|_| published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))));
        assert!(join_all(logins).await.into_iter().all(|value| *value.unwrap() == 1));
        assert_eq!(host.fetches(), 1);

        // SEC-19: a caller that needs a newer one makes it be fetched again, at most once a minute.
        for second in [30, 61, 90, 119] {
            let all = (0..100).map(|_| published.get(SOURCE, at(second), true, soon(), host.fetch(Ok(2))));
            join_all(all).await.into_iter().for_each(|value| drop(value.unwrap()));
        }
        assert_eq!(host.fetches(), 2);
        for second in [122, 123, 181] {
            assert_eq!(*published.get(SOURCE, at(second), true, soon(), host.fetch(Err("down"))).await.unwrap(), 2);
        }
        assert_eq!(host.fetches(), 3, "a failure is not repeated within a minute");
    }

    #[tokio::test]
    async fn fault_b20_a_document_that_is_due_is_served_while_its_host_hangs() {
        let (published, host) = (Published::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap();
        // A deadline that is over: whoever waited for the host would get nothing.
        for _ in 0..3 {
            let kept = published.get(SOURCE, at(25 * 3600), false, Instant::now(), host.hang()).await;
            assert_eq!(*kept.unwrap(), 1);
            host.made(2).await;
        }
        assert_eq!(host.fetches(), 2, "one fetch in the background");
    }

    #[tokio::test]
    async fn fault_b20_a_document_that_is_due_is_fetched_again_in_the_background() {
        let (published, host) = (Published::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap();
        assert_eq!(*published.get(SOURCE, at(3600), false, soon(), host.fetch(Ok(2))).await.unwrap(), 1);
        while *published.get(SOURCE, at(3600), false, soon(), host.fetch(Err("not asked"))).await.unwrap() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(host.fetches(), 2);
        // A failure in the background is tried again after a minute, and the document ends after three days.
        let three_days = 3 * 24 * 3600;
        assert_eq!(*published.get(SOURCE, at(9000), false, soon(), host.fetch(Err("down"))).await.unwrap(), 2);
        host.made(3).await;
        let refused = published.get(SOURCE, at(3600 + three_days), false, soon(), host.fetch(Err("down"))).await;
        assert!(matches!(refused, Err(Missing::Failed(_) | Missing::FailedBefore(_))));
    }

    #[tokio::test]
    async fn fault_c06_the_hosts_lifetime_holds_within_bounds() {
        for (said, kept, due) in [(0, 299, 300), (600, 599, 600), (7 * 24 * 3600, 24 * 3600 - 1, 24 * 3600)] {
            let (published, host) = (Published::<u32>::default(), Host::default());
            let lifetime = Some(Duration::from_secs(said));
            published.get(SOURCE, at(0), false, soon(), host.fetch_for(Ok(1), lifetime)).await.unwrap();
            published.get(SOURCE, at(kept), false, soon(), host.fetch(Ok(2))).await.unwrap();
            assert_eq!(host.fetches(), 1, "{said}");
            published.get(SOURCE, at(due), false, soon(), host.fetch(Ok(2))).await.unwrap();
            host.made(2).await;
        }
    }

    #[tokio::test]
    async fn fault_c07_a_document_of_another_address_is_not_served() {
        let (published, host) = (Published::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap();
        let moved = "https://idp.example/v2/keys";
        let refused = published.get(moved, at(1), false, soon(), host.fetch(Err("down"))).await;
        assert!(matches!(refused, Err(Missing::Failed("down"))));
        assert_eq!(*published.get(moved, at(2), false, soon(), host.fetch(Ok(2))).await.unwrap(), 2);
        assert_eq!(host.fetches(), 3);
    }

    #[tokio::test]
    async fn sec_39_who_waits_for_a_fetch_that_fails_shares_its_failure() {
        let (published, host) = (Published::<u32>::default(), Host::default());
        let logins = (0..100).map(|_| published.get(SOURCE, at(0), false, soon(), host.fetch(Err("down"))));
        assert!(join_all(logins).await.into_iter().all(|value| value.is_err()));
        assert_eq!(host.fetches(), 1);
        // It is not kept: the next login asks again.
        assert_eq!(*published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap(), 1);
    }
}
