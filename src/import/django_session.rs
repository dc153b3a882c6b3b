//! Verifies and decodes the sessions of Django: rows of `django_session`, signed with a secret key.
//!
//! A row contains `[.]payload:timestamp:signature`. The payload is JSON in base64; after a dot it is compressed. A session also
//! contains a digest of the user's password hash, so that a change of the password revokes it.

use std::io::Read as _;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::lenient;
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};

/// The salt of `SessionStore`, with the suffix that every signer appends.
const SIGNING_SALT: &str = "django.contrib.sessions.SessionStoresigner";
const AUTH_HASH_SALT: &str = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";
/// Bytes after decompression.
const MAX_PAYLOAD_LEN: u64 = 1 << 20;

/// A verified session of a signed-in user.
#[derive(Clone, Debug)]
pub struct DjangoSession {
    /// The user's primary key, as text.
    pub user: String,
    /// When Django last saved it.
    pub saved: UnixMillis,
    auth_hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// Malformed, or signed with none of the keys.
    InvalidSignature,
    /// Signed, but written by another serializer. A pickle is never loaded, because it can run code.
    NotJson,
    /// No user is signed in.
    Anonymous,
}

/// Verifies the signature with `keys`, and decodes the session.
pub fn decode(data: &str, keys: &[SecretString]) -> Result<DjangoSession, SessionError> {
    let (signed, signature) = data.rsplit_once(':').ok_or(SessionError::InvalidSignature)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SessionError::InvalidSignature)?;
    if !keys.iter().any(|key| constant_time_eq(&salted_hmac(SIGNING_SALT, signed, key), &signature)) {
        return Err(SessionError::InvalidSignature);
    }
    let (payload, timestamp) = signed.rsplit_once(':').ok_or(SessionError::InvalidSignature)?;
    let saved = parse_base62(timestamp).ok_or(SessionError::InvalidSignature)?;
    let content = decode_payload(payload).ok_or(SessionError::NotJson)?;
    let user = match content.get("_auth_user_id") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(SessionError::Anonymous),
    };
    Ok(DjangoSession {
        user,
        saved: UnixMillis::from_seconds(saved),
        auth_hash: content.get("_auth_user_hash").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

impl DjangoSession {
    /// Whether the user's password is that of the session. Its digest may have been made with an earlier key than the signature.
    pub fn has_password(&self, password: &str, keys: &[SecretString]) -> bool {
        let matches = |key| {
            constant_time_eq(
                HEXLOWER.encode(&salted_hmac(AUTH_HASH_SALT, password, key)).as_bytes(),
                self.auth_hash.as_bytes(),
            )
        };
        keys.iter().any(matches)
    }
}

/// Django's `salted_hmac` with SHA-256: its key is the digest of salt and secret.
fn salted_hmac(salt: &str, text: &str, secret: &SecretString) -> Vec<u8> {
    let mut key = digest::Context::new(&digest::SHA256);
    key.update(salt.as_bytes());
    key.update(secret.expose_secret().as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.finish().as_ref());
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn decode_payload(payload: &str) -> Option<Map<String, Value>> {
    let (is_compressed, text) = payload.strip_prefix('.').map_or((false, payload), |rest| (true, rest));
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut json = Vec::new();
    if is_compressed {
        flate2::read::ZlibDecoder::new(&bytes[..]).take(MAX_PAYLOAD_LEN).read_to_end(&mut json).ok()?;
    } else {
        json = bytes;
    }
    match lenient::json(&json) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// The timestamp of Django's signer: Unix seconds in base 62.
fn parse_base62(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_i64, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        sum.checked_mul(62)?.checked_add(i64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Django 5.2 with the key below: user 7 with the password `!abc`.
    const SIGNED_IN: &str = ".eJxVjr0OgzAQg98lcxWV_BDSrRNjHyG6HDkSNSISganqu5dSBjpZsvXZfjEH6xLdWsPs0sBuzLDL2fOAzzB9g1owQXZY5sAPt_IxLXH1vN_lcd8w8c9HqHGDQ6tJYUdKCRJWyWA7Qu3tgEGibKnT2lJLZgDpLZFU0GjfgJGqsWj8dSs99vfqDHVxuYxpOh38fWHvD0HUR6c:1xVltO:bsVYXDKgfpXzgocDrWa1SipZUg4lmH1U8iNal1Qu-Oc";
    const ANONYMOUS: &str = "eyJhIjoxfQ:1xVltO:d9_dUvS8XGpXak-V6it-I9QdW-xjDCWf3p8_LwEqQHA";

    fn keys() -> [SecretString; 2] {
        [SecretString::from("another"), SecretString::from("a key of Django's")]
    }

    #[test]
    fn session_contains_its_user_and_the_password_digest() {
        let session = decode(SIGNED_IN, &keys()).unwrap();
        assert_eq!(session.user, "7");
        assert!(session.has_password("!abc", &keys()));
        assert!(!session.has_password("!abd", &keys()));
        assert!(!session.has_password("!abc", &keys()[..1]));
    }

    #[test]
    fn wrong_key_or_changed_byte_is_refused() {
        assert_eq!(decode(SIGNED_IN, &keys()[..1]).unwrap_err(), SessionError::InvalidSignature);
        assert_eq!(
            decode(&SIGNED_IN.replace(":1xVltO:", ":1xVltP:"), &keys()).unwrap_err(),
            SessionError::InvalidSignature
        );
        for junk in ["", ":", "::", "a:b:c", ".:1:"] {
            assert_eq!(decode(junk, &keys()).unwrap_err(), SessionError::InvalidSignature);
        }
    }

    #[test]
    fn anonymous_session_is_refused() {
        assert_eq!(decode(ANONYMOUS, &keys()).unwrap_err(), SessionError::Anonymous);
    }
}
