//! (descriptor, code) -> identity, and nothing else: no poem, no sqlx.
//!
//! A provider is a descriptor, data from `catalog/<name>.toml` or from the settings file; what data cannot say is a
//! quirk, a small function at one of two points. `login/` calls; the only way out is `outgoing/`.

mod authorization; // where the person is sent
mod call; // requests made from templates, answers read strictly
mod callback; // what a callback holds, before anything is looked up by it
mod catalog; // the descriptors that come with the program
mod check; // what can be known without a person
mod description; // which of a provider's words are shown
pub mod descriptor; // a provider as data
mod documents; // discovery documents and key sets
mod exchange; // from a callback to tokens and claims
mod expression; // the small language of descriptors
mod functions; // its functions
mod id_token; // the checks of OpenID Connect
mod jws; // signed tokens, their keys and algorithms
mod oauth1; // RFC 5849
mod profile; // from tokens to an identity
mod quirks; // what data cannot say
mod renewal; // tokens after the login
mod reply; // what a provider's answer means
mod setup; // a configured provider, made once
#[cfg(test)]
mod tests;
mod uid; // whose id it is, and within what it is unique
mod user_fields; // the operator's own fields of a user
mod verification; // tokens verified with the published keys

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

pub use self::catalog::CatalogEntry;
pub use self::check::Endpoint;
use self::descriptor::{Descriptor, ExtraField};
use self::documents::{Discovery, Key};
pub use self::exchange::CheckedCallback;
use self::expression::{Expr, Template};
pub use self::jws::SignatureAlgorithm;
use self::quirks::Quirk;
use self::setup::Verification;
pub use self::uid::{StoredKey, UidKeys};
use crate::clock::Deps;
use crate::outgoing::{CachedDocument, Client};
use crate::secrets::SecretString;
use crate::settings::{ProviderSettings, SettingError, SettingValues, Settings};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    OAuth1,
    #[default]
    OAuth2,
    Oidc,
    /// OpenID 2.0: the callback is an assertion, which the provider itself is asked about.
    OpenId2,
    /// A page's widget hands over signed data: nobody is asked.
    Widget,
}

/// What goes into the authorization URL.
#[derive(Clone, Debug)]
pub struct Authorization<'a> {
    pub redirect_uri: &'a str,
    pub state: &'a str,
    pub nonce: Option<&'a str>,
    /// S256.
    pub code_challenge: Option<&'a str>,
    /// Instead of the provider's configured scopes.
    pub scope: Option<&'a [String]>,
    /// What the provider's own address needs, such as shopify's `shop`; held against the descriptor's list and pattern.
    pub address: &'a Map<String, Value>,
    /// OAuth 1.0a.
    pub request_token: Option<&'a RequestToken>,
}

/// What the provider's callback carried, as posted to a login route.
#[derive(Clone, Debug)]
pub struct Callback<'a> {
    /// All fields of the body, unvalidated beyond [`Provider::login_fields`].
    pub fields: &'a Map<String, Value>,
    pub redirect_uri: &'a str,
    /// The state of a begun login; `None` for a code-only one.
    pub state: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
    /// The nonce that an id_token must carry; `None` where the server made none, and then one is not asked for.
    pub nonce: Option<&'a str>,
    pub request_token: Option<&'a RequestToken>,
    /// An id_token that the provider's own software handed to the front-end: it is what is verified, and there is no
    /// code to exchange. Only where [`Provider::accepts_id_token`].
    pub id_token: Option<&'a str>,
    /// What `Authorization::address` held when the login began.
    pub address: &'a Map<String, Value>,
    /// When all calls of this login must be done.
    pub deadline: Instant,
}

impl<'a> Callback<'a> {
    /// That of a call without one.
    fn none(nothing: &'a Map<String, Value>, deadline: Instant) -> Self {
        Self {
            fields: nothing,
            redirect_uri: "",
            state: None,
            code_verifier: None,
            nonce: None,
            request_token: None,
            id_token: None,
            address: nothing,
            deadline,
        }
    }
}

/// OAuth 1.0a, RFC 5849 section 2.1.
#[derive(Clone, Debug)]
pub struct RequestToken {
    pub token: String,
    pub secret: SecretString,
}

