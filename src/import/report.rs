//! The report of an import: every row is counted, and skipped rows are listed by reason. It contains ids only, no personal data
//! and no secrets.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::store::import::{ConflictKind, RowOutcome};

/// Ids that the report shows for each reason.
const MAX_SHOWN_IDS: usize = 5;

/// What an import did, or what it would do.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// One entry for each imported table.
    pub tables: Vec<Table>,
    /// Tables that Django's database does not have.
    pub absent: Vec<String>,
    /// What the operator should know.
    pub notes: Vec<ReportEntry>,
}

/// One table of Django's database.
#[derive(Debug, Serialize)]
pub struct Table {
    /// Its name.
    pub table: String,
    /// Rows that were read.
    pub read: u64,
    /// Rows that were written, or that a dry run would write.
    pub written: u64,
    /// Rows that an earlier import wrote.
    pub already_there: u64,
    /// Skipped rows by reason.
    pub left_out: Vec<ReportEntry>,
    #[serde(skip)]
    reasons: BTreeMap<Reason, Count>,
}

/// A reason or a note, with the number of rows it applies to.
#[derive(Clone, Debug, Serialize)]
pub struct ReportEntry {
    /// Stable code for scripts.
    pub code: &'static str,
    /// Explanation for the operator.
    pub text: String,
    /// Number of rows.
    pub count: u64,
    /// The first ids: of rows in the tables of users and social accounts, of users in other tables.
    pub first: Vec<i64>,
}

/// A number of rows and the ids of the first ones.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// Number of rows.
    pub count: u64,
    /// At most five ids.
    pub first: Vec<i64>,
}

impl Count {
    /// Counts one row. `None`: it belongs to no user.
    pub fn add(&mut self, id: impl Into<Option<i64>>) {
        self.count += 1;
        if self.first.len() < MAX_SHOWN_IDS {
            self.first.extend(id.into());
        }
    }

    /// Adds rows that come after the others.
    pub fn append(&mut self, later: &Self) {
        self.count += later.count;
        let room = MAX_SHOWN_IDS - self.first.len();
        self.first.extend(later.first.iter().take(room));
    }
}

/// Why a row was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    IdTaken,
    UsernameTaken,
    UsernameShared,
    NoUsername,
    UsernameTooLong,
    IdTooHigh,
    NulCharacter,
    UserLeftOut,
    UserGone,
    NoUid,
    SharedUid,
    UidTooLong,
    UnreadableUid,
    UnreadableData,
    AccountInUse,
    CredentialInUse,
    TakenMeanwhile,
    NotAToken,
    Salted,
    Expired,
    OldId,
    NobodySignedIn,
    OtherKey,
    NotJson,
    PasswordChanged,
}

impl Reason {
    /// Code and explanation.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::IdTaken => ("id_taken", "another user of this server has the id"),
            Self::UsernameTaken => ("username_taken", "another user of this server has the username"),
            Self::UsernameShared => (
                "username_shared",
                "another imported user has the username: choose another column with --username-column",
            ),
            Self::NoUsername => ("no_username", "the username is empty: choose another column with --username-column"),
            Self::IdTooHigh => (
                "id_too_high",
                "the id is above 4503599627370495, so that a client may not read the ids of later rows exactly: --large-ids \
                 imports it",
            ),
            Self::UsernameTooLong => ("username_too_long", "the username has more than 150 characters"),
            Self::NulCharacter => ("nul_character", "it contains a NUL character"),
            Self::UserLeftOut => ("user_left_out", "its user was skipped or does not exist"),
            Self::UserGone => ("user_gone", "its user was deleted"),
            Self::NoUid => ("no_uid", "the uid is empty"),
            Self::SharedUid => (
                "shared_uid",
                "the uid is \"None\" or similar: the profile had no id, so different users share the account",
            ),
            Self::UidTooLong => ("uid_too_long", "the uid has more than 255 characters"),
            Self::UnreadableUid => ("unreadable_uid", "the uid contains U+FFFD, the replacement of a lost character"),
            Self::UnreadableData => {
                ("unreadable_data", "the uid may be a name, and the provider's own id in the extra data cannot be read")
            }
            Self::AccountInUse => {
                ("account_in_use", "the account of the provider belongs to another user of this server")
            }
            Self::CredentialInUse => ("credential_in_use", "it belongs to another user of this server"),
            Self::TakenMeanwhile => ("taken_meanwhile", "the database changed during the import: run the import again"),
            Self::NotAToken => {
                ("not_a_token", "its length or digest is not the default one, so it could not be verified")
            }
            Self::Salted => ("salted", "its digest has a salt of an old release of knox, so it cannot be found"),
            Self::Expired => ("expired", "it has expired"),
            Self::OldId => ("old_id", "it names its user by another value than the id here, so it is refused"),
            Self::NobodySignedIn => ("nobody_signed_in", "it has no signed-in user"),
            Self::OtherKey => {
                ("other_key", "it is not signed with SECRET_KEY or DJANGO_SECRET_KEY, so it cannot be read")
            }
            Self::NotJson => ("not_json", "it is not JSON; other serializers such as pickle are not supported"),
            Self::PasswordChanged => ("password_changed", "it was revoked by a change of the user's password"),
        }
    }
}

