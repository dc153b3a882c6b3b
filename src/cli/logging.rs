//! The log: text or JSON lines on the standard error, as LOG_FORMAT and RUST_LOG say.

use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::terminal;
use crate::settings::{LogFormat, Settings};

const OURS: &str = "rest_social_auth";

/// Called once; what is logged before is lost.
pub(super) fn start(settings: &Settings) {
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Below info, HTTP and TLS libraries write out what they carry, secrets included (SEC-41). RUST_LOG cannot change it.
    let quiet_libraries = filter_fn(|event| event.target().starts_with(OURS) || *event.level() <= Level::INFO);
    let lines = match settings.log_format {
        LogFormat::Text => fmt::layer().with_ansi(terminal::has_colours()).with_writer(std::io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    // Only a second start in one process could fail, and the first one's log does as well.
    let _ = tracing_subscriber::registry().with(lines.with_filter(quiet_libraries).with_filter(filter)).try_init();
}
