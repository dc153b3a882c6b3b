//! Tests of the time limits and states of connections.

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
    [opened, idle_since].into_iter().chain(head_began).chain(stalled).chain(responses).for_each(|time| *time -= span);
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
    let began = Instant::now();
    let activity = Activity::new(&ConnectionRules { head_timeout, ..RULES }, || {});
    let ended = within_limits(pin!(std::future::pending::<()>()), &activity).await;
    assert_eq!(ended, Err(Limit::RequestHead));
    assert!(began.elapsed() >= head_timeout);
    assert_eq!(within_limits(pin!(async { 7 }), &activity).await, Ok(7));
}
