//! Warnings about stored accounts that the settings no longer match, so that an operator can act before logins fail.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::provider::{Provider, Providers};
use crate::store::{Repository, StoreError};

/// The warnings, one sentence each. Reads all accounts. `until`: LEGACY_UIDS_UNTIL. Errors: the database's.
pub async fn account_warnings(
    store: &dyn Repository,
    providers: &Providers,
    until: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<Vec<String>, StoreError> {
    let mut found = other_scopes(store, providers).await?;
    found.extend(legacy_uids(store, until, now).await?);
    Ok(found)
}

/// Time limit for the discovery document of a provider.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Accounts that no login finds since the issuer or ID_KEY was changed.
async fn other_scopes(store: &dyn Repository, providers: &Providers) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for provider in providers.iter() {
        let mut scopes = store.uid_scopes(provider.name()).await?;
        let Some(known) = provider.known_uid_scopes() else {
            found.extend(unknown_tenants(provider, &scopes));
            continue;
        };
        scopes.retain(|scope| !known.contains(scope));
        if scopes.is_empty() {
            continue;
        }
        if provider.has_tenants(Instant::now() + DISCOVERY_TIMEOUT).await {
            found.extend(unknown_tenants(provider, &scopes));
            continue;
        }
        scopes.retain(|scope| !scope.is_empty());
        for scope in scopes {
            let name = provider.name();
            let current = known.first().map_or("", String::as_str);
            found.push(format!(
                "{name}: accounts are stored under `{scope}`, but the settings say `{current}`: no login finds them. If \
                 both issuers have the same users, add the former one to FORMER_ISSUERS of {name}; if not, configure the \
                 new issuer under another provider name"
            ));
        }
    }
    Ok(found)
}

/// Imported accounts of a provider with many tenants whose data has no tenant.
fn unknown_tenants(provider: &Provider, scopes: &[String]) -> Option<String> {
    let is_unknown = scopes.iter().any(String::is_empty) && provider.imported_tenant().is_none();
    is_unknown.then(|| {
        let name = provider.name();
        format!(
            "{name}: imported accounts have no tenant, so no login finds them. Set IMPORTED_TENANT of {name} to the tenant of \
             these accounts"
        )
    })
}

async fn legacy_uids(
    store: &dyn Repository,
    until: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<Vec<String>, StoreError> {
    let active = until.filter(|until| now < *until);
    let mut found: Vec<String> = active
        .map(|until| {
            format!(
                "LEGACY_UIDS_UNTIL: until {} imported accounts are found by keys that another user may get, such as a \
                 username",
                until.rfc3339()
            )
        })
        .into_iter()
        .collect();
    if active.is_none() {
        found.extend(store.legacy_uids().await?.into_iter().map(|(provider, count)| {
            format!(
                "{provider}: no login finds {count} imported accounts, which are stored under a key of an earlier release. \
                 Set LEGACY_UIDS_UNTIL to a date until which logins may find them by it"
            )
        }));
    }
    Ok(found)
}
