//! Import: rows that are probably new are inserted at once; others are compared with the existing rows first, and the missing
//! ones are inserted.

use std::collections::{HashMap, HashSet};

use sqlx::types::Json;

use super::{Builder, Key, Store, Tx, push_list};
use crate::model::{AccountId, KnoxRow, SessionRow, TokenRow, User, UserId};
use crate::store::accounts::StoredAccount;
use crate::store::error::Result;
use crate::store::import::{ConflictKind, ImportMode, ImportStore, ImportTable, ImportedRefreshToken, RowOutcome};
use crate::store::import_columns::Columns;
use crate::store::import_rows::{self, KnownAccount, KnownUser, credential_outcome, mark_unwritten, with_outcome};

/// Rows that are compared and inserted together.
const BATCH: usize = 1000;

/// Whether a statement of so many rows is kept prepared: full batches repeat it, and its text is long.
fn is_page(rows: usize) -> bool {
    rows == BATCH
}

/// Inserts new rows together where `mode` expects that, otherwise imports them in batches.
macro_rules! import_in_batches {
    ($self:ident, $rows:ident, $mode:ident, $columns:expr, $batch:ident $(, $table:expr)?) => {{
        if $mode == ImportMode::InsertNew && $self.insert_all(&$columns(&$rows.iter().collect::<Vec<_>>())).await? {
            return Ok(vec![RowOutcome::Inserted; $rows.len()]);
        }
        let mut outcomes = Vec::with_capacity($rows.len());
        for batch in $rows.chunks(BATCH) {
            outcomes.extend($self.$batch(batch, $mode != ImportMode::Compare $(, $table)?).await?);
        }
        Ok(outcomes)
    }};
}

/// A table of credentials whose key is the column `digest`, and what a row has for it.
struct CredentialTable<R, K> {
    name: &'static str,
    digest: fn(&R) -> K,
    user: fn(&R) -> UserId,
    columns: for<'a, 'r> fn(&'a [&'r R]) -> Columns<'r>,
}

