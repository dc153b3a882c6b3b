//! Upgrade and downgrade: an earlier schema with this release, a later one with this release, and the rules that let the release
//! before a migration use the database after it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rest_social_auth::model::UserId;
use rest_social_auth::store::Schema;
use sqlx::migrate::{Migration, Migrator};

use super::{NOW, Store, store};
use crate::support::{Database, Engine, on_both_databases};

on_both_databases! {
    database_of_each_earlier_schema_is_migrated_and_keeps_its_rows,
    release_before_each_migration_can_use_the_database_after_it,
    changes_that_the_previous_release_cannot_use_are_found,
    database_that_a_later_release_has_expanded_is_used,
    changed_or_interrupted_migration_is_an_error,
    database_of_another_program_is_left_as_it_is,
    database_that_a_later_release_has_contracted_is_refused_unchanged,
}

/// Rows as an earlier release wrote them. The first migration created these columns.
const ROWS: [&str; 2] = [
    "INSERT INTO users (id, username, email, first_name, last_name, is_active, created, credential_generation, link_generation)
     VALUES (7, 'ana', 'ana@example.com', 'Ana', 'Lopez', TRUE, 1, 1, 1)",
    "INSERT INTO social_accounts (id, user_id, provider, uid, uid_scope, extra_data, created, modified)
     VALUES (9, 7, 'github', '42', 'id', '{}', 1, 1)",
];

fn folder(engine: Engine) -> PathBuf {
    let name = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name)
}

async fn migrations(engine: Engine) -> Vec<Migration> {
    Migrator::new(folder(engine)).await.expect("the folder of the migrations").iter().cloned().collect()
}

#[tokio::test]
async fn name_of_each_migration_says_which_releases_can_use_the_database() {
    let names = async |engine: Engine| -> Vec<(i64, String)> {
        let migrations = migrations(engine).await;
        migrations.into_iter().map(|migration| (migration.version, migration.description.into_owned())).collect()
    };
    let sqlite = names(Engine::Sqlite).await;
    assert_eq!(sqlite, names(Engine::Postgres).await, "both databases have the same migrations");
    for (position, (version, name)) in (1..).zip(&sqlite) {
        assert_eq!(*version, position, "the numbers have no gap");
        let words: Vec<&str> = name.split(' ').collect();
        match words.as_slice() {
            ["schema"] if *version == 1 => {}
            ["expand", _, ..] => {}
            ["contract", needed, _, ..] => {
                let needed: i64 = needed.parse().unwrap_or_else(|_| panic!("{name}: a number follows"));
                assert!((1..*version).contains(&needed), "{name}: an earlier migration");
            }
            _ => panic!("{version} {name}: CONTRIBUTING.md says how a migration is named"),
        }
    }
}

async fn database_of_each_earlier_schema_is_migrated_and_keeps_its_rows(engine: Engine) {
    let all = migrations(engine).await;
    let current = schema_of(&Database::create(engine).await, engine).await;
    for count in 0..all.len() {
        let database = Database::empty(engine).await;
        database.apply(all[..count].to_vec()).await;
        if count > 0 {
            for row in ROWS {
                database.run(row).await;
            }
        }
        let repository = database.repository().await;
        let expected = if count == 0 { Schema::Empty } else { Schema::Behind };
        assert_eq!(repository.schema().await.expect("an answer"), expected, "{count} migrations");
        repository.migrate().await.expect("the migrations of this release");
        assert_eq!(repository.schema().await.expect("an answer"), Schema::Current);
        assert_eq!(schema_of(&database, engine).await, current, "from {count} migrations");
        if count > 0 {
            assert_eq!(repository.user(UserId(7)).await.expect("an answer").expect("the user").username, "ana");
            let accounts = repository.accounts_by_uid("github", &["42"]).await.expect("an answer");
            assert_eq!(accounts[0].1.id, UserId(7));
        }
        let user = Store { database, repository }.user("1").await;
        assert_eq!(user.username, "1");
    }
}

async fn release_before_each_migration_can_use_the_database_after_it(engine: Engine) {
    let database = Database::empty(engine).await;
    let mut applied = Vec::new();
    let mut before = None;
    for migration in migrations(engine).await {
        let (version, is_expansion) = (migration.version, migration.description.starts_with("expand "));
        applied.push(migration);
        database.apply(applied.clone()).await;
        let after = schema_of(&database, engine).await;
        if let Some(before) = before.replace(after.clone()).filter(|_| is_expansion) {
            assert_eq!(unusable_changes(&before, &after), Vec::<String>::new(), "migration {version}");
        }
    }
}

