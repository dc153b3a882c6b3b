//! The outermost wrapper of every request: its id, the headers that every answer carries, CORS, the last resort for
//! panics and the framework's own errors, and one line in the log. It must never log a query, a header or a body.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::FutureExt as _;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};
use tracing::Instrument as _;

use crate::clock::Deps;
use crate::http::{
    App, Failure, REQUEST_ID, RoutePattern, from_framework, is_from_trusted_proxy, listed_origin,
    note_forwarded_address,
};

pub const CONTENT_SECURITY_POLICY: HeaderName = header::CONTENT_SECURITY_POLICY;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_ID: usize = 128;

pub struct OuterMiddleware<E> {
    pub inner: E,
    pub app: Arc<App>,
    pub deps: Deps,
    /// False while migrations are being applied.
    pub is_migrated: Arc<AtomicBool>,
}

impl<E: Endpoint> Endpoint for OuterMiddleware<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = self.request_id(&request);
        let span = tracing::info_span!("request", id);
        let response = REQUEST_ID.scope(id, self.answer(request)).instrument(span).await;
        Ok(response)
    }
}

impl<E: Endpoint> OuterMiddleware<E> {
    async fn answer(&self, mut request: Request) -> Response {
        note_forwarded_address(&self.app.settings, &mut request);
        let started = Instant::now();
        let method = request.method().clone();
        let preflight =
            method == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = listed_origin(&self.app.settings, &request);
        let call = async {
            match one_host(&request).and_then(|()| self.is_served(&request)) {
                Ok(()) => self.inner.call(request).await.map(|response| response.into_response()),
                Err(failure) => Ok(failure.into_response()),
            }
        };
        let mut response = match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_from_response() => error.into_response(),
            Ok(Err(error)) => from_framework(&error).into_response(),
            Err(_) => {
                tracing::error!("a handler panicked");
                let detail = "Something went wrong here. The log has more under this request id.";
                Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
            }
        };
        let status = response.status();
        self.add_security_headers(status, response.headers_mut());
        if let Some(origin) = origin {
            allow_origin(response.headers_mut(), origin, preflight);
        }
        let route = response.extensions().get::<RoutePattern>().map_or("none", |pattern| &*pattern.0);
        let status = status.as_u16();
        let ms = started.elapsed().as_micros() as f64 / 1000.0;
        tracing::info!(%method, route, status, ms, "answered");
        response
    }

    /// Until the migrations are applied no route may read the database; `/healthz` does not.
    fn is_served(&self, request: &Request) -> Result<(), Failure> {
        if self.is_migrated.load(Ordering::Acquire) || matches!(request.uri().path(), "/healthz" | "/healthz/") {
            return Ok(());
        }
        let detail = "The database is being migrated. Try again in a moment.";
        Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail))
    }

    /// The id that one of TRUSTED_PROXIES gave, where it is a plain word, else a new UUID of version 7: an id of any
    /// other caller's would let them choose what the audit log says.
    fn request_id(&self, request: &Request) -> String {
        let plain = |id: &&str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(is_plain)
        };
        let mut ids = request.headers().get_all(X_REQUEST_ID).iter();
        let id = ids.next().filter(|_| is_from_trusted_proxy(&self.app.settings, request) && ids.next().is_none());
        match id.and_then(|id| id.to_str().ok()).filter(plain) {
            Some(id) => id.to_owned(),
            None => {
                let millis = u64::try_from(self.deps.now().0).unwrap_or_default();
                uuid::Builder::from_unix_timestamp_millis(millis, &self.deps.bytes::<10>()).into_uuid().to_string()
            }
        }
    }

    /// What every answer carries (SEC-36). A page may have its own caching and its own policy.
    fn add_security_headers(&self, status: StatusCode, headers: &mut HeaderMap) {
        const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
        const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        const YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
        let id = REQUEST_ID.try_with(|id| HeaderValue::from_str(id)).ok();
        if let Some(Ok(id)) = id {
            headers.insert(X_REQUEST_ID, id);
        }
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        vary_by_origin(headers);
        if let Some(seconds) = retry_after(status) {
            headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static(seconds));
        }
        if self.app.settings.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, YEAR);
        }
    }
}

