//! Which member of a profile is the uid, and which members were it in earlier releases.
//!
//! A value that users can choose must never be compared with IDs that the provider assigns: a user could choose the ID of another.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalog;
use super::descriptor::{Descriptor, UidForm};
use super::expression::{Scope, Template};
use super::issuer::{ChosenIssuers, names_tenant, normalize_issuer};
use crate::model::{AccountUid, UidScope};
use crate::settings::{ProviderSettings, SettingValues};

/// The kind of uid of an imported account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredKey {
    /// The current key.
    Current,
    /// A key of an earlier release.
    Former,
    /// Unknown; it is treated as a former key.
    Undecided,
    /// Perhaps a former key, of an account whose own id was lost. No login may find the account.
    Unreadable,
}

/// The keys of a provider, from descriptor and settings.
#[derive(Clone, Debug)]
pub struct UidKeys {
    /// The member that is the uid.
    pub key: String,
    /// Members that were the uid in earlier releases.
    pub legacy: Vec<String>,
    /// Names of the uid in `extra_data`.
    pub kept_as: Vec<String>,
    form: Option<UidForm>,
    /// The tenant within which the uid is unique, if each login has its own.
    tenant: Option<Arc<Template>>,
    /// The issuers of the ID tokens of imported accounts, where settings choose them.
    chosen_issuers: Option<ChosenIssuers>,
    /// Whether every former key is an address.
    are_addresses: bool,
    /// Whether the key is an e-mail address.
    is_address: bool,
}

impl UidKeys {
    pub(super) fn new(descriptor: &Descriptor, values: Option<&SettingValues>) -> Self {
        let rules = &descriptor.uid;
        let uses_name = values.is_some_and(|values| values.is_on(USERNAME_AS_ID));
        let default = if uses_name { "username" } else { &rules.key };
        let key = values.and_then(|values| values.text("ID_KEY")).unwrap_or(default).to_owned();
        let own = values.filter(|values| values.get("LEGACY_ID_KEYS").is_some());
        let legacy = own.map_or_else(|| rules.legacy_keys.clone(), |values| values.texts("LEGACY_ID_KEYS"));
        let tenant = rules.issuer.as_ref().filter(|rule| names_tenant(rule)).map(Template::source);
        let stored = descriptor.extra_data.iter().filter(|field| field.from == key);
        // The expression of a composed uid does not read its key. A provider that can only be linked signs no user in.
        let is_read = !descriptor.association_only && (rules.value.is_none() || key != rules.key);
        let is_email = values.and_then(|values| values.text("EMAIL_KEY")).is_some_and(|member| member == key);
        Self {
            legacy: legacy.into_iter().filter(|legacy| *legacy != key).collect(),
            kept_as: stored.map(|field| field.to.clone()).collect(),
            form: rules.stable_form.filter(|_| key == rules.key),
            tenant: tenant.and_then(|rule| Template::parse(rule).ok()).map(Arc::new),
            chosen_issuers: ChosenIssuers::new(descriptor, values),
            are_addresses: rules.legacy_addresses && own.is_none(),
            is_address: is_read && (is_address_key(&key) || is_email),
            key,
        }
    }

    /// The keys of a provider in the settings or the catalogue. `None`: there is no provider of this name.
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

