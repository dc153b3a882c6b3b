//! `providers check` and `doctor`: what they report, and that they send no credentials.

use super::*;

/// Provider doubles and a valid environment that uses them.
struct Setup {
    double: Double,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Setup {
    async fn new(database: &Database) -> Self {
        let double = Double::start().await;
        FakeUsers::default().answer(&double);
        let authority = double.authority().to_str().expect("a path in UTF-8").to_owned();
        let environment = [
            ("DATABASE_URL", database.url()),
            ("SECRET_KEY", SECRET_KEY),
            ("PUBLIC_URL", "https://login.example"),
            ("ALLOWED_ORIGINS", FRONTEND),
            ("ALLOWED_REDIRECT_URIS", REDIRECT_URI),
            ("STATE_POLICY", "required"),
            ("HTTPS_PROXY", double.proxy()),
            ("SSL_CERT_FILE", &authority),
            ("SOCIAL_AUTH_GITHUB_KEY", CLIENT_ID),
            ("SOCIAL_AUTH_GITHUB_SECRET", CLIENT_SECRET),
            ("SOCIAL_AUTH_OIDC_KEY", CLIENT_ID),
            ("SOCIAL_AUTH_OIDC_SECRET", CLIENT_SECRET),
            ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", ISSUER),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { double, folder: TempDir::new().expect("a temporary folder"), environment }
    }

    async fn run(&self, arguments: &[&str], further: &[(&str, &str)]) -> CommandOutput {
        let mut environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        environment.extend_from_slice(further);
        run(arguments, &environment, self.folder.path()).await
    }

    async fn check(&self, name: &str, further: &[(&str, &str)]) -> CommandOutput {
        self.run(&["providers", "check", name, "--json"], further).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_check_sends_credentials_to_the_token_endpoint_only() {
    let setup = Setup::new(&Database::create(Engine::Sqlite).await).await;
    let both = setup.run(&["providers", "check"], &[]).await.success().stdout;
    assert!(both.starts_with("github\n") && both.contains("\noidc\n") && !both.contains("error  "), "{both}");

    let github = setup.check("github", &[]).await.success();
    github.assert_finding(true, "authorization endpoint https://github.com/login/oauth/authorize");
    github.assert_finding(true, "token endpoint https://github.com/login/oauth/access_token");
    github.assert_finding(true, "profile endpoint https://api.github.com/user");
    let own = "https://login.example/api/login/social/complete/github/";
    let uris = &github.json()["areas"][0]["redirect_uris"];
    let expected = json!([REDIRECT_URI, "https://login.example/", format!("{FRONTEND}/"), own]);
    assert_eq!(uris, &expected);

    let oidc = setup.check("oidc", &[]).await.success();
    oidc.assert_finding(true, "discovery document https://id.example/.well-known/openid-configuration");
    oidc.assert_finding(true, "keys that sign ID tokens");
    oidc.assert_finding(true, "token endpoint https://id.example/token");

    let is_token_request = |call: &Call| call.body.contains("grant_type=authorization_code");
    let (token_requests, others): (Vec<_>, Vec<_>) = setup.double.calls().into_iter().partition(is_token_request);
    // One for each check of a provider.
    assert_eq!(token_requests.len(), 4);
    assert!(token_requests.iter().all(|call| [GITHUB_TOKEN, OIDC_TOKEN].contains(&call.endpoint().as_str())));
    for call in others {
        let sent = format!("{call:?}");
        assert!(!sent.contains(CLIENT_ID) && !sent.contains(CLIENT_SECRET), "{sent}");
        assert!(call.header("authorization").is_none() && call.body.is_empty(), "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_e16_wrong_client_secret_is_found() {
    let setup = Setup::new(&Database::create(Engine::Sqlite).await).await;
    setup.check("github", &[]).await.success().assert_finding(true, "client ID and secret");
    setup.check("oidc", &[]).await.success().assert_finding(true, "client ID and secret");
    let incorrect =
        json!({"error": "incorrect_client_credentials", "error_description": "The client_id is incorrect."});
    setup.double.always(GITHUB_TOKEN, Reply::json(&incorrect));
    setup.double.always(OIDC_TOKEN, Reply::json_at(401, &json!({"error": "invalid_client"})));
    for (name, setting) in [("github", "SOCIAL_AUTH_GITHUB_SECRET"), ("oidc", "SOCIAL_AUTH_OIDC_SECRET")] {
        let output = setup.check(name, &[]).await;
        assert_eq!(output.status, Some(1), "{}", output.stdout);
        output.assert_finding(false, "provider_rejected_client");
        output.assert_finding(false, setting);
    }
    assert_eq!(setup.run(&["doctor", "--json"], &[]).await.status, Some(1));
    // An answer that is about neither the client nor the code proves nothing.
    setup.double.always(OIDC_TOKEN, Reply::json_at(500, &json!({})));
    setup.check("oidc", &[]).await.assert_finding(true, "client ID and secret: cannot be checked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_check_reports_each_problem() {
    let setup = Setup::new(&Database::create(Engine::Sqlite).await).await;
    let check_fails = async |further: &[(&str, &str)], part: &str| {
        let output = setup.check("oidc", further).await;
        assert_eq!(output.status, Some(1), "{part}: {}{}", output.stdout, output.stderr);
        output.assert_finding(false, part);
    };
    let issuer = [("SOCIAL_AUTH_OIDC_ID_TOKEN_ISSUER", "https://other.example")];
    check_fails(&issuer, "has another issuer; set SOCIAL_AUTH_OIDC_OIDC_ENDPOINT").await;
    check_fails(&[("SOCIAL_AUTH_OIDC_JWT_ALGORITHMS", "ES256")], "SOCIAL_AUTH_OIDC_JWT_ALGORITHMS").await;
    check_fails(&[("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", "https://id.example/nowhere")], "status 404").await;
    check_fails(&[("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", "")], "SOCIAL_AUTH_OIDC_OIDC_ENDPOINT").await;
    check_fails(&[("SOCIAL_AUTH_OIDC_SECRET", "\"quoted\"")], "SECRET of oidc").await;
    check_fails(&[("SSL_CERT_FILE", "")], "set SSL_CERT_FILE to trust a further certificate authority").await;
    check_fails(&[("HTTPS_PROXY", "http://127.0.0.1:1")], "could not be reached").await;
    check_fails(&[("SSL_CERT_FILE", "/nowhere.pem")], "SSL_CERT_FILE").await;
    setup.double.always(OIDC_KEYS, Reply::json(&json!({"keys": []})));
    check_fails(&[], "keys that sign ID tokens: no key is for").await;

    let warnings =
        setup.check("oidc", &[("SOCIAL_AUTH_OIDC_USE_PKCE", "false"), ("SOCIAL_AUTH_OIDC_SECRET", "")]).await;
    warnings.assert_finding(true, "SOCIAL_AUTH_OIDC_USE_PKCE: the provider supports PKCE");
    warnings.assert_finding(true, "SOCIAL_AUTH_OIDC_SECRET: is not set");

    for (name, part) in [("gitlab", "SOCIAL_AUTH_GITLAB_KEY"), ("githb", "github")] {
        let output = setup.check(name, &[]).await;
        assert_eq!(output.status, Some(1));
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_accepts_a_valid_configuration() {
    let database = Database::create(Engine::Sqlite).await;
    let setup = Setup::new(&database).await;
    let valid = setup.run(&["doctor", "--json"], &[]).await.success();
    for part in [
        "all settings are valid",
        "has the tables of this release",
        "a login could be written",
        "clock agrees with",
        "calls go through 127.0.0.1",
        "SSL_CERT_FILE: /",
        "STATE_POLICY required",
        // fault_e2
        "ALLOWED_ORIGINS https://front.example: is another site than PUBLIC_URL",
        "token endpoint https://github.com/login/oauth/access_token",
        "keys that sign ID tokens",
    ] {
        valid.assert_finding(true, part);
    }
    assert_eq!(valid.json()["ok"], true);
    let text = setup.run(&["doctor"], &[]).await.success().stdout;
    assert!(text.starts_with("settings\n") && !text.contains("error  "), "{text}");
    assert!(!text.contains(CLIENT_SECRET) && !text.contains(SECRET_KEY), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_reports_every_error_of_a_broken_configuration() {
    let database = Database::create(Engine::Sqlite).await;
    let setup = Setup::new(&database).await;
    let file = setup.folder.path().join("settings.toml");
    std::fs::write(&file, "[providers.gitlab]\nkee = 'x'\n").expect("a file in the temporary folder");
    let further = [
        ("REST_SOCIAL_AUTH_CONFIG", file.to_str().expect("UTF-8")),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "login.example"),
        ("STATE_POLICY", "sometimes"),
        ("AUDIT_RETENTION", "-1"),
        ("SSL_CERT_FILE", "/nowhere.pem"),
        ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", ""),
        ("DATABASE_URL", "sqlite:///nowhere/at/all.db"),
    ];
    let broken = setup.run(&["doctor", "--json"], &further).await;
    assert_eq!(broken.status, Some(1));
    for part in
        ["SECRET_KEY", "PUBLIC_URL", "STATE_POLICY", "AUDIT_RETENTION", "SSL_CERT_FILE", "OIDC_ENDPOINT", "gitlab.kee"]
    {
        broken.assert_finding(false, part);
    }
    broken.assert_finding(true, "/nowhere/at/all.db does not exist");
    assert!(broken.stderr.ends_with("errors must be fixed\n"), "{}", broken.stderr);

    let unreadable =
        [("REST_SOCIAL_AUTH_CONFIG", "/nowhere.toml"), ("DATABASE_URL", "postgres://u:pw-9@127.0.0.1:1/d")];
    let unreadable = setup.run(&["doctor", "--json"], &unreadable).await;
    unreadable.assert_finding(false, "/nowhere.toml: cannot be read");
    unreadable.assert_finding(false, "DATABASE_URL: 127.0.0.1:1/d cannot be opened");
    assert!(!unreadable.stdout.contains("pw-9"), "{}", unreadable.stdout);

    for command in [&["list"][..], &["show", "github"], &["guide", "github"], &["check"]] {
        let arguments = [&["providers"], command, &["--config", "/nowhere.toml"]].concat();
        let refused = setup.run(&arguments, &[]).await;
        assert_eq!(refused.status, Some(2), "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("/nowhere.toml: cannot be read"), "{command:?}: {}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_reports_clock_skew_missing_keys_and_old_schemas() {
    let database = Database::create(Engine::Sqlite).await;
    let setup = Setup::new(&database).await;
    let date = "Tue, 05 Jan 2021 10:00:00 GMT";
    setup.double.rule(move |_| Some(Reply::json(&json!({})).with_header("date", date)));
    let skewed = setup.run(&["doctor", "--json"], &[]).await;
    assert_eq!(skewed.status, Some(1));
    skewed.assert_finding(false, "s ahead of that of");

    database.run("ALTER TABLE audit_events RENAME TO elsewhere").await;
    let unwritable = setup.run(&["doctor", "--json"], &[]).await;
    unwritable.assert_finding(false, "no login can be written: ");
    unwritable.assert_finding(false, "audit_events");
    database.run("ALTER TABLE elsewhere RENAME TO audit_events").await;

    database.run("INSERT INTO users (id, username, created) VALUES (1, 'ana', 5)").await;
    database
        .run(
            "INSERT INTO social_accounts (id, user_id, provider, uid, extra_data, created, modified, encrypted_tokens)
             VALUES (5, 1, 'github', '303', '{}', 5, 5, X'0161FF')",
        )
        .await;
    let keys = [("STORE_PROVIDER_TOKENS", "true"), ("ENCRYPTION_KEYS", KEY_B)];
    let missing_key = setup.run(&["doctor", "--json"], &keys).await;
    missing_key.assert_finding(false, "ENCRYPTION_KEYS: none decrypts 1 provider tokens");

    let empty = setup.folder.path().join("empty.db");
    std::fs::write(&empty, "").expect("a file in the temporary folder");
    let url = format!("sqlite://{}", empty.display());
    let old_schema = setup.run(&["doctor", "--json"], &[("DATABASE_URL", &url)]).await;
    old_schema.assert_finding(true, "run `rest-social-auth migrate`");

    let later = |version: i64, name: &str| {
        format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES ({version}, '{name}', TRUE, X'00', 0)"
        )
    };
    database.run(&later(9998, "expand of a later release")).await;
    let usable = setup.run(&["doctor", "--json"], &[]).await;
    usable.assert_finding(true, "the schema is ahead");
    database.run(&later(9999, "of a later release")).await;
    let ahead = setup.run(&["doctor", "--json"], &[]).await;
    assert_eq!(ahead.status, Some(1));
    ahead.assert_finding(false, "the database was made by a later release");
}
