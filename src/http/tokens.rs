//! The companions of a JWT login, with simplejwt's names and texts (R-CMP-01 to 06).

use std::sync::Arc;

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use super::answer::Answer;
use super::app::{self, App};
use super::body::RawBody;
use super::input::{RefreshInput, TokenInput};
use super::login::Tag;
use super::refusals::{self, Case, Problems, Refused};

pub struct Tokens {
    pub app: Arc<App>,
}

pub struct JwtProblems;

impl Problems for JwtProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::BODY, refusals::JWT, refusals::STORE];
}

pub struct VerifyProblems;

impl Problems for VerifyProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::BODY, refusals::VERIFY, refusals::STORE];
}

#[OpenApi(prefix_path = "/api/token", tag = Tag::Jwt)]
impl Tokens {
    /// Refresh an access token
    ///
    /// The new access token keeps the claims of the refresh token. With SIMPLE_JWT_ROTATE_REFRESH_TOKENS a new refresh
    /// token comes along.
    #[oai(path = "/refresh", method = "post", operation_id = "refreshToken")]
    async fn refresh(
        &self,
        request: &Request,
        body: RawBody<RefreshInput>,
    ) -> Result<Answer<Refreshed>, Refused<JwtProblems>> {
        let token = body.text("refresh").await?;
        let refreshed = self.app.account.refresh(&token, &app::client(request)).await?;
        Ok(Answer(Refreshed { access: refreshed.access, refresh: refreshed.refresh }))
    }

    /// Verify a JWT
    ///
    /// Access, refresh and sliding tokens alike. It also fails for a user who is inactive, gone or logged out
    /// everywhere.
    #[oai(path = "/verify", method = "post", operation_id = "verifyToken")]
    async fn verify(&self, body: RawBody<TokenInput>) -> Result<Answer<Empty>, Refused<VerifyProblems>> {
        self.app.account.verify(&body.text("token").await?).await?;
        Ok(Answer(Empty::default()))
    }

    /// End a refresh token
    ///
    /// A sliding token can be ended as well. Access tokens that it made live on until they expire.
    #[oai(path = "/blacklist", method = "post", operation_id = "blacklistToken")]
    async fn blacklist(
        &self,
        request: &Request,
        body: RawBody<RefreshInput>,
    ) -> Result<Answer<Empty>, Refused<JwtProblems>> {
        self.app.account.blacklist(&body.text("refresh").await?, &app::client(request)).await?;
        Ok(Answer(Empty::default()))
    }

    /// Refresh a sliding token
    ///
    /// The token must not have expired yet; it keeps its id and its last refresh date.
    #[oai(path = "/sliding/refresh", method = "post", operation_id = "refreshSlidingToken")]
    async fn refresh_sliding(&self, body: RawBody<TokenInput>) -> Result<Answer<SlidingToken>, Refused<JwtProblems>> {
        let token = self.app.account.refresh_sliding(&body.text("token").await?).await?;
        Ok(Answer(SlidingToken { token }))
    }
}

/// A new access token.
#[derive(Object)]
#[oai(example)]
pub struct Refreshed {
    pub access: String,
    /// With SIMPLE_JWT_ROTATE_REFRESH_TOKENS: takes the place of the old one.
    #[oai(skip_serializing_if_is_none)]
    pub refresh: Option<String>,
}

impl Example for Refreshed {
    fn example() -> Self {
        let access = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl";
        Self { access: access.to_owned(), refresh: None }
    }
}

/// The sliding token with a new end.
#[derive(Object)]
#[oai(example)]
pub struct SlidingToken {
    pub token: String,
}

impl Example for SlidingToken {
    fn example() -> Self {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoic2xpZGluZyJ9.c2lnbmF0dXJl";
        Self { token: token.to_owned() }
    }
}

/// Nothing to say.
#[derive(Object, Default)]
#[oai(example)]
pub struct Empty {}

impl Example for Empty {
    fn example() -> Self {
        Self {}
    }
}
