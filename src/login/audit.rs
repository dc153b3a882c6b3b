//! Outcomes of logins in the log and in the audit log (SEC-45). A sign-in is written by its own transaction. A refusal is
//! written once, by [`LoginService::audit_refusal`]: when it is answered, or earlier when a code was claimed, since the
//! caller may have disconnected by then.

use std::borrow::Cow;

use super::error::LoginError;
use super::outcome::LoginOutcome;
use super::service::LoginService;
use crate::model::{AuditEvent, AuditState, ClientInfo, CredentialKind, RefusalContext};

impl LoginService {
    /// Writes a refusal, with its stable code, to the audit log. A failed write does not change the answer.
    pub async fn audit_refusal(&self, code: Cow<'static, str>, context: &mut RefusalContext, client: &ClientInfo) {
        if context.audit != AuditState::Due {
            return;
        }
        let event = AuditEvent::of_refusal(code, context, client.clone(), self.deps.now());
        match self.store.insert_audit_event(&event).await {
            Ok(()) => context.audit = AuditState::Written,
            Err(failure) => tracing::warn!(%failure, "the refusal could not be written to the audit log"),
        }
    }

    /// Counts a login, logs a successful one, and completes the context of a refused one. An unknown provider name is text of an
    /// unauthenticated caller, so it is left out of both logs.
    pub(super) fn log_outcome(
        &self,
        provider: &str,
        kind: CredentialKind,
        result: Result<LoginOutcome, LoginError>,
    ) -> Result<LoginOutcome, LoginError> {
        let provider = self.providers.get(provider).map(|provider| provider.name());
        let metrics = self.deps.metrics();
        match &result {
            Ok(LoginOutcome::SignedIn(answer)) => {
                metrics.login(provider, kind, || "ok".into());
                tracing::info!(provider, %kind, user_id = answer.user.id.0, "signed in");
            }
            Ok(LoginOutcome::PendingLogin(pending_login)) => {
                metrics.login(provider, kind, || "additional_input_required".into());
                tracing::info!(provider, %kind, step = pending_login.step, "login waits for additional input");
            }
            // The first step of OAuth 1.0a, which ends no login.
            Ok(LoginOutcome::RequestToken { .. }) => tracing::info!(provider, %kind, "request token issued"),
            Err(error) => metrics.login(provider, kind, || error.refusal.code()),
        }
        result.map_err(|error| error.with_login(provider, kind, None))
    }
}
