//! The answers of the demo provider: JSON, redirects and pages. Pages have no script, and the template engine escapes every value.

use std::sync::LazyLock;

use minijinja::context;
use poem::http::{StatusCode, header};
use poem::{Request, Response, handler};
use url::Url;

use crate::http::{Language, Pages, Texts};
use crate::settings::SiteRules;
use crate::simulator::pages::refusal_values;

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
pub async fn front_page(request: &Request) -> Response {
    let language = Language::of(request);
    let title = Texts::of(language).get(&["simulated", "front_title"]);
    html(StatusCode::OK, language, "front.html", context! { title })
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

/// Redirects to the client with status 303, so that the browser sends a GET (RFC 9700, section 4.12).
pub fn see_other(location: &Url) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location.as_str()).finish()
}

/// An error page, for an error that cannot be sent to a redirect URI.
pub fn refusal(english: &str, language: Language) -> Response {
    html(StatusCode::BAD_REQUEST, language, "message.html", refusal_values(english, language))
}

pub fn html(status: StatusCode, language: Language, name: &str, values: minijinja::Value) -> Response {
    PAGES.response(status, PAGES.render(name, language, values))
}
