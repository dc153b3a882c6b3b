//! Which member of a profile is the uid, within what it is unique, and which uids are of an earlier release.
//!
//! A uid is looked up in a table that other profiles fill too: a name that its owner can choose must never be compared
//! with the ids that a provider assigns.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::descriptor::Descriptor;
use super::documents::CacheUse;
use super::expression::{Part, Scope, Template};
use super::{Provider, ProviderError, catalog, id_token};
use crate::model::{AccountUid, UidScope};
use crate::settings::{ProviderSettings, SettingValues};

/// The form of the ids that a provider assigns, where no name of its users can have it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UidForm {
    Digits,
    Uuid,
    /// 24 or 32 hex digits.
    Hex,
    /// A colon stands in it.
    Colon,
    /// `00u` and more letters and digits.
    Okta,
}

impl UidForm {
    fn fits(self, uid: &str) -> bool {
        match self {
            Self::Digits => !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Uuid => uuid::Uuid::try_parse(uid).is_ok(),
            Self::Hex => [24, 32].contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Colon => uid.contains(':'),
            Self::Okta => uid.starts_with("00u") && uid.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }
}

/// What the uid of an imported account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredKey {
    /// The provider's own id.
    Current,
    /// A key of an earlier release.
    Former,
    /// It may be either, so it counts as a former key.
    Undecided,
}

/// The keys of one provider, descriptor and settings together.
#[derive(Clone, Debug)]
pub struct UidKeys {
    /// The member that is the uid.
    pub key: String,
    /// Members that were it in earlier releases.
    pub legacy: Vec<String>,
    /// Names in `extra_data` under which the uid is kept.
    pub kept_as: Vec<String>,
    form: Option<UidForm>,
}

impl UidKeys {
    pub(super) fn new(descriptor: &Descriptor, values: Option<&SettingValues>) -> Self {
        let rules = &descriptor.uid;
        let key = values.and_then(|values| values.text("ID_KEY")).unwrap_or(&rules.key).to_owned();
        let own = values.filter(|values| values.get("LEGACY_ID_KEYS").is_some());
        let legacy = own.map_or_else(|| rules.legacy_keys.clone(), |values| values.texts("LEGACY_ID_KEYS"));
        let kept = descriptor.extra_data.iter().filter(|field| field.from == key);
        Self {
            legacy: legacy.into_iter().filter(|legacy| *legacy != key).collect(),
            kept_as: kept.map(|field| field.to.clone()).collect(),
            form: rules.stable_form.filter(|_| key == rules.key),
            key,
        }
    }

    /// Those of a provider in the settings, or of one in the catalogue; `None`: there is none of this name.
    pub fn of(name: &str, settings: Option<&ProviderSettings>) -> Option<Self> {
        let variant = settings.and_then(|settings| settings.get("VARIANT")).and_then(Value::as_str);
        let entry = catalog::entry_of(name, variant.filter(|variant| !variant.is_empty())).ok().flatten();
        let table = settings.map(|settings| settings.descriptor.clone()).unwrap_or_default();
        if entry.is_none() && table.is_empty() {
            return None;
        }
        let descriptor = catalog::read(entry.as_ref().map(|entry| entry.id), &table).ok()?;
        let typed = settings.map(|settings| settings.typed(&descriptor.settings, &descriptor.title, true));
        let values = typed.filter(|typed| typed.errors.is_empty()).map(|typed| typed.values);
        Some(Self::new(&descriptor, values.as_ref()))
    }

    /// Under which key an account of django-rest-social-auth is stored.
    ///
    /// The provider's own id in its extra data decides; without one, the form of the uid does.
    pub fn stored_key(&self, uid: &str, extra_data: &Map<String, Value>) -> StoredKey {
        if self.legacy.is_empty() {
            return StoredKey::Current;
        }
        if let Some(kept) = self.kept_as.iter().find_map(|name| extra_data.get(name).and_then(AccountUid::of_json)) {
            return if kept.as_str() == uid { StoredKey::Current } else { StoredKey::Former };
        }
        if let Some(form) = self.form {
            let may_be_name = !form.fits(uid) && (self.has_names() || uid.contains('@'));
            return if may_be_name { StoredKey::Former } else { StoredKey::Current };
        }
        match (self.has_names(), uid.contains('@')) {
            (true, _) => StoredKey::Undecided,
            (false, true) => StoredKey::Former,
            (false, false) => StoredKey::Current,
        }
    }

