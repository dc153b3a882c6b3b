//! JSON Web Signature in its compact form (RFC 7515): the header of a token, the algorithms that are verified here, and one
//! signature. Claims are judged in `id_token.rs`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use super::error::ProviderError;
use crate::model::lenient;

/// Longest token that is read, in bytes.
const MAX_TOKEN_LEN: usize = 64 * 1024;
const MAX_KEY_ID_LEN: usize = 512;

/// The cached document that a failure may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    None,
    /// The key set; behind it the discovery document, which says where the key set is.
    Keys,
    Document,
}

/// Why a token is not accepted.
#[derive(Debug)]
pub struct Unverified {
    pub reason: Cow<'static, str>,
    pub cache: Cache,
}

impl Unverified {
    pub fn of(reason: &'static str) -> Self {
        Self { reason: reason.into(), cache: Cache::None }
    }

    pub fn because_of(reason: &'static str, cache: Cache) -> Self {
        Self { reason: reason.into(), cache }
    }

    pub fn at(self, stage: &'static str) -> ProviderError {
        ProviderError::failed(stage, self.reason)
    }
}

/// An algorithm that a token may be signed with. jsonwebtoken has no ES512.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    Standard(Algorithm),
    Es512,
}

impl SignatureAlgorithm {
    pub const RS256: Self = Self::Standard(Algorithm::RS256);

    /// Whether it is a MAC with the client secret.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Standard(algorithm) if algorithm.family() == AlgorithmFamily::Hmac)
    }

    /// The digest of its name, which `at_hash` uses too (OpenID Connect Core 3.1.3.6).
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
            // RFC 9864 names the curve.
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
        name.parse().map_err(|()| serde::de::Error::custom(format!("`{name}` is no algorithm")))
    }
}

/// What verifies a signature.
pub enum VerifyingKey {
    Standard(DecodingKey),
    /// An uncompressed point on P-521.
    P521(Vec<u8>),
}

impl VerifyingKey {
    pub fn of_secret(secret: &str) -> Self {
        Self::Standard(DecodingKey::from_secret(secret.as_bytes()))
    }

    /// Whether the key's type is the algorithm's.
    pub fn is_for(&self, algorithm: SignatureAlgorithm) -> bool {
        match (self, algorithm) {
            (Self::Standard(key), SignatureAlgorithm::Standard(algorithm)) => key.family() == algorithm.family(),
            (Self::P521(_), SignatureAlgorithm::Es512) => true,
            _ => false,
        }
    }
}

/// A token in its parts. Nothing of it is verified yet.
pub struct Token<'t> {
    pub algorithm: SignatureAlgorithm,
    pub key_id: Option<String>,
    /// `typ`: what kind of object this is.
    pub media_type: Option<Value>,
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Token<'t> {
    /// `algorithms`: those that are allowed; the header never adds to them (SEC-18).
    pub fn parse(token: &'t str, algorithms: &[SignatureAlgorithm]) -> Result<Self, Unverified> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(Unverified::of("it is longer than 64 KiB"));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let (header, payload, signature) = match parts[..] {
            [header, payload, signature] => (header, payload, signature),
            [_, _, _, _, _] => return Err(Unverified::of("it is encrypted: turn encryption off at the provider")),
            _ => return Err(Unverified::of("it is not a JWT")),
        };
        let members = object(header).ok_or_else(|| Unverified::of("its header is not a JSON object"))?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let algorithm = text("alg").and_then(|name| name.parse().ok());
        let algorithm: SignatureAlgorithm =
            algorithm.ok_or_else(|| Unverified::of("its algorithm is none that is known"))?;
        if !algorithms.contains(&algorithm) {
            let reason = format!("it is signed with {algorithm}, which is not allowed: see JWT_ALGORITHMS");
            return Err(Unverified { reason: reason.into(), cache: Cache::Document });
        }
        if ["crit", "b64", "enc", "zip"].into_iter().any(|name| members.contains_key(name)) {
            return Err(Unverified::of("its header has an extension that is not known"));
        }
        let key_id = text("kid").filter(|kid| !kid.is_empty());
        if key_id.is_some_and(|kid| kid.len() > MAX_KEY_ID_LEN) {
            return Err(Unverified::of("its key id is too long"));
        }
        let signed = &token[..header.len() + 1 + payload.len()];
        let media_type = members.get("typ").cloned();
        Ok(Self { algorithm, key_id: key_id.map(str::to_owned), media_type, signed, payload, signature })
    }

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

    /// Unverified until [`Self::is_signed_by`] is true.
    pub fn claims(&self) -> Result<Map<String, Value>, Unverified> {
        object(self.payload).ok_or_else(|| Unverified::of("its claims are not a JSON object"))
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match lenient::json(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
