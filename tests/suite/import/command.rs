//! `import django` as the compiled binary: a dry run changes nothing, a killed import can be continued, and the output is text
//! or JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::{Project, make_django_database};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Database, Engine, on_both_databases, process};

on_both_databases! {
    killed_import_can_be_continued,
}

fn settings<'a>(target: &'a str, extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLIC_URL", "https://login.example"),
        ("DATABASE_URL", target),
        ("SOCIAL_AUTH_GITHUB_KEY", "k"),
    ];
    all.extend(extra);
    all
}

/// When Django issued its credentials: the clock of the program is the real one. Its sessions are valid for two weeks, everything else has
/// expired.
#[expect(clippy::disallowed_methods, reason = "the clock of the program, which is no clock of a test")]
fn two_days_ago() -> String {
    let then = std::time::SystemTime::now() - Duration::from_hours(48);
    humantime::format_rfc3339_seconds(then).to_string()[..10].to_owned() + "T00:00:00Z"
}

fn import(folder: &Path, source: &str, options: &[&str], extra: &[(&str, &str)]) -> Output {
    let arguments = [&["import", "django", "--from", source], options].concat();
    process::run(&arguments, &settings("sqlite://target.db", extra), folder)
}

/// Every file of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let read = |path: &Path| std::fs::read(path).expect("a file that can be read");
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(&entry.path()))).collect()
}

#[test]
fn unreadable_source_is_reported_with_all_setting_errors() {
    let folder = TempDir::new().expect("a temporary folder");
    let unreadable = [
        ("mysql://u:pw-9@h/d", "only SQLite and PostgreSQL are read"),
        ("sqlite://nope.db", "nope.db cannot be read: No such file"),
    ];
    for (from, problem) in unreadable {
        let output = process::run(&["import", "django", "--from", from], &[], folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        for part in [&format!("--from: {problem}"), "PUBLIC_URL: ", "SECRET_KEY: "] {
            assert!(stderr.contains(part) && !stderr.contains("pw-9"), "{part} in {stderr}");
        }
    }
}

#[test]
fn import_into_the_file_of_django_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("django.db"), "").expect("a file");
    std::os::unix::fs::symlink("django.db", folder.path().join("link.db")).expect("a link");
    for database in ["sqlite://django.db", "sqlite://link.db"] {
        let arguments = ["import", "django", "--from", "sqlite://django.db"];
        let output = process::run(&arguments, &settings(database, &[]), folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--from: names the file of DATABASE_URL too"), "{stderr}");
    }
    assert!(std::fs::read(folder.path().join("django.db")).expect("the file").is_empty());
}

#[tokio::test]
async fn locked_source_is_a_temporary_failure() {
    let project = Project::on_sqlite(&["--now", &two_days_ago()]);
    let folder = TempDir::new().expect("a temporary folder");
    let mut other = SqliteConnection::connect(&project.url).await.expect("the source");
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.expect("a lock");
    let locked = import(folder.path(), &project.url, &[], &[]);
    let stderr = String::from_utf8_lossy(&locked.stderr);
    assert_eq!(locked.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--from: ") && stderr.contains("locked"), "{stderr}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("no lock");
    assert_eq!(import(folder.path(), &project.url, &[], &[]).status.code(), Some(0));
}

/// SQLite reads the name of a column that does not exist as a text.
#[tokio::test]
async fn table_of_another_package_is_refused() {
    let project = Project::on_sqlite(&["--now", &two_days_ago()]);
    let folder = TempDir::new().expect("a temporary folder");
    for (option, problem) in [
        ("--accounts-table", "the table auth_user has no column user_id"),
        ("--knox-table", "the table auth_user has no column digest"),
    ] {
        let refused = import(folder.path(), &project.url, &[option, "auth_user"], &[]);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(&format!("{option}: {problem}")), "{stderr}");
    }
}

