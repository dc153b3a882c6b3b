//! Users.

use sqlx::types::Json;

use super::{Store, Tx};
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, AuditKind, EmailAddress, User, UserId};
use crate::store::error::Result;
use crate::store::stored_rows::{UserRow, user_columns};
use crate::store::users::{DeletedUser, Updated, UserSearch, UserStore};

impl Store {
    /// Reads the user and locks its row until the transaction ends. Every transaction that revokes, unlinks, deletes or logs
    /// in locks or writes this row first, so that there are no deadlocks.
    pub(super) async fn locked_user(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
        let row: Option<UserRow> =
            sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1", dialect!(for_update)))
                .bind(id)
                .fetch_optional(&mut **tx)
                .await?;
        Ok(row.map(User::from))
    }
}

#[async_trait::async_trait]
impl UserStore for Store {
    async fn user(&self, id: UserId) -> Result<Option<User>> {
        let row: Option<UserRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1")).bind(id)
        );
        Ok(row.map(User::from))
    }

    async fn users_by_email(&self, email: &EmailAddress) -> Result<Vec<User>> {
        Self::with_email(&mut *self.reader().await?, email).await
    }

    async fn users_with_verified_email(
        &self,
        email: &EmailAddress,
        trusted_email_sources: &[String],
    ) -> Result<Vec<User>> {
        Self::with_verified_email(&mut *self.reader().await?, email, trusted_email_sources).await
    }

    async fn users(&self, search: UserSearch<'_>, limit: i64) -> Result<Vec<User>> {
        let rows: Vec<UserRow> = match search {
            UserSearch::All => {
                read!(
                    self,
                    fetch_all,
                    sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u ORDER BY u.id LIMIT $1"))
                        .bind(limit)
                )
            }
            UserSearch::Prefix(text) => self.users_by_prefix(text, limit).await?,
            UserSearch::Substring(text) => self.users_by_substring(text, limit).await?,
        };
        Ok(rows.into_iter().map(User::from).collect())
    }

    async fn user_by_username(&self, username: &str) -> Result<Option<User>> {
        let row: Option<UserRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username = $1")).bind(username)
        );
        Ok(row.map(User::from))
    }

    async fn set_active(&self, user: UserId, active: bool, now: UnixMillis) -> Result<bool> {
        let mut tx = self.begin().await?;
        let Some(before) = Self::locked_user(&mut tx, user).await? else { return Ok(false) };
        if before.is_active == active {
            return Ok(true);
        }
        let updated = User { is_active: active, ..before };
        sqlx::query("UPDATE users SET is_active = $1 WHERE id = $2").bind(active).bind(user).execute(&mut *tx).await?;
        // On activation too: a login that ran during the deactivation may have left a credential.
        Self::revoke_credentials(&mut tx, user, now).await?;
        let event = if active { AuditKind::Activated } else { AuditKind::Deactivated };
        self.insert_event(&mut tx, &AuditEvent::of_operator(event, user, now), &updated, None).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn update_user(
        &self,
        user: UserId,
        change: &(dyn for<'a> Fn(&'a User) -> User + Sync),
        audit: &AuditEvent,
    ) -> Result<Updated> {
        let mut tx = self.begin().await?;
        let Some(before) = Self::locked_user(&mut tx, user).await? else { return Ok(Updated::NotFound) };
        let after = change(&before);
        if after == before {
            return Ok(Updated::Done(Box::new(before)));
        }
        let updated = sqlx::query(
            "UPDATE users SET username = $1, first_name = $2, last_name = $3, email = $4, email_lower = $5,
                    email_verified = $6, email_verified_by = $7, fields = $8, edited = $9 WHERE id = $10",
        )
        .bind(&after.username)
        .bind(&after.first_name)
        .bind(&after.last_name)
        .bind(&after.email)
        .bind(EmailAddress::key_of_stored(&after.email))
        .bind(after.email_verified)
        .bind(&after.email_verified_by)
        .bind(Json(&after.fields))
        .bind(Json(&after.edited))
        .bind(user)
        .execute(&mut *tx)
        .await;
        match updated {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Ok(Updated::UsernameTaken);
            }
            updated => updated?,
        };
        self.insert_event(&mut tx, audit, &after, None).await?;
        tx.commit().await?;
        Ok(Updated::Done(Box::new(after)))
    }

    async fn delete_user(&self, user: UserId, audit: &AuditEvent) -> Result<Option<DeletedUser>> {
        let mut tx = self.begin().await?;
        let Some(deleted) = Self::locked_user(&mut tx, user).await? else { return Ok(None) };
        let accounts = Self::stored_accounts_of(&mut tx, user).await?;
        let credentials = Self::count_credentials(&mut tx, user).await?;
        sqlx::query("DELETE FROM users WHERE id = $1").bind(user).execute(&mut *tx).await?;
        Self::forget_events(&mut tx, user).await?;
        self.insert_event(&mut tx, audit, &deleted, None).await?;
        tx.commit().await?;
        Ok(Some(DeletedUser { accounts, credentials }))
    }
}
