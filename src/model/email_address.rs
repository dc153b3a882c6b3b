//! The only parser of e-mail addresses: for providers, users, the webhook and the settings.

use std::fmt;

use email_address::{EmailAddress as Rfc5321, Options};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::Domain;
use super::safe_text::is_invisible;

/// Maximum octets (RFC 5321, 4.5.3.1.3).
pub const MAX_EMAIL_LEN: usize = 254;

/// One address as mail software without options accepts it: a local part without quotes, one `@`, a domain name with a dot.
/// It holds no blank, no control or invisible character, no comma, and nothing that normalisation would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    local_part: String,
    /// As it was written, without a dot at the end.
    domain_text: String,
    domain: Domain,
    whole: String,
}

impl EmailAddress {
    /// Surrounding spaces are removed. `None`: not an e-mail address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(' ');
        let text = text.strip_suffix('.').unwrap_or(text);
        let (local_part, domain_text) = text.split_once('@')?;
        let domain = Domain::parse(domain_text).filter(Domain::has_dot)?;
        // The crate checks the dot-atom and the lengths; it would accept quotes and any character beyond ASCII.
        let options = Options::default().without_display_text().without_domain_literal();
        Rfc5321::parse_with_options(&format!("{local_part}@{domain}"), options).ok()?;
        let plain = local_part.chars().all(|c| c != '"' && (c.is_ascii() || is_shown(c)));
        if !plain
            || !local_part.chars().eq(local_part.nfkc())
            || text.len() > MAX_EMAIL_LEN
            || domain_text.ends_with('.')
        {
            return None;
        }
        Some(Self::of(local_part.to_owned(), domain_text.to_owned(), domain))
    }

    fn of(local_part: String, domain_text: String, domain: Domain) -> Self {
        let whole = format!("{local_part}@{domain_text}");
        Self { local_part, domain_text, domain, whole }
    }

    /// The address as it was written, without surrounding spaces.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The address as it was written, with its domain in the ASCII form if it has other characters.
    pub fn with_ascii_domain(&self) -> String {
        let is_ascii = self.domain_text.is_ascii();
        if is_ascii { self.whole.clone() } else { format!("{}@{}", self.local_part, self.domain) }
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The same address with its domain in lower case.
    pub fn with_lower_case_domain(self) -> Self {
        let domain_text = self.domain_text.chars().flat_map(char::to_lowercase).collect();
        Self::of(self.local_part, domain_text, self.domain)
    }

    /// The same address with ASCII letters in lower case; other letters stay (RFC 6530, 10.1).
    pub fn with_lower_case(self) -> Self {
        let local_part = self.local_part.to_ascii_lowercase();
        Self { local_part, ..self }.with_lower_case_domain()
    }

    /// The form in which addresses are compared: ASCII letters in lower case, the domain in ASCII.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local_part.to_ascii_lowercase(), self.domain)
    }

    /// The key of a text from the database, which may be older than this parser.
    pub fn key_of_stored(text: &str) -> String {
        Self::parse(text).map_or_else(|| text.to_ascii_lowercase(), |address| address.key())
    }

    /// Whether a text from the database is this address.
    pub fn is_same_as_stored(&self, text: &str) -> bool {
        self.key() == Self::key_of_stored(text)
    }

    /// Every value that the column of keys may have for this address: rows of earlier releases hold the address in lower
    /// case. A row found so is compared by [`Self::is_same_as_stored`] before it counts.
    pub fn lookup_keys(&self) -> [String; 3] {
        let unicode = format!("{}@{}", self.local_part, self.domain.to_unicode());
        [self.key(), unicode.to_lowercase(), self.whole.to_lowercase()]
    }
}

/// Whether a character is a visible letter, digit or mark.
fn is_shown(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.whole)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an e-mail address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_a5_only_valid_addresses_are_parsed() {
        for good in [
            "a@b.example",
            "Ana.Lopez+x@sub.b.example",
            "o'brien=x/y_z@b.example",
            "ü@b.example",
            "a@müller.example",
            "a@xn--mller-kva.example",
            "राम@b.example",
            " a@b.example ",
            "a@b.example.",
        ] {
            assert!(EmailAddress::parse(good).is_some(), "{good:?}");
        }
        let long = format!("a@{}.example", ["b", "c", "d", "e"].map(|label| label.repeat(61)).join("."));
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b.example",
            "not an address",
            "a@b",
            "a@localhost",
            "a@b..example",
            "a@.b.example",
            "a@b.example..",
            "a..b@c.example",
            ".a@b.example",
            "a.@b.example",
            "eve@evil.example@company.com",
            "eve@evil.example,x@company.com",
            "eve@evil.example;x@company.com",
            "eve@evil.example x@company.com",
            "a@x.example\r\nBcc: b@y.example",
            "a@x.example\r\n",
            "\ta@x.example",
            "a\u{0}@x.example",
            "a\u{7f}@x.example",
            "\"eve@evil.example\"@company.com",
            "\"a b\"@b.example",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "Ana <a@b.example>",
            "<a@b.example>",
            "mailto:a@b.example",
            "a(comment)@b.example",
            "a\\@b@c.example",
            "a\u{200b}@b.example",
            "a\u{ad}@b.example",
            "a\u{202e}@b.example",
            "a\u{2028}@b.example",
            "a\u{feff}@b.example",
            "a\u{3164}@b.example",
            "a\u{fe0f}@b.example",
            "a\u{fffd}@b.example",
            "mar\u{212a}@b.example",
            "ｍark@b.example",
            "a＠b.example",
            "a@b\u{3002}example",
            "a@comp\u{ad}any.com",
            &format!("{}@b.example", "a".repeat(65)),
            &long,
        ] {
            assert!(EmailAddress::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn fault_a12_one_address_has_one_key() {
        let key = |text| EmailAddress::parse(text).map(|address| address.key());
        assert_eq!(key("MARK@Gmail.com"), Some("mark@gmail.com".into()));
        assert_eq!(key("a@MÜLLER.example"), key("A@xn--mller-kva.example"));
        assert_ne!(key("Ü@b.example"), key("ü@b.example"));
        let mark = EmailAddress::parse("mark@gmail.com").expect("an address");
        assert!(mark.is_same_as_stored("Mark@GMAIL.com"));
        assert!(!mark.is_same_as_stored("mar\u{212a}@gmail.com") && !mark.is_same_as_stored(""));
        let lower = EmailAddress::parse("Ü.Ana@MÜLLER.Example").expect("an address").with_lower_case();
        assert_eq!(lower.as_str(), "Ü.ana@müller.example");
        assert!(lower.lookup_keys().contains(&"ü.ana@müller.example".to_owned()));
    }
}
