//! The operator's own software: events of what happens to users by signed webhooks, at least once, also after a crash. The receiver stands behind TLS at `hooks.example`, and verifies by the scheme's own
//! library.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use rest_social_auth::clock::UnixMillis;
use rest_social_auth::model::{AuditEvent, AuditKind, EventRecord, EventState, UserId};
use rest_social_auth::store::{Lease, Resend};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tempfile::TempDir;

use crate::support::double::Double;
use crate::support::fake_users::{FakeUsers, github_settings};
use crate::support::openapi::assert_documented_webhook;
use crate::support::process::{self, Process};
use crate::support::test_app::TestAppBuilder;
use crate::support::{Call, Database, Engine, Held, Reply, TestApp, on_both_databases};

mod dispatcher;
mod user_creating;

on_both_databases! {
    each_user_event_is_delivered_and_signed,
    no_event_is_stored_without_a_webhook_url,
    only_configured_event_types_are_delivered,
    failed_delivery_is_retried_with_the_same_id,
    failed_event_waits_for_an_operator_after_the_last_attempt,
    events_leased_by_a_killed_server_are_delivered_after_restart,
    two_nodes_deliver_each_event_once,
    silent_receiver_delays_no_request,
    sec_37_delivery_follows_no_redirect_and_limits_the_response,
    loopback_receiver_is_called_over_http,
    events_of_a_deleted_user_are_deleted,
    leased_event_is_not_taken_before_the_lease_expires,
}

const RECEIVER: &str = "POST hooks.example/users";
const URL: &str = "https://hooks.example/users?key=of-the-operator";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_Zt8mVq3cYw0RkPj6LbXs1NfHd7GuAe5oT2iKyC9xQzM=";

fn plan(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine).with("WEBHOOK_URL", URL).with("WEBHOOK_SECRETS", SECRET)
}

/// Starts a server whose receiver accepts every event.
async fn start(plan: TestAppBuilder) -> TestApp {
    let app = plan.start().await;
    app.double.always(RECEIVER, Reply::json(&json!({"allow": true})));
    app
}

