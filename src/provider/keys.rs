//! The content of what a provider publishes: a discovery document and the keys of a key set (SEC-19, SEC-21).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::error::ProviderError;
use super::jws::{SignatureAlgorithm, VerifyingKey};
use crate::settings::{check_p256_public_key, check_rsa_public_key};

/// Most keys of one set that are looked at.
const MOST_KEYS: usize = 64;

/// A discovery document as published, checked for the issuer that was expected (SEC-21).
pub struct Discovery {
    pub members: Map<String, Value>,
}

impl Discovery {
    pub fn read(document: Value, issuer: Option<&str>) -> Result<Self, ProviderError> {
        let Value::Object(members) = document else {
            return Err(ProviderError::failed("discovery", "the document is no object"));
        };
        let named = members.get("issuer").and_then(Value::as_str).filter(|issuer| !issuer.is_empty());
        match (named, issuer) {
            (None, _) => Err(ProviderError::failed("discovery", "the document names no issuer")),
            (Some(named), Some(issuer)) if named != issuer => {
                Err(ProviderError::failed("discovery", "the document names another issuer"))
            }
            _ => Ok(Self { members }),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// The signature algorithms that the document lists for ID tokens, but for those that need the client secret or nothing.
    pub fn algorithms(&self) -> Vec<SignatureAlgorithm> {
        let listed = self.members.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
        let known = listed.into_iter().flatten().filter_map(|name| name.as_str()?.parse().ok());
        known.filter(|algorithm: &SignatureAlgorithm| !algorithm.is_shared()).collect()
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.members.get(name) == Some(&Value::Bool(true))
    }

    /// Whether the token endpoint takes basic authentication: listed, or nothing is.
    pub fn takes_basic(&self) -> bool {
        match self.members.get("token_endpoint_auth_methods_supported").and_then(Value::as_array) {
            Some(methods) if !methods.is_empty() => methods.iter().any(|method| method == "client_secret_basic"),
            _ => true,
        }
    }
}

/// A public key of a set, ready to verify with.
pub struct Key {
    pub id: Option<String>,
    /// Set only by Microsoft: the issuer that the key is good for.
    pub issuer: Option<String>,
    /// The only one that it is good for, where the set or the key itself says so.
    algorithm: Option<SignatureAlgorithm>,
    pub material: VerifyingKey,
}

impl Key {
    /// Only keys that may verify signatures; anything else in a set is passed over (SEC-19).
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
            // One for encryption, such as RSA-OAEP, or one that is not known.
            Some(name) => Some(name.as_str()?.parse().ok()?),
        };
        let standard = || DecodingKey::from_jwk(&jwk).ok().map(VerifyingKey::Standard);
        // A curve is good for one algorithm, which the set need not say.
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

    /// A fixed key: PEM, or its base64 alone. RSA of at least 2048 bits, or P-256.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let pem = match text.contains("-----BEGIN") {
            true => text.to_owned(),
            false => format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", text.trim()),
        };
        let (algorithm, key) = match DecodingKey::from_rsa_pem(pem.as_bytes()) {
            Ok(key) => (None, key),
            Err(_) => {
                let key = DecodingKey::from_ec_pem(pem.as_bytes());
                let key = key.map_err(|_| "must be a public key in PEM form, RSA or P-256")?;
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

    /// SEC-19: the key's own type and algorithm must be those of the signature.
    pub fn fits(&self, algorithm: SignatureAlgorithm) -> bool {
        let named = self.algorithm.is_none_or(|own| own == algorithm);
        named && !algorithm.is_shared() && self.material.is_for(algorithm)
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

/// The point in its uncompressed form; aws-lc-rs checks that it lies on the curve.
fn p521(x: &str, y: &str) -> Option<VerifyingKey> {
    const LEN: usize = 66;
    let mut point = vec![4];
    for coordinate in [x, y] {
        let bytes = URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|bytes| bytes.len() <= LEN)?;
        point.extend(std::iter::repeat_n(0, LEN - bytes.len()).chain(bytes));
    }
    Some(VerifyingKey::P521(point))
}

/// The keys of a set, or of a bare key in place of one.
pub fn keys(document: &Value) -> Result<Vec<Key>, ProviderError> {
    let keys: Vec<Key> = match document.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.iter().take(MOST_KEYS).filter_map(Key::read).collect(),
        None => Key::read(document).into_iter().collect(),
    };
    if keys.is_empty() { Err(ProviderError::failed("keys", "the set has no key that can be used")) } else { Ok(keys) }
}
