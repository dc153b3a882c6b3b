//! Begun logins, claims on codes, and answers kept for whoever may fetch them.

/// Implements [`super::super::AttemptStore`].
macro_rules! attempt_store {
    ($store:ty) => {
        /// Takes the code, where it is free and the attempt is open.
        fn claim_code<'q>(attempt: Option<&'q Digest>, code: &'q CodeClaim) -> Query<'q> {
            sqlx::query(
                "INSERT INTO used_codes AS known (code, binding, claimed, expires)
                 SELECT $1, $2, $3, $4
                 WHERE $5 IS NULL OR EXISTS (SELECT 1 FROM login_attempts WHERE key = $5 AND claimed IS NULL)
                 ON CONFLICT (code) DO UPDATE
                   SET binding = excluded.binding, claimed = excluded.claimed, expires = excluded.expires, answer = NULL
                   WHERE known.expires <= excluded.claimed",
            )
            .bind(code.digest.as_bytes())
            .bind(bytes(code.binding.as_ref()))
            .bind(code.claimed.0)
            .bind(code.expires.0)
            .bind(bytes(attempt))
        }

        fn new_halt(halt: &Halt) -> Query<'_> {
            sqlx::query("INSERT INTO halted_logins (token, browser, sealed, user_id, expires) VALUES ($1, $2, $3, $4, $5)")
                .bind(halt.token.as_bytes())
                .bind(bytes(halt.browser.as_ref()))
                .bind(&halt.sealed)
                .bind(halt.link_to)
                .bind(halt.expires.0)
        }

        impl $store {
            /// Ends a login that waits. False: it was taken before, or is gone.
            async fn take_halt(tx: &mut Tx, token: &Digest, answer: &[u8], now: UnixMillis) -> Result<bool> {
                let taken = sqlx::query(
                    "UPDATE halted_logins SET taken = $1, answer = $2 WHERE token = $3 AND taken IS NULL",
                )
                .bind(now.0)
                .bind(answer)
                .bind(token.as_bytes())
                .execute(&mut **tx)
                .await?;
                Ok(taken.rows_affected() == 1)
            }

            /// The short claim. On false the transaction has written nothing, unless another node took the attempt
            /// meanwhile.
            async fn write_claim(
                tx: &mut Tx,
                attempt: Option<&Digest>,
                code: Option<&CodeClaim>,
                now: UnixMillis,
            ) -> Result<bool> {
                if let Some(code) = code
                    && claim_code(attempt, code).execute(&mut **tx).await?.rows_affected() == 0
                {
                    return Ok(false);
                }
                let Some(key) = attempt else { return Ok(true) };
                let spent = sqlx::query("UPDATE login_attempts SET claimed = $1 WHERE key = $2 AND claimed IS NULL")
                    .bind(now.0)
                    .bind(key.as_bytes())
                    .execute(&mut **tx)
                    .await?;
                Ok(spent.rows_affected() == 1)
            }
        }

        #[async_trait::async_trait]
        impl AttemptStore for $store {
            async fn insert_attempt(&self, attempt: &Attempt) -> Result<()> {
                sqlx::query(
                    "INSERT INTO login_attempts (key, provider, redirect_uri, browser, flow, classic, code_challenge,
                                                 sealed_secret, user_id, link_generation, address, landing, created,
                                                 expires, needs_fresh_login)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                )
                .bind(attempt.key.as_bytes())
                .bind(&attempt.provider)
                .bind(&attempt.redirect_uri)
                .bind(bytes(attempt.browser.as_ref()))
                .bind(bytes(attempt.flow.as_ref()))
                .bind(attempt.classic)
                .bind(&attempt.code_challenge)
                .bind(&attempt.sealed_secret)
                .bind(attempt.linker.map(|linker| linker.user))
                .bind(attempt.linker.map_or(0, |linker| linker.generation))
                .bind(attempt.address.as_ref().map(Json))
                .bind(attempt.landing.as_ref().map(Json))
                .bind(attempt.created.0)
                .bind(attempt.expires.0)
                .bind(attempt.needs_fresh_login)
                .execute(&self.writer())
                .await?;
                Ok(())
            }

            async fn attempt(&self, key: &Digest) -> Result<Option<Attempt>> {
                let row: Option<AttemptRow> = sqlx::query_as(
                    "SELECT provider, redirect_uri, browser, flow, classic, code_challenge, sealed_secret, user_id,
                            link_generation, needs_fresh_login, address, landing, created, expires, claimed
                     FROM login_attempts WHERE key = $1",
                )
                .bind(key.as_bytes())
                .fetch_optional(&mut *self.reader().await?)
                .await?;
                row.map(|row| row.with_key(key)).transpose()
            }

            async fn has_open_attempt(
                &self,
                provider: &str,
                browser: Option<&Digest>,
                flow: Option<&Digest>,
                now: UnixMillis,
            ) -> Result<bool> {
                let found: Option<i32> = sqlx::query_scalar(
                    "SELECT 1 FROM login_attempts
                     WHERE (browser = $1 OR flow = $2) AND provider = $3 AND claimed IS NULL AND expires > $4
                       AND landing IS NULL LIMIT 1",
                )
                .bind(bytes(browser))
                .bind(bytes(flow))
                .bind(provider)
                .bind(now.0)
                .fetch_optional(&mut *self.reader().await?)
                .await?;
                Ok(found.is_some())
            }

            async fn claim(
                &self,
                attempt: Option<&Digest>,
                code: Option<&CodeClaim>,
                now: UnixMillis,
            ) -> Result<Claimed> {
                if self.claimed(attempt, code, now).await? {
                    return Ok(Claimed::Ours);
                }
                // A spent attempt whose code is known may be the same browser posting twice: the caller decides.
                let used = match code {
                    Some(code) => self.used_code(&code.digest).await?,
                    None => None,
                };
                Ok(used.map_or(Claimed::AttemptSpent, Claimed::CodeUsed))
            }

            async fn used_code(&self, code: &Digest) -> Result<Option<UsedCode>> {
                let row: Option<UsedCodeRow> =
                    sqlx::query_as("SELECT binding, claimed, answer FROM used_codes WHERE code = $1")
                        .bind(code.as_bytes())
                        .fetch_optional(&mut *self.reader().await?)
                        .await?;
                row.map(UsedCode::try_from).transpose()
            }

            async fn keep_answer(&self, code: &Digest, answer: &[u8]) -> Result<()> {
                sqlx::query("UPDATE used_codes SET answer = $1 WHERE code = $2")
                    .bind(answer)
                    .bind(code.as_bytes())
                    .execute(&self.writer())
                    .await?;
                Ok(())
            }

            async fn shorten_claim(&self, code: &Digest, expires: UnixMillis) -> Result<()> {
                sqlx::query("UPDATE used_codes SET expires = $1 WHERE code = $2 AND expires > $1")
                    .bind(expires.0)
                    .bind(code.as_bytes())
                    .execute(&self.writer())
                    .await?;
                Ok(())
            }

            async fn live_rows(&self, now: UnixMillis) -> Result<LiveRows> {
                let mut reader = self.reader().await?;
                let mut rows = [0; 4];
                for (count, statement) in rows.iter_mut().zip([
                    "SELECT count(*) FROM login_attempts WHERE claimed IS NULL AND expires > $1",
                    "SELECT count(*) FROM used_codes WHERE expires > $1",
                    "SELECT count(*) FROM halted_logins WHERE taken IS NULL AND expires > $1",
                    "SELECT count(*) FROM swap_codes WHERE expires > $1",
                ]) {
                    *count = sqlx::query_scalar(statement).bind(now.0).fetch_one(&mut *reader).await?;
                }
                let [authorization_requests, used_codes, pending_logins, one_time_codes] = rows;
                Ok(LiveRows { authorization_requests, used_codes, pending_logins, one_time_codes })
            }

            async fn insert_swap(&self, swap: &Swap) -> Result<()> {
                sqlx::query("INSERT INTO swap_codes (code, code_challenge, answer, expires) VALUES ($1, $2, $3, $4)")
                    .bind(swap.code.as_bytes())
                    .bind(&swap.code_challenge)
                    .bind(&swap.answer)
                    .bind(swap.expires.0)
                    .execute(&self.writer())
                    .await?;
                Ok(())
            }

            async fn swap(&self, code: &Digest) -> Result<Option<Swap>> {
                let row: Option<SwapRow> =
                    sqlx::query_as("SELECT code_challenge, answer, expires FROM swap_codes WHERE code = $1")
                        .bind(code.as_bytes())
                        .fetch_optional(&mut *self.reader().await?)
                        .await?;
                Ok(row.map(|row| row.with_code(code)))
            }

            async fn take_swap(&self, code: &Digest) -> Result<Option<Swap>> {
                let row: Option<SwapRow> = sqlx::query_as(
                    "DELETE FROM swap_codes WHERE code = $1 RETURNING code_challenge, answer, expires",
                )
                .bind(code.as_bytes())
                .fetch_optional(&self.writer())
                .await?;
                Ok(row.map(|row| row.with_code(code)))
            }

            async fn insert_halt(&self, halt: &Halt) -> Result<()> {
                new_halt(halt).execute(&self.writer()).await?;
                Ok(())
            }

            async fn halt(&self, token: &Digest) -> Result<Option<Halt>> {
                let row: Option<HaltRow> = sqlx::query_as(
                    "SELECT browser, sealed, user_id, expires, taken, answer FROM halted_logins WHERE token = $1",
                )
                .bind(token.as_bytes())
                .fetch_optional(&mut *self.reader().await?)
                .await?;
                row.map(|row| row.with_token(token)).transpose()
            }

            async fn replace_halt(&self, token: &Digest, next: &Halt, answer: &[u8], now: UnixMillis) -> Result<bool> {
                let mut tx = self.begin().await?;
                // The new one first: it waits for whoever deletes its user, who then waits for nothing of ours.
                new_halt(next).execute(&mut *tx).await?;
                if !Self::take_halt(&mut tx, token, answer, now).await? {
                    tx.rollback().await?;
                    return Ok(false);
                }
                tx.commit().await?;
                Ok(true)
            }
        }
    };
}
pub(in crate::store) use attempt_store;
