//! The HTTP client: which pool may make a call, and the limits of one call.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::DATE;
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

use super::address::{AddressPolicy, Resolver, SimulatorResolver};
use super::error::OutgoingError;
use super::host::Host;
use super::message::{Pairs, Reply, Request};
use super::{call, tls};
use crate::metrics::Metrics;
use crate::settings::{OutgoingRules, SettingError};

/// Number of hosts above which the state of idle hosts is dropped.
const MAX_HOSTS: usize = 1024;

/// Shorter than the idle timeout of common servers (60 to 75 s), so that they do not close a connection first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
const MAX_IDLE_PER_HOST: usize = 32;

/// The answer to [`Client::probe`].
#[derive(Clone, Copy, Debug)]
pub struct ProbeResult {
    /// The HTTP status.
    pub status: u16,
    /// The `Date` header, in Unix seconds.
    pub date: Option<i64>,
}

/// The HTTP client. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    metrics: Metrics,
}

/// A network in which every host name leads to the provider simulator. Only `dev` and `providers check --simulate` make one.
#[derive(Clone, Debug)]
pub struct SimulatedNetwork {
    /// Where the simulator listens with TLS, under the names of all hosts.
    pub address: SocketAddr,
    /// The certificate that issues those of the hosts, as PEM. No other client trusts it.
    pub root: String,
    /// The URL below which the simulator has the pages of the hosts for browsers, with a final slash.
    pub pages: Url,
    /// The names of the providers that are simulated.
    pub providers: HashSet<String>,
}

struct Simulated {
    network: SimulatedNetwork,
    client: Client,
}

