//! Everything that the settings decide, as one value that a reload replaces: services, routes, middleware. A request keeps the
//! value with which it began.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use poem::{Endpoint, Request, Response, Route};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cors_warnings::CorsWarnings;
use super::outer_middleware::OuterMiddleware;
use super::{dev_pages, docs_pages, start_page};
use crate::account::AccountService;
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::hook::{self, Webhook};
use crate::http::{self, App, Pages};
use crate::login::{Extensions, LoginService};
use crate::model::EventFactory;
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::rate_limit::RateLimits;
use crate::settings::{Mode, SettingError, Settings};
use crate::store::Repository;

/// What outlives a reload.
pub(super) struct Lasting {
    pub repository: Arc<dyn Repository>,
    pub deps: Deps,
    /// Steps and claims of a program.
    pub extensions: Extensions,
    pub events: WebhookEvents,
    /// Cancelled when a graceful shutdown begins.
    pub stopping: CancellationToken,
    /// False while the schema is older than this release: only `/healthz` is served.
    pub is_migrated: Arc<AtomicBool>,
}

/// The present factory of webhook events, which the repository calls in its transactions.
#[derive(Clone, Default)]
pub(super) struct WebhookEvents(watch::Sender<Option<EventFactory>>);

impl WebhookEvents {
    pub fn new(settings: &Settings, deps: &Deps) -> Self {
        Self(watch::Sender::new(hook::event_factory(settings, deps)))
    }

    pub fn follow(&self, settings: &Settings, deps: &Deps) {
        self.0.send_replace(hook::event_factory(settings, deps));
    }

    /// A factory that always makes the events of the present settings.
    pub fn factory(&self) -> EventFactory {
        let present = self.0.clone();
        Arc::new(move |user_event| {
            let factory = present.borrow().clone()?;
            factory(user_event)
        })
    }
}

/// What is made of the settings and can be wrong.
pub(super) struct Parts {
    credentials: Credentials,
    providers: Providers,
    hook: Option<Webhook>,
    login_hook: Option<Webhook>,
}

impl Parts {
    /// Errors: all of them together.
    pub fn new(settings: &Settings, deps: &Deps) -> Result<Self, Vec<SettingError>> {
        let client = Client::new(&settings.outgoing).map_err(|error| vec![error]);
        let providers =
            client.and_then(|client| Providers::from_settings(settings, &client.counted_by(deps.metrics()), deps));
        Self::of_providers(settings, providers, deps)
    }

    /// Errors: as [`Self::new`].
    pub fn with_providers(settings: &Settings, providers: Providers, deps: &Deps) -> Result<Self, Vec<SettingError>> {
        Self::of_providers(settings, Ok(providers), deps)
    }

    fn of_providers(
        settings: &Settings,
        providers: Result<Providers, Vec<SettingError>>,
        deps: &Deps,
    ) -> Result<Self, Vec<SettingError>> {
        let mut errors = Vec::new();
        let credentials = Credentials::new(settings).map_err(|error| errors.push(error)).ok();
        let providers = providers.map_err(|found| errors.extend(found)).ok();
        let hook = Webhook::new(settings, deps).map_err(|error| errors.push(error)).ok();
        let (Some(credentials), Some(providers), Some(hook)) = (credentials, providers, hook) else {
            return Err(errors);
        };
        // Logins use a client of their own, so that failing deliveries do not refuse sign-ups.
        let login_hook = Webhook::new(settings, deps).ok().flatten();
        Ok(Self { credentials, providers, hook, login_hook })
    }
}

/// The server as the present settings define it.
pub(super) struct Application {
    pub app: Arc<App>,
    /// Sends queued webhook events.
    pub hook: Option<Arc<Webhook>>,
    endpoint: OuterMiddleware<Route>,
}

impl Application {
    /// `before`: the application that this one replaces. Its logins and revocations in progress, and the counts of limits that
    /// did not change, are taken over.
    pub fn new(settings: Arc<Settings>, parts: Parts, lasting: &Lasting, before: Option<&App>) -> Self {
        let Parts { credentials, providers, hook, login_hook } = parts;
        let (repository, deps) = (&lasting.repository, &lasting.deps);
        let mut extensions = lasting.extensions.clone();
        if let Some(login_hook) = login_hook {
            extensions.webhook(Arc::new(login_hook));
        }
        let credentials = Arc::new(credentials);
        let same_limits = before.filter(|before| before.settings.rate_limits == settings.rate_limits);
        let rate_limits = same_limits.map_or_else(
            || RateLimits::new(&settings.rate_limits, repository, deps),
            |before| before.rate_limits.clone(),
        );
        let mut login = LoginService::new(
            settings.clone(),
            providers.clone(),
            credentials.clone(),
            repository.clone(),
            deps.clone(),
            rate_limits.clone(),
            extensions,
        );
        let (store, limits) = (repository.clone(), rate_limits.clone());
        let mut account = AccountService::new(settings.clone(), credentials, providers, store, deps.clone(), limits);
        if let Some(before) = before {
            login = login.continuing(&before.login);
            account = account.continuing(&before.account);
        }
        let (pages, stopping) = (Pages::new(&settings.site), lasting.stopping.clone());
        let app = Arc::new(App { settings, pages, login: Arc::new(login), account, rate_limits, stopping });
        let endpoint = OuterMiddleware {
            inner: routes(&app),
            app: app.clone(),
            deps: deps.clone(),
            is_migrated: lasting.is_migrated.clone(),
            cors_warnings: CorsWarnings::default(),
        };
        Self { app, hook: hook.map(Arc::new), endpoint }
    }
}

fn routes(app: &Arc<App>) -> Route {
    let inner = docs_pages::mount(http::routes(app), &app.settings);
    match app.settings.mode {
        Mode::Dev => dev_pages::mount(inner),
        Mode::Serve => start_page::mount(inner, app),
    }
}

/// The application that serves new requests.
#[derive(Clone)]
pub(super) struct Current(watch::Sender<Arc<Application>>);

impl Current {
    pub fn new(application: Application) -> Self {
        Self(watch::Sender::new(Arc::new(application)))
    }

    pub fn get(&self) -> Arc<Application> {
        self.0.borrow().clone()
    }

    pub fn replace(&self, application: Application) {
        self.0.send_replace(Arc::new(application));
    }
}

impl Endpoint for Current {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        self.get().endpoint.call(request).await
    }
}
