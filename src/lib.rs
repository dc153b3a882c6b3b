//! A server for social login. It signs users in with accounts of other providers ("Sign in with X"), and issues sessions,
//! tokens, JWTs and knox tokens.
//!
//! The program `rest-social-auth` runs this library unchanged. A program of your own can add to it:
//!
//! | you want | you use |
//! |---|---|
//! | the server with settings from a file or the environment | [`server::Server::builder`], then [`server::Server::serve`] |
//! | a rule about who may sign in, or a question to the user | a [`login::Step`], which reads and changes a [`login::Draft`] |
//! | more data about users | [`model::UserField`] |
//! | your own JWT claims | [`server::Builder::claims`], which gets [`model::User`] and [`model::Identity`] |
//! | your own listener, router or TLS | [`server::Server::migrate_and_run`], or [`server::Server::endpoint`] |
//! | tests with a fixed time | [`clock::Deps`] and [`server::Builder::deps`] |
//!
//! The program needs a multi-threaded Tokio runtime and its own `tracing` subscriber. [`server::Builder::build`] returns all
//! configuration errors together, by the name of the setting. `docs/LIBRARY.md` describes builder and steps,
//! `examples/own_step.rs` is a whole program.
//!
//! ```no_run
//! use rest_social_auth::async_trait;
//! use rest_social_auth::login::{Draft, InputField, Step, Stop};
//! use rest_social_auth::server::Server;
//!
//! /// Asks a new user to accept the terms of use.
//! struct Terms;
//!
//! #[async_trait]
//! impl Step for Terms {
//!     async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
//!         if draft.user().is_none() && draft.answer("terms").is_none() {
//!             return Err(Stop::ask([InputField::checkbox("terms", "I accept the terms of use")]));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::builder()
//!         .settings_file("settings.toml") // SOCIAL_AUTH_PIPELINE must name the step `terms`
//!         .environment()
//!         .step("terms", Terms)
//!         .build()
//!         .await?;
//!     server.serve(std::future::pending()).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Security
//!
//! - A step decides who may sign in. A step that no pipeline names never runs; [`server::Builder::build`] reports it as an error.
//! - An e-mail address identifies no user. Use [`login::Draft::email_verified`] before you rely on an address.
//! - A step can run more than once for a login, so it must have no side effect that must not happen twice.
//! - `SECRET_KEY` is the key of everything: sessions, tokens, PKCE verifiers and, by default, stored provider tokens.
//! - The server has no TLS of its own in production: run it behind a reverse proxy, and list the proxy in `TRUSTED_PROXIES`.
//!   The server ignores X-Forwarded-For of all other clients, and without it all clients have one rate limit.
//! - Your program configures logging. Do not log HTTP or TLS libraries below the level `info`: they log credentials.
//! - `docs/THREAT_MODEL.md` lists what the server protects and what it leaves to others.
//!
//! # Modules
//!
//! The table above names what a program of your own needs. The other public items serve the program `rest-social-auth` and the
//! tests: [`cli`] (its commands), [`mod@import`] (from Django), [`provider`] (the catalogue), [`store`] (the database),
//! [`settings`] and [`secrets`]. `docs/ARCHITECTURE.md` describes all modules, also the private ones.

mod account;
pub mod cli;
pub mod clock;
mod credential;
mod delivery;
mod hook;
mod http;
pub mod import;
pub mod login;
mod metrics;
pub mod model;
mod outgoing;
pub mod provider;
mod rate_limit;
pub mod secrets;
pub mod server;
pub mod settings;
mod simulator;
pub mod store;

/// For implementations of [`login::Step`].
pub use async_trait::async_trait;
