//! SEC-45: one audit event for each success and each refusal, with provider, reason, user, address, agent and request
//! id, without secrets; and a limit on the number of events.

use std::time::Duration;

use rest_social_auth::model::{AuditFilter, AuditRecord, UserId};
use serde_json::{Value, json};

use crate::support::fake_users::{GITHUB_TOKEN, TWITTER_REQUEST};
use crate::support::{Answer, Engine, REDIRECT_URI, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_45_each_login_refusal_is_one_audit_event,
    sec_45_refusal_in_the_redirect_flow_is_one_audit_event,
    sec_45_refused_request_is_one_audit_event_with_its_user,
    sec_45_refresh_token_reuse_is_audited,
    sec_45_requests_without_a_security_effect_are_not_audited,
    sec_45_caller_input_in_audit_events_is_sanitized,
    sec_45_aborted_request_is_still_audited,
    sec_45_failed_audit_write_does_not_change_the_response,
    sec_44_refusal_flood_is_limited_and_deletes_no_other_event,
    sec_43_client_address_comes_from_trusted_proxies_only,
}

const AGENT: &str = "audit-test/1.0";

async fn rows(app: &TestApp) -> Vec<AuditRecord> {
    app.database.repository().await.audit_events(&AuditFilter::default(), 999).await.expect("the audit log")
}

/// The only event written since there were `before`, checked against the response.
#[track_caller]
fn one_row(rows: &[AuditRecord], before: usize, answer: &Answer) -> AuditRecord {
    assert_eq!(rows.len(), before + 1, "{} {}", answer.status, answer.text);
    let row = rows[0].clone();
    assert_eq!(row.event, "refused", "{row:?}");
    assert_eq!(row.request_id.as_deref(), answer.header("x-request-id"), "{row:?}");
    assert_eq!(row.ip.as_deref(), Some("127.0.0.1"), "{row:?}");
    row
}

async fn sec_45_each_login_refusal_is_one_audit_event(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("STATE_POLICY", "when_present");
    let app = plan.start().await;
    app.login("token", "u1").await.ok();
    let post = |path: &str| app.client().post(&format!("/api/login/social/{path}")).header("user-agent", AGENT);
    let get = |path: &str| app.client().get(&format!("/api/login/social/{path}")).header("user-agent", AGENT);
    let code = |code: &str| json!({"code": code});
    let not_json = || post("token/github/").body("application/json", "{");
    let too_much = || post("token/github/").body("application/json", "x".repeat(70_000));
    let bad_bearer = || post("jwt-pair/github/").header("authorization", "Bearer a.b.c").json(&code("u2"));
    let other_site = || post("session/github/").header("origin", "https://evil.example").json(&code("u2"));
    let flow = json!({"flow_token": format!("rsaf_{}", "a".repeat(43))});
    let cases = [
        (post("token/github/").json(&code("wrong")), "invalid_code", Some("github"), Some("token")),
        (
            post("knox/").json(&json!({"provider": "facebook", "code": "wrong"})),
            "invalid_code",
            Some("facebook"),
            Some("knox"),
        ),
        (post("token/github/").json(&json!({})), "invalid_request", Some("github"), Some("token")),
        (post("token/").json(&code("u2")), "provider_missing", None, None),
        (post("token/no-such-provider/").json(&code("u2")), "unknown_provider", None, Some("token")),
        (not_json(), "invalid_json", Some("github"), None),
        (too_much(), "too_large", Some("github"), None),
        (post("token/github/").body("text/plain", "x"), "unsupported_media_type", Some("github"), None),
        (post("token/github/").header("accept", "image/png").json(&code("u2")), "not_acceptable", Some("github"), None),
        (bad_bearer(), "token_not_valid", Some("github"), None),
        (other_site(), "csrf_failed", Some("github"), None),
        (post("token/oidc/").json(&json!({"id_token": "a.b.c"})), "provider_error", Some("oidc"), Some("token")),
        (
            post("token/twitter/").json(&json!({"oauth_token": "x", "oauth_verifier": "y"})),
            "state_mismatch",
            Some("twitter"),
            Some("token"),
        ),
        (
            post("begin/github/").json(&json!({"redirect_uri": "https://evil.example/"})),
            "redirect_uri_not_allowed",
            Some("github"),
            None,
        ),
        (post("begin/github/").json(&json!({"next": "//evil.example"})), "invalid_request", Some("github"), None),
        (post("begin/github/").json(&json!({"scope": 7})), "invalid_request", Some("github"), None),
        (post("begin/no-such-provider/").json(&json!({})), "unknown_provider", None, None),
        (post("begin/github/").header("authorization", "Token wrong"), "invalid_token", Some("github"), None),
        (get("authorize/github/?next=https://evil.example/"), "redirect_uri_not_allowed", Some("github"), None),
        (get("authorize/no-such-provider/"), "unknown_provider", None, None),
        (get("authorize/github/?kind=nonsense"), "invalid_request", Some("github"), None),
        (get("complete/github/?code=u2&state=strange"), "state_mismatch", Some("github"), None),
        (post("complete/github/").form(&[("code", "u2")]), "state_mismatch", Some("github"), None),
        (post("swap/").json(&code("rsax_wrong")), "invalid_code", None, None),
        (post("swap/").json(&json!({})), "invalid_request", None, None),
        (post("resume/").json(&flow), "state_mismatch", None, None),
        (get("resume/?code=rsax_wrong").header("accept", "text/html"), "invalid_code", None, None),
    ];
    for (before, (request, code, provider, kind)) in (1..).zip(cases) {
        let answer = request.send().await;
        let row = one_row(&rows(&app).await, before, &answer);
        assert_eq!(row.code.as_deref(), Some(code), "{}", answer.text);
        assert_eq!((row.provider.as_deref(), row.kind.as_deref()), (provider, kind), "{code}: {row:?}");
        assert_eq!((row.agent.as_deref(), row.user_id), (Some(AGENT), None), "{code}: {row:?}");
    }
    // The first step of OAuth 1.0a too; its event has the reason.
    app.double.always(TWITTER_REQUEST, Reply::of(401, "text/plain", "no"));
    let before = rows(&app).await.len();
    let answer = post("token/twitter/").json(&json!({})).send().await;
    answer.problem(502, "provider_error");
    let row = one_row(&rows(&app).await, before, &answer);
    assert_eq!((row.provider.as_deref(), row.code.as_deref()), (Some("twitter"), Some("provider_error")));
    let answer = post("begin/twitter/").json(&json!({})).send().await;
    one_row(&rows(&app).await, before + 1, &answer);

    let kept: String = rows(&app).await.iter().map(|row| format!("{row:?}")).collect();
    for secret in ["rsax_", "rsaf_", "a.b.c", "wrong", "evil.example", "no-such-provider", "strange"] {
        assert!(!kept.contains(secret), "{secret}");
    }
}

