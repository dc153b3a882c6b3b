//! What a host publishes for all clients and this server keeps: discovery documents and key sets (SEC-19, SEC-39).
//!
//! At most one fetch of a document runs at a time, however many logins wait for it, and it goes on when a waiting caller goes
//! away. A document that is due is served while a background task fetches it again, so a host that hangs delays no login. A
//! caller whose login fails with the kept document gets a newer one, fetched at most once a minute.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::clock::UnixMillis;

/// How long a document is kept whose answer does not say.
const DEFAULT_CACHE_LIFETIME: Duration = Duration::from_secs(3600);
/// Bounds of what `Cache-Control` and `Expires` may say.
const MIN_CACHE_LIFETIME: Duration = Duration::from_secs(5 * 60);
const MAX_CACHE_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// A document that could not be fetched again for so long is not served any more.
const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long a fetch is not repeated: one that failed, and one for a caller that needs a newer document.
const FETCH_COOLDOWN: Duration = Duration::from_secs(60);
/// Time limit of a fetch in the background.
const BACKGROUND_FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A document in the form that its reader gave it.
pub struct CachedDocument<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    kept: Mutex<Option<Kept<T>>>,
    /// Held during a fetch.
    last_fetch: Arc<tokio::sync::Mutex<Option<FetchAttempt>>>,
    fetches: AtomicU64,
}

struct Kept<T> {
    value: Arc<T>,
    /// Where it came from: one from elsewhere does not count.
    source: String,
    fetched: UnixMillis,
    due: UnixMillis,
}

/// A fetch, and why it failed if it did.
struct FetchAttempt {
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
pub enum FetchError<E> {
    Failed(E),
    /// The fetch of another caller, which this one waited for, failed so.
    FailedBefore(String),
    Timeout,
}

impl<T> Default for CachedDocument<T> {
    fn default() -> Self {
        let (kept, last_fetch, fetches) = (Mutex::default(), Arc::default(), AtomicU64::default());
        Self { shared: Arc::new(Shared { kept, last_fetch, fetches }) }
    }
}

impl<T: Send + Sync + 'static> CachedDocument<T> {
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
    ) -> Result<Arc<T>, FetchError<E>>
    where
        E: ToString + Send + 'static,
        F: Future<Output = Result<Fetched<T>, E>> + Send + 'static,
    {
        let shared = &self.shared;
        match shared.kept(source, now) {
            Some(kept) if newer && is_within(kept.fetched, now, FETCH_COOLDOWN) => return Ok(kept.value),
            Some(kept) if !newer => {
                // A document from the future was fetched before the clock was set back.
                let is_due = now >= kept.due || now < kept.fetched;
                if is_due && shared.may_try(source, now) {
                    let (shared, source) = (shared.clone(), source.to_owned());
                    tokio::spawn(async move { shared.refresh(source, now, fetch).await });
                }
                return Ok(kept.value);
            }
            _ => {}
        }
        let fetches = shared.fetches.load(Ordering::Acquire);
        let locked = tokio::time::timeout_at(deadline, shared.last_fetch.clone().lock_owned()).await;
        let last_fetch = locked.map_err(|_| FetchError::Timeout)?;
        let kept = shared.kept(source, now);
        if let Some(kept) = &kept
            && (!newer || is_within(kept.fetched, now, FETCH_COOLDOWN))
        {
            return Ok(kept.value.clone());
        }
        if let Some(last) = last_fetch.as_ref().filter(|last| last.source == source) {
            // A kept document covers a failure for a minute; who waited for a fetch that failed shares its failure.
            match (&kept, &last.failure) {
                (Some(kept), _) if is_within(last.at, now, FETCH_COOLDOWN) => return Ok(kept.value.clone()),
                (None, Some(failure)) if shared.fetches.load(Ordering::Acquire) != fetches => {
                    return Err(FetchError::FailedBefore(failure.clone()));
                }
                _ => {}
            }
        }
        // In a task of its own: a caller that goes away must not leave an attempt without a result.
        let (task, source) = (shared.clone(), source.to_owned());
        let fetch = async move { task.fetched(last_fetch, source, now, fetch(deadline)).await };
        match (tokio::spawn(fetch).await, kept) {
            (Ok(Ok(value)), _) => Ok(value),
            (_, Some(kept)) => Ok(kept.value),
            (Ok(Err(error)), None) => Err(FetchError::Failed(error)),
            (Err(_), None) => Err(FetchError::FailedBefore("the fetch was aborted".to_owned())),
        }
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    fn kept(&self, source: &str, now: UnixMillis) -> Option<Kept<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.as_ref().filter(|kept| kept.source == source && now < kept.fetched.plus(MAX_AGE))?;
        let Kept { value, source, fetched, due } = kept;
        Some(Kept { value: value.clone(), source: source.clone(), fetched: *fetched, due: *due })
    }

    /// Whether no fetch is under way, and none failed within the last minute.
    fn may_try(&self, source: &str, now: UnixMillis) -> bool {
        self.last_fetch.try_lock().is_ok_and(|last| may_try(last.as_ref(), source, now))
    }

    async fn refresh<E, F>(&self, source: String, now: UnixMillis, fetch: impl FnOnce(Instant) -> F)
    where
        E: ToString,
        F: Future<Output = Result<Fetched<T>, E>>,
    {
        let Ok(last_fetch) = self.last_fetch.clone().try_lock_owned() else { return };
        if !may_try(last_fetch.as_ref(), &source, now) {
            return;
        }
        let fetch = fetch(Instant::now() + BACKGROUND_FETCH_TIMEOUT);
        if let Err(error) = self.fetched(last_fetch, source, now, fetch).await {
            tracing::warn!(error = error.to_string(), "a document that is due could not be fetched again");
        }
    }

    async fn fetched<E: ToString>(
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
        let kept = Kept { value: value.clone(), source, fetched: now, due: now.plus(lifetime) };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(value)
    }
}

