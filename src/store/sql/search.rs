//! Users found by what an operator knows of them.

/// Beside [`super::users::user_store`], which calls it. `$at_least` and `$below` compare texts by their bytes, as the
/// indexes do.
macro_rules! user_search {
    ($store:ty, $at_least:literal, $below:literal) => {
        impl $store {
            async fn found_users(&self, search: UserSearch<'_>, most: i64) -> Result<Vec<User>> {
                let rows: Vec<UserRow> = match search {
                    UserSearch::All => {
                        sqlx::query_as(concat!("SELECT ", user_columns!(), " FROM users u ORDER BY u.id LIMIT $1"))
                            .bind(most)
                            .fetch_all(&mut *self.reader().await?)
                            .await?
                    }
                    UserSearch::Prefix(text) => self.users_by_prefix(text, most).await?,
                    UserSearch::Substring(text) => self.users_by_substring(text, most).await?,
                };
                Ok(rows.into_iter().map(User::from).collect())
            }

            /// Each part reads one index. `id + 0` keeps the database from reading all users in the order of their ids
            /// instead. The index of accounts begins with the provider: the first part lists the providers, one step each.
            async fn users_by_prefix(&self, text: &str, most: i64) -> Result<Vec<UserRow>> {
                let rows = sqlx::query_as(concat!(
                    "WITH RECURSIVE providers (name) AS (
                       SELECT min(provider) FROM social_accounts
                       UNION ALL
                       SELECT (SELECT min(provider) FROM social_accounts WHERE provider > name)
                       FROM providers WHERE name IS NOT NULL
                     )
                     SELECT ",
                    user_columns!(),
                    " FROM users u WHERE u.id IN (
                       SELECT id FROM (SELECT id FROM users
                                       WHERE lower(username) ",
                    $at_least,
                    " lower($1) AND lower(username) ",
                    $below,
                    " (lower($1) || $5) ORDER BY id + 0 LIMIT $2) AS by_username
                       UNION ALL
                       SELECT id FROM (SELECT id FROM users
                                       WHERE email_lower <> '' AND email_lower ",
                    $at_least,
                    " $3 AND email_lower ",
                    $below,
                    " ($3 || $5) ORDER BY id + 0 LIMIT $2) AS by_email
                       UNION ALL
                       SELECT id FROM users WHERE email_lower <> '' AND email_lower = $4
                       UNION ALL
                       SELECT user_id FROM (SELECT a.user_id FROM providers p
                                            JOIN social_accounts a ON a.provider = p.name AND a.uid = $1
                                            ORDER BY a.user_id + 0 LIMIT $2) AS by_uid
                     ) ORDER BY u.id LIMIT $2"
                ))
                .bind(text)
                .bind(most)
                .bind(text.to_ascii_lowercase())
                // A whole address is found in each of its spellings.
                .bind(EmailAddress::key_of_stored(text))
                // Above every text that begins so.
                .bind("\u{10ffff}")
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(rows)
            }

            /// Reads all users.
            async fn users_by_substring(&self, text: &str, most: i64) -> Result<Vec<UserRow>> {
                let escaped = text.chars().fold(String::new(), |mut pattern, c| {
                    pattern.extend(['\\', '%', '_'].contains(&c).then_some('\\'));
                    pattern.push(c);
                    pattern
                });
                let rows = sqlx::query_as(concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users u
                     WHERE lower(u.username) LIKE lower($1) ESCAPE '\\' OR lower(u.email) LIKE lower($1) ESCAPE '\\'
                        OR lower(u.first_name) LIKE lower($1) ESCAPE '\\' OR lower(u.last_name) LIKE lower($1) ESCAPE '\\'
                     ORDER BY u.id LIMIT $2"
                ))
                .bind(format!("%{escaped}%"))
                .bind(most)
                .fetch_all(&mut *self.reader().await?)
                .await?;
                Ok(rows)
            }
        }
    };
}
pub(in crate::store) use user_search;
