//! The app built from settings: the services wired together, the routes and pages behind one wrapper, the listener, the
//! courier of webhooks, and the sweeper that keeps tables small.
//!
//! `cli/` calls. Nothing here decides anything about a login.

mod builder;
mod docs_pages;
mod example_pages;
pub mod listen;
mod outer_middleware;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::{Endpoint, Response};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use self::builder::{Builder, SettingErrors};
use self::outer_middleware::OuterMiddleware;
use crate::account::AccountService;
use crate::clock::{Deps, UnixMillis};
use crate::credential::Credentials;
use crate::delivery::WebhookDispatcher;
use crate::hook::{self, Webhook};
use crate::http::{self, App};
use crate::login::{self, Extensions, LoginService};
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::secrets::ExposeSecret as _;
use crate::settings::{SettingError, Settings, StatePolicy, exposed_database_files};
use crate::store::{self, Repository, StoreError};

/// The part of SHUTDOWN_TIMEOUT that is kept to close the connections of the database.
const POOL_CLOSING: Duration = Duration::from_secs(3);
/// How long a kept connection may still bring a request once the listener is closed.
const IDLE_GRACE: Duration = Duration::from_secs(3);
/// How long connections wait in the listener's queue for a migration before they are answered 503: most migrations have
/// nothing to do, and no caller notices them.
const MIGRATION_HEAD_START: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Every so many sweeps, the first one included, the audit trail is pruned.
const SWEEPS_OF_A_PRUNE: u64 = 60;

/// Why a server ended other than by a shutdown.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Migration(#[from] StoreError),
    #[error(transparent)]
    Listener(#[from] std::io::Error),
}

/// A server that is ready to listen.
pub struct Server {
    app: Arc<App>,
    repository: Arc<dyn Repository>,
    hook: Option<Arc<Webhook>>,
    deps: Deps,
    idle_grace: Duration,
    /// False while the database's schema is older than this release: only `/healthz` is served.
    is_migrated: Arc<AtomicBool>,
}

/// The tasks that run beside the listener.
struct BackgroundTasks {
    accounts: JoinHandle<()>,
    sweeper: JoinHandle<()>,
    counter: JoinHandle<()>,
    dispatcher: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the database (`create`: makes the SQLite file), reads the descriptors, builds keys, client and routes. All
    /// mistakes together. Does not migrate.
    pub async fn build(settings: Settings, deps: Deps, create: bool) -> Result<Self, Vec<SettingError>> {
        Self::extended(settings, Extensions::default(), deps, create).await
    }

    async fn extended(
        settings: Settings,
        mut extensions: Extensions,
        deps: Deps,
        create: bool,
    ) -> Result<Self, Vec<SettingError>> {
        let settings = Arc::new(settings);
        let mut errors = Vec::new();
        let credentials = Credentials::new(&settings).map_err(|error| errors.push(error)).ok();
        let providers = match Client::new(&settings.outgoing) {
            Ok(client) => {
                let providers = Providers::from_settings(&settings, &client, &deps);
                providers.map_err(|found| errors.extend(found)).ok()
            }
            Err(error) => {
                errors.push(error);
                None
            }
        };
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
        // Each with a client of its own: what cannot be delivered shuts nobody out.
        if let Ok(Some(asked)) = Webhook::new(&settings, &deps) {
            extensions.webhook(Arc::new(asked));
        }
        let hook = hook.map(Arc::new);
        let credentials = Arc::new(credentials);
        let login = LoginService::new(
            settings.clone(),
            providers.clone(),
            credentials.clone(),
            repository.clone(),
            deps.clone(),
            extensions,
        );
        let account = AccountService::new(settings.clone(), credentials, providers, repository.clone(), deps.clone());
        let stopping = CancellationToken::new();
        let app = Arc::new(App { settings, login: Arc::new(login), account, stopping });
        let is_migrated = Arc::new(AtomicBool::new(true));
        Ok(Self { app, repository, hook, deps, idle_grace: IDLE_GRACE, is_migrated })
    }

