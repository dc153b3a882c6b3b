//! The outermost wrapper of every request: its id, the headers that every answer carries, CORS, the last resort for
//! panics and the framework's own errors, and one line in the log. It must never log a query, a header or a body.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};
use tracing::Instrument as _;

use crate::api::{App, Failure, REQUEST_ID, Template, from_framework};
use crate::clock::Ambient;

pub const CONTENT_SECURITY_POLICY: HeaderName = header::CONTENT_SECURITY_POLICY;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_ID: usize = 128;

pub struct Edge<E> {
    pub inner: E,
    pub app: Arc<App>,
    pub ambient: Ambient,
}

impl<E: Endpoint> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = self.request_id(request.headers());
        let span = tracing::info_span!("request", id);
        let response = REQUEST_ID.scope(id, self.answer(request)).instrument(span).await;
        Ok(response)
    }
}

impl<E: Endpoint> Edge<E> {
    async fn answer(&self, mut request: Request) -> Response {
        self.app.note_forwarded(&mut request);
        let started = Instant::now();
        let method = request.method().clone();
        let preflight =
            method == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = self.app.listed_origin(&request);
        let mut response = match AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response.into_response(),
            Ok(Err(error)) if error.is_from_response() => error.into_response(),
            Ok(Err(error)) => from_framework(&error).into_response(),
            Err(_) => {
                tracing::error!("a handler panicked");
                let detail = "Something went wrong here. The log has more under this request id.";
                Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
            }
        };
        self.dress(response.headers_mut());
        if let Some(origin) = origin {
            allow_origin(response.headers_mut(), origin, preflight);
        }
        let route = response.extensions().get::<Template>().map_or("none", |template| &*template.0);
        let status = response.status().as_u16();
        let ms = started.elapsed().as_micros() as f64 / 1000.0;
        tracing::info!(%method, route, status, ms, "answered");
        response
    }

    /// The caller's own id where it is a plain word, else a new UUID of version 7.
    fn request_id(&self, headers: &HeaderMap) -> String {
        let plain = |id: &&str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(is_plain)
        };
        match headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain) {
            Some(id) => id.to_owned(),
            None => {
                let millis = u64::try_from(self.ambient.now().0).unwrap_or_default();
                uuid::Builder::from_unix_timestamp_millis(millis, &self.ambient.bytes::<10>()).into_uuid().to_string()
            }
        }
    }

    /// What every answer carries (SEC-36). A page may have its own caching and its own policy.
    fn dress(&self, headers: &mut HeaderMap) {
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
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        if self.app.settings.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, YEAR);
        }
    }
}

/// For pages of a listed origin only: there is no header at all for others (SEC-35).
fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    let exposed = HeaderValue::from_static("x-request-id, www-authenticate, retry-after");
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
