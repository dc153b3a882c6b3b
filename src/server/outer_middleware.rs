//! The outermost middleware: request id, security headers, CORS, answers to panics and to errors of the framework, and one log
//! line for each request. It must not log queries, headers or bodies.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::FutureExt as _;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};
use tracing::Instrument as _;

use super::connections::OverCapacity;
use super::cors_warnings::{CorsWarnings, origin_of_script};
use crate::clock::Deps;
use crate::http::{
    App, BEARER_CHALLENGE, BodyTimeout, Failure, Language, REQUEST_ID, RoutePattern, TraceContext, UnreportedRefusal,
    error_page, from_framework, is_from_trusted_proxy, listed_origin, note_forwarded_address, wants_html,
};

const CONTENT_SECURITY_POLICY: HeaderName = header::CONTENT_SECURITY_POLICY;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_LEN: usize = 128;

pub struct OuterMiddleware<E> {
    pub inner: E,
    pub app: Arc<App>,
    pub deps: Deps,
    /// False while migrations are being applied.
    pub is_migrated: Arc<AtomicBool>,
    /// Origins that are not allowed, and were logged.
    pub cors_warnings: CorsWarnings,
}

impl<E: Endpoint> Endpoint for OuterMiddleware<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = self.request_id(&request);
        let trace = TraceContext::of(&self.app.settings, &request, &self.deps);
        let (trace_id, parent_id) = (trace.trace_id.as_deref(), trace.parent_id.as_deref());
        let span = tracing::info_span!("request", id, trace_id, parent_id, sampled = trace.is_sampled.then_some(true));
        let response = REQUEST_ID.scope(id, self.answer(request)).instrument(span).await;
        Ok(response)
    }
}

impl<E: Endpoint> OuterMiddleware<E> {
    async fn answer(&self, mut request: Request) -> Response {
        note_forwarded_address(&self.app.settings, &mut request);
        request.extensions_mut().insert(BodyTimeout(self.app.settings.connections.body_timeout));
        let started = Instant::now();
        let method = request.method().clone();
        let is_preflight =
            method == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = listed_origin(&self.app.settings, &request);
        let refused_origin = origin_of_script(&request, is_preflight).filter(|_| origin.is_none());
        let as_page = page_language(&request);
        let call = async {
            let checked = check_capacity(&request).and_then(|()| check_host(&request));
            match checked.and_then(|()| self.check_ready(&request)) {
                Ok(()) => self.inner.call(request).await.map(|response| response.into_response()),
                Err(failure) => Ok(self.refuse(failure, as_page)),
            }
        };
        let mut response = match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_from_response() => error.into_response(),
            Ok(Err(error)) => self.refuse(from_framework(&error), as_page),
            Err(_) => {
                tracing::error!("a handler panicked");
                self.refuse(Failure::internal_error(), as_page)
            }
        };
        let status = response.status();
        self.add_security_headers(status, response.headers_mut());
        if let Some(origin) = origin.filter(|_| !is_public(response.headers())) {
            let further = self.app.settings.cors_allow_headers.as_slice();
            allow_origin(response.headers_mut(), origin, is_preflight.then_some(further));
        }
        if let Some(origin) = refused_origin.filter(|_| !is_public(response.headers())) {
            self.cors_warnings.refused(&origin, is_preflight);
        }
        let route = response.extensions().get::<RoutePattern>().map_or("none", |pattern| &*pattern.0);
        let status = status.as_u16();
        let took = started.elapsed();
        self.deps.metrics().http_request(route, status, took);
        let ms = took.as_micros() as f64 / 1000.0;
        if response.extensions().get::<UnreportedRefusal>().is_some() {
            tracing::debug!(%method, route, status, ms, "answered");
        } else {
            tracing::info!(%method, route, status, ms, "answered");
        }
        response
    }

    /// A problem document; for a browser that opens an address, a page in its language.
    fn refuse(&self, failure: Failure, as_page: Option<Language>) -> Response {
        match as_page {
            Some(language) => error_page(&self.app.pages, language, &failure),
            None => failure.into_response(),
        }
    }

    /// Until the migrations are applied and the keys are read, only `/healthz` is served, because it does not use the database.
    /// A background task reads them: a request that waited for it would keep its connection open.
    fn check_ready(&self, request: &Request) -> Result<(), Failure> {
        if is_liveness_check(request) {
            return Ok(());
        }
        if !self.is_migrated.load(Ordering::Acquire) {
            let detail = "Database migrations are being applied. Try again in a few seconds.";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail));
        }
        if !self.app.account.signing_keys().is_ready() {
            let detail = "The server has no key that signs JWTs: its log says why. Try again in a few seconds.";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail));
        }
        Ok(())
    }

    /// The X-Request-Id of one of TRUSTED_PROXIES if it consists of ASCII letters, digits and `-_.`; otherwise a new UUIDv7. Other
    /// callers must not choose an id that the audit log stores.
    fn request_id(&self, request: &Request) -> String {
        let is_valid = |id: &&str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !id.is_empty() && id.len() <= MAX_REQUEST_ID_LEN && id.bytes().all(is_allowed)
        };
        let mut ids = request.headers().get_all(X_REQUEST_ID).iter();
        let id = ids.next().filter(|_| is_from_trusted_proxy(&self.app.settings, request) && ids.next().is_none());
        match id.and_then(|id| id.to_str().ok()).filter(is_valid) {
            Some(id) => id.to_owned(),
            None => {
                let millis = u64::try_from(self.deps.now().0).unwrap_or_default();
                uuid::Builder::from_unix_timestamp_millis(millis, &self.deps.bytes::<10>()).into_uuid().to_string()
            }
        }
    }

    /// Names the first of SIMPLE_JWT_AUTH_HEADER_TYPES in the challenge of JWTs, as simplejwt does.
    fn name_jwt_scheme(&self, headers: &mut HeaderMap) {
        let Some(scheme) = self.app.settings.jwt.auth_header_types.first() else { return };
        if headers.get(header::WWW_AUTHENTICATE).is_some_and(|challenge| challenge == BEARER_CHALLENGE)
            && let Ok(challenge) = HeaderValue::try_from(BEARER_CHALLENGE.replacen("Bearer", scheme, 1))
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
    }

    /// Headers of every answer (SEC-36). A page may have its own Cache-Control and Content-Security-Policy.
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
        if !is_public(headers) {
            vary_by_origin(headers);
        }
        self.name_jwt_scheme(headers);
        if let Some(seconds) = retry_after(status) {
            headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static(seconds));
        }
        if self.app.settings.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, YEAR);
        }
    }
}

