//! SEC-8 to SEC-11: redirect URIs and origins match an allow list exactly.

use serde_json::json;

use crate::support::fake_users::GITHUB_TOKEN;
use crate::support::test_app::read_settings;
use crate::support::{Engine, FRONTEND, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    sec_08_redirect_uri_must_match_an_allowed_uri_exactly,
    sec_08_loopback_redirect_uri_may_have_any_port,
    sec_08_origin_must_match_an_allowed_origin_exactly,
    sec_09_headers_do_not_choose_the_redirect_uri,
    sec_10_private_scheme_redirect_uri_must_match_exactly,
    sec_11_no_url_contains_a_credential,
}

async fn sec_08_redirect_uri_must_match_an_allowed_uri_exactly(engine: Engine) {
    let app = TestApp::start(engine).await;
    let port = app.node.base.rsplit(':').next().expect("a port").to_owned();
    let own_elsewhere = format!("http://localhost:{port}/");
    for evil in [
        "https://evil.example",
        "https://front.example.evil.example/cb",
        "https://front.example@evil.example/cb",
        "https://front.example/cb/../x",
        "https://front.example/./cb",
        "http://front.example/cb",
        "https://FRONT.example/cb",
        "https://front.example./cb",
        "https://front.example/cb/",
        "https://front.example/%63b",
        "https://front.example/cb%2f",
        "https://front.example\\cb",
        "https://front.example/cb\n",
        "https://front.example/cb ",
        " https://front.example/cb",
        "https://user@front.example/cb",
        "https://front.example:443/cb",
        "https://fr\u{43e}nt.example/cb",
        "https://front.example/cb?next=https://evil.example",
        "https://front.example/cb#x",
        "//front.example/cb",
        "/cb",
        "not a uri",
        &own_elsewhere,
    ] {
        let body = json!({"code": "u1", "redirect_uri": evil});
        for path in
            ["/api/login/social/token/github/", "/api/login/social/begin/github/", "/api/login/social/token/twitter/"]
        {
            let answer = app.client().post(path).json(&body).send().await;
            answer.problem(400, "redirect_uri_not_allowed");
        }
    }
    assert!(app.double.calls().is_empty());
    app.client().login("token/github", json!({"code": "u1", "redirect_uri": REDIRECT_URI})).await.ok();
}

async fn sec_08_loopback_redirect_uri_may_have_any_port(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("ALLOWED_REDIRECT_URIS", "http://127.0.0.1/app,https://front.example/cb")
        .start()
        .await;
    let good = json!({"code": "u1", "redirect_uri": "http://127.0.0.1:49152/app"});
    app.client().login("token/github", good).await.ok();
    for evil in [
        "http://127.0.0.1:49152/other",
        "https://127.0.0.1:49152/app",
        "http://127.0.0.1:1@evil.example/app",
        "http://127.0.0.2:49152/app",
        "http://localhost:49152/app",
        "https://front.example:8443/cb",
    ] {
        let body = json!({"code": "u2", "redirect_uri": evil});
        app.client().login("token/github", body).await.problem(400, "redirect_uri_not_allowed");
    }
}

async fn sec_08_origin_must_match_an_allowed_origin_exactly(engine: Engine) {
    let origins: [&[&str]; 8] = [
        &["null"],
        &["https://evil.example"],
        &["https://front.example.evil.example"],
        &["https://front.example/path"],
        &["https://front.example:444"],
        &["http://front.example"],
        &[FRONTEND, "https://evil.example"],
        &[FRONTEND, FRONTEND],
    ];
    let app = TestApp::start(engine).await;
    let ignoring = TestApp::builder(engine).with("REST_SOCIAL_DOMAIN_FROM_ORIGIN", "False").start().await;
    for (n, values) in origins.iter().enumerate() {
        let with = |app: &TestApp, path: &str| {
            values.iter().fold(app.client().post(path), |request, value| request.header("origin", value))
        };
        let body = json!({"code": format!("u{n}")});
        with(&app, "/api/login/social/token/github/").json(&body).send().await.problem(400, "origin_not_allowed");
        // `begin` binds the login to the browser, so it refuses other sites for every redirect URI.
        with(&app, "/api/login/social/begin/github/").json(&body).send().await.problem(403, "csrf_failed");
        with(&ignoring, "/api/login/social/token/github/").json(&body).send().await.ok();
    }
    assert!(app.double.calls().is_empty());
    let own = format!("{}/", ignoring.node.base);
    for call in ignoring.double.calls_at(GITHUB_TOKEN) {
        assert_eq!(call.field("redirect_uri").as_ref(), Some(&own), "the Origin header was ignored");
    }
}

async fn sec_09_headers_do_not_choose_the_redirect_uri(engine: Engine) {
    let app = TestApp::start(engine).await;
    let own = format!("{}/", app.node.base);
    for (n, (name, value)) in [
        ("referer", "https://evil.example/"),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "https://evil.example/"),
    ]
    .iter()
    .enumerate()
    {
        app.double.clear_calls();
        let post = app.client().post("/api/login/social/token/github/").header(name, value);
        post.json(&json!({"code": format!("u{n}")})).send().await.ok();
        assert_eq!(app.double.call_at(GITHUB_TOKEN).field("redirect_uri").as_ref(), Some(&own), "{name}");
    }
    let refused = app.client().post("/api/login/social/begin/github/").header("referer", REDIRECT_URI);
    let evil = json!({"redirect_uri": "https://evil.example/"});
    refused.json(&evil).send().await.problem(400, "redirect_uri_not_allowed");
}

async fn sec_10_private_scheme_redirect_uri_must_match_exactly(engine: Engine) {
    let app = TestApp::builder(engine).with("ALLOWED_REDIRECT_URIS", "com.example.app:/cb").start().await;
    let body = json!({"code": "u1", "redirect_uri": "com.example.app:/cb"});
    app.client().login("token/github", body).await.ok();
    for evil in [
        "com.example.app:/other",
        "com.example.app://cb",
        "com.example.app.evil:/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
    ] {
        let body = json!({"code": "u2", "redirect_uri": evil});
        app.client().login("token/github", body).await.problem(400, "redirect_uri_not_allowed");
    }
    for listed in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://front.example/cb#x", "/cb"]
    {
        let environment = [
            ("SECRET_KEY", crate::support::test_app::SECRET_KEY),
            ("PUBLIC_URL", "https://login.example"),
            ("ALLOWED_REDIRECT_URIS", listed),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let errors = read_settings(environment.into()).expect_err(listed);
        assert!(errors.iter().any(|error| error.name == "ALLOWED_REDIRECT_URIS"), "{listed}: {errors:?}");
    }
}

async fn sec_11_no_url_contains_a_credential(engine: Engine) {
    let app = TestApp::start(engine).await;
    for kind in ["session", "token", "jwt-pair", "knox"] {
        for path in [format!("{kind}/github"), kind.to_owned()] {
            let body = json!({"provider": "github", "code": format!("u{}", kind.len() + path.len())});
            let answer = app.client().login(&path, body).await;
            assert_eq!((answer.header("location"), answer.header("refresh")), (None, None), "{}", answer.text);
        }
    }
    let begun = app.begin(&app.browser(), "github", json!({})).await;
    assert!(!begun.url.as_str().contains(&begun.flow_token), "the flow token is not for the provider");
}
