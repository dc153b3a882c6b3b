//! The answers of the demo provider: JSON, redirects and pages. Pages have no script, and the template engine escapes every value.

use std::sync::LazyLock;

use minijinja::context;
use poem::http::{StatusCode, header};
use poem::{Response, handler};
use url::Url;

use crate::http::{Language, Pages};
use crate::settings::SiteRules;

static PAGES: LazyLock<Pages> = LazyLock::new(|| {
    let templates = [
        ("consent.html", include_str!("pages/consent.html")),
        ("front.html", include_str!("pages/front.html")),
        ("message.html", include_str!("../pages/message.html")),
    ];
    Pages::with_templates(&SiteRules::with_name("Demo provider"), &templates, include_str!("../pages/demo.css"))
});

/// The page at `/`, for a developer who opens the address of the simulator.
#[handler]
pub async fn front_page() -> Response {
    html(StatusCode::OK, Language::English, "front.html", context! { title => "Provider simulator" })
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

/// Redirects to the client with status 303, so that the browser sends a GET (RFC 9700, section 4.12).
pub fn see_other(location: &Url) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location.as_str()).finish()
}

/// An error page, for an error that cannot be sent to a redirect URI. Its reader develops the client.
pub fn refusal(text: &str) -> Response {
    message(StatusCode::BAD_REQUEST, "Request refused", text)
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, Language::English, "message.html", context! { title, text })
}

pub fn html(status: StatusCode, language: Language, name: &str, values: minijinja::Value) -> Response {
    PAGES.response(status, PAGES.render(name, language, values))
}
