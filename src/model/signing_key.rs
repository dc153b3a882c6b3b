//! Keys that the server made to sign JWTs: their rows, states and changes.

use serde::Serialize;

use crate::clock::UnixMillis;

/// The state of a key that the server made to sign JWTs. Its text form is lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SigningKeyState {
    /// In the key set, so that every node and every service knows it before it signs.
    Published,
    /// Signs all new tokens of its algorithm.
    Signing,
    /// Signs no more; verifies until its longest token has expired.
    Retired,
    /// Verifies no more. It is not stored: [`SigningKey::state_at`] derives it from `expires`.
    Removed,
    /// The row has another state, which this release does not know. The key is not used.
    Unknown,
}

/// A key pair that the server made (SEC-31), as stored.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The `kid` of its tokens: the thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// The `alg` of its tokens (RFC 7518, 3.1; RFC 8037).
    pub algorithm: String,
    /// The public key as a JWK (RFC 7517) in JSON.
    pub public_jwk: String,
    /// The private key, encrypted. `None` once it is retired.
    pub encrypted_private_key: Option<Vec<u8>>,
    /// As stored; [`Self::state_at`] also knows [`SigningKeyState::Removed`].
    pub state: SigningKeyState,
    /// Since when it is published.
    pub created: UnixMillis,
    /// Since when it signs. For a published key the time of a requested rotation; `None`: the schedule decides.
    pub signs_from: Option<UnixMillis>,
    /// When it was retired.
    pub retired: Option<UnixMillis>,
    /// When it stops to verify; `None` before it is retired.
    pub expires: Option<UnixMillis>,
}

impl SigningKey {
    /// The state at a time.
    pub fn state_at(&self, now: UnixMillis) -> SigningKeyState {
        match self.expires {
            Some(expires) if expires <= now => SigningKeyState::Removed,
            _ => self.state,
        }
    }

    /// Whether an operator ended it (`keys retire`) instead of another key replacing it: it stopped to verify at once.
    pub fn is_ended(&self) -> bool {
        matches!((self.expires, self.retired), (Some(expires), Some(retired)) if expires < retired)
    }

    /// The associated data of [`Self::encrypted_private_key`]: table, key and column.
    pub fn binding(kid: &str) -> [&str; 3] {
        ["signing_keys", kid, "encrypted_private_key"]
    }
}

/// A change of state of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningKeyChange {
    /// A published key is to sign from this time on.
    Schedule {
        /// Id of the key.
        kid: String,
        /// When it begins to sign.
        signs_from: UnixMillis,
    },
    /// A published key signs.
    Sign {
        /// Id of the key.
        kid: String,
    },
    /// A key signs no more and verifies until `expires`. Its private key is deleted.
    Retire {
        /// Id of the key.
        kid: String,
        /// Until when it verifies.
        expires: UnixMillis,
        /// The state that the decision assumes; `None`: any, when an operator retires the key.
        from: Option<SigningKeyState>,
    },
}
