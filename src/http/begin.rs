//! Before a login: which providers there are, and where to send the person.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::types::{Example, ToJSON as _};
use poem_openapi::{Enum, Object, OpenApi};
use serde_json::{Map, Value};

use super::answer::{Answer, WithCookie};
use super::app::{self, App, OriginPolicy};
use super::auth::{ByAny, OptionalAuth};
use super::body::RawBody;
use super::input::BeginInput;
use super::login::Tag;
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};
use crate::login::{BeginRequest, Fields};
use crate::model;
use crate::provider::{self, Provider};

pub struct Begin {
    pub app: Arc<App>,
}

pub struct BeginProblems;

impl Problems for BeginProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::BODY, refusals::BEGIN, refusals::CREDENTIAL, refusals::PROVIDER, refusals::STORE];
}

pub struct ListProblems;

impl Problems for ListProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY];
}

/// Most members beside the known ones that are taken for parts of the provider's address, and their longest text: they
/// are kept with the attempt.
const MOST_PARTS: usize = 8;
const LONGEST_PART: usize = 255;

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::Begin)]
impl Begin {
    /// Begin a login
    ///
    /// Makes state, PKCE pair and nonce, keeps them for ten minutes, and binds the login to this browser by the attempt
    /// cookie. Send the person to `authorization_url`; when the provider sends them back, post `state` and `code` to any
    /// login route, with `flow_token` from a client that keeps no cookies. A credential sent along binds the login to
    /// that user: finishing it links the account.
    #[oai(path = "/begin/:provider", method = "post", operation_id = "beginLogin")]
    async fn begin(
        &self,
        /// The provider's name, as `/api/login/social/providers/` lists it.
        provider: Path<String>,
        guest: OptionalAuth<'_, ByAny>,
        body: RawBody<BeginInput>,
    ) -> Result<WithCookie<Begun>, Refused<BeginProblems>> {
        let request_context = guest.admit_to_link(&self.app, OriginPolicy::Browser).await?;
        let request = wanted(&body.fields().await?)?;
        let begun = self.app.login.begin(&provider.0, request, &request_context).await;
        let begun = begun.map_err(|error| self.app.refusals(error))?;
        let cookie = app::begun_authorization_request(&request_context.own, &begun);
        let body = Begun {
            authorization_url: begun.authorization_url,
            state: begun.state,
            flow_token: begun.flow_token,
            expires_in: begun.expires_in,
            provider: begun.provider,
            redirect_uri: begun.redirect_uri,
            next: begun.next,
            nonce: begun.nonce,
        };
        Ok(WithCookie { body, cookie })
    }

    /// List the providers
    ///
    /// What a front-end needs to draw its buttons: the configured providers that people may enter through, in the settings'
    /// order.
    #[oai(path = "/providers", method = "get", operation_id = "listProviders")]
    async fn providers(&self, request: &poem::Request) -> Result<Answer<ProviderList>, Refused<ListProblems>> {
        let (own, origin) = (self.app.own(request), app::origin(request.headers()));
        let redirect_uri = self.app.login.default_redirect_uri(&own, &origin);
        let describe = |provider: &Arc<Provider>| schemas(provider, redirect_uri.clone());
        Ok(Answer(ProviderList { providers: self.app.login.sign_in_providers().map(describe).collect() }))
    }
}

/// Errors: `invalid_request` with every field that does not do.
fn wanted(fields: &Fields) -> Result<BeginRequest, Failure> {
    let mut errors = Vec::new();
    let mut text = |name| fields.optional(name, &mut errors);
    let mut request = BeginRequest {
        redirect_uri: text("redirect_uri"),
        code_challenge: text("code_challenge"),
        code_challenge_method: text("code_challenge_method"),
        next: text("next"),
        ..BeginRequest::default()
    };
    match scope(fields) {
        Ok(scope) => request.scope = scope,
        Err(message) => errors.push(("scope".to_owned(), message.to_owned())),
    }
    if !errors.is_empty() {
        return Err(Failure::fields(errors));
    }
    request.address = address(fields);
    Ok(request)
}

