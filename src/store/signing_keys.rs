//! The store of the keys that the server made to sign JWTs.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, SigningKey, SigningKeyChange};

/// Keys that sign JWTs (SEC-31). A key that another node changed first is not changed.
#[async_trait]
pub trait SigningKeyStore: Send + Sync {
    /// All keys, also removed ones, the oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>>;
    /// Inserts a published or signing key. False: its algorithm has a key in this state.
    async fn insert_signing_key(&self, key: &SigningKey) -> Result<bool>;
    /// Makes all changes and writes the audit events, or nothing. False: a key is no longer in the state that its change needs.
    async fn change_signing_keys(
        &self,
        changes: &[SigningKeyChange],
        now: UnixMillis,
        audit: &[AuditEvent],
    ) -> Result<bool>;
    /// Replaces an encrypted private key by itself under another encryption key. False: it is no longer `old`.
    async fn replace_encrypted_key(&self, kid: &str, old: &[u8], new: &[u8]) -> Result<bool>;
}
