//! A configured provider. Its methods stand with the steps of a login that they are part of.

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

/// What an id_token of this provider must be, descriptor and settings together.
pub(super) struct Verification {
    /// Empty: those that the discovery document lists, or RS256.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// `{tenantid}` stands for a claim. Empty: the discovery document's.
    pub issuers: Vec<String>,
    pub fixed_key: Option<Key>,
    pub jwks_url: Template,
    /// Seconds; 0: any age.
    pub max_age: i64,
    /// Seconds.
    pub leeway: i64,
}

/// A configured provider: nothing of its descriptor is parsed or compiled again after the start.
pub struct Provider {
    pub(super) name: String,
    pub(super) descriptor: Descriptor,
    pub(super) settings: ProviderSettings,
    /// Typed, with the descriptor's defaults.
    pub(super) values: SettingValues,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    /// The configured scopes, joined.
    pub(super) scope: String,
    pub(super) login_fields: Vec<String>,
    pub(super) pkce: bool,
    pub(super) uid_keys: UidKeys,
    /// Who issues the ids, as far as settings choose it; empty where they do not.
    pub(super) issuer: String,
    /// The descriptor's, then the settings'.
    pub(super) extra_fields: Vec<ExtraField>,
    /// By the field's name.
    pub(super) user_fields: Vec<(String, Expr)>,
    /// Addresses that settings put in place of the descriptor's.
    pub(super) overrides: Vec<(&'static str, Template)>,
    pub(super) verification: Verification,
    pub(super) discovery_url: Option<Template>,
    pub(super) reads_discovery: bool,
    pub(super) published: CachedDocument<Discovery>,
    pub(super) keys: CachedDocument<Vec<Key>>,
    pub(super) client: Client,
    pub(super) deps: Deps,
}

impl Provider {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For people: "GitHub".
    pub fn title(&self) -> &str {
        if self.descriptor.title.is_empty() { &self.name } else { &self.descriptor.title }
    }

    pub fn protocol(&self) -> Protocol {
        self.descriptor.protocol
    }

    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The configured scopes, joined as the provider wants them.
    pub fn scope(&self) -> String {
        self.scope.clone()
    }

    /// Whether all of these are configured.
    pub fn has_scopes(&self, asked: &[String]) -> bool {
        let separator = self.descriptor.scope.separator.as_str();
        let configured = || self.scope.split(|c: char| c.is_whitespace() || separator.contains(c));
        asked.iter().all(|scope| configured().any(|known| known == scope))
    }

    /// What a login's body must carry; `a|b` means one of them. What they hold is good for one login.
    pub fn login_fields(&self) -> &[String] {
        &self.login_fields
    }

    /// The member of a profile that is the person's id.
    pub fn id_key(&self) -> &str {
        &self.uid_keys.key
    }

    /// Whether a begun login sends a PKCE challenge (S256).
    pub fn uses_pkce(&self) -> bool {
        self.pkce && self.descriptor.protocol != Protocol::OAuth1
    }

    /// Whether a begun login sends a nonce, for the id_token to repeat.
    pub fn uses_nonce(&self) -> bool {
        self.verifies_id_token() && self.descriptor.id_token.nonce
    }

    /// Whether an id_token may be posted instead of a code: the provider publishes the keys that sign it.
    pub fn accepts_id_token(&self) -> bool {
        let rules = &self.descriptor.id_token;
        let published = self.verifies_id_token() || rules.jwks_url.is_some() && !rules.issuers.is_empty();
        published && !self.verification.algorithms.iter().any(|algorithm| algorithm.is_shared())
    }

    /// Whether its callback is a cross-site POST, which only a `SameSite=None` cookie survives.
    pub fn uses_form_post(&self) -> bool {
        self.descriptor.form_post
    }

    /// Whether it only links to a signed-in user.
    pub fn is_association_only(&self) -> bool {
        self.descriptor.association_only
    }

    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The template that a setting puts in place of the descriptor's.
    pub(super) fn override_of(&self, setting: &str) -> Option<&Template> {
        self.overrides.iter().find(|(name, _)| *name == setting).map(|(_, template)| template)
    }

    pub(super) fn scope_of_settings(&self) -> Scope<'_> {
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
