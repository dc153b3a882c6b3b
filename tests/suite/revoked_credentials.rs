//! Revocation: links that a revoked credential began, concurrent refreshes and logins, idle sessions, provider tokens that are
//! being refreshed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use rest_social_auth::model::UserId;

use crate::support::client::Request;
use crate::support::fake_users::GITHUB_TOKEN;
use crate::support::test_app::SECRET_KEY;
use crate::support::{Answer, Client, Engine, Held, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_25_link_begun_by_a_revoked_credential_is_refused,
    sec_25_unlinking_keeps_other_accounts_of_the_provider,
    sec_25_link_only_account_is_not_a_login_method,
    sec_26_deactivation_during_a_login_refuses_it,
    sec_25_logout_all_cancels_links_in_progress,
    sec_25_revoked_refresh_token_does_not_cancel_links_in_progress,
    sec_45_credential_that_concurrent_calls_revoke_is_one_audit_event,
    session_logout_revokes_the_sessions_of_all_cookies,
    revoking_others_revokes_unlisted_tokens_of_simplejwt,
    refresh_concurrent_with_revocation_leaves_no_valid_token,
    logins_and_logout_all_do_not_deadlock,
    second_logout_all_in_one_second_revokes_tokens_issued_between,
    used_session_outlives_a_short_idle_timeout,
    blacklisted_token_is_remembered_until_it_can_no_longer_be_valid,
    use_of_sliding_tokens_updates_last_used,
    permanent_token_shows_the_user_agent_of_the_latest_login,
    provider_token_refresh_does_not_overwrite_a_newer_login,
    provider_token_refreshed_for_a_deleted_account_is_revoked,
}

fn send(client: &Client, method: &str, path: &str, authorization: &str) -> Request {
    client.request(method, path).header("authorization", authorization)
}

async fn get_list(app: &TestApp, path: &str, authorization: &str) -> Vec<Value> {
    let answer = send(&app.client(), "GET", path, authorization).send().await.ok();
    answer.as_array().cloned().expect("a list")
}

async fn credentials(app: &TestApp, authorization: &str) -> Vec<Value> {
    get_list(app, "/api/user/credentials/", authorization).await
}

async fn accounts(app: &TestApp, authorization: &str) -> Vec<Value> {
    get_list(app, "/api/user/social/", authorization).await
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.client().post("/api/token/refresh/").json(&json!({"refresh": token})).send().await
}

async fn sec_25_link_begun_by_a_revoked_credential_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let owner = format!("Token {}", app.token("knox", "u1").await);
    let other_credential = format!("Token {}", app.token("knox", "u01").await);
    let begin = async |authorization: &str| {
        let request = send(&app.client(), "POST", "/api/login/social/begin/facebook/", authorization);
        request.json(&json!({})).send().await.ok()
    };
    let complete = async |begun: &Value, code: &str| {
        let body = json!({"code": code, "state": begun["state"], "flow_token": begun["flow_token"]});
        app.client().login("token/facebook", body).await
    };
    let begun = begin(&other_credential).await;
    send(&app.client(), "DELETE", "/api/user/credentials/others/", &owner).send().await;
    complete(&begun, "u7").await.problem(400, "flow_mismatch");
    let begun = begin(&owner).await;
    assert_eq!(send(&app.client(), "POST", "/api/knox/logout/", &owner).send().await.status, 204);
    complete(&begun, "u8").await.problem(400, "flow_mismatch");
    let pair = app.login("jwt-pair", "u001").await;
    let begun = begin(&format!("Bearer {}", pair.field("token"))).await;
    let blacklist = app.client().post("/api/token/blacklist/").json(&json!({"refresh": pair.field("refresh")}));
    assert_eq!(blacklist.send().await.status, 200);
    complete(&begun, "u9").await.problem(400, "flow_mismatch");

    // A shared browser: logout cancels the link that the former user began.
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u0001"})).await.ok();
    let same_site = |path: &str| browser.post(path).header("sec-fetch-site", "same-origin");
    let begun = same_site("/api/login/social/begin/facebook/").json(&json!({})).send().await.ok();
    same_site("/api/session/logout/").json(&json!({})).send().await;
    let body = json!({"code": "u10", "state": begun["state"]});
    browser.login("token/facebook", body).await.problem(400, "flow_mismatch");
    assert_eq!(app.database.count("social_accounts").await, 1);
}

