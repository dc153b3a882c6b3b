//! The repository: every statement of SQL stands below this file, and no caller sees a row type or a dialect.
//!
//! Written once for both databases. A login writes twice: [`Repository::claim`], committed before the first
//! provider call, and [`Repository::commit_login`], one transaction for all its results. No caller holds a transaction.

mod accounts;
mod audit;
mod authorization_requests;
mod credentials;
pub mod django;
mod error;
mod events;
mod ids;
pub mod import;
mod import_rows;
mod limited;
mod logins;
mod names;
mod open;
mod opening;
mod postgres;
mod repository;
mod rows;
mod sqlite;
mod sweep;
mod types;
mod users;

pub use self::accounts::{AccountStore, EncryptedTokens, ReencryptedTokens, Unlinked};
pub use self::audit::AuditStore;
pub use self::authorization_requests::{AuthorizationRequestStore, Claimed, LiveRows};
pub use self::credentials::{CredentialStore, Rotated};
pub use self::error::{LATER_RELEASE, Result, StoreError};
pub use self::events::{EventStore, Lease, Resend};
pub use self::import::ImportStore;
pub use self::logins::LoginStore;
pub use self::open::{is_missing_file, open, open_with};
pub use self::opening::Opening;
pub use self::repository::{Repository, Schema};
pub use self::sweep::{BoundedRows, ExpiringTable, in_batches, sweep};
pub use self::types::{Committed, ConsumedCredential, IssuedCredential, LoginCommit, LoginTarget};
pub use self::users::{Updated, UserSearch, UserStore};
