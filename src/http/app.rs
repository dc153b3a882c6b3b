//! What every handler stands on: the services, and what a request says of who calls and from where.
//!
//! The rules on the way in that are the same for all routes are here: whose credential counts, which origin may use a
//! session cookie (contract, "Cross-site"), the server's own address and the names of its cookies.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Addr, Request};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::audit_middleware;
use super::problem::Failure;
use crate::account::{AccountService, Authorization, Caller, Family, Presented, Proof};
use crate::login::{
    AUTHORIZATION_REQUEST_LIFETIME, AuthorizationRequestCookie, Begun, LoginError, LoginService, Origin, RequestContext,
};
use crate::model::{ClientInfo, LinkRequest, is_bidi_or_control};
use crate::settings::Settings;

/// Longest user agent that is kept, in characters.
const LONGEST_AGENT: usize = 255;

/// The services behind the routes.
pub struct App {
    pub settings: Arc<Settings>,
    pub login: Arc<LoginService>,
    pub account: AccountService,
    /// Cancelled when a graceful shutdown begins.
    pub stopping: CancellationToken,
}

/// When a session cookie counts only for a listed origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Reading: no rule.
    Open,
    /// An unsafe call: where the session cookie is what authenticates it.
    Unsafe,
    /// The session routes: always.
    Session,
    /// A call that needs no credential and changes the browser's cookies: refused for pages of other sites, accepted from
    /// programs.
    Browser,
    /// A link that a user follows. From another site it may start a login, but not for the signed-in user, since finishing
    /// it would link the account to them.
    Navigation,
}

/// A request that was let in.
pub struct Admitted {
    pub caller: Option<Caller>,
    pub request_context: RequestContext,
}

impl App {
    /// Authenticates by the route's own family, then holds the origin against the rule of cookies: 401 before 403, both
    /// before the body is read (R-IN-12, R-AUT-01, SEC-34).
    pub async fn check_admission(
        &self,
        request: &Request,
        family: Family,
        origin_policy: OriginPolicy,
    ) -> Result<Admitted, Failure> {
        let own = self.own(request);
        let presented = presented(request, &own);
        let origin = origin(request.headers());
        let caller = self.account.authenticate(&presented, family).await?;
        let by_cookie = matches!(&caller, Some(Caller { proof: Proof::Session(_), .. }));
        let has_cookie = match origin_policy {
            OriginPolicy::Session => Some(!presented.session_cookies.is_empty()),
            OriginPolicy::Unsafe => by_cookie.then_some(true),
            OriginPolicy::Browser => Some(by_cookie),
            _ => None,
        };
        audit_middleware::calls(caller.as_ref());
        has_cookie.map_or(Ok(()), |has| self.same_site(request, &own, &origin, has))?;
        if origin_policy == OriginPolicy::Navigation && !is_navigation(request) {
            return Err(Failure::csrf("Only a navigation may begin a login here: follow a link to this address."));
        }
        let from_elsewhere = origin_policy == OriginPolicy::Navigation && !is_same_site(request);
        let session = match &caller {
            Some(Caller { proof: Proof::Session(digest), .. }) => Some(digest.clone()),
            _ => None,
        };
        let names = [SameSite::Lax, SameSite::None].map(|same_site| authorization_request_cookie(&own, same_site));
        let cookie =
            self.login.authorization_request_cookie(names.iter().flat_map(|name| cookies(request.headers(), name)));
        let link_request =
            |caller: &Caller| LinkRequest { user: caller.user.id, generation: caller.user.link_generation };
        let user = caller.as_ref().filter(|_| !from_elsewhere).map(link_request);
        let request_context = RequestContext {
            own,
            origin,
            cookie,
            caller: user,
            needs_fresh_login: false,
            session,
            client: client(request),
        };
        Ok(Admitted { caller, request_context })
    }

    /// [`Self::check_admission`] for what may link an account to the caller.
    pub async fn admit_to_link(
        &self,
        request: &Request,
        family: Family,
        origin_policy: OriginPolicy,
    ) -> Result<RequestContext, Failure> {
        let Admitted { caller, request_context } = self.check_admission(request, family, origin_policy).await?;
        let stale = self.account.is_too_old_to_link(caller.as_ref()).await?;
        Ok(RequestContext { needs_fresh_login: stale, ..request_context })
    }

