//! All of the reader: precedence, owners, and errors reported together.

mod environment;
mod jwt_keys;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use super::value_type::ValueType;
use super::{JwtAlgorithm, Mode, SettingError, Settings, Sources, StatePolicy, read, read_with_errors, table};
use crate::model::{Domain, EmailAddress, UserFieldType, UserFields};
use crate::secrets::ExposeSecret as _;

const CATALOG: [&str; 6] = ["github", "github-enterprise", "google-oauth2", "twitter", "vk-oauth2", "oidc"];
const KEY: &str = "a secret key for tests of more than 32 bytes";

fn environment(entries: &[(&str, &str)]) -> Vec<(String, std::ffi::OsString)> {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect()
}

/// Reads `file` and `entries` with the required settings of `serve`.
fn serve(file: &str, entries: &[(&str, &str)]) -> Result<Settings, Vec<SettingError>> {
    let mut all = vec![("SECRET_KEY", KEY), ("PUBLIC_URL", "https://login.example.com")];
    all.extend(entries);
    read_with(Mode::Serve, file, &all, 0o600)
}

fn read_with(mode: Mode, file: &str, entries: &[(&str, &str)], rights: u32) -> Result<Settings, Vec<SettingError>> {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(file.as_bytes()).expect("written");
    std::fs::set_permissions(written.path(), std::fs::Permissions::from_mode(rights)).expect("rights");
    let environment = environment(entries);
    read(&Sources { mode, file: Some(written.path()), environment, catalog: &CATALOG, ..Sources::default() })
}

fn good(file: &str, entries: &[(&str, &str)]) -> Settings {
    serve(file, entries).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn errors_of(result: Result<Settings, Vec<SettingError>>) -> Vec<String> {
    result.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn environment_takes_precedence_over_the_file() {
    let file = "state_policy = \"off\"\nsession_cookie_age = 60\nsocial_auth_uuid_length = 8";
    let settings = good(file, &[("STATE_POLICY", "required"), ("SIMPLE_JWT_ALGORITHM", "HS512")]);
    assert_eq!(settings.state_policy, StatePolicy::Required);
    assert_eq!(settings.session.age, Duration::from_secs(60));
    assert_eq!(settings.users.uuid_length, 8);
    assert_eq!(settings.jwt.algorithm, JwtAlgorithm::HS512);
}

#[test]
fn former_names_and_spellings_are_accepted() {
    let settings = good("", &[("SOCIAL_AUTH_URLOPEN_TIMEOUT", "3")]);
    assert_eq!(settings.outgoing.timeout, Duration::from_secs(3));
    for algorithm in ["sha-512", "SHA512", "cryptography.hazmat.primitives.hashes.SHA512"] {
        good("", &[("REST_KNOX_SECURE_HASH_ALGORITHM", algorithm)]);
    }
    let wrong = errors_of(serve("", &[("REST_KNOX_SECURE_HASH_ALGORITHM", "SHA256")]));
    assert_eq!(wrong, ["REST_KNOX_SECURE_HASH_ALGORITHM: must be SHA-512"]);
}

#[test]
fn defaults_are_those_of_django_rest_social_auth() {
    let settings = good("", &[]);
    assert_eq!(settings.state_policy, StatePolicy::WhenPresent);
    assert_eq!(settings.session.age, Duration::from_secs(1_209_600));
    assert_eq!(settings.jwt.access_lifetime, Duration::from_secs(300));
    assert_eq!(settings.jwt.signing_key.expose_secret(), KEY);
    assert_eq!(settings.knox.ttl, Some(Duration::from_secs(36_000)));
    assert_eq!(settings.outgoing.timeout, Duration::from_secs(10));
    assert_eq!(
        (settings.users.pipeline.len(), settings.users.user_fields),
        (9, vec!["username".into(), "email".into()])
    );
    assert!(!settings.rest_social.domain_from_origin, "sec8: only where origins are listed");
    assert_eq!(settings.allowed_origins, ["https://login.example.com"]);
    assert_eq!(settings.allowed_redirect_uris, ["https://login.example.com/"]);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn webhook_needs_url_and_secrets_and_errors_quote_neither() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let file = format!("webhook_url = \"https://app.example.com/hook?key=hidden\"\nwebhook_secrets = [\"{secret}\"]");
    let rules = good(&file, &[("WEBHOOK_TIMEOUT", "2.5"), ("WEBHOOK_RETENTION", "0")]).webhooks.expect("a webhook");
    assert_eq!((rules.timeout, rules.retention, rules.events.len()), (Duration::from_millis(2500), None, 9));
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
        let errors = errors_of(serve("", &[url, ("WEBHOOK_SECRETS", secret), (name, value)]));
        assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
        assert!(errors[0].starts_with(name) && !errors[0].contains("hidden"), "{errors:?}");
    }
}

#[test]
fn declared_fields_are_tables_in_the_file_or_json_in_the_environment() {
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
    assert_eq!((avatar.kind, avatar.at_login, avatar.editable), (UserFieldType::Url, false, false));
    assert_eq!(
        (avatar.source("github"), avatar.source("gitlab")),
        (Some("profile.avatar_url"), Some("profile.picture"))
    );
    let phone = of_file.get("phone").expect("declared");
    assert_eq!((phone.kind, phone.at_login, phone.source("github")), (UserFieldType::String, true, None));
    assert!(of_file.get("newsletter").expect("declared").editable);
    let same = |fields: UserFields| assert_eq!(format!("{fields:?}"), format!("{of_file:?}"));
    same(good(inline, &[]).users.own_fields);
    same(good("", &[("REST_SOCIAL_USER_FIELDS", json)]).users.own_fields);
    same(good("[rest_social_user_fields.other]", &[("REST_SOCIAL_USER_FIELDS", json)]).users.own_fields);
}

#[test]
fn error_in_a_declared_field_names_the_field_and_member() {
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
        let errors = errors_of(serve(file, &[]));
        assert!(errors.len() == 1 && errors[0].starts_with(wanted), "{file}: {errors:?}");
    }
}

