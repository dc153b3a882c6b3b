//! The one transaction of a login.

use sqlx::types::Json;

use super::{Store, Tx};
use crate::model::{EmailAddress, User, UserEvent, UserId};
use crate::store::error::Result;
use crate::store::logins::LoginStore;
use crate::store::names::{MAX_NAME_LEN, truncated};
use crate::store::rows::{UserRow, user_columns};
use crate::store::types::{Committed, ConsumedCredential, IssuedCredential, KnownLogin, LoginCommit, LoginTarget};

impl Store {
    async fn commit_known(&self, known: KnownLogin) -> Result<Committed> {
        let user = known.user.clone();
        // What may have to be undone is no part of a group.
        if known.login.knox_limit.is_some()
            || matches!(known.login.ends, Some(ConsumedCredential::StoredPendingLogin(_)))
        {
            let mut tx = self.begin().await?;
            let refused = Self::write_alone(&mut tx, &known).await?;
            match &refused {
                None => tx.commit().await?,
                Some(_) => tx.rollback().await?,
            }
            return Ok(refused.unwrap_or(Committed::Done(user)));
        }
        Ok(if self.signed_in(known).await? { Committed::Done(user) } else { Committed::Stale })
    }

    /// [`Self::write_known`] with what may stand against it; `None`: nothing did.
    async fn write_alone(tx: &mut Tx, known: &KnownLogin) -> Result<Option<Committed>> {
        let KnownLogin { login, user, written, .. } = known;
        Self::locked_user(tx, user.id).await?;
        if !Self::completes_pending_login(tx, login, written).await? {
            return Ok(Some(Committed::Taken));
        }
        if Self::is_full_of_knox(tx, user.id, login).await? {
            return Ok(Some(Committed::TooManyTokens));
        }
        Ok((!Self::write_known(tx, known).await?).then_some(Committed::Stale))
    }

    /// Takes the login that waited, where this one ends one. False: it was taken before, or is gone. To be asked before
    /// the tokens are counted: the one too many may be that of whoever took it.
    async fn completes_pending_login(tx: &mut Tx, login: &LoginCommit, written: &IssuedCredential) -> Result<bool> {
        let Some(ConsumedCredential::StoredPendingLogin(token)) = &login.ends else { return Ok(true) };
        Self::complete_pending_login(tx, token, written.answer.as_deref().unwrap_or_default(), login.now).await
    }

    /// A login of a known account. On false (overtaken: the account or its user has changed) the transaction has
    /// written nothing.
    pub(in crate::store) async fn write_known(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
        let KnownLogin { login, user, changed, written, event, .. } = known;
        if *changed && !(Self::is_as_read(tx, &login.who).await? && Self::is_unique(tx, login, user).await?) {
            return Ok(false);
        }
        if !Self::update_account(tx, known).await? {
            return Ok(false);
        }
        if *changed {
            Self::write_changes(tx, login, user).await?;
        } else if login.set_last_login {
            sqlx::query("UPDATE users SET last_login = $1 WHERE id = $2 AND (last_login IS NULL OR last_login < $1)")
                .bind(login.now.0)
                .bind(user.id)
                .execute(&mut **tx)
                .await?;
        }
        Self::hand_out(tx, login, written).await?;
        Self::write_audit_and_event(tx, &login.audit, user, event.as_ref()).await?;
        Ok(true)
    }

    /// What a login of a known account writes of its row. False, and nothing is written: the row or its user is not as
    /// it was read, or another account has the new key.
    async fn update_account(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
        let KnownLogin { login, user, .. } = known;
        let LoginTarget::Known { account_id, read, rekeyed, .. } = &login.who else { return Ok(false) };
        let statement = if *rekeyed {
            // What was encrypted for the former key cannot be decrypted under this one.
            "UPDATE social_accounts SET extra_data = $1, encrypted_tokens = $3, uid = $9, uid_scope = $10, legacy_uid = $11,
               modified = CASE WHEN modified < $2 THEN $2 ELSE modified + 1 END
             WHERE id = $4 AND user_id = $5 AND modified = $8 AND EXISTS
               (SELECT 1 FROM users
                WHERE id = $5 AND is_active AND credential_generation = $6 AND token_generation = $7)
               AND NOT EXISTS (SELECT 1 FROM social_accounts
                               WHERE provider = $12 AND uid = $9 AND uid_scope = $10 AND id <> $4)"
        } else {
            "UPDATE social_accounts SET extra_data = $1, encrypted_tokens = coalesce($3, encrypted_tokens),
               modified = CASE WHEN extra_data = $1 THEN modified WHEN modified < $2 THEN $2 ELSE modified + 1 END
             WHERE id = $4 AND user_id = $5 AND (extra_data = $1 OR modified = $8) AND EXISTS
               (SELECT 1 FROM users
                WHERE id = $5 AND is_active AND credential_generation = $6 AND token_generation = $7)"
        };
        let mut update = sqlx::query(statement)
            .bind(Json(&login.extra_data))
            .bind(login.now.0)
            .bind(&login.tokens)
            .bind(account_id)
            .bind(user.id)
            .bind(user.credential_generation)
            .bind(user.token_generation)
            .bind(read.0);
        if *rekeyed {
            update = update.bind(&login.uid).bind(&login.uid_scope).bind(false).bind(&login.provider);
        }
        match update.execute(&mut **tx).await {
            // Another node inserted the key meanwhile; the transaction is rolled back.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            updated => Ok(updated?.rows_affected() == 1),
        }
    }

