//! The state of the demo provider: its address, one client for each protocol, the signing key, and its codes and tokens.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey};
use url::Url;

use super::demo_users::DemoUser;
use crate::clock::Deps;
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};
use crate::settings::is_loopback;
use crate::simulator::expiring_map::ExpiringMap;
use crate::simulator::personas::Personas;

/// The scopes that the provider supports.
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

const MINUTE: Duration = Duration::from_secs(60);
/// Maximum number of rows of each kind.
const MAX_ROWS: usize = 2000;
/// Every signed request stores a nonce, for longer than its timestamp is accepted.
const MAX_NONCES: usize = 20_000;

/// A registered client.
pub struct RegisteredClient {
    pub id: &'static str,
    pub title: &'static str,
    pub secret: SecretString,
}

impl RegisteredClient {
    /// The secret is fixed, so that a test of an application can use the client. It protects nothing: every user of this
    /// machine may sign in as a demo user.
    fn new(id: &'static str, secret: &str) -> Self {
        Self { id, title: "rest-social-auth (dev)", secret: SecretString::from(secret) }
    }

    pub fn has_secret(&self, given: &str) -> bool {
        constant_time_eq(self.secret.expose_secret().as_bytes(), given.as_bytes())
    }
}

/// The key that signs ID tokens, generated at start.
pub struct Signer {
    pub key: EncodingKey,
    pub kid: String,
    pub public: JwkSet,
}

impl Signer {
    /// The only algorithm of ID tokens.
    pub const ALGORITHM: Algorithm = Algorithm::ES256;

    fn new(deps: &Deps) -> Self {
        let pair =
            rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("the generator makes P-256 keys");
        let key = EncodingKey::from_ec_der(&pair.serialize_der());
        let kid = deps.hex::<8>();
        let mut jwk = Jwk::from_encoding_key(&key, Self::ALGORITHM).expect("a P-256 key has a public half");
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Self { key, kid, public: JwkSet { keys: vec![jwk] } }
    }
}

/// The request of an open consent page.
pub enum Pending {
    OAuth2(AuthorizationRequest),
    OAuth1 { request_token: String, callback: Url },
}

/// An OAuth 2.0 authorization request.
#[derive(Clone)]
pub struct AuthorizationRequest {
    pub redirect_uri: Url,
    /// As sent: parsing may have normalized `redirect_uri`, and the token request must repeat it exactly.
    pub redirect_uri_text: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// The PKCE challenge (S256).
    pub code_challenge: Option<String>,
    /// The first class of `acr_values`.
    pub acr: Option<String>,
    pub scope: String,
}

/// An authorization code. A used code stays stored, because a second use revokes the tokens of the first one (RFC 6749,
/// section 4.1.2).
pub struct Code {
    pub request: AuthorizationRequest,
    pub user: &'static DemoUser,
    pub grant: u64,
    pub is_used: bool,
}

/// The consent of a user, to which access and refresh tokens belong.
#[derive(Clone)]
pub struct Grant {
    pub id: u64,
    pub user: &'static DemoUser,
    pub scope: String,
}

/// A refresh token is valid once; its second use revokes the grant (RFC 9700, section 4.14.2).
pub struct Refresh {
    pub grant: Grant,
    pub is_used: bool,
}

/// Temporary credentials of OAuth 1.0a.
pub struct RequestToken {
    pub secret: SecretString,
    pub callback: Url,
    /// The user who consented, and the verifier.
    pub granted_by: Option<(&'static DemoUser, SecretString)>,
}

impl RequestToken {
    /// The callback URL. `None`: the user has consented already.
    pub fn pending_callback(&self) -> Option<Url> {
        self.granted_by.is_none().then(|| self.callback.clone())
    }
}

/// Token credentials of OAuth 1.0a.
pub struct AccessToken {
    pub secret: SecretString,
    pub user: &'static DemoUser,
}

pub struct DemoStore {
    pub pending: ExpiringMap<Pending>,
    pub codes: ExpiringMap<Code>,
    pub access: ExpiringMap<Grant>,
    pub refresh: ExpiringMap<Refresh>,
    pub request_tokens: ExpiringMap<RequestToken>,
    pub access_tokens: ExpiringMap<AccessToken>,
    pub nonces: ExpiringMap<()>,
    grant_count: u64,
}

impl DemoStore {
    pub fn new_grant(&mut self) -> u64 {
        self.grant_count += 1;
        self.grant_count
    }

