//! Replaces the application of a running server by that of new settings. Requests in progress end with the old one. On any
//! error the old settings stay in force.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::application::{Application, Current, Lasting, Parts};
use super::background::BackgroundTasks;
use super::setting_warnings::log_setting_warnings;
use crate::account::SigningKeyError;
use crate::rate_limit::ReturnScope;
use crate::secrets::ExposeSecret as _;
use crate::settings::{SettingError, Settings};

/// How long a reload waits for the files of the settings.
pub(crate) const FILE_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Reads that may block at the same time, each of them a thread: a file system that does not answer may never do so.
static BLOCKING_READS: Semaphore = Semaphore::const_new(4);

/// Calls `read` in a thread in which it may block: on a network file system, or on a pipe that nothing writes.
///
/// `None`: it did not return within [`FILE_READ_TIMEOUT`].
pub(crate) async fn read_files<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let reading = async {
        let permit = BLOCKING_READS.acquire().await.ok()?;
        let reading = tokio::task::spawn_blocking(move || {
            let result = read();
            drop(permit);
            result
        });
        reading.await.ok()
    };
    tokio::time::timeout(FILE_READ_TIMEOUT, reading).await.ok().flatten()
}

/// Why the settings were not replaced.
#[derive(Debug)]
pub(crate) enum ReloadError {
    /// The server is starting or stopping.
    NotServing,
    /// All errors in the new settings.
    Settings(Vec<SettingError>),
    /// A file that a setting names could not be read within [`FILE_READ_TIMEOUT`].
    UnreadFiles,
    /// The key that signs JWTs cannot be used, or not be read.
    SigningKey(SigningKeyError),
}

/// The tasks of the present application, and the token that stops all of them.
pub(super) struct Running {
    pub tasks: BackgroundTasks,
    pub closing: CancellationToken,
}

impl Running {
    /// Starts the tasks of an application.
    pub fn start(application: &Application, lasting: &Lasting, closing: CancellationToken) -> Self {
        let (hook, repository, deps) = (application.hook.clone(), &lasting.repository, &lasting.deps);
        let tasks = BackgroundTasks::start(&application.app, repository, hook, deps, closing.child_token());
        Self { tasks, closing }
    }
}

/// `None` before the server is ready, and after its shutdown began.
pub(super) type SharedRunning = Arc<Mutex<Option<Running>>>;

/// Reloads the settings of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reloader {
    pub(super) lasting: Arc<Lasting>,
    pub(super) current: Current,
    pub(super) running: SharedRunning,
}

impl Reloader {
    /// Serves new requests with `settings`. Returns the names of changed settings that need a restart; the server keeps their
    /// old values. One reload runs at a time.
    ///
    /// Errors: the old settings stay in force.
    pub async fn reload(&self, mut settings: Settings) -> Result<Vec<&'static str>, ReloadError> {
        if self.running.lock().await.is_none() {
            return Err(ReloadError::NotServing);
        }
        // No reload changes the fixed values.
        let unchanged = keep_fixed_values(&mut settings, &self.current.get().app.settings);
        let settings = Arc::new(settings);
        let (of_parts, deps) = (settings.clone(), self.lasting.deps.clone());
        // Without the lock, which a shutdown waits for.
        let parts = read_files(move || Parts::new(&of_parts, &deps)).await.ok_or(ReloadError::UnreadFiles)?;
        let parts = parts.map_err(ReloadError::Settings)?;
        let mut running = self.running.lock().await;
        if running.is_none() {
            return Err(ReloadError::NotServing);
        }
        let before = self.current.get();
        let application = Application::new(settings.clone(), parts, &self.lasting, Some(&before.app));
        let app = application.app.clone();
        app.account.signing_keys().maintain().await.map_err(ReloadError::SigningKey)?;
        if let Err(error) = app.login.count_live_rows().await {
            tracing::warn!(%error, "the rows that count against the limits of logins could not be counted");
        }
        self.lasting.events.follow(&settings, &self.lasting.deps);
        self.current.replace(application);
        log_setting_warnings(&app);
        if let Some(Running { tasks, closing }) = running.take() {
            // Two dispatchers would not send an event twice, but the old one has the old secrets.
            tasks.stop().await;
            *running = Some(Running::start(&self.current.get(), &self.lasting, closing));
        }
        if before.app.settings.rate_limits != settings.rate_limits {
            before.app.rate_limits.return_unused(ReturnScope::All).await;
        }
        Ok(unchanged)
    }
}

/// Gives `new` the old values of the settings that only a restart can apply. Returns the names of those that differ.
fn keep_fixed_values(new: &mut Settings, old: &Settings) -> Vec<&'static str> {
    let mut changed = Vec::new();
    if new.database_url.expose_secret() != old.database_url.expose_secret() {
        new.database_url.clone_from(&old.database_url);
        changed.push("DATABASE_URL");
    }
    macro_rules! keep {
        ($($name:ident: $($field:ident).+;)*) => {$(
            if new.$($field).+ != old.$($field).+ {
                new.$($field).+.clone_from(&old.$($field).+);
                changed.push(stringify!($name));
            }
        )*};
    }
    keep! {
        DATABASE_TIMEOUT: database.call;
        DATABASE_QUEUE_TIMEOUT: database.queue;
        DATABASE_POOL_SIZE: database.connections;
        SQLITE_SYNCHRONOUS: sqlite_synchronous;
        LISTEN: listen;
        LISTEN_REUSE_PORT: listen_reuse_port;
        METRICS_LISTEN: metrics_listen;
        MAX_CONNECTIONS: connections.max;
        MAX_CONNECTIONS_PER_ADDRESS: connections.max_per_address;
        REQUEST_HEAD_TIMEOUT: connections.head_timeout;
        REQUEST_BODY_TIMEOUT: connections.body_timeout;
        RESPONSE_WRITE_TIMEOUT: connections.write_timeout;
        CONNECTION_IDLE_TIMEOUT: connections.idle_timeout;
        SHUTDOWN_DELAY: shutdown_delay;
        SHUTDOWN_TIMEOUT: shutdown_timeout;
        OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint;
        LOG_FORMAT: log_format;
        RUST_LOG: log_filter;
    }
    changed
}
