//! The one HTTP client: every call that leaves this server goes through here.
//!
//! HTTPS only unless allowed, no redirects, 5 s to connect and 10 s in all, at most 1 MiB of answer counted while it
//! arrives, private and loopback addresses refused at connect time, proxies and extra roots honoured (SEC-37); a host that
//! does not answer or fails stops no other host (SEC-39). Callers: `provider/` and `hook/`. It must never log a URL's query, a header
//! or a body.

mod address;
mod call;
mod host;
mod message;
mod published;
mod reach;
mod signature;
mod tls;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use self::address::{AddressPolicy, Guard};
use self::host::Host;
pub use self::message::{Body, Pairs, Reply, Request};
pub use self::published::{CachedDocument, FetchError, Fetched};
pub use self::reach::ProbeResult;
pub use self::signature::{ESCAPED, Signer, sign};
pub use self::tls::install_crypto;
use crate::settings::{OutgoingRules, SettingError};

/// Most bytes of an answer that are read.
pub const MAX_BODY: usize = 1024 * 1024;

/// Hosts that are remembered before those without a call are forgotten.
const HOSTS_KEPT: usize = 1024;

/// Idle connections are kept for less long than the usual servers keep them (60 to 75 s).
const IDLE: Duration = Duration::from_secs(50);
const IDLE_PER_HOST: usize = 32;

/// Why there is no answer. The texts hold host names at most, never a URL.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    #[error("no answer within the time limit")]
    Timeout,
    #[error("{host} could not be reached: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("{host} is not an address that may be called: {reason}")]
    Forbidden { host: String, reason: &'static str },
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("{host} is not called at the moment: its last calls failed, or it asked for a cooldown (Retry-After)")]
    CoolingDown { host: String, remaining: Duration },
    #[error("{0} is not valid")]
    Unsendable(&'static str),
}

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    /// For https.
    secure: reqwest::Client,
    /// For http, which only OUTGOING_ALLOW_PRIVATE allows and only to private and loopback addresses.
    plain: Option<reqwest::Client>,
    secure_reach: AddressPolicy,
    proxies: Arc<HashSet<String>>,
    timeout: Duration,
    /// By name and port.
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Client {
    /// Reads the extra roots and builds the connection pool.
    pub fn new(rules: &OutgoingRules) -> Result<Self, SettingError> {
        install_crypto();
        let tls = tls::config(rules.extra_roots.as_deref())?;
        let proxies = Arc::new(proxy_hosts(rules));
        let secure_reach = if rules.allow_private { AddressPolicy::Any } else { AddressPolicy::Public };
        let secure = pool(rules, tls.clone(), Guard { reach: secure_reach, proxies: proxies.clone() })?;
        let plain = rules
            .allow_private
            .then(|| pool(rules, tls, Guard { reach: AddressPolicy::Private, proxies: proxies.clone() }))
            .transpose()?;
        let hosts = Mutex::default();
        Ok(Self { shared: Arc::new(Shared { secure, plain, secure_reach, proxies, timeout: rules.timeout, hosts }) })
    }

    /// One call. `deadline` is that of the whole login; a call ends at the earlier of it and the limit of one call.
    pub async fn send(&self, request: &Request, deadline: Instant) -> Result<Reply, OutgoingError> {
        let started = Instant::now();
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let pool = self.permitted(&request.url, &host)?;
        let known = self.host(&request.url, &host);
        let limit = self.shared.timeout;
        known
            .check_admission(request.url.path(), started, limit)
            .map_err(|remaining| OutgoingError::CoolingDown { host: host.clone(), remaining })?;
        let end = deadline.min(started + limit);
        let Ok(permit) = tokio::time::timeout_at(end, known.permits.acquire()).await else {
            // Other calls held all permits: that says nothing of the host.
            return Err(OutgoingError::Timeout);
        };
        let _permit = permit.map_err(|_| OutgoingError::Timeout)?;
        let sent = Instant::now();
        let result = match tokio::time::timeout_at(end, call::exchange(pool, request, &host)).await {
            Ok(result) => result,
            Err(_) => Err(OutgoingError::Timeout),
        };
        let now = Instant::now();
        // The deadline of a login, or the wait for a permit, may leave a host less time than a call has: that is not its fault.
        let had_its_time = (now - sent) * 10 >= limit * 9;
        if had_its_time || !matches!(result, Err(OutgoingError::Timeout)) {
            known.record(&result, now);
        }
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(reply) => {
                tracing::debug!(host, status = reply.status, bytes = reply.body.len(), milliseconds, "answered");
            }
            Err(error) => tracing::debug!(host, %error, milliseconds, "no answer"),
        }
        result
    }

    /// Calls an endpoint no more for `span`, which it asked for (RFC 9110, 10.2.3). Other endpoints of the host are called as
    /// before.
    pub fn cool_down(&self, url: &Url, span: Duration) {
        self.host(url, url.host_str().unwrap_or_default()).cool_down(url.path(), Instant::now(), span);
    }

    /// Whether a URL may be called, as far as can be told without resolving its name.
    pub fn may_call(&self, url: &Url) -> Result<(), OutgoingError> {
        self.permitted(url, url.host_str().unwrap_or_default()).map(drop)
    }

    /// The pool that may make this call. Names are held against the rule when they are resolved.
    fn permitted(&self, url: &Url, host: &str) -> Result<&reqwest::Client, OutgoingError> {
        let forbidden = |reason| Err(OutgoingError::Forbidden { host: host.to_owned(), reason });
        let (pool, reach) = match url.scheme() {
            "https" => (&self.shared.secure, self.shared.secure_reach),
            "http" => match &self.shared.plain {
                Some(pool) => (pool, AddressPolicy::Private),
                None => return forbidden("only https is allowed"),
            },
            _ => return forbidden("only https is allowed"),
        };
        let literal = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(address.into()),
            Some(url::Host::Ipv6(address)) => Some(address.into()),
            // The resolver lets the proxies' names through wherever they point to, so they are no targets.
            Some(url::Host::Domain(name))
                if self.shared.secure_reach != AddressPolicy::Any && self.shared.proxies.contains(name) =>
            {
                return forbidden("it is the proxy's own host");
            }
            Some(url::Host::Domain(_)) => None,
            None => return forbidden("it has no host"),
        };
        match literal {
            Some(address) if !reach.permits(address) => forbidden(reach.refusal()),
            _ => Ok(pool),
        }
    }

    fn host(&self, url: &Url, name: &str) -> Arc<Host> {
        let key = format!("{name}:{}", url.port_or_known_default().unwrap_or_default());
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_KEPT && !hosts.contains_key(&key) {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.has_cooldown(Instant::now()));
        }
        hosts.entry(key).or_default().clone()
    }
}

