//! Settings of providers, and authorization URLs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::Url;

use super::super::expression::Template;
use super::super::protocol::LoginParameters;
use super::super::{Authorization, Provider, ProviderError, RequestToken, catalog_names};
use super::{key, object, own, provider, settings, try_provider};
use crate::secrets::SecretString;
use crate::settings::{ProviderSettings, SettingRules};

fn errors_of(settings: &ProviderSettings) -> Vec<String> {
    try_provider(settings).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn negative_seconds_are_an_error_and_a_long_leeway_a_warning() {
    let of = |name: &str, value: &str| {
        let mut values = Map::from_iter([("KEY".to_owned(), json!("k")), ("SECRET".to_owned(), json!("s"))]);
        values.insert(name.to_owned(), json!(value));
        try_provider(&settings("google-oauth2", Value::Object(values)))
    };
    for name in ["ID_TOKEN_MAX_AGE", "JWT_LEEWAY"] {
        let errors = of(name, "-600").map(drop).expect_err("a mistake");
        assert!(errors[0].name.ends_with(name), "{errors:?}");
        assert!(of(name, "300").expect("seconds").1.is_empty());
    }
    let warnings = of("JWT_LEEWAY", "99999999").expect("seconds").1;
    assert!(warnings.len() == 1 && warnings[0].contains("JWT_LEEWAY"), "{warnings:?}");
}

#[test]
fn all_errors_are_reported_by_the_name_of_the_setting() {
    let found = errors_of(&settings("github-enterprise", json!({"KEY": "k", "URL": "example", "USE_PKCE": "maybe"})));
    assert_eq!(
        found,
        [
            "SOCIAL_AUTH_GITHUB_ENTERPRISE_USE_PKCE: must be true or false",
            "SOCIAL_AUTH_GITHUB_ENTERPRISE_URL: must be an absolute http or https URL",
            "SOCIAL_AUTH_GITHUB_ENTERPRISE_API_URL: is required for GitHub Enterprise",
        ]
    );
    assert_eq!(errors_of(&settings("github", json!({}))), ["SOCIAL_AUTH_GITHUB_KEY: is required: the client ID"]);
    let apple = errors_of(&settings("apple-id", json!({"KEY": "id-of-the-key"})));
    assert!(!apple.is_empty() && !apple.iter().any(|error| error.contains("the client ID")), "{apple:?}");
    let mut own = key("mine");
    own.descriptor = "protocol = 'oauth2'\ntoken = { url = 'https://mine.example/token' }".parse().expect("a table");
    let missing = "providers.mine.authorization.url: is required".to_owned();
    assert!(errors_of(&own).contains(&missing), "{:?}", errors_of(&own));
    assert!(errors_of(&key("githup"))[0].contains("did you mean `github`?"));
    assert!(
        errors_of(&settings("oidc", json!({"KEY": "k", "OIDC_ENDPOINT": "https://u:p@x.example"})))[0].contains("user")
    );
}

#[test]
fn unknown_settings_are_errors_in_the_file_and_warnings_in_the_environment() {
    let mut from = settings("github", json!({"KEY": "k", "SECRET": "s", "SCOPES": ["user"], "VERIFY_SSL": false}));
    let (_, warnings) = try_provider(&from).unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("SOCIAL_AUTH_GITHUB_SCOPES") && warnings[0].contains("SCOPE"), "{warnings:?}");
    from.in_file = BTreeSet::from(["SCOPES".to_owned()]);
    assert_eq!(
        errors_of(&from),
        ["providers.github.scopes: is not a known setting; did you mean providers.github.scope?"]
    );
}

#[test]
fn plain_http_is_a_warning_where_the_server_or_the_browser_sends_a_request() {
    let warnings = |name: &str, url: &str, allow_plain_http: bool| {
        let values = json!({"KEY": "k", "SECRET": "s", "OIDC_ENDPOINT": "https://id.example", name: url});
        let typed = settings("oidc", values).typed(&SettingRules::default(), "OIDC", allow_plain_http);
        typed.warnings
    };
    let name = |name: &str| format!("SOCIAL_AUTH_OIDC_{name} is plain http");
    let expected = name("ACCESS_TOKEN_URL") + ", which is not called";
    assert_eq!(warnings("ACCESS_TOKEN_URL", "http://localhost:8080/token", false), [expected]);
    assert!(warnings("ACCESS_TOKEN_URL", "http://localhost:8080/token", true).is_empty());
    assert_eq!(warnings("ACCESS_TOKEN_URL", "http://10.0.0.7/token", true), [name("ACCESS_TOKEN_URL")]);
    // Only the browser opens this URL.
    assert!(warnings("AUTHORIZATION_URL", "http://localhost:8080/authorize", false).is_empty());
    let expected = name("AUTHORIZATION_URL") + ": the browser sends the authorization request unencrypted";
    assert_eq!(warnings("AUTHORIZATION_URL", "http://id.example/authorize", false), [expected]);
}

