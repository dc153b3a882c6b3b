//! Rate limits: how many requests a client address, a user and a provider may have in a time (SEC-43).

mod bounded_states;
mod exceeded;
mod key;
mod limit;
mod limits;
mod local;
mod reports;
mod reservations;
mod shared;
mod steady_clock;

pub use self::exceeded::RateLimitExceeded;
pub use self::limits::{RETURN_INTERVAL, RateLimits, ReservedLogin};
pub use self::shared::ReturnScope;
