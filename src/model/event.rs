//! Webhook events: their types, queue rows and delivery states.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{AuditEvent, User, UserId};

/// The type of a webhook event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum EventType {
    /// Asks before a user is created, and waits for the answer. All other events are sent afterwards.
    #[strum(serialize = "user.creating")]
    UserCreating,
    /// A sign-up.
    #[strum(serialize = "user.created")]
    UserCreated,
    /// A login of an existing user.
    #[strum(serialize = "user.signed_in")]
    UserSignedIn,
    /// An account was linked to a user.
    #[strum(serialize = "account.linked")]
    AccountLinked,
    /// An account was unlinked.
    #[strum(serialize = "account.unlinked")]
    AccountUnlinked,
    /// The user changed their own data.
    #[strum(serialize = "user.updated")]
    UserUpdated,
    /// An operator deactivated the user.
    #[strum(serialize = "user.deactivated")]
    UserDeactivated,
    /// An operator activated the user.
    #[strum(serialize = "user.activated")]
    UserActivated,
    /// The user was deleted.
    #[strum(serialize = "user.deleted")]
    UserDeleted,
    /// A refresh token was used after its successor was used: its token family was revoked.
    #[strum(serialize = "token.reused")]
    TokenReused,
}

impl EventType {
    /// Every type.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The `type` member of the event.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A change of a user, as the transaction that writes it sees it.
pub struct UserEvent<'a> {
    /// What happened.
    pub audit: &'a AuditEvent,
    /// After the change; a deleted user as it was.
    pub user: &'a User,
    /// Provider and uid, when an account is concerned.
    pub account: Option<(&'a str, &'a str)>,
    /// What the application attached to the login.
    pub data: Option<&'a Map<String, Value>>,
}

/// A webhook event to be written in the transaction of the change.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The same at every delivery attempt.
    pub id: String,
    /// The `type` member.
    pub kind: EventType,
    /// The body as it is signed and sent.
    pub body: String,
}

/// Makes the event of a change, inside its transaction; `None` when WEBHOOK_EVENTS does not list it.
pub type EventFactory = Arc<dyn Fn(&UserEvent<'_>) -> Option<NewEvent> + Send + Sync>;

/// An event that is due for delivery.
#[derive(Clone, Debug)]
pub struct DueEvent {
    /// As in [`NewEvent::id`].
    pub id: String,
    /// As in [`NewEvent::body`].
    pub body: String,
    /// Delivery attempts, including this one.
    pub attempts: i64,
}

/// The delivery state of an event. Its text form is snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventState {
    /// Not delivered yet.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// Every attempt failed.
    Dead,
}

/// A queued event as read back, times in RFC 3339, UTC.
#[derive(Clone, Debug)]
pub struct EventRecord {
    /// As in [`NewEvent::id`].
    pub id: String,
    /// Name of the [`EventType`].
    pub kind: String,
    /// The user concerned.
    pub user_id: UserId,
    /// The state of its delivery.
    pub state: EventState,
    /// Delivery attempts so far.
    pub attempts: i64,
    /// When the change was made.
    pub created: String,
    /// When it is due again; `None`: there is no further attempt.
    pub next_attempt: Option<String>,
    /// When the receiver accepted it.
    pub delivered: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// The body as it is signed and sent.
    pub body: String,
}
