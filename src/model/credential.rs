use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::model::UserId;
use crate::secrets::Digest;

/// What a login hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    Session,
    Token,
    JwtPair,
    JwtSliding,
    Knox,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::JwtPair => "jwt-pair",
            Self::JwtSliding => "jwt-sliding",
            Self::Knox => "knox",
        })
    }
}

/// Who called, as kept beside a credential and in the audit trail.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    pub ip: Option<String>,
    /// Cut to 255 characters.
    pub agent: Option<String>,
    pub request_id: Option<String>,
}

/// The row of a credential about to be stored with a login.
#[derive(Clone, Debug)]
pub enum NewCredential {
    Session(SessionRow),
    Token(TokenRow),
    Refresh(RefreshRow),
    Knox(KnoxRow),
}

#[derive(Clone, Debug)]
pub struct SessionRow {
    pub digest: Digest,
    pub user_id: UserId,
    pub created: UnixMillis,
    pub expires: UnixMillis,
    pub last_used: UnixMillis,
    pub client: ClientInfo,
}

/// One permanent token per user (R-TOK-01); an imported one may stand beside the derived one.
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub digest: Digest,
    pub user_id: UserId,
    pub created: UnixMillis,
    pub client: ClientInfo,
}

/// A refresh or sliding token that was issued (R-JWT-08).
#[derive(Clone, Debug)]
pub struct RefreshRow {
    /// 32 hex digits.
    pub jti: String,
    /// `jti` of the first token of the chain.
    pub family: String,
    /// `JwtPair` or `JwtSliding`.
    pub kind: Kind,
    pub user_id: UserId,
    pub created: UnixMillis,
    /// The login at the beginning of the chain; `None`: it is not known.
    pub signed_in: Option<UnixMillis>,
    pub expires: UnixMillis,
    pub client: ClientInfo,
}

/// What became of a refresh token.
#[derive(Clone, Debug, Default)]
pub struct RefreshUse {
    /// `None` for a token of another issuer with the same key, such as simplejwt.
    pub family: Option<String>,
    pub blacklisted: bool,
    /// `jti` of the token that it was rotated into.
    pub successor: Option<String>,
    pub last_used: Option<UnixMillis>,
    pub signed_in: Option<UnixMillis>,
}

#[derive(Clone, Debug)]
pub struct KnoxRow {
    /// Hex SHA-512 of the whole token text (R-KNX-03).
    pub digest: String,
    /// Its first 15 characters.
    pub token_key: String,
    pub user_id: UserId,
    pub created: UnixMillis,
    /// `None`: never (TOKEN_TTL unset).
    pub expires: Option<UnixMillis>,
    pub last_used: UnixMillis,
    pub client: ClientInfo,
}

/// Something that is signed in, as its owner sees it.
#[derive(Clone, Debug)]
pub struct CredentialEntry {
    pub kind: Kind,
    pub created: UnixMillis,
    /// The login that it comes from; `None`: it is not known, as of what was imported.
    pub signed_in: Option<UnixMillis>,
    pub last_used: UnixMillis,
    /// `None`: it never ends by itself.
    pub expires: Option<UnixMillis>,
    pub client: ClientInfo,
    pub handle: CredentialHandle,
}

/// One page of a user's live credentials, the latest used first.
#[derive(Clone, Debug)]
pub struct CredentialPage {
    pub now: UnixMillis,
    /// A session that was not used after this is over.
    pub idle_since: Option<UnixMillis>,
    /// The last entry of the page before; `None`: the first page.
    pub after: Option<CredentialPosition>,
    pub limit: i64,
}

/// Where an entry stands in the list of a user's credentials.
#[derive(Clone, Debug)]
pub struct CredentialPosition {
    pub last_used: UnixMillis,
    pub created: UnixMillis,
    pub handle: CredentialHandle,
}

impl CredentialEntry {
    pub fn position(&self) -> CredentialPosition {
        CredentialPosition { last_used: self.last_used, created: self.created, handle: self.handle.clone() }
    }
}

/// What a credential is found and ended by.
#[derive(Clone, Debug)]
pub enum CredentialHandle {
    Session(Digest),
    Token(Digest),
    /// `jti` of the first token of a chain of refresh tokens, or of a sliding token.
    Family(String),
    /// Hex SHA-512.
    Knox(String),
}
