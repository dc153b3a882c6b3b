//! The store of services.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, Service, ServiceName};

/// Services. A change writes its audit event in the same transaction.
#[async_trait]
pub trait ServiceStore: Send + Sync {
    /// Adds a service. False: its name is in use, and nothing was written.
    async fn insert_service(&self, service: &Service, audit: &AuditEvent) -> Result<bool>;
    /// All services in the order of their names.
    async fn services(&self) -> Result<Vec<Service>>;
    /// The service with this id.
    async fn service(&self, client_id: &str) -> Result<Option<Service>>;
    /// Removes a service. False: there is none of this name.
    async fn remove_service(&self, name: &ServiceName, audit: &AuditEvent) -> Result<bool>;
    /// Stores when a service was last used.
    async fn touch_service(&self, client_id: &str, now: UnixMillis) -> Result<()>;
}
