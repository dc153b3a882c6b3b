//! The audit log.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, AuditFilter, AuditRecord};

/// What happened (SEC-45).
#[async_trait]
pub trait AuditStore: Send + Sync {
    async fn audit(&self, event: &AuditEvent) -> Result<()>;
    /// The newest first, at most `most`.
    async fn audit_trail(&self, wanted: &AuditFilter, most: i64) -> Result<Vec<AuditRecord>>;
    /// Deletes one batch of rows from before `before`; returns how many. [`in_batches`] deletes all.
    async fn prune_audit(&self, before: UnixMillis) -> Result<u64>;
}
