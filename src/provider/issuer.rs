//! The issuer within which uids are unique, as far as settings choose it, and the issuer of an imported account.

use url::Url;

use super::descriptor::Descriptor;
use super::expression::{Scope, Template};
use super::id_token;
use super::protocol::Protocol;
use crate::settings::SettingValues;

/// The issuers of the ID tokens of a provider, where settings choose them. An imported account may have an ID token of a former one.
#[derive(Clone, Debug)]
pub(super) struct ChosenIssuers {
    /// The issuer of the uids; empty: it is not known.
    current: String,
    /// The issuers of ID tokens that a login accepts, as far as settings and descriptor name them; normalized.
    accepted: Vec<String>,
    /// All issuers of one host have the same users.
    is_host: bool,
}

impl ChosenIssuers {
    /// `None`: settings do not choose the issuer, or it cannot be compared with that of an ID token. `values` are the settings, if
    /// the provider is configured.
    pub(super) fn new(descriptor: &Descriptor, values: Option<&SettingValues>) -> Option<Self> {
        let none = SettingValues::default();
        let values = values.unwrap_or(&none);
        let own = values.text("ID_TOKEN_ISSUER");
        let listed = descriptor.id_token.issuers.iter();
        let listed: Vec<Template> =
            listed.filter_map(|issuer| Template::parse(&issuer.replace("{tenantid}", "{{tenantid}}")).ok()).collect();
        let uid_rule = descriptor.uid.issuer.as_ref();
        let is_host = descriptor.uid.issuer_is_host;
        let has_fixed_issuer = descriptor.discovery.issuer.is_some() || !listed.is_empty();
        let has_document = descriptor.protocol == Protocol::Oidc || descriptor.id_token.verify;
        let document = [descriptor.discovery.url.as_ref(), descriptor.discovery.endpoint.as_ref()];
        let is_chosen_document = values.text("OIDC_ENDPOINT").is_some_and(|_| descriptor.discovery.url.is_none())
            || document.into_iter().flatten().any(has_chosen_host);
        let is_chosen = own.is_some()
            || is_host
            || listed.iter().any(has_chosen_host)
            || (has_document && is_chosen_document && !has_fixed_issuer);
        if !is_chosen {
            return None;
        }
        let scope = Scope::of(values);
        let accepted: Vec<String> = match own {
            Some(own) => vec![own.to_owned()],
            None => listed.iter().filter_map(|issuer| issuer.render(&scope).ok().flatten()).collect(),
        };
        // The rule of the uid is no issuer of an ID token, such as the name of a tenant.
        if uid_rule.is_some() && !is_host && accepted.is_empty() {
            return None;
        }
        // An issuer with `{tenantid}` is of many tenants, and the uid has the one of the token.
        let accepted = accepted.iter().filter(|issuer| !id_token::has_tenants(issuer));
        Some(Self {
            current: configured_issuer(descriptor, values, discovery_url(descriptor, values).as_ref()),
            accepted: accepted.map(|issuer| scope_issuer(issuer, is_host)).collect(),
            is_host,
        })
    }

    /// The issuer of the uid of an account whose ID token has this issuer. `None`: it is not an issuer.
    pub(super) fn of_account(&self, issuer: &str) -> Option<String> {
        let issuer = scope_issuer(issuer, self.is_host);
        if issuer.is_empty() {
            return None;
        }
        Some(if self.accepted.contains(&issuer) { self.current.clone() } else { issuer })
    }
}

/// The form of an issuer in the scope of a uid. `is_host`: all issuers of one host have the same users.
pub(super) fn scope_issuer(issuer: &str, is_host: bool) -> String {
    let host = if is_host { origin(issuer) } else { String::new() };
    if host.is_empty() { normalize_issuer(issuer) } else { host }
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
        let is_host = descriptor.uid.issuer_is_host;
        return rendered(rule).map(|issuer| scope_issuer(&issuer, is_host)).unwrap_or_default();
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

/// The discovery document of a provider.
pub(super) fn discovery_url(descriptor: &Descriptor, values: &SettingValues) -> Option<Template> {
    const PATH: &str = "/.well-known/openid-configuration";
    // In social-core the backends of Okta and Azure do not read OIDC_ENDPOINT, and existing sites may have set it.
    if let Some(url) = &descriptor.discovery.url {
        return Template::parse(url.source()).ok();
    }
    if let Some(own) = values.text("OIDC_ENDPOINT") {
        return Some(Template::literal(&format!("{}{PATH}", own.trim_end_matches('/'))));
    }
    let endpoint = descriptor.discovery.endpoint.as_ref()?;
    Template::parse(&format!("{}{PATH}", endpoint.source())).ok()
}

/// Whether the tenant depends on the login instead of the settings.
pub(super) fn names_tenant(rule: &Template) -> bool {
    rule.mentions("id_token") || rule.mentions("profile")
}

/// Whether the host of a URL depends on settings.
pub(super) fn has_chosen_host(template: &Template) -> bool {
    let source = template.source();
    let host = source.strip_prefix("https://").unwrap_or(source);
    host.split('/').next().is_some_and(|host| host.contains('{'))
}

/// The normalized form of an issuer: a URL without a final slash.
pub(super) fn normalize_issuer(issuer: &str) -> String {
    let written = Url::parse(issuer).map_or_else(|_| issuer.to_owned(), String::from);
    written.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_issuers_are_equal() {
        assert_eq!(normalize_issuer("https://ID.example/realm/"), normalize_issuer("https://id.example:443/realm"));
        assert_ne!(normalize_issuer("https://id.example/a"), normalize_issuer("https://id.example/b"));
    }

    #[test]
    fn issuers_of_one_host_are_equal_where_the_host_is_the_issuer() {
        for (issuer, expected) in [
            ("https://o.example/oauth2/default", "https://o.example"),
            ("https://O.example:443/", "https://o.example"),
            ("o.example", "o.example"),
            ("", ""),
        ] {
            assert_eq!(scope_issuer(issuer, true), expected);
        }
        assert_eq!(scope_issuer("https://o.example/oauth2", false), "https://o.example/oauth2");
    }
}
