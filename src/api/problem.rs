use std::collections::BTreeMap;
use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde_json::json;

use crate::account::AuthError;
use crate::login::{LoginError, Refusal};

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
    pub code: &'static str,
    pub detail: String,
    pub errors: BTreeMap<String, Vec<String>>,
    pub messages: Option<Vec<TokenMessage>>,
    pub headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: BTreeMap::new(), messages: None, headers: Vec::new() }
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
            code: self.code.to_owned(),
            detail: self.detail,
            request_id: REQUEST_ID.try_with(Clone::clone).unwrap_or_default(),
            errors: (!self.errors.is_empty()).then_some(self.errors),
            messages: self.messages,
        };
        let body = poem_openapi::types::ToJSON::to_json_string(&problem);
        let mut response = Response::builder().status(self.status).content_type("application/problem+json").body(body);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let (status, code) = outward(error.refusal);
        let mut failure = Self::new(status, code, error.detail);
        for (name, message) in error.fields {
            failure.errors.entry(name).or_default().push(message);
        }
        if status == StatusCode::UNAUTHORIZED {
            failure.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Token")));
        }
        if let Some(message) = error.provider_message {
            failure.detail = format!("{} The provider said: {}", failure.detail, harmless(&message));
        }
        failure
    }
}

/// Status and code of every refusal of a login.
fn outward(refusal: Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::ProviderMissing => (StatusCode::BAD_REQUEST, "provider_missing"),
        Refusal::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
        Refusal::RedirectUriNotAllowed => (StatusCode::BAD_REQUEST, "redirect_uri_not_allowed"),
        Refusal::OriginNotAllowed => (StatusCode::BAD_REQUEST, "origin_not_allowed"),
        Refusal::InvalidCode => (StatusCode::BAD_REQUEST, "invalid_code"),
        Refusal::CodeAlreadyUsed => (StatusCode::BAD_REQUEST, "code_already_used"),
        Refusal::AccessDenied => (StatusCode::BAD_REQUEST, "access_denied"),
        Refusal::StateMismatch => (StatusCode::BAD_REQUEST, "state_mismatch"),
        Refusal::StateExpired => (StatusCode::BAD_REQUEST, "state_expired"),
        Refusal::FlowMismatch => (StatusCode::BAD_REQUEST, "flow_mismatch"),
        Refusal::NotAuthenticated => (StatusCode::UNAUTHORIZED, "not_authenticated"),
        Refusal::NotAllowed => (StatusCode::FORBIDDEN, "not_allowed"),
        Refusal::UserInactive => (StatusCode::FORBIDDEN, "user_inactive"),
        Refusal::NoUser => (StatusCode::FORBIDDEN, "no_user"),
        Refusal::UnknownProvider => (StatusCode::NOT_FOUND, "unknown_provider"),
        Refusal::AccountInUse => (StatusCode::CONFLICT, "account_in_use"),
        Refusal::AccountExists => (StatusCode::CONFLICT, "account_exists"),
        Refusal::ProviderError => (StatusCode::BAD_GATEWAY, "provider_error"),
        Refusal::ProviderTimeout => (StatusCode::GATEWAY_TIMEOUT, "provider_timeout"),
        Refusal::DatabaseUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
    }
}

/// A provider's words without markup, control characters or URLs, and not too many of them (SEC-46).
fn harmless(message: &str) -> String {
    let plain: String = message.chars().map(|c| if c.is_control() || "<>".contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(300).collect()
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
            _ => StatusCode::UNAUTHORIZED,
        };
        let mut failure = Self::new(status, error.code(), error.to_string());
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
            let challenge = match error.challenge() {
                crate::account::Challenge::Token => "Token",
                crate::account::Challenge::Bearer => r#"Bearer realm="api""#,
            };
            failure.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        }
        failure
    }
}

/// Which statuses an operation may refuse with: they are its documented problems.
pub trait Statuses: Send + Sync + 'static {
    const LIST: &'static [u16];
}

