//! The identity that a provider returns: uid, names, address, extra data.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{AccountUid, EmailAddress, ProviderTokens, clean_name, token_binding};

/// What a provider asserts about the user who signed in: the result of `provider/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The provider's name.
    pub provider: String,
    /// A profile without a stable id is refused (R-PIPE-02).
    pub uid: AccountUid,
    /// The scope in which `uid` is unique.
    #[serde(default)]
    pub uid_scope: UidScope,
    /// Names in `extra_data` under which `uid` is stored.
    #[serde(default)]
    pub uid_kept_as: Vec<String>,
    /// The address as the provider wrote it, if `uid` is its normal form ([`EmailAddress::key`]).
    #[serde(default)]
    pub uid_address: Option<EmailAddress>,
    /// Ids under which earlier releases of django-rest-social-auth stored the same user; a login changes the key of such an
    /// imported account to `uid`.
    pub legacy_uids: Vec<AccountUid>,
    /// Names in `extra_data` whose values must equal the stored ones, such as the owner of a game character.
    pub must_match: Vec<String>,
    /// The provider's username; the pipeline makes it valid and unique.
    pub username: Option<String>,
    /// `None` also for an invalid address.
    pub email: Option<EmailAddress>,
    /// The provider sent an invalid address. Deny lists refuse it, since it may be another spelling of a denied one.
    #[serde(default)]
    pub has_invalid_email: bool,
    /// The whole name.
    pub fullname: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// By the rule in the provider's descriptor; unknown means not verified (SEC-24).
    pub email_verified: bool,
    /// No answer of the provider is missing, and one of them has an address or says whether it is verified.
    #[serde(default)]
    pub reports_email: bool,
    /// URL of the user's picture, for the step `save_avatar`.
    pub picture: Option<String>,
    /// The organizations or tenants of the user.
    pub organizations: Vec<String>,
    /// The fields to store with the account, in order (R-EXT-01, 02, 05); the pipeline adds `auth_time`.
    pub extra_data: Map<String, Value>,
    /// Names in `extra_data` that the provider's answer lacks. Their values are null.
    #[serde(default)]
    pub absent_extra_data: Vec<String>,
    /// Names in `extra_data` whose empty values are not stored, so that an older value stays (R-EXT-04).
    pub drop_when_empty: Vec<String>,
    /// The provider's values for the declared fields of the user, unconverted.
    pub fields: Map<String, Value>,
    /// The provider tokens; `None` when the provider issued none. Never serialized: they are stored encrypted, separately.
    #[serde(skip)]
    pub tokens: Option<ProviderTokens>,
    /// Lifetime of the provider's login in seconds, for SESSION_EXPIRATION (R-SES-04).
    pub expires_in: Option<i64>,
}

/// The scope in which a uid is unique: its claim, and the issuer when there are several. The same uid in two scopes means two
/// accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UidScope {
    /// `sub`, or `sub https://issuer.example`.
    pub current: String,
    /// Scopes whose accounts also match (FORMER_ISSUERS).
    pub former: Vec<String>,
    /// What another scope means.
    pub rule: ScopeRule,
}

/// Whether a stored account of the same uid and of another scope, or of none, may be of the same user. An import makes accounts
/// without a scope where it does not know the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeRule {
    /// The provider has one issuer. Another scope means a changed setting, and no scope means this one.
    #[default]
    OneIssuer,
    /// Each tenant has its own users. An account without a scope may be of another tenant.
    Tenant,
    /// As [`Self::Tenant`], and accounts without a scope are of this tenant.
    ImportedTenant,
}

impl UidScope {
    /// The text form.
    pub fn named(claim: &str, issuer: &str) -> String {
        if issuer.is_empty() { claim.to_owned() } else { format!("{claim} {issuer}") }
    }
}

impl Identity {
    /// Whether a stored text is this uid. An address is it in every spelling.
    pub fn has_uid(&self, text: &str) -> bool {
        let is_spelling = |address: &EmailAddress| address.is_same_as_stored(text);
        self.uid.as_str() == text || self.uid_address.as_ref().is_some_and(is_spelling)
    }

    /// Associated data of the account's encrypted tokens, which has the key of this identity after the login.
    pub fn token_binding(&self) -> [&str; 3] {
        token_binding(&self.provider, self.uid.as_str(), &self.uid_scope.current)
    }

    /// Removes null characters, which PostgreSQL cannot store, and cleans the names.
    #[must_use]
    pub fn storable(mut self) -> Self {
        self.picture = self.picture.filter(|picture| !picture.contains('\0'));
        for name in [&mut self.username, &mut self.fullname, &mut self.first_name, &mut self.last_name] {
            name.iter_mut().for_each(clean_name);
        }
        self.extra_data.retain(|name, _| !name.contains('\0'));
        self.extra_data.values_mut().for_each(strip_nul_characters);
        self.fields.values_mut().for_each(strip_nul_characters);
        self
    }
}

#[cfg(test)]
impl Identity {
    /// An identity with a uid and nothing else.
    pub fn blank() -> Self {
        Self {
            provider: "p".to_owned(),
            uid: AccountUid::parse("1").expect("it is an id"),
            uid_scope: UidScope::default(),
            uid_kept_as: Vec::new(),
            uid_address: None,
            legacy_uids: Vec::new(),
            must_match: Vec::new(),
            username: None,
            email: None,
            has_invalid_email: false,
            fullname: None,
            first_name: None,
            last_name: None,
            email_verified: false,
            reports_email: false,
            picture: None,
            organizations: Vec::new(),
            extra_data: Map::new(),
            absent_extra_data: Vec::new(),
            drop_when_empty: Vec::new(),
            fields: Map::new(),
            tokens: None,
            expires_in: None,
        }
    }
}

/// Removes null characters, which PostgreSQL cannot store in text or JSON.
pub fn strip_nul_characters(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|character| character != '\0'),
        Value::Array(items) => items.iter_mut().for_each(strip_nul_characters),
        Value::Object(members) => {
            members.retain(|name, _| !name.contains('\0'));
            members.values_mut().for_each(strip_nul_characters);
        }
        _ => {}
    }
}
