//! Sends traces to an OpenTelemetry collector: OTLP over HTTP with JSON, which every collector accepts at its port 4318.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::trace_spans::SpanCollector;
use crate::clock::Deps;
use crate::outgoing::{Client, Request};
use crate::settings::{OutgoingRules, SettingError, Settings};

/// Finished spans that wait to be sent.
const QUEUE_LEN: usize = 4096;
/// Spans of one call.
const BATCH_LEN: usize = 512;
/// How long a span waits for others.
const INTERVAL: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a shutdown waits for the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Spans that were not sent: the queue was full, or the collector did not accept them.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The task that sends spans.
pub(super) struct TraceExport {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// `None`: OTEL_EXPORTER_OTLP_ENDPOINT is not set.
///
/// Errors: the client cannot be built.
pub(super) fn start(settings: &Settings, deps: &Deps) -> Result<Option<(SpanCollector, TraceExport)>, SettingError> {
    let Some(endpoint) = settings.traces.endpoint.clone() else { return Ok(None) };
    // A collector is on this machine or in the operator's network, not behind the proxy for providers.
    let rules = OutgoingRules { allow_private: true, https_proxy: None, http_proxy: None, ..settings.outgoing.clone() };
    let client = Client::new(&rules)?;
    let (finished, queue) = mpsc::channel(QUEUE_LEN);
    let stop = CancellationToken::new();
    let task = tokio::spawn(send_all(client, endpoint, queue, stop.clone()));
    let collector = SpanCollector { deps: deps.clone(), finished, dropped: &DROPPED };
    Ok(Some((collector, TraceExport { stop, task })))
}

impl TraceExport {
    /// Sends the last spans.
    pub async fn finish(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, self.task).await;
    }
}

async fn send_all(client: Client, endpoint: Url, mut queue: mpsc::Receiver<Value>, stop: CancellationToken) {
    let mut is_failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => queue.close(),
            () = tokio::time::sleep(INTERVAL) => {}
        }
        loop {
            let spans: Vec<Value> = std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH_LEN).collect();
            if spans.is_empty() {
                break;
            }
            let count = spans.len();
            let problem = send(&client, &endpoint, spans).await.err();
            let has_failed = problem.is_some();
            if has_failed {
                DROPPED.fetch_add(count as u64, Ordering::Relaxed);
            }
            // One line when it begins to fail, not one for each call.
            match problem {
                Some(problem) if !is_failing => tracing::warn!("traces cannot be sent: {problem}"),
                None if is_failing => {
                    let dropped = DROPPED.swap(0, Ordering::Relaxed);
                    tracing::info!(dropped, "traces are sent again");
                }
                _ => {}
            }
            is_failing = has_failed;
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

async fn send(client: &Client, endpoint: &Url, spans: Vec<Value>) -> Result<(), String> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let resource = [text("service.name", "rest-social-auth"), text("service.version", env!("CARGO_PKG_VERSION"))];
    let scope = json!({"name": "rest-social-auth"});
    let document = json!({
        "resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"scope": scope, "spans": spans}]}],
    });
    let request = Request::post_json(endpoint.clone(), document.to_string());
    let reply = client.send(&request, Instant::now() + CALL_TIMEOUT).await.map_err(|error| error.to_string())?;
    if reply.is_success() { Ok(()) } else { Err(format!("the collector answers {}", reply.status)) }
}
