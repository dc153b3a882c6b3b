//! The rows that the sweeper deletes, and the statements that delete them.

use std::time::Duration;

use crate::clock::MAX_CLOCK_DIFFERENCE;

/// Rows that one statement deletes.
pub(super) const SWEEP_BATCH_SIZE: i64 = 250;
/// How long an expired row stays, so that its login is answered with "expired" and not with "unknown".
const EXPIRED_GRACE_PERIOD: Duration = Duration::from_secs(10 * 60);

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
}

impl ExpiringTable {
    /// Deletes at most `$2` rows that expired by `$1`.
    pub(super) fn delete_statement(self) -> String {
        let (table, key) = match self {
            Self::AuthorizationRequests => ("authorization_requests", "key"),
            Self::UsedCodes => ("used_codes", "code"),
            Self::OneTimeCodes => ("one_time_codes", "code"),
            Self::PendingLogins => ("pending_logins", "token"),
            Self::Sessions => ("sessions", "digest"),
            Self::KnoxTokens => ("knox_tokens", "digest"),
            Self::RefreshTokens => ("refresh_tokens", "user_id, jti"),
            Self::RateLimits => ("rate_limits", "key"),
        };
        format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE expires <= $1 LIMIT $2)")
    }

    pub(super) fn grace_period(self) -> Duration {
        match self {
            Self::AuthorizationRequests | Self::PendingLogins => EXPIRED_GRACE_PERIOD,
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
    pub(super) fn count_statement(self) -> String {
        let Selection { table, condition, .. } = self.selection();
        format!("SELECT count(*) FROM {table} WHERE {condition}")
    }

    /// Deletes the oldest `$1` rows.
    pub(super) fn delete_statement(self) -> String {
        let Selection { table, key, order, condition } = self.selection();
        format!(
            "DELETE FROM {table} WHERE {key} IN
             (SELECT {key} FROM {table} WHERE {condition} ORDER BY {order} LIMIT $1)"
        )
    }

    fn selection(self) -> Selection {
        let refusals = |condition| Selection { table: "audit_events", key: "id", order: "id", condition };
        let finished = |table, key, condition| Selection { table, key, order: "expires", condition };
        match self {
            Self::FinishedAuthorizationRequests => finished("authorization_requests", "key", "claimed IS NOT NULL"),
            Self::FinishedPendingLogins => finished("pending_logins", "token", "completed IS NOT NULL"),
            Self::RefusalsOfNoUser => refusals("event = 'refused' AND user_id IS NULL"),
            Self::RefusalsOfUsers => refusals("event = 'refused' AND user_id IS NOT NULL"),
        }
    }
}

/// Rows of a table, in SQL.
struct Selection {
    table: &'static str,
    key: &'static str,
    /// The column that orders them by age.
    order: &'static str,
    condition: &'static str,
}
