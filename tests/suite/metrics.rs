//! `/metrics` on METRICS_LISTEN: what it counts, its labels, and what it must not contain.

use std::time::Duration;

use serde_json::json;

use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    metrics_count_logins_requests_calls_and_statements,
    metrics_count_each_revoked_credential,
    metrics_have_no_secret_and_no_text_of_a_caller,
    metrics_have_a_listener_of_their_own,
}

/// The address of a listener that has just closed.
async fn free_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("a bound address").to_string()
}

/// A server with metrics, and a client of their listener.
async fn measured(engine: Engine, settings: &[(&str, &str)]) -> (TestApp, Client) {
    let address = free_address().await;
    let builder = TestApp::builder(engine).with("METRICS_LISTEN", &address);
    let builder = settings.iter().fold(builder, |builder, (name, value)| builder.with(name, value));
    (builder.start().await, Client::new(&format!("http://{address}")))
}

async fn scrape(metrics: &Client) -> String {
    let answer = metrics.get("/metrics").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text
}

/// The value of a sample: 0 if there is none.
fn value(text: &str, sample: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.parse().expect("a number"))
}

async fn metrics_count_logins_requests_calls_and_statements(engine: Engine) {
    let (app, metrics) = measured(engine, &[("RATE_LIMITS", "on"), ("RATE_LIMIT_USER", "1/1h")]).await;
    app.login("session", "u1").await.ok();
    let pair = app.login("jwt-pair", "u2").await;
    app.login("jwt-pair", "u2").await.problem(400, "code_already_used");
    app.client().login("token/unknown-provider", json!({"code": "u3"})).await.problem(404, "unknown_provider");
    let refresh = json!({"refresh": pair.field("refresh")});
    app.client().post("/api/token/refresh/").json(&refresh).send().await.ok();
    app.client().post("/api/token/refresh/").json(&refresh).send().await.problem(429, "too_many_requests");
    app.client().post("/api/token/blacklist/").json(&refresh).send().await.ok();

    let text = scrape(&metrics).await;
    for (sample, expected) in [
        ("logins_total{provider=\"github\",kind=\"session\",outcome=\"ok\"}", 1.0),
        ("logins_total{provider=\"github\",kind=\"jwt-pair\",outcome=\"ok\"}", 1.0),
        ("logins_total{provider=\"github\",kind=\"jwt-pair\",outcome=\"code_already_used\"}", 1.0),
        ("logins_total{provider=\"other\",kind=\"token\",outcome=\"unknown_provider\"}", 1.0),
        ("credentials_issued_total{kind=\"session\"}", 1.0),
        ("credentials_issued_total{kind=\"jwt-pair\"}", 1.0),
        ("credentials_revoked_total{kind=\"jwt-pair\"}", 1.0),
        ("rate_limited_total{limit=\"user\"}", 1.0),
        ("http_requests_total{route=\"/api/token/refresh/\",status=\"200\"}", 1.0),
        ("http_requests_total{route=\"/api/token/refresh/\",status=\"429\"}", 1.0),
        ("http_request_seconds_count{route=\"/api/token/refresh/\"}", 2.0),
        ("provider_request_seconds_count{host=\"github.com\"}", 2.0),
        ("circuit_open{host=\"github.com\"}", 0.0),
        ("database_seconds_count{operation=\"commit_login\"}", 2.0),
        (concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(value(&text, &format!("rest_social_auth_{sample}")), expected, "{sample} in\n{text}");
    }
    assert!(value(&text, "rest_social_auth_database_pool_connections{state=\"idle\"}") >= 1.0, "{text}");
    assert!(value(&text, "process_open_fds") > 3.0 && value(&text, "process_cpu_seconds_total") > 0.0, "{text}");
    assert!(!text.contains("rest_social_auth_webhook_queue"), "there are no webhooks: {text}");
    let groups = value(&text, "rest_social_auth_write_group_size_count");
    assert_eq!(groups > 0.0, matches!(engine, Engine::Sqlite), "{text}");
    assert!(app.client().get("/metrics").send().await.status == 404, "not on the listener of the API");
}

async fn metrics_count_each_revoked_credential(engine: Engine) {
    let (app, metrics) = measured(engine, &[]).await;
    let profile = json!({"id": 7, "login": "octo"});
    let mut tokens = Vec::new();
    for kind in ["knox", "knox", "jwt-pair", "jwt-pair", "jwt-sliding", "session", "token"] {
        let code = format!("u{}", tokens.len());
        app.fake_users.set_profile("github", &code, profile.clone());
        let answer = app.login(kind, &code).await;
        answer.ok();
        tokens.push(if kind == "session" { String::new() } else { format!("Token {}", answer.field("token")) });
    }
    let revoked = async || {
        let text = scrape(&metrics).await;
        ["knox", "jwt-pair", "jwt-sliding", "session", "token"]
            .map(|kind| value(&text, &format!("rest_social_auth_credentials_revoked_total{{kind=\"{kind}\"}}")))
    };
    let post = async |path: &str, token: &str| {
        let answer = app.client().post(path).header("authorization", token).send().await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.text);
    };
    post("/api/knox/logoutall/", &tokens[0]).await;
    assert_eq!(revoked().await, [2.0, 0.0, 0.0, 0.0, 0.0]);
    post("/api/logout/all/", &tokens[6]).await;
    assert_eq!(revoked().await, [2.0, 2.0, 1.0, 1.0, 1.0]);
    assert!(!scrape(&metrics).await.contains("kind=\"all\""));

    // A deleted user's too. The permanent token is a new one.
    app.fake_users.set_profile("github", "u8", profile);
    let token = format!("Token {}", app.login("token", "u8").await.field("token"));
    let deleted = app.client().request("DELETE", "/api/user/").header("authorization", token).send().await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    assert_eq!(revoked().await, [2.0, 2.0, 1.0, 1.0, 2.0]);
}

