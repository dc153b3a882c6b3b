//! What a limit counts by.

use crate::model::{Network, UserId};
use crate::secrets::Digest;

/// A caller or a provider, as one limit counts it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Address(Network),
    ProviderAddress(Box<str>, Network),
    User(UserId),
    Provider(Box<str>),
}

impl Key {
    /// The key of the row in the database.
    pub fn digest(&self) -> Digest {
        let (name, first, second) = match self {
            Self::Address(network) => ("address", String::new(), network.to_string()),
            Self::ProviderAddress(provider, network) => ("provider-address", provider.to_string(), network.to_string()),
            Self::User(user) => ("user", String::new(), user.0.to_string()),
            Self::Provider(provider) => ("provider", provider.to_string(), String::new()),
        };
        Digest::of_parts(&[name.as_bytes(), first.as_bytes(), second.as_bytes()])
    }
}
