//! Cached discovery documents and key sets (SEC-19, SEC-39).
//!
//! At most one fetch of a document runs at a time, and it continues when the waiting callers disconnect. A stale document is
//! served while a background task fetches it again, so a host that does not answer delays no login. A caller whose login fails
//! with the cached document can ask for a newer one, which is fetched at most once a minute.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::clock::UnixMillis;

/// For an answer that does not say how long it may be cached.
const DEFAULT_CACHE_LIFETIME: Duration = Duration::from_secs(3600);
/// Limits for `Cache-Control` and `Expires`.
const MIN_CACHE_LIFETIME: Duration = Duration::from_secs(5 * 60);
const MAX_CACHE_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// A document that is older is not served, even when it cannot be fetched again.
const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 3600);
/// Minimum time between two fetches after a failure, or for callers that need a newer document.
const FETCH_COOLDOWN: Duration = Duration::from_secs(60);
const BACKGROUND_FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A cached document, parsed.
pub struct CachedDocument<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    cached: Mutex<Option<Cached<T>>>,
    /// Held during a fetch.
    last_fetch: Arc<tokio::sync::Mutex<Option<FetchAttempt>>>,
    fetches: AtomicU64,
}

struct Cached<T> {
    value: Arc<T>,
    /// Its URL. After a change of the URL the document is not used.
    source: String,
    fetched: UnixMillis,
    stale_at: UnixMillis,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        let Self { value, source, fetched, stale_at } = self;
        Self { value: value.clone(), source: source.clone(), fetched: *fetched, stale_at: *stale_at }
    }
}

/// The latest fetch and its error, if it failed.
struct FetchAttempt {
    at: UnixMillis,
    source: String,
    failure: Option<String>,
}

/// A fetched document.
pub struct Fetched<T> {
    /// The parsed document.
    pub value: T,
    /// How long the answer may be cached. `None`: it does not say.
    pub lifetime: Option<Duration>,
}

/// How new a document must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A cached document is accepted.
    Cached,
    /// A login failed with the cached document: one fetched within the last minute is needed.
    Newer,
}

/// Why there is no document.
#[derive(Debug)]
pub enum FetchError<E> {
    /// This fetch failed.
    Failed(E),
    /// The fetch of another caller, which this caller waited for, failed.
    FailedBefore(String),
    /// The deadline passed while another fetch was running.
    Timeout,
}

impl<T> Default for CachedDocument<T> {
    fn default() -> Self {
        let (cached, last_fetch, fetches) = (Mutex::default(), Arc::default(), AtomicU64::default());
        Self { shared: Arc::new(Shared { cached, last_fetch, fetches }) }
    }
}

