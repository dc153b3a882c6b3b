//! Parameters that one login adds to the authorization URL: `prompt`, `login_hint`, `max_age` and those of single providers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    begin_and_authorize_add_the_parameters_of_the_provider,
    parameters_of_the_server_and_its_operator_are_never_replaced,
    invalid_parameters_are_field_errors,
    requirements_that_a_provider_does_not_support_are_refused,
    auth_time_is_required_and_recent_after_max_age,
    max_age_of_the_settings_is_checked_too,
    acr_is_returned_and_with_require_acr_it_is_checked,
    login_requires_some_of_the_configured_acr_values,
    errors_of_prompt_none_have_their_own_codes,
    scopes_beyond_the_configured_ones_need_a_setting,
}

async fn begin(client: &Client, provider: &str, body: Value) -> Answer {
    client.post(&format!("/api/login/social/begin/{provider}/")).json(&body).send().await
}

/// The query of the authorization URL of the redirect flow.
async fn authorize(browser: &Client, provider: &str, query: &str) -> Vec<(String, String)> {
    let answer = browser.get(&format!("/api/login/social/authorize/{provider}/?{query}")).send().await;
    assert_eq!(answer.status, 303, "{}", answer.headers_and_body());
    let url = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
    url.query_pairs().into_owned().collect()
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

async fn begin_and_authorize_add_the_parameters_of_the_provider(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    let asked = json!({"prompt": "login consent", "login_hint": "ada@example.com", "max_age": 300, "ui_locales": "de en",
        "acr_values": "urn:example:mfa", "hd": "example.com", "next": "/"});
    let begun = app.begin(&browser, "oidc", asked).await;
    for (name, expected) in [
        ("prompt", Some("login consent")),
        ("login_hint", Some("ada@example.com")),
        ("max_age", Some("300")),
        ("ui_locales", Some("de en")),
        ("acr_values", Some("urn:example:mfa")),
        ("hd", None),
        ("next", None),
    ] {
        assert_eq!(begun.parameter(name), expected, "{name} in {}", begun.url);
    }
    let google =
        json!({"hd": "example.com", "access_type": "offline", "include_granted_scopes": true, "ui_locales": "de"});
    let begun = app.begin(&browser, "google-oauth2", google).await;
    assert_eq!((begun.parameter("hd"), begun.parameter("access_type")), (Some("example.com"), None));
    assert_eq!((begun.parameter("include_granted_scopes"), begun.parameter("ui_locales")), (None, None));
    let begun = app.begin(&browser, "github", json!({"login": "ada", "allow_signup": false})).await;
    assert_eq!((begun.parameter("login"), begun.parameter("allow_signup")), (Some("ada"), Some("false")));
    let begun = app.begin(&browser, "twitter", json!({"screen_name": "ada", "login_hint": "ada"})).await;
    assert_eq!((begun.parameter("screen_name"), begun.parameter("login_hint")), (Some("ada"), None));

    let query = authorize(&browser, "oidc", "prompt=select_account&max_age=0&login_hint=a%40b.example").await;
    assert_eq!((value(&query, "prompt"), value(&query, "max_age")), (Some("select_account"), Some("0")));
    assert_eq!(value(&query, "login_hint"), Some("a@b.example"));
}

async fn parameters_of_the_server_and_its_operator_are_never_replaced(engine: Engine) {
    let app = TestApp::builder(engine)
        .oidc()
        .with("SOCIAL_AUTH_OIDC_ACR_VALUES", "urn:example:mfa")
        .with("SOCIAL_AUTH_GOOGLE_OAUTH2_AUTH_EXTRA_ARGUMENTS", r#"{"hd": "company.example"}"#)
        .start()
        .await;
    let browser = app.browser();
    let hostile = json!({"state": "s", "nonce": "n", "client_id": "c", "response_type": "token", "response_mode": "fragment",
        "request": "r", "request_uri": "https://evil.example/", "registration": "x"});
    let plain = app.begin(&browser, "oidc", json!({})).await;
    let begun = app.begin(&browser, "oidc", hostile).await;
    let names = |query: &[(String, String)]| query.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&begun.query), names(&plain.query));
    assert_eq!(begun.parameter("state"), Some(begun.state.as_str()));
    assert_eq!(begun.parameter("response_type"), Some("code"));
    assert_ne!(begun.parameter("nonce"), Some("n"));
    assert_ne!(begun.parameter("client_id"), Some("c"));
    let weaker = begin(&browser, "oidc", json!({"code_challenge": "x", "code_challenge_method": "plain"})).await;
    weaker.problem(400, "invalid_request");

    for (provider, name, other, same) in
        [("oidc", "acr_values", "none", "urn:example:mfa"), ("google-oauth2", "hd", "evil.example", "company.example")]
    {
        let refused = begin(&browser, provider, json!({name: other})).await.problem(400, "invalid_request");
        assert_eq!(refused["errors"], json!({name: ["The server's settings set this parameter."]}));
        assert_eq!(app.begin(&browser, provider, json!({name: same})).await.parameter(name), Some(same));
        assert_eq!(app.begin(&browser, provider, json!({})).await.parameter(name), Some(same));
    }
}

