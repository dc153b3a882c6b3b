//! JSON Web Signatures in compact form (RFC 7515): headers, algorithms and signatures. `id_token.rs` checks the claims.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use super::error::{ProviderError, Stage};
use crate::model::lenient;

/// In bytes.
const MAX_TOKEN_LEN: usize = 64 * 1024;
const MAX_KEY_ID_LEN: usize = 512;

/// The cached document that may be outdated when a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspectDocument {
    None,
    /// The key set, or the discovery document with its URL.
    KeySet,
    Discovery,
}

/// Why a token is refused.
#[derive(Debug)]
pub struct TokenError {
    pub reason: Cow<'static, str>,
    pub suspect: SuspectDocument,
}

impl TokenError {
    pub fn new(reason: &'static str) -> Self {
        Self { reason: reason.into(), suspect: SuspectDocument::None }
    }

    /// An error that a newer document may resolve.
    pub fn with_suspect(reason: &'static str, suspect: SuspectDocument) -> Self {
        Self { reason: reason.into(), suspect }
    }

    /// As an error of the provider.
    pub fn at(self, stage: Stage) -> ProviderError {
        ProviderError::failed(stage, self.reason)
    }
}

/// A supported signature algorithm. jsonwebtoken does not support ES512.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// An algorithm of jsonwebtoken.
    Standard(Algorithm),
    /// ECDSA with P-521 and SHA-512.
    Es512,
}

impl SignatureAlgorithm {
    /// The default of OpenID Connect Core 2.
    pub const RS256: Self = Self::Standard(Algorithm::RS256);

    /// Whether it is an HMAC with the client secret.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Standard(algorithm) if algorithm.family() == AlgorithmFamily::Hmac)
    }

    /// Its digest, which `at_hash` uses, too (OpenID Connect Core 3.1.3.6).
    pub fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Standard(Algorithm::HS256 | Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256) => {
                &digest::SHA256
            }
            Self::Standard(Algorithm::HS384 | Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384) => {
                &digest::SHA384
            }
            _ => &digest::SHA512,
        }
    }
}

impl FromStr for SignatureAlgorithm {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "ES512" => Ok(Self::Es512),
            // The name of RFC 9864.
            "Ed25519" => Ok(Self::Standard(Algorithm::EdDSA)),
            name => Algorithm::from_str(name).map(Self::Standard).map_err(|_| ()),
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(algorithm) => write!(f, "{algorithm:?}"),
            Self::Es512 => f.write_str("ES512"),
        }
    }
}

impl fmt::Debug for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> serde::Deserialize<'de> for SignatureAlgorithm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|()| serde::de::Error::custom(format!("`{name}` is not a supported algorithm")))
    }
}

/// A key that verifies a signature.
pub enum VerifyingKey {
    Standard(DecodingKey),
    /// An uncompressed point on P-521.
    P521(Vec<u8>),
}

impl VerifyingKey {
    /// The client secret, for HMAC.
    /// `None`: the secret is empty, so anyone could sign with it.
    pub fn of_secret(secret: &str) -> Option<Self> {
        (!secret.is_empty()).then(|| Self::Standard(DecodingKey::from_secret(secret.as_bytes())))
    }

    /// Whether the type of the key is that of the algorithm.
    pub fn is_for(&self, algorithm: SignatureAlgorithm) -> bool {
        match (self, algorithm) {
            (Self::Standard(key), SignatureAlgorithm::Standard(algorithm)) => key.family() == algorithm.family(),
            (Self::P521(_), SignatureAlgorithm::Es512) => true,
            _ => false,
        }
    }
}

/// The parts of a token that is not verified yet.
pub struct SignedToken<'t> {
    pub algorithm: SignatureAlgorithm,
    pub key_id: Option<String>,
    /// `typ`: the kind of token.
    pub media_type: Option<Value>,
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> SignedToken<'t> {
    /// `algorithms`: the allowed ones; the header never adds one (SEC-18).
    ///
    /// Errors: not a signed JWT, an algorithm that is not allowed, an unknown header extension.
    pub fn parse(token: &'t str, algorithms: &[SignatureAlgorithm]) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::new("it is longer than 64 KiB"));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let (header, payload, signature) = match parts[..] {
            [header, payload, signature] => (header, payload, signature),
            [_, _, _, _, _] => return Err(TokenError::new("it is encrypted; turn encryption off at the provider")),
            _ => return Err(TokenError::new("it is not a JWT")),
        };
        let members = object(header).ok_or_else(|| TokenError::new("its header is not a JSON object"))?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let algorithm = text("alg").and_then(|name| name.parse().ok());
        let algorithm: SignatureAlgorithm =
            algorithm.ok_or_else(|| TokenError::new("its algorithm is not supported"))?;
        if !algorithms.contains(&algorithm) {
            let reason = format!("it is signed with {algorithm}, which is not allowed; see JWT_ALGORITHMS");
            return Err(TokenError { reason: reason.into(), suspect: SuspectDocument::Discovery });
        }
        if ["crit", "b64", "enc", "zip"].into_iter().any(|name| members.contains_key(name)) {
            return Err(TokenError::new("its header has an unknown extension"));
        }
        // RFC 7515, 4.1.4.
        if members.get("kid").is_some_and(|kid| !kid.is_string() && !kid.is_null()) {
            return Err(TokenError::new("its key ID is not a text"));
        }
        let key_id = text("kid").filter(|kid| !kid.is_empty());
        if key_id.is_some_and(|kid| kid.len() > MAX_KEY_ID_LEN) {
            return Err(TokenError::new("its key ID is too long"));
        }
        let signed = &token[..header.len() + 1 + payload.len()];
        let media_type = members.get("typ").cloned();
        Ok(Self { algorithm, key_id: key_id.map(str::to_owned), media_type, signed, payload, signature })
    }

    /// Whether the key verifies the signature.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let message = self.signed.as_bytes();
        match (key, self.algorithm) {
            (VerifyingKey::Standard(key), SignatureAlgorithm::Standard(algorithm)) => {
                jsonwebtoken::crypto::verify(self.signature, message, key, algorithm).unwrap_or(false)
            }
            (VerifyingKey::P521(point), SignatureAlgorithm::Es512) => {
                let signature = URL_SAFE_NO_PAD.decode(self.signature).unwrap_or_default();
                UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).verify(message, &signature).is_ok()
            }
            _ => false,
        }
    }

    /// The claims, which must not be used unless [`Self::is_signed_by`] is true. Errors: they are no JSON object.
    pub fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        object(self.payload).ok_or_else(|| TokenError::new("its claims are not a JSON object"))
    }

    /// Whether `sub` is an integer that 64 bits cannot hold, which [`Self::claims`] returns as a text.
    pub fn has_big_integer_as_subject(&self) -> bool {
        let members =
            URL_SAFE_NO_PAD.decode(self.payload).ok().and_then(|json| lenient::json_without_big_integers(&json).ok());
        members.is_some_and(|members| members.get("sub").is_some_and(|subject| !subject.is_string()))
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match lenient::json(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
