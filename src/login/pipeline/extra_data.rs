//! The account's extra data (R-EXT-01, 02, 04), without tokens and secrets (SEC-40).

use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{Identity, is_truthy, without_secrets};

/// How old the stored `auth_time` may be, in seconds, before a login writes the account's row for it alone.
const AUTH_TIME_ACCURACY: i64 = 24 * 60 * 60;

/// The new fields over the stored ones. Provider tokens are dropped: they must not be stored unencrypted. An `auth_time` of the
/// last day stays if no other field changes.
pub fn merged(identity: &Identity, stored: Option<&Map<String, Value>>, now: UnixMillis) -> Map<String, Value> {
    let mut merged = with_identity(identity, stored);
    let is_recent =
        |at: &Value| at.as_i64().is_some_and(|at| (0..AUTH_TIME_ACCURACY).contains(&now.seconds().saturating_sub(at)));
    let keeps_time = stored.is_some_and(|stored| *stored == merged && stored.get("auth_time").is_some_and(is_recent));
    if !keeps_time && !identity.extra_data.contains_key("auth_time") {
        merged.insert("auth_time".to_owned(), Value::from(now.seconds()));
    }
    merged
}

/// With the stored `auth_time`, or null in its place.
fn with_identity(identity: &Identity, stored: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut merged = stored.cloned().unwrap_or_default();
    merged.entry("auth_time").or_insert(Value::Null);
    for (name, value) in &identity.extra_data {
        // A field that the answer lacks keeps its stored value, or is null (R-EXT-02).
        let is_absent = identity.absent_extra_data.contains(name) && merged.contains_key(name);
        if is_absent || !is_truthy(value) && identity.drop_when_empty.contains(name) {
            continue;
        }
        if let Some(value) = without_secrets(name, value) {
            merged.insert(name.clone(), value);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::AccountUid;

    fn identity(extra: Value, keep: &[&str]) -> Identity {
        Identity {
            provider: "p".into(),
            uid: AccountUid::parse("1").expect("it is an id"),
            uid_scope: crate::model::UidScope::default(),
            uid_kept_as: vec![],
            legacy_uids: vec![],
            must_match: vec![],
            username: None,
            email: None,
            has_invalid_email: false,
            fullname: None,
            first_name: None,
            last_name: None,
            email_verified: false,
            picture: None,
            organizations: vec![],
            extra_data: extra.as_object().cloned().unwrap_or_default(),
            absent_extra_data: vec![],
            drop_when_empty: keep.iter().map(|name| (*name).to_owned()).collect(),
            fields: serde_json::Map::new(),
            tokens: None,
            expires_in: None,
        }
    }

    #[test]
    fn r_ext_01_auth_time_comes_first_and_tokens_are_dropped() {
        let new = identity(json!({"id": 1, "access_token": "t", "token_type": "bearer", "refresh_token": "r"}), &[]);
        let kept = merged(&new, None, UnixMillis::from_seconds(7));
        assert_eq!(Value::Object(kept).to_string(), r#"{"auth_time":7,"id":1,"token_type":"bearer"}"#);
    }

    #[test]
    fn r_ext_03_other_members_of_a_token_object_stay() {
        let token = json!({"access_token": {"oauth_token": "a", "oauth_token_secret": "b", "user_id": "7"}});
        let kept = merged(&identity(token, &[]), None, UnixMillis(0));
        assert_eq!(kept["access_token"], json!({"user_id": "7"}));
    }

    #[test]
    fn r_ext_04_an_empty_field_overwrites_unless_it_is_dropped_when_empty() {
        let known = json!({"scope": "a", "plan": "free"});
        let new = identity(json!({"scope": null, "plan": null}), &["scope"]);
        let kept = merged(&new, known.as_object(), UnixMillis(0));
        assert_eq!((&kept["scope"], &kept["plan"]), (&json!("a"), &Value::Null));
    }
}