/// A [`Failure`] of an operation, documented by `S`.
#[derive(Debug)]
pub struct Refused<S>(Box<Failure>, PhantomData<S>);

impl<S, E: Into<Failure>> From<E> for Refused<S> {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()), PhantomData)
    }
}

impl<S> From<Refused<S>> for poem::Error {
    fn from(refused: Refused<S>) -> Self {
        Self::from_response(refused.0.into_response())
    }
}

impl<S: Statuses> ApiResponse for Refused<S> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: S::LIST.iter().map(|status| documented(*status)).collect() }
    }

    fn register(registry: &mut Registry) {
        <Problem as Type>::register(registry);
    }
}

fn documented(status: u16) -> MetaResponse {
    let (description, code, detail) = described(status);
    let mut example = json!({
        "type": "about:blank",
        "title": StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
    });
    if code == "invalid_request" {
        example["errors"] = json!({"code": ["This field is required."]});
    }
    let schema =
        MetaSchema { all_of: vec![<Problem as Type>::schema_ref()], example: Some(example), ..MetaSchema::ANY };
    let header = |name: &str, description: &str| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    };
    let headers = match status {
        401 => vec![header("WWW-Authenticate", "`Token` or `Bearer realm=\"api\"`.")],
        405 => vec![header("Allow", "The methods that this path has.")],
        _ => vec![],
    };
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: MetaSchemaRef::Inline(Box::new(schema)),
        }],
        headers,
    }
}

/// Description, example code and example text of a documented problem.
fn described(status: u16) -> (&'static str, &'static str, &'static str) {
    match status {
        400 => (
            "The request or the login itself: `invalid_request` (with `errors`), `invalid_json`, `provider_missing`, \
             `redirect_uri_not_allowed`, `origin_not_allowed`, `invalid_code`, `code_already_used`, `access_denied`, \
             `state_mismatch`, `state_expired`, `flow_mismatch`.",
            "invalid_request",
            "The request has invalid fields.",
        ),
        401 => (
            "The credential: `not_authenticated`, `invalid_token`, `token_not_valid`, `user_not_found`, \
             `user_inactive`, `bad_authorization_header`.",
            "invalid_token",
            "Invalid token.",
        ),
        403 => (
            "Not allowed: `csrf_failed`, `not_allowed`, `user_inactive`, `no_user`.",
            "csrf_failed",
            "This origin is not in ALLOWED_ORIGINS.",
        ),
        404 => ("`unknown_provider` or `not_found`.", "unknown_provider", "No provider of this name is configured."),
        405 => ("`method_not_allowed`.", "method_not_allowed", "This path has other methods."),
        406 => ("`not_acceptable`: answers are JSON.", "not_acceptable", "Answers are application/json."),
        408 => ("`request_timeout`: the body did not arrive in time.", "request_timeout", "The body did not arrive."),
        409 => (
            "`account_in_use`: the account signs another user in. `account_exists`: a user with this e-mail exists.",
            "account_in_use",
            "This account already signs another user in, and is not moved.",
        ),
        413 => ("`too_large`: a body may have 65,536 bytes.", "too_large", "A body may have 65536 bytes."),
        415 => (
            "`unsupported_media_type`.",
            "unsupported_media_type",
            "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
        ),
        502 => (
            "`provider_error`: the provider refused this server or answered what cannot be used.",
            "provider_error",
            "The provider's answer cannot be used.",
        ),
        503 => {
            ("`database_unavailable`.", "database_unavailable", "The database does not answer. Try again in a moment.")
        }
        504 => ("`provider_timeout`.", "provider_timeout", "The provider did not answer in time."),
        _ => ("A problem.", "internal_error", "Something went wrong."),
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
    } else if error.is::<ParseParamError>() {
        Failure::bad("invalid_request", "A parameter is not what this operation takes.")
    } else if error.status().is_client_error() {
        let title = error.status().canonical_reason().unwrap_or("Bad request");
        Failure::new(error.status(), "invalid_request", title)
    } else {
        tracing::error!(%error, "unexpected error");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong.")
    }
}
