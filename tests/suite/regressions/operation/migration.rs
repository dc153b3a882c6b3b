//! The server listens before it applies migrations, and is ready afterwards.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;

use crate::support::process::{Process, run};
use crate::support::{Database, Engine, on_both_databases};

on_both_databases! {
    fault_f10_failed_migration_reports_the_error_of_the_migrate_command,
}

const KEY: &str = "a-key-of-the-migration-tests-0a1b2c3d4e5f6071829304";

/// Locks the migrations table, so that every migration waits.
struct HeldMigration {
    database: Database,
    folder: TempDir,
    connection: PgConnection,
}

impl HeldMigration {
    async fn begin() -> Self {
        let database = Database::create(Engine::Postgres).await;
        let connection = PgConnection::connect(database.url()).await.expect("a connection");
        let folder = TempDir::new().expect("a temporary folder");
        let mut held = Self { database, folder, connection };
        held.run("BEGIN").await;
        held.run("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").await;
        held
    }

    /// A server that listens while its migration waits.
    async fn server(&self) -> Process {
        let environment = [("DATABASE_URL", self.database.url()), ("SECRET_KEY", KEY)];
        let process = Process::spawn(&["serve"], &environment, self.folder.path()).await;
        answers(&process, "/healthz", 200).await;
        process
    }

    async fn run(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.connection).await.expect("a statement that runs");
    }
}

async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

/// Waits until the path has this status.
async fn answers(process: &Process, path: &str, status: u16) {
    while !process.client().get(path).try_send().await.is_ok_and(|answer| answer.status == status) {
        pause().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f10_server_listens_while_its_migration_waits() {
    let mut held = HeldMigration::begin().await;
    // Two nodes that start at the same time both wait.
    let nodes = [held.server().await, held.server().await];
    for node in &nodes {
        for path in ["/readyz", "/api/login/social/providers/", "/api/user/", "/docs/", "/nothing", "/healthz/x"] {
            let answer = node.client().get(path).send().await;
            answer.problem(503, "database_unavailable");
            assert_eq!(answer.header("retry-after"), Some("5"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
        let login = node.client().post("/api/login/social/token/github/").json(&serde_json::json!({"code": "c"}));
        login.send().await.problem(503, "database_unavailable");
        assert_eq!(node.client().get("/healthz/").send().await.status, 200);
        let output = node.output();
        assert!(output.contains("listening") && !output.contains("server::run: ready"), "{output}");
    }
    held.run("ROLLBACK").await;
    for node in &nodes {
        answers(node, "/readyz", 200).await;
        node.client().get("/api/login/social/providers/").send().await.ok();
        assert!(node.output().contains("server::run: ready"), "{}", node.output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f10_sigterm_stops_a_migration() {
    let held = HeldMigration::begin().await;
    let mut server = held.server().await;
    server.terminate();
    let status = server.wait_for_exit().await;
    assert!(status.success(), "{status}: {}", server.output());
    assert!(server.output().contains("the migration is stopped"), "{}", server.output());
    // The database has cancelled the migration too.
    let left = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'rest-social-auth'";
    while held.database.number(left).await > 0 {
        pause().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f10_failed_migration_stops_the_server() {
    let mut held = HeldMigration::begin().await;
    let mut server = held.server().await;
    answers(&server, "/readyz", 503).await;
    held.run("UPDATE _sqlx_migrations SET checksum = '' WHERE version = 1").await;
    held.run("COMMIT").await;
    let status = server.wait_for_exit().await;
    assert_eq!(status.code(), Some(1), "{}", server.output());
    assert!(server.output().lines().any(|line| line.starts_with("error: ")), "{}", server.output());
}

async fn fault_f10_failed_migration_reports_the_error_of_the_migrate_command(engine: Engine) {
    let (database, folder) = (Database::create(engine).await, TempDir::new().expect("a temporary folder"));
    let empty = if engine == Engine::Sqlite { "x''" } else { "''" };
    database.run(&format!("UPDATE _sqlx_migrations SET checksum = {empty} WHERE version = 1")).await;
    let environment = [
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", KEY),
        ("PUBLIC_URL", "http://127.0.0.1:1"),
        ("LISTEN", "127.0.0.1:0"),
    ];
    let [migrate, serve] = ["migrate", "serve"].map(|command| {
        let output = run(&[command], &environment, folder.path());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors: Vec<String> = text.lines().filter(|line| line.starts_with("error: ")).map(str::to_owned).collect();
        (output.status.code(), errors)
    });
    assert_eq!(migrate.0, Some(1));
    assert!(!migrate.1.is_empty());
    assert_eq!(serve, migrate);
}