async fn sec_25_unlinking_keeps_other_accounts_of_the_provider(engine: Engine) {
    let app = TestApp::start(engine).await;
    let user = format!("Token {}", app.token("token", "u1").await);
    app.link("token/github", &user, "u2").await.ok();
    let both = accounts(&app, &user).await;
    assert_eq!(both.len(), 2);
    let path = |n: usize| format!("/api/user/social/{}/", both[n]["id"]);
    assert_eq!(send(&app.client(), "DELETE", &path(0), &user).send().await.status, 204);
    send(&app.client(), "DELETE", &path(1), &user).send().await.problem(409, "last_login_method");
    assert_eq!(app.login("token_user", "u02").await.ok()["id"], app.client().user(&user).await.ok()["id"]);
}

async fn sec_25_link_only_account_is_not_a_login_method(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_MIXCLOUD_KEY", "k").with("SOCIAL_AUTH_MIXCLOUD_SECRET", "s");
    let app = plan.start().await;
    let token = json!({"access_token": "t", "token_type": "bearer"});
    app.double.always("POST www.mixcloud.com/oauth/access_token", Reply::json(&token));
    let person = json!({"key": "/ola/", "username": "ola", "name": "Ola"});
    app.double.always("GET api.mixcloud.com/me/", Reply::json(&person));
    let begun = app.client().post("/api/login/social/begin/mixcloud/").json(&json!({})).send().await;
    begun.problem(401, "not_authenticated");
    app.client().get("/api/login/social/authorize/mixcloud/").send().await.problem(401, "not_authenticated");
    let user = format!("Token {}", app.token("token", "u1").await);
    app.link("token/mixcloud", &user, "c1").await.ok();
    let accounts = accounts(&app, &user).await;
    let github = accounts.iter().find(|account| account["provider"] == "github").expect("the GitHub account");
    let path = format!("/api/user/social/{}/", github["id"]);
    send(&app.client(), "DELETE", &path, &user).send().await.problem(409, "last_login_method");
}

async fn sec_26_deactivation_during_a_login_refuses_it(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    let held = Arc::new(Held::default());
    let token = json!({"access_token": "gho_u01", "token_type": "bearer"});
    app.double.always(GITHUB_TOKEN, Reply::json(&token).held(&held));
    app.double.clear_calls();
    let client = app.client();
    let login = tokio::spawn(async move { client.login("knox/github", json!({"code": "u01"})).await });
    app.double.wait_for_call(GITHUB_TOKEN).await;
    let repository = app.database.repository().await;
    assert!(repository.set_active(UserId(1), false, app.clock.now()).await.expect("a write"));
    held.release();
    login.await.expect("an answer").problem(403, "user_inactive");
    assert_eq!(app.database.count("knox_tokens").await, 0);
}

async fn sec_25_logout_all_cancels_links_in_progress(engine: Engine) {
    let app = TestApp::start(engine).await;
    let user = format!("Token {}", app.token("knox", "u1").await);
    let held = Arc::new(Held::default());
    let token = json!({"access_token": "gho_u2", "token_type": "bearer"});
    app.double.always(GITHUB_TOKEN, Reply::json(&token).held(&held));
    app.double.clear_calls();
    let link = app.link("knox/github", &user, "u2");
    let end = async {
        app.double.wait_for_call(GITHUB_TOKEN).await;
        assert_eq!(send(&app.client(), "POST", "/api/logout/all/", &user).send().await.status, 204);
        held.release();
    };
    let (link, ()) = tokio::join!(link, end);
    link.problem(400, "flow_mismatch");
    let counts = (app.database.count("social_accounts").await, app.database.count("knox_tokens").await);
    assert_eq!(counts, (1, 0));
}

