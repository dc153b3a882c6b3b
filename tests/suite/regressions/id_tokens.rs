//! ID token validation, and the subject of refreshed tokens.

use std::time::Duration;

use rest_social_auth::clock::Deps;
use rest_social_auth::model::{AccountId, ProviderTokens};
use rest_social_auth::secrets::{SecretString, ServerKey, TokenCipher};
use serde_json::{Map, Value, json};

use crate::support::fake_users::{CLIENT_ID, ISSUER, OIDC_TOKEN};
use crate::support::test_app::{SECRET_KEY, TestAppBuilder};
use crate::support::{Answer, Call, Engine, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    fault_a4_posted_token_must_be_an_id_token,
    fault_a4_token_response_must_contain_an_id_token,
    fault_a4_keycloak_accepts_tokens_of_its_own_realm_only,
    fault_a11_refresh_for_another_subject_deletes_the_tokens,
    fault_a11_refresh_response_with_another_user_id_deletes_the_tokens,
    fault_a11_refresh_response_is_compared_by_the_fields_of_the_login,
    fault_a22_userinfo_without_sub_is_refused,
    fault_a22_posted_id_token_needs_iat_and_exp,
    fault_c11_numeric_sub_equals_its_text,
    fault_d6_clock_skew_up_to_a_minute_is_accepted,
    fault_d7_userinfo_may_be_a_signed_jwt,
    fault_d7_setting_accepts_two_audiences_without_azp,
    fault_d7_lightweight_keycloak_access_token_needs_an_id_token,
}

fn without(claims: &Value, names: &[&str]) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().expect("an object").retain(|name, _| !names.contains(&name.as_str()));
    claims
}

fn with(claims: &Value, more: Value) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
    claims
}

/// Other tokens that providers sign: a description, `typ` of the header, further claims.
fn other_tokens() -> Vec<(&'static str, Value, Value)> {
    vec![
        ("an access token (RFC 9068)", json!("at+jwt"), json!({"client_id": CLIENT_ID, "jti": "1"})),
        (
            "a logout token",
            json!("logout+jwt"),
            json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        ),
        ("a logout token of an older release", json!("JWT"), json!({"events": {"x": {}}})),
        ("a proof of possession", json!("dpop+jwt"), json!({"htm": "POST"})),
        ("a security event", json!("secevent+jwt"), json!({})),
        ("Keycloak's access token", json!("JWT"), json!({"typ": "Bearer", "azp": CLIENT_ID, "scope": "openid"})),
        ("Keycloak's refresh token", json!("JWT"), json!({"typ": "Refresh"})),
        ("Keycloak's offline token", json!("JWT"), json!({"typ": "Offline"})),
        ("Keycloak's logout token", json!("JWT"), json!({"typ": "Logout"})),
        ("Cognito's access token", json!("JWT"), json!({"token_use": "access"})),
        ("an access token that only has a scope", json!("JWT"), json!({"scope": "openid profile"})),
        ("Okta's access token", json!("JWT"), json!({"scp": ["openid"], "cid": CLIENT_ID})),
        ("one of another client", json!("JWT"), json!({"azp": "another"})),
        ("one issued to another client", json!("JWT"), json!({"client_id": "another"})),
        ("one of another realm", json!("JWT"), json!({"iss": format!("{ISSUER}/realms/two")})),
    ]
}

fn signed(media_type: &Value, claims: &Value) -> String {
    signer::signed_with_header(&json!({"alg": "RS256", "typ": media_type, "kid": signer::KEY_ID}), claims)
}

async fn post(app: &TestApp, provider: &str, token: &str) -> Answer {
    app.client().login(&format!("token_user/{provider}"), json!({"id_token": token})).await
}

