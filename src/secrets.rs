//! Digests, keys derived from `SECRET_KEY`, sealing and constant-time comparison.
//!
//! Nothing here prints its content or can be compared with `==` (SEC-41, SEC-42).

use std::fmt;

use aws_lc_rs::{aead, constant_time, digest, hmac};
pub use secrecy::{ExposeSecret, SecretString};

use crate::clock::Deps;

/// SHA-256 of something that authenticates: what a table keeps instead of it.
#[derive(Clone)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// Each part is preceded by its length, so that no two lists of parts have one digest.
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

    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn matches(&self, other: &Digest) -> bool {
        same(&self.0, &other.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// Constant-time equality (SEC-42).
pub fn same(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out
}

/// `SECRET_KEY`, from which one key is derived for each purpose, so that no two uses share one.
#[derive(Clone)]
pub struct ServerKey(hmac::Key);

impl ServerKey {
    pub fn new(secret_key: &SecretString) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret_key.expose_secret().as_bytes()))
    }

    /// 32 bytes for `purpose`, bound to every one of `parts`.
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

/// A key shared with somebody else, who checks with it what is signed here.
#[derive(Clone)]
pub struct SharedKey(hmac::Key);

impl SharedKey {
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// HMAC-SHA256 of the parts as one text.
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

/// AES-256-GCM with a random nonce in front. `bound_to` must be the same when opening, or opening fails.
pub fn encrypt(key: &[u8; 32], bound_to: &[u8], plain: &[u8], deps: &Deps) -> Vec<u8> {
    let nonce = deps.bytes::<12>();
    let mut encrypted = plain.to_vec();
    aead_key(key)
        .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(bound_to), &mut encrypted)
        .expect("AES-256-GCM seals any message that fits in memory");
    [&nonce[..], &encrypted].concat()
}

/// `None` when the key, the binding or a byte of the text is another than when it was sealed.
pub fn open(key: &[u8; 32], bound_to: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = encrypted.split_at_checked(12)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let plain = aead_key(key).open_in_place(nonce, aead::Aad::from(bound_to), &mut text).ok()?;
    Some(plain.to_vec())
}

/// Keys with names: the first seals, all open (SEC-40). What is sealed begins with the name of its key.
pub struct TokenCipher {
    keys: Vec<(String, [u8; 32])>,
}

impl TokenCipher {
    /// `keys` is not empty; names are of 1 to 255 bytes.
    pub fn new(keys: Vec<(String, [u8; 32])>) -> Self {
        Self { keys }
    }

    /// `row` names what the sealed text belongs to: elsewhere it does not open.
    pub fn encrypt(&self, row: &[&str], plain: &[u8], deps: &Deps) -> Vec<u8> {
        let (name, key) = &self.keys[0];
        let mut out = Self::mark(name);
        out.extend(encrypt(key, &Self::bound(name, row), plain, deps));
        out
    }

    pub fn open(&self, row: &[&str], encrypted: &[u8]) -> Option<Vec<u8>> {
        let (name, text) = Self::parts(encrypted)?;
        let (known, key) = self.keys.iter().find(|(known, _)| known.as_bytes() == name)?;
        open(key, &Self::bound(known, row), text)
    }

    /// Whether it was sealed with the key that seals now.
    pub fn is_current(&self, encrypted: &[u8]) -> bool {
        Self::parts(encrypted).is_some_and(|(name, _)| name == self.keys[0].0.as_bytes())
    }

    /// Names of the keys, the one that seals first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(name, _)| name.as_str())
    }

    /// What every text that a key of this name sealed begins with, the one that seals first.
    pub fn marks(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.names().map(|name| (name, Self::mark(name)))
    }

    fn mark(name: &str) -> Vec<u8> {
        let mut mark = vec![u8::try_from(name.len()).unwrap_or(u8::MAX)];
        mark.extend_from_slice(name.as_bytes());
        mark
    }

    fn parts(encrypted: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = encrypted.split_first()?;
        rest.split_at_checked(usize::from(*length))
    }

    fn bound(name: &str, row: &[&str]) -> Vec<u8> {
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
    fn what_is_sealed_opens_only_with_its_key_and_binding() {
        let deps = Deps::system();
        let encrypted = encrypt(&[1; 32], b"row 1", b"secret", &deps);
        assert_eq!(open(&[1; 32], b"row 1", &encrypted).as_deref(), Some(&b"secret"[..]));
        assert!(open(&[2; 32], b"row 1", &encrypted).is_none());
        assert!(open(&[1; 32], b"row 2", &encrypted).is_none());
        assert!(open(&[1; 32], b"row 1", &encrypted[..11]).is_none());
    }

    #[test]
    fn sec_40_a_sealed_text_opens_in_its_row_and_after_a_rotation() {
        let deps = Deps::system();
        let old = TokenCipher::new(vec![("a".to_owned(), [1; 32])]);
        let encrypted = old.encrypt(&["github", "1"], b"token", &deps);
        assert_eq!(old.open(&["github", "1"], &encrypted).as_deref(), Some(&b"token"[..]));
        assert!(old.open(&["github", "2"], &encrypted).is_none(), "two rows' texts cannot be swapped");
        let rotated = TokenCipher::new(vec![("b".to_owned(), [2; 32]), ("a".to_owned(), [1; 32])]);
        assert!(rotated.open(&["github", "1"], &encrypted).is_some() && !rotated.is_current(&encrypted));
        let other = TokenCipher::new(vec![("a".to_owned(), [3; 32])]);
        assert!(other.open(&["github", "1"], &encrypted).is_none());
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        assert!(!Digest::of_parts(&[b"ab", b"c"]).matches(&Digest::of_parts(&[b"a", b"bc"])));
        let key = ServerKey::new(&SecretString::from("k"));
        assert_ne!(key.derive("p", &[b"ab", b"c"]), key.derive("p", &[b"a", b"bc"]));
    }
}
