//! The audit log. Transactions write its events; commands read and prune it.

use super::{Builder, Query, Store};
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, AuditFilter, AuditRecord, ServiceName};
use crate::store::audit::AuditStore;
use crate::store::error::Result;
use crate::store::stored_rows::AuditRow;

const AUDIT: &str =
    "INSERT INTO audit_events (at, event, code, provider, kind, user_id, service, ip, agent, request_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(super) fn audit_query(event: &AuditEvent) -> Query<'_> {
    sqlx::query(AUDIT)
        .bind(event.at.0)
        .bind(event.event.to_string())
        .bind(event.code.as_deref())
        .bind(&event.provider)
        .bind(event.kind.map(|kind| kind.to_string()))
        .bind(event.user_id)
        .bind(event.service.as_ref().map(ServiceName::as_str))
        .bind(&event.client.ip)
        .bind(&event.client.agent)
        .bind(&event.client.request_id)
}

impl Store {
    /// The statement that inserts an event.
    pub(in crate::store) fn audit_event_query(event: &AuditEvent) -> Query<'_> {
        audit_query(event)
    }
}

#[async_trait::async_trait]
impl AuditStore for Store {
    async fn insert_audit_event(&self, event: &AuditEvent) -> Result<()> {
        self.commit_audit_event(event).await
    }

    async fn audit_events(&self, filter: &AuditFilter, limit: i64) -> Result<Vec<AuditRecord>> {
        // Only the given conditions: with `$1 IS NULL OR ...` neither database would use an index.
        let mut query = Builder::new(
            "SELECT at, event, code, provider, kind, user_id, service, ip, agent, request_id FROM audit_events WHERE true",
        );
        if let Some(user) = filter.user {
            query.push(" AND user_id = ").push_bind(user);
        }
        let event = filter.event.map(|event| event.to_string());
        for (condition, text) in [
            (" AND provider = ", &filter.provider),
            (" AND event = ", &event),
            (" AND code = ", &filter.code),
            (" AND service = ", &filter.service),
            (" AND request_id = ", &filter.request_id),
        ] {
            if let Some(text) = text {
                query.push(condition).push_bind(text.clone());
            }
        }
        if let Some(refused) = filter.refused {
            query.push(if refused { " AND event = 'refused'" } else { " AND event <> 'refused'" });
        }
        for (condition, moment) in [(" AND at >= ", filter.since), (" AND at < ", filter.until)] {
            if let Some(moment) = moment {
                query.push(condition).push_bind(moment.0);
            }
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        let rows: Vec<AuditRow> = query.build_query_as().fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.into_iter().map(AuditRecord::from).collect())
    }

    async fn prune_audit(&self, before: UnixMillis) -> Result<u64> {
        // By time: in the order of ids, a row stamped in the future would hide all rows after it.
        let statement = "DELETE FROM audit_events WHERE id IN
                           (SELECT id FROM audit_events WHERE at < $1 ORDER BY at LIMIT $2)";
        self.delete_batch(statement, before.0).await
    }
}
