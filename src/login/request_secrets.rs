//! The values that bind an authorization request together: state, PKCE verifier, nonce, cookie and flow token.
//!
//! Verifier and nonce are derived from the state with the server's key. So the three always belong to one row (SEC-4), and a
//! dump of the table reveals none of them.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::app_context::AppContext;
use crate::clock::Deps;
use crate::model::{AuthorizationRequest, StartedBy};
use crate::provider::RequestToken;
use crate::secrets::{self, Digest, ExposeSecret, SecretString, ServerKey};

/// How long a used code is remembered (SEC-6): as long as a provider would accept it.
pub const USED_CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Longer claims on codes count against a share of their own for each address. The rate limits bound what one address can claim for
/// this time.
pub const LONG_CLAIM_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);

/// Bytes of a flow token or cookie; a longer text cannot be one of this server.
const MAX_TOKEN_LEN: usize = 128;

/// Digests of what the caller presents: the browser's cookie, or the flow token of a client without cookies.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    pub browser: Option<Digest>,
    pub flow: Option<Digest>,
}

impl Binding {
    pub fn new(cookie: Option<&AuthorizationRequestCookie>, flow_token: Option<&str>) -> Self {
        let flow = flow_token.and_then(FlowToken::read).map(|token| token.digest());
        Self { browser: cookie.map(AuthorizationRequestCookie::digest), flow }
    }

    pub fn is_empty(&self) -> bool {
        self.browser.is_none() && self.flow.is_none()
    }

    /// Whether the caller started the authorization request: by cookie or by flow token.
    pub fn matches(&self, request: &AuthorizationRequest) -> bool {
        let is_same = |presented: &Option<Digest>, stored: &Digest| {
            presented.as_ref().is_some_and(|presented| presented.matches(stored))
        };
        let has_flow_token = match &request.started_by {
            StartedBy::Begin { flow_token } => is_same(&self.flow, flow_token),
            StartedBy::OAuth1Login => false,
        };
        has_flow_token || is_same(&self.browser, &request.browser)
    }

    /// The digest that a claim on a code is bound to.
    pub fn primary(&self) -> Option<&Digest> {
        self.flow.as_ref().or(self.browser.as_ref())
    }

    /// Whether a claim was bound to one of the two.
    pub fn includes(&self, stored: &Digest) -> bool {
        [&self.flow, &self.browser].into_iter().flatten().any(|presented| presented.matches(stored))
    }
}

/// A new `state`. It carries a tag made with the server's key, so that it is recognised after its row was deleted.
pub fn new_state(key: &ServerKey, deps: &Deps) -> String {
    tagged(key, STATE, "", deps)
}

/// Whether this server made the state, even when its row no longer exists.
pub fn is_state(key: &ServerKey, text: &str) -> bool {
    is_tagged(key, STATE, "", text)
}

/// What a client without cookies sends back with its login, and what every client sends with the answers of a pending login.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowToken(String);

impl FlowToken {
    pub fn new(deps: &Deps) -> Self {
        Self(format!("rsaf_{}", deps.token::<32>()))
    }

    /// `None`: too long, or empty.
    pub fn read(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= MAX_TOKEN_LEN).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for FlowToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowToken(***)")
    }
}

/// The value of a cookie that binds authorization requests to a browser. Only this server can make one.
#[derive(Clone)]
pub struct AuthorizationRequestCookie(String);

impl AuthorizationRequestCookie {
    pub fn new(key: &ServerKey, deps: &Deps) -> Self {
        Self(tagged(key, COOKIE, COOKIE_PREFIX, deps))
    }

    /// `None`: this server did not make it.
    pub fn read(key: &ServerKey, text: &str) -> Option<Self> {
        is_tagged(key, COOKIE, COOKIE_PREFIX, text).then(|| Self(text.to_owned()))
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
        f.write_str("AuthorizationRequestCookie(***)")
    }
}

/// Purposes of the server's key.
const STATE: &str = "authorization request state";
const COOKIE: &str = "authorization request cookie";
/// Prefix of the cookie's value.
const COOKIE_PREFIX: &str = "rsab_";
/// Bytes of randomness in a tagged value.
const RANDOM_LEN: usize = 32;
/// Bytes of the tag in a tagged value.
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

/// The key of an authorization request: the digest of its state or request token. `None`: too long to be stored.
pub fn request_key(state_or_token: &str) -> Option<Digest> {
    (state_or_token.len() <= MAX_TOKEN_LEN * 2).then(|| Digest::of(state_or_token.as_bytes()))
}

/// The PKCE verifier of a state: 43 characters (RFC 7636, section 4.1).
pub fn verifier(key: &ServerKey, state: &str) -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(key.derive("pkce verifier", &[state.as_bytes()])))
}

/// Whether a front-end's own verifier has the right form (RFC 7636, section 4.1).
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The nonce of a state (OpenID Connect Core, 3.1.2.1).
pub fn nonce(key: &ServerKey, state: &str) -> String {
    URL_SAFE_NO_PAD.encode(key.derive("nonce", &[state.as_bytes()]))
}

