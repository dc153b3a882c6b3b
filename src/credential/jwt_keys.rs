//! The keys of JWTs: those of the settings, parsed at start, and those read from the database.
//!
//! A key of the settings that does not match the algorithm, is too weak, or is not the other half of the pair is a configuration
//! error (RFC 7518, 3.3 and 3.4). Each key has one algorithm, and a token is verified with that of its key (SEC-29).

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::json;
use tokio::sync::watch;

use super::jwt::TokenType;
use crate::clock::UnixMillis;
use crate::model::{SigningKey, SigningKeyState};
use crate::secrets::{ExposeSecret as _, SecretString};
use crate::settings::{JwtAlgorithm, JwtRules, SettingError, check_p256_public_key, check_rsa_public_key};

const SIGNING_KEY: &str = "SIMPLE_JWT_SIGNING_KEY";

/// A key that verifies tokens.
pub(super) struct VerifyingKey {
    /// `None` for `HS*`.
    pub kid: Option<String>,
    pub decoding: DecodingKey,
    /// Accepts the algorithm of the key only; times and parties are checked by [`super::jwt::Jwts::verify`].
    pub validation: Validation,
    /// When it stops to verify; `None`: not planned.
    pub expires: Option<UnixMillis>,
    /// The public key; `None` for `HS*`.
    jwk: Option<Jwk>,
}

impl VerifyingKey {
    fn new(algorithm: JwtAlgorithm, decoding: DecodingKey, jwk: Option<Jwk>, expires: Option<UnixMillis>) -> Self {
        let mut validation = Validation::new(algorithm_of(algorithm));
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let kid = jwk.as_ref().and_then(|jwk| jwk.common.key_id.clone());
        Self { kid, decoding, validation, expires, jwk }
    }

    /// A public key with its thumbprint as `kid`.
    fn public(
        algorithm: JwtAlgorithm,
        decoding: DecodingKey,
        expires: Option<UnixMillis>,
    ) -> jsonwebtoken::errors::Result<Self> {
        let mut jwk = Jwk::from_decoding_key(&decoding, Some(algorithm_of(algorithm)))?;
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256)?);
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self::new(algorithm, decoding, Some(jwk), expires))
    }

    pub fn is_valid_at(&self, now: UnixMillis) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// A key that signs tokens.
pub(super) struct Signer {
    pub algorithm: Algorithm,
    pub encoding: EncodingKey,
    kid: Option<String>,
    /// Encoded headers of access, refresh and sliding tokens.
    pub headers: [String; 3],
}

impl Signer {
    fn new(algorithm: JwtAlgorithm, encoding: EncodingKey, kid: Option<String>) -> Self {
        let header = |token_type| URL_SAFE_NO_PAD.encode(header(algorithm, token_type, kid.as_deref()));
        let headers = TokenType::ALL.map(header);
        Self { algorithm: algorithm_of(algorithm), encoding, kid, headers }
    }
}

/// The header of a token. That of `HS*` is simplejwt's.
fn header(algorithm: JwtAlgorithm, token_type: TokenType, kid: Option<&str>) -> String {
    let header = match kid {
        None => json!({"alg": algorithm.to_string(), "typ": "JWT"}),
        Some(kid) => json!({"alg": algorithm.to_string(), "typ": media_type(token_type), "kid": kid}),
    };
    header.to_string()
}

/// `typ` of a token with an asymmetric algorithm: that of RFC 9068, 2.1, and of the same form for the other types.
pub(super) fn media_type(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::Access => "at+jwt",
        TokenType::Refresh => "refresh+jwt",
        TokenType::Sliding => "sliding+jwt",
    }
}