/// RFC 9112, 3.2 and RFC 9113, 8.3.1: one authority, and one only. Two would let a proxy and this server see different
/// ones.
fn one_host(request: &Request) -> Result<(), Failure> {
    let refused = |detail| Err(Failure::bad("invalid_request", detail));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let authority = request.uri().authority();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => refused("The request has several Host headers."),
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            Ok(host) if host.as_str().contains(['@', ',']) => refused("The Host header is no host name."),
            Ok(host) if authority.is_some_and(|authority| *authority != host) => {
                refused("The Host header is not the host of the request's target.")
            }
            Ok(_) => Ok(()),
            Err(_) => refused("The Host header is no host name."),
        },
        // HTTP/2 has the authority beside the headers, and HTTP/1.0 needs none.
        (None, None) if authority.is_some() && request.version() == Version::HTTP_2 => Ok(()),
        (None, None) if matches!(request.version(), Version::HTTP_09 | Version::HTTP_10) => Ok(()),
        (None, None) => refused("The request has no Host header."),
    }
}

/// Seconds after which a caller may try again what was refused with this status (RFC 9110, 10.2.3).
fn retry_after(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some("60"),
        StatusCode::SERVICE_UNAVAILABLE => Some("5"),
        _ => None,
    }
}

/// Adds `Origin` to what the answer varies by already.
fn vary_by_origin(headers: &mut HeaderMap) {
    let known: Vec<String> = headers
        .get_all(header::VARY)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if known.iter().any(|name| name == "*" || name.eq_ignore_ascii_case("origin")) {
        return;
    }
    let names = known.iter().map(String::as_str).chain(["Origin"]).collect::<Vec<_>>().join(", ");
    headers.insert(header::VARY, HeaderValue::try_from(names).unwrap_or(HeaderValue::from_static("*")));
}

/// For pages of a listed origin only: there is no header at all for others (SEC-35).
fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    let exposed = HeaderValue::from_static("x-request-id, www-authenticate, retry-after, link");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if preflight {
        // The same for every path: the call itself is told by 405 what the path has.
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = HeaderValue::from_static("authorization, content-type, accept, x-csrftoken, x-request-id");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_b14_vary_is_merged() {
        for (before, after) in [
            (&[][..], "Origin"),
            (&["Accept-Encoding"], "Accept-Encoding, Origin"),
            (&["Accept, Cookie", "Accept-Encoding"], "Accept, Cookie, Accept-Encoding, Origin"),
            (&["Cookie, origin"], "Cookie, origin"),
            (&["*"], "*"),
        ] {
            let mut headers = HeaderMap::new();
            for line in before {
                headers.append(header::VARY, HeaderValue::from_static(line));
            }
            vary_by_origin(&mut headers);
            let lines: Vec<_> = headers.get_all(header::VARY).iter().collect();
            assert_eq!(lines, [after]);
        }
    }

    #[test]
    fn fault_a28_a_request_has_one_host() {
        let is_served = |hosts: &[&[u8]], version, target: &'static str| {
            let mut request = Request::builder().version(version).uri(target.parse().expect("a target")).finish();
            for host in hosts {
                request.headers_mut().append(header::HOST, HeaderValue::from_bytes(host).expect("a header value"));
            }
            one_host(&request).is_ok()
        };
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        for host in [&b"sso.example"[..], b"sso.example:8443", b"127.0.0.1:8000", b"[::1]:8000"] {
            assert!(is_served(&[host], one, "/"), "{host:?}");
        }
        for host in [&b""[..], b"a b", b"user@sso.example", b"sso.example/path", b"s\xc3\xb6.example", b"a,b"] {
            assert!(!is_served(&[host], one, "/"), "{host:?}");
        }
        assert!(!is_served(&[], one, "/") && !is_served(&[b"a.example", b"a.example"], one, "/"));
        assert!(is_served(&[], Version::HTTP_10, "/") && is_served(&[], two, "https://a.example/"));
        assert!(is_served(&[b"a.example"], two, "https://a.example/"));
        assert!(!is_served(&[b"b.example"], two, "https://a.example/"));
    }
}
