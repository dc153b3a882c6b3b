//! Moving in from Django: reads the database of a project that used the original and writes what lives on here, so that
//! nobody signs in again. Called by `cli/`; joins the source, the rules and the repository.
//!
//! Nothing that is there is overwritten, and nothing is written at the source. The same import may run again: after an
//! interruption it goes on with what is missing. See `docs/MOVING.md`.

mod django_session;
mod report;
mod row_conversion;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub use self::report::{Count, Reason, Report, ReportEntry, Table};
use crate::clock::{Deps, UnixMillis};
use crate::credential::jwt::{JwtFault, Jwts, TokenType};
use crate::model::{AccountId, ProviderTokens, UserId, token_binding};
use crate::provider::{StoredKey, UidKeys};
use crate::secrets::{SecretString, ServerKey};
use crate::settings::{SettingError, Settings};
use crate::store::django::{Django, Link, Names, plain_key};
use crate::store::import::{ConflictKind, RowOutcome};
use crate::store::{Repository, StoreError, StoredAccount};

const LINKS: &str = "social_auth_usersocialauth";
const TOKENS: &str = "authtoken_token";
const KNOX: &str = "knox_authtoken";
const OUTSTANDING: &str = "token_blacklist_outstandingtoken";
const SESSIONS: &str = "django_session";

/// What to move in.
pub struct ImportOptions {
    /// URL of Django's database.
    pub from: SecretString,
    pub names: Names,
    /// Looks and reports, writes nothing.
    pub dry_run: bool,
    /// Keys that Django signed its sessions with.
    pub session_keys: Vec<SecretString>,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("reading from Django's database failed: {0}")]
    Source(#[source] StoreError),
    #[error("writing failed: {0}; what was written stays, and the same command goes on from there")]
    Target(#[source] StoreError),
}

/// Told as the import goes on.
pub trait Progress: Send {
    fn begin(&mut self, table: &str, rows: u64);
    fn advance(&mut self, rows: u64);
    fn end(&mut self);
}

struct Import<'a> {
    source: Django,
    /// `None`: a dry run against a database that does not exist yet.
    target: Option<Arc<dyn Repository>>,
    settings: &'a Settings,
    deps: &'a Deps,
    now: UnixMillis,
    wanted: &'a ImportOptions,
    progress: &'a mut dyn Progress,
    /// Users who are in the target, or would be.
    carried: HashSet<UserId>,
    report: Report,
}

/// Moves in what `wanted` says. The target must be migrated.
pub async fn django(
    wanted: &ImportOptions,
    settings: &Settings,
    target: Option<Arc<dyn Repository>>,
    deps: &Deps,
    progress: &mut dyn Progress,
) -> Result<Report, ImportError> {
    let declared: Vec<&str> = settings.users.own_fields.iter().map(|field| field.name.as_str()).collect();
    let source = Django::open(&wanted.from, &wanted.names, &declared).await?;
    let report = Report { dry_run: wanted.dry_run, ..Report::default() };
    let now = deps.now();
    let mut job = Import { source, target, settings, deps, now, wanted, progress, carried: HashSet::new(), report };
    job.reserve_ids().await?;
    job.users().await?;
    job.links().await?;
    job.tokens().await?;
    job.knox().await?;
    job.refresh_tokens().await?;
    job.sessions().await?;
    job.remark_users().await?;
    Ok(job.report)
}

/// Writes one batch, or only looks; without a target everything would be written.
macro_rules! written {
    ($job:ident, $import:ident, $rows:expr) => {
        match &$job.target {
            Some(target) => target.$import($rows, !$job.wanted.dry_run).await.map_err(ImportError::Target)?,
            None => vec![RowOutcome::Inserted; $rows.len()],
        }
    };
}

