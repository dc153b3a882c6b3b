//! Authorization requests, claims on codes, pending logins and one-time codes.

use sqlx::types::Json;

use super::{Query, Store, Tx};
use crate::clock::UnixMillis;
use crate::model::{AuthorizationRequest, CodeClaim, OneTimeCode, StartedBy, StoredPendingLogin, UsedCode};
use crate::secrets::Digest;
use crate::store::authorization_requests::{AuthorizationRequestStore, Claimed, LiveRows};
use crate::store::error::Result;
use crate::store::stored_rows::{AuthorizationRequestRow, OneTimeCodeRow, PendingLoginRow, UsedCodeRow};

fn new_pending_login(pending: &StoredPendingLogin) -> Query<'_> {
    sqlx::query(
        "INSERT INTO pending_logins (token, browser, encrypted_login, user_id, expires) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(pending.token.as_bytes())
    .bind(pending.browser.as_ref().map(Digest::as_bytes))
    .bind(&pending.encrypted)
    .bind(pending.link_to)
    .bind(pending.expires.0)
}

impl Store {
    /// Completes a pending login. False: it was completed before, or does not exist.
    pub(super) async fn complete_pending_login(
        tx: &mut Tx,
        token: &Digest,
        answer: &[u8],
        now: UnixMillis,
    ) -> Result<bool> {
        let completed = sqlx::query(
            "UPDATE pending_logins SET completed = $1, encrypted_answer = $2 WHERE token = $3 AND completed IS NULL",
        )
        .bind(now.0)
        .bind(answer)
        .bind(token.as_bytes())
        .execute(&mut **tx)
        .await?;
        Ok(completed.rows_affected() == 1)
    }
}