fn algorithm_of(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::HS384 => Algorithm::HS384,
        JwtAlgorithm::HS512 => Algorithm::HS512,
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

/// The keys that are used at one time.
#[derive(Clone, Default)]
pub(super) struct KeySet {
    /// `None`: the keys have not been read yet.
    pub signer: Option<Arc<Signer>>,
    /// Those of the settings first.
    pub verifying: Vec<Arc<VerifyingKey>>,
}

impl KeySet {
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.verifying.iter().find(|key| key.kid.as_deref() == Some(kid)).map(Arc::as_ref)
    }

    /// The public keys (RFC 7517, 5).
    pub fn document(&self) -> String {
        let keys: Vec<&Jwk> = self.verifying.iter().filter_map(|key| key.jwk.as_ref()).collect();
        json!({"keys": keys}).to_string()
    }

    /// The algorithms of the public keys, each once.
    pub fn algorithms(&self) -> Vec<String> {
        let mut names: Vec<String> = self.public_keys().map(|(_, algorithm)| algorithm).collect();
        names.sort();
        names.dedup();
        names
    }

    /// `kid` and `alg` of the public keys.
    pub fn public_keys(&self) -> impl Iterator<Item = (&str, String)> {
        self.verifying.iter().filter_map(|key| {
            let jwk = key.jwk.as_ref()?;
            let algorithm = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string());
            Some((key.kid.as_deref()?, algorithm.unwrap_or_default()))
        })
    }

    /// The `kid` of the key that signs.
    pub fn signing_kid(&self) -> Option<&str> {
        self.signer.as_ref()?.kid.as_deref()
    }
}

/// All keys. Those of the database may be replaced at any time; a reader has one set for the whole of its work.
pub(super) struct JwtKeys {
    pub configured: KeySet,
    /// Whether SIMPLE_JWT_VERIFYING_KEY lists public keys. They verify until an operator ends them, whatever the state of their rows is.
    has_listed_keys: bool,
    current: watch::Sender<Arc<KeySet>>,
}

impl JwtKeys {
    /// Errors: the setting of a key that cannot be used.
    pub fn new(rules: &JwtRules) -> Result<Self, SettingError> {
        let configured = parse(rules)?;
        let has_listed_keys = rules.verifying_key.is_some();
        Ok(Self { current: watch::Sender::new(Arc::new(configured.clone())), has_listed_keys, configured })
    }

    pub fn current(&self) -> Arc<KeySet> {
        self.current.borrow().clone()
    }

    /// Replaces the stored keys. Left out are removed ones, and those that cannot be read. `signing`: `kid` and private key of the
    /// one that signs; without it, or if it cannot be read, the former one stays for requests that were admitted before.
    ///
    /// Returns the ids of the keys that cannot be read.
    pub fn replace_stored(
        &self,
        keys: &[SigningKey],
        signing: Option<(&str, &SecretString)>,
        now: UnixMillis,
    ) -> Vec<String> {
        let (mut set, mut unreadable) = (KeySet::default(), Vec::new());
        let row_of = |known: &VerifyingKey| keys.iter().find(|key| known.kid.as_ref() == Some(&key.kid));
        // The state of SIMPLE_JWT_SIGNING_KEY is that of its row.
        let is_used =
            |known: &&Arc<VerifyingKey>| row_of(known).is_none_or(|row| self.has_listed_keys && !row.is_ended());
        set.verifying.extend(self.configured.verifying.iter().filter(is_used).cloned());
        for key in keys.iter().filter(|key| key.state_at(now) != SigningKeyState::Removed) {
            let private_key = signing.filter(|(kid, _)| *kid == key.kid).map(|(_, private_key)| private_key);
            match (verifying_key(key), private_key.map(|private_key| signer(key, private_key))) {
                (Some(verifying), signer @ (None | Some(Some(_)))) => {
                    if set.find(&key.kid).is_none() {
                        set.verifying.push(Arc::new(verifying));
                    }
                    set.signer = signer.flatten().map(Arc::new).or(set.signer);
                }
                _ => unreadable.push(key.kid.clone()),
            }
        }
        self.current.send_modify(|current| {
            set.signer = set.signer.take().or_else(|| current.signer.clone());
            *current = Arc::new(set);
        });
        unreadable
    }
}