#[test]
fn null_in_a_list_is_an_error_and_does_not_make_the_list_empty() {
    for value in [json!([null]), json!("[null]"), json!(["staff", null])] {
        let errors = errors_of(&settings("oidc", json!({"KEY": "k", "SECRET": "s", "ALLOW_GROUPS": value})));
        let expected = "SOCIAL_AUTH_OIDC_ALLOW_GROUPS: contains null, which is no entry of a list";
        assert!(errors.contains(&expected.to_owned()), "{errors:?}");
    }
}

#[test]
fn misspelt_access_setting_of_a_provider_is_an_error() {
    let from = settings("github", json!({"KEY": "k", "SECRET": "s", "WHITELISTED_DOMAIN": "example.com"}));
    let errors = errors_of(&from);
    assert!(
        errors.len() == 1 && errors[0].ends_with("did you mean SOCIAL_AUTH_GITHUB_WHITELISTED_DOMAINS?"),
        "{errors:?}"
    );
}

#[test]
fn a_missing_secret_is_a_warning_for_confidential_clients() {
    let warnings_of = |name: &str, values: serde_json::Value| try_provider(&settings(name, values)).unwrap().1;
    for name in ["github", "facebook", "twitter"] {
        let warnings = warnings_of(name, json!({"KEY": "k"}));
        assert!(warnings.len() == 1 && warnings[0].contains("_SECRET: is not set"), "{name}: {warnings:?}");
    }
    assert!(warnings_of("github", json!({"KEY": "k", "TOKEN_ENDPOINT_AUTH_METHOD": "none"})).is_empty());
    assert!(warnings_of("azuread-oauth2", json!({"KEY": "k", "CLIENT_ASSERTION": "a"})).is_empty());
    assert!(warnings_of("steam", json!({})).is_empty());
}

#[test]
fn own_providers_have_the_fields_of_the_catalogue() {
    let made = provider(&own("extends = 'github'\ntitle = 'Mine'\nuser = { username = 'profile.nick' }"));
    assert_eq!((made.name(), made.title()), ("own", "Mine"));
    assert!(errors_of(&own("quirk = 'none-such'\ntitle = 'x'\n[token]\nurl = 'https://x.example'\n[authorization]\nurl = 'https://x.example'"))[0].contains("none-such"));
    assert!(errors_of(&own("tittle = 'x'"))[0].contains("tittle"));
    assert!(
        errors_of(&own("title = 'x'\n[authorization]\nurl = 'http//x'\n[token]\nurl = 'https://x.example'"))[0]
            .contains("authorization.url")
    );
}

#[test]
fn scopes_of_settings_precede_the_default_ones() {
    let scope = |values| provider(&settings("google-oauth2", values)).scope();
    assert_eq!(scope(json!({"KEY": "k"})), "openid email profile");
    assert_eq!(scope(json!({"KEY": "k", "SCOPE": "calendar,drive"})), "calendar drive openid email profile");
    assert_eq!(scope(json!({"KEY": "k", "SCOPE": ["a"], "IGNORE_DEFAULT_SCOPE": "True"})), "a");
}

#[test]
fn catalog_names_are_unique() {
    let names = catalog_names();
    assert!(["github", "google-oauth2", "facebook", "twitter", "oidc"].iter().all(|name| names.contains(name)));
    // Their variables too, which are in upper case with underscores.
    let prefixes = names.iter().map(|name| name.to_ascii_uppercase().replace('-', "_"));
    assert_eq!(names.len(), prefixes.collect::<BTreeSet<_>>().len());
}

