//! Services: back-ends that may introspect and revoke the credentials of users.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::clock::{Deps, UnixMillis};
use crate::secrets::{Digest, SecretString};

/// The name that the operator gives to a service: 1 to 64 ASCII letters, digits, `.`, `_` and `-`. It begins with a letter
/// or a digit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ServiceName(String);

/// A text that is no [`ServiceName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 letters, digits, '.', '_' and '-', and begins with a letter or a digit")]
pub struct ServiceNameError;

const MAX_NAME_LEN: usize = 64;
/// Prefix of a client secret, by which scanners of source code find it.
const SECRET_PREFIX: &str = "rsak_";

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_valid = text.len() <= MAX_NAME_LEN
            && text.bytes().all(is_allowed)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if is_valid { Ok(Self(text.to_owned())) } else { Err(ServiceNameError) }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service with a credential of its own.
#[derive(Clone, Debug)]
pub struct Service {
    /// Unique.
    pub name: ServiceName,
    /// The public half of its credential: `client_id` of RFC 6749.
    pub client_id: String,
    /// The digest of the secret half: `client_secret` of RFC 6749.
    pub secret: Digest,
    /// When it was added.
    pub created: UnixMillis,
    /// Accurate to five minutes; `None`: never.
    pub last_used: Option<UnixMillis>,
}

impl Service {
    /// A new service and its secret: 256 random bits, of which only the digest is stored.
    pub fn new(name: ServiceName, deps: &Deps) -> (Self, SecretString) {
        let secret = format!("{SECRET_PREFIX}{}", deps.token::<32>());
        let service = Self {
            name,
            client_id: deps.hex::<12>(),
            secret: Digest::of(secret.as_bytes()),
            created: deps.now(),
            last_used: None,
        };
        (service, SecretString::from(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_are_safe_in_commands_and_logs() {
        for name in ["billing", "a", "api.v2_eu-west", "7", &"x".repeat(64)] {
            assert_eq!(name.parse::<ServiceName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "-x", ".x", "a b", "a\n", "ü", "a/b", &"x".repeat(65)] {
            assert_eq!(name.parse::<ServiceName>(), Err(ServiceNameError), "{name}");
        }
    }
}
