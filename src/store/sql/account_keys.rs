//! Stored accounts by their keys, and the end of their tokens.

/// Beside [`super::users::user_store`], which calls it.
macro_rules! account_keys {
    ($store:ty) => {
        impl $store {
            async fn read_accounts_by_uid(&self, provider: &str, uids: &[&str]) -> Result<Vec<(SocialAccount, User)>> {
                let mut query = Builder::new(concat!(
                    "SELECT a.id AS account_id, a.user_id, a.provider, a.uid, a.uid_scope, a.legacy_uid, a.extra_data,
                            a.created AS account_created, a.modified, ",
                    user_columns!(),
                    " FROM social_accounts a JOIN users u ON u.id = a.user_id WHERE a.provider = "
                ));
                query.push_bind(provider.to_owned()).push(" AND a.uid IN (");
                let mut list = query.separated(", ");
                for uid in uids {
                    list.push_bind((*uid).to_owned());
                }
                list.push_unseparated(") ORDER BY a.id");
                let rows: Vec<AccountUserRow> = query.build_query_as().fetch_all(&mut *self.reader().await?).await?;
                Ok(rows.into_iter().map(|row| (row.account.into(), row.user.into())).collect())
            }

            /// What a login of a known account writes of its row. False, and nothing is written: the row or its user is not as
            /// it was read, or another account has the new key.
            async fn update_account(tx: &mut Tx, known: &KnownLogin) -> Result<bool> {
                let KnownLogin { login, user, .. } = known;
                let LoginTarget::Known { account_id, read, rekeyed, .. } = &login.who else { return Ok(false) };
                let statement = if *rekeyed {
                    // What was encrypted for the former key cannot be decrypted under this one.
                    "UPDATE social_accounts SET extra_data = $1, tokens = $3, uid = $9, uid_scope = $10, legacy_uid = $11,
                       modified = CASE WHEN modified < $2 THEN $2 ELSE modified + 1 END
                     WHERE id = $4 AND user_id = $5 AND modified = $8 AND EXISTS
                       (SELECT 1 FROM users
                        WHERE id = $5 AND is_active AND credential_generation = $6 AND token_generation = $7)
                       AND NOT EXISTS (SELECT 1 FROM social_accounts
                                       WHERE provider = $12 AND uid = $9 AND uid_scope = $10 AND id <> $4)"
                } else {
                    "UPDATE social_accounts SET extra_data = $1, tokens = coalesce($3, tokens),
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

            async fn delete_tokens(&self, account: i64, old: &[u8], audit: &AuditEvent) -> Result<bool> {
                let mut tx = self.begin().await?;
                let dropped = sqlx::query("UPDATE social_accounts SET tokens = NULL WHERE id = $1 AND tokens = $2")
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
