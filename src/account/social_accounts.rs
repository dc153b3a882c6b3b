//! What a user sees of their linked accounts: everything but what authenticates.

use serde_json::{Map, Value};

use super::{AccountService, AuthError, Caller};
use crate::model::{AccountId, AuditKind, ClientInfo, SocialAccount, authenticates};
use crate::store::Unlinked;

impl AccountService {
    pub async fn accounts(&self, caller: &Caller) -> Result<Vec<SocialAccount>, AuthError> {
        let mut accounts = self.store.accounts_of(caller.user.id).await?;
        for account in &mut accounts {
            account.extra_data = visible_extra_data(&account.extra_data);
        }
        Ok(accounts)
    }
}

/// What became of an unlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlink {
    Done,
    /// Nobody could sign in as this user any more: it stays.
    LastWayIn,
    NotFound,
}

impl AccountService {
    /// Takes an account from the caller (SEC-25), and gives its tokens back to the provider where that can be. Errors:
    /// `fresh_login_required`.
    pub async fn unlink(&self, caller: &Caller, account: AccountId, client: &ClientInfo) -> Result<Unlink, AuthError> {
        self.require_fresh_login(caller).await?;
        let user = caller.user.id;
        let audit = self.event(AuditKind::Unlink, None, user, client);
        let counts = |name: &str| {
            let provider = self.providers.get(name);
            provider.is_some_and(|there| there.settings().user_rules.allows_sign_in && !there.is_association_only())
        };
        match self.store.unlink(user, account, &counts, &audit).await? {
            Unlinked::Done(unlinked) => {
                self.revoke_provider_tokens(vec![*unlinked]);
                Ok(Unlink::Done)
            }
            Unlinked::LastLoginMethod => Ok(Unlink::LastWayIn),
            Unlinked::NotFound => Ok(Unlink::NotFound),
        }
    }
}

/// Rows of other origins, such as an imported database, may hold tokens: they are left out, at any depth, and so is what
/// begins with an underscore.
pub fn visible_extra_data(value: &Value) -> Value {
    filtered(value, &|name| !authenticates(name) && !name.starts_with('_'))
}

/// All of it but what authenticates.
pub(super) fn exported_extra_data(value: &Value) -> Value {
    filtered(value, &|name| !authenticates(name))
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
    fn extra_data_is_shown_without_what_authenticates() {
        let stored = json!({"id": 1, "token_type": "bearer", "access_token": {"oauth_token": "a"}, "_raw": 1,
            "client_secret": "x", "nested": {"refresh_token": "y", "plan": "free"}, "list": [{"password": "z"}]});
        let shown = json!({"id": 1, "token_type": "bearer", "nested": {"plan": "free"}, "list": [{}]});
        assert_eq!(visible_extra_data(&stored), shown);
        let exported = exported_extra_data(&stored);
        assert_eq!((exported.get("_raw"), exported.get("access_token")), (Some(&json!(1)), None));
    }
}
