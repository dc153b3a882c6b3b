use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::model::{AuditEvent, User, UserId};

/// What the operator's own software can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// Asked before it happens, and waited for; all others are told afterwards.
    UserCreating,
    UserCreated,
    UserSignedIn,
    AccountLinked,
    AccountUnlinked,
    UserUpdated,
    UserDeactivated,
    UserActivated,
    UserDeleted,
}

impl EventType {
    pub const ALL: [Self; 9] = [
        Self::UserCreating,
        Self::UserCreated,
        Self::UserSignedIn,
        Self::AccountLinked,
        Self::AccountUnlinked,
        Self::UserUpdated,
        Self::UserDeactivated,
        Self::UserActivated,
        Self::UserDeleted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::UserCreating => "user.creating",
            Self::UserCreated => "user.created",
            Self::UserSignedIn => "user.signed_in",
            Self::AccountLinked => "account.linked",
            Self::AccountUnlinked => "account.unlinked",
            Self::UserUpdated => "user.updated",
            Self::UserDeactivated => "user.deactivated",
            Self::UserActivated => "user.activated",
            Self::UserDeleted => "user.deleted",
        }
    }
}

/// Something that is being written, as the transaction that writes it sees it.
pub struct UserEvent<'a> {
    pub audit: &'a AuditEvent,
    /// As it is afterwards; a deleted one as it was.
    pub user: &'a User,
    /// Provider and uid, where it is about an account.
    pub account: Option<(&'a str, &'a str)>,
}

/// An event to be written in the same transaction as what it tells of.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The same at every attempt to deliver it.
    pub id: String,
    pub kind: EventType,
    /// As it is signed and sent.
    pub body: String,
}

/// Asked inside each transaction about users: `None` where nobody wants to know.
pub type EventFactory = Arc<dyn Fn(&UserEvent<'_>) -> Option<NewEvent> + Send + Sync>;

/// An event that is to be delivered now.
#[derive(Clone, Debug)]
pub struct DueEvent {
    pub id: String,
    pub body: String,
    /// How often it was tried, this time included.
    pub attempts: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    Pending,
    Delivered,
    /// Given up after the last attempt.
    Dead,
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        })
    }
}

/// A queued event as read back, moments in RFC 3339, UTC.
#[derive(Clone, Debug)]
pub struct EventRecord {
    pub id: String,
    pub kind: String,
    pub user_id: UserId,
    pub state: EventState,
    pub attempts: i64,
    pub created: String,
    pub next_attempt: Option<String>,
    pub delivered: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// As it is signed and sent.
    pub body: String,
}