async fn fault_a4_posted_token_must_be_an_id_token(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let plain = without(&app.fake_users.id_token_claims("u1", None, ""), &["at_hash"]);
    for (what, media_type, more) in other_tokens() {
        let answer = post(&app, "oidc", &signed(&media_type, &with(&plain, more))).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text);
        answer.problem(502, "provider_error");
    }
    // An encrypted token has five parts.
    let parts = signed(&json!("JWT"), &plain);
    let header = parts.split('.').next().expect("a header");
    post(&app, "oidc", &format!("{header}.a.b.c.d")).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
    for (n, media_type) in [json!("JWT"), json!("ID"), json!("application/jwt")].into_iter().enumerate() {
        let claims = with(&plain, json!({"jti": n}));
        post(&app, "oidc", &signed(&media_type, &claims)).await.ok();
    }
    assert_eq!(app.database.count("users").await, 1);
}

async fn fault_a4_token_response_must_contain_an_id_token(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    for (n, (what, media_type, more)) in other_tokens().into_iter().enumerate() {
        let fake_users = app.fake_users.clone();
        app.double.on(OIDC_TOKEN, move |call: &Call| {
            let code = call.field("code").unwrap_or_default();
            let claims = without(&fake_users.id_token_claims(&code, None, ""), &["at_hash"]);
            let token = signed(&media_type, &with(&claims, more.clone()));
            Reply::json(&json!({"access_token": format!("oidc-{code}"), "id_token": token}))
        });
        let answer = app.client().login("token/oidc", json!({"code": format!("u{n}")})).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 0);
}

const REALM: &str = "https://sso.example/realms/one";

fn keycloak(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine)
        .with("SOCIAL_AUTH_KEYCLOAK_KEY", CLIENT_ID)
        .with("SOCIAL_AUTH_KEYCLOAK_SECRET", "s3cret-of-keycloak")
        .with("SOCIAL_AUTH_KEYCLOAK_PUBLIC_KEY", &signer::public_key_for_settings())
        .with("SOCIAL_AUTH_KEYCLOAK_AUTHORIZATION_URL", &format!("{REALM}/protocol/openid-connect/auth"))
        .with("SOCIAL_AUTH_KEYCLOAK_ACCESS_TOKEN_URL", &format!("{REALM}/protocol/openid-connect/token"))
}

fn keycloak_answers(app: &TestApp, answer: Value) {
    app.double.always("POST sso.example/realms/one/protocol/openid-connect/token", Reply::json(&answer));
}

/// The claims of the realm's tokens.
fn realm_claims(app: &TestApp) -> Value {
    let now = app.clock.now().seconds();
    json!({"iss": REALM, "aud": CLIENT_ID, "azp": CLIENT_ID, "sub": "k-1", "iat": now, "exp": now + 300,
        "preferred_username": "nell", "email": "nell@mail.example"})
}

async fn fault_a4_keycloak_accepts_tokens_of_its_own_realm_only(engine: Engine) {
    let app = keycloak(engine).start().await;
    let realm = realm_claims(&app);
    let access = with(&realm, json!({"typ": "Bearer", "scope": "openid"}));
    for (n, (what, claims)) in [
        ("another realm", with(&access, json!({"iss": "https://sso.example/realms/two"}))),
        ("no issuer", without(&access, &["iss"])),
        ("another client", with(&access, json!({"azp": "another"}))),
        ("another API", with(&access, json!({"aud": "an-api"}))),
        ("a refresh token", with(&access, json!({"typ": "Refresh"}))),
        ("a logout token", with(&realm, json!({"events": {}}))),
    ]
    .into_iter()
    .enumerate()
    {
        keycloak_answers(&app, json!({"access_token": signed(&json!("JWT"), &claims), "token_type": "Bearer"}));
        let answer = app.client().login("token/keycloak", json!({"code": format!("c{n}")})).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text);
    }
    // An access token is accepted from the token response only, never when a client posts it.
    for (what, claims) in [
        ("an access token", access.clone()),
        ("one that only has a scope", with(&realm, json!({"scope": "openid"}))),
        ("an ID token of another realm", with(&realm, json!({"typ": "ID", "iss": "https://sso.example/realms/two"}))),
    ] {
        let answer = post(&app, "keycloak", &signed(&json!("JWT"), &claims)).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 0);
    for (n, media_type) in ["JWT", "at+jwt"].into_iter().enumerate() {
        let token = signed(&json!(media_type), &access);
        keycloak_answers(&app, json!({"access_token": token, "token_type": "Bearer"}));
        app.client().login("token/keycloak", json!({"code": format!("good{n}")})).await.ok();
    }
    post(&app, "keycloak", &signed(&json!("JWT"), &with(&realm, json!({"typ": "ID"})))).await.ok();
    assert_eq!(app.database.count("users").await, 1);
}