/// Whether the row is one of this server. `private_key`: its decrypted private key; `None`: the key signs no more.
pub fn is_readable(key: &SigningKey, private_key: Option<&SecretString>) -> bool {
    verifying_key(key).is_some() && private_key.is_none_or(|private_key| signer(key, private_key).is_some())
}

/// `None`: the row was changed, or another release wrote it.
fn verifying_key(key: &SigningKey) -> Option<VerifyingKey> {
    if key.state == SigningKeyState::Unknown {
        return None;
    }
    let algorithm: JwtAlgorithm = key.algorithm.parse().ok()?;
    let jwk: Jwk = serde_json::from_str(&key.public_jwk).ok()?;
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let verifying = VerifyingKey::public(algorithm, decoding, key.expires).ok()?;
    // The kid of a key is its thumbprint, and its algorithm is not `HS*`.
    (!algorithm.is_symmetric() && verifying.kid.as_deref() == Some(&key.kid)).then_some(verifying)
}

fn signer(key: &SigningKey, private_key: &SecretString) -> Option<Signer> {
    let algorithm: JwtAlgorithm = key.algorithm.parse().ok()?;
    let encoding = encoding_key(algorithm, private_key.expose_secret().as_bytes()).ok()?;
    Some(Signer::new(algorithm, encoding, Some(key.kid.clone())))
}

/// A new key pair.
pub struct NewKey {
    /// Thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// The public key as a JWK in JSON.
    pub public_jwk: String,
    /// PKCS #8 in PEM form; that of the settings may be of another form.
    pub private_key: SecretString,
}

impl NewKey {
    /// SIMPLE_JWT_SIGNING_KEY, if it is a private key.
    pub(super) fn of_settings(keys: &KeySet, private_key: &SecretString) -> Option<Self> {
        let kid = keys.signing_kid()?.to_owned();
        let public_jwk = serde_json::to_string(keys.find(&kid)?.jwk.as_ref()?).ok()?;
        Some(Self { kid, public_jwk, private_key: private_key.clone() })
    }

    /// Makes a key pair with the random generator of the cryptographic library, which takes no other. An RSA key takes a
    /// fraction of a second.
    ///
    /// # Panics
    ///
    /// For an `HS*` algorithm, and when the system has no random numbers.
    pub fn generate(algorithm: JwtAlgorithm) -> Self {
        const WORKS: &str = "the system's random generator works";
        let pem = |der: &[u8]| {
            SecretString::from(format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                STANDARD.encode(der)
            ))
        };
        let private_key = match algorithm {
            JwtAlgorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect(WORKS);
                let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().expect("an RSA key has a PKCS #8 form");
                pem(der.as_ref())
            }
            JwtAlgorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(WORKS);
                pem(pair.to_pkcs8v1().expect("a P-256 key has a PKCS #8 form").as_ref())
            }
            JwtAlgorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect(WORKS);
                pem(pair.to_pkcs8v1().expect("an Ed25519 key has a PKCS #8 form").as_ref())
            }
            JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512 => panic!("{algorithm} has no key pair"),
        };
        let encoding =
            encoding_key(algorithm, private_key.expose_secret().as_bytes()).expect("a key that was just made");
        let public = public_half(algorithm, &encoding).expect("a key that was just made");
        let verifying = VerifyingKey::public(algorithm, public, None).expect("a key that was just made");
        let jwk = verifying.jwk.as_ref().and_then(|jwk| serde_json::to_string(jwk).ok());
        Self { kid: verifying.kid.unwrap_or_default(), public_jwk: jwk.unwrap_or_default(), private_key }
    }
}

fn encoding_key(algorithm: JwtAlgorithm, pem: &[u8]) -> jsonwebtoken::errors::Result<EncodingKey> {
    match algorithm {
        JwtAlgorithm::RS256 => EncodingKey::from_rsa_pem(pem),
        JwtAlgorithm::ES256 => EncodingKey::from_ec_pem(pem),
        JwtAlgorithm::EdDSA => EncodingKey::from_ed_pem(pem),
        JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512 => Ok(EncodingKey::from_secret(pem)),
    }
}

