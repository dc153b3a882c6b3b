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

    /// Each part reads at most `limit` entries of one index, in its order: a text that most users match is found as fast as any
    /// other. The index of accounts begins with the provider, so the last part lists the providers, one index step each.
    pub(super) async fn users_by_prefix(&self, text: &str, limit: i64) -> Result<Vec<UserRow>> {
        /// Selects the users for whom the indexed expression begins with a text.
        macro_rules! begins_with {
            ($expression:expr, $condition:expr, $text:literal, $name:literal) => {
                concat!(
                    "SELECT id FROM (SELECT id FROM users WHERE ",
                    $condition,
                    " AND ",
                    $expression,
                    " ",
                    dialect!(at_least),
                    " ",
                    $text,
                    " AND ",
                    $expression,
                    " ",
                    dialect!(below),
                    " (",
                    $text,
                    " || $5) ORDER BY ",
                    $expression,
                    dialect!(by_bytes),
                    " LIMIT $2) AS ",
                    $name,
                    " UNION ALL "
                )
            };
        }
        let statement = concat!(
            "WITH RECURSIVE providers (name) AS (
               SELECT min(provider) FROM social_accounts
               UNION ALL
               SELECT (SELECT min(provider) FROM social_accounts WHERE provider > name)
               FROM providers WHERE name IS NOT NULL
             )
             SELECT ",
            user_columns!(),
            " FROM users u WHERE u.id IN (",
            begins_with!("lower(username)", "true", "lower($1)", "by_username"),
            begins_with!("email_lower", "email_lower <> ''", "$3", "by_email"),
            begins_with!(
                concat!("substr(email_lower, ", dialect!(position), "(email_lower, '@') + 1)"),
                "email_lower <> ''",
                "$6",
                "by_domain"
            ),
            begins_with!("lower(first_name || ' ' || last_name)", "first_name <> ''", "lower($1)", "by_name"),
            begins_with!("lower(last_name)", "last_name <> ''", "lower($1)", "by_last_name"),
            begins_with!(
                concat!("lower(substr(last_name, ", dialect!(position), "(last_name, ' ') + 1))"),
                concat!(dialect!(position), "(last_name, ' ') > 0"),
                "lower($1)",
                "by_later_name"
            ),
            "SELECT id FROM users WHERE email_lower <> '' AND email_lower = $4
               UNION ALL
               SELECT user_id FROM (SELECT a.user_id FROM providers p
                                    JOIN social_accounts a ON a.provider = p.name AND a.uid = $1
                                    ORDER BY a.user_id + 0 LIMIT $2) AS by_uid
             ) ORDER BY u.id LIMIT $2"
        );
        let key = text.to_ascii_lowercase();
        let rows = read!(
            self,
            fetch_all,
            sqlx::query_as(statement)
                .bind(text)
                .bind(limit)
                .bind(&key)
                // A whole address is found in each of its forms, with the domain in Unicode or in ASCII.
                .bind(EmailAddress::key_of_stored(text))
                // Greater than every text with the prefix.
                .bind("\u{10ffff}")
                .bind(key.strip_prefix('@').unwrap_or(&key))
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
