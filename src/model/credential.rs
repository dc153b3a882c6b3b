//! The five kinds of credential, and their rows.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::model::UserId;
use crate::secrets::Digest;

/// The kind of credential that a login issues. Its text form is kebab case, as in the routes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
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
    /// A session.
    Session(SessionRow),
    /// The permanent token; stored only if its digest is new.
    Token(TokenRow),
    /// The refresh token of a pair, or a sliding token.
    Refresh(RefreshRow),
    /// A knox token.
    Knox(KnoxRow),
}

/// A session (R-SES-01).
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// SHA-256 of the session key in the cookie.
    pub digest: Digest,
    /// The user that it authenticates.
    pub user_id: UserId,
    /// When the login took place.
    pub created: UnixMillis,
    /// When it expires, even if it is in use.
    pub expires: UnixMillis,
    /// When a request last used it, at most five minutes too early.
    pub last_used: UnixMillis,
    /// The client that it was issued to.
    pub client: ClientInfo,
}

/// One permanent token per user (R-TOK-01); an imported one may exist beside the derived one.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// SHA-256 of the token.
    pub digest: Digest,
    /// The user that it authenticates.
    pub user_id: UserId,
    /// When it was first issued.
    pub created: UnixMillis,
    /// The client that it was issued to.
    pub client: ClientInfo,
}

/// When a permanent token was issued and used.
#[derive(Clone, Copy, Debug)]
pub struct TokenUse {
    /// When it was issued.
    pub created: UnixMillis,
    /// When a request last used it.
    pub last_used: UnixMillis,
}

/// A refresh or sliding token that was issued (R-JWT-08).
#[derive(Clone, Debug)]
pub struct RefreshRow {
    /// 32 hex digits.
    pub jti: String,
    /// `jti` of the first token of the family.
    pub family: String,
    /// `jti` of the token that this one replaces; `None`: none.
    pub parent: Option<String>,
    /// `JwtPair` or `JwtSliding`.
    pub kind: CredentialKind,
    /// The user that its family authenticates.
    pub user_id: UserId,
    /// When this token was issued, not its family.
    pub created: UnixMillis,
    /// When the family began: its absolute lifetime counts from here.
    pub family_created: UnixMillis,
    /// When the login that started the family took place; `None`: unknown.
    pub signed_in: Option<UnixMillis>,
    /// `exp` of the token.
    pub expires: UnixMillis,
    /// The client that it was last issued to.
    pub client: ClientInfo,
}

/// A knox token.
#[derive(Clone, Debug)]
pub struct KnoxRow {
    /// Hex SHA-512 of the whole token text (R-KNX-03).
    pub digest: String,
    /// Its first 15 characters.
    pub token_key: String,
    /// The user that it authenticates.
    pub user_id: UserId,
    /// When the login took place.
    pub created: UnixMillis,
    /// `None`: never (TOKEN_TTL unset).
    pub expires: Option<UnixMillis>,
    /// When a request last used it, at most five minutes too early.
    pub last_used: UnixMillis,
    /// The client that it was issued to.
    pub client: ClientInfo,
}

/// A valid credential, as its owner sees it.
#[derive(Clone, Debug)]
pub struct CredentialEntry {
    /// Its kind.
    pub kind: CredentialKind,
    /// When it was issued.
    pub created: UnixMillis,
    /// When the login took place; `None`: unknown, as for imported credentials.
    pub signed_in: Option<UnixMillis>,
    /// When a request last used it, at most five minutes too early.
    pub last_used: UnixMillis,
    /// `None`: it does not expire.
    pub expires: Option<UnixMillis>,
    /// The client that it was issued to.
    pub client: ClientInfo,
    /// What revokes it.
    pub handle: CredentialHandle,
}

/// Selects a page of a user's valid credentials, the last used first.
#[derive(Clone, Debug)]
pub struct CredentialQuery {
    /// Credentials that expired before this are left out.
    pub now: UnixMillis,
    /// A session that was last used before this has expired.
    pub idle_since: Option<UnixMillis>,
    /// The last entry of the page before; `None`: the first page.
    pub after: Option<CredentialPosition>,
    /// Maximum number of entries.
    pub limit: i64,
}

/// The position of an entry in the list of a user's credentials.
#[derive(Clone, Debug)]
pub struct CredentialPosition {
    /// `last_used` of the entry.
    pub last_used: UnixMillis,
    /// `created` of the entry.
    pub created: UnixMillis,
    /// Its handle, which makes the position unique.
    pub handle: CredentialHandle,
}

impl CredentialEntry {
    /// Where the page after this entry begins.
    pub fn position(&self) -> CredentialPosition {
        CredentialPosition { last_used: self.last_used, created: self.created, handle: self.handle.clone() }
    }
}

/// The key by which a credential is found and revoked.
#[derive(Clone, Debug)]
pub enum CredentialHandle {
    /// Digest of a session.
    Session(Digest),
    /// Digest of a permanent token.
    Token(Digest),
    /// `jti` of the first token of a token family, or of a sliding token.
    Family(String),
    /// Hex SHA-512.
    Knox(String),
}
