//! The session cookie and the cookies that bind an authorization request to a browser: names, reading, writing.

use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, CookieBuilder, SameSite};
use poem::http::{HeaderMap, HeaderValue, header};
use url::Url;

use crate::clock::UnixMillis;
use crate::credential::SessionCookie;
use crate::login::{AuthorizationRequestCookie, StartedRequest};
use crate::model::UNFINISHED_LOGIN_LIFETIME;

/// The values of all session cookies of a request.
pub fn session_cookie_values(headers: &HeaderMap, own: &Url) -> Vec<String> {
    values(headers, session_cookie_name(own)).collect()
}

/// The values of all cookies of a request that may bind an authorization request to its browser.
pub fn authorization_request_cookie_values(headers: &HeaderMap, own: &Url) -> Vec<String> {
    let names = [SameSite::Lax, SameSite::None].map(|same_site| authorization_request_cookie_name(own, same_site));
    names.into_iter().flat_map(|name| values(headers, name)).collect()
}

/// `Set-Cookie` for a new session.
pub fn session_cookie_of(own: &Url, session: &SessionCookie) -> HeaderValue {
    session_cookie(own, &session.value, session.max_age, session.expires)
}

/// `Set-Cookie` that makes a browser delete the session cookie.
pub fn delete_session_cookie(own: &Url) -> HeaderValue {
    session_cookie(own, "", 0, UnixMillis(0))
}

/// `Expires` too, for clients that do not know `Max-Age` (R-SES-01).
fn session_cookie(own: &Url, value: &str, max_age: i64, expires: UnixMillis) -> HeaderValue {
    let expires = OffsetDateTime::from_unix_timestamp(expires.seconds()).ok();
    set_cookie(cookie(own, session_cookie_name(own), value, max_age, SameSite::Lax).expires(expires))
}

/// `Set-Cookie` for an authorization request that has just begun.
pub fn authorization_request_cookie_of(own: &Url, begun: &StartedRequest) -> HeaderValue {
    // Browsers send only a `SameSite=None` cookie with a callback that is a cross-site POST.
    let same_site = if begun.cross_site { SameSite::None } else { SameSite::Lax };
    authorization_request_cookie(own, &begun.cookie, same_site)
}

/// `Set-Cookie` that extends the cookie by the lifetime of an authorization request or a pending login.
pub fn refresh_authorization_request_cookie(own: &Url, cookie: &AuthorizationRequestCookie) -> HeaderValue {
    authorization_request_cookie(own, cookie, SameSite::Lax)
}

fn authorization_request_cookie(own: &Url, cookie: &AuthorizationRequestCookie, same_site: SameSite) -> HeaderValue {
    let max_age = UNFINISHED_LOGIN_LIFETIME.as_secs().cast_signed();
    set_cookie(self::cookie(
        own,
        authorization_request_cookie_name(own, same_site),
        cookie.as_str(),
        max_age,
        same_site,
    ))
}

/// SEC-33: the prefix `__Host-` wherever the browser accepts it.
fn session_cookie_name(own: &Url) -> &'static str {
    if is_https(own) { "__Host-sessionid" } else { "sessionid" }
}

/// The `SameSite=None` cookie has a name of its own: another site can have it set, which must not replace the `Lax`
/// cookie; and a login at another provider must not set it back to `Lax`.
fn authorization_request_cookie_name(own: &Url, same_site: SameSite) -> &'static str {
    match (is_https(own), same_site) {
        (true, SameSite::None) => "__Host-rsa_authorization_request_form_post",
        (true, _) => "__Host-rsa_authorization_request",
        (false, SameSite::None) => "rsa_authorization_request_form_post",
        (false, _) => "rsa_authorization_request",
    }
}

fn is_https(own: &Url) -> bool {
    own.scheme() == "https"
}

/// The values of the cookies of this name. Names are compared without percent-decoding: a decoded `%5F_Host-` would
/// imitate the prefix `__Host-`. A cookie that is not UTF-8 does not affect the others.
fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.flat_map(|line| Cookie::split_parse(String::from_utf8_lossy(line.as_bytes())));
    cookies.filter_map(Result::ok).filter(move |cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// `HttpOnly`, for the whole host, `Secure` wherever the server is reached by TLS (SEC-33). `max_age` in seconds; 0
/// deletes the cookie. `value` is base64url or empty.
fn cookie<'a>(own: &Url, name: &'a str, value: &'a str, max_age: i64, same_site: SameSite) -> CookieBuilder<'a> {
    Cookie::build((name, value))
        .http_only(true)
        .max_age(Duration::seconds(max_age))
        .path("/")
        .same_site(same_site)
        .secure(is_https(own) || same_site == SameSite::None)
}

fn set_cookie(cookie: CookieBuilder<'_>) -> HeaderValue {
    HeaderValue::try_from(cookie.to_string()).expect("name and value are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xsessionid=1; sessionid=2;sessionid=3"));
        headers.append(header::COOKIE, HeaderValue::from_static("rsa_authorization_request=4; %73essionid=5"));
        assert_eq!(values(&headers, "sessionid").collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(values(&headers, "rsa_authorization_request").next().as_deref(), Some("4"));
        assert_eq!(values(&headers, "session").next(), None);
    }

    #[test]
    fn fault_b4_a_cookie_that_is_not_utf_8_does_not_affect_others() {
        let mut headers = HeaderMap::new();
        for line in [&b"name=J\xf6rg; sessionid=1;=; ;flag; \xff=\xfe"[..], b"b=\xe2\x82; rsa_authorization_request=2"]
        {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).expect("bytes that a header may hold"));
        }
        assert_eq!(values(&headers, "sessionid").next().as_deref(), Some("1"));
        assert_eq!(values(&headers, "rsa_authorization_request").next().as_deref(), Some("2"));
        assert_eq!(values(&headers, "flag").next(), None);
    }

    #[test]
    fn sec_33_cookies_have_their_attributes() {
        let https = Url::parse("https://sso.example").expect("a URL");
        let http = Url::parse("http://127.0.0.1:8000").expect("a URL");
        let session = SessionCookie { value: "v".to_owned(), max_age: 60, expires: UnixMillis(1_799_999_999_999) };
        let secure = "__Host-sessionid=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60; \
                      Expires=Fri, 15 Jan 2027 07:59:59 GMT";
        assert_eq!(session_cookie_of(&https, &session), secure);
        let plain = "sessionid=v; HttpOnly; SameSite=Lax; Path=/; Max-Age=60; Expires=Fri, 15 Jan 2027 07:59:59 GMT";
        assert_eq!(session_cookie_of(&http, &session), plain);
        let deleted = "sessionid=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(delete_session_cookie(&http), deleted);
        let name = authorization_request_cookie_name(&https, SameSite::None);
        let cross_site =
            "__Host-rsa_authorization_request_form_post=v; HttpOnly; SameSite=None; Secure; Path=/; Max-Age=600";
        assert_eq!(set_cookie(cookie(&https, name, "v", 600, SameSite::None)), cross_site);
    }
}
