//! `serve`, the production server, and `migrate`.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use super::configuration::{environment, settings, settings_for};
use super::failure::Failure;
use super::{database, logging, signals};
use crate::clock::Deps;
use crate::server::{ServeError, Server, listen, raise_open_file_limit};
use crate::settings::{Mode, SettingError};
use crate::store;

/// Reads the settings, opens the database, listens, applies migrations, and serves until a signal.
pub(super) async fn serve(
    config: Option<&Path>,
    listen: Option<String>,
    migrates: bool,
    deps: Deps,
) -> Result<(), Failure> {
    let mut environment = environment();
    environment.extend(listen.map(|listen| ("LISTEN".to_owned(), listen)));
    let settings = settings(Mode::Serve, toml::Table::new(), config, environment, &deps)?;
    logging::start(&settings);
    let (listen, reuse_port) = (settings.listen, settings.listen_reuse_port);
    raise_open_file_limit();
    let server = Server::build(settings, deps, true).await?;
    let mut stop = Box::pin(signals::stop_signal()?);
    if !migrates {
        database::require_current_schema(server.repository().as_ref()).await?;
    } else if reuse_port {
        // The kernel divides connections among the sockets of a port. Until the migrations are applied, the predecessor must
        // get all of them: this process would answer its share with 503.
        tokio::select! {
            () = &mut stop => return Ok(()),
            migrated = server.repository().migrate() => migrated?,
        }
    }
    let listener = bind(listen, reuse_port)?;
    let address = listener.local_addr().unwrap_or(listen);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let served = if migrates && !reuse_port {
        server.migrate_and_run(listener, stop).await
    } else {
        server.run(listener, None, stop).await.map_err(ServeError::Listener)
    };
    served.map_err(|error| match error {
        ServeError::Migration(error) => Failure::from(error),
        ServeError::SigningKey(error) => Failure::Other(error.to_string()),
        ServeError::Listener(error) => Failure::Other(format!("the server failed: {error}")),
    })
}

/// Needs DATABASE_URL only: a database may be prepared before the other settings are known.
pub(super) async fn migrate(config: Option<&Path>) -> Result<(), Failure> {
    let settings = settings_for(config, &[])?;
    logging::start(&settings);
    let repository = store::open(&settings.database_url, true).await?;
    repository.migrate().await?;
    repository.close().await;
    tracing::info!("the database is up to date");
    Ok(())
}

pub(super) fn bind(address: SocketAddr, reuse_port: bool) -> Result<TcpListener, SettingError> {
    listen::bind(address, reuse_port).map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                let other = SocketAddr::new(address.ip(), address.port().checked_add(10).unwrap_or(8000));
                format!("another program listens on {address}: stop it or choose another port, such as LISTEN={other}")
            }
            _ => format!("cannot listen on {address}: {error}"),
        };
        SettingError::new("LISTEN", problem)
    })
}
