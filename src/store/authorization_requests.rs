//! The store of authorization requests, claims on codes, pending logins and one-time codes.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuthorizationRequest, CodeClaim, OneTimeCode, StoredPendingLogin, UsedCode};
use crate::secrets::Digest;

/// Numbers of rows, by table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveRows {
    /// Open authorization requests.
    pub authorization_requests: i64,
    /// Claims on codes.
    pub used_codes: i64,
    /// Pending logins that are not completed.
    pub pending_logins: i64,
    /// One-time codes.
    pub one_time_codes: i64,
}

/// Result of [`AuthorizationRequestStore::claim`].
#[derive(Debug)]
pub enum Claimed {
    /// This call made the claim.
    Acquired,
    /// The authorization request was used before, or does not exist.
    RequestAlreadyUsed,
    /// The code was claimed before.
    CodeUsed(UsedCode),
}

/// What a login needs before it is finished. Answers and secrets arrive encrypted.
#[async_trait]
pub trait AuthorizationRequestStore: Send + Sync {
    /// Stores a new authorization request.
    async fn insert_authorization_request(&self, authorization_request: &AuthorizationRequest) -> Result<bool>;
    /// The authorization request with this key, used, expired or not, until the sweeper deletes it.
    async fn authorization_request(&self, key: &Digest) -> Result<Option<AuthorizationRequest>>;
    /// Whether an open authorization request for a login route exists at `provider` with this cookie or flow token.
    async fn has_open_authorization_request(
        &self,
        provider: &str,
        browser: Option<&Digest>,
        flow: Option<&Digest>,
        now: UnixMillis,
    ) -> Result<bool>;
    /// Marks the authorization request and the code as used, both or neither (SEC-6). Without a code, where the provider
    /// returned an error, it marks the request alone.
    async fn claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<Claimed>;
    /// The claim on a code, with its answer when there is one.
    async fn used_code(&self, code: &Digest) -> Result<Option<UsedCode>>;
    /// Stores the answer of a login that failed.
    async fn store_answer(&self, code: &Digest, encrypted_answer: &[u8]) -> Result<()>;
    /// Makes the claim on a code expire at `expires`, if it would expire earlier, and counts it for `owner` until then. For callbacks
    /// that were verified.
    async fn extend_claim(&self, code: &Digest, expires: UnixMillis, owner: Option<&Digest>) -> Result<()>;
    /// How many extended claims of `owner` have not expired: `max`, if there are more.
    async fn long_lived_claims(&self, owner: &Digest, max: i64, now: UnixMillis) -> Result<i64>;
    /// Numbers of the rows that still protect a login, neither expired nor finished, in the tables that callers without a
    /// credential can fill (SEC-44).
    async fn live_rows(&self, now: UnixMillis) -> Result<LiveRows>;

    /// Stores a one-time code with its answer.
    async fn insert_one_time_code(&self, code: &OneTimeCode) -> Result<()>;
    /// Reads a one-time code and leaves it.
    async fn one_time_code(&self, code: &Digest) -> Result<Option<OneTimeCode>>;
    /// Deletes a one-time code and returns it. One of several calls gets it.
    async fn consume_one_time_code(&self, code: &Digest) -> Result<Option<OneTimeCode>>;

    /// Stores a login that requires additional input.
    async fn insert_pending_login(&self, pending: &StoredPendingLogin) -> Result<()>;
    /// The pending login with this token, completed, expired or not, until the sweeper deletes it.
    async fn pending_login(&self, token: &Digest) -> Result<Option<StoredPendingLogin>>;
    /// Completes the pending login `token` with its answer and stores `next`, both or neither. False: it was completed
    /// before, or does not exist.
    async fn replace_pending_login(
        &self,
        token: &Digest,
        next: &StoredPendingLogin,
        encrypted_answer: &[u8],
        now: UnixMillis,
    ) -> Result<bool>;
    /// Completes the pending login `token` with a refusal as its answer. False: it was completed before, or does not exist.
    async fn cancel_pending_login(&self, token: &Digest, encrypted_answer: &[u8], now: UnixMillis) -> Result<bool>;
}
