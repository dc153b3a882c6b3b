//! Look-ups of users by e-mail address, and the search of operators.

use super::{Builder, Connection, Store, Tx, push_list};
use crate::model::{EmailAddress, User};
use crate::store::error::Result;
use crate::store::stored_rows::{UserRow, user_columns};

impl Store {
    /// Users with this address, verified or not.
    pub(super) async fn with_email(connection: &mut Connection, email: &EmailAddress) -> Result<Vec<User>> {
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

    /// Whether a user has this address, verified by one of `trusted_email_sources`. Locks the address: of two concurrent
    /// transactions the second sees what the first wrote.
    pub(super) async fn is_verified_address_taken(
        tx: &mut Tx,
        email: &EmailAddress,
        trusted_email_sources: &[String],
    ) -> Result<bool> {
        if trusted_email_sources.is_empty() {
            return Ok(false);
        }
        Self::lock_email(tx, email).await?;
        Ok(!Self::with_verified_email(tx, email, trusted_email_sources).await?.is_empty())
    }

    pub(super) async fn with_verified_email(
        connection: &mut Connection,
        email: &EmailAddress,
        trusted_email_sources: &[String],
    ) -> Result<Vec<User>> {
        if trusted_email_sources.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Builder::new(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.email_lower <> '' AND u.email_verified AND u.email_lower IN "
        ));
        push_list(&mut query, email.lookup_keys());
        query.push(" AND u.email_verified_by IN ");
        push_list(&mut query, trusted_email_sources);
        query.push(" ORDER BY u.id LIMIT 100");
        let rows: Vec<UserRow> = query.build_query_as().fetch_all(connection).await?;
        Ok(rows.into_iter().map(User::from).filter(|user| email.is_same_as_stored(&user.email)).collect())
    }

    /// Each part reads one index. `id + 0` keeps the database from reading all users by id instead. The index of accounts
    /// begins with the provider, so the first part lists the providers, one index step each.
    pub(super) async fn users_by_prefix(&self, text: &str, limit: i64) -> Result<Vec<UserRow>> {
        let rows = read!(
            self,
            fetch_all,
            sqlx::query_as(concat!(
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
                dialect!(at_least),
                " lower($1) AND lower(username) ",
                dialect!(below),
                " (lower($1) || $5) ORDER BY id + 0 LIMIT $2) AS by_username
               UNION ALL
               SELECT id FROM (SELECT id FROM users
                               WHERE email_lower <> '' AND email_lower ",
                dialect!(at_least),
                " $3 AND email_lower ",
                dialect!(below),
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
            .bind(limit)
            .bind(text.to_ascii_lowercase())
            // A whole address is found in each of its forms, with the domain in Unicode or in ASCII.
            .bind(EmailAddress::key_of_stored(text))
            // Greater than every text with the prefix.
            .bind("\u{10ffff}")
        );
        Ok(rows)
    }

    /// Reads all users.
    pub(super) async fn users_by_substring(&self, text: &str, limit: i64) -> Result<Vec<UserRow>> {
        let escaped = text.chars().fold(String::new(), |mut pattern, c| {
            pattern.extend(['\\', '%', '_'].contains(&c).then_some('\\'));
            pattern.push(c);
            pattern
        });
        let rows = read!(
            self,
            fetch_all,
            sqlx::query_as(concat!(
                "SELECT ",
                user_columns!(),
                " FROM users u
             WHERE lower(u.username) LIKE lower($1) ESCAPE '\\' OR lower(u.email) LIKE lower($1) ESCAPE '\\'
                OR lower(u.first_name) LIKE lower($1) ESCAPE '\\' OR lower(u.last_name) LIKE lower($1) ESCAPE '\\'
             ORDER BY u.id LIMIT $2"
            ))
            .bind(format!("%{escaped}%"))
            .bind(limit)
        );
        Ok(rows)
    }
}
