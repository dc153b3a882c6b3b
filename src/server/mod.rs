//! The server: built from settings, started, and stopped gracefully. [`Server::builder`] is the start of a program that
//! embeds it. No rule about logins is here.

mod activity; // time limits of one connection
mod background; // sweeper and other tasks beside the listener
mod builder; // the server as a library
mod connection_groups; // which connection is closed for a new one
mod connections; // how many connections may be open
mod cors_warnings; // pages of unlisted origins in the log
mod dev_pages; // the demo and the example front-end of `dev`
mod docs_pages; // OpenAPI document, Swagger UI
pub mod listen; // connections, TLS, graceful shutdown
mod outer_middleware; // request id, headers, CORS, log line
mod run; // `Server`: build, start, shutdown
mod start_page; // `/` in `serve`

pub use self::builder::{Builder, SettingErrors};
pub(crate) use self::connections::raise_open_file_limit;
pub use self::run::{ServeError, Server};
