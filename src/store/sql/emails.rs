//! Who holds an address, by the word of somebody whom the operator trusts with that (SEC-23).

/// Beside [`super::users::user_store`], which calls it. `lock_email` is the store's own.
macro_rules! email_holders {
    ($store:ty) => {
        impl $store {
            /// Whether somebody holds the address by now. Of two who ask at once the second sees what the first one did.
            async fn is_held(tx: &mut Tx, email: &EmailAddress, trusted_email_sources: &[String]) -> Result<bool> {
                if trusted_email_sources.is_empty() {
                    return Ok(false);
                }
                Self::lock_email(tx, email).await?;
                Ok(!Self::holders(tx, email, trusted_email_sources).await?.is_empty())
            }

            async fn holders(
                connection: &mut <Tx as std::ops::Deref>::Target,
                email: &EmailAddress,
                trusted_email_sources: &[String],
            ) -> Result<Vec<User>> {
                if trusted_email_sources.is_empty() {
                    return Ok(Vec::new());
                }
                let mut query = Builder::new(concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users u WHERE u.email_lower <> '' AND u.email_verified AND u.email_lower IN ("
                ));
                let mut keys = query.separated(", ");
                for key in email.lookup_keys() {
                    keys.push_bind(key);
                }
                keys.push_unseparated(") AND u.email_vouched_by IN (");
                let mut list = query.separated(", ");
                for voucher in trusted_email_sources {
                    list.push_bind(voucher.clone());
                }
                list.push_unseparated(") ORDER BY u.id LIMIT 100");
                let rows: Vec<UserRow> = query.build_query_as().fetch_all(connection).await?;
                Ok(rows.into_iter().map(User::from).filter(|user| email.is_same_as_stored(&user.email)).collect())
            }
        }
    };
}
pub(in crate::store) use email_holders;
