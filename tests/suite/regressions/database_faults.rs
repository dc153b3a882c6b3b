//! Database failures under a running server, and credentials after data loss.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::pending_logins::{flow_token, resume, with_terms};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Client, Engine, TestApp, on_both_databases, signer};

on_both_databases! {
    fault_f8_credentials_of_a_lost_user_are_invalid_for_a_new_user_with_its_id,
    fault_b8_revocation_rolls_back_when_its_audit_event_fails,
    fault_b9_read_succeeds_when_last_use_cannot_be_stored,
    fault_b7_last_login_never_moves_backwards,
    fault_b27_invalid_row_is_an_error,
    fault_b27_invalid_binding_of_a_used_code_is_an_error,
    fault_b27_invalid_browser_of_a_pending_login_is_an_error,
    fault_f10_readyz_fails_when_a_login_cannot_be_written,
}

/// A second connection, for transactions that stay open during requests.
enum Beside {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Beside {
    async fn connect(app: &TestApp) -> Self {
        let url = app.database.url();
        if url.starts_with("sqlite:") {
            let options: SqliteConnectOptions = url.parse().expect("a URL");
            Self::Sqlite(SqliteConnection::connect_with(&options).await.expect("a connection"))
        } else {
            let options: PgConnectOptions = url.parse().expect("a URL");
            Self::Postgres(PgConnection::connect_with(&options).await.expect("a connection"))
        }
    }

    async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
        }
        .expect("a statement that runs");
    }
}

/// Makes every insert into `table` fail. On SQLite the error rolls back the whole transaction, like a full disk.
async fn break_inserts(app: &TestApp, engine: Engine, table: &str) {
    let mut beside = Beside::connect(app).await;
    match engine {
        Engine::Sqlite => {
            let trigger = format!(
                "CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END"
            );
            beside.run(&trigger).await;
        }
        Engine::Postgres => {
            beside
                .run(&format!(
                    "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE 'the disk is full'; END $$ LANGUAGE plpgsql;
                     CREATE TRIGGER broken BEFORE INSERT ON {table} EXECUTE FUNCTION broken()"
                ))
                .await;
        }
    }
}

async fn mend_inserts(app: &TestApp, engine: Engine, table: &str) {
    let mut beside = Beside::connect(app).await;
    match engine {
        Engine::Sqlite => beside.run("DROP TRIGGER broken").await,
        Engine::Postgres => beside.run(&format!("DROP TRIGGER broken ON {table}; DROP FUNCTION broken()")).await,
    }
}

async fn user_status(client: &Client, authorization: &str) -> u16 {
    client.user(authorization).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f1_logins_recover_after_a_database_error() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.login("token", "u1").await.ok();
    break_inserts(&app, Engine::Sqlite, "audit_events").await;
    // Sign-ins and sign-ups, one after the other and in parallel: each gets 503.
    for code in ["u01", "u2"] {
        app.login("token", code).await.problem(503, "database_unavailable");
    }
    let logins = (0..8).map(|n| {
        let code = format!("u1{}", "1".repeat(n + 1));
        let app = &app;
        async move { app.login("token", &code).await.status }
    });
    let statuses = futures_util::future::join_all(logins).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    mend_inserts(&app, Engine::Sqlite, "audit_events").await;
    app.login("token", "u001").await.ok();
    app.login("session", "u3").await.ok();
    until_ready(&app).await;
}

