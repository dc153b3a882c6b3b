//! Imports users, social accounts and credentials from the database of a Django project that used django-rest-social-auth.
//! Tokens and sessions stay valid, so users need not sign in again. `docs/MOVING.md` describes it.
//!
//! An import overwrites nothing and does not write to Django's database. It can run again: it imports the missing rows.

mod django_session;
mod report;
mod row_conversion;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use self::report::{Count, Reason};
pub use self::report::{Report, ReportEntry, Table};
use crate::clock::{Deps, UnixMillis};
use crate::credential::jwt::{JwtFault, Jwts, TokenType};
use crate::model::{AccountId, CredentialKind, ProviderTokens, UserId, token_binding};
use crate::provider::{StoredKey, UidKeys};
use crate::secrets::SecretString;
use crate::settings::{SettingError, Settings};
pub use crate::store::django::Names;
use crate::store::django::{Django, Link, plain_key};
use crate::store::import::{ConflictKind, RowOutcome};
use crate::store::{Repository, StoreError, StoredAccount};

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

/// Codes and texts of what is counted of social accounts.
const ACCOUNT_NOTES: [(&str, &str); 6] = [
    (
        "provider_tokens_dropped",
        "social accounts had provider tokens in extra_data, which were dropped: STORE_PROVIDER_TOKENS is off",
    ),
    (
        "provider_tokens_sealed",
        "social accounts had provider tokens in extra_data, which were encrypted and stored separately",
    ),
    ("extra_data_unreadable", "social accounts had extra_data that is not a JSON object: theirs is empty"),
    ("renumbered", "social accounts got a new id, because another account of this server has theirs"),
    (
        "legacy_uids",
        "social accounts have a uid that another user can get later, such as a username or an e-mail address: a login finds \
         them only until LEGACY_UIDS_UNTIL",
    ),
    (
        "legacy_uids_undecided",
        "of these social accounts have a uid that may also be the provider's own id; their data does not show which. A login \
         finds them only until LEGACY_UIDS_UNTIL. If Django always stored the provider's own id, set an empty LEGACY_ID_KEYS for \
         the provider and import into an empty database",
    ),
];

struct Import<'a> {
    source: Django,
    /// `None`: a dry run, and the database does not exist.
    target: Option<Arc<dyn Repository>>,
    settings: &'a Settings,
    deps: &'a Deps,
    now: UnixMillis,
    options: &'a ImportOptions,
    progress: &'a mut dyn Progress,
    /// Users that are in the target, or would be after a dry run.
    imported_users: HashSet<UserId>,
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
    let report = Report { dry_run: options.dry_run, ..Report::default() };
    let now = deps.now();
    let imported_users = HashSet::new();
    let mut import = Import { source, target, settings, deps, now, options, progress, imported_users, report };
    import.reserve_ids().await?;
    import.import_users().await?;
    import.import_social_accounts().await?;
    import.import_tokens().await?;
    import.import_knox_tokens().await?;
    import.import_refresh_tokens().await?;
    import.import_sessions().await?;
    import.add_user_notes().await?;
    Ok(import.report)
}

/// Writes one batch. A dry run only compares it with the target; without a target all rows are new.
macro_rules! write_batch {
    ($self:ident, $import:ident, $rows:expr) => {
        match &$self.target {
            Some(target) => target.$import($rows, !$self.options.dry_run).await.map_err(ImportError::Target)?,
            None => vec![RowOutcome::Inserted; $rows.len()],
        }
    };
}

/// The profile members that a provider's uids come from, read once for each provider.
fn uid_keys<'a>(
    settings: &Settings,
    known: &'a mut BTreeMap<String, Option<UidKeys>>,
    provider: &str,
) -> Option<&'a UidKeys> {
    if !known.contains_key(provider) {
        let configured = settings.providers.iter().find(|settings| settings.name == provider);
        known.insert(provider.to_owned(), UidKeys::of(provider, configured));
    }
    known.get(provider).and_then(Option::as_ref)
}

