//! Which errors an operation may have, for the document. A handler returns `Result<_, Refused<P>>`; `P` lists them.

use std::marker::PhantomData;

use poem::http::StatusCode;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use serde_json::json;

use super::schemas::text_header;
use crate::http::protocol::{Problem, Rejection};

/// The errors of one status.
pub struct ErrorCase {
    /// The HTTP status.
    pub status: u16,
    /// Every code that may occur with this status, and what it means.
    pub description: &'static str,
    /// The code of the example.
    pub code: &'static str,
    /// The detail of the example.
    pub detail: &'static str,
}

/// Which errors an operation may have.
pub trait OperationErrors: Send + Sync + 'static {
    /// Groups of `error_cases.rs`; a status occurs once.
    const GROUPS: &'static [&'static [ErrorCase]];
}

/// Declares a type with its [`OperationErrors`], by names of constants of `error_cases.rs`.
macro_rules! error_list {
    ($($name:ident: $($group:ident),+;)+) => {
        $(
            pub struct $name;

            impl $crate::http::openapi::OperationErrors for $name {
                const GROUPS: &'static [&'static [$crate::http::openapi::ErrorCase]] =
                    &[$($crate::http::openapi::error_cases::$group),+];
            }
        )+
    };
}

pub(crate) use error_list;

/// A refused request of an operation with the errors `P`.
#[derive(Debug)]
pub struct Refused<P>(Box<Rejection>, PhantomData<P>);

impl<P, E: Into<Rejection>> From<E> for Refused<P> {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()), PhantomData)
    }
}

impl<P> From<Refused<P>> for poem::Error {
    fn from(refused: Refused<P>) -> Self {
        Self::from(*refused.0)
    }
}

impl<P: OperationErrors> ApiResponse for Refused<P> {
    fn meta() -> MetaResponses {
        let mut cases: Vec<&ErrorCase> = P::GROUPS.iter().copied().flatten().collect();
        cases.sort_by_key(|case| case.status);
        MetaResponses { responses: cases.into_iter().map(documented).collect() }
    }

    fn register(registry: &mut Registry) {
        <Problem as Type>::register(registry);
    }
}

fn documented(case: &ErrorCase) -> MetaResponse {
    let mut example = json!({
        "type": "about:blank",
        "title": StatusCode::from_u16(case.status).ok().and_then(|status| status.canonical_reason()),
        "status": case.status,
        "code": case.code,
        "detail": case.detail,
        "request_id": "0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
    });
    if case.code == "invalid_request" {
        example["errors"] = json!({"code": ["This field is required."]});
    }
    if matches!(case.code, "invalid_client" | "unsupported_token_type") {
        example["error"] = case.code.into();
    }
    let schema =
        MetaSchema { all_of: vec![<Problem as Type>::schema_ref()], example: Some(example), ..MetaSchema::ANY };
    MetaResponse {
        description: case.description,
        status: Some(case.status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: MetaSchemaRef::Inline(Box::new(schema)),
        }],
        headers: headers(case),
    }
}

fn headers(case: &ErrorCase) -> Vec<MetaHeader> {
    let retry_after = || text_header("Retry-After", "Seconds until the call may be tried again.", true);
    match case.status {
        401 if case.code == "invalid_client" => vec![text_header("WWW-Authenticate", "`Basic`, with a realm.", true)],
        401 => vec![text_header("WWW-Authenticate", "`Token`, or `Bearer realm=\"api\"` for a JWT.", true)],
        405 => vec![text_header("Allow", "The methods of this path.", true)],
        429 => vec![
            retry_after(),
            text_header(
                "RateLimit",
                "If a rate limit is exceeded: its name, the remaining requests `r`, and the seconds `t` until there are more.",
                false,
            ),
            text_header("RateLimit-Policy", "Its name, the quota `q`, and its period `w` in seconds.", false),
        ],
        503 => vec![retry_after()],
        _ => Vec::new(),
    }
}
