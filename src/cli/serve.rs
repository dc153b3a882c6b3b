//! `serve`, the production server, and `migrate`.

use std::path::Path;

use super::{Failure, bind, database, environment, logging, settings, signals};
use crate::clock::Deps;
use crate::server::{ServeError, Server};
use crate::settings::Mode;
use crate::store::{self, Repository};

/// Checks everything, opens the database, listens, applies migrations, and serves until it is asked to stop.
pub(super) async fn serve(
    config: Option<&Path>,
    listen: Option<String>,
    migrate: bool,
    deps: Deps,
) -> Result<(), Failure> {
    let mut environment = environment();
    environment.extend(listen.map(|listen| ("LISTEN".to_owned(), listen)));
    let settings = settings(Mode::Serve, toml::Table::new(), config, environment, &deps)?;
    logging::start(&settings);
    let (listen, reuse_port) = (settings.listen, settings.listen_reuse_port);
    let server = Server::build(settings, deps, true).await?;
    let mut stop = Box::pin(signals::asked_to_stop()?);
    if !migrate {
        database::require_current(server.repository().as_ref()).await?;
    } else if reuse_port {
        // A predecessor serves this address: a socket beside it would take half of its connections and answer them 503.
        tokio::select! {
            () = &mut stop => return Ok(()),
            migrated = bring_up_to_date(server.repository().as_ref()) => migrated?,
        }
    }
    let listener = bind(listen, reuse_port)?;
    let address = listener.local_addr().unwrap_or(listen);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let served = if migrate && !reuse_port {
        server.migrate_and_run(listener, stop).await
    } else {
        server.run(listener, None, stop).await.map_err(ServeError::Listener)
    };
    served.map_err(|error| match error {
        ServeError::Migration(error) => Failure::from(error),
        ServeError::Listener(error) => Failure::Other(format!("the server failed: {error}")),
    })
}

/// Needs DATABASE_URL alone: other settings may still be missing when a database is made ready.
pub(super) async fn migrate(config: Option<&Path>) -> Result<(), Failure> {
    let settings = database::settings_of(config, &[])?;
    logging::start(&settings);
    let repository = store::open(&settings.database_url, true).await?;
    bring_up_to_date(repository.as_ref()).await?;
    repository.close().await;
    tracing::info!("the database is up to date");
    Ok(())
}

pub(super) async fn bring_up_to_date(repository: &dyn Repository) -> Result<(), Failure> {
    Ok(repository.migrate().await?)
}
