//! Digests, keys derived from `SECRET_KEY`, encryption and constant-time comparison.
//!
//! No type here prints its content or can be compared with `==` (SEC-41, SEC-42).

use std::fmt;

use aws_lc_rs::{aead, constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use secrecy::{ExposeSecret, SecretString};

use crate::clock::Deps;

/// The SHA-256 digest of a credential. Tables store it instead of the credential.
#[derive(Clone)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of one value.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The digest of a list. Each part is preceded by its length, so that two different lists never have the same digest.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            if parts.len() > 1 {
                context.update(&(part.len() as u64).to_be_bytes());
            }
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// Reads a stored digest. `None`: it is not 32 bytes long.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes, for storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Constant-time equality (SEC-42).
    pub fn matches(&self, other: &Digest) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// Constant-time equality (SEC-42).
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The S256 challenge of a PKCE verifier (RFC 7636, section 4.2).
pub fn pkce_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Whether a text may be an S256 challenge: a SHA-256 in base64url, which has 43 characters (RFC 7636, section 4.2).
pub fn is_pkce_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether the verifier belongs to an S256 challenge (RFC 7636, section 4.6).
pub fn matches_pkce_challenge(verifier: &str, challenge: &str) -> bool {
    constant_time_eq(pkce_challenge(verifier).as_bytes(), challenge.as_bytes())
}

/// `SECRET_KEY`. A separate key is derived from it for each purpose.
#[derive(Clone)]
pub struct ServerKey(hmac::Key);

impl ServerKey {
    /// Prepares `SECRET_KEY` for [`Self::derive`].
    pub fn new(secret_key: &SecretString) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret_key.expose_secret().as_bytes()))
    }

    /// A 32-byte key for `purpose` and these `parts` (HMAC-SHA256).
    pub fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(***)")
    }
}

/// A key that this server shares with a receiver, which verifies signatures with it.
#[derive(Clone)]
pub struct SharedKey(hmac::Key);

impl SharedKey {
    /// Prepares a key for [`Self::sign`].
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// HMAC-SHA256 of the parts, joined without a separator.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(***)")
    }
}

/// Encrypts with AES-256-GCM. The random nonce comes before the ciphertext; `bound_to` is the associated data.
pub fn encrypt(key: &[u8; 32], bound_to: &[u8], plain: &[u8], deps: &Deps) -> Vec<u8> {
    let nonce = deps.bytes::<12>();
    let mut encrypted = plain.to_vec();
    aead_key(key)
        .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(bound_to), &mut encrypted)
        .expect("AES-256-GCM encrypts any message that fits in memory");
    [&nonce[..], &encrypted].concat()
}

/// Decrypts the output of [`encrypt`]. `None`: the key, the associated data or the ciphertext differs.
pub fn decrypt(key: &[u8; 32], bound_to: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = encrypted.split_at_checked(12)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let plain = aead_key(key).open_in_place(nonce, aead::Aad::from(bound_to), &mut text).ok()?;
    Some(plain.to_vec())
}

/// Encrypts with the first of several named keys and decrypts with any of them (SEC-40). A ciphertext begins with the name of
/// its key.
pub struct TokenCipher {
    keys: Vec<(String, [u8; 32])>,
}

impl TokenCipher {
    /// `keys` must not be empty, and each name must have 1 to 255 bytes.
    pub fn new(keys: Vec<(String, [u8; 32])>) -> Self {
        Self { keys }
    }

    /// `row` identifies the row of the ciphertext: it cannot be decrypted as part of another row.
    pub fn encrypt(&self, row: &[&str], plain: &[u8], deps: &Deps) -> Vec<u8> {
        let (name, key) = &self.keys[0];
        let mut out = Self::key_prefix(name);
        out.extend(encrypt(key, &Self::associated_data(name, row), plain, deps));
        out
    }

