use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{AccountUid, EmailAddress, ProviderTokens, token_binding};

/// What a provider says of the person who just signed in: all that `provider/` hands upwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    pub provider: String,
    /// A profile without a stable id is refused (R-PIPE-02).
    pub uid: AccountUid,
    /// Within what `uid` is unique.
    #[serde(default)]
    pub uid_scope: UidScope,
    /// Names in `extra_data` under which `uid` is kept.
    #[serde(default)]
    pub uid_kept_as: Vec<String>,
    /// Ids under which earlier releases of django-rest-social-auth stored the same user; an imported row found so is
    /// re-keyed to `uid`.
    pub legacy_uids: Vec<AccountUid>,
    /// Names in `extra_data` that must not differ from those of the row found (a character of a game that was sold).
    pub same: Vec<String>,
    pub username: Option<String>,
    /// What is no address counts as none.
    pub email: Option<EmailAddress>,
    /// The provider named an address that is none. Deny lists refuse it: it may be another spelling of a denied one.
    #[serde(default)]
    pub has_invalid_email: bool,
    pub fullname: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// By the provider's rule in its descriptor; unknown means not verified (SEC-24).
    pub email_verified: bool,
    /// Where the person's picture lies, for the step `save_avatar`.
    pub picture: Option<String>,
    /// The organisations or tenants that the provider says the person belongs to.
    pub organizations: Vec<String>,
    /// The fields kept with the association, in order (R-EXT-01, 02, 05), `auth_time` left to the pipeline.
    pub extra_data: Map<String, Value>,
    /// Names in `extra_data` that the provider's answer does not have. They are null there.
    #[serde(default)]
    pub absent_extra_data: Vec<String>,
    /// Names in `extra_data` that are dropped rather than stored when they are empty, so that an older value survives
    /// (R-EXT-04).
    pub drop_when_empty: Vec<String>,
    /// What the provider says for the declared fields of the user, as it says it.
    pub fields: Map<String, Value>,
    /// What the provider handed out to act for the person; `None` where it handed out nothing. Never serialised: where
    /// it is kept at all, it is sealed by itself.
    #[serde(skip)]
    pub tokens: Option<ProviderTokens>,
    /// Seconds that the provider says its login lives, for SESSION_EXPIRATION (R-SES-04).
    pub expires_in: Option<i64>,
}

/// Within what a uid is unique: the claim that it is, and the issuer where there are several. Two accounts of one uid and
/// two scopes are two accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UidScope {
    /// `sub`, or `sub https://issuer.example`.
    pub current: String,
    /// Those whose accounts count as this one's (FORMER_ISSUERS).
    pub former: Vec<String>,
    /// The provider has many issuers, each with users of its own; else another scope is a changed setting.
    pub is_per_tenant: bool,
}

impl UidScope {
    pub fn named(claim: &str, issuer: &str) -> String {
        if issuer.is_empty() { claim.to_owned() } else { format!("{claim} {issuer}") }
    }
}

impl Identity {
    /// Of the account that this login leaves: it then has the key of this identity.
    pub fn token_binding(&self) -> [&str; 3] {
        token_binding(&self.provider, self.uid.as_str(), &self.uid_scope.current)
    }

    /// Without null characters, which PostgreSQL keeps in no text.
    #[must_use]
    pub fn storable(mut self) -> Self {
        self.picture = self.picture.filter(|picture| !picture.contains('\0'));
        for name in [&mut self.username, &mut self.fullname, &mut self.first_name, &mut self.last_name] {
            name.iter_mut().for_each(|name| name.retain(|character| character != '\0'));
        }
        self.extra_data.retain(|name, _| !name.contains('\0'));
        self.extra_data.values_mut().for_each(drop_nulls);
        self.fields.values_mut().for_each(drop_nulls);
        self
    }
}

/// PostgreSQL keeps no null character in text, nor in the names and texts of JSON.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|character| character != '\0'),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(members) => {
            members.retain(|name, _| !name.contains('\0'));
            members.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}
