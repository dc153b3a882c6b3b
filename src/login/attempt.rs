//! What ties a begun login together: state, PKCE verifier, nonce, browser binding, and the sealed things kept for it.
//!
//! Verifier and nonce are derived from the state with the server's key, so that the three are of one row (SEC-4) and a
//! dump of the table gives none of them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};

use crate::clock::Ambient;
use crate::model::Attempt;
use crate::provider::RequestToken;
use crate::secrets::{self, Digest, ExposeSecret, SecretString, ServerKey};

/// How long a begun login may take (SEC-1).
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long a used code is remembered (SEC-6): as long as a provider would accept it.
pub const CODE_MEMORY: Duration = Duration::from_secs(10 * 60);
/// The same of an id_token: longer than one may be old (SEC-20).
pub const ID_TOKEN_MEMORY: Duration = Duration::from_secs(15 * 60);

/// A value that only its holder can have made: at most this long, or it is none of ours.
const LONGEST: usize = 128;

/// What the caller shows of a browser or a client without cookies.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    pub browser: Option<Digest>,
    pub flow: Option<Digest>,
}

impl Binding {
    pub fn new(cookie: Option<&str>, flow_token: Option<&str>) -> Self {
        let digest = |value: &str| Digest::of(value.as_bytes());
        let ours = |value: &&str| !value.is_empty() && value.len() <= LONGEST;
        Self { browser: cookie.filter(ours).map(digest), flow: flow_token.filter(ours).map(digest) }
    }

    pub fn is_empty(&self) -> bool {
        self.browser.is_none() && self.flow.is_none()
    }

    /// Whether the caller is the one who began the attempt: by cookie or by flow token.
    pub fn holds(&self, attempt: &Attempt) -> bool {
        let fits = |shown: &Option<Digest>, kept: &Option<Digest>| match (shown, kept) {
            (Some(shown), Some(kept)) => shown.matches(kept),
            _ => false,
        };
        fits(&self.browser, &attempt.browser) || fits(&self.flow, &attempt.flow)
    }

    /// What a code's claim is bound to.
    pub fn first(&self) -> Option<&Digest> {
        self.flow.as_ref().or(self.browser.as_ref())
    }

    /// Whichever of the two was stored with a claim.
    pub fn that_fits<'a>(&'a self, kept: &Digest) -> Option<&'a Digest> {
        [&self.flow, &self.browser].into_iter().flatten().find(|shown| shown.matches(kept))
    }
}

/// 256 random bits for `state`.
pub fn new_state(ambient: &Ambient) -> String {
    ambient.token::<32>()
}

pub fn new_flow_token(ambient: &Ambient) -> String {
    format!("rsaf_{}", ambient.token::<32>())
}

/// The cookie's value: kept when the browser has one of ours, since it may have several attempts open.
pub fn browser_cookie(shown: Option<&str>, ambient: &Ambient) -> String {
    const PREFIX: &str = "rsab_";
    match shown {
        Some(value) if value.len() == PREFIX.len() + 43 && value.starts_with(PREFIX) => value.to_owned(),
        _ => format!("{PREFIX}{}", ambient.token::<32>()),
    }
}

/// Digest of a state or a request token, as the attempt's key. `None`: too long to be one of ours.
pub fn key_of(state_or_token: &str) -> Option<Digest> {
    (state_or_token.len() <= LONGEST * 2).then(|| Digest::of(state_or_token.as_bytes()))
}

/// RFC 7636, section 4.1: 43 characters.
pub fn verifier(key: &ServerKey, state: &str) -> PkceCodeVerifier {
    PkceCodeVerifier::new(URL_SAFE_NO_PAD.encode(key.derive("pkce verifier", &[state.as_bytes()])))
}

/// RFC 7636, section 4.2, method S256.
pub fn challenge(verifier: &PkceCodeVerifier) -> PkceCodeChallenge {
    PkceCodeChallenge::from_code_verifier_sha256(verifier)
}

/// Whether a front-end's own verifier is one (RFC 7636, section 4.1).
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Whether a challenge is a SHA-256 in base64url.
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

pub fn nonce(key: &ServerKey, state: &str) -> String {
    URL_SAFE_NO_PAD.encode(key.derive("nonce", &[state.as_bytes()]))
}

/// The secret of a request token stays here, sealed and bound to its token (SEC-12).
pub fn seal_request_token(key: &ServerKey, token: &RequestToken, ambient: &Ambient) -> Vec<u8> {
    let sealing = key.derive("request token secret", &[]);
    secrets::seal(&sealing, token.token.as_bytes(), token.secret.expose_secret().as_bytes(), ambient)
}

pub fn open_request_token(key: &ServerKey, token: &str, sealed: &[u8]) -> Option<RequestToken> {
    let sealing = key.derive("request token secret", &[]);
    let plain = secrets::open(&sealing, token.as_bytes(), sealed)?;
    Some(RequestToken { token: token.to_owned(), secret: SecretString::from(String::from_utf8(plain).ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_04_verifier_and_nonce_belong_to_one_state() {
        let key = ServerKey::new(&SecretString::from("k"));
        assert!(is_verifier(verifier(&key, "a").secret()));
        assert_ne!(verifier(&key, "a").secret(), verifier(&key, "b").secret());
        assert_ne!(nonce(&key, "a"), *verifier(&key, "a").secret());
        assert!(is_challenge(challenge(&verifier(&key, "a")).as_str()));
    }

    #[test]
    fn a_cookie_of_ours_is_kept_and_any_other_replaced() {
        let ambient = Ambient::system();
        let made = browser_cookie(None, &ambient);
        assert_eq!(browser_cookie(Some(&made), &ambient), made);
        assert_ne!(browser_cookie(Some("short"), &ambient), "short");
    }
}
