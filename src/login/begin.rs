//! Starts an authorization request. State, PKCE and nonce are made here, valid for ten minutes and one use, and bound to
//! provider, redirect URI and browser (SEC-1, SEC-3, RFC 9700 section 2.1).

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::app_context::AppContext;
use super::capacity::Reservation;
use super::error::LoginError;
use super::link::link_only;
use super::next_uri;
use super::outcome::LoginOutcome;
use super::redirect_uri::{self, RedirectUri};
use super::request::{BeginRequest, LoginRequest, RequestContext, StartedRequest};
use super::request_secrets::{self, AuthorizationRequestCookie, FlowToken, RequestOptions};
use super::service::LoginService;
use crate::model::{AuthorizationRequest, ServerRedirect, StartedBy, UNFINISHED_LOGIN_LIFETIME, field_message};
use crate::provider::{Authorization, LoginParameters, Protocol, Provider, ProviderError, RequestToken, Stage};
use crate::secrets::{self, Digest, ExposeSecret};

/// The checked parameters of an authorization request.
pub(super) struct Start {
    pub redirect_uri: RedirectUri,
    /// The front-end's own challenge (S256).
    pub challenge: Option<String>,
    pub scope: Option<Vec<String>>,
    pub app: AppContext,
    /// For the authorization URL; only those that the descriptor lists are used.
    pub parameters: Map<String, Value>,
    pub server_redirect: Option<ServerRedirect>,
}

impl LoginService {
    /// Starts an authorization request that a front-end completes by posting the code.
    ///
    /// Errors: `unknown_provider`, `invalid_request`, `redirect_uri_not_allowed`, `origin_not_allowed`,
    /// `provider_error`, `provider_timeout`, `database_unavailable`.
    pub async fn begin(
        &self,
        name: &str,
        request: BeginRequest,
        request_context: &RequestContext,
    ) -> Result<StartedRequest, LoginError> {
        let provider = self.provider(name)?;
        let challenge = match (&request.code_challenge, provider.protocol()) {
            (Some(_), Protocol::OAuth1) => {
                return Err(LoginError::field("code_challenge", "OAuth 1.0a does not support PKCE."));
            }
            _ => s256_challenge(request.code_challenge, request.code_challenge_method.as_deref())?,
        };
        check_scope(provider, request.scope.as_deref())?;
        let next = request.next.map(|next| self.checked_next(&next, request_context)).transpose()?;
        let redirect_uri = self.redirect_uri(request.redirect_uri.as_deref(), request_context)?;
        let BeginRequest { scope, app, parameters, .. } = request;
        let start = Start { redirect_uri, challenge, scope, app, parameters, server_redirect: None };
        Ok(StartedRequest { next, ..self.start(provider, start, request_context).await? })
    }

    /// The redirect URI of a new authorization request, or of a login without one. Errors: as [`redirect_uri::choose`].
    pub(super) fn redirect_uri(
        &self,
        asked: Option<&str>,
        request_context: &RequestContext,
    ) -> Result<RedirectUri, LoginError> {
        redirect_uri::choose(&self.settings, &request_context.base_url, asked, &request_context.origin)
    }

