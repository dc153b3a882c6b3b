//! The page where a person is chosen, the answer to it, and what else the provider shows to people. Plain HTML without
//! script; every value is escaped by the template engine.

use std::sync::{Arc, LazyLock};

use minijinja::{Environment, context};
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde_json::{Value, json};

use super::params::Params;
use super::people::{self, DEMO_USERS, DemoUser};
use super::site::{Pending, Site};
use super::{oauth1, oauth2, see_other};

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, text) in
        [("consent.html", include_str!("pages/consent.html")), ("message.html", include_str!("pages/message.html"))]
    {
        pages.add_template(name, text).expect("the templates are part of the program and parse");
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
        "This provider belongs to the development server and knows a few made-up people. Begin a login at the server; it \
         leads here and back.",
    )
}

/// Opens a consent page. `hint`: the person to offer first.
pub fn ask(site: &Site, pending: Pending, scope: &str, hint: Option<&'static DemoUser>) -> Response {
    let consent_id = site.deps.token::<32>();
    let (client, protocol, back) = match &pending {
        Pending::OAuth2(asked) => (site.oauth2.title, "OpenID Connect", &asked.redirect_uri),
        Pending::OAuth1 { callback, .. } => (site.oauth1.title, "OAuth 1.0a", callback),
    };
    let back = back.origin().ascii_serialization();
    site.memory().pending.put(&consent_id, pending, site.deps.now());
    let first = hint.unwrap_or(&DEMO_USERS[0]);
    let people: Vec<Value> = DEMO_USERS
        .iter()
        .map(|user| {
            json!({
                "login": user.login,
                "name": user.name(),
                "initials": user.initials(),
                "about": user.about,
                "first": user.login == first.login,
            })
        })
        .collect();
    let scopes: Vec<&str> = scope.split(' ').filter_map(in_words).collect();
    let page = context! { client, protocol, back, consent_id, people, scopes };
    html(StatusCode::OK, "consent.html", page)
}

fn in_words(scope: &str) -> Option<&'static str> {
    match scope {
        "openid" => Some("who you are"),
        "profile" => Some("your name"),
        "email" => Some("your e-mail address"),
        "offline_access" => Some("access while you are away"),
        _ => None,
    }
}

/// The answer to a consent page, once for each page.
#[handler]
pub async fn decide(site: Data<&Arc<Site>>, request: &Request, body: Body) -> Response {
    let params = match Params::of_form(request, body).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let now = site.deps.now();
    let user = params.get("person").and_then(people::by_login);
    let denied = params.get("deny").is_some();
    if !denied && user.is_none() {
        return refusal("Nobody was chosen. Go back and choose a person, or deny.");
    }
    let pending = params.get("consent_id").and_then(|consent_id| site.memory().pending.take(consent_id, now));
    let target = match (pending, user.filter(|_| !denied)) {
        (Some(Pending::OAuth2(asked)), Some(user)) => Some(oauth2::agree(&site, asked, user)),
        (Some(Pending::OAuth2(asked)), None) => Some(oauth2::deny(&site, &asked)),
        (Some(Pending::OAuth1 { request_token, .. }), Some(user)) => oauth1::agree(&site, &request_token, user),
        (Some(Pending::OAuth1 { request_token, .. }), None) => oauth1::deny(&site, &request_token),
        (None, _) => None,
    };
    match target {
        Some(target) => see_other(&target),
        None => refusal("This page was answered before, or waited too long. Go back and begin again."),
    }
}

/// An error that is told to the person, because there is no address that it could be sent to.
pub fn refusal(text: &str) -> Response {
    message(StatusCode::BAD_REQUEST, "This did not work", text)
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, "message.html", context! { title, text })
}

fn html(status: StatusCode, name: &str, values: minijinja::Value) -> Response {
    let page = PAGES.get_template(name).and_then(|page| page.render(values));
    Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .body(page.expect("the templates use nothing that can fail"))
}