/// What is left for the provider's own address.
pub fn address(fields: &Fields) -> Map<String, Value> {
    const KNOWN: [&str; 8] =
        ["redirect_uri", "scope", "next", "code_challenge", "code_challenge_method", "provider", "kind", "format"];
    let is_part = |(name, value): &(&String, &Value)| {
        // No database keeps a null character, and no address has one.
        let short = |text: &str| text.len() <= LONGEST_PART && !text.contains('\0');
        let fits = value.as_str().is_some_and(short) && short(name);
        fits && !KNOWN.contains(&name.as_str())
    };
    let parts = fields.map().iter().filter(is_part).take(MOST_PARTS);
    parts.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A list of texts, or one text with blanks between the scopes.
fn scope(fields: &Fields) -> Result<Option<Vec<String>>, &'static str> {
    const WRONG: &str = "Must be a list of texts, or one text with blanks between the scopes.";
    match fields.map().get("scope") {
        None => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => Err(WRONG),
        Some(Value::String(text)) => Ok(scopes(text.split_whitespace())),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().filter(|text| !text.contains(['\0', ' '])));
            let texts: Vec<&str> = texts.map(|text| text.ok_or(WRONG)).collect::<Result<_, _>>()?;
            Ok(scopes(texts))
        }
        Some(_) => Err(WRONG),
    }
}

