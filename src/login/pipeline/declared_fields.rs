//! Which values of the provider a login writes to the user's declared fields. The transaction skips those that the user
//! edited.

use serde_json::{Map, Value};

use super::profile_details::Details;
use crate::model::{Identity, User};
use crate::settings::UserRules;

/// Values by field name; null removes the stored value. Fields that the provider's answer lacks, invalid values, and for an
/// existing `user` the fields that only a sign-up writes, are left out.
pub fn values(identity: &Identity, details: &Details, rules: &UserRules, user: Option<&User>) -> Map<String, Value> {
    let may_change = |name: &String| {
        let Some(user) = user else { return true };
        let is_empty = !user.fields.contains_key(name);
        !rules.protected_user_fields.contains(name) && (is_empty || !rules.immutable_user_fields.contains(name))
    };
    let wanted = rules.own_fields.iter().filter(|field| (field.at_login || user.is_none()) && may_change(&field.name));
    let typed = wanted.filter_map(|field| {
        let value = identity.fields.get(&field.name).cloned();
        let value = value.or_else(|| details.mapped(&field.name, rules).map(Value::from))?;
        if is_empty(&value) {
            return user.map(|_| (field.name.clone(), Value::Null));
        }
        let value = field.kind.parse_external(&value);
        if value.is_err() {
            tracing::debug!(
                field = field.name,
                provider = identity.provider,
                "the value is invalid for the field's type"
            );
        }
        Some((field.name.clone(), value.ok()?))
    });
    typed.collect()
}

/// Providers send null or a blank text when there is no value.
fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}
