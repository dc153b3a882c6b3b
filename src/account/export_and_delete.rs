//! Exports the data of a user, and deletes users.

use super::account_service::AccountService;
use super::authenticate::Caller;
use super::credentials::ListedCredential;
use super::error::AuthError;
use super::social_accounts::exported_extra_data;
use crate::clock::UnixMillis;
use crate::model::{AuditFilter, AuditKind, AuditRecord, ClientInfo, SocialAccount, User};

/// Maximum rows of the audit log in an export; the newest are included.
const MAX_EXPORTED_EVENTS: i64 = 10_000;

/// All stored data of a user, without tokens and secrets.
#[derive(Clone, Debug)]
pub struct Export {
    /// When it was exported.
    pub at: UnixMillis,
    /// The user.
    pub user: User,
    /// Their social accounts.
    pub accounts: Vec<SocialAccount>,
    /// Their credentials.
    pub credentials: Vec<ListedCredential>,
    /// Their rows of the audit log, the newest first.
    pub events: Vec<AuditRecord>,
}

impl AccountService {
    /// Exports the caller's data, and writes that to the audit log.
    ///
    /// Errors: the database fails.
    pub async fn export(&self, caller: &Caller, client: &ClientInfo) -> Result<Export, AuthError> {
        self.check_user_limit(caller.user.id).await?;
        let mut accounts = self.store.accounts_of(caller.user.id).await?;
        for account in &mut accounts {
            account.extra_data = exported_extra_data(&account.extra_data);
        }
        let export = Export {
            at: self.deps.now(),
            user: caller.user.clone(),
            accounts,
            credentials: self.credentials(caller).await?,
            events: self.store.audit_events(&AuditFilter::of_user(caller.user.id), MAX_EXPORTED_EVENTS).await?,
        };
        self.audit(AuditKind::Exported, None, caller.user.id, client).await?;
        Ok(export)
    }

    /// Deletes the user with all data except the audit log and undelivered webhook events, and revokes the provider tokens.
    /// Errors: `fresh_login_required`, `too_many_requests`.
    pub async fn delete(&self, caller: &Caller, client: &ClientInfo) -> Result<(), AuthError> {
        self.check_user_limit(caller.user.id).await?;
        self.require_fresh_login(caller).await?;
        let user = caller.user.id;
        let audit = self.event(AuditKind::Deleted, None, user, client);
        let deleted = self.store.delete_user(user, &audit).await?.ok_or(AuthError::UserNotFound)?;
        self.count_revoked(deleted.credentials);
        self.revoke_provider_tokens(deleted.accounts);
        Ok(())
    }
}
