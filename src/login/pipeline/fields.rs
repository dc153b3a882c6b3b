//! Declared fields of the user: which of the provider's values a login writes. What the user edited is held back when it
//! is written.

use serde_json::{Map, Value};

use super::names::Details;
use crate::model::{Identity, User};
use crate::settings::UserRules;

/// Typed; null removes the value that a known user has. What the answer does not mention or what does not fit its type is
/// left out, and so is what only a sign-up writes, unless `user` is yet to be.
pub fn chosen(identity: &Identity, details: &Details, rules: &UserRules, user: Option<&User>) -> Map<String, Value> {
    let may = |name: &String| {
        let Some(user) = user else { return true };
        let is_empty = !user.fields.contains_key(name);
        !rules.protected_user_fields.contains(name) && (is_empty || !rules.immutable_user_fields.contains(name))
    };
    let wanted = rules.own_fields.iter().filter(|field| (field.at_login || user.is_none()) && may(&field.name));
    let typed = wanted.filter_map(|field| {
        let said = identity.fields.get(&field.name).cloned();
        let said = said.or_else(|| details.mapped(&field.name, rules).map(Value::from))?;
        if is_empty(&said) {
            return user.map(|_| (field.name.clone(), Value::Null));
        }
        let value = field.kind.fit(&said);
        if value.is_err() {
            tracing::debug!(field = field.name, provider = identity.provider, "the value does not fit the field");
        }
        Some((field.name.clone(), value.ok()?))
    });
    typed.collect()
}

/// What a provider sends to say that there is none (any more).
fn is_empty(said: &Value) -> bool {
    said.is_null() || said.as_str().is_some_and(|text| text.trim().is_empty())
}
