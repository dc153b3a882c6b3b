//! Stored accounts by their keys.

/// Beside [`super::users::user_store`], which calls it.
macro_rules! account_keys {
    ($store:ty) => {
        impl $store {
            async fn read_accounts_by_uid(&self, provider: &str, uid: &str) -> Result<Vec<(SocialAccount, User)>> {
                let rows: Vec<AccountUserRow> = sqlx::query_as(concat!(
                    "SELECT a.id AS account_id, a.user_id, a.provider, a.uid, a.uid_scope, a.legacy_uid, a.extra_data,
                            a.created AS account_created, a.modified, ",
                    user_columns!(),
                    " FROM social_accounts a JOIN users u ON u.id = a.user_id WHERE a.provider = $1 AND a.uid = $2
                     ORDER BY a.id"
                ))
                .bind(provider)
                .bind(uid)
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(rows.into_iter().map(|row| (row.account.into(), row.user.into())).collect())
            }

            async fn read_uid_scopes(&self, provider: &str) -> Result<Vec<String>> {
                let scopes = sqlx::query_scalar(
                    "SELECT DISTINCT uid_scope FROM social_accounts WHERE provider = $1 AND uid_scope <> ''
                     ORDER BY uid_scope LIMIT 100",
                )
                .bind(provider)
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(scopes)
            }

            async fn count_legacy_uids(&self) -> Result<Vec<(String, i64)>> {
                let rows = sqlx::query_as(
                    "SELECT provider, count(*) FROM social_accounts WHERE legacy_uid GROUP BY provider ORDER BY provider",
                )
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(rows)
            }
        }
    };
}
pub(in crate::store) use account_keys;
