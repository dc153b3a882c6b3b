//! Who holds an address, by the word of somebody whom the operator trusts with that (SEC-23).

/// Beside [`super::users::user_store`], which calls it. `queue_for_email` is the store's own.
macro_rules! email_holders {
    ($store:ty) => {
        impl $store {
            /// Whether somebody holds the address by now. Of two who ask at once the second sees what the first one did.
            async fn is_held(tx: &mut Tx, email: &str, vouchers: &[String]) -> Result<bool> {
                if vouchers.is_empty() {
                    return Ok(false);
                }
                Self::queue_for_email(tx, email).await?;
                Ok(!Self::holders(tx, email, vouchers).await?.is_empty())
            }

            async fn holders(
                connection: &mut <Tx as std::ops::Deref>::Target,
                email: &str,
                vouchers: &[String],
            ) -> Result<Vec<User>> {
                let mut holders = Vec::new();
                for voucher in vouchers {
                    let rows: Vec<UserRow> = sqlx::query_as(concat!(
                        "SELECT ",
                        user_columns!(),
                        " FROM users u WHERE u.email_lower = $1 AND u.email_lower <> '' AND u.email_verified
                         AND u.email_vouched_by = $2 ORDER BY u.id LIMIT 10"
                    ))
                    .bind(email.to_lowercase())
                    .bind(voucher)
                    .fetch_all(&mut *connection)
                    .await?;
                    holders.extend(rows.into_iter().map(User::from));
                }
                holders.retain(|user: &User| user.email.eq_ignore_ascii_case(email));
                Ok(holders)
            }
        }
    };
}
pub(in crate::store) use email_holders;
