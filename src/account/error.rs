//! Why a credential is refused.

use crate::credential::jwt::{JwtFault, TokenType};
use crate::model::{ServiceName, UserId};
use crate::rate_limit::RateLimitExceeded;
use crate::store::StoreError;

/// Why a credential is refused. Texts are those of Django REST framework and simplejwt (R-AUT-02, R-CMP-03). The status is 401
/// unless noted.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The request carries no credential.
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,
    /// A permanent or knox token.
    #[error("{0}")]
    InvalidToken(&'static str),
    /// The `Authorization` header is malformed.
    #[error("{0}")]
    BadHeader(&'static str),
    /// A JWT in the `Authorization` header, with the fault for each token class.
    #[error("Given token not valid for any token type")]
    TokenNotValid(Vec<(TokenType, JwtFault)>),
    /// A JWT in the body of a token route.
    #[error("{0}")]
    BodyToken(&'static str),
    /// A refresh token that was replaced or revoked before.
    #[error("Token is blacklisted")]
    Reused(UserId),
    /// A refresh token that was used after its successor was used. Its family is revoked, and the audit log says so.
    #[error("Token is blacklisted")]
    FamilyRevoked(UserId),
    /// The user was deleted.
    #[error("User not found")]
    UserNotFound,
    /// As [`Self::UserInactive`], for a permanent or knox token.
    #[error("User inactive or deleted.")]
    TokenUserInactive,
    /// With the code `invalid_token`; `user_inactive` is the 403 of a login.
    #[error("{0}")]
    UserInactive(&'static str),
    /// 400: the token to verify is blacklisted (R-CMP-04).
    #[error("Token is blacklisted")]
    Blacklisted,
    /// 403: the login is older than FRESH_LOGIN_AGE.
    #[error("Your login is too old for this: sign in again, then repeat it.")]
    LoginTooOld,
    /// The credential of a service is missing or wrong; with its name if the client id exists.
    #[error("The service's client id or secret is missing or wrong.")]
    InvalidClient(Option<ServiceName>),
    /// 400: the server cannot revoke this token (RFC 7009, section 2.2.1).
    #[error("This access token has no token family, so it cannot be revoked. It stays valid until it expires.")]
    UnsupportedTokenType,
    /// 429: RATE_LIMIT_USER.
    #[error("{1}")]
    TooManyRequests(UserId, Box<RateLimitExceeded>),
    /// 503: the database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The scheme of `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Of Django REST framework.
    Token,
    /// RFC 6750.
    Bearer,
    /// RFC 7617, for services.
    Basic,
}

impl AuthError {
    /// The stable `code` of the problem document.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAuthenticated => "not_authenticated",
            Self::InvalidToken(_) | Self::TokenUserInactive | Self::UserInactive(_) => "invalid_token",
            Self::BadHeader(_) => "bad_authorization_header",
            Self::TokenNotValid(_) | Self::BodyToken(_) | Self::Reused(_) | Self::FamilyRevoked(_) => "token_not_valid",
            Self::UserNotFound => "user_not_found",
            Self::Blacklisted => "token_blacklisted",
            Self::LoginTooOld => "fresh_login_required",
            Self::InvalidClient(_) => "invalid_client",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::TooManyRequests(..) => "too_many_requests",
            Self::Store(_) => "database_unavailable",
        }
    }

    /// The challenge of a 401.
    pub fn challenge(&self) -> Challenge {
        match self {
            Self::InvalidToken(_) | Self::NotAuthenticated | Self::TokenUserInactive => Challenge::Token,
            Self::InvalidClient(_) => Challenge::Basic,
            _ => Challenge::Bearer,
        }
    }
}
