//! Why a login is refused: the stable codes, and the texts of the provider's errors.

use std::borrow::Cow;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::model::{AuditState, CredentialKind, RefusalContext, UserId};
use crate::provider::{Interaction, ProviderError};
use crate::rate_limit::RateLimitExceeded;
use crate::store::StoreError;

/// Why a login was refused. The variant's name in snake case is the stable `code` of the problem document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    ProviderMissing,
    InvalidRequest,
    RedirectUriNotAllowed,
    OriginNotAllowed,
    UnknownProvider,
    InvalidCode,
    CodeAlreadyUsed,
    AccessDenied,
    CallbackError,
    /// With `prompt=none`: the user must sign in at the provider.
    LoginRequired,
    /// With `prompt=none`: the user must consent at the provider.
    ConsentRequired,
    /// With `prompt=none`: the user must choose an account at the provider.
    AccountSelectionRequired,
    /// With `prompt=none`: the provider must ask the user something else.
    InteractionRequired,
    StateMismatch,
    StateExpired,
    FlowMismatch,
    NotAuthenticated,
    NotAllowed,
    ProviderNotAllowed,
    OrganizationNotAllowed,
    SignUpClosed,
    /// By the webhook.
    SignUpRefused,
    /// The webhook did not answer.
    SignUpUnavailable,
    UserInactive,
    NoUser,
    TokenLimitExceeded,
    FreshLoginRequired,
    /// The user must sign in as before to link the account of a pending login.
    LinkLoginRequired,
    AccountInUse,
    AccountExists,
    ProviderError,
    ProviderTimeout,
    DatabaseUnavailable,
    TooManyRequests,
    /// The code of a Rust program's own step.
    Own(Cow<'static, str>),
}

/// Maximum length of a program's own code.
const MAX_CODE_LEN: usize = 64;

impl Refusal {
    /// Replaces characters other than lower case letters, digits and `_`, since a code also appears in URLs.
    pub(super) fn own(code: impl Into<Cow<'static, str>>) -> Self {
        let code = code.into();
        let is_valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !code.is_empty() && code.len() <= MAX_CODE_LEN && code.chars().all(is_valid) {
            return Self::Own(code);
        }
        let repaired = |c: char| Some(c.to_ascii_lowercase()).filter(|c| is_valid(*c)).unwrap_or('_');
        Self::Own(Cow::Owned(code.chars().map(repaired).take(MAX_CODE_LEN).collect()))
    }

    /// The `code` of the problem document, and the `error` of the redirect flow.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Own(code) => code.clone(),
            other => Cow::Borrowed(other.into()),
        }
    }
}

/// A refused login. `detail` is for the caller and holds no secret; `context` is only for the log and the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct LoginError {
    /// The reason.
    pub refusal: Refusal,
    /// What is wrong and what to do.
    pub detail: String,
    /// Field and message, for `InvalidRequest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// The provider's error message; shown only with REST_SOCIAL_VERBOSE_ERRORS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message: Option<String>,
    /// Seconds, for `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<NonZeroU16>,
    /// The rate limit that refused the login.
    #[serde(skip)]
    pub(crate) rate_limit: Option<Box<RateLimitExceeded>>,
    /// For the log and the audit log.
    #[serde(skip)]
    pub context: Box<RefusalContext>,
}

impl LoginError {
    /// A refusal without further context.
    pub fn new(refusal: Refusal, detail: impl Into<String>) -> Self {
        let mut context: Box<RefusalContext> = Box::default();
        if refusal == Refusal::DatabaseUnavailable {
            context.audit = AuditState::DatabaseUnavailable;
        }
        Self {
            refusal,
            detail: detail.into(),
            fields: Vec::new(),
            provider_message: None,
            retry_after: None,
            rate_limit: None,
            context,
        }
    }

    /// `invalid_request` with a message for each field.
    pub fn fields(fields: Vec<(String, String)>) -> Self {
        Self { fields, ..Self::new(Refusal::InvalidRequest, "The request has invalid fields.") }
    }

