//! Sessions: ids of 256 random bits, of which the table has only the SHA-256, and lifetimes, which a provider may set
//! (SEC-28, SEC-32).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::issue::{IssueRequest, TOUCH_INTERVAL};
use crate::clock::{Deps, UnixMillis};
use crate::model::SessionRow;
use crate::secrets::Digest;
use crate::settings::SessionRules;

/// Prefix of a session id.
pub const PREFIX: &str = "rsas_";
/// Maximum bytes of a cookie value that is looked up.
const MAX_COOKIE_LEN: usize = 128;
/// Maximum lifetime that a provider can give a session. Browsers limit cookies to it as well (RFC 6265bis, 5.6.2).
const MAX_PROVIDER_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

/// Issues sessions and judges their status.
pub struct Sessions {
    rules: SessionRules,
}

/// The value and lifetime of a session cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionCookie {
    /// The session id.
    pub value: String,
    /// Seconds.
    pub max_age: i64,
    /// When the session expires.
    pub expires: UnixMillis,
}

/// The status of a stored session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// Its lifetime or its idle time is over.
    Expired,
    /// It authenticates its user.
    Valid,
    /// Valid, and `last_used` must be written.
    NeedsTouch,
}

impl Sessions {
    /// The rules of the SESSION settings.
    pub fn new(rules: SessionRules) -> Self {
        Self { rules }
    }

    /// A new id at every login (SEC-32). Lifetime: SESSION_COOKIE_AGE, or the provider's, capped (R-SES-04).
    pub fn issue(&self, issue: &IssueRequest<'_>, deps: &Deps) -> (SessionCookie, SessionRow) {
        let value = format!("{PREFIX}{}", deps.token::<32>());
        let provider = issue.expires_in.and_then(|seconds| u64::try_from(seconds).ok()).filter(|&seconds| seconds > 0);
        let wanted = provider.map(|seconds| Duration::from_secs(seconds).min(MAX_PROVIDER_LIFETIME));
        let age = match (wanted, issue.max_session_length) {
            (Some(wanted), Some(longest)) => wanted.min(longest),
            (Some(wanted), None) => wanted,
            (None, Some(longest)) => longest,
            (None, None) => self.rules.age,
        };
        let expires = issue.now.plus(age);
        let row = SessionRow {
            digest: Digest::of(value.as_bytes()),
            user_id: issue.user.id,
            created: issue.now,
            expires,
            last_used: issue.now,
            client: issue.client.clone(),
        };
        (SessionCookie { value, max_age: i64::try_from(age.as_secs()).unwrap_or(i64::MAX), expires }, row)
    }

    /// The key of a session; `None`: the value cannot be one.
    pub fn lookup_key(&self, value: &str) -> Option<Digest> {
        (!value.is_empty() && value.len() <= MAX_COOKIE_LEN).then(|| Digest::of(value.as_bytes()))
    }

    /// A session that was last used before this has expired; `None`: there is no idle timeout.
    pub fn idle_since(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.rules.idle.map(|idle| now.minus(idle))
    }

    fn is_idle(&self, last_used: UnixMillis, now: UnixMillis) -> bool {
        self.rules.idle.is_some_and(|idle| last_used.plus(idle) <= now)
    }

    /// When a session expires unless it is used before: at the earlier of both time limits.
    pub fn expires(&self, row: &SessionRow) -> UnixMillis {
        self.rules.idle.map_or(row.expires, |idle| row.expires.min(row.last_used.plus(idle)))
    }

    /// Applies the absolute and the idle time limit (ASVS 7.3.1, 7.3.2).
    pub fn status(&self, row: &SessionRow, now: UnixMillis) -> SessionStatus {
        // A short idle limit needs a more recent `last_used`.
        let touch_interval = self.rules.idle.map_or(TOUCH_INTERVAL, |idle| TOUCH_INTERVAL.min(idle / 8));
        if row.expires <= now || self.is_idle(row.last_used, now) {
            SessionStatus::Expired
        } else if row.last_used.plus(touch_interval) <= now {
            SessionStatus::NeedsTouch
        } else {
            SessionStatus::Valid
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::jwt::tests::user;
    use crate::model::{ClientInfo, LoginKind, UserId};

    fn sessions() -> Sessions {
        Sessions::new(SessionRules { age: Duration::from_secs(1_209_600), idle: Some(Duration::from_secs(3600)) })
    }

    fn max_age(expires_in: Option<i64>, longest: Option<u64>) -> i64 {
        let client = ClientInfo::default();
        let user = user();
        let longest = longest.map(Duration::from_secs);
        let now = UnixMillis(0);
        let plain = IssueRequest::plain(LoginKind::Session, &user, now, &client);
        let issue = IssueRequest { expires_in, max_session_length: longest, ..plain };
        sessions().issue(&issue, &Deps::system()).0.max_age
    }

    #[test]
    fn r_ses_04_the_provider_sets_the_lifetime_and_the_cap_wins() {
        assert_eq!(max_age(None, None), 1_209_600);
        assert_eq!(max_age(Some(5_183_943), None), 5_183_943);
        assert_eq!(max_age(Some(5_183_943), Some(600)), 600);
        assert_eq!(max_age(None, Some(600)), 600);
    }

    #[test]
    fn fault_a23_a_provider_cannot_set_an_unlimited_lifetime() {
        assert_eq!(max_age(Some(i64::MAX), None), 400 * 86_400);
        for none in [0, -1, i64::MIN] {
            assert_eq!(max_age(Some(none), None), 1_209_600, "{none}");
        }
    }

    #[test]
    fn sec_32_a_session_expires_by_age_and_by_idleness() {
        let row = SessionRow {
            digest: Digest::of(b"x"),
            user_id: UserId(1),
            created: UnixMillis(0),
            expires: UnixMillis::from_seconds(10_000),
            last_used: UnixMillis(0),
            client: ClientInfo::default(),
        };
        let at = |seconds| sessions().status(&row, UnixMillis::from_seconds(seconds));
        assert_eq!(
            (at(1), at(301), at(3600)),
            (SessionStatus::Valid, SessionStatus::NeedsTouch, SessionStatus::Expired)
        );
        let used = SessionRow { last_used: UnixMillis::from_seconds(9_990), ..row.clone() };
        assert_eq!(sessions().status(&used, UnixMillis::from_seconds(10_000)), SessionStatus::Expired);
    }
}
