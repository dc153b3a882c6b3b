//! Limits on rows written by unauthenticated callers: a full table uses up no code and affects no other login.

use std::time::Duration;

use rest_social_auth::clock::UnixMillis;
use serde_json::json;

use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET};
use crate::support::test_app::{Node, TestAppBuilder};
use crate::support::{Answer, Client, Database, Engine, REDIRECT_URI, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    sec_44_one_address_cannot_fill_the_tables_of_logins,
    sec_44_forged_tokens_and_assertions_write_no_row,
    sec_44_claims_that_are_kept_for_hours_have_a_share_of_each_address,
    fault_a9_only_rows_that_protect_a_login_count,
    code_stays_unused_when_one_time_codes_are_full,
    code_stays_unused_when_pending_logins_are_full,
}

const WITH_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,\
                          associate_user,load_extra_data,user_details";

/// Rows with the keys 1 to `count`.
async fn fill(database: &Database, engine: Engine, table: &str, columns: &str, values: &str, count: i64) {
    let key = if engine == Engine::Sqlite { "CAST(i AS BLOB)" } else { "CAST(CAST(i AS text) AS bytea)" };
    let values = values.replace("KEY", key);
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO {table} ({columns}) SELECT {values} FROM n"
    );
    database.run(&sql).await;
}

async fn fault_a9_only_rows_that_protect_a_login_count(engine: Engine) {
    let app = TestApp::start(engine).await;
    let now = app.clock.now();
    let later = now.plus(Duration::from_secs(60)).0;
    let nothing = if engine == Engine::Sqlite { "X'00'" } else { "'\\x00'::bytea" };
    let columns = "key, provider, redirect_uri, browser, created, expires, claimed";
    for (number, (expires, claimed)) in
        [(later, "NULL".to_owned()), (later, now.0.to_string()), (now.0, "NULL".to_owned())].into_iter().enumerate()
    {
        let key = if engine == Engine::Sqlite { format!("X'0{number}'") } else { format!("'\\x0{number}'::bytea") };
        for sql in [
            format!(
                "INSERT INTO authorization_requests ({columns}) VALUES ({key}, 'github', 'x', {nothing}, 1, {expires}, {claimed})"
            ),
            format!("INSERT INTO used_codes (code, claimed, expires) VALUES ({key}, 1, {expires})"),
            format!(
                "INSERT INTO pending_logins (token, encrypted_login, expires, completed) VALUES ({key}, {nothing}, {expires}, {claimed})"
            ),
            format!(
                "INSERT INTO one_time_codes (code, encrypted_answer, expires) VALUES ({key}, {nothing}, {expires})"
            ),
        ] {
            app.database.run(&sql).await;
        }
    }
    let repository = app.database.repository().await;
    let rows = repository.live_rows(now).await.expect("a count");
    assert_eq!((rows.authorization_requests, rows.pending_logins), (1, 1), "neither expired nor finished");
    assert_eq!((rows.used_codes, rows.one_time_codes), (2, 2), "not expired");
    let rows = repository.live_rows(UnixMillis(later)).await.expect("a count");
    assert_eq!(rows.authorization_requests + rows.used_codes + rows.pending_logins + rows.one_time_codes, 0);
    repository.close().await;
}

/// A native app's login in the redirect flow, up to the response to the callback.
async fn callback(client: &Client, code: &str) -> Answer {
    let path = format!("/api/login/social/authorize/github/?kind=token&next={REDIRECT_URI}");
    let answer = client.get(&path).send().await;
    let there = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
    let state = there.query_pairs().find(|(name, _)| name == "state").map(|(_, state)| state.into_owned());
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("code", code), ("state", &state.expect("a state"))])
        .finish();
    client.get(&format!("/api/login/social/complete/github/?{query}")).send().await
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_else(|| panic!("{}", answer.headers_and_body()))
}

