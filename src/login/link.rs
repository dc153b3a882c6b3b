//! Whether a login may link an account, and to which user; one rule for all routes, protocols and providers.
//!
//! Without an authorization request of this server, nothing proves that the browser that posts a code is the one that asked
//! for it: an attacker can make a victim's front-end post the attacker's code. Such a login signs in the account's own user
//! and never links (RFC 9700, section 4.7).

use super::error::{LoginError, Refusal};
use crate::model::{LinkRequest, UserId};
use crate::settings::StatePolicy;

/// The authorization request that a login finishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// The user whose credential the request was started with.
    pub made_by: Option<LinkRequest>,
    /// The login carries the cookie or the flow token of the request.
    pub is_bound: bool,
    /// It is the first step of OAuth 1.0a on a login route; its request token appears in URLs.
    pub is_first_step: bool,
}

/// What [`link_target`] depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkFacts {
    /// `None`: the login finishes no authorization request of this server.
    pub request: Option<Request>,
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
    let made_by = facts.request.and_then(|request| request.made_by);
    let link_request = match (facts.request, made_by, facts.caller) {
        (_, Some(made_by), Some(caller)) if made_by.user != caller.user => {
            return Err(LoginError::new(Refusal::FlowMismatch, "This login was started by another user."));
        }
        (_, Some(made_by), Some(_)) => Some(made_by),
        (Some(request), Some(made_by), None) if request.is_bound && !request.is_first_step => Some(made_by),
        (_, Some(_), None) => {
            let detail = "This login was started by a signed-in user: complete it with the same user's credential.";
            return Err(LoginError::new(Refusal::FlowMismatch, detail));
        }
        (_, None, caller) => caller.filter(|_| facts.link_without_request),
    };
    match link_request {
        None if facts.association_only => Err(link_only()),
        link_request => Ok(link_request),
    }
}

/// Whether a login may ignore the request whose state it carries when that request does not match: only with STATE_POLICY
/// `off`, and never when the request would have linked an account.
pub(super) fn may_ignore_request(policy: StatePolicy, made_by: Option<UserId>) -> bool {
    policy == StatePolicy::Off && made_by.is_none()
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

    const ALICE: LinkRequest = LinkRequest { user: UserId(1), generation: 7 };
    const MALLORY: LinkRequest = LinkRequest { user: UserId(2), generation: 9 };

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
        let request = |made_by, is_bound, is_first_step| Some(Request { made_by, is_bound, is_first_step });
        // The request; then the result for an anonymous caller, Alice and Mallory, first by default and then with
        // LINK_WITHOUT_AUTHORIZATION_REQUEST.
        let flow = "flow_mismatch";
        let table = [
            (None, ["-", "-", "-"], ["-", "1", "2"]),
            (request(None, true, false), ["-", "-", "-"], ["-", "1", "2"]),
            (request(None, false, false), ["-", "-", "-"], ["-", "1", "2"]),
            (request(None, true, true), ["-", "-", "-"], ["-", "1", "2"]),
            (request(None, false, true), ["-", "-", "-"], ["-", "1", "2"]),
            (request(Some(ALICE), true, false), ["1", "1", flow], ["1", "1", flow]),
            (request(Some(ALICE), false, false), [flow, "1", flow], [flow, "1", flow]),
            (request(Some(ALICE), true, true), [flow, "1", flow], [flow, "1", flow]),
            (request(Some(ALICE), false, true), [flow, "1", flow], [flow, "1", flow]),
        ];
        for (request, by_default, without_request) in table {
            for (link_without_request, row) in [(false, by_default), (true, without_request)] {
                for (caller, expected) in callers.into_iter().zip(row) {
                    for association_only in [false, true] {
                        let facts = LinkFacts { request, caller, association_only, link_without_request };
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
            assert!(!may_ignore_request(policy, Some(UserId(1))), "{policy}");
            assert_eq!(may_ignore_request(policy, None), policy == StatePolicy::Off, "{policy}");
        }
    }

    #[test]
    fn a_link_uses_the_generation_of_its_request() {
        let later = LinkRequest { generation: ALICE.generation + 1, ..ALICE };
        let request = Some(Request { made_by: Some(ALICE), is_bound: true, is_first_step: false });
        let facts = LinkFacts { request, caller: Some(later), association_only: false, link_without_request: false };
        assert_eq!(
            link_target(facts).ok().flatten().map(|link_request| link_request.generation),
            Some(ALICE.generation)
        );
    }
}
