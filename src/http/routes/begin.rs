//! Before a login: the list of providers, and the URL to send the user to.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object, OpenApi};
use serde_json::Value;
use strum::VariantArray as _;

use crate::http::openapi::answers::{Answer, WithCookie};
use crate::http::openapi::inputs::BeginInput;
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{
    App, ByAny, Failure, OptionalAuth, OriginPolicy, RawBody, authorization_request_cookie_of, base_url, origin_of,
    provider_parameters, scopes,
};
use crate::login::{AppContext, BeginRequest, Fields, LoginError};
use crate::model::LoginKind;
use crate::provider::{self, Provider};

pub struct Begin {
    pub app: Arc<App>,
}

error_list! {
    BeginErrors: ANY, BODY, BEGIN, CREDENTIAL_REJECTED, PROVIDER;
    ListErrors: ANY;
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::Begin)]
impl Begin {
    /// Begin a login
    ///
    /// Creates state, PKCE pair and nonce, valid for ten minutes, and binds the login to this browser with the
    /// authorization request cookie. Send the user to `authorization_url`. When the provider sends the user back, post `state`
    /// and `code` to any login route, with `flow_token` from a client without cookies. A credential sent with this call
    /// binds the login to that user: completing it links the account.
    #[oai(path = "/begin/:provider", method = "post", operation_id = "beginLogin")]
    async fn begin(
        &self,
        /// The provider's name, as `/api/login/social/providers/` lists it.
        provider: Path<String>,
        auth: OptionalAuth<'_, ByAny>,
        body: RawBody<BeginInput>,
    ) -> Result<WithCookie<AuthorizationRequest>, Refused<BeginErrors>> {
        let request_context = auth.admit_to_link(&self.app, OriginPolicy::SetsCookie).await?;
        let request = begin_request(&body.fields().await?)?;
        let begun = self.app.login.begin(&provider.0, request, &request_context).await;
        let begun = begun.map_err(|error| self.app.login_failure(error))?;
        let cookie = authorization_request_cookie_of(&request_context.base_url, &begun);
        let body = AuthorizationRequest {
            authorization_url: begun.authorization_url,
            state: begun.state,
            flow_token: begun.flow_token.as_str().to_owned(),
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
    /// What a front-end needs for its buttons: the configured providers with which users may sign in, in the order of the
    /// settings.
    #[oai(path = "/providers", method = "get", operation_id = "listProviders")]
    async fn providers(&self, request: &poem::Request) -> Result<Answer<ProviderList>, Refused<ListErrors>> {
        let (own, origin) = (base_url(&self.app.settings, request), origin_of(request.headers()));
        let redirect_uri = self.app.login.default_redirect_uri(&own, &origin);
        let providers = self.app.login.sign_in_providers();
        let providers = providers.map(|provider| ProviderInfo::new(provider, redirect_uri.clone())).collect();
        Ok(Answer(ProviderList { providers }))
    }
}

/// Errors: `invalid_request` with every invalid field.
fn begin_request(fields: &Fields) -> Result<BeginRequest, Failure> {
    let mut errors = Vec::new();
    let mut text = |name| fields.optional(name, &mut errors);
    let mut request = BeginRequest {
        redirect_uri: text("redirect_uri"),
        code_challenge: text("code_challenge"),
        code_challenge_method: text("code_challenge_method"),
        next: text("next"),
        ..BeginRequest::default()
    };
    request.app = AppContext::read(fields, &mut errors);
    match scope(fields) {
        Ok(scope) => request.scope = scope,
        Err(message) => errors.push(("scope".to_owned(), message.to_owned())),
    }
    LoginError::check_fields(errors)?;
    request.parameters = provider_parameters(fields);
    Ok(request)
}

/// A list of texts, or one text with scopes separated by spaces.
fn scope(fields: &Fields) -> Result<Option<Vec<String>>, &'static str> {
    const INVALID: &str = "Must be a list of texts, or one text with scopes separated by spaces.";
    match fields.map().get("scope") {
        None => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => Err(INVALID),
        Some(Value::String(text)) => Ok(scopes(text.split_whitespace())),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().filter(|text| !text.contains(['\0', ' '])));
            let texts: Vec<&str> = texts.map(|text| text.ok_or(INVALID)).collect::<Result<_, _>>()?;
            Ok(scopes(texts))
        }
        Some(_) => Err(INVALID),
    }
}