async fn url_of(
    provider: &Provider,
    token: Option<&RequestToken>,
    scope: Option<&[String]>,
    place: &Map<String, serde_json::Value>,
) -> Result<String, ProviderError> {
    let request = Authorization {
        redirect_uri: "https://app.example/cb",
        state: "s",
        nonce: None,
        code_challenge: provider.uses_pkce().then_some("challenge"),
        scope,
        address: place,
        parameters: &LoginParameters::default(),
        request_token: token,
    };
    provider.authorization_url(&request, Instant::now() + Duration::from_secs(1)).await
}

#[tokio::test]
async fn r_o2_03_parameters_have_the_order_of_drsa() {
    let nothing = Map::new();
    let url =
        url_of(&provider(&key("github")), None, Some(&["user".to_owned(), "repo".to_owned()]), &nothing).await.unwrap();
    assert_eq!(
        url,
        "https://github.com/login/oauth/authorize?client_id=a-key&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=s\
         &response_type=code&code_challenge_method=S256&code_challenge=challenge&scope=user%2Crepo"
    );
    let url = url_of(&provider(&key("facebook")), None, None, &nothing).await.unwrap();
    assert_eq!(
        url,
        "https://www.facebook.com/v24.0/dialog/oauth?client_id=a-key&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=s\
         &return_scopes=true"
    );
    let token = RequestToken { token: "rt".to_owned(), secret: SecretString::from("rs") };
    let url = url_of(&provider(&key("twitter")), Some(&token), None, &nothing).await.unwrap();
    assert!(url.starts_with("https://api.twitter.com/oauth/authenticate?oauth_token=rt&redirect_uri="), "{url}");
    assert!(!url.contains("rs"), "the secret of a request token must not be sent to the browser (SEC-12)");
}

#[tokio::test]
async fn extra_arguments_replace_and_add_parameters() {
    let google = settings(
        "google-oauth2",
        json!({"KEY": "k", "AUTH_EXTRA_ARGUMENTS": {"access_type": "offline", "prompt": "consent", "hd": "a.example"}}),
    );
    let url = Url::parse(&url_of(&provider(&google), None, None, &Map::new()).await.unwrap()).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let values = |name: &str| {
        pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        (values("access_type"), values("prompt"), values("hd")),
        (vec!["offline"], vec!["consent"], vec!["a.example"])
    );
    assert_eq!((values("state"), values("client_id")), (vec!["s"], vec!["k"]));
    assert_eq!((values("response_type"), values("redirect_uri").len()), (vec!["code"], 1));
}

#[test]
fn fault_a19_extra_arguments_cannot_replace_protocol_parameters() {
    let refused = |name: &str, values: serde_json::Value, setting: &str| {
        let errors = try_provider(&settings(name, values.clone()))
            .err()
            .unwrap_or_else(|| panic!("{name}: {values} was accepted"));
        assert!(errors.iter().any(|error| error.name.ends_with(setting)), "{errors:?}");
    };
    for parameter in [
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "client_id",
        "response_type",
        "response_mode",
        "scope",
        "request",
        "request_uri",
        "oauth_token",
        "State",
        " state",
    ] {
        refused(
            "google-oauth2",
            json!({"KEY": "k", "AUTH_EXTRA_ARGUMENTS": {parameter: "fixed"}}),
            "AUTH_EXTRA_ARGUMENTS",
        );
        let url = format!("https://id.example/authorize?{}=fixed", parameter.trim());
        refused("google-oauth2", json!({"KEY": "k", "AUTHORIZATION_URL": url}), "AUTHORIZATION_URL");
    }
    // WeChat calls its client id appid.
    refused("weixin", json!({"KEY": "k", "AUTH_EXTRA_ARGUMENTS": {"appid": "other"}}), "AUTH_EXTRA_ARGUMENTS");
    for parameter in ["oauth_callback", "oauth_token", "oauth_signature", "OAUTH_NONCE"] {
        let values = json!({"KEY": "k", "SECRET": "s", "REQUEST_TOKEN_EXTRA_ARGUMENTS": {parameter: "x"}});
        refused("twitter", values, "REQUEST_TOKEN_EXTRA_ARGUMENTS");
    }
    for parameter in ["access_token", "appsecret_proof", "client_secret"] {
        let values = json!({"KEY": "k", "SECRET": "s", "PROFILE_EXTRA_PARAMS": {parameter: "x"}});
        refused("facebook", values, "PROFILE_EXTRA_PARAMS");
    }
    let fine = json!({"KEY": "k", "SECRET": "s", "REQUEST_TOKEN_EXTRA_ARGUMENTS": {"x_auth_access_type": "read", "scope": "a"}});
    assert!(try_provider(&settings("twitter", fine)).is_ok());
}

