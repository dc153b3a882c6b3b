//! The login routes by their names in URLs.

use poem_openapi::Enum;
use strum::{VariantArray, VariantNames};

use crate::http::protocol::QueryValue;
use crate::model::Kind;

/// A login route by its name in the URL.
#[derive(Clone, Copy, Debug, Enum, VariantArray, VariantNames)]
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
    /// The kind of credential that the route issues.
    pub fn credential(self) -> Kind {
        match self {
            Self::Session => Kind::Session,
            Self::Token | Self::TokenUser => Kind::Token,
            Self::JwtPair | Self::JwtPairUser => Kind::JwtPair,
            Self::JwtSliding | Self::JwtSlidingUser => Kind::JwtSliding,
            Self::Knox | Self::KnoxUser => Kind::Knox,
        }
    }

    /// Whether the answer has the user's data.
    pub fn has_user(self) -> bool {
        use LoginKind::{JwtPairUser, JwtSlidingUser, KnoxUser, Session, TokenUser};
        matches!(self, Session | TokenUser | JwtPairUser | JwtSlidingUser | KnoxUser)
    }
}

impl From<Kind> for LoginKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Session => Self::Session,
            Kind::Token => Self::Token,
            Kind::JwtPair => Self::JwtPair,
            Kind::JwtSliding => Self::JwtSliding,
            Kind::Knox => Self::Knox,
        }
    }
}

impl QueryValue for LoginKind {
    fn expected() -> String {
        format!("Must be one of {}.", <Self as VariantNames>::VARIANTS.join(", "))
    }
}
