//! [`Server`]: connects the services, then listens, migrates, serves and shuts down.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::{Endpoint, Response};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::background::BackgroundTasks;
use super::connections::Connections;
use super::cors_warnings::CorsWarnings;
use super::outer_middleware::OuterMiddleware;
use super::{dev_pages, docs_pages, listen, start_page};
use crate::account::{AccountService, SigningKeyError};
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::hook::{self, Webhook};
use crate::http::{self, App, Pages};
use crate::login::{Extensions, LoginService};
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::rate_limit::RateLimits;
use crate::secrets::ExposeSecret as _;
use crate::settings::{Mode, SettingError, Settings, StatePolicy, exposed_database_files};
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

/// A server that is ready to listen.
///
/// [`Self::builder`] makes one for a program of your own.
pub struct Server {
    app: Arc<App>,
    repository: Arc<dyn Repository>,
    hook: Option<Arc<Webhook>>,
    deps: Deps,
    idle_grace_period: Duration,
    /// False while the schema is older than this release: only `/healthz` is served.
    is_migrated: Arc<AtomicBool>,
}

/// What happened to the migrations of a start.
#[derive(Clone, Copy, PartialEq)]
enum Migration {
    Applied,
    /// A shutdown began before they were applied.
    Stopped,
}

impl Server {
    /// Opens the database, reads the descriptors of the providers, and creates keys, HTTP client and services. It does not
    /// migrate. `create`: creates the SQLite file if it does not exist.
    ///
    /// Errors: all of them together.
    pub async fn build(settings: Settings, deps: Deps, create: bool) -> Result<Self, Vec<SettingError>> {
        Self::build_with(settings, Extensions::default(), deps, create).await
    }

    pub(super) async fn build_with(
        settings: Settings,
        extensions: Extensions,
        deps: Deps,
        create: bool,
    ) -> Result<Self, Vec<SettingError>> {
        let client = Client::new(&settings.outgoing).map_err(|error| vec![error]);
        let providers = client.and_then(|client| Providers::from_settings(&settings, &client, &deps));
        // Boxed, so that the futures of the commands stay small.
        Box::pin(Self::build_with_providers(settings, providers, extensions, deps, create)).await
    }

    /// The server of `dev`, with providers of which some are simulated.
    ///
    /// Errors: as [`Self::build`].
    pub(crate) async fn build_simulated(
        settings: Settings,
        providers: Result<Providers, Vec<SettingError>>,
        deps: Deps,
    ) -> Result<Self, Vec<SettingError>> {
        Self::build_with_providers(settings, providers, Extensions::default(), deps, true).await
    }

