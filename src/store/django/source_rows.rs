//! Reads Django's tables in pages by primary key: the last row of a page tells where the next one begins.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Dialect, Django, KeyKind, Result, Source, SourceText, fetch, quoted};
use crate::model::{AccountId, UserId};
use crate::store::from_row::from_row;

/// Keys in one statement.
const MAX_KEYS: usize = 2000;
const NULL_TIME: &str = "CAST(NULL AS BIGINT)";

from_row! {
    /// A row of the table of the users.
    pub struct User {
        pub id: UserId,
        pub username: SourceText,
        pub first_name: SourceText,
        pub last_name: SourceText,
        pub email: SourceText,
        pub is_active: bool,
        /// Milliseconds since 1970, as all times here.
        pub joined: Option<i64>,
        pub last_login: Option<i64>,
        /// The columns that declared fields come from, as one JSON object.
        pub own: SourceText,
    }
}

from_row! {
    /// The user of a session.
    pub struct DjangoUser {
        pub id: UserId,
        /// The stored hash; empty where users have none.
        pub password: SourceText,
    }
}

from_row! {
    struct DjangoUserRow {
        key: String,
        ..user: DjangoUser,
    }
}

from_row! {
    /// A row of social_auth_usersocialauth.
    pub struct Link {
        pub id: AccountId,
        pub user_id: UserId,
        pub provider: SourceText,
        pub uid: SourceText,
        /// JSON. Earlier releases stored it as text, some encoded twice.
        pub extra_data: SourceText,
        pub created: Option<i64>,
        pub modified: Option<i64>,
    }
}

from_row! {
    /// A permanent token, unencrypted.
    pub struct Token {
        pub key: String,
        pub user_id: UserId,
        pub created: Option<i64>,
    }
}

from_row! {
    /// A django-rest-knox token.
    pub struct Knox {
        pub digest: String,
        pub token_key: SourceText,
        pub user_id: UserId,
        pub created: Option<i64>,
        pub expiry: Option<i64>,
        /// Only releases before 4.2 have one; empty: none.
        pub salt: SourceText,
    }
}

from_row! {
    /// A refresh or sliding token that simplejwt issued.
    pub struct Outstanding {
        pub id: i64,
        /// `None`: the user was deleted.
        pub user_id: Option<UserId>,
        pub jti: SourceText,
        pub token: SourceText,
        /// The user's stored password hash; empty: none.
        pub password: SourceText,
        pub created: Option<i64>,
        pub expires: Option<i64>,
        pub blacklisted: Option<i64>,
    }
}

from_row! {
    /// A row of django_session.
    pub struct Session {
        pub session_key: String,
        pub session_data: SourceText,
        pub expires: Option<i64>,
    }
}

/// A row of a table that is read in pages.
pub trait SourceRow: Sized + Send + 'static {
    /// The key by which the rows are ordered.
    type Key: Clone + Send + Sync + 'static;
    /// The most rows that a page may have. A larger page takes more memory. It pays where the rows are inserted in another order
    /// than they are read, as digests are.
    const MAX_PAGE: usize;

    /// A key below all others.
    fn lowest_key() -> Self::Key;
    /// The key of the row.
    fn key(&self) -> Self::Key;
    /// The first `rows` rows with a key above `after`.
    fn page(source: &Django, after: &Self::Key, rows: usize) -> impl Future<Output = Result<Vec<Self>>> + Send;
}

/// Implements [`SourceRow`]: the type of the key, its lowest value and its column, and the function that reads a page.
macro_rules! source_row {
    ($row:ty, $key:ty, $lowest:expr, $max:expr, |$this:ident| $of:expr, |$source:ident, $after:ident, $rows:ident| $page:expr) => {
        impl SourceRow for $row {
            type Key = $key;
            const MAX_PAGE: usize = $max;

            fn lowest_key() -> $key {
                $lowest
            }

            fn key(&self) -> $key {
                let $this = self;
                $of
            }

            async fn page($source: &Django, $after: &$key, $rows: usize) -> Result<Vec<Self>> {
                $page.await
            }
        }
    };
}
source_row!(User, i64, i64::MIN, 10_000, |row| row.id.0, |source, after, rows| source.user_page(*after, rows));
source_row!(Link, i64, i64::MIN, 10_000, |row| row.id.0, |source, after, rows| source.link_page(*after, rows));
source_row!(Token, String, String::new(), 50_000, |row| row.key.clone(), |source, after, rows| source
    .token_page(after, rows));
