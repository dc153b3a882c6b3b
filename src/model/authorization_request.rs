//! Authorization requests, and the rows that a login in progress needs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::model::{LoginKind, UserId};
use crate::secrets::Digest;

/// How long an authorization request and a pending login are valid (SEC-1), and the cookie that both have.
pub const UNFINISHED_LOGIN_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A login that was started on this server: valid for ten minutes and one use (`UNFINISHED_LOGIN_LIFETIME`).
///
/// PKCE verifier and nonce are not stored: they are derived from the state, of which only the digest is stored.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Digest of the state, or of the request token in OAuth 1.0a (SEC-13).
    pub key: Digest,
    /// The provider's name.
    pub provider: String,
    /// Exactly as it was sent to the provider.
    pub redirect_uri: String,
    /// Digest of the cookie that binds the request to the browser.
    pub browser: Digest,
    /// Which route started it, and so what completes it without the cookie.
    pub started_by: StartedBy,
    /// The front-end's own PKCE challenge (S256); then it must post the verifier (SEC-3).
    pub code_challenge: Option<String>,
    /// Secret of the OAuth 1.0a request token, encrypted (SEC-12).
    pub encrypted_secret: Option<Vec<u8>>,
    /// The user to link the account to; `None`: the login signs a user in.
    pub link_request: Option<LinkRequest>,
    /// Parameters of the provider's own address, such as Shopify's `shop`: a JSON object.
    pub address: Option<serde_json::Value>,
    /// Only in the server-side redirect flow: where it ends.
    pub server_redirect: Option<ServerRedirect>,
    /// The application's own values, the `max_age` and the required `acr_values`, encrypted with a key derived from the state
    /// (OAuth 1.0a: the request token). `None`: there are none.
    pub encrypted_options: Option<Vec<u8>>,
    /// When the request was made.
    pub created: UnixMillis,
    /// Ten minutes after `created`.
    pub expires: UnixMillis,
    /// When a login claimed it; a request is claimed once.
    pub claimed: Option<UnixMillis>,
}

/// Which route started an authorization request (SEC-13).
#[derive(Clone, Debug)]
pub enum StartedBy {
    /// `begin` or `authorize`, which issued a flow token. A client without cookies completes the request with it.
    Begin {
        /// Digest of the flow token.
        flow_token: Digest,
    },
    /// A login route, as the first step of OAuth 1.0a (R-O1-01). A client without cookies completes the request with the
    /// request token alone.
    OAuth1Login,
}

/// The user to link an account to, and their `link_generation` at that time. Revoking a credential increases it and so cancels
/// the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRequest {
    /// The user.
    pub user: UserId,
    /// Their `link_generation`.
    pub generation: i64,
    /// Their login was too old at that time to link an account (SEC-25).
    pub needs_fresh_login: bool,
}

/// How the server-side redirect flow ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerRedirect {
    /// An entry of ALLOWED_REDIRECT_URIS.
    pub next: String,
    /// What to issue, and how to answer.
    pub kind: LoginKind,
    /// The app's own challenge (S256): exchanging the one-time code requires its verifier (RFC 8252, section 8.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
}

/// The answer of a login that an app fetches with a one-time code (SEC-11), encrypted with a key derived from that code.
#[derive(Clone, Debug)]
pub struct OneTimeCode {
    /// Digest of the code.
    pub code: Digest,
    /// The app's own challenge (S256), from [`ServerRedirect::code_challenge`].
    pub code_challenge: Option<String>,
    /// The encrypted answer.
    pub answer: Vec<u8>,
    /// When the code can no longer be exchanged.
    pub expires: UnixMillis,
}

/// A login that waits for additional input, encrypted with a key derived from its flow token.
#[derive(Clone, Debug)]
pub struct StoredPendingLogin {
    /// Digest of the flow token.
    pub token: Digest,
    /// Digest of the browser's cookie, if the login carried one: then the answers must carry it too.
    pub browser: Option<Digest>,
    /// Identity, state of the pipeline and asked fields, encrypted.
    pub encrypted: Vec<u8>,
    /// The user to link to; revoking their credentials cancels the login.
    pub link_to: Option<UserId>,
    /// When the user can no longer answer.
    pub expires: UnixMillis,
    /// `None` while it is pending.
    pub completed: Option<CompletedAnswer>,
}

/// The first success of a pending login. Its encrypted answer is kept for a repeat.
#[derive(Clone, Debug)]
pub struct CompletedAnswer {
    /// When it was completed.
    pub at: UnixMillis,
    /// The encrypted answer.
    pub answer: Vec<u8>,
}

/// The claim on a code, so that it is sent to the provider once (SEC-6).
#[derive(Clone, Debug)]
pub struct CodeClaim {
    /// Digest of (provider, code).
    pub digest: Digest,
    /// Digest of the cookie or flow token that posted it; only the same caller gets the answer again.
    pub binding: Option<Digest>,
    /// When the code was claimed.
    pub claimed: UnixMillis,
    /// Until when the claim is kept; the provider no longer accepts the code then.
    pub expires: UnixMillis,
}

/// A code that was claimed before.
#[derive(Clone, Debug)]
pub struct UsedCode {
    /// As in [`CodeClaim::binding`].
    pub binding: Option<Digest>,
    /// When the code was claimed.
    pub claimed: UnixMillis,
    /// The first answer, encrypted with a key derived from the code; `None` while that login is in progress.
    pub answer: Option<Vec<u8>>,
}
