//! VK ID repeats the state of the token request in its answer.

use serde_json::Value;

use super::super::ProviderError;
use super::super::call::{Call, set};
use super::super::exchange::Login;
use super::Quirk;
use crate::secrets::same;

pub struct VkId;

impl Quirk for VkId {
    fn token_request(&self, login: &Login<'_>, call: &mut Call) -> Result<(), ProviderError> {
        // It must have one; a login that brought none has nothing to be told by.
        if let Some(form) = call.form().filter(|form| !form.iter().any(|(name, _)| name == "state")) {
            set(form, "state", login.provider.ambient.hex::<16>());
        }
        Ok(())
    }

    fn token_reply(&self, login: &Login<'_>, token: &mut Value) -> Result<(), ProviderError> {
        let repeated = token.get("state").and_then(Value::as_str);
        match login.callback.state {
            Some(state) if !repeated.is_some_and(|other| same(other.as_bytes(), state.as_bytes())) => {
                Err(ProviderError::Mixup)
            }
            _ => Ok(()),
        }
    }
}