#[async_trait::async_trait]
impl AuthorizationRequestStore for Store {
    async fn insert_authorization_request(&self, authorization_request: &AuthorizationRequest) -> Result<bool> {
        let flow_token = match &authorization_request.started_by {
            StartedBy::Begin { flow_token } => Some(flow_token),
            StartedBy::OAuth1Login => None,
        };
        // The request of another login with the same request token stays as it is. The same request may be written again.
        let inserted = self
            .execute_repeatable(|| {
                sqlx::query(
                    "INSERT INTO authorization_requests (key, provider, redirect_uri, browser, flow, code_challenge,
                                         encrypted_secret, user_id, link_generation,
                                         address, server_redirect, created,
                                         expires, needs_fresh_login, encrypted_options)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (key) DO UPDATE SET expires = excluded.expires
               WHERE authorization_requests.encrypted_secret IS NOT DISTINCT FROM excluded.encrypted_secret",
                )
                .bind(authorization_request.key.as_bytes())
                .bind(&authorization_request.provider)
                .bind(&authorization_request.redirect_uri)
                .bind(authorization_request.browser.as_bytes())
                .bind(flow_token.map(Digest::as_bytes))
                .bind(&authorization_request.code_challenge)
                .bind(&authorization_request.encrypted_secret)
                .bind(authorization_request.link_request.map(|link_request| link_request.user))
                .bind(authorization_request.link_request.map_or(0, |link_request| link_request.generation))
                .bind(authorization_request.address.as_ref().map(Json))
                .bind(authorization_request.server_redirect.as_ref().map(Json))
                .bind(authorization_request.created.0)
                .bind(authorization_request.expires.0)
                .bind(authorization_request.link_request.is_some_and(|link_request| link_request.needs_fresh_login))
                .bind(&authorization_request.encrypted_options)
            })
            .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn authorization_request(&self, key: &Digest) -> Result<Option<AuthorizationRequest>> {
        let row: Option<AuthorizationRequestRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(
                "SELECT provider, redirect_uri, browser, flow, code_challenge, encrypted_secret, user_id,
                    link_generation, needs_fresh_login, address, server_redirect, encrypted_options, created,
                    expires, claimed
             FROM authorization_requests WHERE key = $1",
            )
            .bind(key.as_bytes())
        );
        row.map(|row| row.with_key(key)).transpose()
    }

    async fn has_open_authorization_request(
        &self,
        provider: &str,
        browser: Option<&Digest>,
        flow: Option<&Digest>,
        now: UnixMillis,
    ) -> Result<bool> {
        let found: Option<i32> = read!(
            self,
            fetch_optional,
            sqlx::query_scalar(
                "SELECT 1 FROM authorization_requests
             WHERE (browser = $1 OR flow = $2) AND provider = $3 AND claimed IS NULL AND expires > $4
               AND server_redirect IS NULL LIMIT 1",
            )
            .bind(browser.map(Digest::as_bytes))
            .bind(flow.map(Digest::as_bytes))
            .bind(provider)
            .bind(now.0)
        );
        Ok(found.is_some())
    }

    async fn claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<Claimed> {
        if self.commit_claim(authorization_request, code, now).await? {
            return Ok(Claimed::Acquired);
        }
        // A used request with a known code may be the same browser that posts twice: the caller decides.
        let used = match code {
            Some(code) => self.used_code(&code.digest).await?,
            None => None,
        };
        Ok(used.map_or(Claimed::RequestAlreadyUsed, Claimed::CodeUsed))
    }

    async fn used_code(&self, code: &Digest) -> Result<Option<UsedCode>> {
        let row: Option<UsedCodeRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as("SELECT binding, claimed, encrypted_answer FROM used_codes WHERE code = $1")
                .bind(code.as_bytes())
        );
        row.map(UsedCode::try_from).transpose()
    }

    async fn store_answer(&self, code: &Digest, encrypted_answer: &[u8]) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query("UPDATE used_codes SET encrypted_answer = $1 WHERE code = $2")
                .bind(encrypted_answer)
                .bind(code.as_bytes())
        })
        .await?;
        Ok(())
    }

    async fn extend_claim(&self, code: &Digest, expires: UnixMillis, owner: Option<&Digest>) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query("UPDATE used_codes SET expires = $1, owner = $3 WHERE code = $2 AND expires < $1")
                .bind(expires.0)
                .bind(code.as_bytes())
                .bind(owner.map(Digest::as_bytes))
        })
        .await?;
        Ok(())
    }

    async fn long_lived_claims(&self, owner: &Digest, max: i64, now: UnixMillis) -> Result<i64> {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT 1 FROM used_codes WHERE owner = $1 AND expires > $2 LIMIT $3) AS claims",
        )
        .bind(owner.as_bytes())
        .bind(now.0)
        .bind(max);
        Ok(count.fetch_one(&mut *self.reader().await?).await?)
    }

    async fn live_rows(&self, now: UnixMillis) -> Result<LiveRows> {
        let mut reader = self.reader().await?;
        let mut rows = [0; 4];
        for (count, statement) in rows.iter_mut().zip([
            "SELECT count(*) FROM authorization_requests WHERE claimed IS NULL AND expires > $1",
            "SELECT count(*) FROM used_codes WHERE expires > $1",
            "SELECT count(*) FROM pending_logins WHERE completed IS NULL AND expires > $1",
            "SELECT count(*) FROM one_time_codes WHERE expires > $1",
        ]) {
            *count = sqlx::query_scalar(statement).bind(now.0).fetch_one(&mut *reader).await?;
        }
        let [authorization_requests, used_codes, pending_logins, one_time_codes] = rows;
        Ok(LiveRows { authorization_requests, used_codes, pending_logins, one_time_codes })
    }

    async fn insert_one_time_code(&self, code: &OneTimeCode) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query(
                "INSERT INTO one_time_codes (code, code_challenge, encrypted_answer, expires) VALUES ($1, $2, $3, $4)",
            )
            .bind(code.code.as_bytes())
            .bind(&code.code_challenge)
            .bind(&code.answer)
            .bind(code.expires.0)
        })
        .await?;
        Ok(())
    }

    async fn one_time_code(&self, code: &Digest) -> Result<Option<OneTimeCode>> {
        let row: Option<OneTimeCodeRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as("SELECT code_challenge, encrypted_answer, expires FROM one_time_codes WHERE code = $1")
                .bind(code.as_bytes())
        );
        Ok(row.map(|row| row.with_code(code)))
    }

    async fn consume_one_time_code(&self, code: &Digest) -> Result<Option<OneTimeCode>> {
        let row: Option<OneTimeCodeRow> = sqlx::query_as(
            "DELETE FROM one_time_codes WHERE code = $1 RETURNING code_challenge, encrypted_answer, expires",
        )
        .bind(code.as_bytes())
        .fetch_optional(&mut *self.writer().await?)
        .await?;
        Ok(row.map(|row| row.with_code(code)))
    }

    async fn insert_pending_login(&self, pending: &StoredPendingLogin) -> Result<()> {
        self.execute_repeatable(|| new_pending_login(pending)).await?;
        Ok(())
    }

    async fn pending_login(&self, token: &Digest) -> Result<Option<StoredPendingLogin>> {
        let row: Option<PendingLoginRow> = read!(self, fetch_optional, sqlx::query_as(
            "SELECT browser, encrypted_login, user_id, expires, completed, encrypted_answer FROM pending_logins WHERE token = $1",
        )
        .bind(token.as_bytes()));
        row.map(|row| row.with_token(token)).transpose()
    }

    async fn replace_pending_login(
        &self,
        token: &Digest,
        next: &StoredPendingLogin,
        encrypted_answer: &[u8],
        now: UnixMillis,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The insert first: it waits for a transaction that deletes the user, which then waits for no lock of this one.
        new_pending_login(next).execute(&mut *tx).await?;
        if !Self::complete_pending_login(&mut tx, token, encrypted_answer, now).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn cancel_pending_login(&self, token: &Digest, encrypted_answer: &[u8], now: UnixMillis) -> Result<bool> {
        let mut tx = self.begin().await?;
        let is_canceled = Self::complete_pending_login(&mut tx, token, encrypted_answer, now).await?;
        tx.commit().await?;
        Ok(is_canceled)
    }
}