#[tokio::test]
async fn dry_run_changes_no_byte_of_source_and_target() {
    let project = Project::on_sqlite(&["--now", &two_days_ago()]);
    let source = std::path::PathBuf::from(project.url.trim_start_matches("sqlite://"));
    let source = || files(source.parent().expect("its folder"));
    let folder = TempDir::new().expect("a temporary folder");
    let before = source();

    let dry = import(folder.path(), &project.url, &["--dry-run"], &[]);
    assert_eq!(dry.status.code(), Some(0), "{}", String::from_utf8_lossy(&dry.stderr));
    assert!(files(folder.path()).is_empty(), "no file is created");
    assert!(String::from_utf8_lossy(&dry.stdout).contains("empty_target"));

    let real = import(folder.path(), &project.url, &[], &[]);
    assert_eq!(real.status.code(), Some(0), "{}", String::from_utf8_lossy(&real.stderr));
    let target = files(folder.path());
    assert!(target.contains_key("target.db"));
    let dry = import(folder.path(), &project.url, &["--dry-run"], &[]);
    assert_eq!(dry.status.code(), Some(0));
    assert!(files(folder.path()) == target, "nothing was written to the target");
    assert!(source() == before, "nothing was written to the source");
}

#[tokio::test]
async fn output_without_a_terminal_has_no_progress_bar() {
    let project = Project::on_sqlite(&["--now", &two_days_ago()]);
    let folder = TempDir::new().expect("a temporary folder");
    let output = import(folder.path(), &project.url, &["--json"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["dry_run"], false);
    assert_eq!(report["tables"][0]["table"], "auth_user");
    let shared = &report["tables"][1]["left_out"][0];
    assert_eq!((&shared["code"], &shared["count"]), (&Value::from("shared_uid"), &Value::from(1)));
    assert_eq!(shared["first"].as_array().expect("ids").len(), 1);
    assert!(report["notes"].as_array().expect("notes").iter().any(|note| note["code"] == "password_only"));

    let text = import(folder.path(), &project.url, &[], &[]);
    assert!(text.stderr.is_empty() && !text.stdout.iter().any(|byte| *byte == b'\r' || *byte == 0x1b));
}

#[tokio::test]
async fn django_secret_key_fallbacks_are_a_json_list() {
    let project = Project::with_key(&["--now", &two_days_ago()], "the-key-that-django-had-two-rotations-ago");
    let folder = TempDir::new().expect("a temporary folder");
    let extra = [("DJANGO_SECRET_KEY", "another"), ("DJANGO_SECRET_KEY_FALLBACKS", "no list")];
    let invalid = import(folder.path(), &project.url, &[], &extra);
    assert_eq!(invalid.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&invalid.stderr).starts_with("error: DJANGO_SECRET_KEY_FALLBACKS: "));
    let extra = [("DJANGO_SECRET_KEY_FALLBACKS", r#"["the-key-before", "the-key-that-django-had-two-rotations-ago"]"#)];
    let report = import(folder.path(), &project.url, &["--json"], &extra);
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let sessions = &report["tables"].as_array().expect("tables")[5];
    assert_eq!((&sessions["table"], &sessions["written"]), (&Value::from("django_session"), &Value::from(3)));
}

async fn killed_import_can_be_continued(engine: Engine) {
    let folder = TempDir::new().expect("a temporary folder");
    let source = format!("sqlite://{}", folder.path().join("django.sqlite3").display());
    make_django_database(&source, &["--many", "8000"], SECRET_KEY);
    let database = Database::create(engine).await;
    let arguments = ["import", "django", "--from", &source];
    let settings = settings(database.url(), &[]);

    let mut command = process::command(&arguments, &settings, folder.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    while database.count("social_accounts").await < 1000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().expect("SIGKILL is sent");
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "killed before it was finished");
    let half = database.count("social_accounts").await;
    assert!(half < 10666, "{half}");

    let output = process::run(&[&arguments[..], &["--json"]].concat(), &settings, folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["tables"][1]["already_there"], half);
    let counts = database.counts().await;
    for (table, expected) in [
        ("users", 8000),
        ("social_accounts", 10666),
        ("tokens", 8000),
        ("knox_tokens", 3200),
        ("refresh_tokens", 3200),
        ("sessions", 3200),
    ] {
        assert_eq!(counts[table], expected, "{table}");
    }
}
