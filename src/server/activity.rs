//! What one connection is doing, and what follows from it (SEC-44). It decides about its time limits, and whether it may be
//! closed for a new connection. There are limits for the first byte, a request head, an idle connection and a client that reads its
//! response too slowly.
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
            self.activity
                .change(|state| if is_awaited { state.reading_requests += 1 } else { state.reading_requests -= 1 });
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
mod tests;
