//! Which stored account belongs to the identity of a login. Provider ids are compared with stored ones only here.

use crate::model::{Identity, LegacyUids, ScopeRule, SocialAccount};

/// Whether a stored account is the account of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// It is the account of this identity.
    Same,
    /// It is the account of another identity.
    Different,
    /// It has the same uid in another scope (claim or issuer), because a setting has changed.
    DifferentScope,
    /// It has the same uid, and may belong to another tenant: an import does not know the tenant.
    UnknownTenant,
}

pub(super) fn match_account(account: &SocialAccount, identity: &Identity, legacy_uids: LegacyUids) -> Match {
    let scope = &identity.uid_scope;
    let is_of_scope = account.uid_scope == scope.current || scope.former.contains(&account.uid_scope);
    let stored_id = account.kept_uid(&identity.uid_kept_as);
    // An account under a legacy uid may store the provider's own id in its extra data; then the two must be equal.
    let is_of_another = account.legacy_uid && stored_id.as_ref().is_some_and(|stored| !identity.has_uid(stored));
    if !identity.has_uid(&account.uid) {
        let may_match = account.legacy_uid
            && legacy_uids == LegacyUids::Accepted
            && (is_of_scope
                || match scope.rule {
                    ScopeRule::OneIssuer => true,
                    ScopeRule::Tenant => false,
                    ScopeRule::ImportedTenant => account.uid_scope.is_empty(),
                })
            && identity.legacy_uids.iter().any(|uid| uid.as_str() == account.uid);
        return if may_match && !is_of_another { Match::Same } else { Match::Different };
    }
    // The uid of a legacy account may be a name that is spelled like this identity's id.
    let may_be_name = account.legacy_uid && stored_id.is_none() && legacy_uids == LegacyUids::Refused;
    if is_of_another || may_be_name {
        return Match::Different;
    }
    match (scope.rule, account.uid_scope.as_str()) {
        _ if is_of_scope => Match::Same,
        (ScopeRule::OneIssuer | ScopeRule::ImportedTenant, "") => Match::Same,
        (ScopeRule::Tenant, "") => Match::UnknownTenant,
        (ScopeRule::OneIssuer, _) => Match::DifferentScope,
        (ScopeRule::Tenant | ScopeRule::ImportedTenant, _) => Match::Different,
    }
}

/// Whether the login that found `account` must store the key of `identity` in it.
pub(super) fn needs_new_key(account: &SocialAccount, identity: &Identity) -> bool {
    account.legacy_uid || account.uid != identity.uid.as_str() || account.uid_scope != identity.uid_scope.current
}

