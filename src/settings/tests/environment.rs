//! Providers, addresses and redirect URIs from the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use serde_json::json;

use super::{CATALOG, Mode, Sources, environment, errors_of, good, read, serve};
use crate::settings::{Postmessage, SettingRules};

/// Errors and warnings with this variable, whose name may be that of [`super::super::process_environment`].
fn with_bytes(name: &str, value: &[u8]) -> Result<Vec<String>, Vec<String>> {
    let mut environment = environment(&[("SECRET_KEY", super::KEY), ("PUBLIC_URL", "https://login.example.com")]);
    environment.push((name.to_owned(), OsString::from_vec(value.to_owned())));
    let read = read(&Sources { mode: Mode::Serve, environment, catalog: &CATALOG, ..Sources::default() });
    read.map(|settings| settings.warnings).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn a_variable_that_is_not_utf_8_is_an_error_and_never_counts_as_not_set() {
    for name in [
        "SOCIAL_AUTH_WHITELISTED_DOMAINS",
        "SOCIAL_AUTH_GITHUB_WHITELISTED_DOMAINS",
        "SOCIAL_AUTH_ALLOW_GROUPS",
        "SOCIAL_AUTH_SIGN_UP",
        "SOCIAL_AUTH_NO_SUCH_SETTING",
        "REST_SOCIAL_NO_SUCH_SETTING",
        "TRUSTED_PROXIES",
        "RATE_LIMITS",
        "https_proxy",
    ] {
        let errors = with_bytes(name, b"a.example,m\xfcller.example").expect_err(name);
        let expected = if name == "https_proxy" { "HTTPS_PROXY" } else { name };
        assert!(errors.len() == 1 && errors[0].starts_with(&format!("{expected}: is not UTF-8")), "{errors:?}");
        assert!(!errors[0].contains("example"), "{errors:?}");
    }
    assert_eq!(with_bytes("FRIENDS", b"m\xfcller"), Ok(vec![]), "a variable of another program");
    let misspelt = with_bytes("STATE_POLCY", b"\xa0").expect("a warning");
    assert_eq!(misspelt, ["STATE_POLCY is not a setting; did you mean STATE_POLICY?"]);
    let name = with_bytes("SOCIAL_AUTH_SIGN_UP\u{fffd}", b"false").expect_err("a setting of access");
    assert!(name[0].ends_with("did you mean SOCIAL_AUTH_SIGN_UP?"), "{name:?}");
}

#[test]
fn an_empty_variable_of_a_provider_does_not_replace_the_settings_file() {
    let file =
        "[providers.github]\nkey = 'k'\nsecret = 's'\nallow_groups = ['staff']\nwhitelisted_domains = ['x.example']\n";
    let names = ["KEY", "SECRET", "ALLOW_GROUPS", "WHITELISTED_DOMAINS", "ID_KEY"];
    let names = names.map(|name| format!("SOCIAL_AUTH_GITHUB_{name}"));
    for empty in ["", "  "] {
        let mut entries: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), empty)).collect();
        entries.push(("SOCIAL_AUTH_ALLOW_GROUPS", empty));
        let settings = good(file, &entries);
        let github = &settings.providers[0];
        assert_eq!(github.get("KEY"), Some(&json!("k")));
        assert_eq!(github.get("ALLOW_GROUPS"), Some(&json!(["staff"])));
        assert_eq!(github.get("ID_KEY"), None);
        assert_eq!(github.user_rules.whitelisted_domains.len(), 1);
    }
}

#[test]
fn setting_of_every_provider_is_not_split_at_the_name_of_a_provider() {
    let endpoint = "https://id.example";
    let settings = good("", &[("SOCIAL_AUTH_OIDC_ENDPOINT", endpoint), ("SOCIAL_AUTH_OIDC_KEY", "k")]);
    assert_eq!(settings.providers[0].get("OIDC_ENDPOINT"), Some(&json!(endpoint)));
    assert_eq!(settings.providers[0].get("ENDPOINT"), None);
}

