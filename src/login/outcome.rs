//! What the login service answers to the HTTP layer.

use serde::{Deserialize, Serialize};

use super::app_context::AppContext;
use super::error::{LoginError, Refusal};
use super::pipeline::InputField;
use super::request_secrets::{AuthorizationRequestCookie, FlowToken};
use crate::credential::{Issued, SessionCookie};
use crate::model::{LoginKind, ServerRedirect, User};

/// How a login ended. It is stored encrypted for a repeat by the same browser, except for a request token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LoginOutcome {
    /// The user is signed in.
    SignedIn(Box<SignedIn>),
    /// A pipeline step asks the user for additional input.
    PendingLogin(PendingLogin),
    /// The first step of OAuth 1.0a on a login route.
    #[serde(skip)]
    RequestToken {
        /// The request token, for the provider's authorization endpoint.
        oauth_token: String,
        /// Binds the request to the browser.
        cookie: AuthorizationRequestCookie,
    },
}

/// The user and the issued credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// As this login left it.
    pub user: User,
    /// The credential.
    pub issued: Issued,
    /// Whether this login created the user; only with REST_SOCIAL_IS_NEW.
    #[serde(default)]
    pub is_new: Option<bool>,
    /// The application's own values.
    #[serde(default)]
    pub app: AppContext,
}

/// A login that waits for additional input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingLogin {
    /// Must be posted with the answers.
    pub flow_token: FlowToken,
    /// Seconds.
    pub expires_in: u64,
    /// The step that asks.
    pub step: String,
    /// What it asks for.
    pub fields: Vec<InputField>,
}

/// The outcome of a resumed login, and the shape in which it must be answered.
#[derive(Debug)]
pub struct Resumed {
    /// What was to be issued, and how to answer.
    pub kind: LoginKind,
    /// Where the redirect flow ends; `None` outside it.
    pub server_redirect: Option<ServerRedirect>,
    /// The question that was answered.
    pub asked: PendingLogin,
    /// How the login ended.
    pub outcome: Result<LoginOutcome, LoginError>,
}

impl Resumed {
    /// The error after which the user can answer the same question again: invalid input, a login that must come first, or a
    /// temporary failure.
    pub fn may_answer_again(&self) -> Option<&LoginError> {
        use Refusal::{DatabaseUnavailable, InvalidRequest, LinkLoginRequired, SignUpUnavailable};
        let error = self.outcome.as_ref().err()?;
        matches!(error.refusal, InvalidRequest | LinkLoginRequired | DatabaseUnavailable | SignUpUnavailable)
            .then_some(error)
    }
}

/// Where the redirect flow sends the user after the callback: always 303, so that a POST is not repeated (RFC 9700, 4.12).
#[derive(Clone, Debug)]
pub enum RedirectOutcome {
    /// Signed in by a session.
    Session {
        /// The `next` of the flow.
        location: String,
        /// To be set.
        cookie: SessionCookie,
    },
    /// The location carries a one-time code: for an app, or for a pending login (`halted` then names the step).
    Code {
        /// The `next` of the flow with the code.
        location: String,
    },
    /// The location carries the code of the refusal as `error`.
    Refused {
        /// The `next` of the flow with the error.
        location: String,
        /// Why the login was refused.
        error: LoginError,
    },
}

/// What a one-time code is exchanged for.
#[derive(Debug, Serialize, Deserialize)]
pub enum ExchangedCode {
    /// In the shape that the flow was started with.
    SignedIn {
        /// What was issued, and how to answer.
        kind: LoginKind,
        /// The user and the credential.
        answer: Box<SignedIn>,
    },
    /// The login waits for additional input.
    PendingLogin(PendingLogin),
}