/// Makes the stored tokens like imported ones, of which only the uid is known.
async fn forget_identity(app: &TestApp) {
    let key = ServerKey::new(&SecretString::from(SECRET_KEY)).derive("provider tokens", &[]);
    let cipher = TokenCipher::new(vec![("secret-key".to_owned(), key)]);
    let repository = app.database.repository().await;
    let (row, old) = repository.encrypted_tokens(AccountId(0), 1).await.expect("a read").remove(0);
    let plain = cipher.decrypt(&row.token_binding(), &old).expect("tokens of this server");
    let tokens = ProviderTokens { identity: Map::new(), ..ProviderTokens::from_bytes(&plain).expect("tokens") };
    let new = cipher.encrypt(&row.token_binding(), &tokens.to_bytes(), &Deps::system());
    assert!(repository.replace_encrypted_tokens(row.id, &old, &new).await.expect("a write"));
}

async fn fault_a11_refresh_for_another_subject_deletes_the_tokens(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("STORE_PROVIDER_TOKENS", "true").start().await;
    let fake_users = app.fake_users.clone();
    let answer = move |subject: &str, access_token: &str, more: Value| {
        let claims = with(&fake_users.id_token_claims("u1", None, access_token), json!({"sub": subject}));
        Reply::json(&json!({"access_token": access_token, "refresh_token": "r-1", "expires_in": 100,
            "token_type": "Bearer", "id_token": signer::signed(&with(&claims, more))}))
    };
    let renewing = |reply: Reply| {
        let first = answer("s-1", "oidc-u1", json!({}));
        app.double.on(OIDC_TOKEN, move |call| match call.field("grant_type").as_deref() {
            Some("refresh_token") => reply.clone(),
            _ => first.clone(),
        });
    };
    renewing(answer("s-1", "second", json!({})));
    let login = app.client().login("token/oidc", json!({"code": "u1"})).await;
    let later = || {
        app.advance(Duration::from_secs(200));
    };
    later();
    // Sign the responses again: the clock has moved past their expiry.
    renewing(answer("s-1", "second", json!({})));
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
    // An ID token that is not for this client is a provider error; the stored tokens are kept.
    later();
    for more in [json!({"aud": "another"}), json!({"iss": "https://evil.example"}), json!({"events": {}})] {
        renewing(answer("s-1", "third", more));
        app.provider_token(&login).await.problem(502, "provider_error");
    }
    renewing(answer("s-2", "third", json!({})));
    app.provider_token(&login).await.problem(409, "token_ended");
    renewing(answer("s-1", "fourth", json!({})));
    app.provider_token(&login).await.problem(404, "token_not_kept");
    // Of tokens without the claims of a login the subject is compared with the uid.
    for (code, subject, status) in [("u01", "s-1", 200), ("u001", "s-2", 409)] {
        renewing(answer("s-1", "fifth", json!({})));
        app.client().login("token/oidc", json!({"code": code})).await.ok();
        forget_identity(&app).await;
        later();
        renewing(answer(subject, "sixth", json!({})));
        assert_eq!(app.provider_token(&login).await.status, status, "{subject}");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM social_accounts WHERE encrypted_tokens IS NOT NULL").await, 0);
}

async fn fault_a11_refresh_response_with_another_user_id_deletes_the_tokens(engine: Engine) {
    let plan = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true");
    let app = plan.with("SOCIAL_AUTH_VK_ID_KEY", "k1").with("SOCIAL_AUTH_VK_ID_SECRET", "s1-secret").start().await;
    app.double.on("POST id.vk.ru/oauth2/auth", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600, "user_id": 11})),
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100, "user_id": 10})),
    });
    let profile = json!({"user": {"user_id": "10", "first_name": "Ola"}});
    app.double.always("POST id.vk.ru/oauth2/user_info", Reply::json(&profile));
    let login = app.client().login("token/vk-id", json!({"code": "c1", "device_id": "device-3"})).await;
    app.advance(Duration::from_secs(200));
    app.provider_token(&login).await.problem(409, "token_ended");
    app.provider_token(&login).await.problem(404, "token_not_kept");
}

