//! Errors of all layers become `application/problem+json` (RFC 9457) with a stable code here, and nowhere else.
//!
//! The layers below know no HTTP status. A problem document must never show a cause, a secret or a URL (SEC-46).
//! `openapi/error_cases.rs` documents which problems an operation may have.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU16;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;

use super::additional_input::{ADDITIONAL_INPUT_DETAIL, AskedField};
use super::language::Language;
use super::request_id::current_request_id;
use crate::account::{AuthError, Challenge, ChangeError, ProviderTokenError};
use crate::credential::jwt::{JwtFault, TokenType};
use crate::login::{LoginError, PendingLogin, Refusal};
use crate::model::{AuditState, RefusalContext, sanitize_external_text};
use crate::rate_limit::RateLimitExceeded;

/// What went wrong, as a problem document (RFC 9457). `code` is stable: decide by it, not by the texts.
#[derive(Clone, Debug, Object)]
pub struct Problem {
    /// Always `about:blank`; `code` identifies the problem.
    #[oai(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable and machine-readable.
    pub code: String,
    /// A text for developers; it may change.
    pub detail: String,
    /// `code` under the name of RFC 6749, section 5.2, at the endpoints of RFC 7009 and RFC 7662.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
    /// Also in the header `X-Request-Id` and in the server's log.
    pub request_id: String,
    /// Messages by field, for `invalid_request`.
    #[oai(skip_serializing_if_is_none)]
    pub errors: Option<BTreeMap<String, Vec<String>>>,
    /// For `token_not_valid`, as in simplejwt: one entry for each token class that was tried.
    #[oai(skip_serializing_if_is_none)]
    pub messages: Option<Vec<TokenMessage>>,
    /// For `additional_input_required`: post it with the answers. If the login had the authorization request cookie, post it
    /// from the same browser.
    #[oai(skip_serializing_if_is_none)]
    pub flow_token: Option<String>,
    /// For `additional_input_required`: how long the login is pending, in seconds.
    #[oai(skip_serializing_if_is_none)]
    pub expires_in: Option<u64>,
    /// For `additional_input_required`: the step that needs the input, such as `require_email`.
    #[oai(skip_serializing_if_is_none)]
    pub step: Option<String>,
    /// For `additional_input_required`: what the user is asked for.
    #[oai(skip_serializing_if_is_none)]
    pub fields: Option<Vec<AskedField>>,
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

/// Why a request is refused: what its problem document says, and what only the log and the audit log say.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: Cow<'static, str>,
    /// What is wrong and what to do, for developers.
    pub detail: String,
    /// Messages by field.
    pub errors: BTreeMap<String, Vec<String>>,
    /// See the messages of the problem document.
    pub messages: Option<Box<[TokenMessage]>>,
    /// For `additional_input_required`.
    pub pending_login: Option<Box<PendingLogin>>,
    /// `WWW-Authenticate`.
    pub challenge: Option<Challenge>,
    /// Whether the problem document has `error` too.
    pub is_oauth_error: bool,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<NonZeroU16>,
    /// The rate limit that refused the request.
    pub rate_limit: Option<Box<RateLimitExceeded>>,
    /// The language of the texts for the user, where the request chose it.
    pub language: Option<Language>,
    /// For the log and the audit log; never sent.
    pub context: Box<RefusalContext>,
}

