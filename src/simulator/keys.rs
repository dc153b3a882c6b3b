//! The keys of the simulator: those that sign ID tokens, which it publishes where the providers publish theirs, and the key of clients
//! that authenticate with a signed assertion. They are generated at the first use.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Map, Value};

struct SigningKey {
    key: EncodingKey,
    kid: &'static str,
    algorithm: Algorithm,
    public_pem: String,
}

impl SigningKey {
    fn new(pair: &KeyPair, kid: &'static str, algorithm: Algorithm) -> Self {
        let der = pair.serialize_der();
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(&der),
            _ => EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("an RSA key in PKCS#8"),
        };
        Self { key, kid, algorithm, public_pem: pair.public_key_pem() }
    }

    fn public(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a private key has a public half");
        jwk.common.key_id = Some(self.kid.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk
    }
}

/// The keys.
#[derive(Default)]
pub struct Keys {
    rsa: OnceLock<SigningKey>,
    ec: OnceLock<SigningKey>,
    client: OnceLock<KeyPair>,
}

impl Keys {
    fn rsa(&self) -> &SigningKey {
        self.rsa.get_or_init(|| {
            let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
            SigningKey::new(&pair.expect("the generator makes RSA keys"), "simulator-rsa", Algorithm::RS256)
        })
    }

    fn ec(&self) -> &SigningKey {
        self.ec.get_or_init(|| {
            let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
            SigningKey::new(&pair.expect("the generator makes P-256 keys"), "simulator-ec", Algorithm::ES256)
        })
    }

    fn client(&self) -> &KeyPair {
        self.client.get_or_init(|| {
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("the generator makes P-256 keys")
        })
    }

    /// The key set that the providers publish.
    pub fn published(&self) -> String {
        let keys = JwkSet { keys: vec![self.rsa().public(), self.ec().public()] };
        serde_json::to_string(&keys).unwrap_or_default()
    }

    /// The public key of ID tokens, for providers that publish none: base64 as in the settings.
    pub fn public_key(&self) -> String {
        let pem = &self.ec().public_pem;
        pem.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    /// The private key of clients that sign an assertion, as PEM.
    pub fn client_key(&self) -> String {
        self.client().serialize_pem()
    }

    /// Whether a client signed this assertion with its key (ES256).
    pub fn is_signed_by_client(&self, assertion: &str) -> bool {
        let Ok(key) = jsonwebtoken::DecodingKey::from_ec_pem(self.client().public_key_pem().as_bytes()) else {
            return false;
        };
        let mut validation = jsonwebtoken::Validation::new(Algorithm::ES256);
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<Map<String, Value>>(assertion, &key, &validation).is_ok()
    }

    /// A signed token. `algorithms`: those that the provider's descriptor lists.
    pub fn sign(&self, claims: &Map<String, Value>, algorithms: &[String]) -> String {
        let uses_ec = algorithms.iter().any(|name| name == "ES256" || name == "{ALGORITHM}")
            && !algorithms.iter().any(|name| name == "RS256");
        let key = if uses_ec { self.ec() } else { self.rsa() };
        let mut header = Header::new(key.algorithm);
        header.kid = Some(key.kid.to_owned());
        jsonwebtoken::encode(&header, claims, &key.key).expect("the key fits its algorithm")
    }

    /// A token that is signed with the secret of the client (HS256).
    pub fn sign_with_secret(claims: &Map<String, Value>, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).expect("any secret is a key")
    }
}

/// Base64 of a client ID and secret for HTTP Basic, or of another text.
pub fn base64(text: &str) -> String {
    STANDARD.encode(text)
}