    /// Whether a former key may be another text than an address.
    fn has_names(&self) -> bool {
        let is_address = |key: &String| matches!(key.as_str(), "email" | "upn" | "preferred_username");
        !self.legacy.iter().all(is_address)
    }

    /// Whether a name that came in a login may stand for an older uid: not where it looks like an id of the provider's.
    pub(super) fn may_be_legacy(&self, name: &str) -> bool {
        !self.form.is_some_and(|form| form.fits(name))
    }
}

impl Provider {
    /// Within what this login's uid is unique. Errors: the provider has many tenants and this login names none.
    pub(super) fn uid_scope(&self, scope: &Scope<'_>, issuers: &[String]) -> Result<UidScope, ProviderError> {
        let of_claims = Template::parse("{id_token.iss}").unwrap_or_default();
        let by_login = self.descriptor.uid.issuer.as_ref().filter(|rule| names_tenant(rule));
        let has_tenants = || issuers.iter().any(|issuer| id_token::is_of_tenants(issuer));
        let rule = by_login.or_else(|| has_tenants().then_some(&of_claims));
        let is_per_tenant = rule.is_some();
        let issuer = if let Some(rule) = rule {
            let issuer = rule.render(scope)?;
            let issuer = issuer.filter(|issuer| !issuer.is_empty());
            issuer.ok_or_else(|| super::call::failed("profile", "the login names no tenant"))?
        } else {
            self.issuer.clone()
        };
        let mut former = self.former_issuers(scope, is_per_tenant);
        for rule in &self.descriptor.uid.former_issuers {
            former.extend(rule.render(scope)?.filter(|issuer| !issuer.is_empty()));
        }
        Ok(UidScope {
            current: self.scope_named(&issuer),
            former: former.iter().map(|issuer| self.scope_named(issuer)).collect(),
            is_per_tenant,
        })
    }

    fn scope_named(&self, issuer: &str) -> String {
        UidScope::named(&self.uid_keys.key, &comparable(issuer))
    }

    /// FORMER_ISSUERS. Where a provider has many tenants only those count that name the login's own: under any other issuer
    /// the same subject may be a user of another tenant.
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
        let of_tenants = former.iter().filter(|issuer| id_token::is_of_tenants(issuer));
        of_tenants.filter_map(|issuer| id_token::with_tenant(issuer, claims)).collect()
    }

    /// The scopes whose accounts a login may find, as far as the settings alone say; `None` where each login names its own.
    pub fn known_uid_scopes(&self) -> Option<Vec<String>> {
        let rules = &self.descriptor.uid;
        let by_login = rules.issuer.iter().chain(&rules.former_issuers).any(names_tenant);
        let known = self.published.any();
        if by_login || self.issuers(known.as_deref()).iter().any(|issuer| id_token::is_of_tenants(issuer)) {
            return None;
        }
        let former = self.values.texts("FORMER_ISSUERS");
        Some(std::iter::once(&self.issuer).chain(&former).map(|issuer| self.scope_named(issuer)).collect())
    }

    /// Whether each login names its own tenant, which the discovery document may say alone.
    pub async fn is_of_tenants(&self, deadline: Instant) -> bool {
        let discovery = self.discovery(deadline, CacheUse::Kept).await.ok().flatten();
        self.issuers(discovery.as_deref()).iter().any(|issuer| id_token::is_of_tenants(issuer))
    }
}

