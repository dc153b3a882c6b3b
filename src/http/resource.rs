//! One path with its methods: what is checked for every operation before its handler runs (R-IN-12: route, method, then
//! what the caller accepts), and what becomes of errors.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};
use poem_openapi::__private::UrlQuery;

use super::app::{self, App};
use super::audit_middleware::AuditMiddleware;
use super::page;
use super::problem::{self, Failure};

/// The pattern of the path that answered, for the log.
#[derive(Clone, Debug)]
pub struct Template(pub Arc<str>);

/// Paths whose GET starts or finishes something: a HEAD, which link checkers send, must not.
const GET_WITH_EFFECTS: [&str; 3] = [
    "/api/login/social/authorize/{provider}/",
    "/api/login/social/complete/{provider}/",
    "/api/user/social/{id}/token/",
];

pub struct Resource {
    template: Template,
    answers_head: bool,
    methods: Vec<(Method, BoxEndpoint<'static>)>,
    allow: HeaderValue,
    /// Whether the answers are JSON, so that `Accept` and `?format=` are looked at.
    negotiates: bool,
    reads_query: bool,
    /// Whose audit trail gets what is refused; pages refuse nothing.
    audit_middleware: Option<Arc<App>>,
}

impl Resource {
    pub fn new(template: String, methods: HashMap<Method, BoxEndpoint<'static>>) -> Self {
        let mut methods: Vec<_> = methods.into_iter().collect();
        methods.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        let answers_head = !GET_WITH_EFFECTS.contains(&template.as_str());
        let mut allow = String::new();
        for (method, _) in &methods {
            allow.push_str(method.as_str());
            allow.push_str(if *method == Method::GET && answers_head { ", HEAD, " } else { ", " });
        }
        allow.push_str("OPTIONS");
        Self {
            answers_head,
            negotiates: template.starts_with("/api/"),
            template: Template(template.into()),
            reads_query: false,
            methods,
            audit_middleware: None,
            allow: HeaderValue::try_from(allow).expect("methods are plain ASCII"),
        }
    }

    /// For operations with parameters in the query, which poem-openapi takes from a parsed copy.
    pub fn reading_query(mut self, reads: bool) -> Self {
        self.reads_query = reads;
        self
    }

    /// For the operations of the API.
    pub fn watched(mut self, app: Arc<App>) -> Self {
        self.audit_middleware = Some(app);
        self
    }

    async fn respond(&self, mut request: Request) -> Response {
        // HEAD is GET; the connection leaves the body out.
        let is_head = request.method() == Method::HEAD && self.answers_head;
        let wanted = if is_head { &Method::GET } else { request.method() };
        let Some((_, endpoint)) = self.methods.iter().find(|(method, _)| method == wanted) else {
            return self.without_handler(request.method());
        };
        if self.negotiates
            && let Err(failure) = negotiate(&request)
        {
            return failure.into_response();
        }
        if self.reads_query {
            let query = UrlQuery(request.params().unwrap_or_default());
            request.extensions_mut().insert(query);
        }
        // A browser is sent to these addresses.
        let as_page = self.reads_query && self.is_of_redirect_flow() && app::wants_page(&request);
        let watch = self.audit_middleware.as_deref().map(|app| (AuditMiddleware::of(&request), app));
        let answer = async {
            match endpoint.call(request).await {
                Ok(response) => response,
                Err(error) if error.is_from_response() => error.into_response(),
                Err(error) => {
                    let mut failure = problem::from_framework(&error);
                    let declined = failure.declined();
                    let mut response = if as_page { page::refusal(&failure) } else { failure.into_response() };
                    response.set_data(declined);
                    response
                }
            }
        };
        match watch {
            Some((watch, app)) => watch.over(answer, app, &self.template.0).await,
            None => answer.await,
        }
    }

    fn is_of_redirect_flow(&self) -> bool {
        self.template.0.starts_with("/api/login/social/")
    }

    fn without_handler(&self, method: &Method) -> Response {
        let mut response = if method == Method::OPTIONS {
            Response::default()
        } else {
            let detail = "This path has other methods: see the Allow header.";
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).into_response()
        };
        response.headers_mut().insert(header::ALLOW, self.allow.clone());
        response
    }
}

impl Endpoint for Resource {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = self.respond(request).await;
        response.extensions_mut().insert(self.template.clone());
        Ok(response)
    }
}

/// Answers are JSON, and problem documents; a browser that wants HTML gets JSON too (R-IN-11).
fn negotiate(request: &Request) -> Result<(), Failure> {
    if let Some(query) = request.uri().query()
        && !has_known_format(query)
    {
        return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", "There is no such format."));
    }
    let mut accept = request.headers().get_all(header::ACCEPT).iter().peekable();
    if accept.peek().is_none() || accept.any(takes_json) {
        return Ok(());
    }
    Err(Failure::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", "Answers are application/json."))
}

/// R-IN-03: of the query only `format` is looked at.
fn has_known_format(query: &str) -> bool {
    let formats = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "format");
    formats.last().is_none_or(|(_, format)| format == "json" || format.is_empty())
}

fn takes_json(accept: &HeaderValue) -> bool {
    const FIT: [&str; 7] = [
        "*/*",
        "application/*",
        "application/json",
        "application/problem+json",
        "text/*",
        "text/html",
        "application/xhtml+xml",
    ];
    let accept = String::from_utf8_lossy(accept.as_bytes());
    accept.trim().is_empty()
        || accept.split(',').any(|range| {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            let refusals = parameters.split(';').any(|parameter| {
                let weight = parameter.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
                weight.is_some_and(|weight| weight <= 0.0)
            });
            !refusals && FIT.iter().any(|fit| kind.trim().eq_ignore_ascii_case(fit))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_in_11_what_fits_neither_json_nor_html_is_not_acceptable() {
        let takes = |accept: &'static str| takes_json(&HeaderValue::from_static(accept));
        for good in ["application/json", "", "*/*", "text/html,application/xhtml+xml;q=0.9", "image/png, */*;q=0.1"] {
            assert!(takes(good), "{good}");
        }
        for bad in ["image/png", "application/xml", "application/json;q=0", "application/jsonp"] {
            assert!(!takes(bad), "{bad}");
        }
    }

    #[test]
    fn r_in_03_an_unknown_format_is_unknown() {
        assert!(has_known_format("code=1&provider=x"));
        assert!(has_known_format("format=json"));
        assert!(!has_known_format("format=xml"));
    }
}
