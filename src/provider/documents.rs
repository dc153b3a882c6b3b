//! What a provider publishes: its discovery document and its key set (SEC-19, SEC-21). Both are fetched here and kept by
//! `outgoing/`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::call::{resolve_url, send};
use super::configured::Provider;
use super::error::ProviderError;
use super::expression::Scope;
use super::keys::{Discovery, Key, keys};
use crate::outgoing::{FetchError, Fetched, Freshness, Request};

impl Provider {
    pub(super) async fn key_set(
        &self,
        scope: &Scope<'_>,
        deadline: Instant,
        freshness: Freshness,
    ) -> Result<Arc<Vec<Key>>, ProviderError> {
        const STAGE: &str = "keys";
        let url = resolve_url(STAGE, self.override_of("JWKS_URI").unwrap_or(&self.verification.jwks_url), scope, &[])?;
        let source = url.to_string();
        let fetch = self.document(STAGE, url, |document| keys(&document));
        let found = self.keys.get(&source, self.deps.now(), freshness, deadline, fetch).await;
        found.map_err(|error| missing(STAGE, error))
    }

    /// The discovery document, where this provider has need of one.
    pub(super) async fn discovery(
        &self,
        deadline: Instant,
        freshness: Freshness,
    ) -> Result<Option<Arc<Discovery>>, ProviderError> {
        const STAGE: &str = "discovery";
        let Some(template) = self.discovery_url.as_ref().filter(|_| self.reads_discovery) else { return Ok(None) };
        let scope = self.scope_of_settings();
        let url = resolve_url(STAGE, template, &scope, &[])?;
        let issuer = match (self.values.text("ID_TOKEN_ISSUER"), &self.descriptor.discovery.issuer) {
            (Some(own), _) => Some(own.to_owned()),
            (None, Some(template)) => template.render(&scope)?,
            (None, None) => None,
        };
        let source = url.to_string();
        let fetch = self.document(STAGE, url, move |document| Discovery::read(document, issuer.as_deref()));
        let found = self.published.get(&source, self.deps.now(), freshness, deadline, fetch).await;
        found.map(Some).map_err(|error| missing(STAGE, error))
    }

    /// Fetches the discovery document again, at most once a minute, because what the kept one says has failed. Whether there
    /// is another one now.
    pub(super) async fn newer_discovery(
        &self,
        known: &mut Option<Arc<Discovery>>,
        deadline: Instant,
    ) -> Result<bool, ProviderError> {
        let Some(before) = known.as_ref() else { return Ok(false) };
        let Some(after) = self.discovery(deadline, Freshness::Newer).await? else { return Ok(false) };
        let is_another = before.members != after.members;
        *known = Some(after);
        Ok(is_another)
    }

    /// A fetch that needs nothing of this provider any more: it may go on in the background.
    fn document<T: 'static>(
        &self,
        stage: &'static str,
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

fn missing(stage: &'static str, missing: FetchError<ProviderError>) -> ProviderError {
    match missing {
        FetchError::Failed(error) => error,
        FetchError::FailedBefore(reason) => ProviderError::failed(stage, reason),
        FetchError::Timeout => ProviderError::Timeout { stage },
    }
}
