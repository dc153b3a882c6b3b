//! What ties a begun login together: state, PKCE verifier, nonce, browser binding, and the sealed things kept for it.
//!
//! Verifier and nonce are derived from the state with the server's key, so that the three are of one row (SEC-4) and a
//! dump of the table gives none of them.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Deps;
use crate::model::AuthorizationRequest;
use crate::provider::RequestToken;
use crate::secrets::{self, Digest, ExposeSecret, SecretString, ServerKey};

/// How long a begun login may take (SEC-1).
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long a used code is remembered (SEC-6): as long as a provider would accept it.
pub const CODE_MEMORY: Duration = Duration::from_secs(10 * 60);
/// How far the clocks of two nodes may differ: what one node still accepts, another must not have forgotten.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A value that only its holder can have made: at most this long, or it is none of ours.
const LONGEST: usize = 128;

/// What the caller shows of a browser or a client without cookies.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    pub browser: Option<Digest>,
    pub flow: Option<Digest>,
}

impl Binding {
    pub fn new(cookie: Option<&AuthorizationRequestCookie>, flow_token: Option<&str>) -> Self {
        let ours = |value: &&str| !value.is_empty() && value.len() <= LONGEST;
        let flow = flow_token.filter(ours).map(|token| Digest::of(token.as_bytes()));
        Self { browser: cookie.map(AuthorizationRequestCookie::digest), flow }
    }

    pub fn is_empty(&self) -> bool {
        self.browser.is_none() && self.flow.is_none()
    }

    /// Whether the caller is the one who began the attempt: by cookie or by flow token.
    pub fn holds(&self, authorization_request: &AuthorizationRequest) -> bool {
        let fits = |shown: &Option<Digest>, kept: &Option<Digest>| match (shown, kept) {
            (Some(shown), Some(kept)) => shown.matches(kept),
            _ => false,
        };
        fits(&self.browser, &authorization_request.browser) || fits(&self.flow, &authorization_request.flow)
    }

    /// What a code's claim is bound to.
    pub fn first(&self) -> Option<&Digest> {
        self.flow.as_ref().or(self.browser.as_ref())
    }

    /// Whichever of the two was stored with a claim.
    pub fn matching<'a>(&'a self, kept: &Digest) -> Option<&'a Digest> {
        [&self.flow, &self.browser].into_iter().flatten().find(|shown| shown.matches(kept))
    }
}

/// A new `state`. It carries a tag of the server's key, so that it is recognised when its row is gone.
pub fn new_state(key: &ServerKey, deps: &Deps) -> String {
    tagged(key, STATE, "", deps)
}

/// Whether this server made the state, whatever became of its row.
pub fn is_state(key: &ServerKey, text: &str) -> bool {
    is_tagged(key, STATE, "", text)
}

pub fn new_flow_token(deps: &Deps) -> String {
    format!("rsaf_{}", deps.token::<32>())
}

/// The value of an attempt cookie that this server made.
#[derive(Clone)]
pub struct AuthorizationRequestCookie(String);

impl AuthorizationRequestCookie {
    pub fn new(key: &ServerKey, deps: &Deps) -> Self {
        Self(tagged(key, COOKIE, PREFIX, deps))
    }

    /// `None`: this server did not make it.
    pub fn read(key: &ServerKey, text: &str) -> Option<Self> {
        is_tagged(key, COOKIE, PREFIX, text).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for AuthorizationRequestCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptCookie(***)")
    }
}

/// Purposes of the server's key.
const STATE: &str = "authorization request state";
const COOKIE: &str = "attempt cookie";
/// What an attempt cookie begins with.
const PREFIX: &str = "rsab_";
/// Of a tagged value, in bytes.
const RANDOM_LEN: usize = 32;
const TAG_LEN: usize = 16;

/// 256 random bits and 128 bits of their HMAC, in base64url.
fn tagged(key: &ServerKey, purpose: &str, prefix: &str, deps: &Deps) -> String {
    let mut bytes = deps.bytes::<RANDOM_LEN>().to_vec();
    let tag = key.derive(purpose, &[&bytes]);
    bytes.extend_from_slice(&tag[..TAG_LEN]);
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn is_tagged(key: &ServerKey, purpose: &str, prefix: &str, text: &str) -> bool {
    let bytes = text.strip_prefix(prefix).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let Some((random, tag)) = bytes.as_deref().and_then(|bytes| bytes.split_at_checked(RANDOM_LEN)) else {
        return false;
    };
    secrets::constant_time_eq(tag, &key.derive(purpose, &[random])[..TAG_LEN])
}

/// Digest of a state or a request token, as the attempt's key. `None`: too long to be one of ours.
pub fn request_key(state_or_token: &str) -> Option<Digest> {
    (state_or_token.len() <= LONGEST * 2).then(|| Digest::of(state_or_token.as_bytes()))
}

/// RFC 7636, section 4.1: 43 characters.
pub fn verifier(key: &ServerKey, state: &str) -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(key.derive("pkce verifier", &[state.as_bytes()])))
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
pub fn encrypt_request_token(key: &ServerKey, token: &RequestToken, deps: &Deps) -> Vec<u8> {
    let sealing = key.derive("request token secret", &[]);
    secrets::encrypt(&sealing, token.token.as_bytes(), token.secret.expose_secret().as_bytes(), deps)
}

pub fn open_request_token(key: &ServerKey, token: &str, encrypted: &[u8]) -> Option<RequestToken> {
    let sealing = key.derive("request token secret", &[]);
    let plain = secrets::decrypt(&sealing, token.as_bytes(), encrypted)?;
    Some(RequestToken { token: token.to_owned(), secret: SecretString::from(String::from_utf8(plain).ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_04_verifier_and_nonce_belong_to_one_state() {
        let key = ServerKey::new(&SecretString::from("k"));
        let verifier = |state| verifier(&key, state).expose_secret().to_owned();
        assert!(is_verifier(&verifier("a")));
        assert_ne!(verifier("a"), verifier("b"));
        assert_ne!(nonce(&key, "a"), verifier("a"));
        assert!(is_challenge(&secrets::pkce_challenge(&verifier("a"))));
    }

    #[test]
    fn fault_a9_a25_states_and_cookies_are_recognised_by_their_tag() {
        let (deps, key) = (Deps::system(), ServerKey::new(&SecretString::from("k")));
        let another = ServerKey::new(&SecretString::from("another"));
        let state = new_state(&key, &deps);
        let cookie = AuthorizationRequestCookie::new(&key, &deps).0;
        assert!(is_state(&key, &state) && AuthorizationRequestCookie::read(&key, &cookie).is_some());
        assert!(!is_state(&another, &state) && AuthorizationRequestCookie::read(&another, &cookie).is_none());
        // Neither stands for the other, and a front-end's own state is never taken for one of this server.
        assert!(!is_state(&key, cookie.trim_start_matches(PREFIX)));
        assert!(AuthorizationRequestCookie::read(&key, &format!("{PREFIX}{state}")).is_none());
        let made_up = deps.token::<32>();
        let changed = format!("A{}", &state[1..]);
        let padded = format!("{state}=");
        for text in ["", "x", "rsab_", &made_up, &format!("{state}A"), &changed[..], &padded, &deps.token::<48>()] {
            assert!(text == state || !is_state(&key, text), "{text}");
            assert!(AuthorizationRequestCookie::read(&key, &format!("{PREFIX}{text}")).is_none(), "{text}");
        }
    }
}
