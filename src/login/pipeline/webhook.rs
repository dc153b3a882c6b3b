//! The step `webhook`: the operator's own software is asked whether somebody new may be, and as who.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Draft, Step, Stop, fields};
use crate::hook::{Candidate, Hook, UserOverrides, Verdict};
use crate::login::error::{LoginError, Refusal};
use crate::model::{EmailAddress, without_provider_tokens};

pub(in crate::login) struct AskWebhook(pub Arc<Hook>);

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
            username: draft.username(),
            email: draft.email(),
            email_verified: draft.email_verified(),
            first_name: draft.first_name(),
            last_name: draft.last_name(),
            fields: &fields::chosen(identity, &draft.details, draft.rules, None),
            extra_data: &without_provider_tokens(&identity.extra_data),
        };
        match self.0.ask_user_creating(candidate).await {
            Ok(Verdict::Allowed(amendments)) => amend(draft, amendments).await?,
            Ok(Verdict::Refused(words)) if words.is_empty() => return Err(refused("Signing up was refused.").into()),
            Ok(Verdict::Refused(words)) => return Err(refused(&words).into()),
            Err(unanswered) => {
                let detail = "Nobody new can be let in at the moment. Try again later.";
                return Err(LoginError::new(Refusal::SignUpUnavailable, detail).because(unanswered).into());
            }
        }
        Ok(())
    }
}

fn refused(words: &str) -> LoginError {
    LoginError::new(Refusal::SignUpRefused, words)
}

/// Errors: the database's; none of the fields, since they were held against their declarations.
async fn amend(draft: &mut Draft<'_>, amendments: UserOverrides) -> Result<(), Stop> {
    let UserOverrides { username, email, email_verified, first_name, last_name, fields } = amendments;
    if let Some(username) = username {
        draft.set_username(&username);
    }
    // `email` is a valid address or empty: an answer with anything else failed before.
    let email = email.unwrap_or_else(|| draft.email().to_owned());
    let is_same = email == draft.email();
    // Another address than the provider's is nobody's until the answer says otherwise.
    let vouched = is_same && draft.email_verified();
    let verified = match email_verified {
        // Nor a second user's where somebody has it already (SEC-22, SEC-23).
        Some(true) if !vouched => match EmailAddress::parse(&email) {
            Some(address) => draft.store.users_by_email(&address).await?.is_empty(),
            None => false,
        },
        said => said.unwrap_or(vouched),
    };
    // What the answer repeats stays the provider's word.
    if !is_same || verified != draft.email_verified() {
        draft.set_email(&email, verified);
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
