//! A long text that changes only with the settings: callers get it compressed, and not again while they have it.

use std::io::Write as _;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Body, Response};

use super::entity_tag::EntityTag;
use super::weighted_list::weighted;

/// A text and its compressed form.
pub struct CachedText {
    content_type: &'static str,
    policy: Option<HeaderValue>,
    text: Bytes,
    tag: EntityTag,
    /// Made for the first caller that accepts it.
    compressed: OnceLock<Bytes>,
}

impl CachedText {
    /// Nothing is compressed yet.
    pub fn new(content_type: &'static str, text: String) -> Self {
        let tag = EntityTag::of(text.as_bytes());
        Self { content_type, policy: None, text: text.into(), tag, compressed: OnceLock::new() }
    }

    /// Adds a Content-Security-Policy. It is sent with 304 too, which replaces the headers of the cached page.
    pub fn with_policy(self, policy: HeaderValue) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// 304 for a caller that has the text, otherwise 200. Callers ask each time (`no-cache`), so that they see a change of the
    /// settings at once.
    pub fn response(&self, request: &HeaderMap) -> Response {
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::ETAG, self.tag.weak());
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.extend(self.policy.clone().map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
        if self.tag.is_known(request) {
            response.set_status(StatusCode::NOT_MODIFIED);
            return response;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if accepts_gzip(request) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.set_body(Body::from_bytes(self.compressed.get_or_init(|| gzip(&self.text)).clone()));
        } else {
            response.set_body(Body::from_bytes(self.text.clone()));
        }
        response
    }
}

fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.expect("a write to memory cannot fail").into()
}

/// Whether Accept-Encoding allows gzip (RFC 9110, 12.5.3). A caller without the header gets the text unchanged.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let codings = weighted(request, &header::ACCEPT_ENCODING);
    let of = |names: &[&str]| codings.iter().find(|(coding, _)| names.contains(&coding.as_str()));
    of(&["gzip", "x-gzip"]).or_else(|| of(&["*"])).is_some_and(|(_, weight)| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_sent_only_to_callers_that_accept_it() {
        for (line, is_accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("*;q=0.1, gzip;q=0", false),
            ("gzip; q=0", false),
            ("gzip;q=0.000, *", false),
            ("gzip;Q=0", false),
            ("gzip;x=1;q=0", false),
            ("br, deflate", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&headers(header::ACCEPT_ENCODING, line)), is_accepted, "{line}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn text_is_compressed_without_loss_and_not_sent_again() {
        let text = CachedText::new("text/plain", "a long text, ".repeat(1000));
        let plain = text.response(&HeaderMap::new());
        let mut compressed = text.response(&headers(header::ACCEPT_ENCODING, "gzip"));
        assert_eq!(compressed.header(header::CONTENT_ENCODING), Some("gzip"));
        assert_eq!(compressed.header(header::ETAG), plain.header(header::ETAG));
        assert_eq!(compressed.header(header::VARY), Some("Accept-Encoding"));
        let bytes = compressed.take_body().into_bytes().await.expect("a body");
        assert!(bytes.len() < 500, "{}", bytes.len());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, "a long text, ".repeat(1000));

        let tag = plain.headers()[header::ETAG].clone();
        let again = text.response(&HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]));
        assert_eq!((again.status(), again.header(header::CONTENT_TYPE)), (StatusCode::NOT_MODIFIED, None));
        assert_eq!(again.headers().get(header::ETAG), Some(&tag));
        assert_eq!(again.into_body().into_bytes().await.expect("a body").len(), 0);
    }
}
