//! The login routes by their names in URLs.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::model::CredentialKind;

/// A login route by its name in the URL: the kind of credential, and whether its tokens have the user's data as claims, and its
/// answer as members.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[strum(serialize_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say which route")]
pub enum LoginKind {
    Session,
    Token,
    #[strum(serialize = "token_user")]
    TokenUser,
    JwtPair,
    JwtPairUser,
    JwtSliding,
    JwtSlidingUser,
    Knox,
    #[strum(serialize = "knox_user")]
    KnoxUser,
}

impl LoginKind {
    /// The kind of credential that the route issues.
    pub fn credential(self) -> CredentialKind {
        match self {
            Self::Session => CredentialKind::Session,
            Self::Token | Self::TokenUser => CredentialKind::Token,
            Self::JwtPair | Self::JwtPairUser => CredentialKind::JwtPair,
            Self::JwtSliding | Self::JwtSlidingUser => CredentialKind::JwtSliding,
            Self::Knox | Self::KnoxUser => CredentialKind::Knox,
        }
    }

    /// Whether tokens and answer have the user's data.
    pub fn has_user(self) -> bool {
        !matches!(self, Self::Token | Self::JwtPair | Self::JwtSliding | Self::Knox)
    }
}

/// The route without the user's data, if there is one.
impl From<CredentialKind> for LoginKind {
    fn from(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::Session => Self::Session,
            CredentialKind::Token => Self::Token,
            CredentialKind::JwtPair => Self::JwtPair,
            CredentialKind::JwtSliding => Self::JwtSliding,
            CredentialKind::Knox => Self::Knox,
        }
    }
}