async fn changes_that_the_previous_release_cannot_use_are_found(engine: Engine) {
    let database = Database::create(engine).await;
    let usable = [
        "ALTER TABLE users ADD COLUMN locale TEXT",
        "ALTER TABLE users ADD COLUMN theme TEXT NOT NULL DEFAULT 'light'",
        "CREATE INDEX users_by_locale ON users (locale)",
        "CREATE TABLE themes (name TEXT PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id))",
    ];
    let unusable = [
        ("CREATE UNIQUE INDEX one_theme ON users (theme)", "users has a new rule"),
        ("ALTER TABLE users ADD COLUMN parent INTEGER REFERENCES users (id)", "users has a new rule"),
        ("ALTER TABLE users RENAME COLUMN first_name TO given_name", "users.first_name"),
        ("ALTER TABLE tokens RENAME TO permanent_tokens", "tokens"),
        ("ALTER TABLE users DROP COLUMN edited", "users.edited"),
    ];
    let mut before = schema_of(&database, engine).await;
    for sql in usable {
        database.run(sql).await;
        let after = schema_of(&database, engine).await;
        assert_eq!(unusable_changes(&before, &after), Vec::<String>::new(), "{sql}");
        before = after;
    }
    for (sql, expected) in unusable {
        database.run(sql).await;
        let after = schema_of(&database, engine).await;
        let found = unusable_changes(&before, &after).join("; ");
        assert!(found.contains(expected), "{sql}: {found}");
        before = after;
    }
}

/// What the next release may do to a database, with its row in the table of migrations.
async fn apply_later(database: &Database, version: i64, name: &str, sql: &[&str]) {
    for statement in sql {
        database.run(statement).await;
    }
    let row = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT {version}, '{name}', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
    );
    database.run(&row).await;
}

async fn database_that_a_later_release_has_expanded_is_used(engine: Engine) {
    let store = store(engine).await;
    let before = store.user("1").await;
    let expansion = [
        "ALTER TABLE users ADD COLUMN locale TEXT NOT NULL DEFAULT 'en'",
        "CREATE TABLE themes (user_id BIGINT NOT NULL)",
    ];
    apply_later(&store.database, 9001, "expand add locale", &expansion).await;
    // The open connections of a running server too.
    assert_eq!(store.user("2").await.username, "2");

    let next = store.database.repository().await;
    assert_eq!(next.schema().await.expect("an answer"), Schema::AheadCompatible);
    next.migrate().await.expect("nothing to apply");
    assert_eq!(next.user(before.id).await.expect("an answer").expect("the user").username, before.username);

    // It needs the last migration of this release, which is there.
    let latest = latest(engine).await;
    assert_eq!(store.database.count("_sqlx_migrations").await, latest + 1);
    let contraction = format!("contract {latest:04} drop something");
    apply_later(&store.database, 9002, &contraction, &[]).await;
    assert_eq!(next.schema().await.expect("an answer"), Schema::AheadCompatible);
    next.probe(NOW).await.expect("a write");
}

async fn changed_or_interrupted_migration_is_an_error(engine: Engine) {
    for (change, problem) in [
        ("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1", "migration 1 was interrupted"),
        ("UPDATE _sqlx_migrations SET checksum = substr(checksum, 2) WHERE version = 1", "is not this release's"),
    ] {
        let database = Database::create(engine).await;
        database.run(change).await;
        let repository = database.repository().await;
        // `doctor` and commands ask for the schema, `serve` and `migrate` migrate.
        let compared = repository.schema().await.expect_err("an error").to_string();
        assert!(compared.contains(problem), "{compared}");
        assert_eq!(repository.migrate().await.expect_err("an error").to_string(), compared);
    }
}

async fn database_of_another_program_is_left_as_it_is(engine: Engine) {
    let database = Database::empty(engine).await;
    database.run("CREATE TABLE users (name TEXT NOT NULL)").await;
    let before = schema_of(&database, engine).await;
    let refused = database.repository().await.migrate().await.expect_err("another table `users`").to_string();
    assert!(refused.contains("of another program: name an empty database in DATABASE_URL"), "{refused}");
    assert_eq!(schema_of(&database, engine).await, before);
}

