//! May this login link an account, and to whom? Every login asks here, whatever its route, its protocol and its provider.
//!
//! Without an authorization request of this server nothing proves that the browser that posts a code is the one that asked
//! for it: an attacker can have a victim's front-end post the attacker's code. Such a login signs in the provider
//! account's own user and never links (RFC 9700, section 4.7).

use super::begin::link_only;
use super::error::{LoginError, Refusal};
use crate::model::{LinkRequest, UserId};
use crate::settings::StatePolicy;

/// The authorization request that a login finishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// The user whose credential came along when the request was made.
    pub made_by: Option<LinkRequest>,
    /// The attempt cookie or the flow token of the request came along with the login.
    pub is_bound: bool,
    /// It is the first step of OAuth 1.0a on a login route: its request token travels through URLs.
    pub is_first_step: bool,
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkFacts {
    /// `None`: no authorization request was made on this server.
    pub request: Option<Request>,
    /// The user whose credential came along with the login.
    pub caller: Option<LinkRequest>,
    /// The provider signs nobody in: it only links.
    pub association_only: bool,
    /// LINK_WITHOUT_AUTHORIZATION_REQUEST.
    pub link_without_request: bool,
}

/// The user that the login links to; `None`: it links nothing, and the caller counts as anonymous.
///
/// Errors: `flow_mismatch`, and `not_authenticated` where the provider only links.
pub(super) fn link_target(facts: LinkFacts) -> Result<Option<LinkRequest>, LoginError> {
    let made_by = facts.request.and_then(|request| request.made_by);
    let link_request = match (facts.request, made_by, facts.caller) {
        (_, Some(made_by), Some(caller)) if made_by.user != caller.user => {
            return Err(LoginError::new(Refusal::FlowMismatch, "This login was begun by another user."));
        }
        (_, Some(made_by), Some(_)) => Some(made_by),
        (Some(request), Some(made_by), None) if request.is_bound && !request.is_first_step => Some(made_by),
        (_, Some(_), None) => {
            let detail = "This login was begun by a user who was signed in: finish it with the same user's credential.";
            return Err(LoginError::new(Refusal::FlowMismatch, detail));
        }
        (_, None, caller) => caller.filter(|_| facts.link_without_request),
    };
    match link_request {
        None if facts.association_only => Err(link_only()),
        link_request => Ok(link_request),
    }
}

/// Whether a login may be finished without the request whose state it carries, although that request does not fit it:
/// only with STATE_POLICY `off`, and never past a request that would have linked.
pub(super) fn may_ignore_request(policy: StatePolicy, made_by: Option<UserId>) -> bool {
    policy == StatePolicy::Off && made_by.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: LinkRequest = LinkRequest { user: UserId(1), generation: 7 };
    const MALLORY: LinkRequest = LinkRequest { user: UserId(2), generation: 9 };

    /// What is decided, in one word: the id of the user, `-` for a login that links nothing, or the code of the refusal.
    fn decided(facts: LinkFacts) -> String {
        match link_target(facts) {
            Ok(Some(link_request)) => link_request.user.to_string(),
            Ok(None) => "-".to_owned(),
            Err(error) => error.refusal.code().into_owned(),
        }
    }

    #[test]
    fn fault_a2_a3_the_whole_table_of_who_is_linked_to_whom() {
        let callers = [None, Some(ALICE), Some(MALLORY)];
        let request = |made_by, is_bound, is_first_step| Some(Request { made_by, is_bound, is_first_step });
        // The request; then what anonymous, Alice and Mallory get, first by default and then with
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
        for (request, by_default, default_redirect_uri_of) in table {
            for (link_without_request, row) in [(false, by_default), (true, default_redirect_uri_of)] {
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
    fn fault_a3_a_request_that_would_link_is_never_ignored() {
        for policy in [StatePolicy::Required, StatePolicy::WhenPresent, StatePolicy::Off] {
            assert!(!may_ignore_request(policy, Some(UserId(1))), "{policy}");
            assert_eq!(may_ignore_request(policy, None), policy == StatePolicy::Off, "{policy}");
        }
    }

    #[test]
    fn a_link_counts_from_when_it_was_asked_for() {
        let later = LinkRequest { generation: ALICE.generation + 1, ..ALICE };
        let request = Some(Request { made_by: Some(ALICE), is_bound: true, is_first_step: false });
        let facts = LinkFacts { request, caller: Some(later), association_only: false, link_without_request: false };
        assert_eq!(
            link_target(facts).ok().flatten().map(|link_request| link_request.generation),
            Some(ALICE.generation)
        );
    }
}