async fn sec_45_refusal_in_the_redirect_flow_is_one_audit_event(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (query, code) in [("error=access_denied", "access_denied"), ("code=wrong", "invalid_code")] {
        let before = rows(&app).await.len();
        let browser = app.browser();
        let authorize = browser.get(&format!("/api/login/social/authorize/github/?next={REDIRECT_URI}")).send().await;
        let there = url::Url::parse(authorize.header("location").expect("a location")).expect("a URL");
        let state = there.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
        let response = browser.get(&format!("/api/login/social/complete/github/?{query}&state={state}")).send().await;
        assert_eq!(response.header("location"), Some(format!("{REDIRECT_URI}?error={code}").as_str()));
        let row = one_row(&rows(&app).await, before, &response);
        assert_eq!((row.code.as_deref(), row.provider.as_deref()), (Some(code), Some("github")));
        assert_eq!(row.kind.as_deref(), Some("session"));
    }
}

async fn sec_45_refused_request_is_one_audit_event_with_its_user(engine: Engine) {
    let app = TestApp::start(engine).await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    app.login("token", "u2").await.ok();
    let call = |method: &str, path: &str| app.client().request(method, path).header("authorization", &owner);
    let before = rows(&app).await.len();
    let linked = app.link("token/github", &owner, "u02").await;
    linked.problem(409, "account_in_use");
    let row = one_row(&rows(&app).await, before, &linked);
    assert_eq!((row.user_id, row.provider.as_deref()), (Some(UserId(1)), Some("github")));

    let begun = call("POST", "/api/login/social/begin/github/").json(&json!({"next": "no"})).send().await;
    assert_eq!(one_row(&rows(&app).await, before + 1, &begun).user_id, Some(UserId(1)));

    let account = app.database.number("SELECT min(id) FROM social_accounts").await;
    let unlinked = call("DELETE", &format!("/api/user/social/{account}/")).send().await;
    unlinked.problem(409, "last_login_method");
    let row = one_row(&rows(&app).await, before + 2, &unlinked);
    assert_eq!((row.user_id, row.code.as_deref()), (Some(UserId(1)), Some("last_login_method")));

    app.advance(Duration::from_secs(901));
    let deleted = call("DELETE", "/api/user/").send().await;
    deleted.problem(403, "fresh_login_required");
    assert_eq!(one_row(&rows(&app).await, before + 3, &deleted).user_id, Some(UserId(1)));

    let browser = app.browser();
    browser.login("session/github", json!({"code": "u01"})).await.ok();
    let before = rows(&app).await.len();
    let elsewhere = browser.post("/api/logout/all/").header("origin", "https://evil.example").send().await;
    elsewhere.problem(403, "csrf_failed");
    assert_eq!(one_row(&rows(&app).await, before, &elsewhere).user_id, Some(UserId(1)));

    app.database
        .run(match engine {
            Engine::Sqlite => "UPDATE users SET is_active = 0 WHERE id = 1",
            Engine::Postgres => "UPDATE users SET is_active = false WHERE id = 1",
        })
        .await;
    let refused = app.login("token", "u001").await;
    refused.problem(403, "user_inactive");
    assert_eq!(one_row(&rows(&app).await, before + 1, &refused).user_id, Some(UserId(1)), "whose login it was");
}

