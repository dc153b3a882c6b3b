//! Which listed origins are surely on another site than the server, so that no browser sends the session cookie from their pages.

use url::{Host, Url};

use super::Settings;

impl Settings {
    /// The entries of ALLOWED_ORIGINS that are on another site than PUBLIC_URL. Without PUBLIC_URL, none: `dev` is reached under
    /// every name of this machine.
    pub fn origins_of_other_sites(&self) -> Vec<&str> {
        let Some(own) = &self.public_url else { return Vec::new() };
        let origins = self.allowed_origins.iter().map(String::as_str);
        origins.filter(|origin| Url::parse(origin).is_ok_and(|url| is_surely_other_site(own, &url))).collect()
    }
}

/// Whether the scheme or the registrable domain differs. Which part of a name can be registered is a list of its own (Public
/// Suffix List), but names whose last two labels differ have no registrable domain in common. An IP address is a site of its own.
fn is_surely_other_site(own: &Url, other: &Url) -> bool {
    own.scheme() != other.scheme()
        || match (own.host(), other.host()) {
            (Some(Host::Domain(own)), Some(Host::Domain(other))) => last_labels(own) != last_labels(other),
            (own, other) => own != other,
        }
}

fn last_labels(name: &str) -> Vec<&str> {
    name.trim_end_matches('.').rsplit('.').take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_e2_an_origin_is_on_another_site_if_scheme_address_or_domain_differs() {
        let is_other =
            |own, other| is_surely_other_site(&Url::parse(own).expect("a URL"), &Url::parse(other).expect("a URL"));
        for (own, other) in [
            ("https://login.example.com", "https://app.example.net"),
            ("https://login.example.com", "http://app.example.com"),
            ("http://127.0.0.1:8000", "http://localhost:5173"),
            ("http://[::1]:8000", "http://127.0.0.1:5173"),
            ("https://login.example.com", "capacitor://localhost"),
        ] {
            assert!(is_other(own, other), "{own} {other}");
        }
        for (own, other) in [
            ("https://login.example.com", "https://app.example.com:8443"),
            ("https://login.example.com", "https://example.com"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:5173"),
            ("http://localhost:8000", "http://localhost:5173"),
            // Two sites, but without the list of suffixes that is not sure.
            ("https://login.example.co.uk", "https://other.co.uk"),
        ] {
            assert!(!is_other(own, other), "{own} {other}");
        }
    }
}