#[test]
fn all_errors_are_reported_together_by_name() {
    let file = "state_polcy = \"required\"\nlog_format = \"xml\"\n[providers.github]\nuuid_length = 0\n[providers.githb]\nkey = \"k\"";
    let all = read_with(
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
    let all = errors_of(all);
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
        assert_eq!(all.iter().filter(|error| error.starts_with(name)).count(), 1, "{name} in {all:#?}");
    }
    assert_eq!(all.len(), 14, "{all:#?}");
    assert!(!all.concat().contains("hidden"), "{all:#?}");
}

#[test]
fn sec47_serve_needs_a_secret_key_and_a_public_url() {
    let errors = errors_of(read_with(Mode::Serve, "", &[], 0o600));
    assert!(errors.iter().any(|error| error.starts_with("SECRET_KEY: must be set")), "{errors:?}");
    assert!(errors.iter().any(|error| error.starts_with("PUBLIC_URL: must be set")), "{errors:?}");
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn sec47_world_readable_files_with_secrets_are_refused() {
    let file = format!("secret_key = \"{KEY}\"\npublic_url = \"https://login.example.com\"");
    assert!(read_with(Mode::Serve, &file, &[], 0o600).is_ok());
    let errors = errors_of(read_with(Mode::Serve, &file, &[], 0o644));
    assert!(errors.len() == 1 && errors[0].contains("every user"), "{errors:?}");
    // Nothing secret in it: checked in beside a deployment, perhaps.
    let entries = [("SECRET_KEY", KEY), ("PUBLIC_URL", "https://login.example.com")];
    assert!(read_with(Mode::Serve, "[providers.github]\nkey = \"k\"", &entries, 0o644).is_ok());

    let mut key = tempfile::NamedTempFile::new().expect("a file");
    key.write_all(format!("{KEY}\n").as_bytes()).expect("written");
    let path = key.path().to_str().expect("a path").to_owned();
    let entries = [("SECRET_KEY_FILE", path.as_str()), ("PUBLIC_URL", "https://login.example.com")];
    let settings = read_with(Mode::Serve, "", &entries, 0o600).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(settings.secret_key.expose_secret(), KEY);
    std::fs::set_permissions(key.path(), std::fs::Permissions::from_mode(0o644)).expect("rights");
    let errors = errors_of(read_with(Mode::Serve, "", &entries, 0o600));
    assert!(errors.len() == 1 && errors[0].starts_with("SECRET_KEY_FILE: "), "{errors:?}");
}

#[test]
fn longest_matching_provider_name_owns_the_setting() {
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
    assert_eq!(settings.providers[0].get("SCOPE"), Some(&json!(r#"["user:email"]"#)));
    assert_eq!(settings.providers[0].get("URL"), None);
}

#[test]
fn providers_are_in_the_order_of_the_file_then_by_name() {
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
fn table_of_a_provider_belongs_to_its_descriptor_unless_it_is_an_object_setting() {
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
fn defaults_of_dev_are_the_weakest_source() {
    let defaults = format!(
        "secret_key = \"{KEY}\"\nstate_policy = \"required\"\n[providers.demo]\nextends = \"oidc\"\nkey = \"demo\""
    );
    let settings = read(&Sources {
        mode: Mode::Dev,
        defaults: defaults.parse().expect("a table"),
        environment: environment(&[
            ("STATE_POLICY", "off"),
            ("SOCIAL_AUTH_GITHUB_KEY", "k"),
            ("LISTEN", "127.0.0.1:8123"),
        ]),
        catalog: &CATALOG,
        ..Sources::default()
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
fn dev_listens_on_loopback_only() {
    let errors = errors_of(read_with(Mode::Dev, "", &[("SECRET_KEY", KEY), ("LISTEN", "0.0.0.0:8000")], 0o600));
    assert!(errors.len() == 1 && errors[0].starts_with("LISTEN: "), "{errors:?}");
}

#[test]
fn provider_settings_replace_general_ones() {
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
fn unknown_names_in_the_environment_are_warnings_with_a_hint() {
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
fn unknown_names_of_other_programs_are_not_reported() {
    for (written, meant) in
        [("SIMPLE_JWT_ISUER", "SIMPLE_JWT_ISSUER"), ("REST_SOCIAL_AUTH_CONFG", "REST_SOCIAL_AUTH_CONFIG")]
    {
        let expected = format!("{written}: is not a known setting; did you mean {meant}?");
        assert_eq!(good("", &[(written, "x")]).warnings, [expected]);
    }
    let others = [("FTP_PROXY", "1"), ("LISTEN_FDS", "1"), ("no_proxy", "x"), ("HOSTS", "x")];
    assert!(good("", &others).warnings.is_empty(), "{:?}", good("", &others).warnings);
    let none = good("", &[("SESSION_COOKIE_NAME", "sid")]).warnings.join("\n");
    assert!(none.contains("SESSION_COOKIE_NAME has no effect"), "{none}");
    let unlike = good("", &[("SIMPLE_JWT_ROTAT", "x")]).warnings;
    assert_eq!(unlike, ["SIMPLE_JWT_ROTAT: is not a known setting"]);
}

#[test]
fn misspelt_general_setting_is_a_warning_without_its_value() {
    for (written, meant) in [
        ("STATE_POLCY", "STATE_POLICY"),
        ("ENCRYPTION_KEY", "ENCRYPTION_KEYS"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("LISTN", "LISTEN"),
        ("ALOWED_ORIGNS", "ALLOWED_ORIGINS"),
    ] {
        let expected = format!("{written} is not a setting; did you mean {meant}?");
        assert_eq!(good("", &[(written, "hidden")]).warnings, [expected]);
    }
}

#[test]
fn misspelt_access_setting_is_an_error_in_the_environment_too() {
    for (written, meant) in [
        ("SOCIAL_AUTH_WHITELISTED_DOMAIN", "SOCIAL_AUTH_WHITELISTED_DOMAINS"),
        ("SOCIAL_AUTH_SIGNUP", "SOCIAL_AUTH_SIGN_UP"),
        ("SOCIAL_AUTH_ALLOW_GROUP", "SOCIAL_AUTH_ALLOW_GROUPS"),
    ] {
        let errors = errors_of(serve("", &[(written, "x")]));
        assert!(errors.len() == 1 && errors[0].ends_with(&format!("did you mean {meant}?")), "{errors:?}");
    }
}

#[test]
fn unknown_names_in_the_file_are_errors_with_a_hint() {
    let errors = errors_of(serve("allowed_origin = []\n[simple_jwt]\nissuer = \"x\"", &[])).join("\n");
    assert!(errors.contains("allowed_origin: is not a setting; did you mean allowed_origins?"), "{errors}");
    assert!(errors.contains("simple_jwt: is not a table"), "{errors}");
    let errors = errors_of(serve("social_auth_github_key = \"k\"", &[])).join("\n");
    assert!(errors.contains("belongs in the table [providers.github] as `key`"), "{errors}");
    let errors = errors_of(serve("[providers.githb]\nkey = \"k\"", &[])).join("\n");
    assert!(errors.contains("did you mean github?"), "{errors}");
}

#[test]
fn sec_29_user_controlled_claims_cannot_identify_a_token() {
    for setting in ["USER_ID_CLAIM", "TOKEN_TYPE_CLAIM", "JTI_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM"] {
        let name = format!("SIMPLE_JWT_{setting}");
        for claim in ["username", "first_name", "last_name", "email"] {
            let errors = errors_of(serve("", &[(&name, claim)]));
            let expected = format!("{name}: {claim} is a claim of `-user` tokens whose value the user can choose");
            assert_eq!(errors, [expected]);
        }
        for claim in ["exp", "nbf", "iat", "iss", "aud"] {
            assert_eq!(errors_of(serve("", &[(&name, claim)])), [format!("{name}: is the name of another claim")]);
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
        let errors = errors_of(serve(&format!("[rest_social_user_fields.{field}]\neditable = true"), &renamed));
        assert_eq!(errors.len(), 1, "{field}: {errors:?}");
    }
}

#[test]
fn access_list_entries_that_cannot_match_are_errors() {
    let github = ("SOCIAL_AUTH_GITHUB_KEY", "k");
    for name in ["SOCIAL_AUTH_WHITELISTED_DOMAINS", "SOCIAL_AUTH_DENIED_DOMAINS"] {
        for wrong in
            [".evil.example", "@evil.example", "*.evil.example", "evil.example..", "e vil.example", "a@b.example"]
        {
            let errors = errors_of(serve("", &[github, (name, wrong)]));
            assert_eq!(errors, [format!("{name}: {wrong:?} is not a domain such as example.com")]);
        }
    }
    for wrong in ["evil.example", "@evil.example", "*@evil.example", "a b@evil.example", "a@*.example"] {
        let errors = errors_of(serve("", &[("SOCIAL_AUTH_DENIED_EMAILS", wrong)]));
        assert_eq!(
            errors,
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
fn access_lists_need_the_step_auth_allowed() {
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
        let errors = errors_of(serve("", &[github, open, (&general, entry)]));
        let expected =
            format!("SOCIAL_AUTH_PIPELINE: needs the step auth_allowed, without which {list} has no effect for github");
        assert_eq!(errors, [expected]);
        // Lifted for the only provider.
        let own = format!("SOCIAL_AUTH_GITHUB_{list}");
        assert!(serve("", &[github, open, (&general, entry), (&own, "[]")]).is_ok(), "{list}");
    }
}

#[test]
fn name_without_its_prefix_is_a_warning() {
    let settings = good("", &[("WHITELISTED_DOMAINS", "good.example")]);
    assert_eq!(
        settings.warnings,
        ["WHITELISTED_DOMAINS is not read: the setting is named SOCIAL_AUTH_WHITELISTED_DOMAINS"]
    );
    assert!(settings.users.whitelisted_domains.is_empty());
}

#[test]
fn malformed_file_is_reported_by_line_and_not_quoted() {
    let errors = errors_of(serve("log_format = \"text\"\nsecret_key = \"hidden", &[])).join("\n");
    assert!(errors.contains("line 2"), "{errors}");
    assert!(!errors.contains("hidden"), "{errors}");
}

#[test]
fn empty_value_counts_as_not_set() {
    assert_eq!(good("", &[("MAX_CONNECTIONS", "")]).connections, super::ConnectionRules::default());
    let settings = good("", &[("HTTPS_PROXY", ""), ("SOCIAL_AUTH_GITHUB_KEY", ""), ("REST_KNOX_TOKEN_TTL", "None")]);
    assert!(settings.outgoing.https_proxy.is_none());
    assert!(settings.providers.is_empty());
    assert_eq!(settings.knox.ttl, None);
}

#[test]
fn issuer_that_is_not_the_public_url_is_a_warning_with_asymmetric_keys() {
    let warnings = |algorithm, issuer| {
        good("", &[("SIMPLE_JWT_ALGORITHM", algorithm), ("SIMPLE_JWT_ISSUER", issuer)]).warnings.join("\n")
    };
    assert!(warnings("ES256", "login").contains("SIMPLE_JWT_ISSUER is not https://login.example.com"));
    assert_eq!(warnings("ES256", "https://login.example.com"), "");
    assert_eq!(warnings("HS256", "login"), "");
}

#[test]
fn plain_http_in_the_lists_is_a_warning() {
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
fn call_timeout_is_at_most_ten_seconds() {
    let settings = good("", &[("SOCIAL_AUTH_REQUESTS_TIMEOUT", "60"), ("https_proxy", "127.0.0.1:3128")]);
    assert_eq!(settings.outgoing.timeout, Duration::from_secs(10));
    assert_eq!(settings.warnings.len(), 1);
    assert_eq!(settings.outgoing.https_proxy.map(String::from).as_deref(), Some("http://127.0.0.1:3128/"));
}

#[test]
fn settings_with_errors_are_readable() {
    let (settings, errors) = read_with_errors(&Sources {
        file: Some(std::path::Path::new("/nowhere/at/all.toml")),
        environment: environment(&[("SOCIAL_AUTH_GITHUB_KEY", "k"), ("STATE_POLICY", "maybe")]),
        catalog: &CATALOG,
        ..Sources::default()
    });
    let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(names, ["/nowhere/at/all.toml", "STATE_POLICY"], "what is missing may be in the file");
    assert_eq!(settings.providers.len(), 1);
}

/// A table is the wrong value of every setting but an object, so an error proves that the row is read.
#[test]
fn every_row_of_the_table_is_read() {
    for setting in table::settings() {
        let name = setting.name.to_lowercase();
        let wrong = if setting.kind == ValueType::Object { "[1]" } else { "{ wrong = [1] }" };
        let file = format!("{name} = {wrong}");
        let mut entries = vec![("SECRET_KEY", KEY), ("PUBLIC_URL", "https://login.example.com")];
        entries.retain(|(other, _)| *other != setting.name);
        let errors = errors_of(read_with(Mode::Serve, &file, &entries, 0o600));
        assert!(errors.iter().any(|error| error.starts_with(&format!("{name}: must be"))), "{name}: {errors:?}");
    }
}
