//! What a login has brought so far, passed from step to step of the exchange and to the quirks.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::call::resolve_url;
use super::configured::Provider;
use super::error::ProviderError;
use super::expression::Scope;
use super::keys::Discovery;
use super::protocol::Callback;
use crate::secrets::{ExposeSecret, SecretString};

/// One login on its way: what it has brought so far. Handed to quirks; holds secrets, so it prints nothing.
pub struct ExchangeContext<'a> {
    pub provider: &'a Provider,
    pub callback: &'a Callback<'a>,
    /// As the provider knows it.
    pub redirect_uri: String,
    pub code: Option<String>,
    pub address: Map<String, Value>,
    pub discovery: Option<Arc<Discovery>>,
    /// The token answer; null until there is one.
    pub token: Value,
    pub access_token: Option<String>,
    /// OAuth 1.0a.
    pub token_secret: Option<SecretString>,
    /// The claims of the verified id_token.
    pub claims: Option<Value>,
}

impl ExchangeContext<'_> {
    pub fn scope(&self) -> Scope<'_> {
        let document = self.discovery.as_ref().map(|document| &document.members);
        self.provider
            .scope_of_settings()
            .with("redirect_uri", Some(self.redirect_uri.as_str()))
            .with("state", self.callback.state)
            .with("nonce", self.callback.nonce)
            .with("code", self.code.as_deref())
            .with("code_verifier", self.callback.code_verifier)
            .with("access_token", self.access_token.as_deref())
            .with("scope", Some(self.provider.scope.as_str()))
            .with("callback", Some(self.callback.fields))
            .with("address", Some(&self.address))
            .with("discovery", document)
            .with("token", Some(&self.token))
            .with("id_token", self.claims.as_ref())
    }

    /// What must not come back in a provider's words.
    pub fn secrets(&self) -> Vec<&str> {
        let mut secrets = vec![self.provider.client_secret.expose_secret()];
        secrets.extend(self.code.as_deref());
        secrets.extend(self.callback.code_verifier);
        secrets.extend(self.access_token.as_deref());
        secrets.extend(self.token_secret.as_ref().map(ExposeSecret::expose_secret));
        secrets.extend(self.callback.id_token);
        let kept =
            ["refresh_token", "id_token", "oauth_token"].into_iter().filter_map(|name| self.token.get(name)?.as_str());
        secrets.extend(kept);
        secrets
    }

    pub fn token_url(&self) -> Result<Url, ProviderError> {
        let rules = &self.provider.descriptor.token;
        let template = self.provider.override_of("ACCESS_TOKEN_URL").unwrap_or(&rules.url);
        resolve_url("token", template, &self.scope(), &rules.hosts)
    }
}
