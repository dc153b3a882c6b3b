//! The rule of token families: what a refresh does with the token that a client presents (SEC-30; RFC 9700, section 4.14.2).

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::model::{FamilyState, RefreshRefusal};

/// The settings of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyRules {
    /// Whether a replaced token is revoked and its reuse detected: ROTATE_REFRESH_TOKENS, unless
    /// BLACKLIST_AFTER_ROTATION is off.
    pub detects_reuse: bool,
    /// The absolute lifetime of a family (SIMPLE_JWT_FAMILY_LIFETIME); `None`: unlimited.
    pub lifetime: Option<Duration>,
}

/// What a refresh does. The first three issue a successor of the presented token, which is then the only valid token of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyDecision {
    /// The presented token is valid: it is replaced by its successor.
    Rotate,
    /// The presented token was used before, and its successor was not: the token gets another successor.
    ReplaceSuccessor,
    /// The presented token is an unused successor that [`Self::ReplaceSuccessor`] revoked, and the one issued in its place
    /// is unused too: the presented token is used instead.
    ReplaceSibling,
    /// The presented token was used before, and so was a successor: revoke the family.
    RevokeFamily,
    /// Nothing changes.
    Refuse(RefreshRefusal),
}

impl FamilyDecision {
    /// Whether the presented token still has the rights of its family. It decides too whether a sliding token authenticates a
    /// request: requests that are under way while another tab refreshes the token do not fail.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Rotate | Self::ReplaceSuccessor | Self::ReplaceSibling)
    }
}

