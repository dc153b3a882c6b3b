//! The step `require_email`.

use async_trait::async_trait;
use serde_json::Value;

use super::additional_input::InputField;
use super::draft::Draft;
use super::email::{LoginEmail, check_allowed};
use super::step::{Step, Stop};
use crate::model::EmailAddress;

/// Name of the step, in SOCIAL_AUTH_PIPELINE and in the question.
pub(super) const NAME: &str = "require_email";

/// Asks a new user for an e-mail address when the provider sent none. The address is not verified: it links no account, and
/// the allow and deny lists apply to it.
pub(super) struct RequireEmail;

#[async_trait]
impl Step for RequireEmail {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() || !draft.email().is_empty() {
            return Ok(());
        }
        let Some(address) = draft.answer("email").and_then(Value::as_str).and_then(EmailAddress::parse) else {
            return Err(Stop::ask([InputField::email("email", "E-mail address")]));
        };
        check_allowed(draft.rules, &LoginEmail { address: Some(&address), ..LoginEmail::default() })?;
        draft.set_email(address.as_str());
        Ok(())
    }
}