impl Failure {
    /// A failure without errors of fields.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: BTreeMap::new(),
            messages: None,
            pending_login: None,
            challenge: None,
            is_oauth_error: false,
            retry_after: None,
            rate_limit: None,
            language: None,
            context: Box::default(),
        }
    }

    /// 400 with this code.
    pub fn bad(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 400 `invalid_request` with a message for each field.
    pub fn fields(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::bad("invalid_request", "The request has invalid fields.").with_errors(fields)
    }

    fn with_errors(mut self, errors: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, message) in errors {
            self.errors.entry(name).or_default().push(message);
        }
        self
    }

    /// 404 `not_found`: the user has nothing with the id in the path.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found.")
    }

    /// 405 `method_not_allowed`. The caller adds the header `Allow`.
    pub fn method_not_allowed() -> Self {
        let detail = "Method not allowed; see the Allow header.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 500 `internal_error`. The caller logs the cause.
    pub fn internal_error() -> Self {
        let detail = "An unexpected error occurred. The server's log has details under the request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// 503 `database_unavailable`.
    pub fn database_unavailable() -> Self {
        let detail = "The database does not answer. Try again in a moment.";
        let mut failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail);
        failure.context.audit = AuditState::DatabaseUnavailable;
        failure
    }

    /// Adds `Retry-After`, and the fields of the rate limit (draft-ietf-httpapi-ratelimit-headers).
    pub fn add_retry_fields(&self, response: &mut Response) {
        const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
        const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.get()));
        }
        let Some(exceeded) = &self.rate_limit else { return };
        for (name, field) in [(RATE_LIMIT_POLICY, exceeded.policy_field()), (RATE_LIMIT, exceeded.limit_field())] {
            headers.insert(name, HeaderValue::try_from(field).expect("names and numbers are ASCII"));
        }
        if !exceeded.is_reported {
            response.extensions_mut().insert(UnreportedRefusal);
        }
    }

    /// 403 `additional_input_required`: a step of the pipeline asks the user for more. The login is pending, not refused,
    /// so it is in no audit log: return it as a response, not as an error.
    pub fn additional_input_required(pending_login: PendingLogin) -> Self {
        let failure = Self::new(StatusCode::FORBIDDEN, "additional_input_required", ADDITIONAL_INPUT_DETAIL);
        Self { pending_login: Some(Box::new(pending_login)), ..failure }
    }

    /// 403 `csrf_failed`.
    pub fn csrf(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "csrf_failed", detail)
    }
}

/// The challenge of JWTs, in which the outermost middleware names their scheme.
pub const BEARER_CHALLENGE: &str = r#"Bearer realm="api""#;

impl IntoResponse for Failure {
    fn into_response(mut self) -> Response {
        let errors = std::mem::take(&mut self.errors);
        let pending = self.pending_login.take();
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            error: self.is_oauth_error.then(|| self.code.to_string()),
            code: self.code.to_string(),
            detail: std::mem::take(&mut self.detail),
            request_id: current_request_id().unwrap_or_default(),
            errors: (!errors.is_empty()).then_some(errors),
            messages: self.messages.take().map(Vec::from),
            flow_token: pending.as_ref().map(|pending| pending.flow_token.as_str().to_owned()),
            expires_in: pending.as_ref().map(|pending| pending.expires_in),
            step: pending.as_ref().map(|pending| pending.step.clone()),
            fields: pending.map(|pending| pending.fields.into_iter().map(AskedField::from).collect()),
        };
        let body = poem_openapi::types::ToJSON::to_json_string(&problem);
        let mut response = Response::builder().status(self.status).content_type("application/problem+json").body(body);
        if let Some(challenge) = self.challenge {
            let challenge = match challenge {
                Challenge::Token => "Token",
                Challenge::Bearer => BEARER_CHALLENGE,
                Challenge::Basic => r#"Basic realm="services", charset="UTF-8""#,
            };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(language) = self.language {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        }
        self.add_retry_fields(&mut response);
        response
    }
}

/// Beside a response: its refusal was not reported, so that a flood of requests is no flood of log lines.
#[derive(Clone, Copy, Debug)]
pub struct UnreportedRefusal;

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let (status, code) = (status_of(&error.refusal), error.refusal.code());
        let failure = Self::new(status, code, error.detail).with_errors(error.fields);
        let LoginError { context, retry_after, rate_limit, .. } = error;
        let mut failure = Self { context, retry_after, rate_limit, ..failure };
        if status == StatusCode::UNAUTHORIZED {
            failure.challenge = Some(Challenge::Token);
        }
        if let Some(message) = error.provider_message {
            failure.detail = format!("{} The provider's message: {}", failure.detail, sanitize_external_text(&message));
        }
        failure
    }
}

