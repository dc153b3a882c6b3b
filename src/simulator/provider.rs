//! A simulated provider: a configured provider of the server, with its descriptor and its sample.

use std::sync::Arc;

use url::Url;

use crate::provider::descriptor::Descriptor;
use crate::provider::{Protocol, Provider, Sample, SampleCall};

/// A simulated provider.
pub struct SimulatedProvider {
    pub provider: Arc<Provider>,
    pub sample: Arc<Sample>,
    /// The redirect URIs that are registered for the client.
    pub redirect_uris: Vec<String>,
    targets: Vec<Target>,
}

/// Method, host and path of a request of the sample.
pub struct Target {
    pub method: String,
    pub host: String,
    pub path: String,
}

/// A request of the sample, and its place among them.
pub struct ExpectedCall<'a> {
    pub place: usize,
    pub call: &'a SampleCall,
    pub target: &'a Target,
}

impl Target {
    fn new(request: &str) -> Self {
        let (method, url) = request.split_once(' ').unwrap_or(("GET", request));
        let (host, path) = host_and_path(url);
        Self { method: method.to_owned(), host, path }
    }

    /// Whether the address is this one, which has no placeholders.
    pub fn is_at(&self, host: &str, path: &str) -> bool {
        self.host == host && self.path == path
    }
}

/// The host and the path of a URL that may contain placeholders.
pub fn host_and_path(url: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match rest.split_once('/') {
        Some((host, path)) => (host.to_owned(), format!("/{path}")),
        None => (rest.to_owned(), "/".to_owned()),
    }
}

impl SimulatedProvider {
    pub fn new(provider: Arc<Provider>, sample: Arc<Sample>, redirect_uris: Vec<String>) -> Self {
        let targets = sample.calls.iter().map(|call| Target::new(&call.request)).collect();
        Self { provider, sample, redirect_uris, targets }
    }

    pub fn name(&self) -> &str {
        self.provider.name()
    }

    pub fn title(&self) -> &str {
        self.provider.title()
    }

    pub fn descriptor(&self) -> &Descriptor {
        self.provider.descriptor()
    }

    pub fn uses_oauth1(&self) -> bool {
        self.provider.protocol() == Protocol::OAuth1
    }

    /// The requests of the sample with their targets.
    pub fn calls(&self) -> impl Iterator<Item = ExpectedCall<'_>> {
        let calls = self.sample.calls.iter().zip(&self.targets).enumerate();
        calls.map(|(place, (call, target))| ExpectedCall { place, call, target })
    }

    /// The place of the request that exchanges the code.
    pub fn token_call(&self) -> Option<usize> {
        let place = usize::from(self.uses_oauth1());
        let call = self.sample.calls.get(place)?;
        let has_code =
            |texts: &std::collections::BTreeMap<String, String>| texts.values().any(|text| text.contains("{code}"));
        let json = call.json.as_deref().is_some_and(|json| json.contains("{code}"));
        let sends_code = json || has_code(&call.query) || call.form.as_ref().is_some_and(has_code);
        (self.uses_oauth1() || sends_code).then_some(place)
    }

    /// The authorization endpoint: host and path.
    pub fn authorization_endpoint(&self) -> (String, String) {
        host_and_path(&self.sample.authorization.url)
    }

    /// Whether a URL is the issuer's discovery document, its key set, or another document of the provider. The result is the body.
    pub fn document(&self, host: &str, path: &str) -> Option<String> {
        let url = format!("https://{host}{path}");
        if let Some(body) = self.sample.documents.get(&url) {
            return Some(body.clone());
        }
        let issuer = self.sample.issuer.as_ref()?;
        match url.strip_prefix(issuer.trim_end_matches('/'))? {
            "/.well-known/openid-configuration" => Some(discovery_document(issuer)),
            "/jwks" => Some("{jwks}".to_owned()),
            _ => None,
        }
    }

    /// Whether a redirect URI is registered: one of the settings, or a loopback address (RFC 8252, section 7.3). A state that the
    /// server adds to it is not part of it.
    pub fn is_registered(&self, redirect_uri: &str) -> bool {
        let bare =
            redirect_uri.split_once("redirect_state=").map_or(redirect_uri, |(before, _)| &before[..before.len() - 1]);
        self.redirect_uris.iter().any(|registered| registered == bare) || is_loopback(bare)
    }

    /// Whether this is the revocation endpoint: of the descriptor, or of the discovery document.
    pub fn has_revocation_at(&self, host: &str, path: &str) -> bool {
        let Some(url) = &self.descriptor().revoke.url else { return false };
        let issuer = self.sample.issuer.as_deref().filter(|_| url.mentions("discovery")).unwrap_or_default();
        let published = host_and_path(&format!("{}/revoke", issuer.trim_end_matches('/')));
        published == (host.to_owned(), path.to_owned()) || Self::matches_template(url.source(), host, path)
    }

    /// Whether `host` and `path` are those of a URL template, in which each expression stands for any text.
    pub fn matches_template(template: &str, host: &str, path: &str) -> bool {
        let (wanted_host, wanted_path) = host_and_path(template);
        matches_pattern(&wanted_host, host) && matches_pattern(&wanted_path, path)
    }
}

/// The endpoints of the samples are below the issuer.
fn discovery_document(issuer: &str) -> String {
    let at = |path: &str| format!("{}/{path}", issuer.trim_end_matches('/'));
    serde_json::json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "revocation_endpoint": at("revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "code_challenge_methods_supported": ["S256"],
    })
    .to_string()
}

fn is_loopback(text: &str) -> bool {
    super::demo::registered_redirect_uri(text).is_some()
}

/// `{…}` in `pattern` stands for any text.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == text };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let Some(tail) = text.strip_prefix(before) else { return false };
    (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| matches_pattern(after, &tail[at..]))
}

/// The origin of a redirect URI.
pub fn origin_of(redirect_uri: &str) -> String {
    Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_in_a_url_template_matches_any_text() {
        let matches = |template: &str, path: &str| SimulatedProvider::matches_template(template, "graph.example", path);
        assert!(matches("https://graph.example/v{API_VERSION}/{uid}/permissions", "/v24.0/10216/permissions"));
        assert!(!matches("https://graph.example/v{API_VERSION}/{uid}/permissions", "/v24.0/10216/likes"));
        assert!(matches("https://{HOST}/revoke", "/revoke") && !matches("https://other.example/revoke", "/revoke"));
    }
}
