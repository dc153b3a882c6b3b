//! `serve`, the production server, and `migrate`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::configuration::{environment, settings, settings_for};
use super::failure::Failure;
use super::output::print_json;
use super::trace_export::{self, TraceExport};
use super::{database, logging, signals};
use crate::clock::Deps;
use crate::server::{
    FILE_READ_TIMEOUT, ReloadError, Reloader, ServeError, Server, listen, raise_open_file_limit, read_files,
};
use crate::settings::{Mode, SettingError, Settings};
use crate::store;

/// Reads the settings, opens the database, listens, applies migrations, and serves until a signal.
pub(super) async fn serve(
    config: Option<&Path>,
    listen: Option<String>,
    migrates: bool,
    deps: Deps,
) -> Result<(), Failure> {
    let source = SettingsSource { config: config.map(Path::to_owned), listen, deps };
    let hung_up = Arc::new(Notify::new());
    let notified = hung_up.clone();
    // Before anything that can take long: the default of SIGHUP ends the process, and a process with the id 1, as in a
    // container, ignores the others.
    let mut stop = Box::pin(signals::stop_signal(move || notified.notify_one())?);
    // On a thread for blocking work, because it reads files: the only worker of a small machine must handle the signals.
    let (runtime, first_source) = (Handle::current(), source.clone());
    let preparing = tokio::task::spawn_blocking(move || runtime.block_on(Prepared::new(first_source)));
    let Prepared { server, traces, address, reuse_port } = tokio::select! {
        () = &mut stop => return Ok(()),
        prepared = preparing => match prepared {
            Ok(prepared) => prepared?,
            Err(error) => return Err(Failure::Other(format!("the server cannot be started: {error}"))),
        },
    };
    tokio::spawn(reload_at(hung_up, source, server.reloader()));
    let usable = async {
        match (migrates, reuse_port) {
            (false, _) => database::require_usable_schema(server.repository().as_ref()).await,
            // The kernel divides connections among the sockets of a port. Until the migrations are applied, the predecessor
            // must get all of them: this process would answer its share with 503.
            (true, true) => server.repository().migrate().await.map_err(Failure::from),
            (true, false) => Ok(()),
        }
    };
    tokio::select! {
        () = &mut stop => return Ok(()),
        usable = usable => usable?,
    }
    let listener = listen::bind_setting("LISTEN", address, reuse_port)?;
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let served = if migrates && !reuse_port {
        server.migrate_and_run(listener, stop).await
    } else {
        server.run(listener, None, stop).await.map_err(ServeError::Listener)
    };
    if let Some(traces) = traces {
        traces.finish().await;
    }
    served.map_err(|error| match error {
        ServeError::Migration(error) => Failure::from(error),
        ServeError::SigningKey(error) => Failure::Other(error.to_string()),
        ServeError::Listener(error) => Failure::Other(format!("the server failed: {error}")),
    })
}

/// A server that does not listen yet.
struct Prepared {
    server: Server,
    traces: Option<TraceExport>,
    /// LISTEN.
    address: SocketAddr,
    reuse_port: bool,
}

impl Prepared {
    async fn new(source: SettingsSource) -> Result<Self, Failure> {
        let settings = source.read()?;
        let (collector, traces) = trace_export::start(&settings, &source.deps)?.unzip();
        logging::start(&settings, collector)?;
        let (address, reuse_port) = (settings.listen, settings.listen_reuse_port);
        raise_open_file_limit();
        let server = Server::build(settings, source.deps).await?;
        Ok(Self { server, traces, address, reuse_port })
    }
}

/// Where the settings come from, at start and at each reload.
#[derive(Clone)]
struct SettingsSource {
    config: Option<PathBuf>,
    /// `--listen`.
    listen: Option<String>,
    deps: Deps,
}

impl SettingsSource {
    fn read(&self) -> Result<Settings, Failure> {
        let mut environment = environment();
        environment.extend(self.listen.clone().map(|listen| ("LISTEN".to_owned(), listen.into())));
        settings(Mode::Serve, toml::Table::new(), self.config.as_deref(), environment, &self.deps)
    }
}

/// Reloads the settings at each SIGHUP. Signals that arrive meanwhile cause one more reload.
async fn reload_at(hung_up: Arc<Notify>, source: SettingsSource, reloader: Reloader) {
    loop {
        hung_up.notified().await;
        tracing::info!("SIGHUP: the settings are read again");
        let reading = source.clone();
        let Some(read) = read_files(move || reading.read()).await else {
            log_unread_files();
            continue;
        };
        match read {
            Ok(settings) => match reloader.reload(settings).await {
                Ok(unchanged) => {
                    for name in unchanged {
                        tracing::warn!("{name} has changed: restart the server to apply it");
                    }
                    tracing::info!("the settings were reloaded");
                }
                Err(ReloadError::NotServing) => tracing::warn!("not reloaded: the server is starting or stopping"),
                Err(ReloadError::Settings(errors)) => log_errors(&errors),
                Err(ReloadError::UnreadFiles) => log_unread_files(),
                Err(ReloadError::SigningKey(error)) => {
                    tracing::error!(%error, "not reloaded, the old settings stay in force");
                }
            },
            Err(Failure::Settings(errors)) => log_errors(&errors),
            Err(Failure::CommandLine(problem) | Failure::Other(problem)) => {
                tracing::error!("not reloaded, the old settings stay in force: {problem}");
            }
        }
    }
}

fn log_unread_files() {
    let limit = FILE_READ_TIMEOUT.as_secs();
    tracing::error!(
        "not reloaded, the old settings stay in force: the settings file, or a file that a setting names, could not be read \
         within {limit} s"
    );
}

fn log_errors(errors: &[SettingError]) {
    for error in errors {
        tracing::error!("{}", error.to_string().replace('\n', " "));
    }
    tracing::error!(errors = errors.len(), "not reloaded, the old settings stay in force");
}

/// Needs DATABASE_URL only: a database may be prepared before the other settings are known.
pub(super) async fn migrate(config: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let settings = settings_for(config, &[])?;
    logging::start(&settings, None)?;
    let repository = store::open(&settings.database_url, true).await?;
    repository.migrate().await?;
    repository.close().await;
    tracing::info!("the database is up to date");
    if as_json { print_json(&json!({"migrated": true})) } else { Ok(()) }
}
