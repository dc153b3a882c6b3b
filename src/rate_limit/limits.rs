//! The limits of the settings, and which caller each of them counts.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::exceeded::RateLimitExceeded;
use super::key::Key;
use super::limit::{Limit, Taken};
use super::reports::Reports;
use super::shared::ReturnScope;
use super::steady_clock::SteadyClock;
use crate::clock::Deps;
use crate::model::{Network, UserId};
use crate::settings::{Quota, RateLimitRules};
use crate::store::Repository;

/// How long a request waits for the outcome of others of the same caller: as long as a call to a provider may take.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// A login whose code the provider rejects counts as this many logins: guessing and replaying codes is limited sooner than
/// signing in.
const WRONG_CODE_WEIGHT: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
const ONE: NonZeroU32 = NonZeroU32::MIN;
const SITE_SHARES: NonZeroU32 = NonZeroU32::new(Network::SITE_SHARES).expect("not 0");
/// The interval of [`RateLimits::return_unused`].
pub const RETURN_INTERVAL: Duration = Duration::from_secs(5);

/// All rate limits of a server (RATE_LIMIT_*). Cheap to clone. A refused request does not count.
#[derive(Clone)]
pub struct RateLimits(Arc<Limits>);

struct Limits {
    address: Option<NetworkLimit>,
    provider_address: Option<NetworkLimit>,
    user: Option<Arc<Limit>>,
    provider: Option<Arc<Limit>>,
    reports: Reports,
    deps: Deps,
}

/// A limit by client address. An IPv6 /48 has a larger one, so that the owner of a /48 does not have one limit for each of its
/// 65,536 networks.
struct NetworkLimit {
    address: Arc<Limit>,
    site: Arc<Limit>,
}

impl NetworkLimit {
    fn of(&self, network: Network) -> &Arc<Limit> {
        if network.shares() == 1 { &self.address } else { &self.site }
    }
}

/// A login that counts, although its outcome is not known yet. Dropped, it does not count.
pub struct ReservedLogin {
    /// By address: these depend on the outcome.
    addresses: Vec<Taken>,
    others: Vec<Taken>,
}

impl ReservedLogin {
    /// Counts the login for good, after the provider was called.
    pub fn count(self, is_code_wrong: bool) {
        let units = if is_code_wrong { WRONG_CODE_WEIGHT.get() } else { 1 };
        self.addresses.into_iter().for_each(|taken| taken.keep(units));
        self.others.into_iter().for_each(|taken| taken.keep(1));
    }
}

impl RateLimits {
    /// The limits of the settings. Several nodes share them through `store`.
    pub fn new(rules: &RateLimitRules, store: &Arc<dyn Repository>, deps: &Deps) -> Self {
        let clock = SteadyClock::new(deps);
        let limit = |quota| Arc::new(Limit::new(quota, store, &clock, deps));
        let by_network = |quota: Quota| NetworkLimit {
            address: limit(quota),
            site: limit(Quota { requests: quota.requests.saturating_mul(SITE_SHARES), ..quota }),
        };
        Self(Arc::new(Limits {
            address: rules.address.map(by_network),
            provider_address: rules.provider_address.map(by_network),
            user: rules.user.map(limit),
            provider: rules.provider.map(limit),
            reports: Reports::default(),
            deps: deps.clone(),
        }))
    }

    /// Counts a request of this network by RATE_LIMIT_ADDRESS.
    pub async fn check_address(&self, network: Network) -> Result<(), RateLimitExceeded> {
        let Some(limit) = &self.0.address else { return Ok(()) };
        let mut all = Vec::new();
        for network in network.counted() {
            all.push(self.0.take(limit.of(network), Key::Address(network)).await?);
        }
        all.into_iter().for_each(|taken| taken.keep(1));
        Ok(())
    }

