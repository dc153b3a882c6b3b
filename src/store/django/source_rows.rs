//! The pages of Django's tables, each in the order of its primary key, so that a page says where the next begins.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Django, KeyKind, PAGE, Result, Source, fetch, quoted};
use crate::model::{AccountId, UserId};

const LINKS: &str = "social_auth_usersocialauth";
const KNOX: &str = "knox_authtoken";
const NO_MOMENT: &str = "CAST(NULL AS BIGINT)";

#[derive(sqlx::FromRow)]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub is_active: bool,
    /// Milliseconds since 1970, as all moments here.
    pub joined: Option<i64>,
    pub last_login: Option<i64>,
    /// The columns that declared fields come from, as one JSON object.
    pub own: String,
}

/// Whom a session signs in.
#[derive(sqlx::FromRow)]
struct PersonRow {
    key: String,
    id: UserId,
    password: String,
}

pub struct DjangoUser {
    pub id: UserId,
    /// The stored hash; empty where users have none.
    pub password: String,
}

/// A row of social_auth_usersocialauth.
#[derive(sqlx::FromRow)]
pub struct Link {
    pub id: AccountId,
    pub user_id: UserId,
    pub provider: String,
    pub uid: String,
    /// JSON; earlier releases kept it as text, some twice encoded.
    pub extra_data: String,
    pub created: Option<i64>,
    pub modified: Option<i64>,
}

/// A permanent token, in clear.
#[derive(sqlx::FromRow)]
pub struct Token {
    pub key: String,
    pub user_id: UserId,
    pub created: Option<i64>,
}

#[derive(sqlx::FromRow)]
pub struct Knox {
    pub digest: String,
    pub token_key: String,
    pub user_id: UserId,
    pub created: Option<i64>,
    pub expiry: Option<i64>,
    /// Of releases before 4.2; empty: none.
    pub salt: String,
}

/// A refresh or sliding token that simplejwt issued.
#[derive(sqlx::FromRow)]
pub struct Outstanding {
    pub id: i64,
    /// `None`: the user is gone.
    pub user_id: Option<UserId>,
    pub jti: String,
    pub token: String,
    pub created: Option<i64>,
    pub expires: Option<i64>,
    pub blacklisted: Option<i64>,
}

#[derive(sqlx::FromRow)]
pub struct Session {
    pub session_key: String,
    pub session_data: String,
    pub expires: Option<i64>,
}

/// A primary key by which two spellings of one UUID are the same.
pub fn plain_key(key: &str) -> String {
    key.replace('-', "")
}

