//! What a provider publishes: its discovery document and its key set (SEC-19, SEC-21). Both are fetched here and kept by
//! `outgoing/`.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::call::{failed, place};
use super::expression::Scope;
use super::{Provider, ProviderError};
use crate::outgoing::{Missing, Request};

/// Most keys of one set that are looked at.
const MOST_KEYS: usize = 64;

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
    algorithm: Option<String>,
    pub decoding: DecodingKey,
}

impl Key {
    /// Only keys that may verify signatures; anything else in a set is passed over.
    fn read(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        // A curve is good for one algorithm, which the set need not say.
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => Some("ES256".to_owned()),
                EllipticCurve::P384 => Some("ES384".to_owned()),
                _ => return None,
            },
            AlgorithmParameters::RSA(_) | AlgorithmParameters::OctetKeyPair(_) => text("alg"),
            _ => return None,
        };
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: text("kid"), issuer: text("issuer"), algorithm, decoding })
    }

    /// A fixed key: PEM, or its base64 alone.
    pub fn from_pem(text: &str) -> Option<Self> {
        let pem = match text.contains("-----BEGIN") {
            true => text.to_owned(),
            false => format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", text.trim()),
        };
        let rsa = DecodingKey::from_rsa_pem(pem.as_bytes()).map(|key| (None, key));
        let ec = || DecodingKey::from_ec_pem(pem.as_bytes()).map(|key| (Some("ES256".to_owned()), key));
        let (algorithm, decoding) = rsa.or_else(|_| ec()).ok()?;
        Some(Self { id: None, issuer: None, algorithm, decoding })
    }

    /// SEC-19: the key's own type and algorithm must be those of the signature.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let named = self.algorithm.as_ref().is_none_or(|name| *name == format!("{algorithm:?}"));
        named && algorithm.family() != AlgorithmFamily::Hmac && self.decoding.family() == algorithm.family()
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

impl Provider {
    pub(super) async fn key_set(
        &self,
        scope: &Scope<'_>,
        deadline: Instant,
        newer: bool,
    ) -> Result<Arc<Vec<Key>>, ProviderError> {
        const STAGE: &str = "keys";
        let url = place(STAGE, self.override_of("JWKS_URI").unwrap_or(&self.verification.jwks_url), scope, &[])?;
        let fetch = async || keys(&self.document(STAGE, url, deadline).await?);
        self.keys.get(self.ambient.now(), newer, deadline, fetch).await.map_err(|error| missing(STAGE, error))
    }

    /// The discovery document, where this provider has need of one.
    pub(super) async fn discovery(&self, deadline: Instant) -> Result<Option<Arc<Discovery>>, ProviderError> {
        const STAGE: &str = "discovery";
        let Some(template) = self.discovery_url.as_ref().filter(|_| self.reads_discovery) else { return Ok(None) };
        let fetch = async || {
            let scope = self.scope_of_settings();
            let url = place(STAGE, template, &scope, &[])?;
            let issuer = match (self.values.text("ID_TOKEN_ISSUER"), &self.descriptor.discovery.issuer) {
                (Some(own), _) => Some(own.to_owned()),
                (None, Some(template)) => template.render(&scope)?,
                (None, None) => None,
            };
            Discovery::read(self.document(STAGE, url, deadline).await?, issuer.as_deref())
        };
        let found = self.published.get(self.ambient.now(), false, deadline, fetch).await;
        found.map(Some).map_err(|error| missing(STAGE, error))
    }

    async fn document(&self, stage: &'static str, url: Url, deadline: Instant) -> Result<Value, ProviderError> {
        let answer = self.send(stage, &Request::new(reqwest::Method::GET, url), deadline).await?;
        if !answer.is_success() {
            return Err(failed(stage, format!("status {}", answer.status)));
        }
        answer.json().map_err(|reason| failed(stage, reason))
    }
}

fn missing(stage: &'static str, missing: Missing<ProviderError>) -> ProviderError {
    match missing {
        Missing::Failed(error) => error,
        Missing::FailedBefore(reason) => failed(stage, reason),
        Missing::Timeout => ProviderError::Timeout { stage },
    }
}
