//! The services behind the routes.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::problem::Failure;
use crate::account::AccountService;
use crate::login::{LoginError, LoginService};
use crate::settings::Settings;

/// The settings and services that every route uses.
pub struct App {
    /// The server's settings.
    pub settings: Arc<Settings>,
    /// Logins: begin, complete, resume.
    pub login: Arc<LoginService>,
    /// Credentials and users that exist already.
    pub account: AccountService,
    /// Cancelled when a graceful shutdown begins.
    pub stopping: CancellationToken,
}

impl App {
    /// The failure of a login. Includes the provider's message only with REST_SOCIAL_VERBOSE_ERRORS (SEC-46).
    pub fn login_failure(&self, mut error: LoginError) -> Failure {
        if !self.settings.rest_social.verbose_errors {
            error.provider_message = None;
        }
        error.into()
    }
}
