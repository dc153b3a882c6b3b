//! The SQLite connections: one that writes, two that read.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::Tx;
use super::checkpoint::{self, Checkpointer, PAGE_SIZE, pages};
#[cfg(test)]
use super::group::Fault;
use super::group::{Group, Write, WriteInGroup};
use crate::clock::UnixMillis;
use crate::metrics::PoolConnections;
use crate::model::{AccountId, AuditEvent, CodeClaim, CredentialHandle, EmailAddress, EventFactory, UserId};
use crate::secrets::Digest;
use crate::settings::{SettingError, SqliteSynchronous, sqlite_files};
use crate::store::error::{self, Result, StoreError, sqlite_result_code};
use crate::store::limited::{self, Backend};
use crate::store::login_commit::KnownLogin;
use crate::store::opening::{Opening, without_statement_log};

/// Pages of the write-ahead log before the checkpoint of a command.
const CHECKPOINT_PAGES: u32 = pages(16);

/// The page cache of a connection that reads (1 MiB). It is emptied after each commit, so more memory would not be used.
const READER_CACHE: &str = "-1024";

/// How long a command waits for a connection, or for another process that writes.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The store in SQLite. It has one connection that writes, as SQLite has one writer: no call of this process finds the
/// database busy.
pub(in crate::store) struct Store {
    readers: Readers,
    write: SqlitePool,
    group: Group,
    /// `None`: the connection of a command makes its checkpoints itself.
    pub(super) checkpointer: Option<Checkpointer>,
    pub(super) event_factory: Option<EventFactory>,
    file: FileIdentity,
    /// Set when a write failed: the next write opens a new connection. After an error that SQLite rolls back itself (full
    /// disk, I/O error) the driver takes the transaction for open, and no other could begin.
    reopen: Arc<AtomicBool>,
}

/// Errors name DATABASE_URL. Those of a locked database are temporary.
pub(in crate::store) async fn open(url: &str, opening: Opening) -> std::result::Result<Store, SettingError> {
    let wrong = |problem: String| SettingError::new("DATABASE_URL", problem);
    let Opening { create, event_factory, limits, synchronous, metrics } = opening;
    let queue = limits.as_ref().map_or(QUEUE_TIMEOUT, |limits| limits.queue);
    let busy = limits.as_ref().map_or(QUEUE_TIMEOUT, limited::statement_timeout);
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| wrong("must look like sqlite://path/to/file.db".to_owned()))?
        // `create_private` creates it, once: a file that is deleted later must not be replaced by an empty one.
        .create_if_missing(false)
        .page_size(PAGE_SIZE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match synchronous {
            // An answered write survives a loss of power.
            SqliteSynchronous::Full => sqlx::sqlite::SqliteSynchronous::Full,
            SqliteSynchronous::Normal => sqlx::sqlite::SqliteSynchronous::Normal,
        })
        .foreign_keys(true)
        .pragma(
            "wal_autocheckpoint",
            limits.as_ref().map_or(CHECKPOINT_PAGES, |_| checkpoint::EMERGENCY_PAGES).to_string(),
        )
        .busy_timeout(busy);
    let options = without_statement_log(options);
    let path = options.get_filename().to_owned();
    if create {
        create_private(&path).map_err(|error| SettingError {
            is_temporary: error.kind() == std::io::ErrorKind::StorageFull,
            ..wrong(format!("{} cannot be created: {error}", path.display()))
        })?;
    } else if is_not_found(&path) {
        return Err(wrong(format!("{} does not exist: `serve` and `migrate` create it", path.display())));
    }
    let failed = |error: sqlx::Error| SettingError {
        is_temporary: may_be_usable_later(&error),
        ..wrong(not_opened(&path, &error))
    };
    let reopen = Arc::new(AtomicBool::new(false));
    let failed_write = reopen.clone();
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .before_acquire(move |connection, _| {
            let is_usable = !failed_write.swap(false, Ordering::AcqRel) && !connection.is_in_transaction();
            Box::pin(std::future::ready(Ok(is_usable)))
        })
        .acquire_timeout(queue)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await
        .map_err(failed)?;
    let reading = options.clone().read_only(true).pragma("cache_size", READER_CACHE);
    let readers = Readers::open(&reading, queue).await.map_err(failed)?;
    let file = FileIdentity::of(&path).map_err(|error| wrong(format!("{} cannot be read: {error}", path.display())))?;
    let group = Group::start::<Store>(write.clone(), reopen.clone(), metrics);
    let checkpointer = limits.map(|_| Checkpointer::start(&options));
    Ok(Store { group, checkpointer, readers, write, event_factory, file, reopen })
}