/// Waits for `n` calls and returns them in order of arrival.
async fn wait_for_calls(double: &Double, n: usize) -> Vec<Call> {
    loop {
        let calls = double.calls_at(RECEIVER);
        if calls.len() >= n {
            return calls;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the queue has `n` events in this state.
async fn wait_for_events(database: &Database, state: EventState, n: usize) {
    let repository = database.repository().await;
    while repository.events(Some(state), 1000).await.expect("a read").len() != n {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    repository.close().await;
}

/// Waits until the only event has failed `n` times.
async fn wait_for_failures(database: &Database, n: i64) -> EventRecord {
    let repository = database.repository().await;
    loop {
        let event = repository.events(None, 1).await.expect("a read").remove(0);
        if event.attempts == n && event.error.is_some() {
            repository.close().await;
            return event;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn id(call: &Call) -> String {
    call.header("webhook-id").expect("an id").to_owned()
}

fn body(call: &Call) -> Value {
    serde_json::from_str(&call.body).expect("JSON")
}

/// The body of a call with a valid signature. The library's own check needs the system clock, so it signs again here.
#[track_caller]
fn verified(call: &Call, secret: &str) -> Value {
    let timestamp: i64 = call.header("webhook-timestamp").and_then(|text| text.parse().ok()).expect("seconds");
    let webhook = Webhook::new(secret).expect("a secret");
    let wanted = webhook.sign(&id(call), timestamp, call.body.as_bytes()).expect("a signature");
    let signatures = call.header("webhook-signature").expect("a signature");
    assert!(signatures.split(' ').any(|signature| signature == wanted), "{signatures} has no {wanted}");
    assert_eq!(call.header("content-type"), Some("application/json"));
    let body = body(call);
    assert_documented_webhook(&body);
    body
}

/// The event types and bodies, sorted by type.
fn by_type(calls: &[Call]) -> Vec<(String, Value)> {
    let mut events: Vec<(String, Value)> = calls
        .iter()
        .map(|call| verified(call, SECRET))
        .map(|body| (body["type"].as_str().expect("a type").to_owned(), body))
        .collect();
    events.sort_by(|(a, _), (b, _)| a.cmp(b));
    events
}

async fn command(database: &Database, arguments: &'static [&'static str]) -> String {
    let url = database.url().to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let folder = TempDir::new().expect("a temporary folder");
        let environment = [("DATABASE_URL", url.as_str()), ("WEBHOOK_URL", URL), ("WEBHOOK_SECRETS", SECRET)];
        process::run(arguments, &environment, folder.path())
    });
    let output = running.await.expect("no panic");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

// ---- events

async fn each_user_event_is_delivered_and_signed(engine: Engine) {
    let secrets = format!("{SECRET},{NEXT_SECRET}");
    let app = start(plan(engine).with("WEBHOOK_SECRETS", &secrets)).await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    app.login("session", "u01").await.ok();
    app.link("token/facebook", &authorization, "u2").await.ok();
    let first = app.database.number("SELECT min(id) FROM social_accounts").await;
    let unlink = app.client().request("DELETE", &format!("/api/user/social/{first}/"));
    assert_eq!(unlink.header("authorization", &authorization).send().await.status, 204);
    command(&app.database, &["users", "deactivate", "user1"]).await;
    command(&app.database, &["users", "activate", "user1"]).await;
    command(&app.database, &["users", "delete", "user1", "--yes"]).await;
    // Commands use the system clock.
    app.database.run("UPDATE webhook_events SET due = 0 WHERE due IS NOT NULL").await;

    let calls = wait_for_calls(&app.double, 7).await;
    for call in &calls {
        verified(call, SECRET);
        verified(call, NEXT_SECRET);
        assert!(!call.body.contains("gho_") && !call.body.contains("token\":"), "no secret: {}", call.body);
    }
    let events = by_type(&calls);
    let types: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    let all = ["account.linked", "account.unlinked", "user.activated", "user.created", "user.deactivated"];
    assert_eq!(types, [&all[..], &["user.deleted", "user.signed_in"]].concat());
    let of = |kind: &str| &events.iter().find(|(known, _)| known == kind).expect("the event").1;
    let user = json!({"id": 1, "username": "user1", "first_name": "First1", "last_name": "Last1",
        "email": "user1@example.com", "email_verified": false, "is_active": true, "created": "2026-11-24T12:00:00.000Z"});
    let created = json!({"type": "user.created", "timestamp": "2026-11-24T12:00:00.000Z", "version": 1,
        "data": {"user": user, "account": {"provider": "github", "uid": "100001"}, "credential": "token"}});
    let mut shown = of("user.created").clone();
    shown["data"]["account"]["uid"] = json!("100001");
    shown["data"]["user"]["email_verified"] = json!(false);
    assert_eq!(shown, created);
    assert_eq!(of("account.linked")["data"]["account"]["provider"], "facebook");
    assert_eq!(of("account.unlinked")["data"]["account"]["provider"], "github");
    assert_eq!(of("user.signed_in")["data"]["credential"], "session");
    assert_eq!(of("user.deactivated")["data"]["user"]["is_active"], false);
    assert_eq!(of("user.deleted")["data"]["user"]["username"], "user1");
    assert!(of("user.deleted")["data"].get("account").is_none());
}

async fn no_event_is_stored_without_a_webhook_url(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    app.login("token", "u01").await.ok();
    assert_eq!(app.database.count("webhook_events").await, 0);
}

async fn only_configured_event_types_are_delivered(engine: Engine) {
    let app = start(plan(engine).with("WEBHOOK_EVENTS", "user.created,user.deleted")).await;
    app.login("token", "u1").await.ok();
    app.login("token", "u01").await.ok();
    app.login("token", "u2").await.ok();
    let events = by_type(&wait_for_calls(&app.double, 2).await);
    assert!(events.iter().all(|(kind, _)| kind == "user.created"), "{events:?}");
    assert_eq!(app.database.count("webhook_events").await, 2);
}

async fn failed_delivery_is_retried_with_the_same_id(engine: Engine) {
    let app = plan(engine).start().await;
    let tries = Arc::new(AtomicUsize::new(0));
    app.double.on(RECEIVER, move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::of(500, "text/plain", "out of order"),
        1 => Reply::Reset,
        _ => Reply::of(200, "text/plain", "thanks"),
    });
    app.login("token", "u1").await.ok();
    wait_for_calls(&app.double, 1).await;
    let once = wait_for_failures(&app.database, 1).await;
    assert_eq!((once.state, once.error.as_deref()), (EventState::Pending, Some("the answer's status is 500")));
    // No attempt is made before the delay has passed.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(app.double.calls_at(RECEIVER).len(), 1);
    app.advance(Duration::from_secs(6));
    // An attempt is counted at its start and finished when its error is stored.
    while wait_for_failures(&app.database, 2).await.error == once.error {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.advance(Duration::from_secs(24));
    wait_for_events(&app.database, EventState::Delivered, 1).await;

    let calls = wait_for_calls(&app.double, 3).await;
    let moments: Vec<&str> = calls.iter().filter_map(|call| call.header("webhook-timestamp")).collect();
    assert_eq!(moments, ["1795521600", "1795521606", "1795521630"], "each attempt has its own timestamp");
    assert!(calls.iter().all(|call| id(call) == once.id && call.body == calls[0].body));
    calls.iter().for_each(|call| drop(verified(call, SECRET)));
}

async fn failed_event_waits_for_an_operator_after_the_last_attempt(engine: Engine) {
    let app = plan(engine).start().await;
    app.double.always(RECEIVER, Reply::of(503, "text/plain", ""));
    app.login("token", "u1").await.ok();
    wait_for_failures(&app.database, 1).await;
    // Ten attempts later.
    app.database.run("UPDATE webhook_events SET attempts = 11, due = 0").await;
    wait_for_events(&app.database, EventState::Dead, 1).await;
    let dead: Value =
        serde_json::from_str(&command(&app.database, &["webhooks", "list", "--state", "dead", "--json"]).await)
            .expect("JSON");
    assert_eq!((&dead[0]["attempts"], &dead[0]["type"]), (&json!(12), &json!("user.created")), "{dead}");
    assert_eq!(dead[0]["error"], "the answer's status is 503");
    app.advance(Duration::from_secs(86_400));
    let tried = wait_for_calls(&app.double, 2).await.len();

    app.double.always(RECEIVER, Reply::of(200, "text/plain", ""));
    let queued = command(&app.database, &["webhooks", "resend", "--dead", "--json"]).await;
    assert!(queued.contains("\"queued\": 1"), "{queued}");
    // Commands use the system clock.
    app.database.run("UPDATE webhook_events SET due = 0").await;
    wait_for_events(&app.database, EventState::Delivered, 1).await;
    let after = wait_for_calls(&app.double, tried + 1).await;
    assert!(after.iter().all(|call| id(call) == id(&after[0])), "the id is the same");
    let shown = command(&app.database, &["webhooks", "list"]).await;
    assert!(shown.contains("delivered") && shown.contains("user.created"), "{shown}");
}

async fn events_leased_by_a_killed_server_are_delivered_after_restart(engine: Engine) {
    let (double, _) = FakeUsers::start().await;
    double.always(RECEIVER, Reply::Hang);
    let database = Database::create(engine).await;
    let folder = TempDir::new().expect("a temporary folder");
    let own = [
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", "the-webhooks-own-secret-key-5b1e-not-for-anybody-else"),
        ("WEBHOOK_URL", URL),
        ("WEBHOOK_SECRETS", SECRET),
    ];
    let environment = [&own[..], &github_settings(&double)].concat();
    let server = Process::start(&["serve"], &environment, folder.path()).await;
    server.client().login("token/github", json!({"code": "u1"})).await.ok();
    let held = wait_for_calls(&double, 1).await.remove(0);
    drop(server); // SIGKILL
    wait_for_events(&database, EventState::Pending, 1).await;

    double.always(RECEIVER, Reply::of(200, "text/plain", ""));
    // As if the lease of the killed server had expired.
    database.run("UPDATE webhook_events SET due = due - 60000").await;
    let server = Process::start(&["serve"], &environment, folder.path()).await;
    let again = wait_for_calls(&double, 2).await.remove(1);
    assert_eq!((id(&again), &again.body), (id(&held), &held.body));
    // With the system clock the library verifies the delivery as a receiver does.
    let mut headers = hyper::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, again.header(name).expect(name).parse().expect("a header"));
    }
    let webhook = Webhook::new(SECRET).expect("a secret");
    webhook.verify(again.body.as_bytes(), &headers).expect("a valid signature");
    assert!(webhook.verify(b"{}", &headers).is_err());
    wait_for_events(&database, EventState::Delivered, 1).await;
    let log = server.output();
    assert!(!log.contains("of-the-operator") && !log.contains("MfKQ9r8"), "{log}");
}

async fn two_nodes_deliver_each_event_once(engine: Engine) {
    let app = plan(engine).start().await;
    app.double.always(RECEIVER, Reply::of(200, "text/plain", "").after(Duration::from_millis(50)));
    let other = app.start_second_node().await;
    let logins = (1..=30).map(|n| {
        let client = if n % 2 == 0 { app.client() } else { other.client() };
        async move { client.login("token/github", json!({"code": format!("u{n}")})).await.ok() }
    });
    join_all(logins).await;
    wait_for_events(&app.database, EventState::Delivered, 30).await;
    let mut ids: Vec<String> = app.double.calls_at(RECEIVER).iter().map(id).collect();
    assert_eq!(ids.len(), 30);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
}

async fn silent_receiver_delays_no_request(engine: Engine) {
    let app = plan(engine).with("WEBHOOK_TIMEOUT", "10").start().await;
    let held = Arc::<Held>::default();
    app.double.always(RECEIVER, Reply::of(500, "text/plain", "").held(&held));
    app.login("token", "u1").await.ok();
    wait_for_calls(&app.double, 1).await;
    app.login("token", "u2").await.ok();
    assert!(!held.was_abandoned(), "the login did not wait for the receiver");
    held.release();
    // A graceful shutdown waits for deliveries in flight until its time limit: this receiver never answers.
    app.double.always(RECEIVER, Reply::Hang);
    let database = app.database;
    app.node.stop().await;
    wait_for_events(&database, EventState::Pending, 2).await;
}

async fn sec_37_delivery_follows_no_redirect_and_limits_the_response(engine: Engine) {
    let app = plan(engine).start().await;
    let away = Reply::of(307, "text/plain", "").with_header("location", "https://169.254.169.254/latest/meta-data/");
    for (n, (reply, error)) in [
        (away, "the answer's status is 307"),
        (Reply::Endless, "the answer is larger than 1048576 bytes"),
        (Reply::Truncated, "the answer is incomplete"),
    ]
    .into_iter()
    .enumerate()
    {
        app.double.clear_calls();
        app.double.always(RECEIVER, reply);
        app.database.run("DELETE FROM webhook_events").await;
        app.login("token", &format!("u{}", n + 1)).await.ok();
        let event = wait_for_failures(&app.database, 1).await;
        assert!(event.error.as_ref().is_some_and(|text| text.starts_with(error)), "{event:?}");
        assert_eq!(app.double.calls_at(RECEIVER).len(), 1);
        assert!(app.double.calls().iter().all(|call| call.host != "169.254.169.254"));
    }
}

/// Reads one request and answers 204.
async fn receive_request(listener: &tokio::net::TcpListener) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut text = String::new();
    let length = |text: &str| {
        let head = text.split_once("\r\n\r\n")?.0.to_lowercase();
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
    };
    while text.split_once("\r\n\r\n").is_none_or(|(_, body)| Some(body.len()) != length(&text)) {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.expect("a request");
        assert!(read > 0, "broke off: {text}");
        text.push_str(std::str::from_utf8(&part[..read]).expect("UTF-8"));
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("an answer");
    text
}

async fn loopback_receiver_is_called_over_http(engine: Engine) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/hook", address.port());
        let app = plan(engine).with("WEBHOOK_URL", &url).start().await;
        app.login("token", "u1").await.ok();
        let request = receive_request(&listener).await;
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n") && request.contains("\"user.created\""), "{request}");
        wait_for_events(&app.database, EventState::Delivered, 1).await;
    }
    for (url, leave, good) in [
        ("http://hooks.example/", "false", false),
        ("http://hooks.example/", "true", true),
        ("http://8.8.8.8/", "false", false),
        ("http://10.0.0.7:3000/hook", "false", true),
        ("http://[fd00::7]/hook", "false", true),
        ("https://8.8.8.8/", "false", true),
        ("https://user@hooks.example/", "true", false),
        ("ftp://hooks.example/", "true", false),
    ] {
        let started = plan(engine).with("WEBHOOK_URL", url).with("WEBHOOK_ALLOW_PRIVATE", leave).try_start().await;
        let events: Vec<String> = started.err().unwrap_or_default().into_iter().map(|error| error.name).collect();
        assert_eq!(events.is_empty(), good, "{url}: {events:?}");
        assert!(events.iter().all(|name| name == "WEBHOOK_URL"), "{url}: {events:?}");
    }
}

