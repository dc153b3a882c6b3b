//! What operations take, as the document describes it. The bodies themselves are read as ordered fields (`body.rs`), so
//! that whatever a callback carried survives and all field errors are told together; these types are never built from a
//! request.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::body::BodyOf;
use super::schemas::schemas;

/// What a login posts: all that the provider's callback carried, and what ties it to a begun login. Further members of
/// any type are allowed and passed over, so that a front-end may post its whole configuration.
#[derive(Object, Default)]
#[oai(example)]
pub struct LoginInput {
    /// The provider's name, where the URL has none.
    #[oai(skip_serializing_if_is_none)]
    pub provider: Option<String>,
    /// The authorization code. Required in OAuth 2.0 and OpenID Connect.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub code: Option<String>,
    /// The state that begin answered. One that this server did not make is passed over, unless STATE_POLICY is
    /// `required`.
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<String>,
    /// The flow token that begin answered, for clients that keep no cookies.
    #[oai(skip_serializing_if_is_none)]
    pub flow_token: Option<String>,
    /// The redirect URI that the code was made for; one of the listed ones. A begun login knows its own.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub redirect_uri: Option<String>,
    /// The verifier of the front-end's own PKCE pair.
    #[oai(skip_serializing_if_is_none)]
    pub code_verifier: Option<String>,
    /// Instead of a code, at providers that publish their keys (Google, Apple, Microsoft, any OpenID Connect): the
    /// id_token that the provider's own software handed to an app, at most ten minutes old, once. Google's One Tap may
    /// call it `credential`.
    #[oai(skip_serializing_if_is_none)]
    pub id_token: Option<String>,
    /// The nonce that the app gave to that software, where the login was not begun here; required where the token has
    /// one.
    #[oai(skip_serializing_if_is_none)]
    pub nonce: Option<String>,
    /// The issuer that the callback named (RFC 9207).
    #[oai(skip_serializing_if_is_none)]
    pub iss: Option<String>,
    /// OAuth 1.0a: the request token. A login without it is the first step, and is answered with one.
    #[oai(skip_serializing_if_is_none)]
    pub oauth_token: Option<String>,
    /// OAuth 1.0a: the verifier that the callback carried.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub oauth_verifier: Option<String>,
    /// The error that the callback carried instead of a code.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl BodyOf for LoginInput {
    const DESCRIPTION: &'static str = "The callback's parameters, as JSON, form or multipart.";
    const REQUIRED: bool = true;

    fn adjust(registry: &mut Registry) {
        allow_more::<Self>(registry);
    }
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

/// A login whose provider stands in the body.
pub struct LoginInputWithProvider;

const WITH_PROVIDER: &str = "LoginInputWithProvider";

schemas!(
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
            description: Some("What a login posts where the URL names no provider."),
            all_of: vec![LoginInput::schema_ref()],
            properties: vec![("provider", MetaSchemaRef::Inline(Box::new(provider)))],
            required: vec!["provider"],
            example: LoginInput::example().to_json(),
            ..MetaSchema::new("object")
        });
    }
);

impl BodyOf for LoginInputWithProvider {
    const DESCRIPTION: &'static str = LoginInput::DESCRIPTION;
    const REQUIRED: bool = LoginInput::REQUIRED;

    fn adjust(registry: &mut Registry) {
        LoginInput::adjust(registry);
    }
}

/// The PKCE methods that a front-end may use (SEC-3).
#[derive(Clone, Copy, Debug, Enum)]
pub enum ChallengeMethod {
    S256,
}

/// How to begin a login. Further members are what the provider's own address needs, such as shopify's `shop`.
#[derive(Object, Default)]
#[oai(example)]
pub struct BeginInput {
    /// Where the provider sends the person back to: one of ALLOWED_REDIRECT_URIS, to the letter. Otherwise the settings
    /// or the page's origin give it.
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub redirect_uri: Option<String>,
    /// Instead of the provider's configured scopes.
    #[oai(skip_serializing_if_is_none)]
    pub scope: Option<Scope>,
    /// Where the front-end wants to go afterwards: a path, or a URL of a listed origin. It is checked and answered.
    #[oai(skip_serializing_if_is_none)]
    pub next: Option<String>,
    /// The challenge of the front-end's own PKCE pair: 43 characters of base64url. The login must then post the
    /// `code_verifier`.
    #[oai(skip_serializing_if_is_none, validator(pattern = "^[A-Za-z0-9_-]{43}$"))]
    pub code_challenge: Option<String>,
    /// Required beside `code_challenge`.
    #[oai(skip_serializing_if_is_none)]
    pub code_challenge_method: Option<ChallengeMethod>,
}

