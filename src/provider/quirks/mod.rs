//! What a descriptor cannot express: small functions at two points of a login. A descriptor names its quirk.

mod apple;
mod azuread;
mod mediawiki;
pub mod tripit;

use serde_json::Value;

use super::context::ExchangeContext;
use super::descriptor::QuirkName;
use super::error::ProviderError;
use crate::outgoing::Request;

/// Changes a token request, a refresh included, before it is sent.
pub async fn prepare_token_request(context: &ExchangeContext<'_>, request: &mut Request) -> Result<(), ProviderError> {
    match context.provider.descriptor.quirk {
        QuirkName::Apple => apple::add_client_secret(context, request),
        QuirkName::AzureAd => azuread::add_client_assertion(context, request).await,
        QuirkName::None | QuirkName::MediaWiki | QuirkName::TripIt => Ok(()),
    }
}

/// Reads the answer to the profile request `sent`. `body` is the answer in the descriptor's format.
pub fn read_profile(context: &ExchangeContext<'_>, sent: &Request, body: Value) -> Result<Value, ProviderError> {
    match context.provider.descriptor.quirk {
        QuirkName::MediaWiki => mediawiki::read_profile(context, sent, &body),
        QuirkName::TripIt => tripit::read_profile(&body),
        QuirkName::None | QuirkName::Apple | QuirkName::AzureAd => Ok(body),
    }
}
