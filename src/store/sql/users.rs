//! Users, their accounts, and the one transaction of a login.

/// Implements [`super::super::UserStore`].
macro_rules! user_store {
    ($store:ty, $lock:literal) => {
        impl $store {
            /// The user; until the transaction ends, nobody else changes the row. Whatever ends credentials, unlinks or
            /// deletes begins here or writes the row first, and so does a login: nobody waits crosswise.
            async fn locked_user(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
                let row: Option<UserRow> =
                    sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1", $lock))
                        .bind(id)
                        .fetch_optional(&mut **tx)
                        .await?;
                Ok(row.map(User::from))
            }

            async fn commit_known(&self, known: KnownLogin) -> Result<Committed> {
                let user = known.user.clone();
                // What may have to be undone is no part of a group.
                if known.login.knox_limit.is_some() || matches!(known.login.ends, Some(ConsumedCredential::StoredPendingLogin(_))) {
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
            async fn write_known(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
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
                    sqlx::query(
                        "UPDATE users SET last_login = $1 WHERE id = $2 AND (last_login IS NULL OR last_login < $1)",
                    )
                        .bind(login.now.0)
                        .bind(user.id)
                        .execute(&mut **tx)
                        .await?;
                }
                Self::hand_out(tx, login, written).await?;
                Self::write_audit_and_event(tx, &login.audit, user, event.as_ref()).await?;
                Ok(true)
            }

            /// What a login gives, and what it takes away.
            async fn hand_out(tx: &mut Tx, login: &LoginCommit, written: &IssuedCredential) -> Result<()> {
                if let Some(session) = &login.end_session {
                    sqlx::query("DELETE FROM sessions WHERE digest = $1")
                        .bind(session.as_bytes())
                        .execute(&mut **tx)
                        .await?;
                }
                Self::insert_credential(tx, &written.credential).await?;
                if let (Some(ConsumedCredential::Code(code)), Some(answer)) = (&login.ends, &written.answer) {
                    sqlx::query("UPDATE used_codes SET answer = $1 WHERE code = $2")
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
                                    last_login, fields, email_vouched_by, credential_generation)
                                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $7)
                                 ON CONFLICT (username) DO NOTHING RETURNING ",
                                user_columns!(bare)
                            ))
                            .bind(cut(username, LONGEST_NAME))
                            .bind(cut(login.first_name.as_deref().unwrap_or_default(), LONGEST_NAME))
                            .bind(cut(login.last_name.as_deref().unwrap_or_default(), LONGEST_NAME))
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
            async fn refreshed_user(
                tx: &mut Tx,
                id: UserId,
                generation: i64,
                login: &LoginCommit,
            ) -> Result<Option<User>> {
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

            /// A user's accounts with their sealed tokens, inside the transaction of whoever takes them away.
            async fn encrypted_of(tx: &mut Tx, user: UserId) -> Result<Vec<EncryptedTokens>> {
                let rows: Vec<EncryptedTokensRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    encrypted_tokens_columns!(),
                    " FROM social_accounts WHERE user_id = $1 ORDER BY id"
                ))
                .bind(user)
                .fetch_all(&mut **tx)
                .await?;
                Ok(rows.into_iter().map(EncryptedTokensRow::split).collect())
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

            /// The users with this address, whether it is verified or not.
            async fn having_email(
                connection: &mut <Tx as std::ops::Deref>::Target,
                email: &EmailAddress,
            ) -> Result<Vec<User>> {
                let [key, in_unicode, in_lower_case] = &email.lookup_keys();
                let rows: Vec<UserRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users u WHERE u.email_lower IN ($1, $2, $3) AND u.email_lower <> '' ORDER BY u.id LIMIT 100"
                ))
                .bind(key)
                .bind(in_unicode)
                .bind(in_lower_case)
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(User::from).filter(|user| email.is_same_as_stored(&user.email)).collect())
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
                                email_vouched_by = CASE WHEN email = $2 THEN email_vouched_by ELSE $5 END
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
                    "INSERT INTO social_accounts (user_id, provider, uid, uid_scope, extra_data, created, modified, tokens)
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
        impl UserStore for $store {
            async fn accounts_by_uid(&self, provider: &str, uids: &[&str]) -> Result<Vec<(SocialAccount, User)>> {
                self.read_accounts_by_uid(provider, uids).await
            }

            async fn uid_scopes(&self, provider: &str) -> Result<Vec<String>> {
                self.read_uid_scopes(provider).await
            }

            async fn legacy_uids(&self) -> Result<Vec<(String, i64)>> {
                self.count_legacy_uids().await
            }

            async fn user(&self, id: UserId) -> Result<Option<User>> {
                let row: Option<UserRow> =
                    sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1"))
                        .bind(id)
                        .fetch_optional(&mut *self.reader().await?)
                        .await?;
                Ok(row.map(User::from))
            }

            async fn users_by_email(&self, email: &EmailAddress) -> Result<Vec<User>> {
                Self::having_email(&mut *self.reader().await?, email).await
            }

            async fn users_with_verified_email(&self, email: &EmailAddress, trusted_email_sources: &[String]) -> Result<Vec<User>> {
                Self::holders(&mut *self.reader().await?, email, trusted_email_sources).await
            }

            async fn accounts_of(&self, user: UserId) -> Result<Vec<SocialAccount>> {
                let rows: Vec<AccountRow> = sqlx::query_as(
                    "SELECT id AS account_id, user_id, provider, uid, uid_scope, legacy_uid, extra_data,
                            created AS account_created, modified
                     FROM social_accounts WHERE user_id = $1 ORDER BY id",
                )
                .bind(user)
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(rows.into_iter().map(SocialAccount::from).collect())
            }

            async fn unlink(
                &self,
                user: UserId,
                account: i64,
                counts: &(dyn for<'a> Fn(&'a str) -> bool + Sync),
                audit: &AuditEvent,
            ) -> Result<Unlinked> {
                let mut tx = self.begin().await?;
                let Some(owner) = Self::locked_user(&mut tx, user).await? else { return Ok(Unlinked::NotFound) };
                let mut found = None;
                let mut others = 0;
                for (row, tokens) in Self::encrypted_of(&mut tx, user).await? {
                    if row.id == account {
                        found = Some((row, tokens));
                    } else if counts(&row.provider) {
                        others += 1;
                    }
                }
                let Some((row, tokens)) = found else { return Ok(Unlinked::NotFound) };
                if others == 0 {
                    return Ok(Unlinked::LastWayIn);
                }
                sqlx::query("DELETE FROM social_accounts WHERE id = $1").bind(account).execute(&mut *tx).await?;
                let audit = AuditEvent { provider: Some(row.provider.clone()), ..audit.clone() };
                self.insert_event(&mut tx, &audit, &owner, Some((&row.provider, &row.uid))).await?;
                tx.commit().await?;
                Ok(Unlinked::Done(Box::new(row), tokens))
            }

            async fn account_tokens(
                &self,
                user: UserId,
                account: i64,
            ) -> Result<Option<EncryptedTokens>> {
                let row: Option<EncryptedTokensRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    encrypted_tokens_columns!(),
                    " FROM social_accounts WHERE id = $1 AND user_id = $2"
                ))
                .bind(account)
                .bind(user)
                .fetch_optional(&mut *self.reader().await?)
                .await?;
                Ok(row.map(EncryptedTokensRow::split))
            }

            async fn lease_tokens(&self, account: i64, now: UnixMillis, until: UnixMillis) -> Result<bool> {
                let leased = sqlx::query(
                    "UPDATE social_accounts SET leased = $1 WHERE id = $2 AND (leased IS NULL OR leased <= $3)",
                )
                .bind(until.0)
                .bind(account)
                .bind(now.0)
                .execute(&self.writer())
                .await?;
                Ok(leased.rows_affected() == 1)
            }

            async fn end_lease(&self, account: i64) -> Result<()> {
                sqlx::query("UPDATE social_accounts SET leased = NULL WHERE id = $1")
                    .bind(account)
                    .execute(&self.writer())
                    .await?;
                Ok(())
            }

            async fn encrypted_tokens(&self, after: i64, most: i64) -> Result<Vec<(SocialAccount, Vec<u8>)>> {
                let rows: Vec<EncryptedTokensRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    encrypted_tokens_columns!(),
                    " FROM social_accounts WHERE id > $1 AND tokens IS NOT NULL ORDER BY id LIMIT $2"
                ))
                .bind(after)
                .bind(most)
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(rows.into_iter().map(EncryptedTokensRow::split).filter_map(|(row, tokens)| Some((row, tokens?))).collect())
            }

            async fn drop_tokens(&self, account: i64, old: &[u8], audit: &AuditEvent) -> Result<bool> {
                self.delete_tokens(account, old, audit).await
            }

            async fn replace_encrypted_tokens(&self, account: i64, old: &[u8], new: &[u8]) -> Result<bool> {
                let reencrypted = sqlx::query("UPDATE social_accounts SET tokens = $1 WHERE id = $2 AND tokens = $3")
                    .bind(new)
                    .bind(account)
                    .bind(old)
                    .execute(&self.writer())
                    .await?;
                Ok(reencrypted.rows_affected() == 1)
            }

            async fn reencrypt_all(&self, reencrypted: &[ReencryptedTokens]) -> Result<u64> {
                let mut done = 0;
                for batch in reencrypted.chunks(KEY_BATCH) {
                    let mut query = Builder::new("WITH resealed (id, former, fresh) AS (");
                    query.push_values(batch, |mut row, text| {
                        row.push_bind(text.account).push_bind(text.old.clone()).push_bind(text.new.clone());
                    });
                    query.push(
                        ") UPDATE social_accounts SET tokens = resealed.fresh FROM resealed
                         WHERE social_accounts.id = resealed.id AND social_accounts.tokens = resealed.former",
                    );
                    done += query.build().persistent(false).execute(&self.writer()).await?.rows_affected();
                }
                Ok(done)
            }

            async fn count_encrypted(&self, beginning: &[u8]) -> Result<i64> {
                let count = sqlx::query_scalar(
                    "SELECT count(*) FROM social_accounts WHERE tokens IS NOT NULL AND substr(tokens, 1, length($1)) = $1",
                )
                .bind(beginning)
                .fetch_one(&mut *self.reader().await?)
                .await?;
                Ok(count)
            }

            async fn users(&self, search: UserSearch<'_>, most: i64) -> Result<Vec<User>> {
                self.found_users(search, most).await
            }

            async fn user_by_username(&self, username: &str) -> Result<Option<User>> {
                let row: Option<UserRow> =
                    sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username = $1"))
                        .bind(username)
                        .fetch_optional(&mut *self.reader().await?)
                        .await?;
                Ok(row.map(User::from))
            }

            async fn set_active(&self, user: UserId, active: bool, now: UnixMillis) -> Result<bool> {
                let mut tx = self.begin().await?;
                let Some(before) = Self::locked_user(&mut tx, user).await? else { return Ok(false) };
                if before.is_active == active {
                    return Ok(true);
                }
                let updated = User { is_active: active, ..before };
                sqlx::query("UPDATE users SET is_active = $1 WHERE id = $2")
                    .bind(active)
                    .bind(user)
                    .execute(&mut *tx)
                    .await?;
                // A login that was under way when the user was deactivated may have left something: it must not come to
                // life again.
                Self::revoke_all(&mut tx, user, now).await?;
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
                            email_verified = $6, fields = $7, edited = $8,
                            email_vouched_by = CASE WHEN $6 THEN email_vouched_by ELSE '' END WHERE id = $9",
                )
                .bind(&after.username)
                .bind(&after.first_name)
                .bind(&after.last_name)
                .bind(&after.email)
                .bind(EmailAddress::key_of_stored(&after.email))
                .bind(after.email_verified)
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

            async fn delete_user(&self, user: UserId, audit: &AuditEvent) -> Result<Option<Vec<EncryptedTokens>>> {
                let mut tx = self.begin().await?;
                let Some(deleted) = Self::locked_user(&mut tx, user).await? else { return Ok(None) };
                let accounts = Self::encrypted_of(&mut tx, user).await?;
                sqlx::query("DELETE FROM users WHERE id = $1").bind(user).execute(&mut *tx).await?;
                Self::forget_events(&mut tx, user).await?;
                self.insert_event(&mut tx, audit, &deleted, None).await?;
                tx.commit().await?;
                Ok(Some(accounts))
            }

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
    };
}
pub(in crate::store) use user_store;
