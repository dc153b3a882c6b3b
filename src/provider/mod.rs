//! Turns a descriptor and the callback of a login into an identity, and nothing else: no poem, no sqlx.
//!
//! A provider is a descriptor: data from `catalog/<name>.toml` or from the settings file. What data cannot express is a
//! *quirk*, a small function at one of two points. `login/` calls this module; only `outgoing/` sends its requests.

mod authorization; // the authorization URL
mod call; // requests made from templates, and how they are sent
mod callback; // the fields and the error of a callback
mod catalog; // the descriptors that are part of the program
mod check; // checks that need no login: `providers check`
mod configured; // a configured provider
mod context; // the state of one exchange
pub mod descriptor; // the fields of a descriptor
mod documents; // fetching discovery documents and key sets
mod error; // ProviderError
mod error_description; // which error descriptions of a provider are safe to show
mod exchange; // callback -> tokens and claims
mod expression; // the expression language of descriptors
mod functions; // the functions of that language
mod guide; // how to register at a provider: `providers guide`
mod id_token; // the checks of OpenID Connect
mod jws; // signed tokens and their algorithms
mod keys; // the content of discovery documents and key sets
mod login_parameters; // what one login adds to the authorization URL
mod oauth1; // RFC 5849
mod profile; // tokens -> identity
mod protocol; // what callers pass: authorization requests and callbacks
mod quirks; // what a descriptor cannot express
mod registry; // all configured providers
mod reply; // the meaning of a provider's answer
pub mod request_rules; // the fields of a descriptor for requests
mod sample; // one login of each provider, for the simulator, tests and documentation
mod setup; // a provider from its descriptor and settings
#[cfg(test)]
mod tests;
mod token_management; // refreshing and revoking a provider's tokens
mod uid; // the scope within which a uid is unique
mod uid_keys; // which member of a profile is the uid
mod user_fields; // the operator's own fields of a user
mod verification; // verification of signed tokens with published keys

pub(crate) use self::catalog::entry_of;
pub use self::catalog::{CatalogEntry, catalog_entries, catalog_entry, catalog_names};
pub(crate) use self::check::Endpoint;
pub(crate) use self::configured::Provider;
pub(crate) use self::error::{Interaction, ProviderError};
pub(crate) use self::exchange::{CheckedCallback, ClientVerdict};
pub(crate) use self::guide::{Guide, NamedRedirectUri, environment_name};
pub(crate) use self::jws::SignatureAlgorithm;
pub(crate) use self::login_parameters::SIMULATOR_CHOICES;
pub(crate) use self::protocol::{Authorization, Callback, LoginParameters, MaxAge, Protocol, RequestToken};
pub(crate) use self::registry::Providers;
pub use self::sample::{
    Sample, SampleAuthorization, SampleCall, SampleRefusal, SampleUser, SampleValues, catalog_samples,
};
pub(crate) use self::uid_keys::{StoredKey, UidKeys};
