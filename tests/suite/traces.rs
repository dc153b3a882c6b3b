//! Traces: `traceparent` of a trusted proxy in the log, and spans for an OpenTelemetry collector.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::double::Double;
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, FakeUsers, github_settings};
use crate::support::process::Process;

const SECRET_KEY: &str = "secret-key-of-the-trace-tests-3b90fd-for-no-other-use";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector of OTLP over HTTP with JSON.
struct Collector {
    url: String,
    documents: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let documents = Arc::<Mutex<Vec<Value>>>::default();
        let received = documents.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let received = received.clone();
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    loop {
                        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
                            match stream.read_buf(&mut bytes).await {
                                Ok(0) | Err(_) => return,
                                Ok(_) => continue,
                            }
                        };
                        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
                        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                        let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
                        while bytes.len() < end + 4 + length {
                            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                                return;
                            }
                        }
                        let body: Vec<u8> = bytes.drain(..end + 4 + length).skip(end + 4).collect();
                        let document = serde_json::from_slice(&body).expect("JSON");
                        received.lock().expect("no panic").push(document);
                        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, documents }
    }

    /// All spans so far.
    fn spans(&self) -> Vec<Value> {
        let documents = self.documents.lock().expect("no panic");
        let resources = documents.iter().flat_map(|document| document["resourceSpans"].as_array().expect("a list"));
        let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().expect("a list"));
        scopes.flat_map(|scope| scope["spans"].as_array().expect("a list").clone()).collect()
    }
}

struct Setup {
    folder: TempDir,
    double: Double,
}

impl Setup {
    async fn new() -> Self {
        let (double, _) = FakeUsers::start_now().await;
        Self { folder: TempDir::new().expect("a temporary folder"), double }
    }

    async fn serve(&self, more: &[(&str, &str)]) -> Process {
        let own = [("SECRET_KEY", SECRET_KEY), ("LOG_FORMAT", "json")];
        let environment = [&own[..], &github_settings(&self.double), more].concat();
        Process::start(&["serve"], &environment, self.folder.path()).await
    }
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_carry_the_trace_of_a_trusted_proxy_only() {
    let setup = Setup::new().await;
    for (code, proxies, is_logged) in [("u1", "127.0.0.1", true), ("u2", "", false)] {
        let process = setup.serve(&[("TRUSTED_PROXIES", proxies)]).await;
        let login = process.client().post("/api/login/social/token/github/").header("traceparent", traceparent("01"));
        login.json(&json!({"code": code})).send().await.ok();
        let output = process.output();
        let signed_in = output.lines().find(|line| line.contains("signed in")).expect("a log line");
        assert_eq!(signed_in.contains(TRACE), is_logged, "{signed_in}");
        let other = process.client().get("/api/user/").header("traceparent", "00-0-0-01").send().await;
        assert_eq!(other.status, 401, "an invalid header is ignored");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_a_login_reach_the_collector_without_secrets() {
    let (setup, collector) = (Setup::new().await, Collector::start().await);
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let mut process = setup.serve(&[endpoint, ("TRUSTED_PROXIES", "127.0.0.1"), ("TRACE_SAMPLE_PERCENT", "0")]).await;
    let client = process.client();
    let login = client.post("/api/login/social/token/github/").header("traceparent", traceparent("01"));
    let token = login.json(&json!({"code": "u1"})).send().await.field("token");
    // Not sampled: by the proxy, and by the setting.
    client.get("/api/user/").header("traceparent", traceparent("00")).send().await;
    client.get("/healthz").send().await.ok();
    process.terminate();
    assert!(process.wait_for_exit().await.success(), "{}", process.output());

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span["traceId"] == TRACE), "{spans:?}");
    let roots: Vec<&Value> = spans.iter().filter(|span| span["name"] == "request").collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
    let root = roots[0];
    assert_eq!((&root["parentSpanId"], &root["kind"]), (&json!(PARENT), &json!(2)));
    let attributes = root["attributes"].as_array().expect("a list");
    for (key, value) in [
        ("http.request.method", json!({"stringValue": "POST"})),
        ("http.route", json!({"stringValue": "/api/login/social/token/{provider}/"})),
        ("http.response.status_code", json!({"intValue": "200"})),
    ] {
        assert!(attributes.contains(&json!({"key": key, "value": value})), "{key} in {attributes:?}");
    }
    let time = |span: &Value, name: &str| span[name].as_str().expect("a text").parse::<u128>().expect("a number");
    let called = |name: &str, attribute: &str| {
        let is_called = |span: &&Value| span["name"] == name && span["attributes"].to_string().contains(attribute);
        let found = spans.iter().find(is_called).unwrap_or_else(|| panic!("no {name} {attribute} in {spans:?}"));
        assert_eq!(found["parentSpanId"], root["spanId"]);
        assert!(time(found, "startTimeUnixNano") >= time(root, "startTimeUnixNano"));
        assert!(time(found, "endTimeUnixNano") <= time(root, "endTimeUnixNano"));
    };
    called("provider", "github.com");
    called("database", "commit_login");
    let text = json!(spans).to_string();
    for secret in [SECRET_KEY, CLIENT_ID, CLIENT_SECRET, &token, "gho_"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_does_not_answer_disturbs_no_login() {
    let setup = Setup::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", listener.local_addr().expect("an address"));
    let mut process = setup.serve(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &silent)]).await;
    process.client().login("token/github", json!({"code": "u1"})).await.ok();
    process.terminate();
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
    drop(listener);
}
