//! The scope within which a uid is unique: the key, and the issuer or tenant.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::configured::Provider;
use super::error::{ProviderError, Stage};
use super::expression::{Part, Scope, Template};
use super::id_token;
use super::issuer::{names_tenant, normalize_issuer, scope_issuer};
use crate::model::{LegacyUids, ScopeRule, SocialAccount, UidScope};
use crate::outgoing::Freshness;

impl Provider {
    /// The scope of the uid of a login.
    ///
    /// Errors: the provider has many tenants, and this login has none.
    pub(super) fn uid_scope(&self, scope: &Scope<'_>, issuers: &[String]) -> Result<UidScope, ProviderError> {
        let of_claims = Template::parse("{id_token.iss}").unwrap_or_default();
        let tenant_rule = self.descriptor.uid.issuer.as_ref().filter(|rule| names_tenant(rule));
        let tenant = tenant_rule.or_else(|| id_token::any_has_tenants(issuers).then_some(&of_claims));
        let (issuer, rule) = if let Some(tenant) = tenant {
            let issuer = tenant.render(scope)?.filter(|issuer| !issuer.is_empty());
            let issuer = issuer.ok_or_else(|| ProviderError::failed(Stage::Profile, "the login has no tenant"))?;
            let normalized = normalize_issuer(&issuer);
            let is_imported = |tenant: String| normalize_issuer(&tenant).eq_ignore_ascii_case(&normalized);
            let is_imported = self.imported_tenant().is_some_and(is_imported);
            (issuer, if is_imported { ScopeRule::ImportedTenant } else { ScopeRule::Tenant })
        } else {
            (self.issuer.clone(), ScopeRule::OneIssuer)
        };
        let mut former = self.former_issuers(scope, rule);
        for template in &self.descriptor.uid.former_issuers {
            former.extend(template.render(scope)?.filter(|issuer| !issuer.is_empty()));
        }
        Ok(UidScope {
            current: self.scope_named(&issuer, rule),
            former: former.iter().map(|issuer| self.scope_named(issuer, rule)).collect(),
            rule,
        })
    }

    /// The tenant of imported accounts that have none. Django does not store it.
    pub fn imported_tenant(&self) -> Option<String> {
        self.values.text("IMPORTED_TENANT").map(str::to_owned).or_else(|| self.imported_tenant_of_descriptor())
    }

    /// As [`Self::imported_tenant`], without IMPORTED_TENANT.
    fn imported_tenant_of_descriptor(&self) -> Option<String> {
        let rule = self.descriptor.uid.imported_tenant.as_ref()?;
        rule.render(&Scope::of(&self.values)).ok().flatten().filter(|tenant| !tenant.is_empty())
    }

    /// The tenants of one host have different users, so an issuer with a tenant is never reduced to its host.
    fn scope_named(&self, issuer: &str, rule: ScopeRule) -> String {
        let is_host = self.descriptor.uid.issuer_is_host && rule == ScopeRule::OneIssuer;
        UidScope::named(&self.uid_keys.key, &scope_issuer(issuer, is_host))
    }

    /// FORMER_ISSUERS. For a provider with many tenants only entries with `{tenantid}` count, because under any other issuer the same
    /// subject may be a user of another tenant.
    fn former_issuers(&self, scope: &Scope<'_>, rule: ScopeRule) -> Vec<String> {
        let former = self.values.texts("FORMER_ISSUERS");
        if rule == ScopeRule::OneIssuer {
            return former;
        }
        let no_claims = Map::new();
        let claims = match scope.get("id_token") {
            Some(Part::Value(Value::Object(claims))) => claims,
            Some(Part::Members(claims)) => claims,
            _ => &no_claims,
        };
        let of_tenants = former.iter().filter(|issuer| id_token::has_tenants(issuer));
        of_tenants.filter_map(|issuer| id_token::with_tenant(issuer, claims)).collect()
    }

    /// The scopes in which a login can find accounts. `None`: they depend on the tenant of the login.
    pub fn known_uid_scopes(&self) -> Option<Vec<String>> {
        let rules = &self.descriptor.uid;
        let by_login = rules.issuer.iter().chain(&rules.former_issuers).any(names_tenant);
        let known = self.discovery_document.latest();
        if by_login || id_token::any_has_tenants(&self.issuers(known.as_deref())) {
            return None;
        }
        Some(self.issuers_of_settings().iter().map(|issuer| self.scope_named(issuer, ScopeRule::OneIssuer)).collect())
    }

    /// The issuers that do not depend on the login, the current one first.
    fn issuers_of_settings(&self) -> Vec<String> {
        let former = self.values.texts("FORMER_ISSUERS");
        std::iter::once(self.issuer.clone()).chain(former).chain(self.fixed_former_issuers()).collect()
    }

