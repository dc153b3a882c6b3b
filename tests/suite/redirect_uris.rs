//! R-URI: which redirect URI a token request contains. `security/redirect.rs` tests the allow list (SEC-8).

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::fake_users::{self, GITHUB_TOKEN, TWITTER_REQUEST};
use crate::support::{Engine, FRONTEND, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    r_uri_01_redirect_uri_of_the_request_comes_first,
    r_uri_02_absolute_setting_comes_second,
    r_uri_03_path_on_public_url_comes_last,
    r_uri_04_an_origin_replaces_scheme_and_host,
    redirect_uri_of_a_listed_origin_may_be_sent,
    postmessage_is_for_codes_of_googles_pop_up_only,
    r_uri_05_an_origin_without_a_host_is_refused,
    r_uri_06_setting_forces_https,
    r_uri_09_oauth1_first_step_follows_the_same_rules,
    login_completes_with_the_redirect_uri_of_begin,
}

/// The redirect_uri of the token request of one login.
async fn sent(app: &TestApp, origin: Option<&str>, redirect_uri: Option<&str>) -> Option<String> {
    app.double.clear_calls();
    let mut body = json!({"code": next_code()});
    if let Some(redirect_uri) = redirect_uri {
        body["redirect_uri"] = redirect_uri.into();
    }
    let mut post = app.client().post("/api/login/social/token/github/");
    if let Some(origin) = origin {
        post = post.header("origin", origin);
    }
    post.json(&body).send().await.ok();
    app.double.call_at(GITHUB_TOKEN).field("redirect_uri")
}

/// A new code for each login.
fn next_code() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("u{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

async fn r_uri_01_redirect_uri_of_the_request_comes_first(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "https://abs.example/cb")
        .start()
        .await;
    assert_eq!(sent(&app, Some(FRONTEND), Some(REDIRECT_URI)).await.as_deref(), Some(REDIRECT_URI));
    assert_eq!(sent(&app, None, Some(REDIRECT_URI)).await.as_deref(), Some(REDIRECT_URI));
    assert_eq!(sent(&app, None, Some("https://abs.example/cb")).await.as_deref(), Some("https://abs.example/cb"));
}

async fn r_uri_02_absolute_setting_comes_second(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "https://abs.example/cb")
        .start()
        .await;
    assert_eq!(sent(&app, Some(FRONTEND), None).await.as_deref(), Some("https://abs.example/cb"));
}

async fn r_uri_03_path_on_public_url_comes_last(engine: Engine) {
    let app = TestApp::start(engine).await;
    let base = app.node.base.clone();
    assert_eq!(sent(&app, None, None).await, Some(format!("{base}/")));
    let app = TestApp::builder(engine).with("REST_SOCIAL_OAUTH_REDIRECT_URI", "/oauth/done/?from=social").start().await;
    let wanted = format!("{}/oauth/done/?from=social", app.node.base);
    assert_eq!(sent(&app, None, None).await.as_ref(), Some(&wanted), "the query survives");
    assert_eq!(sent(&app, None, Some(&wanted)).await.as_ref(), Some(&wanted), "it counts as allowed");
}

async fn r_uri_04_an_origin_replaces_scheme_and_host(engine: Engine) {
    let plan = TestApp::builder(engine).with("ALLOWED_ORIGINS", "https://front.example,https://front.example:3000");
    let app = plan.with("REST_SOCIAL_OAUTH_REDIRECT_URI", "/oauth/done/?a=1").start().await;
    let sent_by = |origin| sent(&app, Some(origin), None);
    assert_eq!(sent_by("https://front.example:3000").await.as_deref(), Some("https://front.example:3000/oauth/done/"));
    assert_eq!(sent_by(FRONTEND).await.as_deref(), Some("https://front.example/oauth/done/"), "the query is dropped");

    let app = TestApp::builder(engine).with("REST_SOCIAL_DOMAIN_FROM_ORIGIN", "False").start().await;
    let own = format!("{}/", app.node.base);
    assert_eq!(sent(&app, Some(FRONTEND), None).await, Some(own));

    let app = TestApp::builder(engine).with("ALLOWED_ORIGINS", "").start().await;
    let own = format!("{}/", app.node.base);
    assert_eq!(sent(&app, Some(FRONTEND), None).await, Some(own), "off when no origin is allowed");
}

async fn redirect_uri_of_a_listed_origin_may_be_sent(engine: Engine) {
    let start = || {
        let plan = TestApp::builder(engine).with("ALLOWED_ORIGINS", "https://front.example,https://front.example:3000");
        plan.with("REST_SOCIAL_OAUTH_REDIRECT_URI", "/oauth/done/?a=1")
    };
    let built = "https://front.example:3000/oauth/done/";
    let app = start().start().await;
    for origin in [None, Some(FRONTEND)] {
        assert_eq!(sent(&app, origin, Some(built)).await.as_deref(), Some(built));
    }
    let refused = async |app: &TestApp, redirect_uri: &str| {
        let body = json!({"code": next_code(), "redirect_uri": redirect_uri});
        app.client().login("token/github", body).await.problem(400, "redirect_uri_not_allowed");
    };
    for other in [
        "https://front.example:3000/oauth/",
        "https://evil.example/oauth/done/",
        "https://front.example:3000/oauth/done/?a=1",
    ] {
        refused(&app, other).await;
    }
    let off = start().with("REST_SOCIAL_DOMAIN_FROM_ORIGIN", "False").start().await;
    refused(&off, built).await;
    let absolute = start().with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "https://abs.example/cb").start().await;
    refused(&absolute, built).await;
}

