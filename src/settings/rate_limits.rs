//! RATE_LIMIT_*: how many requests a caller may make in a time (SEC-43).

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::addresses;
use super::setting_reader::SettingReader;

/// A number of requests in a period. All of them may come at once; the quota is restored evenly over the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The number of requests.
    pub requests: NonZeroU32,
    /// Whole seconds.
    pub period: Duration,
}

/// RATE_LIMIT_*; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimitRules {
    /// RATE_LIMIT_ADDRESS.
    pub address: Option<Quota>,
    /// RATE_LIMIT_PROVIDER_ADDRESS.
    pub provider_address: Option<Quota>,
    /// RATE_LIMIT_USER.
    pub user: Option<Quota>,
    /// RATE_LIMIT_PROVIDER.
    pub provider: Option<Quota>,
}

const MAX_REQUESTS: u32 = 1_000_000;
const MAX_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
const EXPECTATION: &str =
    "must be a number of requests and a period of at most 24 hours, such as 600/1m or 20/10s, or off";

/// `public_url`: PUBLIC_URL of `serve`.
pub(super) fn rate_limits(reader: &mut SettingReader, public_url: Option<&Url>) -> RateLimitRules {
    let is_on = reader.value("RATE_LIMITS", |word| Ok(word == "on"));
    let mut read = |name| reader.optional(name, quota).flatten();
    let rules = RateLimitRules {
        address: read("RATE_LIMIT_ADDRESS"),
        provider_address: read("RATE_LIMIT_PROVIDER_ADDRESS"),
        user: read("RATE_LIMIT_USER"),
        provider: read("RATE_LIMIT_PROVIDER"),
    };
    if is_on {
        return rules;
    }
    if public_url.is_some_and(|url| !addresses::is_loopback(url)) {
        reader.warn("RATE_LIMITS", "is off: any caller can make the server call the providers without a limit");
    }
    RateLimitRules::default()
}

/// `600/1m`. `None`: `off`.
fn quota(value: &Value) -> Result<Option<Quota>, String> {
    let text = value.as_str().unwrap_or_default().trim();
    if text == "off" {
        return Ok(None);
    }
    let parts = text.split_once('/').and_then(|(requests, period)| {
        let (requests, period) = (requests.trim().parse().ok()?, self::period(period.trim())?);
        (requests <= NonZeroU32::new(MAX_REQUESTS)?).then_some(Quota { requests, period })
    });
    parts.map(Some).ok_or_else(|| EXPECTATION.to_owned())
}

/// `10s`, `1m` or `1h`.
fn period(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    let period = Duration::from_secs(u64::from(number) * seconds);
    (!period.is_zero() && period <= MAX_PERIOD).then_some(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_43_a_quota_is_a_number_and_a_period() {
        let of =
            |text: &str| quota(&Value::from(text)).map(|quota| quota.map(|q| (q.requests.get(), q.period.as_secs())));
        for (text, expected) in
            [("600/1m", Some((600, 60))), (" 20 / 10s ", Some((20, 10))), ("1/24h", Some((1, 86_400))), ("off", None)]
        {
            assert_eq!(of(text), Ok(expected), "{text}");
        }
        for text in
            ["", "600", "0/1m", "-1/1m", "600/m", "600/1", "600/0s", "600/25h", "600/1d", "1000001/1s", "on", "1/é"]
        {
            assert_eq!(of(text), Err(EXPECTATION.to_owned()), "{text}");
        }
    }
}