/// Whether the URL names a file that does not exist. False for a malformed URL, which [`open`] reports.
pub(in crate::store) fn is_missing(url: &str) -> bool {
    let options = SqliteConnectOptions::from_str(url);
    options.is_ok_and(|options| is_not_found(options.get_filename()))
}

fn is_not_found(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// The database, its write-ahead log and the index of the log, as they were opened. What is written to a file that was deleted or
/// replaced would be lost with the process. SQLite deletes neither log nor index while a connection is open.
struct FileIdentity {
    state: SyncMutex<FileState>,
}

struct FileState {
    /// Device and inode of each file. `None`: it was not there yet.
    files: Vec<(PathBuf, Option<(u64, u64)>)>,
    checked: tokio::time::Instant,
    /// The file that is not the opened one.
    changed: Option<PathBuf>,
}

impl FileIdentity {
    /// How often the paths are checked.
    const CHECK_INTERVAL: Duration = Duration::from_secs(1);

    fn of(path: &Path) -> std::io::Result<Self> {
        let database = (path.to_owned(), Some(Self::read(path)?));
        // SQLite has the log beside the file to which a symbolic link leads.
        let [_, log, index, _] = sqlite_files(&std::fs::canonicalize(path)?);
        let files = std::iter::once(database).chain([log, index].map(|path| (path.clone(), Self::read(&path).ok())));
        let state = FileState { files: files.collect(), checked: tokio::time::Instant::now(), changed: None };
        Ok(Self { state: SyncMutex::new(state) })
    }

    fn read(path: &Path) -> std::io::Result<(u64, u64)> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
    }

    /// Errors: a file is not the one that was opened.
    fn check(&self) -> Result<()> {
        let now = tokio::time::Instant::now();
        let mut state = self.state();
        if now.duration_since(state.checked) >= Self::CHECK_INTERVAL {
            let changed = state.files.iter_mut().find_map(|(path, opened)| {
                let found = Self::read(path).ok();
                *opened = opened.or(found);
                (found != *opened).then(|| path.clone())
            });
            if let Some(file) = &changed
                && state.changed.is_none()
            {
                tracing::error!(
                    file = %file.display(),
                    "a file of the database was deleted or replaced: nothing is written until it is back or the server is \
                     restarted. Stop the server with SIGTERM: then it writes what is in the log to the database"
                );
            }
            (state.checked, state.changed) = (now, changed);
        }
        match &state.changed {
            None => Ok(()),
            Some(file) => Err(StoreError(format!("{} was deleted or replaced", file.display()).into())),
        }
    }

    /// The last connection deletes log and index.
    fn ignore_log(&self) {
        self.state().files.truncate(1);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, FileState> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Backend for Store {
    fn check(&self) -> Result<()> {
        self.file.check()
    }

    fn check_probe(&self) -> Result<()> {
        self.check()?;
        if self.checkpointer.as_ref().is_some_and(Checkpointer::has_failed) {
            Err(StoreError("the write-ahead log cannot be copied to the database".into()))
        } else {
            Ok(())
        }
    }

    fn on_error(&self) {
        self.reopen.store(true, Ordering::Release);
    }
}

/// Connections that only read, each for one query at a time. A pool would test a connection before each query, which costs
/// as much as the query.
struct Readers {
    /// `None`: closed.
    connections: [Mutex<Option<SqliteConnection>>; 2],
    queue: Duration,
}

impl Readers {
    /// `queue`: how long a query waits for a free connection.
    async fn open(options: &SqliteConnectOptions, queue: Duration) -> std::result::Result<Self, sqlx::Error> {
        let connections = [options.connect().await?, options.connect().await?];
        Ok(Self { connections: connections.map(|connection| Mutex::new(Some(connection))), queue })
    }

    /// The first free connection. Errors: none within the limit, or closed.
    async fn get(&self) -> std::result::Result<MappedMutexGuard<'_, SqliteConnection>, sqlx::Error> {
        let [one, other] = &self.connections;
        let free = async {
            tokio::select! {
                connection = one.lock() => connection,
                connection = other.lock() => connection,
            }
        };
        let connection = match one.try_lock().or_else(|_| other.try_lock()) {
            Ok(connection) => connection,
            Err(_) => tokio::time::timeout(self.queue, free).await.map_err(|_| sqlx::Error::PoolTimedOut)?,
        };
        MutexGuard::try_map(connection, Option::as_mut).map_err(|_| sqlx::Error::PoolClosed)
    }

    /// How many of the connections a query uses now.
    fn used(&self) -> usize {
        self.connections.iter().filter(|connection| connection.try_lock().is_err()).count()
    }

    async fn close(&self) {
        for connection in &self.connections {
            if let Some(connection) = connection.lock().await.take()
                && let Err(error) = connection.close().await
            {
                tracing::warn!(%error, "a connection to the database did not close well");
            }
        }
    }
}

/// BUSY or LOCKED, or a pool that retried until its timeout, because another process holds the file exclusively.
fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || matches!(sqlite_result_code(error), Some(5 | 6))
}

