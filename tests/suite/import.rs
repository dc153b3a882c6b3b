//! The import from Django: `tests/import/make_django_db.py` creates databases with django-rest-social-auth (DRSA) and the other
//! real packages. The credentials that they issued are then used at this server.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use rest_social_auth::clock::{Deps, Entropy, UnixMillis};
use rest_social_auth::import::{self, ImportError, ImportOptions, Names, Progress, Report};
use rest_social_auth::model::UserId;
use rest_social_auth::secrets::SecretString;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::support::test_app::{self, SECRET_KEY};
use crate::support::{Answer, Database, Engine, TestApp, on_both_databases};

mod command; // the command: dry run, interruption, output
mod custom_user_models; // custom user models and declared fields
mod django_settings; // signing keys, algorithms, serializers, claim names
mod django_tokens; // tokens of other releases, of other users, and of an earlier password
mod invalid_rows; // rows that Django's constraints forbid, and other rare values
mod other_tables; // tables and columns of other names
mod return_to_django; // the way back to Django, and the use of the database there

on_both_databases! {
    credentials_issued_by_django_work_after_the_import,
    postgres_project_is_imported,
    users_accounts_and_times_are_imported_unchanged,
    second_import_changes_nothing,
    dry_run_reports_everything_and_writes_nothing,
    conflicting_rows_are_reported_and_not_overwritten,
    login_after_the_import_finds_the_user_and_new_users_get_new_ids,
    second_import_revokes_tokens_blacklisted_at_the_source,
    provider_tokens_are_encrypted_when_enabled,
}

/// A Django project's database, and the content that the script printed.
struct Project {
    url: String,
    content: Value,
    _folder: Option<tempfile::TempDir>,
    _database: Option<Database>,
}

impl Project {
    /// `arguments` are those of `tests/import/project.py`.
    fn on_sqlite(arguments: &[&str]) -> Self {
        Self::with_key(arguments, SECRET_KEY)
    }

    /// A copy of a database that is created once in a run of all tests: Django takes seconds.
    fn with_key(arguments: &[&str], key: &str) -> Self {
        let (kept, content) = kept_django_database(arguments, key);
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let path = folder.path().join("django.sqlite3");
        std::fs::copy(kept, &path).expect("a copy");
        let url = format!("sqlite://{}", path.display());
        Self { url, content, _folder: Some(folder), _database: None }
    }

    /// A database of its own.
    async fn on_postgres(arguments: &[&str]) -> Self {
        let database = Database::create(Engine::Postgres).await;
        let content = make_django_database(database.url(), arguments, SECRET_KEY);
        Self { url: database.url().to_owned(), content, _folder: None, _database: Some(database) }
    }

    /// In the PostgreSQL database of a server: the tables have other names.
    fn beside(app: &TestApp) -> Self {
        let url = app.database.url().to_owned();
        Self { content: make_django_database(&url, &[], SECRET_KEY), url, _folder: None, _database: None }
    }

    async fn on(engine: Engine, arguments: &[&str]) -> Self {
        match engine {
            Engine::Sqlite => Self::on_sqlite(arguments),
            Engine::Postgres => Self::on_postgres(arguments).await,
        }
    }

    fn credentials(&self) -> Vec<IssuedCredential> {
        let all = self.content["credentials"].as_array().expect("a list");
        let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
        all.iter()
            .map(|item| IssuedCredential {
                kind: text(item, "kind"),
                user: item["user"].as_i64().unwrap_or_default(),
                value: text(item, "value"),
                is_valid: item["is_valid"] == json!(true),
                reason: text(item, "reason"),
            })
            .collect()
    }

    fn is_on_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Runs statements in Django's database.
    async fn run(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let ran = if self.is_on_sqlite() {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expect("the project's database");
            connection.execute(sqlx::raw_sql(sql)).await.map(drop)
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("the project's database");
            connection.execute(sqlx::raw_sql(sql)).await.map(drop)
        };
        ran.expect("statements that run");
    }

    async fn number(&self, sql: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let found = if self.is_on_sqlite() {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expect("the project's database");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("the project's database");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await
        };
        found.expect("one number")
    }
}

