//! The one error of this module.

use std::time::Duration;

use super::expression::ExprError;

/// Why there is no identity. `message` is the provider's own text: for the log, and outward only with VERBOSE_ERRORS.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The person said no.
    #[error("the person declined")]
    AccessDenied { message: Option<String> },
    /// The callback carries another error: the provider sent the person back without a code.
    #[error("callback: {reason}")]
    AuthorizationError { reason: String, message: Option<String> },
    /// The code, verifier or token is bad, used or expired.
    #[error("the provider refused the code")]
    InvalidCode { message: Option<String> },
    /// A field of the request does not do: name -> message. Nothing was sent.
    #[error("invalid fields")]
    InvalidFields(Vec<(String, String)>),
    /// `iss` of the callback, or the like, names another provider (SEC-5).
    #[error("the callback is another provider's")]
    Mixup,
    /// The profile does not meet the provider's admission rule (an unverified e-mail, the wrong organisation).
    #[error("not admitted: {reason}")]
    NotAllowed { reason: String },
    /// Anything else that the provider did: refused our client, 4xx, 429, 5xx, garbage, an id_token that does not
    /// hold, a profile without an id.
    #[error("{stage}: {reason}")]
    Failed { stage: &'static str, reason: String, message: Option<String> },
    /// The provider asks to be called later, or is left alone after failures. Nothing was judged.
    #[error("{stage}: {reason}")]
    TemporarilyUnavailable { stage: &'static str, reason: String, retry_after: Option<Duration> },
    /// The endpoint is not there: no connection, or a status that says so.
    #[error("{stage}: {reason}")]
    EndpointNotFound { stage: &'static str, reason: String },
    /// A renewal answered with tokens of another user (OpenID Connect Core 12.2).
    #[error("{stage}: {reason}")]
    UserMismatch { stage: &'static str, reason: String },
    #[error("{stage}: no answer in time")]
    Timeout { stage: &'static str },
}

impl ProviderError {
    /// Whether the provider answered and refused what was sent, or cannot read it. After the other errors it may still accept it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::AccessDenied { .. } | Self::InvalidCode { .. } | Self::Failed { .. })
    }

    /// A failure of the provider at this stage of the login, without a message of its own.
    pub fn failed(stage: &'static str, reason: impl Into<String>) -> Self {
        Self::Failed { stage, reason: reason.into(), message: None }
    }
}

impl From<ExprError> for ProviderError {
    fn from(error: ExprError) -> Self {
        Self::failed("mapping", error.to_string())
    }
}
