//! The step `ask_link`: asks the user of an unknown account whether it belongs to the existing user with the same verified e-mail
//! address. The account is linked only after a login of that user that began after the question.
//!
//! The question reveals nothing to other users: it is asked only when a trusted provider verified the address for this login, and
//! when one verified it for the existing user.

use async_trait::async_trait;
use serde_json::Value;

use super::additional_input::InputField;
use super::draft::{Draft, DraftChange, LinkChoice};
use super::step::{Step, Stop};
use crate::login::error::{LoginError, Refusal};
use crate::model::{EmailAddress, LinkRequest, User};

/// Name of the step, in SOCIAL_AUTH_PIPELINE and in the question.
pub(super) const NAME: &str = "ask_link";
const FIELD: &str = "link";
const LINK: &str = "link";
const NEW: &str = "new";
/// Providers that a text names.
const MAX_NAMED_PROVIDERS: usize = 5;

pub(super) struct AskLink;

/// Who has the address, verified by a trusted provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    None,
    /// Only users who are not active.
    Inactive,
    Active,
}

/// The credential that came with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    None,
    /// Of a user who does not have the address.
    OfOther,
    /// Of a user with the address, from a login before the question.
    Old,
    /// Of a user with the address, from a login after the question.
    New(LinkRequest),
}

/// What [`decide`] depends on.
#[derive(Clone, Copy, Debug)]
struct Facts {
    holder: Holder,
    /// SOCIAL_AUTH_SIGN_UP.
    sign_up: bool,
    /// What the user chose before another step asked.
    chosen: Option<LinkChoice>,
    answer: Option<LinkAnswer>,
    credential: Credential,
    /// The answer comes from the browser that signed in with the new account.
    is_same_browser: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkAnswer {
    Link,
    New,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// No user has the address: the login goes on.
    Continue,
    Ask,
    /// Another user has the address: the new user gets it unverified.
    CreateSeparately,
    /// The user must sign in as before.
    SignInFirst,
    /// Otherwise an attacker could send the question of the own login to a victim.
    RefuseOtherBrowser,
    /// The caller of the answer, or the user of an earlier answer.
    Link(LinkRequest),
}

fn decide(facts: Facts) -> Verdict {
    match (facts.holder, facts.chosen, facts.answer) {
        (Holder::None, _, _) => Verdict::Continue,
        (Holder::Inactive, _, _) | (Holder::Active, Some(LinkChoice::Separate), _) => Verdict::CreateSeparately,
        (Holder::Active, Some(LinkChoice::To(to)), _) => Verdict::Link(to),
        (Holder::Active, None, None) => Verdict::Ask,
        (Holder::Active, None, Some(LinkAnswer::New)) if facts.sign_up => Verdict::CreateSeparately,
        (Holder::Active, None, Some(LinkAnswer::New)) => Verdict::Ask,
        (Holder::Active, None, Some(LinkAnswer::Link)) if !facts.is_same_browser => Verdict::RefuseOtherBrowser,
        (Holder::Active, None, Some(LinkAnswer::Link)) => match facts.credential {
            Credential::New(caller) => Verdict::Link(caller),
            Credential::None | Credential::OfOther | Credential::Old => Verdict::SignInFirst,
        },
    }
}

#[async_trait]
impl Step for AskLink {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user.is_some() || !draft.rules.trusts_email || !draft.email_verified() {
            return Ok(());
        }
        let Some(address) = draft.address().map(|address| draft.rules.stored_email(address)) else { return Ok(()) };
        let sources = &draft.rules.trusted_email_sources;
        let mut holders = draft.store.users_with_verified_email(&address, sources).await?;
        let is_unclaimed = holders.is_empty();
        holders.retain(|user| user.is_active);
        let holder = match (is_unclaimed, holders.is_empty()) {
            (true, _) => Holder::None,
            (false, true) => Holder::Inactive,
            (false, false) => Holder::Active,
        };
        let answer = match draft.answer(FIELD).and_then(Value::as_str) {
            Some(LINK) => Some(LinkAnswer::Link),
            Some(_) => Some(LinkAnswer::New),
            None => None,
        };
        let proof = draft.link_proof;
        let is_holder = |caller: &LinkRequest| holders.iter().any(|user| user.id == caller.user);
        let credential = match &proof.caller {
            None => Credential::None,
            Some(caller) if !is_holder(caller) => Credential::OfOther,
            Some(caller) if proof.is_newer => Credential::New(*caller),
            Some(_) => Credential::Old,
        };
        let facts = Facts {
            holder,
            sign_up: draft.rules.sign_up,
            chosen: draft.link_choice,
            answer,
            credential,
            is_same_browser: proof.is_same_browser,
        };
        match decide(facts) {
            // The transaction checks again that no other user has the address.
            Verdict::Continue => draft.by_email = Some(address),
            Verdict::CreateSeparately => draft.change(DraftChange::LinkChoice(LinkChoice::Separate)),
            Verdict::Link(to) => link(draft, &holders, to, address)?,
            Verdict::RefuseOtherBrowser => {
                let detail = "This login was started in another browser: link the account there.";
                return Err(LoginError::new(Refusal::FlowMismatch, detail).into());
            }
            Verdict::Ask => return Err(Stop::ask([question(draft, &providers_of(draft, &holders).await?)])),
            Verdict::SignInFirst => {
                let providers = providers_of(draft, &holders).await?;
                let detail = format!(
                    "Sign in as before{} in this browser, then send this answer again with the new credential.",
                    in_parentheses(&providers)
                );
                return Err(LoginError::new(Refusal::LinkLoginRequired, detail).into());
            }
        }
        Ok(())
    }
}