fn proxy_hosts(rules: &OutgoingRules) -> HashSet<String> {
    [&rules.https_proxy, &rules.http_proxy]
        .into_iter()
        .flatten()
        .filter_map(|proxy| proxy.host_str().map(str::to_owned))
        .collect()
}

/// HTTP/1.1 only: one connection that died unnoticed then costs one call, not all of a provider's.
#[expect(clippy::disallowed_methods, reason = "this is the one place that builds clients")]
fn pool(rules: &OutgoingRules, tls: rustls::ClientConfig, guard: Guard) -> Result<reqwest::Client, SettingError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(guard))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(rules.connect_timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .tcp_nodelay(true)
        .user_agent(&rules.user_agent)
        // The settings decide, not what this process happens to find in its environment.
        .no_proxy();
    let no_proxy = rules.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
    if let Some(url) = &rules.https_proxy {
        let proxy = reqwest::Proxy::https(url.clone())
            .map_err(|_| SettingError::new("HTTPS_PROXY", "is no proxy address that can be used"))?;
        builder = builder.proxy(proxy.no_proxy(no_proxy.clone()));
    }
    if let Some(url) = &rules.http_proxy {
        let proxy = reqwest::Proxy::http(url.clone())
            .map_err(|_| SettingError::new("HTTP_PROXY", "is no proxy address that can be used"))?;
        builder = builder.proxy(proxy.no_proxy(no_proxy));
    }
    // All else was checked above: what is left to fail is the header's text.
    builder.build().map_err(|_| SettingError::new("SOCIAL_AUTH_USER_AGENT", "cannot stand in a header"))
}
