//! The Django database of an import, read only. Tables and columns are found by name. Only `import/` calls it.
//!
//! On PostgreSQL the whole import reads one snapshot. On SQLite each page is a read of its own, since a long read would keep
//! Django from writing.

use std::collections::BTreeMap;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use tokio::sync::Mutex;

use super::from_row::from_row;
use super::{Result, postgres, sqlite};
use crate::secrets::{ExposeSecret, SecretString};
use crate::settings::{SettingError, check_database_url};

mod columns;
mod source_rows;
mod source_text;

pub use self::source_rows::{Knox, Link, Outstanding, Session, SourceRow, Token, User, plain_key};
pub use self::source_text::SourceText;

/// The option that names the database, for errors.
const FROM: &str = "--from";

/// Columns that every release of social-auth-app-django, django-rest-knox and simplejwt has.
const LINK_COLUMNS: &[&str] = &["id", "user_id", "provider", "uid", "extra_data"];
const KNOX_COLUMNS: &[&str] = &["digest", "user_id", "created"];
const OUTSTANDING_COLUMNS: &[&str] = &["id", "user_id", "jti", "token", "created_at", "expires_at"];

/// Rows that the driver of SQLite passes on together.
const ROW_BUFFER_SIZE: usize = 1000;

/// A connection to the database, with the names of its tables and columns. Its calls follow each other.
pub struct Django {
    connection: Mutex<Source>,
    dialect: Dialect,
    tables: BTreeMap<String, Vec<Column>>,
    users: UserTable,
    accounts_table: String,
    knox_table: String,
}

enum Source {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

from_row! {
    struct ColumnRow {
        table_name: String,
        ..column: Column,
    }
}

#[derive(Clone, Copy)]
enum Dialect {
    Sqlite,
    Postgres,
}

from_row! {
    struct Column {
        name: String,
        /// The type's name in the database, in any case.
        kind: String,
        in_primary_key: bool,
    }
}

/// The table of the users, and its columns.
pub struct UserTable {
    /// The name of the table.
    pub name: String,
    /// The primary key, to which Django's other tables refer.
    key: String,
    key_kind: KeyKind,
    /// The column that becomes the id: the primary key, unless --id-column says otherwise.
    pub id: String,
    /// The column that becomes the username.
    pub username: String,
    /// The column that says whether the user is active. `None`: there is none.
    pub active: Option<String>,
    /// Whether the database keeps the usernames unique.
    pub has_unique_usernames: bool,
    /// Columns that become declared fields of their name.
    pub own: Vec<String>,
    /// Columns of the project that are not imported.
    pub extra: Vec<String>,
    present: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    Integer,
    Uuid,
    Text,
}

/// Columns of Django's own user model that are imported.
const IMPORTED_COLUMNS: [&str; 6] = ["first_name", "last_name", "email", "is_active", "date_joined", "last_login"];
/// Columns of Django's own user model that are not imported.
const IGNORED_COLUMNS: [&str; 3] = ["password", "is_staff", "is_superuser"];

from_row! {
    /// The number of rows of a table, and its highest id; 0 where ids are no integers.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Extent {
        pub rows: i64,
        pub highest: i64,
    }
}

/// Runs a query on the database, of either kind.
macro_rules! fetch {
    ($django:expr, $row:ty, $sql:expr $(, $bind:expr)*) => {
        match &mut *$django.connection.lock().await {
            // Each page has another size, and a list of keys another text: no statement is worth keeping.
            Source::Sqlite(connection) => sqlx::query_as::<_, $row>(AssertSqlSafe($sql))
                $(.bind($bind))*.persistent(false).fetch_all(connection).await,
            Source::Postgres(connection) => sqlx::query_as::<_, $row>(AssertSqlSafe($sql))
                $(.bind($bind))*.persistent(false).fetch_all(connection).await,
        }
    };
}
use fetch;

