//! Django's sessions: whom a row of `django_session` signs in, if it was signed with one of these keys.
//!
//! The row holds `[.]payload:timestamp:signature`, the payload being base64 of JSON, compressed where it begins with a
//! dot. Django binds a session to the user's password hash, so that a new password ends it: that is checked too.

use std::io::Read as _;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};

/// What `SessionStore` signs with, and the suffix of every signer.
const SALT: &str = "django.contrib.sessions.SessionStoresigner";
const AUTH_HASH_SALT: &str = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";
/// Longer payloads are not read.
const LONGEST: u64 = 1 << 20;

/// A session that somebody is signed in with.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user's primary key, as text.
    pub user: String,
    /// When Django wrote it last.
    pub saved: UnixMillis,
    auth_hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No key fits, or it is no session at all.
    Unreadable,
    /// Signed, but by another serializer than Django's own, such as the one of pickles: never run.
    NotJson,
    /// A session of nobody.
    Anonymous,
}

/// Opens a session that one of `keys` signed.
pub fn open(data: &str, keys: &[SecretString]) -> Result<SignedIn, Fault> {
    let (signed, signature) = data.rsplit_once(':').ok_or(Fault::Unreadable)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Fault::Unreadable)?;
    if !keys.iter().any(|key| constant_time_eq(&salted_hmac(SALT, signed, key), &signature)) {
        return Err(Fault::Unreadable);
    }
    let (payload, timestamp) = signed.rsplit_once(':').ok_or(Fault::Unreadable)?;
    let saved = base62(timestamp).ok_or(Fault::Unreadable)?;
    let content = content(payload).ok_or(Fault::NotJson)?;
    let user = match content.get("_auth_user_id") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(Fault::Anonymous),
    };
    Ok(SignedIn {
        user,
        saved: UnixMillis::from_seconds(saved),
        auth_hash: content.get("_auth_user_hash").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

impl SignedIn {
    /// Whether the user's password is still the one that the session was made with. A session outlives the key that
    /// bound it: the one that signed it last may be another.
    pub fn is_bound_to(&self, password: &str, keys: &[SecretString]) -> bool {
        let bound = |key| {
            constant_time_eq(
                HEXLOWER.encode(&salted_hmac(AUTH_HASH_SALT, password, key)).as_bytes(),
                self.auth_hash.as_bytes(),
            )
        };
        keys.iter().any(bound)
    }
}

/// Django's `salted_hmac` with SHA-256: the key is the digest of salt and secret.
fn salted_hmac(salt: &str, text: &str, secret: &SecretString) -> Vec<u8> {
    let mut key = digest::Context::new(&digest::SHA256);
    key.update(salt.as_bytes());
    key.update(secret.expose_secret().as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.finish().as_ref());
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn content(payload: &str) -> Option<Map<String, Value>> {
    let (is_compressed, text) = payload.strip_prefix('.').map_or((false, payload), |rest| (true, rest));
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut json = Vec::new();
    if is_compressed {
        flate2::read::ZlibDecoder::new(&bytes[..]).take(LONGEST).read_to_end(&mut json).ok()?;
    } else {
        json = bytes;
    }
    serde_json::from_slice(&json).ok()
}

/// Seconds since 1970 as Django's signer writes them.
fn base62(text: &str) -> Option<i64> {
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

    /// Written by Django 5.2 with the key below, for user 7 whose password is `!abc`.
    const SIGNED_IN: &str = ".eJxVjr0OgzAQg98lcxWV_BDSrRNjHyG6HDkSNSISganqu5dSBjpZsvXZfjEH6xLdWsPs0sBuzLDL2fOAzzB9g1owQXZY5sAPt_IxLXH1vN_lcd8w8c9HqHGDQ6tJYUdKCRJWyWA7Qu3tgEGibKnT2lJLZgDpLZFU0GjfgJGqsWj8dSs99vfqDHVxuYxpOh38fWHvD0HUR6c:1xVltO:bsVYXDKgfpXzgocDrWa1SipZUg4lmH1U8iNal1Qu-Oc";
    const OF_NOBODY: &str = "eyJhIjoxfQ:1xVltO:d9_dUvS8XGpXak-V6it-I9QdW-xjDCWf3p8_LwEqQHA";

    fn keys() -> [SecretString; 2] {
        [SecretString::from("another"), SecretString::from("a key of Django's")]
    }

    #[test]
    fn a_session_of_django_tells_its_user_and_is_bound_to_the_password() {
        let session = open(SIGNED_IN, &keys()).unwrap();
        assert_eq!(session.user, "7");
        assert!(session.is_bound_to("!abc", &keys()));
        assert!(!session.is_bound_to("!abd", &keys()));
        assert!(!session.is_bound_to("!abc", &keys()[..1]));
    }

    #[test]
    fn without_its_key_or_with_a_changed_byte_nothing_is_read() {
        assert_eq!(open(SIGNED_IN, &keys()[..1]).unwrap_err(), Fault::Unreadable);
        assert_eq!(open(&SIGNED_IN.replace(":1xVltO:", ":1xVltP:"), &keys()).unwrap_err(), Fault::Unreadable);
        for junk in ["", ":", "::", "a:b:c", ".:1:"] {
            assert_eq!(open(junk, &keys()).unwrap_err(), Fault::Unreadable);
        }
    }

    #[test]
    fn a_session_of_nobody_signs_nobody_in() {
        assert_eq!(open(OF_NOBODY, &keys()).unwrap_err(), Fault::Anonymous);
    }
}