async fn fault_a11_refresh_response_is_compared_by_the_fields_of_the_login(engine: Engine) {
    let plan = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true");
    let app = plan.with("SOCIAL_AUTH_TAOBAO_KEY", "k1").with("SOCIAL_AUTH_TAOBAO_SECRET", "s1-secret").start().await;
    app.double.on("POST oauth.taobao.com/token", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => {
            Reply::json(&json!({"access_token": "second", "expires_in": 3600, "taobao_user_id": "11"}))
        }
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100,
            "taobao_user_id": "10", "taobao_user_nick": "ola"})),
    });
    app.double.always("GET eco.taobao.com/router/rest", Reply::json(&json!({"user": {}})));
    let login = app.client().login("token/taobao", json!({"code": "c1"})).await;
    app.advance(Duration::from_secs(200));
    app.provider_token(&login).await.problem(409, "token_ended");
    app.provider_token(&login).await.problem(404, "token_not_kept");
}

fn userinfo(app: &TestApp, reply: Reply) {
    app.double.always("GET id.example/userinfo", reply);
}

async fn fault_a22_userinfo_without_sub_is_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let victim = json!({"email": "victim@mail.example", "email_verified": true, "name": "Victim"});
    userinfo(&app, Reply::json(&victim));
    app.client().login("token/oidc", json!({"code": "u1"})).await.problem(502, "provider_error");
    userinfo(&app, Reply::json(&with(&victim, json!({"sub": null}))));
    app.client().login("token/oidc", json!({"code": "u2"})).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
    let lenient = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_USERINFO_WITHOUT_SUB", "true").start().await;
    userinfo(&lenient, Reply::json(&victim));
    lenient.client().login("token_user/oidc", json!({"code": "u1"})).await.ok();
}

async fn fault_a22_posted_id_token_needs_iat_and_exp(engine: Engine) {
    let plan =
        TestApp::builder(engine).oidc().with("SOCIAL_AUTH_AUTH0_KEY", CLIENT_ID).with("SOCIAL_AUTH_AUTH0_SECRET", "s");
    let app = plan.with("SOCIAL_AUTH_AUTH0_DOMAIN", "tenant.auth0.example").start().await;
    app.double.always("GET tenant.auth0.example/.well-known/jwks.json", Reply::json(&signer::jwks()));
    let claims = app.fake_users.id_token_claims("u1", None, "");
    for (provider, issuer) in [("oidc", ISSUER), ("auth0", "https://tenant.auth0.example/")] {
        let claims = with(&claims, json!({"iss": issuer}));
        for missing in ["iat", "exp"] {
            let answer = post(&app, provider, &signer::signed(&without(&claims, &[missing]))).await;
            assert_eq!(answer.status, 502, "{provider} without {missing}: {}", answer.text);
        }
        post(&app, provider, &signer::signed(&claims)).await.ok();
    }
}

async fn fault_c11_numeric_sub_equals_its_text(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    app.fake_users.change_claims(|claims| claims["sub"] = json!("35"));
    userinfo(&app, Reply::json(&json!({"sub": 35, "preferred_username": "nell"})));
    let answer = app.client().login("token_user/oidc", json!({"code": "u1"})).await;
    assert_eq!(answer.field("username"), "nell");
    userinfo(&app, Reply::json(&json!({"sub": 36, "preferred_username": "nell"})));
    app.client().login("token/oidc", json!({"code": "u2"})).await.problem(502, "provider_error");
}

