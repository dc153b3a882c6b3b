//! The reader as a whole: precedence, owners, and mistakes told together.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use super::{JwtAlgorithm, Mode, SettingError, Settings, Sources, StatePolicy, read, read_with_mistakes};
use crate::model::{Domain, EmailAddress, FieldType, UserFields};
use crate::secrets::ExposeSecret as _;

const CATALOG: [&str; 6] = ["github", "github-enterprise", "google-oauth2", "twitter", "vk-oauth2", "oidc"];
const KEY: &str = "a secret key for tests of more than 32 bytes";

fn environment(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Reads `file` and `entries` beside what `serve` cannot do without.
fn serve(file: &str, entries: &[(&str, &str)]) -> Result<Settings, Vec<SettingError>> {
    let mut all = vec![("SECRET_KEY", KEY), ("PUBLIC_URL", "https://login.example.com")];
    all.extend(entries);
    bare(Mode::Serve, file, &all, 0o600)
}

fn bare(mode: Mode, file: &str, entries: &[(&str, &str)], rights: u32) -> Result<Settings, Vec<SettingError>> {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(file.as_bytes()).expect("written");
    std::fs::set_permissions(written.path(), std::fs::Permissions::from_mode(rights)).expect("rights");
    read(&Sources {
        mode,
        defaults: toml::Table::new(),
        file: Some(written.path()),
        environment: environment(entries),
        catalog: &CATALOG,
        steps: &[],
        fields: &[],
    })
}

fn good(file: &str, entries: &[(&str, &str)]) -> Settings {
    serve(file, entries).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn mistakes(result: Result<Settings, Vec<SettingError>>) -> Vec<String> {
    result.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "state_policy = \"off\"\nsession_cookie_age = 60\nsocial_auth_uuid_length = 8";
    let settings = good(file, &[("STATE_POLICY", "required"), ("SIMPLE_JWT_ALGORITHM", "HS512")]);
    assert_eq!(settings.state_policy, StatePolicy::Required);
    assert_eq!(settings.session.age, Duration::from_secs(60));
    assert_eq!(settings.users.uuid_length, 8);
    assert_eq!(settings.jwt.algorithm, JwtAlgorithm::HS512);
}

#[test]
fn the_originals_other_names_and_spellings_count() {
    let settings = good("", &[("SOCIAL_AUTH_URLOPEN_TIMEOUT", "3")]);
    assert_eq!(settings.outgoing.timeout, Duration::from_secs(3));
    for algorithm in ["sha-512", "SHA512", "cryptography.hazmat.primitives.hashes.SHA512"] {
        good("", &[("REST_KNOX_SECURE_HASH_ALGORITHM", algorithm)]);
    }
    let wrong = mistakes(serve("", &[("REST_KNOX_SECURE_HASH_ALGORITHM", "SHA256")]));
    assert_eq!(wrong, ["REST_KNOX_SECURE_HASH_ALGORITHM: must be SHA-512"]);
}

#[test]
fn without_settings_the_originals_defaults_hold() {
    let settings = good("", &[]);
    assert_eq!(settings.state_policy, StatePolicy::WhenPresent);
    assert_eq!(settings.session.age, Duration::from_secs(1_209_600));
    assert_eq!(settings.jwt.access_lifetime, Duration::from_secs(300));
    assert_eq!(settings.jwt.signing_key.expose_secret(), KEY);
    assert_eq!(settings.knox.ttl, Some(Duration::from_secs(36_000)));
    assert_eq!(settings.outgoing.timeout, Duration::from_secs(10));
    assert_eq!(settings.users.pipeline, super::DEFAULT_PIPELINE);
    assert!(!settings.rest_social.domain_from_origin, "sec8: only where origins are listed");
    assert_eq!(settings.allowed_origins, ["https://login.example.com"]);
    assert_eq!(settings.allowed_redirect_uris, ["https://login.example.com/"]);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn a_webhook_needs_an_address_and_secrets_and_quotes_none_of_them() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let file = format!("webhook_url = \"https://app.example.com/hook?key=hidden\"\nwebhook_secrets = [\"{secret}\"]");
    let rules = good(&file, &[("WEBHOOK_TIMEOUT", "2.5"), ("WEBHOOK_RETENTION", "0")]).webhooks.expect("a webhook");
    assert_eq!((rules.timeout, rules.retention, rules.events.len()), (Duration::from_millis(2500), None, 8));
    assert!(!format!("{rules:?}").contains("hidden") && !format!("{rules:?}").contains("MfKQ"), "{rules:?}");
    assert!(good("", &[]).webhooks.is_none());

    let url = ("WEBHOOK_URL", "https://app.example.com/hook");
    for (name, value) in [
        ("WEBHOOK_SECRETS", ""),
        ("WEBHOOK_SECRETS", "whsec_hidden"),
        ("WEBHOOK_SECRETS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw-hidden"),
        ("WEBHOOK_SECRETS", "whsec_aGlkZGVu"),
        ("WEBHOOK_SECRETS", "[]"),
        ("WEBHOOK_EVENTS", "user.create"),
        ("WEBHOOK_TIMEOUT", "11"),
        ("WEBHOOK_TIMEOUT", "0"),
        ("WEBHOOK_ON_FAILURE", "perhaps"),
        ("WEBHOOK_ALLOW_PRIVATE", "perhaps"),
        ("WEBHOOK_RETENTION", "-1"),
        ("WEBHOOK_URL", "app.example.com/hidden"),
        ("WEBHOOK_URL", "https://hidden:hidden@app.example.com/"),
    ] {
        let told = mistakes(serve("", &[url, ("WEBHOOK_SECRETS", secret), (name, value)]));
        assert_eq!(told.len(), 1, "{name}={value}: {told:?}");
        assert!(told[0].starts_with(name) && !told[0].contains("hidden"), "{told:?}");
    }
}

#[test]
fn declared_fields_are_tables_of_the_file_or_json_of_the_environment() {
    let file = r#"
        [rest_social_user_fields.locale]
        from = "profile.locale"
        [rest_social_user_fields.avatar]
        type = "url"
        from = { github = "profile.avatar_url", "*" = "profile.picture" }
        update = "sign_up"
        [rest_social_user_fields.newsletter]
        type = "boolean"
        editable = true
        [rest_social_user_fields.phone]
    "#;
    let inline = r#"
        rest_social_user_fields = { locale = { from = "profile.locale" }, avatar = { type = "url", update = "sign_up",
            from = { github = "profile.avatar_url", "*" = "profile.picture" } },
            newsletter = { type = "boolean", editable = true }, phone = {} }"#;
    let json = r#"{"locale": {"from": "profile.locale"},
        "avatar": {"type": "url", "update": "sign_up", "from": {"github": "profile.avatar_url", "*": "profile.picture"}},
        "newsletter": {"type": "boolean", "editable": true}, "phone": {}}"#;
    let of_file = good(file, &[]).users.own_fields;
    let names: Vec<&str> = of_file.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["locale", "avatar", "newsletter", "phone"], "in the order of the file");
    let avatar = of_file.get("avatar").expect("declared");
    assert_eq!((avatar.kind, avatar.at_login, avatar.editable), (FieldType::Url, false, false));
    assert_eq!(
        (avatar.source("github"), avatar.source("gitlab")),
        (Some("profile.avatar_url"), Some("profile.picture"))
    );
    let phone = of_file.get("phone").expect("declared");
    assert_eq!((phone.kind, phone.at_login, phone.source("github")), (FieldType::String, true, None));
    assert!(of_file.get("newsletter").expect("declared").editable);
    let same = |fields: UserFields| assert_eq!(format!("{fields:?}"), format!("{of_file:?}"));
    same(good(inline, &[]).users.own_fields);
    same(good("", &[("REST_SOCIAL_USER_FIELDS", json)]).users.own_fields);
    same(good("[rest_social_user_fields.other]", &[("REST_SOCIAL_USER_FIELDS", json)]).users.own_fields);
}

