//! Time, randomness and metrics, passed as parameters so that tests control them. `clippy.toml` forbids reading the system clock or the
//! random generator anywhere else.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;

/// By how much the clocks of two nodes may differ when one revokes a family or a key, or deletes a row that has expired, and the other
/// compares the time.
pub(crate) const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5 * 60);

/// Milliseconds since 1970-01-01T00:00:00Z, as stored in every table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds, rounded down: the unit of JWT claims and of `auth_time`.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This time plus `span`, saturating.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time minus `span`, saturating.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time until `later`. `None`: `later` is in the past.
    pub fn until(self, later: Self) -> Option<Duration> {
        u64::try_from(later.0.saturating_sub(self.0)).ok().map(Duration::from_millis)
    }

    /// RFC 3339 in UTC with milliseconds, as shown in answers.
    pub fn rfc3339(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// `None`: the text is not a date in RFC 3339.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|moment| Self(moment.timestamp_millis()))
    }

    /// `None`: the text is not a date of an HTTP header.
    pub fn from_http_date(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc2822(text.trim()).ok().map(|moment| Self(moment.timestamp_millis()))
    }
}

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> UnixMillis;
}

/// A source of cryptographically secure random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock, the random generator and the metrics, passed to every layer.
#[derive(Clone)]
pub struct Deps {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Metrics,
}

impl Deps {
    /// A clock and a generator of the caller's choice, such as those of a test.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, metrics: Metrics::default() }
    }

    /// The system clock and the generator of the TLS library.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The same clock and generator with these metrics.
    pub(crate) fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// The metrics, which count nothing without METRICS_LISTEN.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The current time.
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// `N` random bytes in base64url without padding; 32 bytes make 43 characters.
    pub fn token<const N: usize>(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<N>())
    }

    /// `2 * N` lower-case hex digits.
    pub fn hex<const N: usize>(&self) -> String {
        HEXLOWER.encode(&self.bytes::<N>())
    }
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps")
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Nothing is safe without randomness, and this generator fails only when that of the kernel does.
        aws_lc_rs::rand::fill(bytes).expect("the system's random generator works");
    }
}
