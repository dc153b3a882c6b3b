//! The content of what a provider publishes: a discovery document and the keys of a key set (SEC-19, SEC-21).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::error::{ProviderError, Stage};
use super::jws::{SignatureAlgorithm, VerifyingKey};
use crate::settings::{check_p256_public_key, check_rsa_public_key};

/// A discovery document with the expected issuer (SEC-21).
pub struct Discovery {
    pub members: Map<String, Value>,
}

impl Discovery {
    pub fn read(document: Value, issuer: Option<&str>) -> Result<Self, ProviderError> {
        let Value::Object(members) = document else {
            return Err(ProviderError::failed(Stage::Discovery, "the document is not an object"));
        };
        let named = members.get("issuer").and_then(Value::as_str).filter(|issuer| !issuer.is_empty());
        match (named, issuer) {
            (None, _) => Err(ProviderError::failed(Stage::Discovery, "the document has no issuer")),
            (Some(named), Some(issuer)) if named != issuer => {
                Err(ProviderError::failed(Stage::Discovery, "the document has another issuer"))
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
        let jwk: Jwk = serde_json::from_value(read_members(value)).ok()?;
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
    ///
    /// Errors: what is wrong with the key.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let pem = if text.contains("-----BEGIN") {
            text.to_owned()
        } else {
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", text.trim())
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

/// The members of a key that are read, without padding in their base64url, and without leading zeros in the numbers of an RSA key.
/// Other members, such as a certificate, say nothing about the key.
fn read_members(key: &Value) -> Value {
    const NAMES: [&str; 9] = ["kty", "use", "key_ops", "kid", "n", "e", "crv", "x", "y"];
    let members = NAMES.into_iter().filter_map(|name| {
        let value = match (name, key.get(name)?) {
            ("n" | "e", Value::String(number)) => {
                let bytes = URL_SAFE_NO_PAD.decode(number.trim_end_matches('=')).ok()?;
                let significant = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
                URL_SAFE_NO_PAD.encode(&bytes[significant..]).into()
            }
            ("x" | "y", Value::String(coordinate)) => coordinate.trim_end_matches('=').into(),
            // A name of another type names no key.
            ("kid", value) if !value.is_string() => return None,
            (_, value) => value.clone(),
        };
        Some((name.to_owned(), value))
    });
    Value::Object(members.collect())
}

/// RFC 7518, 3.3: 2048 bits or more.
fn is_large_enough(modulus: &str) -> bool {
    let modulus = URL_SAFE_NO_PAD.decode(modulus).unwrap_or_default();
    modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize) >= 2048
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

/// The usable keys of a set, which may be none: a provider withdraws its keys with an empty set. A single key may replace the set.
///
/// Errors: the document is neither.
pub fn parse_keys(document: &Value) -> Result<Vec<Key>, ProviderError> {
    match document.get("keys").and_then(Value::as_array) {
        Some(keys) => Ok(keys.iter().filter_map(Key::read).collect()),
        None if document.get("kty").is_some() => Ok(Key::read(document).into_iter().collect()),
        None => Err(ProviderError::failed(Stage::Keys, "the document is not a key set")),
    }
}