/// In either order: after both, no token of the family is accepted.
async fn sec_25_revoked_refresh_token_does_not_cancel_links_in_progress(engine: Engine) {
    for rotates in ["false", "true"] {
        let plan = TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", rotates);
        let app = plan.with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", rotates).start().await;
        let stolen = app.login("jwt-pair", "u1").await.field("refresh");
        let blacklist = || app.client().post("/api/token/blacklist/").json(&json!({"refresh": stolen})).send();
        blacklist().await.ok();
        let user = format!("Bearer {}", app.token("jwt-pair", "u01").await);
        let begin = send(&app.client(), "POST", "/api/login/social/begin/facebook/", &user);
        let begun = begin.json(&json!({})).send().await.ok();
        let generation = "SELECT link_generation FROM users";
        let before = app.database.number(generation).await;
        for _ in 0..3 {
            blacklist().await.problem(401, "token_not_valid");
        }
        assert_eq!(app.database.number(generation).await, before);
        let body = json!({"code": "u2", "state": begun["state"], "flow_token": begun["flow_token"]});
        app.client().login("token/facebook", body).await.ok();
        assert_eq!(accounts(&app, &user).await.len(), 2);
    }
}

/// How many log-outs the audit log has.
async fn log_outs(app: &TestApp) -> i64 {
    app.database.number("SELECT count(*) FROM audit_events WHERE event = 'log_out'").await
}

async fn sec_45_credential_that_concurrent_calls_revoke_is_one_audit_event(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut expected = 0;
    for (kind, code) in [("knox", "u1"), ("token", "u001"), ("session", "u00001"), ("jwt-pair", "u0000001")] {
        let login = app.login(kind, code).await;
        let owner = format!("Token {}", app.token("knox", &code.replacen('u', "u0", 1)).await);
        let listed = credentials(&app, &owner).await;
        let id = listed.iter().find(|entry| entry["current"] == false).expect("another credential")["id"].clone();
        let path = format!("/api/user/credentials/{}/", id.as_str().expect("an id"));
        let calls = (0..4).map(|_| send(&app.client(), "DELETE", &path, &owner).send());
        let statuses: Vec<u16> = join_all(calls).await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{kind}: {statuses:?}");
        expected += 1;
        assert_eq!(log_outs(&app).await, expected, "{kind}");
        if kind == "jwt-pair" {
            refresh(&app, &login.field("refresh")).await.problem(401, "token_not_valid");
        }
        // The last ones of the user, one by one or all at once.
        let path = if kind == "token" { "/api/knox/logoutall/" } else { "/api/knox/logout/" };
        join_all((0..4).map(|_| send(&app.client(), "POST", path, &owner).send())).await;
        expected += 1;
        assert_eq!(log_outs(&app).await, expected, "{path}");
    }
    let owner = format!("Token {}", app.token("token", "u000000001").await);
    app.login("session", "u0000000001").await.ok();
    for _ in 0..3 {
        let others = send(&app.client(), "DELETE", "/api/user/credentials/others/", &owner).send().await;
        assert_eq!(others.status, 204);
    }
    assert_eq!(log_outs(&app).await, expected + 1, "the second call revokes nothing");
}

async fn session_logout_revokes_the_sessions_of_all_cookies(engine: Engine) {
    let app = TestApp::start(engine).await;
    let session = async |code: &str| app.login("session", code).await.set_cookie("sessionid").expect("a cookie").value;
    let (first, second, other) = (session("u1").await, session("u01").await, session("u2").await);
    let cookies = format!("sessionid={first}; sessionid={second}; sessionid={other}");
    let out = app.client().post("/api/session/logout/").header("cookie", &cookies).header("origin", &app.node.base);
    assert_eq!(out.send().await.status, 204);
    for value in [first, second, other] {
        let request = app.client().get("/api/user/").header("cookie", format!("sessionid={value}"));
        request.send().await.problem(401, "not_authenticated");
    }
    assert_eq!((app.database.count("sessions").await, log_outs(&app).await), (0, 3));
}

