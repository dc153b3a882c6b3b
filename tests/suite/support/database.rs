//! One database for each test, a copy of a template with the migrated schema. SQLite: a file in its own folder. PostgreSQL: a
//! database in the cluster that `tests/postgres.sh` starts for the whole run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use rest_social_auth::secrets::SecretString;
use rest_social_auth::store::{self, Repository};
use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, SqlitePool};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub struct Database {
    url: String,
    pool: Pool,
    /// Deleted with the value.
    _folder: Option<TempDir>,
    /// Dropped with the value: the cluster is shared by the whole run.
    to_drop: Option<(PgConnectOptions, String)>,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// One stored value: its table, its column and its bytes.
pub struct Stored {
    pub table: String,
    pub column: String,
    pub bytes: Vec<u8>,
}

/// The advisory lock that lets one test at a time create the template.
const TEMPLATE_LOCK: i64 = 0x7265_7374;

impl Database {
    /// An empty database with the migrated schema.
    pub async fn create(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::sqlite_file(Some(&sqlite_template().await)),
            Engine::Postgres => Self::postgres(false).await,
        }
    }

    /// A database without tables.
    pub async fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::sqlite_file(None),
            Engine::Postgres => Self::postgres(true).await,
        }
    }

    /// Applies those of the migrations that it does not have.
    pub async fn apply(&self, migrations: Vec<Migration>) {
        let migrator = Migrator::with_migrations(migrations);
        match &self.pool {
            Pool::Sqlite(pool) => migrator.run(pool).await,
            Pool::Postgres(pool) => migrator.run(pool).await,
        }
        .expect("migrations that can be applied");
    }

    fn sqlite_file(template: Option<&Path>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("suite.db");
        let url = sqlite_url(&path);
        let options = SqliteConnectOptions::from_str(&url).expect("a URL that was just made").create_if_missing(true);
        if let Some(template) = template {
            std::fs::copy(template, &path).expect("a copy of the template");
        }
        let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options);
        Self { url, pool: Pool::Sqlite(pool), _folder: Some(folder), to_drop: None }
    }

    async fn postgres(is_empty: bool) -> Self {
        let cluster = std::env::var("TEST_POSTGRES_URL")
            .expect("TEST_POSTGRES_URL names the test cluster: run the suite by `make test` or `tests/postgres.sh`");
        let options = PgConnectOptions::from_str(&cluster).expect("TEST_POSTGRES_URL is a URL");
        let mut admin = PgConnection::connect_with(&options).await.expect("the test cluster answers");
        let template = if is_empty { "template0".to_owned() } else { template(&mut admin, &cluster).await };
        let name = format!("t_{}", unique());
        execute(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await;
        admin.close().await.expect("a closed connection");
        let url = at_database(&cluster, &name);
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options.clone().database(&name));
        Self { url, pool: Pool::Postgres(pool), _folder: None, to_drop: Some((options, name)) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The repository that a server opens.
    pub async fn repository(&self) -> std::sync::Arc<dyn Repository> {
        open(&self.url).await
    }

    /// The number of rows of each table, without the migrations table.
    pub async fn counts(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for table in self.tables().await {
            let count = self.number(&format!("SELECT count(*) FROM {table}")).await;
            counts.insert(table, count);
        }
        counts
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .expect("one number")
    }

    pub async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .expect("one text")
    }

    /// The query plan of a statement that begins with the database's form of `EXPLAIN`.
    pub async fn plan(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        let lines: Vec<String> = match &self.pool {
            Pool::Sqlite(pool) => {
                let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(pool).await.expect("a plan");
                rows.into_iter().map(|row| row.3).collect()
            }
            // PostgreSQL scans small tables, so an index would not show.
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await.expect("a connection");
                sqlx::query("SET enable_seqscan = off").execute(&mut *connection).await.expect("a setting");
                sqlx::query_scalar(sql).fetch_all(&mut *connection).await.expect("a plan")
            }
        };
        lines.join("\n")
    }

    pub async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(sql).execute(pool).await.map(drop),
            Pool::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop),
        }
        .expect("a statement that runs");
    }

    /// Every value of every row.
    pub async fn dump(&self) -> Vec<Stored> {
        let mut dump = Vec::new();
        for table in self.tables().await {
            for column in self.columns(&table).await {
                let values = match &self.pool {
                    Pool::Sqlite(pool) => {
                        let sql = format!("SELECT CAST({column} AS BLOB) FROM {table} WHERE {column} IS NOT NULL");
                        sqlx::query_scalar::<_, Vec<u8>>(AssertSqlSafe(sql)).fetch_all(pool).await
                    }
                    Pool::Postgres(pool) => {
                        let sql = format!("SELECT {column}::text FROM {table} WHERE {column} IS NOT NULL");
                        let texts = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch_all(pool).await;
                        texts.map(|texts| texts.iter().map(|text| raw(text)).collect())
                    }
                };
                let values = values.unwrap_or_else(|error| panic!("{table}.{column}: {error}"));
                let stored = |bytes| Stored { table: table.clone(), column: column.clone(), bytes };
                dump.extend(values.into_iter().map(stored));
            }
        }
        dump
    }

    async fn tables(&self) -> Vec<String> {
        let names: Vec<String> = match &self.pool {
            Pool::Sqlite(pool) => {
                let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1";
                sqlx::query_scalar(sql).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
                sqlx::query_scalar(sql).fetch_all(pool).await
            }
        }
        .expect("the list of tables");
        let tables: Vec<String> = names.into_iter().filter(|name| name != "_sqlx_migrations").collect();
        assert!(tables.len() > 5, "the schema is there");
        tables
    }

    async fn columns(&self, table: &str) -> Vec<String> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                sqlx::query_scalar("SELECT name FROM pragma_table_info($1)").bind(table).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                let sql = "SELECT column_name::text FROM information_schema.columns
                           WHERE table_schema = 'public' AND table_name = $1";
                sqlx::query_scalar(sql).bind(table).fetch_all(pool).await
            }
        }
        .expect("the list of columns")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((options, name)) = self.to_drop.take() else { return };
        // A thread with its own runtime, because the current one may be shutting down.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    if let Ok(mut admin) = PgConnection::connect_with(&options).await {
                        let sql = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                        let _ = sqlx::query(sql).execute(&mut admin).await;
                    }
                });
            }
        });
        let _ = dropping.join();
    }
}

