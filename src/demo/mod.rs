//! The provider that `rest-social-auth dev` embeds: a small OAuth 2.0 / OpenID Connect and OAuth 1.0a provider with a few
//! made-up people, so that a whole login runs without an account anywhere.
//!
//! `cli/` starts it on a port of its own; never part of `serve`. Everything lives in memory, bounded, and ends with the
//! process. It must never log a code, token, secret or verifier.
//!
//! | file | what |
//! |---|---|
//! | `oauth2.rs` | `/authorize`, `/token`, `/revoke` (RFC 6749, 7636, 7009, 9207) |
//! | `oidc.rs` | `/.well-known/openid-configuration`, `/jwks.json`, `/userinfo`, the id_token |
//! | `oauth1.rs`, `signature.rs` | `/oauth1/…` and the signatures of its requests (RFC 5849) |
//! | `consent.rs` | the page where a person is chosen, and the answer to it |
//! | `site.rs`, `shelf.rs`, `params.rs` | what all of them share: keys, bounded memory, parameters read strictly |

mod consent;
mod expiring_map;
mod oauth1;
mod oauth2;
mod oidc;
mod params;
mod people;
mod signature;
mod site;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint as _, EndpointExt as _, IntoEndpoint, Response, Route, get, post};
use url::Url;

use self::site::Site;
use crate::clock::Deps;
use crate::server::listen;

/// How long open requests may take to finish at a shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// A small OAuth 2.0 / OpenID Connect and OAuth 1.0a provider; everything in memory.
pub struct Demo {
    site: Arc<Site>,
}

impl Demo {
    /// `public_url`: as browsers and the server reach it, such as `http://127.0.0.1:8001`.
    pub fn new(public_url: Url, deps: Deps) -> Self {
        Self { site: Arc::new(Site::new(&public_url, deps)) }
    }

    /// The `[providers.demo]` and `[providers.demo-oauth1]` of the settings, so that `dev` needs no file.
    pub fn settings(&self) -> toml::Table {
        self.site.settings()
    }

    /// Serves until `shutdown`. `tls`: certificate chain and key as PEM.
    ///
    /// Errors: those of the listener, and a certificate that cannot be read.
    pub async fn run(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let stages = listen::Shutdown { limit: GRACE, ..listen::Shutdown::default() };
        let closing = stages.closing.clone();
        tokio::spawn(async move {
            shutdown.await;
            closing.cancel();
        });
        listen::serve(listener, tls, app(self.site).into_endpoint(), &stages).await
    }
}

fn app(site: Arc<Site>) -> impl IntoEndpoint<Endpoint: 'static> {
    Route::new()
        .at("/", get(consent::front_page))
        .at("/demo.css", get(consent::style))
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
            Ok(protected(response))
        })
}

/// Nothing here is for caches, frames or other pages' eyes. No Cross-Origin-Opener-Policy: a pop-up passes through.
///
/// `form-action` is left open on purpose: browsers hold it against every redirect that follows a form, and the way from
/// the consent page leads over the client's callback to wherever that client goes on to.
fn protected(mut response: Response) -> Response {
    const CSP: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A JSON answer.
fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

/// The way back to the client: a GET, whatever the person's browser sent here (RFC 9700, section 4.12).
fn see_other(location: &Url) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location.as_str()).finish()
}
