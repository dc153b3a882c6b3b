//! The server-side redirect flow, for pages without script and for native apps. It redirects the browser to the provider,
//! receives the callback, and redirects to an allowed URI.
//!
//! No token and no provider's code is in a URL that this server sends. A page gets the session's cookie; an app gets a
//! one-time code, valid for 60 seconds, and exchanges it for its answer (SEC-11, RFC 8252).

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::begin::{Start, s256_challenge};
use super::code_exchange::verifier_mismatch;
use super::error::{LoginError, Refusal};
use super::next_uri::{self, with_parameter};
use super::outcome::{ExchangedCode, LoginOutcome, PendingLogin, RedirectOutcome};
use super::redirect_uri::{self, RedirectUri};
use super::request::{AuthorizeRequest, FormHost, LoginRequest, RequestContext, StartedRequest};
use super::request_fields::Fields;
use super::request_lookup::{CompletionMode, state_mismatch};
use super::request_secrets;
use super::service::LoginService;
use crate::model::{LoginKind, OneTimeCode, ServerRedirect};
use crate::secrets::{self, Digest};

/// How long an app may take to exchange a one-time code.
const ONE_TIME_CODE_LIFETIME: Duration = Duration::from_secs(60);

impl LoginService {
    /// Starts the flow. Errors: `unknown_provider`, `invalid_request`, `redirect_uri_not_allowed`, `provider_error`,
    /// `provider_timeout`, `database_unavailable`.
    pub async fn authorize(
        &self,
        name: &str,
        request: AuthorizeRequest,
        request_context: &RequestContext,
    ) -> Result<StartedRequest, LoginError> {
        let provider = self.provider(name)?;
        let challenge = s256_challenge(request.code_challenge, request.code_challenge_method.as_deref())?;
        let next = self.end_of_redirect(request.next, request.kind, challenge.is_some(), request_context)?;
        // Any site can link to this route, so the link must not ask the provider for more than the operator configured.
        if request.scope.iter().flatten().any(|asked| !provider.has_scope(asked)) {
            return Err(LoginError::field("scope", "Only the configured scopes are allowed here."));
        }
        let server_redirect = ServerRedirect { next, kind: request.kind, code_challenge: challenge };
        let start = Start {
            redirect_uri: RedirectUri::callback(&request_context.base_url, name),
            challenge: None,
            scope: request.scope,
            app: request.app,
            parameters: request.parameters,
            server_redirect: Some(server_redirect),
        };
        self.start(provider, start, request_context).await
    }

    /// Where the flow ends: an entry of ALLOWED_REDIRECT_URIS, or a page with a listed origin.
    ///
    /// Errors: `redirect_uri_not_allowed`, and `invalid_request` when `kind` does not suit it.
    fn end_of_redirect(
        &self,
        next: Option<String>,
        kind: LoginKind,
        has_challenge: bool,
        request_context: &RequestContext,
    ) -> Result<String, LoginError> {
        let base_url = &request_context.base_url;
        let next = match next {
            None => self.settings.rest_social.default_redirect_uri(base_url),
            Some(next) if redirect_uri::is_allowed(&self.settings, base_url, &next) => next,
            Some(next) => match next_uri::page(&self.settings, base_url, &next) {
                // Some page of the origin may reveal its URL to others; without the verifier the code in it is useless.
                Some(_) if kind != LoginKind::Session && !has_challenge => {
                    let detail = "Required, since next is not an entry of ALLOWED_REDIRECT_URIS.";
                    return Err(LoginError::field("code_challenge", detail));
                }
                Some(page) => page,
                None => return Err(next_not_allowed()),
            },
        };
        if !next.starts_with("https://") && !next.starts_with("http://") {
            if kind == LoginKind::Session {
                return Err(LoginError::field("kind", "session is not available for native apps; use a token kind."));
            }
            // Any app of the device can claim the scheme too; without the verifier it cannot use the code (RFC 8252, 8.1).
            if !has_challenge {
                let detail = "Required, since next has the scheme of a native app.";
                return Err(LoginError::field("code_challenge", detail));
            }
        }
        Ok(next)
    }