/// Why there is no identity. `message` is the provider's own text: for the log, and outward only with VERBOSE_ERRORS.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The person said no.
    #[error("the person declined")]
    AccessDenied { message: Option<String> },
    /// The callback carries another error: the provider sent the person back without a code.
    #[error("callback: {reason}")]
    AuthorizationError { reason: String, message: Option<String> },
    /// The code, verifier or token is bad, used or expired.
    #[error("the provider refused the code")]
    InvalidCode { message: Option<String> },
    /// A field of the request does not do: name -> message. Nothing was sent.
    #[error("invalid fields")]
    InvalidFields(Vec<(String, String)>),
    /// `iss` of the callback, or the like, names another provider (SEC-5).
    #[error("the callback is another provider's")]
    Mixup,
    /// The profile does not meet the provider's admission rule (an unverified e-mail, the wrong organisation).
    #[error("not admitted: {reason}")]
    NotAllowed { reason: String },
    /// Anything else that the provider did: refused our client, 4xx, 429, 5xx, garbage, an id_token that does not
    /// hold, a profile without an id.
    #[error("{stage}: {reason}")]
    Failed { stage: &'static str, reason: String, message: Option<String> },
    /// The provider asks to be called later, or is left alone after failures. Nothing was judged.
    #[error("{stage}: {reason}")]
    TemporarilyUnavailable { stage: &'static str, reason: String, retry_after: Option<Duration> },
    /// The endpoint is not there: no connection, or a status that says so.
    #[error("{stage}: {reason}")]
    EndpointNotFound { stage: &'static str, reason: String },
    /// A renewal answered with tokens of another user (OpenID Connect Core 12.2).
    #[error("{stage}: {reason}")]
    UserMismatch { stage: &'static str, reason: String },
    #[error("{stage}: no answer in time")]
    Timeout { stage: &'static str },
}

impl ProviderError {
    /// Whether the provider answered and refused what was sent, or cannot read it. After the other errors it may still accept it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::AccessDenied { .. } | Self::InvalidCode { .. } | Self::Failed { .. })
    }
}

/// The configured providers.
#[derive(Clone)]
pub struct Providers {
    list: Vec<Arc<Provider>>,
    warnings: Vec<String>,
}

/// A configured provider: nothing of its descriptor is parsed or compiled again after the start.
pub struct Provider {
    name: String,
    descriptor: Descriptor,
    settings: ProviderSettings,
    /// Typed, with the descriptor's defaults.
    values: SettingValues,
    client_id: String,
    client_secret: SecretString,
    /// The configured scopes, joined.
    scope: String,
    login_fields: Vec<String>,
    pkce: bool,
    uid_keys: UidKeys,
    /// Who issues the ids, as far as settings choose it; empty where they do not.
    issuer: String,
    /// The descriptor's, then the settings'.
    extra_fields: Vec<ExtraField>,
    /// By the field's name.
    user_fields: Vec<(String, Expr)>,
    /// Addresses that settings put in place of the descriptor's.
    overrides: Vec<(&'static str, Template)>,
    quirk: &'static dyn Quirk,
    verification: Verification,
    discovery_url: Option<Template>,
    reads_discovery: bool,
    published: CachedDocument<Discovery>,
    keys: CachedDocument<Vec<Key>>,
    client: Client,
    deps: Deps,
}

/// Names of the catalogue, for the settings' reader (longest name that fits) and for `providers list`.
pub fn catalog_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = catalog::entries().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// All entries of the catalogue, by id.
pub fn catalog_entries() -> impl Iterator<Item = CatalogEntry> {
    catalog::entries()
}

/// An entry by name and variant, with its descriptor.
pub fn catalog_entry(name: &str, variant: Option<&str>) -> Result<(CatalogEntry, Descriptor), String> {
    let entry = catalog::entry_of(name, variant)?;
    let entry = entry.ok_or_else(|| format!("no provider is called {name}{}", catalog::nearest(name)))?;
    let descriptor = catalog::read(Some(entry.id), &toml::Table::new())?;
    Ok((entry, descriptor))
}

impl Providers {
    /// Reads every configured descriptor and checks its settings; all mistakes together.
    pub fn from_settings(settings: &Settings, client: &Client, deps: &Deps) -> Result<Self, Vec<SettingError>> {
        let (mut list, mut warnings, mut errors) = (Vec::new(), Vec::new(), user_fields::mistakes(settings));
        for provider in &settings.providers {
            match Provider::new(provider, settings.outgoing.allow_private, client, deps, &mut warnings) {
                Ok(mut provider) => {
                    provider.user_fields = user_fields::of_provider(&provider.name, &provider.settings.user_rules);
                    list.push(Arc::new(provider));
                }
                Err(mistakes) => errors.extend(mistakes),
            }
        }
        if errors.is_empty() {
            errors.extend(user_fields::mistakes_in_mappings(&list));
        }
        if errors.is_empty() { Ok(Self { list, warnings }) } else { Err(errors) }
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.list.iter().find(|provider| provider.name() == name)
    }

    /// In the settings' order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.list.iter()
    }

    /// What an operator should know at start: unknown settings of the environment, settings without effect.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
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
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_ascii_lowercase())
    }
}
