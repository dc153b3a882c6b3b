//! Sign in with X for any front-end: a social login server.
//!
//! Data enters at the top of this list's mirror image and walks down one floor at a time; `docs/ARCHITECTURE.md` draws
//! the house, and `tests/suite/architecture.rs` reads the `use` lines and fails on an arrow that points up.

// floor 0: plain types that everybody may use and that import nobody
pub mod clock; // time and randomness, passed in so that a test decides both
pub mod model; // users, social accounts, identities, attempts, credentials as rows
pub mod secrets; // digests, keys derived from SECRET_KEY, sealing, constant-time comparison
pub mod settings; // the settings file and the environment, read once, every error named

// floor 1: the world outside
pub mod outgoing; // the one HTTP client: limits, proxy, address guard
pub mod store; // the repository: one trait, SQLite and PostgreSQL behind it

// floor 2: wings that never import each other
pub mod credential; // issue, authenticate, renew, revoke: session, token, JWT, knox
pub mod hook; // the operator's own software: asked before a user is created, told afterwards
pub mod provider; // descriptor and code in, identity out

// floor 3: the jobs
pub mod account; // whose credential is this; refresh, verify, logout, profile
pub mod delivery; // what is queued for the operator's software, brought there
pub mod login; // begin, complete, link; attempts, redirect URIs, the pipeline

// floor 4: poem-openapi definitions only
pub mod http;
pub mod import; // moves the users of a Django project in

// floor 5: the app built from settings
pub mod demo; // the provider that `dev` embeds; never part of `serve`
pub mod server; // listeners, middleware, API, docs, example pages

pub mod cli; // commands

/// For a [`login::Step`] of a program's own.
pub use async_trait::async_trait;
