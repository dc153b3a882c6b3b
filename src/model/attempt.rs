use crate::clock::UnixMillis;
use crate::model::UserId;
use crate::secrets::Digest;

/// A login that the server began: one row, one use, ten minutes (SEC-1).
///
/// PKCE verifier and nonce are not stored: they are derived from the state, which only its holder has.
#[derive(Clone, Debug)]
pub struct Attempt {
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
    pub sealed_secret: Option<Vec<u8>>,
    /// Whom the login will be linked to.
    pub user_id: Option<UserId>,
    /// What the provider's own address needed, such as shopify's `shop`: a JSON object, or nothing.
    pub address: Option<serde_json::Value>,
    pub created: UnixMillis,
    pub expires: UnixMillis,
    pub claimed: Option<UnixMillis>,
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
    /// The first answer, sealed with a key derived from code and binding; `None` while the first is under way.
    pub answer: Option<Vec<u8>>,
}
