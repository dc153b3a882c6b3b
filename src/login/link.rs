//! Whether a login may link an account, and to which user; one rule for all routes, protocols and providers.
//!
//! Without an authorization request of this server, nothing proves that the browser that posts a code is the one that asked
//! for it: an attacker can make a victim's front-end post the attacker's code. Such a login signs in the account's own user
//! and never links (RFC 9700, section 4.7).

use super::error::{LoginError, Refusal};
use crate::model::LinkRequest;
use crate::settings::StatePolicy;

/// What [`link_target`] depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkFacts {
    /// The user whose credential the authorization request was started with. `None`: an anonymous caller started it, or the
    /// login finishes none.
    pub started_by: Option<LinkRequest>,
    /// The request is the first step of OAuth 1.0a on a login route. Its request token appears in URLs, and is enough to
    /// complete it.
    pub is_first_step: bool,
    /// The user whose credential the login carries.
    pub caller: Option<LinkRequest>,
    /// The provider only links; it does not sign users in.
    pub association_only: bool,
    /// LINK_WITHOUT_AUTHORIZATION_REQUEST.
    pub link_without_request: bool,
}

/// The user that the account is linked to; `None`: the login links nothing, and the caller counts as anonymous.
///
/// Errors: `flow_mismatch`, and `not_authenticated` where the provider only links.
pub(super) fn link_target(facts: LinkFacts) -> Result<Option<LinkRequest>, LoginError> {
    let link_request = match (facts.started_by, facts.caller) {
        (Some(started_by), Some(caller)) if started_by.user != caller.user => {
            return Err(LoginError::new(Refusal::FlowMismatch, "This login was started by another user."));
        }
        // The user may have signed in again meanwhile, so the login of the caller counts.
        (Some(started_by), Some(caller)) => Some(LinkRequest { generation: started_by.generation, ..caller }),
        (Some(_), None) if facts.is_first_step => {
            let detail = "This login was started by a signed-in user: complete it with the same user's credential.";
            return Err(LoginError::new(Refusal::FlowMismatch, detail));
        }
        (Some(started_by), None) => Some(started_by),
        (None, caller) => caller.filter(|_| facts.link_without_request),
    };
    match link_request {
        None if facts.association_only => Err(link_only()),
        link_request => Ok(link_request),
    }
}

/// Whether a login may ignore the request whose state it carries when that request does not match: only with STATE_POLICY
/// `off`, and never when the request would have linked an account.
pub(super) fn may_ignore_request(policy: StatePolicy, started_by: Option<LinkRequest>) -> bool {
    policy == StatePolicy::Off && started_by.is_none()
}

pub(super) fn link_only() -> LoginError {
    LoginError::new(
        Refusal::NotAuthenticated,
        "This provider only links accounts: send the credential of the user to link to.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    const ALICE: LinkRequest = LinkRequest { user: UserId(1), generation: 7, needs_fresh_login: false };
    const MALLORY: LinkRequest = LinkRequest { user: UserId(2), generation: 9, needs_fresh_login: false };

    /// The decision as text: the id of the user, `-` for a login that links nothing, or the code of the refusal.
    fn decided(facts: LinkFacts) -> String {
        match link_target(facts) {
            Ok(Some(link_request)) => link_request.user.to_string(),
            Ok(None) => "-".to_owned(),
            Err(error) => error.refusal.code().into_owned(),
        }
    }

    #[test]
    fn fault_a2_a3_link_target_for_every_request_and_caller() {
        let callers = [None, Some(ALICE), Some(MALLORY)];
        // Who started the request, and whether it is the first step; then the result for an anonymous caller, Alice and Mallory,
        // first by default and then with LINK_WITHOUT_AUTHORIZATION_REQUEST.
        let flow = "flow_mismatch";
        let table = [
            (None, false, ["-", "-", "-"], ["-", "1", "2"]),
            (None, true, ["-", "-", "-"], ["-", "1", "2"]),
            (Some(ALICE), false, ["1", "1", flow], ["1", "1", flow]),
            (Some(ALICE), true, [flow, "1", flow], [flow, "1", flow]),
        ];
        for (started_by, is_first_step, by_default, without_request) in table {
            for (link_without_request, row) in [(false, by_default), (true, without_request)] {
                for (caller, expected) in callers.into_iter().zip(row) {
                    for association_only in [false, true] {
                        let facts =
                            LinkFacts { started_by, is_first_step, caller, association_only, link_without_request };
                        let expected = if association_only && expected == "-" { "not_authenticated" } else { expected };
                        assert_eq!(decided(facts), expected, "{facts:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn fault_a3_a_linking_request_is_never_ignored() {
        for policy in [StatePolicy::Required, StatePolicy::WhenPresent, StatePolicy::Off] {
            assert!(!may_ignore_request(policy, Some(ALICE)), "{policy}");
            assert_eq!(may_ignore_request(policy, None), policy == StatePolicy::Off, "{policy}");
        }
    }

    #[test]
    fn a_link_uses_the_generation_of_its_request_and_the_login_of_its_caller() {
        let later = LinkRequest { generation: ALICE.generation + 1, needs_fresh_login: true, ..ALICE };
        let facts = |caller| LinkFacts {
            started_by: Some(ALICE),
            is_first_step: false,
            caller,
            association_only: false,
            link_without_request: false,
        };
        let target = |caller| link_target(facts(caller)).expect("a target");
        assert_eq!(target(Some(later)), Some(LinkRequest { needs_fresh_login: true, ..ALICE }));
        assert_eq!(target(None), Some(ALICE));
    }
}