async fn sec_45_refresh_token_reuse_is_audited(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true");
    let app = plan.with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true").start().await;
    let pair = app.login("jwt-pair", "u1").await.ok();
    let refresh =
        async |token: &Value| app.client().post("/api/token/refresh/").json(&json!({"refresh": token})).send().await;
    let successor = refresh(&pair["refresh"]).await;
    refresh(&successor.ok()["refresh"]).await.ok();
    assert_eq!(rows(&app).await.len(), 1, "a refresh is no login");
    let reuse = refresh(&pair["refresh"]).await;
    reuse.problem(401, "token_not_valid");
    let row = rows(&app).await.remove(0);
    assert_eq!(
        (row.event.as_str(), row.user_id, row.kind.as_deref()),
        ("token_reused", Some(UserId(1)), Some("jwt-pair"))
    );
    assert_eq!((row.request_id.as_deref(), row.ip.as_deref()), (reuse.header("x-request-id"), Some("127.0.0.1")));
    assert_eq!(rows(&app).await.len(), 2, "one event");
    let again = refresh(&pair["refresh"]).await;
    again.problem(401, "token_not_valid");
    let row = one_row(&rows(&app).await, 2, &again);
    assert_eq!((row.user_id, row.code.as_deref()), (Some(UserId(1)), Some("token_not_valid")));
    // An expired or malformed token is no sign of reuse and is not audited.
    app.client()
        .post("/api/token/refresh/")
        .json(&json!({"refresh": "a.b.c"}))
        .send()
        .await
        .problem(401, "token_not_valid");
    assert_eq!(rows(&app).await.len(), 3);
}

async fn sec_45_requests_without_a_security_effect_are_not_audited(engine: Engine) {
    let app = TestApp::start(engine).await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    let client = app.client();
    let calls = [
        client.get("/api/user/"),
        client.get("/api/user/").header("authorization", "Token wrong"),
        client.request("DELETE", "/api/user/").header("authorization", "Bearer a.b.c"),
        client.request("PATCH", "/api/user/").header("authorization", &owner).json(&json!({"first_name": 7})),
        client.request("DELETE", "/api/user/social/999/").header("authorization", &owner),
        client.request("DELETE", "/api/user/credentials/none/").header("authorization", &owner),
        client.post("/api/token/verify/").json(&json!({"token": "a.b.c"})),
        client.get("/api/login/social/token/github/"),
        client.get("/api/login/social/providers/").header("accept", "image/png"),
        client.get("/api/login/social/none/of/that/"),
        client.post("/api/knox/logout/"),
    ];
    for call in calls {
        let answer = call.send().await;
        assert!(answer.status >= 400, "{} {}", answer.status, answer.text);
        assert_eq!(rows(&app).await.len(), 1, "{} {}", answer.status, answer.text);
    }
}

async fn sec_45_caller_input_in_audit_events_is_sanitized(engine: Engine) {
    let app = TestApp::start(engine).await;
    let long = "n".repeat(6_000);
    let post = |path: &str, agent: &[u8]| {
        let post = app.client().post(path).header("user-agent", agent);
        post.header("x-request-id", "i".repeat(129)).json(&json!({"code": "wrong", "provider": long}))
    };
    let agent = ["evil\u{9b}2J\u{202e}\t".as_bytes(), b"\xff\xfe", "a".repeat(2_000).as_bytes()].concat();
    for path in [
        "/api/login/social/token/",
        &format!("/api/login/social/token/{long}/"),
        &format!("/api/login/social/begin/{long}/"),
    ] {
        post(path, &agent).send().await.problem(404, "unknown_provider");
    }
    for row in rows(&app).await {
        let agent = row.agent.clone().unwrap_or_default();
        assert!(agent.starts_with("evil\u{fffd}2J\u{fffd}\u{fffd}") && agent.chars().count() == 255, "{agent:?}");
        assert!(row.request_id.as_ref().is_some_and(|id| id.len() == 36), "{row:?}");
        assert_eq!((row.provider.as_deref(), row.code.as_deref()), (None, Some("unknown_provider")));
    }
    assert_eq!(rows(&app).await.len(), 3);
}