fn decoding_key(algorithm: JwtAlgorithm, pem: &[u8]) -> jsonwebtoken::errors::Result<DecodingKey> {
    match algorithm {
        JwtAlgorithm::RS256 => DecodingKey::from_rsa_pem(pem),
        JwtAlgorithm::ES256 => DecodingKey::from_ec_pem(pem),
        JwtAlgorithm::EdDSA => DecodingKey::from_ed_pem(pem),
        JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512 => Ok(DecodingKey::from_secret(pem)),
    }
}

/// The public key of a private one. `None`: it is no key of this algorithm.
fn public_half(algorithm: JwtAlgorithm, private: &EncodingKey) -> Option<DecodingKey> {
    let der = private.as_bytes();
    match algorithm {
        JwtAlgorithm::RS256 => {
            let pair = RsaKeyPair::from_der(der).ok()?;
            Some(DecodingKey::from_rsa_der(pair.public_key().as_ref()))
        }
        JwtAlgorithm::ES256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
            Some(DecodingKey::from_ec_der(pair.public_key().as_ref()))
        }
        JwtAlgorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
            Some(DecodingKey::from_ed_der(pair.public_key().as_ref()))
        }
        JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512 => None,
    }
}

/// The keys of the settings.
fn parse(rules: &JwtRules) -> Result<KeySet, SettingError> {
    let algorithm = rules.algorithm;
    let secret = rules.signing_key.expose_secret().as_bytes();
    if algorithm.is_symmetric() {
        let signer = Signer::new(algorithm, EncodingKey::from_secret(secret), None);
        let verifying = VerifyingKey::new(algorithm, DecodingKey::from_secret(secret), None, None);
        return Ok(KeySet { signer: Some(Arc::new(signer)), verifying: vec![Arc::new(verifying)] });
    }
    let private = if rules.makes_keys { None } else { Some(private_key(algorithm, secret)?) };
    let mut set = KeySet::default();
    if let Some(text) = &rules.verifying_key {
        for block in pem_blocks(text) {
            let key = public_key(algorithm, block)?;
            // A key that is listed twice is one key of the key set (RFC 7517, 4.5).
            if key.kid.as_deref().is_none_or(|kid| set.find(kid).is_none()) {
                set.verifying.push(Arc::new(key));
            }
        }
    }
    let Some((encoding, probe)) = private else { return Ok(set) };
    if rules.verifying_key.is_none() {
        let public = public_half(algorithm, &encoding).and_then(|key| VerifyingKey::public(algorithm, key, None).ok());
        set.verifying.push(Arc::new(public.ok_or_else(|| wrong_key(SIGNING_KEY, algorithm))?));
    }
    let verifies = |key: &&Arc<VerifyingKey>| {
        jsonwebtoken::crypto::verify(&probe, b"probe", &key.decoding, algorithm_of(algorithm)).unwrap_or(false)
    };
    let Some(own) = set.verifying.iter().find(verifies) else {
        let problem = match set.verifying.len() {
            1 => "is not the public key of SIMPLE_JWT_SIGNING_KEY",
            _ => "does not have the public key of SIMPLE_JWT_SIGNING_KEY",
        };
        return Err(SettingError::new("SIMPLE_JWT_VERIFYING_KEY", problem));
    };
    set.signer = Some(Arc::new(Signer::new(algorithm, encoding, own.kid.clone())));
    Ok(set)
}

/// SIMPLE_JWT_SIGNING_KEY, and a signature of it.
fn private_key(algorithm: JwtAlgorithm, pem: &[u8]) -> Result<(EncodingKey, String), SettingError> {
    if String::from_utf8_lossy(pem).matches("PRIVATE KEY-----").count() > 2 {
        return Err(SettingError::new(SIGNING_KEY, "has several private keys: only one can sign"));
    }
    let encoding = encoding_key(algorithm, pem).map_err(|_| wrong_key(SIGNING_KEY, algorithm))?;
    // Signing parses the key: it fails for a small RSA key or another curve.
    let probe = jsonwebtoken::crypto::sign(b"probe", &encoding, algorithm_of(algorithm));
    Ok((encoding, probe.map_err(|_| wrong_key(SIGNING_KEY, algorithm))?))
}

