//! The migrations that the build script found in `migrations/`.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// `files`: name without ending, such as `0001_schema`, and text. A name without a number panics: the test of the schema
/// would not pass.
pub(super) fn migrator(files: &[(&str, &'static str)]) -> Migrator {
    let migrations = files.iter().map(|(name, text)| {
        let (version, description) = name.split_once('_').expect("a migration is named NNNN_name");
        let version = version.parse().expect("the name of a migration begins with a number");
        let description = description.replace('_', " ").into();
        let no_transaction = text.starts_with("-- no-transaction");
        Migration::new(version, description, MigrationType::Simple, text.into_sql_str(), no_transaction)
    });
    Migrator::with_migrations(migrations.collect())
}
