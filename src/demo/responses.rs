//! The answers of the demo provider: JSON, redirects and pages. Pages have no script, and the template engine escapes every value.

use std::sync::LazyLock;

use minijinja::{Environment, context};
use poem::http::{StatusCode, header};
use poem::{Response, handler};
use url::Url;

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, text) in
        [("consent.html", include_str!("pages/consent.html")), ("message.html", include_str!("pages/message.html"))]
    {
        pages.add_template(name, text).expect("the templates are part of the program and are valid");
    }
    pages
});

#[handler]
pub async fn style() -> Response {
    Response::builder()
        .content_type("text/css; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(include_str!("pages/demo.css"))
}

#[handler]
pub async fn front_page() -> Response {
    message(
        StatusCode::OK,
        "Demo provider",
        "This provider is part of the development server and has a few invented users. Start a login at the server: it \
         redirects here and back.",
    )
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
pub fn refusal(text: &str) -> Response {
    message(StatusCode::BAD_REQUEST, "Request refused", text)
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, "message.html", context! { title, text })
}

pub fn html(status: StatusCode, name: &str, values: minijinja::Value) -> Response {
    let page = PAGES.get_template(name).and_then(|page| page.render(values));
    Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .body(page.expect("rendering the templates cannot fail"))
}
