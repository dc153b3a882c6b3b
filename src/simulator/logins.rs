//! The logins of the simulator: what each was asked for, its user, and its credentials. All credentials of a login contain its ID, so
//! that a request shows to which login it belongs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::expiring_map::ExpiringMap;
use super::personas::Behaviour;
use super::provider::SimulatedProvider;
use super::rewriting::Rewriting;
use crate::clock::{Deps, UnixMillis};

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a code, and a request token, is valid.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);
const MAX_LOGINS: usize = 5000;
const PREFIX: &str = "sim_";
const ID_LEN: usize = 32;

/// A login.
pub struct Login {
    pub id: String,
    pub provider: Arc<SimulatedProvider>,
    /// The host of the authorization endpoint, which may be that of one shop.
    pub host: String,
    /// As sent.
    pub redirect_uri: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// PKCE, S256.
    pub challenge: Option<String>,
    pub form_post: bool,
    /// The authorization request had `max_age`.
    pub has_max_age: bool,
    /// The first class of `acr_values`.
    pub acr: Option<String>,
    pub begun: UnixMillis,
    pub user: Option<LoginUser>,
    /// The parameters of the callback.
    pub callback: Map<String, Value>,
    pub progress: Progress,
}

/// Who signs in, and what happens.
#[derive(Clone)]
pub struct LoginUser {
    pub rewriting: Rewriting,
    pub behaviour: Behaviour,
}

/// How far a login is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub code_is_used: bool,
    pub is_revoked: bool,
    /// Number of refreshes, which is part of the tokens.
    pub generation: u32,
}

/// The kinds of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialType {
    RequestToken,
    RequestSecret,
    Code,
    AccessToken,
    RefreshToken,
    TokenSecret,
}

impl CredentialType {
    const ALL: [(Self, &'static str); 6] = [
        (Self::RequestToken, "request"),
        (Self::RequestSecret, "requestsecret"),
        (Self::Code, "code"),
        (Self::AccessToken, "access"),
        (Self::RefreshToken, "refresh"),
        (Self::TokenSecret, "secret"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map(|(_, word)| *word).unwrap_or_default()
    }

    fn is_renewed(self) -> bool {
        matches!(self, Self::AccessToken | Self::RefreshToken)
    }
}

impl Login {
    pub fn credential(&self, kind: CredentialType) -> String {
        let generation = if kind.is_renewed() { self.progress.generation } else { 0 };
        format!("{PREFIX}{}{generation}_{}", kind.word(), self.id)
    }
}

/// A credential that a request contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedCredential {
    pub kind: CredentialType,
    pub id: String,
    /// The whole credential.
    pub text: String,
}

/// The credentials of the simulator in a text.
pub fn credentials_in(text: &str) -> Vec<PresentedCredential> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(PREFIX) {
        let rest = &text[at + PREFIX.len()..];
        let Some((word, after)) = rest.split_once('_') else { continue };
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let Some((kind, _)) = CredentialType::ALL.iter().find(|(_, known)| *known == name) else { continue };
        let Some(id) = after.get(..ID_LEN).filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())) else {
            continue;
        };
        let end = at + PREFIX.len() + word.len() + 1 + ID_LEN;
        found.push(PresentedCredential { kind: *kind, id: id.to_owned(), text: text[at..end].to_owned() });
    }
    found
}

/// Replaces the IDs of credentials, for a log.
pub fn without_credentials(text: &str) -> String {
    credentials_in(text).iter().fold(text.to_owned(), |text, found| text.replace(&found.id, "***"))
}

/// All logins.
pub struct Logins {
    logins: ExpiringMap<Login>,
    /// Signatures of OAuth 1.0a are accepted once.
    pub nonces: ExpiringMap<()>,
    /// (provider, ID of the user) for users who have consented.
    consents: HashSet<(String, String)>,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            logins: ExpiringMap::new(LIFETIME, MAX_LOGINS),
            nonces: ExpiringMap::new(Duration::from_secs(660), 20_000),
            consents: HashSet::new(),
        }
    }
}

impl Logins {
    /// A new login, not stored yet.
    pub fn begin(provider: Arc<SimulatedProvider>, redirect_uri: &str, deps: &Deps) -> Login {
        Login {
            id: deps.hex::<16>(),
            provider,
            host: String::new(),
            redirect_uri: redirect_uri.to_owned(),
            state: None,
            nonce: None,
            challenge: None,
            form_post: false,
            has_max_age: false,
            acr: None,
            begun: deps.now(),
            user: None,
            callback: Map::new(),
            progress: Progress::default(),
        }
    }

    pub fn insert(&mut self, login: Login, now: UnixMillis) {
        let id = login.id.clone();
        self.logins.insert(&id, login, now);
    }

    pub fn get(&self, id: &str, now: UnixMillis) -> Option<&Login> {
        self.logins.get(id, now)
    }

    pub fn get_mut(&mut self, id: &str, now: UnixMillis) -> Option<&mut Login> {
        self.logins.get_mut(id, now)
    }

    /// The ID of the latest login that `is_it` accepts.
    pub fn find(&self, now: UnixMillis, is_it: impl Fn(&Login) -> bool) -> Option<String> {
        self.logins.latest(now).into_iter().find(|login| is_it(login)).map(|login| login.id.clone())
    }

    pub fn remove(&mut self, id: &str, now: UnixMillis) -> Option<Login> {
        self.logins.remove(id, now)
    }

    /// Records the consent of a user. True: it is the first one.
    pub fn record_consent(&mut self, provider: &str, user: &str) -> bool {
        if self.consents.len() >= MAX_LOGINS {
            self.consents.clear();
        }
        self.consents.insert((provider.to_owned(), user.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_in_any_text_and_masked() {
        let id = "0123456789abcdef0123456789abcdef";
        let text = format!("code=sim_code0_{id}&t=57281.sim_access12_{id}&x=sim_other0_{id}&y=sim_code0_short");
        let found = credentials_in(&text);
        assert_eq!(
            found.iter().map(|one| one.kind).collect::<Vec<_>>(),
            [CredentialType::Code, CredentialType::AccessToken]
        );
        assert_eq!(found[1].text, format!("sim_access12_{id}"));
        assert!(!without_credentials(&text).contains(id));
    }
}
