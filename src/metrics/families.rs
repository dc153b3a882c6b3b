//! The metrics with their labels. The names are stable: dashboards and alert rules use them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::RwLock;
use std::sync::{PoisonError, atomic::AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::scraped::Scraped;
use super::{log_lines, process};

const PREFIX: &str = "rest_social_auth";
/// The label of everything that is not known.
const OTHER: &str = "other";
/// Hosts of configured providers that become labels; further ones are `other`.
const MAX_HOSTS: usize = 256;
/// Codes that are not in the program's text come from a program's own step or from a webhook; further ones are `other`.
const MAX_OWN_OUTCOMES: usize = 50;

/// Upper bounds in seconds: of requests and calls of the database.
const SHORT: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// The same of requests, which may wait for a provider for 15 seconds.
const REQUEST: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];
/// The same of calls to providers, which take at most ten seconds.
const CALL: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Writes of a group.
const GROUP: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Declares the type of a label set.
macro_rules! labels {
    ($name:ident { $($label:ident: $type:ty),* }) => {
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        struct $name {
            $($label: $type,)*
        }
    };
}

labels!(LoginLabels { provider: Cow<'static, str>, kind: &'static str, outcome: Cow<'static, str> });
labels!(KindLabel { kind: &'static str });
labels!(LimitLabel { limit: &'static str });
labels!(RequestLabels { route: Cow<'static, str>, status: u16 });
labels!(RouteLabel { route: Cow<'static, str> });
labels!(HostLabel { host: Cow<'static, str> });
labels!(FaultLabels { host: Cow<'static, str>, fault: &'static str });
labels!(OperationLabel { operation: &'static str });
labels!(OutcomeLabel { outcome: &'static str });
labels!(StateLabel { state: &'static str });
labels!(VersionLabel { version: &'static str });

pub(super) struct Families {
    registry: Registry,
    logins: Family<LoginLabels, Counter>,
    issued: Family<KindLabel, Counter>,
    revoked: Family<KindLabel, Counter>,
    rate_limited: Family<LimitLabel, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabel, Histogram>,
    call_seconds: Family<HostLabel, Histogram>,
    faults: Family<FaultLabels, Counter>,
    circuits: Family<HostLabel, Gauge>,
    database_seconds: Family<OperationLabel, Histogram>,
    group_size: Histogram,
    deliveries: Family<OutcomeLabel, Counter>,
    hosts: RwLock<HashSet<String>>,
    own_outcomes: RwLock<HashSet<String>>,
}

impl Families {
    pub fn new(started: f64) -> Self {
        let mut families = Self {
            registry: Registry::default(),
            logins: Family::default(),
            issued: Family::default(),
            revoked: Family::default(),
            rate_limited: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST)),
            call_seconds: Family::new_with_constructor(|| Histogram::new(CALL)),
            faults: Family::default(),
            circuits: Family::default(),
            database_seconds: Family::new_with_constructor(|| Histogram::new(SHORT)),
            group_size: Histogram::new(GROUP),
            deliveries: Family::default(),
            hosts: RwLock::default(),
            own_outcomes: RwLock::default(),
        };
        families.register(started);
        families
    }

    fn register(&mut self, started: f64) {
        let build = Family::<VersionLabel, Gauge>::default();
        build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION") }).set(1);
        let start = Gauge::<f64, AtomicU64>::default();
        start.set(started);
        self.registry.register("process_start_time_seconds", "When the server started, since 1970", start);
        let own = self.registry.sub_registry_with_prefix(PREFIX);
        own.register("build_info", "The release that runs", build);
        own.register(
            "logins",
            "Logins that ended, by their outcome: ok, or a code of docs/API.md",
            self.logins.clone(),
        );
        own.register("credentials_issued", "Credentials that logins issued", self.issued.clone());
        own.register(
            "credentials_revoked",
            "Credentials that were revoked; all: everything of one user",
            self.revoked.clone(),
        );
        own.register("rate_limited", "Requests that a rate limit refused", self.rate_limited.clone());
        own.register("http_requests", "Answered requests by route", self.requests.clone());
        own.register("http_request_seconds", "Time to answer a request", self.request_seconds.clone());
        own.register("provider_request_seconds", "Time of a call to a provider", self.call_seconds.clone());
        own.register("provider_faults", "Calls to providers without a usable answer", self.faults.clone());
        own.register("circuit_open", "1: the circuit breaker of the host is open", self.circuits.clone());
        own.register("database_seconds", "Time of a call of the database", self.database_seconds.clone());
        own.register("write_group_size", "Writes of logins in one transaction (SQLite)", self.group_size.clone());
        own.register("webhook_deliveries", "Webhook events that were sent, or not", self.deliveries.clone());
    }

    pub fn login(&self, provider: Option<&str>, kind: &'static str, outcome: Cow<'static, str>) {
        let provider = provider.map_or(Cow::Borrowed(OTHER), |name| Cow::Owned(name.to_owned()));
        let outcome = match outcome {
            Cow::Owned(code) => bounded(&self.own_outcomes, &code, MAX_OWN_OUTCOMES),
            known @ Cow::Borrowed(_) => known,
        };
        self.logins.get_or_create(&LoginLabels { provider, kind, outcome }).inc();
    }

    pub fn issued(&self, kind: &'static str) {
        self.issued.get_or_create(&KindLabel { kind }).inc();
    }

    pub fn revoked(&self, kind: &'static str, count: u64) {
        self.revoked.get_or_create(&KindLabel { kind }).inc_by(count);
    }

    pub fn rate_limited(&self, limit: &'static str) {
        self.rate_limited.get_or_create(&LimitLabel { limit }).inc();
    }

    /// `route` is a pattern, of which there are as many as routes.
    pub fn http_request(&self, route: &str, status: u16, took: Duration) {
        let route: Cow<'static, str> = Cow::Owned(route.to_owned());
        self.requests.get_or_create(&RequestLabels { route: route.clone(), status }).inc();
        self.request_seconds.get_or_create(&RouteLabel { route }).observe(took.as_secs_f64());
    }

    pub fn add_host(&self, host: &str) {
        bounded(&self.hosts, host, MAX_HOSTS);
    }

    fn host(&self, host: &str) -> Cow<'static, str> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        if hosts.contains(host) { Cow::Owned(host.to_owned()) } else { Cow::Borrowed(OTHER) }
    }

    pub fn provider_call(&self, host: &str, took: Option<Duration>, fault: Option<&'static str>) {
        let host = self.host(host);
        if let Some(fault) = fault {
            self.faults.get_or_create(&FaultLabels { host: host.clone(), fault }).inc();
        }
        if let Some(took) = took {
            self.call_seconds.get_or_create(&HostLabel { host }).observe(took.as_secs_f64());
        }
    }

    /// Not for unknown hosts: one value cannot say which of them has an open breaker.
    pub fn circuit(&self, host: &str, is_open: bool) {
        let host = self.host(host);
        if host != OTHER {
            self.circuits.get_or_create(&HostLabel { host }).set(i64::from(is_open));
        }
    }

    pub fn database_call(&self, operation: &'static str, took: Duration) {
        self.database_seconds.get_or_create(&OperationLabel { operation }).observe(took.as_secs_f64());
    }

    pub fn write_group(&self, writes: usize) {
        self.group_size.observe(writes as f64);
    }

    pub fn webhook_delivery(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub fn render(&self, scraped: Scraped) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let mut now = Registry::default();
        process::register(&mut now);
        let own = now.sub_registry_with_prefix(PREFIX);
        let dropped = ConstCounter::new(log_lines::dropped());
        own.register("log_lines_dropped", "Lines of the log that could not be written", dropped);
        if let Some(pool) = scraped.pool {
            let connections = Family::<StateLabel, Gauge>::default();
            for (state, count) in [("idle", pool.idle), ("used", pool.used)] {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                connections.get_or_create(&StateLabel { state }).set(count);
            }
            own.register("database_pool_connections", "Open connections to the database", connections);
        }
        if let Some(waiting) = scraped.webhook_queue {
            let waiting = ConstGauge::new(waiting);
            own.register("webhook_queue", "Webhook events that wait for their delivery", waiting);
        }
        for registry in [&self.registry, &now] {
            // Writing to a text cannot fail.
            let _ = prometheus_text::encode(&mut text, registry);
        }
        text
    }
}

/// The value, or `other` if `known` has its maximum of values without it.
fn bounded(known: &RwLock<HashSet<String>>, value: &str, max: usize) -> Cow<'static, str> {
    if known.read().unwrap_or_else(PoisonError::into_inner).contains(value) {
        return Cow::Owned(value.to_owned());
    }
    let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= max && !known.contains(value) {
        return Cow::Borrowed(OTHER);
    }
    known.insert(value.to_owned());
    Cow::Owned(value.to_owned())
}
