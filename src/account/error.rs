use crate::credential::jwt::{JwtFault, TokenType};
use crate::model::UserId;
use crate::store::StoreError;

/// Why a credential is refused. Texts are the original's (R-AUT-02, R-CMP-03); the answer is 401 unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,
    /// Permanent and knox tokens.
    #[error("{0}")]
    InvalidToken(&'static str),
    #[error("{0}")]
    BadHeader(&'static str),
    /// A JWT in the `Authorization` header: one fault for each class that it was held against.
    #[error("Given token not valid for any token type")]
    TokenNotValid(Vec<(TokenType, JwtFault)>),
    /// A JWT in the body of a token route.
    #[error("{0}")]
    BodyToken(&'static str),
    /// The same for one that had been rotated, or logged out, and came again: its user may have been robbed.
    #[error("Token is blacklisted")]
    Reused(UserId),
    #[error("User not found")]
    UserNotFound,
    /// The code is `invalid_token`: `user_inactive` is the 403 of a login.
    #[error("{0}")]
    UserInactive(&'static str),
    /// 400: a verified token that was blacklisted (R-CMP-04).
    #[error("Token is blacklisted")]
    Blacklisted,
    /// 403: it needs a login that is not older than FRESH_LOGIN_AGE.
    #[error("Your login is too old for this: sign in again, then repeat it.")]
    LoginTooOld,
    /// 503.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The scheme that `WWW-Authenticate` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    Token,
    Bearer,
}

impl AuthError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAuthenticated => "not_authenticated",
            Self::InvalidToken(_) | Self::UserInactive(_) => "invalid_token",
            Self::BadHeader(_) => "bad_authorization_header",
            Self::TokenNotValid(_) | Self::BodyToken(_) | Self::Reused(_) => "token_not_valid",
            Self::UserNotFound => "user_not_found",
            Self::Blacklisted => "token_blacklisted",
            Self::LoginTooOld => "fresh_login_required",
            Self::Store(_) => "database_unavailable",
        }
    }

    pub fn challenge(&self) -> Challenge {
        match self {
            Self::InvalidToken(_) | Self::NotAuthenticated => Challenge::Token,
            _ => Challenge::Bearer,
        }
    }
}
