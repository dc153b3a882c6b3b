//! The one error of this module.

use std::time::Duration;

use super::expression::ExprError;

/// What the user must do at the provider before a login without interaction succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Sign in.
    Login,
    /// Consent.
    Consent,
    /// Choose an account.
    AccountSelection,
    /// Anything else.
    Other,
}

impl Interaction {
    /// By the error code of OpenID Connect Core 3.1.2.6.
    pub fn of_code(code: &str) -> Option<Self> {
        [Self::Login, Self::Consent, Self::AccountSelection, Self::Other].into_iter().find(|one| one.code() == code)
    }

    /// The error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Login => "login_required",
            Self::Consent => "consent_required",
            Self::AccountSelection => "account_selection_required",
            Self::Other => "interaction_required",
        }
    }
}

/// The step that failed, in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Stage {
    /// The authorization URL.
    Authorization,
    /// The discovery document.
    Discovery,
    /// The key set.
    Keys,
    /// The request for a request token of OAuth 1.0a.
    RequestToken,
    /// The token request.
    Token,
    /// The ID token.
    IdToken,
    /// A profile request.
    Profile,
    /// The expressions of the descriptor.
    Mapping,
    /// A refresh of stored tokens.
    Refresh,
    /// The revocation of stored tokens.
    Revoke,
}

/// Why there is no identity. `message` is the provider's own text: it is logged, and returned only with VERBOSE_ERRORS. `reason` is a
/// text for the log.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The user denied consent.
    #[error("the user denied consent")]
    AccessDenied { message: Option<String> },
    /// The provider must ask the user, but the login had `prompt=none` (OpenID Connect Core 3.1.2.6).
    #[error("callback: error {}", .needed.code())]
    InteractionNeeded { needed: Interaction, message: Option<String> },
    /// The callback contains another error instead of a code (RFC 6749, 4.1.2.1).
    #[error("callback: {reason}")]
    AuthorizationError { reason: String, message: Option<String> },
    /// The code, verifier or token is invalid, used or expired.
    #[error("the provider refused the code")]
    InvalidCode { message: Option<String> },
    /// The token endpoint does not accept the client ID or the client secret.
    #[error("provider_rejected_client: {stage}: {reason}; check the client ID and the secret of this provider")]
    ClientRejected { stage: Stage, reason: String, message: Option<String> },
    /// Fields of the request are invalid: names and messages. Nothing was sent.
    #[error("invalid fields")]
    InvalidFields(Vec<(String, String)>),
    /// The callback belongs to another provider or another login, as its `iss` says (SEC-5, RFC 9207).
    #[error("the callback belongs to another provider")]
    Mixup,
    /// The profile does not meet an admission rule, such as a verified e-mail address or an organization.
    #[error("not allowed: {reason}")]
    NotAllowed { reason: String },
    /// Any other failure: the client was refused, a status of 4xx or 5xx, an answer that cannot be parsed, an invalid ID token, a
    /// profile without an ID.
    #[error("{stage}: {reason}")]
    Failed { stage: Stage, reason: String, message: Option<String> },
    /// The provider asks for a later call, or the circuit breaker is open. The code was not used.
    #[error("{stage}: {reason}")]
    TemporarilyUnavailable { stage: Stage, reason: String, retry_after: Option<Duration> },
    /// The endpoint does not exist: there is no connection, or the status says so.
    #[error("{stage}: {reason}")]
    EndpointNotFound { stage: Stage, reason: String },
    /// Nothing was sent: the settings, the discovery document or the callback lack what the URL consists of.
    #[error("{stage}: there is no URL")]
    NoUrl { stage: Stage },
    /// A refresh returned tokens of another user (OpenID Connect Core 12.2).
    #[error("{stage}: {reason}")]
    UserMismatch { stage: Stage, reason: String },
    /// The provider did not answer in time.
    #[error("{stage}: no answer in time")]
    Timeout { stage: Stage },
}

impl ProviderError {
    /// [`Self::Failed`] without a message of the provider.
    pub fn failed(stage: Stage, reason: impl Into<String>) -> Self {
        Self::Failed { stage, reason: reason.into(), message: None }
    }
}

impl From<ExprError> for ProviderError {
    fn from(error: ExprError) -> Self {
        Self::failed(Stage::Mapping, error.to_string())
    }
}