    /// At a shutdown closes idle connections at once: the developer who stops `dev` does not wait for the browser.
    pub(crate) fn without_idle_grace(self) -> Self {
        Self { idle_grace: Duration::ZERO, ..self }
    }

    pub fn repository(&self) -> &Arc<dyn Repository> {
        &self.repository
    }

    /// All routes behind the outermost wrapper: what [`Self::run`] serves.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + 'static {
        let inner = example_pages::mount(docs_pages::mount(http::routes(&self.app), &self.app.settings));
        OuterMiddleware { inner, app: self.app.clone(), deps: self.deps.clone(), is_migrated: self.is_migrated.clone() }
    }

    /// Listens where LISTEN says, applies migrations, and serves until `shutdown`: [`Self::migrate_and_run`]. With
    /// LISTEN_REUSE_PORT it migrates first: a predecessor still serves the address.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let (address, reuse_port) = (self.app.settings.listen, self.app.settings.listen_reuse_port);
        if reuse_port {
            self.repository.migrate().await.map_err(std::io::Error::other)?;
            return self.run(listen::bind(address, reuse_port)?, None, shutdown).await;
        }
        let listener = listen::bind(address, reuse_port)?;
        self.migrate_and_run(listener, shutdown).await.map_err(|error| match error {
            ServeError::Migration(error) => std::io::Error::other(error),
            ServeError::Listener(error) => error,
        })
    }

    /// [`Self::run`] on a database whose migrations may not be applied: it applies them. Until that is done, `/healthz`
    /// answers 200 and everything else 503. A shutdown stops the migration; one that fails ends the server.
    pub async fn migrate_and_run(
        self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        self.is_migrated.store(false, Ordering::Release);
        self.run_in_stages(listener, None, shutdown).await
    }

    /// Serves on an already bound listener until `shutdown`, then stops gracefully. `tls`: certificate chain and key as
    /// PEM (`dev --tls`). The migrations must be applied.
    pub async fn run(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        self.run_in_stages(listener, tls, shutdown).await.map_err(|error| match error {
            ServeError::Migration(error) => std::io::Error::other(error),
            ServeError::Listener(error) => error,
        })
    }

    async fn run_in_stages(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<(String, String)>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let shutdown_timeout = self.app.settings.shutdown_timeout;
        let stages = listen::Shutdown {
            draining: self.app.stopping.clone(),
            closing: CancellationToken::new(),
            idle: self.idle_grace,
            limit: shutdown_timeout.saturating_sub(POOL_CLOSING),
        };
        let stopped = tokio::spawn(stop_in_stages(shutdown, stages.clone(), self.app.settings.shutdown_delay));
        let mut migration = pin!(self.migrate(&stages));
        let migrated_at_once = tokio::time::timeout(MIGRATION_HEAD_START, &mut migration).await.ok();
        let listening = {
            let (endpoint, stages) = (self.endpoint(), stages.clone());
            tokio::spawn(async move { listen::serve(listener, tls, endpoint, &stages).await })
        };
        let migrated = match migrated_at_once {
            Some(migrated) => migrated,
            None => {
                tracing::info!("applying migrations: until they are applied, only /healthz is served");
                migration.await
            }
        };
        let background = match &migrated {
            Ok(true) => Some(self.start_background_tasks(&stages)),
            Ok(false) => None,
            Err(_) => {
                stages.closing.cancel();
                None
            }
        };
        let served = listening.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        stages.closing.cancel();
        // Without it the listener failed before a shutdown began.
        let began = if served.is_ok() && migrated.is_ok() {
            stopped.await.ok()
        } else {
            stopped.abort();
            None
        };
        let deadline = began.unwrap_or_else(Instant::now) + shutdown_timeout;
        self.finish_background_work(background, deadline - POOL_CLOSING).await;
        if tokio::time::timeout(POOL_CLOSING, self.repository.close()).await.is_err() {
            tracing::warn!("the database did not close its connections in time");
        }
        tracing::info!("stopped");
        migrated?;
        Ok(served?)
    }

    /// Applies the migrations where they may not be applied. False: a shutdown came first.
    async fn migrate(&self, stages: &listen::Shutdown) -> Result<bool, StoreError> {
        if self.is_migrated.load(Ordering::Acquire) {
            return Ok(true);
        }
        tokio::select! {
            () = stages.draining.cancelled() => {
                tracing::warn!("the migration is stopped: the next start goes on with it");
                Ok(false)
            }
            migrated = self.repository.migrate() => {
                migrated?;
                self.is_migrated.store(true, Ordering::Release);
                Ok(true)
            }
        }
    }

    fn start_background_tasks(&self, stages: &listen::Shutdown) -> BackgroundTasks {
        self.log_setting_warnings();
        let accounts = tell_of_accounts(self.app.clone(), self.repository.clone(), self.deps.now());
        let sweeper = sweep(self.repository.clone(), Retention::of(&self.app.settings), self.deps.clone());
        let counter = count_live_rows(self.app.login.clone());
        let dispatcher = self.hook.clone().map(|hook| {
            let dispatcher = WebhookDispatcher::new(hook, self.repository.clone(), self.deps.clone());
            tokio::spawn(dispatcher.run(stages.closing.clone()))
        });
        BackgroundTasks {
            accounts: tokio::spawn(accounts),
            sweeper: tokio::spawn(sweeper),
            counter: tokio::spawn(counter),
            dispatcher,
        }
    }

    /// What still runs without a connection: a login's code is spent, so its result must be saved; a token that is to be
    /// revoked is kept nowhere else; a webhook that was sent must not be sent again.
    async fn finish_background_work(&self, tasks: Option<BackgroundTasks>, deadline: Instant) {
        let Some(BackgroundTasks { accounts, sweeper, counter, dispatcher }) = tasks else { return };
        sweeper.abort();
        counter.abort();
        accounts.abort();
        let dispatched = async {
            if let Some(dispatcher) = dispatcher {
                let _ = dispatcher.await;
            }
        };
        let logins = async {
            self.app.login.drain_in_flight().await;
            // A login may leave something to revoke.
            self.app.account.finish_revocations().await;
        };
        let (logins, dispatched) =
            tokio::join!(tokio::time::timeout_at(deadline, logins), tokio::time::timeout_at(deadline, dispatched));
        if logins.is_err() {
            tracing::warn!("logins or revocations at providers were still running when the time to finish was over");
        }
        if dispatched.is_err() {
            tracing::warn!("webhooks were still being sent when the time to finish was over");
        }
    }

    fn log_setting_warnings(&self) {
        let settings = &self.app.settings;
        for warning in settings.warnings.iter().chain(self.app.login.providers().warnings()) {
            tracing::warn!("{warning}");
        }
        for exposed in exposed_database_files(settings.database_url.expose_secret()) {
            tracing::warn!("DATABASE_URL: others on this machine may open {} (chmod 600)", exposed.display());
        }
        if settings.state_policy != StatePolicy::Required {
            tracing::warn!(
                "STATE_POLICY is {}: a code is accepted without a state that this server made, as the original's \
                 front-ends send it. Set it to required once every front-end begins its logins here.",
                settings.state_policy
            );
        }
        if settings.providers.is_empty() {
            tracing::warn!(
                "no provider is configured, so nobody can sign in: set SOCIAL_AUTH_<NAME>_KEY, or [providers.<name>] in \
                 the settings file"
            );
        }
        let providers =
            self.app.login.providers().iter().map(|provider| provider.name()).collect::<Vec<_>>().join(", ");
        tracing::info!(providers, "ready");
    }
}

