//! The one HTTP client: every call that leaves this server goes through here.
//!
//! It allows only HTTPS unless settings say otherwise, follows no redirects, and limits the time and the size of an answer. It
//! checks addresses when it connects, and uses the configured proxies and root certificates (SEC-37). A circuit breaker and a
//! concurrency limit per host keep a failing host from affecting the others (SEC-39). Only `provider/` and `hook/` call it.
//! It must never log a URL's query, a header or a body.

mod address;
mod cached_document;
mod call;
mod client;
mod error;
mod host;
mod message;
mod signature;
mod tls;

#[cfg(test)]
mod tests;

pub use self::cached_document::{CachedDocument, FetchError, Fetched, Freshness};
pub use self::client::{Client, SimulatedNetwork};
pub use self::error::OutgoingError;
pub use self::message::{Body, Pairs, Reply, Request};
pub use self::signature::{ESCAPED, Signer, sign};
pub use self::tls::install_crypto;
