//! The rows that the sweeper deletes, and the statements that delete them.

use std::time::Duration;

use crate::clock::MAX_CLOCK_DIFFERENCE;

/// Rows that one statement deletes.
pub(super) const SWEEP_BATCH_SIZE: i64 = 250;
/// How long an expired row stays, so that its login is answered with "expired" and not with "unknown".
const EXPIRED_GRACE_PERIOD: Duration = Duration::from_secs(10 * 60);
/// How long a removed key stays in `keys list`.
const REMOVED_KEY_GRACE_PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A table whose rows expire.
#[derive(Clone, Copy, Debug, strum::EnumIter)]
pub enum ExpiringTable {
    /// `authorization_requests`, ten minutes after they expired.
    AuthorizationRequests,
    /// `used_codes`, `MAX_CLOCK_DIFFERENCE` after they expired.
    UsedCodes,
    /// `one_time_codes`.
    OneTimeCodes,
    /// `pending_logins`, ten minutes after they expired.
    PendingLogins,
    /// `sessions`.
    Sessions,
    /// `knox_tokens`.
    KnoxTokens,
    /// `refresh_tokens`, `MAX_CLOCK_DIFFERENCE` after they expired.
    RefreshTokens,
    /// `rate_limits`, `MAX_CLOCK_DIFFERENCE` after they expired.
    RateLimits,
    /// `signing_keys`, 30 days after they expired.
    SigningKeys,
}

impl ExpiringTable {
    /// Deletes at most `$2` rows that expired by `$1`.
    pub(super) fn delete_statement(self) -> &'static str {
        macro_rules! delete {
            ($table:literal, $key:literal) => {
                concat!(
                    "DELETE FROM ",
                    $table,
                    " WHERE (",
                    $key,
                    ") IN
                   (SELECT ",
                    $key,
                    " FROM ",
                    $table,
                    " WHERE expires <= $1 LIMIT $2)"
                )
            };
        }
        match self {
            Self::AuthorizationRequests => delete!("authorization_requests", "key"),
            Self::UsedCodes => delete!("used_codes", "code"),
            Self::OneTimeCodes => delete!("one_time_codes", "code"),
            Self::PendingLogins => delete!("pending_logins", "token"),
            Self::Sessions => delete!("sessions", "digest"),
            Self::KnoxTokens => delete!("knox_tokens", "digest"),
            Self::RefreshTokens => delete!("refresh_tokens", "user_id, jti"),
            Self::RateLimits => delete!("rate_limits", "key"),
            Self::SigningKeys => delete!("signing_keys", "kid"),
        }
    }

    pub(super) fn grace_period(self) -> Duration {
        match self {
            Self::AuthorizationRequests | Self::PendingLogins => EXPIRED_GRACE_PERIOD,
            Self::SigningKeys => REMOVED_KEY_GRACE_PERIOD,
            // A missing row allows what the row refuses. So a node whose clock is ahead must not delete rows that another node
            // still needs.
            Self::UsedCodes | Self::RefreshTokens | Self::RateLimits => MAX_CLOCK_DIFFERENCE,
            Self::OneTimeCodes | Self::Sessions | Self::KnoxTokens => Duration::ZERO,
        }
    }
}

/// Rows that protect no login any more. The oldest above a limit are deleted before they expire (SEC-44).
#[derive(Clone, Copy, Debug, strum::EnumIter)]
pub enum BoundedRows {
    /// Unfinished ones still protect a login and always stay.
    FinishedAuthorizationRequests,
    /// As of authorization requests.
    FinishedPendingLogins,
    /// Refusals in the audit log that are about no user. Counted apart from those of users, so that callers without a credential displace no audit event of a user.
    RefusalsOfNoUser,
    /// Refusals in the audit log that are about a user.
    RefusalsOfUsers,
}

impl BoundedRows {
    pub(super) fn count_statement(self) -> &'static str {
        self.statements().0
    }

    /// Deletes the oldest `$1` rows.
    pub(super) fn delete_statement(self) -> &'static str {
        self.statements().1
    }

    fn statements(self) -> (&'static str, &'static str) {
        macro_rules! statements {
            ($table:literal, $key:literal, $order:literal, $condition:literal) => {
                (
                    concat!("SELECT count(*) FROM ", $table, " WHERE ", $condition),
                    concat!(
                        "DELETE FROM ",
                        $table,
                        " WHERE ",
                        $key,
                        " IN
                       (SELECT ",
                        $key,
                        " FROM ",
                        $table,
                        " WHERE ",
                        $condition,
                        " ORDER BY ",
                        $order,
                        " LIMIT $1)"
                    ),
                )
            };
        }
        match self {
            Self::FinishedAuthorizationRequests => {
                statements!("authorization_requests", "key", "expires", "claimed IS NOT NULL")
            }
            Self::FinishedPendingLogins => statements!("pending_logins", "token", "expires", "completed IS NOT NULL"),
            Self::RefusalsOfNoUser => {
                statements!("audit_events", "id", "id", "event = 'refused' AND user_id IS NULL")
            }
            Self::RefusalsOfUsers => {
                statements!("audit_events", "id", "id", "event = 'refused' AND user_id IS NOT NULL")
            }
        }
    }
}