/// The HTTP status of each refusal of a login.
fn status_of(refusal: &Refusal) -> StatusCode {
    use Refusal as R;
    match refusal {
        R::ProviderMissing | R::InvalidRequest | R::RedirectUriNotAllowed | R::OriginNotAllowed => {
            StatusCode::BAD_REQUEST
        }
        R::InvalidCode | R::CodeAlreadyUsed | R::AccessDenied | R::CallbackError => StatusCode::BAD_REQUEST,
        R::LoginRequired | R::ConsentRequired | R::AccountSelectionRequired | R::InteractionRequired => {
            StatusCode::BAD_REQUEST
        }
        R::StateMismatch | R::StateExpired | R::FlowMismatch => StatusCode::BAD_REQUEST,
        R::NotAuthenticated => StatusCode::UNAUTHORIZED,
        R::NotAllowed | R::ProviderNotAllowed | R::OrganizationNotAllowed | R::SignUpClosed => StatusCode::FORBIDDEN,
        R::SignUpRefused | R::TokenLimitExceeded => StatusCode::FORBIDDEN,
        R::UserInactive | R::NoUser | R::FreshLoginRequired | R::LinkLoginRequired | R::Own(_) => StatusCode::FORBIDDEN,
        R::UnknownProvider => StatusCode::NOT_FOUND,
        R::AccountInUse | R::AccountExists => StatusCode::CONFLICT,
        R::ProviderError => StatusCode::BAD_GATEWAY,
        R::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
        R::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        R::SignUpUnavailable | R::DatabaseUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<ProviderTokenError> for Failure {
    fn from(error: ProviderTokenError) -> Self {
        let detail = error.to_string();
        match error {
            ProviderTokenError::NotFound => Self::not_found(),
            ProviderTokenError::NotStored => Self::new(StatusCode::NOT_FOUND, "token_not_kept", detail),
            ProviderTokenError::Expired => Self::new(StatusCode::CONFLICT, "token_ended", detail),
            ProviderTokenError::Provider(error) => LoginError { provider_message: None, ..error.into() }.into(),
            ProviderTokenError::Auth(error) => error.into(),
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
                return Self::database_unavailable();
            }
            AuthError::Blacklisted | AuthError::UnsupportedTokenType => StatusCode::BAD_REQUEST,
            AuthError::LoginTooOld => StatusCode::FORBIDDEN,
            AuthError::TooManyRequests(..) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNAUTHORIZED,
        };
        let mut failure = Self::new(status, error.code(), error.to_string());
        if let AuthError::Reused(user) | AuthError::FamilyRevoked(user) | AuthError::TooManyRequests(user, _) = &error {
            failure.context.user_id = Some(*user);
        }
        if let AuthError::FamilyRevoked(_) = &error {
            let cause = "the token was used again after its successor was used: its family is revoked";
            failure.context.cause = Some(cause.to_owned());
            failure.context.audit = AuditState::Written;
        }
        if let AuthError::InvalidClient(service) = &error {
            failure.context.service.clone_from(service);
        }
        if let AuthError::TooManyRequests(_, exceeded) = &error {
            (failure.retry_after, failure.rate_limit) = (Some(exceeded.retry_after), Some(exceeded.clone()));
        }
        if let AuthError::TokenNotValid(faults) = &error {
            let message = |(class, fault): &(TokenType, JwtFault)| TokenMessage {
                token_class: class.class().to_owned(),
                token_type: class.as_str().to_owned(),
                message: fault.message().to_owned(),
            };
            failure.messages = Some(faults.iter().map(message).collect());
        }
        if status == StatusCode::UNAUTHORIZED {
            failure.challenge = Some(error.challenge());
        }
        failure
    }
}

/// Errors of the web framework: routing, and what its own extractors refuse.
pub fn from_framework(error: &poem::Error) -> Failure {
    use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
    use poem_openapi::error::ParsePathError as ParsePathParameterError;
    if error.is::<MethodNotAllowedError>() {
        Failure::method_not_allowed()
    } else if error.is::<NotFoundError>() || error.is::<ParsePathError>() || error.is::<ParsePathParameterError>() {
        Failure::new(StatusCode::NOT_FOUND, "not_found", "No resource has this path.")
    } else if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large.")
    } else if error.status().is_client_error() {
        // A code has one status, whatever status the framework uses.
        Failure::bad("invalid_request", error.status().canonical_reason().unwrap_or("Bad request"))
    } else {
        tracing::error!(%error, "unexpected error");
        Failure::internal_error()
    }
}