#[test]
fn an_absolute_redirect_uri_of_plain_http_is_a_warning() {
    let warnings = |uri: &str| good("", &[("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", uri)]).warnings;
    assert!(warnings("https://app.example.com/cb").is_empty());
    let warned = warnings("http://app.example.com/cb");
    assert!(warned.len() == 1 && warned[0].starts_with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI: "), "{warned:?}");
}

#[test]
fn an_ipv4_network_in_any_ipv6_spelling_is_an_error() {
    for written in ["::ffff:10.0.0.1", "0:0:0:0:0:ffff:10.0.0.1", "::FFFF:a00:1", "0:0::ffff:10.0.0.0/104"] {
        let errors = errors_of(serve("", &[("TRUSTED_PROXIES", written)])).join("\n");
        assert!(errors.contains("write it without ::ffff:"), "{written}: {errors}");
    }
    assert!(serve("", &[("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32, ::1")]).is_ok());
}

#[test]
fn one_setting_in_two_spellings_is_an_error_that_names_both() {
    let lists = "[\"a.example\"]\nsocial_auth_whitelisted_domains = []";
    for (file, label, other) in [
        (
            format!("SOCIAL_AUTH_WHITELISTED_DOMAINS = {lists}"),
            "social_auth_whitelisted_domains",
            "SOCIAL_AUTH_WHITELISTED_DOMAINS",
        ),
        ("STATE_POLICY = 'required'\nstate_policy = 'off'".to_owned(), "state_policy", "STATE_POLICY"),
        (
            "SOCIAL_AUTH_ALLOW_GROUPS = ['a']\nSocial_Auth_Allow_Groups = []".to_owned(),
            "Social_Auth_Allow_Groups",
            "SOCIAL_AUTH_ALLOW_GROUPS",
        ),
        (
            "[providers.github]\nkey = 'k'\nALLOW_GROUPS = ['a']\nallow_groups = []".to_owned(),
            "providers.github.allow_groups",
            "ALLOW_GROUPS",
        ),
    ] {
        let expected = format!("{label}: is also set as {other}, in the same table: remove one of them");
        assert_eq!(errors_of(serve(&file, &[])), [expected], "{file}");
    }
}

#[test]
fn providers_whose_variables_have_one_prefix_are_an_error() {
    for (first, second) in [("acme", "ACME"), ("my-oidc", "my_oidc"), ("github", "GitHub")] {
        let provider = |name: &str| format!("[providers.{name}]\nextends = 'oidc'\nkey = 'k'\n");
        let errors = errors_of(serve(&(provider(first) + &provider(second)), &[]));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let expected = format!("providers.{second}: has the same variables as the provider {first}, SOCIAL_AUTH_");
        assert!(errors[0].starts_with(&expected), "{errors:?}");
    }
    // Also where the other one is only in the catalogue.
    let errors = errors_of(serve("[providers.google_oauth2]\nextends = 'oidc'\nkey = 'k'", &[]));
    assert!(errors[0].contains("as the provider google-oauth2, SOCIAL_AUTH_GOOGLE_OAUTH2_*"), "{errors:?}");
}

#[test]
fn an_access_setting_that_two_providers_could_have_is_an_error() {
    let provider = |name: &str| format!("[providers.{name}]\nextends = 'oidc'\nkey = 'k'\n");
    let file = provider("acme") + &provider("acme_denied");
    let errors = errors_of(serve(&file, &[("SOCIAL_AUTH_ACME_DENIED_DOMAINS", "evil.example")]));
    let expected = "SOCIAL_AUTH_ACME_DENIED_DOMAINS: is DENIED_DOMAINS of the provider acme, or DOMAINS of the provider acme_denied";
    assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
    let settings = good(&file, &[("SOCIAL_AUTH_ACME_DENIED_DENIED_DOMAINS", "evil.example")]);
    assert_eq!(settings.providers[1].user_rules.denied_domains.len(), 1);
}

#[test]
fn none_is_an_error_for_a_setting_with_a_default() {
    for name in [
        "RATE_LIMIT_ADDRESS",
        "RATE_LIMIT_PROVIDER_ADDRESS",
        "RATE_LIMIT_USER",
        "RATE_LIMIT_PROVIDER",
        "WEBHOOK_EVENTS",
        "SOCIAL_AUTH_USER_FIELDS",
        "SIMPLE_JWT_AUTH_HEADER_TYPES",
        "SIMPLE_JWT_JTI_CLAIM",
        "REST_KNOX_AUTH_HEADER_PREFIX",
    ] {
        for none in ["None", "none", "null", " None "] {
            let errors = errors_of(serve("", &[(name, none)]));
            assert!(errors.len() == 1 && errors[0].starts_with(&format!("{name}: must not be None")), "{errors:?}");
        }
    }
    let none = [("SIMPLE_JWT_AUDIENCE", "None"), ("SESSION_IDLE_TIMEOUT", "None"), ("REST_KNOX_TOKEN_TTL", "None")];
    let settings = good("", &none);
    assert_eq!((settings.jwt.audience, settings.session.idle, settings.knox.ttl), (Vec::new(), None, None));
}

#[test]
fn a_list_of_commas_alone_is_an_error_and_an_empty_list_is_written_as_brackets() {
    let github = ("SOCIAL_AUTH_GITHUB_KEY", "k");
    let general = ("SOCIAL_AUTH_WHITELISTED_DOMAINS", "a.example");
    for commas in [",", " , ", ",,"] {
        for name in [
            "SOCIAL_AUTH_WHITELISTED_DOMAINS",
            "SOCIAL_AUTH_GITHUB_WHITELISTED_DOMAINS",
            "SOCIAL_AUTH_DENIED_EMAILS",
            "SOCIAL_AUTH_ALLOWED_PROVIDERS",
            "TRUSTED_PROXIES",
        ] {
            let errors = errors_of(serve("", &[github, general, (name, commas)]));
            let expected = format!("{name}: has commas and no entries: leave it empty, or write [] for an empty list");
            assert_eq!(errors, [expected]);
        }
    }
    let settings = good("", &[github, general, ("SOCIAL_AUTH_GITHUB_WHITELISTED_DOMAINS", "[]")]);
    assert!(settings.providers[0].user_rules.whitelisted_domains.is_empty());
    let settings = good("", &[github, general, ("SOCIAL_AUTH_GITHUB_WHITELISTED_DOMAINS", "")]);
    assert_eq!(settings.providers[0].user_rules.whitelisted_domains.len(), 1);
}

#[test]
fn a_network_of_trusted_proxies_that_contains_clients_is_a_warning() {
    for network in ["0.0.0.0/0", "::/0", "128.0.0.0/1", "2000::/3"] {
        let warnings = good("", &[("TRUSTED_PROXIES", network)]).warnings;
        let expected = format!("TRUSTED_PROXIES: {network} contains addresses of clients.");
        assert!(warnings.len() == 1 && warnings[0].starts_with(&expected), "{warnings:?}");
    }
    assert!(good("", &[("TRUSTED_PROXIES", "10.0.0.0/8,fc00::/7,192.0.2.7,::1")]).warnings.is_empty());
}

#[test]
fn a_setting_in_lower_case_is_reported_and_an_error_if_it_decides_access() {
    for (name, expected) in [
        ("social_auth_whitelisted_domains", "SOCIAL_AUTH_WHITELISTED_DOMAINS"),
        ("social_auth_github_denied_emails", "SOCIAL_AUTH_GITHUB_DENIED_EMAILS"),
        ("Social_Auth_Sign_Up", "SOCIAL_AUTH_SIGN_UP"),
        ("social_auth_allow_groups", "SOCIAL_AUTH_ALLOW_GROUPS"),
    ] {
        let errors = errors_of(serve("", &[(name, "a.example")]));
        assert_eq!(errors, [format!("{name}: is not read: in the environment, write {expected}")]);
    }
    for (name, expected) in [("state_policy", "STATE_POLICY"), ("simple_jwt_issuer", "SIMPLE_JWT_ISSUER")] {
        let warnings = good("", &[(name, "x")]).warnings;
        assert_eq!(warnings, [format!("{name}: is not read: in the environment, write {expected}")]);
    }
}

#[test]
fn settings_of_unsupported_backends_are_reported_as_such() {
    for (name, backend) in
        [("GOOGLE_ONETAP_KEY", "google-onetap"), ("LIVE_KEY", "live"), ("GOOGLE_PLUS_SECRET", "google-plus")]
    {
        let expected = format!("SOCIAL_AUTH_{name} is not read: the backend {backend} of social-core is not supported");
        assert_eq!(good("", &[(&format!("SOCIAL_AUTH_{name}"), "x")]).warnings, [expected]);
    }
}

#[test]
fn names_of_request_headers_are_checked() {
    let allowed = good("", &[("CORS_ALLOW_HEADERS", "X-Tenant, dnt")]).cors_allow_headers;
    assert_eq!(allowed, ["x-tenant", "dnt"]);
    for wrong in ["*", "a b", "x:y"] {
        assert!(errors_of(serve("", &[("CORS_ALLOW_HEADERS", wrong)])).len() == 1, "{wrong}");
    }
}

#[test]
fn postmessage_is_no_uri_to_which_a_browser_is_sent() {
    let listed = good("", &[("ALLOWED_REDIRECT_URIS", "postmessage,https://app.example/cb")]);
    assert_eq!(listed.rest_social.postmessage, Postmessage::Allowed);
    let absolute = good("", &[("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "postmessage")]);
    assert_eq!(
        (absolute.rest_social.postmessage, &absolute.rest_social.oauth_absolute_redirect_uri),
        (Postmessage::Default, &None)
    );
    for settings in [listed, absolute] {
        assert!(!settings.allowed_redirect_uris.iter().any(|uri| uri == "postmessage"));
    }
    assert_eq!(good("", &[]).rest_social.postmessage, Postmessage::Refused);
    assert!(errors_of(serve("", &[("ALLOWED_REDIRECT_URIS", "POSTMESSAGE")])).len() == 1);
}

#[test]
fn variable_of_a_platform_gives_a_setting_that_the_operator_has_not_set() {
    let environment = BTreeMap::from([("TOKEN_FILE".to_owned(), vec!["PLATFORM_TOKEN_FILE".to_owned()])]);
    let rules = SettingRules { environment, optional: vec!["TOKEN_FILE".to_owned()], ..SettingRules::default() };
    for (own, expected) in [("", "/platform"), ("/own", "/own")] {
        let own = ("SOCIAL_AUTH_GITHUB_TOKEN_FILE", own);
        let settings = good("", &[("SOCIAL_AUTH_GITHUB_KEY", "k"), own, ("PLATFORM_TOKEN_FILE", "/platform")]);
        let typed = settings.providers[0].typed(&rules, "GitHub", false);
        assert_eq!(typed.values.text("TOKEN_FILE"), Some(expected));
    }
}
