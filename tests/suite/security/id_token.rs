//! SEC-17 to SEC-19: an ID token with one invalid part is refused, and the error does not say which part.

use serde_json::{Value, json};

use crate::support::fake_users::{CLIENT_SECRET, ISSUER, OIDC_KEYS, OIDC_TOKEN};
use crate::support::{Call, Engine, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    sec_17_one_invalid_claim_is_refused,
    sec_17_userinfo_of_another_subject_is_refused,
    sec_18_algorithm_of_the_header_is_not_trusted,
    sec_19_keys_come_from_the_jwks_of_the_provider_only,
    sec_19_unknown_key_ids_do_not_cause_fetches,
}

async fn refused(app: &TestApp, n: usize) {
    let before = app.database.count("users").await;
    let answer = app.client().login("session/oidc", json!({"code": format!("u{n}")})).await;
    let problem = answer.problem(502, "provider_error");
    assert_eq!(problem["detail"], "The provider's answer cannot be used.", "the error does not reveal the fault");
    assert_eq!(app.database.count("users").await, before);
}

async fn sec_17_one_invalid_claim_is_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let now = app.clock.now().seconds();
    let faults: [(&str, Value); 16] = [
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("iss", Value::Null),
        ("aud", json!("another-client")),
        ("aud", json!(["another-client"])),
        ("aud", Value::Null),
        ("azp", json!("another-client")),
        ("exp", json!(now - 5)),
        ("exp", Value::Null),
        ("iat", json!(now - 700)),
        ("nbf", json!(now + 61)),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("exp", json!("soon")),
        ("iat", json!(now + 3600)),
    ];
    for (n, (name, value)) in faults.into_iter().enumerate() {
        app.fake_users.change_claims(move |claims| {
            if value.is_null() {
                claims.as_object_mut().expect("claims").remove(name);
            } else {
                claims[name] = value.clone();
            }
        });
        refused(&app, n + 1).await;
    }
    // Several audiences need an authorized party.
    app.fake_users.change_claims(|claims| claims["aud"] = json!([crate::support::fake_users::CLIENT_ID, "another"]));
    refused(&app, 50).await;
    app.fake_users.change_claims(|_| {});
    app.client().login("session/oidc", json!({"code": "u60"})).await.ok();
}

async fn sec_17_userinfo_of_another_subject_is_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    app.double.always("GET id.example/userinfo", Reply::json(&json!({"sub": "s-2", "email": "user2@example.com"})));
    refused(&app, 1).await;
}

/// Answers the token request with a token that `make` builds from the default claims.
fn answer_with(app: &TestApp, make: impl Fn(&Value) -> String + Send + Sync + 'static) {
    let fake_users = app.fake_users.clone();
    app.double.on(OIDC_TOKEN, move |call: &Call| {
        let code = call.field("code").unwrap_or_default();
        let access_token = format!("oidc-{code}");
        let claims = fake_users.id_token_claims(&code, None, &access_token);
        Reply::json(&json!({"access_token": access_token, "token_type": "Bearer", "id_token": make(&claims)}))
    });
}

async fn sec_18_algorithm_of_the_header_is_not_trusted(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    answer_with(&app, signer::signed);
    app.client().login("session/oidc", json!({"code": "u1"})).await.ok();
    let attacks: [fn(&Value) -> String; 8] = [
        signer::unsigned,
        |claims| signer::hs256(&signer::public_key(), claims),
        |claims| signer::hs256(signer::jwks().to_string().as_bytes(), claims),
        |claims| signer::hs256(CLIENT_SECRET.as_bytes(), claims),
        |claims| signer::signed_with_header(&json!({"alg": "ES256", "typ": "JWT", "kid": signer::KEY_ID}), claims),
        |claims| signer::signed_with_header(&json!({"alg": "RS512", "typ": "JWT", "kid": signer::KEY_ID}), claims),
        |claims| signer::signed_with_header(&json!({"alg": "none", "typ": "JWT", "kid": signer::KEY_ID}), claims),
        |claims| format!("{}.{}.", signer::signed(claims).split('.').next().unwrap_or_default(), "e30"),
    ];
    for (n, attack) in attacks.into_iter().enumerate() {
        answer_with(&app, attack);
        refused(&app, n + 2).await;
    }
}

async fn sec_19_keys_come_from_the_jwks_of_the_provider_only(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    answer_with(&app, signer::forged);
    refused(&app, 1).await;
    for (n, (name, value)) in [
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", signer::jwks()["keys"][0].clone()),
        ("x5c", json!(["MIIB"])),
    ]
    .into_iter()
    .enumerate()
    {
        answer_with(&app, move |claims| {
            let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": "the-attackers"});
            header[name] = value.clone();
            signer::signed_with_header(&header, claims)
        });
        refused(&app, n + 2).await;
    }
    assert!(app.double.calls().iter().all(|call| call.host == "id.example"), "no other host was called");
}

async fn sec_19_unknown_key_ids_do_not_cause_fetches(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    app.client().login("session/oidc", json!({"code": "u1"})).await.ok();
    let fetched = app.double.calls_at(OIDC_KEYS).len();
    for (n, kid) in
        ["../../x".to_owned(), "k".repeat(5000)].into_iter().chain((0..20).map(|n| format!("k{n}"))).enumerate()
    {
        answer_with(&app, move |claims| {
            signer::signed_with_header(&json!({"alg": "RS256", "typ": "JWT", "kid": kid}), claims)
        });
        refused(&app, n + 2).await;
    }
    let again = app.double.calls_at(OIDC_KEYS).len() - fetched;
    assert!(again <= 1, "fetched {again} times within a minute");
}
