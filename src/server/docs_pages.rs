//! The OpenAPI document, and Swagger UI with all its assets. Each is created when it is first requested, so that
//! the start of the server does not wait for it.

use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use poem::http::HeaderValue;
use poem::{Endpoint, Response, Route};

use crate::http::{self, CachedText, DocumentFormat, DocumentOptions, HTML, Resource};
use crate::settings::Settings;

/// `settings`: the document contains PUBLIC_URL, the declared fields of users and the time limits.
pub fn mount(route: Route, settings: &Arc<Settings>) -> Route {
    let document = |format, content_type| {
        let settings = settings.clone();
        let text = move || DocumentOptions { settings: Some(&settings), ..DocumentOptions::default() }.document(format);
        page(move || CachedText::new(content_type, text()))
    };
    let json = document(DocumentFormat::MinifiedJson, "application/json");
    let yaml = document(DocumentFormat::Yaml, "application/yaml");
    let route = Resource::mount_page(route, "/openapi.json", json);
    let route = Resource::mount_page(route, "/openapi.yaml", yaml);
    // With API_DOCS alone: a production server need not show its API to every user.
    if settings.site.has_api_docs {
        let settings = settings.clone();
        return Resource::mount_page(route, "/docs/", page(move || docs(&settings)));
    }
    route
}

fn page(make: impl FnOnce() -> CachedText + Send + Sync + 'static) -> impl Endpoint<Output = Response> + 'static {
    let made = LazyLock::new(make);
    make_sync(move |request| made.response(request.headers()))
}

fn docs(settings: &Settings) -> CachedText {
    let page = http::swagger_ui(settings);
    let policy = HeaderValue::try_from(page.policy).expect("a policy of digests is ASCII");
    CachedText::new(HTML, page.html).with_policy(policy)
}