const TOKENS: CredentialTable<TokenRow, Vec<u8>> = CredentialTable {
    name: "tokens",
    digest: |row: &TokenRow| row.digest.as_bytes().to_vec(),
    user: |row: &TokenRow| row.user_id,
    columns: import_rows::token_columns,
};
const KNOX_TOKENS: CredentialTable<KnoxRow, String> = CredentialTable {
    name: "knox_tokens",
    digest: |row: &KnoxRow| row.digest.clone(),
    user: |row: &KnoxRow| row.user_id,
    columns: import_rows::knox_columns,
};
const SESSIONS: CredentialTable<SessionRow, Vec<u8>> = CredentialTable {
    name: "sessions",
    digest: |row: &SessionRow| row.digest.as_bytes().to_vec(),
    user: |row: &SessionRow| row.user_id,
    columns: import_rows::session_columns,
};

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

    /// The users of the existing credentials with these digests.
    async fn owners<K: Key>(&self, table: &str, digests: impl Iterator<Item = K> + Send) -> Result<HashMap<K, UserId>> {
        let keys: Vec<K> = digests.collect();
        let mut query = Builder::new(format!("SELECT digest, user_id FROM {table} WHERE digest IN "));
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

    /// Inserts the rows that conflict with none, in a transaction of its own, and returns their values of `column`.
    async fn insert_missing<K: Key>(&self, columns: &Columns<'_>, column: &str) -> Result<HashSet<K>> {
        let mut tx = self.begin().await?;
        let ending = format!("ON CONFLICT DO NOTHING RETURNING {column}");
        let inserted: Vec<(K,)> = Self::insert_columns_returning(&mut tx, columns, &ending).await?;
        tx.commit().await?;
        Ok(inserted.into_iter().map(|(key,)| key).collect())
    }

    /// Inserts all rows in one transaction. False: one of them conflicts with another row, and nothing was written.
    async fn insert_all(&self, columns: &Columns<'_>) -> Result<bool> {
        if columns.rows == 0 {
            return Ok(true);
        }
        Self::insert_all_in(self.begin().await?, columns).await
    }

    async fn insert_all_in(mut tx: Tx, columns: &Columns<'_>) -> Result<bool> {
        let inserted = Self::insert_columns(&mut tx, columns).await?;
        let is_complete = usize::try_from(inserted) == Ok(columns.rows);
        if is_complete {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(is_complete)
    }

    /// Inserts new accounts, as [`Self::insert_all`]. The table was empty before the import, which inserts the accounts by
    /// ascending id; those of logins have higher ids than all of them. So without an account from the lowest id on, no account
    /// has one of these uids in any scope.
    async fn insert_all_accounts(&self, accounts: &[&StoredAccount]) -> Result<bool> {
        let Some(lowest) = accounts.iter().map(|stored| stored.account.id).min() else { return Ok(true) };
        let mut tx = self.begin().await?;
        let is_next: bool = sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM social_accounts WHERE id >= $1)")
            .bind(lowest)
            .fetch_one(&mut *tx)
            .await?;
        if !is_next {
            tx.rollback().await?;
            return Ok(false);
        }
        Self::insert_all_in(tx, &import_rows::account_columns(accounts, true)).await
    }

    async fn import_users_batch(&self, users: &[User], write: bool) -> Result<Vec<RowOutcome>> {
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
            let written = self.insert_missing(&import_rows::user_columns(&new), "id").await?;
            mark_unwritten(&mut outcomes, users.iter().map(|user| user.id), &written);
        }
        let there = with_outcome(users, &outcomes, RowOutcome::FieldsAdded);
        if write && !there.is_empty() {
            self.fill_users(&there).await?;
        }
        Ok(outcomes)
    }

    async fn import_accounts_batch(&self, accounts: &[StoredAccount], write: bool) -> Result<Vec<RowOutcome>> {
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
            let mut written: HashSet<(String, String)> = HashSet::new();
            for outcome in [RowOutcome::Inserted, RowOutcome::Renumbered] {
                let rows = with_outcome(accounts, &outcomes, outcome);
                if !rows.is_empty() {
                    let columns = import_rows::account_columns(&rows, outcome == RowOutcome::Inserted);
                    let ending = "ON CONFLICT DO NOTHING RETURNING provider, uid";
                    let inserted: Vec<(String, String)> =
                        Self::insert_columns_returning(&mut tx, &columns, ending).await?;
                    written.extend(inserted);
                }
            }
            tx.commit().await?;
            let keys =
                accounts.iter().map(|StoredAccount { account, .. }| (account.provider.clone(), account.uid.clone()));
            mark_unwritten(&mut outcomes, keys, &written);
        }
        Ok(outcomes)
    }

    async fn import_credentials_batch<R: Sync, K: Key>(
        &self,
        rows: &[R],
        write: bool,
        table: &CredentialTable<R, K>,
    ) -> Result<Vec<RowOutcome>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || rows.iter().map(table.digest);
        let owners = self.owners(table.name, keys()).await?;
        let mut outcomes: Vec<RowOutcome> = rows
            .iter()
            .map(|row| credential_outcome(owners.get(&(table.digest)(row)).copied(), (table.user)(row)))
            .collect();
        let new = with_outcome(rows, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let written = self.insert_missing(&(table.columns)(&new), "digest").await?;
            mark_unwritten(&mut outcomes, keys(), &written);
        }
        Ok(outcomes)
    }

    async fn import_refresh_batch(&self, rows: &[ImportedRefreshToken], write: bool) -> Result<Vec<RowOutcome>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || rows.iter().map(|row| row.token.jti.clone());
        let known =
            self.known_refresh_tokens(rows.iter().map(|row| (row.token.user_id, row.token.jti.clone()))).await?;
        let outcome = |ImportedRefreshToken { token, blacklisted }: &ImportedRefreshToken| {
            match known.get(&(token.user_id, token.jti.clone())) {
                Some(is_valid) if !is_valid || blacklisted.is_none() => RowOutcome::Exists,
                // New, or blacklisted since the last import.
                _ => RowOutcome::Inserted,
            }
        };
        let mut outcomes: Vec<RowOutcome> = rows.iter().map(outcome).collect();
        let new: Vec<_> = with_outcome(rows, &outcomes, RowOutcome::Inserted);
        if write && !new.is_empty() {
            let ending = "ON CONFLICT (user_id, jti) DO UPDATE SET blacklisted = excluded.blacklisted
                            WHERE known.blacklisted IS NULL AND excluded.blacklisted IS NOT NULL
                          RETURNING jti";
            let mut tx = self.begin().await?;
            let written: Vec<(String,)> =
                Self::insert_columns_returning(&mut tx, &import_rows::refresh_columns(&new), ending).await?;
            tx.commit().await?;
            mark_unwritten(&mut outcomes, keys(), &written.into_iter().map(|(jti,)| jti).collect());
        }
        Ok(outcomes)
    }
}

