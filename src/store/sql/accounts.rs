//! Social accounts and the tokens of their providers.

use super::audit::audit_query;
use super::{Builder, KEY_BATCH, Store, Tx, push_list};
use crate::clock::UnixMillis;
use crate::model::{AccountId, AuditEvent, SocialAccount, User, UserId};
use crate::store::accounts::{AccountStore, ReencryptedTokens, StoredAccount, Unlinked};
use crate::store::error::Result;
use crate::store::stored_rows::{AccountRow, AccountUserRow, StoredAccountRow, account_columns, user_columns};

impl Store {
    /// The user's accounts with their tokens, for a transaction that deletes them.
    pub(super) async fn stored_accounts_of(tx: &mut Tx, user: UserId) -> Result<Vec<StoredAccount>> {
        let rows: Vec<StoredAccountRow> = sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            ", a.encrypted_tokens FROM social_accounts a WHERE a.user_id = $1 ORDER BY a.id"
        ))
        .bind(user)
        .fetch_all(&mut **tx)
        .await?;
        Ok(rows.into_iter().map(StoredAccountRow::into_account).collect())
    }
}

#[async_trait::async_trait]
impl AccountStore for Store {
    async fn accounts_by_uid(&self, provider: &str, uids: &[&str]) -> Result<Vec<(SocialAccount, User)>> {
        macro_rules! select {
            () => {
                concat!(
                    "SELECT ",
                    account_columns!(),
                    ", ",
                    user_columns!(),
                    " FROM social_accounts a JOIN users u ON u.id = a.user_id WHERE a.provider = "
                )
            };
        }
        let rows: Vec<AccountUserRow> = if let [uid] = uids {
            let statement = concat!(select!(), "$1 AND a.uid = $2 ORDER BY a.id");
            read!(self, fetch_all, sqlx::query_as(statement).bind(provider).bind(*uid))
        } else {
            let mut query = Builder::new(select!());
            query.push_bind(provider).push(" AND a.uid IN ");
            push_list(&mut query, uids.iter().copied());
            query.push(" ORDER BY a.id");
            query.build_query_as().fetch_all(&mut *self.reader().await?).await?
        };
        Ok(rows.into_iter().map(|row| (row.account.into(), row.user.into())).collect())
    }

    async fn uid_scopes(&self, provider: &str) -> Result<Vec<String>> {
        let scopes = read!(
            self,
            fetch_all,
            sqlx::query_scalar(
                "SELECT DISTINCT uid_scope FROM social_accounts WHERE provider = $1 ORDER BY uid_scope LIMIT 100",
            )
            .bind(provider)
        );
        Ok(scopes)
    }

    async fn legacy_uids(&self) -> Result<Vec<(String, i64)>> {
        let rows = read!(
            self,
            fetch_all,
            sqlx::query_as(
                "SELECT provider, count(*) FROM social_accounts WHERE legacy_uid GROUP BY provider ORDER BY provider",
            )
        );
        Ok(rows)
    }

    async fn accounts_of(&self, user: UserId) -> Result<Vec<SocialAccount>> {
        let rows: Vec<AccountRow> = read!(
            self,
            fetch_all,
            sqlx::query_as(concat!(
                "SELECT ",
                account_columns!(),
                " FROM social_accounts a WHERE a.user_id = $1 ORDER BY a.id"
            ))
            .bind(user)
        );
        Ok(rows.into_iter().map(SocialAccount::from).collect())
    }

