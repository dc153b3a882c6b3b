//! Import: for each batch of rows, one read of the existing rows and one insert of the others.

use std::collections::{HashMap, HashSet};

use sqlx::types::Json;

use super::{Builder, Key, Store, Tx, push_list};
use crate::clock::UnixMillis;
use crate::model::{AccountId, EmailAddress, KnoxRow, RefreshRow, SessionRow, TokenRow, User, UserId};
use crate::store::accounts::StoredAccount;
use crate::store::django::PAGE;
use crate::store::error::Result;
use crate::store::import::{ConflictKind, ImportStore, RowOutcome};
use crate::store::import_rows::{KnownAccount, KnownUser, credential_outcome, mark_unwritten, with_outcome};
use crate::store::names::{MAX_NAME_LEN, truncated};

/// Whether a statement of so many rows is kept prepared: full pages repeat it, and its text is long.
fn is_page(rows: usize) -> bool {
    usize::try_from(PAGE) == Ok(rows)
}

impl Store {
    /// Existing users with an id or a username of these.
    async fn known_users(&self, users: &[User]) -> Result<Vec<KnownUser>> {
        const COLUMNS: &str = "SELECT id, username, created, is_active, fields, edited FROM users WHERE ";
        let mut by_id = Builder::new(format!("{COLUMNS} id IN "));
        push_list(&mut by_id, users.iter().map(|user| user.id));
        let mut known: Vec<KnownUser> =
            by_id.build_query_as().persistent(is_page(users.len())).fetch_all(&mut *self.reader().await?).await?;
        let mut by_name = Builder::new(format!("{COLUMNS} username IN "));
        push_list(&mut by_name, users.iter().map(|user| user.username.as_str()));
        known.extend(
            by_name
                .build_query_as::<KnownUser>()
                .persistent(is_page(users.len()))
                .fetch_all(&mut *self.reader().await?)
                .await?,
        );
        Ok(known)
    }

