//! What one connection is doing, and what follows from it (SEC-44): its time limits, for the first byte, a request head, an idle
//! connection and a client that reads its response too slowly; and whether it may be closed for a new connection.
//!
//! [`within_limits`] computes the next deadline each time the connection was polled, so one timer serves all limits. The limit of a
//! request body is in `http/protocol/body.rs`, because only the handler knows whether it reads one.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use hyper::body::{Body, Buf, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use crate::settings::ConnectionRules;

/// A client that reads its response more slowly, after [`ConnectionRules::write_timeout`], loses the connection. A phone on a bad
/// network is still several times as fast.
const MIN_BYTES_PER_SECOND: u64 = 1024;

/// A time limit that a connection exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No byte, or no complete request head, arrived in time.
    RequestHead,
    /// No request arrived in time on a connection that had served one.
    Idle,
    /// The client did not read a response in time.
    ResponseWrite,
}

/// How request heads arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// None yet: the TLS handshake comes first.
    Handshake,
    /// One request after the other: the first byte after a response begins the next head.
    Http1,
    /// Frames of many requests, and frames that belong to none. A head that does not end keeps all other frames out, so the limit
    /// of an idle connection covers it.
    Http2,
}

/// What a connection waits for, and since when. The order is that in which connections are closed for new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// For its next request, after at least one was answered. To close it loses nothing.
    NextRequest(Instant),
    /// For the client, which has to go on with a handshake, a request head, a request body, or the reading of a response.
    Client(Instant),
}

/// The state of one connection, shared by its socket, its requests and the list of connections.
pub struct Activity {
    head_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    state: Mutex<State>,
    /// Whether `notice` is called when the connection begins to wait.
    is_watched: AtomicBool,
    notice: Box<dyn Fn() + Send + Sync>,
}

struct State {
    protocol: Protocol,
    opened: Instant,
    has_received: bool,
    /// When the first byte of an incomplete request head arrived.
    head_began: Option<Instant>,
    /// Requests that are not answered yet.
    open_requests: usize,
    /// Those of them whose body the handler waits for.
    reading_requests: usize,
    /// Those of them whose response is being sent.
    answered_requests: usize,
    /// When the last of the open requests began to wait for the client. `None`: this server has to go on.
    waits_since: Option<Instant>,
    /// When the number of open requests became zero.
    idle_since: Instant,
    /// [`Activity::begin_close`].
    close_timeout: Option<Duration>,
    /// The latest write had to wait for the client.
    is_blocked: bool,
    stall: Option<Stall>,
    /// When each response that is not sent yet must be, by its number.
    responses: Vec<(u64, Instant)>,
    last_response: u64,
}

/// The socket accepts no more bytes until the client reads some.
struct Stall {
    since: Instant,
    written: u64,
}

impl Activity {
    /// Of a connection that was accepted now. `notice`: see [`Self::watch`].
    pub fn new(rules: &ConnectionRules, notice: impl Fn() + Send + Sync + 'static) -> Self {
        let now = Instant::now();
        Self {
            head_timeout: rules.head_timeout,
            idle_timeout: rules.idle_timeout,
            write_timeout: rules.write_timeout,
            state: Mutex::new(State {
                protocol: Protocol::Handshake,
                opened: now,
                has_received: false,
                head_began: None,
                open_requests: 0,
                reading_requests: 0,
                answered_requests: 0,
                waits_since: None,
                idle_since: now,
                close_timeout: None,
                is_blocked: false,
                stall: None,
                responses: Vec::new(),
                last_response: 0,
            }),
            is_watched: AtomicBool::new(false),
            notice: Box::new(notice),
        }
    }

    /// Begins with the first request. The bytes of a TLS handshake do not count.
    pub fn begin(&self, protocol: Protocol) {
        let (mut state, now) = (self.state(), Instant::now());
        *state =
            State { protocol, opened: now, idle_since: now, has_received: false, head_began: None, ..state.take() };
    }

    /// What the connection waits for. `None`: this server works on a request of it.
    pub fn wait(&self) -> Option<Wait> {
        let state = self.state();
        if state.open_requests > 0 {
            return state.waits_since.map(Wait::Client);
        }
        let is_sending = state.is_blocked || !state.responses.is_empty();
        Some(match (state.has_received, state.head_began, state.protocol) {
            _ if is_sending => Wait::Client(state.idle_since),
            (false, ..) | (_, _, Protocol::Handshake) => Wait::Client(state.opened),
            (true, Some(began), Protocol::Http1) => Wait::Client(began),
            (true, ..) => Wait::NextRequest(state.idle_since),
        })
    }

