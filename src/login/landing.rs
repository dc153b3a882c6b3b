//! The whole redirect flow on the server, for pages without script and for native apps: send the person to the provider,
//! take the callback, and land on a listed URI.
//!
//! No token and no provider's code ever stands in a URL that leaves here. A page gets the session's cookie; an app gets
//! a code of our own, good once within 60 seconds, and fetches its answer with it (SEC-11, RFC 8252).

use std::sync::Arc;
use std::time::Duration;

use oauth2::PkceCodeVerifier;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::attempt;
use super::begin::{Start, s256_challenge};
use super::complete::Ending;
use super::error::{LoginError, Refusal};
use super::halt::Shown;
use super::{Begun, Fields, Halted, LoginRequest, LoginService, Outcome, SessionCookie, SignedIn, Visitor, redirect};
use crate::model::{Kind, Landing, Swap};
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
pub enum Landed {
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
pub enum Swapped {
    /// With the shape that was asked for.
    SignedIn {
        kind: Kind,
        with_user: bool,
        answer: Box<SignedIn>,
    },
    Halted(Halted),
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
        visitor: &Visitor,
    ) -> Result<Begun, LoginError> {
        let provider = self.provider(name)?;
        let next = match request.next {
            Some(next) if redirect::is_listed(&self.settings, &visitor.own, &next) => next,
            Some(_) => return Err(redirect::not_allowed("next")),
            None => redirect::by_setting(&self.settings, &visitor.own),
        };
        if request.kind == Kind::Session && !next.starts_with("https://") && !next.starts_with("http://") {
            return Err(LoginError::field("kind", "An app has no use for a session cookie: ask for a token."));
        }
        // Any site may send a browser here by a link: it must not ask the provider for more than the operator wants.
        if request.scope.as_ref().is_some_and(|asked| !provider.has_scopes(asked)) {
            return Err(LoginError::field("scope", "A link may ask for the configured scopes only."));
        }
        let landing = Landing {
            next,
            kind: request.kind,
            with_user: request.with_user,
            code_challenge: s256_challenge(request.code_challenge, request.code_challenge_method.as_deref())?,
        };
        let own = visitor.own.origin().ascii_serialization();
        let start = Start {
            redirect_uri: format!("{own}{}", callback_path(name)),
            challenge: None,
            scope: request.scope,
            address: request.address,
            landing: Some(landing),
        };
        self.start(provider, start, visitor).await
    }

    /// The provider's callback. An error has no landing: the login was not begun here by this browser.
    pub async fn land(self: &Arc<Self>, name: &str, fields: Fields, visitor: Visitor) -> Result<Landed, LoginError> {
        let (landing, request) = self.landing_of(name, fields, visitor).await?;
        self.land_at(name, landing, request).await
    }

    /// Where the person is to land, and the login that is to end there.
    async fn landing_of(
        &self,
        name: &str,
        fields: Fields,
        visitor: Visitor,
    ) -> Result<(Landing, LoginRequest), LoginError> {
        let provider = self.provider(name)?.clone();
        // Only who began it links: whoever is signed in meanwhile may know nothing of it.
        let visitor = Visitor { caller: None, stale: false, ..visitor };
        let (kind, with_user) = (Kind::Session, false);
        let fields = fields.unwrapped(&provider)?;
        let request = LoginRequest { kind, with_user, provider: Some(name.to_owned()), fields, visitor };
        let begun = self.attempt_of(&provider, &request, Ending::Landing).await?;
        let Some(landing) = begun.and_then(|begun| begun.row.landing) else {
            return Err(LoginError::new(Refusal::StateMismatch, "No login was begun here with this state."));
        };
        let request = LoginRequest { kind: landing.kind, with_user: landing.with_user, ..request };
        Ok((landing, request))
    }

    async fn land_at(
        self: &Arc<Self>,
        name: &str,
        landing: Landing,
        request: LoginRequest,
    ) -> Result<Landed, LoginError> {
        let result = self.login_at(name, request, Ending::Landing).await;
        let outcome = self.told(name, landing.kind, result);
        self.landed(landing, outcome).await
    }

