//! Logins with an ID token instead of a code, as platform SDKs provide it to native apps (SEC-17 to SEC-20).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_users::OIDC_KEYS;
use crate::support::{Engine, REDIRECT_URI, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    id_token_signs_in_without_a_code,
    google_id_token_is_accepted_as_credential,
    sec_20_id_token_is_accepted_once,
    sec_17_every_invalid_claim_gives_the_same_error,
    sec_18_unsigned_symmetric_and_forged_id_tokens_are_refused,
    sec_19_unknown_key_ids_fetch_the_key_set_at_most_twice,
    sec_20_nonce_is_required_and_may_be_hashed,
    sec_02_required_state_policy_applies_to_id_tokens,
}

fn body(token: &str) -> Value {
    json!({"id_token": token})
}

async fn id_token_signs_in_without_a_code(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let claims = app.fake_users.id_token_claims("u7", None, "");
    let answer = app.client().login("token_user/oidc", body(&signer::signed(&claims))).await;
    assert_eq!((answer.field("username"), answer.field("email")), ("user7".into(), "user7@example.com".into()));
    let called: Vec<String> = app.double.calls().iter().map(|call| call.endpoint()).collect();
    assert!(called.iter().all(|place| !place.contains("token") && !place.contains("userinfo")), "{called:?}");
    // Without ID token and code, the error names the code.
    let refused = app.client().login("token/oidc", json!({})).await.problem(400, "invalid_request");
    assert!(refused["errors"]["code"].is_array(), "{refused}");
}

/// Google One Tap posts the ID token as `credential`.
async fn google_id_token_is_accepted_as_credential(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.on("GET www.googleapis.com/oauth2/v3/certs", |_| Reply::json(&signer::jwks()));
    let mut claims = app.fake_users.id_token_claims("u7", None, "");
    claims["email"] = "user7@gmail.com".into();
    for (issuer, status) in [("https://accounts.google.com", 200), ("https://accounts.example", 502)] {
        claims["iss"] = issuer.into();
        let token = signer::signed(&claims);
        let answer = app.client().login("token_user/google-oauth2", json!({"credential": token})).await;
        assert_eq!(answer.status, status, "{issuer}: {}", answer.text);
    }
}

async fn sec_20_id_token_is_accepted_once(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let token = signer::signed(&app.fake_users.id_token_claims("u1", None, ""));
    app.client().login("token/oidc", body(&token)).await.ok();
    app.client().login("token/oidc", body(&token)).await.problem(400, "code_already_used");
    // An ECDSA signature has a second valid form, so the signed part identifies the token.
    let (signed, _) = token.rsplit_once('.').expect("a token");
    app.client().login("token/oidc", body(&format!("{signed}.c2Vjb25k"))).await.problem(502, "provider_error");
    app.advance(Duration::from_secs(590));
    app.client().login("token/oidc", body(&token)).await.problem(400, "code_already_used");
    app.advance(Duration::from_secs(30));
    let refused = app.client().login("token/oidc", body(&token)).await;
    assert!(refused.status >= 400, "{}", refused.headers_and_body());
    assert_eq!(app.database.count("users").await, 1);
}

async fn sec_17_every_invalid_claim_gives_the_same_error(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let now = app.clock.now().seconds();
    let faults: [(&str, Value); 8] = [
        ("iss", json!("https://evil.example")),
        ("aud", json!("another-app")),
        ("aud", json!(["client-of-the-test", "another-app"])),
        ("azp", json!("another-app")),
        ("exp", json!(now - 60)),
        ("iat", json!(now - 700)),
        ("nbf", json!(now + 120)),
        ("sub", json!("")),
    ];
    for (name, value) in faults {
        let mut claims = app.fake_users.id_token_claims("u1", None, "");
        claims[name] = value.clone();
        let answer = app.client().login("token/oidc", body(&signer::signed(&claims))).await;
        answer.problem(502, "provider_error");
    }
    assert_eq!(app.database.count("users").await, 0);
}

async fn sec_18_unsigned_symmetric_and_forged_id_tokens_are_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let claims = app.fake_users.id_token_claims("u1", None, "");
    for token in [signer::unsigned(&claims), signer::hs256(&signer::public_key(), &claims), signer::forged(&claims)] {
        app.client().login("token/oidc", body(&token)).await.problem(502, "provider_error");
    }
    assert_eq!(app.database.count("users").await, 0);
}

async fn sec_19_unknown_key_ids_fetch_the_key_set_at_most_twice(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    for n in 0..40 {
        let claims = app.fake_users.id_token_claims("u1", None, "");
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": format!("unknown-{n}")});
        let token = signer::signed_with_header(&header, &claims);
        app.client().login("token/oidc", body(&token)).await.problem(502, "provider_error");
    }
    let fetched = app.double.calls_at(OIDC_KEYS).len();
    assert!((1..=2).contains(&fetched), "the keys were fetched {fetched} times");
}

async fn sec_20_nonce_is_required_and_may_be_hashed(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let with_nonce = |code: &str, nonce: &str| signer::signed(&app.fake_users.id_token_claims(code, Some(nonce), ""));
    let client = app.client();
    client.login("token/oidc", body(&with_nonce("u1", "n-1"))).await.problem(400, "invalid_request");
    let wrong = json!({"id_token": with_nonce("u2", "n-1"), "nonce": "n-2"});
    client.login("token/oidc", wrong).await.problem(502, "provider_error");
    let missing = json!({"id_token": signer::signed(&app.fake_users.id_token_claims("u3", None, "")), "nonce": "n-2"});
    client.login("token/oidc", missing).await.problem(502, "provider_error");
    let right = json!({"id_token": with_nonce("u4", "n-1"), "nonce": "n-1"});
    client.login("token/oidc", right).await.ok();
    // SHA-256 of n-1 in hex, as the SDKs of Apple and Google expect it.
    let hashed = sha256_hex("n-1");
    client.login("token/oidc", json!({"id_token": with_nonce("u5", &hashed), "nonce": "n-1"})).await.ok();
}

async fn sec_02_required_state_policy_applies_to_id_tokens(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("STATE_POLICY", "required").start().await;
    let client = app.client();
    let claims = app.fake_users.id_token_claims("u1", None, "");
    client.login("token/oidc", body(&signer::signed(&claims))).await.problem(400, "state_mismatch");
    let begun =
        client.post("/api/login/social/begin/oidc/").json(&json!({"redirect_uri": REDIRECT_URI})).send().await.ok();
    let text = |name: &str| begun[name].as_str().unwrap_or_default().to_owned();
    let claims = app.fake_users.id_token_claims("u1", Some(&text("nonce")), "");
    let posted = json!({"id_token": signer::signed(&claims), "state": text("state"), "flow_token": text("flow_token")});
    assert_eq!(client.login("token_user/oidc", posted).await.field("username"), "user1");
}

fn sha256_hex(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
