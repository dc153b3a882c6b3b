//! Collects the spans of sampled requests from `tracing`, in the JSON form of OTLP. Spans outside of a sampled request are
//! ignored. The fields of spans and log lines contain no secret (SEC-41), so neither do traces.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Deps;

/// Log lines that are attached to a span; further ones are in the log only.
const MAX_EVENTS: usize = 32;
/// The message of the log line whose fields describe the whole request.
const ANSWERED: &str = "answered";

/// The layer of `tracing` that collects spans.
pub(super) struct SpanCollector {
    pub deps: Deps,
    /// Finished spans. A full queue drops spans instead of delaying requests.
    pub finished: mpsc::Sender<Value>,
    pub dropped: &'static AtomicU64,
}

/// A span of a sampled request.
struct Collected {
    trace_id: String,
    span_id: String,
    parent_id: Option<String>,
    /// When the request began: by the clock, and by the steady clock that measures everything else of the request.
    began: (Duration, Instant),
    /// Nanoseconds since 1970.
    start: u128,
    attributes: Vec<Value>,
    events: Vec<Value>,
}

impl Collected {
    fn time(&self) -> u128 {
        nanoseconds(self.began)
    }
}

fn nanoseconds((at, steady): (Duration, Instant)) -> u128 {
    (at + steady.elapsed()).as_nanos()
}

/// The fields of a span or of a log line.
#[derive(Default)]
struct Fields {
    message: String,
    trace_id: Option<String>,
    parent_id: Option<String>,
    is_sampled: bool,
    attributes: Vec<(&'static str, Value)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            "trace_id" => self.trace_id = Some(value.to_owned()),
            "parent_id" => self.parent_id = Some(value.to_owned()),
            name => self.attributes.push((name, json!({"stringValue": value}))),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "sampled" => self.is_sampled = value,
            name => self.attributes.push((name, json!({"boolValue": value}))),
        }
    }

    // OTLP writes 64-bit integers as texts.
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attributes.push((field.name(), json!({"intValue": value.to_string()})));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.attributes.push((field.name(), json!({"intValue": value.to_string()})));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attributes.push((field.name(), json!({"doubleValue": value})));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// The names of the semantic conventions of OpenTelemetry.
fn attribute((name, value): (&'static str, Value)) -> Value {
    let key = match name {
        "method" => "http.request.method",
        "route" => "http.route",
        "status" => "http.response.status_code",
        "host" => "server.address",
        "operation" => "db.operation.name",
        "id" => "request.id",
        other => other,
    };
    json!({"key": key, "value": value})
}

impl SpanCollector {
    fn child(&self, parent: &Collected) -> Collected {
        Collected {
            trace_id: parent.trace_id.clone(),
            span_id: HEXLOWER.encode(&self.deps.bytes::<8>()),
            parent_id: Some(parent.span_id.clone()),
            began: parent.began,
            start: parent.time(),
            attributes: Vec::new(),
            events: Vec::new(),
        }
    }

    fn root(&self, trace_id: String, parent_id: Option<String>) -> Collected {
        let at = Duration::from_millis(u64::try_from(self.deps.now().0).unwrap_or_default());
        Collected {
            trace_id,
            span_id: HEXLOWER.encode(&self.deps.bytes::<8>()),
            parent_id,
            began: (at, Instant::now()),
            start: at.as_nanos(),
            attributes: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanCollector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.parent();
        let child = parent.and_then(|parent| parent.extensions().get::<Collected>().map(|parent| self.child(parent)));
        let collected = match (child, fields.trace_id.take()) {
            (Some(child), _) => child,
            (None, Some(trace_id)) if fields.is_sampled => self.root(trace_id, fields.parent_id.take()),
            _ => return,
        };
        let attributes = fields.attributes.into_iter().map(attribute).collect();
        span.extensions_mut().insert(Collected { attributes, ..collected });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(collected) = span.extensions_mut().get_mut::<Collected>() {
            collected.attributes.extend(fields.attributes.into_iter().map(attribute));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut extensions = span.extensions_mut();
        let Some(collected) = extensions.get_mut::<Collected>() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let attributes = fields.attributes.into_iter().map(attribute);
        if fields.message == ANSWERED && span.name() == "request" {
            collected.attributes.extend(attributes);
        } else if collected.events.len() < MAX_EVENTS {
            let time = collected.time().to_string();
            let attributes: Vec<Value> = attributes.collect();
            collected.events.push(json!({"timeUnixNano": time, "name": fields.message, "attributes": attributes}));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(collected) = span.extensions_mut().remove::<Collected>() else { return };
        // 2: server, 3: client.
        let kind = if span.name() == "request" { 2 } else { 3 };
        let mut finished = json!({
            "traceId": collected.trace_id,
            "spanId": collected.span_id,
            "name": span.name(),
            "kind": kind,
            "startTimeUnixNano": collected.start.to_string(),
            "endTimeUnixNano": collected.time().to_string(),
            "attributes": collected.attributes,
            "events": collected.events,
        });
        if let Some(parent_id) = collected.parent_id {
            finished["parentSpanId"] = parent_id.into();
        }
        if self.finished.try_send(finished).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
