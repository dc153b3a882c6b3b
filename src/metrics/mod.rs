//! Metrics for Prometheus: every layer counts, and the listener of METRICS_LISTEN shows them.
//!
//! Labels have few values: names of configured providers, kinds, stable codes, patterns of routes, hosts of configured
//! providers. Everything else is `other`. No label contains text of a caller, a user or a provider. Without METRICS_LISTEN a
//! call costs one comparison.

mod families;
mod log_lines;
mod process;
mod scraped;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::families::Families;
pub use self::log_lines::count_dropped_log_lines;
pub use self::scraped::{PoolConnections, Scraped};

/// Counts for Prometheus, or nothing without METRICS_LISTEN. Cheap to clone; all clones count together.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Families>>);

impl Metrics {
    /// Metrics that count. `started`: when the server started, in seconds since 1970.
    pub fn enabled(started: f64) -> Self {
        Self(Some(Arc::new(Families::new(started))))
    }

    /// Whether METRICS_LISTEN is set.
    pub fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// The time at which something that is measured begins. `None`: nothing is measured.
    pub fn start(&self) -> Option<Instant> {
        self.0.is_some().then(Instant::now)
    }

    /// A login ended. `provider`: its name, if it is configured. `kind`: of the credential. `outcome`: `ok`, or the code of the
    /// answer.
    pub fn login(
        &self,
        provider: Option<&str>,
        kind: impl Into<&'static str>,
        outcome: impl FnOnce() -> Cow<'static, str>,
    ) {
        if let Some(families) = &self.0 {
            families.login(provider, kind.into(), outcome());
        }
    }

    /// A login issued a credential.
    pub fn credential_issued(&self, kind: impl Into<&'static str>) {
        if let Some(families) = &self.0 {
            families.issued(kind.into());
        }
    }

    /// Credentials of this kind were revoked. A token family counts as one.
    pub fn credentials_revoked(&self, kind: impl Into<&'static str>, count: u64) {
        if let Some(families) = &self.0 {
            families.revoked(kind.into(), count);
        }
    }

    /// A rate limit refused a request.
    pub fn rate_limited(&self, limit: &'static str) {
        if let Some(families) = &self.0 {
            families.rate_limited(limit);
        }
    }

    /// A request was answered.
    pub fn http_request(&self, route: &str, status: u16, took: Duration) {
        if let Some(families) = &self.0 {
            families.http_request(route, status, took);
        }
    }

    /// Names a host of a configured provider, which becomes a label.
    pub fn add_provider_host(&self, host: &str) {
        if let Some(families) = &self.0 {
            families.add_host(host);
        }
    }

    /// A provider was called. `took`: `None` if no request was sent. `fault`: why there is no usable answer.
    pub fn provider_call(&self, host: &str, took: Option<Duration>, fault: Option<&'static str>) {
        if let Some(families) = &self.0 {
            families.provider_call(host, took, fault);
        }
    }

    /// The state of the circuit breaker of a host.
    pub fn circuit(&self, host: &str, is_open: impl FnOnce() -> bool) {
        if let Some(families) = &self.0 {
            families.circuit(host, is_open());
        }
    }

    /// A call of the database ended. `started`: from [`Self::start`].
    pub fn database_call(&self, operation: &'static str, started: Option<Instant>) {
        if let (Some(families), Some(started)) = (&self.0, started) {
            families.database_call(operation, started.elapsed());
        }
    }

    /// One transaction committed this many writes of logins.
    pub fn write_group(&self, writes: usize) {
        if let Some(families) = &self.0 {
            families.write_group(writes);
        }
    }