impl<T: Send + Sync + 'static> CachedDocument<T> {
    /// The cached document, whatever its age.
    pub fn latest(&self) -> Option<Arc<T>> {
        self.shared.cached.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|cached| cached.value.clone())
    }

    /// The document of the URL `source`: the cached one, or the result of `fetch`. With [`Freshness::Newer`] the cached one is
    /// the answer when the fetch fails.
    ///
    /// Errors: there is no cached document, and none could be fetched before `deadline`.
    pub async fn get<E, F>(
        &self,
        source: &str,
        now: UnixMillis,
        freshness: Freshness,
        deadline: Instant,
        fetch: impl FnOnce(Instant) -> F + Send + 'static,
    ) -> Result<Arc<T>, FetchError<E>>
    where
        E: ToString + Send + 'static,
        F: Future<Output = Result<Fetched<T>, E>> + Send + 'static,
    {
        let shared = &self.shared;
        let is_new_enough =
            |cached: &Cached<T>| freshness == Freshness::Cached || is_within(cached.fetched, now, FETCH_COOLDOWN);
        if let Some(cached) = shared.cached(source, now).filter(is_new_enough) {
            // A document from the future was fetched before the clock was set back.
            let is_stale = now >= cached.stale_at || now < cached.fetched;
            if freshness == Freshness::Cached && is_stale && shared.may_fetch(source, now) {
                let (shared, source) = (shared.clone(), source.to_owned());
                tokio::spawn(async move { shared.refresh(source, now, fetch).await });
            }
            return Ok(cached.value);
        }
        let fetches = shared.fetches.load(Ordering::Acquire);
        let locked = tokio::time::timeout_at(deadline, shared.last_fetch.clone().lock_owned()).await;
        let last_fetch = locked.map_err(|_| FetchError::Timeout)?;
        let cached = shared.cached(source, now);
        if let Some(cached) = cached.as_ref().filter(|cached| is_new_enough(cached)) {
            return Ok(cached.value.clone());
        }
        if let Some(last) = last_fetch.as_ref().filter(|last| last.source == source) {
            // For a minute after a fetch the cached document is the answer. Callers that waited for a failed fetch get its error.
            match (&cached, &last.failure) {
                (Some(cached), _) if is_within(last.at, now, FETCH_COOLDOWN) => return Ok(cached.value.clone()),
                (None, Some(failure)) if shared.fetches.load(Ordering::Acquire) != fetches => {
                    return Err(FetchError::FailedBefore(failure.clone()));
                }
                _ => {}
            }
        }
        // In a separate task: the fetch must have a result even when the caller disconnects.
        let (task, source) = (shared.clone(), source.to_owned());
        let fetch = async move { task.run_fetch(last_fetch, source, now, fetch(deadline)).await };
        match (tokio::spawn(fetch).await, cached) {
            (Ok(Ok(value)), _) => Ok(value),
            (_, Some(cached)) => Ok(cached.value),
            (Ok(Err(error)), None) => Err(FetchError::Failed(error)),
            (Err(_), None) => Err(FetchError::FailedBefore("the fetch was aborted".to_owned())),
        }
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    fn cached(&self, source: &str, now: UnixMillis) -> Option<Cached<T>> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.as_ref().filter(|cached| cached.source == source && now < cached.fetched.plus(MAX_AGE)).cloned()
    }

    /// Whether no fetch is running, and none began within the last minute.
    fn may_fetch(&self, source: &str, now: UnixMillis) -> bool {
        self.last_fetch.try_lock().is_ok_and(|last| may_fetch(last.as_ref(), source, now))
    }

    async fn refresh<E, F>(&self, source: String, now: UnixMillis, fetch: impl FnOnce(Instant) -> F)
    where
        E: ToString,
        F: Future<Output = Result<Fetched<T>, E>>,
    {
        let Ok(last_fetch) = self.last_fetch.clone().try_lock_owned() else { return };
        if !may_fetch(last_fetch.as_ref(), &source, now) {
            return;
        }
        let fetch = fetch(Instant::now() + BACKGROUND_FETCH_TIMEOUT);
        if let Err(error) = self.run_fetch(last_fetch, source, now, fetch).await {
            tracing::warn!(error = error.to_string(), "a stale document could not be fetched again");
        }
    }

    async fn run_fetch<E: ToString>(
        &self,
        mut last_fetch: OwnedMutexGuard<Option<FetchAttempt>>,
        source: String,
        now: UnixMillis,
        fetch: impl Future<Output = Result<Fetched<T>, E>>,
    ) -> Result<Arc<T>, E> {
        let fetched = fetch.await;
        self.fetches.fetch_add(1, Ordering::Release);
        let failure = fetched.as_ref().err().map(ToString::to_string);
        *last_fetch = Some(FetchAttempt { at: now, source: source.clone(), failure });
        let Fetched { value, lifetime } = fetched?;
        let value = Arc::new(value);
        let lifetime = lifetime.unwrap_or(DEFAULT_CACHE_LIFETIME).clamp(MIN_CACHE_LIFETIME, MAX_CACHE_LIFETIME);
        let cached = Cached { value: value.clone(), source, fetched: now, stale_at: now.plus(lifetime) };
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
        Ok(value)
    }
}

fn may_fetch(last: Option<&FetchAttempt>, source: &str, now: UnixMillis) -> bool {
    last.is_none_or(|last| last.source != source || !is_within(last.at, now, FETCH_COOLDOWN))
}

