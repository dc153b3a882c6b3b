//! The audit trail: written beside what it tells of, read and pruned by commands.

/// Implements [`super::super::AuditStore`].
macro_rules! audit_store {
    ($store:ty) => {
        const AUDIT: &str = "INSERT INTO audit_events (at, event, code, provider, kind, user_id, ip, agent, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

        fn audit_query(event: &AuditEvent) -> Query<'_> {
            sqlx::query(AUDIT)
                .bind(event.at.0)
                .bind(event.event.to_string())
                .bind(event.code.as_deref())
                .bind(&event.provider)
                .bind(event.kind.map(kind_name))
                .bind(event.user_id)
                .bind(&event.client.ip)
                .bind(&event.client.agent)
                .bind(&event.client.request_id)
        }

        #[async_trait::async_trait]
        impl AuditStore for $store {
            async fn audit(&self, event: &AuditEvent) -> Result<()> {
                audit_query(event).execute(&self.write).await?;
                Ok(())
            }

            async fn audit_trail(&self, user: Option<UserId>, most: i64) -> Result<Vec<AuditRecord>> {
                // Two statements: with "or of anybody" in it, neither database would use the index.
                let query = match user {
                    Some(user) => sqlx::query_as(
                        "SELECT at, event, code, provider, kind, user_id, ip, agent, request_id FROM audit_events
                         WHERE user_id = $2 ORDER BY id DESC LIMIT $1",
                    )
                    .bind(most)
                    .bind(user),
                    None => sqlx::query_as(
                        "SELECT at, event, code, provider, kind, user_id, ip, agent, request_id FROM audit_events
                         ORDER BY id DESC LIMIT $1",
                    )
                    .bind(most),
                };
                let rows: Vec<AuditRow> = query.fetch_all(&mut *self.reader().await?).await?;
                Ok(rows.into_iter().map(AuditRecord::from).collect())
            }

            async fn prune_audit(&self, before: UnixMillis) -> Result<u64> {
                let mut pruned = 0;
                loop {
                    let deleted = sqlx::query(
                        "DELETE FROM audit_events WHERE at < $1 AND id IN
                           (SELECT id FROM audit_events ORDER BY id LIMIT $2)",
                    )
                    .bind(before.0)
                    .bind(SWEEP_BATCH)
                    .execute(&self.write)
                    .await?
                    .rows_affected();
                    pruned += deleted;
                    if deleted < SWEEP_BATCH.unsigned_abs() {
                        return Ok(pruned);
                    }
                }
            }
        }
    };
}
pub(in crate::store) use audit_store;