/// A probe has its own time limit, which a busy machine may exceed.
async fn until_ready(app: &TestApp) {
    while app.client().get("/readyz").send().await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn fault_f10_readyz_fails_when_a_login_cannot_be_written(engine: Engine) {
    let app = TestApp::start(engine).await;
    let ready = async || app.client().get("/readyz").send().await;
    until_ready(&app).await;
    break_inserts(&app, engine, "readiness_probe").await;
    // The server caches a successful probe for at most a second.
    while ready().await.status == 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ready().await.problem(503, "database_unavailable");
    assert_eq!(app.client().get("/healthz").send().await.status, 200);
    mend_inserts(&app, engine, "readiness_probe").await;
    until_ready(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f2_database_lock_gives_503_after_the_timeout() {
    let app = TestApp::builder(Engine::Postgres)
        .with("DATABASE_TIMEOUT", "4")
        .with("DATABASE_QUEUE_TIMEOUT", "2")
        .start()
        .await;
    let user = format!("Token {}", app.token("token", "u1").await);
    let refresh = app.login("jwt-pair", "u0001").await.field("refresh");
    let mut beside = Beside::connect(&app).await;
    beside.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await;
    // These responses arrive while the lock is held: it is released below.
    app.login("token", "u01").await.problem(503, "database_unavailable");
    app.client().user(&user).await.problem(503, "database_unavailable");
    let renewed = app.client().post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await;
    renewed.problem(503, "database_unavailable");
    app.client().get("/readyz").send().await.problem(503, "database_unavailable");
    assert_eq!(app.client().get("/healthz").send().await.status, 200);
    beside.run("ROLLBACK").await;
    app.login("token", "u001").await.ok();
    app.client().user(&user).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f2_sqlite_lock_gives_503_after_the_timeout() {
    let app = TestApp::builder(Engine::Sqlite)
        .with("DATABASE_TIMEOUT", "4")
        .with("DATABASE_QUEUE_TIMEOUT", "2")
        .start()
        .await;
    app.login("token", "u1").await.ok();
    let mut beside = Beside::connect(&app).await;
    beside.run("BEGIN IMMEDIATE").await;
    // The logins queue for the only writer. All responses arrive while the lock is held: it is released below.
    let logins = ["u01", "u2", "u3", "u4"].map(|code| app.login("token", code));
    for answer in futures_util::future::join_all(logins).await {
        answer.problem(503, "database_unavailable");
    }
    beside.run("ROLLBACK").await;
    app.login("token", "u001").await.ok();
    assert_eq!(app.database.count("users").await, 1);
}

/// Forwards connections to PostgreSQL. While frozen it forwards no bytes and closes no connection.
struct Proxy {
    folder: tempfile::TempDir,
    frozen: watch::Sender<bool>,
}

const SOCKET: &str = ".s.PGSQL.5432";

impl Proxy {
    fn start(target: PathBuf) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let (frozen, watched) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (target, mut watched) = (target.clone(), watched.clone());
                tokio::spawn(async move {
                    let passing = !*watched.borrow();
                    if passing && let Ok(mut server) = UnixStream::connect(target.join(SOCKET)).await {
                        tokio::select! {
                            _ended = copy_bidirectional(&mut stream, &mut server) => return,
                            _frozen = watched.wait_for(|frozen| *frozen) => {}
                        }
                        // Both ends stay open.
                        std::future::pending::<()>().await;
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Arc::new(Self { folder, frozen })
    }
}

/// The database URL with another socket folder, and the folder that it named before.
fn through(url: &str, folder: &Path) -> (String, PathBuf) {
    let mut url = url::Url::parse(url).expect("a URL");
    let host = url.query_pairs().find(|(name, _)| name == "host").expect("a socket's folder").1.into_owned();
    url.query_pairs_mut().clear().append_pair("host", folder.to_str().expect("a path in UTF-8"));
    (url.to_string(), host.into())
}

/// Waits until this many statements in the database of `app` wait for a lock, or until `calls` has ended.
async fn until_statements_wait<T>(app: &TestApp, count: i64, calls: &tokio::task::JoinHandle<T>) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while app.database.number(waiting).await < count && !calls.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Two requests hold all connections: a third one is refused after the queue limit, long before DATABASE_TIMEOUT.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f5_exhausted_pool_refuses_after_the_queue_limit() {
    let app = TestApp::builder(Engine::Postgres)
        .with("DATABASE_TIMEOUT", "60")
        .with("DATABASE_QUEUE_TIMEOUT", "1")
        .with("DATABASE_POOL_SIZE", "2")
        .start()
        .await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let mut beside = Beside::connect(&app).await;
    beside.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await;
    let calls = (0..2).map(|_| {
        let (client, authorization) = (app.client(), authorization.clone());
        async move { client.user(&authorization).await.status }
    });
    let calls = tokio::spawn(futures_util::future::join_all(calls.collect::<Vec<_>>()));
    until_statements_wait(&app, 2, &calls).await;
    let refused = app.client().user(&authorization).await;
    refused.problem(503, "database_unavailable");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.client().get("/healthz").send().await.status, 200);
    assert!(!calls.is_finished(), "the others still wait");
    beside.run("ROLLBACK").await;
    assert_eq!(calls.await.expect("no panic"), [200; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f9_silent_database_does_not_leak_pool_connections() {
    let app = TestApp::builder(Engine::Postgres)
        .with("DATABASE_TIMEOUT", "4")
        .with("DATABASE_QUEUE_TIMEOUT", "2")
        .with("DATABASE_POOL_SIZE", "3")
        .start()
        .await;
    let (_, folder) = through(app.database.url(), Path::new("/"));
    let proxy = Proxy::start(folder);
    let (url, _) = through(app.database.url(), proxy.folder.path());
    let node = app.start_node_with(&[("DATABASE_URL", &url)]).await;
    let client = node.client();
    client.login("token/github", json!({"code": "u1"})).await.ok();
    let mut beside = Beside::connect(&app).await;
    for round in 0..2 {
        // More requests than pool connections; each gets a response although the database is silent.
        let calls = (0..8).map(|n| {
            let (client, code) = (node.client(), format!("u2{round}{n}"));
            async move { client.login("token/github", json!({"code": code})).await.status }
        });
        let is_in_statement = round == 1;
        if is_in_statement {
            beside.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await;
        } else {
            proxy.frozen.send_replace(true);
        }
        let calls = tokio::spawn(futures_util::future::join_all(calls.collect::<Vec<_>>()));
        if is_in_statement {
            // The pool tests a connection before it hands it out, but not in the middle of a statement.
            until_statements_wait(&app, 3, &calls).await;
            proxy.frozen.send_replace(true);
            beside.run("ROLLBACK").await;
        }
        let answers = calls.await.expect("no panic");
        assert!(answers.iter().all(|status| *status == 503), "{answers:?}");
        assert_eq!(client.get("/readyz").send().await.status, 503);
        assert_eq!(client.get("/healthz").send().await.status, 200);
        proxy.frozen.send_replace(false);
        // Every pool connection is usable again.
        while client.get("/readyz").send().await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let logins = (0..3).map(|n| {
            let (client, code) = (node.client(), format!("u3{round}{n}"));
            async move { client.login("token/github", json!({"code": code})).await.status }
        });
        assert!(futures_util::future::join_all(logins).await.iter().all(|status| *status == 200));
    }
    // A graceful shutdown ends although the database is silent.
    proxy.frozen.send_replace(true);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f3_deleted_database_file_is_detected() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.login("token", "u1").await.ok();
    let path = PathBuf::from(app.database.url().trim_start_matches("sqlite://"));
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).expect("a file that is there");
    while app.client().get("/readyz").send().await.status == 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.login("token", "u01").await.problem(503, "database_unavailable");
    assert!(!path.exists(), "no empty file takes its place");
    // Another file at the same path is not accepted.
    std::fs::copy(&aside, &path).expect("a copy");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(app.client().get("/readyz").send().await.status, 503);
    // The original file is accepted again.
    std::fs::rename(&aside, &path).expect("a file that is there");
    while app.client().get("/readyz").send().await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.login("token", "u001").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f3_deleted_or_replaced_write_ahead_log_is_detected_and_no_login_is_lost() {
    for (end, is_replaced) in [("-wal", false), ("-wal", true), ("-shm", false)] {
        let app = TestApp::start(Engine::Sqlite).await;
        app.login("token", "u1").await.ok();
        let path = PathBuf::from(format!("{}{end}", app.database.url().trim_start_matches("sqlite://")));
        std::fs::remove_file(&path).expect("a file that is there");
        if is_replaced {
            std::fs::write(&path, "another file").expect("written");
        }
        let notices = async {
            while app.client().get("/readyz").send().await.status == 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), notices).await.unwrap_or_else(|_| panic!("{end} is not noticed"));
        app.login("token", "u01").await.problem(503, "database_unavailable");
        app.node.stop().await;
        let _another_file = std::fs::remove_file(&path);
        let mut database =
            SqliteConnection::connect(app.database.url()).await.expect("the file without the log that was deleted");
        let count = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut database);
        assert_eq!(count.await.ok(), Some(1_i64), "{end}: the login was answered");
    }
}

async fn fault_f8_credentials_of_a_lost_user_are_invalid_for_a_new_user_with_its_id(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    let sliding = app.token("jwt-sliding", "u01").await;
    let permanent = app.token("token", "u001").await;
    let knox = app.token("knox", "u0001").await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u00001"})).await.ok();
    let id = app.client().user(&format!("Bearer {access}")).await.ok()["id"].clone();

    // A power loss or a restored backup deletes the user and resets the sequence of ids.
    app.database.run("DELETE FROM users").await;
    let reset = match engine {
        Engine::Sqlite => "UPDATE sqlite_sequence SET seq = 0",
        Engine::Postgres => "ALTER SEQUENCE users_id_seq RESTART WITH 1",
    };
    app.database.run(reset).await;
    app.advance(Duration::from_secs(1));
    let successor = app.login("token_user", "u2").await.ok();
    assert_eq!(successor["id"], id, "the successor has the id");
    app.login("jwt-pair", "u02").await.ok();

    for authorization in
        [format!("Bearer {access}"), format!("Bearer {sliding}"), format!("Token {permanent}"), format!("Token {knox}")]
    {
        assert_eq!(user_status(&app.client(), &authorization).await, 401, "{authorization}");
    }
    browser.get("/api/user/").send().await.problem(401, "not_authenticated");
    for (path, body) in [
        ("/api/token/refresh/", json!({"refresh": refresh})),
        ("/api/token/sliding/refresh/", json!({"token": sliding})),
        ("/api/token/verify/", json!({"token": access})),
    ] {
        assert_eq!(app.client().post(path).json(&body).send().await.status, 401, "{path}");
    }
}

async fn fault_b8_revocation_rolls_back_when_its_audit_event_fails(engine: Engine) {
    let app = TestApp::start(engine).await;
    let user = format!("Token {}", app.token("knox", "u1").await);
    let refresh = app.login("jwt-pair", "u01").await.field("refresh");
    break_inserts(&app, engine, "audit_events").await;
    for path in ["/api/knox/logout/", "/api/knox/logoutall/", "/api/logout/all/"] {
        let revoked = app.client().post(path).header("authorization", &user).send().await;
        assert_eq!(revoked.status, 503, "{path}");
    }
    let blacklisted = app.client().post("/api/token/blacklist/").json(&json!({"refresh": refresh})).send().await;
    assert_eq!(blacklisted.status, 503);
    app.client().user(&user).await.ok();
    mend_inserts(&app, engine, "audit_events").await;
    app.client().post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await.ok();
    let revoked = app.client().post("/api/logout/all/").header("authorization", &user).send().await;
    assert_eq!(revoked.status, 204);
    assert_eq!(user_status(&app.client(), &user).await, 401);
}

async fn fault_b9_read_succeeds_when_last_use_cannot_be_stored(engine: Engine) {
    // A read that waited for the write would wait for this long.
    let plan = TestApp::builder(engine).with("REST_KNOX_AUTO_REFRESH", "True").with("DATABASE_TIMEOUT", "3600");
    let app = plan.start().await;
    let credentials = [
        format!("Token {}", app.token("token", "u1").await),
        format!("Token {}", app.token("knox", "u01").await),
        format!("Bearer {}", app.token("jwt-sliding", "u001").await),
    ];
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u0001"})).await.ok();
    app.advance(Duration::from_secs(290));
    let mut beside = Beside::connect(&app).await;
    let lock = match engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::Postgres => "BEGIN; LOCK TABLE sessions, tokens, knox_tokens, refresh_tokens IN EXCLUSIVE MODE",
    };
    beside.run(lock).await;
    app.advance(Duration::from_secs(9));
    for credential in &credentials {
        app.client().user(credential).await.ok();
    }
    app.advance(Duration::from_secs(400));
    for credential in &credentials[..2] {
        app.client().user(credential).await.ok();
    }
    browser.get("/api/user/").send().await.ok();
    beside.run("ROLLBACK").await;
}

/// On SQLite no request can be seen to wait; `store.rs` tests the transaction on both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_b35_refresh_that_waits_for_a_revocation_is_refused() {
    let app = TestApp::builder(Engine::Postgres).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "True").start().await;
    app.login("token", "u1").await.ok();
    let now = app.clock.now().seconds();
    // A token of simplejwt: it has no generation, and this server has no row of it.
    let claims = json!({"token_type": "refresh", "exp": now + 600, "iat": now, "jti": "simplejwts", "user_id": "1"});
    let refresh = signer::hs256(SECRET_KEY.as_bytes(), &claims);
    let mut beside = Beside::connect(&app).await;
    let revoke = "credential_generation = credential_generation + 1";
    beside.run(&format!("BEGIN; UPDATE users SET revoked_before = {now}, {revoke}")).await;
    let request = app.client().post("/api/token/refresh/").json(&json!({"refresh": refresh}));
    let answer = tokio::spawn(async move { request.send().await });
    until_statements_wait(&app, 1, &answer).await;
    beside.run("COMMIT").await;
    answer.await.expect("an answer").problem(401, "token_not_valid");
    assert_eq!(app.database.count("refresh_tokens").await, 0);
}

/// SQLite has one writing transaction, so the uid of another one is always seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_a1_new_uid_of_a_concurrent_transaction_is_no_database_error() {
    let app = TestApp::start(Engine::Postgres).await;
    for code in ["u1", "u2"] {
        app.login("token", code).await.ok();
    }
    let scope = app.database.text("SELECT uid_scope FROM social_accounts WHERE user_id = 1").await;
    // The next login stores the scope.
    app.database.run("UPDATE social_accounts SET uid_scope = '' WHERE user_id = 1").await;
    let mut beside = Beside::connect(&app).await;
    beside
        .run(&format!(
            "BEGIN; INSERT INTO social_accounts (user_id, provider, uid, uid_scope, extra_data, created, modified)
             SELECT 2, provider, uid, '{scope}', extra_data, created, modified FROM social_accounts WHERE user_id = 1"
        ))
        .await;
    let client = app.client();
    let login = tokio::spawn(async move { client.login("token_user/github", json!({"code": "u01"})).await });
    until_statements_wait(&app, 1, &login).await;
    beside.run("COMMIT").await;
    // The login is decided again: now another user has this account.
    assert_eq!(login.await.expect("an answer").ok()["id"], 2);
}

async fn fault_b7_last_login_never_moves_backwards(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.browser().login("session/github", json!({"code": "u1"})).await.ok();
    let later = app.database.number("SELECT last_login FROM users").await + 60_000;
    // Written by a node whose clock is ahead, or by a login that committed first.
    app.database.run(&format!("UPDATE users SET last_login = {later}")).await;
    app.browser().login("session/github", json!({"code": "u01"})).await.ok();
    assert_eq!(app.database.number("SELECT last_login FROM users").await, later);
    // The same for a login that also changes the user.
    app.database.run("UPDATE users SET first_name = 'Former'").await;
    app.browser().login("session/github", json!({"code": "u0001"})).await.ok();
    assert_eq!(app.database.number("SELECT count(*) FROM users WHERE first_name = 'Former'").await, 0);
    assert_eq!(app.database.number("SELECT last_login FROM users").await, later);
    app.advance(Duration::from_secs(120));
    app.browser().login("session/github", json!({"code": "u001"})).await.ok();
    assert!(app.database.number("SELECT last_login FROM users").await > later);
}

/// SQL for a digest of the wrong length.
fn invalid_digest(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "x'00'",
        Engine::Postgres => "'\\x00'",
    }
}

async fn fault_b27_invalid_row_is_an_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let invalid = invalid_digest(engine);
    app.database.run(&format!("UPDATE authorization_requests SET browser = {invalid}, flow = NULL")).await;
    // The invalid digest must not mean "bound to no browser".
    let login = app.client().login("token/github", json!({"code": "u1", "state": begun.state})).await;
    login.problem(503, "database_unavailable");
    let user = format!("Bearer {}", app.login("jwt-pair", "u2").await.field("token"));
    app.database.run("UPDATE refresh_tokens SET kind = 'jwt-other'").await;
    let listed = app.client().get("/api/user/credentials/").header("authorization", &user).send().await;
    listed.problem(503, "database_unavailable");
}

async fn fault_b27_invalid_binding_of_a_used_code_is_an_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let login = || browser.login("token/github", json!({"code": "u1", "state": begun.state}));
    login().await.ok();
    app.database.run(&format!("UPDATE used_codes SET binding = {}", invalid_digest(engine))).await;
    // The invalid digest must not mean "bound to no browser".
    login().await.problem(503, "database_unavailable");
}

async fn fault_b27_invalid_browser_of_a_pending_login_is_an_error(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let pending = browser.login("token/github", json!({"code": "u1", "state": begun.state})).await;
    let token = flow_token(&pending);
    app.database.run(&format!("UPDATE pending_logins SET browser = {}", invalid_digest(engine))).await;
    // The invalid digest must not mean "bound to no browser", which any client could resume.
    for client in [app.client(), browser] {
        resume(&client, &token, json!({"terms": true})).await.problem(503, "database_unavailable");
    }
    assert_eq!(app.database.count("users").await, 0);
}