impl From<ConflictKind> for Reason {
    fn from(conflict: ConflictKind) -> Self {
        match conflict {
            ConflictKind::Id => Self::IdTaken,
            ConflictKind::Username => Self::UsernameTaken,
            ConflictKind::Account => Self::AccountInUse,
            ConflictKind::Credential => Self::CredentialInUse,
            ConflictKind::ConcurrentWrite => Self::TakenMeanwhile,
        }
    }
}

impl Table {
    /// A table of this name without rows.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            read: 0,
            written: 0,
            already_there: 0,
            left_out: Vec::new(),
            reasons: BTreeMap::new(),
        }
    }

    /// Counts a skipped row.
    pub fn skip(&mut self, reason: Reason, id: impl Into<Option<i64>>) {
        self.reasons.entry(reason).or_default().add(id);
    }

    /// Counts the skipped rows of a page.
    pub fn skip_all(&mut self, page: &BTreeMap<Reason, Count>) {
        for (reason, count) in page {
            self.reasons.entry(*reason).or_default().append(count);
        }
    }

    /// Counts a row that was given to the store.
    pub fn record(&mut self, outcome: RowOutcome, id: i64) {
        match outcome {
            RowOutcome::Inserted | RowOutcome::Renumbered => self.written += 1,
            RowOutcome::Exists | RowOutcome::ExistsButActive | RowOutcome::FieldsAdded => self.already_there += 1,
            RowOutcome::Conflict(conflict) => self.skip(conflict.into(), id),
        }
    }

    /// Lists the reasons after all rows are counted.
    pub fn finish(mut self) -> Self {
        self.left_out = self
            .reasons
            .iter()
            .map(|(reason, count)| {
                let (code, text) = reason.describe();
                ReportEntry { code, text: text.to_owned(), count: count.count, first: count.first.clone() }
            })
            .collect();
        self
    }

    /// Number of skipped rows.
    pub fn skipped(&self) -> u64 {
        self.left_out.iter().map(|entry| entry.count).sum()
    }
}

impl Report {
    /// Adds a note unless its count is 0.
    pub fn add_note(&mut self, code: &'static str, count: &Count, text: impl Into<String>) {
        if count.count > 0 {
            self.notes.push(ReportEntry { code, text: text.into(), count: count.count, first: count.first.clone() });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.dry_run { "to write" } else { "written" };
        writeln!(f, "{:<34} {:>10} {verb:>10} {:>14} {:>10}", "table", "read", "already there", "skipped")?;
        for table in &self.tables {
            let Table { table: name, read, written, already_there, .. } = table;
            writeln!(f, "{name:<34} {read:>10} {written:>10} {already_there:>14} {:>10}", table.skipped())?;
        }
        if !self.absent.is_empty() {
            writeln!(f, "\nTables that Django's database does not have: {}.", self.absent.join(", "))?;
        }
        if self.tables.iter().any(|table| table.skipped() > 0) {
            writeln!(f, "\nSkipped rows:")?;
        }
        for table in &self.tables {
            for entry in &table.left_out {
                writeln!(f, "  {}: {} × {}: {}{}", table.table, entry.count, entry.code, entry.text, entry.ids())?;
            }
        }
        if !self.notes.is_empty() {
            writeln!(f, "\nNotes:")?;
        }
        for entry in &self.notes {
            writeln!(f, "  {}: {} {}{}", entry.code, entry.count, entry.text, entry.ids())?;
        }
        if self.dry_run {
            writeln!(f, "\nThis was a dry run: nothing was written.")?;
        }
        Ok(())
    }
}

impl ReportEntry {
    fn ids(&self) -> String {
        if self.first.is_empty() {
            return String::new();
        }
        let first: Vec<String> = self.first.iter().map(i64::to_string).collect();
        let more = if self.count > self.first.len() as u64 { ", …" } else { "" };
        format!(" (ids {}{more})", first.join(", "))
    }
}
