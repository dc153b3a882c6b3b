//! The one place where an error of any floor becomes an answer: `application/problem+json` (RFC 9457) with a stable code.
//!
//! Every handler and the outermost wrapper end here. Nothing below knows a status. What a problem may look like in the
//! document stands in `refused.rs`. It must never show a cause, a secret or a URL (SEC-46).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU16;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;

use super::audit_middleware::AuditedRefusal;
use super::begin::LoginKind;
use crate::account::{AuthError, ChangeError, TokenError};
use crate::login::{LoginError, Refusal};
use crate::model::{RefusalContext, sanitize_external_text};

tokio::task_local! {
    /// Of the request being answered; set by the outermost middleware.
    pub static REQUEST_ID: String;
}

/// What went wrong, as a problem document (RFC 9457). `code` is stable: decide by it, not by the texts.
#[derive(Clone, Debug, Object)]
pub struct Problem {
    /// Always `about:blank`: the `code` says more than a URI would.
    #[oai(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable and machine-readable.
    pub code: String,
    /// For people; may change.
    pub detail: String,
    /// Also in the header `X-Request-Id` and in the server's log.
    pub request_id: String,
    /// Messages by field, for `invalid_request`.
    #[oai(skip_serializing_if_is_none)]
    pub errors: Option<BTreeMap<String, Vec<String>>>,
    /// simplejwt's account of a refused token, for `token_not_valid`: one entry for each token class tried.
    #[oai(skip_serializing_if_is_none)]
    pub messages: Option<Vec<TokenMessage>>,
}

/// Why a JWT is not valid as one class of token.
#[derive(Clone, Debug, Object)]
pub struct TokenMessage {
    /// `AccessToken` or `SlidingToken`.
    pub token_class: String,
    /// `access` or `sliding`.
    pub token_type: String,
    pub message: String,
}

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct Failure {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub detail: String,
    pub errors: BTreeMap<String, Vec<String>>,
    pub messages: Option<Box<[TokenMessage]>>,
    /// `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<NonZeroU16>,
    /// For log and audit trail: see `trail.rs`.
    pub about: Box<RefusalContext>,
}

impl Failure {
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: BTreeMap::new(),
            messages: None,
            challenge: None,
            retry_after: None,
            about: Box::default(),
        }
    }

    pub fn bad(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub fn fields(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut failure = Self::bad("invalid_request", "The request has invalid fields.");
        for (name, message) in fields {
            failure.errors.entry(name).or_default().push(message);
        }
        failure
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing of this id.")
    }

    pub fn csrf(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "csrf_failed", detail)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.into_owned(),
            detail: self.detail,
            request_id: REQUEST_ID.try_with(Clone::clone).unwrap_or_default(),
            errors: (!self.errors.is_empty()).then_some(self.errors),
            messages: self.messages.map(Vec::from),
        };
        let body = poem_openapi::types::ToJSON::to_json_string(&problem);
        let mut response = Response::builder().status(self.status).content_type("application/problem+json").body(body);
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.get()));
        }
        response
    }
}

impl Failure {
    /// What goes beside the answer, to be written down before it leaves.
    pub fn declined(&mut self) -> AuditedRefusal {
        AuditedRefusal { status: self.status, code: self.code.clone(), about: std::mem::take(&mut self.about) }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let (status, code) = (status_of(&error.refusal), error.refusal.code());
        let mut failure =
            Self { about: error.about, retry_after: error.retry_after, ..Self::new(status, code, error.detail) };
        for (name, message) in error.fields {
            failure.errors.entry(name).or_default().push(message);
        }
        if status == StatusCode::UNAUTHORIZED {
            failure.challenge = Some("Token");
        }
        if let Some(message) = error.provider_message {
            failure.detail = format!("{} The provider said: {}", failure.detail, sanitize_external_text(&message));
        }
        failure
    }
}