/// Errors: `flow_mismatch` when a credential of the user was revoked after the answer.
fn link(draft: &mut Draft<'_>, holders: &[User], to: LinkRequest, address: EmailAddress) -> Result<(), LoginError> {
    let is_current = |user: &&User| user.id == to.user && user.link_generation == to.generation;
    let Some(user) = holders.iter().find(is_current) else {
        let detail = "You were signed out after you chose to link this account: sign in with it again.";
        return Err(LoginError::new(Refusal::FlowMismatch, detail));
    };
    draft.change(DraftChange::LinkChoice(LinkChoice::To(to)));
    draft.user = Some(user.clone());
    // The transaction checks that the user still has the address.
    draft.by_email = Some(address);
    Ok(())
}

fn question(draft: &Draft<'_>, providers: &[String]) -> InputField {
    let choices: &[&str] = if draft.rules.sign_up { &[LINK, NEW] } else { &[LINK] };
    let help = format!(
        "link: sign in as before{}, then send this answer. new: create a separate user without a verified e-mail address.",
        in_parentheses(providers)
    );
    InputField::choice(FIELD, "A user with your e-mail address exists. Is it you?", choices).help(&help)
}

/// The names of the providers with which the users signed in before.
async fn providers_of(draft: &Draft<'_>, holders: &[User]) -> Result<Vec<String>, LoginError> {
    let mut names = Vec::new();
    for user in holders {
        for account in draft.store.accounts_of(user.id).await? {
            if !names.contains(&account.provider) && names.len() < MAX_NAMED_PROVIDERS {
                names.push(account.provider);
            }
        }
    }
    Ok(names)
}

/// Without words, since the texts of the pages contain these names in every language.
fn in_parentheses(providers: &[String]) -> String {
    if providers.is_empty() { String::new() } else { format!(" ({})", providers.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    #[test]
    fn verdict_for_every_combination() {
        use Verdict::{Ask, Continue, CreateSeparately, Link, RefuseOtherBrowser, SignInFirst};
        let [earlier, caller] =
            [1, 2].map(|user| LinkRequest { user: UserId(user), generation: 0, needs_fresh_login: false });
        let to = LinkChoice::To(earlier);
        let credentials = [Credential::None, Credential::OfOther, Credential::Old, Credential::New(caller)];
        let answers = [None, Some(LinkAnswer::New), Some(LinkAnswer::Link)];
        let combinations = credentials.into_iter().flat_map(|credential| answers.map(|answer| (credential, answer)));
        for (credential, answer) in combinations {
            for (is_same_browser, sign_up) in [(false, false), (false, true), (true, false), (true, true)] {
                let facts = |holder, chosen| Facts { holder, sign_up, chosen, answer, credential, is_same_browser };
                let question = match (answer, credential) {
                    (None, _) => Ask,
                    (Some(LinkAnswer::New), _) if sign_up => CreateSeparately,
                    (Some(LinkAnswer::New), _) => Ask,
                    (Some(LinkAnswer::Link), _) if !is_same_browser => RefuseOtherBrowser,
                    (Some(LinkAnswer::Link), Credential::New(caller)) => Link(caller),
                    (Some(LinkAnswer::Link), _) => SignInFirst,
                };
                for (holder, chosen, expected) in [
                    (Holder::None, None, Continue),
                    (Holder::None, Some(LinkChoice::Separate), Continue),
                    (Holder::None, Some(to), Continue),
                    (Holder::Inactive, None, CreateSeparately),
                    (Holder::Inactive, Some(LinkChoice::Separate), CreateSeparately),
                    (Holder::Inactive, Some(to), CreateSeparately),
                    (Holder::Active, None, question),
                    (Holder::Active, Some(LinkChoice::Separate), CreateSeparately),
                    (Holder::Active, Some(to), Link(earlier)),
                ] {
                    let facts = facts(holder, chosen);
                    assert_eq!(decide(facts), expected, "{facts:?}");
                }
            }
        }
    }

    #[test]
    fn only_a_new_login_of_a_holder_in_the_same_browser_links() {
        let caller = LinkRequest { user: UserId(1), generation: 0, needs_fresh_login: false };
        let links = |credential, answer, is_same_browser| {
            let (holder, chosen) = (Holder::Active, None);
            decide(Facts { holder, sign_up: true, chosen, answer, credential, is_same_browser })
                == Verdict::Link(caller)
        };
        assert!(links(Credential::New(caller), Some(LinkAnswer::Link), true));
        assert!(!links(Credential::Old, Some(LinkAnswer::Link), true));
        assert!(!links(Credential::OfOther, Some(LinkAnswer::Link), true));
        assert!(!links(Credential::New(caller), Some(LinkAnswer::Link), false));
        assert!(!links(Credential::New(caller), Some(LinkAnswer::New), true));
        assert!(!links(Credential::New(caller), None, true));
    }
}