    async fn insert_users(&self, users: &[&User]) -> Result<HashSet<UserId>> {
        let mut insert = Builder::new(
            "INSERT INTO users (id, username, first_name, last_name, email, email_lower, email_verified,
                                is_active, created, credential_generation, last_login, fields) ",
        );
        insert.push_values(users, |mut row, user| {
            row.push_bind(user.id)
                .push_bind(user.username.as_str())
                .push_bind(truncated(&user.first_name, MAX_NAME_LEN))
                .push_bind(truncated(&user.last_name, MAX_NAME_LEN))
                .push_bind(user.email.as_str())
                .push_bind(EmailAddress::key_of_stored(&user.email))
                .push_bind(user.email_verified)
                .push_bind(user.is_active)
                .push_bind(user.created.0)
                .push_bind(user.credential_generation)
                .push_bind(user.last_login.map(|at| at.0))
                .push_bind(Some(&user.fields).filter(|fields| !fields.is_empty()).map(Json));
        });
        insert.push(" ON CONFLICT DO NOTHING RETURNING id");
        let mut tx = self.begin().await?;
        let written: Vec<UserId> =
            insert.build_query_scalar().persistent(is_page(users.len())).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(written.into_iter().collect())
    }

    /// Adds values to declared fields that have none.
    async fn fill_users(&self, users: &[&User]) -> Result<()> {
        let mut tx = self.begin().await?;
        // A write, so that no other transaction changes the users before this one ends.
        let mut locked = Builder::new("UPDATE users SET id = id WHERE id IN ");
        push_list(&mut locked, users.iter().map(|user| user.id));
        locked.push(" RETURNING id, username, created, is_active, fields, edited");
        let known: Vec<KnownUser> =
            locked.build_query_as().persistent(is_page(users.len())).fetch_all(&mut *tx).await?;
        let by_id: HashMap<UserId, &KnownUser> = known.iter().map(|user| (user.id, user)).collect();
        let filled =
            users.iter().filter_map(|user| Some((user.id, by_id.get(&user.id)?.with_missing_fields(&user.fields)?)));
        let filled: Vec<_> = filled.collect();
        if !filled.is_empty() {
            let mut update = Builder::new("WITH filled (id, fields) AS (");
            update.push_values(filled, |mut row, (id, fields)| {
                row.push_bind(id).push_bind(Json(fields));
            });
            update.push(") UPDATE users SET fields = filled.fields FROM filled WHERE users.id = filled.id");
            update.build().persistent(false).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Existing accounts with an id, or a provider and uid, of these.
    async fn known_accounts(&self, accounts: &[StoredAccount]) -> Result<Vec<KnownAccount>> {
        const COLUMNS: &str = "SELECT id, user_id, provider, uid FROM social_accounts WHERE ";
        let mut by_id = Builder::new(format!("{COLUMNS} id IN "));
        push_list(&mut by_id, accounts.iter().map(|stored| stored.account.id));
        let mut known: Vec<KnownAccount> =
            by_id.build_query_as().persistent(is_page(accounts.len())).fetch_all(&mut *self.reader().await?).await?;
        // SQLite would read the whole table for `(provider, uid) IN (VALUES ...)`.
        let mut by_uid = Builder::new("WITH wanted (provider, uid) AS (");
        by_uid.push_values(accounts, |mut row, StoredAccount { account, .. }| {
            row.push_bind(account.provider.as_str()).push_bind(account.uid.as_str());
        });
        by_uid.push(
            ") SELECT a.id, a.user_id, a.provider, a.uid FROM wanted w CROSS JOIN social_accounts a
             WHERE a.provider = w.provider AND a.uid = w.uid",
        );
        known.extend(
            by_uid
                .build_query_as::<KnownAccount>()
                .persistent(is_page(accounts.len()))
                .fetch_all(&mut *self.reader().await?)
                .await?,
        );
        Ok(known)
    }

    /// Returns (provider, uid) of the inserted accounts. `renumbered`: they get new ids.
    async fn insert_accounts(
        tx: &mut Tx,
        accounts: &[&StoredAccount],
        renumbered: bool,
    ) -> Result<Vec<(String, String)>> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let id = if renumbered { "" } else { "id, " };
        let mut insert = Builder::new(format!(
            "INSERT INTO social_accounts
               ({id}user_id, provider, uid, uid_scope, legacy_uid, extra_data, created, modified, encrypted_tokens) "
        ));
        insert.push_values(accounts, |mut row, StoredAccount { account, encrypted_tokens }| {
            if !renumbered {
                row.push_bind(account.id);
            }
            row.push_bind(account.user_id)
                .push_bind(account.provider.as_str())
                .push_bind(account.uid.as_str())
                .push_bind(account.uid_scope.as_str())
                .push_bind(account.legacy_uid)
                .push_bind(Json(&account.extra_data))
                .push_bind(account.created.0)
                .push_bind(account.modified.0)
                .push_bind(encrypted_tokens.as_deref());
        });
        insert.push(" ON CONFLICT DO NOTHING RETURNING provider, uid");
        Ok(insert.build_query_as().persistent(is_page(accounts.len())).fetch_all(&mut **tx).await?)
    }

    /// The users of the existing credentials with these keys.
    async fn owners<K: Key>(
        &self,
        table: &str,
        column: &str,
        keys: impl Iterator<Item = K> + Send,
    ) -> Result<HashMap<K, UserId>> {
        let keys: Vec<K> = keys.collect();
        let mut query = Builder::new(format!("SELECT {column}, user_id FROM {table} WHERE {column} IN "));
        let count = keys.len();
        push_list(&mut query, keys);
        let rows: Vec<(K, UserId)> =
            query.build_query_as().persistent(is_page(count)).fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.into_iter().collect())
    }

    /// The existing ones of these refresh tokens, and whether each is not blacklisted. Reads no others of the user.
    async fn known_refresh_tokens(
        &self,
        keys: impl Iterator<Item = (UserId, String)> + Send,
    ) -> Result<HashMap<(UserId, String), bool>> {
        let keys: Vec<_> = keys.collect();
        let mut query = Builder::new("WITH wanted (user_id, jti) AS (");
        query.push_values(&keys, |mut row, (user, jti)| {
            row.push_bind(*user).push_bind(jti.as_str());
        });
        query.push(
            ") SELECT r.user_id, r.jti, r.blacklisted IS NULL FROM wanted w CROSS JOIN refresh_tokens r
             WHERE r.user_id = w.user_id AND r.jti = w.jti",
        );
        let rows: Vec<(UserId, String, bool)> =
            query.build_query_as().persistent(is_page(keys.len())).fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.into_iter().map(|(user, jti, is_valid)| ((user, jti), is_valid)).collect())
    }

    /// Runs an insert of `rows` rows and returns the keys of the inserted rows.
    async fn insert_returning<K: Key>(&self, mut insert: Builder, rows: usize, column: &str) -> Result<HashSet<K>> {
        insert.push(format!(" ON CONFLICT DO NOTHING RETURNING {column}"));
        let mut tx = self.begin().await?;
        let written: Vec<K> = insert.build_query_scalar().persistent(is_page(rows)).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(written.into_iter().collect())
    }
}

