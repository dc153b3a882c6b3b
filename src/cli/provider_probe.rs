//! What can be known of a configured provider without a person: what it publishes, whether its endpoints answer, and
//! settings that do not fit either. Nothing that proves this client is ever sent.

use futures_util::future::join_all;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::clock::Deps;
use crate::model::Finding;
use crate::outgoing::Client;
use crate::provider::{Endpoint, Provider, SignatureAlgorithm};

/// Also: how many seconds the provider's clock is ahead of ours, where an answer said.
pub(super) async fn probed(
    provider: &Provider,
    client: &Client,
    deps: &Deps,
    deadline: Instant,
) -> (Vec<Finding>, Option<i64>) {
    let shown = |setting| provider.settings().written_name(setting);
    let (mut findings, mut published, mut ahead) = (Vec::new(), None, None);
    if let Some(endpoint) = provider.discovery_endpoint() {
        let (found, told) = probe_endpoint(endpoint, client, deps, deadline).await;
        ahead = told;
        match provider.discovery_members(deadline).await {
            Err(error) if found.ok => {
                let (base, issuer) = (shown("OIDC_ENDPOINT"), shown("ID_TOKEN_ISSUER"));
                let advice = format!("{error}; {base} is what stands before /.well-known, {issuer} its `issuer`");
                findings.push(Finding::error(found.what, advice));
            }
            document => {
                findings.push(found);
                published = document.ok().flatten();
                findings.extend(published.iter().flat_map(|published| compared(provider, published)));
            }
        }
    }
    let endpoints = provider.endpoints(published.as_ref()).into_iter();
    for (found, told) in join_all(endpoints.map(|one| probe_endpoint(one, client, deps, deadline))).await {
        findings.push(found);
        ahead = ahead.or(told);
    }
    let (what, wanted) = ("keys that sign id_tokens", provider.algorithms_with(published.as_ref()));
    findings.extend(provider.has_keys(published.as_ref(), deadline).await.map(|has| match has {
        Ok(true) => Finding::ok(what),
        Ok(false) => Finding::error(what, format!("none is for {wanted:?}: see {}", shown("JWT_ALGORITHMS"))),
        Err(error) => Finding::error(what, format!("{error}; see {}", shown("JWKS_URI"))),
    }));
    (findings, ahead)
}

/// A plain request: whatever the answer, somebody is at home.
async fn probe_endpoint(endpoint: Endpoint, client: &Client, deps: &Deps, deadline: Instant) -> (Finding, Option<i64>) {
    let Endpoint { label: what, method, url } = endpoint;
    let Some(url) = url else {
        return (Finding::warning(what, "its address is known only during a login: not looked at"), None);
    };
    let what = format!("{what} {}{}", url.origin().ascii_serialization(), url.path());
    match client.probe(method.into(), url, deadline).await {
        Err(error) => (Finding::error(what, format!("{error}; {}", error.advice())), None),
        Ok(reached) => {
            let odd = matches!(reached.status, 404 | 410 | 500..).then(|| format!("has status {}", reached.status));
            let ahead = reached.date.map(|date| date - deps.now().seconds());
            (Finding { what, ok: true, advice: odd }, ahead)
        }
    }
}

/// The settings held against what the provider publishes.
fn compared(provider: &Provider, published: &Map<String, Value>) -> Vec<Finding> {
    let shown = |setting| provider.settings().written_name(setting);
    let lists = |name, one: &str| {
        let listed = published.get(name).and_then(Value::as_array);
        listed.map(|all| all.iter().any(|known| known == one))
    };
    let mut findings = Vec::new();
    if !provider.uses_pkce() && lists("code_challenge_methods_supported", "S256") == Some(true) {
        findings.push(Finding::warning(shown("USE_PKCE"), "the provider knows PKCE: set it to true"));
    }
    let wanted = provider.algorithms_with(Some(published));
    let signs =
        |one: &SignatureAlgorithm| lists("id_token_signing_alg_values_supported", &one.to_string()) != Some(false);
    if provider.verifies_id_token() && !wanted.iter().any(signs) {
        let advice = format!("{wanted:?} is accepted, and the provider signs with none of them");
        findings.push(Finding::error(shown("JWT_ALGORITHMS"), advice));
    }
    findings
}
