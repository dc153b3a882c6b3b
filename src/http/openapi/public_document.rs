//! Documents that anyone may read and cache: the key set and the server's metadata.

use std::marker::PhantomData;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use super::schemas::text_header;
use crate::secrets::Digest;

/// The media type of a document.
pub trait MediaType: Send {
    /// For `Content-Type`.
    const NAME: &'static str;
}

/// JSON.
pub struct Json;

impl MediaType for Json {
    const NAME: &'static str = "application/json";
}

/// A JWK set (RFC 7517, 8.5.2).
pub struct JwkSet;

impl MediaType for JwkSet {
    const NAME: &'static str = "application/jwk-set+json";
}

/// 200 with the document `T`, or 304 if the caller has it.
pub struct PublicDocument<T, M> {
    response: Response,
    document: PhantomData<(T, M)>,
}

impl<T, M: MediaType> PublicDocument<T, M> {
    /// `json`: the document. `cache_age`: how long it may be used without asking again.
    pub fn new(request: &Request, json: String, cache_age: Duration) -> Self {
        let digest = Digest::of(json.as_bytes());
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..16]));
        let mut response = Response::default();
        let headers = response.headers_mut();
        let text = |text: String| HeaderValue::try_from(text).expect("base64 and digits are ASCII");
        headers.insert(header::CACHE_CONTROL, text(format!("public, max-age={}", cache_age.as_secs())));
        headers.insert(header::ETAG, text(tag.clone()));
        // Any page may read it, so the answer does not depend on `Origin`.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if has_tag(request.headers(), &tag) {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(M::NAME));
            response.set_body(json);
        }
        Self { response, document: PhantomData }
    }
}

/// Whether If-None-Match has the tag, by weak comparison (RFC 9110, 13.1.2).
fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

impl<T: Send, M: MediaType> IntoResponse for PublicDocument<T, M> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: Type, M: MediaType> ApiResponse for PublicDocument<T, M> {
    fn meta() -> MetaResponses {
        let headers = || {
            vec![
                text_header("Cache-Control", "How long the document may be used without asking again.", true),
                text_header("ETag", "The version of the document, for `If-None-Match`.", true),
            ]
        };
        let document = MetaResponse {
            description: "The document.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: M::NAME, schema: T::schema_ref() }],
            headers: headers(),
        };
        let not_modified = MetaResponse {
            description: "The document still has the version of `If-None-Match`.",
            status: Some(304),
            status_range: None,
            content: vec![],
            headers: headers(),
        };
        MetaResponses { responses: vec![document, not_modified] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (line, is_known) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(line))]);
            assert_eq!(has_tag(&headers, "\"a\""), is_known, "{line}");
        }
    }
}
