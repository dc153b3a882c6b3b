use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::model::{Kind, UserId};
use crate::secrets::Digest;

/// A login that the server began: one row, one use, ten minutes (SEC-1).
///
/// PKCE verifier and nonce are not stored: they are derived from the state, which only its holder has.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Digest of the state, or of the request token in OAuth 1.0a (SEC-13).
    pub key: Digest,
    pub provider: String,
    /// What the provider was told, to the letter.
    pub redirect_uri: String,
    /// Digest of the attempt cookie.
    pub browser: Option<Digest>,
    /// Digest of the flow token, for clients without cookies.
    pub flow: Option<Digest>,
    /// An OAuth 1.0a first step on a login route: a client that keeps no cookie may finish it (SEC-13).
    pub classic: bool,
    /// The front-end's own PKCE challenge (S256); then it must post the verifier (SEC-3).
    pub code_challenge: Option<String>,
    /// Secret of the OAuth 1.0a request token, sealed (SEC-12).
    pub encrypted_secret: Option<Vec<u8>>,
    pub link_request: Option<LinkRequest>,
    /// The login of `link_request` was too old to link an account when the request was made (SEC-25).
    pub needs_fresh_login: bool,
    /// What the provider's own address needed, such as shopify's `shop`: a JSON object, or nothing.
    pub address: Option<serde_json::Value>,
    /// Only of the redirect flow on the server: where the person lands, and with what.
    pub server_redirect: Option<ServerRedirect>,
    pub created: UnixMillis,
    pub expires: UnixMillis,
    pub claimed: Option<UnixMillis>,
}

/// Whom a login is to be linked to, and their `link_generation` when they proved who they are: once something of theirs
/// is ended, what was asked for before it links nothing any more.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LinkRequest {
    pub user: UserId,
    pub generation: i64,
}

/// What the redirect flow on the server ends with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerRedirect {
    /// A listed URI, to the letter.
    pub next: String,
    pub kind: Kind,
    pub with_user: bool,
    /// The app's own challenge (S256): whoever swaps the code must show its verifier (RFC 8252, section 8.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
}

/// The answer of a login that an app fetches with a code (SEC-11), sealed with a key derived from that code.
#[derive(Clone, Debug)]
pub struct OneTimeCode {
    pub code: Digest,
    pub code_challenge: Option<String>,
    pub answer: Vec<u8>,
    pub expires: UnixMillis,
}

/// A login that waits for what the person must answer, sealed with a key derived from its flow token.
#[derive(Clone, Debug)]
pub struct StoredPendingLogin {
    pub token: Digest,
    /// Digest of the attempt cookie, where the login came with one: then its answers must come with it too.
    pub browser: Option<Digest>,
    pub encrypted: Vec<u8>,
    /// Whom it is to be linked to: it ends with whatever else is theirs.
    pub link_to: Option<UserId>,
    pub expires: UnixMillis,
    /// `None` while it waits.
    pub taken: Option<Taken>,
}

/// How a halted login went on: by one success, whose answer is kept, sealed, for whoever posts the same once more.
#[derive(Clone, Debug)]
pub struct Taken {
    pub at: UnixMillis,
    pub answer: Vec<u8>,
}

/// The claim on a code: it is sent to the provider once (SEC-6).
#[derive(Clone, Debug)]
pub struct CodeClaim {
    /// Digest of (provider, code).
    pub digest: Digest,
    /// Digest of the attempt cookie or flow token that posted it; nobody without one gets the answer again.
    pub binding: Option<Digest>,
    pub claimed: UnixMillis,
    pub expires: UnixMillis,
}

/// What is known of a code that was claimed before.
#[derive(Clone, Debug)]
pub struct UsedCode {
    pub binding: Option<Digest>,
    pub claimed: UnixMillis,
    /// The first answer, sealed with a key derived from the code; `None` while the first is under way.
    pub answer: Option<Vec<u8>>,
}