    async fn build_with_providers(
        settings: Settings,
        providers: Result<Providers, Vec<SettingError>>,
        mut extensions: Extensions,
        deps: Deps,
        create: bool,
    ) -> Result<Self, Vec<SettingError>> {
        let settings = Arc::new(settings);
        let mut errors = Vec::new();
        let credentials = Credentials::new(&settings).map_err(|error| errors.push(error)).ok();
        let providers = providers.map_err(|found| errors.extend(found)).ok();
        let hook = Webhook::new(&settings, &deps).map_err(|error| errors.push(error)).ok();
        let event_factory = hook::event_factory(&settings, &deps);
        let opening = store::Opening { create, event_factory, limits: Some(settings.database) };
        let opened = store::open_with(&settings.database_url, opening).await;
        let repository = opened.map_err(|error| errors.push(error)).ok();
        let (Some(credentials), Some(providers), Some(hook), Some(repository)) =
            (credentials, providers, hook, repository)
        else {
            return Err(errors);
        };
        // Logins use a client of their own, so that failing deliveries do not refuse sign-ups.
        if let Ok(Some(login_hook)) = Webhook::new(&settings, &deps) {
            extensions.webhook(Arc::new(login_hook));
        }
        let credentials = Arc::new(credentials);
        let rate_limits = RateLimits::new(&settings.rate_limits, &repository, &deps);
        let login = LoginService::new(
            settings.clone(),
            providers.clone(),
            credentials.clone(),
            repository.clone(),
            deps.clone(),
            rate_limits.clone(),
            extensions,
        );
        let (store, limits) = (repository.clone(), rate_limits.clone());
        let account = AccountService::new(settings.clone(), credentials, providers, store, deps.clone(), limits);
        let (pages, stopping) = (Pages::new(&settings.site), CancellationToken::new());
        let app = App { settings, pages, login: Arc::new(login), account, rate_limits, stopping };
        Ok(Self {
            app: Arc::new(app),
            repository,
            hook: hook.map(Arc::new),
            deps,
            idle_grace_period: IDLE_GRACE_PERIOD,
            is_migrated: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Closes idle connections at once when it shuts down, so that `dev` does not wait for the browser.
    pub(crate) fn without_idle_grace_period(self) -> Self {
        Self { idle_grace_period: Duration::ZERO, ..self }
    }

    /// The database, for example to migrate it before [`Self::run`].
    pub fn repository(&self) -> &Arc<dyn Repository> {
        &self.repository
    }

    /// All routes and the middleware: what [`Self::run`] serves.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + 'static {
        let inner = docs_pages::mount(http::routes(&self.app), &self.app.settings);
        let inner = match self.app.settings.mode {
            Mode::Dev => dev_pages::mount(inner),
            Mode::Serve => start_page::mount(inner, &self.app),
        };
        OuterMiddleware {
            inner,
            app: self.app.clone(),
            deps: self.deps.clone(),
            is_migrated: self.is_migrated.clone(),
            cors_warnings: CorsWarnings::default(),
        }
    }

    /// Listens on LISTEN, applies migrations, and serves until `shutdown` ([`Self::migrate_and_run`]). With
    /// LISTEN_REUSE_PORT it migrates before it listens, because its predecessor still serves the address.
    ///
    /// Errors: the address cannot be used, a migration failed, the listener failed.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let (address, reuse_port) = (self.app.settings.listen, self.app.settings.listen_reuse_port);
        if reuse_port {
            self.repository.migrate().await.map_err(std::io::Error::other)?;
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
        self.is_migrated.store(false, Ordering::Release);
        self.run_until(shutdown, listener, None).await
    }

    /// Serves until `shutdown`, then stops gracefully. The migrations must be applied. `tls`: certificate chain and private
    /// key in PEM form.
    ///
    /// Errors: the listener failed, or certificate and key are not usable.
    pub async fn run(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        Ok(self.run_until(shutdown, listener, tls).await?)
    }

    /// Migrates while it already listens, then starts the background tasks, waits for the end of the listener, and finishes
    /// the background work.
    async fn run_until(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
    ) -> Result<(), ServeError> {
        let settings = &self.app.settings;
        let stages = listen::Shutdown {
            draining: self.app.stopping.clone(),
            closing: CancellationToken::new(),
            idle: self.idle_grace_period,
            limit: settings.shutdown_timeout.saturating_sub(DATABASE_CLOSE_TIMEOUT),
        };
        let shutdown = tokio::spawn(shut_down_in_stages(shutdown, stages.clone(), settings.shutdown_delay));
        let (migrated, listening) = self.migrate_and_listen(listener, tls, &stages).await;
        let background = match &migrated {
            Ok(Migration::Applied) => Some(self.start_background_tasks(&stages)),
            Ok(Migration::Stopped) => None,
            Err(_) => {
                stages.closing.cancel();
                None
            }
        };
        let served = listening.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        stages.closing.cancel();
        let closing_began = if served.is_ok() && migrated.is_ok() {
            shutdown.await.unwrap_or_else(|_| Instant::now())
        } else {
            shutdown.abort();
            Instant::now()
        };
        self.finish(background, closing_began + self.app.settings.shutdown_timeout).await;
        migrated?;
        Ok(served?)
    }

    /// Starts the listener when the migrations are applied, or when they take longer than the head start.
    async fn migrate_and_listen(
        &self,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
        stages: &listen::Shutdown,
    ) -> (Result<Migration, ServeError>, JoinHandle<std::io::Result<()>>) {
        let mut migration = pin!(self.migrate(stages));
        let migrated = tokio::time::timeout(MIGRATION_HEAD_START, &mut migration).await.ok();
        let (endpoint, listener_stages) = (self.endpoint(), stages.clone());
        let connections = Connections::new(&self.app.settings);
        let listening =
            async move { listen::serve_within(listener, tls, endpoint, &connections, &listener_stages).await };
        let listening = tokio::spawn(listening);
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
        if self.is_migrated.load(Ordering::Acquire) {
            self.load_signing_keys().await?;
            return Ok(Migration::Applied);
        }
        tokio::select! {
            () = stages.draining.cancelled() => {
                tracing::warn!("the migration is stopped: the next start continues it");
                Ok(Migration::Stopped)
            }
            migrated = self.repository.migrate() => {
                migrated?;
                self.load_signing_keys().await?;
                self.is_migrated.store(true, Ordering::Release);
                Ok(Migration::Applied)
            }
        }
    }

    /// Without the database the server starts all the same: a background task reads the keys when it is back.
    async fn load_signing_keys(&self) -> Result<(), ServeError> {
        match self.app.account.signing_keys().maintain().await {
            Err(error @ (SigningKeyError::Store(_) | SigningKeyError::Contended)) => {
                tracing::warn!(%error, "the keys that sign JWTs could not be read");
                Ok(())
            }
            loaded => loaded.map_err(ServeError::SigningKey),
        }
    }

    fn start_background_tasks(&self, stages: &listen::Shutdown) -> BackgroundTasks {
        self.log_setting_warnings();
        let providers: Vec<&str> = self.app.login.providers().iter().map(|provider| provider.name()).collect();
        tracing::info!(providers = providers.join(", "), "ready");
        BackgroundTasks::start(&self.app, &self.repository, self.hook.clone(), &self.deps, stages.closing.clone())
    }

    fn log_setting_warnings(&self) {
        let settings = &self.app.settings;
        for warning in settings.warnings.iter().chain(self.app.login.providers().warnings()) {
            tracing::warn!("{warning}");
        }
        for file in exposed_database_files(settings.database_url.expose_secret()) {
            tracing::warn!("DATABASE_URL: other users of this machine can open {}: run chmod 600", file.display());
        }
        if settings.state_policy != StatePolicy::Required {
            tracing::warn!(
                "STATE_POLICY is {}: a code without a state of this server is accepted, as front-ends of \
                 django-rest-social-auth send it. Set it to required when all front-ends begin their logins at this server.",
                settings.state_policy
            );
        }
        // `serve` has no TLS of its own.
        let is_https = settings.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        let is_behind_proxy = settings.mode == Mode::Serve && is_https;
        if is_behind_proxy && settings.trusted_proxies.is_empty() && settings.rate_limits.address.is_some() {
            tracing::warn!(
                "TRUSTED_PROXIES is not set, but PUBLIC_URL is https: all clients have the address of the proxy, and share \
                 one rate limit. Set it to the addresses of the proxy"
            );
        }
        if settings.providers.is_empty() {
            tracing::warn!(
                "no provider is configured, so no user can sign in: set SOCIAL_AUTH_<NAME>_KEY, or [providers.<name>] in \
                 the settings file"
            );
        }
    }

    /// Finishes the background tasks and closes the database, until `deadline`.
    async fn finish(&self, background: Option<BackgroundTasks>, deadline: Instant) {
        if let Some(background) = background {
            background.finish(&self.app, deadline - DATABASE_CLOSE_TIMEOUT).await;
        }
        if tokio::time::timeout(DATABASE_CLOSE_TIMEOUT, self.repository.close()).await.is_err() {
            tracing::warn!("the database did not close its connections in time");
        }
        tracing::info!("stopped");
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
