//! Services, which have credentials of their own to introspect and revoke those of users.

use super::account_service::AccountService;
use super::error::AuthError;
use crate::credential::TOUCH_INTERVAL;
use crate::model::Service;
use crate::secrets::{Digest, ExposeSecret as _, SecretString};

/// Hex digits of a client id.
const CLIENT_ID_LEN: usize = 24;

/// The credential that a service presents: `client_id` and `client_secret` of RFC 6749, section 2.3.1.
#[derive(Clone, Debug)]
pub struct ServiceCredential {
    /// Public.
    pub client_id: String,
    /// Compared by its digest.
    pub secret: SecretString,
}

impl AccountService {
    /// The service of this credential. It is read at each call, so that a removed service has no access at once.
    /// Errors: `invalid_client`.
    pub async fn authenticate_service(&self, presented: &ServiceCredential) -> Result<Service, AuthError> {
        let id = presented.client_id.as_str();
        // PostgreSQL refuses a text with a NUL character, so other texts than ids are not looked up.
        if id.len() != CLIENT_ID_LEN || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(AuthError::InvalidClient(None));
        }
        let service = self.store.service(id).await?.ok_or(AuthError::InvalidClient(None))?;
        if !Digest::of(presented.secret.expose_secret().as_bytes()).matches(&service.secret) {
            return Err(AuthError::InvalidClient(Some(service.name)));
        }
        let now = self.deps.now();
        if service.last_used.is_none_or(|last| last.plus(TOUCH_INTERVAL) <= now) {
            let id = service.client_id.clone();
            self.record(move |store| async move { store.touch_service(&id, now).await }).await;
        }
        Ok(service)
    }
}
