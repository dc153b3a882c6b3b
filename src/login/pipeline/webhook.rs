//! The step `webhook`: asks the operator's software whether a new user may sign up, and with which data.

use std::sync::Arc;

use async_trait::async_trait;

use super::declared_fields;
use super::draft::Draft;
use super::step::{Step, Stop};
use crate::hook::{Candidate, SignUpDecision, UserOverrides, Webhook};
use crate::login::error::{LoginError, Refusal};
use crate::model::{EmailAddress, without_provider_tokens};

pub(in crate::login) struct AskWebhook(pub Arc<Webhook>);

#[async_trait]
impl Step for AskWebhook {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() || draft.is_closed() {
            return Ok(());
        }
        let identity = draft.identity();
        let candidate = Candidate {
            provider: &identity.provider,
            uid: &identity.uid,
            username: &draft.username(),
            email: draft.email(),
            email_verified: draft.email_verified(),
            first_name: draft.first_name(),
            last_name: draft.last_name(),
            fields: &declared_fields::values(identity, &draft.details, draft.rules, None),
            extra_data: &without_provider_tokens(&identity.extra_data),
            data: draft.data(),
        };
        match self.0.ask_user_creating(candidate).await {
            Ok(SignUpDecision::Allowed(overrides)) => apply(draft, overrides).await?,
            Ok(SignUpDecision::Refused(message)) => {
                let detail = if message.is_empty() { "Sign-up was refused." } else { &message };
                return Err(LoginError::new(Refusal::SignUpRefused, detail).into());
            }
            Err(error) => {
                let detail = "Sign-up is temporarily unavailable. Try again later.";
                return Err(LoginError::new(Refusal::SignUpUnavailable, detail).with_cause(error).into());
            }
        }
        Ok(())
    }
}

/// Errors: the database's. The webhook's answer was validated before.
async fn apply(draft: &mut Draft<'_>, overrides: UserOverrides) -> Result<(), Stop> {
    let UserOverrides { username, email, email_verified, first_name, last_name, fields } = overrides;
    if let Some(username) = username {
        draft.set_username(&username);
    }
    // `email` is empty or valid: any other answer was rejected before.
    let email = email.unwrap_or_else(|| draft.email().to_owned());
    let is_same = email == draft.email();
    // A changed address is unverified by default.
    let was_verified = is_same && draft.email_verified();
    let is_verified = match email_verified {
        // An address that another user has is not marked verified (SEC-22, SEC-23).
        Some(true) if !was_verified => match EmailAddress::parse(&email) {
            Some(address) => draft.store.users_by_email(&address).await?.is_empty(),
            None => false,
        },
        answered => answered.unwrap_or(was_verified),
    };
    // Unchanged values keep their source.
    if !is_same || is_verified != draft.email_verified() {
        if is_verified {
            draft.set_verified_email(&email);
        } else {
            draft.set_email(&email);
        }
    }
    if let Some(name) = first_name {
        draft.set_first_name(&name);
    }
    if let Some(name) = last_name {
        draft.set_last_name(&name);
    }
    for (name, value) in &fields {
        draft.set_field(name, value).map_err(|problem| LoginError::field(name, problem))?;
    }
    Ok(())
}