impl ProviderInfo {
    fn new(provider: &Provider, redirect_uri: Option<String>) -> Self {
        Self {
            name: provider.name().to_owned(),
            title: provider.title().to_owned(),
            protocol: match provider.protocol() {
                provider::Protocol::OAuth1 => ProviderProtocol::OAuth1,
                provider::Protocol::OAuth2 => ProviderProtocol::OAuth2,
                provider::Protocol::Oidc => ProviderProtocol::Oidc,
                provider::Protocol::OpenId2 => ProviderProtocol::OpenId2,
                provider::Protocol::Widget => ProviderProtocol::Widget,
            },
            client_id: provider.client_id().to_owned(),
            authorization_url: provider.authorization_endpoint(),
            scope: provider.scope(),
            redirect_uri,
            kinds: LoginKind::VARIANTS.to_vec(),
        }
    }
}

/// An authorization request: a login that was begun and is not completed.
#[derive(Object)]
#[oai(example)]
pub struct AuthorizationRequest {
    /// Where to send the user.
    pub authorization_url: String,
    /// The provider returns it in the callback; post it with the code.
    pub state: String,
    /// Replaces the authorization request cookie in clients without cookies. Do not put it into URLs.
    pub flow_token: String,
    /// Seconds until the login must be completed.
    pub expires_in: u64,
    pub provider: String,
    /// The redirect URI that the provider sends the user to.
    pub redirect_uri: String,
    /// The checked `next` of the request.
    #[oai(skip_serializing_if_is_none)]
    pub next: Option<String>,
    /// For an app that posts the `id_token` of the provider's SDK instead of a code: the nonce that the SDK must put into
    /// the token, unchanged or as hex SHA-256. Absent if the provider publishes no keys.
    #[oai(skip_serializing_if_is_none)]
    pub nonce: Option<String>,
}

impl Example for AuthorizationRequest {
    fn example() -> Self {
        Self {
            authorization_url: "https://github.com/login/oauth/authorize?client_id=Iv1.8a61&state=pjEpjvYl".to_owned(),
            state: "pjEpjvYl".to_owned(),
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
pub struct ProviderList {
    pub providers: Vec<ProviderInfo>,
}

/// A provider, with what a front-end needs.
#[derive(Object)]
#[oai(rename = "Provider", example)]
pub struct ProviderInfo {
    /// The name in URLs.
    pub name: String,
    /// The name for users.
    pub title: String,
    pub protocol: ProviderProtocol,
    pub client_id: String,
    /// For a front-end that builds the URL itself; absent if only the provider's discovery document has it.
    #[oai(skip_serializing_if_is_none)]
    pub authorization_url: Option<String>,
    /// The configured scopes, joined with the provider's separator.
    pub scope: String,
    /// The redirect URI of a login from this page without its own `redirect_uri`; absent if this page may have none.
    #[oai(skip_serializing_if_is_none)]
    pub redirect_uri: Option<String>,
    /// The login routes that it supports.
    pub kinds: Vec<LoginKind>,
}

impl Example for ProviderInfo {
    fn example() -> Self {
        Self {
            name: "github".to_owned(),
            title: "GitHub".to_owned(),
            protocol: ProviderProtocol::OAuth2,
            client_id: "Iv1.8a61f9b3a7aba766".to_owned(),
            authorization_url: Some("https://github.com/login/oauth/authorize".to_owned()),
            scope: "read:user user:email".to_owned(),
            redirect_uri: Some("https://app.example.com/callback".to_owned()),
            kinds: vec![LoginKind::Session, LoginKind::JwtPair],
        }
    }
}

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase")]
pub enum ProviderProtocol {
    OAuth1,
    OAuth2,
    Oidc,
    OpenId2,
    Widget,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Result<BeginRequest, Failure> {
        begin_request(&Fields::json(value.as_object().cloned().unwrap_or_default()))
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
}