    /// Calls the notice once, when this server next has no work on a request of the connection.
    pub fn watch(&self) {
        self.is_watched.store(true, Ordering::SeqCst);
    }

    /// Counts a request whose head has arrived, until the result is dropped.
    pub fn begin_request(self: &Arc<Self>) -> OpenRequest {
        self.change(|state| {
            state.open_requests += 1;
            state.has_received = true;
            state.head_began = None;
        });
        OpenRequest { activity: self.clone(), is_answered: false }
    }

    /// Changes the counts of requests.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        // A body may be dropped after its request was answered.
        let waiting = state.reading_requests + state.answered_requests;
        let is_waiting = waiting >= state.open_requests;
        state.waits_since = is_waiting.then(|| state.waits_since.unwrap_or_else(Instant::now));
        drop(state);
        // The list of connections watches first and then looks at the state, so it cannot miss this change.
        if is_waiting && self.is_watched.swap(false, Ordering::SeqCst) {
            (self.notice)();
        }
    }

    /// From now on the connection ends when it has no open request for so long.
    pub fn begin_close(&self, timeout: Duration) {
        let mut state = self.state();
        state.close_timeout = Some(timeout);
        state.idle_since = Instant::now();
    }

    /// The earliest deadline. `None`: the connection waits for this server alone.
    fn next_deadline(&self) -> Option<(Instant, Limit)> {
        let mut state = self.state();
        if !state.is_blocked {
            state.stall = None;
        }
        let stalled = state.stall.as_ref().map(|stall| stall.since + self.write_timeout + allowance(stall.written));
        let write = stalled.into_iter().chain(state.responses.iter().map(|(_, deadline)| *deadline)).min();
        let is_sending = state.is_blocked || !state.responses.is_empty();
        let read = match (state.has_received, state.head_began, state.protocol) {
            _ if state.open_requests > 0 => None,
            (false, ..) | (_, _, Protocol::Handshake) => Some((state.opened + self.head_timeout, Limit::RequestHead)),
            (true, Some(began), Protocol::Http1) => Some((began + self.head_timeout, Limit::RequestHead)),
            // A slow client may still read the response of its last request.
            (true, ..) => (!is_sending).then(|| {
                let timeout = state.close_timeout.unwrap_or(self.idle_timeout);
                (state.idle_since + timeout, Limit::Idle)
            }),
        };
        let write = write.map(|deadline| (deadline, Limit::ResponseWrite));
        write.into_iter().chain(read).min_by_key(|(deadline, _)| *deadline)
    }

    fn received(&self) {
        let mut state = self.state();
        state.has_received = true;
        if state.open_requests == 0 && state.head_began.is_none() {
            state.head_began = Some(Instant::now());
        }
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        let mut state = self.state();
        state.is_blocked = result.is_pending();
        match (result, &mut state.stall) {
            (Poll::Pending, None) => state.stall = Some(Stall { since: Instant::now(), written: 0 }),
            (Poll::Ready(Ok(bytes)), Some(stall)) => stall.written = stall.written.saturating_add(*bytes as u64),
            _ => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Self {
        Self { responses: std::mem::take(&mut self.responses), stall: self.stall.take(), ..*self }
    }
}

/// The time that a client may need for so many bytes.
fn allowance(bytes: u64) -> Duration {
    Duration::from_secs(bytes / MIN_BYTES_PER_SECOND)
}

/// Polls a connection until it ends.
///
/// Errors: the time limit that it exceeded.
pub async fn within_limits<F: Future>(mut connection: Pin<&mut F>, activity: &Activity) -> Result<F::Output, Limit> {
    let mut timer = pin!(sleep_until(Instant::now() + activity.head_timeout));
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Ok(ended));
        }
        loop {
            let now = Instant::now();
            match activity.next_deadline() {
                Some((deadline, limit)) if deadline <= now => return Poll::Ready(Err(limit)),
                Some((deadline, _)) if deadline != timer.deadline() => timer.as_mut().reset(deadline),
                // Another task may have changed the state: look again later.
                None if timer.is_elapsed() => timer.as_mut().reset(now + activity.idle_timeout),
                _ => {}
            }
            std::task::ready!(timer.as_mut().poll(cx));
        }
    })
    .await
}

/// A request that counts as open until this is dropped.
pub struct OpenRequest {
    activity: Arc<Activity>,
    is_answered: bool,
}

impl OpenRequest {
    /// The body of the request, which reports whether the handler waits for it.
    pub fn body<S>(&self, bytes: S) -> ReceivedBody<S> {
        ReceivedBody { bytes, activity: self.activity.clone(), is_awaited: false }
    }

