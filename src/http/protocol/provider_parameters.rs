//! Parameters of begin and authorize that go into the provider's URL.

use serde_json::{Map, Value};

use crate::login::Fields;

/// The row of the authorization request stores the parameters, so their number and length are limited (SEC-44).
const MAX_PARAMETERS: usize = 8;
const MAX_PARAMETER_LEN: usize = 255;

/// Members that are not parameters of this server, such as shopify's `shop`.
pub fn provider_parameters(fields: &Fields) -> Map<String, Value> {
    const KNOWN: [&str; 8] =
        ["redirect_uri", "scope", "next", "code_challenge", "code_challenge_method", "provider", "kind", "format"];
    let is_parameter = |(name, value): &(&String, &Value)| {
        // PostgreSQL cannot store a null character, and no URL has one.
        let is_valid = |text: &str| text.len() <= MAX_PARAMETER_LEN && !text.contains('\0');
        value.as_str().is_some_and(is_valid) && is_valid(name) && !KNOWN.contains(&name.as_str())
    };
    let parameters = fields.map().iter().filter(is_parameter).take(MAX_PARAMETERS);
    parameters.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `None` if no scope is named: then the configured scopes are requested.
pub fn scopes<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Vec<String>> {
    let names = names.into_iter().filter(|name| !name.trim().is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_44_number_and_length_of_provider_parameters_are_limited() {
        let parameters =
            |value: Value| provider_parameters(&Fields::json(value.as_object().cloned().unwrap_or_default()));
        let mut many: Map<String, Value> = (0..50).map(|number| (format!("m{number}"), json!("x"))).collect();
        many.insert("list".to_owned(), json!(["x"]));
        assert_eq!(parameters(Value::Object(many)).len(), MAX_PARAMETERS);
        let some = parameters(json!({"shop": "a", "long": "x".repeat(300), "config": {"a": 1}, "next": "/"}));
        assert_eq!(Value::Object(some), json!({"shop": "a"}));
    }
}
