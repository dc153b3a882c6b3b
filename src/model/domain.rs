//! A domain name, compared in one form only: the ASCII form of UTS 46.

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

/// A domain name as in the DNS: letters, digits and hyphens, or an internationalised name in either of its forms.
///
/// Two names are equal when their ASCII forms are (RFC 5890, 2.3.2.4). A spelling that only some readers map to the same
/// name is rejected, never mapped: full-width letters, other full stops than `.`, invisible characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// A trailing dot, as in a fully qualified name, is removed. `None`: not a domain name.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let (names, length) = (AsciiDenyList::STD3, DnsLength::Verify);
        let ascii = Uts46::new().to_ascii(text.as_bytes(), names, Hyphens::CheckFirstLast, length).ok()?.into_owned();
        let (unicode, valid) = Uts46::new().to_unicode(ascii.as_bytes(), names, Hyphens::CheckFirstLast);
        valid.ok()?;
        let same_labels = text.split('.').count() == unicode.split('.').count();
        let spelled_alike = text.split('.').zip(unicode.split('.')).all(|(label, unicode)| is_spelling(label, unicode));
        // A name that ends in a number is an IP address to some readers (WHATWG URL, "ends in a number").
        let last = ascii.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        (same_labels && spelled_alike && !is_number).then_some(Self(ascii))
    }

    /// Lower case, `xn--` labels where the name is internationalised.
    pub fn as_ascii(&self) -> &str {
        &self.0
    }

    pub fn to_unicode(&self) -> String {
        Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast).0.into_owned()
    }

    pub fn has_dot(&self) -> bool {
        self.0.contains('.')
    }

    /// Whether it is `other` or a subdomain of it.
    pub fn is_within(&self, other: &Self) -> bool {
        let before = self.0.strip_suffix(&other.0);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `label` is `unicode` but for upper case. The Kelvin sign is not an upper case `k`: normalisation changes it.
fn is_spelling(label: &str, unicode: &str) -> bool {
    label.is_ascii() || label.chars().eq(label.nfkc()) && label.chars().flat_map(char::to_lowercase).eq(unicode.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascii(text: &str) -> Option<String> {
        Domain::parse(text).map(|domain| domain.as_ascii().to_owned())
    }

    #[test]
    fn fault_a12_domains_are_compared_in_their_ascii_form() {
        for (text, form) in [
            ("Company.COM", "company.com"),
            ("company.com.", "company.com"),
            ("MÜLLER.example", "xn--mller-kva.example"),
            ("xn--mller-kva.example", "xn--mller-kva.example"),
            ("XN--MLLER-KVA.example", "xn--mller-kva.example"),
            ("com", "com"),
        ] {
            assert_eq!(ascii(text).as_deref(), Some(form), "{text}");
        }
        assert_eq!(
            Domain::parse("xn--mller-kva.example").map(|domain| domain.to_unicode()),
            Some("müller.example".into())
        );
    }

    #[test]
    fn fault_a13_other_spellings_of_a_domain_are_rejected() {
        for bad in [
            "company\u{3002}com",
            "company\u{ff0e}com",
            "company\u{ff61}com",
            "ｃompany.com",
            "mar\u{212a}.example",
            "comp\u{ad}any.com",
            "comp\u{200b}any.com",
            "comp\u{200d}any.com",
            "comp\u{feff}any.com",
            "company.com..",
            ".company.com",
            "company..com",
            "company.com\u{0}",
            "comp any.com",
            "company.com\n",
            "-company.com",
            "a_b.com",
            "*.company.com",
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "[::1]",
            "xn--a.example",
            "",
            ".",
        ] {
            assert_eq!(ascii(bad), None, "{bad:?}");
        }
        assert_eq!(ascii(&format!("{}.example", "a".repeat(64))), None);
    }

    #[test]
    fn a_subdomain_is_within_its_domain() {
        let domain = |text| Domain::parse(text).expect(text);
        assert!(domain("a.evil.example").is_within(&domain("evil.example")));
        assert!(domain("evil.example").is_within(&domain("evil.example")));
        assert!(!domain("notevil.example").is_within(&domain("evil.example")));
        assert!(!domain("example").is_within(&domain("evil.example")));
    }
}