fn may_try(last: Option<&FetchAttempt>, source: &str, now: UnixMillis) -> bool {
    last.is_none_or(|last| last.source != source || !is_within(last.at, now, FETCH_COOLDOWN))
}

/// Whether `now` is less than `span` after `at`. A time in the future was written before the clock was set back: it limits
/// nothing.
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
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
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
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
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
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
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
        assert!(matches!(refused, Err(FetchError::Failed(_) | FetchError::FailedBefore(_))));
    }

    #[tokio::test]
    async fn fault_c06_the_hosts_lifetime_holds_within_bounds() {
        for (said, kept, due) in [(0, 299, 300), (600, 599, 600), (7 * 24 * 3600, 24 * 3600 - 1, 24 * 3600)] {
            let (published, host) = (CachedDocument::<u32>::default(), Host::default());
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
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap();
        let moved = "https://idp.example/v2/keys";
        let refused = published.get(moved, at(1), false, soon(), host.fetch(Err("down"))).await;
        assert!(matches!(refused, Err(FetchError::Failed("down"))));
        assert_eq!(*published.get(moved, at(2), false, soon(), host.fetch(Ok(2))).await.unwrap(), 2);
        assert_eq!(host.fetches(), 3);
    }

    #[tokio::test]
    async fn fault_c06_a_caller_that_goes_away_ends_no_fetch() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap();
        // Polled until the fetch has begun, then dropped, as the request of a client that closes its connection is.
        let mut caller = Box::pin(published.get(SOURCE, at(61), true, soon(), host.fetch(Ok(2))));
        while host.fetches() < 2 {
            assert!(futures_util::poll!(&mut caller).is_pending());
            tokio::task::yield_now().await;
        }
        drop(caller);
        let next = published.get(SOURCE, at(61), true, soon(), host.fetch(Err("not asked"))).await;
        assert_eq!((*next.unwrap(), host.fetches()), (2, 2));
    }

    #[tokio::test]
    async fn fault_a21_a_clock_that_is_set_back_keeps_no_document_longer() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        let later = 2 * 24 * 3600;
        published.get(SOURCE, at(later), false, soon(), host.fetch(Ok(1))).await.unwrap();
        assert_eq!(*published.get(SOURCE, at(0), true, soon(), host.fetch(Ok(2))).await.unwrap(), 2);
        published.get(SOURCE, at(later), true, soon(), host.fetch(Err("down"))).await.unwrap();
        // The failed fetch, too, lies in the future now.
        assert_eq!(*published.get(SOURCE, at(1), false, soon(), host.fetch(Ok(3))).await.unwrap(), 2);
        let published_later = CachedDocument::<u32>::default();
        published_later.get(SOURCE, at(later), false, soon(), host.fetch(Ok(4))).await.unwrap();
        assert_eq!(*published_later.get(SOURCE, at(0), false, soon(), host.fetch(Ok(5))).await.unwrap(), 4);
        while *published_later.get(SOURCE, at(0), false, soon(), host.fetch(Ok(6))).await.unwrap() == 4 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn sec_39_who_waits_for_a_fetch_that_fails_shares_its_failure() {
        let (published, host) = (CachedDocument::<u32>::default(), Host::default());
        let logins = (0..100).map(|_| published.get(SOURCE, at(0), false, soon(), host.fetch(Err("down"))));
        assert!(join_all(logins).await.into_iter().all(|value| value.is_err()));
        assert_eq!(host.fetches(), 1);
        // It is not kept: the next login asks again.
        assert_eq!(*published.get(SOURCE, at(0), false, soon(), host.fetch(Ok(1))).await.unwrap(), 1);
    }
}