impl Import<'_> {
    async fn reserve_ids(&mut self) -> Result<(), ImportError> {
        let users = self.source.users().name.clone();
        let user = self.source.extent(&users).await.map_err(ImportError::Source)?.highest;
        let link = match self.source.has(LINKS) {
            true => self.source.extent(LINKS).await.map_err(ImportError::Source)?.highest,
            false => 0,
        };
        match &self.target {
            Some(target) if !self.options.dry_run => {
                target.reserve_ids(UserId(user), AccountId(link)).await.map_err(ImportError::Target)
            }
            _ => Ok(()),
        }
    }

    /// `None`: Django's database does not have the table, and the report lists it.
    async fn begin_optional_table(&mut self, name: &'static str) -> Result<Option<Table>, ImportError> {
        if !self.source.has(name) {
            self.report.absent.push(name);
            return Ok(None);
        }
        self.begin_table(name).await.map(Some)
    }

    async fn begin_table(&mut self, name: &str) -> Result<Table, ImportError> {
        let extent = self.source.extent(name).await.map_err(ImportError::Source)?;
        self.progress.begin(name, extent.rows.unsigned_abs());
        Ok(Table::new(name))
    }

    fn advance(&mut self, table: &mut Table, rows: usize) {
        table.read += rows as u64;
        self.progress.advance(rows as u64);
    }

    fn end_table(&mut self, table: Table) {
        self.progress.end();
        self.report.tables.push(table.finish());
    }

    async fn import_users(&mut self) -> Result<(), ImportError> {
        let name = self.source.users().name.clone();
        let mut table = self.begin_table(&name).await?;
        let [mut inactive_in_django, mut id_conflicts, mut filled, mut invalid_emails] =
            std::array::from_fn(|_| Count::default());
        let mut invalid_fields: BTreeMap<String, Count> = BTreeMap::new();
        // In a custom user table they need not be unique.
        let mut usernames: HashSet<String> = HashSet::new();
        let mut after = i64::MIN;
        loop {
            let page = self.source.user_page(after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after = last.id.0;
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                let declared = row_conversion::declared_values(&row.own, &self.settings.users.own_fields);
                if row_conversion::has_invalid_email(&row) {
                    invalid_emails.add(row.id.0);
                }
                match row_conversion::user(&row, declared.values, self.now) {
                    Ok(user) if usernames.insert(user.username.clone()) => batch.push(user),
                    Ok(_) => table.skip(Reason::UsernameShared, row.id.0),
                    Err(reason) => table.skip(reason, row.id.0),
                }
                for field in declared.invalid_fields {
                    invalid_fields.entry(field).or_default().add(row.id.0);
                }
            }
            let outcomes = write_batch!(self, import_users, &batch);
            for (user, outcome) in batch.iter().zip(outcomes) {
                table.record(outcome, user.id.0);
                if !matches!(outcome, RowOutcome::Conflict(_)) {
                    self.imported_users.insert(user.id);
                }
                match outcome {
                    RowOutcome::ExistsButActive => inactive_in_django.add(user.id.0),
                    RowOutcome::FieldsAdded => filled.add(user.id.0),
                    RowOutcome::Conflict(ConflictKind::Id) => id_conflicts.add(user.id.0),
                    _ => {}
                }
            }
        }
        self.end_table(table);
        let report = &mut self.report;
        // A JWT contains the id of its user.
        report.add_note(
            "jwts_of_others",
            &id_conflicts,
            "users were skipped because another user of this server has their id. JWTs of Django authenticate that other user, \
             unless SIMPLE_JWT_SIGNING_KEY differs from Django's: import into an empty database, or set another key",
        );
        report.add_note(
            "inactive_at_the_source",
            &inactive_in_django,
            "users of an earlier import are active here and inactive in Django: use `users deactivate`",
        );
        report.add_note("fields_filled", &filled, "users of an earlier import got values for empty declared fields");
        let text = "users have a malformed e-mail address: they were imported without an address";
        report.add_note("invalid_email", &invalid_emails, text);
        for (field, count) in &invalid_fields {
            let text = format!(
                "users have a {field} of another type than REST_SOCIAL_USER_FIELDS declares: it was not imported"
            );
            report.add_note("field_does_not_fit", count, text);
        }
        Ok(())
    }

    async fn import_social_accounts(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin_optional_table(LINKS).await? else { return Ok(()) };
        let [mut tokens_dropped, mut tokens_encrypted, mut unreadable, mut renumbered, mut legacy, mut undecided] =
            std::array::from_fn(|_| Count::default());
        let mut keys: BTreeMap<String, Option<UidKeys>> = BTreeMap::new();
        let mut not_configured: BTreeMap<String, Count> = BTreeMap::new();
        let mut after = i64::MIN;
        loop {
            let page = self.source.link_page(after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after = last.id.0;
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                if let Err(reason) = row_conversion::check_link(&row, &self.imported_users) {
                    table.skip(reason, row.id.0);
                    continue;
                }
                let extra = row_conversion::split_extra_data(&row.extra_data);
                let encrypted = self.encrypt_tokens(&row, extra.tokens.as_ref());
                match (extra.is_unreadable, encrypted.is_some(), extra.had_secrets) {
                    (true, ..) => unreadable.add(row.id.0),
                    (_, true, _) => tokens_encrypted.add(row.id.0),
                    (_, false, true) => tokens_dropped.add(row.id.0),
                    (_, false, false) => {}
                }
                if !self.settings.providers.iter().any(|provider| provider.name == row.provider) {
                    not_configured.entry(row.provider.clone()).or_default().add(row.id.0);
                }
                let key = uid_keys(self.settings, &mut keys, &row.provider)
                    .map_or(StoredKey::Current, |keys| keys.stored_key(&row.uid, &extra.public, extra.is_lost));
                if key == StoredKey::Unreadable {
                    table.skip(Reason::UnreadableData, row.id.0);
                    continue;
                }
                let is_legacy = key != StoredKey::Current;
                if is_legacy {
                    legacy.add(row.id.0);
                }
                if key == StoredKey::Undecided {
                    undecided.add(row.id.0);
                }
                let account = row_conversion::account(row, extra.public, is_legacy, self.now);
                batch.push(StoredAccount { account, encrypted_tokens: encrypted });
            }
            let outcomes = write_batch!(self, import_accounts, &batch);
            for (StoredAccount { account, .. }, outcome) in batch.iter().zip(outcomes) {
                table.record(outcome, account.id.0);
                if outcome == RowOutcome::Renumbered {
                    renumbered.add(account.id.0);
                }
            }
        }
        self.end_table(table);
        let report = &mut self.report;
        let counts = [tokens_dropped, tokens_encrypted, unreadable, renumbered, legacy, undecided];
        for ((code, text), count) in ACCOUNT_NOTES.into_iter().zip(counts) {
            report.add_note(code, &count, text);
        }
        for (provider, count) in &not_configured {
            let text = format!(
                "social accounts are of {provider}, which is not configured: their users cannot sign in with it"
            );
            report.add_note("provider_not_configured", count, text);
        }
        Ok(())
    }

    /// The provider tokens, bound to the account in the same way as those of a login. `None`: they are not stored.
    fn encrypt_tokens(&self, link: &Link, tokens: Option<&ProviderTokens>) -> Option<Vec<u8>> {
        let (vault, tokens) = self.settings.token_cipher.as_ref().zip(tokens)?;
        Some(vault.encrypt(&token_binding(&link.provider, &link.uid, ""), &tokens.to_bytes(), self.deps))
    }

    async fn import_tokens(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin_optional_table(TOKENS).await? else { return Ok(()) };
        let mut after = String::new();
        loop {
            let page = self.source.token_page(&after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.key);
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::token(&row, &self.imported_users, self.now) {
                    Ok(token) => batch.push(token),
                    Err(reason) => table.skip(reason, row.user_id.0),
                }
            }
            let outcomes = write_batch!(self, import_tokens, &batch);
            batch.iter().zip(outcomes).for_each(|(token, outcome)| table.record(outcome, token.user_id.0));
        }
        self.end_table(table);
        Ok(())
    }

    async fn import_knox_tokens(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin_optional_table(KNOX).await? else { return Ok(()) };
        let mut after = String::new();
        loop {
            let page = self.source.knox_page(&after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.digest);
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::check_knox(&row, &self.imported_users, self.now) {
                    Ok(()) => batch.push(row_conversion::knox(row, self.now)),
                    Err(reason) => table.skip(reason, row.user_id.0),
                }
            }
            let outcomes = write_batch!(self, import_knox, &batch);
            batch.iter().zip(outcomes).for_each(|(token, outcome)| table.record(outcome, token.user_id.0));
        }
        self.end_table(table);
        Ok(())
    }

    /// Refresh and sliding tokens. A token needs no row to be valid; the rows list the user's credentials and the blacklist.
    async fn import_refresh_tokens(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin_optional_table(OUTSTANDING).await? else { return Ok(()) };
        let jwts = Jwts::new(self.settings.jwt.clone())?;
        let renumbers = self.source.renumbers();
        let mut not_verified = Count::default();
        let mut after = i64::MIN;
        loop {
            let page = self.source.outstanding_page(after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::refresh(&row, &self.imported_users, &self.settings.jwt, self.now) {
                    Ok(_) if renumbers => table.skip(Reason::OldId, row.user_id.map(|user| user.0)),
                    Ok((mut token, blacklisted)) => {
                        let is_sliding = token.kind == CredentialKind::JwtSliding;
                        let token_type = if is_sliding { TokenType::Sliding } else { TokenType::Refresh };
                        token.expires = jwts.blacklist_until(token_type, token.expires);
                        let verified = jwts.verify(&row.token, &TokenType::ALL, self.now);
                        if verified.is_err_and(|fault| fault == JwtFault::Invalid) {
                            not_verified.add(token.user_id.0);
                        }
                        batch.push((token, blacklisted));
                    }
                    Err(reason) => table.skip(reason, row.user_id.map(|user| user.0)),
                }
            }
            let outcomes = write_batch!(self, import_refresh, &batch);
            batch.iter().zip(outcomes).for_each(|((token, _), outcome)| table.record(outcome, token.user_id.0));
        }
        self.end_table(table);
        self.report.add_note(
            "jwts_of_another_key",
            &not_verified,
            "refresh or sliding tokens cannot be verified with SIMPLE_JWT_SIGNING_KEY, ALGORITHM, ISSUER and AUDIENCE of this \
             server: JWTs of Django will be refused",
        );
        Ok(())
    }

    async fn import_sessions(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin_optional_table(SESSIONS).await? else { return Ok(()) };
        let mut after = String::new();
        loop {
            let page = self.source.session_page(&after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.session_key);
            self.advance(&mut table, page.len());
            let mut decoded = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::decode_session(&row, &self.options.session_keys, self.now) {
                    Ok(session) => decoded.push((row, session)),
                    Err(reason) => table.skip(reason, None),
                }
            }
            let keys: Vec<&str> = decoded.iter().map(|(_, session)| session.user.as_str()).collect();
            let users = self.source.people(&keys).await.map_err(ImportError::Source)?;
            let mut batch = Vec::with_capacity(decoded.len());
            for (row, session) in &decoded {
                let user = users.get(&plain_key(&session.user)).filter(|user| self.imported_users.contains(&user.id));
                let Some(user) = user else {
                    table.skip(Reason::UserLeftOut, session.user.parse().ok());
                    continue;
                };
                if session.has_password(&user.password, &self.options.session_keys) {
                    batch.push(row_conversion::session(row, session, user.id, self.now));
                } else {
                    table.skip(Reason::PasswordChanged, user.id.0);
                }
            }
            let outcomes = write_batch!(self, import_sessions, &batch);
            batch.iter().zip(outcomes).for_each(|(session, outcome)| table.record(outcome, session.user_id.0));
        }
        self.end_table(table);
        Ok(())
    }

    async fn add_user_notes(&mut self) -> Result<(), ImportError> {
        let (count, first) = self.source.users_with_password_only().await.map_err(ImportError::Source)?;
        let text = "users have a password and no social account: this server has no passwords, so they cannot sign in again \
                    until they link an account";
        self.report.add_note("password_only", &Count { count, first }, text);
        let users = self.source.users();
        let of_columns = |columns: &[String]| Count { count: columns.len() as u64, first: Vec::new() };
        let text = format!("columns of {} were imported as declared fields: {}", users.name, users.own.join(", "));
        self.report.add_note("columns_carried", &of_columns(&users.own), text);
        let text = format!(
            "columns of {} were not imported: {}. Declare those that you need in REST_SOCIAL_USER_FIELDS",
            users.name,
            users.extra.join(", ")
        );
        self.report.add_note("columns_left_out", &of_columns(&users.extra), text);
        if self.source.renumbers() {
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