/// Names that the operator gives.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The table of the users. Default: the one to which the links refer, else `auth_user`.
    pub user_table: Option<String>,
    /// The column that becomes the username. Default: `username`, else `email`.
    pub username_column: Option<String>,
    /// The column that becomes the id. Default: the primary key, which must then be an integer.
    pub id_column: Option<String>,
    /// The column that says whether a user is active. Default: `is_active`.
    pub active_column: Option<String>,
    /// The table of the social accounts. Default: `social_auth_usersocialauth`.
    pub accounts_table: Option<String>,
    /// The table of the knox tokens. Default: `knox_authtoken`.
    pub knox_table: Option<String>,
}

impl Django {
    /// Checks the URL without opening the database.
    ///
    /// # Errors
    ///
    /// A [`SettingError`] that names the option: the URL is malformed, or its file cannot be read.
    pub fn look_at(url: &SecretString) -> std::result::Result<(), SettingError> {
        let text = url.expose_secret();
        let looked_at = match text.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => check_database_url(text).and_then(|()| sqlite_options(text)).map(drop),
            Some("postgres" | "postgresql") => check_database_url(text).and_then(|()| postgres_options(text)).map(drop),
            Some("mysql" | "mariadb" | "oracle") => {
                Err("only SQLite and PostgreSQL are read; Django's dumpdata and loaddata make one of the other"
                    .to_owned())
            }
            _ => Err("must begin with sqlite: or postgres:".to_owned()),
        };
        looked_at.map_err(|problem| SettingError::new(FROM, problem))
    }

    /// Opens the database. `declared`: names of declared fields, which get the values of the columns of the same name.
    ///
    /// # Errors
    ///
    /// A [`SettingError`] that names the option: the database cannot be opened or read, or a table or column does not exist. It
    /// never holds the password.
    pub async fn open(url: &SecretString, names: &Names, declared: &[&str]) -> std::result::Result<Self, SettingError> {
        Self::look_at(url)?;
        let text = url.expose_secret();
        let connection =
            if text.starts_with("sqlite:") { open_sqlite(text).await? } else { open_postgres(text).await? };
        let users = UserTable::unknown();
        let dialect = match connection {
            Source::Sqlite(_) => Dialect::Sqlite,
            Source::Postgres(_) => Dialect::Postgres,
        };
        let mut django = Self {
            connection: Mutex::new(connection),
            dialect,
            tables: BTreeMap::new(),
            users,
            accounts_table: names.accounts_table.clone().unwrap_or_else(|| "social_auth_usersocialauth".to_owned()),
            knox_table: names.knox_table.clone().unwrap_or_else(|| "knox_authtoken".to_owned()),
        };
        django.read_tables().await.map_err(|error| unreadable("its tables cannot be listed", &error))?;
        django.check_tables(names)?;
        django.users = django.find_users(names, declared).await?;
        django.users.has_unique_usernames = django.has_unique_usernames().await.unwrap_or(false);
        django.check_ids().await?;
        Ok(django)
    }

    /// The table of the users.
    pub fn users(&self) -> &UserTable {
        &self.users
    }

    /// The table of the social accounts, which need not exist.
    pub fn accounts_table(&self) -> &str {
        &self.accounts_table
    }

    /// The table of the knox tokens, which need not exist.
    pub fn knox_table(&self) -> &str {
        &self.knox_table
    }

    /// Whether users get another id than the one in Django's tokens.
    pub fn renumbers(&self) -> bool {
        self.users.id != self.users.key
    }

    /// Whether the table exists.
    pub fn has(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        self.tables.get(table).is_some_and(|columns| columns.iter().any(|known| known.name == column))
    }

    /// The extent of a table. A row with an id above `max_id` counts as a row only.
    pub async fn extent(&self, table: &str, max_id: i64) -> Result<Extent> {
        let id = if table == self.users.name { self.users.id.clone() } else { "id".to_owned() };
        let highest = match self.tables.get(table) {
            Some(columns) if columns.iter().any(|column| column.name == id && is_integer(&column.kind)) => {
                let (id, table) = (quoted(&id), quoted(table));
                format!("COALESCE((SELECT max({id}) FROM {table} WHERE {id} <= {max_id}), 0)")
            }
            _ => "0".to_owned(),
        };
        let sql = format!("SELECT count(*) AS rows, CAST({highest} AS BIGINT) AS highest FROM {}", quoted(table));
        let found: std::result::Result<Vec<Extent>, _> = fetch!(self, Extent, sql);
        Ok(found?.pop().unwrap_or_default())
    }

    async fn read_tables(&mut self) -> sqlx::Result<()> {
        let sql = match self.dialect {
            Dialect::Sqlite => {
                "SELECT t.name AS table_name, c.name AS name, lower(c.type) AS kind, c.pk > 0 AS in_primary_key
                 FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
            }
            Dialect::Postgres => {
                "SELECT t.relname::text AS table_name, c.attname::text AS name,
                        format_type(c.atttypid, NULL) AS kind,
                        COALESCE(c.attnum = ANY(p.indkey), false) AS in_primary_key
                 FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
                   LEFT JOIN pg_index p ON p.indrelid = t.oid AND p.indisprimary
                 WHERE t.relkind IN ('r', 'p') AND pg_table_is_visible(t.oid)
                   AND t.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
            }
        };
        let rows: std::result::Result<Vec<ColumnRow>, _> = fetch!(self, ColumnRow, sql.to_owned());
        for row in rows? {
            self.tables.entry(row.table_name).or_default().push(row.column);
        }
        Ok(())
    }

    /// Checks that the tables that the operator named exist, and that each table is one of its package. SQLite would read a column
    /// that does not exist as a text.
    fn check_tables(&self, names: &Names) -> std::result::Result<(), SettingError> {
        let tables = [
            ("--accounts-table", &names.accounts_table, self.accounts_table.as_str(), LINK_COLUMNS),
            ("--knox-table", &names.knox_table, &self.knox_table, KNOX_COLUMNS),
            (FROM, &None, "authtoken_token", &["key", "user_id", "created"]),
            (FROM, &None, "token_blacklist_outstandingtoken", OUTSTANDING_COLUMNS),
            (FROM, &None, "token_blacklist_blacklistedtoken", &["token_id", "blacklisted_at"]),
            (FROM, &None, "django_session", &["session_key", "session_data", "expire_date"]),
        ];
        for (option, named, table, columns) in tables {
            let option = if named.is_some() { option } else { FROM };
            if !self.has(table) {
                if named.is_some() {
                    return Err(SettingError::new(option, format!("there is no table {table}")));
                }
                continue;
            }
            if let Some(missing) = columns.iter().find(|column| !self.has_column(table, column)) {
                return Err(SettingError::new(option, format!("the table {table} has no column {missing}")));
            }
        }
        Ok(())
    }

    async fn find_users(&self, names: &Names, declared: &[&str]) -> std::result::Result<UserTable, SettingError> {
        let (option, table) = match &names.user_table {
            Some(table) => ("--user-table", table.clone()),
            None => (FROM, self.table_linked_to().await.unwrap_or_else(|| "auth_user".to_owned())),
        };
        let columns = self.tables.get(&table).ok_or_else(|| {
            SettingError::new(option, format!("there is no table {table}; --user-table names the one with the users"))
        })?;
        UserTable::find(table, columns, names, declared)
    }

    /// Checks that the column of the ids, which need not be the primary key, has unique values and no NULL.
    async fn check_ids(&self) -> std::result::Result<(), SettingError> {
        if !self.renumbers() {
            return Ok(());
        }
        let wrong = |problem: String| SettingError::new("--id-column", problem);
        let id = quoted(&self.users.id);
        let sql = format!("SELECT count(*) - count(DISTINCT {id}) FROM {}", quoted(&self.users.name));
        let found: std::result::Result<Vec<(i64,)>, _> = fetch!(self, (i64,), sql);
        match found.map_err(|error| wrong(format!("cannot be read: {error}")))?.first() {
            Some((0,)) | None => Ok(()),
            Some((count,)) => {
                Err(wrong(format!("{count} users have no number in {}, or another user's", self.users.id)))
            }
        }
    }

    /// Whether an index of the database, over the column alone and all rows, keeps the usernames unique.
    async fn has_unique_usernames(&self) -> Result<bool> {
        let sql = match self.dialect {
            Dialect::Sqlite => {
                "SELECT count(*) FROM pragma_index_list($1) l
                 WHERE l.\"unique\" AND NOT l.partial AND 1 = (SELECT count(*) FROM pragma_index_info(l.name))
                   AND $2 = (SELECT c.name FROM pragma_index_info(l.name) c)"
            }
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_index i JOIN pg_attribute c ON c.attrelid = i.indrelid AND c.attnum = i.indkey[0]
                 WHERE i.indrelid = to_regclass(quote_ident($1)) AND i.indisunique AND i.indisvalid AND i.indnatts = 1
                   AND i.indpred IS NULL AND c.attname = $2"
            }
        };
        let found: std::result::Result<Vec<(i64,)>, _> =
            fetch!(self, (i64,), sql.to_owned(), &self.users.name, &self.users.username);
        Ok(found?.first().is_some_and(|(count,)| *count > 0))
    }

    /// The table to which the foreign key `user_id` of the links refers.
    async fn table_linked_to(&self) -> Option<String> {
        let sql = match self.dialect {
            Dialect::Sqlite => "SELECT \"table\" AS name FROM pragma_foreign_key_list($1) WHERE \"from\" = 'user_id'",
            Dialect::Postgres => {
                "SELECT t.relname::text AS name FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
                   JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = ANY(k.conkey)
                 WHERE k.contype = 'f' AND c.attname = 'user_id'
                   AND k.conrelid = to_regclass(quote_ident($1))"
            }
        };
        let found: std::result::Result<Vec<(String,)>, _> =
            fetch!(self, (String,), sql.to_owned(), &self.accounts_table);
        let name = found.ok()?.pop()?.0;
        self.tables.contains_key(&name).then_some(name)
    }
}

