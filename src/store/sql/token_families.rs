//! Token families: the transaction of a refresh that rotates, and the revocation of a family (SEC-30).

use super::{Store, Tx};
use crate::clock::UnixMillis;
use crate::model::{FamilyState, RefreshRow, User, UserId};
use crate::store::credentials::{BlacklistScope, Blacklisting, NextStep, RefreshStep, Rotated, Rotation};
use crate::store::error::Result;
use crate::store::stored_rows::{AccessUserRow, FamilyRow, FamilyUserRow, family_columns, user_columns};

impl Store {
    /// The user and, if it is stored, the token with its family.
    pub(super) async fn read_family(&self, jti: &str, user: UserId) -> Result<Option<(User, Option<FamilyState>)>> {
        let row: Option<FamilyUserRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!(
                "SELECT ",
                family_columns!(),
                ", ",
                user_columns!(),
                " FROM users u
             LEFT JOIN refresh_tokens t ON t.user_id = u.id AND t.jti = $1
             LEFT JOIN refresh_tokens n ON n.user_id = t.user_id AND n.family = t.family AND n.blacklisted IS NULL
             WHERE u.id = $2 ORDER BY n.created DESC, n.jti DESC LIMIT 1"
            ))
            .bind(jti)
            .bind(user)
        );
        Ok(row.map(|row| row.split(jti)))
    }

    /// The user, and the families of it that were revoked since `since`.
    pub(super) async fn read_access_user(
        &self,
        user: UserId,
        since: UnixMillis,
    ) -> Result<Option<(User, Vec<String>)>> {
        let rows: Vec<AccessUserRow> = read!(self, fetch_all, sqlx::query_as(concat!(
            "SELECT r.family AS revoked_family, ",
            user_columns!(),
            " FROM users u LEFT JOIN refresh_tokens r ON r.user_id = u.id AND r.family_revoked >= $1 WHERE u.id = $2"
        ))
        .bind(since.0)
        .bind(user));
        Ok(AccessUserRow::join(rows))
    }

    /// Locks the user first: refreshes of one user are decided one after the other on all nodes, and so are revocations.
    pub(super) async fn rotate_token(&self, rotation: &Rotation<'_>, next: &NextStep<'_>) -> Result<Rotated> {
        let mut shared = self.shared_transaction();
        loop {
            let rotated = self.write_rotation(shared.get().await?, rotation, next).await?;
            if shared.end(!matches!(rotated, Rotated::UserNotFound | Rotated::Refused(_))).await? {
                return Ok(rotated);
            }
        }
    }

    /// What [`Self::rotate_token`] commits.
    async fn write_rotation(&self, tx: &mut Tx, rotation: &Rotation<'_>, next: &NextStep<'_>) -> Result<Rotated> {
        let Some(user) = Self::locked_user(tx, rotation.user).await? else { return Ok(Rotated::UserNotFound) };
        let stored = Self::stored_family(tx, rotation).await?;
        match next(&user, stored.as_ref()) {
            RefreshStep::Issue(row) => {
                match &stored {
                    Some(state) if rotation.blacklists => {
                        Self::blacklist_family(tx, user.id, &state.family, rotation.now).await?;
                    }
                    Some(_) => {}
                    None => Self::insert_presented(tx, rotation).await?,
                }
                Self::insert_refresh(tx, &row).await?;
                Ok(Rotated::Issued { user: Box::new(user), row })
            }
            RefreshStep::RevokeFamily => {
                let family = stored.map_or_else(|| rotation.token.jti.to_owned(), |state| state.family);
                Self::cancel_pending_links(tx, user.id).await?;
                Self::mark_family_revoked(tx, user.id, &family, rotation.now).await?;
                self.insert_event(tx, rotation.reuse, &user, None).await?;
                Ok(Rotated::FamilyRevoked)
            }
            RefreshStep::Refuse(refusal) => Ok(Rotated::Refused(refusal)),
        }
    }

    /// The presented token as the transaction reads it, after the lock.
    async fn stored_family(tx: &mut Tx, rotation: &Rotation<'_>) -> Result<Option<FamilyState>> {
        let row: Option<FamilyRow> = sqlx::query_as(concat!(
            "SELECT ",
            family_columns!(),
            " FROM refresh_tokens t
             LEFT JOIN refresh_tokens n ON n.user_id = t.user_id AND n.family = t.family AND n.blacklisted IS NULL
             WHERE t.user_id = $1 AND t.jti = $2 ORDER BY n.created DESC, n.jti DESC LIMIT 1"
        ))
        .bind(rotation.user)
        .bind(rotation.token.jti)
        .fetch_optional(&mut **tx)
        .await?;
        Ok(row.and_then(|row| row.into_state(rotation.token.jti)))
    }

    /// A token of simplejwt has no row yet: it gets one, so that its reuse is detected.
    async fn insert_presented(tx: &mut Tx, rotation: &Rotation<'_>) -> Result<()> {
        let (token, now) = (rotation.token, rotation.now);
        sqlx::query(
            "INSERT INTO refresh_tokens
               (jti, family, kind, user_id, created, family_created, expires, last_used, blacklisted)
             VALUES ($1, $1, $2, $3, $4, $4, $5, $6, $7)",
        )
        .bind(token.jti)
        .bind(token.kind.to_string())
        .bind(rotation.user)
        .bind(token.issued.0)
        .bind(token.expires.0)
        .bind(now.0)
        .bind(rotation.blacklists.then_some(now.0))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    pub(super) async fn insert_refresh(tx: &mut Tx, row: &RefreshRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO refresh_tokens
               (jti, family, parent, kind, user_id, created, family_created, expires, last_used, ip, agent, signed_in)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6, $9, $10, $11)",
        )
        .bind(&row.jti)
        .bind(&row.family)
        .bind(&row.parent)
        .bind(row.kind.to_string())
        .bind(row.user_id)
        .bind(row.created.0)
        .bind(row.family_created.0)
        .bind(row.expires.0)
        .bind(&row.client.ip)
        .bind(&row.client.agent)
        .bind(row.signed_in.map(|at| at.0))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Blacklists the valid tokens of a family, which a successor replaces.
    async fn blacklist_family(tx: &mut Tx, user: UserId, family: &str, now: UnixMillis) -> Result<()> {
        sqlx::query(
            "UPDATE refresh_tokens SET blacklisted = $1 WHERE user_id = $2 AND family = $3 AND blacklisted IS NULL",
        )
        .bind(now.0)
        .bind(user)
        .bind(family)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Revokes a family for good, its access tokens included. False: it was revoked before, or does not exist. If the family
    /// has no valid token, its latest one is marked: without rotation a blacklisted token leaves its access tokens valid.
    pub(super) async fn mark_family_revoked(tx: &mut Tx, user: UserId, family: &str, now: UnixMillis) -> Result<bool> {
        let revoked = sqlx::query(
            "UPDATE refresh_tokens SET blacklisted = coalesce(blacklisted, $1), family_revoked = $1
             WHERE user_id = $2 AND family = $3
               AND NOT EXISTS (SELECT 1 FROM refresh_tokens revoked
                    WHERE revoked.user_id = $2 AND revoked.family = $3 AND revoked.family_revoked IS NOT NULL)
               AND (blacklisted IS NULL OR jti = (SELECT latest.jti FROM refresh_tokens latest
                    WHERE latest.user_id = $2 AND latest.family = $3 ORDER BY latest.created DESC, latest.jti DESC LIMIT 1))",
        )
        .bind(now.0)
        .bind(user)
        .bind(family)
        .execute(&mut **tx)
        .await?;
        Ok(revoked.rows_affected() > 0)
    }

    /// False: the token was blacklisted before, and its family has no valid token.
    pub(super) async fn blacklist_token(tx: &mut Tx, blacklisting: &Blacklisting<'_>) -> Result<bool> {
        let Blacklisting { user, token, scope, now } = blacklisting;
        if *scope == BlacklistScope::Family {
            // Any token of the family ends it, also one whose successor never reached the client.
            let family: Option<String> =
                sqlx::query_scalar("SELECT family FROM refresh_tokens WHERE user_id = $1 AND jti = $2")
                    .bind(user)
                    .bind(token.jti)
                    .fetch_optional(&mut **tx)
                    .await?;
            if let Some(family) = family {
                return Self::mark_family_revoked(tx, *user, &family, *now).await;
            }
        }
        let written = sqlx::query(
            "INSERT INTO refresh_tokens AS known
               (jti, family, kind, user_id, created, family_created, expires, last_used, blacklisted, family_revoked)
             VALUES ($1, $1, $2, $3, $4, $4, $5, $6, $6, $7)
             ON CONFLICT (user_id, jti) DO UPDATE SET blacklisted = excluded.blacklisted
               WHERE known.blacklisted IS NULL",
        )
        .bind(token.jti)
        .bind(token.kind.to_string())
        .bind(user)
        .bind(token.issued.0)
        .bind(token.expires.0)
        .bind(now.0)
        .bind((*scope == BlacklistScope::Family).then_some(now.0))
        .execute(&mut **tx)
        .await?;
        Ok(written.rows_affected() == 1)
    }
}
