//! The start page, the OpenAPI document, and Swagger UI with all its assets. Each is created when it is first requested, so that
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
    route
        .at("/", page("/", start))
        .at("/docs", docs.clone())
        .at("/docs/", docs)
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
    let policy = HeaderValue::try_from(page.policy).ok();
    Page { text: CachedText::new(HTML, page.html), policy }
}

fn start() -> Page {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    Page { text: CachedText::new(HTML, START_PAGE.to_owned()), policy: Some(HeaderValue::from_static(policy)) }
}

const START_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rest-social-auth</title>
<style>
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1.5rem; color: #1c2530; }
a { color: #0b5cad; }
@media (prefers-color-scheme: dark) { body { background: #12171d; color: #d7dee6; } a { color: #7db8f5; } }
</style>
</head>
<body>
<h1>rest-social-auth</h1>
<p>This server signs users in with accounts of other providers.</p>
<ul>
<li><a href="/example/">Example pages</a>: session, token, JWT and knox</li>
<li><a href="/docs/">Interactive documentation</a></li>
<li><a href="/openapi.yaml">OpenAPI document</a></li>
</ul>
</body>
</html>
"#;
