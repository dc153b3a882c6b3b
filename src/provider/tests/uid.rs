//! The scopes within which uids are unique.

use serde_json::json;

use super::{object, provider, settings};

/// The server at one path and the server at another path of the same host assign the same IDs to different users.
#[test]
fn the_scope_of_a_uid_contains_the_path_of_the_server() {
    let scopes = |name: &str, values: serde_json::Value| {
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
        assert!(of("https://host.example/a").ends_with(" https://host.example/a"), "{name}: {}", of("https://host.example/a"));
        assert_ne!(of("https://host.example/a"), of("https://host.example/b"), "{name}");
        assert_eq!(of("https://host.example/a"), of("https://HOST.example:443/a/"), "{name}");
        assert!(of("https://host.example").ends_with(" https://host.example"), "{name}");
    }
    for name in ["github-enterprise", "github-enterprise-org", "github-enterprise-team"] {
        let of = |path: &str| scopes(name, json!({"URL": "https://h.example", "API_URL": format!("https://h.example/{path}")}));
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
    let nextcloud = |more: serde_json::Value| {
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
