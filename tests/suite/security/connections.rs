//! SEC-43 and SEC-44: limits of connections. Many of them, and slow ones, shut no other client out. Every address of 127.0.0.0/8
//! belongs to the loopback interface, so each stands for a client of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rest_social_auth::login::{Draft, Step, Stop};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::pending_logins::WITH_TERMS;
use crate::support::process::Process;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    sec_43_many_and_slow_connections_of_one_address_refuse_no_other_client,
    sec_44_slow_clients_of_many_addresses_are_replaced_when_the_server_is_full,
}

const PROXY: &str = "127.0.0.9";

async fn connect_from(address: &str, base: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Small, so that a client that does not read fills it soon.
    socket.set_recv_buffer_size(4096).expect("a buffer size");
    let local = SocketAddr::new(address.parse::<IpAddr>().expect("an address"), 0);
    socket.bind(local).expect("a loopback address");
    let server = base.trim_start_matches("http://").parse().expect("an address and a port");
    socket.connect(server).await.expect("a connection")
}

/// Writes a request and reads until the server closes the connection.
async fn exchange(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("a write");
    let mut answer = Vec::new();
    // A reset after the answer is a closed connection, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: sso.example\r\nconnection: close\r\n{headers}\r\n")
}

fn login(code: &str, headers: &str) -> String {
    let body = json!({"code": code}).to_string();
    format!(
        "POST /api/login/social/token/github/ HTTP/1.1\r\nhost: sso.example\r\nconnection: close\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A connection with a request whose body does not arrive: the handler waits for it.
async fn with_open_request(address: &str, base: &str) -> TcpStream {
    let mut stream = connect_from(address, base).await;
    let head = "POST /api/token/verify/ HTTP/1.1\r\nhost: sso.example\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("a write");
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.expect("100 Continue: the handler reads the body");
    assert!(line.starts_with(b"HTTP/1.1 100 "), "{line:?}");
    stream
}

/// Whether the server has closed the connection.
fn is_closed(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 64]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

async fn until(mut is_true: impl FnMut() -> bool) {
    while !is_true() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn sec_43_many_and_slow_connections_of_one_address_refuse_no_other_client(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("MAX_CONNECTIONS", "100")
        .with("MAX_CONNECTIONS_PER_ADDRESS", "40")
        .with("TRUSTED_PROXIES", PROXY)
        .start()
        .await;
    let base = app.node.base.as_str();
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(connect_from("127.0.0.2", base).await);
    }
    until(|| idle.iter().filter(|stream| is_closed(stream)).count() >= 260).await;
    // Of the same address: bodies that do not arrive, and answers that are not read.
    let mut slow = Vec::new();
    for _ in 0..10 {
        slow.push(with_open_request("127.0.0.2", base).await);
        let mut reader = connect_from("127.0.0.2", base).await;
        // Large answers fill the buffers of the connection without much work for the server.
        let requests = "GET /openapi.yaml HTTP/1.1\r\nhost: sso.example\r\n\r\n".repeat(30);
        let _ = tokio::time::timeout(Duration::from_millis(20), reader.write_all(requests.as_bytes())).await;
        slow.push(reader);
    }
    let answer = exchange(connect_from("127.0.0.3", base).await, &login("u1", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "another client: {answer}");
    let headers = "x-forwarded-for: 127.0.0.2\r\n";
    let answer = exchange(connect_from(PROXY, base).await, &login("u2", headers)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "through the proxy: {answer}");
    let answer = exchange(connect_from("127.0.0.2", base).await, &login("u3", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "the address itself loses idle connections only: {answer}");

    // The proxy has no share: its clients are not one address.
    let mut of_proxy = Vec::new();
    for _ in 0..45 {
        of_proxy.push(with_open_request(PROXY, base).await);
    }
    assert!(of_proxy.iter().all(|stream| !is_closed(stream)));
}

/// A botnet: each address has a few connections, so that no share is exceeded. All of them wait for their client.
async fn sec_44_slow_clients_of_many_addresses_are_replaced_when_the_server_is_full(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("MAX_CONNECTIONS", "60")
        .with("REQUEST_HEAD_TIMEOUT", "300")
        .with("REQUEST_BODY_TIMEOUT", "300")
        .with("RESPONSE_WRITE_TIMEOUT", "300")
        .start()
        .await;
    let base = app.node.base.as_str();
    let mut slow = Vec::new();
    let mut writers = Vec::new();
    for number in 0..120 {
        let address = format!("127.0.1.{}", 1 + number % 100);
        match number % 4 {
            // Slow writers of a head and of a body.
            0 => {
                let mut stream = connect_from(&address, base).await;
                stream.write_all(b"POST /api/token/verify/ HTTP/1.1\r\nhost: a").await.expect("a write");
                slow.push(stream);
            }
            1 => slow.push(with_open_request(&address, base).await),
            // Single bytes do not keep a connection.
            2 => writers.push(tokio::spawn(drip(with_open_request(&address, base).await, "{"))),
            // A slow reader.
            _ => {
                let mut reader = connect_from(&address, base).await;
                let requests = "GET /api/login/social/providers/ HTTP/1.1\r\nhost: sso.example\r\n\r\n".repeat(1000);
                let _ = tokio::time::timeout(Duration::from_millis(20), reader.write_all(requests.as_bytes())).await;
                slow.push(reader);
            }
        }
    }
    for round in 0..20 {
        let answer =
            exchange(connect_from("127.0.0.3", base).await, &login(&format!("u{}1", "0".repeat(round)), "")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "round {round}: {answer}");
    }
    // More of them arrive, also while an honest client writes its request.
    let mut honest = connect_from("127.0.0.4", base).await;
    let request = login("u9", "");
    honest.write_all(&request.as_bytes()[..60]).await.expect("a write");
    for number in 0..30 {
        slow.push(with_open_request(&format!("127.0.2.{}", 1 + number), base).await);
    }
    let answer = exchange(honest, &request[60..]).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "it is not the one that waits for longest: {answer}");
    assert!(slow.iter().filter(|stream| is_closed(stream)).count() >= 30);
    writers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A step of a login that takes until the test ends it: until then, the server works on the request.
#[derive(Clone)]
struct Work {
    begun: Arc<AtomicUsize>,
    end: Arc<Semaphore>,
}

#[async_trait]
impl Step for Work {
    async fn run(&self, _: &mut Draft<'_>) -> Result<(), Stop> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let _ = self.end.acquire().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_above_the_limits_a_client_learns_why_and_healthz_is_served() {
    let work = Work { begun: Arc::default(), end: Arc::new(Semaphore::new(0)) };
    let step = work.clone();
    let app = TestApp::builder(Engine::Sqlite)
        .with("MAX_CONNECTIONS", "5")
        .with("MAX_CONNECTIONS_PER_ADDRESS", "3")
        .with("SOCIAL_AUTH_PIPELINE", &WITH_TERMS.replace("terms", "work"))
        .with_builder(move |builder| builder.step("work", step.clone()))
        .start()
        .await;
    // A request that the server works on: its connection is not closed for another one.
    let with_work = async |address: &str, base: &str| {
        let before = work.begun.load(Ordering::SeqCst);
        let mut stream = connect_from(address, base).await;
        stream.write_all(login(&format!("u{}1", "0".repeat(before)), "").as_bytes()).await.expect("a write");
        until(|| work.begun.load(Ordering::SeqCst) > before).await;
        stream
    };
    let base = app.node.base.as_str();
    let ask = async |address: &str, path: &str| exchange(connect_from(address, base).await, &get(path, "")).await;
    let is_refused = |answer: &str| {
        let has = |part: &str| answer.to_lowercase().contains(part);
        answer.starts_with("HTTP/1.1 429") && has("retry-after: ") && has("too_many_requests")
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(with_work("127.0.0.2", base).await);
    }
    let answer = ask("127.0.0.2", "/api/login/social/providers/").await;
    assert!(is_refused(&answer), "the share of the address: {answer}");
    assert!(ask("127.0.0.2", "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(ask("127.0.0.3", "/api/login/social/providers/").await.starts_with("HTTP/1.1 200"));
    for _ in 0..2 {
        open.push(with_work("127.0.0.3", base).await);
    }
    let answer = ask("127.0.0.4", "/api/login/social/providers/").await;
    assert!(is_refused(&answer), "all connections: {answer}");
    assert!(ask("127.0.0.4", "/healthz").await.starts_with("HTTP/1.1 200"));
    // Such a connection serves one request, and closes when no request comes: 100 of them leave the rest as it is.
    let mut above = Vec::new();
    for _ in 0..100 {
        above.push(connect_from("127.0.0.4", base).await);
    }
    assert!(ask("127.0.0.5", "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(open.iter().all(|stream| !is_closed(stream)), "requests that are served are not disturbed");
    work.end.close();
    drop((open, above));
    while !ask("127.0.0.2", "/api/login/social/providers/").await.starts_with("HTTP/1.1 200") {}
}

/// A server with short time limits.
async fn impatient() -> TestApp {
    let app = TestApp::builder(Engine::Sqlite);
    ["REQUEST_HEAD_TIMEOUT", "REQUEST_BODY_TIMEOUT", "RESPONSE_WRITE_TIMEOUT", "CONNECTION_IDLE_TIMEOUT"]
        .into_iter()
        .fold(app, |app, name| app.with(name, "1"))
        .start()
        .await
}

/// Writes a byte from time to time until the server closes the connection.
async fn drip(mut stream: TcpStream, bytes: &str) -> String {
    for byte in bytes.bytes().chain(std::iter::repeat(b'x')) {
        let is_written = stream.write_all(&[byte]).await.is_ok();
        let readable = tokio::time::timeout(Duration::from_millis(50), stream.readable()).await;
        if !is_written || readable.is_ok() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_slow_clients_lose_their_connection() {
    let app = impatient().await;
    let base = app.node.base.as_str();
    let connect = || connect_from("127.0.0.2", base);
    let silent = async { exchange(connect().await, "").await };
    let half_a_head = async { exchange(connect().await, "GET /healthz HTTP/1.1\r\nhost: a").await };
    let dripped_head = async { drip(connect().await, "GET /healthz HTTP/1.1\r\n").await };
    let keep_alive = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    let idle_after_an_answer = async { exchange(connect().await, keep_alive).await };
    let second_head = format!("{keep_alive}GET /healthz");
    let half_a_second_head = async { exchange(connect().await, &second_head).await };
    let body = "POST /api/token/verify/ HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{";
    let half_a_body = async { exchange(connect().await, body).await };
    let dripped_body = async { drip(connect().await, body).await };
    let reads_nothing = async {
        let mut stream = connect().await;
        let request = "GET /api/login/social/providers/ HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
        while stream.write_all(request.as_bytes()).await.is_ok() {}
    };
    let (silent, half_a_head, dripped_head, idle, second, half_a_body, dripped_body, ()) = tokio::join!(
        silent,
        half_a_head,
        dripped_head,
        idle_after_an_answer,
        half_a_second_head,
        half_a_body,
        dripped_body,
        reads_nothing
    );
    assert_eq!([silent, half_a_head, dripped_head], [""; 3], "closed without an answer");
    for answer in [idle, second] {
        assert!(answer.starts_with("HTTP/1.1 200") && answer.matches("HTTP/1.1").count() == 1, "{answer}");
    }
    let is_timeout = |answer: &str| answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout");
    assert!(is_timeout(&half_a_body), "{half_a_body}");
    // A reset may overtake the answer, because the client still sends.
    assert!(dripped_body.is_empty() || is_timeout(&dripped_body), "{dripped_body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_number_and_size_of_headers_are_limited() {
    let app = TestApp::start(Engine::Sqlite).await;
    let base = app.node.base.as_str();
    let ask = async |headers: &str| exchange(connect_from("127.0.0.2", base).await, &get("/healthz", headers)).await;
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    assert!(ask(&many(90)).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&many(200)).await.starts_with("HTTP/1.1 431"));
    assert!(ask(&format!("x-long: {}\r\n", "x".repeat(20_000))).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&format!("x-long: {}\r\n", "x".repeat(40_000))).await.starts_with("HTTP/1.1 431"));
}

/// A process that may open 64 files only: the listener neither ends nor stops to accept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_lack_of_file_descriptors_does_not_stop_the_listener() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let environment = [("SECRET_KEY", crate::support::test_app::SECRET_KEY)];
    let process = Process::start_with_open_files(64, &["serve"], &environment, folder.path()).await;
    let mut idle = Vec::new();
    for _ in 0..150 {
        idle.push(connect_from("127.0.0.2", &process.base).await);
    }
    for path in ["/healthz", "/readyz"] {
        let answer = exchange(connect_from("127.0.0.3", &process.base).await, &get(path, "")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}\n{}", process.output());
    }
    assert!(process.output().contains("ulimit -n"), "{}", process.output());
}

/// Sends the head of a request, then its body, and returns the response as far as its head, and the status of a next request on
/// the connection. `None`: the connection was closed.
async fn refused_and_next(base: &str, head: &str, length: usize, sent: usize) -> (String, Option<String>) {
    let mut stream = connect_from("127.0.0.1", base).await;
    let (line, headers) = head.split_once('\n').unwrap_or((head, "authorization: Token x"));
    let head = format!(
        "{line} HTTP/1.1\r\nhost: sso.example\r\n{headers}\r\ncontent-type: application/json\r\ncontent-length: \
         {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a write");
    tokio::time::sleep(Duration::from_millis(20)).await;
    // With a long body the server may close the connection meanwhile.
    let _ = stream.write_all(" ".repeat(sent).as_bytes()).await;
    let mut received = vec![0; 64 * 1024];
    let size = stream.read(&mut received).await.unwrap_or(0);
    let response = String::from_utf8_lossy(&received[..size]).to_ascii_lowercase();
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: sso.example\r\n\r\n").await;
    let size = stream.read(&mut received).await.unwrap_or(0);
    let next = String::from_utf8_lossy(&received[..size]).lines().next().map(str::to_owned);
    (response, next.filter(|line| !line.is_empty()))
}

#[tokio::test]
async fn connection_of_a_refused_request_continues_or_is_announced_as_closed() {
    let app = TestApp::start(Engine::Sqlite).await;
    for (head, status) in [
        ("PATCH /api/user/", "401"),
        ("POST /api/login/social/session/github/\norigin: https://evil.example", "403"),
        ("POST /api/knox/logout/", "401"),
        ("POST /nothing/", "404"),
        ("PUT /api/user/", "405"),
        ("POST /api/session/logout/", "204"),
    ] {
        let (response, next) = refused_and_next(&app.node.base, head, 40, 40).await;
        assert!(!response.contains("connection: close"), "{head}: {response}");
        assert_eq!(next.as_deref(), Some("HTTP/1.1 200 OK"), "{head}");
        assert!(response.starts_with(&format!("http/1.1 {status}")), "{head}: {response}");
    }
    // A body that does not arrive, one that is too long to be discarded, and one that the client does not send yet.
    let waits = "POST /api/knox/logout/\nauthorization: Token x\r\nexpect: 100-continue";
    for (head, length, sent) in [("PATCH /api/user/", 40, 10), ("PATCH /api/user/", 70_000, 70_000), (waits, 40, 0)] {
        let (response, next) = refused_and_next(&app.node.base, head, length, sent).await;
        assert!(response.contains("connection: close") || response.is_empty(), "{head}: {response}");
        assert_eq!(next, None, "{head}");
    }
}
