//! Settings validation, and invalid characters in provider responses.

use std::os::unix::fs::PermissionsExt as _;

use rest_social_auth::settings::SettingError;
use serde_json::{Value, json};

use crate::support::fake_users::{GITHUB_TOKEN, GITHUB_USER};
use crate::support::{Call, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    fault_a18_ignored_setting_is_reported_and_has_no_effect,
    fault_a19_reserved_extra_arguments_are_refused_at_start,
    generation_claim_cannot_be_renamed_to_another_claim,
    fault_a28_weak_secret_key_stops_the_start,
    fault_c08_invalid_characters_in_a_response_do_not_fail_a_login,
    fault_c08_invalid_characters_in_a_request_are_accepted,
}

fn names(errors: Vec<SettingError>) -> Vec<String> {
    errors.into_iter().map(|error| error.name).collect()
}

async fn fault_a18_ignored_setting_is_reported_and_has_no_effect(engine: Engine) {
    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_AZUREAD_OAUTH2_KEY", "k")
        .with("SOCIAL_AUTH_AZUREAD_OAUTH2_SECRET", "s");
    let plan = plan.with("SOCIAL_AUTH_AUTHORITY_HOST", "evil.example").with("SOCIAL_AUTH_TENANT_ID", "evil");
    let app = plan.with("SOCIAL_AUTH_API_URL", "https://evil.example").start().await;
    // The settings decide the URL of Microsoft's discovery document, which is fetched first.
    let begun = app.client().post("/api/login/social/begin/azuread-oauth2/").json(&json!({})).send().await;
    assert!(!begun.text.contains("evil"), "{}", begun.text);
    let places: Vec<String> = app.double.calls().iter().map(Call::endpoint).collect();
    assert!(places.iter().any(|place| place.contains("login.microsoftonline.com/")), "{places:?}");
    assert!(!places.iter().any(|place| place.contains("evil")), "{places:?}");
}

async fn fault_a19_reserved_extra_arguments_are_refused_at_start(engine: Engine) {
    for parameter in
        ["state", "nonce", "code_challenge", "code_challenge_method", "redirect_uri", "client_id", "response_type"]
    {
        let arguments = json!({parameter: "fixed"}).to_string();
        for name in ["SOCIAL_AUTH_GITHUB_AUTH_EXTRA_ARGUMENTS", "SOCIAL_AUTH_AUTH_EXTRA_ARGUMENTS"] {
            let started = TestApp::builder(engine).with(name, &arguments).try_start().await;
            let errors = names(started.err().unwrap_or_else(|| panic!("{name}: {arguments}")));
            assert!(errors.contains(&name.to_owned()), "{errors:?}");
        }
    }
}

async fn generation_claim_cannot_be_renamed_to_another_claim(engine: Engine) {
    for name in [
        "SIMPLE_JWT_USER_ID_CLAIM",
        "SIMPLE_JWT_JTI_CLAIM",
        "SIMPLE_JWT_TOKEN_TYPE_CLAIM",
        "SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM",
    ] {
        let started = TestApp::builder(engine).with(name, "gen").try_start().await;
        let errors = names(started.err().unwrap_or_else(|| panic!("{name} is the generation claim")));
        assert_eq!(errors, [name]);
    }
    let fields = json!({"gen": {"type": "string"}}).to_string();
    let started = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", &fields).try_start().await;
    assert!(started.is_err(), "a declared field becomes a claim of -user tokens");
}