/// Whether the setting may be right: the file is locked, the disk is full or fails (IOERR, FULL).
pub(in crate::store) fn may_be_usable_later(error: &sqlx::Error) -> bool {
    is_locked(error) || matches!(sqlite_result_code(error), Some(10 | 13))
}

/// READONLY or CANTOPEN: access rights are missing.
pub(in crate::store) fn is_access_missing(error: &sqlx::Error) -> bool {
    matches!(sqlite_result_code(error), Some(8 | 14))
}

/// The error of opening the file, for the operator.
pub(super) fn not_opened(path: &Path, error: &sqlx::Error) -> String {
    let shown = path.display();
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return format!(
            "{shown} is locked: another process is using it. Stop that process, or try again when it has finished"
        );
    }
    if !is_access_missing(error) {
        return format!("{shown} cannot be opened: {}", error::of_database(error));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    format!(
        "{shown} cannot be opened: the user who runs this command needs write access to it and to its directory {}",
        folder.display()
    )
}

/// Creates the file, readable by the user of the server alone.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Err(std::io::Error::other("a database in memory is gone with the process; name a file"));
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        // An empty file becomes the database.
        Err(_) if std::fs::metadata(path)?.len() == 0 => {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        }
        _ => Ok(()),
    }
}

impl Store {
    pub(super) async fn writer(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.count_write();
        self.write.acquire().await
    }

