//! Secret keys: where they are read, and whether they are strong enough (SEC-29, SEC-47).

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::file_access;
use super::setting_reader::{self, SettingReader};
use super::types::JwtRules;
use crate::secrets::{ExposeSecret as _, SecretString, ServerKey, TokenCipher};

/// Of a key that signs or from which others are derived.
const MIN_KEY_LEN: usize = 32;
const MIN_RSA_BITS: usize = 2048;
const P256_POINT_LEN: usize = 65;
/// A random key of 24 bytes or more has more, in any encoding.
const MIN_DISTINCT_BYTES: usize = 8;
/// Longer parts of a random key may repeat by chance.
const MAX_REPEATED_BYTES: usize = 15;
/// Texts of examples.
const PLACEHOLDERS: [&str; 9] = [
    "changeme",
    "change-me",
    "change_me",
    "change this",
    "your-secret",
    "your_secret",
    "yoursecret",
    "replace-me",
    // Django's mark for a key that was never kept secret.
    "django-insecure-",
];
/// Texts at the begin of keys and certificates that others may know, in lower case.
const KEY_FORMATS: [&str; 4] = ["-----begin", "---- begin ssh2", "ssh-", "ecdsa-sha2-"];

/// Finds keys that are not random. Errors contain no part of the key.
pub(super) fn check_strength(key: &[u8]) -> Result<(), String> {
    let mut distinct = key.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let is_repeated = |length: usize| key.iter().skip(length).eq(key.iter().take(key.len() - length));
    let runs = key.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let text = String::from_utf8_lossy(key).to_ascii_lowercase();
    let problem = if distinct.len() < MIN_DISTINCT_BYTES {
        "consists of a few different characters"
    } else if (1..=(key.len() / 2).min(MAX_REPEATED_BYTES)).any(is_repeated) {
        "repeats one short text"
    } else if runs * 2 > key.len() {
        "repeats single characters"
    } else if PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder)) {
        "is the text of an example"
    } else {
        return Ok(());
    };
    Err(format!("{problem}: use a random key, such as `openssl rand -base64 48` prints"))
}

/// Checks the size of an RSA key (RFC 7518, 3.3 and 3.5). `der`: PKCS #1.
///
/// Errors: fewer than 2048 bits, or not an RSA key.
pub fn check_rsa_public_key(der: &[u8]) -> Result<(), String> {
    match aws_lc_rs::rsa::PublicKey::from_der(der) {
        Ok(key) if key.modulus_len() * 8 >= MIN_RSA_BITS => Ok(()),
        Ok(key) => {
            Err(format!("is an RSA key of {} bits: at least {MIN_RSA_BITS} are required", key.modulus_len() * 8))
        }
        Err(_) => Err(format!("is not an RSA key of {MIN_RSA_BITS} to 8192 bits")),
    }
}

/// Checks the curve of an ECDSA key. `point`: uncompressed (SEC 1).
///
/// Errors: another curve than P-256.
pub fn check_p256_public_key(point: &[u8]) -> Result<(), String> {
    let is_p256 = point.len() == P256_POINT_LEN && point[0] == 4;
    if is_p256 { Ok(()) } else { Err("is a key of another curve than P-256".to_owned()) }
}

/// Whether a text is a key in PEM form, a certificate, a key of SSH, or a JWK. Most of them are public, and anyone can sign with a
/// secret that is public.
fn is_key_file(key: &str) -> bool {
    let text = key.trim_start_matches('\u{feff}').trim_start().trim_start_matches('"').to_ascii_lowercase();
    let is_jwk = || text.starts_with('{') && ["\"kty\"", "\"keys\""].iter().any(|member| text.contains(member));
    // The body of a file without its first and last line.
    let is_body = || {
        let body: String = key.split_whitespace().collect();
        let is_ssh = ["AAAAB3NzaC1", "AAAAC3NzaC1", "AAAAE2VjZHNh"].iter().any(|begin| body.starts_with(begin));
        is_ssh || STANDARD.decode(&body).is_ok_and(|der| is_der_sequence(&der))
    };
    KEY_FORMATS.iter().any(|begin| text.starts_with(begin)) || text.contains("-----begin ") || is_jwk() || is_body()
}

