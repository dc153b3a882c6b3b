//! The types of JWTs.

use crate::model::CredentialKind;

/// The type of a JWT. Its text form is the value of the token type claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum TokenType {
    /// Authenticates requests.
    Access,
    /// Gets new access tokens.
    Refresh,
    /// Both in one.
    Sliding,
}

impl TokenType {
    /// Every type, in the order of the variants.
    pub const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Sliding];

    /// The value of the token type claim.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The kind of credential that a token of this type belongs to.
    pub fn credential_kind(self) -> CredentialKind {
        if self == Self::Sliding { CredentialKind::JwtSliding } else { CredentialKind::JwtPair }
    }

    /// simplejwt's class name, which its error messages contain.
    pub fn class(self) -> &'static str {
        match self {
            Self::Access => "AccessToken",
            Self::Refresh => "RefreshToken",
            Self::Sliding => "SlidingToken",
        }
    }
}
