//! Which errors an operation may have, for the document. A handler returns `Result<_, Refused<P>>`; `P` lists them.
//!
//! poem-openapi cannot refer to a shared response. So each error is written as a placeholder with the name of its case, and
//! [`share`] replaces it in the finished document.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use poem::http::StatusCode;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::{Map, Value, json};

use super::error_cases::{self, ErrorCase, OWN_CODES};
use super::schemas::meta_response;
use super::shared_components::operations;
use crate::http::protocol::{Problem, Rejection};

const PROBLEM: &str = "application/problem+json";
const ADDITIONAL_INPUT: &str = "additional_input_required";
/// Added to the name of a case for operations that show it to browsers as a page.
const OR_PAGE: &str = "OrPage";

/// Which errors an operation may have.
pub trait OperationErrors: Send + Sync + 'static {
    /// Groups of `error_cases.rs`. A later case replaces one with the same status.
    const GROUPS: &'static [&'static [ErrorCase]];
    /// Whether a browser gets pages instead of problem documents.
    const SERVES_BROWSERS: bool;
}

/// Declares a type with its [`OperationErrors`], by names of constants of `error_cases.rs`. `or_page` after the name of the
/// type: browsers navigate to the operation.
macro_rules! error_list {
    ($($name:ident $($or_page:ident)?: $($group:ident),+;)+) => {
        $(
            pub struct $name;

            impl $crate::http::openapi::OperationErrors for $name {
                const GROUPS: &'static [&'static [$crate::http::openapi::ErrorCase]] =
                    &[$($crate::http::openapi::error_cases::$group),+];
                const SERVES_BROWSERS: bool = !stringify!($($or_page)?).is_empty();
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
        let cases = P::GROUPS.iter().copied().flatten().map(|case| (case.status, case));
        let by_status: BTreeMap<u16, &ErrorCase> = cases.collect();
        MetaResponses { responses: by_status.values().map(|case| placeholder(case, P::SERVES_BROWSERS)).collect() }
    }

    fn register(registry: &mut Registry) {
        <Problem as Type>::register(registry);
    }
}

fn placeholder(case: &ErrorCase, serves_browsers: bool) -> MetaResponse {
    // The method and `Accept` are checked before a page could be chosen.
    let has_page = serves_browsers && !matches!(case.status, 405 | 406);
    let name = if has_page { format!("{}{OR_PAGE}", case.name) } else { case.name.to_owned() };
    let schema = MetaSchema { title: Some(name), all_of: vec![<Problem as Type>::schema_ref()], ..MetaSchema::ANY };
    let content = MetaMediaType { content_type: PROBLEM, schema: MetaSchemaRef::Inline(Box::new(schema)) };
    meta_response(case.status, "", vec![content], vec![])
}

/// Replaces the placeholders by references to shared responses.
pub fn share(document: &mut Value) {
    let mut shared = BTreeSet::new();
    let responses = operations(document).filter_map(|operation| operation["responses"].as_object_mut());
    for response in responses.flat_map(|responses| responses.values_mut()) {
        let name = response["content"][PROBLEM]["schema"]["title"].as_str().map(str::to_owned);
        let Some(name) = name else { continue };
        *response = json!({"$ref": format!("#/components/responses/{name}")});
        shared.insert(name);
    }
    let responses: Map<String, Value> = shared.iter().map(|name| (name.clone(), response(name, &shared))).collect();
    document["components"]["responses"] = Value::Object(responses);
}

/// The shared response of this name. `shared`: all names.
fn response(name: &str, shared: &BTreeSet<String>) -> Value {
    let base = name.trim_end_matches(OR_PAGE);
    let case = error_cases::ALL.iter().find(|case| case.name == base).expect("a placeholder has the name of a case");
    let mut response = json!({"description": description(case)});
    let headers = headers(case);
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    response["content"] = json!({PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}});
    // Not for a page, which refers to the other response.
    if let Some((code, detail)) = case.example
        && !(name != base && shared.contains(base))
    {
        response["content"][PROBLEM]["example"] = example(case.status, code, detail);
    }
    if name != base {
        response["content"]["text/html"] = json!({"schema": {"type": "string"}});
        response["description"] = if shared.contains(base) {
            format!("As `{base}`; a browser gets a page.")
        } else {
            format!("{}\n\nA browser gets a page.", description(case))
        }
        .into();
    }
    response
}

fn description(case: &ErrorCase) -> String {
    let line = |(code, meaning): &(&str, &str)| match *code {
        OWN_CODES => format!("any other code: {meaning}"),
        code => format!("`{code}`: {meaning}"),
    };
    match case.codes {
        [only] => format!("{}.", line(only)),
        codes => codes.iter().map(|code| format!("- {}", line(code))).collect::<Vec<_>>().join("\n"),
    }
}

fn example(status: u16, code: &str, detail: &str) -> Value {
    let mut example = json!({
        "type": "about:blank",
        "title": StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
    });
    if code == ADDITIONAL_INPUT {
        example["flow_token"] = "rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".into();
        example["expires_in"] = 600.into();
        example["step"] = "require_email".into();
        example["fields"] = json!([{"name": "email", "type": "email", "title": "E-mail address", "required": true}]);
    }
    example
}

fn headers(case: &ErrorCase) -> Map<String, Value> {
    let optional = |name: &str, description: &str| {
        (name.to_owned(), json!({"description": description, "schema": {"type": "string"}}))
    };
    let required = |name: &str, description: &str| {
        let (name, mut header) = optional(name, description);
        header["required"] = true.into();
        (name, header)
    };
    let retry_after = || required("Retry-After", "Seconds until the next attempt.");
    let headers = match case.status {
        401 if case.name == "ServiceRejected" => vec![required("WWW-Authenticate", "`Basic`, with a realm.")],
        401 => vec![required("WWW-Authenticate", "`Token`, or `Bearer realm=\"api\"` for a JWT.")],
        405 => vec![required("Allow", "The methods of this path.")],
        429 => vec![
            retry_after(),
            optional("RateLimit", "Of an exceeded limit: name, requests left `r`, seconds `t` until more."),
            optional("RateLimit-Policy", "Its name, quota `q`, period `w` in seconds."),
        ],
        502 => vec![optional("Retry-After", "Seconds, if the provider sent them.")],
        503 => vec![retry_after()],
        _ => Vec::new(),
    };
    headers.into_iter().collect()
}
