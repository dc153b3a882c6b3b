//! Apple takes no fixed secret: every token request carries a JWT that the developer's own key has signed. SECRET is that
//! key in PEM, KEY its id.

use std::future::ready;

use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::super::ProviderError;
use super::super::call::{failed, set};
use super::super::exchange::Login;
use super::Quirk;
use crate::outgoing::Request;
use crate::secrets::ExposeSecret;

pub struct Apple;

const ISSUER: &str = "https://appleid.apple.com";
/// Seconds. Apple would take half a year; a request needs less.
const LIFETIME: i64 = 600;

impl Quirk for Apple {
    fn token_request<'a>(
        &'a self,
        login: &'a Login<'_>,
        call: &'a mut Request,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(ready(prove(login, call)))
    }
}

fn prove(login: &Login<'_>, call: &mut Request) -> Result<(), ProviderError> {
    let client = client_of(login);
    let secret = signed(login, &client)?;
    if let Some(form) = call.form() {
        set(form, "client_id", client);
        set(form, "client_secret", secret);
    }
    Ok(())
}

/// A native app's code was issued to the app's own id, which the front-end names and AUDIENCE must list.
fn client_of(login: &Login<'_>) -> String {
    let audiences = login.provider.values.texts("AUDIENCE");
    let named = login.callback.fields.get("client_id").and_then(Value::as_str);
    let listed = named.filter(|named| audiences.iter().any(|audience| audience == named));
    listed.unwrap_or(&login.provider.client_id).to_owned()
}

fn signed(login: &Login<'_>, client: &str) -> Result<String, ProviderError> {
    let provider = login.provider;
    // In an environment variable the line ends are often written out.
    let pem = provider.client_secret.expose_secret().replace("\\n", "\n");
    let unusable = || failed("token", "SECRET is not a private key for ES256 in PEM");
    let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| unusable())?;
    let now = provider.deps.now().seconds();
    let claims = json!({
        "iss": provider.values.text("TEAM"),
        "iat": now,
        "exp": now + LIFETIME,
        "aud": ISSUER,
        "sub": client,
    });
    let key_id = provider.values.text("KEY").map(str::to_owned);
    let header = Header { kid: key_id, ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| unusable())
}