    /// Counts a call of this provider for this network, which sends no code of the caller, by RATE_LIMIT_PROVIDER_ADDRESS and
    /// RATE_LIMIT_PROVIDER.
    pub async fn check_provider_call(&self, provider: &str, network: Network) -> Result<(), RateLimitExceeded> {
        let call = self.reserve_provider_call(provider, network, ONE).await?;
        call.count(false);
        Ok(())
    }

    /// Counts a call of this provider for a user who is signed in, by RATE_LIMIT_PROVIDER.
    pub async fn check_provider(&self, provider: &str) -> Result<(), RateLimitExceeded> {
        let Some(limit) = &self.0.provider else { return Ok(()) };
        self.0.take(limit, Key::Provider(provider.into())).await?.keep(1);
        Ok(())
    }

    /// Counts a login with a code at this provider, and a link by this user, by RATE_LIMIT_PROVIDER_ADDRESS, RATE_LIMIT_PROVIDER and
    /// RATE_LIMIT_USER.
    ///
    /// By address it counts as a login with a wrong code until the provider has answered: otherwise wrong codes that are sent at the
    /// same time would all pass. Meanwhile further logins of the address may wait for the answer.
    pub async fn reserve_login(
        &self,
        provider: &str,
        network: Network,
        user: Option<UserId>,
    ) -> Result<ReservedLogin, RateLimitExceeded> {
        let of_user = match user.zip(self.0.user.as_ref()) {
            Some((user, limit)) => Some(self.0.take(limit, Key::User(user)).await?),
            None => None,
        };
        let mut login = self.reserve_provider_call(provider, network, WRONG_CODE_WEIGHT).await?;
        login.others.extend(of_user);
        Ok(login)
    }

    async fn reserve_provider_call(
        &self,
        provider: &str,
        network: Network,
        units: NonZeroU32,
    ) -> Result<ReservedLogin, RateLimitExceeded> {
        // One for both networks of an IPv6 caller.
        let deadline = Instant::now() + MAX_WAIT;
        let mut addresses = Vec::new();
        for network in network.counted() {
            let Some(limit) = &self.0.provider_address else { break };
            let (limit, key) = (limit.of(network), Key::ProviderAddress(provider.into(), network));
            let taken = match units {
                ONE => limit.take(key.clone()).await,
                units => limit.reserve(key.clone(), units, deadline).await,
            };
            addresses.push(self.0.reported(limit, &key, taken)?);
        }
        let others = match &self.0.provider {
            Some(limit) => vec![self.0.take(limit, Key::Provider(provider.into())).await?],
            None => Vec::new(),
        };
        Ok(ReservedLogin { addresses, others })
    }

    /// Counts a request of this user by RATE_LIMIT_USER.
    pub async fn check_user(&self, user: UserId) -> Result<(), RateLimitExceeded> {
        let Some(limit) = &self.0.user else { return Ok(()) };
        self.0.take(limit, Key::User(user)).await?.keep(1);
        Ok(())
    }

    /// Returns what this node was granted and does not use to the other nodes. To be called every [`RETURN_INTERVAL`].
    pub async fn return_unused(&self, scope: ReturnScope) {
        let Limits { address, provider_address, user, provider, .. } = &*self.0;
        let by_network = [address, provider_address].into_iter().flatten().flat_map(|of| [&of.address, &of.site]);
        for limit in by_network.chain(user).chain(provider) {
            limit.return_unused(scope).await;
        }
    }
}

impl Limits {
    async fn take(&self, limit: &Arc<Limit>, key: Key) -> Result<Taken, RateLimitExceeded> {
        let taken = limit.take(key.clone()).await;
        self.reported(limit, &key, taken)
    }

    /// Logs a refusal, unless it is one of many.
    fn reported(&self, limit: &Limit, key: &Key, taken: Result<Taken, Duration>) -> Result<Taken, RateLimitExceeded> {
        let wait = match taken {
            Ok(taken) => return Ok(taken),
            Err(wait) => wait,
        };
        let name = key.limit();
        self.deps.metrics().rate_limited(name.into());
        let is_reported = self.reports.add(key, self.deps.now());
        if is_reported {
            let setting = name.setting();
            match key {
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