/// A credential that Django issued.
struct IssuedCredential {
    kind: String,
    /// Zero where user ids are not numbers.
    user: i64,
    value: String,
    is_valid: bool,
    /// Why it is not valid.
    reason: String,
}

/// The path and the content of the project's database on SQLite for these arguments. The first test that needs it creates it;
/// the others wait. Its name has a digest of all that it is made of.
fn kept_django_database(arguments: &[&str], key: &str) -> (PathBuf, Value) {
    let mut parts = [&[key], arguments].concat().join("\n");
    let listed = ["", "accounts"].map(|folder| std::fs::read_dir(scripts().join(folder)).expect("a folder of scripts"));
    let mut files: Vec<_> = listed.into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    for file in files.iter().filter(|path| path.is_file()) {
        parts.push_str(&std::fs::read_to_string(file).expect("a text"));
    }
    let digest = HEXLOWER.encode(&digest(&SHA256, parts.as_bytes()).as_ref()[..8]);
    let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("django-{digest}.sqlite3"));
    let content = database.with_extension("json");
    let lock = std::fs::File::create(database.with_extension("lock")).expect("a file");
    lock.lock().expect("a lock");
    if !content.exists() {
        // From a run that was stopped.
        let _ = std::fs::remove_file(&database);
        let made = make_django_database(&format!("sqlite://{}", database.display()), arguments, key);
        std::fs::write(&content, made.to_string()).expect("a written file");
    }
    let text = std::fs::read_to_string(content).expect("the content of the database");
    (database, serde_json::from_str(&text).expect("JSON"))
}

/// Creates a project's database with DRSA and returns its content.
fn make_django_database(url: &str, arguments: &[&str], key: &str) -> Value {
    let content = python("make_django_db.py", &[&[url], arguments].concat(), key, "");
    if content.is_empty() { Value::Null } else { serde_json::from_str(&content).expect("JSON") }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// Runs a script of `tests/import` and returns its output.
fn python(script: &str, arguments: &[&str], key: &str, input: &str) -> String {
    let folder = scripts();
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        let command = command.args(arguments).env("SECRET_KEY", key).env("PYTHONDONTWRITEBYTECODE", "1");
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("a program that runs");
        // A script that reads no input may have exited already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("a program that ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a text")
    };
    let interpreter = run(&folder.join("venv.sh"), &[]);
    let script = folder.join(script).display().to_string();
    run(interpreter.trim().as_ref(), &[&[script.as_str()], arguments].concat())
}

struct NoProgress;

impl Progress for NoProgress {
    fn begin(&mut self, _: &str, _: u64) {}
    fn advance(&mut self, _: u64) {}
    fn end(&mut self) {}
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system's random generator works");
    }
}

/// How a test runs an import. The default is the command without options.
#[derive(Default)]
struct RunOptions<'a> {
    dry_run: bool,
    large_ids: bool,
    without_accounts: bool,
    /// Settings of the import command.
    settings: &'a [(&'a str, &'a str)],
    names: Names,
    /// DJANGO_SECRET_KEY.
    django_secret_key: Option<&'a str>,
}

async fn import(app: &TestApp, project: &Project) -> Report {
    import_with(app, project, RunOptions::default()).await
}

