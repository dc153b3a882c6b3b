//! Webhook events: an outbox. A lease is a later value of `due`, so the events of a process that died become due again.

use super::audit::audit_query;
use super::{Builder, Store, Tx};
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, DueEvent, EventRecord, EventState, NewEvent, User, UserEvent, UserId};
use crate::store::error::Result;
use crate::store::events::{EventStore, Lease, MAX_COUNTED_EVENTS, Resend};
use crate::store::stored_rows::{DueEventRow, EventRow};

impl Store {
    /// Writes the audit event and, with webhooks on, the webhook event: the last write of a transaction about a user.
    pub(super) async fn insert_event(
        &self,
        tx: &mut Tx,
        audit: &AuditEvent,
        user: &User,
        account: Option<(&str, &str)>,
    ) -> Result<()> {
        self.insert_user_event(tx, &UserEvent { audit, user, account, data: None }).await
    }

    /// As [`Self::insert_event`], with what the application attached to a login.
    pub(super) async fn insert_user_event(&self, tx: &mut Tx, user_event: &UserEvent<'_>) -> Result<()> {
        let event = self.event_factory.as_ref().and_then(|event_factory| event_factory(user_event));
        Self::write_audit_and_event(tx, user_event.audit, user_event.user, event.as_ref()).await
    }

    pub(super) async fn write_audit_and_event(
        tx: &mut Tx,
        audit: &AuditEvent,
        user: &User,
        event: Option<&NewEvent>,
    ) -> Result<()> {
        audit_query(audit).execute(&mut **tx).await?;
        let Some(event) = event else { return Ok(()) };
        sqlx::query(
            "INSERT INTO webhook_events (id, type, user_id, body, created, due) VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(&event.id)
        .bind(event.kind.name())
        .bind(user.id)
        .bind(&event.body)
        .bind(audit.at.0)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Deletes the delivered events of a user who is deleted; the others stay until they are delivered.
    pub(super) async fn forget_events(tx: &mut Tx, user: UserId) -> Result<()> {
        sqlx::query("DELETE FROM webhook_events WHERE user_id = $1 AND due IS NULL")
            .bind(user)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl EventStore for Store {
    async fn lease_events(&self, lease: Lease, limit: i64) -> Result<Vec<DueEvent>> {
        let Lease { now, until, max_due } = lease;
        // Usually there is none, and a read is enough.
        let any: Option<i32> = read!(
            self,
            fetch_optional,
            sqlx::query_scalar("SELECT 1 FROM webhook_events WHERE due <= $1 OR due > $2 LIMIT 1")
                .bind(now.0)
                .bind(max_due.0)
        );
        if any.is_none() {
            return Ok(Vec::new());
        }
        let rows: Vec<DueEventRow> = sqlx::query_as(concat!(
            "WITH leased AS MATERIALIZED (
               SELECT id FROM webhook_events WHERE due <= $2 OR due > $3 ORDER BY due LIMIT $4",
            dialect!(skip_locked),
            ")
             UPDATE webhook_events SET due = $1, attempts = attempts + 1 WHERE id IN (SELECT id FROM leased)
             RETURNING id, body, attempts"
        ))
        .bind(until.0)
        .bind(now.0)
        .bind(max_due.0)
        .bind(limit)
        .fetch_all(&mut *self.writer().await?)
        .await?;
        Ok(rows.into_iter().map(DueEvent::from).collect())
    }

    async fn event_delivered(&self, id: &str, now: UnixMillis) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query("UPDATE webhook_events SET due = NULL, delivered = $1, error = NULL WHERE id = $2")
                .bind(now.0)
                .bind(id)
        })
        .await?;
        Ok(())
    }

    async fn event_failed(&self, id: &str, error: &str, next: Option<UnixMillis>) -> Result<()> {
        // Unless another attempt, made after the lease had ended, delivered it.
        sqlx::query("UPDATE webhook_events SET due = $1, error = $2 WHERE id = $3 AND delivered IS NULL")
            .bind(next.map(|at| at.0))
            .bind(error)
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await?;
        Ok(())
    }

    async fn event_untried(&self, id: &str, next: UnixMillis) -> Result<()> {
        sqlx::query(
            "UPDATE webhook_events SET due = $1, attempts = attempts - 1
             WHERE id = $2 AND delivered IS NULL AND attempts > 0",
        )
        .bind(next.0)
        .bind(id)
        .execute(&mut *self.writer().await?)
        .await?;
        Ok(())
    }

    async fn events(&self, state: Option<EventState>, limit: i64) -> Result<Vec<EventRecord>> {
        let mut query = Builder::new(
            "SELECT id, type, user_id, body, created, attempts, due, delivered, error FROM webhook_events",
        );
        query.push(match state {
            None => "",
            Some(EventState::Pending) => " WHERE due IS NOT NULL",
            Some(EventState::Delivered) => " WHERE due IS NULL AND delivered IS NOT NULL",
            Some(EventState::Dead) => " WHERE due IS NULL AND delivered IS NULL",
        });
        query.push(" ORDER BY created DESC, id LIMIT ").push_bind(limit);
        let rows: Vec<EventRow> = query.build_query_as().fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.into_iter().map(EventRecord::from).collect())
    }

    async fn event(&self, id: &str) -> Result<Option<EventRecord>> {
        let row: Option<EventRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(
                "SELECT id, type, user_id, body, created, attempts, due, delivered, error FROM webhook_events
             WHERE id = $1",
            )
            .bind(id)
        );
        Ok(row.map(EventRecord::from))
    }

    async fn resend_events(&self, which: Resend<'_>, now: UnixMillis) -> Result<u64> {
        let mut query = Builder::new("UPDATE webhook_events SET attempts = 0, delivered = NULL, error = NULL, due = ");
        query.push_bind(now.0);
        match which {
            Resend::One(id) => query.push(" WHERE id = ").push_bind(id.to_owned()),
            Resend::Dead => query.push(" WHERE due IS NULL AND delivered IS NULL"),
        };
        Ok(query.build().execute(&mut *self.writer().await?).await?.rows_affected())
    }

    async fn pending_events(&self) -> Result<i64> {
        let counted = "SELECT count(*) FROM (SELECT 1 FROM webhook_events WHERE due IS NOT NULL LIMIT $1) AS pending";
        Ok(read!(self, fetch_one, sqlx::query_scalar(counted).bind(MAX_COUNTED_EVENTS)))
    }

    async fn prune_events(&self, before: UnixMillis) -> Result<u64> {
        let statement = "DELETE FROM webhook_events WHERE id IN
            (SELECT id FROM webhook_events WHERE created < $1 AND due IS NULL ORDER BY created LIMIT $2)";
        self.delete_batch(statement, before.0).await
    }
}
