//! Refusals in the words of the provider, as far as its sample or its descriptor knows them; otherwise in those of the standards.

use serde_json::{Map, Value, json};

use super::provider::SimulatedProvider;
use crate::provider::{Protocol, SampleRefusal};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client is unknown or its authentication wrong.
    Client(String),
    /// The code, the redirect URI, the verifier or the refresh token is invalid.
    Grant(String),
    /// The access token is invalid.
    Token(String),
    /// Another parameter or header is missing or wrong.
    Request(String),
    RateLimited,
    ServerError,
}

impl Refusal {
    /// For the log.
    pub fn problem(&self) -> String {
        match self {
            Self::Client(problem) | Self::Grant(problem) | Self::Token(problem) | Self::Request(problem) => {
                problem.clone()
            }
            Self::RateLimited => "too many requests".to_owned(),
            Self::ServerError => "the provider fails".to_owned(),
        }
    }

    /// The words of the sample.
    pub fn of_sample(&self, provider: &SimulatedProvider) -> Option<SampleRefusal> {
        let refusals = &provider.sample.refusals;
        match self {
            Self::Client(_) => refusals.invalid_client.clone(),
            Self::Grant(_) => refusals.invalid_code.clone(),
            Self::Token(_) => refusals.expired_token.clone(),
            Self::RateLimited => refusals.rate_limited.clone(),
            Self::Request(_) | Self::ServerError => None,
        }
    }

    /// Status and body.
    pub fn answer(&self, provider: &SimulatedProvider) -> (u16, String) {
        if let Some(refusal) = self.of_sample(provider) {
            return (refusal.status, refusal.answer);
        }
        let errors = &provider.descriptor().errors;
        let first = |codes: &[String], other: &str| codes.first().cloned().unwrap_or_else(|| other.to_owned());
        if provider.provider.protocol() == Protocol::OpenId2 && !matches!(self, Self::ServerError | Self::RateLimited) {
            return (200, "ns:http://specs.openid.net/auth/2.0\nis_valid:false\n".to_owned());
        }
        if provider.uses_oauth1()
            && let Some((status, problem)) = self.oauth_problem()
        {
            return (status, format!("oauth_problem={problem}"));
        }
        match self {
            Self::Client(problem) => (401, body(provider, &first(&errors.invalid_client, "invalid_client"), problem)),
            Self::Grant(problem) => {
                let phrase = errors.invalid_code_phrases.first().cloned();
                // With phrases alone, the code of the standard has another meaning at this provider.
                let other = if phrase.is_some() { "invalid_request" } else { "invalid_grant" };
                let code = first(&errors.invalid_code, other);
                (400, body(provider, &code, phrase.as_deref().unwrap_or(problem)))
            }
            Self::Token(problem) => (401, body(provider, "invalid_token", problem)),
            Self::Request(problem) => (400, body(provider, "invalid_request", problem)),
            Self::RateLimited => {
                (429, json!({"error": "rate_limited", "error_description": "Too many requests."}).to_string())
            }
            Self::ServerError => {
                (500, json!({"error": "server_error", "error_description": "Internal error."}).to_string())
            }
        }
    }
}

impl Refusal {
    /// Status and `oauth_problem` (OAuth Problem Reporting extension), which has no value for an overloaded or failing provider.
    fn oauth_problem(&self) -> Option<(u16, &'static str)> {
        match self {
            Self::Client(_) => Some((401, "consumer_key_rejected")),
            Self::Grant(_) => Some((401, "token_rejected")),
            Self::Token(_) => Some((401, "token_expired")),
            Self::Request(_) => Some((400, "parameter_rejected")),
            Self::RateLimited | Self::ServerError => None,
        }
    }
}

/// The error in the form that the descriptor reads: the members of its expressions, an object for a numeric code, or the standard form
/// (RFC 6749, 5.2).
fn body(provider: &SimulatedProvider, code: &str, message: &str) -> String {
    let errors = &provider.descriptor().errors;
    let code_value = code.parse::<i64>().map_or_else(|_| Value::from(code), Value::from);
    let is_numeric = code_value.is_number();
    let mut members = Map::new();
    let path = errors.code.as_ref().and_then(|expr| path_of(expr.source()));
    if let (Some([list]), Some((resource, code))) = (path.as_deref(), code.split_once('.')) {
        // A list of objects, as at Strava.
        return json!({ list.as_str(): [{"resource": resource, "field": "code", "code": code}], "message": message })
            .to_string();
    }
    match path {
        Some(path) => {
            set(&mut members, &path, code_value);
            if let Some(path) = errors.message.as_ref().and_then(|expr| path_of(expr.source())) {
                set(&mut members, &path, Value::from(message));
            }
        }
        None if is_numeric => {
            members
                .insert("error".to_owned(), json!({"code": code_value, "message": message, "type": "OAuthException"}));
        }
        None => {
            members.insert("error".to_owned(), Value::from(code));
            members.insert("error_description".to_owned(), Value::from(message));
        }
    }
    Value::Object(members).to_string()
}

/// The first path of an expression such as `body.meta.code or body.status`.
fn path_of(expression: &str) -> Option<Vec<String>> {
    let at = expression.find("body.")?;
    let rest = &expression[at + "body.".len()..];
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
    let path: Vec<String> = rest[..end].split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    (!path.is_empty()).then_some(path)
}

fn set(members: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [name] => {
            members.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
        [] => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_error_expression_is_found() {
        assert_eq!(path_of("body.errcode"), Some(vec!["errcode".to_owned()]));
        assert_eq!(path_of("(body.meta.code if body.meta)"), Some(vec!["meta".to_owned(), "code".to_owned()]));
        assert_eq!(path_of("'not_valid' if body is string"), None);
    }
}
