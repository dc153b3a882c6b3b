//! Documents that anyone may read and cache: the key set and the server's metadata.

use std::marker::PhantomData;
use std::time::Duration;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponses, Registry};
use poem_openapi::types::Type;

use super::schemas::{meta_response, text_header};
use crate::http::protocol::EntityTag;

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
        let tag = EntityTag::of(json.as_bytes());
        let mut response = Response::default();
        let headers = response.headers_mut();
        let cache_control = format!("public, max-age={}", cache_age.as_secs());
        headers.insert(header::CACHE_CONTROL, HeaderValue::try_from(cache_control).expect("digits are ASCII"));
        headers.insert(header::ETAG, tag.strong());
        // Any page may read it, so the answer does not depend on `Origin`.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if tag.is_known(request.headers()) {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(M::NAME));
            response.set_body(json);
        }
        Self { response, document: PhantomData }
    }
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
                text_header("Cache-Control", "How long the document may be cached.", true),
                text_header("ETag", "For `If-None-Match`.", true),
            ]
        };
        let content = vec![MetaMediaType { content_type: M::NAME, schema: T::schema_ref() }];
        let not_modified = "The document still has the version of `If-None-Match`.";
        MetaResponses {
            responses: vec![
                meta_response(200, "The document.", content, headers()),
                meta_response(304, not_modified, vec![], headers()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