struct Shared {
    simulated: Option<Simulated>,
    /// Set in the client of simulated providers.
    pages: Option<Url>,
    /// For `https`.
    secure: reqwest::Client,
    /// For `http`, which OUTGOING_ALLOW_PRIVATE allows to private and loopback addresses.
    plain: Option<reqwest::Client>,
    secure_policy: AddressPolicy,
    proxies: Arc<HashSet<String>>,
    timeout: Duration,
    /// By name and port.
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Client {
    /// Reads the extra root certificates and builds the connection pools.
    ///
    /// Errors: a root certificate, a proxy or the user agent is invalid.
    pub fn new(rules: &OutgoingRules) -> Result<Self, SettingError> {
        tls::install_crypto();
        let tls = tls::config(rules.extra_roots.as_deref())?;
        let proxies = Arc::new(proxy_hosts(rules));
        let secure_policy = if rules.allow_private { AddressPolicy::Any } else { AddressPolicy::Public };
        let secure = pool(rules, tls.clone(), Resolver { policy: secure_policy, proxies: proxies.clone() })?;
        let plain = rules
            .allow_private
            .then(|| pool(rules, tls, Resolver { policy: AddressPolicy::Private, proxies: proxies.clone() }))
            .transpose()?;
        let (timeout, hosts) = (rules.timeout, Mutex::default());
        let shared = Shared { simulated: None, pages: None, secure, plain, secure_policy, proxies, timeout, hosts };
        Ok(Self { shared: Arc::new(shared), metrics: Metrics::default() })
    }

    /// The same client, whose calls are counted.
    pub fn counted_by(self, metrics: &Metrics) -> Self {
        Self { metrics: metrics.clone(), ..self }
    }

    /// A client whose simulated providers are reached in `network` alone. All other providers are called as before.
    ///
    /// Errors: as [`Self::new`].
    pub(crate) fn with_simulator(rules: &OutgoingRules, network: SimulatedNetwork) -> Result<Self, SettingError> {
        let mut client = Self::new(rules)?;
        let tls = tls::config_with_root(&network.root)?;
        let without_proxy = OutgoingRules { https_proxy: None, http_proxy: None, ..rules.clone() };
        let inside = Shared {
            simulated: None,
            pages: Some(network.pages.clone()),
            secure: pool(&without_proxy, tls, SimulatorResolver(network.address))?,
            plain: None,
            secure_policy: AddressPolicy::Public,
            proxies: Arc::default(),
            timeout: rules.timeout,
            hosts: Mutex::default(),
        };
        let simulated = Simulated { network, client: Self { shared: Arc::new(inside), metrics: Metrics::default() } };
        if let Some(shared) = Arc::get_mut(&mut client.shared) {
            shared.simulated = Some(simulated);
        }
        Ok(client)
    }

    /// The client for the calls to one provider: this one, unless the provider is simulated.
    pub fn for_provider(&self, name: &str) -> Self {
        match &self.shared.simulated {
            Some(simulated) if self.simulates(name) => simulated.client.clone(),
            _ => self.clone(),
        }
    }

    /// Whether this is the client of a simulated provider.
    pub fn is_simulated(&self) -> bool {
        self.shared.pages.is_some()
    }

    /// Whether [`Self::for_provider`] returns the client of the simulator for this name.
    pub fn simulates(&self, name: &str) -> bool {
        self.shared.simulated.as_ref().is_some_and(|simulated| simulated.network.providers.contains(name))
    }

    /// The address at which a browser opens `url`: in the simulator if the provider is simulated. `choice`: parameters for the
    /// simulator, which are added to its address alone.
    pub fn browser_url(&self, url: Url, choice: &Pairs) -> Url {
        let Some(pages) = &self.shared.pages else { return url };
        let mut page = pages.clone();
        page.set_path(&format!("{}{}{}", pages.path(), url.host_str().unwrap_or_default(), url.path()));
        page.set_query(url.query());
        if !choice.is_empty() {
            page.query_pairs_mut().extend_pairs(choice);
        }
        page.set_fragment(url.fragment());
        page
    }

    /// Sends one request. It ends at `deadline`, or earlier at the time limit of one call.
    ///
    /// Errors: there is no complete answer. An answer of any HTTP status is a [`Reply`].
    pub async fn send(&self, request: &Request, deadline: Instant) -> Result<Reply, OutgoingError> {
        let host = request.url.host_str().unwrap_or_default();
        let mut sent = None;
        let span = tracing::debug_span!("provider", host);
        let result = self.send_within(request, host, deadline, &mut sent).instrument(span).await;
        if self.metrics.is_enabled() {
            self.metrics.provider_call(host, sent.map(|sent: Instant| sent.elapsed()), fault(&result));
            self.metrics.circuit(host, || self.host(&request.url, host).has_open_breaker());
        }
        result
    }

    /// `sent`: when the request was sent, if it was.
    async fn send_within(
        &self,
        request: &Request,
        host: &str,
        deadline: Instant,
        sent: &mut Option<Instant>,
    ) -> Result<Reply, OutgoingError> {
        let started = Instant::now();
        let pool = self.pool_for(&request.url, host)?;
        let known = self.host(&request.url, host);
        let limit = self.shared.timeout;
        // The faults of a simulated provider are those that a tester chose for one login each.
        let admission =
            if self.is_simulated() { Ok(()) } else { known.check_admission(request.url.path(), started, limit) };
        admission.map_err(|remaining| OutgoingError::CircuitOpen { host: host.to_owned(), remaining })?;
        let end = deadline.min(started + limit);
        let Ok(permit) = tokio::time::timeout_at(end, known.permits.acquire()).await else {
            // Other calls hold all permits, which is not a fault of the host.
            return Err(OutgoingError::Timeout);
        };
        let _permit = permit.map_err(|_| OutgoingError::Timeout)?;
        let begun = *sent.insert(Instant::now());
        let result = match tokio::time::timeout_at(end, call::exchange(pool, request, host)).await {
            Ok(result) => result,
            Err(_) => Err(OutgoingError::Timeout),
        };
        let now = Instant::now();
        // A host that had less time than a call normally has is not at fault.
        let had_full_time = (now - begun) * 10 >= limit * 9;
        if had_full_time || !matches!(result, Err(OutgoingError::Timeout)) {
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

    /// Sends no request to this endpoint for `span`, because it asked for that (RFC 9110, 10.2.3). Other endpoints of the host
    /// are not affected.
    pub fn cool_down(&self, url: &Url, span: Duration) {
        self.host(url, url.host_str().unwrap_or_default()).cool_down(url.path(), Instant::now(), span);
    }

    /// Sends a request without a body or credentials, to see whether there is an answer.
    ///
    /// Errors: those of [`Self::send`].
    pub async fn probe(
        &self,
        method: reqwest::Method,
        url: Url,
        deadline: Instant,
    ) -> Result<ProbeResult, OutgoingError> {
        let reply = self.send(&Request::new(method, url), deadline).await?;
        let date = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
        Ok(ProbeResult { status: reply.status, date: date.map(|date| date.timestamp()) })
    }

    /// Whether a URL may be called. A host name is not resolved here: its addresses are checked when a connection is made.
    ///
    /// Errors: [`OutgoingError::Forbidden`].
    pub fn may_call(&self, url: &Url) -> Result<(), OutgoingError> {
        self.pool_for(url, url.host_str().unwrap_or_default()).map(drop)
    }

    /// The connection pool for a URL that may be called.
    fn pool_for(&self, url: &Url, host: &str) -> Result<&reqwest::Client, OutgoingError> {
        let forbidden = |reason| Err(OutgoingError::Forbidden { host: host.to_owned(), reason });
        let (pool, policy) = match url.scheme() {
            "https" => (&self.shared.secure, self.shared.secure_policy),
            "http" => match &self.shared.plain {
                Some(pool) => (pool, AddressPolicy::Private),
                None => return forbidden("only https is allowed"),
            },
            _ => return forbidden("only https is allowed"),
        };
        let literal = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(address.into()),
            Some(url::Host::Ipv6(address)) => Some(address.into()),
            // The resolver accepts every address of a proxy's name, so such a name must not be a target.
            Some(url::Host::Domain(name))
                if self.shared.secure_policy != AddressPolicy::Any && self.shared.proxies.contains(name) =>
            {
                return forbidden("it is the host of the proxy");
            }
            // A proxy would resolve the name.
            Some(url::Host::Domain(name)) if policy == AddressPolicy::Public && is_localhost(name) => {
                return forbidden(policy.refusal());
            }
            Some(url::Host::Domain(_)) => None,
            None => return forbidden("it has no host"),
        };
        match literal {
            Some(address) if !policy.permits(address) => forbidden(policy.refusal()),
            _ => Ok(pool),
        }
    }

    pub(super) fn host(&self, url: &Url, name: &str) -> Arc<Host> {
        let key = format!("{name}:{}", url.port_or_known_default().unwrap_or_default());
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_HOSTS && !hosts.contains_key(&key) {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.has_cooldown(Instant::now()));
        }
        hosts.entry(key).or_default().clone()
    }
}

/// Names of the loopback interface (RFC 6761, 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// The label of a call without a usable answer.
fn fault(result: &Result<Reply, OutgoingError>) -> Option<&'static str> {
    match result {
        Ok(reply) if reply.status == 429 => Some("rate_limited"),
        Ok(reply) if reply.status >= 500 => Some("server_error"),
        Ok(_) => None,
        Err(OutgoingError::Timeout) => Some("timeout"),
        Err(OutgoingError::Unreachable { .. }) => Some("unreachable"),
        Err(OutgoingError::Forbidden { .. }) => Some("forbidden"),
        Err(OutgoingError::TooLarge) => Some("too_large"),
        Err(OutgoingError::Broken(_)) => Some("incomplete"),
        Err(OutgoingError::CircuitOpen { .. }) => Some("circuit_open"),
        Err(OutgoingError::InvalidRequest(_)) => Some("invalid_request"),
    }
}

