//! What an event says: `{type, timestamp, version, data}`, and who wants which. Nothing in it authenticates anybody.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditKind, EventFactory, EventType, NewEvent, User, UserEvent, UserFields};
use crate::settings::Settings;

/// Counted up when a member changes its meaning or goes; new ones may come without it.
const VERSION: u64 = 1;

/// Asked by the store inside each transaction about a user; words the events that the settings want.
///
/// `None`: nobody wants any.
pub fn event_factory(settings: &Settings, deps: &Deps) -> Option<EventFactory> {
    let wanted = settings.webhooks.as_ref()?.events.clone();
    let (fields, deps) = (settings.users.own_fields.clone(), deps.clone());
    Some(Arc::new(move |happened| {
        let kind = kind_of(happened.audit.event).filter(|kind| wanted.contains(kind))?;
        let body = body(kind, happened.audit.at, data(happened, &fields));
        Some(NewEvent { id: new_id(&deps), kind, body })
    }))
}

fn kind_of(event: AuditKind) -> Option<EventType> {
    Some(match event {
        AuditKind::SignUp => EventType::UserCreated,
        AuditKind::SignIn => EventType::UserSignedIn,
        AuditKind::Link => EventType::AccountLinked,
        AuditKind::Unlink => EventType::AccountUnlinked,
        AuditKind::Deactivated => EventType::UserDeactivated,
        AuditKind::Activated => EventType::UserActivated,
        AuditKind::Deleted => EventType::UserDeleted,
        AuditKind::Updated => EventType::UserUpdated,
        AuditKind::Refused | AuditKind::LogOut | AuditKind::Exported | AuditKind::ProviderTokensDropped => return None,
    })
}

fn data(happened: &UserEvent<'_>, fields: &UserFields) -> Map<String, Value> {
    let mut data = Map::from_iter([("user".to_owned(), user(happened.user, fields))]);
    if let Some((provider, uid)) = happened.account {
        data.insert("account".to_owned(), json!({"provider": provider, "uid": uid}));
    }
    if let Some(kind) = happened.audit.kind {
        data.insert("credential".to_owned(), kind.to_string().into());
    }
    data
}

fn user(user: &User, fields: &UserFields) -> Value {
    let mut shown = json!({
        "id": user.id,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "email_verified": user.email_verified,
        "is_active": user.is_active,
        "created": user.created.rfc3339(),
    });
    if !fields.is_empty() {
        shown["fields"] = Value::Object(fields.of(user).fields.clone());
    }
    shown
}

pub(super) fn body(kind: EventType, at: UnixMillis, data: Map<String, Value>) -> String {
    json!({"type": kind.name(), "timestamp": at.rfc3339(), "version": VERSION, "data": data}).to_string()
}

pub(super) fn new_id(deps: &Deps) -> String {
    format!("msg_{}", deps.token::<16>())
}
