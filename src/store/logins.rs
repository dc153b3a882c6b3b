//! The store of finished logins.

use async_trait::async_trait;

use super::error::Result;
use super::login_commit::{Committed, IssuedCredential, LoginCommit};
use crate::model::User;

/// Finished logins.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Commits all that a login writes, in one transaction. `issue` makes the credential for the user as the transaction leaves
    /// it. It is called again when the transaction has to be repeated.
    async fn commit_login(
        &self,
        login: LoginCommit,
        issue: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send),
    ) -> Result<Committed>;
}