/// Waits for `shutdown`, then begins the stages; answers when the listener began to close. During `delay` everything is
/// still served, so that a load balancer has time to see that `/readyz` fails.
async fn stop_in_stages(shutdown: impl Future<Output = ()>, stages: listen::Shutdown, delay: Duration) -> Instant {
    shutdown.await;
    stages.draining.cancel();
    tokio::time::sleep(delay).await;
    stages.closing.cancel();
    Instant::now()
}

/// Stored accounts that the settings no longer fit. In a task of its own: it may read all of them.
async fn tell_of_accounts(app: Arc<App>, repository: Arc<dyn Repository>, now: UnixMillis) {
    let until = app.settings.users.legacy_uids_until;
    match login::account_warnings(repository.as_ref(), app.login.providers(), until, now).await {
        Ok(warnings) => warnings.iter().for_each(|warning| tracing::warn!("{warning}")),
        Err(error) => tracing::warn!(%error, "the stored accounts could not be compared with the settings"),
    }
}

/// What the sweeper keeps; a duration of `None`: for good.
#[derive(Clone, Copy)]
struct Retention {
    /// MAX_KEPT_ROWS (SEC-44).
    max_rows: i64,
    audit: Option<Duration>,
    webhooks: Option<Duration>,
}

impl Retention {
    fn of(settings: &Settings) -> Self {
        let webhooks = settings.webhooks.as_ref().and_then(|rules| rules.retention);
        Self { max_rows: settings.limits.kept_rows, audit: settings.audit_retention, webhooks }
    }
}