/// Whether bytes are one sequence of DER, as a key or a certificate is.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let length = match bytes {
        [0x30, short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x30, 0x81, length, rest @ ..] => Some((usize::from(*length), rest)),
        [0x30, 0x82, high, low, rest @ ..] => Some((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        _ => None,
    };
    length.is_some_and(|(length, rest)| length == rest.len())
}

fn check_secret(reader: &mut SettingReader, name: &str, key: &SecretString) {
    let text = key.expose_secret();
    let key = text.as_bytes();
    if key.len() < MIN_KEY_LEN {
        reader.error(name, format!("must have at least {MIN_KEY_LEN} bytes"));
    } else if is_key_file(text) {
        let problem = "is a public key, a certificate or another key file, whose content others may know: use a random key, \
                       such as `openssl rand -base64 48` prints";
        reader.error(name, problem);
    } else if let Err(problem) = check_strength(key) {
        reader.error(name, problem);
    }
}

pub(super) fn secret_key(reader: &mut SettingReader) -> SecretString {
    let key = secret_or_file(reader, "SECRET_KEY", true);
    match &key {
        Some(key) => check_secret(reader, "SECRET_KEY", key),
        None if reader.is_set("SECRET_KEY_FILE") => {}
        None => reader
            .require("SECRET_KEY", "must be set: at least 32 random bytes, such as `openssl rand -base64 48` prints"),
    }
    key.unwrap_or_default()
}

/// Name of the encryption key that is derived from SECRET_KEY.
pub const DERIVED_KEY: &str = "secret-key";

/// Encrypts with the first of ENCRYPTION_KEYS. The last key is derived from SECRET_KEY. It encrypts without ENCRYPTION_KEYS, so with
/// them it must still decrypt what was encrypted before they were set.
pub(super) fn cipher(reader: &mut SettingReader, secret_key: &SecretString) -> Arc<TokenCipher> {
    let mut keys = reader.list_of("ENCRYPTION_KEYS", encryption_key);
    let is_twice = |at: usize| keys[..at].iter().any(|(name, _)| *name == keys[at].0);
    if let Some(at) = (0..keys.len()).find(|at| is_twice(*at)) {
        reader.error("ENCRYPTION_KEYS", format!("has two keys with the name {}", keys[at].0));
    }
    if keys.iter().any(|(name, _)| name == DERIVED_KEY) {
        reader.error("ENCRYPTION_KEYS", format!("has a key with the name {DERIVED_KEY}, which is that of SECRET_KEY"));
    }
    keys.push((DERIVED_KEY.to_owned(), ServerKey::new(secret_key).derive("provider tokens", &[])));
    Arc::new(TokenCipher::new(keys))
}

/// `name:base64`. Errors contain no part of the key.
fn encryption_key(entry: &str) -> Result<(String, [u8; 32]), String> {
    let expectation =
        "must be a list of name:key, each key 32 bytes in base64, such as `openssl rand -base64 32` prints";
    let (name, key) = entry.split_once(':').ok_or(expectation)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_allowed) {
        return Err(expectation.to_owned());
    }
    let key: [u8; 32] = STANDARD.decode(key.trim()).ok().and_then(|key| key.try_into().ok()).ok_or(expectation)?;
    check_strength(&key).map_err(|problem| format!("a key {problem}"))?;
    Ok((name.to_owned(), key))
}

