//! Imports users, social accounts and credentials from the database of a Django project that used django-rest-social-auth.
//! Tokens and sessions stay valid, so users need not sign in again. `docs/MOVING.md` describes it.
//!
//! An import overwrites nothing and does not write to Django's database. It can run again: it imports the missing rows.
//! While one page of rows is written, the next ones are read and converted (`pages.rs`).

mod context;
mod django_session;
mod imported_rows;
mod imported_users;
mod notes;
mod pages;
mod report;
mod row_conversion;
mod tables;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::runtime::Handle;

use self::context::{Context, Usernames};
use self::imported_rows::ImportedRow;
use self::imported_users::ImportedUsers;
use self::notes::Note;
use self::pages::{SourceTable, read_ahead};
use self::report::{Count, Reason};
pub use self::report::{Report, ReportEntry, Table};
use crate::clock::Deps;
use crate::credential::jwt::Jwts;
use crate::model::{AccountId, UserId};
use crate::secrets::SecretString;
use crate::settings::{SettingError, Settings};
pub use crate::store::django::Names;
use crate::store::django::{self, Django};
use crate::store::import::{ConflictKind, ImportMode, ImportTable, RowOutcome};
use crate::store::{Repository, StoreError};

const LINKS: &str = "social_auth_usersocialauth";
const TOKENS: &str = "authtoken_token";
const KNOX: &str = "knox_authtoken";
const OUTSTANDING: &str = "token_blacklist_outstandingtoken";
const SESSIONS: &str = "django_session";

/// The source of an import and how to read it.
pub struct ImportOptions {
    /// URL of Django's database.
    pub from: SecretString,
    /// Names of the user table and its columns.
    pub names: Names,
    /// Only reports, and writes nothing.
    pub dry_run: bool,
    /// Keys that may have signed the sessions.
    pub session_keys: Vec<SecretString>,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// An option or a setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Django's database cannot be read.
    #[error("reading from Django's database failed: {0}")]
    Source(#[source] StoreError),
    /// The server's database cannot be written. Rows written so far stay.
    #[error("writing failed: {0}; run the same command again to import the missing rows")]
    Target(#[source] StoreError),
}

/// Receives the progress of an import.
pub trait Progress: Send {
    /// A table begins.
    fn begin(&mut self, table: &str, rows: u64);
    /// Further rows of the table were read.
    fn advance(&mut self, rows: u64);
    /// All rows of the table were read.
    fn end(&mut self);
}

struct Import<'a> {
    context: Arc<Context>,
    /// `None`: a dry run, and the database does not exist.
    target: Option<Arc<dyn Repository>>,
    dry_run: bool,
    progress: &'a mut dyn Progress,
    usernames: Usernames,
    imported_users: ImportedUsers,
    notes: BTreeMap<Note, Count>,
    report: Report,
}

/// Imports everything from the database of `options`. The target must be migrated.
///
/// Errors: [`ImportError`].
pub async fn django(
    options: &ImportOptions,
    settings: &Settings,
    target: Option<Arc<dyn Repository>>,
    deps: &Deps,
    progress: &mut dyn Progress,
) -> Result<Report, ImportError> {
    let declared: Vec<&str> = settings.users.own_fields.iter().map(|field| field.name.as_str()).collect();
    let source = Django::open(&options.from, &options.names, &declared).await?;
    let jwts = if source.has(OUTSTANDING) { Some(Jwts::new(settings.jwt.clone())?) } else { None };
    let usernames =
        if source.users().has_unique_usernames { Usernames::Unique } else { Usernames::Seen(HashSet::new()) };
    let context = Arc::new(Context {
        source: Arc::new(source),
        settings: settings.clone(),
        deps: deps.clone(),
        now: deps.now(),
        session_keys: options.session_keys.clone(),
        jwts,
        runtime: Handle::current(),
        imported_users: OnceLock::new(),
        providers: Mutex::default(),
    });
    let mut import = Import {
        context,
        target,
        dry_run: options.dry_run,
        progress,
        usernames,
        imported_users: ImportedUsers::default(),
        notes: BTreeMap::new(),
        report: Report { dry_run: options.dry_run, ..Report::default() },
    };
    import.reserve_ids().await?;
    import.import_users().await?;
    import.import_optional_table::<django::Link>(LINKS).await?;
    import.import_optional_table::<django::Token>(TOKENS).await?;
    import.import_optional_table::<django::Knox>(KNOX).await?;
    import.import_optional_table::<django::Outstanding>(OUTSTANDING).await?;
    import.import_optional_table::<django::Session>(SESSIONS).await?;
    import.add_notes().await?;
    Ok(import.report)
}

impl Import<'_> {
    async fn reserve_ids(&mut self) -> Result<(), ImportError> {
        let source = &self.context.source;
        let user = source.extent(&source.users().name).await.map_err(ImportError::Source)?.highest;
        let link = if source.has(LINKS) { source.extent(LINKS).await.map_err(ImportError::Source)?.highest } else { 0 };
        // Rows with higher ids are left out.
        let (user, link) = (user.min(row_conversion::MAX_ID), link.min(row_conversion::MAX_ID));
        match &self.target {
            Some(target) if !self.dry_run => {
                target.reserve_ids(UserId(user), AccountId(link)).await.map_err(ImportError::Target)
            }
            _ => Ok(()),
        }
    }