async fn metrics_have_no_secret_and_no_text_of_a_caller(engine: Engine) {
    // Nothing listens there.
    let url = format!("http://{}/hook-secret", free_address().await);
    let webhook = [("WEBHOOK_URL", url.as_str()), ("WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    let (app, metrics) = measured(engine, &webhook).await;
    let profile = json!({"id": 77, "login": "octo-secret-name", "email": "octo@mail.example"});
    let user = app.login_with_profile("u77", profile).await;
    let token = app.login("token", "u78").await.field("token");
    for path in ["/api/user/", "/api/invented-path/", "/api/login/social/begin/invented-provider/"] {
        app.client().get(path).header("authorization", format!("Token {token}")).send().await;
    }
    app.client().request("INVENTED", "/api/user/?query=invented-query").send().await;
    app.client().login("token/invented-provider", json!({"code": "u9"})).await.problem(404, "unknown_provider");
    // The dispatcher tries the events of the two sign-ups within a second or two.
    let mut text = scrape(&metrics).await;
    while value(&text, "rest_social_auth_webhook_deliveries_total{outcome=\"failed\"}") < 1.0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        text = scrape(&metrics).await;
    }
    assert!(value(&text, "rest_social_auth_webhook_queue") >= 1.0, "{text}");
    assert!(!text.contains("host=\"127.0.0.1\""), "the webhook is no provider: {text}");
    let username = user["username"].as_str().expect("a username");
    for secret in [SECRET_KEY, CLIENT_ID, CLIENT_SECRET, &token, username] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    for part in ["secret", "octo", "mail.example", "nvented", "NVENTED"] {
        assert!(!text.contains(part), "{part} in\n{text}");
    }
}

async fn metrics_have_a_listener_of_their_own(engine: Engine) {
    let (app, metrics) = measured(engine, &[]).await;
    assert_eq!(metrics.get("/").send().await.status, 404);
    assert_eq!(metrics.get("/metrics/more").send().await.status, 404);
    let posted = metrics.post("/metrics").send().await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    // A database that does not answer hides only its own metrics.
    scrape(&metrics).await;
    drop(app);
}
