//! `backup`: a copy of a database in use, verified, never in place of another file without `--yes`; and its restoration.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::double::Double;
use crate::support::fake_users::{FakeUsers, github_settings};
use crate::support::process::{Process, limited, run};

const SECRET_KEY: &str = "secret-key-of-the-backup-tests-19c2bb-for-no-other-use";

struct Setup {
    folder: TempDir,
    double: Double,
}

impl Setup {
    async fn new() -> Self {
        let (double, _) = FakeUsers::start_now().await;
        Self { folder: TempDir::new().expect("a temporary folder"), double }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn serve(&self) -> Process {
        let environment = [&[("SECRET_KEY", SECRET_KEY)][..], &github_settings(&self.double)].concat();
        Process::start(&["serve"], &environment, self.folder.path()).await
    }
}

/// Exit code, standard output and standard error.
fn backup(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = run(&[&["backup"][..], arguments].concat(), environment, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Names of the files in the folder that are not those of the database.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with("rest-social-auth.db"));
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_of_a_database_in_use_restores_every_answered_login() {
    let setup = Setup::new().await;
    let mut process = setup.serve().await;
    let client = process.client();
    let token = client.login("token/github", json!({"code": "u1"})).await.field("token");
    let done = Arc::new(AtomicBool::new(false));
    let logins = tokio::spawn({
        let (client, done) = (process.client(), done.clone());
        async move {
            let mut count = 0;
            while !done.load(Ordering::SeqCst) {
                client.login("session/github", json!({"code": format!("u{}", 1000 + count)})).await.ok();
                count += 1;
            }
            count
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let folder = setup.folder.path().to_owned();
    let (status, output, errors) =
        tokio::task::spawn_blocking(move || backup(&folder, &["copy.db", "--json"], &[])).await.expect("no panic");
    assert_eq!(status, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&output).expect("JSON");
    assert!(report["users"].as_i64() >= Some(1) && report["bytes"].as_i64() > Some(0), "{report}");
    done.store(true, Ordering::SeqCst);
    assert!(logins.await.expect("every login succeeds during the backup") > 0);
    let mode = std::fs::metadata(setup.path("copy.db")).expect("the copy").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(files(setup.folder.path()), ["copy.db"], "no partial file is left");

    // What docs/DEPLOY.md says about a restoration.
    process.terminate();
    process.wait_for_exit().await;
    for file in ["rest-social-auth.db", "rest-social-auth.db-wal", "rest-social-auth.db-shm"] {
        let _ = std::fs::remove_file(setup.path(file));
    }
    std::fs::copy(setup.path("copy.db"), setup.path("rest-social-auth.db")).expect("a copy");
    let restored = setup.serve().await;
    assert_eq!(restored.client().user(&format!("Token {token}")).await.ok()["username"], "user1");
    restored.client().login("token/github", json!({"code": "u2"})).await.ok();
}

#[test]
fn fault_f1_backup_beyond_a_limit_on_file_sizes_fails_and_leaves_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(run(&["migrate"], &[], folder.path()).status.success());
    // Blocks of 512 or 1024 bytes.
    let mut command = limited("-f 64", &["backup", "copy.db"], &[], folder.path());
    let output = command.output().expect("the binary runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "no signal ends it: {} {errors}", output.status);
    assert!(errors.starts_with("error: "), "{errors}");
    assert_eq!(files(folder.path()), [""; 0]);

    // What a killed backup left, and the copy of a running one, which is locked.
    let (running, journal) = (".copy.db.7.partial", ".copy.db.7.partial-journal");
    let abandoned = [".copy.db.999999999.partial", ".copy.db.999999999.partial-journal", ".copy.db.8.partial-journal"];
    let others = [running, journal, ".copy.db.old.partial", ".other.db.999999999.partial"];
    for name in abandoned.iter().chain(&others) {
        std::fs::write(folder.path().join(name), "").expect("a file");
    }
    let copy = std::fs::File::open(folder.path().join(running)).expect("the copy");
    copy.lock().expect("a lock");
    let (status, _, errors) = backup(folder.path(), &["copy.db"], &[]);
    assert_eq!(status, Some(0), "{errors}");
    let mut left = [&others[..], &["copy.db"]].concat();
    left.sort_unstable();
    assert_eq!(files(folder.path()), left);
}

#[test]
fn a_backup_replaces_no_file_without_yes() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(run(&["migrate"], &[], folder.path()).status.success());
    std::fs::write(folder.path().join("old.db"), "old").expect("a file");
    let (status, _, errors) = backup(folder.path(), &["old.db"], &[]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("--yes"), "{errors}");
    assert_eq!(std::fs::read(folder.path().join("old.db")).expect("the file"), b"old");
    let (status, output, errors) = backup(folder.path(), &["old.db", "--yes"], &[]);
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.contains("0 users, verified"), "{output}");

    let (status, _, errors) = backup(folder.path(), &["rest-social-auth.db", "--yes"], &[]);
    assert!(status == Some(1) && errors.contains("the database itself"), "{errors}");
    for end in ["-wal", "-shm", "-journal"] {
        for place in ["", "./", "../"] {
            let folder_name = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
            let place = if place == "../" { format!("../{folder_name}/") } else { place.to_owned() };
            let target = format!("{place}rest-social-auth.db{end}");
            let (status, _, errors) = backup(folder.path(), &[&target, "--yes"], &[]);
            assert!(status == Some(1) && errors.contains("a file of its log"), "{target}: {errors}");
        }
    }
    std::os::unix::fs::symlink("rest-social-auth.db", folder.path().join("link.db")).expect("a link");
    let linked = [("DATABASE_URL", "sqlite://link.db")];
    for target in ["rest-social-auth.db-wal", "link.db-wal", "rest-social-auth.db"] {
        let (status, _, errors) = backup(folder.path(), &[target, "--yes"], &linked);
        assert!(status == Some(1) && errors.contains("the database itself"), "{target}: {errors}");
    }
    std::fs::remove_file(folder.path().join("link.db")).expect("a link");

    let (status, _, errors) = backup(folder.path(), &["missing/copy.db"], &[]);
    assert!(status == Some(1) && errors.contains("cannot be written"), "{errors}");
    let (status, _, errors) = backup(folder.path(), &[], &[]);
    assert!(status == Some(2) && errors.contains("BACKUP_FILE"), "{errors}");
    let (status, _, errors) = backup(folder.path(), &[], &[("BACKUP_FILE", "from-setting.db")]);
    assert_eq!(status, Some(0), "{errors}");
    let (status, _, errors) = backup(folder.path(), &["x.db"], &[("DATABASE_URL", "postgres://db.example/app")]);
    assert!(status == Some(1) && errors.contains("pg_dump"), "{errors}");
    assert_eq!(files(folder.path()), ["from-setting.db", "old.db"]);
}

#[test]
fn a_damaged_database_gives_no_backup() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(run(&["migrate"], &[], folder.path()).status.success());
    let file = folder.path().join("rest-social-auth.db");
    let mut bytes = std::fs::read(&file).expect("the database");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    std::fs::write(&file, bytes).expect("the damage");
    let (status, _, errors) = backup(folder.path(), &["copy.db"], &[]);
    assert_eq!(status, Some(1), "{errors}");
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
}

#[test]
fn doctor_finds_a_missing_old_or_readable_backup() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(run(&["migrate"], &[], folder.path()).status.success());
    let advice = |setting: Option<&str>| {
        let mut environment = vec![("SECRET_KEY", SECRET_KEY), ("PUBLIC_URL", "https://id.example.com")];
        environment.extend(setting.map(|file| ("BACKUP_FILE", file)));
        let output = run(&["doctor", "--json"], &environment, folder.path());
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let areas = report["areas"].as_array().expect("areas").clone();
        let database = areas.into_iter().find(|area| area["name"] == "database").expect("the database");
        let findings = database["findings"].as_array().expect("findings").clone();
        let is_about =
            |finding: &Value| finding["what"].as_str().is_some_and(|what| what.to_lowercase().contains("back"));
        let finding = findings.into_iter().find(is_about).expect("a finding about the backup");
        finding["advice"].as_str().unwrap_or_default().to_owned()
    };
    assert!(advice(None).contains("is not set"));
    assert_eq!(advice(Some("external")), "");
    assert!(advice(Some("copy.db")).contains("does not exist"));
    assert_eq!(backup(folder.path(), &["copy.db"], &[]).0, Some(0));
    assert_eq!(advice(Some("copy.db")), "");
    let copy = std::fs::File::options().write(true).open(folder.path().join("copy.db")).expect("the copy");
    copy.set_permissions(std::fs::Permissions::from_mode(0o644)).expect("access rights");
    assert!(advice(Some("copy.db")).contains("chmod 600"));
    copy.set_permissions(std::fs::Permissions::from_mode(0o600)).expect("access rights");
    let three_days = Duration::from_secs(3 * 86_400);
    let now = copy.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    copy.set_modified(now - three_days).expect("a time");
    assert!(advice(Some("copy.db")).contains("72 hours old"));
}
