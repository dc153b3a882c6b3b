//! Listing and revoking credentials, unlinking accounts, stored provider tokens, and the audit events of these
//! changes.

use std::time::Duration;

use futures_util::future::join_all;
use rest_social_auth::model::{AuditFilter, UserId};
use serde_json::{Value, json};

use crate::support::double::Reply;
use crate::support::fake_users::{GITHUB_TOKEN, OIDC_TOKEN};
use crate::support::{Engine, TestApp, on_both_databases, signer};

on_both_databases! {
    credentials_of_every_kind_are_listed,
    one_credential_or_all_others_can_be_revoked,
    revoked_permanent_token_is_not_issued_again,
    last_account_cannot_be_unlinked,
    sec_25_parallel_unlinks_keep_one_account,
    sec_40_provider_tokens_are_stored_only_when_configured,
    sec_40_stored_provider_token_is_refreshed_once_for_parallel_requests,
    provider_token_without_refresh_expires,
    sec_45_each_login_and_each_refusal_is_one_audit_event,
    sec_45_each_change_by_a_user_is_one_audit_event,
    sec_45_each_refused_change_by_a_user_is_one_audit_event,
}

async fn listed(app: &TestApp, authorization: &str) -> Vec<Value> {
    let request = app.client().get("/api/user/credentials/").header("authorization", authorization);
    request.send().await.ok().as_array().cloned().expect("a list")
}

async fn delete(app: &TestApp, path: &str, authorization: &str) -> crate::support::Answer {
    app.client().request("DELETE", path).header("authorization", authorization).send().await
}