async fn database_that_a_later_release_has_contracted_is_refused_unchanged(engine: Engine) {
    let database = Database::create(engine).await;
    apply_later(&database, 9001, "expand add locale", &["ALTER TABLE users ADD COLUMN locale TEXT"]).await;
    apply_later(&database, 9002, "contract 9001 drop edited", &["ALTER TABLE users DROP COLUMN edited"]).await;
    let before = schema_of(&database, engine).await;
    let repository = database.repository().await;
    assert_eq!(repository.schema().await.expect("an answer"), Schema::AheadIncompatible);
    let refused = repository.migrate().await.expect_err("a schema without the column").to_string();
    assert!(refused.contains("later release"), "{refused}");
    assert_eq!(schema_of(&database, engine).await, before);
}

async fn latest(engine: Engine) -> i64 {
    migrations(engine).await.last().expect("a migration").version
}

/// What a statement of the previous release depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tables {
    /// The type of each column, and whether an INSERT must name it, by `table.column`.
    columns: BTreeMap<String, (String, bool)>,
    /// What a row must fulfil: unique indexes, checks, foreign keys, triggers; each after its table.
    rules: BTreeSet<(String, String)>,
}

/// Reads columns and rules from one text of lines, whose fields are separated by `|`.
async fn schema_of(database: &Database, engine: Engine) -> Tables {
    let (columns, rules) = match engine {
        Engine::Sqlite => (SQLITE_COLUMNS, SQLITE_RULES),
        Engine::Postgres => (POSTGRES_COLUMNS, POSTGRES_RULES),
    };
    let columns = database.text(columns).await;
    let rules = database.text(rules).await;
    Tables {
        columns: columns
            .lines()
            .map(|line| line.split('|').collect::<Vec<_>>())
            .map(|fields| (format!("{}.{}", fields[0], fields[1]), (fields[2].to_owned(), fields[3] == "1")))
            .collect(),
        rules: rules
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(table, rule)| (table.to_owned(), rule.to_owned()))
            .collect(),
    }
}

const SQLITE_COLUMNS: &str = r#"SELECT coalesce(group_concat(line, char(10)), '') FROM (
    SELECT m.name || '|' || c.name || '|' || c.type || '|' || (c."notnull" AND c.dflt_value IS NULL AND NOT c.pk) AS line
    FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE '\_%' ESCAPE '\' AND m.name NOT LIKE 'sqlite%')"#;
const SQLITE_RULES: &str = r#"SELECT coalesce(group_concat(line, char(10)), '') FROM (
    SELECT m.name || '|unique ' || i.name AS line
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND i."unique"
    UNION ALL SELECT m.name || '|foreign key ' || f."from" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
    WHERE m.type = 'table'
    UNION ALL SELECT tbl_name || '|trigger ' || name FROM sqlite_master WHERE type = 'trigger')"#;
const POSTGRES_COLUMNS: &str = "SELECT coalesce(string_agg(line, chr(10)), '') FROM (
    SELECT table_name::text || '|' || column_name || '|' || data_type || '|' ||
        CASE WHEN is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' THEN '1' ELSE '0' END AS line
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_%') AS lines";
const POSTGRES_RULES: &str = "SELECT coalesce(string_agg(line, chr(10)), '') FROM (
    SELECT conrelid::regclass::text || '|' || contype::text || ' ' || conname AS line FROM pg_constraint
    WHERE connamespace = current_schema()::regnamespace AND contype IN ('c', 'f', 'u', 'p', 'x') AND conrelid <> 0
    UNION ALL SELECT indrelid::regclass::text || '|unique ' || indexrelid::regclass::text FROM pg_index
    JOIN pg_class ON pg_class.oid = indrelid WHERE indisunique AND relnamespace = current_schema()::regnamespace
    UNION ALL SELECT tgrelid::regclass::text || '|trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal) AS lines";

/// Why statements that were written for `before` may fail on `after`.
fn unusable_changes(before: &Tables, after: &Tables) -> Vec<String> {
    let table_of = |column: &String| column.split('.').next().unwrap_or_default().to_owned();
    let known: BTreeSet<String> = before.columns.keys().map(table_of).collect();
    let mut found = Vec::new();
    for (column, (kind, is_required)) in &before.columns {
        match after.columns.get(column) {
            None => found.push(format!("{column} is missing")),
            Some((new, _)) if new != kind => found.push(format!("{column} was {kind} and is {new}")),
            Some((_, true)) if !is_required => found.push(format!("{column} is required now")),
            Some(_) => {}
        }
    }
    for (column, (_, is_required)) in &after.columns {
        if *is_required && known.contains(&table_of(column)) && !before.columns.contains_key(column) {
            found.push(format!("{column} is new and has no default"));
        }
    }
    for (table, rule) in after.rules.difference(&before.rules).filter(|(table, _)| known.contains(table)) {
        found.push(format!("{table} has a new rule: {rule}"));
    }
    found
}