    /// Under which key an account of django-rest-social-auth is stored. `extra_data`: `None` if it could not be read.
    ///
    /// The ID in the extra data decides. Without it, a uid that may be a name is never the current key, whatever its form is: a
    /// user may have chosen the ID of another as a name.
    pub fn stored_key(&self, uid: &str, extra_data: Option<&Map<String, Value>>) -> StoredKey {
        if self.legacy.is_empty() {
            return StoredKey::Current;
        }
        let kept = || self.kept_as.iter().filter_map(|name| extra_data?.get(name));
        if let Some(stored) = kept().find_map(AccountUid::of_json) {
            return if stored.as_str() == uid { StoredKey::Current } else { StoredKey::Former };
        }
        let is_name = self.form.is_some_and(|form| !has_form(uid, form));
        let key = match (self.has_names(), uid.contains('@')) {
            (true, _) if is_name => StoredKey::Former,
            (true, _) => StoredKey::Undecided,
            (false, true) => StoredKey::Former,
            (false, false) => StoredKey::Current,
        };
        let is_broken = |value: &Value| {
            value.is_f64() || value.as_str().is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER))
        };
        match key {
            StoredKey::Former | StoredKey::Undecided if extra_data.is_none() || kept().any(is_broken) => {
                StoredKey::Unreadable
            }
            key => key,
        }
    }

    /// The scope of the uid of an account of django-rest-social-auth; empty: its data does not have the tenant, or there is none.
    /// `claims`: those of its stored ID token.
    pub fn stored_scope(&self, extra_data: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        let mut known = extra_data.clone();
        known.extend(claims.clone());
        let Some(rule) = &self.tenant else {
            let issuer = known.get("iss").and_then(Value::as_str);
            let issuer =
                self.chosen_issuers.as_ref().zip(issuer).and_then(|(chosen, issuer)| chosen.of_account(issuer));
            return issuer.map(|issuer| UidScope::named(&self.key, &issuer)).unwrap_or_default();
        };
        let scope = Scope::default().with("id_token", Some(&known)).with("profile", Some(extra_data));
        let tenant = rule.render(&scope).ok().flatten().filter(|tenant| !tenant.is_empty());
        tenant.map(|tenant| UidScope::named(&self.key, &normalize_issuer(&tenant))).unwrap_or_default()
    }

    /// Whether a former key may be anything but an e-mail address.
    fn has_names(&self) -> bool {
        !self.are_addresses && !self.legacy.iter().all(|key| matches!(key.as_str(), "email" | "upn"))
    }

    /// Whether the uid is an e-mail address, which must be verified.
    pub(super) fn is_address(&self) -> bool {
        self.is_address
    }

    /// Whether a name in a login may be an older uid. It must not have the form of an ID of the provider.
    pub(super) fn may_be_legacy(&self, name: &str) -> bool {
        !self.form.is_some_and(|form| has_form(name, form))
    }
}

/// The setting of Bitbucket that makes the username the uid.
pub(super) const USERNAME_AS_ID: &str = "USERNAME_AS_ID";

/// The setting with which an unverified address finds an imported account.
pub(super) const LEGACY_UNVERIFIED: &str = "LEGACY_UIDS_ACCEPT_UNVERIFIED_EMAIL";

/// The setting with which an unverified address may be the uid.
pub(super) const UNVERIFIED_KEY: &str = "ID_KEY_ACCEPTS_UNVERIFIED_EMAIL";

/// Whether the values of a key are e-mail addresses: `email`, `mail`, `emailAddress`.
pub(super) fn is_address_key(key: &str) -> bool {
    key.to_ascii_lowercase().contains("mail")
}

