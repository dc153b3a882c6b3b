//! Calls to a provider: addresses and parameters made from templates, sent, and the answers read strictly.
//!
//! The only way out is `outgoing/`. Nothing here logs: an address may hold a secret.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::ProviderError;
use super::descriptor::{Format, Method};
use super::expression::{Expr, Ordered, Scope, Template};
use crate::outgoing::{Client, OutgoingError, Request};

/// RFC 3986: all but unreserved characters are escaped.
pub const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub type Pairs = Vec<(String, String)>;

/// Something wrong between this server and the provider, with no words of the provider's.
pub fn failed(stage: &'static str, reason: impl Into<String>) -> ProviderError {
    ProviderError::Failed { stage, reason: reason.into(), message: None }
}

#[derive(Clone, Debug, Default)]
pub enum Body {
    #[default]
    None,
    Form(Pairs),
    Json(Map<String, Value>),
}

/// One request, still to be changed by a quirk.
#[derive(Clone)]
pub struct Call {
    pub stage: &'static str,
    pub method: Method,
    pub url: Url,
    pub headers: Pairs,
    pub query: Pairs,
    pub body: Body,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Call {
    pub fn new(stage: &'static str, method: Method, url: Url) -> Self {
        Self { stage, method, url, headers: Vec::new(), query: Vec::new(), body: Body::None }
    }

    pub fn form(&mut self) -> Option<&mut Pairs> {
        match &mut self.body {
            Body::Form(form) => Some(form),
            _ => None,
        }
    }

    pub async fn send(self, client: &Client, deadline: Instant) -> Result<Answer, ProviderError> {
        let stage = self.stage;
        let mut url = self.url;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/json"));
        let body = match self.body {
            Body::None => Vec::new(),
            Body::Form(form) => {
                headers.insert(
                    reqwest::header::CONTENT_TYPE,
                    HeaderValue::from_static("application/x-www-form-urlencoded"),
                );
                form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes()
            }
            Body::Json(object) => {
                headers.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Value::Object(object).to_string().into_bytes()
            }
        };
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).map_err(|_| failed(stage, "a header's name is not valid"))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| failed(stage, "a header's value is not valid"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let method = match self.method {
            Method::GET => reqwest::Method::GET,
            Method::POST => reqwest::Method::POST,
        };
        let reply =
            client.send(Request { method, url, headers, body }, deadline).await.map_err(|error| match error {
                OutgoingError::Timeout => ProviderError::Timeout { stage },
                error => failed(stage, error.to_string()),
            })?;
        Ok(Answer { status: reply.status, headers: reply.headers, body: reply.body })
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body by the descriptor's format; the text of an error names no part of it.
    pub fn parse(&self, format: Format) -> Result<Value, &'static str> {
        let json = || serde_json::from_slice(&self.body).map_err(|_| "the answer is not JSON");
        match format {
            Format::Json => json(),
            Format::Form => form(&self.body).map(Value::Object),
            Format::JsonOrForm => json().or_else(|_| form(&self.body).map(Value::Object)),
            Format::Text => std::str::from_utf8(&self.body).map(Value::from).map_err(|_| "the answer is not UTF-8"),
        }
    }

    /// Names in lower case, the last of several.
    pub fn headers(&self) -> Map<String, Value> {
        let text = |value: &HeaderValue| value.to_str().ok().map(Value::from);
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
    }
}

/// A form-encoded answer, strictly: no name twice, nothing that is not `name=value` (SEC-16).
pub fn form(body: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8")?.trim();
    if text.is_empty() || text.contains(['<', '\n', '{']) || !text.split('&').all(|part| part.contains('=')) {
        return Err("the answer is not form-encoded");
    }
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if members.insert(name.into_owned(), Value::from(value.into_owned())).is_some() {
            return Err("the answer has a member twice");
        }
    }
    Ok(members)
}

/// Parameters by their templates; one without a value is left out.
pub fn rendered(stage: &'static str, templates: &Ordered<Template>, scope: &Scope<'_>) -> Result<Pairs, ProviderError> {
    let mut pairs = Vec::with_capacity(templates.0.len() + 1);
    for (name, template) in &templates.0 {
        if let Some(value) = template.render(scope).map_err(|error| failed(stage, error.to_string()))? {
            pairs.push((name.clone(), value));
        }
    }
    Ok(pairs)
}

/// The value under `name`, in its place when it is there.
pub fn set(pairs: &mut Pairs, name: &str, value: String) {
    match pairs.iter_mut().find(|(other, _)| other == name) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// An address by its template (SEC-38). `None` where an expression has no value.
///
/// What stands first is taken as it is: a setting or the discovery document, or else something that a provider answered,
/// which must then lie on one of `hosts`. Inside a host name only a name's characters may come, from a provider's answer
/// no dot; anywhere else a value is escaped.
pub fn address(template: &Template, scope: &Scope<'_>, hosts: &[String]) -> Result<Option<Url>, String> {
    let mut problem = None;
    let mut foreign = false;
    let fit = |expr: &Expr, before: &str, value: String| -> Option<String> {
        let own = expr.reads_only(|root| root == "discovery" || super::expression::is_setting(root));
        if before.is_empty() {
            foreign = !own;
            return Some(value);
        }
        let in_host = before.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']));
        if !in_host {
            if matches!(value.as_str(), "." | "..") {
                problem = Some("a part of the path is not acceptable");
            }
            return Some(utf8_percent_encode(&value, ESCAPED).to_string());
        }
        let dots = own || expr.reads_only(|root| root == "address");
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || dots && matches!(c, '.' | ':');
        if value.is_empty() || value.starts_with(['.', '-', ':']) || !value.chars().all(fits) {
            problem = Some("a part of the host name is not acceptable");
        }
        Some(value)
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
    if foreign && !hosts.iter().any(|pattern| host_fits(host, pattern)) {
        return Err(format!("{host} is no host of this provider"));
    }
    Ok(Some(url))
}

fn host_fits(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(ending) => host.len() > ending.len() && host.ends_with(ending),
        None => host == pattern,
    }
}