    /// Revokes all tokens of a grant.
    pub fn revoke_grant(&mut self, id: u64) {
        self.access.retain(|grant| grant.id != id);
        self.refresh.retain(|refresh| refresh.grant.id != id);
    }
}

pub struct Site {
    /// Scheme, host and port, without a final slash.
    pub base: String,
    pub oauth2: RegisteredClient,
    pub oauth1: RegisteredClient,
    pub signer: Signer,
    /// Not empty.
    pub users: &'static [DemoUser],
    pub deps: Deps,
    store: Mutex<DemoStore>,
}

impl Site {
    pub fn new(public_url: &Url, personas: &Personas, deps: Deps) -> Self {
        let store = DemoStore {
            pending: ExpiringMap::new(10 * MINUTE, MAX_ROWS),
            codes: ExpiringMap::new(MINUTE, MAX_ROWS),
            access: ExpiringMap::new(60 * MINUTE, MAX_ROWS),
            refresh: ExpiringMap::new(24 * 60 * MINUTE, MAX_ROWS),
            request_tokens: ExpiringMap::new(10 * MINUTE, MAX_ROWS),
            access_tokens: ExpiringMap::new(24 * 60 * MINUTE, MAX_ROWS),
            nonces: ExpiringMap::new(11 * MINUTE, MAX_NONCES),
            grant_count: 0,
        };
        Self {
            base: public_url.origin().ascii_serialization(),
            oauth2: RegisteredClient::new("demo", "demo-secret"),
            oauth1: RegisteredClient::new("demo-oauth1", "demo-oauth1-secret"),
            signer: Signer::new(&deps),
            users: DemoUser::all(personas),
            deps,
            store: Mutex::new(store),
        }
    }

    pub fn store(&self) -> MutexGuard<'_, DemoStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user by user name or e-mail address.
    pub fn user(&self, hint: &str) -> Option<&'static DemoUser> {
        self.users.iter().find(|user| user.login == hint || !hint.is_empty() && user.email == hint)
    }

    /// Both providers as descriptors.
    pub fn settings(&self) -> toml::Table {
        let Self { base, oauth2, oauth1, .. } = self;
        let text = format!(
            r#"
            [providers.{}]
            title = "Demo provider"
            extends = "oidc"
            key = "{}"
            secret = "{}"
            oidc_endpoint = "{base}"
            id_token = {{ algorithms = ["ES256"] }}

            [providers.{}]
            title = "Demo provider (OAuth 1.0a)"
            protocol = "oauth1"
            key = "{}"
            secret = "{}"
            extra_data = ["id"]
            authorization = {{ url = "{base}/oauth1/authorize", login_parameters = ["login_hint"] }}
            oauth1 = {{ request_token_url = "{base}/oauth1/request_token" }}
            token = {{ url = "{base}/oauth1/access_token" }}
            userinfo = [{{ url = "{base}/oauth1/account" }}]
            user = {{ username = "profile.screen_name", email = "profile.email | default('')", fullname = "profile.name" }}
            "#,
            oauth2.id,
            oauth2.id,
            oauth2.secret.expose_secret(),
            oauth1.id,
            oauth1.id,
            oauth1.secret.expose_secret(),
        );
        text.parse().expect("names, base64url and an origin need no escaping in TOML")
    }
}

/// Parses a registered redirect URI: any loopback address, with any port (RFC 8252, section 7.3). `None`: it is not registered.
pub fn registered_redirect_uri(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_loopback(&url) && is_plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}
