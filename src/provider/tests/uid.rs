//! The scopes within which uids are unique.

use serde_json::{Map, Value, json};

use super::super::Provider;
use super::super::profile::Answers;
use super::{callback, context, object, provider, settings, try_provider};
use crate::clock::UnixMillis;
use crate::model::{AccountId, LegacyUids, SocialAccount, UserId};

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
    // The former one counts without its path, as in the scopes that an import stores.
    let values = json!({"KEY": "k", "SECRET": "s", "API_URL": "https://new.okta.example/oauth2/default",
        "FORMER_ISSUERS": ["https://old.okta.example/oauth2/default"]});
    let known = ["sub https://new.okta.example", "sub https://old.okta.example"].map(str::to_owned);
    for name in ["okta-oauth2", "okta-openidconnect"] {
        assert_eq!(provider(&settings(name, values.clone())).known_uid_scopes(), Some(known.to_vec()), "{name}");
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
        let made = bitbucket.map_identity(&context, &Answers { bodies, ..Answers::default() }).expect("an identity");
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

const TENANT: &str = "3c1d7a52-7d0c-4c05-8a5f-5a1d8e6b7c11";
const ALWAYS: [bool; 2] = [true; 2];
const NEVER: [bool; 2] = [false; 2];
const WHILE_OPEN: [bool; 2] = [false, true];

/// Whether a login may find an account, without and with LEGACY_UIDS_UNTIL. `legacy`: its uid is a former key, and these are its
/// extra data.
fn finds(provider: &Provider, uid_scope: &str, legacy: Option<Value>) -> [bool; 2] {
    let account = SocialAccount {
        id: AccountId(1),
        user_id: UserId(1),
        provider: provider.name().to_owned(),
        uid: "7".to_owned(),
        uid_scope: uid_scope.to_owned(),
        legacy_uid: legacy.is_some(),
        extra_data: legacy.unwrap_or_else(|| json!({})),
        created: UnixMillis(0),
        modified: UnixMillis(0),
    };
    [LegacyUids::Refused, LegacyUids::Accepted].map(|uids| provider.may_find(&account, uids))
}

fn of(name: &str, more: Value) -> Provider {
    let mut values = object(json!({"KEY": "k", "SECRET": "s", "OIDC_ENDPOINT": "https://new.example"}));
    values.extend(object(more));
    provider(&settings(name, Value::Object(values)))
}

/// An account that no login finds does not count as one that signs its user in.
#[test]
fn sec_25_a_login_may_find_only_accounts_of_its_scopes_and_keys() {
    let former = json!(["https://former.example/"]);
    let oidc = of("oidc", json!({"FORMER_ISSUERS": former, "ID_TOKEN_ISSUER": "https://new.example"}));
    for (scope, expected) in [
        ("sub https://new.example", ALWAYS),
        ("sub https://former.example", ALWAYS),
        ("", ALWAYS),
        ("sub https://op.example", NEVER),
        ("email https://new.example", NEVER),
    ] {
        assert_eq!(finds(&oidc, scope, None), expected, "{scope}");
    }
    // The discovery document, which names the issuer, was not fetched.
    let unknown = of("oidc", json!({}));
    assert_eq!(finds(&unknown, "", None), NEVER);
    assert_eq!(finds(&unknown, "sub https://new.example", None), ALWAYS);
    // Accounts under a former key.
    let okta = of("okta-oauth2", json!({"API_URL": "https://o.example/oauth2"}));
    for (kept, expected) in [(Some("7"), ALWAYS), (Some("8"), WHILE_OPEN), (None, WHILE_OPEN)] {
        assert_eq!(finds(&okta, "", Some(json!({"id": kept, "sub": kept}))), expected, "{kept:?}");
    }
    let moved =
        json!({"API_URL": "https://o.example/oauth2", "FORMER_ISSUERS": ["https://old.example/oauth2/default"]});
    let moved = of("okta-oauth2", moved);
    assert_eq!(finds(&moved, "sub https://old.example", None), ALWAYS);
    assert_eq!(finds(&moved, "sub https://older.example", None), NEVER);
    let without_keys = of("okta-oauth2", json!({"API_URL": "https://o.example/oauth2", "LEGACY_ID_KEYS": []}));
    assert_eq!(finds(&without_keys, "", Some(json!({"id": "8", "sub": "8"}))), NEVER);
}

#[test]
fn sec_25_a_login_may_find_only_accounts_of_its_tenants() {
    let many = of("oidc", json!({"ID_TOKEN_ISSUER": "https://m.example/{tenantid}"}));
    let imported = of("azuread-oauth2", json!({"IMPORTED_TENANT": TENANT}));
    let single = of("azuread-v2-tenant-oauth2", json!({"TENANT_ID": TENANT}));
    let common = of("azuread-v2-tenant-oauth2", json!({}));
    let slack = of("slack", json!({"TEAM": "T1"}));
    let own = format!("sub {TENANT}");
    let former = format!("sub https://sts.windows.net/{TENANT}");
    let former_v2 = format!("sub https://login.microsoftonline.com/{TENANT}/v2.0");
    let authority = format!("https://login.microsoftonline.com/{TENANT}");
    let authority =
        json!({"AUTHORITY_URL": authority, "ID_TOKEN_ISSUER": format!("https://sts.windows.net/{TENANT}/")});
    let by_authority = of("azuread-oauth2", authority);
    for (provider, scope, expected) in [
        (&many, "", NEVER),
        (&many, "sub https://m.example/t1", ALWAYS),
        (&imported, "", ALWAYS),
        (&imported, "sub t2", ALWAYS),
        (&single, "", ALWAYS),
        (&single, &own, ALWAYS),
        (&single, &former, ALWAYS),
        (&single, "sub t2", NEVER),
        (&common, "", NEVER),
        (&common, "sub t2", ALWAYS),
        (&common, "oid t2", NEVER),
        (&slack, "id T1", ALWAYS),
        (&slack, "id T2", NEVER),
        (&slack, "id T12", NEVER),
        (&by_authority, "", NEVER),
        (&by_authority, &own, ALWAYS),
        (&by_authority, &former, ALWAYS),
        (&by_authority, &former_v2, ALWAYS),
        (&by_authority, "sub t2", NEVER),
        (&by_authority, "sub https://login.microsoftonline.com/t2/v2.0", NEVER),
        (&by_authority, "sub https://login.microsoftonline.com", NEVER),
    ] {
        assert_eq!(finds(provider, scope, None), expected, "{} {scope}", provider.name());
    }
    let issuer = "https://firm.b2clogin.com/g/v2.0/";
    let b2c = json!({"TENANT_NAME": "firm", "POLICY": "b2c_1", "ID_TOKEN_ISSUER": issuer});
    let b2c = of("azuread-b2c-oauth2", b2c);
    for (scope, expected) in [
        ("", ALWAYS),
        ("sub firm", ALWAYS),
        ("sub https://firm.b2clogin.com/g/v2.0", ALWAYS),
        ("sub other", NEVER),
        ("oid https://firm.b2clogin.com/g/v2.0", NEVER),
    ] {
        assert_eq!(finds(&b2c, scope, None), expected, "{scope}");
    }
}

/// A former issuer in a descriptor of the operator.
#[test]
fn sec_25_a_login_may_find_accounts_of_fixed_former_issuers() {
    for (more, current) in [
        (json!({}), "sub https://new.example"),
        (json!({"ID_TOKEN_ISSUER": "https://m.example/{tenantid}"}), "sub https://m.example/t1"),
    ] {
        let mut values = object(json!({"KEY": "k", "SECRET": "s", "OIDC_ENDPOINT": "https://new.example"}));
        values.extend(object(more));
        let mut custom = settings("own", Value::Object(values));
        let descriptor = "extends = 'oidc'\n[uid]\nformer_issuers = ['https://former.example/']";
        custom.descriptor = descriptor.parse().expect("the test writes TOML");
        let custom = provider(&custom);
        for (scope, expected) in [
            (current, ALWAYS),
            ("sub https://former.example", ALWAYS),
            ("sub", NEVER),
            ("id https://former.example", NEVER),
        ] {
            assert_eq!(finds(&custom, scope, None), expected, "{scope}");
        }
    }
}
