//! Who holds an address, by the word of somebody whom the operator trusts with that (SEC-23).

/// Beside [`super::users::user_store`], which calls it. `queue_for_email` is the store's own.
macro_rules! email_holders {
    ($store:ty) => {
        impl $store {
            /// Whether somebody holds the address by now. Of two who ask at once the second sees what the first one did.
            async fn is_held(tx: &mut Tx, email: &EmailAddress, vouchers: &[String]) -> Result<bool> {
                if vouchers.is_empty() {
                    return Ok(false);
                }
                Self::queue_for_email(tx, email).await?;
                Ok(!Self::holders(tx, email, vouchers).await?.is_empty())
            }

            async fn holders(
                connection: &mut <Tx as std::ops::Deref>::Target,
                email: &EmailAddress,
                vouchers: &[String],
            ) -> Result<Vec<User>> {
                let mut holders = Vec::new();
                let [key, in_unicode, in_lower_case] = &email.lookup_keys();
                for voucher in vouchers {
                    let rows: Vec<UserRow> = sqlx::query_as(concat!(
                        "SELECT ",
                        user_columns!(),
                        " FROM users u WHERE u.email_lower IN ($1, $2, $3) AND u.email_lower <> '' AND u.email_verified
                         AND u.email_vouched_by = $4 ORDER BY u.id LIMIT 100"
                    ))
                    .bind(key)
                    .bind(in_unicode)
                    .bind(in_lower_case)
                    .bind(voucher)
                    .fetch_all(&mut *connection)
                    .await?;
                    holders.extend(rows.into_iter().map(User::from));
                }
                holders.retain(|user: &User| email.is_same_as_stored(&user.email));
                Ok(holders)
            }
        }
    };
}
pub(in crate::store) use email_holders;