#[async_trait::async_trait]
impl ImportStore for Store {
    async fn reserve_ids(&self, user: UserId, account: AccountId) -> Result<()> {
        self.raise_ids(user, account).await?;
        Ok(())
    }

    async fn is_table_empty(&self, table: ImportTable) -> Result<bool> {
        let statement = match table {
            ImportTable::Users => "SELECT NOT EXISTS (SELECT 1 FROM users)",
            ImportTable::SocialAccounts => "SELECT NOT EXISTS (SELECT 1 FROM social_accounts)",
            ImportTable::Tokens => "SELECT NOT EXISTS (SELECT 1 FROM tokens)",
            ImportTable::KnoxTokens => "SELECT NOT EXISTS (SELECT 1 FROM knox_tokens)",
            ImportTable::RefreshTokens => "SELECT NOT EXISTS (SELECT 1 FROM refresh_tokens)",
            ImportTable::Sessions => "SELECT NOT EXISTS (SELECT 1 FROM sessions)",
        };
        Ok(sqlx::query_scalar(statement).fetch_one(&mut *self.reader().await?).await?)
    }

    async fn import_users(&self, users: &[User], mode: ImportMode) -> Result<Vec<RowOutcome>> {
        import_in_batches!(self, users, mode, import_rows::user_columns, import_users_batch)
    }

    async fn import_accounts(&self, accounts: &[StoredAccount], mode: ImportMode) -> Result<Vec<RowOutcome>> {
        if mode == ImportMode::InsertNew && self.insert_all_accounts(&accounts.iter().collect::<Vec<_>>()).await? {
            return Ok(vec![RowOutcome::Inserted; accounts.len()]);
        }
        let mut outcomes = Vec::with_capacity(accounts.len());
        for batch in accounts.chunks(BATCH) {
            outcomes.extend(self.import_accounts_batch(batch, mode != ImportMode::Compare).await?);
        }
        Ok(outcomes)
    }

    async fn import_tokens(&self, tokens: &[TokenRow], mode: ImportMode) -> Result<Vec<RowOutcome>> {
        import_in_batches!(self, tokens, mode, import_rows::token_columns, import_credentials_batch, &TOKENS)
    }

    async fn import_knox(&self, tokens: &[KnoxRow], mode: ImportMode) -> Result<Vec<RowOutcome>> {
        import_in_batches!(self, tokens, mode, import_rows::knox_columns, import_credentials_batch, &KNOX_TOKENS)
    }

    async fn import_refresh(&self, tokens: &[ImportedRefreshToken], mode: ImportMode) -> Result<Vec<RowOutcome>> {
        import_in_batches!(self, tokens, mode, import_rows::refresh_columns, import_refresh_batch)
    }

    async fn import_sessions(&self, sessions: &[SessionRow], mode: ImportMode) -> Result<Vec<RowOutcome>> {
        import_in_batches!(self, sessions, mode, import_rows::session_columns, import_credentials_batch, &SESSIONS)
    }
}
