//! Test support: a server in this process with a clock that the test moves, its own database, a client, and
//! doubles of the providers that answer over TLS under their real host names.
//!
//! It contains no assertions about the server's behaviour, but for one: each response is as `openapi.yaml` describes it.

pub mod client;
pub mod database;
pub mod double;
pub mod fake_users;
pub mod openapi;
pub mod process;
pub mod signer;
pub mod test_app;

pub use client::{Answer, Client};
pub use database::{Database, Engine};
pub use double::{Call, Held, Reply};
pub use test_app::{FRONTEND, Node, REDIRECT_URI, TestApp};

/// The last part of the path of each login route.
pub const LOGIN_ROUTES: [&str; 9] = [
    "session",
    "token",
    "token_user",
    "jwt-pair",
    "jwt-pair-user",
    "jwt-sliding",
    "jwt-sliding-user",
    "knox",
    "knox_user",
];

/// Runs each named function once on SQLite and once on PostgreSQL, as two tests: `name::sqlite` and `name::postgres`.
/// A function that is missing from the list is dead code, which the lints reject.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::support::Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name($crate::support::Engine::Postgres).await;
            }
        }
    )*};
}
pub(crate) use on_both_databases;
