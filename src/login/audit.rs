//! What became of a login, in the log and in the audit trail (SEC-45). A sign-in's row is written with it, in one
//! transaction; a refusal's by [`LoginService::note`], once: with the answer that refuses, or before it where a code was
//! claimed, since the caller may have gone by then.

use std::borrow::Cow;

use super::error::LoginError;
use super::{LoginService, Outcome};
use crate::model::{AuditEvent, ClientInfo, Kind, RefusalContext};

impl LoginService {
    /// The row of something that was refused, with the stable code that says why. A row that cannot be written is no reason
    /// to answer otherwise; where the database does not answer, nobody waits for it once more.
    pub async fn note(&self, code: Cow<'static, str>, about: &mut RefusalContext, client: &ClientInfo) {
        if about.is_written || code == "database_unavailable" {
            return;
        }
        let event = AuditEvent::of_refusal(code, about, client.clone(), self.deps.now());
        match self.store.insert_audit_event(&event).await {
            Ok(()) => about.is_written = true,
            Err(failure) => tracing::warn!(%failure, "the refusal could not be put into the audit trail"),
        }
    }

    /// The log line of a login that went on, and what is known of one that did not. A name that no provider has is a
    /// stranger's text, as long as they like: it stays out of log and trail.
    pub(super) fn told(
        &self,
        provider: &str,
        kind: Kind,
        result: Result<Outcome, LoginError>,
    ) -> Result<Outcome, LoginError> {
        let provider = self.providers.get(provider).map(|provider| provider.name());
        match &result {
            Ok(Outcome::SignedIn(answer)) => {
                tracing::info!(provider, %kind, user_id = answer.user.id.0, "signed in");
            }
            Ok(Outcome::RequestToken { .. }) => tracing::info!(provider, %kind, "request token given"),
            Ok(Outcome::PendingLogin(pending_login)) => {
                tracing::info!(provider, %kind, step = pending_login.step, "login waits for the person");
            }
            Err(_) => {}
        }
        result.map_err(|error| error.of(provider, kind, None))
    }
}