    pub(super) async fn start(
        &self,
        provider: &Provider,
        start: Start,
        request_context: &RequestContext,
    ) -> Result<StartedRequest, LoginError> {
        if provider.is_association_only() && request_context.caller.is_none() {
            return Err(link_only());
        }
        let parameters = provider.login_parameters(&start.parameters)?;
        let address = provider.checked_address(&start.parameters)?;
        let reservation = self.reserve(request_context)?;
        match provider.protocol() {
            // The request token is a call of the provider.
            Protocol::OAuth1 => {
                self.check_call_limits(provider, request_context.caller, &request_context.client).await?;
            }
            _ => self.check_link_limit(request_context.caller).await?,
        }
        let state = request_secrets::new_state(&self.key, &self.deps);
        let flow_token = FlowToken::new(&self.deps);
        let cookie = self.cookie_of(request_context);
        let (authorization_url, request_token) =
            self.authorization_url(provider, &start, &state, &address, &parameters).await?;

        let key = request_token.as_ref().map_or(state.as_str(), |token| &token.token);
        let options = RequestOptions { max_age: parameters.max_age, acr_values: parameters.acr_values, app: start.app };
        let started_by = StartedBy::Begin { flow_token: flow_token.digest() };
        let row = self.new_row(provider, key, started_by, &start.redirect_uri, &cookie, request_context);
        let row = AuthorizationRequest {
            code_challenge: start.challenge,
            encrypted_secret: request_token.as_ref().map(|token| self.encrypt_request_token(token)),
            encrypted_options: request_secrets::encrypt_options(&self.key, key, &options, &self.deps),
            address: (!address.is_empty()).then_some(address.into()),
            server_redirect: start.server_redirect,
            ..row
        };
        self.insert(&row).await?;
        reservation.keep();

        Ok(StartedRequest {
            provider: provider.name().to_owned(),
            authorization_url,
            flow_token,
            redirect_uri: start.redirect_uri.into(),
            next: None,
            expires_in: UNFINISHED_LOGIN_LIFETIME.as_secs(),
            cookie,
            nonce: provider.accepts_id_token().then(|| request_secrets::nonce(&self.key, &state)),
            cross_site: provider.uses_form_post(),
            state,
        })
    }

    /// Where to send the user; in OAuth 1.0a with a request token, which is fetched first.
    async fn authorization_url(
        &self,
        provider: &Provider,
        start: &Start,
        state: &str,
        address: &Map<String, Value>,
        parameters: &LoginParameters,
    ) -> Result<(String, Option<RequestToken>), LoginError> {
        let deadline = Instant::now() + self.settings.outgoing.login_timeout;
        let redirect_uri = start.redirect_uri.as_str();
        let request_token = match provider.protocol() {
            Protocol::OAuth1 => Some(provider.request_token(redirect_uri, deadline).await?),
            _ => None,
        };
        let nonce = request_secrets::nonce(&self.key, state);
        let own_challenge = || secrets::pkce_challenge(request_secrets::verifier(&self.key, state).expose_secret());
        let code_challenge = start.challenge.clone().or_else(|| provider.uses_pkce().then(own_challenge));
        let authorization = Authorization {
            redirect_uri,
            state,
            nonce: provider.uses_nonce().then_some(nonce.as_str()),
            code_challenge: code_challenge.as_deref(),
            scope: start.scope.as_deref(),
            address,
            parameters,
            request_token: request_token.as_ref(),
        };
        let url = provider.authorization_url(&authorization, deadline).await?;
        Ok((url, request_token))
    }

    /// The first step of OAuth 1.0a as in django-rest-social-auth: a login route called without `oauth_token` (R-O1-01, 02).
    /// The token's secret stays on the server (SEC-12).
    ///
    /// Errors: as of [`Self::begin`].
    pub(super) async fn first_step(
        &self,
        provider: &Provider,
        request: &LoginRequest,
    ) -> Result<LoginOutcome, LoginError> {
        let request_context = &request.request_context;
        let mut errors = Vec::new();
        let asked = request.fields.optional("redirect_uri", &mut errors);
        LoginError::check_fields(errors)?;
        let redirect_uri = self.redirect_uri(asked.as_deref(), request_context)?;
        let reservation = self.reserve(request_context)?;
        self.check_call_limits(provider, None, &request_context.client).await?;
        let deadline = Instant::now() + self.settings.outgoing.login_timeout;
        let token = provider.request_token(redirect_uri.as_str(), deadline).await?;
        let cookie = self.cookie_of(request_context);
        let row = AuthorizationRequest {
            encrypted_secret: Some(self.encrypt_request_token(&token)),
            ..self.new_row(provider, &token.token, StartedBy::OAuth1Login, &redirect_uri, &cookie, request_context)
        };
        self.insert(&row).await?;
        reservation.keep();
        Ok(LoginOutcome::RequestToken { oauth_token: token.token, cookie })
    }

