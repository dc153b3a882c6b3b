//! Tokens of a provider, as they are encrypted for storage.

use serde_json::{Map, Value, json};

use crate::clock::UnixMillis;
use crate::secrets::{ExposeSecret, SecretString};

/// The tokens that a provider issued to act for a user. Stored only encrypted, and only with STORE_PROVIDER_TOKENS (SEC-40).
#[derive(Clone, Debug)]
pub struct ProviderTokens {
    /// OAuth 2.0 or 1.0a.
    pub access_token: SecretString,
    /// OAuth 2.0.
    pub refresh_token: Option<SecretString>,
    /// The token secret of OAuth 1.0a.
    pub secret: Option<SecretString>,
    /// Such as `bearer`.
    pub token_type: Option<String>,
    /// `None`: the provider did not say.
    pub expires: Option<UnixMillis>,
    /// Parameters of the login that a refresh needs again, such as the device id of VK ID.
    pub callback: Map<String, Value>,
    /// Claims of the login that identify the user; a refresh must return the same.
    pub identity: Map<String, Value>,
}

/// The associated data of an account's encrypted tokens: all of its key, so that they decrypt in no other row (SEC-40).
pub fn token_binding<'a>(provider: &'a str, uid: &'a str, uid_scope: &'a str) -> [&'a str; 3] {
    [provider, uid, uid_scope]
}

impl ProviderTokens {
    /// The plain form, only for encryption.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let members = json!({
            "access_token": self.access_token.expose_secret(),
            "refresh_token": text(&self.refresh_token),
            "secret": text(&self.secret),
            "token_type": self.token_type,
            "expires": self.expires.map(|at| at.0),
            "callback": self.callback,
            "identity": self.identity,
        });
        members.to_string().into_bytes()
    }

    /// `None`: the bytes are not those of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let members: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let object = |name: &str| members.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self {
            access_token: text("access_token")?.into(),
            refresh_token: text("refresh_token").map(SecretString::from),
            secret: text("secret").map(SecretString::from),
            token_type: text("token_type"),
            expires: members.get("expires").and_then(Value::as_i64).map(UnixMillis),
            callback: object("callback"),
            identity: object("identity"),
        })
    }
}
