//! Starts the log: text or JSON lines on the standard error (LOG_FORMAT, RUST_LOG), and the collection of traces.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::failure::Failure;
use super::log_writer::LogWriter;
use super::terminal;
use super::trace_spans::SpanCollector;
use crate::settings::{LogFormat, Settings};

const OWN_TARGET: &str = "rest_social_auth";
/// How long the end of the process waits for lines that are not written, because the standard error is not read.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

static WRITER: OnceLock<LogWriter> = OnceLock::new();

/// Call it once. Events before the call are lost. `collector`: collects spans for a collector of traces.
///
/// Errors: the thread of the log cannot be started.
pub(super) fn start(settings: &Settings, collector: Option<SpanCollector>) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Below info, HTTP and TLS libraries log their data, secrets included (SEC-41). RUST_LOG cannot turn that on.
    // sqlx logs at info what PostgreSQL notes about statements that change nothing, such as `IF NOT EXISTS`.
    let names_sqlx = settings.log_filter.contains("sqlx");
    let max_level =
        move |target: &str| if target.starts_with("sqlx") && !names_sqlx { Level::WARN } else { Level::INFO };
    let quiet_libraries =
        filter_fn(move |event| event.target().starts_with(OWN_TARGET) || *event.level() <= max_level(event.target()));
    let started = LogWriter::start(std::io::stderr());
    let started = started.map_err(|error| Failure::Other(format!("the log cannot be started: {error}")))?;
    let writer = WRITER.get_or_init(|| started);
    let lines = match settings.log_format {
        LogFormat::Text => fmt::layer().with_ansi(terminal::allows_colours()).with_writer(|| writer.clone()).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(|| writer.clone()).boxed(),
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
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Waits until the lines of the log are written, at most [`FLUSH_TIMEOUT`]. Without it the end of the process loses them.
pub(super) fn flush() {
    if let Some(writer) = WRITER.get() {
        writer.flush(FLUSH_TIMEOUT);
    }
}

/// Writes a line to the standard error: after the lines of the log if it has started, because a reader that stalls must not
/// prevent the end of a server. Call [`flush`] afterwards.
pub(super) fn print_line(line: &str) {
    use std::io::Write as _;
    match WRITER.get() {
        // It never fails.
        Some(writer) => drop(writer.clone().write_all(format!("{line}\n").as_bytes())),
        None => eprintln!("{line}"),
    }
}

/// The default hook writes to the standard error itself, which blocks while nothing reads it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no text").replace('\n', " ");
    let location = panic.location().map(tracing::field::display);
    // With RUST_BACKTRACE.
    let backtrace = Some(Backtrace::capture()).filter(|trace| trace.status() == BacktraceStatus::Captured);
    let backtrace = backtrace.map(tracing::field::display);
    let thread = std::thread::current();
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(location, backtrace, thread = thread.name(), "panicked: {message}");
    } else {
        print_line(&format!("panicked: {message}"));
    }
    // A panic of the main thread ends the process.
    if thread.name() == Some("main") {
        flush();
    }
}
