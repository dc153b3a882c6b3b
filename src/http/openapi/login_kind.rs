//! The login routes by their names in URLs.

use poem_openapi::Enum;
use strum::{IntoStaticStr, VariantArray, VariantNames};

use crate::http::protocol::QueryValue;
use crate::model::CredentialKind;

/// A login route by its name in the URL.
#[derive(Clone, Copy, Debug, Enum, IntoStaticStr, VariantArray, VariantNames)]
#[oai(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum LoginKind {
    Session,
    Token,
    #[oai(rename = "token_user")]
    #[strum(serialize = "token_user")]
    TokenUser,
    JwtPair,
    JwtPairUser,
    JwtSliding,
    JwtSlidingUser,
    Knox,
    #[oai(rename = "knox_user")]
    #[strum(serialize = "knox_user")]
    KnoxUser,
}

impl LoginKind {
    /// The route that issues this kind of credential. `with_user`: whether its answer has the user's data.
    pub fn of(credential: CredentialKind, with_user: bool) -> Self {
        match (credential, with_user) {
            (CredentialKind::Session, _) => Self::Session,
            (CredentialKind::Token, false) => Self::Token,
            (CredentialKind::Token, true) => Self::TokenUser,
            (CredentialKind::JwtPair, false) => Self::JwtPair,
            (CredentialKind::JwtPair, true) => Self::JwtPairUser,
            (CredentialKind::JwtSliding, false) => Self::JwtSliding,
            (CredentialKind::JwtSliding, true) => Self::JwtSlidingUser,
            (CredentialKind::Knox, false) => Self::Knox,
            (CredentialKind::Knox, true) => Self::KnoxUser,
        }
    }

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

    /// Whether the answer has the user's data.
    pub fn has_user(self) -> bool {
        use LoginKind::{JwtPairUser, JwtSlidingUser, KnoxUser, Session, TokenUser};
        matches!(self, Session | TokenUser | JwtPairUser | JwtSlidingUser | KnoxUser)
    }
}

impl From<CredentialKind> for LoginKind {
    fn from(kind: CredentialKind) -> Self {
        Self::of(kind, false)
    }
}

impl QueryValue for LoginKind {
    fn expected() -> String {
        format!("Must be one of {}.", <Self as VariantNames>::VARIANTS.join(", "))
    }
}