/// Decides from the state that the transaction of the refresh reads, so that refreshes of one family are decided one after the
/// other on all nodes.
///
/// Two parties look the same to the server when they present a token for the second time:
///
/// - An honest client whose answer was lost, which shares the token with another tab, or which sends ten refreshes at once. It
///   holds no newer token, so signing it out would punish it for a bad connection.
/// - An attacker who stole a token that the client has used. RFC 9700 demands that the server finds out.
///
/// What tells them apart is the next refresh. Only one of the two can own the newest token, so as soon as both have refreshed with
/// what they own, one of them presents a token whose successor, or whose sibling, was used: then the family ends for both.
/// Until then the rule lets exactly one successor of each token be used, whichever is presented first:
///
/// - The attacker presents the old token before the client used its successor: the attacker gets a new successor, and the
///   client's becomes invalid. When the client presents its own, either the attacker's is unused, and the client's takes
///   its place, or it was used, and the family ends. When the attacker presents its own after that, the family ends as well.
/// - The attacker presents the old token after the client used its successor: the family ends at once.
///
/// So an attacker has at most the time between two refreshes of the client, about the lifetime of one access token, and every theft
/// is detected once both have refreshed. "Used" means presented for a refresh. The use of the access token that was issued with a
/// successor is not recorded: it would cost a write for each request and shorten that time only.
///
/// A replaced sibling is not refused, because a client that sent several refreshes at once may have stored any of the answers. This
/// gives an attacker nothing more: the parent of the sibling is accepted under the same condition, that no successor was used.
pub fn decide(state: &FamilyState, rules: FamilyRules, now: UnixMillis) -> FamilyDecision {
    if rules.lifetime.is_some_and(|lifetime| state.family_created.plus(lifetime) <= now) {
        return FamilyDecision::Refuse(RefreshRefusal::Expired);
    }
    if state.is_valid {
        return FamilyDecision::Rotate;
    }
    let Some(newest) = state.newest.as_ref().filter(|_| rules.detects_reuse) else {
        return FamilyDecision::Refuse(RefreshRefusal::Revoked);
    };
    match &newest.parent {
        Some(parent) if *parent == state.jti => FamilyDecision::ReplaceSuccessor,
        Some(parent) if Some(parent) == state.parent.as_ref() => FamilyDecision::ReplaceSibling,
        _ => FamilyDecision::RevokeFamily,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::NewestToken;

    const LIFETIME: Duration = Duration::from_secs(1000);
    const RULES: FamilyRules = FamilyRules { detects_reuse: true, lifetime: Some(LIFETIME) };
    const START: UnixMillis = UnixMillis(0);

    fn state(jti: &str, parent: Option<&str>, is_valid: bool, newest: Option<(&str, Option<&str>)>) -> FamilyState {
        let newest = newest.map(|(jti, parent)| NewestToken { jti: jti.to_owned(), parent: parent.map(str::to_owned) });
        FamilyState { parent: parent.map(str::to_owned), is_valid, newest, ..FamilyState::of_unknown(jti, START) }
    }

    /// Every position of the presented token in its family, with each setting, before and at the end of its absolute lifetime.
    #[test]
    fn sec_30_decision_for_every_state() {
        use FamilyDecision::{Refuse, ReplaceSibling, ReplaceSuccessor, RevokeFamily, Rotate};
        use RefreshRefusal::{Expired, Revoked};
        // A family: a login issued `a`; `a` was used twice and has the successors `b1` and `b2`; `b2` may have `c`.
        let newest_b2 = Some(("b2", Some("a")));
        let newest_c = Some(("c", Some("b2")));
        let cases = [
            ("a token of another server", FamilyState::of_unknown("a", START), Rotate, Rotate),
            ("the token of the login", state("a", None, true, Some(("a", None))), Rotate, Rotate),
            ("the newest token", state("b2", Some("a"), true, newest_b2), Rotate, Rotate),
            ("one of several valid tokens", state("a", None, true, newest_c), Rotate, Rotate),
            ("the parent of the newest", state("a", None, false, newest_b2), ReplaceSuccessor, Refuse(Revoked)),
            ("a sibling of the newest", state("b1", Some("a"), false, newest_b2), ReplaceSibling, Refuse(Revoked)),
            ("a used token's parent", state("a", None, false, newest_c), RevokeFamily, Refuse(Revoked)),
            ("a used token's sibling", state("b1", Some("a"), false, newest_c), RevokeFamily, Refuse(Revoked)),
            (
                "a used token, newest without parent",
                state("a", None, false, Some(("z", None))),
                RevokeFamily,
                Refuse(Revoked),
            ),
            ("the token of a revoked family", state("b2", Some("a"), false, None), Refuse(Revoked), Refuse(Revoked)),
            ("a used token of a revoked family", state("a", None, false, None), Refuse(Revoked), Refuse(Revoked)),
        ];
        let end = START.plus(LIFETIME);
        let before = UnixMillis(end.0 - 1);
        for (name, state, detecting, drsa) in cases {
            for (detects_reuse, wanted) in [(true, detecting), (false, drsa)] {
                let limited = FamilyRules { detects_reuse, ..RULES };
                let unlimited = FamilyRules { lifetime: None, ..limited };
                assert_eq!(decide(&state, limited, before), wanted, "{name}, reuse detection {detects_reuse}");
                assert_eq!(decide(&state, unlimited, end), wanted, "{name}, reuse detection {detects_reuse}");
                assert_eq!(decide(&state, limited, end), Refuse(Expired), "{name} of an old family");
            }
        }
    }

    /// A family as the store keeps it: rows, changed as the decisions say.
    #[derive(Default)]
    struct Rows(Vec<(Option<usize>, bool)>);

    impl Rows {
        fn state(&self, presented: usize) -> FamilyState {
            let (parent, is_valid) = self.0[presented];
            let newest = self.0.iter().rposition(|(_, is_valid)| *is_valid).map(|newest| NewestToken {
                jti: newest.to_string(),
                parent: self.0[newest].0.map(|parent| parent.to_string()),
            });
            let parent = parent.map(|parent| parent.to_string());
            FamilyState { parent, is_valid, newest, ..FamilyState::of_unknown(&presented.to_string(), START) }
        }

        fn valid(&self) -> usize {
            self.0.iter().filter(|(_, is_valid)| *is_valid).count()
        }

        fn revoke(&mut self) {
            self.0.iter_mut().for_each(|(_, is_valid)| *is_valid = false);
        }

        /// The new token, if one was issued.
        fn refresh(&mut self, presented: usize, now: UnixMillis) -> (FamilyDecision, Option<usize>) {
            let decision = decide(&self.state(presented), RULES, now);
            if decision == FamilyDecision::RevokeFamily {
                self.revoke();
            }
            if !decision.is_accepted() {
                return (decision, None);
            }
            self.revoke();
            self.0.push((Some(presented), true));
            (decision, Some(self.0.len() - 1))
        }
    }

    /// The reference: nothing but the history. Of each token at most one successor may ever be used.
    #[derive(Default)]
    struct Reference {
        parents: HashMap<usize, usize>,
        /// The successor of each token that was used first.
        used_successors: HashMap<usize, usize>,
        is_revoked: bool,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Outcome {
        Issued,
        FamilyRevoked,
        Refused,
    }

    impl Reference {
        fn refresh(&mut self, presented: usize, now: UnixMillis) -> Outcome {
            if self.is_revoked || now >= START.plus(LIFETIME) {
                return Outcome::Refused;
            }
            let parent = self.parents.get(&presented).copied();
            let is_reuse = self.used_successors.contains_key(&presented)
                || parent.and_then(|parent| self.used_successors.get(&parent)).is_some_and(|used| *used != presented);
            if is_reuse {
                self.is_revoked = true;
                return Outcome::FamilyRevoked;
            }
            if let Some(parent) = parent {
                self.used_successors.insert(parent, presented);
            }
            Outcome::Issued
        }
    }

    #[derive(Clone, Debug)]
    enum Action {
        /// Any token is presented: by an attacker, an old tab, or a client that restored a backup.
        Any(prop::sample::Index),
        /// The honest client refreshes with the newest token that it received.
        Client,
        /// As `Client`, but the answer is lost.
        LostAnswer,
        /// The client sends several refreshes at once and stores one of the answers.
        Parallel(usize, prop::sample::Index),
        Wait(u64),
        LogOut,
    }

    fn action(is_honest: bool) -> impl Strategy<Value = Action> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            u32::from(!is_honest) * 3 => index().prop_map(Action::Any),
            3 => Just(Action::Client),
            2 => Just(Action::LostAnswer),
            2 => (2..11_usize, index()).prop_map(|(calls, kept)| Action::Parallel(calls, kept)),
            1 => (1..300_u64).prop_map(Action::Wait),
            u32::from(!is_honest) => Just(Action::LogOut),
        ]
    }

    fn actions(is_honest: bool) -> impl Strategy<Value = Vec<Action>> {
        prop::collection::vec(action(is_honest), 1..40)
    }

    /// Runs the actions on both models and compares each outcome. Returns whether the honest client was ever refused.
    fn run(actions: Vec<Action>) -> Result<bool, TestCaseError> {
        let (mut rows, mut reference) = (Rows(vec![(None, true)]), Reference::default());
        let (mut held, mut now, mut is_refused) = (0, START, false);
        for action in actions {
            let (presented, calls) = match &action {
                Action::Any(index) => (index.index(rows.0.len()), 1),
                Action::Client | Action::LostAnswer => (held, 1),
                Action::Parallel(calls, _) => (held, *calls),
                Action::Wait(seconds) => {
                    now = now.plus(Duration::from_secs(*seconds));
                    continue;
                }
                Action::LogOut => {
                    rows.revoke();
                    reference.is_revoked = true;
                    continue;
                }
            };
            let mut issued = Vec::new();
            for _ in 0..calls {
                let (decision, new) = rows.refresh(presented, now);
                let outcome = match decision {
                    FamilyDecision::Refuse(_) => Outcome::Refused,
                    FamilyDecision::RevokeFamily => Outcome::FamilyRevoked,
                    _ => Outcome::Issued,
                };
                prop_assert_eq!(&outcome, &reference.refresh(presented, now));
                prop_assert!(rows.valid() <= 1, "several valid tokens");
                if outcome == Outcome::FamilyRevoked {
                    prop_assert_eq!(rows.valid(), 0);
                }
                if let Some(new) = new {
                    reference.parents.insert(new, presented);
                    issued.push(new);
                }
            }
            match action {
                Action::Any(_) | Action::LostAnswer => {}
                Action::Parallel(_, kept) if !issued.is_empty() => held = issued[kept.index(issued.len())],
                _ => match issued.first() {
                    Some(new) => held = *new,
                    None => is_refused |= now < START.plus(LIFETIME),
                },
            }
        }
        Ok(is_refused)
    }

    proptest! {
        #[test]
        fn sec_30_rule_agrees_with_the_reference_for_every_sequence(actions in actions(false)) {
            run(actions)?;
        }

        /// Lost answers and parallel refreshes included.
        #[test]
        fn sec_30_honest_client_is_never_signed_out(actions in actions(true)) {
            prop_assert!(!run(actions)?);
        }
    }
}
