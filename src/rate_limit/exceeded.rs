//! A request that a limit refused.

use std::num::NonZeroU16;
use std::time::Duration;

use super::key::LimitName;
use crate::settings::Quota;

/// Why a request is refused with `too_many_requests`, and when it may be repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.detail())]
pub struct RateLimitExceeded {
    /// The limit.
    pub limit: LimitName,
    /// Its setting.
    pub quota: Quota,
    /// Seconds after which the limit allows a request, rounded up.
    pub retry_after: NonZeroU16,
    /// Whether the refusal is to be logged: it is the first of this caller in a minute. A flood of requests must not become a
    /// flood of log lines and audit events.
    pub is_reported: bool,
}

impl RateLimitExceeded {
    pub(super) fn new(limit: LimitName, quota: Quota, wait: Duration, is_reported: bool) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        let retry_after = u16::try_from(seconds)
            .ok()
            .map_or(NonZeroU16::MAX, |seconds| NonZeroU16::new(seconds).unwrap_or(NonZeroU16::MIN));
        Self { limit, quota, retry_after, is_reported }
    }

    fn detail(&self) -> String {
        let what = match self.limit {
            LimitName::Address => "Too many requests from this address.",
            LimitName::ProviderAddress => "Too many logins with this provider from this address.",
            LimitName::User => "Too many requests of this user.",
            LimitName::Provider => "Too many logins with this provider.",
        };
        let unit = if self.retry_after == NonZeroU16::MIN { "second" } else { "seconds" };
        format!("{what} Try again in {} {unit}.", self.retry_after)
    }

    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): the quota, and its period in seconds.
    pub fn policy_field(&self) -> String {
        format!("\"{}\";q={};w={}", self.limit, self.quota.requests, self.quota.period.as_secs())
    }

    /// `RateLimit`: nothing remains, and the seconds until something does.
    pub fn limit_field(&self) -> String {
        format!("\"{}\";r=0;t={}", self.limit, self.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn sec_43_fields_are_structured_fields() {
        let quota = Quota { requests: NonZeroU32::new(600).expect("not 0"), period: Duration::from_secs(60) };
        for (wait, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (u64::from(u32::MAX), u16::MAX)] {
            let exceeded = RateLimitExceeded::new(LimitName::ProviderAddress, quota, Duration::from_millis(wait), true);
            assert_eq!(exceeded.retry_after.get(), seconds, "{wait} ms");
            assert_eq!(exceeded.policy_field(), "\"provider-address\";q=600;w=60");
            assert_eq!(exceeded.limit_field(), format!("\"provider-address\";r=0;t={seconds}"));
        }
    }
}
