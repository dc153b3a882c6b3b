//! A page inside Facebook (a canvas application) is handed a signed request instead of a code: base64 of an HMAC by the
//! app's secret, a dot, base64 of JSON with the access token. A plain access token will do where `appsecret_proof` goes
//! along, with which Facebook refuses another app's token.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::super::exchange::Login;
use super::super::{ProviderError, config};
use super::Quirk;
use super::facebook::Facebook;
use crate::secrets::ExposeSecret;

pub struct FacebookApp;

/// Seconds that a signed request is good for.
const LIFETIME: i64 = 24 * 3600;

impl Quirk for FacebookApp {
    fn token_reply(&self, login: &Login<'_>, token: &mut Value) -> Result<(), ProviderError> {
        let text = |name: &str| token.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let refused = |why: &str| ProviderError::InvalidCode { message: Some(format!("The signed request {why}.")) };
        let signed = match (text("signed_request"), text("access_token")) {
            (Some(signed), _) => signed,
            (None, Some(plain)) if config::flag(&login.provider.values, "APPSECRET_PROOF") == Some(true) => {
                *token = json!({"access_token": plain});
                return Ok(());
            }
            _ => return Err(refused("is missing")),
        };
        let data = verified(signed, login.provider.client_secret.expose_secret().as_bytes());
        let mut data = data.ok_or_else(|| refused("does not hold"))?;
        let now = login.provider.ambient.now().seconds();
        if data.get("issued_at").and_then(Value::as_i64).is_none_or(|at| at + LIFETIME < now || at > now + LIFETIME) {
            return Err(refused("is too old"));
        }
        if !data.contains_key("access_token")
            && let Some(access_token) = data.get("oauth_token").cloned()
        {
            data.insert("access_token".to_owned(), access_token);
        }
        *token = Value::Object(data);
        Ok(())
    }

    fn profile(
        &self,
        login: &Login<'_>,
        bodies: &Value,
        profile: &mut Map<String, Value>,
    ) -> Result<(), ProviderError> {
        Facebook.profile(login, bodies, profile)
    }
}

fn verified(signed: &str, secret: &[u8]) -> Option<Map<String, Value>> {
    let (signature, payload) = signed.split_once('.')?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, payload.as_bytes(), &decode(signature)?).ok()?;
    serde_json::from_slice(&decode(payload)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_holds_only_with_the_apps_secret() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"oauth_token":"t","issued_at":1}"#);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, payload.as_bytes()));
        let signed = format!("{signature}=.{payload}");
        assert_eq!(verified(&signed, b"secret").unwrap()["oauth_token"], "t");
        assert_eq!(verified(&signed, b"another"), None);
        assert_eq!(verified(&payload, b"secret"), None);
        assert_eq!(verified(&format!("{signed}x"), b"secret"), None);
    }
}
