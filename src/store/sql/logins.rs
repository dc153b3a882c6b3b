//! The transaction of a finished login.

use sqlx::types::Json;

use super::{Store, Tx};
use crate::model::{EmailAddress, MAX_NAME_LEN, User, UserEvent, UserId, truncated};
use crate::store::error::Result;
use crate::store::login_commit::{
    Committed, ConsumedCredential, IssuedCredential, KnownLogin, LoginCommit, LoginTarget,
};
use crate::store::logins::LoginStore;
use crate::store::stored_rows::{UserRow, user_columns};

impl Store {
    async fn commit_known(&self, known: KnownLogin) -> Result<Committed> {
        let user = known.user.clone();
        // A write that may have to be undone.
        if known.login.knox_limit.is_some()
            || matches!(known.login.consumes, Some(ConsumedCredential::StoredPendingLogin(_)))
        {
            let mut shared = self.shared_transaction();
            loop {
                let refused = Self::write_undoable(shared.get().await?, &known).await?;
                if shared.end(refused.is_none()).await? {
                    return Ok(refused.unwrap_or(Committed::Done(user)));
                }
            }
        }
        Ok(if self.commit_known_login(known).await? { Committed::Done(user) } else { Committed::Stale })
    }

    /// [`Self::write_known`] with the checks that may refuse it. `None`: it was written.
    async fn write_undoable(tx: &mut Tx, known: &KnownLogin) -> Result<Option<Committed>> {
        let KnownLogin { login, user, issued, .. } = known;
        Self::locked_user(tx, user.id).await?;
        if !Self::completes_pending_login(tx, login, issued).await? {
            return Ok(Some(Committed::AlreadyCompleted));
        }
        if Self::has_max_knox(tx, user.id, login).await? {
            return Ok(Some(Committed::TooManyTokens));
        }
        Ok((!Self::write_known(tx, known).await?).then_some(Committed::Stale))
    }