async fn fault_a28_weak_secret_key_stops_the_start(engine: Engine) {
    let weak = "a".repeat(64);
    let bytes = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    for (name, value) in [
        ("SECRET_KEY", weak.as_str()),
        ("SECRET_KEY", "abcabcabcabcabcabcabcabcabcabcabcabcabcabc"),
        ("SIMPLE_JWT_SIGNING_KEY", weak.as_str()),
        ("ENCRYPTION_KEYS", &format!("a:{bytes}")),
        ("WEBHOOK_SECRETS", &format!("whsec_{bytes}")),
    ] {
        let plan = TestApp::builder(engine)
            .with("STORE_PROVIDER_TOKENS", "true")
            .with("WEBHOOK_URL", "https://hooks.example/users");
        let plan = plan.with("WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let errors = plan.with(name, value).try_start().await.err().unwrap_or_else(|| panic!("{name} is weak"));
        assert!(!format!("{errors:?}").contains(value), "no part of a key is shown");
        assert_eq!(names(errors), [name]);
    }
    // A key file that every user may change.
    let key = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(key.path(), "3f0c9a4be1d27765c08e3fb2915ad46b7c01e8f2946d3a5b").expect("a key");
    for mode in [0o604, 0o602, 0o606] {
        std::fs::set_permissions(key.path(), std::fs::Permissions::from_mode(mode)).expect("rights");
        let path = key.path().display().to_string();
        let plan = TestApp::builder(engine).with("SECRET_KEY", "").with("SECRET_KEY_FILE", &path);
        let errors = plan.try_start().await.err().unwrap_or_else(|| panic!("{mode:o}"));
        assert!(names(errors).contains(&"SECRET_KEY_FILE".to_owned()));
    }
}

async fn fault_c08_invalid_characters_in_a_response_do_not_fail_a_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let documents: [&[u8]; 6] = [
        br#"{"id": 7, "login": "nell", "name": "Nell \ud83d", "email": "nell@example.com", "bio": "hi \ud83d"}"#,
        br#"{"id": 7, "login": "nell", "name": "Nell \ude00", "email": "nell@example.com"}"#,
        b"{\"id\": 7, \"login\": \"nell\", \"name\": \"Nell \xff\", \"email\": \"nell@example.com\"}",
        b"\xef\xbb\xbf{\"id\": 7, \"login\": \"nell\", \"name\": \"Nell\", \"email\": \"nell@example.com\"}",
        b"{\"id\": 7, \"login\": \"nell\", \"name\": \"Nell\x01\n\", \"email\": \"nell@example.com\"}",
        br#"{"id": 7, "login": "nell", "\ud83d": "x", "name": "Nell", "email": "nell@example.com", "a": ["\udfff"]}"#,
    ];
    for (n, document) in documents.into_iter().enumerate() {
        app.double.always(GITHUB_USER, Reply::of(200, "application/json", document));
        let user = app.login("token_user", &format!("u{}", n + 1)).await.ok();
        assert_eq!((&user["username"], &user["email"]), (&json!("nell"), &json!("nell@example.com")), "{n}");
        assert!(user["first_name"].as_str().is_some_and(|name| name.starts_with("Nell")), "{user}");
    }
    assert_eq!(app.database.count("users").await, 1);
    // The token response.
    app.double.always(GITHUB_USER, Reply::json(&json!({"id": 7, "login": "nell"})));
    let token = b"\xef\xbb\xbf{\"access_token\": \"gho_x\", \"token_type\": \"bearer\", \"note\": \"\\ud83d\"}";
    app.double.always(GITHUB_TOKEN, Reply::of(200, "application/json", *token));
    app.login("token_user", "u20").await.ok();
    // A response that is not JSON is an error.
    app.double.always(GITHUB_TOKEN, Reply::json(&json!({"access_token": "gho_x", "token_type": "bearer"})));
    app.double.always(GITHUB_USER, Reply::of(200, "application/json", "{\"id\": 7, \"login\": \"\\ud83d"));
    app.login("token_user", "u30").await.problem(502, "provider_error");
}

async fn fault_c08_invalid_characters_in_a_request_are_accepted(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_EDITABLE_USER_FIELDS", "first_name").start().await;
    let post = |kind: &'static str, body: &'static [u8]| {
        app.client().post("/api/login/social/token_user/github/").body(kind, body)
    };
    post("application/json", br#"{"code": "u1", "note": "\ud83d"}"#).send().await.ok();
    post("application/json", b"\xef\xbb\xbf{\"code\": \"u2\", \"note\": \"\xff\"}").send().await.ok();
    post("application/x-www-form-urlencoded", b"code=u3&note=%ed%a0%bd").send().await.ok();
    let authorization = format!("Token {}", app.token("token", "u4").await);
    let edit = app.client().request("PATCH", "/api/user/").header("authorization", &authorization);
    let user: Value = edit.body("application/json", br#"{"first_name": "Nell \ud83d"}"#.to_vec()).send().await.ok();
    assert_eq!(user["first_name"], "Nell \u{fffd}");
}