async fn revoking_others_revokes_unlisted_tokens_of_simplejwt(engine: Engine) {
    let app = TestApp::start(engine).await;
    let user = format!("Bearer {}", app.token("jwt-pair", "u1").await);
    app.advance(Duration::from_secs(5));
    let now = app.clock.now().seconds();
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET_KEY.as_bytes());
    let of_simplejwt = |token_type: &str, jti: &str| {
        let claims =
            json!({"token_type": token_type, "exp": now + 9000, "iat": now, "jti": jti.repeat(32), "user_id": "1"});
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token")
    };
    let (token, access) = (of_simplejwt("refresh", "f"), format!("Bearer {}", of_simplejwt("access", "a")));
    refresh(&app, &token).await.ok();
    let others = async |user: &str| send(&app.client(), "DELETE", "/api/user/credentials/others/", user).send().await;
    // It is the caller's own token, or of the same login.
    assert_eq!(others(&access).await.status, 204);
    refresh(&app, &token).await.ok();
    let user_again = format!("Bearer {}", app.token("jwt-pair", "u01").await);
    app.client().user(&user).await.problem(401, "token_not_valid");
    assert_eq!(others(&user_again).await.status, 204);
    refresh(&app, &token).await.problem(401, "token_not_valid");
    app.client().user(&access).await.problem(401, "token_not_valid");
    app.client().user(&user_again).await.ok();
    app.client().user(&format!("Bearer {}", app.token("jwt-pair", "u001").await)).await.ok();
}

async fn refresh_concurrent_with_revocation_leaves_no_valid_token(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true");
    let app = plan.with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true").start().await;
    let user = format!("Token {}", app.token("knox", "u1").await);
    for n in 2..12 {
        let code = format!("u{}1", "0".repeat(n));
        let mut token = app.login("jwt-pair", &code).await.field("refresh");
        let revoke = async {
            tokio::time::sleep(Duration::from_millis(3)).await;
            send(&app.client(), "DELETE", "/api/user/credentials/others/", &user).send().await
        };
        let refresh_until_refused = async {
            loop {
                let answer = refresh(&app, &token).await;
                if answer.status != 200 {
                    return answer.problem(401, "token_not_valid");
                }
                token = answer.field("refresh");
            }
        };
        let (revoked, _) = tokio::join!(revoke, refresh_until_refused);
        assert_eq!(revoked.status, 204, "{}", revoked.text);
        refresh(&app, &token).await.problem(401, "token_not_valid");
        assert_eq!(credentials(&app, &user).await.len(), 1);
    }
}

async fn logins_and_logout_all_do_not_deadlock(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    for n in 1..6 {
        let user = format!("Token {}", app.token("knox", &format!("u{}1", "0".repeat(10 * n))).await);
        let logout = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            vec![send(&app.client(), "POST", "/api/logout/all/", &user).send().await]
        };
        let logins = join_all((1..5).map(|m| {
            let (browser, code) = (&browser, format!("u{}1", "0".repeat(10 * n + m)));
            async move {
                let kind = if m % 2 == 0 { "session" } else { "token" };
                let path = format!("/api/login/social/{kind}/github/");
                let request = browser.post(&path).header("sec-fetch-site", "same-origin");
                request.json(&json!({"code": code})).send().await
            }
        }));
        let (logout, logins) = tokio::join!(logout, logins);
        for answer in logout.iter().chain(&logins) {
            assert!(answer.status < 300, "{}", answer.headers_and_body());
        }
    }
}