    fn count_write(&self) {
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.count_write();
        }
    }

    /// True: all of its rows were written; false: none.
    pub(super) async fn write_in_group(&self, write: Write) -> Result<bool> {
        self.count_write();
        self.group.write(write).await
    }

    /// Connections without limits, for a migration.
    #[expect(clippy::unused_async, reason = "the other database awaits here")]
    pub(super) async fn unlimited(&self) -> std::result::Result<SqlitePool, sqlx::Error> {
        Ok(self.write.clone())
    }

    pub(super) fn connections(&self) -> PoolConnections {
        let open = usize::try_from(self.write.size()).unwrap_or_default() + self.readers.connections.len();
        let used = usize::from(self.write.num_idle() == 0 && self.write.size() > 0) + self.readers.used();
        PoolConnections { idle: open.saturating_sub(used), used }
    }

    pub(super) async fn reader(&self) -> std::result::Result<MappedMutexGuard<'_, SqliteConnection>, sqlx::Error> {
        self.readers.get().await
    }

    /// Never another reader: no server closes the connection.
    #[expect(clippy::unused_async, reason = "the other database awaits here")]
    pub(super) async fn reader_after<'s>(
        &'s self,
        _reader: MappedMutexGuard<'s, SqliteConnection>,
        error: sqlx::Error,
    ) -> sqlx::Result<MappedMutexGuard<'s, SqliteConnection>> {
        Err(error)
    }

    /// Gives a reader back after a read that succeeded.
    pub(super) fn release(reader: MappedMutexGuard<'_, SqliteConnection>) {
        drop(reader);
    }

    pub(super) async fn close_all(&self) {
        self.file.ignore_log();
        self.readers.close().await;
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.close().await;
        }
        self.write.close().await;
    }

    /// Nothing: SQLite has one writing transaction.
    #[expect(clippy::unused_async, reason = "the other database awaits here")]
    pub(super) async fn lock_email(_tx: &mut Tx, _email: &EmailAddress) -> std::result::Result<(), sqlx::Error> {
        Ok(())
    }

    /// Begins a transaction that writes. `IMMEDIATE`, since a transaction that began with a read cannot wait for the writer.
    pub(super) async fn begin(&self) -> std::result::Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.count_write();
        self.write.begin_with("BEGIN IMMEDIATE").await
    }

    /// Commits a claim. False: nothing was written.
    pub(super) async fn commit_claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<bool> {
        let authorization_request = authorization_request.cloned();
        self.write_in_group(Write::Claim { authorization_request, code: code.cloned(), now }).await
    }

    /// Commits a login of a known account. False: nothing was written.
    pub(super) async fn commit_known_login(&self, known: KnownLogin) -> Result<bool> {
        self.write_in_group(Write::Login(Box::new(known))).await
    }

    /// Commits the time of the last use of a credential.
    pub(super) async fn commit_touch(&self, handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Result<()> {
        self.write_in_group(Write::Touch { handle: handle.clone(), user, now }).await.map(drop)
    }

    /// Commits an event that belongs to no other transaction. In a group: a provider that times out refuses up to 128 logins at
    /// once, and a transaction for each event would delay the other logins.
    pub(super) async fn commit_audit_event(&self, event: &AuditEvent) -> Result<()> {
        self.write_in_group(Write::Audit(Box::new(event.clone()))).await.map(drop)
    }

    /// Makes new users and accounts get higher ids than these.
    pub(super) async fn raise_ids(&self, user: UserId, account: AccountId) -> std::result::Result<(), sqlx::Error> {
        // An import follows: digests are spread over all pages of their table, so a small cache would read pages repeatedly.
        let checkpoints = format!("PRAGMA wal_autocheckpoint = {}", pages(256));
        for pragma in ["PRAGMA cache_size = -262144", &checkpoints] {
            sqlx::query(sqlx::AssertSqlSafe(pragma)).execute(&self.write).await?;
        }
        if self.checkpointer.is_none() {
            // A command syncs its pages at each checkpoint and when it closes the database. What a loss of power takes, the next
            // run imports.
            sqlx::query("PRAGMA synchronous = NORMAL").execute(&self.write).await?;
        }
        let mut tx = self.begin().await?;
        for (table, id) in [("users", user.0), ("social_accounts", account.0)] {
            sqlx::query(
                "INSERT INTO sqlite_sequence (name, seq) SELECT $1, 0
                 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)",
            )
            .bind(table)
            .execute(&mut *tx)
            .await?;
            sqlx::query("UPDATE sqlite_sequence SET seq = $1 WHERE name = $2 AND seq < $1")
                .bind(id)
                .bind(table)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }
}

impl WriteInGroup for Store {
    async fn write(tx: &mut Tx, write: &Write) -> Result<bool> {
        match write {
            Write::Claim { authorization_request, code, now } => {
                Self::write_claim(tx, authorization_request.as_ref(), code.as_ref(), *now).await
            }
            Write::Login(known) => Self::write_login(tx, known).await,
            Write::Touch { handle, user, now } => {
                Self::touch_query(handle, *user, *now).execute(&mut **tx).await?;
                Ok(true)
            }
            Write::Audit(event) => {
                Self::audit_event_query(event).execute(&mut **tx).await?;
                Ok(true)
            }
            // The group lends the transaction itself.
            Write::Lend(_) => Ok(false),
            #[cfg(test)]
            Write::Faulty(Fault::Error) => Err(sqlx::Error::RowNotFound.into()),
            #[cfg(test)]
            Write::Faulty(Fault::Panic) => panic!("a fault of the test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fault_f8_commits_are_synced_unless_the_setting_says_otherwise() {
        for (synchronous, expected) in [(SqliteSynchronous::default(), 2), (SqliteSynchronous::Normal, 1)] {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite://{}", folder.path().join("synced.db").display());
            let opening = Opening { create: true, synchronous, ..Opening::default() };
            let store = open(&url, opening).await.expect("a database");
            let mut writer = store.writer().await.expect("the connection");
            let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *writer).await.expect("a number");
            assert_eq!(level, expected, "{synchronous:?}");
        }
    }
}