impl UserTable {
    fn unknown() -> Self {
        Self {
            name: String::new(),
            key: String::new(),
            key_kind: KeyKind::Integer,
            id: String::new(),
            username: String::new(),
            active: None,
            has_unique_usernames: false,
            own: Vec::new(),
            extra: Vec::new(),
            present: Vec::new(),
        }
    }

    fn find(
        table: String,
        columns: &[Column],
        names: &Names,
        declared: &[&str],
    ) -> std::result::Result<Self, SettingError> {
        let all = || columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let wrong = |option: &str, problem: String| Err(SettingError::new(option, problem));
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        let Some(key) = columns.iter().find(|column| column.in_primary_key) else {
            return wrong("--user-table", format!("{table} has no primary key"));
        };
        let id = match &names.id_column {
            Some(name) => columns.iter().find(|column| column.name == *name),
            None => Some(key),
        };
        let Some(id) = id else {
            return wrong("--id-column", format!("names a column of {table}: {}", all()));
        };
        if !is_integer(&id.kind) {
            let problem = format!(
                "{}.{} is of type {}, and an id here is a whole number: name a column of whole numbers, which \
                 docs/MOVING.md tells how to add",
                table, id.name, id.kind
            );
            return wrong("--id-column", problem);
        }
        let key_kind = KeyKind::of(&key.kind);
        if id.name != key.name && key_kind == KeyKind::Integer {
            // A JWT for the user with id 7 there would sign in the user who gets id 7 here.
            let problem = format!("{table}.{} counts its users already: leave this option out", key.name);
            return wrong("--id-column", problem);
        }
        let username = match names.username_column.as_deref() {
            Some(name) if has(name) => name,
            None if has("username") => "username",
            None if has("email") => "email",
            // Multi-table inheritance: the columns of Django's user model are in the table of the parent.
            None if key.name.ends_with("_ptr_id") => {
                let problem = format!("{table} extends another table: name that one, such as auth_user");
                return wrong("--user-table", problem);
            }
            _ => return wrong("--username-column", format!("names a column of {table}: {}", all())),
        };
        let active = active_column(&table, columns, names)?;
        let is_stock = |name: &str| {
            [key.name.as_str(), id.name.as_str(), username].contains(&name)
                || active.as_deref() == Some(name)
                || IMPORTED_COLUMNS.contains(&name)
                || IGNORED_COLUMNS.contains(&name)
        };
        let own: Vec<String> = declared.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect();
        let extra = columns.iter().map(|column| &column.name).filter(|name| !is_stock(name) && !own.contains(name));
        Ok(Self {
            key: key.name.clone(),
            key_kind,
            id: id.name.clone(),
            username: username.to_owned(),
            active: active.clone(),
            has_unique_usernames: false,
            extra: extra.cloned().collect(),
            present: IMPORTED_COLUMNS.into_iter().chain(IGNORED_COLUMNS).filter(|name| has(name)).collect(),
            own,
            name: table,
        })
    }

