//! The rows that an import writes, each to its table.

use async_trait::async_trait;

use super::context::Usernames;
use crate::model::{KnoxRow, SessionRow, TokenRow, User};
use crate::store::import::{ImportMode, ImportedRefreshToken, RowOutcome};
use crate::store::{Repository, StoreError, StoredAccount};

/// A row that an import writes.
#[async_trait]
pub trait ImportedRow: Sized + Send + Sync {
    /// Its id in the report: that of a user or a social account, of other rows that of the user.
    fn id(&self) -> i64;

    /// False: an earlier page had a user of this name.
    fn is_new_username(&self, _usernames: &mut Usernames) -> bool {
        true
    }

    /// Writes a page of rows, or compares it with the target.
    async fn import(target: &dyn Repository, rows: &[Self], mode: ImportMode) -> Result<Vec<RowOutcome>, StoreError>;
}

#[async_trait]
impl ImportedRow for User {
    fn id(&self) -> i64 {
        self.id.0
    }

    fn is_new_username(&self, usernames: &mut Usernames) -> bool {
        usernames.is_new(&self.username)
    }

    async fn import(target: &dyn Repository, rows: &[Self], mode: ImportMode) -> Result<Vec<RowOutcome>, StoreError> {
        target.import_users(rows, mode).await
    }
}

/// Implements [`ImportedRow`]: the id of a row, and the method of the store.
macro_rules! imported_row {
    ($row:ty, |$this:ident| $id:expr, $method:ident) => {
        #[async_trait]
        impl ImportedRow for $row {
            fn id(&self) -> i64 {
                let $this = self;
                $id
            }

            async fn import(
                target: &dyn Repository,
                rows: &[Self],
                mode: ImportMode,
            ) -> Result<Vec<RowOutcome>, StoreError> {
                target.$method(rows, mode).await
            }
        }
    };
}
imported_row!(StoredAccount, |row| row.account.id.0, import_accounts);
imported_row!(TokenRow, |row| row.user_id.0, import_tokens);
imported_row!(KnoxRow, |row| row.user_id.0, import_knox);
imported_row!(ImportedRefreshToken, |row| row.token.user_id.0, import_refresh);
imported_row!(SessionRow, |row| row.user_id.0, import_sessions);