async fn second_logout_all_in_one_second_revokes_tokens_issued_between(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut before = format!("Bearer {}", app.token("jwt-pair", "u1").await);
    for n in 1..4 {
        assert_eq!(send(&app.client(), "POST", "/api/logout/all/", &before).send().await.status, 204);
        let after = format!("Bearer {}", app.token("jwt-pair", &format!("u{}1", "0".repeat(n))).await);
        assert_eq!(app.client().user(&before).await.status, 401);
        app.client().user(&after).await.ok();
        before = after;
    }
}

async fn used_session_outlives_a_short_idle_timeout(engine: Engine) {
    let app = TestApp::builder(engine).with("SESSION_IDLE_TIMEOUT", "120").start().await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    for _ in 0..8 {
        app.advance(Duration::from_secs(100));
        browser.get("/api/user/").send().await.ok();
    }
    let user = format!("Token {}", app.token("knox", "u01").await);
    assert_eq!(credentials(&app, &user).await.len(), 2);
    app.advance(Duration::from_secs(121));
    assert_eq!(browser.get("/api/user/").send().await.status, 401);
    assert_eq!(credentials(&app, &user).await.len(), 1, "an expired session is not listed");
}

async fn blacklisted_token_is_remembered_until_it_can_no_longer_be_valid(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SIMPLE_JWT_LEEWAY", "120")
        .with("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "3600")
        .with("SIMPLE_JWT_SLIDING_TOKEN_LIFETIME", "1800")
        .with("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_LIFETIME", "3600")
        .start()
        .await;
    let repository = app.database.repository().await;
    let pair = app.login("jwt-pair", "u1").await.field("refresh");
    let sliding = app.login("jwt-sliding", "u01").await.field("token");
    let renew = async |token: &str| {
        app.client().post("/api/token/sliding/refresh/").json(&json!({"token": token})).send().await
    };
    app.advance(Duration::from_secs(1500));
    let sliding = renew(&sliding).await.field("token");
    app.advance(Duration::from_secs(1500));
    let sliding = renew(&sliding).await.field("token");
    let user = format!("Bearer {sliding}");
    app.client().user(&user).await.ok();
    for token in [&pair, &sliding] {
        let blacklist = app.client().post("/api/token/blacklist/").json(&json!({"refresh": token, "token": token}));
        assert_eq!(blacklist.send().await.status, 200);
    }
    // After the pair's `exp` and the sliding token's `refresh_exp`, but within the leeway and the lifetime of the last refresh.
    app.advance(Duration::from_secs(650));
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 1000).await.expect("a sweep");
    refresh(&app, &pair).await.problem(401, "token_not_valid");
    app.client().user(&user).await.problem(401, "token_not_valid");
    // The last token that a refresh could have issued has expired: of the sliding token after 3600 + 1800 + 120 seconds. The rows
    // stay for five minutes more, because the clock of another node may be behind.
    app.advance(Duration::from_secs(5520 + 299 - 3650));
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 1000).await.expect("a sweep");
    assert_eq!(app.database.count("refresh_tokens").await, 1);
    app.advance(Duration::from_secs(1));
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 1000).await.expect("a sweep");
    assert_eq!(app.database.count("refresh_tokens").await, 0);
}

async fn use_of_sliding_tokens_updates_last_used(engine: Engine) {
    let app = TestApp::builder(engine).with("SIMPLE_JWT_SLIDING_TOKEN_LIFETIME", "3600").start().await;
    let token = app.token("jwt-sliding", "u1").await;
    let user = format!("Bearer {token}");
    let last_used = async || credentials(&app, &user).await[0]["last_used"].as_str().expect("a time").to_owned();
    let first = last_used().await;
    app.advance(Duration::from_secs(400));
    app.client().user(&user).await.ok();
    let second = last_used().await;
    assert!(second > first, "{second} > {first}");
    app.advance(Duration::from_secs(400));
    app.client().post("/api/token/sliding/refresh/").json(&json!({"token": token})).send().await.ok();
    assert!(last_used().await > second);
}

