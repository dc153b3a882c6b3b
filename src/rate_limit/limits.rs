//! The limits of the settings, and which caller each of them counts.

use std::sync::Arc;

use super::exceeded::{LimitName, RateLimitExceeded};
use super::key::Key;
use super::limit::Limit;
use super::reports::Reports;
use super::steady_clock::SteadyClock;
use crate::clock::Deps;
use crate::model::{Network, UserId};
use crate::settings::RateLimitRules;
use crate::store::Repository;

/// A login whose code the provider rejects counts as this many logins: guessing and replaying codes is limited sooner than
/// signing in.
const WRONG_CODE_WEIGHT: u32 = 10;

/// All rate limits of a server (RATE_LIMIT_*). Cheap to clone. Each method counts one request when it is allowed; a refused
/// request does not count.
#[derive(Clone)]
pub struct RateLimits(Arc<Limits>);

struct Limits {
    address: Option<Limit>,
    provider_address: Option<Limit>,
    user: Option<Limit>,
    provider: Option<Limit>,
    reports: Reports,
    deps: Deps,
}

impl RateLimits {
    /// The limits of the settings. Several nodes share them through `store`.
    pub fn new(rules: &RateLimitRules, store: &Arc<dyn Repository>, deps: &Deps) -> Self {
        let clock = SteadyClock::new(deps);
        let limit = |quota: Option<_>| quota.map(|quota| Limit::new(quota, store, &clock, deps));
        Self(Arc::new(Limits {
            address: limit(rules.address),
            provider_address: limit(rules.provider_address),
            user: limit(rules.user),
            provider: limit(rules.provider),
            reports: Reports::default(),
            deps: deps.clone(),
        }))
    }

    /// Counts a request of this network by RATE_LIMIT_ADDRESS.
    pub async fn check_address(&self, network: Network) -> Result<(), RateLimitExceeded> {
        let Some(limit) = &self.0.address else { return Ok(()) };
        self.0.check(LimitName::Address, limit, Key::Address(network)).await
    }

    /// Counts a call of this provider for this network by RATE_LIMIT_PROVIDER_ADDRESS and RATE_LIMIT_PROVIDER.
    pub async fn check_provider_call(&self, provider: &str, network: Network) -> Result<(), RateLimitExceeded> {
        if let Some(limit) = &self.0.provider_address {
            let key = Key::ProviderAddress(provider.into(), network);
            self.0.check(LimitName::ProviderAddress, limit, key).await?;
        }
        let Some(limit) = &self.0.provider else { return Ok(()) };
        self.0.check(LimitName::Provider, limit, Key::Provider(provider.into())).await
    }

    /// Counts a login again by RATE_LIMIT_PROVIDER_ADDRESS, after the provider rejected its code.
    pub async fn count_wrong_code(&self, provider: &str, network: Network) {
        let Some(limit) = &self.0.provider_address else { return };
        let key = Key::ProviderAddress(provider.into(), network);
        for _ in 1..WRONG_CODE_WEIGHT {
            if limit.check(&key).await.is_err() {
                return;
            }
        }
    }

    /// Counts a request of this user by RATE_LIMIT_USER.
    pub async fn check_user(&self, user: UserId) -> Result<(), RateLimitExceeded> {
        let Some(limit) = &self.0.user else { return Ok(()) };
        self.0.check(LimitName::User, limit, Key::User(user)).await
    }
}

impl Limits {
    async fn check(&self, name: LimitName, limit: &Limit, key: Key) -> Result<(), RateLimitExceeded> {
        let Err(wait) = limit.check(&key).await else { return Ok(()) };
        let is_reported = self.reports.add(name, &key, self.deps.now());
        if is_reported {
            let setting = name.setting();
            match &key {
                Key::Address(network) | Key::ProviderAddress(_, network) => tracing::warn!(
                    address = %network,
                    "requests of one address are refused with too_many_requests: it exceeds {setting}. If it is your own \
                     proxy, add it to TRUSTED_PROXIES"
                ),
                Key::User(user) => tracing::warn!(
                    user_id = user.0,
                    "requests of one user are refused with too_many_requests: the user exceeds {setting}"
                ),
                Key::Provider(provider) => tracing::warn!(
                    provider = &**provider,
                    "logins with one provider are refused with too_many_requests: they exceed {setting}"
                ),
            }
        }
        Err(RateLimitExceeded::new(name, limit.quota, wait, is_reported))
    }
}
