//! The whole redirect flow on the server, for pages without script and for native apps: send the person to the provider,
//! take the callback, and land on a listed URI.
//!
//! No token and no provider's code ever stands in a URL that leaves here. A page gets the session's cookie; an app gets
//! a code of our own, good once within 60 seconds, and fetches its answer with it (SEC-11, RFC 8252).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::authorization_request;
use super::begin::{Start, s256_challenge};
use super::code_exchange::CompletionMode;
use super::error::{LoginError, Refusal};
use super::pending_login::Shown;
use super::{
    Begun, Fields, LoginRequest, LoginService, Outcome, PendingLogin, RequestContext, SessionCookie, SignedIn,
    redirect_uri,
};
use crate::model::{Kind, OneTimeCode, ServerRedirect};
use crate::secrets::{self, Digest};

const SWAP_LIFETIME: Duration = Duration::from_secs(60);

/// What the redirect flow is begun with.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    /// One of ALLOWED_REDIRECT_URIS, to the letter; by default what the REST_SOCIAL settings give for PUBLIC_URL.
    pub next: Option<String>,
    pub kind: Kind,
    pub with_user: bool,
    /// The app's own challenge: then the swap asks for its verifier.
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    pub scope: Option<Vec<String>>,
    /// What the provider's own address needs.
    pub address: Map<String, Value>,
}

/// Where the person goes after the callback: always 303, so that a POST does not go on (RFC 9700, section 4.12).
#[derive(Clone, Debug)]
pub enum RedirectOutcome {
    Session {
        location: String,
        cookie: SessionCookie,
    },
    /// An app, or a login that waits for answers (`halted` names the step): the location has the code to swap.
    Code {
        location: String,
    },
    /// The location has the stable code of the refusal as `error`.
    Refused {
        location: String,
        error: LoginError,
    },
}

/// What a code was swapped for.
#[derive(Debug, Serialize, Deserialize)]
pub enum ExchangedCode {
    /// With the shape that was asked for.
    SignedIn {
        kind: Kind,
        with_user: bool,
        answer: Box<SignedIn>,
    },
    PendingLogin(PendingLogin),
}

/// The callback of `provider`, below the server's own base URL.
pub fn callback_path(provider: &str) -> String {
    format!("/api/login/social/complete/{provider}/")
}

impl LoginService {
    /// Errors: `unknown_provider`, `invalid_request`, `redirect_uri_not_allowed`, `provider_error`, `provider_timeout`,
    /// `database_unavailable`.
    pub async fn authorize(
        &self,
        name: &str,
        request: AuthorizeRequest,
        request_context: &RequestContext,
    ) -> Result<Begun, LoginError> {
        let provider = self.provider(name)?;
        let next = match request.next {
            Some(next) if redirect_uri::is_listed(&self.settings, &request_context.own, &next) => next,
            Some(_) => return Err(redirect_uri::not_allowed("next")),
            None => redirect_uri::default_redirect_uri_of(&self.settings, &request_context.own),
        };
        if request.kind == Kind::Session && !next.starts_with("https://") && !next.starts_with("http://") {
            return Err(LoginError::field("kind", "An app has no use for a session cookie: ask for a token."));
        }
        // Any site may send a browser here by a link: it must not ask the provider for more than the operator wants.
        if request.scope.as_ref().is_some_and(|asked| !provider.has_scopes(asked)) {
            return Err(LoginError::field("scope", "A link may ask for the configured scopes only."));
        }
        let server_redirect = ServerRedirect {
            next,
            kind: request.kind,
            with_user: request.with_user,
            code_challenge: s256_challenge(request.code_challenge, request.code_challenge_method.as_deref())?,
        };
        let own = request_context.own.origin().ascii_serialization();
        let start = Start {
            redirect_uri: format!("{own}{}", callback_path(name)),
            challenge: None,
            scope: request.scope,
            address: request.address,
            server_redirect: Some(server_redirect),
        };
        self.start(provider, start, request_context).await
    }

