//! Sessions, permanent tokens, knox tokens and refresh tokens.

use super::audit::audit_query;
use super::{Query, Store, Tx};
use crate::clock::UnixMillis;
use crate::model::{
    AuditEvent, CredentialEntry, CredentialHandle, CredentialQuery, FamilyState, KnoxRow, NewCredential, SessionRow,
    TokenUse, User, UserId,
};
use crate::secrets::Digest;
use crate::store::credentials::{
    Blacklisting, CredentialStore, NextStep, Revocation, RevokedCredentials, Rotated, Rotation,
};
use crate::store::error::Result;
use crate::store::login_commit::LoginCommit;
use crate::store::stored_rows::{KnoxUserRow, SessionUserRow, TokenUserRow, user_columns};

impl Store {
    /// Revokes every credential of the user. Writes the user's row first: a concurrent login waits for this transaction or
    /// was committed before, and then its credential is revoked too.
    pub(super) async fn revoke_credentials(tx: &mut Tx, user: UserId, now: UnixMillis) -> Result<RevokedCredentials> {
        // Generations grow to the current time rather than by one, so that after the restore of a backup no former value
        // is used again.
        sqlx::query(
            "UPDATE users
             SET revoked_before = CASE WHEN revoked_before < $1 THEN $1 ELSE revoked_before END,
                 credential_generation =
                     CASE WHEN credential_generation < $2 THEN $2 ELSE credential_generation + 1 END,
                 token_generation = CASE WHEN token_generation < $2 THEN $2 ELSE token_generation + 1 END,
                 link_generation = link_generation + 1
             WHERE id = $3",
        )
        .bind(now.seconds())
        .bind(now.0)
        .bind(user)
        .execute(&mut **tx)
        .await?;
        let revoked = Self::count_credentials(tx, user).await?;
        for statement in [
            "DELETE FROM sessions WHERE user_id = $1",
            "DELETE FROM tokens WHERE user_id = $1",
            "DELETE FROM knox_tokens WHERE user_id = $1",
        ] {
            sqlx::query(statement).bind(user).execute(&mut **tx).await?;
        }
        sqlx::query("UPDATE refresh_tokens SET blacklisted = $1 WHERE user_id = $2 AND blacklisted IS NULL")
            .bind(now.0)
            .bind(user)
            .execute(&mut **tx)
            .await?;
        Ok(revoked)
    }

