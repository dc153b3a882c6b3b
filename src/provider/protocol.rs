//! What callers pass to a provider: the parameters of an authorization request and of its callback.

use std::fmt;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::secrets::SecretString;

/// The protocol of a provider.
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
    /// For calls with stored tokens: `fields` are what the login kept of its callback, `empty` stands for all else.
    pub(super) fn after_login(
        fields: &'a Map<String, Value>,
        empty: &'a Map<String, Value>,
        deadline: Instant,
    ) -> Self {
        Self {
            fields,
            redirect_uri: "",
            state: None,
            code_verifier: None,
            nonce: None,
            request_token: None,
            id_token: None,
            address: empty,
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

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_ascii_lowercase())
    }
}
