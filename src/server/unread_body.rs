//! Request bodies that no handler reads, such as those of refused requests.
//!
//! In HTTP/1 the rest of a body stands before the next request, and hyper closes a connection whose body was not read. The client
//! must know that from the response (RFC 9112, 9.3): otherwise it loses its next request. So a small body is read and
//! discarded before the response is sent, and with a larger one the response announces the end of the connection.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use hyper::body::Bytes;

use super::activity::ReceivedBody;

/// How much of a body is discarded. A handler reads no more either.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;
/// How long a response waits for the rest of its request.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

type Received = ReceivedBody<BoxStream<'static, io::Result<Bytes>>>;

/// The body of the latest request of a connection of HTTP/1, whose requests follow one after the other. In HTTP/2 an unread body ends
/// its stream alone.
#[derive(Default)]
pub struct UnreadBody(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    /// The request is answered, or has no body.
    #[default]
    Answered,
    /// A handler has the body.
    Open,
    /// The handler dropped the body before its end.
    Unread(Received),
}

impl UnreadBody {
    /// The body for the handler. When the handler drops it before its end, it is kept for [`Self::discard`].
    pub fn watch(&self, body: Received) -> WatchedBody {
        set(&self.0, State::Open);
        WatchedBody { body: Some(body), state: self.0.clone() }
    }

    /// Reads the rest of the body of a request that was answered. False: the connection must be closed, because the rest is too
    /// long, late or incomplete, or because the client waits for 100 before it sends the body.
    pub async fn discard(&self, expects_continue: bool) -> bool {
        let State::Unread(mut body) = set(&self.0, State::Answered) else { return true };
        let read_to_end = async {
            let mut discarded = 0;
            while let Some(bytes) = body.next().await {
                discarded += bytes.ok()?.len();
                if discarded > MAX_DISCARDED_BYTES {
                    return None;
                }
            }
            Some(())
        };
        !expects_continue && matches!(tokio::time::timeout(DISCARD_TIMEOUT, read_to_end).await, Ok(Some(())))
    }
}

fn set(state: &Mutex<State>, new: State) -> State {
    std::mem::replace(&mut state.lock().unwrap_or_else(PoisonError::into_inner), new)
}

/// A request body whose rest is kept.
pub struct WatchedBody {
    /// `None` after its end.
    body: Option<Received>,
    state: Arc<Mutex<State>>,
}

impl Stream for WatchedBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = body.poll_next_unpin(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.body = None;
        }
        polled
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // After the response nothing reads it.
        if matches!(*state, State::Open) {
            *state = State::Unread(body);
        }
    }
}
