//! Starts the log: text or JSON lines on the standard error (LOG_FORMAT, RUST_LOG), and the collection of traces.

use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::terminal;
use super::trace_spans::SpanCollector;
use crate::settings::{LogFormat, Settings};

const OWN_TARGET: &str = "rest_social_auth";

/// Call it once. Events before the call are lost. `collector`: collects spans for a collector of traces.
pub(super) fn start(settings: &Settings, collector: Option<SpanCollector>) {
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Below info, HTTP and TLS libraries log their data, secrets included (SEC-41). RUST_LOG cannot turn that on.
    // sqlx logs at info what PostgreSQL notes about statements that change nothing, such as `IF NOT EXISTS`.
    let names_sqlx = settings.log_filter.contains("sqlx");
    let max_level =
        move |target: &str| if target.starts_with("sqlx") && !names_sqlx { Level::WARN } else { Level::INFO };
    let quiet_libraries =
        filter_fn(move |event| event.target().starts_with(OWN_TARGET) || *event.level() <= max_level(event.target()));
    let lines = match settings.log_format {
        LogFormat::Text => fmt::layer().with_ansi(terminal::allows_colours()).with_writer(std::io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    // Spans of calls have the level debug, so that they cost nothing without traces; log lines are attached from info on.
    let traced = filter_fn(|event| {
        event.target().starts_with(OWN_TARGET)
            && *event.level() <= if event.is_span() { Level::DEBUG } else { Level::INFO }
    });
    let spans = collector.map(|collector| collector.with_filter(traced));
    // It fails only when the log has already started.
    let _ = tracing_subscriber::registry()
        .with(spans)
        .with(lines.with_filter(quiet_libraries).with_filter(filter))
        .try_init();
}