    /// A webhook event was sent, or not.
    pub fn webhook_delivery(&self, outcome: &'static str) {
        if let Some(families) = &self.0 {
            families.webhook_delivery(outcome);
        }
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    pub fn render(&self, scraped: Scraped) -> String {
        self.0.as_ref().map(|families| families.render(scraped)).unwrap_or_default()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics({})", if self.is_enabled() { "on" } else { "off" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(count: impl Fn(&Metrics)) -> String {
        let metrics = Metrics::enabled(1_795_521_600.5);
        count(&metrics);
        let pool = Some(PoolConnections { idle: 2, used: 1 });
        metrics.render(Scraped { pool, webhook_queue: Some(4) })
    }

    #[test]
    fn metrics_have_their_names_and_labels() {
        let second = Duration::from_secs(1);
        let text = rendered(|metrics| {
            metrics.add_provider_host("github.com");
            metrics.login(Some("github"), "jwt-pair", || "ok".into());
            metrics.login(None, "knox", || "unknown_provider".into());
            metrics.credential_issued("session");
            metrics.credentials_revoked("jwt-sliding", 3);
            metrics.rate_limited("address");
            metrics.http_request("/api/user/", 200, second);
            metrics.provider_call("github.com", Some(second), None);
            metrics.provider_call("github.com", Some(second), Some("timeout"));
            metrics.provider_call("shop.example", None, Some("circuit_open"));
            metrics.circuit("github.com", || true);
            metrics.circuit("shop.example", || true);
            metrics.database_call("claim", metrics.start());
            metrics.write_group(5);
            metrics.webhook_delivery("delivered");
        });
        for line in [
            "rest_social_auth_logins_total{provider=\"github\",kind=\"jwt-pair\",outcome=\"ok\"} 1",
            "rest_social_auth_logins_total{provider=\"other\",kind=\"knox\",outcome=\"unknown_provider\"} 1",
            "rest_social_auth_credentials_issued_total{kind=\"session\"} 1",
            "rest_social_auth_credentials_revoked_total{kind=\"jwt-sliding\"} 3",
            "rest_social_auth_rate_limited_total{limit=\"address\"} 1",
            "rest_social_auth_http_requests_total{route=\"/api/user/\",status=\"200\"} 1",
            "rest_social_auth_http_request_seconds_count{route=\"/api/user/\"} 1",
            "rest_social_auth_provider_request_seconds_count{host=\"github.com\"} 2",
            "rest_social_auth_provider_faults_total{host=\"github.com\",fault=\"timeout\"} 1",
            "rest_social_auth_provider_faults_total{host=\"other\",fault=\"circuit_open\"} 1",
            "rest_social_auth_circuit_open{host=\"github.com\"} 1",
            "rest_social_auth_database_seconds_count{operation=\"claim\"} 1",
            "rest_social_auth_database_pool_connections{state=\"idle\"} 2",
            "rest_social_auth_database_pool_connections{state=\"used\"} 1",
            "rest_social_auth_write_group_size_sum 5.0",
            "rest_social_auth_webhook_queue 4",
            "# TYPE rest_social_auth_log_lines_dropped_total counter",
            "rest_social_auth_webhook_deliveries_total{outcome=\"delivered\"} 1",
            concat!("rest_social_auth_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "process_start_time_seconds 1795521600.5",
            "# TYPE rest_social_auth_logins_total counter",
            "# TYPE process_cpu_seconds_total counter",
            "# TYPE rest_social_auth_database_seconds histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
        }
        assert!(!text.contains("shop.example"), "{text}");
        assert!(text.contains("\nprocess_open_fds ") && !text.contains("# EOF"), "{text}");
        #[cfg(target_os = "linux")]
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }

    #[test]
    fn callers_cannot_add_labels_without_limit() {
        let text = rendered(|metrics| {
            for n in 0..10_000 {
                metrics.login(Some("github"), "token", || format!("code_{n}").into());
                metrics.add_provider_host(&format!("host{n}.example"));
                metrics.provider_call(&format!("host{n}.example"), Some(Duration::ZERO), None);
            }
        });
        assert!(text.lines().count() < 6000, "{}", text.lines().count());
    }

    #[test]
    fn without_the_setting_nothing_is_counted() {
        let metrics = Metrics::default();
        metrics.login(None, "token", || panic!("not called"));
        assert!(metrics.start().is_none() && metrics.render(Scraped::default()).is_empty());
    }
}
