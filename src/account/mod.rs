//! Whose credential is this, and what becomes of it: authenticate, refresh, verify, log out, profile.
//!
//! `api/` calls [`AccountService`]; it joins the credentials and the store. One read for each authenticated request.

mod authenticate;
mod credentials;
mod error;
mod profile;
mod tokens;

use std::sync::Arc;

pub use self::authenticate::{Caller, Family, Presented, Proof};
pub use self::credentials::Listed;
pub use self::error::{AuthError, Challenge};
pub use self::profile::{Unlink, visible_extra_data};
pub use self::tokens::Refreshed;
use crate::clock::Ambient;
use crate::credential::Credentials;
use crate::model::{AuditEvent, AuditKind, ClientInfo, Kind, UserId};
use crate::provider::Providers;
use crate::store::Repository;

/// Cheap to clone.
#[derive(Clone)]
pub struct AccountService {
    credentials: Arc<Credentials>,
    providers: Providers,
    store: Arc<dyn Repository>,
    ambient: Ambient,
}

impl AccountService {
    pub fn new(
        credentials: Arc<Credentials>,
        providers: Providers,
        store: Arc<dyn Repository>,
        ambient: Ambient,
    ) -> Self {
        Self { credentials, providers, store, ambient }
    }

    /// One row of the audit trail.
    async fn note(
        &self,
        event: AuditKind,
        kind: Option<Kind>,
        user: UserId,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        let (at, client) = (self.ambient.now(), client.clone());
        let event = AuditEvent { at, event, code: None, provider: None, kind, user_id: Some(user), client };
        Ok(self.store.audit(&event).await?)
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        self.store.ping().await.is_ok()
    }
}
