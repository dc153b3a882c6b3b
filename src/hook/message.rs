//! The body of an event, made from the change and its audit event: `{type, timestamp, version, data}`. It contains no credential.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::clock::{Deps, UnixMillis};
use crate::model::{AuditKind, EventFactory, EventType, NewEvent, User, UserEvent, UserFields};
use crate::settings::Settings;

/// Incremented when a member changes its meaning or is removed, not when one is added.
const VERSION: u64 = 1;

/// Makes the events that WEBHOOK_EVENTS lists, inside the transaction that changes a user. `None`: WEBHOOK_URL is not set.
pub fn event_factory(settings: &Settings, deps: &Deps) -> Option<EventFactory> {
    let wanted = settings.webhooks.as_ref()?.events.clone();
    let (fields, deps) = (settings.users.own_fields.clone(), deps.clone());
    Some(Arc::new(move |user_event| {
        let kind = kind_of(user_event.audit.event).filter(|kind| wanted.contains(kind))?;
        let body = body(kind, user_event.audit.at, data(user_event, &fields));
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
        AuditKind::TokenReused => EventType::TokenReused,
        AuditKind::Refused
        | AuditKind::LogOut
        | AuditKind::Exported
        | AuditKind::ProviderTokensDropped
        | AuditKind::ServiceAdded
        | AuditKind::ServiceRemoved
        | AuditKind::SigningKeyRotated
        | AuditKind::SigningKeyRotationRequested
        | AuditKind::SigningKeyRetired => return None,
    })
}

fn data(user_event: &UserEvent<'_>, fields: &UserFields) -> Map<String, Value> {
    let mut data = Map::from_iter([("user".to_owned(), user(user_event.user, fields))]);
    if let Some((provider, uid)) = user_event.account {
        data.insert("account".to_owned(), json!({"provider": provider, "uid": uid}));
    }
    if let Some(kind) = user_event.audit.kind {
        data.insert("credential".to_owned(), kind.to_string().into());
    }
    if let Some(attached) = user_event.data {
        data.insert("data".to_owned(), Value::Object(attached.clone()));
    }
    data
}

fn user(user: &User, fields: &UserFields) -> Value {
    let mut members = json!({
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
        members["fields"] = Value::Object(fields.of(user).fields.clone());
    }
    members
}

pub(super) fn body(kind: EventType, at: UnixMillis, data: Map<String, Value>) -> String {
    json!({"type": kind.name(), "timestamp": at.rfc3339(), "version": VERSION, "data": data}).to_string()
}

pub(super) fn new_id(deps: &Deps) -> String {
    format!("msg_{}", deps.token::<16>())
}
