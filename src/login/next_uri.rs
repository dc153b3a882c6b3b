//! Where the user may return to: `next` of `begin`, `authorize` and a logout form (SEC-9, RFC 9700, section 4.11).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Position, Url};

use super::redirect_uri::{is_local_page, web_origin};
use crate::settings::Settings;

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Maximum length of a URL that is not an entry of a list, in characters.
const MAX_LEN: usize = 2048;

/// Whether it is a path that begins with one slash. A browser reads a backslash as a slash, and ignores some control characters.
fn is_path(next: &str) -> bool {
    is_plain(next) && next.starts_with('/') && !next.starts_with("//")
}

/// A path of the front-end as a browser would request it, without `.` and `..`. `None`: it is no path, or another host.
pub(super) fn path(next: &str) -> Option<String> {
    // Which host does not matter: the front-end resolves the path against its own.
    let url = Url::parse(&format!("https://front-end.invalid{next}")).ok().filter(|_| is_path(next))?;
    let path = &url[Position::BeforePath..];
    // `/.//evil.example` becomes `//evil.example`, which is another host.
    is_path(path).then(|| path.to_owned())
}

/// The URL with an origin of ALLOWED_NEXT_ORIGINS or of this server, as a browser would read it: `https:app.example` is not what
/// a script reads.
pub(super) fn listed(settings: &Settings, base_url: &Url, next: &str) -> Option<String> {
    let url = Url::parse(next).ok().filter(|_| is_listed(settings, base_url, next))?;
    Some(url.into())
}

/// Whether it is a URL with an origin of ALLOWED_NEXT_ORIGINS, with the origin of this server, or in `dev` of this machine.
fn is_listed(settings: &Settings, base_url: &Url, next: &str) -> bool {
    is_plain(next)
        && web_origin(next).is_some_and(|origin| {
            settings.allowed_next_origins.contains(&origin)
                || origin == base_url.origin().ascii_serialization()
                || is_local_page(settings, next)
        })
}

/// The URL of a page with a listed origin, as a browser would read it. A path is one of this server.
pub(super) fn page(settings: &Settings, base_url: &Url, next: &str) -> Option<String> {
    let absolute = match next {
        path if is_path(path) => format!("{}{path}", base_url.origin().ascii_serialization()),
        next => next.to_owned(),
    };
    let url = Url::parse(&absolute).ok().filter(|_| is_listed(settings, base_url, &absolute))?;
    (url.origin() != base_url.origin() || !is_api(&url)).then(|| url.into())
}

/// Whether it is a route of this server's API. A redirect to `authorize` would begin a login that the user did not start, and it
/// would look like a link on a page of this site. The page of a pending login may be opened.
fn is_api(url: &Url) -> bool {
    let path = percent_decode_str(url.path()).decode_utf8_lossy().to_ascii_lowercase();
    path.starts_with("/api/") && !path.starts_with("/api/login/social/resume/")
}

fn is_plain(next: &str) -> bool {
    next.chars().count() <= MAX_LEN && !next.contains('\\') && !next.contains(char::is_control)
}

/// Appends a parameter to the query. The value is percent-encoded.
pub(super) fn with_parameter(uri: &str, name: &str, value: &str) -> String {
    let (uri, fragment) = uri.split_at(uri.find('#').unwrap_or(uri.len()));
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{name}={}{fragment}", utf8_percent_encode(value, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_appended_to_the_query() {
        assert_eq!(with_parameter("com.example.app:/cb", "code", "x_-1"), "com.example.app:/cb?code=x_-1");
        assert_eq!(with_parameter("https://a.example/?b=1", "error", "x"), "https://a.example/?b=1&error=x");
        assert_eq!(with_parameter("https://a.example/#/b?c", "code", "x"), "https://a.example/?code=x#/b?c");
        assert_eq!(
            with_parameter("https://a.example/", "app_state", "/b?c=d&e#f ä"),
            "https://a.example/?app_state=%2Fb%3Fc%3Dd%26e%23f%20%C3%A4"
        );
    }

    #[test]
    fn routes_of_the_api_are_no_pages() {
        let is_api =
            |path: &str| is_api(&Url::parse("https://sso.example").and_then(|own| own.join(path)).expect("a URL"));
        for path in ["/api/login/social/authorize/github/", "/x/../api/user/", "/%61pi/user/", "/API/user/", "/./api/x"]
        {
            assert!(is_api(path), "{path}");
        }
        for path in ["/", "/apis", "/docs/", "/api/login/social/resume/?code=x"] {
            assert!(!is_api(path), "{path}");
        }
    }

    #[test]
    fn a_path_has_one_slash_at_its_start() {
        for path in ["/", "/articles/42?page=2#end", "/a//b", "/:8080"] {
            assert!(is_path(path), "{path}");
        }
        for other in ["", "a", "//evil.example", "/\\evil.example", "/\tb", "/\n/evil.example", "\\\\evil.example"] {
            assert!(!is_path(other), "{other:?}");
        }
        assert!(!is_path(&format!("/{}", "a".repeat(MAX_LEN))));
    }

    #[test]
    fn a_path_is_returned_as_a_browser_would_request_it() {
        for (written, read) in [
            ("/", "/"),
            ("/articles/42?page=2#end", "/articles/42?page=2#end"),
            ("/a/../b/./c", "/b/c"),
            ("/a//b", "/a//b"),
            ("/x?next=/.//y", "/x?next=/.//y"),
            ("/:8080", "/:8080"),
            ("/@evil.example", "/@evil.example"),
            ("/\u{e4}", "/%C3%A4"),
        ] {
            assert_eq!(path(written).as_deref(), Some(read), "{written}");
        }
        for host in [
            "/.//evil.example",
            "/..//evil.example",
            "/%2e//evil.example",
            "/a/..//evil.example",
            "/.//./evil.example",
            "//evil.example",
            ".evil.example",
            "@evil.example/",
            ":8080/",
        ] {
            assert_eq!(path(host), None, "{host}");
        }
    }
}