    /// A response body that keeps the request open until it was read, and whose bytes must be sent in time.
    pub fn with_body<B>(mut self, body: B) -> TimedBody<B> {
        let mut number = 0;
        self.is_answered = true;
        self.activity.change(|state| {
            state.answered_requests += 1;
            state.last_response += 1;
            number = state.last_response;
            state.responses.push((number, Instant::now() + self.activity.write_timeout));
        });
        TimedBody { body, unsent: Arc::new(Unsent { activity: self.activity.clone(), number }), _request: self }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.activity.change(|state| {
            state.open_requests -= 1;
            state.answered_requests -= usize::from(self.is_answered);
            if state.open_requests == 0 {
                state.idle_since = Instant::now();
            }
        });
    }
}

/// The body of a request. From the first time that the handler has to wait for it until its end, the request waits for the client:
/// single bytes do not make it look younger.
pub struct ReceivedBody<S> {
    bytes: S,
    activity: Arc<Activity>,
    is_awaited: bool,
}

impl<S> ReceivedBody<S> {
    fn set_awaited(&mut self, is_awaited: bool) {
        if self.is_awaited != is_awaited {
            self.is_awaited = is_awaited;
            self.activity.change(|state| match is_awaited {
                true => state.reading_requests += 1,
                false => state.reading_requests -= 1,
            });
        }
    }
}

impl<S: Stream + Unpin> Stream for ReceivedBody<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.bytes).poll_next(cx);
        match &polled {
            Poll::Pending => self.set_awaited(true),
            Poll::Ready(None) => self.set_awaited(false),
            Poll::Ready(Some(_)) => {}
        }
        polled
    }
}

impl<S> Drop for ReceivedBody<S> {
    fn drop(&mut self) {
        self.set_awaited(false);
    }
}

/// A response that is not sent completely.
struct Unsent {
    activity: Arc<Activity>,
    number: u64,
}

impl Unsent {
    fn allow(&self, bytes: usize) {
        let mut state = self.activity.state();
        if let Some((_, deadline)) = state.responses.iter_mut().find(|(number, _)| *number == self.number) {
            *deadline += allowance(bytes as u64);
        }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.activity.state().responses.retain(|(number, _)| *number != self.number);
    }
}

/// The body of a response. See [`OpenRequest::with_body`].
pub struct TimedBody<B> {
    body: B,
    unsent: Arc<Unsent>,
    _request: OpenRequest,
}

