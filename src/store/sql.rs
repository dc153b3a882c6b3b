//! The statements, written once for both databases: `$1` placeholders and `ON CONFLICT` are common ground, and the
//! macro gives each database's types. What differs (how a write begins, the migrations) is said where it is used.

/// Implements [`super::Repository`] for a store with the pools `read` and `write` and a method `begin`.
macro_rules! repository {
    ($store:ty, $database:ty, $migrations:literal) => {
        use sqlx::types::Json;

        use super::rows::{
            AccountRow, AccountUserRow, AttemptRow, KnoxUserRow, RefreshUseRow, SessionUserRow, UsedCodeRow, UserRow,
            user_columns,
        };
        use super::{Claimed, Committed, LoginCommit, Repository, Result, Rotated, StoreError, Who, Written};
        use crate::clock::UnixMillis;
        use crate::model::{
            Attempt, CodeClaim, KnoxRow, NewCredential, RefreshRow, RefreshUse, SessionRow, SocialAccount, UsedCode,
            User, UserId,
        };
        use crate::secrets::Digest;
        use crate::store::sql::{LONGEST_NAME, SWEEP_BATCH, bytes, cut, kind_name};

        type Tx = sqlx::Transaction<'static, $database>;

        impl $store {
            /// The account's row and its user, as one transaction's reads and writes leave them; `None`: overtaken.
            async fn place_account(
                tx: &mut Tx,
                login: &LoginCommit,
            ) -> Result<Option<User>> {
                match &login.who {
                    Who::Known { user_id, account_id } => {
                        let updated = sqlx::query(
                            "UPDATE social_accounts SET uid = $1, extra_data = $2, modified = $3
                             WHERE id = $4 AND user_id = $5",
                        )
                        .bind(&login.uid)
                        .bind(Json(&login.extra_data))
                        .bind(login.now.0)
                        .bind(account_id)
                        .bind(user_id)
                        .execute(&mut **tx)
                        .await?;
                        if updated.rows_affected() == 0 {
                            return Ok(None);
                        }
                        Self::refreshed_user(tx, *user_id, login).await
                    }
                    Who::Attach { user_id } => {
                        let Some(user) = Self::refreshed_user(tx, *user_id, login).await? else {
                            return Ok(None);
                        };
                        let inserted = Self::insert_account(tx, user.id, login).await?;
                        Ok(inserted.then_some(user))
                    }
                    Who::Create { usernames, email, email_verified } => {
                        let mut user = None;
                        for username in usernames {
                            let row: Option<UserRow> = sqlx::query_as(concat!(
                                "INSERT INTO users AS u
                                   (username, first_name, last_name, email, email_lower, email_verified, created, last_login)
                                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                                 ON CONFLICT (username) DO NOTHING RETURNING ",
                                user_columns!()
                            ))
                            .bind(cut(username, LONGEST_NAME))
                            .bind(cut(login.first_name.as_deref().unwrap_or_default(), LONGEST_NAME))
                            .bind(cut(login.last_name.as_deref().unwrap_or_default(), LONGEST_NAME))
                            .bind(email)
                            .bind(email.to_lowercase())
                            .bind(email_verified)
                            .bind(login.now.0)
                            .bind(login.set_last_login.then_some(login.now.0))
                            .fetch_optional(&mut **tx)
                            .await?;
                            if let Some(row) = row {
                                user = Some(User::from(row));
                                break;
                            }
                        }
                        let Some(user) = user else { return Ok(None) };
                        let inserted = Self::insert_account(tx, user.id, login).await?;
                        Ok(inserted.then_some(user))
                    }
                }
            }

            /// The user, with what the login changes about it; `None` when it is gone or inactive.
            async fn refreshed_user(
                tx: &mut Tx,
                id: UserId,
                login: &LoginCommit,
            ) -> Result<Option<User>> {
                let row: Option<UserRow> =
                    sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1 AND u.is_active"))
                        .bind(id)
                        .fetch_optional(&mut **tx)
                        .await?;
                let Some(mut user) = row.map(User::from) else { return Ok(None) };
                let first = cut(login.first_name.as_deref().unwrap_or(&user.first_name), LONGEST_NAME);
                let last = cut(login.last_name.as_deref().unwrap_or(&user.last_name), LONGEST_NAME);
                if first != user.first_name || last != user.last_name || login.set_last_login {
                    let (first, last) = (first.to_owned(), last.to_owned());
                    let last_login = if login.set_last_login { Some(login.now) } else { user.last_login };
                    sqlx::query("UPDATE users SET first_name = $1, last_name = $2, last_login = $3 WHERE id = $4")
                        .bind(&first)
                        .bind(&last)
                        .bind(last_login.map(|at| at.0))
                        .bind(id)
                        .execute(&mut **tx)
                        .await?;
                    (user.first_name, user.last_name, user.last_login) = (first, last, last_login);
                }
                Ok(Some(user))
            }

            /// False when somebody else stored this account first.
            async fn insert_account(
                tx: &mut Tx,
                user: UserId,
                login: &LoginCommit,
            ) -> Result<bool> {
                let inserted = sqlx::query(
                    "INSERT INTO social_accounts (user_id, provider, uid, extra_data, created, modified)
                     VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (provider, uid) DO NOTHING",
                )
                .bind(user)
                .bind(&login.provider)
                .bind(&login.uid)
                .bind(Json(&login.extra_data))
                .bind(login.now.0)
                .execute(&mut **tx)
                .await?;
                Ok(inserted.rows_affected() == 1)
            }

            async fn insert_credential(
                tx: &mut Tx,
                credential: &NewCredential,
            ) -> Result<()> {
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
                            "INSERT INTO tokens (digest, user_id, created) VALUES ($1, $2, $3)
                             ON CONFLICT (digest) DO NOTHING",
                        )
                        .bind(row.digest.as_bytes())
                        .bind(row.user_id)
                        .bind(row.created.0)
                        .execute(&mut **tx)
                        .await?;
                    }
                    NewCredential::Refresh(row) => Self::insert_refresh(tx, row).await?,
                    NewCredential::Knox(row) => {
                        sqlx::query(
                            "INSERT INTO knox_tokens (digest, token_key, user_id, created, expires, ip, agent)
                             VALUES ($1, $2, $3, $4, $5, $6, $7)",
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

            async fn insert_refresh(tx: &mut Tx, row: &RefreshRow) -> Result<()> {
                sqlx::query(
                    "INSERT INTO refresh_tokens (jti, family, kind, user_id, created, expires, ip, agent)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(&row.jti)
                .bind(&row.family)
                .bind(kind_name(row.kind))
                .bind(row.user_id)
                .bind(row.created.0)
                .bind(row.expires.0)
                .bind(&row.client.ip)
                .bind(&row.client.agent)
                .execute(&mut **tx)
                .await?;
                Ok(())
            }
        }

        #[async_trait::async_trait]
        impl Repository for $store {
            async fn migrate(&self) -> Result<()> {
                sqlx::migrate!($migrations).run(&self.write).await.map_err(|error| StoreError(Box::new(error)))
            }

            async fn ping(&self) -> Result<()> {
                sqlx::query("SELECT 1 FROM users WHERE id = 0").execute(&self.read).await?;
                Ok(())
            }

            async fn close(&self) {
                self.read.close().await;
                self.write.close().await;
            }

            async fn insert_attempt(&self, attempt: &Attempt) -> Result<()> {
                sqlx::query(
                    "INSERT INTO login_attempts (key, provider, redirect_uri, browser, flow, classic, code_challenge,
                                                 sealed_secret, user_id, address, created, expires)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                )
                .bind(attempt.key.as_bytes())
                .bind(&attempt.provider)
                .bind(&attempt.redirect_uri)
                .bind(bytes(attempt.browser.as_ref()))
                .bind(bytes(attempt.flow.as_ref()))
                .bind(attempt.classic)
                .bind(&attempt.code_challenge)
                .bind(&attempt.sealed_secret)
                .bind(attempt.user_id)
                .bind(attempt.address.as_ref().map(Json))
                .bind(attempt.created.0)
                .bind(attempt.expires.0)
                .execute(&self.write)
                .await?;
                Ok(())
            }

            async fn attempt(&self, key: &Digest) -> Result<Option<Attempt>> {
                let row: Option<AttemptRow> = sqlx::query_as(
                    "SELECT provider, redirect_uri, browser, flow, classic, code_challenge, sealed_secret, user_id,
                            address, created, expires, claimed
                     FROM login_attempts WHERE key = $1",
                )
                .bind(key.as_bytes())
                .fetch_optional(&self.read)
                .await?;
                Ok(row.map(|row| row.with_key(key)))
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
                     WHERE (browser = $1 OR flow = $2) AND provider = $3 AND claimed IS NULL AND expires > $4 LIMIT 1",
                )
                .bind(bytes(browser))
                .bind(bytes(flow))
                .bind(provider)
                .bind(now.0)
                .fetch_optional(&self.read)
                .await?;
                Ok(found.is_some())
            }

            async fn claim(
                &self,
                attempt: Option<&Digest>,
                code: Option<&CodeClaim>,
                now: UnixMillis,
            ) -> Result<Claimed> {
                const CLAIM_CODE: &str = "INSERT INTO used_codes AS known (code, binding, claimed, expires)
                     VALUES ($1, $2, $3, $4)
                     ON CONFLICT (code) DO UPDATE
                       SET binding = excluded.binding, claimed = excluded.claimed, expires = excluded.expires, answer = NULL
                       WHERE known.expires <= excluded.claimed";
                let insert = |code: &CodeClaim| {
                    sqlx::query(CLAIM_CODE)
                        .bind(code.digest.as_bytes().to_vec())
                        .bind(bytes(code.binding.as_ref()).map(<[u8]>::to_vec))
                        .bind(code.claimed.0)
                        .bind(code.expires.0)
                };
                let ours = match (attempt, code) {
                    (None, None) => return Ok(Claimed::Ours),
                    // One statement, since it is the common case and every login pays for it.
                    (None, Some(code)) => insert(code).execute(&self.write).await?.rows_affected() == 1,
                    (Some(key), code) => {
                        let mut tx = self.begin().await?;
                        let spent = sqlx::query("UPDATE login_attempts SET claimed = $1 WHERE key = $2 AND claimed IS NULL")
                            .bind(now.0)
                            .bind(key.as_bytes())
                            .execute(&mut *tx)
                            .await?;
                        let mut ours = spent.rows_affected() == 1;
                        if let (true, Some(code)) = (ours, code) {
                            ours = insert(code).execute(&mut *tx).await?.rows_affected() == 1;
                        }
                        if ours {
                            tx.commit().await?;
                        } else {
                            tx.rollback().await?;
                        }
                        ours
                    }
                };
                if ours {
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
                        .fetch_optional(&self.read)
                        .await?;
                Ok(row.map(UsedCode::from))
            }

            async fn keep_answer(&self, code: &Digest, answer: &[u8]) -> Result<()> {
                sqlx::query("UPDATE used_codes SET answer = $1 WHERE code = $2")
                    .bind(answer)
                    .bind(code.as_bytes())
                    .execute(&self.write)
                    .await?;
                Ok(())
            }

            async fn account(&self, provider: &str, uids: &[&str]) -> Result<Option<(SocialAccount, User)>> {
                for uid in uids {
                    let row: Option<AccountUserRow> = sqlx::query_as(concat!(
                        "SELECT a.id AS account_id, a.user_id, a.provider, a.uid, a.extra_data,
                                a.created AS account_created, a.modified, ",
                        user_columns!(),
                        " FROM social_accounts a JOIN users u ON u.id = a.user_id WHERE a.provider = $1 AND a.uid = $2"
                    ))
                    .bind(provider)
                    .bind(*uid)
                    .fetch_optional(&self.read)
                    .await?;
                    if let Some(row) = row {
                        return Ok(Some((row.account.into(), row.user.into())));
                    }
                }
                Ok(None)
            }

            async fn user(&self, id: UserId) -> Result<Option<User>> {
                let row: Option<UserRow> =
                    sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1"))
                        .bind(id)
                        .fetch_optional(&self.read)
                        .await?;
                Ok(row.map(User::from))
            }

            async fn users_by_email(&self, email: &str) -> Result<Vec<User>> {
                let rows: Vec<UserRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users u WHERE u.email_lower = $1 AND u.email_lower <> '' ORDER BY u.id LIMIT 2"
                ))
                .bind(email.to_lowercase())
                .fetch_all(&self.read)
                .await?;
                Ok(rows.into_iter().map(User::from).collect())
            }

            async fn accounts_of(&self, user: UserId) -> Result<Vec<SocialAccount>> {
                let rows: Vec<AccountRow> = sqlx::query_as(
                    "SELECT id AS account_id, user_id, provider, uid, extra_data, created AS account_created, modified
                     FROM social_accounts WHERE user_id = $1 ORDER BY id",
                )
                .bind(user)
                .fetch_all(&self.read)
                .await?;
                Ok(rows.into_iter().map(SocialAccount::from).collect())
            }

            async fn set_active(&self, user: UserId, active: bool, now: UnixMillis) -> Result<bool> {
                let updated = sqlx::query("UPDATE users SET is_active = $1 WHERE id = $2")
                    .bind(active)
                    .bind(user)
                    .execute(&self.write)
                    .await?;
                if !active {
                    self.end_everything(user, now).await?;
                }
                Ok(updated.rows_affected() == 1)
            }

            async fn commit_login(
                &self,
                login: &LoginCommit,
                make: &mut (dyn for<'a> FnMut(&'a User) -> Written + Send),
            ) -> Result<Committed> {
                let mut tx = self.begin().await?;
                let Some(user) = Self::place_account(&mut tx, login).await? else {
                    tx.rollback().await?;
                    return Ok(Committed::Stale);
                };
                if let Some(session) = &login.end_session {
                    sqlx::query("DELETE FROM sessions WHERE digest = $1")
                        .bind(session.as_bytes())
                        .execute(&mut *tx)
                        .await?;
                }
                let written = make(&user);
                Self::insert_credential(&mut tx, &written.credential).await?;
                if let (Some(code), Some(answer)) = (&login.code, written.answer) {
                    sqlx::query("UPDATE used_codes SET answer = $1 WHERE code = $2")
                        .bind(answer)
                        .bind(code.as_bytes())
                        .execute(&mut *tx)
                        .await?;
                }
                tx.commit().await?;
                Ok(Committed::Done(user))
            }

            async fn session(&self, digest: &Digest) -> Result<Option<(SessionRow, User)>> {
                let row: Option<SessionUserRow> = sqlx::query_as(concat!(
                    "SELECT s.created AS s_created, s.expires, s.last_used, s.ip, s.agent, ",
                    user_columns!(),
                    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.digest = $1"
                ))
                .bind(digest.as_bytes())
                .fetch_optional(&self.read)
                .await?;
                Ok(row.map(|row| row.split(digest)))
            }

            async fn touch_session(&self, digest: &Digest, now: UnixMillis) -> Result<()> {
                sqlx::query("UPDATE sessions SET last_used = $1 WHERE digest = $2")
                    .bind(now.0)
                    .bind(digest.as_bytes())
                    .execute(&self.write)
                    .await?;
                Ok(())
            }

            async fn end_session(&self, digest: &Digest) -> Result<()> {
                sqlx::query("DELETE FROM sessions WHERE digest = $1")
                    .bind(digest.as_bytes())
                    .execute(&self.write)
                    .await?;
                Ok(())
            }

            async fn token(&self, digest: &Digest) -> Result<Option<User>> {
                let row: Option<UserRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = $1"
                ))
                .bind(digest.as_bytes())
                .fetch_optional(&self.read)
                .await?;
                Ok(row.map(User::from))
            }

            async fn knox(&self, digest: &str) -> Result<Option<(KnoxRow, User)>> {
                let row: Option<KnoxUserRow> = sqlx::query_as(concat!(
                    "SELECT k.token_key, k.created AS k_created, k.expires, k.ip, k.agent, ",
                    user_columns!(),
                    " FROM knox_tokens k JOIN users u ON u.id = k.user_id WHERE k.digest = $1"
                ))
                .bind(digest)
                .fetch_optional(&self.read)
                .await?;
                Ok(row.map(|row| row.split(digest)))
            }

            async fn extend_knox(&self, digest: &str, expires: UnixMillis) -> Result<()> {
                sqlx::query("UPDATE knox_tokens SET expires = $1 WHERE digest = $2")
                    .bind(expires.0)
                    .bind(digest)
                    .execute(&self.write)
                    .await?;
                Ok(())
            }

            async fn end_knox(&self, digest: &str) -> Result<()> {
                sqlx::query("DELETE FROM knox_tokens WHERE digest = $1").bind(digest).execute(&self.write).await?;
                Ok(())
            }

            async fn end_all_knox(&self, user: UserId) -> Result<()> {
                sqlx::query("DELETE FROM knox_tokens WHERE user_id = $1").bind(user).execute(&self.write).await?;
                Ok(())
            }

            async fn refresh_use(&self, jti: &str, user: UserId) -> Result<(Option<User>, RefreshUse)> {
                let row: Option<RefreshUseRow> = sqlx::query_as(concat!(
                    "SELECT r.family, r.blacklisted, r.successor, ",
                    user_columns!(),
                    " FROM users u LEFT JOIN refresh_tokens r ON r.jti = $1 AND r.user_id = u.id WHERE u.id = $2"
                ))
                .bind(jti)
                .bind(user)
                .fetch_optional(&self.read)
                .await?;
                Ok(row.map_or_else(|| (None, RefreshUse::default()), RefreshUseRow::split))
            }

            async fn rotate(&self, old: &str, new: &RefreshRow, end_old: bool, now: UnixMillis) -> Result<Rotated> {
                let mut tx = self.begin().await?;
                // A token of simplejwt has no row yet: it gets one, so that its use can be noted.
                let mut before = RefreshRow { jti: old.to_owned(), ..new.clone() };
                before.family.clone_from(&new.family);
                let noted = sqlx::query(
                    "INSERT INTO refresh_tokens AS known
                       (jti, family, kind, user_id, created, expires, successor, blacklisted)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                     ON CONFLICT (jti) DO UPDATE SET successor = excluded.successor, blacklisted = excluded.blacklisted
                       WHERE known.blacklisted IS NULL AND known.user_id = excluded.user_id",
                )
                .bind(&before.jti)
                .bind(&before.family)
                .bind(kind_name(before.kind))
                .bind(before.user_id)
                .bind(before.created.0)
                .bind(before.expires.0)
                .bind(&new.jti)
                .bind(end_old.then_some(now.0))
                .execute(&mut *tx)
                .await?;
                if noted.rows_affected() == 0 {
                    tx.rollback().await?;
                    return Ok(Rotated::Spent);
                }
                Self::insert_refresh(&mut tx, new).await?;
                tx.commit().await?;
                Ok(Rotated::Done)
            }

            async fn blacklist(&self, jti: &str, user: UserId, expires: UnixMillis, now: UnixMillis) -> Result<bool> {
                let noted = sqlx::query(
                    "INSERT INTO refresh_tokens AS known (jti, family, kind, user_id, created, expires, blacklisted)
                     VALUES ($1, $1, 'jwt-pair', $2, $3, $4, $3)
                     ON CONFLICT (jti) DO UPDATE SET blacklisted = excluded.blacklisted
                       WHERE known.blacklisted IS NULL AND known.user_id = excluded.user_id",
                )
                .bind(jti)
                .bind(user)
                .bind(now.0)
                .bind(expires.0)
                .execute(&self.write)
                .await?;
                Ok(noted.rows_affected() == 1)
            }

            async fn end_everything(&self, user: UserId, now: UnixMillis) -> Result<()> {
                let mut tx = self.begin().await?;
                for statement in [
                    "DELETE FROM sessions WHERE user_id = $1",
                    "DELETE FROM tokens WHERE user_id = $1",
                    "DELETE FROM knox_tokens WHERE user_id = $1",
                    "DELETE FROM login_attempts WHERE user_id = $1",
                ] {
                    sqlx::query(statement).bind(user).execute(&mut *tx).await?;
                }
                sqlx::query("UPDATE refresh_tokens SET blacklisted = $1 WHERE user_id = $2 AND blacklisted IS NULL")
                    .bind(now.0)
                    .bind(user)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(
                    "UPDATE users SET revoked_before = $1, token_generation = token_generation + 1 WHERE id = $2",
                )
                .bind(now.seconds())
                .bind(user)
                .execute(&mut *tx)
                .await?;
                tx.commit().await?;
                Ok(())
            }

            async fn sweep(&self, now: UnixMillis, most: i64) -> Result<u64> {
                // An expired attempt stays a while, so that "too late" can be told from "never heard of".
                let gone = now.minus(crate::store::sql::AFTERLIFE).0;
                let mut swept = 0;
                for (statement, before) in [
                    ("DELETE FROM login_attempts WHERE key IN
                        (SELECT key FROM login_attempts WHERE expires <= $1 LIMIT $2)", gone),
                    ("DELETE FROM used_codes WHERE code IN
                        (SELECT code FROM used_codes WHERE expires <= $1 LIMIT $2)", now.0),
                    ("DELETE FROM sessions WHERE digest IN
                        (SELECT digest FROM sessions WHERE expires <= $1 LIMIT $2)", now.0),
                    ("DELETE FROM knox_tokens WHERE digest IN
                        (SELECT digest FROM knox_tokens WHERE expires <= $1 LIMIT $2)", now.0),
                    ("DELETE FROM refresh_tokens WHERE jti IN
                        (SELECT jti FROM refresh_tokens WHERE expires <= $1 LIMIT $2)", now.0),
                ] {
                    loop {
                        let deleted = sqlx::query(statement).bind(before).bind(SWEEP_BATCH).execute(&self.write).await?;
                        swept += deleted.rows_affected();
                        if deleted.rows_affected() < SWEEP_BATCH.unsigned_abs() {
                            break;
                        }
                    }
                }
                for (count, statement) in [
                    ("SELECT count(*) FROM login_attempts", "DELETE FROM login_attempts WHERE key IN
                        (SELECT key FROM login_attempts ORDER BY created LIMIT $1)"),
                    ("SELECT count(*) FROM used_codes", "DELETE FROM used_codes WHERE code IN
                        (SELECT code FROM used_codes ORDER BY claimed LIMIT $1)"),
                ] {
                    let there: i64 = sqlx::query_scalar(count).fetch_one(&self.read).await?;
                    let mut too_many = there - most;
                    while too_many > 0 {
                        let batch = too_many.min(SWEEP_BATCH);
                        let deleted = sqlx::query(statement).bind(batch).execute(&self.write).await?.rows_affected();
                        swept += deleted;
                        too_many -= batch;
                        if deleted == 0 {
                            break;
                        }
                    }
                }
                Ok(swept)
            }
        }
    };
}
pub(super) use repository;

use std::time::Duration;

use crate::model::Kind;
use crate::secrets::Digest;

/// Characters of a name's column, as in Django.
pub(super) const LONGEST_NAME: usize = 150;
/// Rows deleted by one statement, so that the sweeper never holds the writer for long.
pub(super) const SWEEP_BATCH: i64 = 1000;
/// How long an expired attempt is remembered.
pub(super) const AFTERLIFE: Duration = Duration::from_secs(10 * 60);

pub(super) fn bytes(digest: Option<&Digest>) -> Option<&[u8]> {
    digest.map(Digest::as_bytes)
}

pub(super) fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

pub(super) fn kind_name(kind: Kind) -> String {
    kind.to_string()
}

impl From<sqlx::Error> for super::StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(Box::new(error))
    }
}