/// Who issues the ids, as far as settings choose it; empty where they do not.
pub(super) fn configured_issuer(
    descriptor: &Descriptor,
    values: &SettingValues,
    discovery: Option<&Template>,
) -> String {
    let scope = Scope::of(values);
    let rendered = |template: &Template| template.render(&scope).ok().flatten();
    if let Some(rule) = &descriptor.uid.issuer {
        return rendered(rule).map(|issuer| comparable(&issuer)).unwrap_or_default();
    }
    let default_redirect_uri_of = values.text("OIDC_ENDPOINT").is_some();
    if let Some(template) = discovery.filter(|template| default_redirect_uri_of || has_chosen_host(template)) {
        let url = rendered(template).unwrap_or_default();
        let base = url.split("/.well-known/").next().unwrap_or_default();
        return comparable(base);
    }
    if let Some(own) = ["USERINFO_URL", "ACCESS_TOKEN_URL"].into_iter().find_map(|name| values.text(name)) {
        return origin(own);
    }
    let profile = descriptor.userinfo.first().map(|request| &request.url);
    let chosen = [profile, Some(&descriptor.token.url)].into_iter().flatten().find(|url| has_chosen_host(url));
    chosen.and_then(rendered).map(|url| origin(&url)).unwrap_or_default()
}

/// Whether each login names the tenant; else settings say it once.
fn names_tenant(rule: &Template) -> bool {
    rule.mentions("id_token") || rule.mentions("profile")
}

/// Whether an expression of the settings stands where the host of an address does.
fn has_chosen_host(template: &Template) -> bool {
    let source = template.source();
    let host = source.strip_prefix("https://").unwrap_or(source);
    host.split('/').next().is_some_and(|host| host.contains('{'))
}

fn origin(url: &str) -> String {
    Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// An issuer in one form: a URL as the parser writes it, without the slash at its end.
fn comparable(issuer: &str) -> String {
    let written = Url::parse(issuer).map_or_else(|_| issuer.to_owned(), String::from);
    written.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(name: &str) -> UidKeys {
        UidKeys::of(name, None).unwrap_or_else(|| panic!("{name} is in the catalogue"))
    }

    #[test]
    fn fault_a1_the_import_tells_a_former_key_from_the_providers_own_id() {
        let stored_key =
            |name: &str, uid: &str, extra: Value| keys(name).stored_key(uid, extra.as_object().expect("an object"));
        let is_legacy = |name: &str, uid: &str, extra: Value| stored_key(name, uid, extra) != StoredKey::Current;
        // What is kept beside it settles it.
        assert!(is_legacy("keycloak", "ada", json!({"sub": "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11"})));
        assert!(!is_legacy("keycloak", "ada", json!({"sub": "ada"})));
        // Otherwise its form does.
        for (name, id, former) in [
            ("keycloak", "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11", "ada"),
            ("cognito", "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11", "ada"),
            ("okta-oauth2", "00u1a2b3c4D5e6F7g8h9", "ada@example.com"),
            ("google-oauth2", "114218461111111111111", "ada@example.com"),
            ("azuread-oauth2", "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "ada@example.com"),
            ("trello", "5f1a2b3c4d5e6f7a8b9c0d1e", "ada"),
            ("qiita", "12345", "ada"),
            ("deezer", "12345", "Ada"),
        ] {
            assert!(!is_legacy(name, id, json!({})), "{name}: {id}");
            assert!(is_legacy(name, former, json!({})), "{name}: {former}");
            assert!(!keys(name).may_be_legacy(id) || name == "azuread-oauth2", "{name}: {id} as a name");
        }
        // An empty id beside it settles nothing.
        for empty in [json!({"sub": ""}), json!({"sub": null}), json!({"sub": []}), json!({"sub": " "})] {
            assert!(!is_legacy("keycloak", "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11", empty.clone()), "{empty}");
            assert!(is_legacy("keycloak", "ada", empty));
        }
        // Where neither tells, the report says so.
        assert_eq!(stored_key("dailymotion", "x2abc9", json!({})), StoredKey::Undecided);
        assert_eq!(stored_key("keycloak", "ada", json!({})), StoredKey::Former);
        // A provider without former keys has no such accounts.
        assert!(!is_legacy("github", "ada", json!({})));
    }

    #[test]
    fn issuers_are_compared_in_one_form() {
        assert_eq!(comparable("https://ID.example/realm/"), comparable("https://id.example:443/realm"));
        assert_ne!(comparable("https://id.example/a"), comparable("https://id.example/b"));
    }
}
