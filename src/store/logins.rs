//! The transaction of a login.

use async_trait::async_trait;

use super::error::Result;
use super::types::{Committed, IssuedCredential, LoginCommit};
use crate::model::User;

/// The one transaction of a login.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// The one transaction of a login. `make` is called once, with the user as stored, before the credential is.
    async fn commit_login(
        &self,
        login: LoginCommit,
        make: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send),
    ) -> Result<Committed>;
}