source_row!(Knox, String, String::new(), 10_000, |row| row.digest.clone(), |source, after, rows| source
    .knox_page(after, rows));
source_row!(Outstanding, i64, i64::MIN, 10_000, |row| row.id, |source, after, rows| source
    .outstanding_page(*after, rows));
source_row!(Session, String, String::new(), 25_000, |row| row.session_key.clone(), |source, after, rows| source
    .session_page(after, rows));

/// A primary key without dashes, so that both forms of a UUID are equal.
pub fn plain_key(key: &str) -> String {
    key.replace('-', "")
}

impl Django {
    /// Users with an id above `after`.
    async fn user_page(&self, after: i64, rows: usize) -> Result<Vec<User>> {
        let table = &self.users;
        let text = |column: &str| if table.has(column) { self.text(column) } else { "''".to_owned() };
        let moment = |column: &str| if table.has(column) { self.millis(column) } else { NULL_TIME.to_owned() };
        let active = table.active.as_deref().map_or_else(|| "true".to_owned(), |column| self.boolean(column));
        let sql = format!(
            "SELECT {id} AS id, {username} AS username, {first} AS first_name, {last} AS last_name, {email} AS email,
                    {active} AS is_active, {joined} AS joined, {last_login} AS last_login, {own} AS own
             FROM {table} users WHERE {key} > $1 ORDER BY {key} LIMIT {rows}",
            id = self.integer(&table.id),
            username = self.text(&table.username),
            first = text("first_name"),
            last = text("last_name"),
            email = text("email"),
            joined = moment("date_joined"),
            last_login = moment("last_login"),
            own = self.own_columns(),
            table = quoted(&table.name),
            key = quoted(&table.id),
        );
        Ok(fetch!(self, User, sql, after)?)
    }

    /// Links with an id above `after`.
    async fn link_page(&self, after: i64, rows: usize) -> Result<Vec<Link>> {
        let links = &self.accounts_table;
        let table = quoted(links);
        let sql = format!(
            "SELECT {id} AS id, {user} AS user_id, {provider} AS provider, {uid} AS uid, {extra} AS extra_data,
                    {created} AS created, {modified} AS modified
             FROM {table} WHERE id > $1 ORDER BY id LIMIT {rows}",
            id = self.integer("id"),
            user = self.user_of(&table),
            provider = self.text("provider"),
            uid = self.text("uid"),
            extra = self.text("extra_data"),
            created = self.or(links, "created", self.millis("created"), NULL_TIME),
            modified = self.or(links, "modified", self.millis("modified"), NULL_TIME),
        );
        Ok(fetch!(self, Link, sql, after)?)
    }

    /// Permanent tokens with a key above `after`.
    async fn token_page(&self, after: &str, rows: usize) -> Result<Vec<Token>> {
        let sql = format!(
            "SELECT key, {user} AS user_id, {created} AS created
             FROM authtoken_token WHERE key > $1 ORDER BY key LIMIT {rows}",
            user = self.user_of("authtoken_token"),
            created = self.millis("created"),
        );
        Ok(fetch!(self, Token, sql, after)?)
    }

    /// Knox tokens with a digest above `after`.
    async fn knox_page(&self, after: &str, rows: usize) -> Result<Vec<Knox>> {
        let knox = &self.knox_table;
        let table = quoted(knox);
        let sql = format!(
            "SELECT digest, {key} AS token_key, {user} AS user_id, {created} AS created, {expiry} AS expiry,
                    {salt} AS salt
             FROM {table} WHERE digest > $1 ORDER BY digest LIMIT {rows}",
            key = self.or(knox, "token_key", self.text("token_key"), "''"),
            user = self.user_of(&table),
            created = self.millis("created"),
            // Releases before 4 name it `expires`.
            expiry = self.or(
                knox,
                "expiry",
                self.expiry("expiry"),
                &self.or(knox, "expires", self.expiry("expires"), NULL_TIME)
            ),
            salt = self.or(knox, "salt", self.text("salt"), "''"),
        );
        Ok(fetch!(self, Knox, sql, after)?)
    }

