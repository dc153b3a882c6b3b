//! The OpenAPI document, and Swagger UI with all its assets. Each is created when it is first requested, so that
//! the start of the server does not wait for it.

use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use poem::http::{HeaderValue, Method};
use poem::{EndpointExt as _, Request, Response, Route};

use super::outer_middleware::CONTENT_SECURITY_POLICY;
use crate::http::{self, CachedText, DocumentFormat, DocumentOptions, Resource};
use crate::settings::Settings;

const HTML: &str = "text/html; charset=utf-8";

/// A text with its Content-Security-Policy.
struct Page {
    text: CachedText,
    policy: Option<HeaderValue>,
}

impl Page {
    fn response(&self, request: &Request) -> Response {
        let mut response = self.text.response(request.headers());
        // Also with 304, which replaces the headers of the cached page.
        if let Some(policy) = &self.policy {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }
}

/// `settings`: the document contains PUBLIC_URL, the declared fields of users and the time limits.
pub fn mount(route: Route, settings: &Arc<Settings>) -> Route {
    let docs = page("/docs/", {
        let settings = settings.clone();
        move || docs(&settings)
    });
    let document = |template, format, content_type| {
        let settings = settings.clone();
        let text = move || DocumentOptions { settings: Some(&settings), ..DocumentOptions::default() }.document(format);
        page(template, move || Page { text: CachedText::new(content_type, text()), policy: None })
    };
    // With API_DOCS alone: a production server need not show its API to every user.
    let route = if settings.site.has_api_docs { route.at("/docs", docs.clone()).at("/docs/", docs) } else { route };
    route
        .at("/openapi.json", document("/openapi.json", DocumentFormat::MinifiedJson, "application/json"))
        .at("/openapi.yaml", document("/openapi.yaml", DocumentFormat::Yaml, "application/yaml"))
}

fn page(template: &str, make: impl FnOnce() -> Page + Send + Sync + 'static) -> Arc<Resource> {
    let made = LazyLock::new(make);
    let endpoint = make_sync(move |request| made.response(&request));
    Arc::new(Resource::page(template.to_owned(), [(Method::GET, endpoint.boxed())].into()))
}

fn docs(settings: &Settings) -> Page {
    let page = http::swagger_ui(settings);
    let policy = Some(HeaderValue::try_from(page.policy).expect("a policy of digests is ASCII"));
    Page { text: CachedText::new(HTML, page.html), policy }
}