    /// An `Origin` decides where it is present, `Sec-Fetch-Site` only where it is not; a cookie with neither is refused.
    fn same_site(&self, request: &Request, own: &Url, origin: &Origin, has_cookie: bool) -> Result<(), Failure> {
        match origin {
            Origin::One(name) if self.lists(name, own) => Ok(()),
            Origin::One(_) | Origin::Malformed => Err(Failure::csrf("This Origin is not in ALLOWED_ORIGINS.")),
            Origin::Absent => match request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes) {
                Some(b"cross-site") => Err(Failure::csrf("A page of another site may not make this call.")),
                None if has_cookie => Err(Failure::csrf(
                    "A call with a session cookie must say where it comes from: send Origin, or Sec-Fetch-Site.",
                )),
                _ => Ok(()),
            },
        }
    }

    /// Whether a page of another site sends the request. A program does not say where it comes from.
    pub fn is_cross_site(&self, request: &Request, request_context: &RequestContext) -> bool {
        self.same_site(request, &request_context.own, &request_context.origin, false).is_err()
    }

    /// Whether an origin is one of ALLOWED_ORIGINS or the server's own.
    pub fn lists(&self, origin: &str, own: &Url) -> bool {
        self.settings.allowed_origins.iter().any(|listed| listed == origin)
            || own.origin().ascii_serialization() == origin
    }

    fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.settings.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Whether one of TRUSTED_PROXIES brings the request.
    pub fn is_from_trusted_proxy(&self, request: &Request) -> bool {
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip().to_canonical());
        peer.is_some_and(|peer| self.is_trusted_proxy(peer))
    }

    /// Remembers where a request comes from that one of TRUSTED_PROXIES brings, which says so in `X-Forwarded-For`: the
    /// last address there that is none of theirs. What stands before it, the caller may have written (SEC-43).
    pub fn note_forwarded(&self, request: &mut Request) {
        if !self.is_from_trusted_proxy(request) {
            return;
        }
        let is_ours = |address: &IpAddr| self.is_trusted_proxy(*address);
        let lines = request.headers().get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut hops = hops.map_while(hop_of);
        let mut nearest = None;
        let origin = hops.find(|hop| {
            nearest = Some(*hop);
            !is_ours(hop)
        });
        if let Some(address) = origin.or(nearest) {
            request.extensions_mut().insert(Forwarded(address));
        }
    }

    /// The `Origin` of a request, where it is a listed one: the page that may read the answer (SEC-35).
    pub fn listed_origin(&self, request: &Request) -> Option<HeaderValue> {
        let Origin::One(name) = origin(request.headers()) else { return None };
        let listed = self.lists(&name, &self.own(request));
        request.headers().get(header::ORIGIN).filter(|_| listed).cloned()
    }

    /// PUBLIC_URL. In `dev` without one: the address under which the request came, if it is a loopback one, so that no
    /// name that was rebound to this machine becomes the server's own.
    pub fn own(&self, request: &Request) -> Url {
        if let Some(url) = &self.settings.public_url {
            return url.clone();
        }
        let scheme = if *request.scheme() == Scheme::HTTPS { "https" } else { "http" };
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        let by_host = host.and_then(|host| Url::parse(&format!("{scheme}://{host}")).ok());
        by_host.filter(is_loopback).unwrap_or_else(|| {
            let address = match &request.local_addr().0 {
                Addr::SocketAddr(address) => *address,
                _ => self.settings.listen,
            };
            of_address(scheme, address)
        })
    }

    /// An error of a login or of begin, with the provider's words only where the settings want them (SEC-46).
    pub fn refusals(&self, mut error: LoginError) -> Failure {
        if !self.settings.rest_social.verbose_errors {
            error.provider_message = None;
        }
        error.into()
    }
}

/// An address with or without a port, one of IPv6 with or without brackets.
fn hop_of(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// A navigation that began on a page of this site, or with the person's own hand.
pub fn is_same_site(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, Some(b"same-origin" | b"same-site" | b"none"))
}