    async fn import_users(&mut self) -> Result<(), ImportError> {
        let name = self.context.source.users().name.clone();
        self.import_table::<django::User>(&name).await?;
        // Set once: this is the only call.
        let _is_set = self.context.imported_users.set(std::mem::take(&mut self.imported_users));
        Ok(())
    }

    /// Imports the table if Django's database has it; otherwise the report lists it.
    async fn import_optional_table<T>(&mut self, name: &'static str) -> Result<(), ImportError>
    where
        T: SourceTable,
        T::Row: ImportedRow,
    {
        if !self.context.source.has(name) {
            self.report.absent.push(name);
            return Ok(());
        }
        self.import_table::<T>(name).await
    }

    async fn import_table<T>(&mut self, name: &str) -> Result<(), ImportError>
    where
        T: SourceTable,
        T::Row: ImportedRow,
    {
        let extent = self.context.source.extent(name).await.map_err(ImportError::Source)?;
        self.progress.begin(name, extent.rows.unsigned_abs());
        let mut table = Table::new(name);
        let mut expects_new = match &self.target {
            Some(target) => target.is_table_empty(T::TARGET).await.map_err(ImportError::Target)?,
            None => true,
        };
        let mut pages = read_ahead::<T>(&self.context);
        while let Some(page) = pages.next().await {
            let mut page = page.map_err(ImportError::Source)?;
            table.read += page.read as u64;
            self.progress.advance(page.read as u64);
            table.skip_all(&page.skipped);
            for (note, count) in &page.notes {
                self.notes.entry(note.clone()).or_default().append(count);
            }
            page.rows.retain(|row| {
                let is_kept = row.is_new_username(&mut self.usernames);
                if !is_kept {
                    table.skip(Reason::UsernameShared, row.id());
                }
                is_kept
            });
            let outcomes = self.write(&page.rows, expects_new).await?;
            for (row, outcome) in page.rows.iter().zip(&outcomes) {
                table.record(*outcome, row.id());
                if T::TARGET == ImportTable::Users && !matches!(outcome, RowOutcome::Conflict(_)) {
                    self.imported_users.push(UserId(row.id()));
                }
                if let Some(note) = note_of(*outcome) {
                    self.notes.entry(note).or_default().add(row.id());
                }
            }
            // New accounts are compared with all others, unless there were none before.
            expects_new = (expects_new || T::TARGET != ImportTable::SocialAccounts)
                && outcomes.iter().all(|outcome| *outcome == RowOutcome::Inserted);
        }
        self.progress.end();
        self.report.tables.push(table.finish());
        Ok(())
    }

    /// Writes one page. A dry run only compares it with the target; without a target all rows are new.
    async fn write<R: ImportedRow>(&self, rows: &[R], expects_new: bool) -> Result<Vec<RowOutcome>, ImportError> {
        let Some(target) = &self.target else { return Ok(vec![RowOutcome::Inserted; rows.len()]) };
        let mode = match (self.dry_run, expects_new) {
            (true, _) => ImportMode::Compare,
            (false, true) => ImportMode::InsertNew,
            (false, false) => ImportMode::Write,
        };
        R::import(&**target, rows, mode).await.map_err(ImportError::Target)
    }

    async fn add_notes(&mut self) -> Result<(), ImportError> {
        for (note, count) in &self.notes {
            let (code, text) = note.describe();
            self.report.add_note(code, count, text);
        }
        let source = &self.context.source;
        let (count, first) = source.users_with_password_only().await.map_err(ImportError::Source)?;
        let text = "users have a password and no social account: this server has no passwords, so they cannot sign in again \
                    until they link an account";
        self.report.add_note("password_only", &Count { count, first }, text);
        let users = source.users();
        let of_columns = |columns: &[String]| Count { count: columns.len() as u64, first: Vec::new() };
        let text = format!("columns of {} were imported as declared fields: {}", users.name, users.own.join(", "));
        self.report.add_note("columns_carried", &of_columns(&users.own), text);
        let text = format!(
            "columns of {} were not imported: {}. Declare those that you need in REST_SOCIAL_USER_FIELDS",
            users.name,
            users.extra.join(", ")
        );
        self.report.add_note("columns_left_out", &of_columns(&users.extra), text);
        if source.renumbers() {
            let text = format!(
                "column is the new id of the users: {}. Tokens and sessions stay valid. JWTs are refused, because they contain the \
                 old id",
                users.id
            );
            self.report.add_note("ids_renumbered", &Count { count: 1, first: Vec::new() }, text);
        }
        if self.target.is_none() {
            let text = "database of this server does not exist or has no tables: the rows were compared with an empty database";
            self.report.add_note("empty_target", &Count { count: 1, first: Vec::new() }, text);
        }
        Ok(())
    }
}

/// The note about a row with this outcome.
fn note_of(outcome: RowOutcome) -> Option<Note> {
    match outcome {
        RowOutcome::ExistsButActive => Some(Note::InactiveInDjango),
        RowOutcome::FieldsAdded => Some(Note::FieldsFilled),
        RowOutcome::Renumbered => Some(Note::Renumbered),
        RowOutcome::Conflict(ConflictKind::Id) => Some(Note::JwtsOfOthers),
        RowOutcome::Inserted | RowOutcome::Exists | RowOutcome::Conflict(_) => None,
    }
}
