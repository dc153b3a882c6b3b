//! [`Server`]: connects the services, then listens, migrates, serves and shuts down.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::{Endpoint, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::application::{Application, Current, Lasting, Parts, WebhookEvents};
use super::connections::Connections;
use super::listen;
use super::metrics_listener::{self, MetricsEndpoint};
use super::reload::{Reloader, Running, SharedRunning};
use super::setting_warnings::log_setting_warnings;
use crate::account::SigningKeyError;
use crate::clock::Deps;
use crate::login::Extensions;
use crate::metrics::Metrics;
use crate::provider::Providers;
use crate::settings::{SettingError, Settings};
use crate::store::{self, Repository, StoreError};

/// The part of SHUTDOWN_TIMEOUT that is reserved for closing the connections of the database.
const DATABASE_CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an idle connection may still send a request after the listener closed.
const IDLE_GRACE_PERIOD: Duration = Duration::from_secs(3);
/// How long new connections wait for the migrations before they are answered 503. Most starts have nothing to migrate, and
/// no client notices them.
const MIGRATION_HEAD_START: Duration = Duration::from_secs(1);

/// Why a server stopped without a shutdown.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A migration failed.
    #[error(transparent)]
    Migration(#[from] StoreError),
    /// The key that signs JWTs cannot be used.
    #[error(transparent)]
    SigningKey(SigningKeyError),
    /// The listener failed, or its certificate is not usable.
    #[error(transparent)]
    Listener(#[from] std::io::Error),
}

impl From<ServeError> for std::io::Error {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Migration(error) => Self::other(error),
            ServeError::SigningKey(error) => Self::other(error),
            ServeError::Listener(error) => error,
        }
    }
}

/// Providers whose names the log has at the start. Of more it has the number.
const MAX_LOGGED_PROVIDERS: usize = 30;

/// A server that is ready to listen.
///
/// [`Self::builder`] makes one for a program of your own.
pub struct Server {
    lasting: Arc<Lasting>,
    current: Current,
    running: SharedRunning,
    /// Of the start: a reload does not change how the server listens and stops.
    settings: Arc<Settings>,
    idle_grace_period: Duration,
    /// On METRICS_LISTEN.
    metrics_listener: Option<TcpListener>,
}

/// What happened to the migrations of a start.
#[derive(Clone, Copy, PartialEq)]
enum Migration {
    Applied,
    /// A shutdown began before they were applied.
    Stopped,
}

impl Server {
    /// Opens the database, reads the descriptors of the providers, and creates keys, HTTP client and services. It creates the
    /// SQLite file if it does not exist, and does not migrate.
    ///
    /// Errors: all of them together.
    pub async fn build(settings: Settings, deps: Deps) -> Result<Self, Vec<SettingError>> {
        Self::build_with(settings, Extensions::default(), deps).await
    }

    pub(super) async fn build_with(
        settings: Settings,
        extensions: Extensions,
        deps: Deps,
    ) -> Result<Self, Vec<SettingError>> {
        // Boxed, so that the futures of the commands stay small.
        Box::pin(Self::build_of(settings, Parts::new, extensions, deps)).await
    }

    /// The server of `dev`, with providers of which some are simulated.
    ///
    /// Errors: as [`Self::build`].
    pub(crate) async fn build_simulated(
        settings: Settings,
        providers: Providers,
        deps: Deps,
    ) -> Result<Self, Vec<SettingError>> {
        let parts = |settings: &Settings, deps: &Deps| Parts::with_providers(settings, providers, deps);
        Box::pin(Self::build_of(settings, parts, Extensions::default(), deps)).await
    }

    async fn build_of(
        settings: Settings,
        parts: impl FnOnce(&Settings, &Deps) -> Result<Parts, Vec<SettingError>>,
        extensions: Extensions,
        deps: Deps,
    ) -> Result<Self, Vec<SettingError>> {
        let settings = Arc::new(settings);
        let mut errors = Vec::new();
        let (metrics_listener, deps) = measured(&settings, deps, &mut errors);
        let parts = parts(&settings, &deps).map_err(|found| errors.extend(found)).ok();
        let events = WebhookEvents::new(&settings, &deps);
        let opened = store::open_with(&settings.database_url, opening(&settings, &deps, &events)).await;
        let repository = opened.map_err(|error| errors.push(error)).ok();
        let (Some(parts), Some(repository)) = (parts, repository) else { return Err(errors) };
        if !errors.is_empty() {
            return Err(errors);
        }
        let lasting = Lasting {
            repository,
            deps,
            extensions,
            events,
            stopping: CancellationToken::new(),
            is_migrated: Arc::new(AtomicBool::new(true)),
        };
        let application = Application::new(settings.clone(), parts, &lasting, None);
        Ok(Self {
            lasting: Arc::new(lasting),
            current: Current::new(application),
            running: SharedRunning::default(),
            settings,
            idle_grace_period: IDLE_GRACE_PERIOD,
            metrics_listener,
        })
    }