    /// Refresh and sliding tokens with an id above `after`, with the time of their blacklisting.
    async fn outstanding_page(&self, after: i64, rows: usize) -> Result<Vec<Outstanding>> {
        let (blacklisted, join) = if self.has("token_blacklist_blacklistedtoken") {
            (self.millis("blacklisted_at"), "LEFT JOIN token_blacklist_blacklistedtoken b ON b.token_id = o.id")
        } else {
            (NULL_TIME.to_owned(), "")
        };
        let id = match self.dialect {
            Dialect::Sqlite => "o.id",
            Dialect::Postgres => "CAST(o.id AS BIGINT)",
        };
        let sql = format!(
            "SELECT {id} AS id, {user} AS user_id, jti, token, {password} AS password, {created} AS created,
                    {expires} AS expires, {blacklisted} AS blacklisted
             FROM token_blacklist_outstandingtoken o {join} WHERE o.id > $1 ORDER BY o.id LIMIT {rows}",
            user = self.user_of("o"),
            password = self.password_of("o"),
            created = self.millis("created_at"),
            expires = self.millis("expires_at"),
        );
        Ok(fetch!(self, Outstanding, sql, after)?)
    }

    /// Sessions with a key above `after`.
    async fn session_page(&self, after: &str, rows: usize) -> Result<Vec<Session>> {
        let sql = format!(
            "SELECT session_key, session_data, {expires} AS expires
             FROM django_session WHERE session_key > $1 ORDER BY session_key LIMIT {rows}",
            expires = self.millis("expire_date"),
        );
        Ok(fetch!(self, Session, sql, after)?)
    }

    /// The users with these primary keys, by [`plain_key`].
    pub async fn users_by_key(&self, keys: &[&str]) -> Result<HashMap<String, DjangoUser>> {
        let mut users = HashMap::with_capacity(keys.len());
        for some in keys.chunks(MAX_KEYS) {
            users.extend(self.users_of_keys(some).await?);
        }
        Ok(users)
    }

    async fn users_of_keys(&self, keys: &[&str]) -> Result<Vec<(String, DjangoUser)>> {
        let users = &self.users;
        let keys: Vec<String> = keys.iter().flat_map(|key| self.literals(key)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT CAST({key} AS TEXT) AS key, {id} AS id, {password} AS password FROM {table} WHERE {key} IN ({keys})",
            key = quoted(&users.key),
            id = self.integer(&users.id),
            password = if users.has("password") { self.text("password") } else { "''".to_owned() },
            table = quoted(&users.name),
            keys = keys.join(", "),
        );
        let rows: std::result::Result<Vec<DjangoUserRow>, _> = fetch!(self, DjangoUserRow, sql);
        Ok(rows?.into_iter().map(|row| (plain_key(&row.key), row.user)).collect())
    }

    /// A primary key as SQL literals, one for each form that the database may hold. Empty: the key is not of this kind.
    fn literals(&self, key: &str) -> Vec<String> {
        let is_plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        match self.users.key_kind {
            KeyKind::Integer => key.parse::<i64>().iter().map(i64::to_string).collect(),
            KeyKind::Uuid => Uuid::try_parse(key).iter().map(|key| format!("'{key}'")).collect(),
            KeyKind::Text if !is_plain(key) => Vec::new(),
            // Django stores a UUID without dashes in a database that has no such type.
            KeyKind::Text => vec![format!("'{key}'"), format!("'{}'", plain_key(key))],
        }
    }

    /// The number of users with a password and no social account, who cannot sign in here, and the ids of the first five.
    /// `with_accounts`: the social accounts are imported.
    pub async fn users_with_password_only(&self, with_accounts: bool) -> Result<(u64, Vec<i64>)> {
        if !self.users.has("password") {
            return Ok((0, Vec::new()));
        }
        let links = if with_accounts && self.has(&self.accounts_table) {
            let (table, key) = (quoted(&self.accounts_table), quoted(&self.users.key));
            format!("AND NOT EXISTS (SELECT 1 FROM {table} l WHERE l.user_id = u.{key})")
        } else {
            String::new()
        };
        // An unusable password begins with an exclamation mark.
        let condition = format!(
            "FROM {table} u WHERE {password} <> '' AND substr({password}, 1, 1) <> '!' {links}",
            table = quoted(&self.users.name),
            password = self.text("password"),
        );
        let id = self.integer(&self.users.id);
        let count: std::result::Result<Vec<(i64,)>, _> = fetch!(self, (i64,), format!("SELECT count(*) {condition}"));
        let first: std::result::Result<Vec<(i64,)>, _> =
            fetch!(self, (i64,), format!("SELECT {id} {condition} ORDER BY 1 LIMIT 5"));
        let count = count?.first().map_or(0, |row| row.0.unsigned_abs());
        Ok((count, first?.into_iter().map(|row| row.0).collect()))
    }
}
