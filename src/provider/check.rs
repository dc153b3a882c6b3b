//! What `providers check` examines: the endpoints of a configured provider and its discovery keys. Only the discovery document
//! and the key set are fetched here.

use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::call::render_url;
use super::configured::Provider;
use super::error::ProviderError;
use super::expression::{Template, is_setting};
use super::jws::SignatureAlgorithm;
use super::keys::{Discovery, Key};
use super::protocol::Protocol;
use super::request_rules::{ClientAuth, Method};
use crate::metrics::Metrics;
use crate::outgoing::Freshness;
use crate::secrets::ExposeSecret;

/// An endpoint that a login calls, or to which it redirects.
pub struct Endpoint {
    /// Its name, for messages.
    pub label: &'static str,
    /// The method of the call.
    pub method: Method,
    /// `None`: the URL is known only during a login.
    pub url: Option<Url>,
}

impl Provider {
    /// Whether the client authenticates with a secret that is not set.
    pub fn lacks_secret(&self) -> bool {
        // Where another setting can replace it, the start requires one of the two.
        let is_required = !self.descriptor.settings.one_of.iter().any(|name| name == "SECRET");
        is_required
            && self.client_secret.expose_secret().is_empty()
            && self.descriptor.token.needs_secret(self.client_auth(None))
    }

    /// Whether the client secret is the key of a signature that the server verifies.
    pub(super) fn uses_secret_as_key(&self) -> bool {
        self.descriptor.uses_secret_as_key()
            || self.verification.algorithms.iter().any(|algorithm| algorithm.is_symmetric())
    }

    /// The setting that holds the client secret, such as BOT_TOKEN.
    pub(super) fn secret_setting(&self) -> &str {
        let source = self.descriptor.client_secret.as_ref().map_or("SECRET", Template::source);
        let name = source.trim_matches(['{', '}']);
        if is_setting(name) { name } else { "SECRET" }
    }

    /// The discovery document, if the provider needs one.
    pub fn discovery_endpoint(&self) -> Option<Endpoint> {
        let template = self.discovery_url.as_ref().filter(|_| self.reads_discovery)?;
        let url = render_url(template, &self.base_scope(), &[]).ok().flatten();
        Some(Endpoint { label: "discovery document", method: Method::GET, url })
    }

    /// The members of the discovery document. `None`: the provider needs none.
    ///
    /// Errors: it cannot be fetched or is invalid.
    pub async fn discovery_members(&self, deadline: Instant) -> Result<Option<Map<String, Value>>, ProviderError> {
        Ok(self.discovery(deadline, Freshness::Cached).await?.map(|document| document.members.clone()))
    }

    /// All endpoints. Those of the discovery document are included if `discovery` is given.
    pub fn endpoints(&self, discovery: Option<&Map<String, Value>>) -> Vec<Endpoint> {
        let rules = &self.descriptor;
        let scope = self.base_scope().with("discovery", discovery);
        let mut endpoints = Vec::new();
        let mut add = |label, method, setting: &str, template: &Template, hosts: &[String]| {
            let template = self.override_of(setting).unwrap_or(template);
            if !template.source().is_empty() && (discovery.is_some() || !template.mentions("{discovery")) {
                endpoints.push(Endpoint { label, method, url: render_url(template, &scope, hosts).ok().flatten() });
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

    /// Makes the hosts of the endpoints labels of metrics. Those of the discovery document follow when it is read.
    pub(super) fn name_hosts(&self, metrics: &Metrics) {
        if metrics.is_enabled() {
            let urls = self.endpoints(None).into_iter().chain(self.discovery_endpoint()).filter_map(|found| found.url);
            urls.for_each(|url| metrics.add_provider_host(url.host_str().unwrap_or_default()));
        }
    }

    /// Whether one of the discovery keys can verify an ID token. `None`: no key set is needed.
    pub async fn has_keys(
        &self,
        discovery: Option<&Map<String, Value>>,
        deadline: Instant,
    ) -> Option<Result<bool, ProviderError>> {
        let uses_key_set = self.accepts_id_token() && self.verification.fixed_key.is_none();
        if !uses_key_set || discovery.is_none() && self.reads_discovery {
            return None;
        }
        let scope = self.base_scope().with("discovery", discovery);
        let algorithms = self.algorithms_with(discovery);
        let fits = |keys: &[Key]| keys.iter().any(|key| algorithms.iter().any(|one| key.is_for(*one)));
        Some(self.key_set(&scope, deadline, Freshness::Cached).await.map(|keys| fits(&keys)))
    }

    /// The algorithms that an ID token may be signed with, for this discovery document.
    pub fn algorithms_with(&self, discovery: Option<&Map<String, Value>>) -> Vec<SignatureAlgorithm> {
        let document = discovery.map(|members| Discovery { members: members.clone() });
        self.algorithms(document.as_ref())
    }
}