/// Google's JavaScript library gets a code in a pop-up; the token request then has the literal `postmessage`.
async fn postmessage_is_for_codes_of_googles_pop_up_only(engine: Engine) {
    let google = async |app: &TestApp, redirect_uri: Option<&str>| {
        app.double.clear_calls();
        let mut body = json!({"code": next_code()});
        if let Some(redirect_uri) = redirect_uri {
            body["redirect_uri"] = redirect_uri.into();
        }
        let answer = app.client().login("token/google-oauth2", body).await;
        (answer, app.double.calls().iter().find_map(|call| call.field("redirect_uri")))
    };
    let own = TestApp::start(engine).await;
    google(&own, Some("postmessage")).await.0.problem(400, "redirect_uri_not_allowed");

    let listed = TestApp::builder(engine).with("ALLOWED_REDIRECT_URIS", "postmessage").start().await;
    assert_eq!(google(&listed, Some("postmessage")).await.1.as_deref(), Some("postmessage"));
    let base = format!("{}/", listed.node.base);
    assert_eq!(google(&listed, None).await.1, Some(base.clone()));
    let default = TestApp::builder(engine).with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "postmessage").start().await;
    assert_eq!(google(&default, None).await.1.as_deref(), Some("postmessage"));
    assert_eq!(google(&default, Some("postmessage")).await.1.as_deref(), Some("postmessage"));
    assert_eq!(sent(&default, None, None).await, Some(format!("{}/", default.node.base)), "not for GitHub");

    for app in [listed, default] {
        let body = json!({"code": next_code(), "redirect_uri": "postmessage"});
        app.client().login("token/github", body).await.problem(400, "redirect_uri_not_allowed");
        let begin = app.client().post("/api/login/social/begin/google-oauth2/");
        begin.json(&json!({"redirect_uri": "postmessage"})).send().await.problem(400, "redirect_uri_not_allowed");
        let begin = app.client().post("/api/login/social/begin/google-oauth2/").json(&json!({})).send().await.ok();
        assert_eq!(begin["redirect_uri"], json!(format!("{}/", app.node.base)));
        let authorize = app.client().get("/api/login/social/authorize/google-oauth2/?next=postmessage").send().await;
        assert_eq!(authorize.status, 400, "{}", authorize.text);
    }
}

async fn r_uri_05_an_origin_without_a_host_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    for origin in ["null", "front.example", "", "https://front.example/", "https://FRONT.example"] {
        let post = app.client().post("/api/login/social/token/github/").header("origin", origin);
        post.json(&json!({"code": "u1"})).send().await.problem(400, "origin_not_allowed");
    }
    assert!(app.double.calls().is_empty());
}

async fn r_uri_06_setting_forces_https(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_REDIRECT_IS_HTTPS", "True").start().await;
    let https = format!("{}/", app.node.base.replace("http://", "https://"));
    assert_eq!(sent(&app, None, None).await, Some(https));
    assert_eq!(sent(&app, Some(FRONTEND), None).await.as_deref(), Some("https://front.example/"));
}

async fn r_uri_09_oauth1_first_step_follows_the_same_rules(engine: Engine) {
    let app = TestApp::start(engine).await;
    let own = format!("{}/", app.node.base);
    for (origin, redirect_uri, wanted) in [
        (None, None, own.as_str()),
        (Some(FRONTEND), None, "https://front.example/"),
        (None, Some(REDIRECT_URI), REDIRECT_URI),
    ] {
        app.double.clear_calls();
        let mut post = app.client().post("/api/login/social/token/twitter/");
        if let Some(origin) = origin {
            post = post.header("origin", origin);
        }
        let body = redirect_uri.map_or(json!({}), |uri| json!({"redirect_uri": uri}));
        post.json(&body).send().await.ok();
        let callback = fake_users::oauth1_field(&app.double.call_at(TWITTER_REQUEST), "oauth_callback");
        let callback = callback.expect("a callback");
        assert_eq!(without_redirect_state(&callback), wanted, "{callback}");
    }
    let evil = json!({"redirect_uri": "https://evil.example/"});
    app.client().login("token/twitter", evil).await.problem(400, "redirect_uri_not_allowed");
}

async fn login_completes_with_the_redirect_uri_of_begin(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({"redirect_uri": REDIRECT_URI})).await;
    browser.login("token/github", json!({"code": "u1", "state": begun.state})).await.ok();
    assert_eq!(app.double.call_at(GITHUB_TOKEN).field("redirect_uri").as_deref(), Some(REDIRECT_URI));
}

fn without_redirect_state(callback: &str) -> &str {
    callback.split(['?', '&']).next().unwrap_or_default()
}
