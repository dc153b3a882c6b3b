//! Accounts matched by a value that users can change.

use serde_json::{Value, json};

use super::{configured, credential, keycloak, keycloak_claims, linked_accounts, sign_in};
use crate::support::{Engine, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    cve_2025_65431_allauth_mutable_username_does_not_identify_an_account,
}

/// allauth used `preferred_username` as the key of Okta and NetIQ accounts, which a user can change to another user's name or
/// id. Here the key is the provider's stable id, and a username never matches it.
async fn cve_2025_65431_allauth_mutable_username_does_not_identify_an_account(engine: Engine) {
    let okta = [("API_URL", "https://acme.okta.example/oauth2")];
    let app = configured(TestApp::builder(engine), "okta-oauth2", &okta).start().await;
    app.double.always("POST acme.okta.example/oauth2/v1/token", Reply::json(&json!({"access_token": "a1"})));
    let set_profile =
        |profile: Value| app.double.always("GET acme.okta.example/oauth2/v1/userinfo", Reply::json(&profile));
    set_profile(json!({"sub": "00uVICTIM", "preferred_username": "ola@acme.example"}));
    let victim = sign_in(&app, "okta-oauth2", "c1").await;
    for (n, name) in ["00uVICTIM", "ola@acme.example", "00uvictim", " 00uVICTIM", "1"].into_iter().enumerate() {
        let mut profile = json!({"sub": format!("00uATTACKER{n}"), "preferred_username": name});
        for other in ["username", "login", "email", "name", "nickname", "uid", "user_id", "id"] {
            profile[other] = json!(name);
        }
        set_profile(profile);
        let attacker = sign_in(&app, "okta-oauth2", &format!("d{n}")).await;
        if attacker.status == 200 {
            assert_ne!(attacker.ok()["id"], victim.ok()["id"], "{name}");
        }
    }
    let uid = vec![("okta-oauth2".to_owned(), "00uVICTIM".to_owned())];
    assert_eq!(linked_accounts(&app, &credential(&victim)).await, uid, "the uid is unchanged");
    set_profile(json!({"sub": "00uVICTIM", "preferred_username": "renamed@acme.example"}));
    assert_eq!(
        sign_in(&app, "okta-oauth2", "c2").await.ok()["id"],
        victim.ok()["id"],
        "the same user after a change of the username"
    );

    // The same at Keycloak, whose username is mutable too.
    let app = keycloak(engine).await;
    let set_profile = |change: Value| {
        let token = json!({"access_token": signer::signed(&keycloak_claims(&app, &change)), "token_type": "Bearer"});
        app.double.always("POST sso.example/realms/one/protocol/openid-connect/token", Reply::json(&token));
    };
    set_profile(json!({}));
    let victim = sign_in(&app, "keycloak", "c1").await;
    for (n, name) in ["10", "ola"].into_iter().enumerate() {
        set_profile(json!({"sub": "66", "preferred_username": name, "username": name, "email": name}));
        let attacker = sign_in(&app, "keycloak", &format!("d{n}")).await;
        assert_ne!(attacker.ok()["id"], victim.ok()["id"], "{name}");
    }
    assert_eq!(linked_accounts(&app, &credential(&victim)).await, [("keycloak".to_owned(), "10".to_owned())]);
}
