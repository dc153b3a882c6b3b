//! Two or three nodes on one PostgreSQL: changes made by one node are visible on the others at once.

use futures_util::future::join_all;
use rest_social_auth::model::{AuditEvent, AuditKind};
use serde_json::json;

use crate::services::Service;
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, GITHUB_TOKEN, github_settings};
use crate::support::process::Process;
use crate::support::test_app::SECRET_KEY;
use crate::support::{Answer, Client, Engine, Node, TestApp};

struct Two {
    app: TestApp,
    other: Node,
}

async fn two() -> Two {
    let app = TestApp::start(Engine::Postgres).await;
    let other = app.start_second_node().await;
    Two { app, other }
}

impl Two {
    fn there(&self, browser: &Client) -> Client {
        browser.at(&self.other.base)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_is_valid_and_revoked_on_every_node() {
    let two = two().await;
    let here = two.app.browser();
    here.login("session/github", json!({"code": "u1"})).await.ok();
    let there = two.there(&here);
    there.get("/api/user/").send().await.ok();
    let out = there.post("/api/session/logout/").header("origin", &two.other.base).send().await;
    assert_eq!(out.status, 204);
    here.get("/api/user/").send().await.problem(401, "not_authenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_begun_on_one_node_completes_on_another() {
    let two = two().await;
    let here = two.app.browser();
    let begun = two.app.begin(&here, "github", json!({})).await;
    let there = two.there(&here);
    there.login("token/github", json!({"code": "u1", "state": begun.state})).await.ok();
    here.login("token/github", json!({"code": "u2", "state": begun.state})).await.problem(400, "state_mismatch");

    // Both steps of OAuth 1.0a too: the encrypted token secret is in the database.
    let token = here.login("token/twitter", json!({})).await.field("oauth_token");
    there.login("token/twitter", json!({"oauth_token": token, "oauth_verifier": "u3"})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_posted_to_two_nodes_is_sent_to_the_provider_once() {
    let two = two().await;
    let posts = (0..10).map(|n| {
        let client = if n % 2 == 0 { two.app.client() } else { two.other.client() };
        async move { client.login("token/github", json!({"code": "u1"})).await }
    });
    let answers = join_all(posts).await;
    let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(good.len(), 1);
    assert_eq!(two.app.double.calls_at(GITHUB_TOKEN).len(), 1);
    assert_eq!(two.app.database.count("users").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_code_gets_the_same_answer_from_another_node() {
    let two = two().await;
    let here = two.app.browser();
    let begun = two.app.begin(&here, "github", json!({})).await;
    let body = json!({"code": "u1", "state": begun.state});
    let there = two.there(&here);
    let (first, second) = tokio::join!(here.login("knox/github", body.clone()), there.login("knox/github", body));
    assert_eq!(first.ok(), second.ok());
    assert_eq!(two.app.database.count("knox_tokens").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_valid_and_revoked_on_every_node() {
    let two = two().await;
    let mut headers = Vec::new();
    for (n, (kind, scheme)) in
        [("token", "Token"), ("knox", "Token"), ("jwt-pair", "Bearer"), ("jwt-sliding", "Bearer")].iter().enumerate()
    {
        let token = two.app.token(kind, &format!("u{}1", "0".repeat(n))).await;
        headers.push(format!("{scheme} {token}"));
    }
    let refresh = two.app.login("jwt-pair", "u000001").await.field("refresh");
    for header in &headers {
        two.other.client().user(header).await.ok();
    }
    let blacklist = two.other.client().post("/api/token/blacklist/").json(&json!({"refresh": refresh})).send().await;
    blacklist.ok();
    let again = two.app.client().post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await;
    again.problem(401, "token_not_valid");
    let out = two.other.client().post("/api/logout/all/").header("authorization", &headers[0]).send().await;
    assert_eq!(out.status, 204);
    for header in &headers {
        assert_eq!(two.app.client().user(header).await.status, 401, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_first_logins_on_two_nodes_create_one_user() {
    let two = two().await;
    let posts = (0..8).map(|n| {
        let client = if n % 2 == 0 { two.app.client() } else { two.other.client() };
        async move { client.login("token_user/github", json!({"code": format!("u{}1", "0".repeat(n))})).await }
    });
    let answers = join_all(posts).await;
    for answer in &answers {
        assert_eq!((&answer.ok()["id"], answer.field("username")), (&answers[0].ok()["id"], "user1".to_owned()));
    }
    assert_eq!((two.app.database.count("users").await, two.app.database.count("social_accounts").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_node_completes_a_login_in_flight() {
    let Two { app, other } = two().await;
    let reply = json!({"access_token": "gho_u1", "token_type": "bearer"});
    app.double.always(GITHUB_TOKEN, crate::support::Reply::json(&reply).after(std::time::Duration::from_millis(800)));
    let client = other.client();
    let login = tokio::spawn(async move { client.login("token/github", json!({"code": "u1"})).await });
    while app.double.calls().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    other.stop().await;
    login.await.expect("no panic").ok();
    app.login("token", "u2").await.ok();
}

/// Ten refreshes of one token reach three processes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_30_parallel_refreshes_on_three_processes_leave_one_valid_token() {
    const SETTINGS: [(&str, &str); 3] = [
        ("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true"),
        ("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true"),
        // The processes have the system clock, the server in this process has that of the test.
        ("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "3153600000"),
    ];
    let plan = SETTINGS.iter().fold(TestApp::builder(Engine::Postgres), |plan, (name, value)| plan.with(name, value));
    let app = plan.start().await;
    let environment = [
        ("DATABASE_URL", app.database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("RATE_LIMITS", "off"),
        ("SOCIAL_AUTH_GITHUB_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_GITHUB_SECRET", CLIENT_SECRET),
    ];
    let environment = [&environment[..], &SETTINGS[..]].concat();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let processes = join_all((0..3).map(|_| Process::start(&["serve"], &environment, folder.path()))).await;
    let refresh = async |number: usize, token: &str| {
        let client = processes[number % processes.len()].client();
        client.post("/api/token/refresh/").json(&json!({"refresh": token})).send().await
    };
    let login = app.login("jwt-pair", "u1").await.field("refresh");
    let mut token = login.clone();
    for round in 0..5 {
        let answers = join_all((0..10).map(|number| refresh(number, &token))).await;
        let tokens: Vec<String> = answers.iter().map(|answer| answer.field("refresh")).collect();
        let live = "SELECT count(*) FROM refresh_tokens WHERE blacklisted IS NULL";
        assert_eq!(app.database.number(live).await, 1, "round {round}");
        // Whichever answer arrives last.
        token.clone_from(&tokens[(round * 3) % tokens.len()]);
    }
    // A reuse on one node ends the family on all of them.
    let newest = refresh(0, &token).await;
    refresh(1, &login).await.problem(401, "token_not_valid");
    refresh(2, &newest.field("refresh")).await.problem(401, "token_not_valid");
    for process in &processes {
        let user = process.client().user(&format!("Bearer {}", newest.field("access"))).await;
        user.problem(401, "token_not_valid");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'token_reused'").await, 1);
}

/// What one process does is valid at the two others at once: a code, a service, a revocation by it, and its removal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_agree_on_codes_services_and_revocations() {
    let app = TestApp::start(Engine::Postgres).await;
    let own = [("DATABASE_URL", app.database.url()), ("SECRET_KEY", SECRET_KEY), ("RATE_LIMITS", "off")];
    let environment = [&own[..], &github_settings(&app.double)].concat();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let processes = join_all((0..3).map(|_| Process::start(&["serve"], &environment, folder.path()))).await;
    let code = json!({"code": "u1"});
    let answers =
        join_all(processes.iter().map(async |process| process.client().login("knox/github", code.clone()).await)).await;
    let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(good.len(), 1);
    let token = good[0].field("token");
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 1);

    let service = Service::add(&app, "billing").await;
    let at = |number: usize| service.at(processes[number].client());
    assert!(at(0).is_active(&token).await && at(1).is_active(&token).await);
    at(2).revoke(&token).await.ok();
    assert!(!at(0).is_active(&token).await);
    processes[1].client().user(&format!("Token {token}")).await.problem(401, "invalid_token");
    let audit = AuditEvent::of_service(AuditKind::ServiceRemoved, "billing".parse().expect("a name"), app.clock.now());
    let repository = app.database.repository().await;
    assert!(repository.remove_service(&"billing".parse().expect("a name"), &audit).await.expect("a write"));
    for number in 0..3 {
        assert_eq!(at(number).introspect(&token).await.status, 401);
    }
}
