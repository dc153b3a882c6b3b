//! What a login hands out, and how it is recognised again: session, token, JWT, knox token.
//!
//! Four modules of one shape: issue, authenticate (wire form to what must be looked up), renew, revoke. They know no
//! database: `login/` and `account/` join them with the store. Nothing that authenticates leaves here for a table in
//! clear; a row holds digests.

pub mod jwt;
mod jwt_keys;
pub mod knox;
pub mod session;
pub mod token;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::{Deps, UnixMillis};
use crate::model::{ClientInfo, Kind, NewCredential, User};
use crate::secrets::ServerKey;
use crate::settings::{SettingError, Settings};

/// `last_used` is written at most this often.
pub const TOUCH_EVERY: Duration = Duration::from_secs(5 * 60);

/// The kinds, with their keys prepared once.
pub struct Credentials {
    pub session: session::Sessions,
    pub token: token::Tokens,
    pub jwt: jwt::Jwts,
    pub knox: knox::Knox,
}

/// What to issue, to whom.
pub struct Issue<'a> {
    pub kind: Kind,
    /// Whether JWTs carry the user's data as claims (R-JWT-06).
    pub with_user: bool,
    pub user: &'a User,
    pub now: UnixMillis,
    pub client: &'a ClientInfo,
    /// A program's own claims of JWTs; those that have a name of ours are left out.
    pub claims: Option<&'a Map<String, Value>>,
    /// Seconds that the provider's login lives, where SESSION_EXPIRATION is on (R-SES-04).
    pub expires_in: Option<i64>,
    /// MAX_SESSION_LENGTH.
    pub longest: Option<Duration>,
}

/// The wire form, and the row to store for it.
pub struct Issued {
    /// Permanent, access, sliding or knox token.
    pub token: Option<String>,
    pub refresh: Option<String>,
    pub session: Option<session::Cookie>,
    pub row: NewCredential,
}

impl Credentials {
    pub fn new(settings: &Settings) -> Result<Self, SettingError> {
        let key = ServerKey::new(&settings.secret_key);
        Ok(Self {
            session: session::Sessions::new(settings.session.clone()),
            token: token::Tokens::new(key.clone()),
            jwt: jwt::Jwts::new(settings.jwt.clone(), key)?,
            knox: knox::Knox::new(settings.knox.clone()),
        })
    }

    pub fn issue(&self, issue: &Issue<'_>, deps: &Deps) -> Issued {
        match issue.kind {
            Kind::Session => {
                let (cookie, row) = self.session.issue(issue, deps);
                Issued { token: None, refresh: None, session: Some(cookie), row: NewCredential::Session(row) }
            }
            Kind::Token => {
                let (token, row) = self.token.issue(issue.user, issue.now, issue.client);
                Issued { token: Some(token), refresh: None, session: None, row: NewCredential::Token(row) }
            }
            Kind::JwtPair => {
                let (access, refresh, row) = self.jwt.issue_pair(issue, deps);
                Issued { token: Some(access), refresh: Some(refresh), session: None, row: NewCredential::Refresh(row) }
            }
            Kind::JwtSliding => {
                let (token, row) = self.jwt.issue_sliding(issue, deps);
                Issued { token: Some(token), refresh: None, session: None, row: NewCredential::Refresh(row) }
            }
            Kind::Knox => {
                let (token, row) = self.knox.issue(issue, deps);
                Issued { token: Some(token), refresh: None, session: None, row: NewCredential::Knox(row) }
            }
        }
    }
}
