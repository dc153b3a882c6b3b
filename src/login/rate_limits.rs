//! The rate limits of logins (SEC-43). They are checked before a code is claimed, so that a refused login can be repeated.

use super::decide_and_commit::LoginContext;
use super::error::{LoginError, Refusal};
use super::service::LoginService;
use crate::model::{ClientInfo, LinkRequest, Network};
use crate::provider::Provider;

impl LoginService {
    /// Counts a call of the provider for this client, and a link of its user. Errors: `too_many_requests`.
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
                self.rate_limits.check_user(user).await.map_err(|exceeded| LoginError::from(exceeded).of_user(user))
            }
            None => Ok(()),
        }
    }

    /// Counts a login again whose code the provider rejected.
    pub(super) async fn count_wrong_code(&self, context: &LoginContext, error: &LoginError) {
        if error.refusal == Refusal::InvalidCode {
            let network = Network::of_text(context.client.ip.as_deref());
            self.rate_limits.count_wrong_code(context.provider.name(), network).await;
        }
    }
}