    /// Closes idle connections at once when it shuts down, so that `dev` does not wait for the browser.
    pub(crate) fn without_idle_grace_period(self) -> Self {
        Self { idle_grace_period: Duration::ZERO, ..self }
    }

    /// The database, for example to migrate it before [`Self::run`].
    pub fn repository(&self) -> &Arc<dyn Repository> {
        &self.lasting.repository
    }

    /// All routes and the middleware: what [`Self::run`] serves.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + 'static {
        self.current.clone()
    }

    /// Replaces the settings while the server runs.
    pub(crate) fn reloader(&self) -> Reloader {
        Reloader { lasting: self.lasting.clone(), current: self.current.clone(), running: self.running.clone() }
    }

    /// Listens on LISTEN, applies migrations, and serves until `shutdown` ([`Self::migrate_and_run`]). With
    /// LISTEN_REUSE_PORT it migrates before it listens, because its predecessor still serves the address.
    ///
    /// Errors: the address cannot be used, a migration failed, the listener failed.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let (address, reuse_port) = (self.settings.listen, self.settings.listen_reuse_port);
        if reuse_port {
            self.lasting.repository.migrate().await.map_err(std::io::Error::other)?;
            return self.run(listen::bind(address, reuse_port)?, None, shutdown).await;
        }
        let listener = listen::bind(address, reuse_port)?;
        Ok(self.migrate_and_run(listener, shutdown).await?)
    }

    /// Applies migrations and serves until `shutdown`. Until the migrations are applied, `/healthz` answers 200 and all other
    /// requests are answered 503. A shutdown stops a migration.
    ///
    /// Errors: a migration failed, or the listener.
    pub async fn migrate_and_run(
        self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        self.lasting.is_migrated.store(false, Ordering::Release);
        self.run_until(shutdown, listener, None).await
    }

    /// Serves until `shutdown`, then stops gracefully. The migrations must be applied. `tls`: the certificate for https.
    ///
    /// Errors: the listener failed, or the certificate is not usable.
    pub async fn run(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<listen::Certificate>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        Ok(self.run_until(shutdown, listener, tls).await?)
    }

    /// Migrates while it already listens, then starts the background tasks, waits for the end of the listener, and finishes
    /// the background work.
    async fn run_until(
        mut self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        listener: tokio::net::TcpListener,
        tls: Option<listen::Certificate>,
    ) -> Result<(), ServeError> {
        let metrics_listener = self.metrics_listener.take();
        let settings = &self.settings;
        let stages = listen::Shutdown {
            draining: self.lasting.stopping.clone(),
            closing: CancellationToken::new(),
            idle: self.idle_grace_period,
            limit: settings.shutdown_timeout.saturating_sub(DATABASE_CLOSE_TIMEOUT),
        };
        let shutdown = tokio::spawn(shut_down_in_stages(shutdown, stages.clone(), settings.shutdown_delay));
        if let Some(listener) = metrics_listener {
            self.serve_metrics(listener, &stages);
        }
        let (migrated, listening) = self.migrate_and_listen(listener, tls, &stages).await;
        match &migrated {
            Ok(Migration::Applied) => self.start_background_tasks(&stages).await,
            Ok(Migration::Stopped) => {}
            Err(_) => stages.closing.cancel(),
        }
        let served = listening.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        stages.closing.cancel();
        let closing_began = if served.is_ok() && migrated.is_ok() {
            shutdown.await.unwrap_or_else(|_| Instant::now())
        } else {
            shutdown.abort();
            Instant::now()
        };
        self.finish(closing_began + self.settings.shutdown_timeout).await;
        migrated?;
        Ok(served?)
    }

    /// Serves `/metrics` until the other listener closes.
    fn serve_metrics(&self, listener: TcpListener, stages: &listen::Shutdown) {
        let endpoint = MetricsEndpoint {
            metrics: self.lasting.deps.metrics().clone(),
            repository: self.lasting.repository.clone(),
            current: self.current.clone(),
        };
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "metrics are served");
        }
        let stages = stages.clone();
        tokio::spawn(async move {
            if let Err(error) = listen::serve(listener, None, endpoint, &stages).await {
                tracing::error!(%error, "the listener of the metrics failed");
            }
        });
    }

    /// Starts the listener when the migrations are applied, or when they take longer than the head start.
    async fn migrate_and_listen(
        &self,
        listener: tokio::net::TcpListener,
        tls: Option<listen::Certificate>,
        stages: &listen::Shutdown,
    ) -> (Result<Migration, ServeError>, JoinHandle<std::io::Result<()>>) {
        let mut migration = pin!(self.migrate(stages));
        let migrated = tokio::time::timeout(MIGRATION_HEAD_START, &mut migration).await.ok();
        let (endpoint, listener_stages) = (self.endpoint(), stages.clone());
        let connections = Connections::new(&self.settings);
        let listening = tokio::spawn(async move {
            let tls = tls.as_ref().map(listen::tls_acceptor).transpose()?;
            listen::serve_within(listener, tls, endpoint, &connections, &listener_stages).await
        });
        let migrated = match migrated {
            Some(migrated) => migrated,
            None => {
                tracing::info!("applying migrations: until they are applied, only /healthz is served");
                migration.await
            }
        };
        (migrated, listening)
    }

    async fn migrate(&self, stages: &listen::Shutdown) -> Result<Migration, ServeError> {
        if self.lasting.is_migrated.load(Ordering::Acquire) {
            self.load_signing_keys().await?;
            return Ok(Migration::Applied);
        }
        tokio::select! {
            () = stages.draining.cancelled() => {
                tracing::warn!("the migration is stopped: the next start continues it");
                Ok(Migration::Stopped)
            }
            migrated = self.lasting.repository.migrate() => {
                migrated?;
                self.load_signing_keys().await?;
                self.lasting.is_migrated.store(true, Ordering::Release);
                Ok(Migration::Applied)
            }
        }
    }

    /// Without the database the server starts all the same: a background task reads the keys when it is back.
    async fn load_signing_keys(&self) -> Result<(), ServeError> {
        match self.current.get().app.account.signing_keys().maintain().await {
            Err(error @ (SigningKeyError::Store(_) | SigningKeyError::Contended)) => {
                tracing::warn!(%error, "the keys that sign JWTs could not be read");
                Ok(())
            }
            loaded => loaded.map_err(ServeError::SigningKey),
        }
    }

    async fn start_background_tasks(&self, stages: &listen::Shutdown) {
        let application = self.current.get();
        let app = &application.app;
        log_setting_warnings(app);
        let providers: Vec<&str> = app.login.providers().iter().map(|provider| provider.name()).collect();
        // `dev` simulates some two hundred.
        let names = match providers.len() {
            count if count > MAX_LOGGED_PROVIDERS => format!("{count} providers"),
            _ => providers.join(", "),
        };
        tracing::info!(providers = names, "ready");
        let running = Running::start(&application, &self.lasting, stages.closing.clone());
        *self.running.lock().await = Some(running);
    }

    /// Finishes the background tasks and closes the database, until `deadline`.
    async fn finish(&self, deadline: Instant) {
        let background_deadline = deadline - DATABASE_CLOSE_TIMEOUT;
        // A reload in progress ends first.
        if let Ok(mut running) = tokio::time::timeout_at(background_deadline, self.running.lock()).await
            && let Some(Running { tasks, .. }) = running.take()
        {
            tasks.finish(&self.current.get().app, background_deadline).await;
        }
        if tokio::time::timeout(DATABASE_CLOSE_TIMEOUT, self.lasting.repository.close()).await.is_err() {
            tracing::warn!("the database did not close its connections in time");
        }
        tracing::info!("stopped");
    }
}

/// Listens on METRICS_LISTEN, and turns the metrics on.
fn measured(settings: &Settings, deps: Deps, errors: &mut Vec<SettingError>) -> (Option<TcpListener>, Deps) {
    let listener = metrics_listener::bind(settings).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    if listener.is_none() {
        return (None, deps);
    }
    let started = deps.now().0 as f64 / 1000.0;
    (listener, deps.with_metrics(Metrics::enabled(started)))
}

/// How the server opens its database.
fn opening(settings: &Settings, deps: &Deps, events: &WebhookEvents) -> store::Opening {
    store::Opening {
        create: true,
        event_factory: Some(events.factory()),
        limits: Some(settings.database),
        synchronous: settings.sqlite_synchronous,
        metrics: deps.metrics().clone(),
    }
}

/// Waits for `shutdown`, then begins one stage after the other. Returns when the listener began to close. During `delay`
/// all requests are served, so that a load balancer can notice that `/readyz` fails.
async fn shut_down_in_stages(shutdown: impl Future<Output = ()>, stages: listen::Shutdown, delay: Duration) -> Instant {
    shutdown.await;
    stages.draining.cancel();
    tokio::time::sleep(delay).await;
    stages.closing.cancel();
    Instant::now()
}
