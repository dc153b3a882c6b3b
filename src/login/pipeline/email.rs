//! Who may enter by e-mail (R-PIPE-03).

use crate::login::error::{LoginError, Refusal};
use crate::settings::UserRules;

/// WHITELISTED_EMAILS and WHITELISTED_DOMAINS, in any case, no subdomains. With a list, a profile without an address is
/// refused: release 7 of the original's engine does so.
pub fn check_allowed(rules: &UserRules, address: Option<&str>) -> Result<(), LoginError> {
    if rules.whitelisted_emails.is_empty() && rules.whitelisted_domains.is_empty() {
        return Ok(());
    }
    let address = address.unwrap_or_default().to_lowercase();
    let domain = address.rsplit_once('@').filter(|(local, _)| !local.is_empty()).map_or("", |(_, domain)| domain);
    let allowed = rules.whitelisted_emails.contains(&address)
        || (!domain.is_empty() && rules.whitelisted_domains.iter().any(|listed| listed == domain));
    if allowed {
        Ok(())
    } else {
        Err(LoginError::new(Refusal::NotAllowed, "This account is not among those that may sign in here."))
    }
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
    fn r_eml_01_the_domain_is_lower_case() {
        assert_eq!(UserRules::default().stored_email("Foo.Bar@EXAMPLE.Com"), "Foo.Bar@example.com");
        let rules = UserRules { force_email_lowercase: true, ..UserRules::default() };
        assert_eq!(rules.stored_email("Foo.Bar@EXAMPLE.Com"), "foo.bar@example.com");
    }
}