    /// Where a form of a page goes after the logout. Errors: `redirect_uri_not_allowed`.
    pub fn page_after_logout(&self, next: Option<String>, base_url: &Url) -> Result<String, LoginError> {
        match next {
            None => Ok(self.settings.rest_social.default_redirect_uri(base_url)),
            Some(next) if redirect_uri::is_allowed(&self.settings, base_url, &next) => Ok(next),
            Some(next) => next_uri::page(&self.settings, base_url, &next).ok_or_else(next_not_allowed),
        }
    }

    /// Handles the provider's callback. An error: this browser started no such login here, so there is no URI to redirect to; or
    /// a rate limit refused the callback.
    pub async fn complete_redirect(
        self: &Arc<Self>,
        name: &str,
        fields: Fields,
        request_context: RequestContext,
    ) -> Result<RedirectOutcome, LoginError> {
        let provider = self.provider(name)?.clone();
        // Only the user who started the flow is linked: another user may have signed in meanwhile.
        let request_context = RequestContext { caller: None, ..request_context };
        // With a wrapping field that is invalid, the state beside it says where the user came from.
        let (fields, fault) = match fields.clone().unwrap_callback(&provider) {
            Ok(fields) => (fields, None),
            Err(error) => (fields, Some(LoginError::from(error))),
        };
        let mode = CompletionMode::ServerRedirect;
        let matched = self.matched_request(&provider, &fields, &request_context, mode).await?;
        let server_redirect = matched
            .as_ref()
            .and_then(|matched| matched.row.server_redirect.clone())
            .ok_or_else(|| state_mismatch("No login was started on this server with this state."))?;
        let request =
            LoginRequest { kind: server_redirect.kind, provider: Some(name.to_owned()), fields, request_context };
        let result = match fault {
            None => self.complete(provider, request, matched).await,
            Some(error) => Err(error),
        };
        let outcome = self.log_outcome(name, server_redirect.kind.credential(), result);
        // Nothing is used up yet: the browser can repeat this callback after the wait.
        if let Err(error) = outcome.as_ref()
            && error.rate_limit.is_some()
        {
            return Err(error.clone());
        }
        self.redirect_outcome(server_redirect, outcome).await
    }

    /// Where the flow redirects the browser with this outcome. Errors: `too_many_requests`, `database_unavailable`.
    pub async fn redirect_outcome(
        &self,
        server_redirect: ServerRedirect,
        outcome: Result<LoginOutcome, LoginError>,
    ) -> Result<RedirectOutcome, LoginError> {
        let (next, kind) = (&server_redirect.next, server_redirect.kind);
        match outcome {
            Ok(LoginOutcome::SignedIn(answer)) => match answer.issued.session().cloned() {
                Some(cookie) => {
                    let location = match answer.is_new {
                        Some(is_new) => with_parameter(next, "is_new", &is_new.to_string()),
                        None => server_redirect.next,
                    };
                    Ok(RedirectOutcome::Session { location, cookie })
                }
                None => self.issue_one_time_code(server_redirect, ExchangedCode::SignedIn { kind, answer }).await,
            },
            Ok(LoginOutcome::PendingLogin(pending_login)) => {
                let next = with_parameter(next, "halted", &pending_login.step);
                let server_redirect = ServerRedirect { next, ..server_redirect };
                self.issue_one_time_code(server_redirect, ExchangedCode::PendingLogin(pending_login)).await
            }
            Ok(LoginOutcome::RequestToken { .. }) => {
                Err(state_mismatch("No login was started on this server with this oauth_token."))
            }
            Err(error) => {
                let location = with_parameter(next, "error", &error.refusal.code());
                Ok(RedirectOutcome::Refused { location, error })
            }
        }
    }

