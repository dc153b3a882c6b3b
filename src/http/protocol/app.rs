//! The services behind the routes.

use std::sync::Arc;

use poem::Request;
use poem::http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::client::client_address;
use super::problem::Failure;
use crate::account::AccountService;
use crate::http::pages::Pages;
use crate::login::{LoginError, LoginService};
use crate::model::Network;
use crate::rate_limit::RateLimits;
use crate::settings::Settings;

/// The settings and services that every route uses.
pub struct App {
    /// The server's settings.
    pub settings: Arc<Settings>,
    /// Pages for users.
    pub pages: Pages,
    /// Logins: begin, complete, resume.
    pub login: Arc<LoginService>,
    /// Credentials and users that exist already.
    pub account: AccountService,
    /// RATE_LIMIT_*.
    pub rate_limits: RateLimits,
    /// Cancelled when a graceful shutdown begins.
    pub stopping: CancellationToken,
}

impl App {
    /// Counts a request by the address of its client (RATE_LIMIT_ADDRESS). The routes of logins do so before their handlers;
    /// another route may, for example after a wrong secret. Errors: 429 `too_many_requests`.
    pub async fn check_address_limit(&self, request: &Request) -> Result<(), Failure> {
        let network = Network::of(client_address(request));
        Ok(self.rate_limits.check_address(network).await.map_err(LoginError::from)?)
    }

    /// The result of a call that a token in the body or the credential of a service authenticates. A refused one (401) counts by
    /// the address of its client.
    ///
    /// Errors: those of the call; 429 `too_many_requests` when the address has sent too many refused ones.
    pub async fn count_refused<T>(
        &self,
        request: &Request,
        called: Result<T, impl Into<Failure>>,
    ) -> Result<T, Failure> {
        let failure: Failure = match called {
            Ok(answer) => return Ok(answer),
            Err(error) => error.into(),
        };
        if failure.status == StatusCode::UNAUTHORIZED {
            self.check_address_limit(request).await?;
        }
        Err(failure)
    }

    /// The failure of a login. Includes the provider's message only with REST_SOCIAL_VERBOSE_ERRORS (SEC-46).
    pub fn login_failure(&self, mut error: LoginError) -> Failure {
        if !self.settings.rest_social.verbose_errors {
            error.provider_message = None;
        }
        error.into()
    }
}
