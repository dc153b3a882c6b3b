//! Provider answers: profiles, ids, names, lifetimes and error replies.

mod absence;
mod replies;

use serde_json::json;

use crate::provider_logins::{BOT_TOKEN, telegram_hash};
use crate::support::double::Reply;
use crate::support::fake_users::GITHUB_TOKEN;
use crate::support::{Engine, TestApp, on_both_databases, signer};

on_both_databases! {
    fault_a26_invalid_provider_id_is_refused,
    fault_a26_the_id_0_is_refused_in_every_protocol,
    fault_a26_large_number_keeps_all_digits,
    fault_c14_session_lifetime_follows_expires_in_of_every_form,
    fault_d3_google_user_without_email_signs_in,
}

async fn fault_a26_invalid_provider_id_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let ids = [
        json!(null),
        json!(true),
        json!(1.5),
        json!(1e3),
        json!([1]),
        json!({"a": 1}),
        json!(""),
        json!("\u{200b}"),
        json!("None"),
        json!("null"),
        json!("undefined"),
        json!("NaN"),
        json!("True"),
        json!("a\u{fffd}"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!(0),
        json!("0"),
        json!(" 0"),
        json!("(none)"),
    ];
    for (n, id) in ids.iter().enumerate() {
        let code = format!("u{}", n + 1);
        app.fake_users.set_profile("github", &code, json!({"id": id, "login": "nell"}));
        let answer = app.client().login("token/github", json!({"code": code})).await;
        assert_eq!(answer.status, 502, "{id}: {}", answer.text);
        answer.problem(502, "provider_error");
    }
    assert_eq!(app.database.count("users").await, 0);
    // A leading space makes another id: the two users stay separate.
    for (code, id) in [("u101", "x"), ("u102", " x")] {
        app.fake_users.set_profile("github", code, json!({"id": id, "login": "nell"}));
        app.client().login("token/github", json!({"code": code})).await.ok();
    }
    assert_eq!(app.database.count("users").await, 2);
}

/// Programs write 0 for an id that they do not have.
async fn fault_a26_the_id_0_is_refused_in_every_protocol(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_TELEGRAM_BOT_TOKEN", BOT_TOKEN).start().await;
    for (provider, code, profile) in [
        ("facebook", "u1", json!({"id": "0", "name": "Nell"})),
        ("google-oauth2", "u2", json!({"sub": 0, "name": "Nell"})),
        ("oidc", "u3", json!({"sub": "0", "name": "Nell"})),
        ("oidc", "u4", json!({"sub": "undefined", "name": "Nell"})),
    ] {
        app.fake_users.set_profile(provider, code, profile.clone());
        let answer = app.client().login(&format!("token/{provider}"), json!({"code": code})).await;
        assert!(matches!(answer.status, 400 | 502), "{provider} {profile}: {}", answer.text);
    }
    let token = signer::signed(&app.fake_users.id_token_claims("u3", None, ""));
    let answer = app.client().login("token/oidc", json!({"id_token": token})).await;
    assert!(matches!(answer.status, 400 | 502), "{}", answer.text);
    let mut signed = json!({"id": 0, "first_name": "Nell", "auth_date": app.clock.now().seconds()});
    signed["hash"] = telegram_hash(&signed).into();
    let answer = app.client().login("token/telegram", signed).await;
    assert!(matches!(answer.status, 400 | 502), "{}", answer.text);
    assert_eq!(app.database.count("users").await, 0);
}

async fn fault_a26_large_number_keeps_all_digits(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (code, digits) in [("u1", "123456789012345678901234567890"), ("u2", "123456789012345678901234567891")] {
        let profile = format!(r#"{{"id": {digits}, "login": "user", "bio": "{{\"id\": 99999999999999999999999}}"}}"#);
        app.double.always("GET api.github.com/user", Reply::of(200, "application/json", profile));
        let token = app.client().login("token/github", json!({"code": code})).await.ok()["token"].clone();
        let authorization = format!("Token {}", token.as_str().unwrap_or_default());
        let accounts = app.client().get("/api/user/social/").header("authorization", &authorization).send().await.ok();
        assert_eq!(accounts[0]["uid"], digits);
    }
    assert_eq!(app.database.count("users").await, 2);
}

async fn fault_c14_session_lifetime_follows_expires_in_of_every_form(engine: Engine) {
    const TWO_WEEKS: i64 = 1_209_600;
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_SESSION_EXPIRATION", "true").start().await;
    for (n, (lifetime, seconds)) in [
        (json!({"expires_in": 3599.5}), 3599),
        (json!({"expires_in": "3600"}), 3600),
        (json!({"expires_in": "3600.0"}), 3600),
        (json!({"expires_in": 3.6e3}), 3600),
        (json!({"expires_in": "3.6e3"}), 3600),
        (json!({"expires_in": null, "expires": 3600}), 3600),
        (json!({"expires_in": null}), TWO_WEEKS),
        (json!({"expires_in": "soon"}), TWO_WEEKS),
        (json!({"expires_in": -5}), TWO_WEEKS),
        (json!({"expires_in": i64::MAX}), 400 * 86_400),
        (json!({"expires_in": 1e300}), 400 * 86_400),
        (json!({"expires_on": i64::MIN}), TWO_WEEKS),
        (json!({"expires_on": i64::MIN, "expires_in": i64::MAX}), TWO_WEEKS),
    ]
    .into_iter()
    .enumerate()
    {
        let mut token = json!({"access_token": format!("gho_u{}", n + 1), "token_type": "bearer"});
        let members = token.as_object_mut().expect("an object");
        members.extend(lifetime.as_object().cloned().unwrap_or_default());
        app.double.always(GITHUB_TOKEN, Reply::json(&token));
        let answer = app.login("session", &format!("u{}", n + 1)).await;
        let cookie = answer.set_cookie("sessionid").expect("a session");
        assert_eq!(cookie.attribute("Max-Age"), Some(seconds.to_string().as_str()), "{lifetime}");
    }
}

async fn fault_d3_google_user_without_email_signs_in(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (code, profile, is_admitted) in [
        ("u1", json!({"sub": "1"}), true),
        ("u2", json!({"sub": "2", "email": ""}), true),
        ("u3", json!({"sub": "3", "email": null, "email_verified": null}), true),
        ("u4", json!({"sub": "4", "email": "a@example.com", "email_verified": true}), true),
        ("u5", json!({"sub": "5", "email": "b@example.com", "email_verified": false}), false),
        ("u6", json!({"sub": "6", "email": "c@example.com"}), false),
    ] {
        app.fake_users.set_profile("google-oauth2", code, profile.clone());
        let answer = app.client().login("token_user/google-oauth2", json!({"code": code})).await;
        if is_admitted {
            assert_eq!(answer.ok()["email"], profile["email"].as_str().unwrap_or_default(), "{profile}");
        } else {
            answer.problem(403, "not_allowed");
        }
    }
}