#[tokio::test]
async fn sec_38_an_address_must_be_a_name_of_the_provider() {
    let shop = provider(&own("title = 'Shops'\naddress = { shop = { suffix = '.shops.example', required = true } }\n\
         [authorization]\nurl = 'https://{address.shop}/authorize'\n[token]\nurl = 'https://{address.shop}/token'"));
    let of = |value: serde_json::Value| super::object(json!({"shop": value}));
    let url = url_of(&shop, None, None, &of(json!("One.shops.example"))).await.unwrap();
    assert!(url.starts_with("https://one.shops.example/authorize?"), "{url}");
    for bad in [
        "evil.com/",
        "evil.com",
        "a.b.shops.example",
        "shops.example",
        ".shops.example",
        "a@b.shops.example",
        "-a.shops.example",
        "a/../.shops.example",
        "",
    ] {
        let refused = url_of(&shop, None, None, &of(json!(bad))).await;
        assert!(
            matches!(&refused, Err(ProviderError::InvalidFields(fields)) if fields[0].0 == "shop"),
            "{bad}: {refused:?}"
        );
    }
    assert!(matches!(url_of(&shop, None, None, &of(json!({"a": 1}))).await, Err(ProviderError::InvalidFields(_))));
}

#[test]
fn fault_d5_okta_uses_api_url_for_discovery() {
    let both = json!({
        "KEY": "k", "SECRET": "s", "API_URL": "https://dev.okta.example/oauth2",
        "OIDC_ENDPOINT": "https://dev.okta.example/oauth2/v1",
    });
    let (provider, warnings) = try_provider(&settings("okta-openidconnect", both)).expect("good settings");
    let url = provider.discovery_url.as_ref().map(Template::source);
    assert!(url.is_some_and(|url| url.contains("API_URL")), "{url:?}");
    assert!(warnings.iter().any(|warning| warning.contains("OIDC_ENDPOINT: has no effect")), "{warnings:?}");
}

/// All users of a HubSpot account share these members.
#[test]
fn fault_d5_hubspot_rejects_the_id_of_a_shared_account() {
    for (key, is_refused) in [("hub_id", true), ("hub_domain", true), ("app_id", true), ("user_id", false)] {
        let values = json!({"KEY": "k", "SECRET": "s", "VARIANT": "hubspot-2026-03", "ID_KEY": key});
        let errors = errors_of(&settings("hubspot", values));
        assert_eq!(errors.iter().any(|error| error.contains("ID_KEY")), is_refused, "{key}: {errors:?}");
    }
}

