//! The allow and deny lists of e-mail addresses, domains and organizations (R-PIPE-03).

use crate::login::error::{LoginError, Refusal};
use crate::model::{EmailAddress, deny_list_key};
use crate::settings::UserRules;

/// The e-mail address of a login.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoginEmail<'a> {
    pub address: Option<&'a EmailAddress>,
    pub is_verified: bool,
    /// The provider sent a text that is not an e-mail address.
    pub is_invalid: bool,
}

/// Checks the lists of addresses and domains.
///
/// WHITELISTED_EMAILS and WHITELISTED_DOMAINS, without subdomains, accept verified addresses only, unless
/// ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL is set. They refuse a profile without an address.
///
/// DENIED_EMAILS and DENIED_DOMAINS take precedence and refuse an address whether it is verified or not. They also refuse an
/// invalid address, which may be another spelling of a denied one, and a missing one, which the user may have withheld.
pub fn check_allowed(rules: &UserRules, email: &LoginEmail<'_>) -> Result<(), LoginError> {
    let refused = |detail: &str| Err(LoginError::new(Refusal::NotAllowed, detail));
    const NOT_LISTED: &str = "This account is not allowed to sign in here.";
    const NO_ADDRESS: &str = "Sign-in requires an e-mail address, and the provider sent none.";
    if rules.has_denied_addresses() {
        match email.address {
            _ if email.is_invalid => return refused(NOT_LISTED),
            Some(address) if rules.denies(address) => return refused(NOT_LISTED),
            None if !rules.deny_lists_accept_missing_email => return refused(NO_ADDRESS),
            _ => {}
        }
    }
    if rules.whitelisted_emails.is_empty() && rules.whitelisted_domains.is_empty() {
        return Ok(());
    }
    let is_listed = email.address.is_some_and(|address| {
        rules.whitelisted_emails.iter().any(|listed| listed.key() == address.key())
            || rules.whitelisted_domains.contains(address.domain())
    });
    if !is_listed {
        refused(NOT_LISTED)
    } else if email.is_verified || rules.allow_lists_accept_unverified {
        Ok(())
    } else {
        refused("Sign-in requires a verified e-mail address, and the provider has not verified yours.")
    }
}