async fn import_with(app: &TestApp, project: &Project, options: RunOptions<'_>) -> Report {
    try_import(app, project, options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn try_import(app: &TestApp, project: &Project, options: RunOptions<'_>) -> Result<Report, ImportError> {
    let environment = [
        ("DATABASE_URL", app.database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLIC_URL", app.node.base.as_str()),
        ("SOCIAL_AUTH_GITHUB_KEY", "k"),
        ("SOCIAL_AUTH_GOOGLE_OAUTH2_KEY", "k"),
        ("SOCIAL_AUTH_FACEBOOK_KEY", "k"),
    ];
    let environment = environment.iter().chain(options.settings);
    let environment = environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = test_app::read_settings(environment.collect()).expect("valid settings");
    let django_key = options.django_secret_key.map(SecretString::from);
    let import_options = ImportOptions {
        from: SecretString::from(project.url.as_str()),
        names: options.names,
        dry_run: options.dry_run,
        large_ids: options.large_ids,
        without_accounts: options.without_accounts,
        session_keys: std::iter::once(settings.secret_key.clone()).chain(django_key).collect(),
    };
    let repository = app.database.repository().await;
    let deps = Deps::new(app.clock.clone(), Arc::new(SystemEntropy));
    let report = import::django(&import_options, &settings, Some(repository.clone()), &deps, &mut NoProgress).await;
    repository.close().await;
    report
}

/// Sends a credential that Django issued to a route that accepts its kind.
async fn use_credential(app: &TestApp, credential: &IssuedCredential) -> Answer {
    let post = async |path: &str, body: Value| app.client().post(path).json(&body).send().await;
    match credential.kind.as_str() {
        "token" | "knox" => app.client().user(&format!("Token {}", credential.value)).await,
        "access" | "sliding" => app.client().user(&format!("Bearer {}", credential.value)).await,
        "sliding-refresh" => post("/api/token/sliding/refresh/", json!({"token": credential.value})).await,
        "refresh" => {
            let answer = post("/api/token/refresh/", json!({"refresh": credential.value})).await;
            if answer.status != 200 {
                return answer;
            }
            app.client().user(&format!("Bearer {}", answer.field("access"))).await
        }
        "session" => {
            let browser = app.browser();
            browser.set_cookie("sessionid", &credential.value);
            browser.get("/api/user/").send().await
        }
        other => panic!("unknown kind {other}"),
    }
}

/// Every credential of the project is accepted, or refused when it is not valid.
async fn assert_credentials_work(app: &TestApp, project: &Project) {
    let credentials = project.credentials();
    assert!(credentials.len() > 15);
    for credential in &credentials {
        let answer = use_credential(app, credential).await;
        let IssuedCredential { kind, user, reason, .. } = credential;
        let context = format!("{kind} of user {user} ({reason}): {}", answer.text);
        if credential.is_valid {
            assert_eq!(answer.status, 200, "{context}");
            assert_eq!(answer.json()["id"], json!(user), "{context}");
        } else {
            assert!(matches!(answer.status, 401 | 403), "{context}");
        }
    }
}

/// The number of rows of a table that were skipped for this reason.
fn count(report: &Report, table: &str, code: &str) -> u64 {
    let found = left_out(report).into_iter().find(|(name, known, _)| name == table && *known == code);
    found.map_or(0, |(_, _, count)| count)
}

fn left_out(report: &Report) -> Vec<(String, &'static str, u64)> {
    let tables = report.tables.iter();
    tables
        .flat_map(|table| table.left_out.iter().map(|reason| (table.table.clone(), reason.code, reason.count)))
        .collect()
}

fn note<'a>(report: &'a Report, code: &str) -> Option<&'a import::ReportEntry> {
    report.notes.iter().find(|note| note.code == code)
}

async fn credentials_issued_by_django_work_after_the_import(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    assert_credentials_work(&app, &project).await;
    let expected = [
        ("social_auth_usersocialauth", "shared_uid", 1),
        ("knox_authtoken", "expired", 1),
        ("django_session", "expired", 1),
        ("django_session", "nobody_signed_in", 2),
        ("django_session", "password_changed", 1),
    ];
    assert_eq!(left_out(&report), expected.map(|(table, code, count)| (table.to_owned(), code, count)), "{report}");
    assert_eq!(note(&report, "password_only").expect("the user gus").count, 1);
    assert_eq!(note(&report, "provider_tokens_dropped").expect("provider tokens").count, 9, "{report}");
    assert_eq!(note(&report, "provider_not_configured").expect("the provider twitter").count, 1);
    assert!(note(&report, "jwts_of_another_key").is_none());
    assert!(report.absent.is_empty());
}

async fn postgres_project_is_imported(engine: Engine) {
    let project = Project::on_postgres(&[]).await;
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    assert_credentials_work(&app, &project).await;
}

async fn users_accounts_and_times_are_imported_unchanged(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    let users = project.content["users"].as_array().expect("users");
    assert_eq!(usize::try_from(app.database.count("users").await), Ok(users.len()));
    let repository = app.database.repository().await;
    for expected in users {
        let user = repository.user(UserId(expected["id"].as_i64().unwrap())).await.unwrap().expect("the user");
        assert_eq!(json!(user.username), expected["username"]);
        assert_eq!(json!(user.first_name), expected["first_name"]);
        assert_eq!(json!(user.last_name), expected["last_name"]);
        assert_eq!(json!(user.email), expected["email"]);
        assert_eq!(json!(user.is_active), expected["is_active"]);
        assert!(!user.email_verified);
        assert_same_moment(user.created, &expected["date_joined"]);
        match user.last_login {
            Some(at) => assert_same_moment(at, &expected["last_login"]),
            None => assert_eq!(expected["last_login"], Value::Null),
        }
    }
    let accounts = project.content["accounts"].as_array().expect("accounts");
    for expected in accounts.iter().filter(|account| account["uid"] != "None") {
        let text = |name: &str| expected[name].as_str().expect("a text");
        let (account, user) = repository.accounts_by_uid(text("provider"), &[text("uid")]).await.unwrap().remove(0);
        assert_eq!((json!(account.id), json!(user.id)), (expected["id"].clone(), expected["user_id"].clone()));
        assert_same_moment(account.created, &expected["created"]);
        assert_same_moment(account.modified, &expected["modified"]);
        let extra: Value = serde_json::from_str(text("extra_data")).expect("JSON");
        assert_eq!(account.extra_data["auth_time"], extra["auth_time"]);
        assert_eq!(account.extra_data["id"], extra["id"]);
    }
    let dump = app.database.dump().await;
    for secret in ["at-ana", "at-bo", "at-di", "rt-ana", "ats"] {
        let found = dump.iter().find(|value| String::from_utf8_lossy(&value.bytes).contains(secret));
        assert!(found.is_none(), "{secret} in {}", found.map(|value| value.table.clone()).unwrap_or_default());
    }
    for item in project.credentials() {
        let found = dump.iter().find(|value| String::from_utf8_lossy(&value.bytes).contains(&item.value));
        assert!(found.is_none(), "a {} is stored in {}", item.kind, found.unwrap().table);
    }
    repository.close().await;
}

/// Compares with a timestamp as Django prints it, `2026-11-24 11:59:03.565929`, up to a millisecond of rounding.
#[track_caller]
fn assert_same_moment(imported: UnixMillis, django: &Value) {
    let text = django.as_str().expect("a timestamp").trim_end_matches("+00:00");
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").expect("a timestamp");
    let difference = imported.0 - time.and_utc().timestamp_millis();
    assert!(difference.abs() <= 1, "{} is not {text}", imported.rfc3339());
}

async fn second_import_changes_nothing(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    let first = import(&app, &project).await;
    let before = app.database.dump().await;
    let second = import(&app, &project).await;
    let after = app.database.dump().await;
    assert!(before.len() == after.len());
    for (before, after) in before.iter().zip(&after) {
        assert!(before.bytes == after.bytes, "{}.{} changed", before.table, before.column);
    }
    for (first, second) in first.tables.iter().zip(&second.tables) {
        assert_eq!((second.written, second.already_there), (0, first.written), "{}", first.table);
        assert_eq!(second.read, first.read);
    }
}

async fn dry_run_reports_everything_and_writes_nothing(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    let before = app.database.counts().await;
    let dry = import_with(&app, &project, RunOptions { dry_run: true, ..RunOptions::default() }).await;
    assert_eq!(app.database.counts().await, before);
    let real = import(&app, &project).await;
    let counted = |report: &Report| serde_json::to_value(&report.tables).expect("JSON");
    assert_eq!(counted(&dry), counted(&real));
    assert!(dry.to_string().contains("nothing was written"));
}

async fn conflicting_rows_are_reported_and_not_overwritten(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    // Other users have ana's id, bo's username, and cy's account under the id of another account.
    for (id, username) in [(1, "elsewhere"), (90, "bo"), (91, "thief")] {
        let sql = format!("INSERT INTO users (id, username, created) VALUES ({id}, '{username}', 5)");
        app.database.run(&sql).await;
    }
    let sql = "INSERT INTO social_accounts (id, user_id, provider, uid, extra_data, created, modified)
               VALUES (5, 91, 'facebook', '303', '{}', 5, 5)";
    app.database.run(sql).await;
    let report = import(&app, &project).await;
    assert_eq!(count(&report, "auth_user", "id_taken"), 1, "{report}");
    assert_eq!(count(&report, "auth_user", "username_taken"), 1);
    assert_eq!(count(&report, "social_auth_usersocialauth", "user_left_out"), 2);
    assert_eq!(count(&report, "social_auth_usersocialauth", "account_in_use"), 1);
    assert_eq!(count(&report, "authtoken_token", "user_left_out"), 1);
    assert_eq!(note(&report, "renumbered").expect("the account whose id is in use").count, 1);
    assert_eq!(app.database.text("SELECT username FROM users WHERE id = 1").await, "elsewhere");
    assert_eq!(app.database.number("SELECT id FROM users WHERE username = 'bo'").await, 90);
    // A JWT contains the user's id only. Two servers that gave one id to different users must not share a signing key.
    assert_eq!(note(&report, "jwts_of_others").expect("ana's id").first, [1]);
    let is_row = |item: &&IssuedCredential| matches!(item.kind.as_str(), "token" | "knox" | "session");
    for item in project.credentials().iter().filter(|item| item.user <= 2).filter(is_row) {
        assert_ne!(use_credential(&app, item).await.status, 200, "{} signs another user in", item.kind);
    }
}

async fn login_after_the_import_finds_the_user_and_new_users_get_new_ids(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    // Ana's account is that of the code u1.
    assert_eq!(app.login("token_user", "u1").await.ok()["id"], json!(1));
    let highest = app.database.number("SELECT max(id) FROM users").await;
    let new_user = app.login("token_user", "u2").await.ok()["id"].as_i64().expect("an id");
    assert!(new_user > highest, "{new_user} is the id of a new user");
    let token = project.credentials().into_iter().find(|item| item.kind == "token" && item.user == 1).expect("ana's");
    use_credential(&app, &token).await.ok();
}

async fn second_import_revokes_tokens_blacklisted_at_the_source(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    project
        .run(
            "INSERT INTO token_blacklist_blacklistedtoken (blacklisted_at, token_id)
             SELECT '2026-11-24 12:00:00', id FROM token_blacklist_outstandingtoken o WHERE NOT EXISTS
               (SELECT 1 FROM token_blacklist_blacklistedtoken b WHERE b.token_id = o.id)",
        )
        .await;
    project.run("UPDATE auth_user SET is_active = 0 WHERE id = 4").await;
    let report = import(&app, &project).await;
    for item in project.credentials().iter().filter(|item| item.kind == "refresh") {
        assert_eq!(use_credential(&app, item).await.problem(401, "token_not_valid")["detail"], "Token is blacklisted");
    }
    // The import does not deactivate users: they may have been activated here since.
    assert_eq!(note(&report, "inactive_at_the_source").expect("di").first, [4]);
}

async fn provider_tokens_are_encrypted_when_enabled(engine: Engine) {
    let project = Project::on_sqlite(&[]);
    let app = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    let options = RunOptions { settings: &[("STORE_PROVIDER_TOKENS", "true")], ..RunOptions::default() };
    let report = import_with(&app, &project, options).await;
    assert_eq!(note(&report, "provider_tokens_sealed").expect("all of them").count, 9);
    let tokens = project.credentials().into_iter().filter(|item| item.kind == "token" && item.is_valid);
    for (item, expected) in tokens.zip([["at-ana", ""], ["at-cy", ""], ["at-di", "ats"]]) {
        let authorization = format!("Token {}", item.value);
        let get = async |path: &str| app.client().get(path).header("authorization", &authorization).send().await.ok();
        let accounts = get("/api/user/social/").await;
        let id = accounts[0]["id"].as_i64().expect("an id");
        let token = get(&format!("/api/user/social/{id}/token/")).await;
        assert_eq!(token["access_token"], expected[0]);
        assert_eq!(token["oauth_token_secret"].as_str().unwrap_or_default(), expected[1]);
    }
    let dump = app.database.dump().await;
    assert!(!dump.iter().any(|value| String::from_utf8_lossy(&value.bytes).contains("at-ana")));
}
