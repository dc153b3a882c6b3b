//! What JSON says where no type is known beforehand: settings of a provider, its answers, what is kept of them.

use serde_json::{Map, Value};

/// What counts as something: not null, false, zero or empty.
pub fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A value as it stands in a URL or a form; `None` for null.
pub fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// A list of texts; a single one counts as a list.
pub fn as_texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(all)) => all.iter().filter_map(as_text).collect(),
        one => one.and_then(as_text).into_iter().collect(),
    }
}

/// Names of members that would let their reader act for the person at the provider: they end in one of these words.
const SECRETS: [&str; 4] = ["token", "secret", "password", "session_key"];
/// The same written without a border. Other such names are the provider's own, as Sketchfab's `apiToken`, which the
/// original keeps and shows.
const RUN_TOGETHER: [&str; 7] =
    ["accesstoken", "refreshtoken", "idtoken", "oauthtoken", "authtoken", "clientsecret", "sessionkey"];

/// Whether a member of this name is kept from everybody (SEC-40). `token_type` is not.
pub fn authenticates(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends_in = |word: &&str| {
        let before = name.strip_suffix(*word);
        before.is_some_and(|before| before.is_empty() || before.ends_with(['_', '-', '.']))
    };
    SECRETS.iter().any(ends_in) || RUN_TOGETHER.iter().any(|ending| name.ends_with(ending))
}

/// The members without what authenticates, at any depth.
pub fn without_provider_tokens(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().filter_map(|(name, value)| Some((name.clone(), without_secrets(name, value)?))).collect()
}

/// A member of this name without what authenticates; `None`: that is all it was. OAuth 1.0a keeps its token as an object:
/// its other members stay (R-EXT-03).
pub fn without_secrets(name: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Object(members) => Some(Value::Object(without_provider_tokens(members))),
        Value::Array(items) => {
            let kept = items.iter().filter_map(|item| without_secrets("", item));
            (!authenticates(name)).then(|| Value::Array(kept.collect()))
        }
        _ => (!authenticates(name)).then(|| value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_40_a_name_that_ends_in_the_word_of_a_secret_is_kept_from_everybody() {
        for name in [
            "token",
            "access_token",
            "oauth_token_secret",
            "X-Token",
            "session_key",
            "idToken",
            "Password",
            "my_secret",
        ] {
            assert!(authenticates(name), "{name}");
        }
        for name in ["token_type", "tokens", "apiToken", "secretary", "username", "key"] {
            assert!(!authenticates(name), "{name}");
        }
    }
}
