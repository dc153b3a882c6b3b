//! Fetches the discovery document and the key set of a provider (SEC-19, SEC-21). `outgoing/` caches them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::call::{resolve_url, send};
use super::configured::Provider;
use super::error::{ProviderError, Stage};
use super::expression::Scope;
use super::keys::{Discovery, Key, parse_keys};
use crate::outgoing::{FetchError, Fetched, Freshness, Request};

impl Provider {
    /// The key set. Errors: it cannot be fetched or parsed.
    pub(super) async fn key_set(
        &self,
        scope: &Scope<'_>,
        deadline: Instant,
        freshness: Freshness,
    ) -> Result<Arc<Vec<Key>>, ProviderError> {
        const STAGE: Stage = Stage::Keys;
        let url = resolve_url(STAGE, self.override_of("JWKS_URI").unwrap_or(&self.verification.jwks_url), scope, &[])?;
        self.deps.metrics().add_provider_host(url.host_str().unwrap_or_default());
        let source = url.to_string();
        let fetch = self.fetch_document(STAGE, url, |document| parse_keys(&document));
        let found = self.key_set.get(&source, self.deps.now(), freshness, deadline, fetch).await;
        found.map_err(|error| provider_error(STAGE, error))
    }

    /// The discovery document. `None`: the provider needs none.
    ///
    /// Errors: it cannot be fetched or parsed, or has another issuer.
    pub(super) async fn discovery(
        &self,
        deadline: Instant,
        freshness: Freshness,
    ) -> Result<Option<Arc<Discovery>>, ProviderError> {
        const STAGE: Stage = Stage::Discovery;
        let Some(template) = self.discovery_url.as_ref().filter(|_| self.reads_discovery) else { return Ok(None) };
        let scope = self.base_scope();
        let url = resolve_url(STAGE, template, &scope, &[])?;
        let issuer = match (self.values.text("ID_TOKEN_ISSUER"), &self.descriptor.discovery.issuer) {
            (Some(own), _) => Some(own.to_owned()),
            (None, Some(template)) => template.render(&scope)?,
            (None, None) => None,
        };
        let source = url.to_string();
        let metrics = self.deps.metrics().clone();
        let read = move |document| {
            let discovery = Discovery::read(document, issuer.as_deref())?;
            let urls = discovery.members.values().filter_map(|member| Url::parse(member.as_str()?).ok());
            urls.for_each(|url| metrics.add_provider_host(url.host_str().unwrap_or_default()));
            Ok(discovery)
        };
        let fetch = self.fetch_document(STAGE, url, read);
        let found = self.discovery_document.get(&source, self.deps.now(), freshness, deadline, fetch).await;
        found.map(Some).map_err(|error| provider_error(STAGE, error))
    }

    /// Fetches the discovery document again, at most once a minute, after a failure with the cached one. The result is whether the
    /// document has changed.
    ///
    /// Errors: as [`Self::discovery`].
    pub(super) async fn newer_discovery(
        &self,
        known: &mut Option<Arc<Discovery>>,
        deadline: Instant,
    ) -> Result<bool, ProviderError> {
        let Some(before) = known.as_ref() else { return Ok(false) };
        let Some(after) = self.discovery(deadline, Freshness::Newer).await? else { return Ok(false) };
        let has_changed = before.members != after.members;
        *known = Some(after);
        Ok(has_changed)
    }

    /// A fetch that does not borrow the provider, so that it can run in the background.
    fn fetch_document<T: 'static>(
        &self,
        stage: Stage,
        url: Url,
        read: impl FnOnce(Value) -> Result<T, ProviderError> + Send + 'static,
    ) -> impl FnOnce(Instant) -> BoxFuture<'static, Result<Fetched<T>, ProviderError>> + Send + 'static {
        let (client, deps) = (self.client.clone(), self.deps.clone());
        move |deadline| {
            let fetch = async move {
                let answer = send(&client, &deps, stage, &Request::new(reqwest::Method::GET, url), deadline).await?;
                if !answer.is_success() {
                    return Err(ProviderError::failed(stage, format!("status {}", answer.status)));
                }
                let value = read(answer.json().map_err(|reason| ProviderError::failed(stage, reason))?)?;
                Ok(Fetched { value, lifetime: answer.cache_lifetime(deps.now()) })
            };
            Box::pin(fetch)
        }
    }
}

fn provider_error(stage: Stage, error: FetchError<ProviderError>) -> ProviderError {
    match error {
        FetchError::Failed(error) => error,
        FetchError::FailedBefore(reason) => ProviderError::failed(stage, reason),
        FetchError::Timeout => ProviderError::Timeout { stage },
    }
}
