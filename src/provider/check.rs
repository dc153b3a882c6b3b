//! What an operator's check looks at: the endpoints of a configured provider, and the keys that it publishes. `cli/` asks;
//! nothing here calls anybody but for published documents.

use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::call::render_url;
use super::configured::Provider;
use super::descriptor::{ClientAuth, Method};
use super::error::ProviderError;
use super::expression::Template;
use super::jws::SignatureAlgorithm;
use super::keys::{Discovery, Key};
use super::protocol::Protocol;
use crate::outgoing::Freshness;
use crate::secrets::ExposeSecret;

/// Somewhere that a login calls or leads to.
pub struct Endpoint {
    pub what: &'static str,
    pub method: Method,
    /// `None`: known only during a login.
    pub url: Option<Url>,
}

impl Provider {
    /// Whether it proves itself by a secret that is not there.
    pub fn lacks_secret(&self) -> bool {
        // Where something else may stand in its place, start has looked for either.
        let alone = !self.descriptor.settings.one_of.iter().any(|name| name == "SECRET");
        alone
            && self.client_secret.expose_secret().is_empty()
            && self.descriptor.token.takes_secret(self.client_auth(None))
    }

    /// Where its discovery document lies, where it has need of one.
    pub fn discovery_endpoint(&self) -> Option<Endpoint> {
        let template = self.discovery_url.as_ref().filter(|_| self.reads_discovery)?;
        let url = render_url(template, &self.scope_of_settings(), &[]).ok().flatten();
        Some(Endpoint { what: "discovery document", method: Method::GET, url })
    }

    /// The discovery document's members.
    pub async fn published(&self, deadline: Instant) -> Result<Option<Map<String, Value>>, ProviderError> {
        Ok(self.discovery(deadline, Freshness::Cached).await?.map(|document| document.members.clone()))
    }

    /// Without those of a discovery document that is not `published`.
    pub fn endpoints(&self, published: Option<&Map<String, Value>>) -> Vec<Endpoint> {
        let rules = &self.descriptor;
        let scope = self.scope_of_settings().with("discovery", published);
        let mut endpoints = Vec::new();
        let mut add = |what, method, setting: &str, template: &Template, hosts: &[String]| {
            let template = self.override_of(setting).unwrap_or(template);
            if !template.source().is_empty() && (published.is_some() || !template.mentions("{discovery")) {
                endpoints.push(Endpoint { what, method, url: render_url(template, &scope, hosts).ok().flatten() });
            }
        };
        add("authorization endpoint", Method::GET, "AUTHORIZATION_URL", &rules.authorization.url, &[]);
        if rules.protocol == Protocol::OAuth1 {
            add("request token endpoint", Method::POST, "", &rules.oauth1.request_token_url, &[]);
        }
        if rules.token.auth != ClientAuth::None {
            add("token endpoint", rules.token.method, "ACCESS_TOKEN_URL", &rules.token.url, &rules.token.hosts);
        }
        for (index, request) in rules.userinfo.iter().enumerate() {
            let setting = if index == 0 { "USERINFO_URL" } else { "" };
            add("profile endpoint", request.method, setting, &request.url, &request.hosts);
        }
        endpoints
    }

    /// Whether one of the published keys can verify an id_token; `None` where none is needed.
    pub async fn has_keys(
        &self,
        published: Option<&Map<String, Value>>,
        deadline: Instant,
    ) -> Option<Result<bool, ProviderError>> {
        let by_key = self.accepts_id_token() && self.verification.fixed_key.is_none();
        if !by_key || published.is_none() && self.reads_discovery {
            return None;
        }
        let scope = self.scope_of_settings().with("discovery", published);
        let algorithms = self.algorithms_with(published);
        let fits = |keys: &[Key]| keys.iter().any(|key| algorithms.iter().any(|one| key.fits(*one)));
        Some(self.key_set(&scope, deadline, Freshness::Cached).await.map(|keys| fits(&keys)))
    }

    /// That an ID token may be signed with, where the discovery document is `published`.
    pub fn algorithms_with(&self, published: Option<&Map<String, Value>>) -> Vec<SignatureAlgorithm> {
        let document = published.map(|members| Discovery { members: members.clone() });
        self.algorithms(document.as_ref())
    }
}
