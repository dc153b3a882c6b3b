//! Signs ID tokens as a provider does and as an attacker would.

use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The provider's key, under this id in its key set.
pub const KEY_ID: &str = "key-of-the-test";

static PROVIDERS_KEY: LazyLock<KeyPair> = LazyLock::new(|| rsa_key("provider"));

/// An RSA key of the tests. It is kept in a file: to generate one takes a second in a debug build, and each test has a process.
fn rsa_key(name: &str) -> KeyPair {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}.pk8"));
    if let Ok(kept) = std::fs::read(&path) {
        return KeyPair::from_pkcs8(&kept).expect("a key that another test wrote");
    }
    let key = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    // Renamed when complete: other tests may read it at any time.
    let mut file = tempfile::NamedTempFile::new_in(folder).expect("a temporary file");
    file.write_all(AsDer::<Pkcs8V1Der>::as_der(&key).expect("an encoded key").as_ref()).expect("a written key");
    file.persist(path).expect("a renamed file");
    key
}

/// The key set that the provider publishes.
pub fn jwks() -> Value {
    json!({"keys": [jwk(&PROVIDERS_KEY, KEY_ID)]})
}

fn jwk(key: &KeyPair, key_id: &str) -> Value {
    let public = key.public_key();
    let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let modulus = text(public.modulus().big_endian_without_leading_zero());
    let exponent = text(public.exponent().big_endian_without_leading_zero());
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id, "n": modulus, "e": exponent})
}

/// The key of a provider after a key rotation.
pub fn second_key() -> &'static KeyPair {
    static KEY: LazyLock<KeyPair> = LazyLock::new(|| rsa_key("second"));
    &KEY
}

/// The key set with [`second_key`] alone, under this id.
pub fn second_jwks(key_id: &str) -> Value {
    json!({"keys": [jwk(second_key(), key_id)]})
}

/// RS256 by [`second_key`].
pub fn signed_by_second(key_id: &str, claims: &Value) -> String {
    rs256(second_key(), &json!({"alg": "RS256", "typ": "JWT", "kid": key_id}), claims)
}

/// A public key (JWK) and a token signed with `name`: `ES256`, `ES512` or `EdDSA`.
pub fn other_algorithm(name: &str, claims: &Value) -> (Value, String) {
    let message = message(&json!({"alg": name, "typ": "JWT"}), claims);
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (jwk, signature) = match name {
        "EdDSA" => {
            let key = Ed25519KeyPair::generate().expect("a key");
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref())});
            (jwk, text(key.sign(message.as_bytes()).as_ref()))
        }
        name => {
            let (algorithm, curve) = match name {
                "ES256" => (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
                _ => (&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
            };
            let key = EcdsaKeyPair::generate(algorithm).expect("a key");
            let point = &key.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let jwk = json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)});
            let signature = key.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
            (jwk, text(signature.as_ref()))
        }
    };
    (jwk, format!("{message}.{signature}"))
}

/// RS256 by the provider's key.
pub fn signed(claims: &Value) -> String {
    signed_with_header(&json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}), claims)
}

/// The signature is always RS256 by the provider's key, whatever `alg` the header has.
pub fn signed_with_header(header: &Value, claims: &Value) -> String {
    rs256(&PROVIDERS_KEY, header, claims)
}

/// Signed with a key that no provider publishes.
pub fn forged(claims: &Value) -> String {
    rs256(&rsa_key("forger"), &json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}), claims)
}

/// `alg: none`.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", message(&json!({"alg": "none", "typ": "JWT"}), claims))
}

/// HS256 with a secret of the attacker's choice, such as the provider's public key.
pub fn hs256(secret: &[u8], claims: &Value) -> String {
    let message = message(&json!({"alg": "HS256", "typ": "JWT", "kid": KEY_ID}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// The public key as DER.
pub fn public_key() -> Vec<u8> {
    PROVIDERS_KEY.public_key().as_ref().to_vec()
}

/// The public key as an operator copies it from the provider: the base64 of a PEM file without header and footer.
pub fn public_key_for_settings() -> String {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use base64::engine::general_purpose::STANDARD;
    let der: PublicKeyX509Der = PROVIDERS_KEY.public_key().as_der().expect("a key");
    STANDARD.encode(der.as_ref())
}

/// A private key of the client for ES256, in PEM.
pub fn client_key() -> String {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem()
}

/// The at_hash of an access token (OpenID Connect Core, section 3.1.3.6).
pub fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, access_token.as_bytes()).as_ref()[..16])
}

fn rs256(key: &KeyPair, header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The PKCE challenge of a verifier (RFC 7636, 4.2).
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}
