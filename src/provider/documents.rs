//! What a provider publishes, kept for a day: its discovery document and its key set (SEC-19, SEC-21, SEC-39).
//!
//! One fetch at a time however many logins wait for it; a kept one is served on when a fetch fails.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::ProviderError;
use super::call::failed;
use crate::clock::UnixMillis;

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a fetch is not repeated: after a failure that a kept document covers, or for the sake of an unknown key.
const PAUSE: Duration = Duration::from_secs(60);
/// Most keys of one set that are looked at.
const MOST_KEYS: usize = 64;

pub struct Cached<T> {
    kept: Mutex<Option<Kept<T>>>,
    flight: tokio::sync::Mutex<Option<Tried>>,
    /// Fetches so far.
    rounds: AtomicU64,
}

struct Kept<T> {
    value: Arc<T>,
    fetched: UnixMillis,
}

/// The last fetch, and why it failed if it did.
struct Tried {
    at: UnixMillis,
    failure: Option<String>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { kept: Mutex::default(), flight: tokio::sync::Mutex::default(), rounds: AtomicU64::default() }
    }
}

impl<T> Cached<T> {
    fn kept(&self, now: UnixMillis, lifetime: Duration) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| now < kept.fetched.plus(lifetime)).map(|kept| kept.value.clone())
    }

    /// What is kept, however old.
    pub fn any(&self) -> Option<Arc<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|kept| kept.value.clone())
    }

    /// The kept value, or a fresh one. `newer`: only one fetched within the last minute will do.
    pub async fn get<F>(
        &self,
        stage: &'static str,
        now: UnixMillis,
        newer: bool,
        deadline: Instant,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let lifetime = if newer { PAUSE } else { LIFETIME };
        if let Some(value) = self.kept(now, lifetime) {
            return Ok(value);
        }
        let round = self.rounds.load(Ordering::Acquire);
        let locked = tokio::time::timeout_at(deadline, self.flight.lock()).await;
        let mut tried = locked.map_err(|_| ProviderError::Timeout { stage })?;
        if let Some(value) = self.kept(now, lifetime) {
            return Ok(value);
        }
        if let Some(last) = &*tried {
            // A kept document covers a failure for a minute; who waited for a fetch that failed shares its failure.
            match (self.any(), &last.failure) {
                (Some(stale), _) if now < last.at.plus(PAUSE) => return Ok(stale),
                (None, Some(failure)) if self.rounds.load(Ordering::Acquire) != round => {
                    return Err(failed(stage, failure.clone()));
                }
                _ => {}
            }
        }
        let fetched = fetch().await;
        self.rounds.fetch_add(1, Ordering::Release);
        *tried = Some(Tried { at: now, failure: fetched.as_ref().err().map(ToString::to_string) });
        match fetched {
            Ok(value) => {
                let value = Arc::new(value);
                let kept = Kept { value: value.clone(), fetched: now };
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                Ok(value)
            }
            Err(error) => self.any().ok_or(error),
        }
    }
}

/// A discovery document as published, checked for the issuer that was expected (SEC-21).
pub struct Discovery {
    pub members: Map<String, Value>,
}

impl Discovery {
    pub fn read(document: Value, issuer: Option<&str>) -> Result<Self, ProviderError> {
        let Value::Object(members) = document else { return Err(failed("discovery", "the document is no object")) };
        let named = members.get("issuer").and_then(Value::as_str).filter(|issuer| !issuer.is_empty());
        match (named, issuer) {
            (None, _) => Err(failed("discovery", "the document names no issuer")),
            (Some(named), Some(issuer)) if named != issuer => {
                Err(failed("discovery", "the document names another issuer"))
            }
            _ => Ok(Self { members }),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
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
    algorithm: Option<String>,
    kind: Kind,
    pub decoding: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    /// Only keys that may verify signatures; anything else in a set is passed over.
    fn read(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let kind = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Kind::Rsa,
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                jsonwebtoken::jwk::EllipticCurve::P256 => Kind::P256,
                jsonwebtoken::jwk::EllipticCurve::P384 => Kind::P384,
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(_) => Kind::Ed25519,
            _ => return None,
        };
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: text("kid"), issuer: text("issuer"), algorithm: text("alg"), kind, decoding })
    }

    /// A fixed key: PEM, or its base64 alone.
    pub fn from_pem(text: &str) -> Option<Self> {
        let pem = if text.contains("-----BEGIN") {
            text.to_owned()
        } else {
            let body: String = text.split_whitespace().collect();
            let lines: Vec<&str> =
                body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
        };
        let rsa = DecodingKey::from_rsa_pem(pem.as_bytes()).map(|key| (Kind::Rsa, key));
        let ec = || DecodingKey::from_ec_pem(pem.as_bytes()).map(|key| (Kind::P256, key));
        let (kind, decoding) = rsa.or_else(|_| ec()).ok()?;
        Some(Self { id: None, issuer: None, algorithm: None, kind, decoding })
    }

    /// SEC-19: the key's own type and algorithm must be those of the signature.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::ES256 => Kind::P256,
            Algorithm::ES384 => Kind::P384,
            Algorithm::EdDSA => Kind::Ed25519,
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return false,
            _ => Kind::Rsa,
        };
        self.kind == kind && self.algorithm.as_ref().is_none_or(|name| *name == format!("{algorithm:?}"))
    }
}

/// The keys of a set, or of a bare key in place of one.
pub fn keys(document: &Value) -> Result<Vec<Key>, ProviderError> {
    let keys: Vec<Key> = match document.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.iter().take(MOST_KEYS).filter_map(Key::read).collect(),
        None => Key::read(document).into_iter().collect(),
    };
    if keys.is_empty() { Err(failed("keys", "the set has no key that can be used")) } else { Ok(keys) }
}