/// The language of a page, where a browser opens an address.
fn page_language(request: &Request) -> Option<Language> {
    let is_navigation = matches!(*request.method(), Method::GET | Method::HEAD) && wants_html(request);
    is_navigation.then(|| Language::of(request))
}

/// `/healthz` needs no database and no capacity: the supervisor must not restart a server because it is busy.
fn is_liveness_check(request: &Request) -> bool {
    matches!(request.uri().path(), "/healthz" | "/healthz/")
}

/// Refuses a request of a connection above MAX_CONNECTIONS or MAX_CONNECTIONS_PER_ADDRESS.
fn check_capacity(request: &Request) -> Result<(), Failure> {
    if request.extensions().get::<OverCapacity>().is_none() || is_liveness_check(request) {
        return Ok(());
    }
    let detail = "Too many connections are open, from this address or in total. Try again in a minute.";
    Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail))
}

/// A request must have exactly one authority (RFC 9112, 3.2; RFC 9113, 8.3.1). With two, a proxy and this server could use
/// different ones.
fn check_host(request: &Request) -> Result<(), Failure> {
    let refused = |detail| Err(Failure::bad("invalid_request", detail));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let authority = request.uri().authority();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => refused("The request has more than one Host header."),
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            Ok(host) if host.as_str().contains(['@', ',']) => refused("The Host header is not a host name."),
            Ok(host) if authority.is_some_and(|authority| *authority != host) => {
                refused("The Host header differs from the host of the request target.")
            }
            Ok(_) => Ok(()),
            Err(_) => refused("The Host header is not a host name."),
        },
        // HTTP/2 sends the authority as a pseudo-header, and HTTP/1.0 does not require one.
        (None, None) if authority.is_some() && request.version() == Version::HTTP_2 => Ok(()),
        (None, None) if matches!(request.version(), Version::HTTP_09 | Version::HTTP_10) => Ok(()),
        (None, None) => refused("The request has no Host header."),
    }
}

/// Seconds after which a caller may repeat a request that was refused with this status (RFC 9110, 10.2.3).
fn retry_after(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some("60"),
        StatusCode::SERVICE_UNAVAILABLE => Some("5"),
        _ => None,
    }
}

/// Whether every page may read the answer, without credentials (SEC-35).
fn is_public(headers: &HeaderMap) -> bool {
    headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|origin| origin == "*")
}

/// Adds `Origin` to the Vary header of the answer.
fn vary_by_origin(headers: &mut HeaderMap) {
    if !headers.contains_key(header::VARY) {
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        return;
    }
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

/// Request headers that the pages of allowed origins may send: those of this API, those that libraries add to every request as
/// django-cors-headers allows them, and those of traces.
const CORS_HEADERS: [&str; 10] = [
    "authorization",
    "content-type",
    "accept",
    "x-csrftoken",
    "x-requested-with",
    "x-request-id",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
];

/// CORS headers for an allowed origin. Answers to other origins have none (SEC-35). `preflight`: the request is one, and these
/// headers are allowed too.
fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue, preflight: Option<&[String]>) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    let exposed =
        HeaderValue::from_static("x-request-id, www-authenticate, retry-after, ratelimit, ratelimit-policy, link");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if let Some(further) = preflight {
        // The same for every path; a method that the path does not have is answered 405.
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = CORS_HEADERS.into_iter().chain(further.iter().map(String::as_str)).collect::<Vec<_>>().join(", ");
        if let Ok(allowed) = HeaderValue::try_from(allowed) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
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
    fn fault_a28_request_has_exactly_one_host() {
        let is_accepted = |hosts: &[&[u8]], version, target: &'static str| {
            let mut request = Request::builder().version(version).uri(target.parse().expect("a target")).finish();
            for host in hosts {
                request.headers_mut().append(header::HOST, HeaderValue::from_bytes(host).expect("a header value"));
            }
            check_host(&request).is_ok()
        };
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        for host in [&b"sso.example"[..], b"sso.example:8443", b"127.0.0.1:8000", b"[::1]:8000"] {
            assert!(is_accepted(&[host], one, "/"), "{host:?}");
        }
        for host in [&b""[..], b"a b", b"user@sso.example", b"sso.example/path", b"s\xc3\xb6.example", b"a,b"] {
            assert!(!is_accepted(&[host], one, "/"), "{host:?}");
        }
        assert!(!is_accepted(&[], one, "/") && !is_accepted(&[b"a.example", b"a.example"], one, "/"));
        assert!(is_accepted(&[], Version::HTTP_10, "/") && is_accepted(&[], two, "https://a.example/"));
        assert!(is_accepted(&[b"a.example"], two, "https://a.example/"));
        assert!(!is_accepted(&[b"b.example"], two, "https://a.example/"));
    }
}
