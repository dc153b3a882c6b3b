//! Which redirect URI a login uses, and whether it may (R-URI-01 to 06, SEC-8).
//!
//! Nothing leaves here that is not listed: what the request asks for and what is built from its `Origin` are held
//! against the settings' lists as exact strings.

use url::Url;

use super::error::{LoginError, Refusal};
use super::server_redirect::callback_path;
use crate::settings::Settings;

/// What the `Origin` header said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Absent,
    One(String),
    /// More than one header, or one that is no text.
    Malformed,
}

impl Origin {
    /// Whether it is exactly one of the listed ones.
    pub fn is_listed(&self, settings: &Settings) -> bool {
        matches!(self, Self::One(origin) if settings.allowed_origins.iter().any(|listed| listed == origin))
    }
}

/// The origin of an absolute http or https URL without a user. A `blob:` URL has an origin too, and is no page.
pub fn web_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    is_page.then(|| url.origin().ascii_serialization())
}

/// The redirect URI of a login that was not begun here, or that is being begun.
///
/// `own` is the server's own base URL. Errors: `redirect_uri_not_allowed`, `origin_not_allowed`.
pub fn choose(settings: &Settings, own: &Url, asked: Option<&str>, origin: &Origin) -> Result<String, LoginError> {
    let rules = &settings.rest_social;
    if let Some(asked) = asked {
        return if is_listed(settings, own, asked) { Ok(asked.to_owned()) } else { Err(not_allowed("redirect_uri")) };
    }
    if let Some(absolute) = &rules.oauth_absolute_redirect_uri {
        return Ok(absolute.clone());
    }
    if rules.domain_from_origin && *origin != Origin::Absent {
        return match origin {
            Origin::One(listed) if origin.is_listed(settings) || *listed == own.origin().ascii_serialization() => {
                let path = rules.oauth_redirect_uri.split(['?', '#']).next().unwrap_or_default();
                Ok(format!("{listed}{path}"))
            }
            _ => Err(LoginError::new(
                Refusal::OriginNotAllowed,
                "The redirect URI would be built from this Origin, which is not in ALLOWED_ORIGINS.",
            )),
        };
    }
    Ok(default_redirect_uri_of(settings, own))
}

/// Every redirect URI that a login at `provider` may use, for the list that the provider keeps: what is listed, what is
/// built from a listed origin, and this server's own callback.
pub fn registered_redirect_uris(settings: &Settings, provider: &str) -> Vec<String> {
    let rules = &settings.rest_social;
    let mut uris = settings.allowed_redirect_uris.clone();
    if rules.domain_from_origin && rules.oauth_absolute_redirect_uri.is_none() {
        let path = rules.oauth_redirect_uri.split(['?', '#']).next().unwrap_or_default();
        uris.extend(settings.allowed_origins.iter().map(|origin| format!("{origin}{path}")));
    }
    if let Some(own) = &settings.public_url {
        uris.push(format!("{}{}", own.origin().ascii_serialization(), callback_path(provider)));
    }
    let mut seen = std::collections::BTreeSet::new();
    uris.into_iter().filter(|uri| seen.insert(uri.clone())).collect()
}

pub(super) fn not_allowed(field: &str) -> LoginError {
    LoginError::new(
        Refusal::RedirectUriNotAllowed,
        format!("This {field} is not in ALLOWED_REDIRECT_URIS. It must be there to the letter."),
    )
}

/// The path of the settings on the server's own base URL (R-URI-03, 06).
pub(super) fn default_redirect_uri_of(settings: &Settings, own: &Url) -> String {
    let rules = &settings.rest_social;
    let base = own.origin().ascii_serialization();
    let base = match base.strip_prefix("http://") {
        Some(rest) if rules.redirect_is_https => format!("https://{rest}"),
        _ => base,
    };
    format!("{base}{}", rules.oauth_redirect_uri)
}

pub(super) fn is_listed(settings: &Settings, own: &Url, asked: &str) -> bool {
    let rules = &settings.rest_social;
    settings.allowed_redirect_uris.iter().any(|listed| listed == asked || same_but_loopback_port(listed, asked))
        || rules.oauth_absolute_redirect_uri.as_deref() == Some(asked)
        || default_redirect_uri_of(settings, own) == asked
}

/// RFC 8252, section 7.3: an app on a loopback address may listen on any port.
fn same_but_loopback_port(listed: &str, asked: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].iter().any(|base| {
        match (listed.strip_prefix(base).map(without_port), asked.strip_prefix(base).map(without_port)) {
            (Some(Some(listed)), Some(Some(asked))) => listed == asked,
            _ => false,
        }
    })
}

/// What follows the port: `None` where the host goes on, as in `127.0.0.1.example`.
fn without_port(rest: &str) -> Option<&str> {
    let path = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 || rest[..digits].parse::<u16>().is_err() {
                return None;
            }
            &rest[digits..]
        }
    };
    (path.is_empty() || path.starts_with(['/', '?'])).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8252_only_the_port_of_a_loopback_literal_is_free() {
        assert!(same_but_loopback_port("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"));
        assert!(same_but_loopback_port("http://[::1]:1/cb", "http://[::1]:2/cb"));
        for asked in [
            "http://127.0.0.1:49152/cb/",
            "http://127.0.0.1:49152@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:99999/cb",
            "https://127.0.0.1/cb",
            "http://localhost:1/cb",
        ] {
            assert!(!same_but_loopback_port("http://127.0.0.1/cb", asked), "{asked}");
        }
        assert!(!same_but_loopback_port("https://good.example/cb", "https://good.example:8443/cb"));
    }
}
