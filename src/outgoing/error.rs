//! The one error of this module.

use std::time::Duration;

/// Maximum size of an answer, in bytes.
pub const MAX_BODY_LEN: usize = 1024 * 1024;

/// Why there is no answer. The texts contain host names, but never a URL.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The time limit of the call or of the login was reached.
    #[error("no answer within the time limit")]
    Timeout,
    /// No connection: DNS, TCP or TLS failed.
    #[error("{host} could not be reached: {cause}")]
    Unreachable { host: String, cause: String },
    /// The address policy forbids the host or the scheme (SEC-37).
    #[error("{host} must not be called: {reason}")]
    Forbidden { host: String, reason: &'static str },
    /// The answer is larger than the limit of one answer, 1 MiB.
    #[error("the answer is larger than {MAX_BODY_LEN} bytes")]
    TooLarge,
    /// The connection failed before the answer was complete.
    #[error("the answer is incomplete: {0}")]
    Broken(String),
    /// The circuit breaker is open, or the endpoint asked for a pause (`Retry-After`).
    #[error("{host} is not called at present: its last calls failed, or it asked for a pause (Retry-After)")]
    CircuitOpen { host: String, remaining: Duration },
    /// A header of the request is invalid; nothing was sent.
    #[error("{0} is not valid")]
    InvalidRequest(&'static str),
}

impl OutgoingError {
    /// What the operator can check.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Timeout => "check the firewall, or set HTTPS_PROXY",
            Self::Unreachable { cause, .. } if cause.contains("certificate") => {
                "set SSL_CERT_FILE to trust a further certificate authority"
            }
            Self::Unreachable { .. } => "check the address and the firewall, or set HTTPS_PROXY",
            Self::Forbidden { .. } => "set OUTGOING_ALLOW_PRIVATE to allow private addresses and plain http to them",
            Self::TooLarge | Self::Broken(_) | Self::CircuitOpen { .. } | Self::InvalidRequest(_) => {
                "check the address"
            }
        }
    }
}
