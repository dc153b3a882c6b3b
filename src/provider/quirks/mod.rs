//! What data cannot say of a provider: small functions at exactly two points of a login. A descriptor names its quirk;
//! everything else is the descriptor's.

mod apple;
mod azuread;
mod mediawiki;
pub mod tripit;

use std::future::ready;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use super::exchange::Login;
use crate::outgoing::Request;

pub trait Quirk: Send + Sync {
    /// The code exchange (or a renewal), before it is sent.
    fn token_request<'a>(&'a self, _: &'a Login<'_>, _: &'a mut Request) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(ready(Ok(())))
    }

    /// The answer to a profile request that was `sent`, as the descriptor's format read it.
    fn profile_reply(&self, _: &Login<'_>, _sent: &Request, body: Value) -> Result<Value, ProviderError> {
        Ok(body)
    }
}

struct Nothing;

impl Quirk for Nothing {}

/// As a descriptor names it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    #[default]
    None,
    Apple,
    AzureAd,
    MediaWiki,
    TripIt,
}

impl Named {
    pub fn quirk(self) -> &'static dyn Quirk {
        match self {
            Self::None => &Nothing,
            Self::Apple => &apple::Apple,
            Self::AzureAd => &azuread::AzureAd,
            Self::MediaWiki => &mediawiki::MediaWiki,
            Self::TripIt => &tripit::TripIt,
        }
    }
}
