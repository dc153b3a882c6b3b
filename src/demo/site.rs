//! What every page of the demo provider shares: its address, its one client for each protocol, its signing key and what it
//! remembers.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey};
use url::{Host, Url};

use super::expiring_map::ExpiringMap;
use super::people::DemoUser;
use crate::clock::Deps;
use crate::secrets::{ExposeSecret, SecretString, constant_time_eq};

const MINUTE: Duration = Duration::from_secs(60);
/// Rows of each shelf.
const MOST: usize = 2000;
/// A nonce is kept a little longer than a timestamp is good for, and every signed request makes one.
const MOST_NONCES: usize = 20_000;

/// An application that is registered here.
pub struct App {
    pub id: &'static str,
    pub title: &'static str,
    pub secret: SecretString,
}

impl App {
    fn new(id: &'static str, deps: &Deps) -> Self {
        Self { id, title: "rest-social-auth (dev)", secret: SecretString::from(deps.token::<32>()) }
    }

    pub fn has_secret(&self, shown: &str) -> bool {
        constant_time_eq(self.secret.expose_secret().as_bytes(), shown.as_bytes())
    }
}

/// Signs id_tokens; made when the provider starts.
pub struct Signer {
    pub key: EncodingKey,
    pub kid: String,
    pub public: JwkSet,
}

impl Signer {
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

/// A consent page that is open, by its ticket.
pub enum Pending {
    OAuth2(Authorization),
    OAuth1 { request_token: String, callback: Url },
}

/// What an authorization request asked for.
#[derive(Clone)]
pub struct Authorization {
    pub redirect_uri: Url,
    /// To the letter: `redirect_uri` may have been normalised by parsing.
    pub redirect_uri_text: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// S256.
    pub code_challenge: Option<String>,
    pub scope: String,
}

/// An authorization code. It stays on its shelf when it is used, so that a second use is seen and ends what the first one
/// gave (RFC 6749, section 4.1.2).
pub struct Code {
    pub asked: Authorization,
    pub user: &'static DemoUser,
    pub grant: u64,
    pub used: bool,
}

/// What a person allowed: behind access and refresh tokens. One consent is one `id`.
#[derive(Clone)]
pub struct Grant {
    pub id: u64,
    pub user: &'static DemoUser,
    pub scope: String,
}

/// A refresh token is used once; its second use ends the grant (RFC 9700, section 4.14.2).
pub struct Refresh {
    pub grant: Grant,
    pub used: bool,
}

/// OAuth 1.0a, before the person has been asked and after.
pub struct RequestToken {
    pub secret: SecretString,
    pub callback: Url,
    /// Set when the person agreed.
    pub agreed: Option<(&'static DemoUser, SecretString)>,
}

impl RequestToken {
    /// Where the answer goes, as long as there is none.
    pub fn open_callback(&self) -> Option<Url> {
        self.agreed.is_none().then(|| self.callback.clone())
    }
}

/// OAuth 1.0a.
pub struct AccessToken {
    pub secret: SecretString,
    pub user: &'static DemoUser,
}

pub struct Memory {
    pub pending: ExpiringMap<Pending>,
    pub codes: ExpiringMap<Code>,
    pub access: ExpiringMap<Grant>,
    pub refresh: ExpiringMap<Refresh>,
    pub request_tokens: ExpiringMap<RequestToken>,
    pub access_tokens: ExpiringMap<AccessToken>,
    pub nonces: ExpiringMap<()>,
    grants: u64,
}

impl Memory {
    pub fn new_grant(&mut self) -> u64 {
        self.grants += 1;
        self.grants
    }

    /// Ends every token of a consent.
    pub fn end_grant(&mut self, id: u64) {
        self.access.retain(|grant| grant.id != id);
        self.refresh.retain(|refresh| refresh.grant.id != id);
    }
}

pub struct Site {
    /// Scheme, host and port: no slash at the end.
    pub base: String,
    pub oauth2: App,
    pub oauth1: App,
    pub signer: Signer,
    pub deps: Deps,
    memory: Mutex<Memory>,
}

impl Site {
    pub fn new(public_url: &Url, deps: Deps) -> Self {
        let memory = Memory {
            pending: ExpiringMap::new(10 * MINUTE, MOST),
            codes: ExpiringMap::new(MINUTE, MOST),
            access: ExpiringMap::new(60 * MINUTE, MOST),
            refresh: ExpiringMap::new(24 * 60 * MINUTE, MOST),
            request_tokens: ExpiringMap::new(10 * MINUTE, MOST),
            access_tokens: ExpiringMap::new(24 * 60 * MINUTE, MOST),
            nonces: ExpiringMap::new(11 * MINUTE, MOST_NONCES),
            grants: 0,
        };
        Self {
            base: public_url.origin().ascii_serialization(),
            oauth2: App::new("demo", &deps),
            oauth1: App::new("demo-oauth1", &deps),
            signer: Signer::new(&deps),
            deps,
            memory: Mutex::new(memory),
        }
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Both providers in the fields of a descriptor, with this run's own secrets.
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
            authorization = {{ url = "{base}/oauth1/authorize" }}
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

/// The redirect URIs that both clients registered: any on this machine, whatever the port (RFC 8252, section 7.3).
pub fn registered_redirect_uri(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::V4(ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(ip).is_loopback(),
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_loopback && is_plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}