/// Which members of a profile the provider's uids are; looked up once for each provider.
fn keys_of<'a>(
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
            Some(target) if !self.wanted.dry_run => {
                target.reserve_ids(UserId(user), AccountId(link)).await.map_err(ImportError::Target)
            }
            _ => Ok(()),
        }
    }

    /// `None` where the source does not have the table, which the report then says.
    async fn begin(&mut self, name: &'static str) -> Result<Option<Table>, ImportError> {
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

    fn end(&mut self, table: Table) {
        self.progress.end();
        self.report.tables.push(table.closed());
    }

    async fn users(&mut self) -> Result<(), ImportError> {
        let name = self.source.users().name.clone();
        let mut table = self.begin_table(&name).await?;
        let [mut still_active, mut taken, mut filled, mut invalid_emails] = std::array::from_fn(|_| Count::default());
        let mut misfits: BTreeMap<String, Count> = BTreeMap::new();
        // A table of the project's own need not keep them apart.
        let mut usernames: HashSet<String> = HashSet::new();
        let mut after = i64::MIN;
        loop {
            let page = self.source.user_page(after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after = last.id.0;
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                let declared = row_conversion::declared(&row.own, &self.settings.users.own_fields);
                if row_conversion::has_invalid_email(&row) {
                    invalid_emails.add(row.id.0);
                }
                match row_conversion::user(&row, declared.kept, self.now) {
                    Ok(user) if usernames.insert(user.username.clone()) => batch.push(user),
                    Ok(_) => table.skip(Reason::UsernameShared, row.id.0),
                    Err(reason) => table.skip(reason, row.id.0),
                }
                for field in declared.misfits {
                    misfits.entry(field).or_default().add(row.id.0);
                }
            }
            let fates = written!(self, import_users, &batch);
            for (user, fate) in batch.iter().zip(fates) {
                table.record(fate, user.id.0);
                if !matches!(fate, RowOutcome::Conflict(_)) {
                    self.carried.insert(user.id);
                }
                match fate {
                    RowOutcome::ExistsButActive => still_active.add(user.id.0),
                    RowOutcome::FieldsAdded => filled.add(user.id.0),
                    RowOutcome::Conflict(ConflictKind::Id) => taken.add(user.id.0),
                    _ => {}
                }
            }
        }
        self.end(table);
        let report = &mut self.report;
        // Our own user of that id is who a JWT with that id means here.
        report.add_note(
            "jwts_of_others",
            &taken,
            "users were left out because their id is another user's here: JWTs that Django issued to them sign that other \
             user in, unless SIMPLE_JWT_SIGNING_KEY differs from Django's. Import into an empty database, or use a key of \
             its own",
        );
        report.add_note(
            "inactive_at_the_source",
            &still_active,
            "were there already, and active, but are inactive at the source: `users deactivate` ends them here",
        );
        report.add_note(
            "fields_filled",
            &filled,
            "were there already, and got values of declared fields that had none",
        );
        let text = "users have a text for an e-mail address that is none: they come without an address";
        report.add_note("invalid_email", &invalid_emails, text);
        for (field, count) in &misfits {
            let text =
                format!("users have a {field} that is not of the type that REST_SOCIAL_USER_FIELDS says: left out");
            report.add_note("field_does_not_fit", count, text);
        }
        Ok(())
    }

    async fn links(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin(LINKS).await? else { return Ok(()) };
        let [mut stripped, mut sealed_away, mut unreadable, mut renumbered, mut legacy, mut undecided] =
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
                if let Err(reason) = row_conversion::check_link(&row, &self.carried) {
                    table.skip(reason, row.id.0);
                    continue;
                }
                let extra = row_conversion::extra_data(&row.extra_data);
                let encrypted = self.encrypted(&row, extra.tokens.as_ref());
                match (extra.is_unreadable, encrypted.is_some(), extra.had_secrets) {
                    (true, ..) => unreadable.add(row.id.0),
                    (_, true, _) => sealed_away.add(row.id.0),
                    (_, false, true) => stripped.add(row.id.0),
                    (_, false, false) => {}
                }
                if !self.settings.providers.iter().any(|provider| provider.name == row.provider) {
                    not_configured.entry(row.provider.clone()).or_default().add(row.id.0);
                }
                let key = keys_of(self.settings, &mut keys, &row.provider)
                    .map_or(StoredKey::Current, |keys| keys.stored_key(&row.uid, &extra.kept));
                let is_legacy = key != StoredKey::Current;
                if is_legacy {
                    legacy.add(row.id.0);
                }
                if key == StoredKey::Undecided {
                    undecided.add(row.id.0);
                }
                let account = row_conversion::account(row, extra.kept, is_legacy, self.now);
                batch.push(StoredAccount { account, encrypted_tokens: encrypted });
            }
            let fates = written!(self, import_accounts, &batch);
            for (StoredAccount { account, .. }, fate) in batch.iter().zip(fates) {
                table.record(fate, account.id.0);
                if fate == RowOutcome::Renumbered {
                    renumbered.add(account.id.0);
                }
            }
        }
        self.end(table);
        let report = &mut self.report;
        let text = "links had provider tokens in extra_data, which were not kept: STORE_PROVIDER_TOKENS is off";
        report.add_note("provider_tokens_dropped", &stripped, text);
        report.add_note("provider_tokens_sealed", &sealed_away, "links' provider tokens were moved out of extra_data");
        report.add_note(
            "extra_data_unreadable",
            &unreadable,
            "links had extra_data that is no JSON object: it is empty",
        );
        report.add_note("renumbered", &renumbered, "links got a new id, since another link has theirs here");
        let text = "links are stored under a key that can change hands, such as a username or an e-mail address: they are found \
                    by it only while LEGACY_UIDS_UNTIL lies ahead";
        report.add_note("legacy_uids", &legacy, text);
        let text = "of these links are stored under a key that may also be the provider's own id, since nothing beside it tells. \
                    They too sign in only while LEGACY_UIDS_UNTIL lies ahead";
        report.add_note("legacy_uids_undecided", &undecided, text);
        for (provider, count) in &not_configured {
            let text = format!("links are of {provider}, which the settings do not configure: they sign nobody in yet");
            report.add_note("provider_not_configured", count, text);
        }
        Ok(())
    }

    /// The provider's tokens, where the settings ask to keep them: bound to the account as a login's are.
    fn encrypted(&self, link: &Link, tokens: Option<&ProviderTokens>) -> Option<Vec<u8>> {
        let (vault, tokens) = self.settings.vault.as_ref().zip(tokens)?;
        Some(vault.encrypt(&token_binding(&link.provider, &link.uid, ""), &tokens.to_bytes(), self.deps))
    }

    async fn tokens(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin(TOKENS).await? else { return Ok(()) };
        let mut after = String::new();
        loop {
            let page = self.source.token_page(&after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.key);
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::token(&row, &self.carried, self.now) {
                    Ok(token) => batch.push(token),
                    Err(reason) => table.skip(reason, row.user_id.0),
                }
            }
            let fates = written!(self, import_tokens, &batch);
            batch.iter().zip(fates).for_each(|(token, fate)| table.record(fate, token.user_id.0));
        }
        self.end(table);
        Ok(())
    }

    async fn knox(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin(KNOX).await? else { return Ok(()) };
        let mut after = String::new();
        loop {
            let page = self.source.knox_page(&after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.digest);
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::check_knox(&row, &self.carried, self.now) {
                    Ok(()) => batch.push(row_conversion::knox(row, self.now)),
                    Err(reason) => table.skip(reason, row.user_id.0),
                }
            }
            let fates = written!(self, import_knox, &batch);
            batch.iter().zip(fates).for_each(|(token, fate)| table.record(fate, token.user_id.0));
        }
        self.end(table);
        Ok(())
    }

    /// Refresh and sliding tokens, for the list of what is signed in and for those that are blacklisted. The tokens
    /// themselves need no row: their signature holds or not.
    async fn refresh_tokens(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin(OUTSTANDING).await? else { return Ok(()) };
        let jwts = Jwts::new(self.settings.jwt.clone(), ServerKey::new(&self.settings.secret_key))?;
        let renumbers = self.source.renumbers();
        let mut of_another_key = Count::default();
        let mut after = i64::MIN;
        loop {
            let page = self.source.outstanding_page(after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            self.advance(&mut table, page.len());
            let mut batch = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::refresh(&row, &self.carried, &self.settings.jwt, self.now) {
                    Ok(_) if renumbers => table.skip(Reason::OldId, row.user_id.map(|user| user.0)),
                    Ok(token) => {
                        let verified = jwts.verify(&row.token, &TokenType::ALL, self.now);
                        if verified.is_err_and(|fault| fault == JwtFault::Invalid) {
                            of_another_key.add(token.0.user_id.0);
                        }
                        batch.push(token);
                    }
                    Err(reason) => table.skip(reason, row.user_id.map(|user| user.0)),
                }
            }
            let fates = written!(self, import_refresh, &batch);
            batch.iter().zip(fates).for_each(|((token, _), fate)| table.record(fate, token.user_id.0));
        }
        self.end(table);
        self.report.add_note(
            "jwts_of_another_key",
            &of_another_key,
            "refresh or sliding tokens do not verify with SIMPLE_JWT_SIGNING_KEY (or ALGORITHM, ISSUER, AUDIENCE) as set \
             here: JWTs that Django issued will be refused",
        );
        Ok(())
    }

    async fn sessions(&mut self) -> Result<(), ImportError> {
        let Some(mut table) = self.begin(SESSIONS).await? else { return Ok(()) };
        let mut after = String::new();
        loop {
            let page = self.source.session_page(&after).await.map_err(ImportError::Source)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.session_key);
            self.advance(&mut table, page.len());
            let mut opened = Vec::with_capacity(page.len());
            for row in page {
                match row_conversion::open_session(&row, &self.wanted.session_keys, self.now) {
                    Ok(session) => opened.push((row, session)),
                    Err(reason) => table.skip(reason, None),
                }
            }
            let keys: Vec<&str> = opened.iter().map(|(_, session)| session.user.as_str()).collect();
            let people = self.source.people(&keys).await.map_err(ImportError::Source)?;
            let mut batch = Vec::with_capacity(opened.len());
            for (row, session) in &opened {
                let person = people.get(&plain_key(&session.user)).filter(|person| self.carried.contains(&person.id));
                let Some(person) = person else {
                    table.skip(Reason::UserLeftOut, session.user.parse().ok());
                    continue;
                };
                if session.is_bound_to(&person.password, &self.wanted.session_keys) {
                    batch.push(row_conversion::session(row, session, person.id, self.now));
                } else {
                    table.skip(Reason::PasswordChanged, person.id.0);
                }
            }
            let fates = written!(self, import_sessions, &batch);
            batch.iter().zip(fates).for_each(|(session, fate)| table.record(fate, session.user_id.0));
        }
        self.end(table);
        Ok(())
    }

    async fn remark_users(&mut self) -> Result<(), ImportError> {
        let (count, first) = self.source.users_with_password_only().await.map_err(ImportError::Source)?;
        let text = "users have a password and no linked account: there are no passwords here, so they cannot sign in \
                    anew until a provider's account is linked";
        self.report.add_note("password_only", &Count { count, first }, text);
        let users = self.source.users();
        let of_columns = |columns: &[String]| Count { count: columns.len() as u64, first: Vec::new() };
        let text = format!("columns of {} became declared fields: {}", users.name, users.own.join(", "));
        self.report.add_note("columns_carried", &of_columns(&users.own), text);
        let text = format!(
            "columns of {} are not carried over: {}. REST_SOCIAL_USER_FIELDS declares those that shall be",
            users.name,
            users.extra.join(", ")
        );
        self.report.add_note("columns_left_out", &of_columns(&users.extra), text);
        if self.source.renumbers() {
            let text = format!(
                "column became the id of users: {}. Tokens and sessions go on working; JWTs name their user by the old id, \
                 and are refused",
                users.id
            );
            self.report.add_note("ids_renumbered", &Count { count: 1, first: Vec::new() }, text);
        }
        if self.target.is_none() {
            let text = "database to write to does not exist yet, or has no tables: compared with an empty one";
            self.report.add_note("empty_target", &Count { count: 1, first: Vec::new() }, text);
        }
        Ok(())
    }
}