    /// Writes a login with a new account. Other results than [`Committed::Done`] must be rolled back.
    async fn write_new(
        &self,
        tx: &mut Tx,
        login: &mut LoginCommit,
        issue: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send),
    ) -> Result<Committed> {
        let Some(user) = Self::insert_account_and_user(tx, login).await? else { return Ok(Committed::Stale) };
        let issued = issue(&user);
        if !Self::completes_pending_login(tx, login, &issued).await? {
            return Ok(Committed::AlreadyCompleted);
        }
        if Self::has_max_knox(tx, user.id, login).await? {
            return Ok(Committed::TooManyTokens);
        }
        Self::store_credential(tx, login, &issued).await?;
        login.audit.user_id = Some(user.id);
        let account = Some((login.provider.as_str(), login.uid.as_str()));
        let user_event = UserEvent { audit: &login.audit, user: &user, account, data: login.data.as_ref() };
        self.insert_user_event(tx, &user_event).await?;
        Ok(Committed::Done(Box::new(user)))
    }

    /// Completes the pending login that this login consumes, if any. False: it was completed before, or does not exist. Call
    /// it before the knox tokens are counted: the completing login may have issued one.
    async fn completes_pending_login(tx: &mut Tx, login: &LoginCommit, issued: &IssuedCredential) -> Result<bool> {
        let Some(ConsumedCredential::StoredPendingLogin(token)) = &login.consumes else { return Ok(true) };
        Self::complete_pending_login(tx, token, issued.answer.as_deref().unwrap_or_default(), login.now).await
    }

    /// Writes a login of a known account. False: the account or its user changed after it was read; nothing was written.
    pub(in crate::store) async fn write_known(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
        let KnownLogin { login, user, is_user_changed, issued, event } = known;
        if *is_user_changed && !(Self::is_as_read(tx, &login.target).await? && Self::is_unique(tx, login, user).await?)
        {
            return Ok(false);
        }
        if !Self::update_account(tx, known).await? {
            return Ok(false);
        }
        if *is_user_changed {
            Self::write_changes(tx, login, user).await?;
        } else if login.set_last_login {
            sqlx::query("UPDATE users SET last_login = $1 WHERE id = $2 AND (last_login IS NULL OR last_login < $1)")
                .bind(login.now.0)
                .bind(user.id)
                .execute(&mut **tx)
                .await?;
        }
        Self::store_credential(tx, login, issued).await?;
        Self::write_audit_and_event(tx, &login.audit, user, event.as_ref()).await?;
        Ok(true)
    }

    /// Updates the row of a known account, if the login changes it. False: the row or its user changed after it was read, or another account has the
    /// new key; nothing was written.
    async fn update_account(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
        let KnownLogin { login, user, .. } = known;
        let LoginTarget::Known { account_id, account_modified, is_rekeyed, .. } = &login.target else {
            return Ok(false);
        };
        if !known.changes_account() {
            let found: Option<i32> = sqlx::query_scalar(
                "SELECT 1 FROM social_accounts a JOIN users u ON u.id = a.user_id
                 WHERE a.id = $1 AND a.user_id = $2 AND u.is_active AND u.credential_generation = $3
                   AND u.token_generation = $4",
            )
            .bind(account_id)
            .bind(user.id)
            .bind(user.credential_generation)
            .bind(user.token_generation)
            .fetch_optional(&mut **tx)
            .await?;
            return Ok(found.is_some());
        }
        let statement = if *is_rekeyed {
            // Tokens that were encrypted for the former key cannot be decrypted with the new one, so they go.
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
            .bind(account_modified.0);
        if *is_rekeyed {
            update = update.bind(&login.uid).bind(&login.uid_scope).bind(false).bind(&login.provider);
        }
        match update.execute(&mut **tx).await {
            // A concurrent transaction inserted the key. The caller rolls back.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            updated => Ok(updated?.rows_affected() == 1),
        }
    }

    /// Revokes the session that the login replaces, stores the credential and the answer.
    async fn store_credential(tx: &mut Tx, login: &LoginCommit, issued: &IssuedCredential) -> Result<()> {
        if let Some(session) = &login.revoked_session {
            sqlx::query("DELETE FROM sessions WHERE digest = $1").bind(session.as_bytes()).execute(&mut **tx).await?;
        }
        Self::insert_credential(tx, &issued.credential).await?;
        if let (Some(ConsumedCredential::Code(code)), Some(answer)) = (&login.consumes, &issued.answer) {
            sqlx::query("UPDATE used_codes SET encrypted_answer = $1 WHERE code = $2")
                .bind(answer)
                .bind(code.as_bytes())
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }

    /// Inserts the new account, and its user where there is none. `None`: the decision is stale.
    async fn insert_account_and_user(tx: &mut Tx, login: &LoginCommit) -> Result<Option<User>> {
        match &login.target {
            // `commit_known` writes these.
            LoginTarget::Known { .. } => Ok(None),
            LoginTarget::Link { user_id, generation, .. } => {
                let Some(user) = Self::update_linked_user(tx, *user_id, *generation, login).await? else {
                    return Ok(None);
                };
                let inserted = Self::insert_account(tx, user.id, login).await?;
                Ok(inserted.then_some(user))
            }
            LoginTarget::Create { usernames, email, email_verified, verified_by, require_unclaimed_by } => {
                let address = EmailAddress::parse(email);
                if let Some(address) = &address
                    && Self::is_verified_address_taken(tx, address, require_unclaimed_by).await?
                {
                    return Ok(None);
                }
                let mut user = None;
                for username in usernames {
                    // A conflict would use up an id: the condition avoids it, but for concurrent logins on PostgreSQL.
                    let row: Option<UserRow> = sqlx::query_as(concat!(
                        "INSERT INTO users
                           (username, first_name, last_name, email, email_lower, email_verified, created,
                            last_login, fields, email_verified_by, credential_generation)
                         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $7
                         WHERE NOT EXISTS (SELECT 1 FROM users WHERE username = $1)
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

    /// Locks the user of a new account and writes the login's changes. `None`, the decision is stale: the user is deleted,
    /// inactive, revoked the link or lost the address by which it was found, or another user has the new name or address.
    async fn update_linked_user(tx: &mut Tx, id: UserId, generation: i64, login: &LoginCommit) -> Result<Option<User>> {
        let user = Self::locked_user(tx, id).await?;
        let Some(mut user) = user.filter(|user| user.is_active && user.link_generation == generation) else {
            return Ok(None);
        };
        if let LoginTarget::Link { by_email: Some(email), .. } = &login.target
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

    /// Whether the user is unchanged since it was read. Locks it.
    async fn is_as_read(tx: &mut Tx, target: &LoginTarget) -> Result<bool> {
        let LoginTarget::Known { user: read, .. } = target else { return Ok(true) };
        let now = Self::locked_user(tx, read.id).await?;
        Ok(now.is_some_and(|now| User { last_login: read.last_login, ..now } == **read))
    }

    /// Whether no other user has the new username or the new verified address.
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
        let Some(address) = address.and_then(|new| EmailAddress::parse(&new.address)) else { return Ok(true) };
        Self::lock_email(tx, &address).await?;
        Ok(Self::with_email(&mut *tx, &address).await?.iter().all(|other| other.id == user.id))
    }

    /// Writes the changes of a login to a user.
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
                "UPDATE users SET username = $1, email = $2, email_lower = $3, email_verified = $4, email_verified_by = $5
                 WHERE id = $6",
            )
            .bind(&user.username)
            .bind(&user.email)
            .bind(EmailAddress::key_of_stored(&user.email))
            .bind(user.email_verified)
            .bind(&user.email_verified_by)
            .bind(user.id)
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    /// False: the account exists.
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
        issue: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send),
    ) -> Result<Committed> {
        if let LoginTarget::Known { user, .. } = &login.target {
            let mut user = user.clone();
            let is_user_changed = login.change(&mut user);
            let issued = issue(&user);
            login.audit.user_id = Some(user.id);
            let event = self.event_factory.as_ref().and_then(|event_factory| {
                let account = Some((login.provider.as_str(), login.uid.as_str()));
                let data = login.data.as_ref();
                event_factory(&UserEvent { audit: &login.audit, user: &user, account, data })
            });
            let known = KnownLogin { login, user, is_user_changed, issued, event };
            return self.commit_known(known).await;
        }
        let mut shared = self.shared_transaction();
        loop {
            let committed = self.write_new(shared.get().await?, &mut login, issue).await?;
            if shared.end(matches!(committed, Committed::Done(_))).await? {
                return Ok(committed);
            }
        }
    }
}
