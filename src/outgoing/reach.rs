//! Whether somebody is at home at an address: a plain request for an operator's check, and what to do where nobody is.

use reqwest::header::DATE;
use tokio::time::Instant;
use url::Url;

use super::{Client, OutgoingError, Request};

/// What a plain request found: any answer will do.
#[derive(Clone, Copy, Debug)]
pub struct ProbeResult {
    pub status: u16,
    /// Unix seconds: the answerer's clock, where it said.
    pub date: Option<i64>,
}

impl Client {
    /// Carries no header of the caller's, no body, nothing that proves anything.
    pub async fn probe(
        &self,
        method: reqwest::Method,
        url: Url,
        deadline: Instant,
    ) -> Result<ProbeResult, OutgoingError> {
        let reply = self.send(&Request::new(method, url), deadline).await?;
        let date = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
        Ok(ProbeResult { status: reply.status, date: date.map(|date| date.timestamp()) })
    }
}

impl OutgoingError {
    /// For the operator: what may be wrong.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Timeout => "may this machine call it, or is HTTPS_PROXY needed?",
            Self::Unreachable { cause, .. } if cause.contains("certificate") => {
                "SSL_CERT_FILE names further authorities to trust"
            }
            Self::Unreachable { .. } => "is the address right, and may this machine call it, or is HTTPS_PROXY needed?",
            Self::Forbidden { .. } => "OUTGOING_ALLOW_PRIVATE opens private addresses and plain http to them",
            Self::TooLarge | Self::Broken(_) | Self::CoolingDown { .. } | Self::Unsendable(_) => {
                "is this the right address?"
            }
        }
    }
}
