//! A configured provider. Its methods are in the files of the steps of a login.

use std::fmt;

use super::descriptor::{Descriptor, ExtraField};
use super::expression::{Expr, Part, Scope, Template};
use super::jws::SignatureAlgorithm;
use super::keys::{Discovery, Key};
use super::protocol::Protocol;
use super::uid_keys::UidKeys;
use crate::clock::Deps;
use crate::outgoing::{CachedDocument, Client};
use crate::secrets::{ExposeSecret, SecretString};
use crate::settings::{ProviderSettings, SettingValues};

/// The rules for tokens of this provider, from descriptor and settings.
pub(super) struct TokenVerification {
    /// Empty: the algorithms of the discovery document, or RS256.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// ID_TOKEN_ISSUER, or those of the descriptor. May contain `{tenantid}`. Empty: the issuer of the discovery document.
    pub issuers: Vec<String>,
    pub fixed_key: Option<Key>,
    pub jwks_url: Template,
    /// In seconds; `None`: no limit.
    pub max_age: Option<i64>,
    /// In seconds.
    pub leeway: i64,
}

/// A configured provider. Its descriptor is parsed and its expressions are compiled at start.
pub struct Provider {
    pub(super) name: String,
    pub(super) descriptor: Descriptor,
    pub(super) settings: ProviderSettings,
    /// The settings of the provider with the defaults of the descriptor.
    pub(super) values: SettingValues,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    /// The configured scopes, joined by the separator.
    pub(super) scope: String,
    pub(super) login_fields: Vec<String>,
    pub(super) uses_pkce: bool,
    pub(super) uid_keys: UidKeys,
    /// The issuer of the uids, where settings choose it; otherwise empty.
    pub(super) issuer: String,
    /// Those of the descriptor, then those of EXTRA_DATA.
    pub(super) extra_fields: Vec<ExtraField>,
    /// By name of the field.
    pub(super) user_fields: Vec<(String, Expr)>,
    /// URLs of settings, which replace those of the descriptor.
    pub(super) overrides: Vec<(&'static str, Template)>,
    pub(super) verification: TokenVerification,
    pub(super) discovery_url: Option<Template>,
    pub(super) reads_discovery: bool,
    pub(super) discovery_document: CachedDocument<Discovery>,
    pub(super) key_set: CachedDocument<Vec<Key>>,
    pub(super) client: Client,
    pub(super) deps: Deps,
}

impl Provider {
    /// The name in URLs and rows.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name to show: "GitHub".
    pub fn title(&self) -> &str {
        if self.descriptor.title.is_empty() { &self.name } else { &self.descriptor.title }
    }

    /// The protocol.
    pub fn protocol(&self) -> Protocol {
        self.descriptor.protocol
    }

    /// The client ID at the provider.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client secret at the provider.
    pub(crate) fn client_secret(&self) -> &SecretString {
        &self.client_secret
    }

    /// The configured scopes, joined by the separator of the provider.
    pub fn scope(&self) -> String {
        self.scope.clone()
    }

    /// Whether this scope is configured.
    pub fn has_scope(&self, requested: &str) -> bool {
        let separator = self.descriptor.scope.separator.as_str();
        self.scope.split(|c: char| c.is_whitespace() || separator.contains(c)).any(|known| known == requested)
    }

    /// Whether OPTIONAL_SCOPE lists this scope, so that a login may ask for it.
    pub fn has_optional_scope(&self, requested: &str) -> bool {
        self.values.texts("OPTIONAL_SCOPE").iter().any(|known| known == requested)
    }

    /// The fields that the body of a login needs; `a|b` means one of them. Their values are valid for one login.
    pub fn login_fields(&self) -> &[String] {
        &self.login_fields
    }

    /// The member of a profile that is the uid.
    pub fn id_key(&self) -> &str {
        &self.uid_keys.key
    }

    /// Whether authorization requests have a PKCE challenge (S256).
    pub fn uses_pkce(&self) -> bool {
        self.uses_pkce && self.descriptor.protocol != Protocol::OAuth1
    }

    /// Whether authorization requests have a nonce, which the ID token must repeat.
    pub fn uses_nonce(&self) -> bool {
        self.verifies_id_token() && self.descriptor.id_token.nonce
    }

    /// Whether an ID token may be posted instead of a code: the provider publishes the keys that sign it.
    pub fn accepts_id_token(&self) -> bool {
        let rules = &self.descriptor.id_token;
        let published = self.verifies_id_token() || rules.jwks_url.is_some() && !rules.issuers.is_empty();
        published && !self.verification.algorithms.iter().any(|algorithm| algorithm.is_symmetric())
    }

    /// Whether the callback is a cross-site POST, for which cookies need `SameSite=None`.
    pub fn uses_form_post(&self) -> bool {
        self.descriptor.form_post
    }

    /// Whether a page can get codes in a pop-up that redirects no browser: all providers that extend Google's.
    pub fn has_popup_codes(&self) -> bool {
        self.descriptor.protocol != Protocol::OAuth1
            && self.descriptor.authorization.url.source().starts_with("https://accounts.google.com/")
    }

    /// Whether the provider can be linked to a signed-in user, but signs no user in.
    pub fn is_association_only(&self) -> bool {
        self.descriptor.association_only
    }

    /// The settings of the provider.
    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// The descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The URL of a setting that replaces one of the descriptor.
    pub(super) fn override_of(&self, setting: &str) -> Option<&Template> {
        self.overrides.iter().find(|(name, _)| *name == setting).map(|(_, template)| template)
    }

    /// What expressions can read without a login.
    pub(super) fn base_scope(&self) -> Scope<'_> {
        Scope::of(&self.values)
            .with("client_id", Some(self.client_id.as_str()))
            .with("client_secret", Some(self.client_secret.expose_secret()))
            .with("now", Some(Part::Number(self.deps.now().seconds())))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}
