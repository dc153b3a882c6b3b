//! The service behind every route for signed-in users: its parts, and how it writes audit events.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::error::AuthError;
use super::signing_keys::SigningKeyService;
use crate::clock::{Deps, UnixMillis};
use crate::credential::Credentials;
use crate::credential::jwt::{JwtFault, TokenType, Verified};
use crate::model::{AuditEvent, AuditKind, ClientInfo, CredentialKind, UserId};
use crate::provider::Providers;
use crate::rate_limit::RateLimits;
use crate::settings::Settings;
use crate::store::{self, Repository};

/// Maximum concurrent writes of `last_used`; further ones are skipped.
const MAX_BOOKKEEPING_WRITES: usize = 16;
/// How long a request waits for its write of `last_used`.
pub(super) const BOOKKEEPING_WAIT: Duration = Duration::from_millis(250);

/// Serves signed-in users. Cheap to clone.
#[derive(Clone)]
pub struct AccountService {
    pub(super) settings: Arc<Settings>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) providers: Providers,
    pub(super) store: Arc<dyn Repository>,
    pub(super) deps: Deps,
    pub(super) rate_limits: RateLimits,
    /// Tasks that refresh tokens at providers. A shutdown waits for them.
    pub(super) refreshes: TaskTracker,
    /// Tasks that revoke tokens at providers. A shutdown waits for them.
    pub(super) revocations: TaskTracker,
    /// Limits the concurrent writes of `last_used`.
    pub(super) bookkeeping: Arc<Semaphore>,
    pub(super) signing_keys: Arc<SigningKeyService>,
}

impl AccountService {
    /// Joins the parts.
    pub fn new(
        settings: Arc<Settings>,
        credentials: Arc<Credentials>,
        providers: Providers,
        store: Arc<dyn Repository>,
        deps: Deps,
        rate_limits: RateLimits,
    ) -> Self {
        let cipher = settings.signing_key_cipher.clone();
        let signing_keys = SigningKeyService::new(credentials.clone(), store.clone(), cipher, deps.clone());
        Self {
            settings,
            credentials,
            providers,
            store,
            deps,
            rate_limits,
            refreshes: TaskTracker::new(),
            revocations: TaskTracker::new(),
            bookkeeping: Arc::new(Semaphore::new(MAX_BOOKKEEPING_WRITES)),
            signing_keys: Arc::new(signing_keys),
        }
    }

    /// Continues with the refreshes and revocations in progress of the service that this one replaces.
    pub fn continuing(self, before: &Self) -> Self {
        Self {
            refreshes: before.refreshes.clone(),
            revocations: before.revocations.clone(),
            bookkeeping: before.bookkeeping.clone(),
            ..self
        }
    }

    /// The keys that sign JWTs.
    pub fn signing_keys(&self) -> &Arc<SigningKeyService> {
        &self.signing_keys
    }

    /// Verifies a JWT. If it names an unknown key, which another node may have made, the keys are read again before.
    ///
    /// Errors: the database.
    pub(super) async fn verify_jwt(
        &self,
        token: &str,
        accepted: &[TokenType],
    ) -> store::Result<Result<Verified, JwtFault>> {
        let jwt = &self.credentials.jwt;
        let verified = jwt.verify(token, accepted, self.deps.now());
        if verified.as_ref().is_err_and(|fault| *fault == JwtFault::Invalid)
            && self.signing_keys.reload_for(token).await?
        {
            return Ok(jwt.verify(token, accepted, self.deps.now()));
        }
        Ok(verified)
    }

    /// Counts a request of this user. Errors: `too_many_requests` (SEC-43).
    pub(super) async fn check_user_limit(&self, user: UserId) -> Result<(), AuthError> {
        let checked = self.rate_limits.check_user(user).await;
        checked.map_err(|exceeded| AuthError::TooManyRequests(user, Box::new(exceeded)))
    }

    pub(super) fn event(
        &self,
        event: AuditKind,
        kind: Option<CredentialKind>,
        user: UserId,
        client: &ClientInfo,
    ) -> AuditEvent {
        AuditEvent { kind, user_id: Some(user), ..AuditEvent::new(event, client.clone(), self.deps.now()) }
    }

    /// Writes a row of the audit log. Errors: the database.
    pub(super) async fn audit(
        &self,
        event: AuditKind,
        kind: Option<CredentialKind>,
        user: UserId,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        Ok(self.store.insert_audit_event(&self.event(event, kind, user, client)).await?)
    }

    /// The current time.
    pub fn now(&self) -> UnixMillis {
        self.deps.now()
    }

    /// Whether a login could be written now; takes less than a second.
    pub async fn is_ready(&self) -> bool {
        self.store.probe(self.deps.now()).await.is_ok()
    }
}