async fn events_of_a_deleted_user_are_deleted(engine: Engine) {
    let app = start(plan(engine)).await;
    app.login("token", "u1").await.ok();
    app.login("token", "u2").await.ok();
    wait_for_events(&app.database, EventState::Delivered, 2).await;
    let repository = app.database.repository().await;
    let audit = AuditEvent::of_operator(AuditKind::Deleted, UserId(1), app.clock.now());
    assert!(repository.delete_user(UserId(1), &audit).await.expect("a write").is_some());
    let left = repository.events(None, 10).await.expect("a read");
    assert_eq!(left.iter().map(|event| event.user_id).collect::<Vec<_>>(), [UserId(2)]);

    // Events of all users are deleted after the retention.
    assert_eq!(repository.prune_events(app.clock.now()).await.expect("a write"), 0);
    let later = app.clock.now().plus(Duration::from_secs(1));
    assert_eq!(repository.prune_events(later).await.expect("a write"), 1);
}

fn lease(now: i64, until: i64) -> Lease {
    Lease { now: UnixMillis(now), until: UnixMillis(until), max_due: UnixMillis(1000) }
}

async fn leased_event_is_not_taken_before_the_lease_expires(engine: Engine) {
    let database = Database::create(engine).await;
    for n in 0..5 {
        let row = format!("('msg_{n}', 'user.created', 1, '{{}}', {n}, {n})");
        database.run(&format!("INSERT INTO webhook_events (id, type, user_id, body, created, due) VALUES {row}")).await;
    }
    let (one, other) = (database.repository().await, database.repository().await);
    let now = UnixMillis(10);
    let (mine, theirs) = tokio::join!(one.lease_events(lease(10, 20), 3), other.lease_events(lease(10, 20), 3));
    let mut ids: Vec<String> =
        mine.expect("a lease").into_iter().chain(theirs.expect("a lease")).map(|event| event.id).collect();
    let rest = one.lease_events(lease(10, 20), 9).await.expect("a lease");
    ids.extend(rest.into_iter().map(|event| event.id));
    ids.sort();
    assert_eq!(ids, ["msg_0", "msg_1", "msg_2", "msg_3", "msg_4"]);
    assert!(one.lease_events(lease(19, 20), 9).await.expect("a read").is_empty());
    assert_eq!(one.lease_events(lease(20, 40), 9).await.expect("a lease").len(), 5);

    one.event_failed("msg_0", "late", Some(UnixMillis(50))).await.expect("a write");
    other.event_delivered("msg_0", now).await.expect("a write");
    one.event_failed("msg_0", "late", Some(UnixMillis(50))).await.expect("a write");
    let event = one.event("msg_0").await.expect("a read").expect("the event");
    assert_eq!(
        (event.state, event.attempts, event.error),
        (EventState::Delivered, 2, None),
        "delivered stays delivered"
    );
    assert_eq!(one.resend_events(Resend::One("msg_0"), UnixMillis(60)).await.expect("a write"), 1);
    assert_eq!(one.resend_events(Resend::One("msg_9"), UnixMillis(60)).await.expect("a write"), 0);
    assert_eq!(one.resend_events(Resend::Dead, UnixMillis(60)).await.expect("a write"), 0);
    let event = one.event("msg_0").await.expect("a read").expect("the event");
    assert_eq!((event.state, event.attempts), (EventState::Pending, 0));
}
