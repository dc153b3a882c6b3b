//! Turns a descriptor and the callback of a login into an identity, and nothing else: no poem, no sqlx.
//!
//! A provider is a descriptor: data from `catalog/<name>.toml` or from the settings file. What data cannot express is a
//! *quirk*, a small function at one of two points. `login/` calls this module; only `outgoing/` sends its requests.

mod admission;
mod authorization;
mod call;
mod callback;
mod catalog;
mod check;
mod configured;
mod context;
pub mod descriptor;
mod documents;
mod error;
mod error_description;
mod exchange;
mod expression;
mod functions;
mod guide;
mod id_token;
mod issuer;
mod jws;
mod keys;
mod login_parameters;
mod oauth1;
mod profile;
mod protocol;
mod quirks;
mod registry;
mod reply;
pub mod request_rules;
mod sample;
mod setup;
#[cfg(test)]
mod tests;
mod token_management;
mod uid;
mod uid_keys;
mod user_fields;
mod verification;

pub(crate) use self::catalog::entry_of;
pub use self::catalog::{CatalogEntry, catalog_entries, catalog_entry, catalog_names, nearest};
pub(crate) use self::check::Endpoint;
pub(crate) use self::configured::Provider;
pub(crate) use self::error::{Interaction, ProviderError, Stage};
pub(crate) use self::exchange::{CheckedCallback, ClientVerdict};
pub(crate) use self::guide::{Guide, NamedRedirectUri};
pub(crate) use self::jws::SignatureAlgorithm;
pub(crate) use self::login_parameters::SIMULATOR_CHOICES;
pub(crate) use self::protocol::{Authorization, Callback, LoginParameters, MaxAge, Protocol, RequestToken};
pub(crate) use self::registry::Providers;
pub use self::sample::{
    Sample, SampleAuthorization, SampleCall, SampleRefusal, SampleUser, SampleValues, catalog_samples,
};
pub(crate) use self::uid_keys::{StoredKey, UidKeys};