/// The code of the audit event when the login found `account` by another key than its identity's.
pub(super) fn rekey_code(account: &SocialAccount, identity: &Identity) -> Option<&'static str> {
    if account.legacy_uid {
        Some("legacy_uid")
    } else if !account.uid_scope.is_empty() && account.uid_scope != identity.uid_scope.current {
        Some("former_issuer")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::UnixMillis;
    use crate::model::{AccountId, AccountUid, UidScope, UserId};

    fn account(uid: &str, uid_scope: &str, legacy_uid: bool, kept: Option<&str>) -> SocialAccount {
        SocialAccount {
            id: AccountId(1),
            user_id: UserId(1),
            provider: "oidc".to_owned(),
            uid: uid.to_owned(),
            uid_scope: uid_scope.to_owned(),
            legacy_uid,
            extra_data: kept.map_or_else(|| json!({}), |kept| json!({"id": kept})),
            created: UnixMillis(0),
            modified: UnixMillis(0),
        }
    }

    fn identity(rule: ScopeRule) -> Identity {
        Identity {
            uid: AccountUid::parse("id-1").expect("an id"),
            uid_scope: UidScope {
                current: "sub https://new".to_owned(),
                former: vec!["sub https://renamed".to_owned()],
                rule,
            },
            uid_kept_as: vec!["id".to_owned()],
            legacy_uids: vec![AccountUid::parse("ada").expect("an id")],
            ..Identity::blank()
        }
    }

    #[test]
    fn fault_a1_a15_match_for_every_uid_scope_and_stored_id() {
        use Match::{Different, DifferentScope, Same};
        const UNKNOWN: Match = Match::UnknownTenant;
        // uid, scope, legacy, kept id; then: legacy uids closed and open, both where another scope is a changed setting and
        // where it is another tenant.
        let table = [
            ("id-1", "sub https://new", false, None, [Same, Same, Same, Same]),
            ("id-1", "sub https://renamed", false, None, [Same, Same, Same, Same]),
            ("id-1", "", false, None, [Same, Same, UNKNOWN, UNKNOWN]),
            ("id-1", "", false, Some("other"), [Same, Same, UNKNOWN, UNKNOWN]),
            ("id-1", "", true, None, [Different, Same, Different, UNKNOWN]),
            ("id-1", "", true, Some(""), [Different, Same, Different, UNKNOWN]),
            ("id-1", "", true, Some("id-1"), [Same, Same, UNKNOWN, UNKNOWN]),
            ("id-1", "sub https://new", true, None, [Different, Same, Different, Same]),
            ("id-1", "sub https://new", true, Some("id-1"), [Same, Same, Same, Same]),
            ("id-1", "", true, Some("other"), [Different, Different, Different, Different]),
            ("id-1", "sub https://old", false, None, [DifferentScope, DifferentScope, Different, Different]),
            ("id-1", "email https://new", false, None, [DifferentScope, DifferentScope, Different, Different]),
            ("ada", "", true, None, [Different, Same, Different, Different]),
            ("ada", "", true, Some(" "), [Different, Same, Different, Different]),
            ("ada", "", true, Some("id-1"), [Different, Same, Different, Different]),
            ("ada", "sub https://new", true, None, [Different, Same, Different, Same]),
            ("ada", "sub https://old", true, None, [Different, Same, Different, Different]),
            ("ada", "", true, Some("other"), [Different, Different, Different, Different]),
            ("ada", "", false, None, [Different, Different, Different, Different]),
            ("ada", "sub https://new", false, None, [Different, Different, Different, Different]),
            ("bob", "", true, None, [Different, Different, Different, Different]),
        ];
        for (uid, scope, legacy, kept, expected) in table {
            let account = account(uid, scope, legacy, kept);
            let found = |rule| {
                [LegacyUids::Refused, LegacyUids::Accepted].map(|uids| match_account(&account, &identity(rule), uids))
            };
            let [of_issuer, of_tenant] = [[expected[0], expected[1]], [expected[2], expected[3]]];
            assert_eq!(found(ScopeRule::OneIssuer), of_issuer, "{account:?}");
            assert_eq!(found(ScopeRule::Tenant), of_tenant, "{account:?}");
            let of_imported = if scope.is_empty() { of_issuer } else { of_tenant };
            assert_eq!(found(ScopeRule::ImportedTenant), of_imported, "{account:?}");
        }
    }

    #[test]
    fn a_login_rekeys_accounts_of_other_keys() {
        let identity = identity(ScopeRule::OneIssuer);
        assert!(!needs_new_key(&account("id-1", "sub https://new", false, None), &identity));
        for other in [("id-1", "", false), ("id-1", "sub https://renamed", false), ("id-1", "sub https://new", true)] {
            assert!(needs_new_key(&account(other.0, other.1, other.2, None), &identity), "{other:?}");
        }
        let code = |uid, scope, legacy| rekey_code(&account(uid, scope, legacy, None), &identity);
        assert_eq!(code("ada", "", true), Some("legacy_uid"));
        assert_eq!(code("id-1", "sub https://renamed", false), Some("former_issuer"));
        assert_eq!((code("id-1", "", false), code("id-1", "sub https://new", false)), (None, None));
    }
}