async fn fault_d6_clock_skew_up_to_a_minute_is_accepted(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let now = app.clock.now().seconds();
    for (n, (name, time, accepted)) in [
        ("iat", now + 5, true),
        ("iat", now + 60, true),
        ("iat", now + 61, false),
        ("nbf", now + 5, true),
        ("nbf", now + 60, true),
        ("nbf", now + 61, false),
        ("exp", now + 1, true),
        ("exp", now - 1, false),
    ]
    .into_iter()
    .enumerate()
    {
        app.fake_users.change_claims(move |claims| claims[name] = time.into());
        let answer = app.client().login("token/oidc", json!({"code": format!("u{n}")})).await;
        assert_eq!(answer.status, if accepted { 200 } else { 502 }, "{name} {}: {}", time - now, answer.text);
    }
}

async fn fault_d7_userinfo_may_be_a_signed_jwt(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let said = json!({"iss": ISSUER, "aud": CLIENT_ID, "sub": "s-1", "preferred_username": "nell"});
    // Both tokens have the same subject, so that only the named difference can be refused.
    app.fake_users.change_claims(|claims| claims["sub"] = json!("s-1"));
    let answer = |token: String| Reply::of(200, "application/jwt; charset=utf-8", token);
    let now = app.clock.now().seconds();
    for (n, (what, token)) in [
        ("another subject", signer::signed(&with(&said, json!({"sub": "s-9"})))),
        ("another key", signer::forged(&said)),
        ("no signature", signer::unsigned(&said)),
        ("another issuer", signer::signed(&with(&said, json!({"iss": "https://evil.example"})))),
        ("another client", signer::signed(&with(&said, json!({"aud": "another"})))),
        ("an old one", signer::signed(&with(&said, json!({"exp": now - 60})))),
        ("an access token", signed(&json!("at+jwt"), &said)),
        ("no JWT", "what is this".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        userinfo(&app, answer(token));
        let answer = app.client().login("token/oidc", json!({"code": format!("u{n}")})).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text);
    }
    userinfo(&app, answer(signer::signed(&said)));
    let answer = app.client().login("token_user/oidc", json!({"code": "u77"})).await;
    assert_eq!(answer.field("username"), "nell");
}

async fn fault_d7_setting_accepts_two_audiences_without_azp(engine: Engine) {
    let strict = TestApp::builder(engine).oidc().start().await;
    let trusting = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_TRUSTED_AUDIENCES", "an-api").start().await;
    for (app, audience, status) in [(&strict, "an-api", 502), (&trusting, "an-api", 200), (&trusting, "other", 502)] {
        app.fake_users.change_claims(move |claims| claims["aud"] = json!([CLIENT_ID, audience]));
        let code = if audience == "other" { "u2" } else { "u1" };
        let answer = app.client().login("token/oidc", json!({"code": code})).await;
        assert_eq!(answer.status, status, "{audience}: {}", answer.text);
    }
}

async fn fault_d7_lightweight_keycloak_access_token_needs_an_id_token(engine: Engine) {
    let app = keycloak(engine).start().await;
    let realm = realm_claims(&app);
    let light = with(&without(&realm, &["aud", "sub", "email", "preferred_username"]), json!({"typ": "Bearer"}));
    let light = signed(&json!("JWT"), &light);
    let id_token = signed(&json!("JWT"), &with(&realm, json!({"typ": "ID"})));
    keycloak_answers(&app, json!({"access_token": light, "token_type": "Bearer"}));
    app.client().login("token/keycloak", json!({"code": "c1"})).await.problem(502, "provider_error");
    keycloak_answers(&app, json!({"access_token": light, "token_type": "Bearer", "id_token": id_token}));
    let answer = app.client().login("token_user/keycloak", json!({"code": "c2"})).await;
    assert_eq!(answer.field("username"), "nell");
    // An ID token of another realm is refused.
    let foreign = signed(&json!("JWT"), &with(&realm, json!({"typ": "ID", "iss": "https://sso.example/realms/two"})));
    keycloak_answers(&app, json!({"access_token": light, "token_type": "Bearer", "id_token": foreign}));
    app.client().login("token/keycloak", json!({"code": "c3"})).await.problem(502, "provider_error");
}
