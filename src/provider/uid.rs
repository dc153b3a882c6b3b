//! The scope within which a uid is unique: the key, and the issuer or tenant.

use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::configured::Provider;
use super::descriptor::Descriptor;
use super::error::ProviderError;
use super::expression::{Part, Scope, Template};
use super::id_token;
use super::uid_keys::{has_chosen_host, names_tenant, normalize_issuer};
use crate::model::UidScope;
use crate::outgoing::Freshness;
use crate::settings::SettingValues;

impl Provider {
    /// The scope of the uid of a login.
    ///
    /// Errors: the provider has many tenants, and this login has none.
    pub(super) fn uid_scope(&self, scope: &Scope<'_>, issuers: &[String]) -> Result<UidScope, ProviderError> {
        let of_claims = Template::parse("{id_token.iss}").unwrap_or_default();
        let tenant_rule = self.descriptor.uid.issuer.as_ref().filter(|rule| names_tenant(rule));
        let has_tenants = || issuers.iter().any(|issuer| id_token::has_tenants(issuer));
        let rule = tenant_rule.or_else(|| has_tenants().then_some(&of_claims));
        let is_per_tenant = rule.is_some();
        let issuer = if let Some(rule) = rule {
            let issuer = rule.render(scope)?;
            let issuer = issuer.filter(|issuer| !issuer.is_empty());
            issuer.ok_or_else(|| ProviderError::failed("profile", "the login has no tenant"))?
        } else {
            self.issuer.clone()
        };
        let is_imported = |tenant: String| normalize_issuer(&tenant).eq_ignore_ascii_case(&normalize_issuer(&issuer));
        let includes_unscoped = !is_per_tenant || self.imported_tenant().is_some_and(is_imported);
        let mut former = self.former_issuers(scope, is_per_tenant);
        for rule in &self.descriptor.uid.former_issuers {
            former.extend(rule.render(scope)?.filter(|issuer| !issuer.is_empty()));
        }
        Ok(UidScope {
            current: self.scope_named(&issuer),
            former: former.iter().map(|issuer| self.scope_named(issuer)).collect(),
            is_per_tenant,
            includes_unscoped,
        })
    }

    /// The tenant of imported accounts that have none. Django does not store it.
    pub fn imported_tenant(&self) -> Option<String> {
        if let Some(tenant) = self.values.text("IMPORTED_TENANT") {
            return Some(tenant.to_owned());
        }
        let rule = self.descriptor.uid.imported_tenant.as_ref()?;
        rule.render(&Scope::of(&self.values)).ok().flatten().filter(|tenant| !tenant.is_empty())
    }

    fn scope_named(&self, issuer: &str) -> String {
        UidScope::named(&self.uid_keys.key, &normalize_issuer(issuer))
    }

    /// FORMER_ISSUERS. For a provider with many tenants only entries with `{tenantid}` count, because under any other issuer the same
    /// subject may be a user of another tenant.
    fn former_issuers(&self, scope: &Scope<'_>, is_per_tenant: bool) -> Vec<String> {
        let former = self.values.texts("FORMER_ISSUERS");
        if !is_per_tenant {
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
        if by_login || self.issuers(known.as_deref()).iter().any(|issuer| id_token::has_tenants(issuer)) {
            return None;
        }
        let former = self.values.texts("FORMER_ISSUERS");
        Some(std::iter::once(&self.issuer).chain(&former).map(|issuer| self.scope_named(issuer)).collect())
    }

    /// Whether each login has its own tenant, which may depend on the discovery document.
    pub async fn has_tenants(&self, deadline: Instant) -> bool {
        let discovery = self.discovery(deadline, Freshness::Cached).await.ok().flatten();
        self.issuers(discovery.as_deref()).iter().any(|issuer| id_token::has_tenants(issuer))
    }
}

/// The issuer of the uids, if settings choose it; otherwise empty.
pub(super) fn configured_issuer(
    descriptor: &Descriptor,
    values: &SettingValues,
    discovery: Option<&Template>,
) -> String {
    let scope = Scope::of(values);
    let rendered = |template: &Template| template.render(&scope).ok().flatten();
    if let Some(rule) = &descriptor.uid.issuer {
        return rendered(rule).map(|issuer| normalize_issuer(&issuer)).unwrap_or_default();
    }
    let is_set = values.text("OIDC_ENDPOINT").is_some();
    if let Some(template) = discovery.filter(|template| is_set || has_chosen_host(template)) {
        let url = rendered(template).unwrap_or_default();
        let base = url.split("/.well-known/").next().unwrap_or_default();
        return normalize_issuer(base);
    }
    let profile = descriptor.userinfo.first().map(|request| &request.url);
    let chosen = [profile, Some(&descriptor.token.url)].into_iter().flatten().find(|url| has_chosen_host(url));
    let base = chosen.map(|url| base_url(url, &scope));
    match (values.text("USERINFO_URL"), base, values.text("ACCESS_TOKEN_URL")) {
        // The profile comes from this URL.
        (Some(own), Some(base), _) if is_below(own, &base) => base,
        (Some(own), ..) => normalize_issuer(own),
        (None, Some(base), _) => base,
        (None, None, Some(own)) => normalize_issuer(own),
        (None, None, None) => String::new(),
    }
}

/// The address of the server that a setting chooses. Its path is a part of it, because one host may have several servers.
fn base_url(url: &Template, scope: &Scope<'_>) -> String {
    let first = url.first_expr().and_then(|expr| expr.text(scope).ok().flatten());
    let is_url = |text: &String| Url::parse(text).is_ok_and(|url| url.has_host());
    match first.filter(is_url) {
        Some(base) => normalize_issuer(&base),
        None => url.render(scope).ok().flatten().map(|url| origin(&url)).unwrap_or_default(),
    }
}

fn is_below(url: &str, base: &str) -> bool {
    normalize_issuer(url).strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

fn origin(url: &str) -> String {
    Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
