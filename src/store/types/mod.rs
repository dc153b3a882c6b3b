//! What a login commits.

mod login_commit;

pub(super) use self::login_commit::KnownLogin;
pub use self::login_commit::{Committed, ConsumedCredential, IssuedCredential, LoginCommit, LoginTarget, NewEmail};
