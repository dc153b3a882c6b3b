//! The server: built from settings, started, and stopped gracefully. [`Server::builder`] is the start of a program that
//! embeds it. No rule about logins is here.

mod activity; // time limits of one connection
mod application; // what the settings decide, replaced by a reload
mod background; // sweeper and other tasks beside the listener
mod builder; // the server as a library
mod connection_groups; // which connection is closed for a new one
mod connections; // how many connections may be open
mod cors_warnings; // pages of unlisted origins in the log
mod dev_pages; // the demo and the example front-end of `dev`
mod docs_pages; // OpenAPI document, Swagger UI
pub mod listen; // connections, TLS, graceful shutdown
mod metrics_listener; // `/metrics`, on METRICS_LISTEN
mod outer_middleware; // request id, headers, CORS, log line
mod reload; // new settings in a running server
mod run; // `Server`: build, start, shutdown
mod setting_warnings; // insecure settings, in the log
mod start_page; // `/` in `serve`
mod unread_body; // what a handler leaves of a request body

pub use self::builder::{Builder, SettingErrors};
pub(crate) use self::connections::raise_open_file_limit;
pub(crate) use self::reload::{FILE_READ_TIMEOUT, ReloadError, Reloader, read_files};
pub use self::run::{ServeError, Server};