/// `None` where no scope is named: then the configured ones are asked for.
pub fn scopes<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Vec<String>> {
    let names = names.into_iter().filter(|name| !name.trim().is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

fn schemas(provider: &Arc<Provider>, redirect_uri: Option<String>) -> ProviderInfo {
    ProviderInfo {
        name: provider.name().to_owned(),
        title: provider.title().to_owned(),
        protocol: match provider.protocol() {
            provider::Protocol::OAuth1 => Protocol::OAuth1,
            provider::Protocol::OAuth2 => Protocol::OAuth2,
            provider::Protocol::Oidc => Protocol::Oidc,
            provider::Protocol::OpenId2 => Protocol::OpenId2,
            provider::Protocol::Widget => Protocol::Widget,
        },
        client_id: provider.client_id().to_owned(),
        authorization_url: provider.authorization_endpoint(),
        scope: provider.scope(),
        redirect_uri,
        kinds: LoginKind::ALL.to_vec(),
    }
}

/// A login that was begun.
#[derive(Object)]
#[oai(example)]
pub struct Begun {
    /// Where to send the person.
    pub authorization_url: String,
    /// Comes back in the callback; post it with the code.
    pub state: String,
    /// Stands for the attempt cookie in clients that keep none. Not for URLs.
    pub flow_token: String,
    /// Seconds until the login must be finished.
    pub expires_in: u64,
    pub provider: String,
    /// What the provider was told.
    pub redirect_uri: String,
    /// As it was posted, and checked.
    #[oai(skip_serializing_if_is_none)]
    pub next: Option<String>,
    /// For the provider's own software in an app, whose `id_token` can be posted instead of a code: what it must put into
    /// the token, as it is or as its SHA-256 in hex. Absent where the provider publishes no keys.
    #[oai(skip_serializing_if_is_none)]
    pub nonce: Option<String>,
}

impl Example for Begun {
    fn example() -> Self {
        Self {
            authorization_url: "https://github.com/login/oauth/authorize?client_id=Iv1.8a61f9b3a7aba766&response_type=\
                                code&state=pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo"
                .to_owned(),
            state: "pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned(),
            flow_token: "rsaf_xCPdtVQK2q0dC0GqYzX4c0QbK3S8Jm8m1sZl0p5yW9E".to_owned(),
            expires_in: 600,
            provider: "github".to_owned(),
            redirect_uri: "https://app.example.com/callback".to_owned(),
            next: Some("/account".to_owned()),
            nonce: None,
        }
    }
}

/// The configured providers.
#[derive(Object)]
#[oai(example)]
pub struct ProviderList {
    pub providers: Vec<ProviderInfo>,
}

impl Example for ProviderList {
    fn example() -> Self {
        Self { providers: vec![ProviderInfo::example()] }
    }
}

/// A provider, as far as a front-end needs to know it.
#[derive(Object)]
#[oai(rename = "Provider", example)]
pub struct ProviderInfo {
    /// The name in URLs.
    pub name: String,
    /// The name for people.
    pub title: String,
    pub protocol: Protocol,
    pub client_id: String,
    /// For a front-end that builds the URL itself; absent where only the provider's discovery document knows it.
    #[oai(skip_serializing_if_is_none)]
    pub authorization_url: Option<String>,
    /// The configured scopes, joined as the provider wants them.
    pub scope: String,
    /// What a login without a `redirect_uri` of its own uses from this page; absent where this page may have none.
    #[oai(skip_serializing_if_is_none)]
    pub redirect_uri: Option<String>,
    /// The login routes that it works with.
    pub kinds: Vec<LoginKind>,
}

impl Example for ProviderInfo {
    fn example() -> Self {
        Self {
            name: "github".to_owned(),
            title: "GitHub".to_owned(),
            protocol: Protocol::OAuth2,
            client_id: "Iv1.8a61f9b3a7aba766".to_owned(),
            authorization_url: Some("https://github.com/login/oauth/authorize".to_owned()),
            scope: "read:user user:email".to_owned(),
            redirect_uri: Some("https://app.example.com/callback".to_owned()),
            kinds: LoginKind::ALL.to_vec(),
        }
    }
}

/// The protocol that a provider speaks.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Protocol {
    OAuth1,
    OAuth2,
    Oidc,
    OpenId2,
    Widget,
}

/// A login route by its name in the URL.
#[derive(Clone, Copy, Debug, Enum)]
pub enum LoginKind {
    #[oai(rename = "session")]
    Session,
    #[oai(rename = "token")]
    Token,
    #[oai(rename = "token_user")]
    TokenUser,
    #[oai(rename = "jwt-pair")]
    JwtPair,
    #[oai(rename = "jwt-pair-user")]
    JwtPairUser,
    #[oai(rename = "jwt-sliding")]
    JwtSliding,
    #[oai(rename = "jwt-sliding-user")]
    JwtSlidingUser,
    #[oai(rename = "knox")]
    Knox,
    #[oai(rename = "knox_user")]
    KnoxUser,
}

impl LoginKind {
    /// The kind of credential, and whether the user comes along.
    pub fn of_model(self) -> (model::Kind, bool) {
        match self {
            Self::Session => (model::Kind::Session, true),
            Self::Token => (model::Kind::Token, false),
            Self::TokenUser => (model::Kind::Token, true),
            Self::JwtPair => (model::Kind::JwtPair, false),
            Self::JwtPairUser => (model::Kind::JwtPair, true),
            Self::JwtSliding => (model::Kind::JwtSliding, false),
            Self::JwtSlidingUser => (model::Kind::JwtSliding, true),
            Self::Knox => (model::Kind::Knox, false),
            Self::KnoxUser => (model::Kind::Knox, true),
        }
    }

    /// All of them, in a sentence.
    pub fn names() -> String {
        let names = Self::ALL.iter().filter_map(|kind| kind.to_json()?.as_str().map(str::to_owned));
        names.collect::<Vec<_>>().join(", ")
    }

    const ALL: [Self; 9] = [
        Self::Session,
        Self::Token,
        Self::TokenUser,
        Self::JwtPair,
        Self::JwtPairUser,
        Self::JwtSliding,
        Self::JwtSlidingUser,
        Self::Knox,
        Self::KnoxUser,
    ];
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Result<BeginRequest, Failure> {
        wanted(&Fields::json(value.as_object().cloned().unwrap_or_default()))
    }

    #[test]
    fn scopes_come_as_a_list_or_as_one_text() {
        let scopes = |value| of(json!({"scope": value})).ok().and_then(|request| request.scope);
        let two = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(scopes(json!(["a", "b"])), two);
        assert_eq!(scopes(json!(" a  b ")), two);
        assert_eq!(scopes(json!(["", "a", "b"])), two);
        assert!(of(json!({"scope": {"a": 1}})).is_err());
        assert!(of(json!({"scope": ["a b"]})).is_err());
    }

    #[test]
    fn fault_a28_an_empty_list_of_scopes_counts_as_none() {
        for empty in [json!([]), json!([""]), json!(["", "\t"]), json!(""), json!(" \t "), json!("\u{a0}")] {
            assert_eq!(of(json!({"scope": empty})).map(|request| request.scope).ok(), Some(None), "{empty}");
        }
    }

    #[test]
    fn sec_44_what_is_kept_of_unknown_members_is_bounded() {
        let mut body = serde_json::Map::new();
        for number in 0..50 {
            body.insert(format!("m{number}"), json!("x"));
        }
        body.insert("list".to_owned(), json!(["x"]));
        let request = wanted(&Fields::json(body)).expect("unknown members are passed over");
        assert_eq!(request.address.len(), MOST_PARTS);
        let request = of(json!({"shop": "a", "long": "x".repeat(300), "config": {"a": 1}})).expect("as before");
        assert_eq!(request.address, *json!({"shop": "a"}).as_object().expect("an object"));
    }
}
