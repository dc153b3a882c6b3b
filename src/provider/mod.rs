//! (descriptor, code) -> identity, and nothing else: no poem, no sqlx.
//!
//! A provider is a descriptor, data from `catalog/<name>.toml` or from the settings file; what data cannot say is a
//! quirk, a small function hooked at one of five points. `login/` calls; the only way out is `outgoing/`.

mod catalog; // the descriptors that come with the program
pub mod descriptor; // a provider as data
mod expression; // the small language of descriptors
mod functions; // its functions

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::clock::Ambient;
use crate::model::Identity;
use crate::outgoing::Client;
use crate::secrets::SecretString;
use crate::settings::{ProviderSettings, SettingError, Settings};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    OAuth1,
    #[default]
    OAuth2,
    Oidc,
}

/// What a login's body must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFields {
    /// `code`.
    Code,
    /// `oauth_token` and `oauth_verifier`, after a first step.
    OAuth1,
    /// Names given by the descriptor.
    Named(Vec<String>),
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
    /// What `Authorization::address` held when the login began.
    pub address: &'a Map<String, Value>,
    /// When all calls of this login must be done.
    pub deadline: Instant,
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
    #[error("{stage}: no answer in time")]
    Timeout { stage: &'static str },
}

/// The configured providers.
#[derive(Clone)]
pub struct Providers {
    list: Vec<Arc<Provider>>,
}

pub struct Provider {}

/// Names of the catalogue, for the settings' reader (longest name that fits) and for `providers list`.
pub fn catalog_names() -> Vec<&'static str> {
    todo!()
}

impl Providers {
    /// Reads every configured descriptor and checks its settings; all mistakes together.
    pub fn from_settings(settings: &Settings, client: &Client, ambient: &Ambient) -> Result<Self, Vec<SettingError>> {
        let _ = (settings, client, ambient);
        todo!()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.list.iter().find(|provider| provider.name() == name)
    }

    /// In the settings' order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.list.iter()
    }
}

impl Provider {
    pub fn name(&self) -> &str {
        todo!()
    }

    /// For people: "GitHub".
    pub fn title(&self) -> &str {
        todo!()
    }

    pub fn protocol(&self) -> Protocol {
        todo!()
    }

    pub fn client_id(&self) -> &str {
        todo!()
    }

    /// The configured scopes, joined as the provider wants them.
    pub fn scope(&self) -> String {
        todo!()
    }

    /// Where a login is authorised, for a front-end that builds the URL itself; `None` where only discovery knows.
    pub fn authorization_endpoint(&self) -> Option<String> {
        todo!()
    }

    pub fn login_fields(&self) -> &LoginFields {
        todo!()
    }

    /// Whether a begun login sends a PKCE challenge (S256).
    pub fn uses_pkce(&self) -> bool {
        todo!()
    }

    /// Whether a begun login sends a nonce (OpenID Connect).
    pub fn uses_nonce(&self) -> bool {
        todo!()
    }

    /// Whether its callback is a cross-site POST, which only a `SameSite=None` cookie survives.
    pub fn uses_form_post(&self) -> bool {
        todo!()
    }

    /// Whether it only links to a signed-in user.
    pub fn association_only(&self) -> bool {
        todo!()
    }

    pub fn settings(&self) -> &ProviderSettings {
        todo!()
    }

    /// The error that a callback carries (`error`, `denied`, `oauth_problem`, `error_code`), read before anything else
    /// is required; `None` where it carries none.
    pub fn callback_error(&self, fields: &Map<String, Value>) -> Option<ProviderError> {
        let _ = fields;
        todo!()
    }

    /// The URL to send the person to. May fetch a discovery document.
    pub async fn authorization_url(
        &self,
        request: &Authorization<'_>,
        deadline: Instant,
    ) -> Result<String, ProviderError> {
        let _ = (request, deadline);
        todo!()
    }

    /// OAuth 1.0a, first step: a request token for `callback`.
    pub async fn request_token(&self, callback: &str, deadline: Instant) -> Result<RequestToken, ProviderError> {
        let _ = (callback, deadline);
        todo!()
    }

    /// The code exchange and the profile calls, one or two and one or two.
    pub async fn identify(&self, callback: &Callback<'_>) -> Result<Identity, ProviderError> {
        let _ = callback;
        todo!()
    }
}
