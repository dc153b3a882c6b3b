//! Which users of a provider may sign in: the rules of the descriptor, ALLOW_GROUPS, and verified addresses as the uid.

use super::configured::Provider;
use super::context::ExchangeContext;
use super::error::ProviderError;
use super::expression::Scope;
use super::id_token;
use super::uid_keys::UNVERIFIED_KEY;
use crate::model::{Identity, ScopeRule};

impl Provider {
    /// The rules of the descriptor. Errors: the first rule that the user does not meet.
    pub(super) fn check_admission(&self, scope: &Scope<'_>) -> Result<(), ProviderError> {
        for rule in &self.descriptor.admission {
            rule.check(scope, |reason| ProviderError::NotAllowed { reason })?;
        }
        Ok(())
    }

    /// ALLOW_GROUPS. A group counts only within the organization that issued it: an administrator of another one can create a group
    /// of the same name.
    ///
    /// Errors: the user is in none of the groups, or the groups of the organization do not count.
    pub(super) fn check_groups(
        &self,
        context: &ExchangeContext<'_>,
        scope: &Scope<'_>,
        identity: &Identity,
    ) -> Result<(), ProviderError> {
        let allowed = self.values.texts("ALLOW_GROUPS");
        if allowed.is_empty() {
            return Ok(());
        }
        let not_allowed = |reason: &str| Err(ProviderError::NotAllowed { reason: reason.to_owned() });
        let groups = self.descriptor.user.groups.as_ref().map_or(Ok(Vec::new()), |expr| expr.texts(scope))?;
        if !groups.iter().any(|group| allowed.contains(group)) {
            return not_allowed("None of your groups may sign in.");
        }
        let issuers = self.issuers(context.discovery.as_deref());
        if self.needs_allowed_organizations(identity.uid_scope.rule, &issuers) {
            tracing::error!(
                provider = self.name,
                "a login was refused: ALLOW_GROUPS names groups, and users of any organization can sign in. Set \
                 ALLOWED_ORGANIZATIONS to the organizations whose groups count"
            );
            return not_allowed("Groups of your organization do not count here.");
        }
        Ok(())
    }

    /// Whether groups count only with ALLOWED_ORGANIZATIONS, because users of any organization can sign in. `issuers`: those of ID
    /// tokens, as far as they are known.
    pub(super) fn needs_allowed_organizations(&self, rule: ScopeRule, issuers: &[String]) -> bool {
        let is_of_any_organization = match rule {
            ScopeRule::OneIssuer => {
                !self.verifies_id_token() && self.supplies_organization() && self.has_foreign_groups()
            }
            ScopeRule::Tenant => issuers.is_empty() || id_token::any_has_tenants(issuers),
            ScopeRule::ImportedTenant => false,
        };
        is_of_any_organization && self.settings.user_rules.allowed_organizations.is_empty()
    }

    /// An address is the uid of its user only if the provider has verified it. Any user could enter another one.
    ///
    /// Errors: the address is not verified.
    pub(super) fn check_address_uid(&self, identity: &Identity) -> Result<(), ProviderError> {
        if !self.uid_keys.is_address() || self.values.is_on(UNVERIFIED_KEY) {
            return Ok(());
        }
        let verified = identity.email.as_ref().filter(|_| identity.email_verified);
        if identity.uid_address.is_some() && verified.is_some_and(|address| identity.has_uid(address.as_str())) {
            return Ok(());
        }
        let reason = "The provider has not verified your e-mail address, which identifies you here.".to_owned();
        Err(ProviderError::NotAllowed { reason })
    }
}
