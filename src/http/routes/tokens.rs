//! Refresh, verify and revoke JWTs, with the names and texts of simplejwt (R-CMP-01 to 06).

use std::sync::Arc;

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use crate::http::openapi::answers::Answer;
use crate::http::openapi::inputs::{RefreshInput, TokenInput};
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{App, RawBody, client_info};

pub struct Tokens {
    pub app: Arc<App>,
}

error_list! {
    RefreshErrors: ANY, BODY, JWT, USER_RATE_LIMITED;
    BlacklistErrors: ANY, BODY, JWT, ADDRESS_RATE_LIMITED;
    VerifyErrors: ANY, BODY, VERIFY;
}

#[OpenApi(prefix_path = "/api/token", tag = Tag::Jwt)]
impl Tokens {
    /// Refresh an access token
    ///
    /// The new access token keeps the claims of the refresh token. With SIMPLE_JWT_ROTATE_REFRESH_TOKENS the answer
    /// has a new refresh token too. If the answer is lost, send the same refresh token again. With
    /// SIMPLE_JWT_BLACKLIST_AFTER_ROTATION as well, a refresh token that is used after its successor was used revokes all
    /// tokens of its login.
    #[oai(path = "/refresh", method = "post", operation_id = "refreshToken")]
    async fn refresh(
        &self,
        request: &Request,
        body: RawBody<RefreshInput>,
    ) -> Result<Answer<RefreshedTokens>, Refused<RefreshErrors>> {
        let token = body.text("refresh").await?;
        let refreshed = self.app.account.refresh(&token, &client_info(request)).await;
        let refreshed = self.app.count_refused(request, refreshed).await?;
        Ok(Answer(RefreshedTokens { access: refreshed.access, refresh: refreshed.refresh }))
    }

    /// Verify a JWT
    ///
    /// An access, refresh or sliding token. The token of a user who is inactive, deleted or logged out everywhere is not
    /// valid.
    #[oai(path = "/verify", method = "post", operation_id = "verifyToken")]
    async fn verify(&self, body: RawBody<TokenInput>) -> Result<Answer<EmptyObject>, Refused<VerifyErrors>> {
        self.app.account.verify(&body.text("token").await?).await?;
        Ok(Answer(EmptyObject::default()))
    }

    /// Revoke a refresh token
    ///
    /// Also for sliding tokens. With SIMPLE_JWT_ROTATE_REFRESH_TOKENS and SIMPLE_JWT_BLACKLIST_AFTER_ROTATION it revokes all
    /// tokens of the login. Otherwise an access token that was issued for the refresh token
    /// stays valid until it expires, at most five minutes by default.
    #[oai(path = "/blacklist", method = "post", operation_id = "blacklistToken")]
    async fn blacklist(
        &self,
        request: &Request,
        body: RawBody<RefreshInput>,
    ) -> Result<Answer<EmptyObject>, Refused<BlacklistErrors>> {
        let token = body.text("refresh").await?;
        let blacklisted = self.app.account.blacklist(&token, &client_info(request)).await;
        self.app.count_refused(request, blacklisted).await?;
        Ok(Answer(EmptyObject::default()))
    }

    /// Refresh a sliding token
    ///
    /// The token must not be expired. The new token keeps its id and its last refresh date. With
    /// SIMPLE_JWT_ROTATE_REFRESH_TOKENS and SIMPLE_JWT_BLACKLIST_AFTER_ROTATION it has a new id and replaces the token.
    #[oai(path = "/sliding/refresh", method = "post", operation_id = "refreshSlidingToken")]
    async fn refresh_sliding(
        &self,
        request: &Request,
        body: RawBody<TokenInput>,
    ) -> Result<Answer<SlidingToken>, Refused<RefreshErrors>> {
        let token = body.text("token").await?;
        let token = self.app.account.refresh_sliding(&token, &client_info(request)).await;
        let token = self.app.count_refused(request, token).await?;
        Ok(Answer(SlidingToken { token }))
    }
}

/// A new access token.
#[derive(Object)]
#[oai(example)]
pub struct RefreshedTokens {
    pub access: String,
    /// With SIMPLE_JWT_ROTATE_REFRESH_TOKENS: replaces the previous refresh token.
    #[oai(skip_serializing_if_is_none)]
    pub refresh: Option<String>,
}

impl Example for RefreshedTokens {
    fn example() -> Self {
        let access = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJhIn0.YQ";
        Self { access: access.to_owned(), refresh: None }
    }
}

/// The sliding token with a new expiry.
#[derive(Object)]
#[oai(example)]
pub struct SlidingToken {
    pub token: String,
}

impl Example for SlidingToken {
    fn example() -> Self {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJzIn0.cw";
        Self { token: token.to_owned() }
    }
}

/// An empty object.
#[derive(Object, Default)]
#[oai(example)]
pub struct EmptyObject {}

impl Example for EmptyObject {
    fn example() -> Self {
        Self {}
    }
}
