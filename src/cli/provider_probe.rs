//! Calls to a configured provider that need no user. They check its discovery document, its keys, whether its endpoints
//! answer, and whether the token endpoint accepts the client. Only that last call contains the client's secret.

use futures_util::future::join_all;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::clock::Deps;
use crate::model::Finding;
use crate::outgoing::Client;
use crate::provider::{ClientVerdict, Endpoint, Provider, SignatureAlgorithm};

/// Also returns by how many seconds the clock of the provider is ahead, if an answer had a date.
pub(super) async fn probe_provider(
    provider: &Provider,
    redirect_uri: &str,
    client: &Client,
    deps: &Deps,
    deadline: Instant,
) -> (Vec<Finding>, Option<i64>) {
    let written_name = |setting| provider.settings().written_name(setting);
    let (mut findings, mut document, mut seconds_ahead) = (Vec::new(), None, None);
    if let Some(endpoint) = provider.discovery_endpoint() {
        let (finding, ahead) = probe_endpoint(endpoint, client, deps, deadline).await;
        seconds_ahead = ahead;
        match provider.discovery_members(deadline).await {
            Err(error) if finding.ok => {
                let (base, issuer) = (written_name("OIDC_ENDPOINT"), written_name("ID_TOKEN_ISSUER"));
                let advice = format!(
                    "{error}; set {base} to the URL before /.well-known, and {issuer} to the `issuer` of the document"
                );
                findings.push(Finding::error(finding.what, advice));
            }
            published => {
                findings.push(finding);
                document = published.ok().flatten();
                findings.extend(document.iter().flat_map(|document| compare_with_document(provider, document)));
            }
        }
    }
    let endpoints = provider.endpoints(document.as_ref()).into_iter();
    let endpoints = join_all(endpoints.map(|one| probe_endpoint(one, client, deps, deadline)));
    // At the same time: a host that does not answer delays the check by one call.
    let (endpoints, client_finding) = tokio::join!(endpoints, probe_client(provider, redirect_uri, deadline));
    for (finding, ahead) in endpoints {
        findings.push(finding);
        seconds_ahead = seconds_ahead.or(ahead);
    }
    let (what, algorithms) = ("keys that sign ID tokens", provider.algorithms_with(document.as_ref()));
    findings.extend(provider.has_keys(document.as_ref(), deadline).await.map(|has_keys| match has_keys {
        Ok(true) => Finding::ok(what),
        Ok(false) => {
            Finding::error(what, format!("no key is for {algorithms:?}: see {}", written_name("JWT_ALGORITHMS")))
        }
        Err(error) => Finding::error(what, format!("{error}; see {}", written_name("JWKS_URI"))),
    }));
    findings.extend(client_finding);
    (findings, seconds_ahead)
}

async fn probe_client(provider: &Provider, redirect_uri: &str, deadline: Instant) -> Option<Finding> {
    let written_name = |setting| provider.settings().written_name(setting);
    let what = "client ID and secret";
    Some(match provider.probe_client(redirect_uri, deadline).await? {
        ClientVerdict::Accepted => Finding::ok(what),
        ClientVerdict::Rejected(reason) => {
            let advice = format!(
                "provider_rejected_client: the token endpoint rejects them ({reason}): check {} and {}",
                written_name("KEY"),
                written_name("SECRET")
            );
            Finding::error(what, advice)
        }
        ClientVerdict::Unknown(reason) => {
            Finding::warning(what, format!("cannot be checked: an invented code is answered with: {reason}"))
        }
    })
}

/// A request without parameters: any answer proves that the endpoint exists.
async fn probe_endpoint(endpoint: Endpoint, client: &Client, deps: &Deps, deadline: Instant) -> (Finding, Option<i64>) {
    let Endpoint { label: what, method, url } = endpoint;
    let Some(url) = url else {
        return (Finding::warning(what, "is not checked, because its URL is known only during a login"), None);
    };
    let what = format!("{what} {}{}", url.origin().ascii_serialization(), url.path());
    match client.probe(method.into(), url, deadline).await {
        Err(error) => (Finding::error(what, format!("{error}; {}", error.advice())), None),
        Ok(answer) => {
            let advice = matches!(answer.status, 404 | 410 | 500..).then(|| format!("has status {}", answer.status));
            let ahead = answer.date.map(|date| date - deps.now().seconds());
            (Finding { what, ok: true, advice }, ahead)
        }
    }
}

/// Compares the settings with the discovery document.
fn compare_with_document(provider: &Provider, document: &Map<String, Value>) -> Vec<Finding> {
    let written_name = |setting| provider.settings().written_name(setting);
    // `None`: the document does not have the member.
    let lists = |member, value: &str| {
        let listed = document.get(member).and_then(Value::as_array);
        listed.map(|all| all.iter().any(|known| known == value))
    };
    let mut findings = Vec::new();
    if !provider.uses_pkce() && lists("code_challenge_methods_supported", "S256") == Some(true) {
        findings.push(Finding::warning(written_name("USE_PKCE"), "the provider supports PKCE: set it to true"));
    }
    let algorithms = provider.algorithms_with(Some(document));
    let is_used =
        |one: &SignatureAlgorithm| lists("id_token_signing_alg_values_supported", &one.to_string()) != Some(false);
    if provider.verifies_id_token() && !algorithms.iter().any(is_used) {
        let advice = format!("accepts {algorithms:?}, and the provider signs with none of them");
        findings.push(Finding::error(written_name("JWT_ALGORITHMS"), advice));
    }
    findings
}
