//! Texts of Django's database that need not be UTF-8.

use std::fmt;
use std::ops::Deref;

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef, Postgres};
use sqlx::sqlite::{Sqlite, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Type};

/// A text. SQLite, and PostgreSQL with the encoding SQL_ASCII, accept bytes that are not UTF-8: U+FFFD takes their place, so that
/// one such value does not end the import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceText(String);

impl SourceText {
    fn of_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Whether it contains the replacement of an unreadable character.
    pub fn has_replacement(&self) -> bool {
        self.0.contains(char::REPLACEMENT_CHARACTER)
    }
}

impl Deref for SourceText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SourceText> for String {
    fn from(text: SourceText) -> Self {
        text.0
    }
}

impl<T: Into<String>> From<T> for SourceText
where
    T: AsRef<str>,
{
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl Type<Sqlite> for SourceText {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }

    fn compatible(kind: &SqliteTypeInfo) -> bool {
        <String as Type<Sqlite>>::compatible(kind)
    }
}

impl<'r> Decode<'r, Sqlite> for SourceText {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <&[u8] as Decode<Sqlite>>::decode(value).map(Self::of_bytes)
    }
}

impl Type<Postgres> for SourceText {
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info()
    }

    fn compatible(kind: &PgTypeInfo) -> bool {
        <String as Type<Postgres>>::compatible(kind)
    }
}

impl<'r> Decode<'r, Postgres> for SourceText {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        value.as_bytes().map(Self::of_bytes)
    }
}
