//! The five kinds of credential, and their rows.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::model::UserId;
use crate::secrets::Digest;

/// The kind of credential that a login issues. Its text form is kebab case, as in the routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[strum(serialize_all = "kebab-case")]
pub enum CredentialKind {
    /// A session cookie.
    Session,
    /// A permanent token.
    Token,
    /// An access token and a refresh token.
    JwtPair,
    /// A sliding token, which is its own refresh token.
    JwtSliding,
    /// A knox token.
    Knox,
}

/// The caller, as stored with a credential and in the audit log.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The address, as far as the proxies are trusted.
    pub ip: Option<String>,
    /// The User-Agent header, cut to 255 characters.
    pub agent: Option<String>,
    /// `X-Request-Id`.
    pub request_id: Option<String>,
}

impl ClientInfo {
    /// The operator at the command line.
    pub fn of_command() -> Self {
        Self { agent: Some("command line".to_owned()), ..Self::default() }
    }
}

/// The row of a newly issued credential.
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

/// One permanent token per user (R-TOK-01); an imported one may exist beside the derived one.
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub digest: Digest,
    pub user_id: UserId,
    pub created: UnixMillis,
    pub client: ClientInfo,
}

/// When a permanent token was issued and used.
#[derive(Clone, Copy, Debug)]
pub struct TokenUse {
    pub created: UnixMillis,
    pub last_used: UnixMillis,
}

/// A refresh or sliding token that was issued (R-JWT-08).
#[derive(Clone, Debug)]
pub struct RefreshRow {
    /// 32 hex digits.
    pub jti: String,
    /// `jti` of the first token of the family.
    pub family: String,
    /// `JwtPair` or `JwtSliding`.
    pub kind: CredentialKind,
    pub user_id: UserId,
    pub created: UnixMillis,
    /// When the login that started the family took place; `None`: unknown.
    pub signed_in: Option<UnixMillis>,
    pub expires: UnixMillis,
    pub client: ClientInfo,
}

/// How a refresh token was used.
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

/// A valid credential, as its owner sees it.
#[derive(Clone, Debug)]
pub struct CredentialEntry {
    pub kind: CredentialKind,
    pub created: UnixMillis,
    /// When the login took place; `None`: unknown, as for imported credentials.
    pub signed_in: Option<UnixMillis>,
    pub last_used: UnixMillis,
    /// `None`: it does not expire.
    pub expires: Option<UnixMillis>,
    pub client: ClientInfo,
    pub handle: CredentialHandle,
}

/// Selects a page of a user's valid credentials, the last used first.
#[derive(Clone, Debug)]
pub struct CredentialQuery {
    pub now: UnixMillis,
    /// A session that was last used before this has expired.
    pub idle_since: Option<UnixMillis>,
    /// The last entry of the page before; `None`: the first page.
    pub after: Option<CredentialPosition>,
    pub limit: i64,
}

/// The position of an entry in the list of a user's credentials.
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

/// The key by which a credential is found and revoked.
#[derive(Clone, Debug)]
pub enum CredentialHandle {
    Session(Digest),
    Token(Digest),
    /// `jti` of the first token of a token family, or of a sliding token.
    Family(String),
    /// Hex SHA-512.
    Knox(String),
}