#[test]
fn a_mistake_in_a_declared_field_of_the_file_is_told_by_its_place() {
    let told = |file: &str| mistakes(serve(file, &[]));
    for (file, wanted) in [
        ("[rest_social_user_fields.Phone]", "rest_social_user_fields.Phone: "),
        ("[rest_social_user_fields.email]", "rest_social_user_fields.email: "),
        ("[rest_social_user_fields.phone]\ntype = \"number\"", "rest_social_user_fields.phone.type: "),
        ("[rest_social_user_fields.phone]\nform = \"x\"", "rest_social_user_fields.phone.form: "),
        ("[rest_social_user_fields.phone]\nfrom = 5", "rest_social_user_fields.phone.from: "),
        ("[rest_social_user_fields.phone]\nupdate = \"never\"", "rest_social_user_fields.phone.update: "),
        ("[rest_social_user_fields.phone]\neditable = \"perhaps\"", "rest_social_user_fields.phone.editable: "),
        ("[rest_social_user_fields]\nphone = \"string\"", "rest_social_user_fields.phone: "),
        ("rest_social_user_fields = [\"phone\"]", "rest_social_user_fields: "),
    ] {
        let told = told(file);
        assert!(told.len() == 1 && told[0].starts_with(wanted), "{file}: {told:?}");
    }
}

