//! Stored provider tokens: refreshed with the parameters of the login, and revoked when the account is unlinked.

use std::time::Duration;

use serde_json::json;

use crate::support::fake_users::CLIENT_SECRET;
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    vk_id_refresh_sends_the_device_id_of_the_login,
    vend_refresh_uses_the_shop_of_the_login,
    zoho_refresh_uses_the_data_centre_of_the_login,
    refresh_reads_the_token_path_of_the_descriptor,
    fault_c15_absolute_expiry_times_are_understood,
    token_whose_lifetime_is_over_is_refreshed,
    client_authenticates_a_refresh_as_at_the_token_endpoint,
    revocation_sends_the_refresh_token,
    unlinking_facebook_revokes_the_permissions,
}

async fn start_app(engine: Engine, provider: &str) -> TestApp {
    let prefix = format!("SOCIAL_AUTH_{provider}");
    let plan = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true");
    plan.with(&format!("{prefix}_KEY"), "k1").with(&format!("{prefix}_SECRET"), "s1-secret").start().await
}

async fn vk_id_refresh_sends_the_device_id_of_the_login(engine: Engine) {
    let app = start_app(engine, "VK_ID").await;
    app.double.on("POST id.vk.ru/oauth2/auth", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600})),
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100, "user_id": 10})),
    });
    let profile = json!({"user": {"user_id": "10", "first_name": "Ola"}});
    app.double.always("POST id.vk.ru/oauth2/user_info", Reply::json(&profile));
    let login = app.client().login("token/vk-id", json!({"code": "c1", "device_id": "device-3"})).await;
    app.advance(Duration::from_secs(200));
    app.double.clear_calls();
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
    let call = app.double.call_at("POST id.vk.ru/oauth2/auth");
    assert_eq!(call.field("device_id").as_deref(), Some("device-3"));
    assert!(call.field("redirect_uri").is_some() && call.field("client_secret").is_none());
    // The answer contains no device id; the stored one is sent again.
    app.advance(Duration::from_secs(4000));
    app.double.clear_calls();
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
    assert_eq!(app.double.call_at("POST id.vk.ru/oauth2/auth").field("device_id").as_deref(), Some("device-3"));
}

async fn vend_refresh_uses_the_shop_of_the_login(engine: Engine) {
    let app = start_app(engine, "VEND").await;
    app.double.on("POST one.vendhq.com/api/1.0/token", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600})),
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100})),
    });
    let users = json!({"users": [{"id": "7", "username": "ola", "email": "ola@mail.example"}]});
    app.double.always("GET one.vendhq.com/api/users", Reply::json(&users));
    let login = app.client().login("token/vend", json!({"code": "c1", "domain_prefix": "one"})).await;
    app.advance(Duration::from_secs(200));
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
}

async fn zoho_refresh_uses_the_data_centre_of_the_login(engine: Engine) {
    let app = start_app(engine, "ZOHO").await;
    app.double.on("POST accounts.zoho.eu/oauth/v2/token", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"access_token": "a2", "expires_in": 3600})),
        _ => Reply::json(&json!({"access_token": "a1", "refresh_token": "r1", "expires_in": 100})),
    });
    app.double.always("GET accounts.zoho.eu/oauth/user/info", Reply::json(&json!({"ZUID": 20})));
    let body = json!({"code": "c1", "accounts-server": "https://accounts.zoho.eu"});
    let login = app.client().login("token/zoho", body).await;
    app.advance(Duration::from_secs(200));
    assert_eq!(app.provider_token(&login).await.field("access_token"), "a2");
}

async fn refresh_reads_the_token_path_of_the_descriptor(engine: Engine) {
    let app = start_app(engine, "QIITA").await;
    app.double.on("POST qiita.com/api/v2/access_tokens", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"token": "second", "expires_in": 3600})),
        _ => Reply::json(&json!({"token": "first", "refresh_token": "r-1", "expires_in": 100})),
    });
    app.double.always("GET qiita.com/api/v2/authenticated_user", Reply::json(&json!({"id": "ola", "permanent_id": 7})));
    let login = app.client().login("token/qiita", json!({"code": "c1"})).await;
    app.advance(Duration::from_secs(200));
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
}

async fn fault_c15_absolute_expiry_times_are_understood(engine: Engine) {
    for name in ["expires_in", "expires", "expires_on"] {
        let app = start_app(engine, "VEND").await;
        let expiry = app.clock.now().0 / 1000 + 100;
        app.double.on("POST one.vendhq.com/api/1.0/token", move |call| match call.field("grant_type").as_deref() {
            Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600})),
            _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", name: expiry})),
        });
        let users = json!({"users": [{"id": "7", "username": "ola", "email": "ola@mail.example"}]});
        app.double.always("GET one.vendhq.com/api/users", Reply::json(&users));
        let login = app.client().login("token/vend", json!({"code": "c1", "domain_prefix": "one"})).await;
        assert_eq!(app.provider_token(&login).await.field("access_token"), "first", "{name}");
        app.advance(Duration::from_secs(200));
        assert_eq!(app.provider_token(&login).await.field("access_token"), "second", "{name}");
    }
}

