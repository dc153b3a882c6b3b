//! What the keys of stored accounts are, for an operator.

/// Beside [`super::users::user_store`], which calls it.
macro_rules! account_keys {
    ($store:ty) => {
        impl $store {
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