async fn sec_45_aborted_request_is_still_audited(engine: Engine) {
    let app = TestApp::start(engine).await;
    let refused = Reply::json(&json!({"error": "bad_verification_code"})).after(Duration::from_millis(400));
    app.double.always(GITHUB_TOKEN, refused);
    let client = app.client();
    let login = tokio::spawn(async move { client.login("token/github", json!({"code": "u1"})).await });
    while app.double.calls_at(GITHUB_TOKEN).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    login.abort();
    while rows(&app).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let rows = rows(&app).await;
    let codes: Vec<Option<&str>> = rows.iter().map(|row| row.code.as_deref()).collect();
    assert_eq!((codes, rows[0].provider.as_deref()), (vec![Some("invalid_code")], Some("github")));
}

async fn sec_45_failed_audit_write_does_not_change_the_response(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.database.run("ALTER TABLE audit_events RENAME TO elsewhere").await;
    app.login("token", "wrong").await.problem(400, "invalid_code");
    app.client().login("token/no-such-provider", json!({"code": "u1"})).await.problem(404, "unknown_provider");
}

async fn sec_44_refusal_flood_is_limited_and_deletes_no_other_event(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    let owner = format!("Token {}", app.token("token", "u01").await);
    let account = app.database.number("SELECT min(id) FROM social_accounts").await;
    let unlink = app.client().request("DELETE", &format!("/api/user/social/{account}/"));
    unlink.header("authorization", &owner).send().await.problem(409, "last_login_method");
    for _ in 0..12 {
        app.client().login("token/no-such-provider", json!({"code": "u1"})).await.problem(404, "unknown_provider");
    }
    let newest = rows(&app).await[0].request_id.clone();
    let repository = app.database.repository().await;
    assert_eq!(rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 5).await.expect("a sweep"), 7);
    let left = rows(&app).await;
    let of = |event: &str, user: Option<i64>| {
        left.iter().filter(|row| row.event == event && row.user_id == user.map(UserId)).count()
    };
    assert_eq!(
        (of("refused", None), of("refused", Some(1)), of("sign_up", Some(1)), of("sign_in", Some(1))),
        (5, 1, 1, 1)
    );
    assert_eq!(left[0].request_id, newest, "the newest stay");
}

async fn sec_43_client_address_comes_from_trusted_proxies_only(engine: Engine) {
    let address = async |app: &TestApp, forwarded: &[&str]| {
        let request = app.client().post("/api/login/social/token/github/").json(&json!({"code": "wrong"}));
        let answer =
            forwarded.iter().fold(request, |request, line| request.header("x-forwarded-for", line)).send().await;
        let row = rows(app).await.remove(0);
        assert_eq!(row.request_id.as_deref(), answer.header("x-request-id"));
        row.ip.unwrap_or_default()
    };
    let alone = TestApp::start(engine).await;
    assert_eq!(address(&alone, &["203.0.113.7"]).await, "127.0.0.1", "the header is ignored without TRUSTED_PROXIES");
    let behind = TestApp::builder(engine).with("TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1").start().await;
    for (forwarded, wanted) in [
        (&["203.0.113.7"][..], "203.0.113.7"),
        (&["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        (&["6.6.6.6", "203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        (&["203.0.113.7:4711"], "203.0.113.7"),
        (&["2001:db8::7"], "2001:db8::7"),
        (&["::ffff:203.0.113.7"], "203.0.113.7"),
        (&["10.1.2.3"], "10.1.2.3"),
        (&["203.0.113.7, <script>"], "127.0.0.1"),
        (&[""], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(address(&behind, forwarded).await, wanted, "{forwarded:?}");
    }
    let wrong = TestApp::builder(engine).with("TRUSTED_PROXIES", "10.0.0.0/33,proxy.example").try_start().await;
    let names: Vec<String> = wrong.err().into_iter().flatten().map(|error| error.name).collect();
    assert_eq!(names, ["TRUSTED_PROXIES"]);
    let _: Value = behind.login("token", "u1").await.ok();
}
