//! Starts a login: state, PKCE and nonce are made and kept here, ten minutes, one use, bound to provider, redirect URI
//! and browser (SEC-1, SEC-3, RFC 9700 section 2.1).

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::authorization_request::{self, AuthorizationRequestCookie, Binding};
use super::error::{LoginError, Refusal};
use super::redirect_uri;
use super::{BeginRequest, Begun, LoginRequest, LoginService, Outcome, RequestContext};
use crate::model::{AuthorizationRequest, ServerRedirect};
use crate::provider::{Authorization, Protocol, Provider, RequestToken};
use crate::secrets::{self, Digest, ExposeSecret};

/// What an attempt is begun with, once it is checked.
pub(super) struct Start {
    pub redirect_uri: String,
    /// The front-end's own (S256).
    pub challenge: Option<String>,
    pub scope: Option<Vec<String>>,
    pub address: Map<String, Value>,
    pub server_redirect: Option<ServerRedirect>,
}

impl LoginService {
    /// Errors: `unknown_provider`, `invalid_request`, `redirect_uri_not_allowed`, `origin_not_allowed`,
    /// `provider_error`, `provider_timeout`, `database_unavailable`.
    pub async fn begin(
        &self,
        name: &str,
        request: BeginRequest,
        request_context: &RequestContext,
    ) -> Result<Begun, LoginError> {
        let provider = self.provider(name)?;
        let challenge = match (&request.code_challenge, provider.protocol()) {
            (Some(_), Protocol::OAuth1) => return Err(LoginError::field("code_challenge", "OAuth 1.0a has no PKCE.")),
            _ => s256_challenge(request.code_challenge, request.code_challenge_method.as_deref())?,
        };
        let next = request.next.map(|next| self.checked_next(next, request_context)).transpose()?;
        let redirect_uri = redirect_uri::choose(
            &self.settings,
            &request_context.own,
            request.redirect_uri.as_deref(),
            &request_context.origin,
        )?;
        let start =
            Start { redirect_uri, challenge, scope: request.scope, address: request.address, server_redirect: None };
        Ok(Begun { next, ..self.start(provider, start, request_context).await? })
    }

    pub(super) async fn start(
        &self,
        provider: &Provider,
        start: Start,
        request_context: &RequestContext,
    ) -> Result<Begun, LoginError> {
        if provider.is_association_only() && request_context.caller.is_none() {
            return Err(link_only());
        }
        self.check_capacity(request_context)?;
        let state = authorization_request::new_state(&self.key, &self.deps);
        let flow_token = authorization_request::new_flow_token(&self.deps);
        let cookie = self.authorization_request_cookie_of(request_context);
        let deadline = Instant::now() + self.settings.outgoing.login_timeout;

        let request_token = match provider.protocol() {
            Protocol::OAuth1 => Some(self.request_token(provider, &start.redirect_uri, deadline).await?),
            _ => None,
        };
        let nonce = provider.uses_nonce().then(|| authorization_request::nonce(&self.key, &state));
        let sent_challenge = match &start.challenge {
            Some(own) => Some(own.clone()),
            None if provider.uses_pkce() => {
                let verifier = authorization_request::verifier(&self.key, &state);
                Some(secrets::pkce_challenge(verifier.expose_secret()))
            }
            None => None,
        };
        let authorization = Authorization {
            redirect_uri: &start.redirect_uri,
            state: &state,
            nonce: nonce.as_deref(),
            code_challenge: sent_challenge.as_deref(),
            scope: start.scope.as_deref(),
            address: &start.address,
            request_token: request_token.as_ref(),
        };
        let authorization_url = provider.authorization_url(&authorization, deadline).await?;

        let key = request_token.as_ref().map_or(state.as_str(), |token| &token.token);
        let mut row = self.authorization_request_row(provider, Digest::of(key.as_bytes()), &start.redirect_uri);
        row.browser = Some(cookie.digest());
        row.flow = Some(Digest::of(flow_token.as_bytes()));
        row.code_challenge = start.challenge;
        row.link_request = request_context.caller;
        row.needs_fresh_login = request_context.needs_fresh_login;
        row.encrypted_secret =
            request_token.map(|token| authorization_request::encrypt_request_token(&self.key, &token, &self.deps));
        row.address = (!start.address.is_empty()).then_some(start.address.into());
        row.server_redirect = start.server_redirect;
        self.insert_authorization_request(&row, request_context).await?;

        Ok(Begun {
            provider: provider.name().to_owned(),
            authorization_url,
            flow_token,
            redirect_uri: start.redirect_uri,
            next: None,
            expires_in: authorization_request::LIFETIME.as_secs(),
            cookie,
            nonce: provider.accepts_id_token().then(|| authorization_request::nonce(&self.key, &state)),
            cross_site: provider.uses_form_post(),
            state,
        })
    }

