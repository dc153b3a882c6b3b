//! The demo provider: a small OAuth 2.0 / OpenID Connect and OAuth 1.0a provider of its own, with fixed clients, for OAuth clients
//! of the tester too.
//!
//! All state is in memory, limited in size, and lost when the process ends. It must never log a code, token, secret or verifier.

mod consent;
mod consent_page;
mod demo_users;
mod oauth1;
mod oauth2;
mod oidc;
mod responses;
mod site;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Endpoint as _, EndpointExt as _, IntoEndpoint, Response, Route, get, post};
use url::Url;

use self::site::Site;
pub use self::site::registered_redirect_uri;
use super::personas::Personas;
use crate::clock::Deps;

/// The demo provider.
pub struct Demo {
    site: Arc<Site>,
}

impl Demo {
    /// `public_url`: the address for browsers and the server, such as `http://127.0.0.1:8001`.
    pub fn new(public_url: &Url, personas: &Personas, deps: Deps) -> Self {
        Self { site: Arc::new(Site::new(public_url, personas, deps)) }
    }

    /// The tables `[providers.demo]` and `[providers.demo-oauth1]` of the settings.
    pub fn settings(&self) -> toml::Table {
        self.site.settings()
    }

    /// Adds the routes of the demo provider to those of the simulator.
    pub fn mount(&self, routes: Route) -> impl IntoEndpoint<Endpoint: 'static> + use<> {
        app(routes, self.site.clone())
    }
}

fn app(routes: Route, site: Arc<Site>) -> impl IntoEndpoint<Endpoint: 'static> + use<> {
    routes
        .at("/", get(responses::front_page))
        .at("/consent", post(consent::decide))
        .at("/.well-known/openid-configuration", get(oidc::discovery))
        .at("/jwks.json", get(oidc::jwks))
        .at("/userinfo", get(oidc::userinfo).post(oidc::userinfo))
        .at("/authorize", get(oauth2::authorize))
        .at("/token", post(oauth2::token_endpoint))
        .at("/revoke", post(oauth2::revoke))
        .at("/oauth1/request_token", post(oauth1::request_token))
        .at("/oauth1/authorize", get(oauth1::authorize))
        .at("/oauth1/access_token", post(oauth1::access_token))
        .at("/oauth1/account", get(oauth1::account))
        .data(site)
        .around(async |endpoint, request| {
            let response = match endpoint.call(request).await {
                Ok(response) => response,
                Err(error) => error.into_response(),
            };
            Ok(with_security_headers(response))
        })
}

/// Forbids caching, framing and embedding. Cross-Origin-Opener-Policy is not set, because a pop-up may visit this provider.
///
/// `form-action` is not set, because browsers apply it to every redirect after a form is sent, and the client's callback may
/// redirect anywhere.
fn with_security_headers(mut response: Response) -> Response {
    const CSP: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // A page allows its own style.
    response.headers_mut().entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CSP));
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