/// The template of this build of the suite, which the first test creates. The file of this name is always finished.
async fn sqlite_template() -> PathBuf {
    let finished = Path::new(env!("CARGO_TARGET_TMPDIR")).join("template.db");
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let built = modified(&std::env::current_exe().expect("this program")).expect("the time of the build");
    if modified(&finished).is_ok_and(|created| created > built) {
        return finished;
    }
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let path = folder.path().join("template.db");
    let repository = open(&sqlite_url(&path)).await;
    repository.migrate().await.expect("the schema");
    repository.close().await;
    assert!(!folder.path().join("template.db-wal").exists(), "one file is the whole database");
    std::fs::rename(&path, &finished).expect("a file of the finished name");
    finished
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// The name of the template, which the first test creates.
async fn template(admin: &mut PgConnection, cluster: &str) -> String {
    let migrations = include_str!("../../../migrations/postgres/0001_schema.sql");
    let digest = rest_social_auth::secrets::Digest::of(migrations.as_bytes());
    let name = format!("template_{}", data_encoding::HEXLOWER.encode(&digest.as_bytes()[..6]));
    execute(admin, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate)")
            .bind(&name)
            .fetch_one(&mut *admin)
            .await
            .expect("the list of databases");
    if !there {
        execute(admin, format!("DROP DATABASE IF EXISTS {name}")).await;
        execute(admin, format!("CREATE DATABASE {name}")).await;
        let repository = open(&at_database(cluster, &name)).await;
        repository.migrate().await.expect("the schema");
        repository.close().await;
        execute(admin, format!("ALTER DATABASE {name} WITH IS_TEMPLATE true")).await;
    }
    execute(admin, format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    name
}

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql.clone())).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn open(url: &str) -> std::sync::Arc<dyn Repository> {
    store::open(&SecretString::from(url), true).await.expect("a database that opens")
}

fn at_database(cluster: &str, name: &str) -> String {
    let mut url = url::Url::parse(cluster).expect("TEST_POSTGRES_URL is a URL");
    url.set_path(name);
    url.to_string()
}

/// Twenty hex digits, unique for each test.
pub fn unique() -> String {
    rest_social_auth::clock::Deps::system().hex::<10>()
}

/// Decodes PostgreSQL's text form of bytes: `\\x` and hex digits.
fn raw(text: &str) -> Vec<u8> {
    let pair = |index: usize| u8::from_str_radix(text.get(index..index + 2)?, 16).ok();
    match text.strip_prefix("\\x") {
        Some(digits) => (0..digits.len() / 2).filter_map(|index| pair(2 + 2 * index)).collect(),
        None => text.as_bytes().to_vec(),
    }
}
