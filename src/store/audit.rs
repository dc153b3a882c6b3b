//! The store of the audit log.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, AuditFilter, AuditRecord};

/// The audit log (SEC-45).
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Writes an event that belongs to no other write, such as a refusal.
    async fn insert_audit_event(&self, event: &AuditEvent) -> Result<()>;
    /// Events that match `filter`, the newest first, at most `limit`.
    async fn audit_events(&self, filter: &AuditFilter, limit: i64) -> Result<Vec<AuditRecord>>;
    /// Deletes one batch of the events from before `before`; returns how many.
    /// [`delete_in_batches`](super::delete_in_batches) deletes all.
    async fn prune_audit(&self, before: UnixMillis) -> Result<u64>;
}
