//! What an import did: every row is counted, and what was left out is told by reason. No secret, no personal data: rows
//! are named by ids.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::store::import::{ConflictKind, RowOutcome};

/// Ids shown of what was left out.
const SHOWN: usize = 5;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub dry_run: bool,
    pub tables: Vec<Table>,
    /// Tables that the source does not have.
    pub absent: Vec<&'static str>,
    pub notes: Vec<ReportEntry>,
}

/// One table of the source.
#[derive(Debug, Serialize)]
pub struct Table {
    pub table: String,
    pub read: u64,
    pub written: u64,
    /// The same row was there before.
    pub already_there: u64,
    pub left_out: Vec<ReportEntry>,
    #[serde(skip)]
    reasons: BTreeMap<Reason, Count>,
}

/// A reason or a remark, how often it holds, and for whom first.
#[derive(Clone, Debug, Serialize)]
pub struct ReportEntry {
    pub code: &'static str,
    pub text: String,
    pub count: u64,
    /// Ids of users; in the tables of users and links, of their rows.
    pub first: Vec<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Count {
    pub count: u64,
    pub first: Vec<i64>,
}

impl Count {
    /// `None`: of nobody in particular.
    pub fn add(&mut self, id: impl Into<Option<i64>>) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.extend(id.into());
        }
    }
}

/// Why a row was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    IdTaken,
    UsernameTaken,
    UsernameShared,
    NoUsername,
    UsernameTooLong,
    NulCharacter,
    UserLeftOut,
    UserGone,
    NoUid,
    SharedUid,
    UidTooLong,
    UnreadableUid,
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
    pub fn code(self) -> &'static str {
        self.told().0
    }

    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::IdTaken => ("id_taken", "another user has this id here"),
            Self::UsernameTaken => ("username_taken", "another user has this username here"),
            Self::UsernameShared => (
                "username_shared",
                "an earlier user of the source has this username: --username-column names another column",
            ),
            Self::NoUsername => ("no_username", "it has no username: --username-column names another column"),
            Self::UsernameTooLong => ("username_too_long", "a username holds 150 characters"),
            Self::NulCharacter => ("nul_character", "a NUL character is in it"),
            Self::UserLeftOut => ("user_left_out", "its user was left out, or does not exist"),
            Self::UserGone => ("user_gone", "its user was deleted"),
            Self::NoUid => ("no_uid", "it has no uid"),
            Self::SharedUid => (
                "shared_uid",
                "its uid is \"None\" or the like: the profile had no id, so that strangers share this account",
            ),
            Self::UidTooLong => ("uid_too_long", "a uid holds 255 characters"),
            Self::UnreadableUid => ("unreadable_uid", "its uid has U+FFFD in place of a character that was lost"),
            Self::AccountInUse => ("account_in_use", "this provider's account signs another user in here"),
            Self::CredentialInUse => ("credential_in_use", "it is another user's here"),
            Self::TakenMeanwhile => ("taken_meanwhile", "the database changed while the import ran: run it again"),
            Self::NotAToken => ("not_a_token", "it is not of the stock length or digest, and would not be recognised"),
            Self::Salted => ("salted", "an old release salted its digest, so that it cannot be looked up"),
            Self::Expired => ("expired", "it has expired"),
            Self::OldId => ("old_id", "it names its user by an id that is not kept"),
            Self::NobodySignedIn => ("nobody_signed_in", "nobody is signed in with it"),
            Self::OtherKey => {
                ("other_key", "it is not signed with SECRET_KEY or DJANGO_SECRET_KEY, so that it cannot be read")
            }
            Self::NotJson => ("not_json", "it is no JSON: what another serializer wrote, such as pickles, is not read"),
            Self::PasswordChanged => ("password_changed", "the user's password changed since, which ended it"),
        }
    }
}

impl From<ConflictKind> for Reason {
    fn from(clash: ConflictKind) -> Self {
        match clash {
            ConflictKind::Id => Self::IdTaken,
            ConflictKind::Username => Self::UsernameTaken,
            ConflictKind::Account => Self::AccountInUse,
            ConflictKind::Credential => Self::CredentialInUse,
            ConflictKind::ConcurrentWrite => Self::TakenMeanwhile,
        }
    }
}

impl Table {
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

    pub fn skip(&mut self, reason: Reason, id: impl Into<Option<i64>>) {
        self.reasons.entry(reason).or_default().add(id);
    }

    pub fn record(&mut self, fate: RowOutcome, id: i64) {
        match fate {
            RowOutcome::Inserted | RowOutcome::Renumbered => self.written += 1,
            RowOutcome::Exists | RowOutcome::ExistsButActive | RowOutcome::FieldsAdded => self.already_there += 1,
            RowOutcome::Conflict(clash) => self.skip(clash.into(), id),
        }
    }

    /// The reasons as they are shown, once all rows are counted.
    pub fn closed(mut self) -> Self {
        self.left_out = self
            .reasons
            .iter()
            .map(|(reason, count)| {
                let (code, text) = reason.told();
                ReportEntry { code, text: text.to_owned(), count: count.count, first: count.first.clone() }
            })
            .collect();
        self
    }

    pub fn left_out(&self) -> u64 {
        self.left_out.iter().map(|told| told.count).sum()
    }
}

impl Report {
    /// Adds a remark where it holds for anybody.
    pub fn add_note(&mut self, code: &'static str, count: &Count, text: impl Into<String>) {
        if count.count > 0 {
            self.notes.push(ReportEntry { code, text: text.into(), count: count.count, first: count.first.clone() });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.dry_run { "to write" } else { "written" };
        writeln!(f, "{:<34} {:>10} {verb:>10} {:>14} {:>10}", "table", "read", "already there", "left out")?;
        for table in &self.tables {
            let (read, written, there, out) = (table.read, table.written, table.already_there, table.left_out());
            writeln!(f, "{:<34} {read:>10} {written:>10} {there:>14} {out:>10}", table.table)?;
        }
        if !self.absent.is_empty() {
            writeln!(f, "\nNot in the source: {}.", self.absent.join(", "))?;
        }
        if self.tables.iter().any(|table| table.left_out() > 0) {
            writeln!(f, "\nLeft out:")?;
        }
        for table in &self.tables {
            for told in &table.left_out {
                writeln!(f, "  {}: {} × {}: {}{}", table.table, told.count, told.code, told.text, told.ids())?;
            }
        }
        if !self.notes.is_empty() {
            writeln!(f, "\nTo know:")?;
        }
        for told in &self.notes {
            writeln!(f, "  {}: {} {}{}", told.code, told.count, told.text, told.ids())?;
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