async fn token_whose_lifetime_is_over_is_refreshed(engine: Engine) {
    let past = |app: &TestApp| app.clock.now().0 / 1000 - 100;
    for (name, is_time) in [("expires_in", false), ("expires_in", true), ("expires", true), ("expires_on", true)] {
        let app = start_app(engine, "VEND").await;
        let value = if is_time { past(&app) } else { -5 };
        app.double.on("POST one.vendhq.com/api/1.0/token", move |call| match call.field("grant_type").as_deref() {
            Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600})),
            _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", name: value})),
        });
        let users = json!({"users": [{"id": "7", "username": "ola", "email": "ola@mail.example"}]});
        app.double.always("GET one.vendhq.com/api/users", Reply::json(&users));
        let login = app.client().login("token/vend", json!({"code": "c1", "domain_prefix": "one"})).await;
        assert_eq!(app.provider_token(&login).await.field("access_token"), "second", "{name}: {value}");
    }
}

async fn client_authenticates_a_refresh_as_at_the_token_endpoint(engine: Engine) {
    let app = start_app(engine, "TWITTER_OAUTH2").await;
    app.double.on("POST api.twitter.com/2/oauth2/token", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600})),
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100})),
    });
    let profile = json!({"data": {"id": "7", "username": "ola", "name": "Ola"}});
    app.double.always("GET api.twitter.com/2/users/me", Reply::json(&profile));
    let login = app.client().login("token/twitter-oauth2", json!({"code": "c1"})).await;
    app.advance(Duration::from_secs(200));
    app.double.clear_calls();
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
    let call = app.double.call_at("POST api.twitter.com/2/oauth2/token");
    assert!(call.header("authorization").is_some_and(|sent| sent.starts_with("Basic ")), "RFC 6749, 6");
    assert_eq!((call.field("client_secret"), call.field("refresh_token").as_deref()), (None, Some("r-1")));
}

async fn revocation_sends_the_refresh_token(engine: Engine) {
    for (refresh_token, revoked) in [(json!("r-1"), "r-1"), (json!(null), "first")] {
        let app = start_app(engine, "DISCORD").await;
        let token = json!({"access_token": "first", "refresh_token": refresh_token, "expires_in": 100});
        app.double.always("POST discord.com/api/oauth2/token", Reply::json(&token));
        app.double.always("POST discord.com/api/oauth2/token/revoke", Reply::json(&json!({})));
        app.double.always("GET discord.com/api/users/@me", Reply::json(&json!({"id": "7", "username": "ola"})));
        let login = app.client().login("token/discord", json!({"code": "c1"})).await;
        let authorization = format!("Token {}", login.field("token"));
        let deleted = app.client().request("DELETE", "/api/user/").header("authorization", &authorization).send().await;
        assert_eq!(deleted.status, 204, "{}", deleted.text);
        let call = app.double.wait_for_call("POST discord.com/api/oauth2/token/revoke").await;
        assert_eq!(call.field("token").as_deref(), Some(revoked), "it ends the access tokens too (RFC 7009, 2.1)");
    }
}

async fn unlinking_facebook_revokes_the_permissions(engine: Engine) {
    let app = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    app.double.rule(|call| (call.method == "DELETE").then(|| Reply::json(&json!({"success": true}))));
    let login = app.client().login("token/facebook", json!({"code": "u1"})).await;
    let authorization = format!("Token {}", login.field("token"));
    app.link("token/github", &authorization, "u1").await.ok();
    let accounts = app.client().get("/api/user/social/").header("authorization", &authorization).send().await.ok();
    let accounts = accounts.as_array().expect("a list");
    let facebook = accounts.iter().find(|account| account["provider"] == "facebook").expect("the Facebook account");
    let path = format!("/api/user/social/{}/", facebook["id"]);
    let unlinked = app.client().request("DELETE", &path).header("authorization", &authorization).send().await;
    assert_eq!(unlinked.status, 204, "{}", unlinked.text);
    let uid = facebook["uid"].as_str().expect("a text");
    let call = app.double.wait_for_call(&format!("DELETE graph.facebook.com/v24.0/{uid}/permissions")).await;
    let sent = |name: &str| call.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(sent("access_token"), Some("fb-u1"), "the token of this account");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    let proof = aws_lc_rs::hmac::sign(&key, b"fb-u1");
    let proof: String = proof.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sent("appsecret_proof"), Some(proof.as_str()), "Facebook refuses a call without it");
    assert_eq!(app.double.calls().iter().filter(|call| call.method == "DELETE").count(), 1);
}
