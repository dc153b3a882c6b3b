//! R-ERR: problem documents of failed logins. Failures of the provider's server are in `provider_failures.rs`.

use serde_json::{Value, json};

use crate::support::fake_users::{FACEBOOK_TOKEN, GITHUB_TOKEN, GITHUB_USER, GOOGLE_TOKEN, GOOGLE_USER};
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    r_err_01_to_03_invalid_requests,
    r_err_10_invalid_code_and_provider_error_are_distinguished,
    r_err_10_rejected_client_credentials_are_a_provider_error,
    r_err_11_errors_contain_no_url_or_secret,
    r_err_12_error_in_the_callback_takes_precedence,
    r_err_13_error_in_a_200_answer_is_an_error,
    r_err_14_and_15_answer_without_a_token_is_a_provider_error,
    r_err_18_allow_lists_refuse_other_users,
    r_err_20_google_profile_without_email_signs_in,
    r_err_21_profile_values_of_wrong_types_cause_no_500,
    verbose_errors_contain_the_error_description_of_the_provider,
    failed_profile_call_is_a_provider_error,
}

async fn r_err_01_to_03_invalid_requests(engine: Engine) {
    let app = TestApp::start(engine).await;
    let post = |body: Value| {
        let client = app.client();
        async move { client.login("token", body).await }
    };
    post(json!({"code": "u1"})).await.problem(400, "provider_missing");
    post(json!({"code": "u1", "provider": "nope"})).await.problem(404, "unknown_provider");
    // In the catalog, but not configured.
    post(json!({"code": "u1", "provider": "instagram"})).await.problem(404, "unknown_provider");
    post(json!({"provider": "facebook"})).await.problem(400, "invalid_request");
}

async fn r_err_10_invalid_code_and_provider_error_are_distinguished(engine: Engine) {
    let app = TestApp::start(engine).await;
    for provider in ["github", "facebook", "google-oauth2"] {
        let answer = app.client().login(&format!("token/{provider}"), json!({"code": "bad"})).await;
        answer.problem(400, "invalid_code");
    }
    for status in [403, 404, 418, 429, 500, 502, 503] {
        app.double.always(GOOGLE_TOKEN, Reply::json_at(status, &json!({"error": "server_error"})));
        let body = json!({"code": format!("u{status}")});
        app.client().login("token/google-oauth2", body).await.problem(502, "provider_error");
    }
    assert_eq!(app.database.count("users").await, 0);
}

async fn r_err_10_rejected_client_credentials_are_a_provider_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.always(GOOGLE_TOKEN, Reply::json_at(401, &json!({"error": "invalid_client"})));
    app.client().login("token/google-oauth2", json!({"code": "u1"})).await.problem(502, "provider_error");
    app.double.always(GITHUB_TOKEN, Reply::json(&json!({"error": "incorrect_client_credentials"})));
    app.client().login("token/github", json!({"code": "u1"})).await.problem(502, "provider_error");
}

async fn r_err_11_errors_contain_no_url_or_secret(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_VERBOSE_ERRORS", "True").start().await;
    app.double.always(FACEBOOK_TOKEN, Reply::Reset);
    let answer = app.client().login("token/facebook", json!({"code": "u1-code-of-facebook"})).await;
    answer.problem(502, "provider_error");
    for secret in [crate::support::fake_users::CLIENT_SECRET, "u1-code-of-facebook", "graph.facebook.com/", "://"] {
        assert!(!answer.text.contains(secret), "{secret} in {}", answer.text);
    }
}

async fn r_err_12_error_in_the_callback_takes_precedence(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (provider, callback, code) in [
        ("github", json!({"error": "access_denied"}), "access_denied"),
        ("github", json!({"error": "access_denied", "code": "u1"}), "access_denied"),
        ("google-oauth2", json!({"error": "access_denied", "error_description": "no"}), "access_denied"),
        ("facebook", json!({"error_code": "200", "error_message": "Permissions error"}), "access_denied"),
        ("twitter", json!({"denied": "rt-1"}), "access_denied"),
        ("github", json!({"denied": "yes"}), "access_denied"),
    ] {
        let answer = app.client().login(&format!("token/{provider}"), callback.clone()).await;
        answer.problem(400, code);
    }
    for error in ["server_error", "temporarily_unavailable", "redirect_uri_mismatch", "application_suspended"] {
        let answer = app.client().login("token/github", json!({"error": error, "code": "u1"})).await;
        answer.problem(400, "callback_error");
    }
    assert!(app.double.calls().is_empty(), "no provider call");
}

async fn r_err_13_error_in_a_200_answer_is_an_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (error, status, code) in [
        ("bad_verification_code", 400, "invalid_code"),
        ("access_denied", 400, "access_denied"),
        ("server_error", 502, "provider_error"),
    ] {
        app.double.always(GITHUB_TOKEN, Reply::json(&json!({"error": error, "error_description": "text"})));
        app.client().login("token/github", json!({"code": format!("u1-{error}")})).await.problem(status, code);
    }
}

