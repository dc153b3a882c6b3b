//! The rate limits of logins (SEC-43). They are checked before a code is claimed, so that a refused login can be repeated.

use super::decide_and_commit::LoginContext;
use super::error::LoginError;
use super::service::LoginService;
use crate::model::{ClientInfo, LinkRequest, Network};
use crate::provider::Provider;
use crate::rate_limit::ReservedLogin;

impl LoginService {
    /// Counts a call of the provider that sends no code, and a link of its user. Errors: `too_many_requests`.
    pub(super) async fn check_call_limits(
        &self,
        provider: &Provider,
        link_to: Option<LinkRequest>,
        client: &ClientInfo,
    ) -> Result<(), LoginError> {
        self.check_link_limit(link_to).await?;
        let network = Network::of_text(client.ip.as_deref());
        Ok(self.rate_limits.check_provider_call(provider.name(), network).await?)
    }

    /// Counts a request that links an account to this user. Errors: `too_many_requests`.
    pub(super) async fn check_link_limit(&self, link_to: Option<LinkRequest>) -> Result<(), LoginError> {
        match link_to {
            Some(LinkRequest { user, .. }) => {
                self.rate_limits.check_user(user).await.map_err(|exceeded| LoginError::from(exceeded).with_user(user))
            }
            None => Ok(()),
        }
    }

    /// Counts a login whose code is to be sent to the provider, until its outcome is known. Errors: `too_many_requests`.
    pub(super) async fn reserve_login(&self, context: &LoginContext) -> Result<ReservedLogin, LoginError> {
        let user = context.terms.linked_user();
        let network = Network::of_text(context.client.ip.as_deref());
        let reserved = self.rate_limits.reserve_login(context.provider.name(), network, user).await;
        reserved.map_err(|exceeded| LoginError::from(exceeded).with_user(user))
    }
}
