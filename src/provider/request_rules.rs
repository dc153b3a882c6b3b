//! The fields of a descriptor for requests: the token request, refresh and revocation, OAuth 1.0a, and profile requests.

use serde::Deserialize;

use super::expression::{Expr, Ordered, Template};

/// The token request: a form with `grant_type`, `code` and `redirect_uri`, the client authentication, and the `code_verifier` if
/// there is one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRules {
    /// The token endpoint.
    pub url: Template,
    /// The method.
    pub method: Method,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// Further headers.
    pub headers: Ordered<Template>,
    /// Query parameters.
    pub query: Ordered<Template>,
    /// Replaces the three standard parameters.
    pub form: Option<Ordered<Template>>,
    /// A JSON object of texts that replaces the form and the client authentication in it.
    pub json: Option<Ordered<Template>>,
    /// The format of the answer.
    pub format: Format,
    /// Expression over `body`: the object with the members of the answer.
    pub root: Option<Expr>,
    /// Expression over `token`: the access token. Default `token.access_token`.
    pub access_token: Option<Expr>,
    /// Whether the answer may lack an access token (an ID token is enough) or, in OAuth 1.0a, the token secret.
    pub access_token_optional: bool,
    /// Hosts that are allowed in a URL from an answer; `*.` stands for any labels (SEC-38).
    pub hosts: Vec<String>,
    /// Whether ID and secret are sent in HTTP Basic without the form-encoding of RFC 6749, 2.3.1.
    pub plain_basic: bool,
}

impl TokenRules {
    /// Whether this client authentication needs the client secret.
    pub fn needs_secret(&self, auth: ClientAuth) -> bool {
        let lists = [Some(&self.headers), Some(&self.query), self.form.as_ref(), self.json.as_ref()];
        match auth {
            ClientAuth::Public | ClientAuth::None => false,
            ClientAuth::Templates => {
                lists.into_iter().flatten().any(|list| list.iter().any(|(_, text)| text.mentions("client_secret")))
            }
            _ => true,
        }
    }
}

/// How tokens are refreshed (RFC 6749, 6) or revoked (RFC 7009). The default body of a refresh is `refresh_token` and
/// `grant_type`; that of a revocation is `token`: the refresh token, if there is one. A provider should then revoke its access tokens too
/// (RFC 7009, 2.1). The client authentication is added.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenManagementRules {
    /// Refresh: default `token.url`. Revocation: not supported without it; REVOKE_TOKEN_URL overrides it.
    pub url: Option<Template>,
    /// The method.
    pub method: Method,
    /// How the client authenticates; default: as at the token endpoint (RFC 6749, 6; RFC 7009, 2.1).
    pub auth: Option<ClientAuth>,
    /// Refresh: default `token.headers`.
    pub headers: Option<Ordered<Template>>,
    /// Query parameters.
    pub query: Ordered<Template>,
    /// Replaces the default body.
    pub form: Option<Ordered<Template>>,
    /// Expressions of the login whose values are stored with its tokens. Templates read them as members of `callback`.
    pub needs: Ordered<Expr>,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Method {
    /// GET.
    GET,
    /// POST.
    #[default]
    POST,
    /// DELETE.
    DELETE,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::GET => Self::GET,
            Method::POST => Self::POST,
            Method::DELETE => Self::DELETE,
        }
    }
}

/// How the client authenticates (RFC 6749, 2.3).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` in the body.
    #[default]
    Body,
    /// HTTP Basic.
    Basic,
    /// Both.
    BasicAndBody,
    /// `client_id` in the body, no secret: a public client.
    Public,
    /// HTTP Basic if the discovery document lists it or lists nothing, otherwise in the body.
    Discovery,
    /// By the templates: nothing is added.
    Templates,
    /// There is no token request: the callback contains the token.
    None,
}

/// The format of an answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded` without repeated names (SEC-16).
    Form,
    /// One of the two.
    JsonOrForm,
    /// A text, which the quirk parses.
    Text,
}

/// OAuth 1.0a (RFC 5849). All calls are signed with HMAC-SHA1 in the `Authorization` header. `token` is the request for the access
/// token.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth1Rules {
    /// The URL of the request for a request token.
    pub request_token_url: Template,
    /// `oauth_callback`. Default: the redirect URI.
    pub callback: Option<Template>,
    /// The method of that request.
    pub request_token_method: Method,
    /// Query parameters of that request.
    pub query: Ordered<Template>,
    /// Whether profile requests are signed without `oauth_callback` and `oauth_verifier`.
    pub plain_profile_calls: bool,
}

/// A profile request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRequest {
    /// The request is left out if an expression of the URL has no value.
    pub url: Template,
    /// The method.
    #[serde(default = "get")]
    pub method: Method,
    /// The `Authorization` header. Default: `Bearer {access_token}`; empty: not sent.
    pub authorization: Option<Template>,
    /// Further headers.
    #[serde(default)]
    pub headers: Ordered<Template>,
    /// Query parameters.
    #[serde(default)]
    pub query: Ordered<Template>,
    /// A setting with an object of further query parameters, such as PROFILE_EXTRA_PARAMS.
    pub query_setting: Option<String>,
    /// The body.
    pub form: Option<Ordered<Template>>,
    /// Expression: the request is sent only if it is true.
    pub when: Option<Expr>,
    /// Whether the login continues when the request fails. The answer is then null in `bodies`.
    #[serde(default)]
    pub optional: bool,
    /// Statuses that mean that the user may not sign in.
    #[serde(default)]
    pub not_allowed: Vec<u16>,
    /// A header with the number of the next `page` of a list. All pages are requested and joined.
    pub next_page: Option<String>,
    /// The format of the answer.
    #[serde(default)]
    pub format: Format,
    /// Hosts that are allowed in a URL from an answer; `*.` stands for any labels (SEC-38).
    #[serde(default)]
    pub hosts: Vec<String>,
}

fn get() -> Method {
    Method::GET
}
