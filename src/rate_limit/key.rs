//! What a limit counts by.

use crate::model::{Network, UserId};
use crate::secrets::Digest;

/// A caller or a provider, as one limit counts it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(LimitName),
    doc = "The name of a limit, as the `RateLimit` fields have it.",
    derive(strum::IntoStaticStr, strum::Display),
    strum(serialize_all = "kebab-case"),
    vis(pub)
)]
pub(super) enum Key {
    Address(Network),
    ProviderAddress(Box<str>, Network),
    User(UserId),
    Provider(Box<str>),
}

impl Key {
    /// The limit that counts by this key.
    pub fn limit(&self) -> LimitName {
        self.into()
    }

    /// The key of the row in the database.
    pub fn digest(&self) -> Digest {
        let name: &str = self.limit().into();
        let (provider, caller) = match self {
            Self::Address(network) => ("", network.to_string()),
            Self::ProviderAddress(provider, network) => (&**provider, network.to_string()),
            Self::User(user) => ("", user.0.to_string()),
            Self::Provider(provider) => (&**provider, String::new()),
        };
        Digest::of_parts(&[name.as_bytes(), provider.as_bytes(), caller.as_bytes()])
    }
}

impl LimitName {
    /// The setting.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Address => "RATE_LIMIT_ADDRESS",
            Self::ProviderAddress => "RATE_LIMIT_PROVIDER_ADDRESS",
            Self::User => "RATE_LIMIT_USER",
            Self::Provider => "RATE_LIMIT_PROVIDER",
        }
    }
}