    /// Where the person goes with this outcome.
    pub async fn landed(&self, landing: Landing, outcome: Result<Outcome, LoginError>) -> Result<Landed, LoginError> {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let location = with_parameter(&landing.next, "error", &error.refusal.code());
                return Ok(Landed::Refused { location, error });
            }
        };
        match outcome {
            Outcome::SignedIn(answer) => match answer.session.clone() {
                Some(cookie) => {
                    let location = match answer.is_new {
                        Some(is_new) => with_parameter(&landing.next, "is_new", &is_new.to_string()),
                        None => landing.next,
                    };
                    Ok(Landed::Session { location, cookie })
                }
                None => {
                    let (kind, with_user) = (landing.kind, landing.with_user);
                    self.keep_for_swap(landing, Swapped::SignedIn { kind, with_user, answer }).await
                }
            },
            Outcome::Halted(halted) => {
                let next = with_parameter(&landing.next, "halted", &halted.step);
                self.keep_for_swap(Landing { next, ..landing }, Swapped::Halted(halted)).await
            }
            Outcome::RequestToken { .. } => {
                Err(LoginError::new(Refusal::StateMismatch, "No login was begun here with this oauth_token."))
            }
        }
    }

    async fn keep_for_swap(&self, landing: Landing, swapped: Swapped) -> Result<Landed, LoginError> {
        let code = format!("rsax_{}", self.ambient.token::<32>());
        let plain = serde_json::to_vec(&swapped).expect("plain data has a JSON form");
        let swap = Swap {
            code: Digest::of(code.as_bytes()),
            code_challenge: landing.code_challenge,
            answer: secrets::seal(&self.swap_key(&code), b"", &plain, &self.ambient),
            expires: self.ambient.now().plus(lifetime(&swapped)),
        };
        self.store.insert_swap(&swap).await?;
        self.capacity.add_one_time_code();
        Ok(Landed::Code { location: with_parameter(&landing.next, "code", &code) })
    }

    /// What the login that landed with this code waits for, to be shown on a page of ours. Looking spends nothing, however
    /// often it is done; the browser must be the one that signed in, so that no verifier is asked for.
    ///
    /// Errors: `invalid_code`, `code_already_used` of a login that went on, `state_mismatch`, `state_expired`,
    /// `flow_mismatch` for another browser, `database_unavailable`.
    pub async fn landed_halted(&self, code: &str, visitor: &Visitor) -> Result<Halted, LoginError> {
        let digest = attempt::key_of(code).ok_or_else(no_such_code)?;
        let swap = self.store.swap(&digest).await?.ok_or_else(no_such_code)?;
        match self.opened(code, &swap)? {
            Swapped::Halted(halted) => self.halted(&halted.flow_token, visitor, Shown::Here).await,
            Swapped::SignedIn { .. } => {
                Err(LoginError::new(Refusal::InvalidCode, "This code is of a login that does not wait."))
            }
        }
    }

    /// Hands the answer of a login to whoever has its code, once. Errors: `invalid_code`, `flow_mismatch`,
    /// `database_unavailable`.
    pub async fn swap(&self, code: &str, code_verifier: Option<&str>) -> Result<Swapped, LoginError> {
        let digest = attempt::key_of(code).ok_or_else(no_such_code)?;
        let swap = self.store.take_swap(&digest).await?.ok_or_else(no_such_code)?;
        let swapped = self.opened(code, &swap)?;
        if swap.expires.minus(lifetime(&swapped)).plus(SWAP_LIFETIME) <= self.ambient.now() {
            return Err(no_such_code());
        }
        if let Some(challenge) = &swap.code_challenge {
            let fits = code_verifier.filter(|verifier| attempt::is_verifier(verifier)).is_some_and(|verifier| {
                let made = attempt::challenge(&PkceCodeVerifier::new(verifier.to_owned()));
                secrets::same(made.as_str().as_bytes(), challenge.as_bytes())
            });
            if !fits {
                return Err(LoginError::new(
                    Refusal::FlowMismatch,
                    "The code_verifier does not fit the code_challenge.",
                ));
            }
        }
        Ok(swapped)
    }

    fn opened(&self, code: &str, swap: &Swap) -> Result<Swapped, LoginError> {
        let in_time = swap.expires > self.ambient.now();
        let plain = in_time.then(|| secrets::open(&self.swap_key(code), b"", &swap.answer)).flatten();
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or_else(no_such_code)
    }

    fn swap_key(&self, code: &str) -> [u8; 32] {
        self.key.derive("swapped answer", &[code.as_bytes()])
    }
}

/// How long a code is kept. It is swapped within a minute; the page that asks is there for as long as its login waits.
fn lifetime(swapped: &Swapped) -> Duration {
    match swapped {
        Swapped::SignedIn { .. } => SWAP_LIFETIME,
        Swapped::Halted(halted) => Duration::from_secs(halted.expires_in),
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