#[test]
fn all_mistakes_are_told_together_by_name() {
    let file = "state_polcy = \"required\"\nlog_format = \"xml\"\n[providers.github]\nuuid_length = 0\n[providers.githb]\nkey = \"k\"";
    let all = bare(
        Mode::Serve,
        file,
        &[
            ("SECRET_KEY", "short"),
            ("PUBLIC_URL", "http://login.example.com"),
            ("LISTEN", "8000"),
            ("ALLOWED_ORIGINS", "https://a.example/,https://b.example"),
            ("ALLOWED_REDIRECT_URIS", "javascript:alert(1)"),
            ("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "5 min"),
            ("REST_SOCIAL_VERBOSE_ERRORS", "yes"),
            ("SOCIAL_AUTH_PIPELINE", "social_uid,social_user,associate_user,create_user"),
            ("REST_KNOX_TOKEN_PREFIX", "longer than ten"),
            ("DATABASE_URL", "mysql://u:hidden@host/db"),
        ],
        0o600,
    );
    let all = mistakes(all);
    for name in [
        "state_polcy: ",
        "log_format: ",
        "providers.github.uuid_length: ",
        "providers.githb: ",
        "SECRET_KEY: ",
        "PUBLIC_URL: ",
        "LISTEN: ",
        "ALLOWED_ORIGINS: ",
        "ALLOWED_REDIRECT_URIS: ",
        "SIMPLE_JWT_ACCESS_TOKEN_LIFETIME: ",
        "REST_SOCIAL_VERBOSE_ERRORS: ",
        "SOCIAL_AUTH_PIPELINE: ",
        "REST_KNOX_TOKEN_PREFIX: ",
        "DATABASE_URL: ",
    ] {
        assert_eq!(all.iter().filter(|told| told.starts_with(name)).count(), 1, "{name} in {all:#?}");
    }
    assert_eq!(all.len(), 14, "{all:#?}");
    assert!(!all.concat().contains("hidden"), "{all:#?}");
}

#[test]
fn sec47_serve_needs_a_secret_key_and_a_public_url() {
    let told = mistakes(bare(Mode::Serve, "", &[], 0o600));
    assert!(told.iter().any(|told| told.starts_with("SECRET_KEY: must be set")), "{told:?}");
    assert!(told.iter().any(|told| told.starts_with("PUBLIC_URL: must be set")), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn sec29_a_short_signing_key_is_refused_and_asymmetric_ones_need_both_halves() {
    let told = mistakes(serve("", &[("SIMPLE_JWT_SIGNING_KEY", "short")]));
    assert_eq!(told, ["SIMPLE_JWT_SIGNING_KEY: must have at least 32 bytes"]);
    let told = mistakes(serve("", &[("SIMPLE_JWT_ALGORITHM", "ES256")]));
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn sec47_secrets_in_files_that_everybody_reads_are_refused() {
    let file = format!("secret_key = \"{KEY}\"\npublic_url = \"https://login.example.com\"");
    assert!(bare(Mode::Serve, &file, &[], 0o600).is_ok());
    let told = mistakes(bare(Mode::Serve, &file, &[], 0o644));
    assert!(told.len() == 1 && told[0].contains("everybody"), "{told:?}");
    // Nothing secret in it: checked in beside a deployment, perhaps.
    let entries = [("SECRET_KEY", KEY), ("PUBLIC_URL", "https://login.example.com")];
    assert!(bare(Mode::Serve, "[providers.github]\nkey = \"k\"", &entries, 0o644).is_ok());

    let mut key = tempfile::NamedTempFile::new().expect("a file");
    key.write_all(format!("{KEY}\n").as_bytes()).expect("written");
    let path = key.path().to_str().expect("a path").to_owned();
    let entries = [("SECRET_KEY_FILE", path.as_str()), ("PUBLIC_URL", "https://login.example.com")];
    let settings = bare(Mode::Serve, "", &entries, 0o600).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(settings.secret_key.expose_secret(), KEY);
    std::fs::set_permissions(key.path(), std::fs::Permissions::from_mode(0o644)).expect("rights");
    let told = mistakes(bare(Mode::Serve, "", &entries, 0o600));
    assert!(told.len() == 1 && told[0].starts_with("SECRET_KEY_FILE: "), "{told:?}");
}

#[test]
fn the_longest_provider_name_that_fits_has_the_setting() {
    let settings = good(
        "",
        &[
            ("SOCIAL_AUTH_GITHUB_ENTERPRISE_KEY", "k1"),
            ("SOCIAL_AUTH_GITHUB_ENTERPRISE_URL", "https://git.example.com"),
            ("SOCIAL_AUTH_GITHUB_KEY", "k2"),
            ("SOCIAL_AUTH_GITHUB_SCOPE", "[\"user:email\"]"),
            ("SOCIAL_AUTH_VK_OAUTH2_KEY", "k3"),
        ],
    );
    let names: Vec<&str> = settings.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["github", "github-enterprise", "vk-oauth2"]);
    assert_eq!(settings.providers[1].get("URL"), Some(&json!("https://git.example.com")));
    assert_eq!(settings.providers[0].get("SCOPE"), Some(&json!(["user:email"])));
    assert_eq!(settings.providers[0].get("URL"), None);
}

#[test]
fn providers_stand_in_the_files_order_then_by_name() {
    let file = "[providers.twitter]\nkey = \"k\"\n[providers.my-own]\nextends = \"oidc\"\nkey = \"k\"\nscope = [\"a\"]\n\
                [providers.my-own.authorization]\nurl = \"https://id.example/a\"\n[providers.github]\nscope = [\"b\"]";
    let settings = good(
        file,
        &[
            ("SOCIAL_AUTH_VK_OAUTH2_KEY", "k"),
            ("SOCIAL_AUTH_GOOGLE_OAUTH2_KEY", "k"),
            ("SOCIAL_AUTH_GITHUB_KEY", "from the environment"),
            ("SOCIAL_AUTH_MY_OWN_SECRET", "s"),
            ("SOCIAL_AUTH_SCOPE", "shared"),
        ],
    );
    let names: Vec<&str> = settings.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["twitter", "my-own", "github", "google-oauth2", "vk-oauth2"]);
    let own = &settings.providers[1];
    assert_eq!(own.descriptor.keys().collect::<Vec<_>>(), ["extends", "authorization"]);
    assert_eq!(own.get("SCOPE"), Some(&json!(["a"])));
    assert_eq!(own.get("SECRET"), Some(&json!("s")));
    assert!(own.in_file.contains("KEY") && !own.in_file.contains("SECRET"));
    assert_eq!(settings.providers[2].get("KEY"), Some(&json!("from the environment")));
    assert_eq!(settings.providers[4].get("SCOPE"), Some(&json!("shared")));
}

#[test]
fn a_table_of_a_provider_is_its_descriptors_unless_a_setting_is_an_object() {
    let file = "[providers.github]\nkey = \"k\"\nscope = [\"a\"]\nextra_data = [\"b\"]\nname = \"n\"\n\
                auth_extra_arguments = { prompt = \"consent\" }\nrevoke = { url = \"https://x.example\" }\n\
                userinfo = [{ url = \"https://x.example\" }]\n[providers.own]\nextends = \"oidc\"\nextra_data = [\"b\"]\n\
                scope = { separator = \",\" }";
    let settings = good(file, &[]);
    let (github, own) = (&settings.providers[0], &settings.providers[1]);
    assert_eq!(github.descriptor.keys().collect::<Vec<_>>(), ["revoke", "userinfo"]);
    assert_eq!(
        github.values.keys().collect::<Vec<_>>(),
        ["AUTH_EXTRA_ARGUMENTS", "EXTRA_DATA", "KEY", "NAME", "SCOPE"]
    );
    assert_eq!(own.descriptor.keys().collect::<Vec<_>>(), ["extends", "extra_data", "scope"]);
    assert!(own.values.is_empty());
}

#[test]
fn what_dev_brings_along_comes_last_and_yields() {
    let defaults = format!(
        "secret_key = \"{KEY}\"\nstate_policy = \"required\"\n[providers.demo]\nextends = \"oidc\"\nkey = \"demo\""
    );
    let settings = read(&Sources {
        mode: Mode::Dev,
        defaults: defaults.parse().expect("a table"),
        file: None,
        environment: environment(&[
            ("STATE_POLICY", "off"),
            ("SOCIAL_AUTH_GITHUB_KEY", "k"),
            ("LISTEN", "127.0.0.1:8123"),
        ]),
        catalog: &CATALOG,
        steps: &[],
        fields: &[],
    })
    .unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(settings.state_policy, StatePolicy::Off);
    let names: Vec<&str> = settings.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["github", "demo"]);
    assert!(settings.public_url.is_none());
    assert!(settings.allowed_origins.contains(&"http://127.0.0.1:8123".to_owned()));
    assert!(settings.allowed_redirect_uris.contains(&"http://localhost:8123/example/callback/".to_owned()));
    assert!(!format!("{settings:?}").contains("\"demo\": "), "values are not shown");
}

#[test]
fn dev_listens_on_this_machine_alone() {
    let told = mistakes(bare(Mode::Dev, "", &[("SECRET_KEY", KEY), ("LISTEN", "0.0.0.0:8000")], 0o600));
    assert!(told.len() == 1 && told[0].starts_with("LISTEN: "), "{told:?}");
}

#[test]
fn one_provider_may_have_rules_of_its_own() {
    let settings = good(
        "social_auth_whitelisted_domains = [\"Example.com\"]\n[providers.github]\nkey = \"k\"\nwhitelisted_domains = [\"b.example\"]",
        &[
            ("SOCIAL_AUTH_TWITTER_KEY", "k"),
            ("SOCIAL_AUTH_TWITTER_PIPELINE", "social_core.pipeline.social_auth.social_uid,auth_allowed,social_user"),
        ],
    );
    let domain = |text| vec![Domain::parse(text).expect(text)];
    assert_eq!(settings.users.whitelisted_domains, domain("example.com"));
    let (github, twitter) = (&settings.providers[0], &settings.providers[1]);
    assert_eq!(github.user_rules.whitelisted_domains, domain("b.example"));
    assert_eq!(twitter.user_rules.whitelisted_domains, domain("example.com"));
    assert_eq!(twitter.user_rules.pipeline, ["social_uid", "auth_allowed", "social_user"]);
    assert!(!github.values.contains_key("WHITELISTED_DOMAINS"));
}

#[test]
fn unknown_names_of_the_environment_are_warnings_with_a_hint() {
    let settings = good(
        "",
        &[
            ("SOCIAL_AUTH_GITHBU_KEY", "k"),
            ("REST_SOCIAL_VERBOSE_ERORS", "true"),
            ("SOCIAL_AUTH_STRATEGY", "my.Strategy"),
            ("SOCIAL_AUTH_VERIFY_SSL", "True"),
            ("SOCIAL_AUTH_GITHUB_VERIFY_SSL", "False"),
            ("SOCIAL_AUTH_TWITTER_SECRET", "s"),
            ("REST_SOCIAL_AUTH_CONFIG", "/etc/x.toml"),
            ("SOCIAL_AUTH_USERNAME_KEY", "login"),
            ("PATH", "/bin"),
        ],
    );
    let warnings = settings.warnings.join("\n");
    assert!(warnings.contains("did you mean SOCIAL_AUTH_GITHUB_KEY?"), "{warnings}");
    assert!(warnings.contains("did you mean REST_SOCIAL_VERBOSE_ERRORS?"), "{warnings}");
    assert!(warnings.contains("SOCIAL_AUTH_STRATEGY has no effect"), "{warnings}");
    assert!(warnings.contains("SOCIAL_AUTH_GITHUB_VERIFY_SSL has no effect"), "{warnings}");
    assert!(warnings.contains("twitter is not configured: SOCIAL_AUTH_TWITTER_KEY"), "{warnings}");
    assert_eq!(settings.warnings.len(), 6, "{warnings}");
}

#[test]
fn a_slip_in_any_name_of_ours_is_a_warning_and_what_others_set_is_none() {
    let slips = [
        ("STATE_POLCY", "STATE_POLICY"),
        ("ALLOWED_ORIGNS", "ALLOWED_ORIGINS"),
        ("WEBHOOK_UR", "WEBHOOK_URL"),
        ("FRESH_LOGIN_AG", "FRESH_LOGIN_AGE"),
        ("LOG_FORMT", "LOG_FORMAT"),
        ("SOCAIL_AUTH_GITHUB_KEY", "SOCIAL_AUTH_GITHUB_KEY"),
        ("REST_SOCIAL_AUTH_CONFG", "REST_SOCIAL_AUTH_CONFIG"),
    ];
    for (written, meant) in slips {
        let wanted = format!("{written}: no setting of this name is known; did you mean {meant}?");
        assert_eq!(good("", &[(written, "x")]).warnings, [wanted]);
    }
    let others =
        [("LISTEN_FDS", "1"), ("FTP_PROXY", "x"), ("no_proxy", "x"), ("HOSTNAME", "x"), ("RATE_LIMITS", "off")];
    assert!(good("", &others).warnings.is_empty(), "{:?}", good("", &others).warnings);
    let none = good("", &[("RATE_LIMITS", "on"), ("SESSION_COOKIE_NAME", "sid")]).warnings.join("\n");
    assert!(none.contains("RATE_LIMITS has no effect") && none.contains("SESSION_COOKIE_NAME has no effect"), "{none}");
    let far_off = good("", &[("SIMPLE_JWT_ROTAT", "x")]).warnings;
    assert_eq!(far_off, ["SIMPLE_JWT_ROTAT: no setting of this name is known"]);
}

#[test]
fn a_slip_in_a_name_that_says_who_may_enter_ends_the_start() {
    for (written, meant) in [
        ("SOCIAL_AUTH_WHITELISTED_DOMAIN", "SOCIAL_AUTH_WHITELISTED_DOMAINS"),
        ("SOCIAL_AUTH_SIGNUP", "SOCIAL_AUTH_SIGN_UP"),
        ("SOCIAL_AUTH_ALLOW_GROUP", "SOCIAL_AUTH_ALLOW_GROUPS"),
    ] {
        let told = mistakes(serve("", &[(written, "x")]));
        assert!(told.len() == 1 && told[0].ends_with(&format!("did you mean {meant}?")), "{told:?}");
    }
}

#[test]
fn unknown_names_of_the_file_are_errors_with_a_hint() {
    let told = mistakes(serve("allowed_origin = []\n[simple_jwt]\nissuer = \"x\"", &[])).join("\n");
    assert!(told.contains("allowed_origin: is no setting; did you mean allowed_origins?"), "{told}");
    assert!(told.contains("simple_jwt: is no table"), "{told}");
    let told = mistakes(serve("social_auth_github_key = \"k\"", &[])).join("\n");
    assert!(told.contains("belongs into the table [providers.github] as `key`"), "{told}");
    let told = mistakes(serve("[providers.githb]\nkey = \"k\"", &[])).join("\n");
    assert!(told.contains("did you mean github?"), "{told}");
}

#[test]
fn sec_29_a_claim_that_says_whose_token_it_is_is_none_that_the_user_chooses() {
    for setting in ["USER_ID_CLAIM", "TOKEN_TYPE_CLAIM", "JTI_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM"] {
        let name = format!("SIMPLE_JWT_{setting}");
        for claim in ["username", "first_name", "last_name", "email"] {
            let told = mistakes(serve("", &[(&name, claim)]));
            let wanted = format!("{name}: {claim} is a claim of `-user` tokens, and the user may choose what it says");
            assert_eq!(told, [wanted]);
        }
        for claim in ["exp", "nbf", "iat", "iss", "aud"] {
            assert_eq!(mistakes(serve("", &[(&name, claim)])), [format!("{name}: is the name of another claim")]);
        }
        assert!(serve("", &[(&name, "sub")]).is_ok(), "{name}");
    }
    // Names that are claims by default stay so where those are renamed: other servers still read them.
    for field in ["user_id", "token_type", "refresh_exp"] {
        let renamed = [
            ("SIMPLE_JWT_USER_ID_CLAIM", "uid"),
            ("SIMPLE_JWT_TOKEN_TYPE_CLAIM", "typ"),
            ("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM", "end"),
        ];
        let told = mistakes(serve(&format!("[rest_social_user_fields.{field}]\neditable = true"), &renamed));
        assert_eq!(told.len(), 1, "{field}: {told:?}");
    }
}

#[test]
fn an_entry_of_who_may_enter_is_one_that_can_match_or_a_mistake() {
    let github = ("SOCIAL_AUTH_GITHUB_KEY", "k");
    for name in ["SOCIAL_AUTH_WHITELISTED_DOMAINS", "SOCIAL_AUTH_DENIED_DOMAINS"] {
        for wrong in
            [".evil.example", "@evil.example", "*.evil.example", "evil.example..", "e vil.example", "a@b.example"]
        {
            let told = mistakes(serve("", &[github, (name, wrong)]));
            assert_eq!(told, [format!("{name}: {wrong:?} is not a domain such as example.com")]);
        }
    }
    for wrong in ["evil.example", "@evil.example", "*@evil.example", "a b@evil.example", "a@*.example"] {
        let told = mistakes(serve("", &[("SOCIAL_AUTH_DENIED_EMAILS", wrong)]));
        assert_eq!(
            told,
            [format!("SOCIAL_AUTH_DENIED_EMAILS: {wrong:?} is not an e-mail address such as ana@example.com")]
        );
    }
    let file = "social_auth_denied_domains = [\" Evil.example\", \"m\u{fc}ller.example\"]\n\
                social_auth_denied_emails = [\" Eva@Good.example. \"]\nsocial_auth_allowed_organizations = [\" ACME \"]";
    let users = good(file, &[]).users;
    let denied: Vec<&str> = users.denied_domains.iter().map(Domain::as_ascii).collect();
    assert_eq!(denied, ["evil.example", "xn--mller-kva.example"]);
    let denied: Vec<String> = users.denied_emails.iter().map(EmailAddress::key).collect();
    assert_eq!((denied, users.allowed_organizations), (vec!["eva@good.example".to_owned()], vec!["ACME".to_owned()]));
}

#[test]
fn a_list_of_who_may_enter_needs_the_step_that_reads_it() {
    let open =
        ("SOCIAL_AUTH_PIPELINE", "social_details,social_uid,social_user,get_username,create_user,associate_user");
    let github = ("SOCIAL_AUTH_GITHUB_KEY", "k");
    for (list, entry) in [
        ("WHITELISTED_EMAILS", "ana@good.example"),
        ("WHITELISTED_DOMAINS", "good.example"),
        ("DENIED_EMAILS", "eva@good.example"),
        ("DENIED_DOMAINS", "evil.example"),
        ("ALLOWED_ORGANIZATIONS", "acme"),
        ("DENIED_ORGANIZATIONS", "acme"),
    ] {
        let general = format!("SOCIAL_AUTH_{list}");
        let told = mistakes(serve("", &[github, open, (&general, entry)]));
        let wanted =
            format!("SOCIAL_AUTH_PIPELINE: lacks auth_allowed, without which {list} keeps nobody out at github");
        assert_eq!(told, [wanted]);
        // Lifted for the only provider.
        let own = format!("SOCIAL_AUTH_GITHUB_{list}");
        assert!(serve("", &[github, open, (&general, entry), (&own, "[]")]).is_ok(), "{list}");
    }
}

#[test]
fn a_name_that_the_original_read_without_its_prefix_is_told() {
    let settings = good("", &[("WHITELISTED_DOMAINS", "good.example")]);
    assert_eq!(
        settings.warnings,
        ["WHITELISTED_DOMAINS is not read: a setting has its whole name, SOCIAL_AUTH_WHITELISTED_DOMAINS"]
    );
    assert!(settings.users.whitelisted_domains.is_empty());
}

#[test]
fn a_broken_file_is_named_by_line_and_not_quoted() {
    let told = mistakes(serve("log_format = \"text\"\nsecret_key = \"hidden", &[])).join("\n");
    assert!(told.contains("line 2"), "{told}");
    assert!(!told.contains("hidden"), "{told}");
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let settings = good("", &[("HTTPS_PROXY", ""), ("SOCIAL_AUTH_GITHUB_KEY", ""), ("REST_KNOX_TOKEN_TTL", "None")]);
    assert!(settings.outgoing.https_proxy.is_none());
    assert!(settings.providers.is_empty());
    assert_eq!(settings.knox.ttl, None);
}

#[test]
fn plain_http_in_the_lists_is_a_warning_and_what_the_settings_give_is_listed() {
    let settings = good(
        "",
        &[
            ("ALLOWED_REDIRECT_URIS", "http://myapp.com,http://localhost/cb"),
            ("ALLOWED_ORIGINS", "http://myapp.com"),
            ("REST_SOCIAL_OAUTH_REDIRECT_URI", "/done/"),
            ("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "https://app.example.com/cb"),
        ],
    );
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
    assert!(settings.rest_social.domain_from_origin);
    for listed in ["http://myapp.com", "https://login.example.com/done/", "https://app.example.com/cb"] {
        assert!(settings.allowed_redirect_uris.iter().any(|uri| uri == listed), "{listed}");
    }
}

#[test]
fn a_call_takes_ten_seconds_at_most() {
    let settings = good("", &[("SOCIAL_AUTH_REQUESTS_TIMEOUT", "60"), ("https_proxy", "127.0.0.1:3128")]);
    assert_eq!(settings.outgoing.timeout, Duration::from_secs(10));
    assert_eq!(settings.warnings.len(), 1);
    assert_eq!(settings.outgoing.https_proxy.map(String::from).as_deref(), Some("http://127.0.0.1:3128/"));
}

#[test]
fn settings_with_mistakes_can_still_be_looked_at() {
    let (settings, errors) = read_with_mistakes(&Sources {
        mode: Mode::Serve,
        defaults: toml::Table::new(),
        file: Some(std::path::Path::new("/nowhere/at/all.toml")),
        environment: environment(&[("SOCIAL_AUTH_GITHUB_KEY", "k"), ("STATE_POLICY", "maybe")]),
        catalog: &CATALOG,
        steps: &[],
        fields: &[],
    });
    let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(names, ["/nowhere/at/all.toml", "STATE_POLICY"], "what is missing may stand in the file");
    assert_eq!(settings.providers.len(), 1);
}