async fn permanent_token_shows_the_user_agent_of_the_latest_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    let login_with_agent = |agent: &str, code: &str| {
        let request = app.client().post("/api/login/social/token/github/").header("user-agent", agent);
        request.json(&json!({"code": code}))
    };
    login_with_agent("first", "u1").send().await.ok();
    app.advance(Duration::from_secs(90));
    let user = format!("Token {}", login_with_agent("second", "u01").send().await.field("token"));
    assert_eq!(credentials(&app, &user).await[0]["agent"], "second");
}

const TOKEN_LIFETIME_SECONDS: u64 = 100;

const DISCORD_TOKEN: &str = "POST discord.com/api/oauth2/token";

/// A server, the credential of a user whose Discord token has expired, and what holds the answer to its refresh.
async fn with_held_token_refresh(engine: Engine) -> (TestApp, String, Arc<Held>) {
    let held = Arc::new(Held::default());
    let by = held.clone();
    let plan = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true");
    let app = plan.with("SOCIAL_AUTH_DISCORD_KEY", "k1").with("SOCIAL_AUTH_DISCORD_SECRET", "s1-secret").start().await;
    app.double.on(DISCORD_TOKEN, move |call| {
        let (code, grant) = (call.field("code").unwrap_or_default(), call.field("grant_type"));
        match grant.as_deref() {
            Some("refresh_token") => {
                let refreshed =
                    json!({"access_token": "refreshed", "refresh_token": "r-refreshed", "expires_in": 3600});
                Reply::json(&refreshed).held(&by)
            }
            _ => {
                let expires_in = if code == "c1" { TOKEN_LIFETIME_SECONDS } else { 7200 };
                Reply::json(&json!({"access_token": code, "refresh_token": "r-1", "expires_in": expires_in}))
            }
        }
    });
    let person = json!({"id": "10", "username": "ola"});
    app.double.always("GET discord.com/api/users/@me", Reply::json(&person));
    let login = app.client().login("token/discord", json!({"code": "c1"})).await;
    app.advance(Duration::from_secs(TOKEN_LIFETIME_SECONDS + 10));
    app.double.clear_calls();
    (app, format!("Token {}", login.field("token")), held)
}

/// Asks for the provider token and returns, while the provider answers, its path and the pending answer.
async fn request_token(app: &TestApp, user: &str) -> (String, tokio::task::JoinHandle<Answer>) {
    let path = format!("/api/user/social/{}/token/", accounts(app, user).await[0]["id"]);
    let request = send(&app.client(), "GET", &path, user);
    let answer = tokio::spawn(async move { request.send().await });
    app.double.wait_for_call(DISCORD_TOKEN).await;
    (path, answer)
}

async fn provider_token_refresh_does_not_overwrite_a_newer_login(engine: Engine) {
    let (app, user, held) = with_held_token_refresh(engine).await;
    let (path, answer) = request_token(&app, &user).await;
    app.client().login("token/discord", json!({"code": "c2"})).await.ok();
    held.release();
    answer.await.expect("an answer").ok();
    let stored = send(&app.client(), "GET", &path, &user).send().await;
    assert_eq!(stored.field("access_token"), "c2");
}

async fn provider_token_refreshed_for_a_deleted_account_is_revoked(engine: Engine) {
    let (app, user, held) = with_held_token_refresh(engine).await;
    app.double.always("POST discord.com/api/oauth2/token/revoke", Reply::json(&json!({})));
    let (_, answer) = request_token(&app, &user).await;
    assert_eq!(send(&app.client(), "DELETE", "/api/user/", &user).send().await.status, 204);
    held.release();
    answer.await.expect("an answer").problem(404, "not_found");
    // Stopping waits for background tasks.
    app.node.stop().await;
    let revoked = app.double.calls_at("POST discord.com/api/oauth2/token/revoke");
    let tokens: Vec<_> = revoked.iter().filter_map(|call| call.field("token")).collect();
    assert!(tokens.iter().any(|token| token == "refreshed" || token == "r-refreshed"), "{tokens:?}");
}