/// Whether `now` is less than `span` after `at`. False for an `at` in the future: the clock was set back since.
fn is_within(at: UnixMillis, now: UnixMillis, span: Duration) -> bool {
    at <= now && now < at.plus(span)
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

        /// Waits for the background task.
        async fn wait_for_fetches(&self, fetches: usize) {
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
    async fn sec_39_concurrent_logins_share_one_fetch_and_survive_a_failed_one() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        let logins = (0..1000).map(|_| published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(1))));
        assert!(join_all(logins).await.into_iter().all(|value| *value.unwrap() == 1));
        assert_eq!(host.fetches(), 1);

        // SEC-19: callers that need a newer document cause at most one fetch a minute.
        for second in [30, 61, 90, 119] {
            let all = (0..100).map(|_| published.get(SOURCE, at(second), Freshness::Newer, soon(), host.fetch(Ok(2))));
            join_all(all).await.into_iter().for_each(|value| drop(value.unwrap()));
        }
        assert_eq!(host.fetches(), 2);
        for second in [122, 123, 181] {
            assert_eq!(
                *published.get(SOURCE, at(second), Freshness::Newer, soon(), host.fetch(Err("down"))).await.unwrap(),
                2
            );
        }
        assert_eq!(host.fetches(), 3, "a failed fetch is not repeated within a minute");
    }

    #[tokio::test]
    async fn fault_b20_a_stale_document_is_served_while_its_host_does_not_answer() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(1))).await.unwrap();
        // The deadline has passed: a caller that waited for the host would get nothing.
        for _ in 0..3 {
            let kept = published.get(SOURCE, at(25 * 3600), Freshness::Cached, Instant::now(), host.hang()).await;
            assert_eq!(*kept.unwrap(), 1);
            host.wait_for_fetches(2).await;
        }
        assert_eq!(host.fetches(), 2, "one fetch in the background");
    }

    #[tokio::test]
    async fn fault_b20_a_stale_document_is_fetched_again_in_the_background() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(1))).await.unwrap();
        assert_eq!(*published.get(SOURCE, at(3600), Freshness::Cached, soon(), host.fetch(Ok(2))).await.unwrap(), 1);
        while *published.get(SOURCE, at(3600), Freshness::Cached, soon(), host.fetch(Err("not asked"))).await.unwrap()
            == 1
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(host.fetches(), 2);
        // After a failure in the background the next fetch is a minute later. After three days the document is not served.
        let three_days = 3 * 24 * 3600;
        assert_eq!(
            *published.get(SOURCE, at(9000), Freshness::Cached, soon(), host.fetch(Err("down"))).await.unwrap(),
            2
        );
        host.wait_for_fetches(3).await;
        let refused =
            published.get(SOURCE, at(3600 + three_days), Freshness::Cached, soon(), host.fetch(Err("down"))).await;
        assert!(matches!(refused, Err(FetchError::Failed(_) | FetchError::FailedBefore(_))));
    }

    #[tokio::test]
    async fn fault_c06_the_cache_lifetime_is_clamped() {
        for (announced, fresh, stale) in [(0, 299, 300), (600, 599, 600), (7 * 24 * 3600, 24 * 3600 - 1, 24 * 3600)] {
            let (published, host) = (CachedDocument::<u32>::default(), Host::default());
            let lifetime = Some(Duration::from_secs(announced));
            published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch_for(Ok(1), lifetime)).await.unwrap();
            published.get(SOURCE, at(fresh), Freshness::Cached, soon(), host.fetch(Ok(2))).await.unwrap();
            assert_eq!(host.fetches(), 1, "{announced}");
            published.get(SOURCE, at(stale), Freshness::Cached, soon(), host.fetch(Ok(2))).await.unwrap();
            host.wait_for_fetches(2).await;
        }
    }

    #[tokio::test]
    async fn fault_c07_a_document_of_another_url_is_not_served() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(1))).await.unwrap();
        let moved = "https://idp.example/v2/keys";
        let refused = published.get(moved, at(1), Freshness::Cached, soon(), host.fetch(Err("down"))).await;
        assert!(matches!(refused, Err(FetchError::Failed("down"))));
        assert_eq!(*published.get(moved, at(2), Freshness::Cached, soon(), host.fetch(Ok(2))).await.unwrap(), 2);
        assert_eq!(host.fetches(), 3);
    }

    #[tokio::test]
    async fn fault_c06_a_disconnecting_caller_does_not_cancel_the_fetch() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(1))).await.unwrap();
        // Polled until the fetch has begun, then dropped, like the request of a client that disconnects.
        let mut caller = Box::pin(published.get(SOURCE, at(61), Freshness::Newer, soon(), host.fetch(Ok(2))));
        while host.fetches() < 2 {
            assert!(futures_util::poll!(&mut caller).is_pending());
            tokio::task::yield_now().await;
        }
        drop(caller);
        let next = published.get(SOURCE, at(61), Freshness::Newer, soon(), host.fetch(Err("not asked"))).await;
        assert_eq!((*next.unwrap(), host.fetches()), (2, 2));
    }

    #[tokio::test]
    async fn fault_a21_setting_the_clock_back_does_not_extend_the_lifetime() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        let later = 2 * 24 * 3600;
        published.get(SOURCE, at(later), Freshness::Cached, soon(), host.fetch(Ok(1))).await.unwrap();
        assert_eq!(*published.get(SOURCE, at(0), Freshness::Newer, soon(), host.fetch(Ok(2))).await.unwrap(), 2);
        published.get(SOURCE, at(later), Freshness::Newer, soon(), host.fetch(Err("down"))).await.unwrap();
        // The failed fetch is in the future now, too.
        assert_eq!(*published.get(SOURCE, at(1), Freshness::Cached, soon(), host.fetch(Ok(3))).await.unwrap(), 2);
        let published_later = CachedDocument::<u32>::default();
        published_later.get(SOURCE, at(later), Freshness::Cached, soon(), host.fetch(Ok(4))).await.unwrap();
        assert_eq!(*published_later.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(5))).await.unwrap(), 4);
        while *published_later.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(6))).await.unwrap() == 4 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn sec_39_waiting_callers_share_the_error_of_a_failed_fetch() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        let logins = (0..100).map(|_| published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Err("down"))));
        assert!(join_all(logins).await.into_iter().all(|value| value.is_err()));
        assert_eq!(host.fetches(), 1);
        // The error is not cached: the next login fetches again.
        assert_eq!(*published.get(SOURCE, at(0), Freshness::Cached, soon(), host.fetch(Ok(1))).await.unwrap(), 1);
    }
}