/// Status of every refusal of a login.
fn status_of(refusal: &Refusal) -> StatusCode {
    use Refusal as R;
    match refusal {
        R::ProviderMissing | R::InvalidRequest | R::RedirectUriNotAllowed | R::OriginNotAllowed => {
            StatusCode::BAD_REQUEST
        }
        R::InvalidCode | R::CodeAlreadyUsed | R::AccessDenied | R::CallbackError => StatusCode::BAD_REQUEST,
        R::StateMismatch | R::StateExpired | R::FlowMismatch => StatusCode::BAD_REQUEST,
        R::NotAuthenticated => StatusCode::UNAUTHORIZED,
        R::NotAllowed | R::ProviderNotAllowed | R::OrganizationNotAllowed | R::SignUpClosed => StatusCode::FORBIDDEN,
        R::SignUpRefused | R::TokenLimitExceeded => StatusCode::FORBIDDEN,
        R::UserInactive | R::NoUser | R::FreshLoginRequired | R::Own(_) => StatusCode::FORBIDDEN,
        R::UnknownProvider => StatusCode::NOT_FOUND,
        R::AccountInUse | R::AccountExists => StatusCode::CONFLICT,
        R::ProviderError => StatusCode::BAD_GATEWAY,
        R::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
        R::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        R::SignUpUnavailable | R::DatabaseUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::NotFound => Self::not_found(),
            TokenError::NotStored => Self::new(StatusCode::NOT_FOUND, "token_not_kept", detail),
            TokenError::Ended => Self::new(StatusCode::CONFLICT, "token_ended", detail),
            TokenError::Provider(error) => LoginError { provider_message: None, ..error.into() }.into(),
            TokenError::Auth(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Fields(fields) => Self::fields(fields),
            ChangeError::Auth(error) => error.into(),
        }
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let status = match &error {
            AuthError::Store(cause) => {
                tracing::error!(%cause, "the database failed");
                let detail = "The database does not answer. Try again in a moment.";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail);
            }
            AuthError::Blacklisted => StatusCode::BAD_REQUEST,
            AuthError::LoginTooOld => StatusCode::FORBIDDEN,
            _ => StatusCode::UNAUTHORIZED,
        };
        let mut failure = Self::new(status, error.code(), error.to_string());
        if let AuthError::Reused(user) = &error {
            failure.about.user_id = Some(*user);
        }
        if let AuthError::TokenNotValid(faults) = &error {
            let message =
                |(class, fault): &(crate::credential::jwt::TokenType, crate::credential::jwt::JwtFault)| TokenMessage {
                    token_class: class.class().to_owned(),
                    token_type: class.as_str().to_owned(),
                    message: fault.to_string(),
                };
            failure.messages = Some(faults.iter().map(message).collect());
        }
        if status == StatusCode::UNAUTHORIZED {
            failure.challenge = Some(match error.challenge() {
                crate::account::Challenge::Token => "Token",
                crate::account::Challenge::Bearer => r#"Bearer realm="api""#,
            });
        }
        failure
    }
}

/// Errors of the framework itself: routing, parsing, methods.
pub fn from_framework(error: &poem::Error) -> Failure {
    use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
    use poem_openapi::error::{
        ContentTypeError, ParseParamError, ParsePathError as ParsePath, ParseRequestPayloadError,
    };
    if error.is::<MethodNotAllowedError>() {
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path has other methods.")
    } else if error.is::<NotFoundError>() || error.is::<ParsePathError>() || error.is::<ParsePath>() {
        Failure::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path.")
    } else if error.is::<ContentTypeError>() {
        let detail = "Send application/json.";
        Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    } else if error.is::<ParseRequestPayloadError>() {
        Failure::bad("invalid_json", "The body is not the JSON that this operation takes.")
    } else if let Some(error) = error.downcast_ref::<ParseParamError>() {
        Failure { detail: "The query has invalid parameters.".to_owned(), ..Failure::fields([wrong_parameter(error)]) }
    } else if error.status().is_client_error() {
        // A code has one status, whatever the framework's own is.
        let title = error.status().canonical_reason().unwrap_or("Bad request");
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title);
        }
        Failure::bad("invalid_request", title)
    } else {
        tracing::error!(%error, "unexpected error");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong.")
    }
}

/// The framework's own reason names types of this program.
fn wrong_parameter(error: &poem_openapi::error::ParseParamError) -> (String, String) {
    let message = match error.name {
        "kind" => format!("One of {}.", LoginKind::names()),
        "limit" => "A whole number from 1 to 100.".to_owned(),
        _ => "This parameter is required.".to_owned(),
    };
    (error.name.to_owned(), message)
}