    /// `None`: the key is not known, or the ciphertext is of another row.
    pub fn decrypt(&self, row: &[&str], encrypted: &[u8]) -> Option<Vec<u8>> {
        let (name, text) = Self::parts(encrypted)?;
        let (known, key) = self.keys.iter().find(|(known, _)| known.as_bytes() == name)?;
        decrypt(key, &Self::associated_data(known, row), text)
    }

    /// Whether the ciphertext was made with the first key.
    pub fn is_current(&self, encrypted: &[u8]) -> bool {
        Self::parts(encrypted).is_some_and(|(name, _)| name == self.keys[0].0.as_bytes())
    }

    /// The name of the key that made the ciphertext, which may be missing here. `None`: it is no ciphertext.
    pub fn key_name(encrypted: &[u8]) -> Option<&str> {
        Self::parts(encrypted).and_then(|(name, _)| std::str::from_utf8(name).ok())
    }

    /// Names of the keys, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(name, _)| name.as_str())
    }

    /// For each key, in order: its name and the bytes that its ciphertexts begin with.
    pub fn key_prefixes(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.names().map(|name| (name, Self::key_prefix(name)))
    }

    fn key_prefix(name: &str) -> Vec<u8> {
        let mut prefix = vec![u8::try_from(name.len()).unwrap_or(u8::MAX)];
        prefix.extend_from_slice(name.as_bytes());
        prefix
    }

    fn parts(encrypted: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = encrypted.split_first()?;
        rest.split_at_checked(usize::from(*length))
    }

    fn associated_data(name: &str, row: &[&str]) -> Vec<u8> {
        let parts: Vec<&[u8]> = std::iter::once(name).chain(row.iter().copied()).map(str::as_bytes).collect();
        Digest::of_parts(&parts).as_bytes().to_vec()
    }
}

impl fmt::Debug for TokenCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

fn aead_key(key: &[u8; 32]) -> aead::LessSafeKey {
    aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key).expect("32 bytes are an AES-256 key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decryption_needs_the_same_key_and_associated_data() {
        let deps = Deps::system();
        let encrypted = encrypt(&[1; 32], b"row 1", b"secret", &deps);
        assert_eq!(decrypt(&[1; 32], b"row 1", &encrypted).as_deref(), Some(&b"secret"[..]));
        assert!(decrypt(&[2; 32], b"row 1", &encrypted).is_none());
        assert!(decrypt(&[1; 32], b"row 2", &encrypted).is_none());
        assert!(decrypt(&[1; 32], b"row 1", &encrypted[..11]).is_none());
    }

    #[test]
    fn sec_40_a_ciphertext_is_bound_to_its_row_and_survives_key_rotation() {
        let deps = Deps::system();
        let old = TokenCipher::new(vec![("a".to_owned(), [1; 32])]);
        let encrypted = old.encrypt(&["github", "1"], b"token", &deps);
        assert_eq!(old.decrypt(&["github", "1"], &encrypted).as_deref(), Some(&b"token"[..]));
        assert!(old.decrypt(&["github", "2"], &encrypted).is_none(), "a ciphertext cannot be moved to another row");
        let rotated = TokenCipher::new(vec![("b".to_owned(), [2; 32]), ("a".to_owned(), [1; 32])]);
        assert!(rotated.decrypt(&["github", "1"], &encrypted).is_some() && !rotated.is_current(&encrypted));
        let other = TokenCipher::new(vec![("a".to_owned(), [3; 32])]);
        assert!(other.decrypt(&["github", "1"], &encrypted).is_none());
    }

    #[test]
    fn different_lists_of_parts_have_different_digests_and_keys() {
        assert!(!Digest::of_parts(&[b"ab", b"c"]).matches(&Digest::of_parts(&[b"a", b"bc"])));
        let key = ServerKey::new(&SecretString::from("k"));
        assert_ne!(key.derive("p", &[b"ab", b"c"]), key.derive("p", &[b"a", b"bc"]));
    }
}