    /// Counts the credentials of the user that are not revoked.
    pub(super) async fn count_credentials(tx: &mut Tx, user: UserId) -> Result<RevokedCredentials> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT 'session', count(*) FROM sessions WHERE user_id = $1
             UNION ALL SELECT 'token', count(*) FROM tokens WHERE user_id = $1
             UNION ALL SELECT 'knox', count(*) FROM knox_tokens WHERE user_id = $1
             UNION ALL SELECT kind, count(DISTINCT family) FROM refresh_tokens
                       WHERE user_id = $1 AND blacklisted IS NULL GROUP BY kind",
        )
        .bind(user)
        .fetch_all(&mut **tx)
        .await?;
        let counted = |(kind, count): (String, i64)| Some((kind.parse().ok()?, u64::try_from(count).ok()?));
        Ok(rows.into_iter().filter_map(counted).collect())
    }

    /// Cancels the links that the user requested: a revoked credential must not link an account any more.
    pub(super) async fn cancel_pending_links(tx: &mut Tx, user: UserId) -> Result<()> {
        sqlx::query("UPDATE users SET link_generation = link_generation + 1 WHERE id = $1")
            .bind(user)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Whether the user has the maximum number of knox tokens. The caller has locked the user's row, so that concurrent
    /// logins of one user are counted one after the other.
    pub(super) async fn has_max_knox(tx: &mut Tx, user: UserId, login: &LoginCommit) -> Result<bool> {
        let Some(limit) = login.knox_limit else { return Ok(false) };
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM knox_tokens WHERE user_id = $1 AND (expires IS NULL OR expires > $2)",
        )
        .bind(user)
        .bind(login.now.0)
        .fetch_one(&mut **tx)
        .await?;
        Ok(live >= limit)
    }

    /// Stores when a credential was last used.
    pub(in crate::store) fn touch_query(handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Query<'_> {
        match handle {
            CredentialHandle::Session(digest) => {
                sqlx::query("UPDATE sessions SET last_used = $1 WHERE digest = $2").bind(now.0).bind(digest.as_bytes())
            }
            CredentialHandle::Token(digest) => {
                sqlx::query("UPDATE tokens SET last_used = $1 WHERE digest = $2").bind(now.0).bind(digest.as_bytes())
            }
            CredentialHandle::Knox(digest) => {
                sqlx::query("UPDATE knox_tokens SET last_used = $1 WHERE digest = $2").bind(now.0).bind(digest)
            }
            CredentialHandle::Family(family) => sqlx::query(
                "UPDATE refresh_tokens SET last_used = $1 WHERE user_id = $2 AND family = $3 AND blacklisted IS NULL",
            )
            .bind(now.0)
            .bind(user)
            .bind(family),
        }
    }

    pub(super) async fn insert_credential(tx: &mut Tx, credential: &NewCredential) -> Result<()> {
        match credential {
            NewCredential::Session(row) => {
                sqlx::query(
                    "INSERT INTO sessions (digest, user_id, created, expires, last_used, ip, agent)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(row.digest.as_bytes())
                .bind(row.user_id)
                .bind(row.created.0)
                .bind(row.expires.0)
                .bind(row.last_used.0)
                .bind(&row.client.ip)
                .bind(&row.client.agent)
                .execute(&mut **tx)
                .await?;
            }
            NewCredential::Token(row) => {
                sqlx::query(
                    "INSERT INTO tokens AS known (digest, user_id, created, signed_in, last_used, ip, agent)
                     VALUES ($1, $2, $3, $3, $3, $4, $5)
                     ON CONFLICT (digest) DO UPDATE
                       SET signed_in = excluded.signed_in, ip = excluded.ip, agent = excluded.agent
                       WHERE known.signed_in IS NULL OR known.signed_in < excluded.signed_in",
                )
                .bind(row.digest.as_bytes())
                .bind(row.user_id)
                .bind(row.created.0)
                .bind(&row.client.ip)
                .bind(&row.client.agent)
                .execute(&mut **tx)
                .await?;
            }
            NewCredential::Refresh(row) => Self::insert_refresh(tx, row).await?,
            NewCredential::Knox(row) => {
                sqlx::query(
                    "INSERT INTO knox_tokens
                       (digest, token_key, user_id, created, expires, last_used, ip, agent)
                     VALUES ($1, $2, $3, $4, $5, $4, $6, $7)",
                )
                .bind(&row.digest)
                .bind(&row.token_key)
                .bind(row.user_id)
                .bind(row.created.0)
                .bind(row.expires.map(|at| at.0))
                .bind(&row.client.ip)
                .bind(&row.client.agent)
                .execute(&mut **tx)
                .await?;
            }
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl CredentialStore for Store {
    async fn session(&self, digest: &Digest) -> Result<Option<(SessionRow, User)>> {
        let row: Option<SessionUserRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!(
                "SELECT s.created AS s_created, s.expires, s.last_used, s.ip, s.agent, ",
                user_columns!(),
                " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.digest = $1"
            ))
            .bind(digest.as_bytes())
        );
        Ok(row.map(|row| row.split(digest)))
    }

    async fn touch(&self, handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Result<()> {
        self.commit_touch(handle, user, now).await
    }

    async fn revoke(&self, revocation: &Revocation<'_>, audit: &AuditEvent) -> Result<RevokedCredentials> {
        let Revocation { user, handles, revokes_simplejwt, now } = *revocation;
        let mut tx = self.begin().await?;
        // First: it waits for a concurrent rotation, whose new token is then revoked too.
        Self::cancel_pending_links(&mut tx, user).await?;
        if revokes_simplejwt {
            sqlx::query("UPDATE users SET revoked_before = $1 WHERE id = $2 AND revoked_before < $1")
                .bind(now.seconds())
                .bind(user)
                .execute(&mut *tx)
                .await?;
        }
        let revoked = Self::revoke_handles(&mut tx, handles, user, now).await?;
        // Concurrent calls revoke a credential once.
        if !revoked.is_empty() {
            audit_query(audit).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(revoked)
    }

    async fn credentials_of(&self, user: UserId, page: &CredentialQuery) -> Result<Vec<CredentialEntry>> {
        self.credential_page(user, page).await
    }

    async fn token(&self, digest: &Digest) -> Result<Option<(TokenUse, User)>> {
        let row: Option<TokenUserRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!(
                "SELECT t.created AS t_created, t.last_used, ",
                user_columns!(),
                " FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = $1"
            ))
            .bind(digest.as_bytes())
        );
        Ok(row.map(TokenUserRow::split))
    }

    async fn knox(&self, digest: &str) -> Result<Option<(KnoxRow, User)>> {
        let row: Option<KnoxUserRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!(
                "SELECT k.token_key, k.created AS k_created, k.expires, k.last_used, k.ip, k.agent, ",
                user_columns!(),
                " FROM knox_tokens k JOIN users u ON u.id = k.user_id WHERE k.digest = $1"
            ))
            .bind(digest)
        );
        Ok(row.map(|row| row.split(digest)))
    }

    async fn extend_knox(&self, digest: &str, expires: UnixMillis) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query("UPDATE knox_tokens SET expires = $1 WHERE digest = $2").bind(expires.0).bind(digest)
        })
        .await?;
        Ok(())
    }

    async fn delete_knox(&self, digest: &str) -> Result<()> {
        self.execute_repeatable(|| sqlx::query("DELETE FROM knox_tokens WHERE digest = $1").bind(digest)).await?;
        Ok(())
    }

    async fn revoke_all_knox(&self, user: UserId, audit: &AuditEvent) -> Result<u64> {
        let mut tx = self.begin().await?;
        Self::cancel_pending_links(&mut tx, user).await?;
        let revoked = sqlx::query("DELETE FROM knox_tokens WHERE user_id = $1").bind(user).execute(&mut *tx).await?;
        if revoked.rows_affected() > 0 {
            audit_query(audit).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(revoked.rows_affected())
    }

    async fn token_family(&self, jti: &str, user: UserId) -> Result<Option<(User, Option<FamilyState>)>> {
        self.read_family(jti, user).await
    }

    async fn access_token_user(&self, user: UserId, since: UnixMillis) -> Result<Option<(User, Vec<String>)>> {
        self.read_access_user(user, since).await
    }

    async fn families(&self, user: UserId) -> Result<Vec<String>> {
        let statement = "SELECT DISTINCT family FROM refresh_tokens WHERE user_id = $1 AND family_revoked IS NULL";
        Ok(read!(self, fetch_all, sqlx::query_scalar(statement).bind(user)))
    }

    async fn revoke_family(&self, family: &str, user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<bool> {
        let mut tx = self.begin().await?;
        // Waits for a concurrent rotation, whose new token is then revoked too.
        if Self::locked_user(&mut tx, user).await?.is_none()
            || !Self::mark_family_revoked(&mut tx, user, family, now).await?
        {
            tx.rollback().await?;
            return Ok(false);
        }
        Self::cancel_pending_links(&mut tx, user).await?;
        audit_query(audit).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn rotate(&self, rotation: &Rotation<'_>, next: &NextStep<'_>) -> Result<Rotated> {
        self.rotate_token(rotation, next).await
    }

    async fn blacklist(&self, blacklisting: &Blacklisting<'_>, audit: &AuditEvent) -> Result<bool> {
        let mut tx = self.begin().await?;
        // A token that was blacklisted before proves nothing: it must not cancel links that its user requested since.
        if Self::locked_user(&mut tx, blacklisting.user).await?.is_none()
            || !Self::blacklist_token(&mut tx, blacklisting).await?
        {
            tx.rollback().await?;
            return Ok(false);
        }
        Self::cancel_pending_links(&mut tx, blacklisting.user).await?;
        audit_query(audit).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn revoke_all(&self, user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<RevokedCredentials> {
        let mut tx = self.begin().await?;
        let revoked = Self::revoke_credentials(&mut tx, user, now).await?;
        audit_query(audit).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(revoked)
    }
}
