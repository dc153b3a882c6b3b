//! Who may enter by e-mail and by organisation (R-PIPE-03).

use crate::login::error::{LoginError, Refusal};
use crate::settings::UserRules;

/// WHITELISTED_EMAILS and WHITELISTED_DOMAINS, in any case, no subdomains. With a list, a profile without an address is
/// refused: release 7 of the original's engine does so. DENIED_EMAILS and DENIED_DOMAINS win over them, and a denied domain
/// is denied with all below it. A dot at the end of an address changes nothing.
pub fn check_allowed(rules: &UserRules, address: Option<&str>) -> Result<(), LoginError> {
    let allows = !rules.whitelisted_emails.is_empty() || !rules.whitelisted_domains.is_empty();
    let denies = !rules.denied_emails.is_empty() || !rules.denied_domains.is_empty();
    if !allows && !denies {
        return Ok(());
    }
    let address = address.unwrap_or_default().trim().trim_end_matches('.').to_lowercase();
    let domain = address.rsplit_once('@').filter(|(local, _)| !local.is_empty()).map_or("", |(_, domain)| domain);
    let listed = |emails: &[String], domains: &[String], is_in: fn(&str, &str) -> bool| {
        emails.contains(&address) || (!domain.is_empty() && domains.iter().any(|listed| is_in(domain, listed)))
    };
    let denied = denies && listed(&rules.denied_emails, &rules.denied_domains, is_below);
    let allowed =
        !allows || listed(&rules.whitelisted_emails, &rules.whitelisted_domains, |domain, listed| domain == listed);
    if allowed && !denied {
        Ok(())
    } else {
        Err(LoginError::new(Refusal::NotAllowed, "This account is not among those that may sign in here."))
    }
}

/// The domain itself, or one below it.
fn is_below(domain: &str, listed: &str) -> bool {
    let above = domain.strip_suffix(listed);
    above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// ALLOWED_ORGANIZATIONS and DENIED_ORGANIZATIONS, in any case. With a list of allowed ones, people of whom the provider says
/// none are refused.
pub fn check_organizations(rules: &UserRules, organizations: &[String]) -> Result<(), LoginError> {
    let (allowed, denied) = (&rules.allowed_organizations, &rules.denied_organizations);
    if allowed.is_empty() && denied.is_empty() {
        return Ok(());
    }
    let own: Vec<String> = organizations.iter().map(|name| name.to_lowercase()).collect();
    let is_in = |list: &[String]| own.iter().any(|name| list.contains(name));
    if is_in(denied) || (!allowed.is_empty() && !is_in(allowed)) {
        return Err(LoginError::new(
            Refusal::OrganizationNotAllowed,
            "People of this account's organisation may not sign in here.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_pipe_03_lists_match_in_any_case_and_no_subdomain() {
        let rules = UserRules { whitelisted_domains: vec!["example.com".into()], ..UserRules::default() };
        assert!(check_allowed(&rules, Some("A@EXAMPLE.com")).is_ok());
        for refused in [Some("a@sub.example.com"), Some("@example.com"), Some("a@example.org"), None] {
            assert!(check_allowed(&rules, refused).is_err(), "{refused:?}");
        }
        let rules = UserRules { whitelisted_emails: vec!["ana@example.com".into()], ..UserRules::default() };
        assert!(check_allowed(&rules, Some("Ana@Example.com")).is_ok());
    }

    #[test]
    fn a_denied_domain_is_denied_with_all_below_it_and_wins_over_an_allowed_one() {
        let rules = UserRules {
            denied_domains: vec!["evil.example".into()],
            denied_emails: vec!["eva@good.example".into()],
            ..UserRules::default()
        };
        for refused in
            ["a@evil.example", "a@EVIL.example.", "a@x.evil.example", "Eva@good.example", "eva@good.example."]
        {
            assert!(check_allowed(&rules, Some(refused)).is_err(), "{refused}");
        }
        for good in [Some("a@notevil.example"), Some("ana@good.example"), None] {
            assert!(check_allowed(&rules, good).is_ok(), "{good:?}");
        }
        let rules = UserRules { whitelisted_domains: vec!["good.example".into()], ..rules };
        assert!(check_allowed(&rules, Some("ana@good.example")).is_ok());
        assert!(check_allowed(&rules, Some("eva@good.example")).is_err());
        assert!(check_allowed(&rules, None).is_err());
    }

    #[test]
    fn an_organisation_is_allowed_or_denied_in_any_case() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let rules = UserRules { allowed_organizations: of(&["acme.example"]), ..UserRules::default() };
        assert!(check_organizations(&rules, &of(&["other", "ACME.example"])).is_ok());
        assert!(check_organizations(&rules, &of(&["other"])).is_err() && check_organizations(&rules, &[]).is_err());
        let rules = UserRules { denied_organizations: of(&["evil"]), ..UserRules::default() };
        assert!(
            check_organizations(&rules, &of(&["acme", "Evil"])).is_err() && check_organizations(&rules, &[]).is_ok()
        );
    }

    #[test]
    fn r_eml_01_the_domain_is_lower_case() {
        assert_eq!(UserRules::default().stored_email("Foo.Bar@EXAMPLE.Com"), "Foo.Bar@example.com");
        let rules = UserRules { force_email_lowercase: true, ..UserRules::default() };
        assert_eq!(rules.stored_email("Foo.Bar@EXAMPLE.Com"), "foo.bar@example.com");
    }
}
