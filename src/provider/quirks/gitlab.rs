//! GitLab tells a person's groups page by page, and only to a token with a scope for it; GROUPS_ENABLED asks for both.

use async_trait::async_trait;
use serde_json::Value;

use super::super::call::{Pairs, set};
use super::super::exchange::Login;
use super::super::expression::Scope;
use super::super::{Provider, ProviderError, config};
use super::Quirk;

/// Most pages of a hundred groups that are asked for: an endless list must not hold a login.
const PAGES: usize = 20;

pub struct GitLab;

fn asks_for_groups(provider: &Provider) -> bool {
    config::flag(&provider.values, "GROUPS_ENABLED") == Some(true)
}

#[async_trait]
impl Quirk for GitLab {
    fn authorization(&self, provider: &Provider, scope: &Scope<'_>, sent: &mut Pairs) -> Result<(), ProviderError> {
        let scopes = scope.scope.unwrap_or_default();
        let may_read = scopes.split(' ').any(|scope| matches!(scope, "api" | "read_api"));
        if asks_for_groups(provider) && !may_read {
            set(sent, "scope", format!("{scopes} read_api").trim_start().to_owned());
        }
        Ok(())
    }

    /// The person, then all their groups as one list.
    async fn profile_fetch(&self, login: &Login<'_>) -> Result<Option<Vec<Value>>, ProviderError> {
        let provider = login.provider;
        let [person, groups] = provider.descriptor.userinfo.as_slice() else { return Ok(None) };
        if !asks_for_groups(provider) {
            return Ok(None);
        }
        let mut bodies = Vec::new();
        if let Some(call) = provider.profile_call(login, person, 0, &login.scope())? {
            bodies.push(provider.ask(login, person, call).await?.0);
        }
        let (mut all, mut page) = (Vec::new(), "1".to_owned());
        for _ in 0..PAGES {
            let Some(mut call) = provider.profile_call(login, groups, 1, &login.scope())? else { break };
            set(&mut call.query, "page", page);
            let (body, headers) = provider.ask(login, groups, call).await?;
            all.extend(body.as_array().cloned().unwrap_or_default());
            match headers.get("x-next-page").and_then(Value::as_str).filter(|next| !next.is_empty()) {
                Some(next) => page = next.to_owned(),
                None => break,
            }
        }
        bodies.push(Value::Array(all));
        Ok(Some(bodies))
    }
}
