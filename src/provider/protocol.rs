//! What callers pass to a provider: the parameters of an authorization request and of its callback.

use std::fmt;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::outgoing::Pairs;
use crate::secrets::SecretString;

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OAuth 1.0a.
    OAuth1,
    /// OAuth 2.0.
    #[default]
    OAuth2,
    /// OpenID Connect.
    Oidc,
    /// OpenID 2.0: the callback is an assertion, which the provider then confirms.
    OpenId2,
    /// A widget on the page returns signed data; the provider is not called.
    Widget,
}

/// The parameters of an authorization request.
#[derive(Clone, Debug)]
pub struct Authorization<'a> {
    /// Where the provider redirects to.
    pub redirect_uri: &'a str,
    /// Identifies the authorization request.
    pub state: &'a str,
    /// For the ID token (OpenID Connect Core 3.1.2.1).
    pub nonce: Option<&'a str>,
    /// The PKCE challenge, S256.
    pub code_challenge: Option<&'a str>,
    /// Replaces the configured scopes.
    pub scope: Option<&'a [String]>,
    /// Parts of the provider's URL, such as the `shop` of Shopify. They are checked against the descriptor.
    pub address: &'a Map<String, Value>,
    /// Parameters that this login adds.
    pub parameters: &'a LoginParameters,
    /// OAuth 1.0a only.
    pub request_token: Option<&'a RequestToken>,
}

/// The parameters that one login adds to the authorization URL, checked.
#[derive(Clone, Debug, Default)]
pub struct LoginParameters {
    /// Names and values.
    pub pairs: Pairs,
    /// The maximum age of the user's authentication in seconds, from the login or from the settings.
    pub max_age: Option<u32>,
    /// The `acr_values` of the login, if REQUIRE_ACR makes them a condition.
    pub acr_values: Vec<String>,
    /// `dev` only: the persona and the behaviour that the login chooses at the simulator. They are no part of the provider's URL.
    pub simulator_choice: Pairs,
}

/// The parameters of a callback, as posted to a login route.
#[derive(Clone, Debug)]
pub struct Callback<'a> {
    /// All fields of the body. The fields that a login needs are present; nothing else is checked.
    pub fields: &'a Map<String, Value>,
    /// The redirect URI of the authorization request. Empty: no redirect took place.
    pub redirect_uri: &'a str,
    /// `None`: the login has no authorization request of this server.
    pub state: Option<&'a str>,
    /// The PKCE verifier.
    pub code_verifier: Option<&'a str>,
    /// The nonce that the ID token must contain. `None`: it is not checked.
    pub nonce: Option<&'a str>,
    /// The `max_age` of the authorization request. `None`: it had none.
    pub max_age: Option<MaxAge>,
    /// The authentication context classes of which the authorization request requires one. Empty: it had none of its own.
    pub acr_values: &'a [String],
    /// OAuth 1.0a only.
    pub request_token: Option<&'a RequestToken>,
    /// An ID token that the provider's SDK returned to the app. It replaces the code. Only where
    /// [`super::Provider::accepts_id_token`] is true.
    pub id_token: Option<&'a str>,
    /// `address` of the authorization request.
    pub address: &'a Map<String, Value>,
    /// When all calls of this login must have ended.
    pub deadline: Instant,
}

impl<'a> Callback<'a> {
    /// For calls with stored tokens: `fields` are the stored parameters of the callback; all others are empty.
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
            max_age: None,
            acr_values: &[],
            request_token: None,
            id_token: None,
            address: empty,
            deadline,
        }
    }
}

/// The `max_age` that was sent with an authorization request (OpenID Connect Core 3.1.2.1).
#[derive(Clone, Copy, Debug)]
pub struct MaxAge {
    /// In seconds.
    pub seconds: u32,
    /// When the authorization request was made.
    pub requested: UnixMillis,
}

/// Temporary credentials of OAuth 1.0a (RFC 5849, 2.1).
#[derive(Clone, Debug)]
pub struct RequestToken {
    /// `oauth_token`.
    pub token: String,
    /// `oauth_token_secret`.
    pub secret: SecretString,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_ascii_lowercase())
    }
}
