//! JSON values without a static type: settings of a provider, its answers, and the extra data.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Whether a value is truthy, as in Python: not null, false, zero or empty.
pub fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A value as text for a URL or a form; `None` for null.
pub fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// A list of texts; a single value counts as a list.
pub fn as_texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(all)) => all.iter().filter_map(as_text).collect(),
        one => one.and_then(as_text).into_iter().collect(),
    }
}

/// Parses JSON; integers beyond 64 bits become texts. Rounded, two ids could become equal. Errors: the parser's.
pub fn parse_json(text: &[u8]) -> Result<Value, serde_json::Error> {
    match quoted_big_integers(text) {
        Some(quoted) => serde_json::from_slice(&quoted),
        None => serde_json::from_slice(text),
    }
}

/// Errors: an object has two members of one name, at any depth. Readers differ in which one they take. No error quotes the text.
pub fn check_unique_members(text: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<UniqueMembers>(text).map(|UniqueMembers| ())
}

struct UniqueMembers;

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("an object has two members of one name"));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
}

/// As [`parse_json`], but integers beyond 64 bits become null.
pub fn parse_json_without_big_integers(text: &[u8]) -> Result<Value, serde_json::Error> {
    match replaced_big_integers(text, |_| b"null".to_vec()) {
        Some(replaced) => serde_json::from_slice(&replaced),
        None => serde_json::from_slice(text),
    }
}

/// `None`: there are none.
fn quoted_big_integers(text: &[u8]) -> Option<Vec<u8>> {
    replaced_big_integers(text, |number| [b"\"", number, b"\""].concat())
}

fn replaced_big_integers(text: &[u8], replacement: fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    const MAX_SAFE_DIGITS: usize = 18;
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let (mut replaced, mut copied, mut at, mut in_text) = (Vec::new(), 0, 0, false);
    while at < text.len() {
        match text[at] {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'-' | b'0'..=b'9' if !in_text => {
                let len = text[at..].iter().take_while(|byte| is_number(byte)).count();
                let number = &text[at..at + len];
                let digits = number.strip_prefix(b"-").unwrap_or(number);
                let fits = || {
                    let number = std::str::from_utf8(number).unwrap_or_default();
                    number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
                };
                if digits.len() > MAX_SAFE_DIGITS && digits.iter().all(u8::is_ascii_digit) && !fits() {
                    replaced.extend_from_slice(&text[copied..at]);
                    replaced.extend_from_slice(&replacement(number));
                    copied = at + len;
                }
                at += len - 1;
            }
            _ => {}
        }
        at += 1;
    }
    (copied > 0).then(|| {
        replaced.extend_from_slice(&text[copied..]);
        replaced
    })
}

/// How the names of tokens and secrets end, in lower case.
const SECRET_ENDINGS: [&str; 5] = ["token", "secret", "password", "session_key", "sessionkey"];

/// Whether a member of this name holds a token or a secret, which is never stored unencrypted or shown (SEC-40).
pub fn is_secret_name(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The members without tokens and secrets, at any depth.
pub fn without_provider_tokens(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().filter_map(|(name, value)| Some((name.clone(), without_secrets(name, value)?))).collect()
}

/// A member without tokens and secrets; `None`: it is one. In OAuth 1.0a the token is an object, whose other members stay
/// (R-EXT-03).
pub fn without_secrets(name: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Object(members) => Some(Value::Object(without_provider_tokens(members))),
        Value::Array(items) => {
            let kept = items.iter().filter_map(|item| without_secrets("", item));
            (!is_secret_name(name)).then(|| Value::Array(kept.collect()))
        }
        _ => (!is_secret_name(name)).then(|| value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_a26_integers_beyond_64_bits_keep_their_digits() {
        let long = "123456789012345678901234567890";
        let text =
            format!(r#"{{"a":{long},"b":[-{long}, 1.{long}, {long}e1],"c":"x\\\" {long}","d":18446744073709551615}}"#);
        let read = parse_json(text.as_bytes()).expect("JSON");
        assert_eq!((&read["a"], &read["b"][0]), (&Value::from(long), &Value::from(format!("-{long}"))));
        assert!(read["b"][1].is_f64() && read["b"][2].is_f64());
        assert_eq!((&read["c"], &read["d"]), (&Value::from(format!("x\\\" {long}")), &Value::from(u64::MAX)));
        for broken in [format!("{long}x"), format!("[{long}"), format!("-{long}-"), "-".repeat(30), String::new()] {
            assert!(parse_json(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn sec_40_names_of_tokens_and_secrets_are_recognised() {
        for name in [
            "token",
            "access_token",
            "oauth_token_secret",
            "X-Token",
            "session_key",
            "idToken",
            "Password",
            "my_secret",
            "apiToken",
            "access_token ",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["token_type", "tokens", "secretary", "username", "key"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
