//! `backup`: copies the SQLite database while servers use it, verifies the copy, and only then gives it its name.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::configuration::settings_for;
use super::confirmation::confirm;
use super::failure::Failure;
use super::output::print_either;
use super::terminal;
use crate::clock::Deps;
use crate::secrets::ExposeSecret as _;
use crate::settings::{BackupTarget, Settings, sqlite_file, sqlite_files};
use crate::store;

/// What SQLite adds to the name of a file for its rollback journal. It leaves the journal when it cannot write the copy.
const JOURNAL: &str = "-journal";

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(super) struct Options {
    /// The new file, instead of BACKUP_FILE
    file: Option<PathBuf>,
    /// Replace a file that exists, without asking
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = settings_for(config, &["BACKUP_FILE"])?;
    let database = database_file(&settings)?;
    let file = target(options.file, &settings)?;
    check_target(&file, &database, options.yes)?;
    let partial = Partial::create(&file)?;
    let users = tokio::select! {
        copied = copy(&settings, &database, &partial.path) => copied?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::Other("stopped: no backup was made".to_owned())),
    };
    let bytes = partial.keep(&file)?;
    let result =
        json!({"file": file.display().to_string(), "bytes": bytes, "users": users, "created": deps.now().rfc3339()});
    let text = format!(
        "Wrote {}: {}, {users} users, verified. Keep SECRET_KEY and ENCRYPTION_KEYS in another \
         place: without them, stored provider tokens and signing keys cannot be decrypted.",
        file.display(),
        indicatif::HumanBytes(bytes)
    );
    print_either(options.json, &result, &text)
}

/// Errors: the database is not SQLite, or does not exist.
fn database_file(settings: &Settings) -> Result<PathBuf, Failure> {
    let Some(database) = sqlite_file(settings.database_url.expose_secret()) else {
        let problem = "`backup` copies an SQLite database. For PostgreSQL use its own tool: pg_dump --format=custom \
                       --file=backup.dump \"$DATABASE_URL\"";
        return Err(Failure::Other(problem.to_owned()));
    };
    fs::metadata(&database).map_err(|error| Failure::cannot_read(&database, &error))?;
    Ok(database)
}

fn target(file: Option<PathBuf>, settings: &Settings) -> Result<PathBuf, Failure> {
    let file = match (file, &settings.backup) {
        (Some(file), _) => file,
        (None, Some(BackupTarget::File(file))) => file.clone(),
        (None, _) => return Err(Failure::CommandLine("name the file of the backup, or set BACKUP_FILE".to_owned())),
    };
    // The name of an SQLite file must not look like one of its URIs.
    std::path::absolute(&file).map_err(|error| Failure::cannot_write(&file, &error))
}

/// Errors: the file must not be replaced.
fn check_target(file: &Path, database: &Path, yes: bool) -> Result<(), Failure> {
    let shown = file.display();
    if is_of_database(file, database) {
        return Err(Failure::Other(format!("{shown} is the database itself, or a file of its log")));
    }
    let Ok(found) = fs::symlink_metadata(file) else { return Ok(()) };
    if !found.is_file() {
        return Err(Failure::Other(format!("{shown} is not a regular file, so it was not replaced")));
    }
    if yes { Ok(()) } else { confirm(&format!("replace {shown}"), &format!("{shown} exists. Replace it?"), "yes") }
}

/// Whether it is one of the files that SQLite uses, by its path or as another name of it. A missing one counts too: SQLite would
/// take the backup for a log of the database.
fn is_of_database(file: &Path, database: &Path) -> bool {
    let real = |path: &Path| match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    };
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    // SQLite has the log beside the file to which a symbolic link leads.
    let target = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let database = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    let mut files = [sqlite_files(&target), sqlite_files(&real(&database))].into_iter().flatten();
    files.any(|one| one == real(file) || identity(&one).is_some_and(|one| Some(one) == identity(file)))
}

/// Copies and verifies, with a progress bar on a terminal. Returns the number of users.
async fn copy(settings: &Settings, database: &Path, partial: &Path) -> Result<i64, Failure> {
    let bar = terminal::can_redraw().then(|| {
        let bar = ProgressBar::new(fs::metadata(database).map_or(0, |found| found.len()));
        if let Ok(style) = ProgressStyle::with_template("{msg:9} {bar:30} {bytes:>11}/{total_bytes}") {
            bar.set_style(style);
        }
        bar.with_message("copying")
    });
    let mut copying = pin!(store::copy_database(&settings.database_url, partial));
    let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            copied = &mut copying => break copied?,
            _ = interval.tick() => {
                if let Some(bar) = &bar {
                    bar.set_position(fs::metadata(partial).map_or(0, |found| found.len()));
                }
            }
        }
    }
    if let Some(bar) = &bar {
        bar.set_message("verifying");
    }
    let users = store::verify_copy(partial).await?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(users)
}

/// The copy until it is verified. Dropped, it is deleted.
struct Partial {
    path: PathBuf,
    /// Locked, so that no other backup takes it for abandoned.
    _file: fs::File,
}

impl Partial {
    /// An empty file beside `file`, which only its owner can read.
    fn create(file: &Path) -> Result<Self, Failure> {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        delete_abandoned(file, &name);
        let path = file.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let locked = opened.and_then(|copy| copy.try_lock().map_err(std::io::Error::from).map(|()| copy));
        Ok(Self { path, _file: locked.map_err(|error| Failure::cannot_write(file, &error))? })
    }

    /// Writes the copy to the disk and gives it its name. A power failure leaves the old file or the new one. Returns its size.
    fn keep(self, file: &Path) -> Result<u64, Failure> {
        let kept = || {
            let copy = fs::File::open(&self.path)?;
            copy.sync_all()?;
            fs::rename(&self.path, file)?;
            fs::File::open(folder_of(file))?.sync_all()?;
            copy.metadata().map(|found| found.len())
        };
        kept().map_err(|error| Failure::cannot_write(file, &error))
    }
}

/// The folder of a file with an absolute path.
fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}

/// Deletes the copies of `file` that a killed process left, and their journals: those that no process has locked.
fn delete_abandoned(file: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder_of(file)) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let other = path.file_name().unwrap_or_default().to_string_lossy();
        let copy = other.strip_suffix(JOURNAL).unwrap_or(&other);
        let process = copy.strip_prefix(&format!(".{name}.")).and_then(|rest| rest.strip_suffix(".partial"));
        let is_copy = process.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        let is_abandoned = || match fs::File::open(path.with_file_name(copy)) {
            Ok(copy) => copy.try_lock().is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if is_copy && is_abandoned() {
            // Only disk space is lost without it.
            let _ = fs::remove_file(&path);
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `keep` there is none.
        let _ = fs::remove_file(&self.path);
        let mut journal = self.path.clone().into_os_string();
        journal.push(JOURNAL);
        let _ = fs::remove_file(journal);
    }
}