impl BodyOf for BeginInput {
    const DESCRIPTION: &'static str = "All optional, as JSON, form or multipart; no body does too.";
    const REQUIRED: bool = false;

    fn adjust(registry: &mut Registry) {
        allow_more::<Self>(registry);
    }
}

impl Example for BeginInput {
    fn example() -> Self {
        Self { next: Some("/account".to_owned()), ..Self::default() }
    }
}

/// A list of scopes, or one text with blanks between them.
pub struct Scope(Vec<String>);

schemas!(Scope, "scope", {
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

impl BodyOf for RefreshInput {
    const DESCRIPTION: &'static str = "The refresh token, as JSON, form or multipart.";
    const REQUIRED: bool = true;
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

impl BodyOf for TokenInput {
    const DESCRIPTION: &'static str = "The token, as JSON, form or multipart.";
    const REQUIRED: bool = true;
}

impl Example for TokenInput {
    fn example() -> Self {
        Self { token: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl".to_owned() }
    }
}

/// What a provider posts to this server's own callback.
#[derive(Object, Default)]
#[oai(example)]
pub struct CallbackInput {
    #[oai(skip_serializing_if_is_none, validator(pattern = r"\S"))]
    pub code: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<String>,
    /// Instead of a code.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl BodyOf for CallbackInput {
    const DESCRIPTION: &'static str = "The callback's parameters.";
    const REQUIRED: bool = false;

    fn adjust(registry: &mut Registry) {
        allow_more::<Self>(registry);
    }
}

impl Example for CallbackInput {
    fn example() -> Self {
        let LoginInput { code, state, .. } = LoginInput::example();
        Self { code, state, error: None }
    }
}

/// An app's code, and what proves that it is the app's.
#[derive(Object)]
#[oai(example)]
pub struct SwapInput {
    /// As it came to the landing.
    pub code: String,
    /// Where the login was begun with a `code_challenge`.
    #[oai(skip_serializing_if_is_none)]
    pub code_verifier: Option<String>,
}

impl BodyOf for SwapInput {
    const DESCRIPTION: &'static str = "The code, as JSON, form or multipart.";
    const REQUIRED: bool = true;
}

impl Example for SwapInput {
    fn example() -> Self {
        Self { code: "rsax_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned(), code_verifier: None }
    }
}

/// What the person answered to a login that waits: the flow token, and a member for each field that was asked for.
#[derive(Object)]
#[oai(example)]
pub struct ResumeInput {
    /// As the 202 gave it.
    #[oai(validator(pattern = r"\S"))]
    pub flow_token: String,
}

impl BodyOf for ResumeInput {
    const DESCRIPTION: &'static str = "The flow token and the answers, as JSON, form or multipart.";
    const REQUIRED: bool = true;

    fn adjust(registry: &mut Registry) {
        allow_more::<Self>(registry);
    }
}

impl Example for ResumeInput {
    fn example() -> Self {
        Self { flow_token: "rsaf_pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned() }
    }
}

/// What the signed-in user wants to be otherwise; declared fields by their names, null taking a value away.
#[derive(Object, Default)]
#[oai(example)]
pub struct UserChange {
    /// At most 150 letters, digits and `@ . + _ -`, and nobody else's.
    #[oai(skip_serializing_if_is_none)]
    pub username: Option<String>,
    /// At most 150 characters.
    #[oai(skip_serializing_if_is_none)]
    pub first_name: Option<String>,
    /// At most 150 characters.
    #[oai(skip_serializing_if_is_none)]
    pub last_name: Option<String>,
    /// Empty: none. A new one is unverified.
    #[oai(skip_serializing_if_is_none)]
    pub email: Option<String>,
}

impl BodyOf for UserChange {
    const DESCRIPTION: &'static str = "The fields to change, as JSON, form or multipart.";
    const REQUIRED: bool = true;

    fn adjust(registry: &mut Registry) {
        allow_more::<Self>(registry);
    }
}

impl Example for UserChange {
    fn example() -> Self {
        Self { first_name: Some("Augusta Ada".to_owned()), ..Self::default() }
    }
}

/// Members of any name and type beside the described ones.
fn allow_more<T: Type>(registry: &mut Registry) {
    if let MetaSchemaRef::Reference(name) = T::schema_ref()
        && let Some(schema) = registry.schemas.get_mut(&name)
    {
        schema.additional_properties = Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))));
    }
}