async fn credentials_of_every_kind_are_listed(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (kind, code) in [("session", "u1"), ("knox", "u01"), ("jwt-sliding", "u001"), ("token", "u0001")] {
        app.login(kind, code).await.ok();
    }
    let bearer = format!("Bearer {}", app.token("jwt-pair", "u00001").await);
    let list = listed(&app, &bearer).await;
    let mut kinds: Vec<&str> = list.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["jwt-pair", "jwt-sliding", "knox", "session", "token"]);
    let current: Vec<&Value> = list.iter().filter(|entry| entry["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["kind"], "jwt-pair");
    assert!(list.iter().all(|entry| entry["ip"] == "127.0.0.1" && entry["last_used"].is_string()), "{list:?}");
}

async fn one_credential_or_all_others_can_be_revoked(engine: Engine) {
    let app = TestApp::start(engine).await;
    let knox = format!("Token {}", app.token("knox", "u1").await);
    let other = format!("Token {}", app.token("knox", "u01").await);
    let pair = app.login("jwt-pair", "u001").await;
    let (refresh, access) = (pair.field("refresh"), format!("Bearer {}", pair.field("token")));
    let id = listed(&app, &other).await.iter().find(|entry| entry["current"] == true).expect("this one")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let other_user = format!("Token {}", app.token("knox", "u2").await);
    delete(&app, &format!("/api/user/credentials/{id}/"), &other_user).await.problem(404, "not_found");
    assert_eq!(delete(&app, &format!("/api/user/credentials/{id}/"), &knox).await.status, 204);
    app.client().user(&other).await.problem(401, "invalid_token");
    assert_eq!(delete(&app, "/api/user/credentials/others/", &knox).await.status, 204);
    app.client().user(&knox).await.ok();
    let refreshed = app.client().post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await;
    refreshed.problem(401, "token_not_valid");
    assert_eq!(listed(&app, &knox).await.len(), 1);
    app.client().user(&access).await.problem(401, "token_not_valid");
}

async fn revoked_permanent_token_is_not_issued_again(engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = app.token("token", "u1").await;
    let authorization = format!("Token {first}");
    let id = listed(&app, &authorization).await[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(delete(&app, &format!("/api/user/credentials/{id}/"), &authorization).await.status, 204);
    app.client().user(&authorization).await.problem(401, "invalid_token");
    assert_ne!(app.token("token", "u01").await, first);
    app.client().user(&authorization).await.problem(401, "invalid_token");
}

/// A user with a github and a facebook account.
async fn with_two_accounts(app: &TestApp) -> (String, Vec<i64>) {
    let authorization = format!("Token {}", app.token("token", "u1").await);
    app.link("token/facebook", &authorization, "u2").await.ok();
    let accounts = app.client().get("/api/user/social/").header("authorization", &authorization).send().await.ok();
    let ids = accounts.as_array().expect("a list").iter().filter_map(|account| account["id"].as_i64()).collect();
    (authorization, ids)
}

async fn last_account_cannot_be_unlinked(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (authorization, ids) = with_two_accounts(&app).await;
    let other_user = format!("Token {}", app.token("token", "u3").await);
    delete(&app, &format!("/api/user/social/{}/", ids[0]), &other_user).await.problem(404, "not_found");
    delete(&app, "/api/user/social/x/", &authorization).await.problem(404, "not_found");
    assert_eq!(delete(&app, &format!("/api/user/social/{}/", ids[0]), &authorization).await.status, 204);
    delete(&app, &format!("/api/user/social/{}/", ids[1]), &authorization).await.problem(409, "last_login_method");
    // The account now signs up a new user.
    assert_ne!(app.login("token_user", "u01").await.ok()["id"], app.client().user(&authorization).await.ok()["id"]);
}

async fn sec_25_parallel_unlinks_keep_one_account(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (authorization, ids) = with_two_accounts(&app).await;
    let paths: Vec<String> = ids.iter().map(|id| format!("/api/user/social/{id}/")).collect();
    let answers = join_all(paths.iter().map(|path| delete(&app, path, &authorization))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(app.database.count("social_accounts").await, 1);
}

async fn token_of(app: &TestApp, authorization: &str, account: i64) -> crate::support::Answer {
    let path = format!("/api/user/social/{account}/token/");
    app.client().get(&path).header("authorization", authorization).send().await
}

async fn first_account(app: &TestApp, authorization: &str) -> i64 {
    let accounts = app.client().get("/api/user/social/").header("authorization", authorization).send().await.ok();
    accounts[0]["id"].as_i64().expect("an account")
}

async fn sec_40_provider_tokens_are_stored_only_when_configured(engine: Engine) {
    let app = TestApp::start(engine).await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let account = first_account(&app, &authorization).await;
    token_of(&app, &authorization, account).await.problem(404, "token_not_kept");

    let app = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let account = first_account(&app, &authorization).await;
    let answer = token_of(&app, &authorization, account).await;
    assert_eq!(answer.field("access_token"), "gho_u1");
    let other_user = format!("Token {}", app.token("token", "u2").await);
    token_of(&app, &other_user, account).await.problem(404, "not_found");
    // The database has no plain text, and the encrypted token of another account cannot be decrypted in its place.
    app.database
        .run("UPDATE social_accounts SET encrypted_tokens = (SELECT encrypted_tokens FROM social_accounts ORDER BY id DESC LIMIT 1)")
        .await;
    token_of(&app, &authorization, account).await.problem(404, "token_not_kept");
}

async fn sec_40_stored_provider_token_is_refreshed_once_for_parallel_requests(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("STORE_PROVIDER_TOKENS", "true").start().await;
    let claims = app.fake_users.id_token_claims("u1", None, "first");
    let exchanged = json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 120, "token_type": "Bearer",
        "id_token": signer::signed(&claims)});
    app.double.on(OIDC_TOKEN, move |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") if call.field("refresh_token").as_deref() == Some("r-1") => {
            Reply::json(&json!({"access_token": "second", "expires_in": 3600, "token_type": "Bearer"}))
                .after(Duration::from_millis(300))
        }
        Some("refresh_token") => Reply::json_at(400, &json!({"error": "invalid_grant"})),
        _ => Reply::json(&exchanged),
    });
    app.double.always("GET id.example/userinfo", Reply::json(&json!({"sub": "s-1", "preferred_username": "user1"})));
    let login = app.client().login("token/oidc", json!({"code": "u1"})).await;
    let authorization = format!("Token {}", login.field("token"));
    let account = first_account(&app, &authorization).await;
    assert_eq!(token_of(&app, &authorization, account).await.field("access_token"), "first");
    app.advance(Duration::from_secs(90));
    app.double.clear_calls();
    let answers = join_all((0..8).map(|_| token_of(&app, &authorization, account))).await;
    assert!(answers.iter().all(|answer| answer.field("access_token") == "second"));
    assert_eq!(app.double.calls_at(OIDC_TOKEN).len(), 1, "one call for all parallel requests");
}

async fn provider_token_without_refresh_expires(engine: Engine) {
    let app = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    app.double.on(GITHUB_TOKEN, |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"error": "bad_refresh_token", "error_description": "expired"})),
        _ => Reply::json(&json!({"access_token": "gho_u1", "refresh_token": "ghr", "expires_in": 100})),
    });
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let account = first_account(&app, &authorization).await;
    app.advance(Duration::from_secs(200));
    token_of(&app, &authorization, account).await.problem(409, "token_ended");
}