    async fn issue_one_time_code(
        &self,
        server_redirect: ServerRedirect,
        exchanged: ExchangedCode,
    ) -> Result<RedirectOutcome, LoginError> {
        let code = format!("rsax_{}", self.deps.token::<32>());
        let plain = serde_json::to_vec(&exchanged).expect("plain data has a JSON form");
        let row = OneTimeCode {
            code: Digest::of(code.as_bytes()),
            code_challenge: server_redirect.code_challenge,
            answer: secrets::encrypt(&self.one_time_code_key(&code), b"", &plain, &self.deps),
            expires: self.deps.now().plus(lifetime(&exchanged)),
        };
        self.store.insert_one_time_code(&row).await?;
        self.capacity.add_one_time_code();
        Ok(RedirectOutcome::Code { location: with_parameter(&server_redirect.next, "code", &code) })
    }

    /// The question of the pending login that this one-time code stands for, to be shown on a page of this server. The code
    /// stays valid. The browser must be the one that started the login, so no verifier is required.
    ///
    /// Errors: `invalid_code`, `code_already_used` for a login that was completed, `state_mismatch`, `state_expired`,
    /// `flow_mismatch` for another browser, `database_unavailable`.
    pub async fn redirect_with_pending_login(
        &self,
        code: &str,
        request_context: &RequestContext,
    ) -> Result<PendingLogin, LoginError> {
        let digest = request_secrets::request_key(code).ok_or_else(invalid_code)?;
        let row = self.store.one_time_code(&digest).await?.ok_or_else(invalid_code)?;
        match self.decrypt_answer(code, &row)? {
            ExchangedCode::PendingLogin(pending_login) => {
                self.pending_login(&pending_login.flow_token, request_context, FormHost::Server).await
            }
            ExchangedCode::SignedIn { .. } => {
                Err(LoginError::new(Refusal::InvalidCode, "This code does not belong to a pending login."))
            }
        }
    }

    /// Exchanges a one-time code for the answer of its login. Errors: `invalid_code`, `flow_mismatch`,
    /// `database_unavailable`.
    pub async fn exchange_code(&self, code: &str, code_verifier: Option<&str>) -> Result<ExchangedCode, LoginError> {
        let digest = request_secrets::request_key(code).ok_or_else(invalid_code)?;
        let row = self.store.consume_one_time_code(&digest).await?.ok_or_else(invalid_code)?;
        let exchanged = self.decrypt_answer(code, &row)?;
        if row.expires.minus(lifetime(&exchanged)).plus(ONE_TIME_CODE_LIFETIME) <= self.deps.now() {
            return Err(invalid_code());
        }
        match (&row.code_challenge, code_verifier) {
            (None, None) => Ok(exchanged),
            (Some(challenge), Some(verifier))
                if request_secrets::is_verifier(verifier) && secrets::matches_pkce_challenge(verifier, challenge) =>
            {
                Ok(exchanged)
            }
            // A verifier without a challenge: another client than the caller started this flow (RFC 9700, section 4.8.2).
            _ => Err(verifier_mismatch()),
        }
    }

    fn decrypt_answer(&self, code: &str, row: &OneTimeCode) -> Result<ExchangedCode, LoginError> {
        let is_valid = row.expires > self.deps.now();
        let plain = is_valid.then(|| secrets::decrypt(&self.one_time_code_key(code), b"", &row.answer)).flatten();
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or_else(invalid_code)
    }

    fn one_time_code_key(&self, code: &str) -> [u8; 32] {
        self.key.derive("answer of a one-time code", &[code.as_bytes()])
    }
}

/// How long the row is kept. The code of a pending login also opens the page that asks, for as long as the login is pending.
fn lifetime(exchanged: &ExchangedCode) -> Duration {
    match exchanged {
        ExchangedCode::SignedIn { .. } => ONE_TIME_CODE_LIFETIME,
        ExchangedCode::PendingLogin(pending_login) => Duration::from_secs(pending_login.expires_in),
    }
}

fn next_not_allowed() -> LoginError {
    let detail = "The value of next is not in ALLOWED_REDIRECT_URIS, and its origin is not in ALLOWED_NEXT_ORIGINS.";
    LoginError::new(Refusal::RedirectUriNotAllowed, detail)
}

fn invalid_code() -> LoginError {
    LoginError::new(Refusal::InvalidCode, "This code is invalid, was used already, or has expired.")
}
