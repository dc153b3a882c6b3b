//! PostgreSQL: where several nodes share the work. Nothing that another node must see lives in this process.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Postgres, Transaction};

use super::sql::repository;

const CONNECTIONS: u32 = 16;

pub(super) struct PostgresStore {
    read: PgPool,
    write: PgPool,
}

pub(super) async fn open(url: &str) -> std::result::Result<PostgresStore, String> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| "must look like postgres://user:password@host:port/database".to_owned())?
        .application_name("rest-social-auth")
        .disable_statement_logging();
    let place = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or_default());
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options)
        .await
        .map_err(|error| format!("{place} cannot be opened: {error}"))?;
    Ok(PostgresStore { read: pool.clone(), write: pool })
}

impl PostgresStore {
    async fn begin(&self) -> std::result::Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.write.begin().await
    }
}

repository!(PostgresStore, Postgres, "./migrations/postgres");
