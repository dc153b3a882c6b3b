//! What data cannot say of a provider: small functions at exactly five points of a login. A descriptor names its quirk;
//! everything else is the descriptor's.

mod apple;
mod azuread;
mod facebook;
mod facebook_app;
mod github;
mod gitlab;
mod mediawiki;
mod shopify;
mod tripit;
mod vk;
mod vk_app;
mod vk_id;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::call::{Call, Pairs};
use super::exchange::Login;
use super::expression::Scope;
use super::{Provider, ProviderError};

#[async_trait]
pub trait Quirk: Send + Sync {
    /// The parameters of the authorization URL, once the descriptor's are in.
    fn authorization(&self, _: &Provider, _: &Scope<'_>, _: &mut Pairs) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The code exchange, before it is sent (and, in OAuth 1.0a, signed).
    fn token_request(&self, _: &Login<'_>, _: &mut Call) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The token answer, before its access token is taken. Without a code exchange: the callback's fields.
    fn token_reply(&self, _: &Login<'_>, _: &mut Value) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The bodies of the profile requests; `None`: the descriptor's requests are sent.
    async fn profile_fetch(&self, _: &Login<'_>) -> Result<Option<Vec<Value>>, ProviderError> {
        Ok(None)
    }

    /// The merged profile, before it is mapped. `bodies` is an array.
    fn profile(&self, _: &Login<'_>, _bodies: &Value, _: &mut Map<String, Value>) -> Result<(), ProviderError> {
        Ok(())
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
        Some("facebook") => &facebook::Facebook,
        Some("facebook_app") => &facebook_app::FacebookApp,
        Some("github") => &github::GitHub,
        Some("gitlab") => &gitlab::GitLab,
        Some("mediawiki") => &mediawiki::MediaWiki,
        Some("shopify") => &shopify::Shopify,
        Some("tripit") => &tripit::TripIt,
        Some("vk") => &vk::Vk,
        Some("vk_app") => &vk_app::VkApp,
        Some("vk_id") => &vk_id::VkId,
        Some(_) => return None,
    })
}