    /// The provider's callback. An error has no landing: the login was not begun here by this browser.
    pub async fn complete_redirect(
        self: &Arc<Self>,
        name: &str,
        fields: Fields,
        request_context: RequestContext,
    ) -> Result<RedirectOutcome, LoginError> {
        let (server_redirect, request) = self.landing_of(name, fields, request_context).await?;
        self.land_at(name, server_redirect, request).await
    }

    /// Where the person is to land, and the login that is to end there.
    async fn landing_of(
        &self,
        name: &str,
        fields: Fields,
        request_context: RequestContext,
    ) -> Result<(ServerRedirect, LoginRequest), LoginError> {
        let provider = self.provider(name)?.clone();
        // Only who began it links: whoever is signed in meanwhile may know nothing of it.
        let request_context = RequestContext { caller: None, needs_fresh_login: false, ..request_context };
        let (kind, with_user) = (Kind::Session, false);
        let fields = fields.unwrap_callback(&provider)?;
        let request = LoginRequest { kind, with_user, provider: Some(name.to_owned()), fields, request_context };
        let begun = self.authorization_request_of(&provider, &request, CompletionMode::ServerRedirect).await?;
        let Some(server_redirect) = begun.and_then(|begun| begun.row.server_redirect) else {
            return Err(LoginError::new(Refusal::StateMismatch, "No login was begun here with this state."));
        };
        let request = LoginRequest { kind: server_redirect.kind, with_user: server_redirect.with_user, ..request };
        Ok((server_redirect, request))
    }

    async fn land_at(
        self: &Arc<Self>,
        name: &str,
        server_redirect: ServerRedirect,
        request: LoginRequest,
    ) -> Result<RedirectOutcome, LoginError> {
        let result = self.login_at(name, request, CompletionMode::ServerRedirect).await;
        let outcome = self.told(name, server_redirect.kind, result);
        self.redirect_outcome(server_redirect, outcome).await
    }