async fn sec_45_each_login_and_each_refusal_is_one_audit_event(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    app.login("token", "u01").await.ok();
    app.login("token", "bad").await.problem(400, "invalid_code");
    app.client().login("token/nope", json!({"code": "x"})).await.problem(404, "unknown_provider");
    let rows = app.database.repository().await.audit_events(&AuditFilter::default(), 10).await.expect("the audit log");
    let events: Vec<(String, Option<String>)> = rows.into_iter().rev().map(|row| (row.event, row.code)).collect();
    let refused = |code: &str| ("refused".to_owned(), Some(code.to_owned()));
    let wanted = [
        ("sign_up".to_owned(), None),
        ("sign_in".to_owned(), None),
        refused("invalid_code"),
        refused("unknown_provider"),
    ];
    assert_eq!(events, wanted);
}

/// Events and their codes, the oldest first.
async fn trail(app: &TestApp) -> Vec<String> {
    let rows = app.database.repository().await.audit_events(&AuditFilter::default(), 99).await.expect("the audit log");
    let events = rows.into_iter().rev().map(|row| match row.code {
        Some(code) => format!("{} {code}", row.event),
        None => format!("{} {}", row.event, row.kind.unwrap_or_default()).trim_end().to_owned(),
    });
    events.collect()
}

async fn sec_45_each_change_by_a_user_is_one_audit_event(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_EDITABLE_USER_FIELDS", "first_name").start().await;
    let (authorization, ids) = with_two_accounts(&app).await;
    let call = async |method: &str, path: &str, header: &str, body: Value| {
        let request = app.client().request(method, path).header("authorization", header).json(&body);
        assert!(request.send().await.status < 300, "{method} {path}");
    };
    let before = trail(&app).await.len();
    call("PATCH", "/api/user/", &authorization, json!({"first_name": "X"})).await;
    call("PATCH", "/api/user/", &authorization, json!({"first_name": "X"})).await;
    call("GET", "/api/user/export/", &authorization, json!({})).await;
    call("DELETE", &format!("/api/user/social/{}/", ids[1]), &authorization, json!({})).await;
    let knox = format!("Token {}", app.token("knox", "u01").await);
    call("POST", "/api/knox/logout/", &knox, json!({})).await;
    let knox = format!("Token {}", app.token("knox", "u001").await);
    call("POST", "/api/knox/logoutall/", &knox, json!({})).await;
    let refresh = app.login("jwt-pair", "u0001").await.field("refresh");
    call("POST", "/api/token/blacklist/", &authorization, json!({"refresh": refresh})).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u00001"})).await.ok();
    browser.post("/api/session/logout/").header("origin", &app.node.base).send().await;
    app.login("session", "u0000001").await.ok();
    call("DELETE", "/api/user/credentials/others/", &authorization, json!({})).await;
    call("POST", "/api/logout/all/", &authorization, json!({})).await;
    let authorization = format!("Token {}", app.token("token", "u000001").await);
    call("DELETE", "/api/user/", &authorization, json!({})).await;
    let wanted = [
        "updated",
        "exported",
        "unlink",
        "sign_in knox",
        "log_out knox",
        "sign_in knox",
        "log_out knox",
        "sign_in jwt-pair",
        "log_out jwt-pair",
        "sign_in session",
        "log_out session",
        "sign_in session",
        "log_out",
        "log_out",
        "sign_in token",
        "deleted",
    ];
    assert_eq!(trail(&app).await[before..], wanted);
    let rows = app.database.repository().await.audit_events(&AuditFilter::default(), 99).await.expect("the audit log");
    assert!(
        rows.iter().all(|row| row.user_id == Some(UserId(1)) && row.ip.is_some() && row.request_id.is_some()),
        "{rows:?}"
    );
}

async fn sec_45_each_refused_change_by_a_user_is_one_audit_event(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_KNOX_TOKEN_LIMIT_PER_USER", "1").start().await;
    let knox = format!("Token {}", app.token("knox", "u1").await);
    app.login("knox", "u01").await.problem(403, "token_limit_exceeded");
    delete(&app, "/api/user/social/1/", &knox).await.problem(409, "last_login_method");
    app.advance(Duration::from_secs(1000));
    delete(&app, "/api/user/", &knox).await.problem(403, "fresh_login_required");
    let browser = app.browser();
    browser.set_cookie("sessionid", "rsas_x");
    let evil = browser.post("/api/login/social/session/github/").header("origin", "https://evil.example");
    evil.json(&json!({"code": "u001"})).send().await.problem(403, "csrf_failed");
    let wanted = [
        "sign_up knox",
        "refused token_limit_exceeded",
        "refused last_login_method",
        "refused fresh_login_required",
        "refused csrf_failed",
    ];
    assert_eq!(trail(&app).await, wanted);
}
