//! SEC-12 to SEC-16: OAuth 1.0a token secrets, callback confirmation, signatures and strict parsing.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::support::fake_users::{TWITTER_ACCESS, TWITTER_REQUEST, oauth1_field};
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_12_request_token_secret_is_never_sent_and_stored_encrypted,
    sec_13_request_token_is_valid_once_before_expiry_in_its_browser,
    sec_13_cookieless_oauth1_client_may_complete_once,
    sec_13_verifier_is_required,
    sec_14_unconfirmed_callback_is_refused,
    sec_15_each_signature_has_a_new_nonce_and_timestamp,
    sec_16_response_with_a_repeated_field_is_refused,
}

async fn sec_12_request_token_secret_is_never_sent_and_stored_encrypted(engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.client().login("token/twitter", json!({})).await;
    let token = answer.field("oauth_token");
    let secret = app.fake_users.request_token_secret(&token).expect("a token of the provider");
    let begun = app.client().post("/api/login/social/begin/twitter/").json(&json!({})).send().await;
    begun.ok();
    let begun_secret = app.fake_users.request_token_secret("rt-2").expect("a token of the provider");
    for text in [answer.headers_and_body(), begun.headers_and_body()] {
        assert!(!text.contains(&secret) && !text.contains(&begun_secret), "{text}");
        assert!(!text.contains("oauth_token_secret"), "{text}");
    }
    for stored in app.database.dump().await {
        for secret in [&secret, &begun_secret, &token] {
            let found = stored.bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{}.{} holds it", stored.table, stored.column);
        }
    }
}

async fn sec_13_request_token_is_valid_once_before_expiry_in_its_browser(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (attacker, victim) = (app.browser(), app.browser());
    let token = attacker.login("token/twitter", json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u1"});
    // The attacker begins and the victim's browser completes (the OAuth session fixation of 2009).
    victim.login("token/twitter", json!({})).await.ok();
    victim.login("session/twitter", body.clone()).await.problem(400, "flow_mismatch");
    attacker.login("token/github", json!({"code": "u9"})).await.ok();
    assert!(app.double.calls_at(TWITTER_ACCESS).is_empty());
    attacker.login("token/twitter", body.clone()).await.ok();
    let other = json!({"oauth_token": token, "oauth_verifier": "u2"});
    assert_eq!(attacker.login("token/twitter", other).await.status, 400, "spent");
    assert_eq!(app.double.calls_at(TWITTER_ACCESS).len(), 1);

    let token = attacker.login("token/twitter", json!({})).await.field("oauth_token");
    app.advance(Duration::from_secs(600));
    let late = json!({"oauth_token": token, "oauth_verifier": "u3"});
    attacker.login("token/twitter", late).await.problem(400, "state_expired");
    assert_eq!(app.double.calls_at(TWITTER_ACCESS).len(), 1);
}

async fn sec_13_cookieless_oauth1_client_may_complete_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.client().login("token/twitter", json!({})).await.field("oauth_token");
    app.client().login("token/twitter", json!({"oauth_token": token, "oauth_verifier": "u1"})).await.ok();
    for verifier in ["u1", "u2"] {
        let again = json!({"oauth_token": token, "oauth_verifier": verifier});
        assert_eq!(app.client().login("token/twitter", again).await.status, 400);
    }
    // A request token from begin never completes without cookie or flow token.
    let begun = app.begin(&app.browser(), "twitter", json!({})).await;
    let token = begun.parameter("oauth_token").expect("a token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u4"});
    app.client().login("token/twitter", body).await.problem(400, "flow_mismatch");

    let strict = TestApp::builder(engine).with("STATE_POLICY", "required").start().await;
    let token = strict.client().login("token/twitter", json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u1"});
    strict.client().login("token/twitter", body).await.problem(400, "flow_mismatch");
    assert_eq!(strict.database.count("users").await, 0);
}

async fn sec_13_verifier_is_required(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
    for verifier in [json!(null), json!(""), json!(["u1"])] {
        let body = json!({"oauth_token": token, "oauth_verifier": verifier});
        browser.login("token/twitter", body).await.problem(400, "invalid_request");
    }
    assert!(app.double.calls_at(TWITTER_ACCESS).is_empty());
}

async fn sec_14_unconfirmed_callback_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    for rest in ["", "&oauth_callback_confirmed=false", "&oauth_callback_confirmed=", "&oauth_callback_confirmed=1"] {
        let body = format!("oauth_token=rt-x&oauth_token_secret=s{rest}");
        app.double.always(TWITTER_REQUEST, Reply::of(200, "text/plain", body));
        app.client().login("token/twitter", json!({})).await.problem(502, "provider_error");
        let begin = app.client().post("/api/login/social/begin/twitter/").json(&json!({})).send().await;
        begin.problem(502, "provider_error");
    }
    assert_eq!(app.database.count("authorization_requests").await, 0);
}

async fn sec_15_each_signature_has_a_new_nonce_and_timestamp(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut nonces = BTreeSet::new();
    for _ in 0..4 {
        app.client().login("token/twitter", json!({})).await.ok();
    }
    for call in app.double.calls_at(TWITTER_REQUEST) {
        assert_eq!(oauth1_field(&call, "oauth_signature_method").as_deref(), Some("HMAC-SHA1"));
        assert_eq!(oauth1_field(&call, "oauth_timestamp").as_deref(), Some("1795521600"));
        let nonce = oauth1_field(&call, "oauth_nonce").expect("a nonce");
        assert!(nonce.len() >= 16 && nonces.insert(nonce.clone()), "{nonce}");
    }
    assert_eq!(nonces.len(), 4);
}

async fn sec_16_response_with_a_repeated_field_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
    let doubled = "oauth_token=tw-u1&oauth_token=tw-u2&oauth_token_secret=s";
    app.double.always(TWITTER_ACCESS, Reply::of(200, "text/plain", doubled));
    let body = json!({"oauth_token": token, "oauth_verifier": "u1"});
    browser.login("token/twitter", body).await.problem(502, "provider_error");

    let doubled = "oauth_token=a&oauth_token=b&oauth_token_secret=s&oauth_callback_confirmed=true";
    app.double.always(TWITTER_REQUEST, Reply::of(200, "text/plain", doubled));
    app.client().login("token/twitter", json!({})).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
}