    /// Where the person goes with this outcome.
    pub async fn redirect_outcome(
        &self,
        server_redirect: ServerRedirect,
        outcome: Result<Outcome, LoginError>,
    ) -> Result<RedirectOutcome, LoginError> {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let location = with_parameter(&server_redirect.next, "error", &error.refusal.code());
                return Ok(RedirectOutcome::Refused { location, error });
            }
        };
        match outcome {
            Outcome::SignedIn(answer) => match answer.session.clone() {
                Some(cookie) => {
                    let location = match answer.is_new {
                        Some(is_new) => with_parameter(&server_redirect.next, "is_new", &is_new.to_string()),
                        None => server_redirect.next,
                    };
                    Ok(RedirectOutcome::Session { location, cookie })
                }
                None => {
                    let (kind, with_user) = (server_redirect.kind, server_redirect.with_user);
                    self.keep_for_one_time_code(server_redirect, ExchangedCode::SignedIn { kind, with_user, answer })
                        .await
                }
            },
            Outcome::PendingLogin(pending_login) => {
                let next = with_parameter(&server_redirect.next, "halted", &pending_login.step);
                self.keep_for_one_time_code(
                    ServerRedirect { next, ..server_redirect },
                    ExchangedCode::PendingLogin(pending_login),
                )
                .await
            }
            Outcome::RequestToken { .. } => {
                Err(LoginError::new(Refusal::StateMismatch, "No login was begun here with this oauth_token."))
            }
        }
    }

    async fn keep_for_one_time_code(
        &self,
        server_redirect: ServerRedirect,
        swapped: ExchangedCode,
    ) -> Result<RedirectOutcome, LoginError> {
        let code = format!("rsax_{}", self.deps.token::<32>());
        let plain = serde_json::to_vec(&swapped).expect("plain data has a JSON form");
        let swap = OneTimeCode {
            code: Digest::of(code.as_bytes()),
            code_challenge: server_redirect.code_challenge,
            answer: secrets::encrypt(&self.one_time_code_key(&code), b"", &plain, &self.deps),
            expires: self.deps.now().plus(lifetime(&swapped)),
        };
        self.store.insert_one_time_code(&swap).await?;
        self.capacity.add_one_time_code();
        Ok(RedirectOutcome::Code { location: with_parameter(&server_redirect.next, "code", &code) })
    }

    /// What the login that landed with this code waits for, to be shown on a page of ours. Looking spends nothing, however
    /// often it is done; the browser must be the one that signed in, so that no verifier is asked for.
    ///
    /// Errors: `invalid_code`, `code_already_used` of a login that went on, `state_mismatch`, `state_expired`,
    /// `flow_mismatch` for another browser, `database_unavailable`.
    pub async fn redirect_with_pending_login(
        &self,
        code: &str,
        request_context: &RequestContext,
    ) -> Result<PendingLogin, LoginError> {
        let digest = authorization_request::request_key(code).ok_or_else(no_such_code)?;
        let swap = self.store.one_time_code(&digest).await?.ok_or_else(no_such_code)?;
        match self.opened(code, &swap)? {
            ExchangedCode::PendingLogin(pending_login) => {
                self.pending_login(&pending_login.flow_token, request_context, Shown::Here).await
            }
            ExchangedCode::SignedIn { .. } => {
                Err(LoginError::new(Refusal::InvalidCode, "This code is of a login that does not wait."))
            }
        }
    }

    /// Hands the answer of a login to whoever has its code, once. Errors: `invalid_code`, `flow_mismatch`,
    /// `database_unavailable`.
    pub async fn swap(&self, code: &str, code_verifier: Option<&str>) -> Result<ExchangedCode, LoginError> {
        let digest = authorization_request::request_key(code).ok_or_else(no_such_code)?;
        let swap = self.store.consume_one_time_code(&digest).await?.ok_or_else(no_such_code)?;
        let swapped = self.opened(code, &swap)?;
        if swap.expires.minus(lifetime(&swapped)).plus(SWAP_LIFETIME) <= self.deps.now() {
            return Err(no_such_code());
        }
        if let Some(challenge) = &swap.code_challenge {
            let fits = code_verifier
                .filter(|verifier| authorization_request::is_verifier(verifier))
                .is_some_and(|verifier| secrets::matches_pkce_challenge(verifier, challenge));
            if !fits {
                return Err(LoginError::new(
                    Refusal::FlowMismatch,
                    "The code_verifier does not fit the code_challenge.",
                ));
            }
        }
        Ok(swapped)
    }

    fn opened(&self, code: &str, swap: &OneTimeCode) -> Result<ExchangedCode, LoginError> {
        let in_time = swap.expires > self.deps.now();
        let plain = in_time.then(|| secrets::decrypt(&self.one_time_code_key(code), b"", &swap.answer)).flatten();
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or_else(no_such_code)
    }

    fn one_time_code_key(&self, code: &str) -> [u8; 32] {
        self.key.derive("swapped answer", &[code.as_bytes()])
    }
}

/// How long a code is kept. It is swapped within a minute; the page that asks is there for as long as its login waits.
fn lifetime(swapped: &ExchangedCode) -> Duration {
    match swapped {
        ExchangedCode::SignedIn { .. } => SWAP_LIFETIME,
        ExchangedCode::PendingLogin(pending_login) => Duration::from_secs(pending_login.expires_in),
    }
}

fn no_such_code() -> LoginError {
    LoginError::new(Refusal::InvalidCode, "This code is wrong, used or older than a minute.")
}

/// Listed URIs have no fragment, and the values here (codes, names of steps) need no escaping.
fn with_parameter(uri: &str, name: &str, value: &str) -> String {
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_joins_a_query_or_begins_one() {
        assert_eq!(with_parameter("com.example.app:/cb", "code", "x"), "com.example.app:/cb?code=x");
        assert_eq!(with_parameter("https://a.example/?b=1", "error", "x"), "https://a.example/?b=1&error=x");
    }
}