    fn has(&self, column: &str) -> bool {
        self.present.contains(&column)
    }
}

/// The column that says whether a user is active.
fn active_column(table: &str, columns: &[Column], names: &Names) -> std::result::Result<Option<String>, SettingError> {
    let Some(named) = &names.active_column else {
        return Ok(columns.iter().find(|column| column.name == "is_active").map(|column| column.name.clone()));
    };
    let is_flag = |column: &Column| column.kind.to_ascii_lowercase().starts_with("bool") || is_integer(&column.kind);
    if columns.iter().find(|column| column.name == *named).is_some_and(is_flag) {
        Ok(Some(named.clone()))
    } else {
        let problem = format!("must name a column of {table} that is a boolean or a whole number");
        Err(SettingError::new("--active-column", problem))
    }
}

fn sqlite_options(url: &str) -> std::result::Result<SqliteConnectOptions, String> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| "must look like sqlite://path/to/db.sqlite3".to_owned())?
        .read_only(true)
        .create_if_missing(false)
        .row_buffer_size(ROW_BUFFER_SIZE)
        .disable_statement_logging();
    let path = options.get_filename();
    match std::fs::metadata(path) {
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        Ok(_) => Ok(options),
    }
}

/// Without write access, SQLite cannot make the index that it needs beside a write-ahead log.
const LOG_NEEDS_WRITE_ACCESS: &str = "if its directory has a file ending in -wal, copy all its files to a directory of yours, and \
                                      import from there";

