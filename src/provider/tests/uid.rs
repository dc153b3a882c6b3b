//! The scopes within which uids are unique.

use serde_json::{Map, Value, json};

use super::super::profile::Answers;
use super::{callback, context, object, provider, settings, try_provider};

/// The server at one path and the server at another path of the same host assign the same IDs to different users.
#[test]
fn the_scope_of_a_uid_contains_the_path_of_the_server() {
    let scopes = |name: &str, values: Value| {
        let mut all = object(json!({"KEY": "k", "SECRET": "s", "NAME": "n", "ID": "1", "CALLBACK": "oob"}));
        all.extend(object(values));
        provider(&settings(name, all.into())).known_uid_scopes().expect("scopes").remove(0)
    };
    for (name, setting) in [
        ("gitea", "API_URL"),
        ("gitlab", "API_URL"),
        ("phabricator", "API_URL"),
        ("mastodon", "URL"),
        ("mattermost", "URL"),
        ("nextcloud", "URL"),
        ("openshift", "URL"),
        ("uffd", "BASE_URL"),
        ("osso", "OSSO_BASE_URL"),
        ("bitbucket-datacenter-oauth2", "URL"),
        ("mediawiki", "MEDIAWIKI_URL"),
        ("cognito", "POOL_DOMAIN"),
        ("oidc", "OIDC_ENDPOINT"),
    ] {
        let of = |url: &str| scopes(name, json!({setting: url}));
        assert!(
            of("https://host.example/a").ends_with(" https://host.example/a"),
            "{name}: {}",
            of("https://host.example/a")
        );
        assert_ne!(of("https://host.example/a"), of("https://host.example/b"), "{name}");
        assert_eq!(of("https://host.example/a"), of("https://HOST.example:443/a/"), "{name}");
        assert!(of("https://host.example").ends_with(" https://host.example"), "{name}");
    }
    for name in ["github-enterprise", "github-enterprise-org", "github-enterprise-team"] {
        let of = |path: &str| {
            scopes(name, json!({"URL": "https://h.example", "API_URL": format!("https://h.example/{path}")}))
        };
        assert_ne!(of("a/api/v3"), of("b/api/v3"), "{name}");
    }
    // These authorization servers have the same users.
    for name in ["okta-oauth2", "okta-openidconnect"] {
        for path in ["oauth2", "oauth2/default", "oauth2/aus1"] {
            let found = scopes(name, json!({"API_URL": format!("https://o.example/{path}")}));
            assert_eq!(found, "sub https://o.example", "{name}");
        }
    }
    // URLs of single endpoints.
    let nextcloud = |more: Value| {
        let mut values = object(json!({"URL": "https://c.example/one"}));
        values.extend(object(more));
        scopes("nextcloud", values.into())
    };
    let token = "https://c.example/one/index.php/apps/oauth2/api/v1/token";
    assert_eq!(nextcloud(json!({"ACCESS_TOKEN_URL": token})), "id https://c.example/one");
    let below = "https://c.example/one/index.php/ocs/v2.php/cloud/user";
    assert_eq!(nextcloud(json!({"USERINFO_URL": below})), "id https://c.example/one");
    let other = "https://c.example/onetwo/user";
    assert_eq!(nextcloud(json!({"USERINFO_URL": other})), format!("id {other}"));
    let of_github = |url: &str| scopes("github", json!({"USERINFO_URL": url}));
    assert_ne!(of_github("https://g.example/a/user"), of_github("https://g.example/b/user"));
    assert_eq!(scopes("github", json!({})), "id");
}

/// The default key, named in ID_KEY, is the same key.
#[test]
fn the_default_key_of_bitbucket_may_be_named() {
    let found = |more: Value| {
        let mut values = object(json!({"KEY": "k", "SECRET": "s"}));
        values.extend(object(more));
        let bitbucket = provider(&settings("bitbucket-oauth2", Value::Object(values)));
        let (fields, nothing) = (Map::new(), Map::new());
        let callback = callback(&fields, &nothing);
        let context = context(&bitbucket, &callback, json!({"access_token": "at"}));
        let bodies = json!([{"values": []}, {"uuid": "{1111}", "username": "ada"}]);
        let made = bitbucket.map_identity(&context, &Answers { bodies, headers: Map::new() }).expect("an identity");
        (made.uid.as_str().to_owned(), made.uid_scope.current)
    };
    let of = |uid: &str, scope: &str| (uid.to_owned(), scope.to_owned());
    assert_eq!(found(json!({})), of("{1111}", "uuid"));
    assert_eq!(found(json!({"ID_KEY": "uuid"})), of("{1111}", "uuid"));
    // A name is never compared with an ID.
    assert_eq!(found(json!({"USERNAME_AS_ID": true})), of("ada", "username"));
    assert_eq!(found(json!({"USERNAME_AS_ID": true, "ID_KEY": "uuid"})), of("{1111}", "uuid"));
}

#[test]
fn a_name_as_the_uid_is_a_warning_at_start() {
    for (name, more, setting) in [
        ("bitbucket-oauth2", json!({"USERNAME_AS_ID": true}), Some("BITBUCKET_OAUTH2_USERNAME_AS_ID")),
        ("bitbucket-oauth2", json!({}), None),
        ("bitbucket-oauth2", json!({"ID_KEY": "username"}), Some("BITBUCKET_OAUTH2_ID_KEY")),
        ("nextcloud", json!({"URL": "https://c.example"}), Some("NEXTCLOUD_ID_KEY")),
        ("drip", json!({}), Some("DRIP_ID_KEY")),
        ("mixcloud", json!({}), Some("MIXCLOUD_ID_KEY")),
    ] {
        let mut values = object(json!({"KEY": "k", "SECRET": "s"}));
        values.extend(object(more));
        let (_, warnings) = try_provider(&settings(name, Value::Object(values))).expect("a provider");
        let about_key = warnings.iter().find(|text| text.contains("not known to be stable"));
        assert_eq!(about_key.is_some(), setting.is_some(), "{name}: {warnings:?}");
        assert!(setting.is_none_or(|setting| about_key.is_some_and(|text| text.contains(setting))), "{warnings:?}");
    }
}