    async fn unlink(
        &self,
        user: UserId,
        account: AccountId,
        allows_sign_in: &(dyn for<'a> Fn(&'a SocialAccount) -> bool + Sync),
        audit: &AuditEvent,
    ) -> Result<Unlinked> {
        let mut tx = self.begin().await?;
        let Some(mut owner) = Self::locked_user(&mut tx, user).await? else { return Ok(Unlinked::NotFound) };
        let mut found = None;
        let mut others = 0;
        for stored in Self::stored_accounts_of(&mut tx, user).await? {
            if stored.account.id == account {
                found = Some(stored);
                continue;
            }
            others += usize::from(allows_sign_in(&stored.account));
        }
        let Some(found) = found else { return Ok(Unlinked::NotFound) };
        if others == 0 {
            return Ok(Unlinked::LastLoginMethod);
        }
        sqlx::query("DELETE FROM social_accounts WHERE id = $1").bind(account).execute(&mut *tx).await?;
        let SocialAccount { provider, uid, .. } = &found.account;
        // It may be the one that verified the address, whose login would withdraw it. Another account of this provider verifies its
        // own address only.
        if owner.email_verified_by == *provider {
            sqlx::query("UPDATE users SET email_verified = FALSE, email_verified_by = '' WHERE id = $1")
                .bind(user)
                .execute(&mut *tx)
                .await?;
            owner.email_verified = false;
            owner.email_verified_by.clear();
        }
        let audit = AuditEvent { provider: Some(provider.clone()), ..audit.clone() };
        self.insert_event(&mut tx, &audit, &owner, Some((provider, uid))).await?;
        tx.commit().await?;
        Ok(Unlinked::Done(Box::new(found)))
    }

    async fn account_tokens(&self, user: UserId, account: AccountId) -> Result<Option<StoredAccount>> {
        let row: Option<StoredAccountRow> = read!(
            self,
            fetch_optional,
            sqlx::query_as(concat!(
                "SELECT ",
                account_columns!(),
                ", a.encrypted_tokens FROM social_accounts a WHERE a.id = $1 AND a.user_id = $2"
            ))
            .bind(account)
            .bind(user)
        );
        Ok(row.map(StoredAccountRow::into_account))
    }

    async fn lease_tokens(&self, account: AccountId, now: UnixMillis, until: UnixMillis) -> Result<bool> {
        let leased =
            sqlx::query("UPDATE social_accounts SET lease_expires = $1 WHERE id = $2 AND (lease_expires IS NULL OR lease_expires <= $3)")
                .bind(until.0)
                .bind(account)
                .bind(now.0)
                .execute(&mut *self.writer().await?)
                .await?;
        Ok(leased.rows_affected() == 1)
    }

    async fn release_token_lease(&self, account: AccountId) -> Result<()> {
        self.execute_repeatable(|| {
            sqlx::query("UPDATE social_accounts SET lease_expires = NULL WHERE id = $1").bind(account)
        })
        .await?;
        Ok(())
    }

    async fn encrypted_tokens(&self, after: AccountId, limit: i64) -> Result<Vec<(SocialAccount, Vec<u8>)>> {
        let rows: Vec<StoredAccountRow> = read!(
            self,
            fetch_all,
            sqlx::query_as(concat!(
                "SELECT ",
                account_columns!(),
                ", a.encrypted_tokens FROM social_accounts a
                 WHERE a.id > $1 AND a.encrypted_tokens IS NOT NULL ORDER BY a.id LIMIT $2"
            ))
            .bind(after)
            .bind(limit)
        );
        let stored = rows.into_iter().map(StoredAccountRow::into_account);
        Ok(stored.filter_map(|stored| Some((stored.account, stored.encrypted_tokens?))).collect())
    }

    async fn replace_encrypted_tokens(&self, account: AccountId, old: &[u8], new: &[u8]) -> Result<bool> {
        let reencrypted =
            sqlx::query("UPDATE social_accounts SET encrypted_tokens = $1 WHERE id = $2 AND encrypted_tokens = $3")
                .bind(new)
                .bind(account)
                .bind(old)
                .execute(&mut *self.writer().await?)
                .await?;
        Ok(reencrypted.rows_affected() == 1)
    }

    async fn drop_tokens(&self, account: AccountId, old: &[u8], audit: &AuditEvent) -> Result<bool> {
        let mut tx = self.begin().await?;
        let dropped =
            sqlx::query("UPDATE social_accounts SET encrypted_tokens = NULL WHERE id = $1 AND encrypted_tokens = $2")
                .bind(account)
                .bind(old)
                .execute(&mut *tx)
                .await?;
        let is_dropped = dropped.rows_affected() == 1;
        if is_dropped {
            audit_query(audit).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(is_dropped)
    }

    async fn reencrypt_all(&self, reencrypted: &[ReencryptedTokens]) -> Result<u64> {
        let mut done = 0;
        for batch in reencrypted.chunks(KEY_BATCH) {
            let mut query = Builder::new("WITH reencrypted (id, former, fresh) AS (");
            query.push_values(batch, |mut row, text| {
                row.push_bind(text.account).push_bind(text.old.clone()).push_bind(text.new.clone());
            });
            query.push(
                ") UPDATE social_accounts SET encrypted_tokens = reencrypted.fresh FROM reencrypted
                 WHERE social_accounts.id = reencrypted.id AND social_accounts.encrypted_tokens = reencrypted.former",
            );
            done += query.build().persistent(false).execute(&mut *self.writer().await?).await?.rows_affected();
        }
        Ok(done)
    }

    async fn count_encrypted(&self, prefix: &[u8]) -> Result<i64> {
        let count = read!(self, fetch_one, sqlx::query_scalar(
            "SELECT count(*) FROM social_accounts WHERE encrypted_tokens IS NOT NULL AND substr(encrypted_tokens, 1, length($1)) = $1",
        )
        .bind(prefix));
        Ok(count)
    }
}
