//! Schemas of the request bodies. They only describe: `RawBody` reads a body as ordered fields, which keeps everything that
//! a provider's callback had and reports all invalid fields together.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ParseFromJSON, ParseResult, ToJSON};
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::schemas::{JsonObject, impl_type};
use crate::http::protocol::RequestSchema;

/// The body of a login: the parameters of the provider's callback, and what identifies the authorization request. Other
/// members of any type are ignored, so a front-end may post its whole configuration.
#[derive(Object, Default)]
#[oai(example)]
pub struct LoginInput {
    /// The provider's name, if the URL has none.
    #[oai(skip_serializing_if_is_none)]
    pub provider: Option<String>,
    /// The authorization code. Required in OAuth 2.0 and OpenID Connect.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub code: Option<String>,
    /// The state from begin. A state that this server did not make is ignored, unless STATE_POLICY is `required`.
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<String>,
    /// The flow token from begin, for clients without cookies.
    #[oai(skip_serializing_if_is_none)]
    pub flow_token: Option<String>,
    /// The redirect URI that the code was issued for: one of ALLOWED_REDIRECT_URIS. Not needed after begin.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub redirect_uri: Option<String>,
    /// The verifier of the front-end's own PKCE pair (RFC 7636).
    #[oai(skip_serializing_if_is_none)]
    pub code_verifier: Option<String>,
    /// Instead of a code: the ID token that the provider's SDK gave to an app. At most ten minutes old; each is accepted
    /// once. For providers that publish their keys (Google, Apple, Microsoft, any OpenID Connect). `credential`, the name
    /// that Google's One Tap uses, is accepted too.
    #[oai(skip_serializing_if_is_none)]
    pub id_token: Option<String>,
    /// The nonce that the app gave to the provider's SDK; required if the ID token has a nonce and the login was not begun
    /// here.
    #[oai(skip_serializing_if_is_none)]
    pub nonce: Option<String>,
    /// The issuer from the callback (RFC 9207).
    #[oai(skip_serializing_if_is_none)]
    pub iss: Option<String>,
    /// OAuth 1.0a: the request token. A login without it is the first step; its answer has a request token.
    #[oai(skip_serializing_if_is_none)]
    pub oauth_token: Option<String>,
    /// OAuth 1.0a: the verifier from the callback.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub oauth_verifier: Option<String>,
    /// The error from the callback, instead of a code.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl RequestSchema for LoginInput {
    const DESCRIPTION: &'static str = "The callback's parameters, as JSON, form or multipart.";
    const IS_BODY_REQUIRED: bool = true;
    const ALLOWS_OTHER_MEMBERS: bool = true;
}

impl Example for LoginInput {
    fn example() -> Self {
        Self {
            provider: Some("github".to_owned()),
            code: Some("SplxlOBeZQQYbYS6WxSbIA".to_owned()),
            state: Some("pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned()),
            ..Self::default()
        }
    }
}

/// The body of a login whose URL names no provider.
pub struct LoginInputWithProvider;

const WITH_PROVIDER: &str = "LoginInputWithProvider";

impl_type!(
    LoginInputWithProvider,
    WITH_PROVIDER,
    MetaSchemaRef::Reference(WITH_PROVIDER.to_owned()),
    |registry: &mut Registry| {
        LoginInput::register(registry);
        let provider = MetaSchema {
            description: Some("The provider's name, as `/api/login/social/providers/` lists it."),
            pattern: Some(r"\S".to_owned()),
            ..MetaSchema::new("string")
        };
        registry.create_schema::<LoginInputWithProvider, _>(WITH_PROVIDER.to_owned(), |_| MetaSchema {
            description: Some("The body of a login whose URL names no provider."),
            all_of: vec![LoginInput::schema_ref()],
            properties: vec![("provider", MetaSchemaRef::Inline(Box::new(provider)))],
            required: vec!["provider"],
            example: LoginInput::example().to_json(),
            ..MetaSchema::new("object")
        });
    }
);

impl RequestSchema for LoginInputWithProvider {
    const DESCRIPTION: &'static str = LoginInput::DESCRIPTION;
    const IS_BODY_REQUIRED: bool = LoginInput::IS_BODY_REQUIRED;
}

/// The supported PKCE methods (SEC-3).
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
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub redirect_uri: Option<String>,
    /// Replaces the provider's configured scopes: some of them, and scopes that OPTIONAL_SCOPE lists.
    #[oai(skip_serializing_if_is_none)]
    pub scope: Option<Scope>,
    /// Where the front-end goes after the login: a path, or a URL with an origin of ALLOWED_NEXT_ORIGINS. It is checked and
    /// returned.
    #[oai(skip_serializing_if_is_none)]
    pub next: Option<String>,
    /// The challenge of the front-end's own PKCE pair: 43 characters of base64url. The login must then have the
    /// `code_verifier`.
    #[oai(skip_serializing_if_is_none, validator(pattern = "^[A-Za-z0-9_-]{43}$"))]
    pub code_challenge: Option<String>,
    /// Required with `code_challenge`.
    #[oai(skip_serializing_if_is_none)]
    pub code_challenge_method: Option<ChallengeMethod>,
    /// What the provider asks the user for: `none`, `login`, `consent` or `select_account`. An error with `none` is
    /// `login_required`, `consent_required`, `account_selection_required` or `interaction_required`.
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
    const DESCRIPTION: &'static str = "All fields are optional, as JSON, form or multipart. The body may be empty.";
    const IS_BODY_REQUIRED: bool = false;
    const ALLOWS_OTHER_MEMBERS: bool = true;
}

