//! What data cannot say of a provider: small functions at exactly two points of a login. A descriptor names its quirk;
//! everything else is the descriptor's.

mod apple;
mod azuread;
mod mediawiki;
pub mod tripit;

use serde_json::Value;

use super::ProviderError;
use super::exchange::Login;
use crate::outgoing::Request;

pub trait Quirk: Send + Sync {
    /// The code exchange (or a renewal), before it is sent.
    fn token_request(&self, _: &Login<'_>, _: &mut Request) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The answer to a profile request that was `sent`, as the descriptor's format read it.
    fn profile_reply(&self, _: &Login<'_>, _sent: &Request, body: Value) -> Result<Value, ProviderError> {
        Ok(body)
    }
}

struct Nothing;

impl Quirk for Nothing {}

/// The quirk that a descriptor names.
pub fn find(name: Option<&str>) -> Option<&'static dyn Quirk> {
    Some(match name {
        None => &Nothing,
        Some("apple") => &apple::Apple,
        Some("azuread") => &azuread::AzureAd,
        Some("mediawiki") => &mediawiki::MediaWiki,
        Some("tripit") => &tripit::TripIt,
        Some(_) => return None,
    })
}
