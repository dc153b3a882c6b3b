//! The linked accounts of a user: list, unlink, and which extra data is shown.

use serde_json::{Map, Value};

use super::account_service::AccountService;
use super::authenticate::Caller;
use super::error::AuthError;
use crate::model::{AccountId, AuditKind, ClientInfo, SocialAccount, is_secret_name};
use crate::store::{StoredAccount, Unlinked};

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

    /// Unlinks an account of the caller (SEC-25), and revokes its provider tokens. Errors: `fresh_login_required`,
    /// `too_many_requests`.
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
        let can_sign_in = |name: &str| {
            let provider = self.providers.get(name);
            provider.is_some_and(|found| found.settings().user_rules.allows_sign_in && !found.is_association_only())
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
