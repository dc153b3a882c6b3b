//! The SQL statements in `docs/MOVING.md`. `import/return_to_django.rs` tests the whole return to Django.

use std::io::Write as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Database, Engine};

const MANUAL: &str = include_str!("../../../../docs/MOVING.md");
const TABLES: &str = "CREATE TABLE accounts_user (id INTEGER PRIMARY KEY);
    CREATE TABLE accounts_profile (p INTEGER PRIMARY KEY, user_id INTEGER, phone TEXT);
    INSERT INTO accounts_user VALUES (1), (2);
    INSERT INTO accounts_profile VALUES (1, 2, '+49 1'), (2, 1, '+49 2');";

/// The statements that copy a profile table into a column.
fn profile_statements() -> &'static str {
    let begin = MANUAL.find("ALTER TABLE accounts_user ADD COLUMN phone").expect("the statements");
    MANUAL[begin..].split('`').next().expect("their end")
}

#[tokio::test]
async fn fault_d8_profile_table_is_copied_into_a_column() {
    let check = "SELECT phone FROM accounts_user WHERE id = 2";
    // Run by the SQLite of the system, which may be older than the one in the server.
    let folder = TempDir::new().expect("a temporary folder");
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.stdin.read()); \
                  print(c.execute(sys.argv[2]).fetchone()[0])";
    let file = folder.path().join("django.sqlite3").display().to_string();
    let mut command = Command::new("python3");
    let piped = command.args(["-c", script, &file, check]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().expect("python3 runs");
    let sql = format!("{TABLES}{}", profile_statements());
    child.stdin.take().expect("a pipe").write_all(sql.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "+49 1");

    let postgres = Database::create(Engine::Postgres).await;
    for statement in format!("{TABLES}{}", profile_statements()).split(';').filter(|text| !text.trim().is_empty()) {
        postgres.run(statement).await;
    }
    let matches = format!("SELECT count(*) FROM ({check}) AS found WHERE phone = '+49 1'");
    assert_eq!(postgres.number(&matches).await, 1);
}

/// The return to Django needs SQLite 3.38, the first with the newest function used.
#[test]
fn fault_d8_statements_run_on_older_sqlite() {
    for newer in ["subsec", "timediff(", "concat(", "octet_length(", "string_agg(", "RETURNING", "if("] {
        assert!(!MANUAL.contains(newer), "{newer}");
    }
}
