//! The content of what a provider publishes: a discovery document and the keys of a key set (SEC-19, SEC-21).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::error::ProviderError;
use super::jws::{SignatureAlgorithm, VerifyingKey};
use crate::settings::{check_p256_public_key, check_rsa_public_key};

/// Further keys of a set are ignored.
const MAX_KEYS: usize = 64;

/// A discovery document with the expected issuer (SEC-21).
pub struct Discovery {
    pub members: Map<String, Value>,
}

impl Discovery {
    pub fn read(document: Value, issuer: Option<&str>) -> Result<Self, ProviderError> {
        let Value::Object(members) = document else {
            return Err(ProviderError::failed("discovery", "the document is not an object"));
        };
        let named = members.get("issuer").and_then(Value::as_str).filter(|issuer| !issuer.is_empty());
        match (named, issuer) {
            (None, _) => Err(ProviderError::failed("discovery", "the document has no issuer")),
            (Some(named), Some(issuer)) if named != issuer => {
                Err(ProviderError::failed("discovery", "the document has another issuer"))
            }
            _ => Ok(Self { members }),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// The signature algorithms for ID tokens, without `none` and those that use the client secret.
    pub fn algorithms(&self) -> Vec<SignatureAlgorithm> {
        let listed = self.members.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
        let known = listed.into_iter().flatten().filter_map(|name| name.as_str()?.parse().ok());
        known.filter(|algorithm: &SignatureAlgorithm| !algorithm.is_symmetric()).collect()
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.members.get(name) == Some(&Value::Bool(true))
    }

    /// Whether the token endpoint supports HTTP Basic, which is the default.
    pub fn supports_basic(&self) -> bool {
        match self.members.get("token_endpoint_auth_methods_supported").and_then(Value::as_array) {
            Some(methods) if !methods.is_empty() => methods.iter().any(|method| method == "client_secret_basic"),
            _ => true,
        }
    }
}

/// A public key.
pub struct Key {
    pub id: Option<String>,
    /// The issuer whose tokens the key verifies. Only Microsoft sets it.
    pub issuer: Option<String>,
    /// The only algorithm of the key, if the set or the type of the key says so.
    algorithm: Option<SignatureAlgorithm>,
    pub material: VerifyingKey,
}

impl Key {
    /// `None`: the key must not or cannot verify signatures (SEC-19).
    fn read(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        // RFC 7517, 4.3.
        if jwk.common.key_operations.as_ref().is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
            return None;
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let named: Option<SignatureAlgorithm> = match value.get("alg") {
            None | Some(Value::Null) => None,
            // An algorithm for encryption, such as RSA-OAEP, or an unknown one.
            Some(name) => Some(name.as_str()?.parse().ok()?),
        };
        let standard = || DecodingKey::from_jwk(&jwk).ok().map(VerifyingKey::Standard);
        // Each curve has one algorithm, which `alg` may omit.
        let (own, material) = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => (Some(SignatureAlgorithm::Standard(Algorithm::ES256)), standard()?),
                EllipticCurve::P384 => (Some(SignatureAlgorithm::Standard(Algorithm::ES384)), standard()?),
                EllipticCurve::P521 => (Some(SignatureAlgorithm::Es512), p521(&key.x, &key.y)?),
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(_) => (Some(SignatureAlgorithm::Standard(Algorithm::EdDSA)), standard()?),
            AlgorithmParameters::RSA(key) if is_large_enough(&key.n) => (None, standard()?),
            _ => return None,
        };
        if own.is_some() && named.is_some() && own != named {
            return None;
        }
        Some(Self { id: text("kid"), issuer: text("issuer"), algorithm: own.or(named), material })
    }

    /// Reads a fixed key in PEM or as its base64: RSA with at least 2048 bits, or P-256.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let pem = match text.contains("-----BEGIN") {
            true => text.to_owned(),
            false => format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", text.trim()),
        };
        let (algorithm, key) = match DecodingKey::from_rsa_pem(pem.as_bytes()) {
            Ok(key) => (None, key),
            Err(_) => {
                let key = DecodingKey::from_ec_pem(pem.as_bytes());
                let key = key.map_err(|_| "must be a public key in PEM format, RSA or P-256")?;
                (Some(SignatureAlgorithm::Standard(Algorithm::ES256)), key)
            }
        };
        let bytes = key.try_get_as_bytes().unwrap_or_default();
        if algorithm.is_none() {
            check_rsa_public_key(bytes)?;
        } else {
            check_p256_public_key(bytes)?;
        }
        Ok(Self { id: None, issuer: None, algorithm, material: VerifyingKey::Standard(key) })
    }

    /// Whether type and algorithm of the key are those of the signature (SEC-19).
    pub fn is_for(&self, algorithm: SignatureAlgorithm) -> bool {
        let named = self.algorithm.is_none_or(|own| own == algorithm);
        named && !algorithm.is_symmetric() && self.material.is_for(algorithm)
    }
}

/// RFC 7518, 3.3: 2048 bits or more.
fn is_large_enough(modulus: &str) -> bool {
    let modulus = URL_SAFE_NO_PAD.decode(modulus).unwrap_or_default();
    let significant = modulus.iter().skip_while(|byte| **byte == 0);
    let bits =
        significant.clone().count() * 8 - significant.clone().next().map_or(0, |first| first.leading_zeros() as usize);
    bits >= 2048
}

/// The point in uncompressed form. aws-lc-rs checks that it is on the curve.
fn p521(x: &str, y: &str) -> Option<VerifyingKey> {
    const LEN: usize = 66;
    let mut point = vec![4];
    for coordinate in [x, y] {
        let bytes = URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|bytes| bytes.len() <= LEN)?;
        point.extend(std::iter::repeat_n(0, LEN - bytes.len()).chain(bytes));
    }
    Some(VerifyingKey::P521(point))
}

/// The keys of a set. A single key may replace the set.
pub fn parse_keys(document: &Value) -> Result<Vec<Key>, ProviderError> {
    let keys: Vec<Key> = match document.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.iter().take(MAX_KEYS).filter_map(Key::read).collect(),
        None => Key::read(document).into_iter().collect(),
    };
    if keys.is_empty() { Err(ProviderError::failed("keys", "the set has no usable key")) } else { Ok(keys) }
}