fn proxy_hosts(rules: &OutgoingRules) -> HashSet<String> {
    [&rules.https_proxy, &rules.http_proxy]
        .into_iter()
        .flatten()
        .filter_map(|proxy| proxy.host_str().map(str::to_owned))
        .collect()
}

/// HTTP/1.1 only: with HTTP/2 one dead connection would fail all calls to a provider.
#[expect(clippy::disallowed_methods, reason = "the only place that builds HTTP clients")]
fn pool(
    rules: &OutgoingRules,
    tls: rustls::ClientConfig,
    resolver: impl Resolve + 'static,
) -> Result<reqwest::Client, SettingError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(resolver))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(rules.connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .tcp_nodelay(true)
        .user_agent(&rules.user_agent)
        // Only the settings decide, not the environment of the process.
        .no_proxy();
    let direct = rules.no_proxy.as_deref().unwrap_or_default();
    // `*` in the list: every call is direct.
    let has_proxies = direct.split(',').all(|entry| entry.trim() != "*");
    let direct: Vec<&str> = direct.split(',').map(|entry| without_port(entry.trim())).collect();
    let no_proxy = reqwest::NoProxy::from_string(&direct.join(","));
    let https = rules.https_proxy.clone().map(reqwest::Proxy::https);
    let http = rules.http_proxy.clone().map(reqwest::Proxy::http);
    for (setting, proxy) in [("HTTPS_PROXY", https), ("HTTP_PROXY", http)] {
        let Some(proxy) = proxy.filter(|_| has_proxies) else { continue };
        let proxy = proxy.map_err(|_| SettingError::new(setting, "is not a valid proxy URL"))?;
        builder = builder.proxy(proxy.no_proxy(no_proxy.clone()));
    }
    // Everything else is checked above: only the header can be invalid.
    builder.build().map_err(|_| SettingError::new("SOCIAL_AUTH_USER_AGENT", "is not a valid HTTP header value"))
}

/// An entry of NO_PROXY without its port: it is valid for all ports of the host. An IPv6 address without brackets has several colons.
fn without_port(entry: &str) -> &str {
    match entry.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            let is_address = host.contains(':') && !host.ends_with(']');
            if is_address { entry } else { host.trim_start_matches('[').trim_end_matches(']') }
        }
        _ => entry,
    }
}
