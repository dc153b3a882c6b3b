//! `Origin` and `Sec-Fetch-*`: which pages may use a session cookie (docs/API.md, "Calls from other sites").

use poem::Request;
use poem::http::{HeaderMap, HeaderValue, header};
use url::Url;

use super::base_url::base_url;
use super::problem::Failure;
use crate::login::{Origin, RequestContext};
use crate::settings::Settings;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// When the origin of a call is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginPolicy {
    /// A read-only call: never.
    Unchecked,
    /// An unsafe call: where the session cookie authenticates it.
    UnsafeCall,
    /// A session route: always.
    SessionRoute,
    /// A call that needs no credential and sets a cookie: pages of other sites are refused, programs are accepted.
    SetsCookie,
    /// A link that a user follows. A link elsewhere may start a login, but not for the signed-in user, because completing it
    /// would link the account to that user.
    Navigation,
}

/// The `Origin` header.
pub fn origin_of(headers: &HeaderMap) -> Origin {
    let mut values = headers.get_all(header::ORIGIN).iter();
    match (values.next(), values.next()) {
        (None, _) => Origin::Absent,
        (Some(one), None) => match one.to_str() {
            Ok(text) => Origin::One(text.to_owned()),
            Err(_) => Origin::Malformed,
        },
        _ => Origin::Malformed,
    }
}

/// The `Origin` header, if it is in ALLOWED_ORIGINS: the page that may read the response (SEC-35).
pub fn listed_origin(settings: &Settings, request: &Request) -> Option<HeaderValue> {
    let is_listed = origin_of(request.headers()).is_listed(settings, &base_url(settings, request));
    request.headers().get(header::ORIGIN).filter(|_| is_listed).cloned()
}

/// Refuses a page of an unlisted origin. `Sec-Fetch-Site` counts only without an `Origin`; a session cookie with neither
/// is refused.
///
/// Errors: 403 `csrf_failed`.
pub fn check_origin(
    settings: &Settings,
    request: &Request,
    own: &Url,
    origin: &Origin,
    has_cookie: bool,
) -> Result<(), Failure> {
    match origin {
        Origin::One(_) if origin.is_listed(settings, own) => Ok(()),
        Origin::One(_) | Origin::Malformed => Err(Failure::csrf("The Origin is not in ALLOWED_ORIGINS.")),
        Origin::Absent if is_from_this_site(request) => Ok(()),
        Origin::Absent if request.headers().contains_key(SEC_FETCH_SITE) => {
            Err(Failure::csrf("A page of another site may not make this call."))
        }
        Origin::Absent if has_cookie => Err(Failure::csrf(
            "A call with a session cookie must have an Origin or a Sec-Fetch-Site header. Send Origin.",
        )),
        Origin::Absent => Ok(()),
    }
}

/// Whether a page of another site sends the request. Programs, which send neither header, count as same-site.
pub fn is_cross_site(settings: &Settings, request: &Request, context: &RequestContext) -> bool {
    check_origin(settings, request, &context.base_url, &context.origin, false).is_err()
}

/// Whether a page of this site or the user sends the request, as browsers say it. Two headers, or one with another value, say no.
fn is_from_this_site(request: &Request) -> bool {
    is_from_page_of_this_site(request) || one_site(request) == Some(b"none")
}

/// Whether a page of this site sends the request. A link in an e-mail or a document, which another program opens, looks to the
/// browser like an address that the user typed.
pub fn is_from_page_of_this_site(request: &Request) -> bool {
    matches!(one_site(request), Some(b"same-origin" | b"same-site"))
}

fn one_site(request: &Request) -> Option<&[u8]> {
    let mut sites = request.headers().get_all(SEC_FETCH_SITE).iter().map(HeaderValue::as_bytes);
    sites.next().filter(|_| sites.next().is_none())
}

/// Whether a browser navigates here instead of embedding the address in a page. Programs do not send the header.
pub fn is_navigation(request: &Request) -> bool {
    request.headers().get_all("sec-fetch-mode").iter().all(|mode| mode == "navigate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_send_says_that_a_request_is_of_this_site() {
        let is_own = |sites: &[&'static str]| {
            let request = sites.iter().fold(Request::builder(), |request, site| request.header(SEC_FETCH_SITE, *site));
            is_from_this_site(&request.finish())
        };
        assert!(is_own(&["same-origin"]) && is_own(&["same-site"]) && is_own(&["none"]));
        for other in
            [&["cross-site"][..], &["Cross-Site"], &["Same-Origin"], &[""], &["x"], &["none", "cross-site"], &[]]
        {
            assert!(!is_own(other), "{other:?}");
        }
        let is_page = |site| is_from_page_of_this_site(&Request::builder().header(SEC_FETCH_SITE, site).finish());
        assert!(is_page("same-origin") && is_page("same-site") && !is_page("none"), "an e-mail's link is no page");
    }

    #[test]
    fn two_origin_headers_are_malformed() {
        let mut headers = HeaderMap::new();
        assert_eq!(origin_of(&headers), Origin::Absent);
        headers.append(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        assert_eq!(origin_of(&headers), Origin::One("https://a.example".to_owned()));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://b.example"));
        assert_eq!(origin_of(&headers), Origin::Malformed);
    }
}