/// A query in a base URL would contain the path that is appended, and `..` would replace it.
#[test]
fn a_setting_that_would_change_the_rest_of_a_url_is_an_error_at_start() {
    for (name, setting, value) in [
        ("gitea", "API_URL", "https://git.example/?x="),
        ("gitea", "API_URL", "https://git.example#f"),
        ("gitea", "API_URL", "https://git.example/a/../b"),
        ("gitea", "API_URL", "https://git.example/%2E%2e/b"),
        ("gitlab", "API_URL", "https://git.example?x"),
        ("phabricator", "API_URL", "https://p.example?x="),
        ("chatwork", "API_URL", "https://p.example?x="),
        ("okta-oauth2", "API_URL", "https://x.okta.example/oauth2?x="),
        ("okta-openidconnect", "API_URL", "https://x.okta.example/oauth2?x="),
        ("mastodon", "URL", "https://m.example?x="),
        ("mattermost", "URL", "https://m.example/?x="),
        ("nextcloud", "URL", "https://n.example?x="),
        ("openshift", "URL", "https://m.example/?x="),
        ("uffd", "BASE_URL", "https://m.example/?x="),
        ("osso", "OSSO_BASE_URL", "https://m.example/?x="),
        ("bitbucket-datacenter-oauth2", "URL", "https://m.example/?x="),
        ("zoho", "ACCOUNTS_URL", "https://m.example/?x="),
        ("cognito", "POOL_DOMAIN", "https://p.example?x="),
        ("oidc", "OIDC_ENDPOINT", "https://id.example/r?x=1"),
        ("auth0", "DOMAIN", "t.auth0.example/x"),
        ("auth0", "DOMAIN", "t.auth0.example?x"),
        ("auth0_openidconnect", "DOMAIN", "t.auth0.example?x="),
        ("auth0_openidconnect", "DOMAIN", "u@t.auth0.example"),
        ("nationbuilder", "SLUG", "evil.example/?"),
        ("egi-checkin", "CHECKIN_ENV", "x.evil.example/"),
        ("azuread-oauth2", "AUTHORITY_HOST", "login.example?x="),
        ("azuread-oauth2", "AUTHORITY_HOST", "u@evil.example"),
        ("azuread-oauth2", "AUTHORITY_URL", "https://login.example/common?x="),
        ("azuread-tenant-oauth2", "TENANT_ID", "../evil"),
        ("azuread-tenant-oauth2", "TENANT_ID", "a?b"),
        ("azuread-tenant-oauth2", "TENANT_ID", "a/b"),
        ("azuread-b2c-oauth2", "TENANT_NAME", "evil.example/"),
        ("azuread-b2c-oauth2", "POLICY", "b2c_1&x=y"),
    ] {
        let mut values = object(json!({"KEY": "k", "SECRET": "s"}));
        if name == "azuread-b2c-oauth2" {
            values.extend(object(json!({"TENANT_NAME": "firm", "POLICY": "b2c_1_in"})));
        }
        values.insert(setting.to_owned(), json!(value));
        let errors = errors_of(&settings(name, Value::Object(values)));
        let is_named = errors.len() == 1 && errors[0].contains(&format!("_{setting}: "));
        assert!(is_named, "{name}: {setting} = {value}: {errors:?}");
    }
    let enterprise =
        json!({"KEY": "k", "SECRET": "s", "URL": "https://g.example?x=", "API_URL": "https://g.example/api?y="});
    let errors = errors_of(&settings("github-enterprise", enterprise));
    assert!(errors.len() == 2 && errors[0].contains("_URL: ") && errors[1].contains("_API_URL: "), "{errors:?}");
    // A whole URL may have a query.
    let endpoints = json!({"KEY": "k", "SECRET": "s", "AUTHORIZATION_URL": "https://g.example/a?p=1",
        "ACCESS_TOKEN_URL": "https://g.example/t?p=1", "USERINFO_URL": "https://g.example/u?p=1"});
    assert!(errors_of(&settings("github", endpoints)).is_empty());
}

/// Otherwise an operator may rely on a level that the provider ignored.
#[test]
fn acr_values_are_a_warning_unless_they_are_required() {
    let of = |name: &str, more: Value| {
        let mut values = object(json!({"KEY": "k", "SECRET": "s", "OIDC_ENDPOINT": "https://id.example"}));
        values.extend(object(more));
        try_provider(&settings(name, Value::Object(values)))
    };
    let both = json!({"ACR_VALUES": "urn:mfa urn:hardware", "REQUIRE_ACR": true});
    let (required, warnings) = of("oidc", both).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(required.required_acr_values(&[]), ["urn:mfa", "urn:hardware"]);
    assert_eq!(required.required_acr_values(&["urn:hardware".to_owned()]), ["urn:hardware"]);
    for wish in [json!({"ACR_VALUES": "urn:mfa"}), json!({"AUTH_EXTRA_ARGUMENTS": {"acr_values": "urn:mfa"}})] {
        let (wished, warnings) = of("oidc", wish).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("_REQUIRE_ACR=true"), "{warnings:?}");
        assert!(wished.required_acr_values(&[]).is_empty());
    }
    for (name, values) in
        [("oidc", json!({"REQUIRE_ACR": true})), ("github", json!({"REQUIRE_ACR": true, "ACR_VALUES": "x"}))]
    {
        let errors = of(name, values).map(drop).expect_err("an error");
        assert!(errors.len() == 1 && errors[0].name.ends_with("_REQUIRE_ACR"), "{name}: {errors:?}");
    }
}

