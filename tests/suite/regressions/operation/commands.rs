//! Output and exit codes of commands.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::run;
use crate::support::{Database, Engine, on_both_databases};

const KEY: &str = "a-key-of-the-commands-tests-0a1b2c3d4e5f60718293";

struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

/// Runs a command on a blocking thread, so that the doubles can answer.
async fn ran(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Ran {
    let Output { status, stdout, stderr } = tokio::task::block_in_place(|| run(arguments, environment, folder));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { status: status.code(), out: text(stdout), err: text(stderr) }
}

fn lines_of_errors(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("error: ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_errors_begin_with_error_and_are_json_on_stdout_with_json() {
    let folder = TempDir::new().expect("a temporary folder");
    for (arguments, status) in [
        (&["serve"][..], 2),
        (&["users", "list"], 2),
        (&["users", "show"], 2),
        (&["nonsense"], 2),
        (&["providers", "show", "unknown"], 1),
        (&["providers", "check"], 1),
        (&["audit", "--since", "banana"], 2),
        (&["openapi", "--config", "nothing.toml"], 2),
    ] {
        let plain = ran(arguments, &[], folder.path()).await;
        assert_eq!((plain.status, plain.out.as_str()), (Some(status), ""), "{arguments:?}: {}", plain.err);
        assert!(plain.err.starts_with("error: "), "{arguments:?}: {}", plain.err);
        if !["serve", "nonsense", "openapi"].contains(&arguments[0]) {
            let json = ran(&[arguments, &["--json"]].concat(), &[], folder.path()).await;
            assert_eq!(
                (json.status, json.err.lines().next()),
                (Some(status), plain.err.lines().next()),
                "{arguments:?}"
            );
            let document: Value =
                serde_json::from_str(&json.out).unwrap_or_else(|_| panic!("{arguments:?}: {}", json.out));
            assert!(document["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{document}");
        }
    }
    let usage = ran(&["users", "show", "--json"], &[], folder.path()).await;
    assert!(usage.out.contains("required arguments were not provided: <USER>"), "{}", usage.out);
    let settings = ran(&["users", "list", "--json"], &[], folder.path()).await;
    let document: Value = serde_json::from_str(&settings.out).expect("JSON");
    assert_eq!(document["error"]["settings"][0]["name"], "DATABASE_URL");
    // With --json the report is the only JSON document.
    let report = ran(&["doctor", "--json"], &[], folder.path()).await;
    assert_eq!(report.status, Some(1), "{}", report.err);
    let document: Value = serde_json::from_str(&report.out).expect("one JSON document");
    assert_eq!(document["ok"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_all_errors_of_a_provider_table_are_reported_together() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = format!(
        r#"secret_key = "{KEY}"
public_url = "https://login.example"
[providers.github]
key = "k"
kee = "typing error"
scope = 5
jwt_algorithms = ["none"]
extra_data = [5]
[providers.company]
protocol = "oidcc"
title = 5
nonsense = "x"
"#
    );
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, text).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its rights");
    let serve = ran(&["serve", "--config", "settings.toml"], &[], folder.path()).await;
    assert_eq!(serve.status, Some(2), "{}", serve.err);
    let errors = lines_of_errors(&serve.err).join("\n");
    for part in ["github.kee", "github.scope", "github.extra_data", "oidcc", "title", "company.nonsense"] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
    let doctor = ran(&["doctor", "--config", "settings.toml"], &[], folder.path()).await;
    assert!(!doctor.out.contains("all settings are valid") && doctor.out.contains("error  "), "{}", doctor.out);
    for part in ["github.kee", "github.scope", "github.extra_data", "oidcc", "company.nonsense"] {
        assert!(doctor.out.contains(part), "{part} in {}", doctor.out);
    }
}

on_both_databases! {
    fault_d9_database_of_a_later_release_is_refused_with_an_explanation,
    fault_d9_database_of_an_earlier_release_is_refused_without_migration,
}

fn of_server(database: &Database) -> Vec<(&str, &str)> {
    vec![
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", KEY),
        ("PUBLIC_URL", "http://127.0.0.1:1"),
        ("LISTEN", "127.0.0.1:0"),
    ]
}

async fn fault_d9_database_of_a_later_release_is_refused_with_an_explanation(engine: Engine) {
    let (database, folder) = (Database::create(engine).await, TempDir::new().expect("a temporary folder"));
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 999999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    database.repository().await;
    database.run(later).await;
    for arguments in [&["serve"][..], &["serve", "--no-migrate"], &["migrate"], &["users", "list"], &["doctor"]] {
        let refused = ran(arguments, &of_server(&database), folder.path()).await;
        assert_eq!(refused.status, Some(1), "{arguments:?}: {}{}", refused.out, refused.err);
        let output = format!("{}{}", refused.out, refused.err);
        assert!(output.contains("later release") && output.contains("install that release"), "{arguments:?}: {output}");
        let errors = lines_of_errors(&refused.err).join("\n");
        assert!(!errors.contains("999999") && !errors.contains("migration"), "{arguments:?}: {output}");
    }
}

async fn fault_d9_database_of_an_earlier_release_is_refused_without_migration(engine: Engine) {
    let (database, folder) = (Database::create(engine).await, TempDir::new().expect("a temporary folder"));
    database.repository().await;
    database.run("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
    let refused = ran(&["serve", "--no-migrate"], &of_server(&database), folder.path()).await;
    assert_eq!(refused.status, Some(1), "{}", refused.err);
    assert!(refused.err.contains("rest-social-auth migrate"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_locked_database_is_reported_as_locked() {
    let folder = TempDir::new().expect("a temporary folder");
    let url = "sqlite://locked.db";
    let made = ran(&["migrate"], &[("DATABASE_URL", url)], folder.path()).await;
    assert_eq!(made.status, Some(0), "{}", made.err);
    let script = "import sqlite3, sys; c = sqlite3.connect('locked.db', isolation_level=None); \
                  c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('BEGIN EXCLUSIVE'); \
                  print('locked', flush=True); sys.stdin.read()";
    let mut holder = std::process::Command::new("python3");
    let piped = holder.args(["-c", script]).current_dir(folder.path()).stdin(std::process::Stdio::piped());
    let mut holder = piped.stdout(std::process::Stdio::piped()).spawn().expect("python3 runs");
    let mut line = String::new();
    let stdout = holder.stdout.take().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
    for arguments in [&["users", "list"][..], &["migrate"]] {
        let refused = ran(arguments, &[("DATABASE_URL", url)], folder.path()).await;
        assert_eq!(refused.status, Some(1), "{arguments:?}: the setting is right");
        assert!(refused.err.starts_with("error: ") && refused.err.contains("locked"), "{}", refused.err);
        assert!(refused.err.contains("another process") && !refused.err.contains("code:"), "{}", refused.err);
    }
    drop(holder.stdin.take());
    holder.wait().expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_openapi_command_applies_the_settings() {
    let folder = TempDir::new().expect("a temporary folder");
    let text =
        "simple_jwt_access_token_lifetime = 3600\nrest_social_user_fields.locale = { from = \"profile.locale\" }\n";
    std::fs::write(folder.path().join("settings.toml"), text).expect("a file");
    let document = ran(&["openapi", "--format", "json", "--config", "settings.toml"], &[], folder.path()).await;
    assert_eq!(document.status, Some(0), "{}", document.err);
    let document: Value = serde_json::from_str(&document.out).expect("JSON");
    assert!(document["components"]["schemas"]["User"]["properties"]["locale"].is_object());
    assert!(document.to_string().contains("1 hour long"));
    assert_eq!(document["servers"][0]["url"], "/", "no PUBLIC_URL is set");
    std::fs::write(folder.path().join("settings.toml"), "simple_jwt_access_token_lifetime = \"soon\"\n")
        .expect("a file");
    let wrong = ran(&["openapi", "--config", "settings.toml"], &[], folder.path()).await;
    assert_eq!((wrong.status, wrong.out.as_str()), (Some(2), ""), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_command_names_the_server_and_writes_both_versions() {
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("settings.toml"), "public_url = \"https://login.example\"\n").expect("a file");
    let document = async |arguments: &[&str]| {
        let output = ran(&[&["openapi", "--format", "json"], arguments].concat(), &[], folder.path()).await;
        assert_eq!(output.status, Some(0), "{}", output.err);
        serde_json::from_str::<Value>(&output.out).expect("JSON")
    };
    let of_settings = document(&["--config", "settings.toml"]).await;
    assert_eq!(of_settings["servers"], json!([{"url": "https://login.example"}]));
    let named = document(&["--config", "settings.toml", "--server", "https://other.example/login/"]).await;
    assert_eq!(named["servers"], json!([{"url": "https://other.example/login"}]));
    let stock = document(&[]).await;
    assert!(stock["openapi"].as_str().is_some_and(|version| version.starts_with("3.0")));
    let newer = document(&["--openapi-version", "3.1"]).await;
    assert_eq!(newer["openapi"], "3.1.0");
    assert_eq!(newer["webhooks"]["user.created"]["post"], stock["x-webhooks"]["user.created"]["post"]);
    assert_eq!(
        newer["paths"].as_object().map(|paths| paths.len()),
        stock["paths"].as_object().map(|paths| paths.len())
    );

    let wrong = ran(&["openapi", "--server", "login.example"], &[], folder.path()).await;
    assert_eq!((wrong.status, wrong.out.as_str()), (Some(2), ""), "{}", wrong.err);
    assert!(wrong.err.contains("--server") && wrong.err.contains("https://login.example.com"), "{}", wrong.err);
    std::fs::write(folder.path().join("settings.toml"), "public_url = \"http://login.example\"\n").expect("a file");
    let wrong = ran(&["openapi", "--config", "settings.toml"], &[], folder.path()).await;
    assert_eq!((wrong.status, wrong.out.as_str()), (Some(2), ""), "{}", wrong.err);
}

/// `script` provides a terminal as standard error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d9_log_has_colours_on_a_terminal_only() {
    let folder = TempDir::new().expect("a temporary folder");
    let binary = env!("CARGO_BIN_EXE_rest-social-auth");
    let coloured = |name: &str, value: &str| {
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &format!("{binary} migrate"), "/dev/null"]).current_dir(folder.path());
        command.env_remove("NO_COLOR").env("TERM", "xterm").env("DATABASE_URL", "sqlite://colours.db").env(name, value);
        let output = command.stdin(std::process::Stdio::null()).output().expect("script runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("up to date"), "{text}");
        text.contains('\u{1b}')
    };
    assert!(coloured("NO_COLOR", ""), "an empty NO_COLOR counts as not set");
    assert!(!coloured("NO_COLOR", "1"));
    assert!(!coloured("TERM", "dumb"));
}
