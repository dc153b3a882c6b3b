//! The credentials that a login issues: session, permanent token, JWT, knox token.
//!
//! Each module issues a credential and makes the key by which the store finds it. They do not access the database: `login/`
//! and `account/` join them with the store. The database never holds a credential itself, only its digest.

mod issue;
pub mod jwt;
mod jwt_keys;
mod jwt_signature;
mod key_schedule;
pub mod knox;
pub mod session;
mod successor;
pub mod token;
pub mod token_family;
mod token_type;

use serde::{Deserialize, Serialize};

pub use self::issue::{IssueRequest, IssuedPair, TOUCH_INTERVAL};
pub use self::jwt_keys::{NewKey, is_readable};
pub use self::key_schedule::{KeySchedule, KeyStep};
pub use self::session::SessionCookie;
use crate::clock::Deps;
use crate::model::{CredentialKind, NewCredential};
use crate::secrets::ServerKey;
use crate::settings::{SettingError, Settings};

/// All kinds of credentials, with their keys prepared once.
pub struct Credentials {
    /// Session cookies.
    pub session: session::Sessions,
    /// Permanent tokens.
    pub token: token::Tokens,
    /// JWT pairs and sliding tokens.
    pub jwt: jwt::Jwts,
    /// Knox tokens.
    pub knox: knox::Knox,
}

/// An issued credential, as the client gets it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Issued {
    /// A session cookie.
    Session(SessionCookie),
    /// A permanent, sliding or knox token.
    Token(String),
    /// The two tokens of a pair.
    Pair { access: String, refresh: String },
}

impl Issued {
    /// The cookie of a session. `None`: the credential is a token.
    pub fn session(&self) -> Option<&SessionCookie> {
        if let Self::Session(cookie) = self { Some(cookie) } else { None }
    }
}

impl Credentials {
    /// Errors: the setting of a key that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, SettingError> {
        Ok(Self {
            session: session::Sessions::new(settings.session.clone()),
            token: token::Tokens::new(ServerKey::new(&settings.secret_key)),
            jwt: jwt::Jwts::new(settings.jwt.clone())?,
            knox: knox::Knox::new(settings.knox.clone()),
        })
    }

    /// Issues a credential of the requested kind, and the row to store.
    pub fn issue(&self, issue: &IssueRequest<'_>, deps: &Deps) -> (Issued, NewCredential) {
        match issue.kind.credential() {
            CredentialKind::Session => {
                let (cookie, row) = self.session.issue(issue, deps);
                (Issued::Session(cookie), NewCredential::Session(row))
            }
            CredentialKind::Token => {
                let (token, row) = self.token.issue(issue.user, issue.now, issue.client);
                (Issued::Token(token), NewCredential::Token(row))
            }
            CredentialKind::JwtPair => {
                let IssuedPair { access, refresh, row } = self.jwt.issue_pair(issue, deps);
                (Issued::Pair { access, refresh }, NewCredential::Refresh(row))
            }
            CredentialKind::JwtSliding => {
                let (token, row) = self.jwt.issue_sliding(issue, deps);
                (Issued::Token(token), NewCredential::Refresh(row))
            }
            CredentialKind::Knox => {
                let (token, row) = self.knox.issue(issue, deps);
                (Issued::Token(token), NewCredential::Knox(row))
            }
        }
    }
}