/// Checks ALLOWED_ORGANIZATIONS and DENIED_ORGANIZATIONS. ASCII letters match in any case; a denied name is denied in every
/// spelling that looks the same. An allow list refuses users without an organization.
///
/// Errors: `organization_not_allowed`.
pub fn check_organizations(rules: &UserRules, organizations: &[String]) -> Result<(), LoginError> {
    let (allowed, denied) = (&rules.allowed_organizations, &rules.denied_organizations);
    if allowed.is_empty() && denied.is_empty() {
        return Ok(());
    }
    let is_allowed = || {
        let own = organizations.iter().map(|name| name.trim());
        own.clone().any(|name| allowed.iter().any(|listed| listed.eq_ignore_ascii_case(name)))
    };
    let is_denied = organizations.iter().map(|name| deny_list_key(name)).any(|name| denied.contains(&name));
    if is_denied || (!allowed.is_empty() && !is_allowed()) {
        return Err(LoginError::new(
            Refusal::OrganizationNotAllowed,
            "This account's organization is not allowed to sign in.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Domain;

    fn domain(text: &str) -> Domain {
        Domain::parse(text).expect(text)
    }

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect(text)
    }

    fn check(rules: &UserRules, text: &str, is_verified: bool) -> bool {
        let address = EmailAddress::parse(text);
        let is_invalid = address.is_none() && !text.is_empty();
        check_allowed(rules, &LoginEmail { address: address.as_ref(), is_verified, is_invalid }).is_ok()
    }

    /// Every combination of lists and addresses.
    #[test]
    fn fault_a6_allow_lists_accept_verified_addresses_only() {
        let none = UserRules::default();
        let domains = UserRules { whitelisted_domains: vec![domain("company.com")], ..UserRules::default() };
        let emails = UserRules { whitelisted_emails: vec![address("ana@company.com")], ..UserRules::default() };
        let any = UserRules { allow_lists_accept_unverified: true, ..domains.clone() };
        let denied = UserRules { denied_domains: vec![domain("company.com")], ..UserRules::default() };
        let both = UserRules { denied_emails: vec![address("eva@company.com")], ..domains.clone() };
        for (text, is_verified, expected) in [
            // none, domains, emails, any, denied, both
            ("Ana@COMPANY.com", true, [true, true, true, true, false, true]),
            ("ana@company.com", false, [true, false, false, true, false, false]),
            ("ana@company.com.", true, [true, true, true, true, false, true]),
            ("eva@company.com", true, [true, true, false, true, false, false]),
            ("eva@company.com", false, [true, false, false, true, false, false]),
            ("ana@sub.company.com", true, [true, false, false, false, false, false]),
            ("ana@notcompany.com", true, [true, false, false, false, true, false]),
            ("", false, [true, false, false, false, false, false]),
            ("", true, [true, false, false, false, false, false]),
            ("eve@evil.example@company.com", true, [true, false, false, false, false, false]),
            ("eve@evil.example,x@company.com", true, [true, false, false, false, false, false]),
            ("eve@evil.example\r\nx@company.com", true, [true, false, false, false, false, false]),
            ("ana@company\u{3002}com", true, [true, false, false, false, false, false]),
            ("ana@comp\u{ad}any.com", true, [true, false, false, false, false, false]),
            ("ana@comp\u{200b}any.com", true, [true, false, false, false, false, false]),
            ("ana@\u{ff43}ompany.com", true, [true, false, false, false, false, false]),
            ("\"ana\"@company.com", true, [true, false, false, false, false, false]),
        ] {
            let found = [&none, &domains, &emails, &any, &denied, &both].map(|rules| check(rules, text, is_verified));
            assert_eq!(found, expected, "{text:?}, verified: {is_verified}");
        }
    }

    #[test]
    fn deny_lists_refuse_a_missing_address() {
        for rules in [
            UserRules { denied_emails: vec![address("eva@company.com")], ..UserRules::default() },
            UserRules { denied_domains: vec![domain("company.com")], ..UserRules::default() },
        ] {
            assert!(!check(&rules, "", false) && check(&rules, "ana@other.example", false));
            let rules = UserRules { deny_lists_accept_missing_email: true, ..rules };
            assert!(check(&rules, "", false) && !check(&rules, "eva@company.com", true));
            assert!(!check(&rules, "no address", false), "an invalid one stays refused");
            let both = UserRules { whitelisted_domains: vec![domain("other.example")], ..rules };
            assert!(!check(&both, "", false), "an allow list still refuses it");
        }
    }

    #[test]
    fn fault_a13_both_forms_of_an_internationalised_domain_are_equal() {
        for listed in ["müller.example", "xn--mller-kva.example", "MÜLLER.example."] {
            let allowed = UserRules { whitelisted_domains: vec![domain(listed)], ..UserRules::default() };
            let denied = UserRules { denied_domains: vec![domain(listed)], ..UserRules::default() };
            for text in ["a@müller.example", "a@XN--mller-kva.example", "a@Müller.Example"] {
                assert!(check(&allowed, text, true) && !check(&denied, text, true), "{listed} {text}");
            }
            assert!(!check(&denied, "a@sub.xn--mller-kva.example", false));
        }
    }

    #[test]
    fn fault_a12_the_kelvin_sign_is_not_a_k() {
        let rules = UserRules { whitelisted_emails: vec![address("mark@gmail.com")], ..UserRules::default() };
        assert!(check(&rules, "MARK@gmail.com", true) && !check(&rules, "mar\u{212a}@gmail.com", true));
        let rules = UserRules { whitelisted_domains: vec![domain("mark.example")], ..UserRules::default() };
        assert!(!check(&rules, "a@mar\u{212a}.example", true));
    }

    #[test]
    fn an_organization_is_allowed_or_denied_in_any_case() {
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
        let stored = |rules: &UserRules| rules.stored_email(&address("Foo.Bar@EXAMPLE.Com")).to_string();
        assert_eq!(stored(&UserRules::default()), "Foo.Bar@example.com");
        assert_eq!(stored(&UserRules { force_email_lowercase: true, ..UserRules::default() }), "foo.bar@example.com");
        assert_eq!(stored(&UserRules { email_domain_lowercase: false, ..UserRules::default() }), "Foo.Bar@EXAMPLE.Com");
    }
}
