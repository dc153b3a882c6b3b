//! The linked accounts of a user: list, unlink, and which extra data is shown.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::account_service::AccountService;
use super::authenticate::Caller;
use super::error::AuthError;
use crate::model::{AccountId, AuditKind, ClientInfo, LegacyUids, SocialAccount, is_secret_name};
use crate::store::{StoredAccount, Unlinked};

/// Time limit for the discovery documents that decide which accounts a login finds.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

impl AccountService {
    /// The caller's accounts, with the extra data that may be shown.
    ///
    /// Errors: the database fails.
    pub async fn accounts(&self, caller: &Caller) -> Result<Vec<SocialAccount>, AuthError> {
        let mut accounts = self.store.accounts_of(caller.user.id).await?;
        for account in &mut accounts {
            account.extra_data = visible_extra_data(&account.extra_data);
        }
        Ok(accounts)
    }

    /// Unlinks an account of the caller, unless no login could find another one (SEC-25), and revokes its provider tokens.
    ///
    /// Errors: `fresh_login_required`, `too_many_requests`.
    pub async fn unlink(
        &self,
        caller: &Caller,
        account: AccountId,
        client: &ClientInfo,
    ) -> Result<Unlinked, AuthError> {
        self.check_user_limit(caller.user.id).await?;
        self.require_fresh_login(caller).await?;
        let user = caller.user.id;
        let audit = self.event(AuditKind::Unlink, None, user, client);
        let others = self.store.accounts_of(user).await?;
        let deadline = Instant::now() + DISCOVERY_TIMEOUT;
        for other in others.iter().filter(|other| other.id != account) {
            if let Some(provider) = self.providers.get(&other.provider) {
                provider.load_issuers(other, deadline).await;
            }
        }
        let now = self.deps.now();
        let can_sign_in = |stored: &SocialAccount| {
            self.providers.get(&stored.provider).is_some_and(|provider| {
                let rules = &provider.settings().user_rules;
                let legacy_uids = LegacyUids::at(now, rules.legacy_uids_until);
                rules.allows_sign_in && !provider.is_association_only() && provider.may_find(stored, legacy_uids)
            })
        };
        let result = self.store.unlink(user, account, &can_sign_in, &audit).await?;
        if let Unlinked::Done(account) = &result {
            self.revoke_provider_tokens(vec![StoredAccount::clone(account)]);
        }
        Ok(result)
    }
}

/// Extra data without tokens and secrets, which imported rows may contain, and without names that begin with an underscore.
pub fn visible_extra_data(value: &Value) -> Value {
    filtered(value, &|name| !is_secret_name(name) && !name.starts_with('_'))
}

/// Extra data without tokens and secrets.
pub(super) fn exported_extra_data(value: &Value) -> Value {
    filtered(value, &|name| !is_secret_name(name))
}

fn filtered(value: &Value, passes: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| passes(name));
            Value::Object(kept.map(|(name, value)| (name.clone(), filtered(value, passes))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| filtered(item, passes)).collect()),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn extra_data_is_shown_without_tokens_and_secrets() {
        let stored = json!({"id": 1, "token_type": "bearer", "access_token": {"oauth_token": "a"}, "_raw": 1,
            "client_secret": "x", "nested": {"refresh_token": "y", "plan": "free"}, "list": [{"password": "z"}]});
        let shown = json!({"id": 1, "token_type": "bearer", "nested": {"plan": "free"}, "list": [{}]});
        assert_eq!(visible_extra_data(&stored), shown);
        let exported = exported_extra_data(&stored);
        assert_eq!((exported.get("_raw"), exported.get("access_token")), (Some(&json!(1)), None));
    }
}
