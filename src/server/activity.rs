//! What one connection is doing, and the time limits that follow from it (SEC-44): the first byte, a request head, an idle
//! connection, and a client that reads its response too slowly.
//!
//! [`within_limits`] computes the next deadline each time the connection was polled, so one timer serves all limits. The limit of a
//! request body is in `http/protocol/body.rs`, because only the handler knows whether it reads one.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

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

/// The state of one connection, shared by its socket, its requests and the list of connections.
pub struct Activity {
    head_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    protocol: Protocol,
    opened: Instant,
    has_received: bool,
    /// When the first byte of an incomplete request head arrived.
    head_began: Option<Instant>,
    /// Requests that are not answered yet.
    open_requests: usize,
    /// When the number of open requests became zero.
    idle_since: Instant,
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
    /// Of a connection that was accepted now.
    pub fn new(rules: &ConnectionRules) -> Self {
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
                idle_since: now,
                is_blocked: false,
                stall: None,
                responses: Vec::new(),
                last_response: 0,
            }),
        }
    }

    /// Begins with the first request. The bytes of a TLS handshake do not count.
    pub fn begin(&self, protocol: Protocol) {
        let (mut state, now) = (self.state(), Instant::now());
        *state =
            State { protocol, opened: now, idle_since: now, has_received: false, head_began: None, ..state.take() };
    }

    /// Since when the connection has no open request. `None`: it has one.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.open_requests == 0).then_some(state.idle_since)
    }

    /// Counts a request whose head has arrived, until the result is dropped.
    pub fn begin_request(self: &Arc<Self>) -> OpenRequest {
        let mut state = self.state();
        state.open_requests += 1;
        state.has_received = true;
        state.head_began = None;
        OpenRequest(self.clone())
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
            (true, ..) => (!is_sending).then(|| (state.idle_since + self.idle_timeout, Limit::Idle)),
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
pub struct OpenRequest(Arc<Activity>);

impl OpenRequest {
    /// A response body that keeps the request open until it was read, and whose bytes must be sent in time.
    pub fn with_body<B>(self, body: B) -> TimedBody<B> {
        let mut state = self.0.state();
        state.last_response += 1;
        let number = state.last_response;
        state.responses.push((number, Instant::now() + self.0.write_timeout));
        drop(state);
        TimedBody { body, unsent: Arc::new(Unsent { activity: self.0.clone(), number }), _request: self }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open_requests -= 1;
        if state.open_requests == 0 {
            state.idle_since = Instant::now();
        }
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
        let activity = Arc::new(Activity::new(&RULES));
        activity.begin(Protocol::Http1);
        assert_eq!(left(&activity), Some((10, Limit::RequestHead)), "the first byte");
        pass(&activity, 9);
        activity.received();
        pass(&activity, 4);
        activity.received();
        assert_eq!(left(&activity), Some((6, Limit::RequestHead)), "more bytes do not extend the limit of a head");
        let request = activity.begin_request();
        assert_eq!((left(&activity), activity.idle_since()), (None, None), "the server is at work");
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
    }

    #[test]
    fn sec_44_a_response_must_be_read_at_a_minimum_rate() {
        let activity = Arc::new(Activity::new(&RULES));
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
        let activity = Activity::new(&ConnectionRules { head_timeout, ..RULES });
        let began = Instant::now();
        let ended = within_limits(pin!(std::future::pending::<()>()), &activity).await;
        assert_eq!(ended, Err(Limit::RequestHead));
        assert!(began.elapsed() >= head_timeout);
        assert_eq!(within_limits(pin!(async { 7 }), &activity).await, Ok(7));
    }
}