/// Whether a browser goes to this address, rather than embeds it in a page. A program does not say.
fn is_navigation(request: &Request) -> bool {
    request.headers().get_all("sec-fetch-mode").iter().all(|mode| mode == "navigate")
}

/// Whether a person at a browser asks, rather than a program.
pub fn wants_page(request: &Request) -> bool {
    let mut accept = request.headers().get_all(header::ACCEPT).iter();
    accept.any(|accept| String::from_utf8_lossy(accept.as_bytes()).to_ascii_lowercase().contains("text/html"))
}

/// What a request authenticates by.
pub fn presented(request: &Request, own: &Url) -> Presented {
    let headers = request.headers();
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = match (values.next(), values.next()) {
        (None, _) => Authorization::Absent,
        (Some(one), None) => match one.to_str() {
            Ok(text) if text.trim().is_empty() => Authorization::Absent,
            Ok(text) => Authorization::One(text.to_owned()),
            Err(_) => Authorization::Unreadable,
        },
        _ => Authorization::Unreadable,
    };
    let session_cookies = cookies(headers, session_cookie(own)).map(str::to_owned).collect();
    Presented { authorization, session_cookies }
}

fn is_loopback(url: &Url) -> bool {
    let is_plain = url.path() == "/" && url.username().is_empty() && url.password().is_none();
    is_plain
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

fn of_address(scheme: &str, address: SocketAddr) -> Url {
    Url::parse(&format!("{scheme}://{address}")).expect("a socket address is the authority of a URL")
}

pub fn origin(headers: &HeaderMap) -> Origin {
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

pub fn client(request: &Request) -> ClientInfo {
    client_of(address(request), request.headers().get(header::USER_AGENT))
}

/// Where a caller is, by the word of a proxy of ours.
#[derive(Clone, Copy)]
struct Forwarded(IpAddr);

/// Where the caller is.
pub fn address(request: &Request) -> Option<IpAddr> {
    let peer = || request.remote_addr().as_socket_addr().map(|peer| peer.ip().to_canonical());
    request.extensions().get::<Forwarded>().map(|forwarded| forwarded.0).or_else(peer)
}

/// Who calls from there, by their own words.
pub fn client_of(address: Option<IpAddr>, agent: Option<&HeaderValue>) -> ClientInfo {
    let ip = address.map(|address| address.to_string());
    let plain = |c: char| if is_bidi_or_control(c) { char::REPLACEMENT_CHARACTER } else { c };
    let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let agent = agent.map(|agent| agent.chars().take(LONGEST_AGENT).map(plain).collect());
    let request_id = super::REQUEST_ID.try_with(Clone::clone).ok();
    ClientInfo { ip, agent, request_id }
}

/// The session cookie's name (SEC-33).
pub fn session_cookie(own: &Url) -> &'static str {
    if own.scheme() == "https" { "__Host-sessionid" } else { "sessionid" }
}

/// The attempt cookie, for as long as a login that was begun, or waits, may take from now on.
pub fn refresh_authorization_request_cookie(own: &Url, cookie: &AuthorizationRequestCookie) -> HeaderValue {
    authorization_request_cookie_for(own, cookie, SameSite::Lax)
}

/// The attempt cookie of a login that was begun.
pub fn begun_authorization_request(own: &Url, begun: &Begun) -> HeaderValue {
    let same_site = if begun.cross_site { SameSite::None } else { SameSite::Lax };
    authorization_request_cookie_for(own, &begun.cookie, same_site)
}

fn authorization_request_cookie_for(
    own: &Url,
    cookie: &AuthorizationRequestCookie,
    same_site: SameSite,
) -> HeaderValue {
    let max_age = AUTHORIZATION_REQUEST_LIFETIME.as_secs().cast_signed();
    set_cookie(own, authorization_request_cookie(own, same_site), cookie.as_str(), max_age, same_site)
}

/// The name of the cookie that binds begun logins to a browser.
///
/// The cookie of providers that call back by a cross-site POST has a name of its own: another site can have it set, which
/// must not replace the other one, and a login at another provider must not set it back to `Lax`.
fn authorization_request_cookie(own: &Url, same_site: SameSite) -> &'static str {
    match (own.scheme() == "https", same_site) {
        (true, SameSite::Lax) => "__Host-rsa_attempt",
        (true, SameSite::None) => "__Host-rsa_attempt_form_post",
        (false, SameSite::Lax) => "rsa_attempt",
        (false, SameSite::None) => "rsa_attempt_form_post",
    }
}

