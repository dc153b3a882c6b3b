//! The data of a login while it is exchanged for an identity.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::call::resolve_url;
use super::configured::Provider;
use super::error::{ProviderError, Stage};
use super::expression::Scope;
use super::keys::Discovery;
use super::protocol::Callback;
use crate::secrets::{ExposeSecret, SecretString};

/// The data of a login so far, passed to each step and to the quirks. It contains secrets, so it has no `Debug`.
pub struct ExchangeContext<'a> {
    pub provider: &'a Provider,
    pub callback: &'a Callback<'a>,
    /// As sent to the provider.
    pub redirect_uri: String,
    pub code: Option<String>,
    pub address: Map<String, Value>,
    pub discovery: Option<Arc<Discovery>>,
    /// The answer to the token request; null before it.
    pub token: Value,
    pub access_token: Option<String>,
    /// OAuth 1.0a only.
    pub token_secret: Option<SecretString>,
    /// The claims of the verified ID token.
    pub claims: Option<Value>,
}

impl ExchangeContext<'_> {
    /// What expressions can read.
    pub fn scope(&self) -> Scope<'_> {
        let document = self.discovery.as_ref().map(|document| &document.members);
        self.provider
            .base_scope()
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

    /// Texts that an error description must not contain.
    pub fn secrets(&self) -> Vec<&str> {
        let mut secrets = vec![self.provider.client_secret.expose_secret()];
        secrets.extend(self.code.as_deref());
        secrets.extend(self.callback.code_verifier);
        secrets.extend(self.access_token.as_deref());
        secrets.extend(self.token_secret.as_ref().map(ExposeSecret::expose_secret));
        secrets.extend(self.callback.id_token);
        let issued =
            ["refresh_token", "id_token", "oauth_token"].into_iter().filter_map(|name| self.token.get(name)?.as_str());
        secrets.extend(issued);
        secrets
    }

    /// The token endpoint. Errors: the URL is absent or invalid.
    pub fn token_url(&self) -> Result<Url, ProviderError> {
        let rules = &self.provider.descriptor.token;
        let template = self.provider.override_of("ACCESS_TOKEN_URL").unwrap_or(&rules.url);
        resolve_url(Stage::Token, template, &self.scope(), &rules.hosts)
    }
}
