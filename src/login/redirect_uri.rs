//! Which redirect URI a login uses, and whether the settings allow it (R-URI-01 to 06, SEC-8).
//!
//! A redirect URI of a request, or one that is built from its `Origin`, must match the settings' lists as an exact string.

use url::Url;

use super::error::{LoginError, Refusal};
use crate::model::AuthorizationRequest;
use crate::provider::Provider;
use crate::settings::{Mode, POSTMESSAGE, Postmessage, Settings, is_loopback, without_duplicates};

/// A redirect URI that the settings allow, or that this server built itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// This server's own callback for `provider`, for the server-side redirect flow.
    pub fn callback(base_url: &Url, provider: &str) -> Self {
        Self(format!("{}/api/login/social/complete/{provider}/", base_url.origin().ascii_serialization()))
    }

    /// The one that was checked when the authorization request was stored.
    pub fn of_request(request: &AuthorizationRequest) -> Self {
        Self(request.redirect_uri.clone())
    }

    /// That of a code of Google's pop-up.
    pub fn postmessage() -> Self {
        Self(POSTMESSAGE.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0
    }
}

/// The `Origin` header of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// There is no header.
    #[default]
    Absent,
    /// The header's value.
    One(String),
    /// The header is repeated, or is not text.
    Malformed,
}

impl Origin {
    /// Whether it equals an entry of ALLOWED_ORIGINS, is the server's own, or in `dev` one of this machine.
    pub fn is_listed(&self, settings: &Settings, own: &Url) -> bool {
        matches!(self, Self::One(origin) if settings.allowed_origins.contains(origin)
            || own.origin().ascii_serialization() == *origin
            || is_local_page(settings, origin))
    }
}

/// Whether it is the URL of a page of this machine, and this is `dev`: a front-end on any port can use it without a setting.
pub(super) fn is_local_page(settings: &Settings, text: &str) -> bool {
    let is_local = |url: &Url| is_loopback(url) && url.fragment().is_none() && web_origin(text).is_some();
    settings.mode == Mode::Dev && Url::parse(text).is_ok_and(|url| is_local(&url))
}

/// The origin of an absolute http or https URL without user information. A `blob:` URL has an origin too, but is not a page.
pub fn web_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    is_page.then(|| url.origin().ascii_serialization())
}

/// The redirect URI of a new authorization request, or of a login without one.
///
/// Errors: `redirect_uri_not_allowed`, `origin_not_allowed`.
pub fn choose(
    settings: &Settings,
    base_url: &Url,
    asked: Option<&str>,
    origin: &Origin,
) -> Result<RedirectUri, LoginError> {
    let rules = &settings.rest_social;
    if let Some(asked) = asked {
        return if is_allowed(settings, base_url, asked) || of_listed_origins(settings).any(|uri| uri == asked) {
            Ok(RedirectUri(asked.to_owned()))
        } else {
            Err(not_allowed("redirect_uri"))
        };
    }
    if let Some(absolute) = &rules.oauth_absolute_redirect_uri {
        return Ok(RedirectUri(absolute.clone()));
    }
    if rules.domain_from_origin && *origin != Origin::Absent {
        return match origin {
            Origin::One(listed) if origin.is_listed(settings, base_url) => {
                let path = rules.oauth_redirect_uri.split(['?', '#']).next().unwrap_or_default();
                Ok(RedirectUri(format!("{listed}{path}")))
            }
            _ => Err(LoginError::new(
                Refusal::OriginNotAllowed,
                "The Origin header is not in ALLOWED_ORIGINS, so no redirect URI can be built from it.",
            )),
        };
    }
    Ok(RedirectUri(rules.default_redirect_uri(base_url)))
}

/// Every redirect URI that a login with `provider` can use, to be registered at the provider: the allowed ones, those built
/// from an allowed origin, and this server's own callback.
pub fn registered_redirect_uris(settings: &Settings, provider: &str) -> Vec<String> {
    let mut uris = settings.allowed_redirect_uris.clone();
    uris.extend(of_listed_origins(settings));
    if let Some(own) = &settings.public_url {
        uris.push(RedirectUri::callback(own, provider).into());
    }
    without_duplicates(uris)
}

/// The redirect URIs that a login without one gets from its origin, where REST_SOCIAL_DOMAIN_FROM_ORIGIN is on.
fn of_listed_origins(settings: &Settings) -> impl Iterator<Item = String> {
    let rules = &settings.rest_social;
    let is_built = rules.domain_from_origin && rules.oauth_absolute_redirect_uri.is_none();
    let path = rules.oauth_redirect_uri.split(['?', '#']).next().unwrap_or_default();
    let origins = settings.allowed_origins.iter().filter(move |_| is_built);
    origins.map(move |origin| format!("{origin}{path}"))
}

/// Whether a login without an authorization request has a code of Google's pop-up: it asks for `postmessage`, or for nothing where
/// that is the default.
pub(super) fn is_postmessage(settings: &Settings, provider: &Provider, asked: Option<&str>) -> bool {
    let is_asked = match (asked, settings.rest_social.postmessage) {
        (Some(asked), Postmessage::Allowed | Postmessage::Default) => asked == POSTMESSAGE,
        (None, Postmessage::Default) => true,
        _ => false,
    };
    is_asked && provider.has_popup_codes()
}

pub(super) fn not_allowed(field: &str) -> LoginError {
    LoginError::new(
        Refusal::RedirectUriNotAllowed,
        format!("The {field} is not in ALLOWED_REDIRECT_URIS. It must match an entry exactly."),
    )
}

pub(super) fn is_allowed(settings: &Settings, base_url: &Url, asked: &str) -> bool {
    let rules = &settings.rest_social;
    settings.allowed_redirect_uris.iter().any(|listed| listed == asked || same_but_loopback_port(listed, asked))
        || rules.oauth_absolute_redirect_uri.as_deref() == Some(asked)
        || rules.default_redirect_uri(base_url) == asked
        || is_local_page(settings, asked)
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
    fn every_page_of_this_machine_is_accepted_in_dev_alone() {
        let settings =
            |mode| crate::settings::read_with_errors(&crate::settings::Sources { mode, ..Default::default() }).0;
        let (dev, serve) = (settings(Mode::Dev), settings(Mode::Serve));
        let own = Url::parse("http://127.0.0.1:8000/").expect("a URL");
        for page in ["http://localhost:3000/cb", "http://127.0.0.1:5173/", "https://[::1]:1/a?b=c"] {
            assert!(is_allowed(&dev, &own, page), "{page}");
            assert!(!is_allowed(&serve, &own, page), "{page}");
        }
        let origin = Origin::One("http://localhost:3000".to_owned());
        assert!(origin.is_listed(&dev, &own) && !origin.is_listed(&serve, &own));
        for other in [
            "https://evil.example/",
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "http://me@localhost/",
            "http://localhost/#a",
            "javascript://localhost/",
            "null",
            "",
        ] {
            assert!(!is_local_page(&dev, other), "{other}");
        }
    }

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
