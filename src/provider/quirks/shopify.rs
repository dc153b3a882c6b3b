//! Shopify signs the parameters of its callback with the client's secret; a shop that was not begun with is another's.

use aws_lc_rs::hmac;
use serde_json::{Map, Value};

use super::super::ProviderError;
use super::super::call::Call;
use super::super::exchange::Login;
use super::super::expression::as_text;
use super::Quirk;
use crate::secrets::{ExposeSecret, SecretString, hex, same};

pub struct Shopify;

/// Seconds that a callback is good for.
const LIFETIME: i64 = 24 * 3600;
/// What Shopify's callback carries. A front-end may post more beside it.
const SIGNED: [&str; 8] = ["code", "embedded", "host", "locale", "session", "shop", "state", "timestamp"];
/// What may be posted beside a callback whose parameters are not all known.
const OURS: [&str; 8] =
    ["hmac", "signature", "provider", "redirect_uri", "flow_token", "code_verifier", "redirectUri", "clientId"];

impl Quirk for Shopify {
    fn token_request(&self, login: &Login<'_>, _: &mut Call) -> Result<(), ProviderError> {
        let fields = login.callback.fields;
        let refused = |why: &str| ProviderError::InvalidCode { message: Some(format!("The callback {why}.")) };
        if !is_signed(fields, &login.provider.client_secret) {
            return Err(refused("is not signed by Shopify"));
        }
        let now = login.provider.ambient.now().seconds();
        let made: Option<i64> = fields.get("timestamp").and_then(as_text).and_then(|text| text.parse().ok());
        if made.is_some_and(|made| (now - made).abs() > LIFETIME) {
            return Err(refused("is too old"));
        }
        let named = fields.get("shop").and_then(Value::as_str).map(str::to_ascii_lowercase);
        let begun = login.address.get("shop").and_then(Value::as_str);
        if named.as_deref().map(str::trim) == begun { Ok(()) } else { Err(ProviderError::Mixup) }
    }
}

fn is_signed(fields: &Map<String, Value>, secret: &SecretString) -> bool {
    let given = fields.get("hmac").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let holds = |passes: &dyn Fn(&str) -> bool| {
        let mut pairs: Vec<String> = fields
            .iter()
            .filter(|(name, _)| passes(name))
            .filter_map(|(name, value)| Some(format!("{name}={}", as_text(value)?)))
            .collect();
        pairs.sort_unstable();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        same(hex(hmac::sign(&key, pairs.join("&").as_bytes()).as_ref()).as_bytes(), given.as_bytes())
    };
    holds(&|name| SIGNED.contains(&name)) || holds(&|name| !OURS.contains(&name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of Shopify's documentation of the OAuth callback, with the secret that stands there.
    #[test]
    fn the_signature_is_over_the_sorted_parameters() {
        let secret = SecretString::from("hush");
        let mut fields = json!({
            "code": "0907a61c0c8d55e99db179b68161bc00",
            "hmac": "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf",
            "shop": "some-shop.myshopify.com",
            "state": "0.6784241404160823",
            "timestamp": "1337178173",
            "redirect_uri": "https://app.example/done",
        });
        assert!(is_signed(fields.as_object().unwrap(), &secret));
        fields["shop"] = json!("another.myshopify.com");
        assert!(!is_signed(fields.as_object().unwrap(), &secret));
        fields["hmac"] = json!("");
        assert!(!is_signed(fields.as_object().unwrap(), &secret));
    }
}
