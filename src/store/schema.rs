//! Compares the schema of a database with that of this release.
//!
//! The name of a migration says which releases can use a database that has it. The database stores the name, so a release that
//! does not have the migration can read it:
//!
//! | name | after it, the database can be used by |
//! |---|---|
//! | `0007_expand_add_locale` | every release that could use it before |
//! | `0009_contract_0007_drop_language` | releases that have migration 7 |

/// The schema of a database, compared with that of this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Every migration of this release is applied, and no other.
    Current,
    /// There are no tables: `migrate` creates them.
    Empty,
    /// An earlier release created the tables: `migrate` changes them.
    Behind,
    /// A later release changed the tables, and this release can use them.
    AheadCompatible,
    /// A later release changed the tables, and this release cannot use them.
    AheadIncompatible,
}

/// A row of the table of migrations: version and description, which is the rest of the name with spaces instead of underscores.
pub(super) type AppliedMigration = (i64, String);

impl Schema {
    /// Compares the migrations that a database has with `known`, the versions of those of this release.
    pub(super) fn of(applied: &[AppliedMigration], known: &[i64]) -> Self {
        let newest = known.iter().copied().max().unwrap_or_default();
        let unknown: Vec<_> = applied.iter().filter(|(version, _)| !known.contains(version)).collect();
        let is_usable = |(_, description): &&AppliedMigration| {
            oldest_usable_version(description).is_some_and(|version| version <= newest)
        };
        if !unknown.iter().all(is_usable) {
            Self::AheadIncompatible
        } else if applied.is_empty() {
            Self::Empty
        } else if applied.len() - unknown.len() < known.len() {
            Self::Behind
        } else if unknown.is_empty() {
            Self::Current
        } else {
            Self::AheadCompatible
        }
    }
}

/// The migration that a release must have to use a database with this one. `None`: the description does not say it.
fn oldest_usable_version(description: &str) -> Option<i64> {
    let mut words = description.split(' ');
    match words.next()? {
        "expand" => Some(0),
        "contract" => words.next()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(later: &[(i64, &str)]) -> Schema {
        let first = [(1, "schema"), (2, "expand add locale")];
        let applied: Vec<_> = first.iter().chain(later).map(|(version, text)| (*version, (*text).to_owned())).collect();
        Schema::of(&applied, &[1, 2])
    }

    #[test]
    fn applied_migrations_are_compared_with_those_of_this_release() {
        assert_eq!(with(&[]), Schema::Current);
        assert_eq!(Schema::of(&[], &[1, 2]), Schema::Empty);
        assert_eq!(Schema::of(&[(1, "schema".to_owned())], &[1, 2]), Schema::Behind);
        // A release of another branch may have later migrations and lack one of this release.
        assert_eq!(Schema::of(&[(1, "schema".to_owned()), (3, "expand x".to_owned())], &[1, 2]), Schema::Behind);
    }

    #[test]
    fn name_of_a_later_migration_says_whether_this_release_can_use_the_database() {
        assert_eq!(with(&[(3, "expand add theme")]), Schema::AheadCompatible);
        assert_eq!(with(&[(3, "expand add theme"), (4, "contract 0002 drop language")]), Schema::AheadCompatible);
        assert_eq!(with(&[(3, "expand add theme"), (4, "contract 0003 drop color")]), Schema::AheadIncompatible);
        for unknown in ["of a later release", "", "contract", "contract all", "expanded"] {
            assert_eq!(with(&[(3, unknown)]), Schema::AheadIncompatible, "{unknown}");
        }
    }
}
