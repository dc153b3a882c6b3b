//! Calls to a provider: addresses and parameters made from templates, sent by `outgoing/`. Nothing here logs: an address
//! may hold a secret.

use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use tokio::time::Instant;
use url::Url;

use super::configured::Provider;
use super::error::ProviderError;
use super::expression::{Expr, Ordered, Scope, Template};
use crate::clock::Deps;
use crate::outgoing::{Client, ESCAPED, OutgoingError, Pairs, Reply, Request};

/// Longest cooldown that a provider's `Retry-After` may ask for.
const MAX_COOLDOWN: Duration = Duration::from_secs(300);

/// Whether a call is made for this client as a whole: it carries no token of one user.
fn is_of_all_users(stage: &str) -> bool {
    matches!(stage, "token" | "request_token" | "discovery" | "keys")
}

/// One call. An answer that asks to be called later is an error at every stage, whatever its body says (RFC 6585; RFC 9110,
/// 10.2.3).
pub async fn send(
    client: &Client,
    deps: &Deps,
    stage: &'static str,
    request: &Request,
    deadline: Instant,
) -> Result<Reply, ProviderError> {
    let answer = client.send(request, deadline).await.map_err(|error| match error {
        OutgoingError::Timeout => ProviderError::Timeout { stage },
        OutgoingError::CoolingDown { remaining, .. } => {
            ProviderError::TemporarilyUnavailable { stage, reason: error.to_string(), retry_after: Some(remaining) }
        }
        error @ OutgoingError::Unreachable { .. } => {
            ProviderError::EndpointNotFound { stage, reason: error.to_string() }
        }
        error => ProviderError::failed(stage, error.to_string()),
    })?;
    let asked = answer.retry_after(deps.now()).map(|span| span.clamp(Duration::from_secs(1), MAX_COOLDOWN));
    // Some say 403 for too many calls, and then when to come back.
    let says_later = matches!(answer.status, 408 | 425 | 429) || matches!(answer.status, 403 | 503) && asked.is_some();
    if !says_later {
        return Ok(answer);
    }
    // A limit of one user's token says nothing about other users' calls.
    if let Some(span) = asked.filter(|_| answer.status == 503 || is_of_all_users(stage)) {
        client.cool_down(&request.url, span);
    }
    Err(ProviderError::TemporarilyUnavailable {
        stage,
        reason: format!("status {}", answer.status),
        retry_after: asked,
    })
}

impl Provider {
    pub(super) async fn send(
        &self,
        stage: &'static str,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, ProviderError> {
        send(&self.client, &self.deps, stage, request, deadline).await
    }
}

/// Parameters by their templates; one without a value is left out.
pub fn render_pairs(templates: &Ordered<Template>, scope: &Scope<'_>) -> Result<Pairs, ProviderError> {
    let mut pairs = Vec::with_capacity(templates.len() + 1);
    for (name, template) in templates {
        pairs.extend(template.render(scope)?.map(|value| (name.clone(), value)));
    }
    Ok(pairs)
}

/// The value under `name`, in its place when it is there.
pub fn set_pair(pairs: &mut Pairs, name: &str, value: String) {
    match pairs.iter_mut().find(|(other, _)| other == name) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// As [`render_url`], where there must be one.
pub fn resolve_url(
    stage: &'static str,
    template: &Template,
    scope: &Scope<'_>,
    hosts: &[String],
) -> Result<Url, ProviderError> {
    let url = render_url(template, scope, hosts).map_err(|problem| ProviderError::failed(stage, problem))?;
    url.ok_or_else(|| ProviderError::failed(stage, "there is no address"))
}

/// An address by its template (SEC-38). `None` where an expression has no value.
///
/// What stands first is taken as it is: a setting or the discovery document, or else something that a provider answered,
/// which must then lie on one of `hosts`. Inside a host name only a name's characters may come, from a provider's answer
/// no dot; anywhere else a value is escaped.
pub fn render_url(template: &Template, scope: &Scope<'_>, hosts: &[String]) -> Result<Option<Url>, String> {
    let mut problem = None;
    let mut foreign = None;
    let fit = |expr: &Expr, before: &str, value: String| {
        let own = expr.reads_only(|root| root == "discovery" || super::expression::is_setting(root));
        if before.is_empty() {
            foreign = (!own).then(|| value.clone());
            return value;
        }
        let in_host = before.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']));
        if !in_host {
            if matches!(value.as_str(), "." | "..") {
                problem = Some("a part of the path is not acceptable");
            }
            return utf8_percent_encode(&value, ESCAPED).to_string();
        }
        let dots = own || expr.reads_only(|root| root == "address");
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || dots && matches!(c, '.' | ':');
        if value.is_empty() || value.starts_with(['.', '-', ':']) || !value.chars().all(fits) {
            problem = Some("a part of the host name is not acceptable");
        }
        value
    };
    let text = template.render_with(scope, fit).map_err(|error| error.to_string())?;
    if let Some(problem) = problem {
        return Err(problem.to_owned());
    }
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let url = Url::parse(&text).map_err(|_| "not an absolute URL".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || !matches!(url.scheme(), "https" | "http") {
        return Err("not an https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user in it".to_owned());
    }
    if let Some(foreign) = foreign {
        // What something follows is an origin; alone it is a whole address.
        let is_whole = foreign.len() == text.len();
        check_foreign(&foreign, is_whole, hosts)?;
    }
    Ok(Some(url))
}

/// An origin or an address that did not come from the settings: https, a listed host, nothing that leads elsewhere.
fn check_foreign(text: &str, is_whole: bool, hosts: &[String]) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| "not an absolute URL".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    if !hosts.iter().any(|pattern| host_fits(host, pattern)) {
        return Err(format!("{host} is no host of this provider"));
    }
    // Written so, a reader that is less careful than this one finds the same host.
    let rest = text.strip_prefix("https://").and_then(|rest| rest.strip_prefix(host));
    let is_bare = matches!(rest, Some("" | "/"));
    let has_path = rest.is_some_and(|rest| rest.starts_with('/')) && url.fragment().is_none() && !text.contains('\\');
    if is_bare || is_whole && has_path { Ok(()) } else { Err("not an https origin of this provider".to_owned()) }
}

fn host_fits(host: &str, pattern: &str) -> bool {
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
    fn fault_a10_a_callback_chooses_among_listed_origins_only() {
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
        // A whole address of the provider's answer may have a path and a query.
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
