//! What was called, for the assertions of a test: the last requests and answers, with credentials masked.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::logins::without_credentials;
use super::request::ProviderRequest;

/// Number of calls that are kept.
const MAX_CALLS: usize = 1000;
/// Names of parameters whose values are masked.
const SECRET_NAMES: [&str; 8] =
    ["client_secret", "secret", "code_verifier", "state", "nonce", "client_assertion", "oauth_signature", "hash"];

/// What a call was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CallStage {
    Authorize,
    Consent,
    RequestToken,
    Token,
    #[default]
    Profile,
    Refresh,
    Revoke,
    Document,
}

/// A call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RecordedCall {
    /// Counts from 1.
    pub number: u64,
    /// The name of the provider; empty: no provider has this address.
    pub provider: String,
    pub stage: CallStage,
    pub method: String,
    pub url: String,
    pub query: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub body: Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorization: String,
    pub status: u16,
    pub answer: Value,
    /// Why the request was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The last calls.
#[derive(Debug, Default)]
pub struct CallLog {
    calls: VecDeque<RecordedCall>,
    count: u64,
}

impl CallLog {
    pub fn push(&mut self, mut call: RecordedCall) {
        self.count += 1;
        call.number = self.count;
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// The calls of a provider, or of all.
    pub fn list(&self, provider: Option<&str>) -> Vec<RecordedCall> {
        let is_listed = |call: &&RecordedCall| provider.is_none_or(|name| call.provider == name);
        self.calls.iter().filter(is_listed).cloned().collect()
    }

    pub fn clear(&mut self) {
        self.calls.clear();
    }
}

impl RecordedCall {
    /// A call of the server. `secret`: of the client.
    pub fn of_server(request: &ProviderRequest, secret: &str) -> Self {
        let body = match &request.json {
            Some(json) => masked_value(json, secret),
            None if request.form.pairs().is_empty() => Value::Null,
            None => masked_pairs(request.form.pairs(), secret),
        };
        Self {
            method: request.method.clone(),
            url: masked(&format!("https://{}{}", request.host, request.raw_path), secret),
            query: masked_pairs(request.query.pairs(), secret),
            body,
            authorization: masked_authorization(&request.authorization, secret),
            ..Self::default()
        }
    }

    /// A page that the browser opened.
    pub fn of_browser(provider: &str, stage: CallStage, url: &str, query: &[(String, String)]) -> Self {
        Self {
            provider: provider.to_owned(),
            stage,
            method: "GET".to_owned(),
            url: url.to_owned(),
            query: masked_pairs(query, ""),
            status: 200,
            ..Self::default()
        }
    }

    /// Adds the answer.
    pub fn with_answer(mut self, status: u16, body: &str, secret: &str) -> Self {
        self.status = status;
        self.answer = match serde_json::from_str::<Value>(body) {
            Ok(json) => masked_value(&json, secret),
            Err(_) => Value::from(masked(body, secret)),
        };
        self
    }
}

/// A text without credentials of the simulator, secrets of the client and signed tokens.
pub fn masked(text: &str, secret: &str) -> String {
    let text = without_credentials(text);
    let text = if secret.is_empty() { text } else { text.replace(secret, "***") };
    text.split_inclusive(['&', ' ', '"', '\n']).map(masked_token).collect()
}

/// A JWT without payload and signature.
fn masked_token(part: &str) -> String {
    match part.find("eyJ") {
        Some(at) if part[at..].matches('.').count() == 2 => {
            let end = part.len() - part.chars().next_back().filter(|c| "&\" \n".contains(*c)).map_or(0, char::len_utf8);
            format!("{}eyJ***{}", &part[..at], &part[end..])
        }
        _ => part.to_owned(),
    }
}

fn masked_pairs(pairs: &[(String, String)], secret: &str) -> Value {
    let pairs =
        pairs.iter().map(|(name, value)| (name.clone(), masked_member(name, &Value::from(value.as_str()), secret)));
    Value::Object(pairs.collect())
}

fn masked_value(value: &Value, secret: &str) -> Value {
    match value {
        Value::String(text) => Value::from(masked(text, secret)),
        Value::Array(items) => items.iter().map(|item| masked_value(item, secret)).collect(),
        Value::Object(members) => {
            let masked: Map<String, Value> =
                members.iter().map(|(name, member)| (name.clone(), masked_member(name, member, secret))).collect();
            Value::Object(masked)
        }
        other => other.clone(),
    }
}

fn masked_member(name: &str, value: &Value, secret: &str) -> Value {
    if SECRET_NAMES.contains(&name) && value.is_string() { json!("***") } else { masked_value(value, secret) }
}

fn masked_authorization(header: &str, secret: &str) -> String {
    match header.split_once(' ') {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => format!("{scheme} ***"),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("oauth") && rest.contains("oauth_signature=") => {
            format!("{scheme} ***")
        }
        _ => masked(header, secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_tokens_and_signed_tokens_are_masked() {
        let token = "sim_access0_0123456789abcdef0123456789abcdef";
        assert_eq!(masked(&format!("Bearer {token}"), "s3cret"), "Bearer sim_access0_***");
        assert_eq!(
            masked_value(&json!({"id_token": "eyJh.eyJi.sig", "client_secret": "a"}), ""),
            json!({"id_token": "eyJ***", "client_secret": "***"})
        );
        assert_eq!(masked("a=s3cret&b=1", "s3cret"), "a=***&b=1");
        assert_eq!(masked_authorization("Basic abc", ""), "Basic ***");
    }
}