async fn invalid_parameters_are_field_errors(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    for (name, invalid) in [
        ("prompt", json!("none login")),
        ("prompt", json!("login  consent")),
        ("prompt", json!("<script>")),
        ("prompt", json!(["login"])),
        ("login_hint", json!("a\nb")),
        ("login_hint", json!("a\u{0}b")),
        ("login_hint", json!(" ")),
        ("login_hint", json!("x".repeat(256))),
        ("login_hint", json!({"a": 1})),
        ("max_age", json!(-1)),
        ("max_age", json!(1.5)),
        ("max_age", json!("soon")),
        ("max_age", json!(true)),
        ("max_age", json!(4_294_967_296_u64)),
        ("ui_locales", json!("de,en")),
        ("acr_values", json!(null)),
    ] {
        let problem = begin(&browser, "oidc", json!({ name: invalid })).await.problem(400, "invalid_request");
        assert!(problem["errors"][name].is_array(), "{name}: {problem}");
    }
    let both = begin(&browser, "oidc", json!({"prompt": "none login", "max_age": "x"})).await;
    let errors = both.problem(400, "invalid_request")["errors"].clone();
    assert_eq!(errors.as_object().map(|errors| errors.len()), Some(2), "all errors together: {errors}");
    for query in ["max_age=x", "prompt=none%20login", "login_hint=%00"] {
        let answer = browser.get(&format!("/api/login/social/authorize/oidc/?{query}")).send().await;
        answer.problem(400, "invalid_request");
    }
    assert_eq!(app.database.count("authorization_requests").await, 0);
}

async fn requirements_that_a_provider_does_not_support_are_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    // GitHub has no ID token that could prove when the user authenticated.
    for (name, value) in [("max_age", json!(300)), ("max_age", json!(0)), ("acr_values", json!("mfa"))] {
        let problem = begin(&browser, "github", json!({ name: value })).await.problem(400, "invalid_request");
        assert_eq!(problem["errors"], json!({name: ["GitHub does not support this parameter."]}));
    }
    begin(&browser, "facebook", json!({"prompt": "none"})).await.problem(400, "invalid_request");
    // Hints may be sent to any provider.
    let hints = json!({"login_hint": "a", "ui_locales": "de", "domain_hint": "example.com"});
    let begun = app.begin(&browser, "facebook", hints).await;
    for name in ["login_hint", "ui_locales", "domain_hint"] {
        assert_eq!(begun.parameter(name), None, "{name}");
    }
}

/// Signs in through the generic provider, whose ID token has this `auth_time`, in seconds from now.
async fn login_with_auth_time(app: &TestApp, asked: Value, auth_time: Option<i64>) -> Answer {
    let now = app.clock.now().seconds();
    login_with_claim(app, asked, "auth_time", auth_time.map(|seconds| json!(now + seconds))).await
}

async fn login_with_claim(app: &TestApp, asked: Value, name: &'static str, claim: Option<Value>) -> Answer {
    app.fake_users.change_claims(move |claims| {
        claims.as_object_mut().expect("claims").shift_remove(name);
        if let Some(claim) = &claim {
            claims[name] = claim.clone();
        }
    });
    let browser = app.browser();
    let begun = app.begin(&browser, "oidc", asked).await;
    let code = format!("u7~{}", begun.parameter("nonce").expect("a nonce"));
    browser.login("token/oidc", json!({"code": code, "state": begun.state})).await
}

