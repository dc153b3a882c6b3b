//! Services and the digests of their secrets.

use super::Store;
use super::audit::audit_query;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, Service, ServiceName};
use crate::store::error::Result;
use crate::store::services::ServiceStore;
use crate::store::stored_rows::ServiceRow;

#[async_trait::async_trait]
impl ServiceStore for Store {
    async fn insert_service(&self, service: &Service, audit: &AuditEvent) -> Result<bool> {
        let mut tx = self.begin().await?;
        let written = sqlx::query(
            "INSERT INTO services (client_id, name, secret, created) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&service.client_id)
        .bind(service.name.as_str())
        .bind(service.secret.as_bytes())
        .bind(service.created.0)
        .execute(&mut *tx)
        .await?;
        if written.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        audit_query(audit).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn services(&self) -> Result<Vec<Service>> {
        let rows: Vec<ServiceRow> = read!(
            self,
            fetch_all,
            sqlx::query_as("SELECT client_id, name, secret, created, last_used FROM services ORDER BY name")
        );
        rows.into_iter().map(ServiceRow::into_service).collect()
    }

    async fn service(&self, client_id: &str) -> Result<Option<Service>> {
        let row: Option<ServiceRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as("SELECT client_id, name, secret, created, last_used FROM services WHERE client_id = $1")
                .bind(client_id)
        );
        row.map(ServiceRow::into_service).transpose()
    }

    async fn remove_service(&self, name: &ServiceName, audit: &AuditEvent) -> Result<bool> {
        let mut tx = self.begin().await?;
        let deleted = sqlx::query("DELETE FROM services WHERE name = $1").bind(name.as_str()).execute(&mut *tx).await?;
        let is_removed = deleted.rows_affected() > 0;
        if is_removed {
            audit_query(audit).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(is_removed)
    }

    async fn touch_service(&self, client_id: &str, now: UnixMillis) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query("UPDATE services SET last_used = $1 WHERE client_id = $2").bind(now.0).bind(client_id)
        })
        .await?;
        Ok(())
    }
}
