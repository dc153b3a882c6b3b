//! Authorization requests, claims on codes, pending logins and one-time codes.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuthorizationRequest, CodeClaim, OneTimeCode, StoredPendingLogin, UsedCode};
use crate::secrets::Digest;

/// Rows by table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveRows {
    pub authorization_requests: i64,
    pub used_codes: i64,
    pub pending_logins: i64,
    pub one_time_codes: i64,
}

#[derive(Debug)]
pub enum Claimed {
    Ours,
    /// The attempt was claimed before, or is gone.
    RequestAlreadyUsed,
    CodeUsed(UsedCode),
}

/// Begun logins, claims on codes, and answers kept for whoever may fetch them.
#[async_trait]
pub trait AuthorizationRequestStore: Send + Sync {
    async fn insert_authorization_request(&self, authorization_request: &AuthorizationRequest) -> Result<()>;
    /// Expired and claimed ones too, for as long as the sweeper leaves them.
    async fn authorization_request(&self, key: &Digest) -> Result<Option<AuthorizationRequest>>;
    /// Whether an unclaimed, unexpired attempt at `provider` was begun with this attempt cookie or flow token, to be
    /// finished on a login route.
    async fn has_open_authorization_request(
        &self,
        provider: &str,
        browser: Option<&Digest>,
        flow: Option<&Digest>,
        now: UnixMillis,
    ) -> Result<bool>;
    /// The short claim: marks the attempt as spent and the code as used, both or neither. A code of `None` spends the
    /// attempt alone (the provider said no).
    async fn claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<Claimed>;
    /// The claim on a code, to wait for its answer.
    async fn used_code(&self, code: &Digest) -> Result<Option<UsedCode>>;
    /// Keeps the sealed answer of a login that failed.
    async fn keep_answer(&self, code: &Digest, answer: &[u8]) -> Result<()>;
    /// Lets the claim of a code that the provider refused expire at `expires` at the latest.
    async fn shorten_claim(&self, code: &Digest, expires: UnixMillis) -> Result<()>;
    /// Rows of the tables that callers without a credential can fill, as far as they still protect a login: neither
    /// expired nor finished.
    async fn live_rows(&self, now: UnixMillis) -> Result<LiveRows>;

    /// Keeps the answer of a login for whoever holds the code.
    async fn insert_one_time_code(&self, swap: &OneTimeCode) -> Result<()>;
    /// Leaves it there.
    async fn swap(&self, code: &Digest) -> Result<Option<OneTimeCode>>;
    /// Hands it out once.
    async fn take_one_time_code(&self, code: &Digest) -> Result<Option<OneTimeCode>>;

    /// Keeps a login that waits for the person.
    async fn insert_pending_login(&self, halt: &StoredPendingLogin) -> Result<()>;
    /// Expired and taken ones too, for as long as the sweeper leaves them.
    async fn halt(&self, token: &Digest) -> Result<Option<StoredPendingLogin>>;
    /// Takes the one that waits under `token`, with its sealed answer, and keeps `next`: both or neither. False: it was
    /// taken before, or is gone.
    async fn replace_pending_login(
        &self,
        token: &Digest,
        next: &StoredPendingLogin,
        answer: &[u8],
        now: UnixMillis,
    ) -> Result<bool>;
}