#[async_trait::async_trait]
impl ImportStore for Store {
    async fn reserve_ids(&self, user: UserId, account: AccountId) -> Result<()> {
        self.raise_ids(user, account).await?;
        Ok(())
    }

    async fn import_users(&self, users: &[User], write: bool) -> Result<Vec<RowOutcome>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.known_users(users).await?;
        let by_id: HashMap<UserId, &KnownUser> = known.iter().map(|user| (user.id, user)).collect();
        let names: HashSet<&str> = known.iter().map(|user| user.username.as_str()).collect();
        let outcome = |user: &User| match by_id.get(&user.id) {
            Some(known) => known.outcome(user),
            None if names.contains(user.username.as_str()) => RowOutcome::Conflict(ConflictKind::Username),
            None => RowOutcome::Inserted,
        };
        let mut outcomes: Vec<RowOutcome> = users.iter().map(outcome).collect();
        let new = with_outcome(users, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let written = self.insert_users(&new).await?;
            mark_unwritten(&mut outcomes, users.iter().map(|user| user.id), &written);
        }
        let there = with_outcome(users, &outcomes, RowOutcome::FieldsAdded);
        if write && !there.is_empty() {
            self.fill_users(&there).await?;
        }
        Ok(outcomes)
    }

    async fn import_accounts(&self, accounts: &[StoredAccount], write: bool) -> Result<Vec<RowOutcome>> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.known_accounts(accounts).await?;
        let ids: HashSet<AccountId> = known.iter().map(|account| account.id).collect();
        let mut owners: HashMap<(&str, &str), UserId> =
            known.iter().map(|known| ((known.provider.as_str(), known.uid.as_str()), known.user_id)).collect();
        let mut outcomes: Vec<RowOutcome> = Vec::with_capacity(accounts.len());
        for StoredAccount { account, .. } in accounts {
            // Of two rows in one batch the first gets the key.
            let key = (account.provider.as_str(), account.uid.as_str());
            let owner = owners.get(&key).copied();
            owners.entry(key).or_insert(account.user_id);
            outcomes.push(match owner {
                Some(owner) if owner == account.user_id => RowOutcome::Exists,
                Some(_) => RowOutcome::Conflict(ConflictKind::Account),
                None if ids.contains(&account.id) => RowOutcome::Renumbered,
                None => RowOutcome::Inserted,
            });
        }
        if write && outcomes.iter().any(|outcome| matches!(outcome, RowOutcome::Inserted | RowOutcome::Renumbered)) {
            let mut tx = self.begin().await?;
            let same = with_outcome(accounts, &outcomes, RowOutcome::Inserted);
            let other = with_outcome(accounts, &outcomes, RowOutcome::Renumbered);
            let mut written = Self::insert_accounts(&mut tx, &same, false).await?;
            written.extend(Self::insert_accounts(&mut tx, &other, true).await?);
            tx.commit().await?;
            let keys =
                accounts.iter().map(|StoredAccount { account, .. }| (account.provider.clone(), account.uid.clone()));
            mark_unwritten(&mut outcomes, keys, &written.into_iter().collect());
        }
        Ok(outcomes)
    }

    async fn import_tokens(&self, tokens: &[TokenRow], write: bool) -> Result<Vec<RowOutcome>> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || tokens.iter().map(|token| token.digest.as_bytes().to_vec());
        let owners = self.owners("tokens", "digest", keys()).await?;
        let mut outcomes: Vec<RowOutcome> = tokens
            .iter()
            .map(|token| credential_outcome(owners.get(token.digest.as_bytes()).copied(), token.user_id))
            .collect();
        let new = with_outcome(tokens, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let count = new.len();
            let mut insert = Builder::new("INSERT INTO tokens (digest, user_id, created, last_used) ");
            insert.push_values(new, |mut row, token| {
                row.push_bind(token.digest.as_bytes())
                    .push_bind(token.user_id)
                    .push_bind(token.created.0)
                    .push_bind(token.created.0);
            });
            mark_unwritten(&mut outcomes, keys(), &self.insert_returning(insert, count, "digest").await?);
        }
        Ok(outcomes)
    }

    async fn import_knox(&self, tokens: &[KnoxRow], write: bool) -> Result<Vec<RowOutcome>> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || tokens.iter().map(|token| token.digest.clone());
        let owners = self.owners("knox_tokens", "digest", keys()).await?;
        let mut outcomes: Vec<RowOutcome> =
            tokens.iter().map(|token| credential_outcome(owners.get(&token.digest).copied(), token.user_id)).collect();
        let new = with_outcome(tokens, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let count = new.len();
            let mut insert =
                Builder::new("INSERT INTO knox_tokens (digest, token_key, user_id, created, expires, last_used) ");
            insert.push_values(new, |mut row, token| {
                row.push_bind(token.digest.as_str())
                    .push_bind(token.token_key.as_str())
                    .push_bind(token.user_id)
                    .push_bind(token.created.0)
                    .push_bind(token.expires.map(|at| at.0))
                    .push_bind(token.last_used.0);
            });
            mark_unwritten(&mut outcomes, keys(), &self.insert_returning(insert, count, "digest").await?);
        }
        Ok(outcomes)
    }

    async fn import_refresh(
        &self,
        tokens: &[(RefreshRow, Option<UnixMillis>)],
        write: bool,
    ) -> Result<Vec<RowOutcome>> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || tokens.iter().map(|(token, _)| token.jti.clone());
        let known =
            self.known_refresh_tokens(tokens.iter().map(|(token, _)| (token.user_id, token.jti.clone()))).await?;
        let outcome = |(token, blacklisted): &(RefreshRow, Option<UnixMillis>)| {
            match known.get(&(token.user_id, token.jti.clone())) {
                Some(is_valid) if !is_valid || blacklisted.is_none() => RowOutcome::Exists,
                // New, or blacklisted since the last import.
                _ => RowOutcome::Inserted,
            }
        };
        let mut outcomes: Vec<RowOutcome> = tokens.iter().map(outcome).collect();
        let new: Vec<_> = with_outcome(tokens, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let count = new.len();
            let mut insert = Builder::new(
                "INSERT INTO refresh_tokens AS known
                   (jti, family, kind, user_id, created, family_created, expires, last_used, blacklisted) ",
            );
            insert.push_values(new, |mut row, (token, blacklisted)| {
                row.push_bind(token.jti.as_str())
                    .push_bind(token.family.as_str())
                    .push_bind(token.kind.to_string())
                    .push_bind(token.user_id)
                    .push_bind(token.created.0)
                    .push_bind(token.family_created.0)
                    .push_bind(token.expires.0)
                    .push_bind(token.created.0)
                    .push_bind(blacklisted.map(|at| at.0));
            });
            insert.push(
                " ON CONFLICT (user_id, jti) DO UPDATE SET blacklisted = excluded.blacklisted
                    WHERE known.blacklisted IS NULL AND excluded.blacklisted IS NOT NULL
                  RETURNING jti",
            );
            let mut tx = self.begin().await?;
            let written: Vec<String> =
                insert.build_query_scalar().persistent(is_page(count)).fetch_all(&mut *tx).await?;
            tx.commit().await?;
            mark_unwritten(&mut outcomes, keys(), &written.into_iter().collect());
        }
        Ok(outcomes)
    }

    async fn import_sessions(&self, sessions: &[SessionRow], write: bool) -> Result<Vec<RowOutcome>> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || sessions.iter().map(|session| session.digest.as_bytes().to_vec());
        let owners = self.owners("sessions", "digest", keys()).await?;
        let mut outcomes: Vec<RowOutcome> = sessions
            .iter()
            .map(|session| credential_outcome(owners.get(session.digest.as_bytes()).copied(), session.user_id))
            .collect();
        let new = with_outcome(sessions, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let count = new.len();
            let mut insert = Builder::new("INSERT INTO sessions (digest, user_id, created, expires, last_used) ");
            insert.push_values(new, |mut row, session| {
                row.push_bind(session.digest.as_bytes())
                    .push_bind(session.user_id)
                    .push_bind(session.created.0)
                    .push_bind(session.expires.0)
                    .push_bind(session.last_used.0);
            });
            mark_unwritten(&mut outcomes, keys(), &self.insert_returning(insert, count, "digest").await?);
        }
        Ok(outcomes)
    }
}
