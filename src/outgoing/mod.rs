//! The one HTTP client: every call that leaves this server goes through here.
//!
//! HTTPS only unless allowed, no redirects, 5 s to connect and 10 s in all, at most 1 MiB of answer counted while it
//! arrives, private and loopback addresses refused at connect time, proxies and extra roots honoured (SEC-37). Callers:
//! `provider/`. It must never log a URL's query, a header or a body.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::settings::{OutgoingRules, SettingError};

/// Most bytes of an answer that are read.
pub const MAX_BODY: usize = 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Request {
    pub method: reqwest::Method,
    pub url: Url,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no answer. The texts hold host names at most, never a URL.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    #[error("no answer within the time limit")]
    Timeout,
    #[error("{host} could not be reached: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("{host} is not an address that may be called: {reason}")]
    Forbidden { host: String, reason: &'static str },
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    #[error("the answer broke off: {0}")]
    Broken(String),
}

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Client {}

impl Client {
    /// Reads the extra roots and builds the connection pool.
    pub fn new(rules: &OutgoingRules) -> Result<Self, SettingError> {
        let _ = rules;
        todo!()
    }

    /// One call. `deadline` is that of the whole login; a call ends at the earlier of it and the limit of one call.
    pub async fn send(&self, request: Request, deadline: Instant) -> Result<Reply, OutgoingError> {
        let _ = (request, deadline);
        todo!()
    }
}

#[allow(dead_code)]
fn _t(_: Duration) {}
