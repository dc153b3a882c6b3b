//! Logins without OAuth: Steam's OpenID 2.0 and Telegram's signed data. Forged, repeated and misdirected callbacks are
//! refused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::provider_logins::{BOT_TOKEN, telegram_hash};
use crate::support::{Answer, Engine, REDIRECT_URI, Reply, TestApp, on_both_databases};

on_both_databases! {
    steam_login_uses_the_player_name_or_else_the_steam_id,
    steam_signs_in_by_the_server_side_redirect_flow,
    sec_20_steam_assertion_is_accepted_once,
    sec_05_forged_or_misdirected_steam_assertion_is_refused_without_a_call,
    steam_assertion_that_steam_does_not_confirm_is_refused,
    steam_cancel_is_access_denied,
    telegram_signs_in_without_a_provider_call,
    sec_20_telegram_data_is_accepted_once,
    telegram_data_with_a_wrong_hash_or_age_is_refused,
    sec_20_telegram_values_with_line_breaks_cannot_forge_other_fields,
    sec_20_used_telegram_data_is_remembered_until_it_expires,
}

const CHECK_AUTHENTICATION: &str = "POST steamcommunity.com/openid/login";
const CLAIMED_ID: &str = "https://steamcommunity.com/openid/id/76561190000004711";

async fn steam(engine: Engine) -> TestApp {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_STEAM_API_KEY", "steam-key").start().await;
    app.double.always(
        CHECK_AUTHENTICATION,
        Reply::of(200, "text/plain", "ns:http://specs.openid.net/auth/2.0\nis_valid:true\n"),
    );
    let players = json!({"response": {"players": [{"steamid": "76561190000004711", "personaname": "Ola"}]}});
    app.double.always("GET api.steampowered.com/ISteamUser/GetPlayerSummaries/v0002/", Reply::json(&players));
    app
}

