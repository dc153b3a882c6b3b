//! The account's extra data (R-EXT-01, 02, 04), without tokens and secrets (SEC-40).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{Identity, is_truthy, without_secrets};

/// The new fields over the stored ones. Provider tokens are dropped: they must not be stored unencrypted. When nothing but
/// `auth_time` would change, it stays until it is as old as `auth_time_interval`.
pub fn merged(
    identity: &Identity,
    stored: Option<&Map<String, Value>>,
    now: UnixMillis,
    auth_time_interval: Duration,
) -> Map<String, Value> {
    if let Some(stored) = stored
        && let Some(at) = stored.get("auth_time").and_then(Value::as_i64)
        && let Ok(age) = u64::try_from(now.seconds().saturating_sub(at))
        && age < auth_time_interval.as_secs()
        && with_identity(identity, Some(stored), at) == *stored
    {
        return stored.clone();
    }
    with_identity(identity, stored, now.seconds())
}

fn with_identity(identity: &Identity, stored: Option<&Map<String, Value>>, auth_time: i64) -> Map<String, Value> {
    let mut merged = stored.cloned().unwrap_or_default();
    merged.insert("auth_time".to_owned(), Value::from(auth_time));
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

/// Stores the members by which later logins recognize the account, whatever steps run: the owner of a character that can be sold,
/// and the provider's own id. A stored value that the answer lacks stays.
pub fn keep_identifying_members(identity: &Identity, extra_data: &mut Value) {
    let Some(members) = extra_data.as_object_mut() else { return };
    for name in identity.must_match.iter().chain(&identity.uid_kept_as) {
        let value = identity.extra_data.get(name).filter(|value| is_truthy(value));
        if let Some(value) = value.and_then(|value| without_secrets(name, value)) {
            members.insert(name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(extra: Value, keep: &[&str]) -> Identity {
        Identity {
            extra_data: extra.as_object().cloned().unwrap_or_default(),
            drop_when_empty: keep.iter().map(|name| (*name).to_owned()).collect(),
            ..Identity::blank()
        }
    }

    #[test]
    fn r_ext_01_auth_time_comes_first_and_tokens_are_dropped() {
        let new = identity(json!({"id": 1, "access_token": "t", "token_type": "bearer", "refresh_token": "r"}), &[]);
        let kept = merged(&new, None, UnixMillis::from_seconds(7), Duration::ZERO);
        assert_eq!(Value::Object(kept).to_string(), r#"{"auth_time":7,"id":1,"token_type":"bearer"}"#);
    }

    #[test]
    fn r_ext_03_other_members_of_a_token_object_stay() {
        let token = json!({"access_token": {"oauth_token": "a", "oauth_token_secret": "b", "user_id": "7"}});
        let kept = merged(&identity(token, &[]), None, UnixMillis(0), Duration::ZERO);
        assert_eq!(kept["access_token"], json!({"user_id": "7"}));
    }

    #[test]
    fn r_ext_04_an_empty_field_overwrites_unless_it_is_dropped_when_empty() {
        let known = json!({"scope": "a", "plan": "free"});
        let new = identity(json!({"scope": null, "plan": null}), &["scope"]);
        let kept = merged(&new, known.as_object(), UnixMillis(0), Duration::ZERO);
        assert_eq!((&kept["scope"], &kept["plan"]), (&json!("a"), &Value::Null));
    }

    #[test]
    fn r_ext_01_auth_time_is_of_the_last_login_unless_auth_time_interval_says_otherwise() {
        let stored = json!({"auth_time": 100, "plan": "free"});
        let auth_time = |plan: &str, now: i64, interval: u64| {
            let new = identity(json!({"plan": plan}), &[]);
            let interval = Duration::from_secs(interval);
            merged(&new, stored.as_object(), UnixMillis::from_seconds(now), interval)["auth_time"].clone()
        };
        assert_eq!(auth_time("free", 101, 0), 101);
        assert_eq!(auth_time("free", 159, 60), 100);
        assert_eq!(auth_time("free", 160, 60), 160);
        assert_eq!(auth_time("paid", 101, 60), 101, "another field changed");
        assert_eq!(auth_time("free", 99, 60), 99, "the stored time is in the future");
    }
}
