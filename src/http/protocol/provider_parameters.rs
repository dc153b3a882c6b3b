//! Parameters of begin and authorize that go into the provider's URL.

use serde_json::{Map, Value};

use crate::login::Fields;

/// Members that are not parameters of this server, such as shopify's `shop` or `login_hint`. The provider's descriptor says
/// which of them are used; the others are ignored.
pub fn provider_parameters(fields: &Fields) -> Map<String, Value> {
    const KNOWN: [&str; 10] = [
        "redirect_uri",
        "scope",
        "next",
        "code_challenge",
        "code_challenge_method",
        "provider",
        "kind",
        "format",
        "data",
        "app_state",
    ];
    let others = fields.map().iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `None` if no scope is named: then the configured scopes are requested.
pub fn scopes<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Vec<String>> {
    let names = names.into_iter().filter(|name| !name.trim().is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}
