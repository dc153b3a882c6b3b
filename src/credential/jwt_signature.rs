//! The signatures of JWTs: signs with the present key, and verifies with the key that a token names.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwt::{JwtFault, Jwts, MAX_TOKEN_LEN};
use super::jwt_keys::{KeySet, NewKey, VerifyingKey};
use super::token_type::TokenType;
use crate::clock::UnixMillis;
use crate::model::SigningKey;
use crate::secrets::SecretString;

/// A key of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredKey {
    /// Thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// Its `alg`.
    pub algorithm: String,
    /// Whether it is SIMPLE_JWT_SIGNING_KEY.
    pub is_signing: bool,
}

/// A token whose signature was verified.
pub(super) struct DecodedToken {
    pub claims: Map<String, Value>,
    /// `typ` of the header, if it names the key: then this server issued the token with an asymmetric algorithm.
    pub signed_type: Option<String>,
}

impl DecodedToken {
    fn without_key_id(claims: Map<String, Value>) -> Self {
        Self { claims, signed_type: None }
    }
}

impl Jwts {
    /// Replaces the keys of the database. `signing`: `kid` and private key of the one that signs. Returns the ids of the keys
    /// that cannot be read: they are not used.
    pub fn replace_stored_keys(
        &self,
        keys: &[SigningKey],
        signing: Option<(&str, &SecretString)>,
        now: UnixMillis,
    ) -> Vec<String> {
        self.keys.replace_stored(keys, signing, now)
    }

    /// The `kid` of the key with which this node signs; `None`: it has none yet, or `HS*`.
    pub fn signing_kid(&self) -> Option<String> {
        self.keys.current().signing_kid().map(str::to_owned)
    }

    /// Whether the token names a key that is not known here and that another node may have made.
    pub fn names_unknown_key(&self, token: &str) -> bool {
        /// A SHA-256 digest in base64url.
        const THUMBPRINT_LEN: usize = 43;
        if self.rules.algorithm.is_symmetric() || token.len() > MAX_TOKEN_LEN {
            return false;
        }
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| kid.len() == THUMBPRINT_LEN && self.keys.current().find(&kid).is_none())
    }

    /// The public keys as a JWK set (RFC 7517) in JSON; empty with `HS*`.
    pub fn public_keys(&self) -> String {
        self.keys.current().document()
    }

    /// The algorithms of the public keys.
    pub fn algorithms(&self) -> Vec<String> {
        self.keys.current().algorithms()
    }

    /// The keys of the settings; none with `HS*`.
    pub fn configured_keys(&self) -> Vec<ConfiguredKey> {
        let keys = &self.keys.configured;
        let key = |(kid, algorithm): (&str, String)| ConfiguredKey {
            kid: kid.to_owned(),
            algorithm,
            is_signing: keys.signing_kid() == Some(kid),
        };
        keys.public_keys().map(key).collect()
    }

    /// SIMPLE_JWT_SIGNING_KEY; `None`: the server makes the keys, or `HS*`.
    pub fn configured_signing_key(&self) -> Option<NewKey> {
        NewKey::of_settings(&self.keys.configured, &self.rules.signing_key)
    }

    /// A token with a valid signature.
    ///
    /// Errors: the signature, the key or the header is invalid.
    pub(super) fn decode(&self, token: &str, now: UnixMillis) -> Result<DecodedToken, JwtFault> {
        if token.split('.').next().is_none_or(has_extensions) {
            return Err(JwtFault::Invalid);
        }
        let keys = self.keys.current();
        let claims = |key: &VerifyingKey| {
            let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &key.validation);
            decoded.map(|decoded| decoded.claims)
        };
        if self.rules.algorithm.is_symmetric() {
            let key = keys.verifying.first().ok_or(JwtFault::Invalid)?;
            return claims(key).map(DecodedToken::without_key_id).map_err(|_| JwtFault::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| JwtFault::Invalid)?;
        match header.kid {
            Some(kid) => {
                let key = keys.find(&kid).filter(|key| key.is_valid_at(now)).ok_or(JwtFault::Invalid)?;
                let claims = claims(key).map_err(|_| JwtFault::Invalid)?;
                Ok(DecodedToken { claims, signed_type: Some(header.typ.unwrap_or_default()) })
            }
            // simplejwt names no key. Its tokens are signed with a key of the settings, which may have been retired.
            None => {
                let configured = self.keys.configured.verifying.iter();
                let used = configured.filter_map(|key| keys.find(key.kid.as_deref()?));
                let mut found = used.filter(|key| key.is_valid_at(now)).filter_map(|key| claims(key).ok());
                found.next().map(DecodedToken::without_key_id).ok_or(JwtFault::Invalid)
            }
        }
    }

    /// A token of this server with an asymmetric algorithm also has the parties that the settings do not name.
    ///
    /// Errors: the issuer or the audience is another one.
    pub(super) fn check_parties(&self, token: &DecodedToken) -> Result<(), JwtFault> {
        let is_own = token.signed_type.is_some();
        let names = |claim: &str, wanted: &str| match token.claims.get(claim) {
            Some(Value::String(one)) => one == wanted,
            Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
            _ => false,
        };
        let default = self.rules.default_party.as_deref().filter(|_| is_own);
        let audience = if is_own { self.rules.audience_of_own_tokens() } else { &self.rules.audience };
        let is_valid = self.rules.issuer.as_deref().or(default).is_none_or(|issuer| names("iss", issuer))
            && (audience.is_empty() || audience.iter().any(|audience| names("aud", audience)));
        if is_valid { Ok(()) } else { Err(JwtFault::Invalid) }
    }

    pub(super) fn sign(&self, token_type: TokenType, claims: &Map<String, Value>) -> String {
        let keys: Arc<KeySet> = self.keys.current();
        let signer = keys.signer.as_ref().expect("the server reads its keys before it answers a request");
        let body = serde_json::to_vec(claims).expect("a map of plain values has a JSON form");
        let mut token = String::with_capacity(768);
        token.push_str(&signer.headers[token_type as usize]);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(body, &mut token);
        let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &signer.encoding, signer.algorithm)
            .expect("the key was checked against the algorithm when it was read");
        token.push('.');
        token.push_str(&signature);
        token
    }
}

