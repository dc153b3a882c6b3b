//! Cached discovery documents and key sets, and rate limits of providers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, GITHUB_TOKEN, GITHUB_USER, ISSUER, OIDC_KEYS, OIDC_TOKEN};
use crate::support::{Answer, Call, Engine, Reply, TestApp, signer};

const DISCOVERY: &str = "GET id.example/.well-known/openid-configuration";

fn document(more: Value) -> Value {
    let mut document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.example/authorize",
        "token_endpoint": "https://id.example/token",
        "userinfo_endpoint": "https://id.example/userinfo",
        "jwks_uri": "https://id.example/keys",
    });
    document.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
    document
}

/// Answers the token request with an ID token that `sign` makes of the claims.
fn sign_with(app: &TestApp, sign: impl Fn(&Value) -> String + Send + Sync + 'static) {
    let fake_users = app.fake_users.clone();
    app.double.on(OIDC_TOKEN, move |call: &Call| {
        let code = call.field("code").unwrap_or_default();
        let access_token = format!("oidc-{code}");
        let mut claims = fake_users.id_token_claims(&code, None, &access_token);
        // at_hash depends on the algorithm of the signature, which differs here.
        claims.as_object_mut().expect("an object").remove("at_hash");
        Reply::json(&json!({"access_token": access_token, "token_type": "Bearer", "id_token": sign(&claims)}))
    });
}

async fn login(app: &TestApp, code: &str) -> Answer {
    app.client().login("token/oidc", json!({"code": code})).await
}