fn wrong_key(setting: &str, algorithm: JwtAlgorithm) -> SettingError {
    let expected = match algorithm {
        JwtAlgorithm::RS256 => "an RSA key of at least 2048 bits",
        JwtAlgorithm::ES256 => "a P-256 key (a private one as PKCS#8)",
        _ => "an Ed25519 key (a private one as PKCS#8)",
    };
    SettingError::new(setting, format!("must be {expected} in PEM form for SIMPLE_JWT_ALGORITHM"))
}

/// A key of SIMPLE_JWT_VERIFYING_KEY.
fn public_key(algorithm: JwtAlgorithm, pem: &str) -> Result<VerifyingKey, SettingError> {
    const SETTING: &str = "SIMPLE_JWT_VERIFYING_KEY";
    let decoding = decoding_key(algorithm, pem.as_bytes()).map_err(|_| wrong_key(SETTING, algorithm))?;
    let public = decoding.try_get_as_bytes().unwrap_or_default();
    let strength = match algorithm {
        JwtAlgorithm::RS256 => check_rsa_public_key(public),
        JwtAlgorithm::ES256 => check_p256_public_key(public),
        _ => Ok(()),
    };
    strength.map_err(|problem| SettingError::new(SETTING, problem))?;
    VerifyingKey::public(algorithm, decoding, None).map_err(|_| wrong_key(SETTING, algorithm))
}

