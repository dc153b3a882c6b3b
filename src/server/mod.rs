//! The server: built from settings, started, and stopped gracefully. [`Server::builder`] is the start of a program that
//! embeds it. No rule about logins is here.

mod activity; // time limits of one connection
mod background; // sweeper and other tasks beside the listener
mod builder; // the server as a library
mod connections;
mod cors_warnings; // how many connections may be open
mod docs_pages; // start page, OpenAPI document, Swagger UI
mod example_pages; // the example front-end
pub mod listen; // connections, TLS, graceful shutdown
mod outer_middleware; // request id, headers, CORS, log line
mod run; // `Server`: build, start, shutdown

pub use self::builder::{Builder, SettingErrors};
pub(crate) use self::connections::raise_open_file_limit;
pub use self::run::{ServeError, Server};