    /// The former issuers of the descriptor that do not depend on the login.
    fn fixed_former_issuers(&self) -> Vec<String> {
        let scope = Scope::of(&self.values);
        let fixed = self.descriptor.uid.former_issuers.iter().filter(|rule| !names_tenant(rule));
        fixed.filter_map(|rule| rule.render(&scope).ok().flatten()).filter(|issuer| !issuer.is_empty()).collect()
    }

    /// Whether a login may find a stored account: its scope is one of a login, and its uid is not a former key that no login accepts.
    pub fn may_find(&self, account: &SocialAccount, legacy_uids: LegacyUids) -> bool {
        let kept = account.kept_uid(&self.uid_keys.kept_as);
        let is_own_id = !account.legacy_uid || kept.as_ref().is_some_and(|kept| account.uid == *kept);
        let is_found_as_legacy =
            legacy_uids == LegacyUids::Accepted && (kept.is_none() || !self.uid_keys.legacy.is_empty());
        (is_own_id || is_found_as_legacy) && self.is_scope_of_a_login(&account.uid_scope)
    }

    fn is_scope_of_a_login(&self, scope: &str) -> bool {
        let rules = &self.descriptor.uid;
        let issuers = self.issuers(self.discovery_document.latest().as_deref());
        let accepts_many = id_token::any_has_tenants(&issuers);
        let has_tenants = accepts_many || rules.issuer.as_ref().is_some_and(names_tenant);
        if scope.is_empty() {
            // Without the discovery document the provider may have many tenants.
            let is_unknown = self.reads_discovery && issuers.is_empty();
            return !(has_tenants || is_unknown) || self.imported_tenant().is_some();
        }
        let Some(issuer) = self.issuer_in(scope) else { return false };
        let is_one_of =
            |known: &[String], rule: ScopeRule| known.iter().any(|known| self.scope_named(known, rule) == scope);
        if !has_tenants {
            // A former name that only a login has is an issuer, such as that of its ID token.
            let is_of_login = issuer.starts_with("https://") && rules.former_issuers.iter().any(names_tenant);
            return is_of_login || is_one_of(&self.issuers_of_settings(), ScopeRule::OneIssuer);
        }
        if issuer.is_empty() {
            return false;
        }
        if is_one_of(&self.fixed_former_issuers(), ScopeRule::Tenant) {
            return true;
        }
        match self.imported_tenant_of_descriptor() {
            Some(single) => issuer.split('/').any(|segment| segment.eq_ignore_ascii_case(&single)),
            None if accepts_many || issuers.is_empty() => true,
            None => issuers.iter().any(|accepted| self.finds_with_issuer(accepted, scope)),
        }
    }

    /// The issuer or tenant in a scope; empty: it has none. `None`: the scope is of another key.
    fn issuer_in<'a>(&self, scope: &'a str) -> Option<&'a str> {
        let rest = scope.strip_prefix(self.uid_keys.key.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
    }

    /// Whether a login with an ID token of this issuer finds accounts of this scope. One segment of the issuer is the tenant.
    fn finds_with_issuer(&self, issuer: &str, scope: &str) -> bool {
        let accepted = [issuer.to_owned()];
        issuer.split('/').filter(|segment| !segment.is_empty()).any(|tenant| {
            let claims = [("iss", issuer), ("tid", tenant)];
            let claims = Map::from_iter(claims.map(|(name, value)| (name.to_owned(), Value::from(value))));
            let login = Scope::of(&self.values).with("id_token", Some(&claims));
            self.uid_scope(&login, &accepted).is_ok_and(|found| {
                std::iter::once(&found.current).chain(&found.former).any(|name| name.eq_ignore_ascii_case(scope))
            })
        })
    }

    /// Fetches the discovery document, if it decides whether a login finds this account. Without it [`Self::may_find`] counts
    /// no account without a scope.
    pub async fn load_issuers(&self, account: &SocialAccount, deadline: Instant) {
        if self.reads_discovery
            && account.uid_scope != self.scope_named(&self.issuer, ScopeRule::OneIssuer)
            && let Err(error) = self.discovery(deadline, Freshness::Cached).await
        {
            tracing::warn!(provider = self.name, %error, "the discovery document could not be fetched");
        }
    }

    /// Whether each login has its own tenant, which may depend on the discovery document.
    pub async fn has_tenants(&self, deadline: Instant) -> bool {
        let discovery = self.discovery(deadline, Freshness::Cached).await.ok().flatten();
        id_token::any_has_tenants(&self.issuers(discovery.as_deref()))
    }
}