impl Django {
    /// Users above `after`.
    pub async fn user_page(&mut self, after: i64) -> Result<Vec<User>> {
        let table = &self.users;
        let text = |column: &str| if table.has(column) { self.text(column) } else { "''".to_owned() };
        let moment = |column: &str| if table.has(column) { self.millis(column) } else { NO_MOMENT.to_owned() };
        let active = if table.has("is_active") { self.boolean("is_active") } else { "true".to_owned() };
        let sql = format!(
            "SELECT {id} AS id, {username} AS username, {first} AS first_name, {last} AS last_name, {email} AS email,
                    {active} AS is_active, {joined} AS joined, {last_login} AS last_login, {own} AS own
             FROM {table} users WHERE {key} > $1 ORDER BY {key} LIMIT {PAGE}",
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

    /// Links above `after`.
    pub async fn link_page(&mut self, after: i64) -> Result<Vec<Link>> {
        let sql = format!(
            "SELECT {id} AS id, {user} AS user_id, {provider} AS provider, {uid} AS uid, {extra} AS extra_data,
                    {created} AS created, {modified} AS modified
             FROM {LINKS} WHERE id > $1 ORDER BY id LIMIT {PAGE}",
            id = self.integer("id"),
            user = self.user_of(LINKS),
            provider = self.text("provider"),
            uid = self.text("uid"),
            extra = self.text("extra_data"),
            created = self.or(LINKS, "created", self.millis("created"), NO_MOMENT),
            modified = self.or(LINKS, "modified", self.millis("modified"), NO_MOMENT),
        );
        Ok(fetch!(self, Link, sql, after)?)
    }

    /// Permanent tokens whose key sorts behind `after`.
    pub async fn token_page(&mut self, after: &str) -> Result<Vec<Token>> {
        let sql = format!(
            "SELECT key, {user} AS user_id, {created} AS created
             FROM authtoken_token WHERE key > $1 ORDER BY key LIMIT {PAGE}",
            user = self.user_of("authtoken_token"),
            created = self.millis("created"),
        );
        Ok(fetch!(self, Token, sql, after)?)
    }

    /// Knox tokens whose digest sorts behind `after`.
    pub async fn knox_page(&mut self, after: &str) -> Result<Vec<Knox>> {
        let sql = format!(
            "SELECT digest, {key} AS token_key, {user} AS user_id, {created} AS created, {expiry} AS expiry,
                    {salt} AS salt
             FROM {KNOX} WHERE digest > $1 ORDER BY digest LIMIT {PAGE}",
            key = self.or(KNOX, "token_key", self.text("token_key"), "''"),
            user = self.user_of(KNOX),
            created = self.millis("created"),
            // Releases before 4 called it `expires`.
            expiry =
                self.or(KNOX, "expiry", self.end("expiry"), &self.or(KNOX, "expires", self.end("expires"), NO_MOMENT)),
            salt = self.or(KNOX, "salt", self.text("salt"), "''"),
        );
        Ok(fetch!(self, Knox, sql, after)?)
    }

    /// Refresh and sliding tokens above `after`, with the moment of their blacklisting.
    pub async fn outstanding_page(&mut self, after: i64) -> Result<Vec<Outstanding>> {
        let (blacklisted, join) = if self.has("token_blacklist_blacklistedtoken") {
            (self.millis("blacklisted_at"), "LEFT JOIN token_blacklist_blacklistedtoken b ON b.token_id = o.id")
        } else {
            (NO_MOMENT.to_owned(), "")
        };
        let id = match self.connection {
            Source::Sqlite(_) => "o.id",
            Source::Postgres(_) => "CAST(o.id AS BIGINT)",
        };
        let sql = format!(
            "SELECT {id} AS id, {user} AS user_id, jti, token, {created} AS created, {expires} AS expires,
                    {blacklisted} AS blacklisted
             FROM token_blacklist_outstandingtoken o {join} WHERE o.id > $1 ORDER BY o.id LIMIT {PAGE}",
            user = self.user_of("o"),
            created = self.millis("created_at"),
            expires = self.millis("expires_at"),
        );
        Ok(fetch!(self, Outstanding, sql, after)?)
    }

    /// Sessions whose key sorts behind `after`.
    pub async fn session_page(&mut self, after: &str) -> Result<Vec<Session>> {
        let sql = format!(
            "SELECT session_key, session_data, {expires} AS expires
             FROM django_session WHERE session_key > $1 ORDER BY session_key LIMIT {PAGE}",
            expires = self.millis("expire_date"),
        );
        Ok(fetch!(self, Session, sql, after)?)
    }

    /// Users whose primary keys the sessions name, by [`plain_key`].
    pub async fn people(&mut self, keys: &[&str]) -> Result<HashMap<String, DjangoUser>> {
        let users = &self.users;
        let keys: Vec<String> = keys.iter().flat_map(|key| self.literals(key)).collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "SELECT CAST({key} AS TEXT) AS key, {id} AS id, {password} AS password FROM {table} WHERE {key} IN ({keys})",
            key = quoted(&users.key),
            id = self.integer(&users.id),
            password = if users.has("password") { self.text("password") } else { "''".to_owned() },
            table = quoted(&users.name),
            keys = keys.join(", "),
        );
        let rows: std::result::Result<Vec<PersonRow>, _> = fetch!(self, PersonRow, sql);
        let people = rows?.into_iter();
        Ok(people.map(|row| (plain_key(&row.key), DjangoUser { id: row.id, password: row.password })).collect())
    }

    /// A primary key as SQL writes it, in every form that the database may hold; none where it is no such key.
    fn literals(&self, key: &str) -> Vec<String> {
        let is_plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        match self.users.key_kind {
            KeyKind::Integer => key.parse::<i64>().iter().map(i64::to_string).collect(),
            KeyKind::Uuid => Uuid::try_parse(key).iter().map(|key| format!("'{key}'")).collect(),
            KeyKind::Text if !is_plain(key) => Vec::new(),
            // Django keeps a UUID without its dashes where the database has no such type.
            KeyKind::Text => vec![format!("'{key}'"), format!("'{}'", plain_key(key))],
        }
    }

    /// How many users have a password and no linked account, and the first few of them: they cannot sign in here.
    pub async fn users_with_password_only(&mut self) -> Result<(u64, Vec<i64>)> {
        if !self.users.has("password") {
            return Ok((0, Vec::new()));
        }
        let links = if self.has(LINKS) {
            format!("AND NOT EXISTS (SELECT 1 FROM {LINKS} l WHERE l.user_id = u.{})", quoted(&self.users.key))
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