fn has_form(uid: &str, form: UidForm) -> bool {
    match form {
        UidForm::Digits => !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_digit()),
        UidForm::Uuid => uuid::Uuid::try_parse(uid).is_ok(),
        UidForm::Hex => [24, 32].contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_hexdigit()),
        UidForm::Colon => uid.contains(':'),
        UidForm::Okta => uid.starts_with("00u") && uid.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(name: &str) -> UidKeys {
        UidKeys::of(name, None).unwrap_or_else(|| panic!("{name} is in the catalogue"))
    }

    #[test]
    fn fault_a15_an_imported_account_gets_the_tenant_of_its_data() {
        let (tenant, nothing) = (json!({"tid": "t1"}), json!({}));
        let scope = |name: &str, extra: &Value, claims: &Value| {
            keys(name).stored_scope(extra.as_object().expect("an object"), claims.as_object().expect("an object"))
        };
        assert_eq!(scope("azuread-oauth2", &tenant, &nothing), "sub t1");
        assert_eq!(scope("azuread-v2-tenant-oauth2", &nothing, &tenant), "sub t1");
        let issuer = json!({"iss": "https://sts.windows.net/t1/"});
        assert_eq!(scope("azuread-oauth2", &nothing, &issuer), "sub https://sts.windows.net/t1");
        assert_eq!(scope("slack", &json!({"team": {"id": "T1"}}), &nothing), "id T1");
        assert_eq!(scope("azuread-oauth2", &nothing, &nothing), "");
        assert_eq!(scope("github", &tenant, &tenant), "");
        // The issuer of the account's own ID token, which may be a former one.
        assert_eq!(scope("oidc", &nothing, &issuer), "sub https://sts.windows.net/t1");
        assert_eq!(scope("oidc", &nothing, &nothing), "");
        assert_eq!(scope("google-openidconnect", &nothing, &issuer), "");
    }

    /// The issuer of the account's own ID token is compared with those that the settings name.
    #[test]
    fn fault_a15_an_imported_account_of_another_issuer_gets_the_scope_of_that_issuer() {
        const REALM: &str = "https://kc.example/realms/a";
        let scope = |name: &str, values: Value, issuer: &str| {
            let mut all = values.as_object().cloned().expect("an object");
            all.insert("KEY".to_owned(), json!("k"));
            let provider = ProviderSettings {
                name: name.to_owned(),
                values: all.into_iter().collect(),
                in_file: std::collections::BTreeSet::new(),
                shared: std::collections::BTreeMap::new(),
                descriptor: toml::Table::new(),
                environment: std::sync::Arc::default(),
                user_rules: crate::settings::UserRules::default(),
            };
            let keys = UidKeys::of(name, Some(&provider)).unwrap_or_else(|| panic!("{name} is in the catalogue"));
            let claims = Map::from_iter([("iss".to_owned(), json!(issuer)), ("tid".to_owned(), json!("t1"))]);
            keys.stored_scope(&Map::new(), &claims)
        };
        let oidc = json!({"OIDC_ENDPOINT": "https://op.example"});
        let named = json!({"OIDC_ENDPOINT": "https://op.example", "ID_TOKEN_ISSUER": "https://issuer.example"});
        let tenants =
            json!({"OIDC_ENDPOINT": "https://m.example/common", "ID_TOKEN_ISSUER": "https://m.example/{tenantid}"});
        let okta = json!({"API_URL": "https://new.okta.example/oauth2"});
        let auth0 = json!({"DOMAIN": "new.auth0.example"});
        let keycloak = json!({"PUBLIC_KEY": "k", "AUTHORIZATION_URL": format!("{REALM}/protocol/openid-connect/auth"),
            "ACCESS_TOKEN_URL": format!("{REALM}/protocol/openid-connect/token")});
        let b2c = json!({"TENANT_NAME": "firm", "POLICY": "b2c_1"});
        for (name, values, issuer, expected) in [
            ("oidc", &oidc, "https://op.example/", "sub https://op.example"),
            ("oidc", &oidc, "https://old.example", "sub https://old.example"),
            ("oidc", &named, "https://issuer.example", "sub https://op.example"),
            ("oidc", &named, "https://old.example", "sub https://old.example"),
            ("oidc", &tenants, "https://m.example/t1", "sub https://m.example/t1"),
            ("oidc", &oidc, "", ""),
            ("okta-oauth2", &okta, "https://new.okta.example/oauth2/default", "sub https://new.okta.example"),
            ("okta-openidconnect", &okta, "https://new.okta.example", "sub https://new.okta.example"),
            ("okta-openidconnect", &okta, "https://old.okta.example/oauth2/aus1", "sub https://old.okta.example"),
            ("auth0", &auth0, "https://new.auth0.example/", "user_id https://new.auth0.example"),
            ("auth0", &auth0, "https://old.auth0.example/", "user_id https://old.auth0.example"),
            ("auth0_openidconnect", &auth0, "https://new.auth0.example/", "sub https://new.auth0.example"),
            ("auth0_openidconnect", &auth0, "https://old.auth0.example/", "sub https://old.auth0.example"),
            ("keycloak", &keycloak, REALM, "sub https://kc.example/realms/a/protocol/openid-connect/token"),
            ("keycloak", &keycloak, "https://kc.example/realms/b", "sub https://kc.example/realms/b"),
            // These have one issuer, or it is not the scope of the uid.
            ("google-openidconnect", &json!({}), "https://old.example", ""),
            ("github", &json!({}), "https://old.example", ""),
            ("azuread-b2c-oauth2", &b2c, "https://firm.b2clogin.com/g/v2.0/", ""),
        ] {
            assert_eq!(scope(name, values.clone(), issuer), expected, "{name} {values} {issuer}");
        }
    }

    #[test]
    fn fault_a1_former_keys_are_recognized() {
        let stored_key = |name: &str, uid: &str, extra: Value| {
            keys(name).stored_key(uid, Some(extra.as_object().expect("an object")))
        };
        let is_legacy = |name: &str, uid: &str, extra: Value| stored_key(name, uid, extra) != StoredKey::Current;
        // The extra data decides.
        assert!(is_legacy("keycloak", "ada", json!({"sub": "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11"})));
        assert!(!is_legacy("keycloak", "ada", json!({"sub": "ada"})));
        // Otherwise an address is a former key. A name may have any form, also that of an ID.
        for (name, id, former, is_sure) in [
            ("keycloak", "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11", "ada", false),
            ("cognito", "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11", "ada", false),
            ("okta-oauth2", "00u1a2b3c4D5e6F7g8h9", "ada@example.com", false),
            ("google-oauth2", "114218461111111111111", "ada@example.com", true),
            ("azuread-oauth2", "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "ada@example.com", true),
            ("trello", "5f1a2b3c4d5e6f7a8b9c0d1e", "ada", false),
            ("qiita", "12345", "ada", false),
            ("deezer", "12345", "Ada", false),
        ] {
            let of_id = if is_sure { StoredKey::Current } else { StoredKey::Undecided };
            assert_eq!(stored_key(name, id, json!({})), of_id, "{name}: {id}");
            assert_eq!(stored_key(name, former, json!({})), StoredKey::Former, "{name}: {former}");
            assert!(!keys(name).may_be_legacy(id) || name == "azuread-oauth2", "{name}: {id} as a name");
        }
        // An empty ID in the extra data is ignored.
        for empty in [json!({"sub": ""}), json!({"sub": null}), json!({"sub": []}), json!({"sub": " "})] {
            let uuid = "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11";
            assert_eq!(stored_key("keycloak", uuid, empty.clone()), StoredKey::Undecided, "{empty}");
            assert!(is_legacy("keycloak", "ada", empty));
        }
        // The kind is unknown.
        assert_eq!(stored_key("dailymotion", "x2abc9", json!({})), StoredKey::Undecided);
        assert_eq!(stored_key("keycloak", "ada", json!({})), StoredKey::Former);
        // A provider without former keys.
        assert!(!is_legacy("github", "ada", json!({})));
    }

    #[test]
    fn an_account_whose_own_id_was_lost_is_found_by_no_former_key() {
        let uuid = "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11";
        let lost = |name: &str, uid: &str| keys(name).stored_key(uid, None);
        assert_eq!(lost("keycloak", "ada"), StoredKey::Unreadable);
        assert_eq!(lost("keycloak", uuid), StoredKey::Unreadable);
        assert_eq!(lost("google-oauth2", "ada@example.com"), StoredKey::Unreadable);
        assert_eq!(lost("google-oauth2", "114218461111111111111"), StoredKey::Current);
        assert_eq!(lost("github", "7"), StoredKey::Current);
        for broken in [json!({"sub": "\u{fffd}"}), json!({"sub": 1.5e29})] {
            let key = keys("keycloak").stored_key("ada", Some(broken.as_object().expect("an object")));
            assert_eq!(key, StoredKey::Unreadable, "{broken}");
        }
    }

    #[test]
    fn without_legacy_keys_every_uid_is_current() {
        let mut stable = keys("keycloak");
        stable.legacy.clear();
        let uuid = "9d1ec0ab-6b9c-4a62-9c0e-6a3a3c4f0c11";
        assert_eq!(stable.stored_key(uuid, Some(&Map::new())), StoredKey::Current);
        assert_eq!(stable.stored_key(uuid, None), StoredKey::Current);
    }
}
