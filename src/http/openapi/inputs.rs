//! Schemas of the request bodies. They only describe: `RawBody` reads a body as ordered fields, which keeps everything that
//! a provider's callback had and reports all invalid fields together.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::schemas::{JsonObject, impl_type};
use crate::http::protocol::{FORM, RequestSchema};

/// The body of a login whose URL names the provider: the parameters of the provider's callback, and what identifies the
/// authorization request. Other members are ignored, `provider` too, so a front-end may post its whole configuration.
#[derive(Object, Default)]
#[oai(example)]
pub struct LoginWithProviderInput {
    /// The authorization code. Required in OAuth 2.0 and OpenID Connect.
    #[oai(skip_serializing_if_is_none)]
    pub code: Option<String>,
    /// The state from begin. A state that this server did not make is ignored, unless STATE_POLICY is `required`.
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<String>,
    /// The flow token from begin, for clients without cookies.
    #[oai(skip_serializing_if_is_none)]
    pub flow_token: Option<String>,
    /// The redirect URI that the code was issued for: one of ALLOWED_REDIRECT_URIS. Not needed after begin.
    #[oai(skip_serializing_if_is_none)]
    pub redirect_uri: Option<String>,
    /// The verifier of the front-end's own PKCE pair (RFC 7636).
    #[oai(skip_serializing_if_is_none)]
    pub code_verifier: Option<String>,
    /// Instead of a code: the ID token that the provider's SDK gave to an app, at most ten minutes old and for one use.
    /// `credential`, Google One Tap's name, is accepted too.
    #[oai(skip_serializing_if_is_none)]
    pub id_token: Option<String>,
    /// The nonce that the app gave to the provider's SDK, if the login was not begun here.
    #[oai(skip_serializing_if_is_none)]
    pub nonce: Option<String>,
    /// The issuer from the callback (RFC 9207).
    #[oai(skip_serializing_if_is_none)]
    pub iss: Option<String>,
    /// OAuth 1.0a: the request token from the callback.
    #[oai(skip_serializing_if_is_none)]
    pub oauth_token: Option<String>,
    /// OAuth 1.0a: the verifier from the callback.
    #[oai(skip_serializing_if_is_none)]
    pub oauth_verifier: Option<String>,
    /// The error from the callback, instead of a code.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl RequestSchema for LoginWithProviderInput {}

impl Example for LoginWithProviderInput {
    fn example() -> Self {
        Self {
            code: Some("SplxlOBeZQQYbYS6WxSbIA".to_owned()),
            state: Some("pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned()),
            ..Self::default()
        }
    }
}

/// The body of a login whose URL names no provider: the provider, and the members of [`LoginWithProviderInput`].
pub struct LoginInput;

const LOGIN_INPUT: &str = "LoginInput";

impl_type!(LoginInput, LOGIN_INPUT, MetaSchemaRef::Reference(LOGIN_INPUT.to_owned()), |registry: &mut Registry| {
    registry.create_schema::<LoginInput, _>(LOGIN_INPUT.to_owned(), |registry| {
        let callback = registry.create_fake_schema::<LoginWithProviderInput>();
        let provider = MetaSchema {
            description: Some("The provider's name, as `/api/login/social/providers/` lists it."),
            ..MetaSchema::new("string")
        };
        let provider = ("provider", MetaSchemaRef::Inline(Box::new(provider)));
        let mut example = serde_json::Map::from_iter([("provider".to_owned(), Value::from("github"))]);
        if let Some(Value::Object(members)) = LoginWithProviderInput::example().to_json() {
            example.extend(members);
        }
        MetaSchema {
            rust_typename: None,
            description: Some(
                "The body of a login whose URL names no provider: the provider, and the parameters of its callback.",
            ),
            properties: std::iter::once(provider).chain(callback.properties).collect(),
            required: vec!["provider"],
            example: Some(example.into()),
            ..callback
        }
    });
});

impl RequestSchema for LoginInput {}

/// The supported PKCE method.
#[derive(Clone, Copy, Debug, Enum)]
pub enum ChallengeMethod {
    S256,
}

/// How to begin a login. Other members are parameters of the provider's own URL, such as shopify's `shop`.
#[derive(Object, Default)]
#[oai(example)]
pub struct BeginInput {
    /// Where the provider sends the user back to. It must match an entry of ALLOWED_REDIRECT_URIS exactly. The default
    /// comes from the settings or from the page's origin.
    #[oai(skip_serializing_if_is_none)]
    pub redirect_uri: Option<String>,
    /// Scopes, separated by spaces; they replace the provider's configured scopes: some of them, and scopes that
    /// OPTIONAL_SCOPE lists. A list of texts is accepted too.
    #[oai(skip_serializing_if_is_none)]
    pub scope: Option<String>,
    /// Where the front-end goes after the login: a path, or a URL with an origin of ALLOWED_NEXT_ORIGINS. It is checked
    /// and returned.
    #[oai(skip_serializing_if_is_none)]
    pub next: Option<String>,
    /// The challenge of the front-end's own PKCE pair: 43 characters of base64url, with `code_challenge_method`. The login must
    /// then have the `code_verifier`.
    #[oai(skip_serializing_if_is_none)]
    pub code_challenge: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub code_challenge_method: Option<ChallengeMethod>,
    /// What the provider asks the user for: `none`, `login`, `consent` or `select_account`.
    #[oai(skip_serializing_if_is_none)]
    pub prompt: Option<String>,
    /// The account that the provider suggests, such as an e-mail address.
    #[oai(skip_serializing_if_is_none)]
    pub login_hint: Option<String>,
    /// The maximum time in seconds since the user authenticated at the provider. The ID token must prove it.
    #[oai(skip_serializing_if_is_none)]
    pub max_age: Option<u32>,
    /// Languages for the provider's pages, in order, such as `de en`.
    #[oai(skip_serializing_if_is_none)]
    pub ui_locales: Option<String>,
    /// Authentication context classes that the application requests, in order.
    #[oai(skip_serializing_if_is_none)]
    pub acr_values: Option<String>,
    /// The domain of the user's account at the provider (Microsoft).
    #[oai(skip_serializing_if_is_none)]
    pub domain_hint: Option<String>,
    /// A JSON object of at most 2 KB. The answer of the login has it, and pipeline steps and webhooks.
    #[oai(skip_serializing_if_is_none)]
    pub data: Option<JsonObject>,
    /// A text of at most 512 characters. The answer of the login has it.
    #[oai(skip_serializing_if_is_none)]
    pub app_state: Option<String>,
}

impl RequestSchema for BeginInput {
    const IS_BODY_REQUIRED: bool = false;
}

impl Example for BeginInput {
    fn example() -> Self {
        Self { next: Some("/account".to_owned()), ..Self::default() }
    }
}

/// A refresh token.
#[derive(Object)]
#[oai(example)]
pub struct RefreshInput {
    pub refresh: String,
}

impl RequestSchema for RefreshInput {}

impl Example for RefreshInput {
    fn example() -> Self {
        Self { refresh: "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJyIn0.cg".to_owned() }
    }
}

/// A JWT.
#[derive(Object)]
#[oai(example)]
pub struct TokenInput {
    pub token: String,
}

impl RequestSchema for TokenInput {}

impl Example for TokenInput {
    fn example() -> Self {
        Self { token: "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJhIn0.YQ".to_owned() }
    }
}

/// A credential of a user, and optionally that of the service.
#[derive(Object, Default)]
#[oai(example)]
pub struct ServiceInput {
    /// Any credential: a session id (the value of the cookie), a permanent token, a JWT or a knox token.
    pub token: String,
    /// `access_token` or `refresh_token`. Ignored: the server finds a token of any kind without it.
    #[oai(skip_serializing_if_is_none)]
    pub token_type_hint: Option<String>,
    /// The service's id, if there is no `Authorization` header.
    #[oai(skip_serializing_if_is_none)]
    pub client_id: Option<String>,
    /// The service's secret, if there is no `Authorization` header.
    #[oai(skip_serializing_if_is_none)]
    pub client_secret: Option<String>,
}

impl RequestSchema for ServiceInput {}

impl Example for ServiceInput {
    fn example() -> Self {
        Self { token: TokenInput::example().token, ..Self::default() }
    }
}

/// The form of a logout, which is in prose: generated clients send no body.
#[derive(Object, Default)]
pub struct LogoutInput {
    pub next: Option<String>,
}

impl RequestSchema for LogoutInput {
    const IS_BODY_REQUIRED: bool = false;
    const IS_DOCUMENTED: bool = false;
}

/// The body of a provider's callback to this server.
#[derive(Object, Default)]
#[oai(example)]
pub struct CallbackInput {
    #[oai(skip_serializing_if_is_none)]
    pub code: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<String>,
    /// The error, instead of a code.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl RequestSchema for CallbackInput {
    const MEDIA_TYPE: &'static str = FORM;
    const IS_BODY_REQUIRED: bool = false;
}

impl Example for CallbackInput {
    fn example() -> Self {
        let LoginWithProviderInput { code, state, .. } = LoginWithProviderInput::example();
        Self { code, state, error: None }
    }
}

/// A one-time code, and the proof that the app requested it.
#[derive(Object)]
#[oai(example)]
pub struct SwapInput {
    /// The `code` parameter of the redirect to `next`.
    pub code: String,
    /// Required if the login was begun with a `code_challenge`.
    #[oai(skip_serializing_if_is_none)]
    pub code_verifier: Option<String>,
}

impl RequestSchema for SwapInput {}

impl Example for SwapInput {
    fn example() -> Self {
        Self { code: "rsax_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned(), code_verifier: None }
    }
}

/// The answers to a pending login.
#[derive(Object)]
#[oai(example)]
pub struct ResumeInput {
    /// The flow token of the pending login.
    pub flow_token: String,
    /// The answers, each under the `name` of its field: a boolean for a checkbox, a text for every other field. Answers may
    /// also be members beside `flow_token`, as a form sends them.
    #[oai(skip_serializing_if_is_none)]
    pub answers: Option<JsonObject>,
}

impl RequestSchema for ResumeInput {}

impl Example for ResumeInput {
    fn example() -> Self {
        let answers = JsonObject([("email".to_owned(), Value::from("ada@example.com"))].into_iter().collect());
        let flow_token = "rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned();
        Self { flow_token, answers: Some(answers) }
    }
}

/// The fields to change. Declared fields have their own names; null deletes the value of a declared field.
#[derive(Object, Default)]
#[oai(example)]
pub struct UserChange {
    /// At most 150 letters, digits and `@ . + _ -`. Must be unique.
    #[oai(skip_serializing_if_is_none)]
    pub username: Option<String>,
    /// At most 150 characters.
    #[oai(skip_serializing_if_is_none)]
    pub first_name: Option<String>,
    /// At most 150 characters.
    #[oai(skip_serializing_if_is_none)]
    pub last_name: Option<String>,
    /// Empty deletes the address. A new address is unverified.
    #[oai(skip_serializing_if_is_none)]
    pub email: Option<String>,
}

impl RequestSchema for UserChange {}

impl Example for UserChange {
    fn example() -> Self {
        Self { first_name: Some("Augusta Ada".to_owned()), ..Self::default() }
    }
}
