//! One call to a provider: renders URL and parameters from templates, sends it through `outgoing/`, and recognises a rate limit.
//! Nothing here is logged, because a URL may contain a secret.

use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use tokio::time::Instant;
use url::Url;

use super::configured::Provider;
use super::error::{ProviderError, Stage};
use super::expression::{Expr, Ordered, Scope, Template};
use crate::clock::Deps;
use crate::outgoing::{Client, ESCAPED, OutgoingError, Pairs, Reply, Request};

/// Limit for `Retry-After`.
const MAX_COOLDOWN: Duration = Duration::from_secs(300);

/// Whether a call contains no token of a user, so that its rate limit applies to the whole client.
fn is_of_client(stage: Stage) -> bool {
    matches!(stage, Stage::Token | Stage::RequestToken | Stage::Discovery | Stage::Keys)
}

/// Sends one request. An answer that asks for a later call is an error at every stage, whatever its body contains (RFC 6585;
/// RFC 9110, 10.2.3).
///
/// Errors: no answer, or an answer that asks for a later call.
pub async fn send(
    client: &Client,
    deps: &Deps,
    stage: Stage,
    request: &Request,
    deadline: Instant,
) -> Result<Reply, ProviderError> {
    let answer = client.send(request, deadline).await.map_err(|error| match error {
        OutgoingError::Timeout => ProviderError::Timeout { stage },
        OutgoingError::CircuitOpen { remaining, .. } => {
            ProviderError::TemporarilyUnavailable { stage, reason: error.to_string(), retry_after: Some(remaining) }
        }
        error @ OutgoingError::Unreachable { .. } => {
            ProviderError::EndpointNotFound { stage, reason: error.to_string() }
        }
        error => ProviderError::failed(stage, error.to_string()),
    })?;
    let retry_after = answer.retry_after(deps.now()).map(|span| span.clamp(Duration::from_secs(1), MAX_COOLDOWN));
    // Some providers limit the rate with status 403 and Retry-After.
    let is_rate_limited =
        matches!(answer.status, 408 | 425 | 429) || matches!(answer.status, 403 | 503) && retry_after.is_some();
    if !is_rate_limited {
        return Ok(answer);
    }
    // A limit of one user must not affect the calls of other users.
    if let Some(span) = retry_after.filter(|_| answer.status == 503 || is_of_client(stage)) {
        client.cool_down(&request.url, span);
    }
    Err(ProviderError::TemporarilyUnavailable { stage, reason: format!("status {}", answer.status), retry_after })
}

