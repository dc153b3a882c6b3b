//! (being built) The app built from settings.
use std::future::Future;
use std::sync::Arc;

use crate::clock::Ambient;
use crate::settings::{SettingError, Settings};
use crate::store::Repository;

/// A server that is ready to listen.
pub struct Server {}

impl Server {
    /// Opens the database (`create`: makes the SQLite file), reads the descriptors, builds keys, client and routes. All
    /// mistakes together. Does not migrate.
    pub async fn build(settings: Settings, ambient: Ambient, create: bool) -> Result<Self, Vec<SettingError>> {
        let _ = (settings, ambient, create);
        todo!()
    }

    pub fn repository(&self) -> &Arc<dyn Repository> {
        todo!()
    }

    /// Serves on an already bound listener until `shutdown`, then lets open requests finish. `tls`: certificate chain and
    /// key as PEM (`dev --tls`).
    pub async fn run(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let _ = (listener, tls, shutdown);
        todo!()
    }
}
