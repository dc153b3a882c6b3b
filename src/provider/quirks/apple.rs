//! Apple has no fixed client secret: every token request contains a JWT signed with the developer's key. SECRET is that key in PEM,
//! KEY its ID.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::super::call::set_pair;
use super::super::context::ExchangeContext;
use super::super::error::{ProviderError, Stage};
use crate::outgoing::Request;
use crate::secrets::ExposeSecret;

const ISSUER: &str = "https://appleid.apple.com";
/// In seconds. Apple allows half a year.
const LIFETIME: i64 = 600;

pub fn add_client_secret(context: &ExchangeContext<'_>, call: &mut Request) -> Result<(), ProviderError> {
    let client = client_id(context);
    let secret = client_secret(context, &client)?;
    if let Some(form) = call.form() {
        set_pair(form, "client_id", client);
        set_pair(form, "client_secret", secret);
    }
    Ok(())
}

/// The client ID. The code of a native app belongs to the ID of the app, which the front-end sends and AUDIENCE must list.
fn client_id(context: &ExchangeContext<'_>) -> String {
    let audiences = context.provider.values.texts("AUDIENCE");
    let named = context.callback.fields.get("client_id").and_then(Value::as_str);
    let listed = named.filter(|named| audiences.iter().any(|audience| audience == named));
    listed.unwrap_or(&context.provider.client_id).to_owned()
}

fn client_secret(context: &ExchangeContext<'_>, client: &str) -> Result<String, ProviderError> {
    let provider = context.provider;
    // In environment variables line breaks are often written as \n.
    let pem = provider.client_secret.expose_secret().replace("\\n", "\n");
    let unusable = || ProviderError::failed(Stage::Token, "SECRET is not a private key for ES256 in PEM");
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