impl<B: Body<Data = Bytes> + Unpin> Body for TimedBody<B> {
    type Data = UnsentBytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| {
                    self.unsent.allow(bytes.len());
                    UnsentBytes { bytes, _unsent: self.unsent.clone() }
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that the protocol drops when it has written them. In HTTP/2 that may be long after it took them: the client's
/// flow control decides.
pub struct UnsentBytes {
    bytes: Bytes,
    _unsent: Arc<Unsent>,
}

impl Buf for UnsentBytes {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

/// A socket that reports its reads and writes.
pub struct TimedStream<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> TimedStream<S> {
    pub fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.activity.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.activity.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::AtomicUsize;
    use std::task::Waker;

    use futures_util::stream;

    use super::*;

    const RULES: ConnectionRules = ConnectionRules {
        max: 10,
        max_per_address: 10,
        head_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(75),
    };

    fn left(activity: &Activity) -> Option<(u64, Limit)> {
        let seconds = |deadline: Instant| (deadline - Instant::now() + Duration::from_millis(500)).as_secs();
        activity.next_deadline().map(|(deadline, limit)| (seconds(deadline), limit))
    }

    /// Makes everything so many seconds older.
    fn pass(activity: &Activity, seconds: u64) {
        let (mut state, span) = (activity.state(), Duration::from_secs(seconds));
        let State { opened, head_began, idle_since, stall, responses, .. } = &mut *state;
        let stalled = stall.iter_mut().map(|stall| &mut stall.since);
        let responses = responses.iter_mut().map(|(_, deadline)| deadline);
        [opened, idle_since]
            .into_iter()
            .chain(head_began)
            .chain(stalled)
            .chain(responses)
            .for_each(|time| *time -= span);
    }

    #[test]
    fn sec_44_each_phase_of_a_connection_has_its_limit() {
        let activity = Arc::new(Activity::new(&RULES, || {}));
        activity.begin(Protocol::Http1);
        assert_eq!(left(&activity), Some((10, Limit::RequestHead)), "the first byte");
        pass(&activity, 9);
        activity.received();
        pass(&activity, 4);
        activity.received();
        assert_eq!(left(&activity), Some((6, Limit::RequestHead)), "more bytes do not extend the limit of a head");
        let request = activity.begin_request();
        assert_eq!((left(&activity), activity.wait()), (None, None), "the server is at work");
        let body = request.with_body(());
        assert_eq!(left(&activity), Some((30, Limit::ResponseWrite)));
        drop(body);
        assert_eq!(left(&activity), Some((75, Limit::Idle)));
        pass(&activity, 5);
        activity.received();
        assert_eq!(left(&activity), Some((10, Limit::RequestHead)), "the next head");

        activity.begin(Protocol::Http2);
        activity.received();
        assert_eq!(left(&activity), Some((75, Limit::Idle)), "a frame need not belong to a request");

        activity.begin_close(Duration::from_secs(5));
        assert_eq!(left(&activity), Some((5, Limit::Idle)));
        let late = activity.begin_request();
        assert_eq!(left(&activity), None, "a request that the client sent before it received GOAWAY is answered");
        drop(late);
        assert_eq!(left(&activity), Some((5, Limit::Idle)));
    }

    #[test]
    fn sec_44_a_connection_that_waits_for_its_client_may_be_closed() {
        let notices = Arc::new(AtomicUsize::new(0));
        let counter = notices.clone();
        let activity = Arc::new(Activity::new(&RULES, move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        let waits = || match activity.wait() {
            None => "for the server",
            Some(Wait::NextRequest(_)) => "for a request",
            Some(Wait::Client(_)) => "for the client",
        };
        assert_eq!(waits(), "for the client", "the TLS handshake");
        activity.begin(Protocol::Http1);
        assert_eq!(waits(), "for the client", "the first byte");
        activity.received();
        let request = activity.begin_request();
        assert_eq!(waits(), "for the server");

        let mut polls = VecDeque::from([Poll::Pending, Poll::Ready(Some(b'{')), Poll::Pending, Poll::Ready(None)]);
        let mut body = request.body(stream::poll_fn(move |_| polls.pop_front().expect("a poll")));
        let mut poll = || Pin::new(&mut body).poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        let since = activity.wait();
        assert!(matches!(since, Some(Wait::Client(_))));
        assert!(poll().is_ready() && poll().is_pending());
        assert_eq!(activity.wait(), since, "single bytes do not make it younger");
        let other = activity.begin_request();
        assert_eq!(waits(), "for the server", "another request of HTTP/2");
        drop(other);
        assert_eq!(waits(), "for the client");
        assert!(poll().is_ready());
        assert_eq!(waits(), "for the server", "the body is complete");

        activity.watch();
        assert_eq!(notices.load(Ordering::SeqCst), 0);
        let response = request.with_body(());
        assert_eq!((waits(), notices.load(Ordering::SeqCst)), ("for the client", 1), "the response is being sent");
        drop(response);
        assert_eq!(waits(), "for a request");
        activity.received();
        assert_eq!(waits(), "for the client", "the rest of the next head");
        assert_eq!(notices.load(Ordering::SeqCst), 1, "one for each watch");
        // In the order in which they are closed.
        let now = Instant::now();
        assert!(Wait::NextRequest(now) < Wait::Client(now - Duration::from_secs(1)));
    }

    #[test]
    fn sec_44_a_response_must_be_read_at_a_minimum_rate() {
        let activity = Arc::new(Activity::new(&RULES, || {}));
        activity.begin(Protocol::Http1);
        activity.received();
        let _request = activity.begin_request();
        activity.wrote(&Poll::Ready(Ok(100_000)));
        assert_eq!(left(&activity), None, "the socket accepts everything");
        activity.wrote(&Poll::Pending);
        for _ in 0..4 {
            pass(&activity, 5);
            activity.wrote(&Poll::Ready(Ok(3 * 1024)));
            activity.wrote(&Poll::Pending);
        }
        assert_eq!(left(&activity), Some((22, Limit::ResponseWrite)), "30 seconds and 12 for 12 KiB, 20 are over");
        activity.wrote(&Poll::Ready(Ok(1)));
        assert_eq!(left(&activity), None, "the rest was accepted");
    }

    #[tokio::test]
    async fn sec_44_a_connection_ends_at_its_limit() {
        let head_timeout = Duration::from_millis(20);
        let activity = Activity::new(&ConnectionRules { head_timeout, ..RULES }, || {});
        let began = Instant::now();
        let ended = within_limits(pin!(std::future::pending::<()>()), &activity).await;
        assert_eq!(ended, Err(Limit::RequestHead));
        assert!(began.elapsed() >= head_timeout);
        assert_eq!(within_limits(pin!(async { 7 }), &activity).await, Ok(7));
    }
}
