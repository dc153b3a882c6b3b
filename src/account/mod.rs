//! Whose credential is this, and what becomes of it: authenticate, refresh, verify, log out, profile.
//!
//! `api/` calls [`AccountService`]; it joins the credentials and the store. One read for each authenticated request.

mod authenticate;
mod credentials;
mod error;
mod export_and_delete;
mod provider_token;
mod social_accounts;
mod tokens;
mod update_user;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use self::authenticate::{Authorization, Caller, Family, Presented, Proof};
pub use self::credentials::{Listed, ListedPage};
pub use self::error::{AuthError, Challenge};
pub use self::export_and_delete::Export;
pub use self::provider_token::{TokenError, revoke_provider_tokens, rotate_keys};
pub use self::social_accounts::{Unlink, visible_extra_data};
pub use self::tokens::Refreshed;
pub use self::update_user::ChangeError;
use crate::clock::{Deps, UnixMillis};
use crate::credential::Credentials;
use crate::model::{AuditEvent, AuditKind, ClientInfo, Kind, UserId};
use crate::provider::Providers;
use crate::settings::Settings;
use crate::store::Repository;

/// How long `/readyz` may take.
const READINESS_TIMEOUT: Duration = Duration::from_millis(900);

/// Writes of bookkeeping under way at once; further ones are left out.
const MAX_BOOKKEEPING_WRITES: usize = 16;
/// How long a read waits for the bookkeeping beside it.
const BOOKKEEPING_WAIT: Duration = Duration::from_millis(250);

/// Cheap to clone.
#[derive(Clone)]
pub struct AccountService {
    settings: Arc<Settings>,
    credentials: Arc<Credentials>,
    providers: Providers,
    store: Arc<dyn Repository>,
    deps: Deps,
    /// Background tasks that revoke tokens at providers.
    revocations: TaskTracker,
    /// Bounds the writes of bookkeeping that are under way.
    bookkeeping: Arc<Semaphore>,
}

impl AccountService {
    pub fn new(
        settings: Arc<Settings>,
        credentials: Arc<Credentials>,
        providers: Providers,
        store: Arc<dyn Repository>,
        deps: Deps,
    ) -> Self {
        let bookkeeping = Arc::new(Semaphore::new(MAX_BOOKKEEPING_WRITES));
        Self { settings, credentials, providers, store, deps, revocations: TaskTracker::new(), bookkeeping }
    }

    fn event(&self, event: AuditKind, kind: Option<Kind>, user: UserId, client: &ClientInfo) -> AuditEvent {
        let (at, client) = (self.deps.now(), client.clone());
        AuditEvent { at, event, code: None, provider: None, kind, user_id: Some(user), client }
    }

    /// One row of the audit trail.
    async fn note(
        &self,
        event: AuditKind,
        kind: Option<Kind>,
        user: UserId,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        Ok(self.store.insert_audit_event(&self.event(event, kind, user, client)).await?)
    }

    pub fn now(&self) -> UnixMillis {
        self.deps.now()
    }

    /// Whether a login could be written now. The answer comes within a second.
    pub async fn is_ready(&self) -> bool {
        let probe = tokio::time::timeout(READINESS_TIMEOUT, self.store.probe(self.deps.now()));
        probe.await.is_ok_and(|probed| probed.is_ok())
    }
}