/// A provider may ignore `acr_values`, which is a voluntary claim without REQUIRE_ACR.
async fn acr_is_returned_and_with_require_acr_it_is_checked(engine: Engine) {
    for is_required in [false, true] {
        let app = TestApp::builder(engine)
            .oidc()
            .with("SOCIAL_AUTH_OIDC_ACR_VALUES", "urn:mfa urn:hardware")
            .with("SOCIAL_AUTH_OIDC_REQUIRE_ACR", if is_required { "true" } else { "false" })
            .with("SOCIAL_AUTH_OIDC_EXTRA_DATA", "acr")
            .start()
            .await;
        for acr in [Some(json!("urn:mfa")), Some(json!("urn:pwd")), None, Some(json!(["urn:mfa"]))] {
            let answer = login_with_claim(&app, json!({}), "acr", acr.clone()).await;
            if is_required && acr != Some(json!("urn:mfa")) {
                answer.problem(502, "provider_error");
                continue;
            }
            answer.ok();
            // The acr of an earlier login does not stay.
            let stored = app.database.text("SELECT CAST(extra_data AS TEXT) FROM social_accounts").await;
            let stored: Value = serde_json::from_str(&stored).expect("JSON");
            assert_eq!(stored["acr"], acr.unwrap_or_default());
        }
    }
}

/// For a step that needs a stronger authentication than other logins.
async fn login_requires_some_of_the_configured_acr_values(engine: Engine) {
    let classes = "urn:pwd urn:mfa urn:hardware";
    let arguments = r#"{"acr_values": "urn:pwd urn:mfa urn:hardware"}"#;
    for (name, value) in
        [("SOCIAL_AUTH_OIDC_ACR_VALUES", classes), ("SOCIAL_AUTH_OIDC_AUTH_EXTRA_ARGUMENTS", arguments)]
    {
        let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_REQUIRE_ACR", "true").with(name, value);
        let app = plan.start().await;
        let browser = app.browser();
        let stronger = json!({"acr_values": "urn:hardware urn:mfa"});
        let begun = app.begin(&browser, "oidc", stronger.clone()).await;
        assert_eq!(begun.parameter("acr_values"), Some("urn:hardware urn:mfa"), "{name}");
        assert_eq!(app.begin(&browser, "oidc", json!({})).await.parameter("acr_values"), Some(classes), "{name}");
        for (asked, acr, is_accepted) in [
            (&stronger, "urn:mfa", true),
            (&stronger, "urn:pwd", false),
            (&json!({}), "urn:pwd", true),
            (&json!({}), "urn:none", false),
        ] {
            let answer = login_with_claim(&app, asked.clone(), "acr", Some(json!(acr))).await;
            assert_eq!(answer.status, if is_accepted { 200 } else { 502 }, "{name} {acr}: {}", answer.text);
        }
        // Nothing beyond the settings.
        for other in ["urn:none", "urn:mfa urn:none", "urn:mfa,urn:pwd"] {
            let refused = begin(&browser, "oidc", json!({"acr_values": other})).await.problem(400, "invalid_request");
            assert!(refused["errors"]["acr_values"].is_array(), "{refused}");
        }
    }
}

async fn auth_time_is_required_and_recent_after_max_age(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let five_minutes = json!({"max_age": 300});
    for auth_time in [0, -299, -304] {
        login_with_auth_time(&app, five_minutes.clone(), Some(auth_time)).await.ok();
    }
    for auth_time in [None, Some(-306), Some(-86_400), Some(600)] {
        let refused = login_with_auth_time(&app, five_minutes.clone(), auth_time).await;
        assert_eq!(refused.status, 502, "{auth_time:?}: {}", refused.text);
        refused.problem(502, "provider_error");
    }
    login_with_auth_time(&app, json!({"max_age": 0}), Some(0)).await.ok();
    login_with_auth_time(&app, json!({"max_age": 0}), Some(-60)).await.problem(502, "provider_error");
    // A login without max_age needs no auth_time.
    login_with_auth_time(&app, json!({}), Some(-86_400)).await.ok();
    login_with_auth_time(&app, json!({}), None).await.ok();

    // The user may authenticate while the request is open.
    app.fake_users.change_claims(|claims| claims["auth_time"] = json!(claims["iat"].as_i64().expect("a time") - 200));
    let browser = app.browser();
    let begun = app.begin(&browser, "oidc", json!({"max_age": 0})).await;
    app.advance(Duration::from_secs(240));
    let code = format!("u07~{}", begun.parameter("nonce").expect("a nonce"));
    browser.login("token/oidc", json!({"code": code, "state": begun.state})).await.ok();
}

