//! The server: built from settings, started, and stopped gracefully. [`Server::builder`] is the start of a program that
//! embeds it. No rule about logins is here.

mod activity;
mod application;
mod background;
mod builder;
mod connection_groups;
mod connections;
mod cors_warnings;
mod dev_pages;
mod docs_pages;
pub mod listen;
mod metrics_listener;
mod outer_middleware;
mod reload;
mod run;
mod setting_warnings;
mod start_page;
mod unread_body;

pub use self::builder::{Builder, SettingErrors};
pub(crate) use self::connections::raise_open_file_limit;
pub(crate) use self::reload::{FILE_READ_TIMEOUT, ReloadError, Reloader, read_files};
pub use self::run::{ServeError, Server};
