//! (being built) The provider that `dev` embeds.
use std::future::Future;

use url::Url;

use crate::clock::Ambient;

/// A small OAuth 2.0 / OpenID Connect and OAuth 1.0a provider; everything in memory.
pub struct Demo {}

impl Demo {
    /// `public_url`: as browsers and the server reach it, such as `http://127.0.0.1:8001`.
    pub fn new(public_url: Url, ambient: Ambient) -> Self {
        let _ = (public_url, ambient);
        todo!()
    }

    /// The `[providers.demo]` and `[providers.demo-oauth1]` of the settings, so that `dev` needs no file.
    pub fn settings(&self) -> toml::Table {
        todo!()
    }

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