/// The browser can change the authorization URL, so such an argument refuses no user.
#[test]
fn an_argument_that_selects_an_organization_is_a_warning_without_allowed_organizations() {
    for (name, argument, is_supplied) in
        [("google-oauth2", "hd", true), ("auth0", "organization", true), ("cognito", "identity_provider", false)]
    {
        let values = json!({"KEY": "k", "SECRET": "s", "DOMAIN": "t.auth0.example", "POOL_DOMAIN": "https://p.example",
            "AUTH_EXTRA_ARGUMENTS": {argument: "company.example"}});
        let mut plain = settings(name, values);
        let (_, warnings) = try_provider(&plain).unwrap();
        let of_arguments = |warnings: &[String]| warnings.iter().any(|text| text.contains("AUTH_EXTRA_ARGUMENTS"));
        assert!(of_arguments(&warnings), "{name}: {warnings:?}");
        assert_eq!(warnings.iter().any(|text| text.contains("ALLOWED_ORGANIZATIONS")), is_supplied, "{warnings:?}");
        plain.user_rules.allowed_organizations = vec!["company.example".to_owned()];
        assert!(!of_arguments(&try_provider(&plain).unwrap().1), "{name}");
    }
    let harmless = json!({"KEY": "k", "SECRET": "s", "AUTH_EXTRA_ARGUMENTS": {"access_type": "offline"}});
    assert!(try_provider(&settings("google-oauth2", harmless)).unwrap().1.is_empty());
}

/// With an empty key anyone could sign a callback.
#[test]
fn a_secret_that_verifies_signatures_must_be_set() {
    for (name, more) in [
        ("vk-app", json!({})),
        ("facebook-app", json!({})),
        ("shopify", json!({})),
        ("mediawiki", json!({"MEDIAWIKI_URL": "https://wiki.example/w/index.php", "CALLBACK": "oob"})),
        ("google-oauth2", json!({"JWT_ALGORITHMS": ["HS256"]})),
    ] {
        for secret in [None, Some(""), Some(" ")] {
            let mut values = object(more.clone());
            values.insert("KEY".to_owned(), json!("k"));
            values.extend(secret.map(|secret| ("SECRET".to_owned(), json!(secret))));
            let errors = errors_of(&settings(name, Value::Object(values)));
            let is_named = |error: &String| error.contains("_SECRET: is required: it is the key of signatures");
            assert!(errors.iter().any(is_named), "{name} {secret:?}: {errors:?}");
        }
        let mut values = object(more);
        values.extend([("KEY".to_owned(), json!("k")), ("SECRET".to_owned(), json!("s"))]);
        assert_eq!(errors_of(&settings(name, Value::Object(values))), Vec::<String>::new(), "{name}");
    }
    let telegram = errors_of(&settings("telegram", json!({"KEY": "k", "BOT_TOKEN": " "})));
    assert!(telegram.iter().any(|error| error.contains("BOT_TOKEN")), "{telegram:?}");
}

#[test]
fn an_id_key_that_is_not_known_to_be_stable_is_a_warning() {
    let warns = |name: &str, key: &str| {
        let values = json!({"KEY": "k", "SECRET": "s", "API_URL": "https://a.example", "ID_KEY": key});
        let (_, warnings) = try_provider(&settings(name, values)).unwrap_or_else(|errors| panic!("{errors:?}"));
        warnings.iter().any(|warning| warning.contains("_ID_KEY: ") && warning.contains("stable"))
    };
    for key in ["userName", "user_name", "display_name", "LOGIN", "username", "slug"] {
        assert!(warns("gitlab", key), "{key}");
    }
    assert!(!warns("gitlab", "id") && !warns("okta-oauth2", "sub") && !warns("weixin", "unionid"));
    assert!(warns("okta-oauth2", "preferred_username"));
}

#[test]
fn names_that_a_tenant_of_microsoft_chooses_are_no_id() {
    for name in ["microsoft-graph", "azuread-oauth2", "azuread-tenant-oauth2", "azuread-v2-tenant-oauth2"] {
        for key in ["mail", "userPrincipalName", "upn", "email"] {
            // `email` is an address, and this provider verifies none.
            let is_known = name != "microsoft-graph" || key != "upn";
            let errors =
                errors_of(&settings(name, json!({"KEY": "k", "SECRET": "s", "TENANT_ID": "t", "ID_KEY": key})));
            assert_eq!(errors.iter().any(|error| error.contains("ID_KEY")), is_known, "{name} {key}: {errors:?}");
        }
    }
}