fn minute(app: &TestApp) {
    app.advance(Duration::from_secs(61));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_c06_replaced_key_with_the_same_id_is_fetched_within_a_minute() {
    let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
    login(&app, "u1").await.ok();
    app.double.on(OIDC_KEYS, |_| Reply::json(&signer::second_jwks(signer::KEY_ID)));
    sign_with(&app, |claims| signer::signed_by_second(signer::KEY_ID, claims));
    login(&app, "u2").await.problem(502, "provider_error");
    minute(&app);
    login(&app, "u3").await.ok();
    // A token of the old key is refused. It causes at most one fetch a minute.
    app.double.clear_calls();
    sign_with(&app, signer::signed);
    for n in 10..20 {
        login(&app, &format!("u{n}")).await.problem(502, "provider_error");
    }
    assert_eq!(app.double.calls_at(OIDC_KEYS).len(), 0, "the keys are of this minute");
    app.double.clear_calls();
    minute(&app);
    for n in 20..30 {
        login(&app, &format!("u{n}")).await.problem(502, "provider_error");
    }
    assert_eq!((app.double.calls_at(OIDC_KEYS).len(), app.double.calls_at(DISCOVERY).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_c07_moved_jwks_uri_is_found_within_a_minute() {
    for old in [Reply::json_at(404, &json!({})), Reply::json(&signer::jwks()), Reply::Reset] {
        let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
        login(&app, "u1").await.ok();
        app.double.always(OIDC_KEYS, old);
        app.double.always(DISCOVERY, Reply::json(&document(json!({"jwks_uri": "https://id.example/v2/keys"}))));
        app.double.on("GET id.example/v2/keys", |_| Reply::json(&signer::second_jwks("b")));
        sign_with(&app, |claims| signer::signed_by_second("b", claims));
        minute(&app);
        login(&app, "u2").await.ok();
        app.double.clear_calls();
        login(&app, "u3").await.ok();
        assert!(app.double.calls_at(DISCOVERY).is_empty() && app.double.calls_at(OIDC_KEYS).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_c07_moved_token_endpoint_is_found_before_the_code_is_lost() {
    for gone in [
        Reply::json_at(404, &json!({})),
        Reply::json_at(410, &json!({})),
        Reply::of(301, "text/html", ""),
        Reply::of(404, "text/plain", "404 page not found"),
        Reply::of(404, "text/html", "<html><head><title>404 Not Found</title></head></html>"),
        Reply::json_at(404, &json!({"status": 404, "error": "Not Found", "path": "/token"})),
    ] {
        let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
        login(&app, "u1").await.ok();
        app.double.always(OIDC_TOKEN, gone);
        let moved =
            json!({"token_endpoint": "https://id.example/v2/token", "userinfo_endpoint": "https://id.example/v2/me"});
        app.double.always(DISCOVERY, Reply::json(&document(moved)));
        let fake_users = app.fake_users.clone();
        app.double.on("POST id.example/v2/token", move |call: &Call| {
            let code = call.field("code").unwrap_or_default();
            let token = format!("oidc-{code}");
            let claims = fake_users.id_token_claims(&code, None, &token);
            Reply::json(&json!({"access_token": token, "token_type": "Bearer", "id_token": signer::signed(&claims)}))
        });
        app.double.always("GET id.example/v2/me", Reply::json(&json!({"sub": "s-2", "preferred_username": "two"})));
        minute(&app);
        login(&app, "u2").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_c07_moved_userinfo_endpoint_is_found() {
    let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
    login(&app, "u1").await.ok();
    let gone = Reply::json_at(404, &json!({"status": 404, "error": "Not Found"}));
    app.double.always("GET id.example/userinfo", gone);
    app.double.always(DISCOVERY, Reply::json(&document(json!({"userinfo_endpoint": "https://id.example/v2/me"}))));
    app.double.always("GET id.example/v2/me", Reply::json(&json!({"sub": "s-2", "preferred_username": "two"})));
    minute(&app);
    login(&app, "u2").await.ok();
    // An endpoint that is missing from the document too stays an error. The document is fetched once a minute.
    app.double.always("GET id.example/v2/me", Reply::json_at(404, &json!({})));
    app.double.clear_calls();
    minute(&app);
    for n in 3..9 {
        login(&app, &format!("u{n}")).await.problem(502, "provider_error");
    }
    assert_eq!(app.double.calls_at(DISCOVERY).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_c07_token_refresh_finds_a_moved_token_endpoint() {
    let app = TestApp::builder(Engine::Sqlite).oidc().with("STORE_PROVIDER_TOKENS", "true").start().await;
    let claims = app.fake_users.id_token_claims("u1", None, "oidc-u1");
    let first = json!({"access_token": "oidc-u1", "refresh_token": "r-1", "expires_in": 100,
        "id_token": signer::signed(&claims)});
    app.double.always(OIDC_TOKEN, Reply::json(&first));
    let login = login(&app, "u1").await;
    app.advance(Duration::from_secs(200));
    app.double.always(OIDC_TOKEN, Reply::of(404, "text/plain", "404 page not found"));
    let moved = json!({"token_endpoint": "https://id.example/v2/token"});
    app.double.always(DISCOVERY, Reply::json(&document(moved)));
    app.double.always("POST id.example/v2/token", Reply::json(&json!({"access_token": "second", "expires_in": 3600})));
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
}

/// The host of the key set hangs. Logins that need no new key do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_b20_hanging_jwks_host_delays_no_login() {
    let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
    login(&app, "u1").await.ok();
    let asked = Arc::new(AtomicUsize::new(0));
    for place in [OIDC_KEYS, DISCOVERY] {
        let asked = asked.clone();
        app.double.on(place, move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Reply::Hang
        });
    }
    app.advance(Duration::from_secs(25 * 3600));
    // The double never answers, so all of these logins complete without a new key set.
    for n in 2..8 {
        login(&app, &format!("u{n}")).await.ok();
    }
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    login(&app, "u8").await.ok();
    assert_eq!(asked.load(Ordering::SeqCst), 2, "each document was fetched once, in the background");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_c06_cache_control_limits_the_age_of_keys() {
    let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
    app.double.on(OIDC_KEYS, |_| Reply::json(&signer::jwks()).with_header("cache-control", "max-age=600"));
    login(&app, "u1").await.ok();
    app.advance(Duration::from_secs(599));
    login(&app, "u2").await.ok();
    assert_eq!(app.double.calls_at(OIDC_KEYS).len(), 1);
    app.advance(Duration::from_secs(1));
    login(&app, "u3").await.ok();
    while app.double.calls_at(OIDC_KEYS).len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d7_only_algorithms_of_the_discovery_document_are_accepted() {
    for name in ["ES256", "ES512", "EdDSA"] {
        let app = TestApp::builder(Engine::Sqlite).oidc().start().await;
        let listed = json!({"id_token_signing_alg_values_supported": [name, "none", "HS256"]});
        app.double.always(DISCOVERY, Reply::json(&document(listed)));
        let claims = app.fake_users.id_token_claims("u1", None, "");
        let (jwk, token) = signer::other_algorithm(name, &claims);
        app.double.always(OIDC_KEYS, Reply::json(&json!({"keys": [jwk]})));
        let answer = app.client().login("token/oidc", json!({"id_token": token})).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        // Algorithms that the document does not list, `none` and HS256 are refused.
        let claims = app.fake_users.id_token_claims("u2", None, "");
        for token in
            [signer::signed(&claims), signer::unsigned(&claims), signer::hs256(CLIENT_SECRET.as_bytes(), &claims)]
        {
            app.client().login("token/oidc", json!({"id_token": token})).await.problem(502, "provider_error");
        }
    }
}

async fn github(app: &TestApp, code: &str) -> Answer {
    app.login("token", code).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d2_rate_limit_of_the_provider_is_not_invalid_code_and_has_retry_after() {
    let in_two_minutes = "Tue, 24 Nov 2026 12:02:00 GMT";
    let bad_code = json!({"error": "invalid_grant", "error_description": "rate limited"});
    for (n, (status, header, shown)) in [
        (429, Some("7"), Some("7")),
        (429, Some(in_two_minutes), Some("120")),
        (429, Some("0"), Some("1")),
        (429, Some("86400"), Some("300")),
        (429, Some("soon"), None),
        (429, None, None),
        (503, Some("7"), Some("7")),
        (403, Some("7"), Some("7")),
        (503, None, None),
        (500, None, None),
        (408, None, None),
        (425, None, None),
    ]
    .into_iter()
    .enumerate()
    {
        // A new server for each case: a server that received Retry-After stops calling the endpoint.
        let app = TestApp::start(Engine::Sqlite).await;
        let reply = Reply::json_at(status, &bad_code);
        let reply = header.map_or(reply.clone(), |value| reply.with_header("retry-after", value));
        for (place, code) in [(GITHUB_USER, format!("u{n}")), (GITHUB_TOKEN, format!("u0{n}"))] {
            app.double.always(place, reply.clone());
            let answer = github(&app, &code).await;
            assert_eq!(answer.status, 502, "{status} {header:?} at {place}: {}", answer.text);
            answer.problem(502, "provider_error");
            assert_eq!(answer.header("retry-after"), shown, "{status} {header:?} at {place}");
            app.fake_users.answer(&app.double);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d2_endpoint_is_not_called_before_its_retry_after() {
    let app = TestApp::start(Engine::Sqlite).await;
    let busy = Reply::json_at(429, &json!({"message": "slow down"})).with_header("retry-after", "200");
    app.double.always(GITHUB_TOKEN, busy);
    github(&app, "u1").await.problem(502, "provider_error");
    app.fake_users.answer(&app.double);
    app.double.clear_calls();
    let answer = github(&app, "u2").await;
    answer.problem(502, "provider_error");
    let seconds: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=200).contains(&seconds), "{seconds}");
    assert!(app.double.calls().is_empty(), "no endpoint is called");
    // Other providers are still called.
    app.client().login("token/facebook", json!({"code": "u3"})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d2_rate_limit_of_one_user_does_not_block_others() {
    let app = TestApp::start(Engine::Sqlite).await;
    let busy = Reply::json_at(429, &json!({"message": "slow down"})).with_header("retry-after", "200");
    app.double.always(GITHUB_USER, busy);
    let answer = github(&app, "u1").await;
    assert_eq!(answer.header("retry-after"), Some("200"), "{}", answer.text);
    app.fake_users.answer(&app.double);
    github(&app, "u2").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d2_rate_limited_token_refresh_keeps_the_tokens() {
    let app = TestApp::builder(Engine::Sqlite).oidc().with("STORE_PROVIDER_TOKENS", "true").start().await;
    let claims = app.fake_users.id_token_claims("u1", None, "oidc-u1");
    let first = json!({"access_token": "oidc-u1", "refresh_token": "r-1", "expires_in": 100,
        "id_token": signer::signed(&claims)});
    app.double.on(OIDC_TOKEN, move |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json_at(429, &json!({"error": "invalid_grant"})),
        _ => Reply::json(&first),
    });
    let login = login(&app, "u1").await;
    app.advance(Duration::from_secs(200));
    app.provider_token(&login).await.problem(502, "provider_error");
    app.double.always(OIDC_TOKEN, Reply::json(&json!({"access_token": "second", "expires_in": 3600})));
    assert_eq!(app.provider_token(&login).await.field("access_token"), "second");
}

/// B24: the federated token file is read on a blocking thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_b24_unreadable_federated_token_file_blocks_no_other_login() {
    use std::process::Command;
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("token");
    // The pipe has no writer, so opening it blocks.
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let plan = TestApp::builder(Engine::Sqlite).with("SOCIAL_AUTH_REQUESTS_TIMEOUT", "1");
    let plan = plan.with("SOCIAL_AUTH_AZUREAD_OAUTH2_KEY", CLIENT_ID);
    let plan = plan.with("SOCIAL_AUTH_AZUREAD_OAUTH2_FEDERATED_TOKEN_FILE", pipe.to_str().expect("UTF-8"));
    let app = plan.start().await;
    let document = json!({"issuer": "https://sts.windows.net/{tenantid}/", "jwks_uri": "https://x.example/keys"});
    app.double.always("GET login.microsoftonline.com/common/.well-known/openid-configuration", Reply::json(&document));
    let waiting: Vec<_> = (0..4)
        .map(|n| {
            let client = app.client();
            tokio::spawn(async move { client.login("token/azuread-oauth2", json!({"code": format!("c{n}")})).await })
        })
        .collect();
    // As many logins hang as there are worker threads. Other requests are served nevertheless.
    for n in 0..4 {
        github(&app, &format!("u{n}")).await.ok();
    }
    assert!(waiting.iter().all(|login| !login.is_finished()), "other requests did not wait for the pipe");
    for login in waiting {
        login.await.expect("a task").problem(502, "provider_error");
    }
    // Unblock the threads that still wait for the pipe.
    std::fs::OpenOptions::new().write(true).open(&pipe).expect("a reader of the pipe");
}
