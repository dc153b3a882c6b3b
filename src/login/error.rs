use std::borrow::Cow;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::model::{Kind, RefusalContext, UserId};
use crate::provider::ProviderError;
use crate::store::StoreError;

/// Why a login was refused: the stable code that stands in the problem document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    StateMismatch,
    StateExpired,
    FlowMismatch,
    NotAuthenticated,
    NotAllowed,
    ProviderNotAllowed,
    OrganizationNotAllowed,
    SignUpClosed,
    /// By the operator's own software.
    SignUpRefused,
    /// It was to be asked and did not answer.
    SignUpUnavailable,
    UserInactive,
    NoUser,
    TokenLimitExceeded,
    FreshLoginRequired,
    AccountInUse,
    AccountExists,
    ProviderError,
    ProviderTimeout,
    DatabaseUnavailable,
    TooManyRequests,
    /// The code of a step of a program's own.
    Own(Cow<'static, str>),
}

/// Longest code of a program's own.
const LONGEST_CODE: usize = 64;

impl Refusal {
    /// Lower case letters, digits and `_`, since a code stands in URLs too.
    pub(super) fn own(code: impl Into<Cow<'static, str>>) -> Self {
        let code = code.into();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !code.is_empty() && code.len() <= LONGEST_CODE && code.chars().all(plain) {
            return Self::Own(code);
        }
        let repaired = |c: char| Some(c.to_ascii_lowercase()).filter(|c| plain(*c)).unwrap_or('_');
        Self::Own(Cow::Owned(code.chars().map(repaired).take(LONGEST_CODE).collect()))
    }

    /// As it stands in problem documents, and as `error` in a landing.
    pub fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Own(code) => return code.clone(),
            Self::ProviderMissing => "provider_missing",
            Self::InvalidRequest => "invalid_request",
            Self::RedirectUriNotAllowed => "redirect_uri_not_allowed",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::UnknownProvider => "unknown_provider",
            Self::InvalidCode => "invalid_code",
            Self::CodeAlreadyUsed => "code_already_used",
            Self::AccessDenied => "access_denied",
            Self::CallbackError => "callback_error",
            Self::StateMismatch => "state_mismatch",
            Self::StateExpired => "state_expired",
            Self::FlowMismatch => "flow_mismatch",
            Self::NotAuthenticated => "not_authenticated",
            Self::NotAllowed => "not_allowed",
            Self::ProviderNotAllowed => "provider_not_allowed",
            Self::OrganizationNotAllowed => "organization_not_allowed",
            Self::SignUpClosed => "sign_up_closed",
            Self::SignUpRefused => "sign_up_refused",
            Self::SignUpUnavailable => "sign_up_unavailable",
            Self::UserInactive => "user_inactive",
            Self::NoUser => "no_user",
            Self::TokenLimitExceeded => "token_limit_exceeded",
            Self::FreshLoginRequired => "fresh_login_required",
            Self::AccountInUse => "account_in_use",
            Self::AccountExists => "account_exists",
            Self::ProviderError => "provider_error",
            Self::ProviderTimeout => "provider_timeout",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::TooManyRequests => "too_many_requests",
        })
    }
}

/// A refused login. `detail` is for the caller and holds nothing secret; `about` is for the log and the audit trail alone.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct LoginError {
    pub refusal: Refusal,
    pub detail: String,
    /// field -> message, for `InvalidRequest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// The provider's own words: shown only with REST_SOCIAL_VERBOSE_ERRORS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message: Option<String>,
    /// Seconds, for `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<NonZeroU16>,
    #[serde(skip)]
    pub about: Box<RefusalContext>,
}

impl LoginError {
    pub fn new(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            detail: detail.into(),
            fields: Vec::new(),
            provider_message: None,
            retry_after: None,
            about: Box::default(),
        }
    }

    pub fn fields(fields: Vec<(String, String)>) -> Self {
        Self { fields, ..Self::new(Refusal::InvalidRequest, "The request has invalid fields.") }
    }

    pub fn field(name: &str, message: &str) -> Self {
        Self::fields(vec![(name.to_owned(), message.to_owned())])
    }

    /// For the log.
    pub(super) fn because(mut self, cause: impl ToString) -> Self {
        self.about.cause = Some(cause.to_string());
        self
    }

    /// The user whose account it was about.
    pub(super) fn of_user(mut self, user: UserId) -> Self {
        self.about.user_id = Some(user);
        self
    }

    /// What its login was to be; who nearer to it said whose it was is right.
    pub(super) fn of(mut self, provider: Option<&str>, kind: Kind, user: Option<UserId>) -> Self {
        self.about.provider = provider.map(str::to_owned);
        self.about.kind = Some(kind);
        self.about.user_id = self.about.user_id.or(user);
        self
    }
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::new(Refusal::DatabaseUnavailable, "The database does not answer. Try again in a moment.").because(error)
    }
}

impl From<ProviderError> for LoginError {
    fn from(error: ProviderError) -> Self {
        let cause = error.to_string();
        let (refusal, detail, message) = match error {
            ProviderError::InvalidFields(fields) => return Self::fields(fields).because(cause),
            ProviderError::AccessDenied { message } => {
                (Refusal::AccessDenied, "The person declined to sign in.".to_owned(), message)
            }
            ProviderError::AuthorizationError { message, .. } => (
                Refusal::CallbackError,
                "The provider sent the person back with an error instead of a code.".to_owned(),
                message,
            ),
            ProviderError::InvalidCode { message } => (
                Refusal::InvalidCode,
                "The provider refused the code: it is wrong, used or expired, or it was made for another redirect URI."
                    .to_owned(),
                message,
            ),
            ProviderError::Mixup => {
                (Refusal::StateMismatch, "This callback was made by another provider.".to_owned(), None)
            }
            ProviderError::NotAllowed { reason } => (Refusal::NotAllowed, reason, None),
            ProviderError::Failed { message, .. } => {
                (Refusal::ProviderError, "The provider's answer cannot be used.".to_owned(), message)
            }
            ProviderError::TemporarilyUnavailable { retry_after, .. } => {
                let detail = "The provider asks to be called later.".to_owned();
                let seconds = retry_after.map(|span| u16::try_from(span.as_secs()).unwrap_or(u16::MAX).max(1));
                let seconds = seconds.and_then(NonZeroU16::new);
                return Self { retry_after: seconds, ..Self::new(Refusal::ProviderError, detail) }.because(cause);
            }
            ProviderError::UserMismatch { .. } | ProviderError::EndpointNotFound { .. } => {
                (Refusal::ProviderError, "The provider's answer cannot be used.".to_owned(), None)
            }
            ProviderError::Timeout { .. } => {
                (Refusal::ProviderTimeout, "The provider did not answer in time.".to_owned(), None)
            }
        };
        Self { provider_message: message, ..Self::new(refusal, detail) }.because(cause)
    }
}