fn assertion(return_to: &str, nonce: &str) -> Value {
    json!({
        "redirect_uri": REDIRECT_URI,
        "openid.ns": "http://specs.openid.net/auth/2.0",
        "openid.mode": "id_res",
        "openid.op_endpoint": "https://steamcommunity.com/openid/login",
        "openid.claimed_id": CLAIMED_ID,
        "openid.identity": CLAIMED_ID,
        "openid.return_to": return_to,
        "openid.response_nonce": nonce,
        "openid.assoc_handle": "1234567890",
        "openid.signed": "signed,op_endpoint,claimed_id,identity,return_to,response_nonce,assoc_handle",
        "openid.sig": "c2lnbmF0dXJl",
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn steam_login_uses_the_player_name_or_else_the_steam_id(engine: Engine) {
    let app = steam(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "steam", json!({"redirect_uri": REDIRECT_URI})).await;
    let return_to = begun.parameter("openid.return_to").expect("a return_to").to_owned();
    assert_eq!(begun.parameter("openid.realm"), Some("https://front.example/"));
    assert!(return_to.starts_with(&format!("{REDIRECT_URI}?redirect_state=")), "{return_to}");
    let body = with(assertion(&return_to, "n1"), "state", json!(begun.state));
    let answer = browser.login("token_user/steam", body).await;
    assert_eq!(answer.field("username"), "Ola");
    assert_eq!(app.double.call_at(CHECK_AUTHENTICATION).field("openid.mode").as_deref(), Some("check_authentication"));

    let app = TestApp::builder(engine)
        .with("SOCIAL_AUTH_STEAM_KEY", " ")
        .with("SOCIAL_AUTH_STEAM_API_KEY", "k")
        .start()
        .await;
    app.double.always(CHECK_AUTHENTICATION, Reply::of(200, "text/plain", "is_valid:true\n"));
    let no_player = json!({"response": {"players": []}});
    app.double.always("GET api.steampowered.com/ISteamUser/GetPlayerSummaries/v0002/", Reply::json(&no_player));
    let answer = app.client().login("token_user/steam", assertion(REDIRECT_URI, "n1")).await;
    assert_eq!(answer.field("username"), "76561190000004711");
}

async fn steam_signs_in_by_the_server_side_redirect_flow(engine: Engine) {
    let app = steam(engine).await;
    let browser = app.browser();
    let answer = browser.get(&format!("/api/login/social/authorize/steam/?next={REDIRECT_URI}")).send().await;
    let url = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
    let return_to = url.query_pairs().find(|(name, _)| name == "openid.return_to").expect("a return_to").1.into_owned();
    let mut callback = url::Url::parse(&return_to).expect("a URL");
    for (name, value) in assertion(&return_to, "n1").as_object().expect("an object") {
        if name == "redirect_uri" {
            continue;
        }
        callback.query_pairs_mut().append_pair(name, value.as_str().unwrap_or_default());
    }
    let path = format!("{}?{}", callback.path(), callback.query().unwrap_or_default());
    let completed = browser.get(&path).send().await;
    assert_eq!(
        (completed.status, completed.header("location")),
        (303, Some(REDIRECT_URI)),
        "{}",
        completed.headers_and_body()
    );
    assert_eq!(browser.get("/api/user/").send().await.field("username"), "Ola");
}

async fn sec_20_steam_assertion_is_accepted_once(engine: Engine) {
    let app = steam(engine).await;
    app.client().login("token/steam", assertion(REDIRECT_URI, "n1")).await.ok();
    app.double.clear_calls();
    let again = with(assertion(REDIRECT_URI, "n1"), "openid.sig", json!("YW5vdGhlcg=="));
    app.client().login("token/steam", again).await.problem(400, "code_already_used");
    assert!(app.double.calls().is_empty());
}

async fn sec_05_forged_or_misdirected_steam_assertion_is_refused_without_a_call(engine: Engine) {
    let app = steam(engine).await;
    let login_with = async |n: usize, name: &str, value: Value| -> Answer {
        let body = with(assertion(REDIRECT_URI, &format!("n{n}")), name, value);
        app.client().login("token/steam", body).await
    };
    for (n, (name, value)) in [
        ("openid.op_endpoint", json!("https://evil.example/openid/login")),
        ("openid.mode", json!("setup_needed")),
        ("openid.claimed_id", json!("https://evil.example/openid/id/76561190000004711")),
        ("openid.claimed_id", json!("https://steamcommunity.com/openid/id/7656119000000471")),
        ("openid.claimed_id", json!("https://steamcommunity.com/openid/id/+6561190000004711")),
        ("openid.claimed_id", json!("https://steamcommunity.com/openid/id/76561190000004711/")),
        ("openid.identity", json!("https://steamcommunity.com/openid/id/76561190000004712")),
        ("openid.signed", json!("op_endpoint,identity,return_to,response_nonce,assoc_handle")),
        ("openid.signed", json!("")),
    ]
    .into_iter()
    .enumerate()
    {
        login_with(n, name, value).await.problem(400, "invalid_code");
    }
    for (n, return_to) in ["https://evil.example/cb", "https://front.example/cb?x=1", ""].into_iter().enumerate() {
        let answer = login_with(100 + n, "openid.return_to", json!(return_to)).await;
        assert_eq!(answer.status, 400, "{return_to}: {}", answer.text);
    }
    // The return_to of another authorization request: it contains another state.
    let browser = app.browser();
    let begun = app.begin(&browser, "steam", json!({"redirect_uri": REDIRECT_URI})).await;
    let other_return_to = format!("{REDIRECT_URI}?redirect_state=of-another-request");
    let body = with(assertion(&other_return_to, "n200"), "state", json!(begun.state));
    assert_eq!(browser.login("token/steam", body).await.status, 400);
    assert!(app.double.calls().is_empty());
}

async fn steam_assertion_that_steam_does_not_confirm_is_refused(engine: Engine) {
    let app = steam(engine).await;
    for (nonce, body) in
        [("n1", "is_valid:false\n"), ("n2", "is_valid:truely\n"), ("n3", ""), ("n4", "x:is_valid:true\n")]
    {
        app.double.always(CHECK_AUTHENTICATION, Reply::of(200, "text/plain", body));
        app.client().login("token/steam", assertion(REDIRECT_URI, nonce)).await.problem(400, "invalid_code");
    }
    app.double.always(CHECK_AUTHENTICATION, Reply::of(503, "text/html", "<h1>down</h1>"));
    app.client().login("token/steam", assertion(REDIRECT_URI, "n5")).await.problem(502, "provider_error");
    assert_eq!(app.database.count("users").await, 0);
}

async fn steam_cancel_is_access_denied(engine: Engine) {
    let app = steam(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "steam", json!({"redirect_uri": REDIRECT_URI})).await;
    let body = json!({"state": begun.state, "openid.mode": "cancel"});
    assert_eq!(browser.login("token/steam", body).await.json()["code"], "access_denied");
}

async fn telegram(engine: Engine) -> TestApp {
    TestApp::builder(engine).with("SOCIAL_AUTH_TELEGRAM_BOT_TOKEN", BOT_TOKEN).start().await
}

fn telegram_data(auth_date: i64) -> Value {
    let body = json!({"id": 90210, "first_name": "Ola", "username": "ola", "auth_date": auth_date});
    let hash = telegram_hash(&body);
    with(body, "hash", json!(hash))
}

async fn telegram_signs_in_without_a_provider_call(engine: Engine) {
    let app = telegram(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "telegram", json!({})).await;
    assert_eq!(begun.parameter("bot_id"), Some("4711"));
    assert!(!begun.url.as_str().contains("bot-token"), "the URL does not contain the bot token");
    let body = with(telegram_data(app.clock.now().seconds()), "state", json!(begun.state));
    let user = browser.login("token_user/telegram", body).await.ok();
    assert_eq!((&user["username"], &user["first_name"]), (&json!("ola"), &json!("Ola")));
    assert!(app.double.calls().is_empty());
}

async fn sec_20_telegram_data_is_accepted_once(engine: Engine) {
    let app = telegram(engine).await;
    let body = telegram_data(app.clock.now().seconds());
    app.client().login("token/telegram", body.clone()).await.ok();
    let id_as_text = with(body.clone(), "id", json!("90210"));
    for again in [body, id_as_text] {
        app.client().login("token/telegram", again).await.problem(400, "code_already_used");
    }
}

async fn telegram_data_with_a_wrong_hash_or_age_is_refused(engine: Engine) {
    let app = telegram(engine).await;
    let now = app.clock.now().seconds();
    for ((name, value), n) in [
        ("id", json!(1)),
        ("first_name", json!("Eve")),
        ("last_name", json!("Added")),
        ("auth_date", json!(now)),
        ("hash", json!("00")),
        ("hash", json!(telegram_hash(&json!({"id": 90210})))),
    ]
    .into_iter()
    .zip(1..)
    {
        let body = with(telegram_data(now - n), name, value.clone());
        let answer = app.client().login("token/telegram", body).await;
        assert_eq!(answer.problem(400, "invalid_code")["status"], 400, "{name}: {value}");
    }
    for auth_date in [now - 301, now + 61, 0] {
        app.client().login("token/telegram", telegram_data(auth_date)).await.problem(400, "invalid_code");
    }
    let invalid_date = json!({"id": 90210, "auth_date": "soon"});
    let signed = with(invalid_date.clone(), "hash", json!(telegram_hash(&invalid_date)));
    app.client().login("token/telegram", signed).await.problem(400, "invalid_code");
    app.client().login("token/telegram", json!({"id": 90210})).await.problem(400, "invalid_request");
    assert_eq!(app.database.count("users").await, 0);
    let body = telegram_data(now);
    app.advance(Duration::from_secs(299));
    app.client().login("token/telegram", body).await.ok();
}

/// Telegram signs lines of `name=value`: a line break in a value must not be read as another field.
async fn sec_20_telegram_values_with_line_breaks_cannot_forge_other_fields(engine: Engine) {
    let app = telegram(engine).await;
    let auth_date = app.clock.now().seconds();
    let signed = json!({"id": 666, "first_name": "Eve\nid=1\nlast_name=x", "username": "eve", "auth_date": auth_date});
    let hash = telegram_hash(&signed);
    let forged =
        json!({"id": 1, "first_name": "Eve", "last_name": "x\nid=666", "username": "eve", "auth_date": auth_date});
    assert_eq!(telegram_hash(&forged), hash, "the signed lines are the same");
    app.client().login("token/telegram", with(forged, "hash", json!(hash))).await.problem(400, "invalid_code");
    assert_eq!(app.database.count("users").await, 0);
}

/// The setting allows an age above the time for which other codes are remembered.
async fn sec_20_used_telegram_data_is_remembered_until_it_expires(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SOCIAL_AUTH_TELEGRAM_BOT_TOKEN", BOT_TOKEN)
        .with("SOCIAL_AUTH_TELEGRAM_AUTH_DATE_MAX_AGE", "3600")
        .start()
        .await;
    let body = telegram_data(app.clock.now().seconds());
    app.client().login("token/telegram", body.clone()).await.ok();
    app.advance(Duration::from_secs(3500));
    let repository = app.database.repository().await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 100).await.expect("a sweep");
    app.client().login("token/telegram", body).await.problem(400, "code_already_used");
}