impl Example for BeginInput {
    fn example() -> Self {
        Self { next: Some("/account".to_owned()), ..Self::default() }
    }
}

/// A list of scopes, or one text with scopes separated by spaces.
pub struct Scope(Vec<String>);

impl_type!(Scope, "scope", {
    let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
    let list = MetaSchema { items: Some(Box::new(text())), ..MetaSchema::new("array") };
    let either = vec![MetaSchemaRef::Inline(Box::new(list)), text()];
    MetaSchemaRef::Inline(Box::new(MetaSchema { one_of: either, ..MetaSchema::ANY }))
});

impl ParseFromJSON for Scope {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Vec::parse_from_json(value).map(Self).map_err(|error| error.propagate())
    }
}

impl ToJSON for Scope {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}

/// A refresh token.
#[derive(Object)]
#[oai(example)]
pub struct RefreshInput {
    #[oai(validator(pattern = r"\S"))]
    pub refresh: String,
}

impl RequestSchema for RefreshInput {
    const DESCRIPTION: &'static str = "The refresh token, as JSON, form or multipart.";
    const IS_BODY_REQUIRED: bool = true;
}

impl Example for RefreshInput {
    fn example() -> Self {
        Self {
            refresh: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl".to_owned(),
        }
    }
}

/// A JWT.
#[derive(Object)]
#[oai(example)]
pub struct TokenInput {
    #[oai(validator(pattern = r"\S"))]
    pub token: String,
}

impl RequestSchema for TokenInput {
    const DESCRIPTION: &'static str = "The token, as JSON, form or multipart.";
    const IS_BODY_REQUIRED: bool = true;
}

impl Example for TokenInput {
    fn example() -> Self {
        Self { token: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl".to_owned() }
    }
}

/// A credential of a user, and optionally that of the service.
#[derive(Object, Default)]
#[oai(example)]
pub struct ServiceInput {
    /// Any credential: a session id (the value of the cookie), a permanent token, a JWT or a knox token.
    #[oai(validator(pattern = r"\S"))]
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

impl RequestSchema for ServiceInput {
    const DESCRIPTION: &'static str = "The token, as form, JSON or multipart.";
    const IS_BODY_REQUIRED: bool = true;
}

impl Example for ServiceInput {
    fn example() -> Self {
        Self { token: TokenInput::example().token, ..Self::default() }
    }
}

/// Where a form of a page goes after the logout. Scripts, which do not accept HTML, get 204.
#[derive(Object, Default)]
#[oai(example)]
pub struct LogoutInput {
    /// An entry of ALLOWED_REDIRECT_URIS, or any page of an origin of ALLOWED_NEXT_ORIGINS. The default comes from the
    /// settings.
    #[oai(skip_serializing_if_is_none)]
    pub next: Option<String>,
}

impl RequestSchema for LogoutInput {
    const DESCRIPTION: &'static str = "Only for a form of a page. The body may be empty.";
    const IS_BODY_REQUIRED: bool = false;
    const ALLOWS_OTHER_MEMBERS: bool = true;
}

impl Example for LogoutInput {
    fn example() -> Self {
        Self { next: Some("https://app.example.com/goodbye".to_owned()) }
    }
}

/// The body of a provider's callback to this server.
#[derive(Object, Default)]
#[oai(example)]
pub struct CallbackInput {
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub code: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<String>,
    /// The error, instead of a code.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl RequestSchema for CallbackInput {
    const DESCRIPTION: &'static str = "The callback's parameters.";
    const IS_BODY_REQUIRED: bool = false;
    const ALLOWS_OTHER_MEMBERS: bool = true;
}

impl Example for CallbackInput {
    fn example() -> Self {
        let LoginInput { code, state, .. } = LoginInput::example();
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

impl RequestSchema for SwapInput {
    const DESCRIPTION: &'static str = "The code, as JSON, form or multipart.";
    const IS_BODY_REQUIRED: bool = true;
}

impl Example for SwapInput {
    fn example() -> Self {
        Self { code: "rsax_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned(), code_verifier: None }
    }
}

/// The answers to a pending login: its flow token, and a member for each requested field.
#[derive(Object)]
#[oai(example)]
pub struct ResumeInput {
    /// The flow token of the 202 response.
    #[oai(validator(pattern = r"\S"))]
    pub flow_token: String,
}

impl RequestSchema for ResumeInput {
    const DESCRIPTION: &'static str = "The flow token and the answers, as JSON, form or multipart.";
    const IS_BODY_REQUIRED: bool = true;
    const ALLOWS_OTHER_MEMBERS: bool = true;
}

impl Example for ResumeInput {
    fn example() -> Self {
        Self { flow_token: "rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned() }
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

impl RequestSchema for UserChange {
    const DESCRIPTION: &'static str = "The fields to change, as JSON, form or multipart.";
    const IS_BODY_REQUIRED: bool = true;
    const ALLOWS_OTHER_MEMBERS: bool = true;
}

impl Example for UserChange {
    fn example() -> Self {
        Self { first_name: Some("Augusta Ada".to_owned()), ..Self::default() }
    }
}