/// What completing an authorization request needs besides the values of its row. A dump of the table does not reveal it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestOptions {
    /// The `max_age` that was sent to the provider, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The authentication context classes of which the ID token must have one. Empty: those of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The application's own values.
    #[serde(default)]
    pub app: AppContext,
}

/// Encrypts the options with a key derived from the state (OAuth 1.0a: the request token), which is in no table. `None`: there
/// are none.
pub fn encrypt_options(
    key: &ServerKey,
    state_or_token: &str,
    options: &RequestOptions,
    deps: &Deps,
) -> Option<Vec<u8>> {
    let plain = || serde_json::to_vec(options).expect("plain data has a JSON form");
    (*options != RequestOptions::default())
        .then(|| secrets::encrypt(&options_key(key, state_or_token), b"", &plain(), deps))
}

/// `None`: they were encrypted with another SECRET_KEY.
pub fn decrypt_options(key: &ServerKey, state_or_token: &str, encrypted: Option<&[u8]>) -> Option<RequestOptions> {
    let Some(encrypted) = encrypted else { return Some(RequestOptions::default()) };
    let plain = secrets::decrypt(&options_key(key, state_or_token), b"", encrypted)?;
    serde_json::from_slice(&plain).ok()
}

fn options_key(key: &ServerKey, state_or_token: &str) -> [u8; 32] {
    key.derive("options of an authorization request", &[state_or_token.as_bytes()])
}

/// Encrypts the secret of a request token, bound to its token; it never leaves the server (SEC-12).
pub fn encrypt_request_token(key: &ServerKey, token: &RequestToken, deps: &Deps) -> Vec<u8> {
    let key = key.derive("request token secret", &[]);
    secrets::encrypt(&key, token.token.as_bytes(), token.secret.expose_secret().as_bytes(), deps)
}

/// `None`: it was encrypted with another SECRET_KEY.
pub fn decrypt_request_token(key: &ServerKey, token: &str, encrypted: &[u8]) -> Option<RequestToken> {
    let key = key.derive("request token secret", &[]);
    let plain = secrets::decrypt(&key, token.as_bytes(), encrypted)?;
    Some(RequestToken { token: token.to_owned(), secret: SecretString::from(String::from_utf8(plain).ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_04_verifier_and_nonce_are_derived_from_one_state() {
        let key = ServerKey::new(&SecretString::from("k"));
        let verifier = |state| verifier(&key, state).expose_secret().to_owned();
        assert!(is_verifier(&verifier("a")));
        assert_ne!(verifier("a"), verifier("b"));
        assert_ne!(nonce(&key, "a"), verifier("a"));
        assert!(secrets::is_pkce_challenge(&secrets::pkce_challenge(&verifier("a"))));
    }

    #[test]
    fn options_are_decrypted_with_their_own_state_only() {
        let (deps, key) = (Deps::system(), ServerKey::new(&SecretString::from("k")));
        let app = AppContext { app_state: Some("a".to_owned()), ..AppContext::default() };
        let options = RequestOptions { max_age: Some(300), acr_values: vec!["urn:mfa".to_owned()], app };
        let encrypted = encrypt_options(&key, "state", &options, &deps).expect("there are options");
        assert_eq!(decrypt_options(&key, "state", Some(&encrypted)), Some(options));
        assert_eq!(decrypt_options(&key, "other", Some(&encrypted)), None);
        let another = ServerKey::new(&SecretString::from("another"));
        assert_eq!(decrypt_options(&another, "state", Some(&encrypted)), None);
        assert_eq!(encrypt_options(&key, "state", &RequestOptions::default(), &deps), None);
        assert_eq!(decrypt_options(&key, "state", None), Some(RequestOptions::default()));
    }

    #[test]
    fn fault_a9_a25_states_and_cookies_are_recognised_by_their_tag() {
        let (deps, key) = (Deps::system(), ServerKey::new(&SecretString::from("k")));
        let another = ServerKey::new(&SecretString::from("another"));
        let state = new_state(&key, &deps);
        let cookie = AuthorizationRequestCookie::new(&key, &deps).0;
        assert!(is_state(&key, &state) && AuthorizationRequestCookie::read(&key, &cookie).is_some());
        assert!(!is_state(&another, &state) && AuthorizationRequestCookie::read(&another, &cookie).is_none());
        // A state is no cookie, and a front-end's own state is never recognised as one of this server.
        assert!(!is_state(&key, cookie.trim_start_matches(COOKIE_PREFIX)));
        assert!(AuthorizationRequestCookie::read(&key, &format!("{COOKIE_PREFIX}{state}")).is_none());
        let made_up = deps.token::<32>();
        let changed = format!("A{}", &state[1..]);
        let padded = format!("{state}=");
        for text in ["", "x", "rsab_", &made_up, &format!("{state}A"), &changed[..], &padded, &deps.token::<48>()] {
            assert!(text == state || !is_state(&key, text), "{text}");
            assert!(AuthorizationRequestCookie::read(&key, &format!("{COOKIE_PREFIX}{text}")).is_none(), "{text}");
        }
    }
}