/// Waits until the server has counted its rows, which it does in the background after its start.
async fn counted(app: &TestApp, is_refused: impl AsyncFn(&Node, usize) -> bool) -> Node {
    let node = app.start_second_node().await;
    for authorization_request in 0..600 {
        if is_refused(&node, authorization_request).await {
            return node;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server refuses nothing");
}

async fn code_stays_unused_when_one_time_codes_are_full(engine: Engine) {
    let app = TestApp::builder(engine).with("MAX_ONE_TIME_CODES", "10").start().await;
    let later = app.clock.now().plus(Duration::from_secs(60)).0;
    let empty = if engine == Engine::Sqlite { "X'00'" } else { "'\\x00'::bytea" };
    fill(
        &app.database,
        engine,
        "one_time_codes",
        "code, encrypted_answer, expires",
        &format!("KEY, {empty}, {later}"),
        200_000,
    )
    .await;
    let refused = format!("{REDIRECT_URI}?error=too_many_requests");
    let node = counted(&app, async |node, authorization_request| {
        location(&callback(&node.client().browser(), &format!("u1{authorization_request}")).await) == refused
    })
    .await;
    let written = async || [app.database.count("users").await, app.database.count("used_codes").await];
    let before = written().await;
    app.double.clear_calls();
    let browser = node.client().browser();
    assert_eq!(location(&callback(&browser, "u7").await), refused);
    assert_eq!(written().await, before, "no user and no used code");
    assert!(app.double.calls().is_empty(), "the provider was not called");
    // A login that needs no row succeeds. When rows are free again, the same code is accepted.
    node.client().login("token/github", json!({"code": "u8"})).await.ok();
    app.database.run("DELETE FROM one_time_codes").await;
    let node = app.start_second_node().await;
    assert!(location(&callback(&node.client().browser(), "u7").await).contains("code="));
}

async fn code_stays_unused_when_pending_logins_are_full(engine: Engine) {
    let asks =
        |plan: TestAppBuilder| plan.with("SOCIAL_AUTH_GITHUB_PIPELINE", WITH_EMAIL).with("MAX_PENDING_LOGINS", "10");
    let app = asks(TestApp::builder(engine)).start().await;
    let later = app.clock.now().plus(Duration::from_secs(60)).0;
    let empty = if engine == Engine::Sqlite { "X'00'" } else { "'\\x00'::bytea" };
    let values = format!("KEY, {empty}, {later}");
    fill(&app.database, engine, "pending_logins", "token, encrypted_login, expires", &values, 10).await;
    let node = counted(&app, async |node, authorization_request| {
        node.client().login("token/github", json!({"code": format!("u1{authorization_request}")})).await.status == 429
    })
    .await;
    let written = async || [app.database.count("users").await, app.database.count("used_codes").await];
    let before = written().await;
    node.client().login("token/github", json!({"code": "u7"})).await.problem(429, "too_many_requests");
    assert_eq!(written().await, before, "no user and no used code");
    // A provider whose pipeline asks for no input needs no row.
    node.client().login("token/facebook", json!({"code": "u7"})).await.ok();
    app.database.run("DELETE FROM pending_logins").await;
    let node = app.start_second_node().await;
    node.client().login("token/github", json!({"code": "u7"})).await.ok();
}

async fn sec_44_one_address_cannot_fill_the_tables_of_logins(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("MAX_AUTHORIZATION_REQUESTS_PER_ADDRESS", "3")
        .with("MAX_USED_CODES_PER_ADDRESS", "3")
        .with("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let post = async |client: &Client, address: &str, path: &str, body: serde_json::Value| {
        client.post(&format!("/api/login/social/{path}/")).header("x-forwarded-for", address).json(&body).send().await
    };
    let (flood, honest, begin, login) = ("192.0.2.1", "192.0.2.2", "begin/github", "token/github");
    let browser = app.browser();
    let begun = post(&browser, flood, begin, json!({})).await;
    for _ in 0..2 {
        post(&app.client(), flood, begin, json!({})).await.ok();
    }
    for _ in 0..5 {
        post(&app.client(), flood, begin, json!({})).await.problem(429, "too_many_requests");
    }
    assert_eq!(app.database.count("authorization_requests").await, 3, "the refused ones wrote nothing");
    post(&app.client(), honest, begin, json!({})).await.ok();
    // The requests that were there before the flood can still be completed, and leave room when they are.
    let complete = json!({"code": "u1", "state": begun.field("state")});
    let first = post(&browser, flood, login, complete.clone()).await.ok();
    post(&app.client(), flood, begin, json!({})).await.ok();

    for code in ["bad1", "bad2"] {
        post(&app.client(), flood, login, json!({"code": code})).await.problem(400, "invalid_code");
    }
    app.double.clear_calls();
    for code in ["bad3", "bad4", "u4"] {
        post(&app.client(), flood, login, json!({"code": code})).await.problem(429, "too_many_requests");
    }
    assert_eq!(app.database.count("used_codes").await, 3);
    assert!(app.double.calls().is_empty(), "the provider was not called");
    assert_eq!(post(&browser, flood, login, complete).await.ok(), first, "a repeat needs no row");
    post(&app.client(), flood, login, json!({"code": "bad1"})).await.problem(400, "code_already_used");
    post(&app.client(), honest, login, json!({"code": "u4"})).await.ok();
    // The codes of the flood are remembered for ten minutes, those of the address a little longer.
    app.advance(Duration::from_secs(750));
    post(&app.client(), flood, login, json!({"code": "u5"})).await.ok();
}

/// The signature is verified before anything is claimed.
async fn sec_44_forged_tokens_and_assertions_write_no_row(engine: Engine) {
    let app = TestApp::builder(engine)
        .oidc()
        .with("SOCIAL_AUTH_TELEGRAM_BOT_TOKEN", "4711:bot-token")
        .with("SOCIAL_AUTH_STEAM_API_KEY", "k")
        .with("SOCIAL_AUTH_FACEBOOK_APP_KEY", "k")
        .with("SOCIAL_AUTH_FACEBOOK_APP_SECRET", "s")
        .start()
        .await;
    let now = app.clock.now().seconds();
    let claims = app.fake_users.id_token_claims("u1", None, "");
    let signed = signer::signed(&claims);
    let (content, _) = signed.rsplit_once('.').expect("a token");
    let mut expired = claims.clone();
    expired["exp"] = (now - 60).into();
    let steam = json!({
        "redirect_uri": REDIRECT_URI,
        "openid.mode": "id_res",
        "openid.op_endpoint": "https://evil.example/openid/login",
        "openid.claimed_id": "https://steamcommunity.com/openid/id/76561190000004711",
        "openid.response_nonce": "n1",
    });
    for (provider, body) in [
        ("oidc", json!({"id_token": format!("{content}.AAAA")})),
        ("oidc", json!({"id_token": format!("{content}.")})),
        ("oidc", json!({"id_token": signer::signed(&expired)})),
        ("telegram", json!({"id": 1, "auth_date": now, "hash": "00"})),
        ("steam", steam),
        ("facebook-app", json!({"signed_request": "AAAA.eyJvYXV0aF90b2tlbiI6ImExIn0"})),
    ] {
        let answer = app.client().login(&format!("token/{provider}"), body.clone()).await;
        assert!(matches!(answer.status, 400 | 502), "{provider}: {}", answer.text);
        assert_eq!(app.database.count("used_codes").await, 0, "{provider}: {body}");
    }
    app.client().login("token/oidc", json!({"id_token": signed})).await.ok();
    assert_eq!(app.database.count("used_codes").await, 1);
}

/// Access tokens of Facebook are valid for 60 days: their claims outlive every count of the last ten minutes.
async fn sec_44_claims_that_are_kept_for_hours_have_a_share_of_each_address(engine: Engine) {
    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_FACEBOOK_APP_KEY", CLIENT_ID)
        .with("SOCIAL_AUTH_FACEBOOK_APP_SECRET", CLIENT_SECRET);
    let app = plan.with("MAX_USED_CODES_PER_ADDRESS", "20").with("TRUSTED_PROXIES", "127.0.0.1").start().await;
    app.double.always("GET graph.facebook.com/v24.0/me", Reply::json(&json!({"id": "77", "name": "Ola"})));
    let login = async |client: &Client, address: &str, token: &str| {
        let request = client.post("/api/login/social/token/facebook-app/").header("x-forwarded-for", address);
        request.json(&json!({"access_token": token})).send().await
    };
    let client = app.client();
    for token in ["a1", "a2"] {
        login(&client, "192.0.2.1", token).await.ok();
    }
    login(&client, "192.0.2.1", "a3").await.problem(429, "too_many_requests");
    let of_code = client.post("/api/login/social/token/github/").header("x-forwarded-for", "192.0.2.1");
    of_code.json(&json!({"code": "u1"})).send().await.ok();
    login(&client, "192.0.2.2", "a3").await.ok();
    // An IPv6 /48 has twice the share.
    for number in 10..14 {
        login(&client, &format!("2001:db8:0:{number}::1"), &format!("a{number}")).await.ok();
    }
    login(&client, "2001:db8:0:99::1", "a15").await.problem(429, "too_many_requests");

    // An hour later, after a sweep, and on another node.
    app.advance(Duration::from_secs(3600));
    let repository = app.database.repository().await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 1000).await.expect("a sweep");
    let other = app.start_second_node().await;
    login(&other.client(), "192.0.2.1", "a20").await.problem(429, "too_many_requests");
    // The claims protect for as long as the tokens are valid, and leave room when they have expired.
    login(&client, "192.0.2.3", "a3").await.problem(400, "code_already_used");
    app.advance(Duration::from_secs(60 * 24 * 60 * 60));
    login(&client, "192.0.2.1", "a21").await.ok();
}