/// Deletes what has expired, once a minute, and the oldest beyond the bound; of what happened once an hour.
async fn sweep(repository: Arc<dyn Repository>, retention: Retention, deps: Deps) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is now: a start must not wait for a sweep.
    ticks.tick().await;
    for round in 0_u64.. {
        ticks.tick().await;
        let retention = if round.is_multiple_of(SWEEPS_OF_A_PRUNE) {
            retention
        } else {
            Retention { audit: None, webhooks: None, ..retention }
        };
        match swept(repository.as_ref(), retention, &deps).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "swept"),
            Err(error) => tracing::warn!(%error, "the tables could not be swept"),
        }
    }
}

/// Apart from the sweeper, which may be busy for minutes: limits that only grew meanwhile would refuse logins.
async fn count_live_rows(login: Arc<LoginService>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = login.count_live_rows().await {
            tracing::warn!(%error, "the rows that count against the limits of logins could not be counted");
        }
    }
}

async fn swept(repository: &dyn Repository, retention: Retention, deps: &Deps) -> Result<u64, store::StoreError> {
    let now = deps.now();
    let mut swept = store::sweep(repository, now, retention.max_rows).await?;
    if let Some(retention) = retention.audit {
        swept += store::delete_in_batches(|| repository.prune_audit(now.minus(retention))).await?;
    }
    if let Some(retention) = retention.webhooks {
        swept += store::delete_in_batches(|| repository.prune_events(now.minus(retention))).await?;
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditEvent, AuditFilter, AuditKind, UserId};
    use crate::secrets::SecretString;

    #[tokio::test]
    async fn the_sweeper_keeps_the_audit_trail_as_long_as_the_settings_say() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = SecretString::from(format!("sqlite://{}", folder.path().join("sweeper.db").display()));
        let repository = store::open(&url, true).await.expect("a database");
        repository.migrate().await.expect("the schema");
        let deps = Deps::system();
        let day = Duration::from_secs(86_400);
        for age in [day * 91, day * 89, Duration::ZERO] {
            let event = AuditEvent::of_operator(AuditKind::Deactivated, UserId(1), deps.now().minus(age));
            repository.insert_audit_event(&event).await.expect("a row");
        }
        let retention = Retention { max_rows: 100, audit: Some(day * 90), webhooks: None };
        assert_eq!(
            swept(repository.as_ref(), Retention { audit: None, ..retention }, &deps).await.expect("a sweep"),
            0
        );
        assert_eq!(swept(repository.as_ref(), retention, &deps).await.expect("a sweep"), 1);
        assert_eq!(repository.audit_events(&AuditFilter::default(), 9).await.expect("the trail").len(), 2);
    }
}
