//! Whose credential is this, and what becomes of it: authenticate, refresh, verify, log out, profile.
//!
//! `api/` calls [`AccountService`]; it joins the credentials and the store. One read for each authenticated request.

mod authenticate;
mod credentials;
mod error;
mod profile;
mod provider_token;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

pub use self::authenticate::{Caller, Family, Presented, Proof};
pub use self::credentials::Listed;
pub use self::error::{AuthError, Challenge};
pub use self::profile::{Unlink, visible_extra_data};
pub use self::provider_token::{TokenError, give_back, rotate_keys};
pub use self::tokens::Refreshed;
use crate::clock::{Ambient, UnixMillis};
use crate::credential::Credentials;
use crate::model::{AuditEvent, AuditKind, ClientInfo, Kind, UserId};
use crate::provider::Providers;
use crate::secrets::Vault;
use crate::settings::Settings;
use crate::store::Repository;

/// Cheap to clone.
#[derive(Clone)]
pub struct AccountService {
    credentials: Arc<Credentials>,
    providers: Providers,
    store: Arc<dyn Repository>,
    vault: Option<Arc<Vault>>,
    /// For the calls that renew a provider's token or give it back.
    longest_renewal: Duration,
    ambient: Ambient,
}

impl AccountService {
    pub fn new(
        settings: &Settings,
        credentials: Arc<Credentials>,
        providers: Providers,
        store: Arc<dyn Repository>,
        ambient: Ambient,
    ) -> Self {
        let (vault, longest_renewal) = (settings.vault.clone(), settings.outgoing.login_timeout);
        Self { credentials, providers, store, vault, longest_renewal, ambient }
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

    pub fn now(&self) -> UnixMillis {
        self.ambient.now()
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        self.store.ping().await.is_ok()
    }
}