    /// Errors: `invalid_request` with these errors of fields, if there are any.
    pub fn check_fields(errors: Vec<(String, String)>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self::fields(errors)) }
    }

    /// `invalid_request` for one field.
    pub fn field(name: &str, message: &str) -> Self {
        Self::fields(vec![(name.to_owned(), message.to_owned())])
    }

    /// Adds the cause for the log.
    pub(super) fn with_cause(mut self, cause: impl ToString) -> Self {
        self.context.cause = Some(cause.to_string());
        self
    }

    /// Adds the user whose account is concerned, if there is one.
    pub(super) fn with_user(mut self, user: impl Into<Option<UserId>>) -> Self {
        self.context.user_id = user.into().or(self.context.user_id);
        self
    }

    /// Adds provider, kind and user of the login. A user that is set already stays.
    pub(super) fn with_login(mut self, provider: Option<&str>, kind: CredentialKind, user: Option<UserId>) -> Self {
        self.context.provider = provider.map(str::to_owned);
        self.context.kind = Some(kind);
        self.context.user_id = self.context.user_id.or(user);
        self
    }
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::new(Refusal::DatabaseUnavailable, "The database does not answer. Try again in a moment.")
            .with_cause(error)
    }
}

impl From<RateLimitExceeded> for LoginError {
    fn from(exceeded: RateLimitExceeded) -> Self {
        let retry_after = Some(exceeded.retry_after);
        let error = Self::new(Refusal::TooManyRequests, exceeded.to_string());
        Self { retry_after, rate_limit: Some(Box::new(exceeded)), ..error }
    }
}

impl From<ProviderError> for LoginError {
    fn from(error: ProviderError) -> Self {
        let cause = error.to_string();
        let (refusal, detail, message) = match error {
            ProviderError::InvalidFields(fields) => return Self::fields(fields).with_cause(cause),
            ProviderError::AccessDenied { message } => {
                (Refusal::AccessDenied, "The user denied consent.".to_owned(), message)
            }
            ProviderError::InteractionNeeded { needed, message } => {
                let (refusal, what) = match needed {
                    Interaction::Login => (Refusal::LoginRequired, "sign in"),
                    Interaction::Consent => (Refusal::ConsentRequired, "consent"),
                    Interaction::AccountSelection => (Refusal::AccountSelectionRequired, "choose an account"),
                    Interaction::Other => (Refusal::InteractionRequired, "answer a question"),
                };
                let detail = format!("The user must {what} at the provider: begin the login without prompt=none.");
                (refusal, detail, message)
            }
            ProviderError::AuthorizationError { message, .. } => (
                Refusal::CallbackError,
                "The provider returned an error instead of a code.".to_owned(),
                message,
            ),
            ProviderError::InvalidCode { message } => (
                Refusal::InvalidCode,
                "The provider rejected the code: it is invalid, used or expired, or was issued for another redirect URI."
                    .to_owned(),
                message,
            ),
            ProviderError::Mixup => {
                (Refusal::StateMismatch, "This callback is from another provider.".to_owned(), None)
            }
            ProviderError::NotAllowed { reason } => (Refusal::NotAllowed, reason, None),
            ProviderError::ClientRejected { message, .. } => (
                Refusal::ProviderError,
                "The provider rejected this server's client ID or secret. Its operator must correct them.".to_owned(),
                message,
            ),
            ProviderError::Failed { message, .. } => {
                (Refusal::ProviderError, "The provider's answer cannot be used.".to_owned(), message)
            }
            ProviderError::TemporarilyUnavailable { retry_after, .. } => {
                let detail = "The provider is temporarily unavailable. Try again later.".to_owned();
                let seconds = retry_after.map(|span| u16::try_from(span.as_secs()).unwrap_or(u16::MAX).max(1));
                let seconds = seconds.and_then(NonZeroU16::new);
                return Self { retry_after: seconds, ..Self::new(Refusal::ProviderError, detail) }.with_cause(cause);
            }
            ProviderError::UserMismatch { .. }
            | ProviderError::EndpointNotFound { .. }
            | ProviderError::NoUrl { .. } => {
                (Refusal::ProviderError, "The provider's answer cannot be used.".to_owned(), None)
            }
            ProviderError::Timeout { .. } => {
                (Refusal::ProviderTimeout, "The provider did not answer in time.".to_owned(), None)
            }
        };
        Self { provider_message: message, ..Self::new(refusal, detail) }.with_cause(cause)
    }
}
