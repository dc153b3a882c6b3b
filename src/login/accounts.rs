//! Warnings about stored accounts that the settings do not match, so that an operator can act before users are refused.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::provider::Providers;
use crate::store::{Repository, StoreError};

/// One sentence for each warning. Reads all accounts. `until`: LEGACY_UIDS_UNTIL.
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

/// Accounts that a changed issuer or ID_KEY leaves behind.
async fn other_scopes(store: &dyn Repository, providers: &Providers) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for provider in providers.iter() {
        let Some(known) = provider.known_uid_scopes() else { continue };
        let mut scopes = store.uid_scopes(provider.name()).await?;
        scopes.retain(|scope| !known.contains(scope));
        if scopes.is_empty() || provider.is_of_tenants(Instant::now() + DISCOVERY_TIMEOUT).await {
            continue;
        }
        for scope in scopes {
            let name = provider.name();
            let current = known.first().map_or("", String::as_str);
            found.push(format!(
                "{name}: accounts are stored by `{scope}`, and the settings say `{current}`: they sign nobody in. If the \
                 former issuer's users are this one's, name it in FORMER_ISSUERS of {name}; if not, configure the new \
                 issuer under a provider name of its own"
            ));
        }
    }
    Ok(found)
}

async fn legacy_uids(
    store: &dyn Repository,
    until: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<Vec<String>, StoreError> {
    let open = until.filter(|until| now < *until);
    let mut found: Vec<String> = open
        .map(|until| {
            format!(
                "LEGACY_UIDS_UNTIL: until {} an imported account is found by a key that can change hands, such as a \
                 username",
                until.rfc3339()
            )
        })
        .into_iter()
        .collect();
    if open.is_none() {
        found.extend(store.legacy_uids().await?.into_iter().map(|(provider, count)| {
            format!(
                "{provider}: {count} imported accounts are stored under a key of an earlier release and sign nobody in. Set \
                 LEGACY_UIDS_UNTIL to a date until which their users may be found by it"
            )
        }));
    }
    Ok(found)
}
