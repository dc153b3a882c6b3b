//! The operator's own software, called by signed webhooks (Standard Webhooks): asked before a user is created, informed of other
//! events afterwards.
//!
//! `login/` asks and `delivery/` delivers. The only URL is WEBHOOK_URL, and redirects are not followed (SEC-37). Bodies,
//! answers and the query of the URL are never logged.
//!
//! | file | content |
//! |---|---|
//! | `message.rs` | the body of an event, and which events are sent |
//! | `signature.rs` | the three headers |
//! | `webhook.rs` | calls WEBHOOK_URL |
//! | `user_creating.rs` | asks whether a user may be created, and with which data |

mod message;
mod signature;
mod user_creating;
mod webhook;

pub use self::message::event_factory;
pub use self::user_creating::{Candidate, SignUpDecision, UserOverrides};
pub use self::webhook::{DeliveryError, Webhook};