    /// The original's first step of OAuth 1.0a: a login route called without `oauth_token` (R-O1-01, 02). The secret
    /// stays here (SEC-12).
    pub(super) async fn first_step(&self, provider: &Provider, request: &LoginRequest) -> Result<Outcome, LoginError> {
        let request_context = &request.request_context;
        let mut errors = Vec::new();
        let asked = request.fields.optional("redirect_uri", &mut errors);
        if !errors.is_empty() {
            return Err(LoginError::fields(errors));
        }
        let redirect_uri =
            redirect_uri::choose(&self.settings, &request_context.own, asked.as_deref(), &request_context.origin)?;
        self.check_capacity(request_context)?;
        let deadline = Instant::now() + self.settings.outgoing.login_timeout;
        let token = self.request_token(provider, &redirect_uri, deadline).await?;
        let cookie = self.authorization_request_cookie_of(request_context);
        let mut row = self.authorization_request_row(provider, Digest::of(token.token.as_bytes()), &redirect_uri);
        row.browser = Some(cookie.digest());
        row.classic = true;
        row.link_request = request_context.caller;
        row.needs_fresh_login = request_context.needs_fresh_login;
        row.encrypted_secret = Some(authorization_request::encrypt_request_token(&self.key, &token, &self.deps));
        self.insert_authorization_request(&row, request_context).await?;
        Ok(Outcome::RequestToken { oauth_token: token.token, cookie })
    }

    /// Errors: `too_many_requests`.
    fn check_capacity(&self, request_context: &RequestContext) -> Result<(), LoginError> {
        self.capacity.check_authorization_request(request_context.client.ip.as_deref(), self.deps.now())
    }

    async fn insert_authorization_request(
        &self,
        row: &AuthorizationRequest,
        request_context: &RequestContext,
    ) -> Result<(), LoginError> {
        self.store.insert_authorization_request(row).await?;
        self.capacity.add_authorization_request(request_context.client.ip.as_deref(), self.deps.now());
        Ok(())
    }

    /// The browser's own, since it may have several authorization requests open.
    fn authorization_request_cookie_of(&self, request_context: &RequestContext) -> AuthorizationRequestCookie {
        request_context.cookie.clone().unwrap_or_else(|| AuthorizationRequestCookie::new(&self.key, &self.deps))
    }

    async fn request_token(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        deadline: Instant,
    ) -> Result<RequestToken, LoginError> {
        Ok(provider.request_token(redirect_uri, deadline).await?)
    }

    fn authorization_request_row(&self, provider: &Provider, key: Digest, redirect_uri: &str) -> AuthorizationRequest {
        let now = self.deps.now();
        AuthorizationRequest {
            key,
            provider: provider.name().to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            browser: None,
            flow: None,
            classic: false,
            code_challenge: None,
            encrypted_secret: None,
            link_request: None,
            needs_fresh_login: false,
            address: None,
            server_redirect: None,
            created: now,
            expires: now.plus(authorization_request::LIFETIME),
            claimed: None,
        }
    }

    /// A path on the front-end, or a URL of a listed origin: never a value that could send the person elsewhere
    /// (RFC 9700, section 4.11).
    fn checked_next(&self, next: String, request_context: &RequestContext) -> Result<String, LoginError> {
        let plain = !next.contains('\\') && !next.chars().any(char::is_control);
        let is_path = next.starts_with('/') && !next.starts_with("//");
        let is_listed = || {
            redirect_uri::web_origin(&next).is_some_and(|origin| {
                self.settings.allowed_origins.contains(&origin)
                    || origin == request_context.own.origin().ascii_serialization()
            })
        };
        if plain && (is_path || is_listed()) {
            Ok(next)
        } else {
            Err(LoginError::field("next", "Must be a path that begins with one slash, or a URL of a listed origin."))
        }
    }
}

pub(super) fn link_only() -> LoginError {
    LoginError::new(
        Refusal::NotAuthenticated,
        "This provider only links to a user who is signed in: send a credential along.",
    )
}

/// A challenge that the caller made itself: S256 only (SEC-3).
pub(super) fn s256_challenge(challenge: Option<String>, method: Option<&str>) -> Result<Option<String>, LoginError> {
    match (challenge, method) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(LoginError::field("code_challenge", "This field is required.")),
        (Some(challenge), Some("S256")) if authorization_request::is_challenge(&challenge) => Ok(Some(challenge)),
        (Some(_), Some("S256")) => {
            Err(LoginError::field("code_challenge", "Must be a SHA-256 in base64url: 43 characters."))
        }
        (Some(_), _) => Err(LoginError::field("code_challenge_method", "Only S256 is accepted.")),
    }
}

impl Binding {
    pub(super) fn of(request_context: &RequestContext, flow_token: Option<&str>) -> Self {
        Self::new(request_context.cookie.as_ref(), flow_token)
    }
}