impl Provider {
    pub(super) async fn send(
        &self,
        stage: Stage,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, ProviderError> {
        send(&self.client, &self.deps, stage, request, deadline).await
    }
}

/// Renders parameters. A parameter without a value is left out. Errors: a value has the wrong type.
pub fn render_pairs(templates: &Ordered<Template>, scope: &Scope<'_>) -> Result<Pairs, ProviderError> {
    let mut pairs = Vec::with_capacity(templates.len() + 1);
    for (name, template) in templates {
        pairs.extend(template.render(scope)?.map(|value| (name.clone(), value)));
    }
    Ok(pairs)
}

/// Replaces the value of `name`, or adds it at the end.
pub fn set_pair(pairs: &mut Pairs, name: &str, value: String) {
    match pairs.iter_mut().find(|(other, _)| other == name) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// As [`render_url`], but a URL is required. Errors: the URL is absent or invalid.
pub fn resolve_url(
    stage: Stage,
    template: &Template,
    scope: &Scope<'_>,
    hosts: &[String],
) -> Result<Url, ProviderError> {
    let url = render_url(template, scope, hosts).map_err(|problem| ProviderError::failed(stage, problem))?;
    url.ok_or(ProviderError::NoUrl { stage })
}

/// Renders a URL (SEC-38). `None`: an expression has no value.
///
/// An expression at the beginning supplies the origin or the whole URL. If it reads anything but settings and the discovery
/// document, the host must be one of `hosts`. In a host name only letters, digits and `-` are allowed, and dots only from settings,
/// the discovery document and `address`. Everywhere else values are percent-encoded. What precedes a path has no query and no
/// fragment, which would contain the path.
///
/// Errors: what is wrong with the URL.
pub fn render_url(template: &Template, scope: &Scope<'_>, hosts: &[String]) -> Result<Option<Url>, String> {
    let mut problem = None;
    let mut untrusted = None;
    let mut base_len = 0;
    let escape = |expr: &Expr, before: &str, value: String| {
        let is_trusted = expr.reads_only(|root| root == "discovery" || super::expression::is_setting(root));
        if before.is_empty() {
            base_len = value.len();
            untrusted = (!is_trusted).then(|| value.clone());
            return value;
        }
        let in_host = before.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']));
        if !in_host {
            // Without the value it would be the URL of something else, such as of a list instead of one member of it.
            let is_segment = before.ends_with('/') && !before.contains(['?', '#']);
            if matches!(value.as_str(), "." | "..") || is_segment && value.is_empty() {
                problem = Some("a path segment must not be empty, `.` or `..`");
            }
            return utf8_percent_encode(&value, ESCAPED).to_string();
        }
        let allows_dots = is_trusted || expr.reads_only(|root| root == "address");
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || allows_dots && matches!(c, '.' | ':');
        if value.is_empty() || value.starts_with(['.', '-', ':']) || !value.chars().all(is_allowed) {
            problem = Some("a part of the host name has characters that are not allowed");
        }
        value
    };
    let text = template.render_with(scope, escape).map_err(|error| error.to_string())?;
    if let Some(problem) = problem {
        return Err(problem.to_owned());
    }
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if base_len < text.len() {
        check_base(&text[..base_len])?;
    }
    let url = Url::parse(&text).map_err(|_| "is not an absolute URL".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || !matches!(url.scheme(), "https" | "http") {
        return Err("is not an https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password".to_owned());
    }
    if let Some(untrusted) = untrusted {
        // Alone it is a whole URL, otherwise an origin.
        let is_whole = untrusted.len() == text.len();
        check_untrusted(&untrusted, is_whole, hosts)?;
    }
    Ok(Some(url))
}

/// A URL to which a path is appended. Errors: what is wrong with the URL.
pub(super) fn check_base(base: &str) -> Result<(), String> {
    if base.contains(['?', '#', '\\']) {
        return Err("must be a URL without query and fragment: a path is appended to it".to_owned());
    }
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if base.split('/').any(is_dots) {
        return Err("must not contain the path segments `.` and `..`".to_owned());
    }
    Ok(())
}

/// An origin or a URL that is not from the settings must be https on a listed host.
fn check_untrusted(text: &str, is_whole: bool, hosts: &[String]) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| "is not an absolute URL".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    if !hosts.iter().any(|pattern| matches_host(host, pattern)) {
        return Err(format!("{host} is not a host of this provider"));
    }
    // In this form every URL parser finds the same host.
    let rest = text.strip_prefix("https://").and_then(|rest| rest.strip_prefix(host));
    let is_bare = matches!(rest, Some("" | "/"));
    let has_path = rest.is_some_and(|rest| rest.starts_with('/')) && url.fragment().is_none() && !text.contains('\\');
    if is_bare || is_whole && has_path { Ok(()) } else { Err("is not an https origin of this provider".to_owned()) }
}

fn matches_host(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(ending) => host.len() > ending.len() && host.ends_with(ending),
        None => host == pattern,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(template: &str, callback: &Value) -> Result<String, String> {
        let hosts = ["accounts.zoho.com".to_owned(), "*.zoho.example".to_owned()];
        let scope = Scope::default().with("callback", Some(callback));
        let template = Template::parse(template).expect("a template");
        render_url(&template, &scope, &hosts).map(|url| url.map(String::from).unwrap_or_default())
    }

    #[test]
    fn fault_a10_a_callback_can_only_select_listed_origins() {
        let given = |text: &str| of("{callback.at}/oauth/v2/token", &json!({"at": text}));
        assert_eq!(given("https://accounts.zoho.com").as_deref(), Ok("https://accounts.zoho.com/oauth/v2/token"));
        assert!(given("https://eu.zoho.example").is_ok());
        for bad in [
            "https://accounts.zoho.com/made/up?x=",
            "https://accounts.zoho.com/made/up",
            "https://accounts.zoho.com?x=",
            "https://accounts.zoho.com#",
            "https://accounts.zoho.com:8443",
            "https://accounts.zoho.com:443",
            "https://u@accounts.zoho.com",
            "https://u:p@accounts.zoho.com",
            "http://accounts.zoho.com",
            "HTTPS://accounts.zoho.com",
            "https://ACCOUNTS.zoho.com",
            "https://accounts.zoho.com.",
            "https://accounts.zoho.com.evil.example",
            "https://accounts.zoho\u{3002}com",
            "https://accounts\u{ad}.zoho.com",
            "https://evil.example",
            "https://zoho.example",
            "https:accounts.zoho.com",
            "https:\\\\accounts.zoho.com",
            "https://accounts.zoho.com\\@evil.example",
            " https://accounts.zoho.com",
            "https://accounts.zoho.com\n",
            "//accounts.zoho.com",
            "accounts.zoho.com",
            "javascript:alert(1)",
        ] {
            assert!(given(bad).is_err(), "{bad:?}: {:?}", given(bad));
        }
        // A whole URL of the provider's answer may have a path and a query.
        let whole = |text: &str| of("{callback.at}", &json!({"at": text}));
        assert!(whole("https://accounts.zoho.com/user/7?x=1").is_ok());
        for bad in [
            "https://accounts.zoho.com:8443/user/7",
            "https://u@accounts.zoho.com/user/7",
            "http://accounts.zoho.com/user/7",
            "https://accounts.zoho.com/user#7",
            "https://accounts.zoho.com?x",
            "https://evil.example/user/7",
        ] {
            assert!(whole(bad).is_err(), "{bad:?}: {:?}", whole(bad));
        }
    }
}
