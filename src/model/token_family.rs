//! Token families: what the store knows of a refresh or sliding token and of the tokens that rotation made from one login.

use crate::clock::UnixMillis;
use crate::model::CredentialKind;

/// A stored refresh or sliding token together with its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyState {
    /// The token's id.
    pub jti: String,
    /// `jti` of the token that this one replaced; `None`: a login issued it, or another server did.
    pub parent: Option<String>,
    /// Whether it was neither replaced nor revoked.
    pub is_valid: bool,
    /// `jti` of the first token of the family.
    pub family: String,
    /// When the family began: its absolute lifetime counts from here.
    pub family_created: UnixMillis,
    /// When the login that started the family took place; `None`: unknown, as after an import.
    pub signed_in: Option<UnixMillis>,
    /// When a token of the family was last used.
    pub last_used: UnixMillis,
    /// The valid token of the family, the newest if there are several; `None`: the family was revoked.
    pub newest: Option<NewestToken>,
}

/// The valid token of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestToken {
    /// Its id.
    pub jti: String,
    /// `jti` of the token that it replaced; `None`: none.
    pub parent: Option<String>,
}

impl FamilyState {
    /// A token that has no row: another server with the same key issued it, such as simplejwt. It is the first token of its
    /// family.
    pub fn of_unknown(jti: &str, issued: UnixMillis) -> Self {
        Self {
            jti: jti.to_owned(),
            parent: None,
            is_valid: true,
            family: jti.to_owned(),
            family_created: issued,
            signed_in: None,
            last_used: issued,
            newest: None,
        }
    }
}

/// A refresh or sliding token that a client presents, verified.
#[derive(Clone, Copy, Debug)]
pub struct PresentedToken<'a> {
    /// Its id.
    pub jti: &'a str,
    /// `JwtPair` or `JwtSliding`.
    pub kind: CredentialKind,
    /// When it was issued.
    pub issued: UnixMillis,
    /// Until when its row must be kept.
    pub expires: UnixMillis,
}

/// Why a refresh, or another use of a JWT, is refused. The store writes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// The user is not active.
    UserInactive,
    /// Every credential of the user was revoked after the token was issued.
    UserRevoked,
    /// The token or its family was revoked.
    Revoked,
    /// The absolute lifetime of the family is over.
    Expired,
}
