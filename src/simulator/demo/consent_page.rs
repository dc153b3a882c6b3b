//! The consent page of the demo provider, on which a user is chosen.

use minijinja::context;
use poem::Response;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::responses::html;
use super::site::{Pending, SCOPES, Site};
use crate::http::{Language, Texts};

/// Stores the pending request and shows the consent page.
pub fn show(site: &Site, pending: Pending, scope: &str, language: Language) -> Response {
    let consent_id = site.deps.token::<32>();
    let (client, protocol, return_to) = match &pending {
        Pending::OAuth2(request) => (site.oauth2.title, "OpenID Connect", &request.redirect_uri),
        Pending::OAuth1 { callback, .. } => (site.oauth1.title, "OAuth 1.0a", callback),
    };
    let origin = return_to.origin().ascii_serialization();
    site.store().pending.insert(&consent_id, pending, site.deps.now());
    let texts = Texts::of(language);
    let users: Vec<Value> = site
        .users
        .iter()
        .map(|user| {
            json!({
                "login": user.login,
                "name": user.name(),
                "initials": user.initials(),
                "about": texts.built_in(&user.about),
            })
        })
        .collect();
    // The page has a text for each scope.
    let scopes: Vec<&str> = scope.split(' ').filter(|scope| SCOPES.contains(scope)).collect();
    let title = texts.get(&["consent", "title"]);
    let page = context! { title, client, protocol, origin, consent_id, users, scopes };
    html(StatusCode::OK, language, "consent.html", page)
}