async fn open_sqlite(url: &str) -> std::result::Result<Source, SettingError> {
    let options = sqlite_options(url).map_err(|problem| SettingError::new(FROM, problem))?;
    let path = options.get_filename().display().to_string();
    let connection =
        options.connect().await.map_err(|error| unreadable(&format!("{path} cannot be opened"), &error))?;
    Ok(Source::Sqlite(connection))
}

/// The error of the option that names the database.
fn unreadable(what: &str, error: &sqlx::Error) -> SettingError {
    let is_temporary = sqlite::may_be_usable_later(error) || postgres::may_answer_later(error);
    let advice = if sqlite::is_access_missing(error) { format!("; {LOG_NEEDS_WRITE_ACCESS}") } else { String::new() };
    SettingError { is_temporary, ..SettingError::new(FROM, format!("{what}: {error}{advice}")) }
}

fn postgres_options(url: &str) -> std::result::Result<PgConnectOptions, String> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| "must look like postgres://user:password@host:port/database".to_owned())?;
    Ok(options.application_name("rest-social-auth import").disable_statement_logging())
}

async fn open_postgres(url: &str) -> std::result::Result<Source, SettingError> {
    let options = postgres_options(url).map_err(|problem| SettingError::new(FROM, problem))?;
    let place = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or_default());
    let opened = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(Source::Postgres(connection))
    };
    opened.await.map_err(|error| unreadable(&format!("{place} cannot be read"), &error))
}

impl KeyKind {
    fn of(kind: &str) -> Self {
        match kind {
            kind if is_integer(kind) => Self::Integer,
            "uuid" => Self::Uuid,
            _ => Self::Text,
        }
    }
}

fn is_integer(kind: &str) -> bool {
    ["integer", "bigint", "smallint", "int"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// An identifier as an SQL literal.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