    /// What a login gives, and what it takes away.
    async fn hand_out(tx: &mut Tx, login: &LoginCommit, written: &IssuedCredential) -> Result<()> {
        if let Some(session) = &login.end_session {
            sqlx::query("DELETE FROM sessions WHERE digest = $1").bind(session.as_bytes()).execute(&mut **tx).await?;
        }
        Self::insert_credential(tx, &written.credential).await?;
        if let (Some(ConsumedCredential::Code(code)), Some(answer)) = (&login.ends, &written.answer) {
            sqlx::query("UPDATE used_codes SET encrypted_answer = $1 WHERE code = $2")
                .bind(answer)
                .bind(code.as_bytes())
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }

    /// The new account's row and its user, as the transaction leaves them; `None`: overtaken.
    async fn place_account(tx: &mut Tx, login: &LoginCommit) -> Result<Option<User>> {
        match &login.who {
            // Written by `write_known`.
            LoginTarget::Known { .. } => Ok(None),
            LoginTarget::Attach { user_id, generation, .. } => {
                let Some(user) = Self::refreshed_user(tx, *user_id, *generation, login).await? else {
                    return Ok(None);
                };
                let inserted = Self::insert_account(tx, user.id, login).await?;
                Ok(inserted.then_some(user))
            }
            LoginTarget::Create { usernames, email, email_verified, verified_by, require_unclaimed_by } => {
                let address = EmailAddress::parse(email);
                if let Some(address) = &address
                    && Self::is_held(tx, address, require_unclaimed_by).await?
                {
                    return Ok(None);
                }
                let mut user = None;
                for username in usernames {
                    let row: Option<UserRow> = sqlx::query_as(concat!(
                        "INSERT INTO users
                           (username, first_name, last_name, email, email_lower, email_verified, created,
                            last_login, fields, email_verified_by, credential_generation)
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $7)
                         ON CONFLICT (username) DO NOTHING RETURNING ",
                        user_columns!(bare)
                    ))
                    .bind(truncated(username, MAX_NAME_LEN))
                    .bind(truncated(login.first_name.as_deref().unwrap_or_default(), MAX_NAME_LEN))
                    .bind(truncated(login.last_name.as_deref().unwrap_or_default(), MAX_NAME_LEN))
                    .bind(email)
                    .bind(EmailAddress::key_of_stored(email))
                    .bind(email_verified)
                    .bind(login.now.0)
                    .bind(login.set_last_login.then_some(login.now.0))
                    .bind(Json(&login.fields))
                    .bind(verified_by)
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

    /// The user, with what the login changes about it; `None` when it is gone or inactive, or has no longer the
    /// address by which it was found, or somebody else is called so by now.
    async fn refreshed_user(tx: &mut Tx, id: UserId, generation: i64, login: &LoginCommit) -> Result<Option<User>> {
        let user = Self::locked_user(tx, id).await?;
        let Some(mut user) = user.filter(|user| user.is_active && user.link_generation == generation) else {
            return Ok(None);
        };
        if let LoginTarget::Attach { by_email: Some(email), .. } = &login.who
            && !(user.email_verified && email.is_same_as_stored(&user.email))
        {
            return Ok(None);
        }
        let changed = login.change(&mut user);
        if changed && !Self::is_unique(tx, login, &user).await? {
            return Ok(None);
        }
        if changed || login.set_last_login {
            Self::write_changes(tx, login, &user).await?;
        }
        Ok(Some(user))
    }

    /// Whether what a login may overwrite is still what it was decided on; until the transaction ends it stays so.
    async fn is_as_read(tx: &mut Tx, who: &LoginTarget) -> Result<bool> {
        let LoginTarget::Known { user: read, .. } = who else { return Ok(true) };
        let now = Self::locked_user(tx, read.id).await?;
        Ok(now.is_some_and(|now| User { last_login: read.last_login, ..now } == **read))
    }

    /// Whether no other user has the username, or the verified address, that the login gives the user.
    async fn is_unique(tx: &mut Tx, login: &LoginCommit, user: &User) -> Result<bool> {
        if login.username.is_some() {
            let other: Option<i32> = sqlx::query_scalar("SELECT 1 FROM users WHERE username = $1 AND id <> $2")
                .bind(&user.username)
                .bind(user.id)
                .fetch_optional(&mut **tx)
                .await?;
            if other.is_some() {
                return Ok(false);
            }
        }
        let address = login.email.as_ref().filter(|_| user.email_verified);
        let Some(address) = address.and_then(|(email, _)| EmailAddress::parse(email)) else { return Ok(true) };
        Self::lock_email(tx, &address).await?;
        Ok(Self::having_email(&mut *tx, &address).await?.iter().all(|other| other.id == user.id))
    }

    /// What a login changes of a user.
    async fn write_changes(tx: &mut Tx, login: &LoginCommit, user: &User) -> Result<()> {
        sqlx::query(
            "UPDATE users
             SET first_name = $1, last_name = $2, fields = $4,
                 last_login = CASE WHEN last_login > $3 THEN last_login ELSE coalesce($3, last_login) END
             WHERE id = $5",
        )
        .bind(&user.first_name)
        .bind(&user.last_name)
        .bind(user.last_login.map(|at| at.0))
        .bind(Json(&user.fields))
        .bind(user.id)
        .execute(&mut **tx)
        .await?;
        if login.username.is_some() || login.email.is_some() {
            sqlx::query(
                "UPDATE users SET username = $1, email = $2, email_lower = $3, email_verified = $4,
                        email_verified_by = CASE WHEN email = $2 THEN email_verified_by ELSE $5 END
                 WHERE id = $6",
            )
            .bind(&user.username)
            .bind(&user.email)
            .bind(EmailAddress::key_of_stored(&user.email))
            .bind(user.email_verified)
            .bind(if user.email_verified { &login.provider } else { "" })
            .bind(user.id)
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    /// False when somebody else stored this account first.
    async fn insert_account(tx: &mut Tx, user: UserId, login: &LoginCommit) -> Result<bool> {
        let inserted = sqlx::query(
            "INSERT INTO social_accounts (user_id, provider, uid, uid_scope, extra_data, created, modified, encrypted_tokens)
             SELECT $1, $2, $3, $4, $5, $6, $6, $7
             WHERE NOT EXISTS (SELECT 1 FROM social_accounts
                               WHERE provider = $2 AND uid = $3
                                 AND (uid_scope = $4 OR (uid_scope = '' AND NOT legacy_uid)))
             ON CONFLICT (provider, uid, uid_scope) DO NOTHING",
        )
        .bind(user)
        .bind(&login.provider)
        .bind(&login.uid)
        .bind(&login.uid_scope)
        .bind(Json(&login.extra_data))
        .bind(login.now.0)
        .bind(&login.tokens)
        .execute(&mut **tx)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}

#[async_trait::async_trait]
impl LoginStore for Store {
    async fn commit_login(
        &self,
        mut login: LoginCommit,
        make: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send),
    ) -> Result<Committed> {
        if let LoginTarget::Known { user, .. } = &login.who {
            let mut user = user.clone();
            let changed = login.change(&mut user);
            let written = make(&user);
            login.audit.user_id = Some(user.id);
            let event = self.event_factory.as_ref().and_then(|event_factory| {
                let account = Some((login.provider.as_str(), login.uid.as_str()));
                event_factory(&UserEvent { audit: &login.audit, user: &user, account })
            });
            let known = KnownLogin { login, user, changed, written, event };
            return self.commit_known(known).await;
        }
        let mut tx = self.begin().await?;
        let Some(user) = Self::place_account(&mut tx, &login).await? else {
            tx.rollback().await?;
            return Ok(Committed::Stale);
        };
        let written = make(&user);
        if !Self::completes_pending_login(&mut tx, &login, &written).await? {
            tx.rollback().await?;
            return Ok(Committed::Taken);
        }
        if Self::is_full_of_knox(&mut tx, user.id, &login).await? {
            tx.rollback().await?;
            return Ok(Committed::TooManyTokens);
        }
        Self::hand_out(&mut tx, &login, &written).await?;
        login.audit.user_id = Some(user.id);
        self.insert_event(&mut tx, &login.audit, &user, Some((&login.provider, &login.uid))).await?;
        tx.commit().await?;
        Ok(Committed::Done(Box::new(user)))
    }
}
