//! OAuth 1.0a (RFC 5849): signatures, the request token and the access token. HMAC-SHA1 in the `Authorization` header,
//! which is what every provider of the catalogue takes. The token's secret never leaves the server (SEC-12).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::call::{ESCAPED, failed, place, rendered};
use super::descriptor::Format;
use super::exchange::Login;
use super::{Provider, ProviderError, RequestToken, reply};
use crate::clock::Ambient;
use crate::outgoing::{Body, Pairs, Request};
use crate::secrets::{ExposeSecret, SecretString, same};

/// Who signs: the client, and the token it acts for once there is one.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    pub client_id: &'a str,
    pub client_secret: &'a SecretString,
    pub token: Option<(&'a str, &'a SecretString)>,
}

/// Signs `call`: `extra` are protocol parameters such as `oauth_callback`. A fresh nonce and the clock's time go into
/// every signature (SEC-15).
pub fn sign(call: &mut Request, signer: Signer<'_>, extra: &[(&str, &str)], ambient: &Ambient) {
    let (nonce, timestamp) = (ambient.hex::<16>(), ambient.now().seconds().to_string());
    let mut protocol: Vec<(&str, &str)> = vec![
        ("oauth_nonce", &nonce),
        ("oauth_timestamp", &timestamp),
        ("oauth_version", "1.0"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_consumer_key", signer.client_id),
    ];
    protocol.extend(signer.token.map(|(token, _)| ("oauth_token", token)));
    protocol.extend(extra);

    let in_url: Pairs = call.url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let form: &[(String, String)] = match &call.body {
        Body::Form(form) => form,
        _ => &[],
    };
    let sent = in_url.iter().chain(&call.query).chain(form).map(|(name, value)| (name.as_str(), value.as_str()));
    let parameters: Vec<(&str, &str)> = protocol.iter().copied().chain(sent).collect();
    let base = base_string(call.method.as_str(), &call.url, &parameters);
    let signature = signature(&base, signer.client_secret, signer.token.map(|(_, secret)| secret));
    protocol.push(("oauth_signature", &signature));
    let header: Vec<String> =
        protocol.iter().map(|(name, value)| format!("{}=\"{}\"", escaped(name), escaped(value))).collect();
    call.headers.push(("Authorization".to_owned(), format!("OAuth {}", header.join(", "))));
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// RFC 5849, 3.4.1. `url` gives scheme, host and path alone; its query must be among the parameters.
pub fn base_string(method: &str, url: &Url, parameters: &[(&str, &str)]) -> String {
    let mut sorted: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
    sorted.sort();
    let joined: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // `Url` has lower-cased scheme and host and dropped the default port (3.4.1.2).
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let place = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    format!("{}&{}&{}", method.to_ascii_uppercase(), escaped(&place), escaped(&joined.join("&")))
}

/// RFC 5849, 3.4.2.
pub fn signature(base: &str, client_secret: &SecretString, token_secret: Option<&SecretString>) -> String {
    let of_token = token_secret.map(|secret| escaped(secret.expose_secret())).unwrap_or_default();
    let key = format!("{}&{of_token}", escaped(client_secret.expose_secret()));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

impl Provider {
    /// RFC 5849, 2.1: the first step, a request token for `callback`.
    pub async fn request_token(&self, callback: &str, deadline: Instant) -> Result<RequestToken, ProviderError> {
        const STAGE: &str = "request_token";
        let rules = &self.descriptor.oauth1;
        let scope =
            self.scope_of_settings().with("redirect_uri", Some(callback)).with("scope", Some(self.scope.as_str()));
        let url = place(STAGE, &rules.request_token_url, &scope, &[])?;
        let mut call = Request::new(rules.request_token_method, url);
        call.query = rendered(&rules.query, &scope)?;
        call.query.extend(self.values.pairs("REQUEST_TOKEN_EXTRA_ARGUMENTS"));
        let own = rules.callback.as_ref().map(|template| template.render(&scope)).transpose()?.flatten();
        let signer = self.signer(None);
        sign(&mut call, signer, &[("oauth_callback", own.as_deref().unwrap_or(callback))], &self.ambient);
        let answer = self.send(STAGE, &call, deadline).await?;
        let secrets = [self.client_secret.expose_secret()];
        let members = reply::read(&answer, STAGE, Format::Form, &self.descriptor.errors, &secrets)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // Without it the provider speaks 1.0, which session fixation broke (SEC-14).
        if text("oauth_callback_confirmed") != Some("true") {
            return Err(failed(STAGE, "the callback was not confirmed"));
        }
        match (text("oauth_token"), text("oauth_token_secret")) {
            (Some(token), Some(secret)) => {
                Ok(RequestToken { token: token.to_owned(), secret: SecretString::from(secret) })
            }
            _ => Err(failed(STAGE, "there is no token in the answer")),
        }
    }

    pub(super) fn signer<'a>(&'a self, token: Option<(&'a str, &'a SecretString)>) -> Signer<'a> {
        Signer { client_id: &self.client_id, client_secret: &self.client_secret, token }
    }

    /// RFC 5849, 2.3: the verifier for an access token, kept as the object that the original keeps (R-EXT-03).
    pub(super) async fn exchange_verifier(&self, login: &mut Login<'_>) -> Result<(), ProviderError> {
        const STAGE: &str = "token";
        let request_token = login.callback.request_token.ok_or_else(|| failed(STAGE, "there is no request token"))?;
        let given = |name: &str| login.callback.fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if !same(given("oauth_token").as_bytes(), request_token.token.as_bytes()) {
            return Err(failed(STAGE, "the callback is another request token's"));
        }
        let url = login.token_address()?;
        let mut call = Request::new(self.descriptor.token.method, url);
        call.query = rendered(&self.descriptor.token.query, &login.scope())?;
        let (callback, verifier) = (login.redirect_uri.clone(), given("oauth_verifier").to_owned());
        let extra = [("oauth_callback", callback.as_str()), ("oauth_verifier", verifier.as_str())];
        let signer = self.signer(Some((&request_token.token, &request_token.secret)));
        sign(&mut call, signer, &extra, &self.ambient);
        let answer = self.send(STAGE, &call, login.callback.deadline).await?;
        // The provider took our client's signature for the request token a moment ago: what it refuses now is the
        // token or the verifier.
        let refused = matches!(answer.status, 401 | 403);
        let secrets = login.secrets();
        let read = reply::read(&answer, STAGE, Format::Form, &self.descriptor.errors, &secrets);
        let members = match read {
            Err(ProviderError::Failed { message, .. }) if refused => {
                return Err(ProviderError::InvalidCode { message });
            }
            read => read?,
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let none = self.descriptor.token.access_token_optional.then_some("");
        let (Some(token), Some(secret)) = (text("oauth_token"), text("oauth_token_secret").or(none)) else {
            return Err(failed(STAGE, "there is no token in the answer"));
        };
        login.access_token = Some(token.to_owned());
        login.token_secret = Some(SecretString::from(secret));
        login.token = members;
        Ok(())
    }
}
