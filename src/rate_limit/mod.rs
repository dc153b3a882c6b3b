//! Rate limits: how many requests a client address, a user and a provider may have in a time (SEC-43).
//!
//! | file | content |
//! |---|---|
//! | `limits.rs` | [`RateLimits`]: the limits of the settings, and which caller each of them counts |
//! | `limit.rs`, `reservations.rs` | one limit: its two stages, and the requests whose outcome decides how much they count |
//! | `local.rs`, `bounded_states.rs`, `steady_clock.rs` | the first stage, in memory: `governor` with a bounded number of callers |
//! | `shared.rs` | the second stage, which all nodes share through the database |
//! | `exceeded.rs`, `reports.rs` | a refused request, and which of them are logged |

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