    /// Errors: a provider of OAuth 1.0a sent a request token that it had sent before.
    async fn insert(&self, row: &AuthorizationRequest) -> Result<(), LoginError> {
        if self.store.insert_authorization_request(row).await? {
            return Ok(());
        }
        Err(ProviderError::failed(Stage::RequestToken, "the request token is that of another login").into())
    }

    /// Errors: `too_many_requests`.
    fn reserve(&self, request_context: &RequestContext) -> Result<Reservation<'_>, LoginError> {
        self.capacity.reserve_authorization_request(request_context.client.ip.as_deref(), self.deps.now())
    }

    /// The browser's present cookie, since it may have several authorization requests open.
    fn cookie_of(&self, request_context: &RequestContext) -> AuthorizationRequestCookie {
        request_context.cookie.clone().unwrap_or_else(|| AuthorizationRequestCookie::new(&self.key, &self.deps))
    }

    fn encrypt_request_token(&self, token: &RequestToken) -> Vec<u8> {
        request_secrets::encrypt_request_token(&self.key, token, &self.deps)
    }

    /// `key`: the state, or the request token in OAuth 1.0a.
    fn new_row(
        &self,
        provider: &Provider,
        key: &str,
        started_by: StartedBy,
        redirect_uri: &RedirectUri,
        cookie: &AuthorizationRequestCookie,
        request_context: &RequestContext,
    ) -> AuthorizationRequest {
        let now = self.deps.now();
        AuthorizationRequest {
            key: Digest::of(key.as_bytes()),
            provider: provider.name().to_owned(),
            redirect_uri: redirect_uri.as_str().to_owned(),
            browser: cookie.digest(),
            started_by,
            code_challenge: None,
            encrypted_secret: None,
            link_request: request_context.caller,
            address: None,
            server_redirect: None,
            encrypted_options: None,
            created: now,
            expires: now.plus(UNFINISHED_LOGIN_LIFETIME),
            claimed: None,
        }
    }

    /// A path on the front-end, or a URL of a listed origin; anything else would be an open redirect (RFC 9700, 4.11). It is
    /// returned as a browser would read it, so that the front-end reads what was checked.
    fn checked_next(&self, next: &str, request_context: &RequestContext) -> Result<String, LoginError> {
        let listed = || next_uri::listed(&self.settings, &request_context.base_url, next);
        next_uri::path(next).or_else(listed).ok_or_else(|| {
            let message =
                "Must be a path that begins with one slash, or a URL whose origin is in ALLOWED_NEXT_ORIGINS.";
            LoginError::field("next", message)
        })
    }
}

/// Errors: `invalid_request` for a scope that the settings do not list.
fn check_scope(provider: &Provider, scope: Option<&[String]>) -> Result<(), LoginError> {
    let is_listed = |scope: &String| provider.has_scope(scope) || provider.has_optional_scope(scope);
    match scope {
        Some(scopes) if !scopes.iter().all(is_listed) => {
            Err(LoginError::field("scope", "Only the scopes of SCOPE and OPTIONAL_SCOPE of the provider are allowed."))
        }
        _ => Ok(()),
    }
}

/// The caller's own challenge: S256 only (SEC-3). Errors: `invalid_request`.
pub(super) fn s256_challenge(challenge: Option<String>, method: Option<&str>) -> Result<Option<String>, LoginError> {
    match (challenge, method) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(LoginError::field("code_challenge", field_message::REQUIRED)),
        (Some(challenge), Some("S256")) if secrets::is_pkce_challenge(&challenge) => Ok(Some(challenge)),
        (Some(_), Some("S256")) => {
            Err(LoginError::field("code_challenge", "Must be a SHA-256 in base64url: 43 characters."))
        }
        (Some(_), _) => Err(LoginError::field("code_challenge_method", "Only S256 is accepted.")),
    }
}
