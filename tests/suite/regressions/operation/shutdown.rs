//! Graceful shutdown: requests that reached the socket are answered, and requests do not wait for token revocation.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rest_social_auth::server::listen::{self, Shutdown};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::process::Process;
use crate::support::{Engine, Held, Reply, TestApp, on_both_databases};

const SETTINGS: &[(&str, &str)] = &[("SECRET_KEY", "a-key-of-the-shutdown-tests-0a1b2c3d4e5f60718293")];
const CLIENTS: usize = 24;
/// Responses that the clients must have received before the server is stopped.
const WARM: usize = 500;

/// The results of the requests of all clients of a test.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    lost: AtomicUsize,
}

impl Tally {
    async fn reaches(&self, answers: usize) {
        while self.answered.load(Ordering::SeqCst) < answers {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn address(process: &Process) -> String {
    process.base.trim_start_matches("http://").to_owned()
}

/// Sends one request on an open connection and reads the whole response. `None`: there was no response.
async fn ask(stream: &mut TcpStream) -> Option<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(br#"{"status":"ok"}"#) {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(answer).ok().filter(|text| text.starts_with("HTTP/1.1 200 "))
}

/// A new connection for each request; half of them pause before they send it. Ends when the port is closed.
async fn on_new_connections(address: String, tally: Arc<Tally>, slow: bool) {
    while let Ok(mut stream) = TcpStream::connect(&address).await {
        if slow {
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        let count = if ask(&mut stream).await.is_some() { &tally.answered } else { &tally.lost };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// One connection for all requests, until a response closes it. Ends when the port is closed.
async fn on_kept_connections(address: String, tally: Arc<Tally>) {
    while let Ok(mut stream) = TcpStream::connect(&address).await {
        loop {
            let Some(answer) = ask(&mut stream).await else {
                tally.lost.fetch_add(1, Ordering::SeqCst);
                break;
            };
            tally.answered.fetch_add(1, Ordering::SeqCst);
            if answer.to_ascii_lowercase().contains("connection: close") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn serve(folder: &Path, more: &[(&'static str, &'static str)]) -> Process {
    Process::start(&["serve"], &[SETTINGS, more].concat(), folder).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f6_shutdown_answers_every_request_on_new_and_open_connections() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process = serve(folder.path(), &[]).await;
    let tally = Arc::<Tally>::default();
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        match n % 3 {
            0 => clients.spawn(on_kept_connections(address(&process), tally.clone())),
            n => clients.spawn(on_new_connections(address(&process), tally.clone(), n == 1)),
        };
    }
    tally.reaches(WARM).await;
    process.terminate();
    clients.join_all().await;
    assert_eq!(tally.lost.load(Ordering::SeqCst), 0, "of {}", tally.answered.load(Ordering::SeqCst));
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
}

/// The kernel accepts these connections and queues their requests before the server sees the signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f6_connections_in_the_accept_queue_are_answered() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process = serve(folder.path(), &[]).await;
    process.signal("STOP");
    let mut queued = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address(&process)).await.expect("a queued connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.expect("a queued request");
        queued.push(stream);
    }
    process.terminate();
    process.signal("CONT");
    for mut stream in queued {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("a response, then the end of the connection");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
}

/// A connection that is idle at the signal may have a request in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f6_open_connection_gets_one_more_answer_after_the_listener_closed() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process = serve(folder.path(), &[]).await;
    let mut kept = TcpStream::connect(address(&process)).await.expect("a connection");
    assert!(!ask(&mut kept).await.expect("an answer").to_ascii_lowercase().contains("connection: close"));
    process.terminate();
    while TcpStream::connect(address(&process)).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let last = ask(&mut kept).await.expect("an answer");
    assert!(last.to_ascii_lowercase().contains("connection: close"), "{last}");
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f6_new_process_on_the_same_port_takes_over_without_refused_connections() {
    let folder = TempDir::new().expect("a temporary folder");
    let reuse = [("LISTEN_REUSE_PORT", "true")];
    let mut first = serve(folder.path(), &reuse).await;
    let tally = Arc::<Tally>::default();
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        clients.spawn(on_new_connections(address(&first), tally.clone(), n % 2 == 0));
    }
    tally.reaches(WARM).await;
    let second = first.start_beside(&["serve"], &[SETTINGS, &reuse[..]].concat(), folder.path()).await;
    first.terminate();
    assert!(first.wait_for_exit().await.success(), "{}", first.output());
    tally.reaches(tally.answered.load(Ordering::SeqCst) + WARM).await;
    assert_eq!(clients.len(), CLIENTS, "no client was refused");
    assert!(clients.try_join_next().is_none(), "no client was refused");
    assert_eq!(tally.lost.load(Ordering::SeqCst), 0);
    second.client().get("/healthz").send().await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f6_readyz_fails_before_the_listener_closes() {
    let folder = TempDir::new().expect("a temporary folder");
    let process = serve(folder.path(), &[("SHUTDOWN_DELAY", "300")]).await;
    process.client().get("/readyz").send().await.ok();
    process.terminate();
    let answer = loop {
        let answer = process.client().get("/readyz").send().await;
        if answer.status != 200 {
            break answer;
        }
    };
    answer.problem(503, "shutting_down");
    let alive = process.client().get("/healthz").send().await;
    assert_eq!((alive.status, alive.header("connection")), (200, Some("close")), "new connections are served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f6_shutdown_delay_ends() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process = serve(folder.path(), &[("SHUTDOWN_DELAY", "0.2")]).await;
    process.terminate();
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
}

/// A request whose body never arrives ends at the time limit.
#[tokio::test]
async fn fault_b30_shutdown_does_not_wait_for_a_stuck_request() {
    let listener = listen::bind("127.0.0.1:0".parse().expect("an address"), false).expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let limit = Duration::from_millis(50);
    let shutdown = Shutdown { limit, ..Shutdown::default() };
    let begun = Arc::new(tokio::sync::Notify::new());
    let signal = begun.clone();
    let never = poem::endpoint::make(move |_| {
        signal.notify_one();
        std::future::pending::<poem::Response>()
    });
    let mut stuck = TcpStream::connect(address).await.expect("a connection");
    stuck.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let closing = async {
        begun.notified().await;
        shutdown.closing.cancel();
    };
    let (served, ()) = tokio::join!(listen::serve(listener, None, never, &shutdown), closing);
    served.expect("no failure");
    assert_eq!(stuck.read_buf(&mut Vec::new()).await.unwrap_or_default(), 0, "closed without an answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_sighup_does_not_stop_the_server() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process = serve(folder.path(), &[]).await;
    process.signal("HUP");
    while !process.output().contains("SIGHUP") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    process.client().get("/healthz").send().await.ok();
    process.terminate();
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
}

/// The pipe holds 64 KiB. A direct write of the next line would block, first the request and then the whole server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f9_log_that_nothing_reads_stops_neither_requests_nor_the_shutdown() {
    let folder = TempDir::new().expect("a temporary folder");
    let environment = [SETTINGS, &[("LOG_FORMAT", "json")]].concat();
    let (mut process, log) = Process::start_with_unread_log(&["serve"], &environment, folder.path()).await;
    let client = process.client();
    for _ in 0..600 {
        client.get("/api/user/").send().await.problem(401, "not_authenticated");
    }
    client.get("/healthz").send().await.ok();
    process.terminate();
    assert!(process.wait_for_exit().await.success());
    drop(log);
}

/// The settings file is a pipe that nothing writes, as a network file system that does not answer.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_signals_are_handled_while_the_server_starts() {
    let folder = TempDir::new().expect("a temporary folder");
    let pipe = folder.path().join("settings.toml");
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().expect("mkfifo").success());
    let arguments = ["serve", "--config", pipe.to_str().expect("a path in UTF-8")];
    let mut process = Process::spawn(&arguments, SETTINGS, folder.path()).await;
    process.handles_signals(&[1, 2, 15]).await;
    process.signal("HUP");
    process.terminate();
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
}

on_both_databases! {
    fault_b29_deleting_and_unlinking_do_not_wait_for_providers,
    fault_b29_shutdown_waits_for_revocations,
}

const REVOKE: &str = "GET accounts.google.com/o/oauth2/revoke";

async fn with_held_revocations(engine: Engine) -> (TestApp, Arc<Held>, String) {
    let app = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    let held = Arc::<Held>::default();
    app.double.always(REVOKE, Reply::json(&json!({})).held(&held));
    let login = app.client().login("token/google-oauth2", json!({"code": "u1"})).await;
    let authorization = format!("Token {}", login.field("token"));
    (app, held, authorization)
}

async fn delete(app: &TestApp, path: &str, authorization: &str) {
    let answer = app.client().request("DELETE", path).header("authorization", authorization).send().await;
    assert_eq!(answer.status, 204, "{}", answer.text);
}

async fn fault_b29_deleting_and_unlinking_do_not_wait_for_providers(engine: Engine) {
    for unlink in [false, true] {
        let (app, held, authorization) = with_held_revocations(engine).await;
        let path = if unlink {
            format!("/api/user/social/{}/", with_second_account(&app, &authorization).await)
        } else {
            "/api/user/".to_owned()
        };
        delete(&app, &path, &authorization).await;
        app.double.wait_for_call(REVOKE).await;
        assert!(!held.was_abandoned(), "the response did not wait for the provider");
        held.release();
    }
}

/// Links a GitHub account; returns the id of the Google account.
async fn with_second_account(app: &TestApp, authorization: &str) -> Value {
    let post = |path: &str| app.client().post(path).header("authorization", authorization);
    let begun = post("/api/login/social/begin/github/").json(&json!({})).send().await.ok();
    let body = json!({"code": "u1", "state": begun["state"], "flow_token": begun["flow_token"]});
    post("/api/login/social/token/github/").json(&body).send().await.ok();
    let accounts = app.client().get("/api/user/social/").header("authorization", authorization).send().await.ok();
    let google = |account: &&Value| account["provider"] == "google-oauth2";
    accounts.as_array().and_then(|accounts| accounts.iter().find(google)).expect("the account")["id"].clone()
}

async fn fault_b29_shutdown_waits_for_revocations(engine: Engine) {
    let (app, held, authorization) = with_held_revocations(engine).await;
    delete(&app, "/api/user/", &authorization).await;
    app.double.wait_for_call(REVOKE).await;
    let TestApp { node, .. } = app;
    let stopping = tokio::spawn(node.stop());
    // Longer than connections may stay idle, so only the revocation is left.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!stopping.is_finished(), "the revocation is still under way");
    held.release();
    stopping.await.expect("a clean shutdown");
    assert!(!held.was_abandoned(), "the shutdown waited for the provider");
}

#[tokio::test]
async fn fault_f6_openapi_documents_shutting_down() {
    let folder = TempDir::new().expect("a temporary folder");
    let output = crate::support::process::run(&["openapi", "--format", "json"], &[], folder.path());
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let reference = document["paths"]["/readyz"]["get"]["responses"]["503"]["$ref"].as_str().expect("a reference");
    let description = &document.pointer(reference.trim_start_matches('#')).expect("a response")["description"];
    assert!(description.as_str().is_some_and(|text| text.contains("shutting_down")), "{description}");
}