/// The values of the cookies of this name. Each is read by itself, as bytes: one that is no text spoils no other.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let (known, value) = std::str::from_utf8(pair).ok()?.trim_matches([' ', '\t']).split_once('=')?;
        (known == name).then_some(value)
    })
}

/// How a cookie travels between sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    Lax,
    /// Only for an attempt whose callback is a cross-site POST; browsers then want `Secure` as well.
    None,
}

/// A `Set-Cookie` header: HttpOnly, for the whole host, `Secure` wherever the server is reached by TLS (SEC-33).
///
/// `max_age` in seconds; zero deletes. `value` is one of ours: base64url, or empty.
pub fn set_cookie(own: &Url, name: &str, value: &str, max_age: i64, same_site: SameSite) -> HeaderValue {
    let mut text = String::with_capacity(160);
    let site = match same_site {
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    };
    let secure = if own.scheme() == "https" || same_site == SameSite::None { "; Secure" } else { "" };
    write!(text, "{name}={value}; HttpOnly; Max-Age={max_age}; Path=/; SameSite={site}{secure}")
        .expect("writing to a String does not fail");
    HeaderValue::try_from(text).expect("a cookie of ours is plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_an_address_with_or_without_port_and_brackets() {
        let is = |text: &str, address: &str| assert_eq!(hop_of(text.as_bytes()), address.parse().ok(), "{text}");
        for (text, address) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:443", "192.0.2.7"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("unknown", ""),
        ] {
            is(text, address);
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xsessionid=1; sessionid=2;sessionid=3"));
        headers.append(header::COOKIE, HeaderValue::from_static("rsa_attempt=4"));
        assert_eq!(cookies(&headers, "sessionid").collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(cookies(&headers, "rsa_attempt").next(), Some("4"));
        assert_eq!(cookies(&headers, "session").next(), None);
    }

    #[test]
    fn fault_b4_a_cookie_that_is_no_text_spoils_no_other() {
        let mut headers = HeaderMap::new();
        for line in [&b"name=J\xf6rg; sessionid=1;=; ;flag; \xff=\xfe"[..], b"b=\xe2\x82; rsa_attempt=2"] {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).expect("bytes that a header may hold"));
        }
        assert_eq!(cookies(&headers, "sessionid").next(), Some("1"));
        assert_eq!(cookies(&headers, "rsa_attempt").next(), Some("2"));
        assert_eq!(cookies(&headers, "flag").next(), None);
    }

    #[test]
    fn sec_33_cookies_have_their_attributes() {
        let https = Url::parse("https://sso.example").expect("a URL");
        let http = Url::parse("http://127.0.0.1:8000").expect("a URL");
        let session = |own| set_cookie(own, session_cookie(own), "v", 60, SameSite::Lax);
        assert_eq!(session(&https), "__Host-sessionid=v; HttpOnly; Max-Age=60; Path=/; SameSite=Lax; Secure");
        assert_eq!(session(&http), "sessionid=v; HttpOnly; Max-Age=60; Path=/; SameSite=Lax");
        let name = authorization_request_cookie(&https, SameSite::None);
        let cross_site = set_cookie(&https, name, "v", 600, SameSite::None);
        assert_eq!(cross_site, "__Host-rsa_attempt_form_post=v; HttpOnly; Max-Age=600; Path=/; SameSite=None; Secure");
    }

    #[test]
    fn only_a_loopback_host_is_the_servers_own_in_dev() {
        let own = |url: &str| is_loopback(&Url::parse(url).expect("a URL"));
        for good in ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:1", "https://app.localhost"] {
            assert!(own(good), "{good}");
        }
        for bad in ["http://evil.example", "http://u@localhost", "http://localhost/x", "http://localhost.evil.example"]
        {
            assert!(!own(bad), "{bad}");
        }
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(origin(&headers), Origin::Absent);
        headers.append(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        assert_eq!(origin(&headers), Origin::One("https://a.example".to_owned()));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://b.example"));
        assert_eq!(origin(&headers), Origin::Malformed);
    }
}
