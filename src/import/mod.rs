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
use crate::credential::jwt::{Jwts, TokenType};
use crate::model::{AccountId, UserId};
use crate::secrets::SecretString;
use crate::settings::{SettingError, Settings};
pub use crate::store::django::Names;
use crate::store::django::{self, Django, SourceRow as _};
use crate::store::import::{ConflictKind, ImportMode, ImportTable, RowOutcome};
use crate::store::{Repository, StoreError};

const TOKENS: &str = "authtoken_token";
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
    /// Imports rows whose id is too high for a number of JavaScript.
    pub large_ids: bool,
    /// Imports no social accounts.
    pub without_accounts: bool,
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
    /// Imported knox tokens of each user; empty without REST_KNOX_TOKEN_LIMIT_PER_USER.
    knox_tokens: BTreeMap<UserId, i64>,
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
    if !options.without_accounts && !source.has(source.accounts_table()) {
        let problem = format!(
            "there is no table {}: name the one with the social accounts, or import without them with --without-accounts",
            source.accounts_table()
        );
        return Err(SettingError::new("--accounts-table", problem).into());
    }
    let jwts = if source.has(OUTSTANDING) { Some(Jwts::new(settings.jwt.clone())?) } else { None };
    let usernames =
        if source.users().has_unique_usernames { Usernames::Unique } else { Usernames::Seen(HashSet::new()) };
    let context = Arc::new(Context {
        source: Arc::new(source),
        settings: settings.clone(),
        deps: deps.clone(),
        now: deps.now(),
        max_id: if options.large_ids { row_conversion::MAX_LARGE_ID } else { row_conversion::MAX_ID },
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
        knox_tokens: BTreeMap::new(),
        notes: BTreeMap::new(),
        report: Report { dry_run: options.dry_run, ..Report::default() },
    };
    check_users_of_jwts(&import.context).await?;
    import.reserve_ids().await?;
    import.import_users().await?;
    if !options.without_accounts {
        let accounts = import.context.source.accounts_table().to_owned();
        import.import_optional_table::<django::Link>(&accounts).await?;
    }
    import.import_optional_table::<django::Token>(TOKENS).await?;
    let knox = import.context.source.knox_table().to_owned();
    import.import_optional_table::<django::Knox>(&knox).await?;
    import.import_optional_table::<django::Outstanding>(OUTSTANDING).await?;
    import.import_optional_table::<django::Session>(SESSIONS).await?;
    import.add_notes(!options.without_accounts).await?;
    Ok(import.report)
}

impl Import<'_> {
    async fn reserve_ids(&mut self) -> Result<(), ImportError> {
        let Context { source, max_id, .. } = &*self.context;
        let highest = async |table: &str| {
            if source.has(table) { source.extent(table, *max_id).await.map(|extent| extent.highest) } else { Ok(0) }
        };
        let user = highest(&source.users().name).await.map_err(ImportError::Source)?;
        let link = highest(source.accounts_table()).await.map_err(ImportError::Source)?;
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
    async fn import_optional_table<T>(&mut self, name: &str) -> Result<(), ImportError>
    where
        T: SourceTable,
        T::Row: ImportedRow,
    {
        if !self.context.source.has(name) {
            self.report.absent.push(name.to_owned());
            return Ok(());
        }
        self.import_table::<T>(name).await
    }

    async fn import_table<T>(&mut self, name: &str) -> Result<(), ImportError>
    where
        T: SourceTable,
        T::Row: ImportedRow,
    {
        let extent = self.context.source.extent(name, self.context.max_id).await.map_err(ImportError::Source)?;
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
                match T::TARGET {
                    _ if matches!(outcome, RowOutcome::Conflict(_)) => {}
                    ImportTable::Users => self.imported_users.push(UserId(row.id())),
                    ImportTable::KnoxTokens if self.context.settings.knox.limit_per_user.is_some() => {
                        *self.knox_tokens.entry(UserId(row.id())).or_default() += 1;
                    }
                    _ => {}
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

    /// Notes about columns and tables that the project may have under other names, and about the limit of knox tokens.
    fn add_notes_on_tables(&mut self) {
        let source = &self.context.source;
        let read = |name: &str| self.report.tables.iter().find(|table| table.table == name).map(|table| table.read);
        let users = Count { count: read(&source.users().name).unwrap_or_default(), first: Vec::new() };
        let has_no_accounts = users.count > 0 && read(source.accounts_table()) == Some(0);
        if source.users().active.is_none() {
            let text = "users were imported as active, because their table has no column is_active: --active-column names \
                        another one";
            self.report.add_note("no_active_column", &users, text);
        }
        if has_no_accounts {
            let text = format!(
                "table has no rows: {}. If SOCIAL_AUTH_STORAGE stores the social accounts in another one, name it with \
                 --accounts-table, since all users would get a second user at their next login",
                source.accounts_table()
            );
            self.report.add_note("no_accounts", &Count { count: 1, first: Vec::new() }, text);
        }
        let limit = self.context.settings.knox.limit_per_user.unwrap_or(i64::MAX);
        let mut limited = Count::default();
        self.knox_tokens.iter().filter(|(_, tokens)| **tokens >= limit).for_each(|(user, _)| limited.add(user.0));
        let text = "users have as many knox tokens as REST_KNOX_TOKEN_LIMIT_PER_USER allows, or more. Their logins by knox are \
                    refused until tokens expire or are revoked";
        self.report.add_note("knox_limit_reached", &limited, text);
    }

    /// `with_accounts`: the social accounts were imported.
    async fn add_notes(&mut self, with_accounts: bool) -> Result<(), ImportError> {
        for (note, count) in &self.notes {
            let (code, text) = note.describe();
            self.report.add_note(code, count, text);
        }
        self.add_notes_on_tables();
        let source = &self.context.source;
        let (count, first) = source.users_with_password_only(with_accounts).await.map_err(ImportError::Source)?;
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

/// Refuses JWTs of Django that would authenticate another user here: their USER_ID_FIELD was not the id, but a number that other
/// users have as id.
///
/// Errors: a [`SettingError`], before anything is written.
async fn check_users_of_jwts(context: &Context) -> Result<(), ImportError> {
    let Some(jwts) = &context.jwts else { return Ok(()) };
    let mut of_others = Count::default();
    let mut after = django::Outstanding::lowest_key();
    loop {
        let rows = django::Outstanding::page(&context.source, &after, django::Outstanding::MAX_PAGE).await;
        let rows = rows.map_err(ImportError::Source)?;
        let Some(last) = rows.last() else { break };
        after = last.key();
        for row in &rows {
            let Some(user) = row.user_id else { continue };
            let named = row_conversion::user_in(&row_conversion::claims_of(row), jwts.rules());
            let is_own = named.is_none_or(|named| named == user.to_string());
            if !is_own && jwts.verify(&row.token, &TokenType::ALL, context.now).is_ok() {
                of_others.add(user.0);
            }
        }
    }
    if of_others.count == 0 {
        return Ok(());
    }
    let problem = format!(
        "{} JWTs of Django (users {}) contain the id of another user than their own, because its USER_ID_FIELD is not the id. They \
         would authenticate that user: set a new key here, so that JWTs of Django are refused",
        of_others.count,
        of_others.first.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
    );
    Err(SettingError::new("SIMPLE_JWT_SIGNING_KEY", problem).into())
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
