//! The service behind every login route: its parts, and how it is built from the settings.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::task::TaskTracker;
use url::Url;

use super::capacity::Capacity;
use super::error::{LoginError, Refusal};
use super::extensions::{Claims, Extensions};
use super::pipeline::{Pipeline, pipelines};
use super::redirect_uri::{self, Origin};
use super::request_secrets::AuthorizationRequestCookie;
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::provider::{Provider, Providers};
use crate::rate_limit::RateLimits;
use crate::secrets::ServerKey;
use crate::settings::{Settings, meant_provider};
use crate::store::{Repository, StoreError};

/// Runs logins from the authorization request to the issued credential. Cheap to clone.
#[derive(Clone)]
pub struct LoginService {
    pub(super) settings: Arc<Settings>,
    pub(super) providers: Providers,
    pub(super) credentials: Arc<Credentials>,
    pub(super) store: Arc<dyn Repository>,
    pub(super) key: ServerKey,
    pub(super) deps: Deps,
    /// The pipeline of each provider, by its name.
    pub(super) pipelines: Arc<HashMap<String, Pipeline>>,
    pub(super) claims: Option<Claims>,
    pub(super) capacity: Arc<Capacity>,
    pub(super) rate_limits: RateLimits,
    /// Logins after their claim. They go on when the caller disconnects.
    pub(super) in_flight: TaskTracker,
}

impl LoginService {
    /// Builds the pipelines and the row limits from `settings`, and adds the program's own steps and claims.
    pub fn new(
        settings: Arc<Settings>,
        providers: Providers,
        credentials: Arc<Credentials>,
        store: Arc<dyn Repository>,
        deps: Deps,
        rate_limits: RateLimits,
        extensions: Extensions,
    ) -> Self {
        let Extensions { steps, claims } = extensions;
        Self {
            key: ServerKey::new(&settings.secret_key),
            pipelines: Arc::new(pipelines(&settings.providers, &steps)),
            capacity: Arc::new(Capacity::new(&settings.limits)),
            rate_limits,
            settings,
            providers,
            credentials,
            store,
            deps,
            claims,
            in_flight: TaskTracker::new(),
        }
    }

    /// Takes over the logins in flight of a service that this one replaces, and its counts of rows if their limits are the same.
    pub fn continuing(self, before: &Self) -> Self {
        let capacity = if before.settings.limits == self.settings.limits {
            before.capacity.clone()
        } else {
            self.capacity.clone()
        };
        Self { in_flight: before.in_flight.clone(), capacity, ..self }
    }

    /// Waits until every login in flight has finished; for a graceful shutdown.
    pub async fn drain_in_flight(&self) {
        self.in_flight.close();
        self.in_flight.wait().await;
    }

    /// The first of these cookies that this server made.
    pub fn authorization_request_cookie<'a>(
        &self,
        mut cookies: impl Iterator<Item = &'a str>,
    ) -> Option<AuthorizationRequestCookie> {
        cookies.find_map(|cookie| AuthorizationRequestCookie::read(&self.key, cookie))
    }

    /// Counts the rows that the limits of [`crate::settings::TableLimits`] bound. Errors: the database's.
    pub async fn count_live_rows(&self) -> Result<(), StoreError> {
        let before = self.capacity.counts();
        let rows = self.store.live_rows(self.deps.now()).await?;
        self.capacity.refresh(&before, &rows);
        Ok(())
    }

    /// The configured providers, in the settings' order.
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// The providers that users can sign in with.
    pub fn sign_in_providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.iter().filter(|provider| provider.settings().user_rules.allows_sign_in)
    }

    /// The redirect URI of a login that asks for none; `None` when this origin is not allowed.
    pub fn default_redirect_uri(&self, base_url: &Url, origin: &Origin) -> Option<String> {
        redirect_uri::choose(&self.settings, base_url, None, origin).ok().map(String::from)
    }

    /// Errors: `unknown_provider`, `provider_not_allowed`.
    pub(super) fn provider(&self, name: &str) -> Result<&Arc<Provider>, LoginError> {
        let provider = self.providers.get(name).ok_or_else(|| self.unknown_provider(name))?;
        if provider.settings().user_rules.allows_sign_in {
            return Ok(provider);
        }
        Err(LoginError::new(Refusal::ProviderNotAllowed, "Sign-in with this provider is not allowed."))
    }

    pub(super) fn unknown_provider(&self, name: &str) -> LoginError {
        let names: Vec<&str> = self.sign_in_providers().map(|provider| provider.name()).collect();
        let meant = meant_provider(name, names.iter().copied());
        let hint = meant.map(|meant| format!(" Did you mean {meant}?")).unwrap_or_default();
        LoginError::new(Refusal::UnknownProvider, format!("No provider of this name is configured.{hint}"))
    }
}