/// Whether PEM keys fit the algorithm and each other is checked where they are parsed (`credential/jwt_keys.rs`).
pub(super) fn jwt_keys(reader: &mut SettingReader, rules: &mut JwtRules) {
    const SIGNING_KEY: &str = "SIMPLE_JWT_SIGNING_KEY";
    let signing_key = secret_or_file(reader, SIGNING_KEY, true);
    rules.verifying_key =
        secret_or_file(reader, "SIMPLE_JWT_VERIFYING_KEY", false).map(|key| key.expose_secret().to_owned());
    let is_symmetric = rules.algorithm.is_symmetric();
    match signing_key {
        Some(key) => {
            if is_symmetric {
                check_secret(reader, SIGNING_KEY, &key);
            }
            rules.signing_key = key;
        }
        // A file that cannot be read is an error, and must not turn into keys of the server.
        None => rules.makes_keys = !is_symmetric && !reader.is_set(&format!("{SIGNING_KEY}_FILE")),
    }
}

/// A key from its setting, or from the file that `<NAME>_FILE` names. The environment takes precedence over the file of
/// settings, whichever of the two names it uses.
fn secret_or_file(reader: &mut SettingReader, name: &str, is_secret: bool) -> Option<SecretString> {
    let file_name = format!("{name}_FILE");
    let text = reader.optional(name, setting_reader::text);
    let file = reader.optional(&file_name, |path| {
        let path = Path::new(path.as_str().unwrap_or_default());
        if is_secret && file_access::is_open_to_all(path) {
            return Err("can be read or changed by every user of this machine: run chmod o-rw".to_owned());
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    });
    let is_of_environment = |name: &str| reader.found(name).is_some_and(|found| !found.in_file);
    let (text_wins, file_wins) = (is_of_environment(name), is_of_environment(&file_name));
    if text.is_some() && file.is_some() && text_wins == file_wins {
        let other = reader.label(&file_name);
        reader.error(name, format!("is set together with {other}: set one of them"));
    }
    if file_wins && !text_wins { file.or(text) } else { text.or(file) }.map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_no_secret() {
        for file in [
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
            "\u{feff}\n -----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
            "# the key\n-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA",
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH",
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAADAQABAAABAQDZ7x",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDZ7x user@host",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG user@host",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY user@host",
            r#"{"kty": "RSA", "n": "3f0c9a4be1d27765", "e": "AQAB"}"#,
            r#"{"keys": [{"kty": "EC"}]}"#,
            "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
            "AAAAB3NzaC1yc2EAAAADAQABAAABAQDZ7x",
        ] {
            assert!(is_key_file(file), "{file}");
        }
        for secret in ["Zk7vQ0sXr1mB9pLw2NfYtJ5cHdGqAe8uKi3oTy6VbRz4SxWn", "3f0c9a4be1d27765c08e3fb2915ad46b", "{x\"}"]
        {
            assert!(!is_key_file(secret), "{secret}");
        }
    }

    #[test]
    fn fault_a28_keys_that_are_not_random_are_refused() {
        for weak in [
            "a".repeat(64),
            "ab".repeat(32),
            "correct horse ".repeat(4),
            format!("{}{}", "a".repeat(40), "bcdefghi"),
            "please-changeme-before-production-use".to_owned(),
            "\0".repeat(32),
            "django-insecure-7$k@w2!p9z#q&v5m(x)r+3t^y8u".to_owned(),
        ] {
            assert!(check_strength(weak.as_bytes()).is_err(), "{weak}");
        }
        for strong in [
            "a secret key for tests of more than 32 bytes",
            "3f0c9a4be1d27765c08e3fb2915ad46b7c01e8f2946d3a5b",
            "8347192056473829104756382910475638",
            "Zk7vQ0sXr1mB9pLw2NfYtJ5cHdGqAe8uKi3oTy6VbRz4SxWn",
        ] {
            assert_eq!(check_strength(strong.as_bytes()), Ok(()), "{strong}");
        }
        let bytes: Vec<u8> = (0..24_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        assert_eq!(check_strength(&bytes), Ok(()));
    }
}
