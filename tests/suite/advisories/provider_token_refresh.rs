//! The ID token of a token refresh.

use std::time::Duration;

use serde_json::{Value, json};

use super::{credential, sign_in};
use crate::support::fake_users::OIDC_TOKEN;
use crate::support::{Call, Engine, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    social_core_5_1_0_token_refresh_with_another_subject_is_refused,
}

/// The ID token of a token refresh was not checked, so a refresh could change the identity. Here an invalid ID token or another
/// subject fails the refresh, and no token is returned (OpenID Connect Core, section 12.2).
async fn social_core_5_1_0_token_refresh_with_another_subject_is_refused(engine: Engine) {
    type Change = fn(&mut Value);
    let changes: [(&str, Change, bool); 8] = [
        ("the same subject", |_| {}, true),
        ("no nonce, as 12.2 allows", |claims| claims["nonce"] = Value::Null, true),
        ("another subject", |claims| claims["sub"] = json!("s-2"), false),
        ("a subject in another case", |claims| claims["sub"] = json!("S-1"), false),
        ("no subject", |claims| claims["sub"] = Value::Null, false),
        ("another issuer", |claims| claims["iss"] = json!("https://evil.example"), false),
        ("another audience", |claims| claims["aud"] = json!("another-client"), false),
        ("expired", |claims| claims["exp"] = json!(1), false),
    ];
    for (case, change, is_accepted) in changes {
        let app = TestApp::builder(engine).oidc().with("STORE_PROVIDER_TOKENS", "true").start().await;
        let (fake_users, clock) = (app.fake_users.clone(), app.clock.clone());
        app.double.on(OIDC_TOKEN, move |call: &Call| {
            let is_refresh = call.field("grant_type").as_deref() == Some("refresh_token");
            let access_token = if is_refresh { "oidc-u01" } else { "oidc-u1" };
            let mut claims = fake_users.id_token_claims("u1", None, access_token);
            if is_refresh {
                claims["iat"] = json!(clock.now().seconds());
                change(&mut claims);
                claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
            }
            Reply::json(&json!({"access_token": access_token, "refresh_token": "r-1", "token_type": "Bearer",
                "expires_in": 100, "id_token": signer::signed(&claims)}))
        });
        let authorization = credential(&sign_in(&app, "oidc", "u1").await);
        let path = app.provider_token_path(&authorization).await;
        app.advance(Duration::from_secs(200));
        let token = app.client().get(&path).header("authorization", &authorization).send().await;
        assert_eq!(token.status == 200, is_accepted, "{case}: {}", token.text);
        assert!(is_accepted || !token.text.contains("oidc-u01"), "{case}: {}", token.text);
    }
}
