//! The operator's own software, called by signed webhooks (Standard Webhooks): asked before a user is created, informed of other
//! events afterwards.
//!
//! `login/` asks and `delivery/` delivers. The only URL is WEBHOOK_URL, and redirects are not followed (SEC-37). Bodies,
//! answers and the query of the URL are never logged.

mod message;
mod signature;
mod user_creating;
mod webhook;

pub use self::message::event_factory;
pub use self::user_creating::{Candidate, SignUpDecision, UserOverrides};
pub use self::webhook::{DeliveryError, Webhook};