/// The blocks of a text with several keys in PEM form; the whole text if it has none.
fn pem_blocks(text: &str) -> Vec<&str> {
    const BEGIN: &str = "-----BEGIN ";
    let starts: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
    if starts.is_empty() {
        return vec![text];
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm};

    use super::*;
    use crate::secrets::SecretString;

    const RSA_1024: (&str, &str) = (
        "-----BEGIN PRIVATE KEY-----\n\
         MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMPekqWI2lbkz1Nx\n\
         OWo5QFz8/VZI/ANNp1SFs3pYIffKSL0Ckv3UO7bzbc9eTb2EzYftwK635vVX6p6n\n\
         6tsDalVuW1zg0+nu3GFSTE59c5mbi/yyfXgTYjTwg2BFacQDztSL7UNuw3oNT6M0\n\
         V9AmeaOleZhU/nOuZD9vOoBcPC8FAgMBAAECgYEAggE6HqsuGJy4S68MJ8gmQ1Ic\n\
         KGg69UpWdRBlJyBWM2zNSL7rp5R1qiH60bfLK6546O7ShGVF47Rd4r6bcJDcwvr5\n\
         prM3waYsc0puKCI7scjYLDWEs/Qmtm+nc4miM+tndwV62diA8rgZUn/Gcxh85E7K\n\
         pNkB8+busBDO/cULm2ECQQD1tP4YY+Kzh+E0WhxwXoEXHpT2ywROv1jkaN43JEHP\n\
         vTHw+Z2Xcflgl9zM1Ib0U943pxmyP4XPb2VZPmj0FpzZAkEAzBMc5KMDMGUSB33O\n\
         frDxA0DmrDgzxHqvDAQUFCJ7iawyC5/gReiCbZ3Y46A/akHNt5rtxhTpkcxQkEve\n\
         IcT4DQJAfngz1dAMD0agh3beboRmQ8Us/b7Pr8zT73V+87kI2unSO+vvztUOfEaO\n\
         kyvNbxOALPsowdPqhzQaYY47LXA6OQJAIMLcu5Oz2lwPZeZ7dPlA583Oek1Xei5b\n\
         1aj99DGI9ZQQQK982Jw3/BMAE6LRK2S++r/Ddi47RO2w7UlQssklLQJAeLYkpRnx\n\
         ViIGGcg1Q5Fy1/O5EW2Tf+4D1SkhNrNDhG2fSQ4hF09Bq1Jh+7rFIrNflA/l0+Ex\n\
         yO9+ZshWdvhsqg==\n\
         -----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n\
         MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDD3pKliNpW5M9TcTlqOUBc/P1W\n\
         SPwDTadUhbN6WCH3yki9ApL91Du2823PXk29hM2H7cCut+b1V+qep+rbA2pVbltc\n\
         4NPp7txhUkxOfXOZm4v8sn14E2I08INgRWnEA87Ui+1DbsN6DU+jNFfQJnmjpXmY\n\
         VP5zrmQ/bzqAXDwvBQIDAQAB\n\
         -----END PUBLIC KEY-----",
    );

    fn error(algorithm: JwtAlgorithm, (private, public): (&str, &str)) -> Option<String> {
        let rules = JwtRules {
            algorithm,
            signing_key: SecretString::from(private),
            verifying_key: Some(public.to_owned()),
            ..JwtRules::default()
        };
        parse(&rules).err().map(|error| error.to_string())
    }

    fn rsa() -> (String, String) {
        let pem = |label: &str, der: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
        };
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
        (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
    }

    fn curve(algorithm: &'static SignatureAlgorithm) -> (String, String) {
        let pair = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        (pair.serialize_pem(), pair.public_key_pem())
    }

    #[test]
    fn sec_29_weak_and_unsupported_pem_keys_are_errors_of_their_setting() {
        let (rsa, other_rsa) = (rsa(), rsa());
        let (p256, p384) = (curve(&PKCS_ECDSA_P256_SHA256), curve(&PKCS_ECDSA_P384_SHA384));
        let ed25519 = curve(&PKCS_ED25519);
        for (algorithm, pair) in
            [(JwtAlgorithm::RS256, &rsa), (JwtAlgorithm::ES256, &p256), (JwtAlgorithm::EdDSA, &ed25519)]
        {
            assert_eq!(error(algorithm, (&pair.0, &pair.1)), None);
        }
        let cases = [
            (JwtAlgorithm::RS256, RSA_1024, "SIGNING_KEY: must be an RSA key of at least 2048 bits"),
            (JwtAlgorithm::RS256, (&rsa.0, RSA_1024.1), "VERIFYING_KEY: is an RSA key of 1024 bits"),
            (JwtAlgorithm::RS256, (&p256.0, &p256.1), "SIGNING_KEY: must be an RSA key of at least 2048 bits"),
            (JwtAlgorithm::RS256, (&rsa.0, &other_rsa.1), "VERIFYING_KEY: is not the public key of"),
            (JwtAlgorithm::ES256, (&p384.0, &p384.1), "SIGNING_KEY: must be a P-256 key"),
            (JwtAlgorithm::ES256, (&p256.0, &p384.1), "VERIFYING_KEY: is a key of another curve than P-256"),
            (JwtAlgorithm::ES256, (&rsa.0, &rsa.1), "SIGNING_KEY: must be a P-256 key"),
            (JwtAlgorithm::EdDSA, (&p256.0, &p256.1), "SIGNING_KEY: must be an Ed25519 key"),
            (JwtAlgorithm::EdDSA, (&ed25519.0, "no key"), "VERIFYING_KEY: must be an Ed25519 key"),
        ];
        for (algorithm, pair, expected) in cases {
            let error = error(algorithm, pair).unwrap_or_default();
            assert!(error.starts_with(&format!("SIMPLE_JWT_{expected}")), "{expected}: {error}");
        }
    }

    #[test]
    fn several_public_keys_verify_and_the_own_one_may_be_left_out() {
        let (own, next) = (curve(&PKCS_ECDSA_P256_SHA256), curve(&PKCS_ECDSA_P256_SHA256));
        let keys = |verifying_key: Option<String>, makes_keys: bool| {
            let signing_key = SecretString::from(own.0.as_str());
            let algorithm = JwtAlgorithm::ES256;
            parse(&JwtRules { algorithm, signing_key, verifying_key, makes_keys, ..JwtRules::default() })
        };
        let kids = |set: &KeySet| set.public_keys().map(|(kid, _)| kid.to_owned()).collect::<Vec<_>>();
        let derived = keys(None, false).unwrap_or_else(|error| panic!("{error}"));
        let own_kid = derived.signing_kid().expect("a key that signs").to_owned();
        assert_eq!(kids(&derived), [own_kid.as_str()]);
        let both = keys(Some(format!("{}{}", next.1, own.1)), false).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((kids(&both).len(), both.signing_kid()), (2, Some(own_kid.as_str())));
        let former = keys(Some(next.1.clone()), true).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((kids(&former).len(), former.signing_kid()), (1, None));
        let twice =
            keys(Some(format!("{}{}{}", next.1, own.1, next.1)), false).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kids(&twice), kids(&both), "no key of the key set has the kid of another one");
        let third = curve(&PKCS_ECDSA_P256_SHA256);
        let error = keys(Some(format!("{}{}", next.1, third.1)), false).err().map(|error| error.to_string());
        let expected = "SIMPLE_JWT_VERIFYING_KEY: does not have the public key of SIMPLE_JWT_SIGNING_KEY";
        assert_eq!(error.as_deref(), Some(expected));
    }

    #[test]
    fn sec_31_made_keys_sign_and_their_private_part_is_not_published() {
        for algorithm in [JwtAlgorithm::RS256, JwtAlgorithm::ES256, JwtAlgorithm::EdDSA] {
            let keys = JwtKeys::new(&JwtRules { algorithm, makes_keys: true, ..JwtRules::default() });
            let keys = keys.unwrap_or_else(|error| panic!("{error}"));
            let made = NewKey::generate(algorithm);
            let row = SigningKey {
                kid: made.kid.clone(),
                algorithm: algorithm.to_string(),
                public_jwk: made.public_jwk.clone(),
                encrypted_private_key: None,
                state: SigningKeyState::Signing,
                created: UnixMillis(0),
                signs_from: Some(UnixMillis(0)),
                retired: None,
                expires: None,
            };
            let signing = Some((made.kid.as_str(), &made.private_key));
            let foreign = SigningKey { kid: "another".to_owned(), ..row.clone() };
            let unknown = SigningKey { kid: "unknown".to_owned(), state: SigningKeyState::Unknown, ..row.clone() };
            let stored = [foreign, row.clone(), unknown];
            assert_eq!(
                keys.replace_stored(&stored, signing, UnixMillis(1)),
                ["another", "unknown"],
                "a row whose kid is not its thumbprint, and a state of another release"
            );
            let set = keys.current();
            assert_eq!((set.signing_kid(), set.algorithms()), (Some(made.kid.as_str()), vec![algorithm.to_string()]));
            let signer = set.signer.as_ref().expect("a key that signs");
            let signature =
                jsonwebtoken::crypto::sign(b"text", &signer.encoding, signer.algorithm).expect("a signature");
            let decoding = &set.find(&made.kid).expect("the key").decoding;
            assert!(jsonwebtoken::crypto::verify(&signature, b"text", decoding, signer.algorithm).unwrap_or(false));
            for private in ["\"d\"", "\"p\"", "\"k\""] {
                assert!(!set.document().contains(private), "{}", set.document());
            }
            let broken = SecretString::from("no key");
            assert_eq!(
                keys.replace_stored(std::slice::from_ref(&row), Some((&made.kid, &broken)), UnixMillis(1)),
                [made.kid.as_str()]
            );
            assert!(keys.current().find(&made.kid).is_none(), "the set is replaced all the same");
            assert!(!is_readable(&row, Some(&broken)) && is_readable(&row, None));
        }
    }
}