/// Whether the header of a token has members that change how the token is read (RFC 7515, 4.1.11; RFC 7797), or cannot be read.
/// This server understands none of them.
fn has_extensions(header: &str) -> bool {
    let members =
        URL_SAFE_NO_PAD.decode(header).ok().and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    members.is_none_or(|members| ["crit", "b64", "enc", "zip"].into_iter().any(|name| members.contains_key(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::credential::jwt::TokenType;
    use crate::credential::jwt::tests::signed;
    use crate::model::UserId;
    use crate::secrets::SecretString;
    use crate::settings::JwtRules;

    #[test]
    fn tokens_have_each_audience_and_are_verified_for_any() {
        let rules = |audience: &[&str]| JwtRules {
            signing_key: SecretString::from("a key for tests of more than 32 bytes"),
            audience: audience.iter().map(|one| (*one).to_owned()).collect(),
            ..JwtRules::default()
        };
        let of = |audience: &[&str]| Jwts::new(rules(audience)).unwrap_or_else(|error| panic!("{error}"));
        let plain = json!({"alg": "HS256", "typ": "JWT"});
        let verified = |audience: &[&str], aud: Value| {
            let token = signed(&plain, &json!({ "aud": aud }));
            of(audience).verify(&token, &TokenType::ALL, UnixMillis::from_seconds(1500)).is_ok()
        };
        assert!(verified(&["a", "b"], json!(["a", "b"])) && verified(&["a", "b"], json!("b")));
        assert!(verified(&["a"], json!(["c", "a"])) && !verified(&["a", "b"], json!(["c"])));
        assert!(!verified(&["a"], json!(null)) && verified(&[], json!("c")));
        let mut claims = Map::new();
        of(&["a", "b"]).add_parties(&mut claims, UserId(1));
        assert_eq!(claims["aud"], json!(["a", "b"]));
        of(&["a"]).add_parties(&mut claims, UserId(1));
        assert_eq!(claims["aud"], json!("a"));
    }
}
