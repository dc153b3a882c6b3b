//! `serve`, the production server, and `migrate`.

use std::path::Path;

use super::{Failure, bind, database, environment, logging, settings, signals};
use crate::clock::Ambient;
use crate::server::Server;
use crate::settings::Mode;
use crate::store::{self, Repository};

/// Checks everything, opens the database, brings its schema up to date, then listens until it is asked to stop.
pub(super) async fn serve(
    config: Option<&Path>,
    listen: Option<String>,
    migrate: bool,
    ambient: Ambient,
) -> Result<(), Failure> {
    let mut environment = environment();
    environment.extend(listen.map(|listen| ("LISTEN".to_owned(), listen)));
    let settings = settings(Mode::Serve, toml::Table::new(), config, environment, &ambient)?;
    logging::start(&settings);
    let (listen, reuse_port) = (settings.listen, settings.listen_reuse_port);
    let server = Server::build(settings, ambient, true).await?;
    if migrate {
        bring_up_to_date(server.repository().as_ref()).await?;
    } else {
        database::require_current(server.repository().as_ref()).await?;
    }
    let stop = signals::asked_to_stop()?;
    let listener = bind(listen, reuse_port)?;
    let address = listener.local_addr().unwrap_or(listen);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    server.run(listener, None, stop).await.map_err(|error| Failure::Other(format!("the server failed: {error}")))
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
