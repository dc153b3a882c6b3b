//! The store: users, accounts, credentials and logins in SQLite or PostgreSQL, behind [`Repository`].
//!
//! SQL and row types stay in this folder. Each trait has a file (`users.rs`), implemented in `sql/` (`sql/users.rs`) for both
//! databases; `sqlite/` and `postgres/` hold the connections. No caller holds a transaction: a login writes twice,
//! [`AuthorizationRequestStore::claim`] before the first call of the provider and [`LoginStore::commit_login`] after the last.

mod accounts;
mod audit;
mod authorization_requests;
mod credentials;
mod deletable_rows;
pub(crate) mod django;
mod error;
mod events;
mod from_row;
mod group;
mod ids;
pub mod import;
mod import_columns;
mod import_rows;
mod limited;
mod login_commit;
mod logins;
mod migrations;
mod open;
mod opening;
mod postgres;
mod rate_limits;
mod repository;
mod schema;
mod services;
mod signing_keys;
mod sqlite;
mod stored_rows;
mod sweep;
mod users;

pub use self::accounts::{AccountStore, ReencryptedTokens, StoredAccount, Unlinked};
pub use self::audit::AuditStore;
pub use self::authorization_requests::{AuthorizationRequestStore, Claimed, LiveRows};
pub use self::credentials::{
    BlacklistScope, Blacklisting, CredentialStore, NextStep, RefreshStep, Revocation, RevokedCredentials, Rotated,
    Rotation,
};
pub use self::deletable_rows::{BoundedRows, ExpiringTable};
pub(crate) use self::error::LATER_RELEASE;
pub use self::error::{Result, StoreError};
pub use self::events::{EventStore, Lease, Resend};
pub use self::import::ImportStore;
pub use self::login_commit::{Committed, ConsumedCredential, IssuedCredential, LoginCommit, LoginTarget, NewEmail};
pub use self::logins::LoginStore;
pub use self::open::open;
pub(crate) use self::open::{is_missing_file, open_with};
pub(crate) use self::opening::Opening;
pub use self::rate_limits::{RateLimitStore, SharedUse};
pub use self::repository::Repository;
pub use self::schema::Schema;
pub use self::services::ServiceStore;
pub use self::signing_keys::SigningKeyStore;
pub(crate) use self::sqlite::{copy_database, verify_copy};
pub use self::sweep::{delete_in_batches, sweep};
pub use self::users::{DeletedUser, Updated, UserSearch, UserStore};