async fn r_err_14_and_15_answer_without_a_token_is_a_provider_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, reply) in [
        Reply::json(&json!({})),
        Reply::json(&json!({"access_token": null})),
        Reply::json(&json!({"access_token": ""})),
        Reply::json(&json!({"access_token": {"a": 1}})),
        Reply::json(&json!([])),
        Reply::json(&json!("token")),
        Reply::of(200, "text/html", "<html>"),
        Reply::of(200, "application/json", ""),
        Reply::of(200, "application/json", "{\"access_token\": \"a\""),
    ]
    .into_iter()
    .enumerate()
    {
        for (provider, place) in
            [("github", GITHUB_TOKEN), ("google-oauth2", GOOGLE_TOKEN), ("facebook", FACEBOOK_TOKEN)]
        {
            app.double.always(place, reply.clone());
            let answer = app.client().login(&format!("token/{provider}"), json!({"code": format!("u{n}")})).await;
            assert_eq!(answer.status, 502, "{provider} {reply:?}: {}", answer.text);
            answer.problem(502, "provider_error");
        }
    }
    assert_eq!(app.database.count("users").await, 0);
}

async fn r_err_18_allow_lists_refuse_other_users(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_WHITELISTED_DOMAINS", "example.com,EXAMPLE.net");
    // These two providers do not mark the addresses as verified.
    let plan = plan.with("ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL", "true");
    let app = plan.with("SOCIAL_AUTH_FACEBOOK_WHITELISTED_EMAILS", r#"["user7@example.org"]"#).start().await;
    app.login("token", "u1").await.ok();
    let profile = |n: i64, email: Value| json!({"id": n, "login": format!("p{n}"), "name": "A B", "email": email});
    app.fake_users.set_profile("github", "u2", profile(2, json!("A@Example.NET")));
    app.login("token", "u2").await.ok();
    for (n, email) in [(3, json!("a@sub.example.com")), (4, json!("a@example.com.evil.example")), (5, json!(null))] {
        let code = format!("u{n}");
        app.fake_users.set_profile("github", &code, profile(n, email));
        app.login("token", &code).await.problem(403, "not_allowed");
    }
    app.client().login("token/facebook", json!({"code": "u8"})).await.ok();
    assert_eq!(app.database.count("users").await, 3);
}

async fn r_err_20_google_profile_without_email_signs_in(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.fake_users.set_profile("google-oauth2", "u1", json!({"sub": "1", "name": "A B"}));
    app.client().login("token/google-oauth2", json!({"code": "u1"})).await.ok();
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 1));
}

async fn r_err_21_profile_values_of_wrong_types_cause_no_500(engine: Engine) {
    let app = TestApp::start(engine).await;
    let profiles = [
        json!({"id": 1, "login": 5, "name": "A B", "email": "a@example.com"}),
        json!({"id": 2, "login": "a", "name": ["A"], "email": "a@example.com"}),
        json!({"id": 3, "login": "a", "name": "A B", "email": true}),
        json!({"id": 4, "login": {"a": 1}, "name": 7, "email": []}),
        json!({"id": {"a": 1}, "login": "a", "name": "A B", "email": "a@example.com"}),
        json!({"id": [1], "login": "a", "name": "A B", "email": "a@example.com"}),
        json!({"id": true, "login": "a", "name": "A B", "email": "a@example.com"}),
        json!([{"id": 5}]),
        json!("text"),
    ];
    for (n, profile) in profiles.into_iter().enumerate() {
        let code = format!("u{n}");
        app.fake_users.set_profile("github", &code, profile.clone());
        let answer = app.login("token_user", &code).await;
        assert!(matches!(answer.status, 200 | 502), "{profile}: {} {}", answer.status, answer.text);
        if answer.status == 502 {
            answer.problem(502, "provider_error");
        }
    }
    let users = app.database.count("users").await;
    assert_eq!(users, app.database.count("social_accounts").await, "every user has an account");
    assert!(users <= 4, "an id that is neither a text nor a number creates no user");
}

async fn verbose_errors_contain_the_error_description_of_the_provider(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_VERBOSE_ERRORS", "True").start().await;
    let answer = app.client().login("token/github", json!({"code": "bad"})).await;
    let detail = answer.problem(400, "invalid_code")["detail"].to_string();
    assert!(detail.contains("The code passed is incorrect or expired."), "{detail}");
    let app = TestApp::start(engine).await;
    let answer = app.client().login("token/github", json!({"code": "bad"})).await;
    let detail = answer.problem(400, "invalid_code")["detail"].to_string();
    assert!(!detail.contains("incorrect or expired."), "{detail}");
}

async fn failed_profile_call_is_a_provider_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    for status in [400, 401, 403, 404, 429, 500, 503] {
        app.double.always(GITHUB_USER, Reply::json_at(status, &json!({"message": "no"})));
        app.login("token", &format!("u{status}")).await.problem(502, "provider_error");
    }
    app.double.always(GOOGLE_USER, Reply::json(&json!({"email": "a@example.com", "email_verified": true})));
    app.client().login("token/google-oauth2", json!({"code": "u1"})).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
}