async fn max_age_of_the_settings_is_checked_too(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_MAX_AGE", "300").start().await;
    // The smaller one counts.
    for (asked, sent) in [(json!({}), "300"), (json!({"max_age": 60}), "60"), (json!({"max_age": 86_400}), "300")] {
        assert_eq!(app.begin(&app.browser(), "oidc", asked).await.parameter("max_age"), Some(sent));
    }
    login_with_auth_time(&app, json!({}), Some(-200)).await.ok();
    login_with_auth_time(&app, json!({}), None).await.problem(502, "provider_error");
    login_with_auth_time(&app, json!({"max_age": 86_400}), Some(-3600)).await.problem(502, "provider_error");
    // Also for a login that did not begin here.
    let now = app.clock.now().seconds();
    for (auth_time, status) in [(now - 200, 200), (now - 3600, 502)] {
        app.fake_users.change_claims(move |claims| claims["auth_time"] = auth_time.into());
        let code = format!("u{}1", "0".repeat(usize::from(status == 502) + 5));
        let answer = app.client().login("token/oidc", json!({"code": code})).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let wrong = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_MAX_AGE", "an hour").try_start().await;
    let errors = wrong.err().expect("an error at start");
    assert!(errors.iter().any(|error| error.to_string().contains("SOCIAL_AUTH_OIDC_MAX_AGE")), "{errors:?}");
}

async fn errors_of_prompt_none_have_their_own_codes(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    for code in ["login_required", "consent_required", "account_selection_required", "interaction_required"] {
        let browser = app.browser();
        let begun = app.begin(&browser, "oidc", json!({"prompt": "none"})).await;
        let callback = json!({"error": code, "error_description": "x", "state": begun.state});
        browser.login("token/oidc", callback.clone()).await.problem(400, code);
        // The state is used up.
        browser.login("token/oidc", json!({"code": "u1", "state": begun.state})).await.problem(400, "state_mismatch");

        let query = authorize(&browser, "oidc", "prompt=none&next=https://front.example/cb").await;
        let state = value(&query, "state").expect("a state");
        let path = format!("/api/login/social/complete/oidc/?error={code}&state={state}");
        let answer = browser.get(&path).send().await;
        assert_eq!(answer.header("location"), Some(format!("https://front.example/cb?error={code}").as_str()));
    }
}

async fn scopes_beyond_the_configured_ones_need_a_setting(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SOCIAL_AUTH_GITHUB_SCOPE", "read:user,user:email")
        .with("SOCIAL_AUTH_GITHUB_OPTIONAL_SCOPE", "repo")
        .start()
        .await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({"scope": ["read:user", "repo"]})).await;
    assert_eq!(begun.parameter("scope"), Some("read:user,repo"));
    assert_eq!(
        app.begin(&browser, "github", json!({"scope": ""})).await.parameter("scope"),
        Some("read:user,user:email")
    );
    for scope in [json!("delete_repo"), json!(["repo", "delete_repo"]), json!("repo,delete_repo"), json!("REPO")] {
        let problem = begin(&browser, "github", json!({ "scope": scope })).await.problem(400, "invalid_request");
        assert!(problem["errors"]["scope"].is_array(), "{problem}");
    }
    // Any site can link to this route.
    let linked = browser.get("/api/login/social/authorize/github/?scope=repo").send().await;
    linked.problem(400, "invalid_request");
    assert_eq!(browser.get("/api/login/social/authorize/github/?scope=user:email").send().await.status, 303);
}
