//! The OpenAPI document, and Swagger UI with all its assets. Each is created when it is first requested, so that
//! the start of the server does not wait for it.

use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use poem::http::{HeaderValue, Method, header};
use poem::{EndpointExt as _, Response, Route};

use super::outer_middleware::CONTENT_SECURITY_POLICY;
use crate::http::{self, DocumentFormat, Resource};
use crate::settings::Settings;

/// A text with its Content-Type and Content-Security-Policy.
struct Page {
    text: String,
    content_type: &'static str,
    policy: Option<HeaderValue>,
}

impl Page {
    fn response(&self) -> Response {
        let mut response = Response::builder().content_type(self.content_type).body(self.text.clone());
        if let Some(policy) = &self.policy {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// `settings`: the document contains the declared fields of users and the time limits.
pub fn mount(route: Route, settings: &Arc<Settings>) -> Route {
    let docs = page("/docs/", {
        let settings = settings.clone();
        move || docs(&settings)
    });
    let document = |template, format, content_type| {
        let settings = settings.clone();
        let text = move || http::document_with(&settings, format);
        page(template, move || Page { text: text(), content_type, policy: None })
    };
    // With API_DOCS alone: a production server need not show its API to every user.
    let route = if settings.site.has_api_docs { route.at("/docs", docs.clone()).at("/docs/", docs) } else { route };
    route
        .at("/openapi.json", document("/openapi.json", DocumentFormat::Json, "application/json"))
        .at("/openapi.yaml", document("/openapi.yaml", DocumentFormat::Yaml, "application/yaml"))
}

fn page(template: &str, make: impl FnOnce() -> Page + Send + Sync + 'static) -> Arc<Resource> {
    let made = LazyLock::new(make);
    let endpoint = make_sync(move |_| made.response());
    Arc::new(Resource::page(template.to_owned(), [(Method::GET, endpoint.boxed())].into()))
}

fn docs(settings: &Settings) -> Page {
    let page = http::swagger_ui(settings);
    let policy = HeaderValue::try_from(page.policy).ok();
    Page { text: page.html, content_type: "text/html; charset=utf-8", policy }
}
