//! All that is kept of a user, handed out; and the end of a user with all that is theirs.

use super::social_accounts::exported_extra_data;
use super::{AccountService, AuthError, Caller, Listed};
use crate::clock::UnixMillis;
use crate::model::{AuditFilter, AuditKind, AuditRecord, ClientInfo, SocialAccount, User};

/// Rows of the audit trail in an export: the newest.
const MOST_EVENTS: i64 = 10_000;

/// All that is kept of a user but what authenticates.
#[derive(Clone, Debug)]
pub struct Export {
    pub at: UnixMillis,
    pub user: User,
    pub accounts: Vec<SocialAccount>,
    pub credentials: Vec<Listed>,
    /// The newest first.
    pub events: Vec<AuditRecord>,
}

impl AccountService {
    pub async fn export(&self, caller: &Caller, client: &ClientInfo) -> Result<Export, AuthError> {
        let mut accounts = self.store.accounts_of(caller.user.id).await?;
        for account in &mut accounts {
            account.extra_data = exported_extra_data(&account.extra_data);
        }
        let export = Export {
            at: self.deps.now(),
            user: caller.user.clone(),
            accounts,
            credentials: self.credentials(caller).await?,
            events: self.store.audit_events(&AuditFilter::of_user(caller.user.id), MOST_EVENTS).await?,
        };
        self.note(AuditKind::Exported, None, caller.user.id, client).await?;
        Ok(export)
    }

    /// Ends every credential, gives the providers' tokens back where that can be, and leaves nothing but the audit
    /// trail and what webhooks still have to tell. Errors: `fresh_login_required`.
    pub async fn delete(&self, caller: &Caller, client: &ClientInfo) -> Result<(), AuthError> {
        self.require_fresh_login(caller).await?;
        let user = caller.user.id;
        let audit = self.event(AuditKind::Deleted, None, user, client);
        let accounts = self.store.delete_user(user, &audit).await?.ok_or(AuthError::UserNotFound)?;
        self.revoke_provider_tokens(accounts);
        Ok(())
    }
}
