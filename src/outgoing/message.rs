//! Requests, which are encoded when they are sent, and answers, which are parsed strictly (SEC-16).

use std::borrow::Cow;
use std::time::Duration;

use encoding_rs::{Encoding, UTF_8};
use reqwest::Method;
use reqwest::header::{
    ACCEPT, AGE, CACHE_CONTROL, CONTENT_TYPE, DATE, EXPIRES, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::error::OutgoingError;
use crate::clock::UnixMillis;
use crate::model::lenient;

/// Names and values in order; a name may occur more than once.
pub type Pairs = Vec<(String, String)>;

/// The body of a request.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// No body.
    #[default]
    None,
    /// `application/x-www-form-urlencoded`.
    Form(Pairs),
    /// A JSON object.
    Json(Map<String, Value>),
    /// JSON that is sent byte for byte, because it was signed.
    RawJson(String),
}

/// A request that is not sent yet. Every part of it may contain secrets.
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// The address, which may have a query of its own.
    pub url: Url,
    /// Further headers.
    pub headers: Pairs,
    /// Appended to the query of `url`.
    pub query: Pairs,
    /// The body.
    pub body: Body,
}

/// A complete answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers, parameters and body.
    pub fn new(method: impl Into<Method>, url: Url) -> Self {
        Self { method: method.into(), url, headers: Vec::new(), query: Vec::new(), body: Body::None }
    }

    /// A POST of JSON that is sent as it is.
    pub fn post_json(url: Url, json: String) -> Self {
        Self { body: Body::RawJson(json), ..Self::new(Method::POST, url) }
    }

    /// The pairs of a form body; `None` for any other body.
    pub fn form(&mut self) -> Option<&mut Pairs> {
        match &mut self.body {
            Body::Form(form) => Some(form),
            _ => None,
        }
    }

    /// Errors: a header is invalid.
    pub(super) fn encoded(&self) -> Result<EncodedRequest, OutgoingError> {
        let mut url = self.url.clone();
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (kind, body) = match &self.body {
            Body::None => (None, String::new()),
            Body::Form(form) => (Some("application/x-www-form-urlencoded"), form_encoded(form)),
            Body::Json(object) => (Some("application/json"), Value::Object(object.clone()).to_string()),
            Body::RawJson(json) => (Some("application/json"), json.clone()),
        };
        headers.extend(kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|_| OutgoingError::InvalidRequest("the name of a header"))?;
            let mut value =
                HeaderValue::try_from(value).map_err(|_| OutgoingError::InvalidRequest("the value of a header"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(EncodedRequest { url, headers, body: body.into_bytes() })
    }
}

/// A request as it is sent.
pub(super) struct EncodedRequest {
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

fn form_encoded(form: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

// Error texts never contain a part of the answer.
impl Reply {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, which may begin with a byte order mark. Errors: it is not JSON.
    pub fn json(&self) -> Result<Value, &'static str> {
        lenient::foreign_json(&self.utf8()).map_err(|_| "the answer is not JSON")
    }

    /// The body as text; invalid characters are replaced.
    pub fn text(&self) -> String {
        lenient::text(&self.utf8())
    }

    /// The body, decoded if its `Content-Type` names another encoding than UTF-8. A body that is UTF-8 stays as it is, whatever
    /// the header says: many servers send a default.
    fn utf8(&self) -> Cow<'_, [u8]> {
        if std::str::from_utf8(&self.body).is_ok() {
            return Cow::Borrowed(&self.body);
        }
        let parameters = self.header(&CONTENT_TYPE).unwrap_or_default().split(';').skip(1);
        let charset = parameters
            .filter_map(|one| one.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let label = charset.map(|(_, label)| label.trim().trim_matches('"'));
        match label.and_then(|label| Encoding::for_label(label.as_bytes())) {
            Some(encoding) if encoding != UTF_8 && !encoding.name().starts_with("UTF-16") => {
                let (text, _) = encoding.decode_without_bom_handling(&self.body);
                Cow::Owned(text.into_owned().into_bytes())
            }
            _ => Cow::Borrowed(&self.body),
        }
    }

    /// The body as a form. Every part must be `name=value`, and no name may occur twice (SEC-16).
    ///
    /// Errors: what is wrong with the answer.
    pub fn form(&self) -> Result<Value, &'static str> {
        let text = self.text();
        let text = text.trim();
        if text.is_empty() || text.contains(['<', '\n', '{']) || !text.split('&').all(|part| part.contains('=')) {
            return Err("the answer is not form-encoded");
        }
        let mut members = Map::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if members.insert(name.into_owned(), Value::from(value.into_owned())).is_some() {
                return Err("a member occurs twice in the answer");
            }
        }
        Ok(Value::Object(members))
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Whether the body is a JWT (OpenID Connect Core 5.3.2).
    pub fn is_jwt(&self) -> bool {
        let essence = self.header(&CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/jwt")
    }

    /// The time until `Retry-After`, given in seconds or as a date (RFC 9110, 10.2.3).
    pub fn retry_after(&self, now: UnixMillis) -> Option<Duration> {
        let text = self.header(&RETRY_AFTER)?;
        match whole_seconds(text) {
            Some(seconds) => Some(seconds),
            None => self.header_date(&RETRY_AFTER).map(|date| now.until(date).unwrap_or_default()),
        }
    }

    /// How long a private cache may store the answer (RFC 9111, 4.2.1). `None`: the answer does not say.
    pub fn cache_lifetime(&self, now: UnixMillis) -> Option<Duration> {
        let lines = self.headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
        let directives: Vec<String> =
            lines.flat_map(|line| line.split(',')).map(|one| one.trim().to_ascii_lowercase()).collect();
        if directives.iter().any(|one| one == "no-store" || one.starts_with("no-cache")) {
            return Some(Duration::ZERO);
        }
        let max_age = directives.iter().find_map(|one| whole_seconds(one.strip_prefix("max-age=")?.trim_matches('"')));
        if let Some(max_age) = max_age {
            return Some(max_age.saturating_sub(self.header(&AGE).and_then(whole_seconds).unwrap_or_default()));
        }
        self.header(&EXPIRES)?;
        // A value that is not a date, such as `0`, means the past.
        let expires = self.header_date(&EXPIRES).unwrap_or_default();
        Some(self.header_date(&DATE).unwrap_or(now).until(expires).unwrap_or_default())
    }

    fn header_date(&self, name: &HeaderName) -> Option<UnixMillis> {
        UnixMillis::from_http_date(self.header(name)?)
    }

    /// The headers by lower-case name. The last value counts where a name occurs more than once.
    pub fn headers(&self) -> Map<String, Value> {
        let text = |value: &HeaderValue| value.to_str().ok().map(Value::from);
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
    }
}

/// Accepts only digits; a number that is too large becomes the largest one.
fn whole_seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_16_form_answers_are_parsed_strictly() {
        let form = |body: &[u8]| Reply { status: 200, headers: HeaderMap::new(), body: body.to_vec() }.form();
        assert_eq!(form(b"a=1&b=x%20y+z"), Ok(json!({"a": "1", "b": "x y z"})));
        for bad in ["oauth_token=a&oauth_token=b", "<html>a=b</html>", "", "a", "a=1&b", "{\"a\":\"=\"}", "a=1\nb=2"] {
            assert!(form(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(form(b"a=x\xff&b=%ff"), Ok(json!({"a": "x\u{fffd}", "b": "\u{fffd}"})));
    }

    fn with(headers: &[(&'static str, &str)]) -> Reply {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header"))
        };
        Reply { status: 200, headers: headers.iter().map(pair).collect(), body: Vec::new() }
    }

    #[test]
    fn a_body_is_decoded_by_its_declared_encoding_unless_it_is_utf_8() {
        let text = |content_type: &str, body: &[u8]| {
            Reply { body: body.to_vec(), ..with(&[("content-type", content_type)]) }.text()
        };
        assert_eq!(text("text/plain; charset=iso-8859-1", b"M\xfcller"), "Müller");
        assert_eq!(text("application/json;Charset=\"windows-1251\"", b"\xc0\xed\xed\xe0"), "Анна");
        assert_eq!(text("text/plain; charset=iso-8859-1", "Müller".as_bytes()), "Müller");
        for unknown in
            ["text/plain", "text/plain; charset=x", "text/plain; charset=utf-8", "text/plain; charset=utf-16"]
        {
            assert_eq!(text(unknown, b"M\xfcller"), "M\u{fffd}ller", "{unknown}");
        }
    }

    const NOW: UnixMillis = UnixMillis(1_795_521_600_000);
    const IN_TWO_MINUTES: &str = "Tue, 24 Nov 2026 12:02:00 GMT";

    #[test]
    fn fault_c06_cache_lifetime_follows_rfc_9111() {
        let lifetime = |headers: &[(&'static str, &str)]| with(headers).cache_lifetime(NOW).map(|span| span.as_secs());
        assert_eq!(lifetime(&[]), None);
        assert_eq!(lifetime(&[("cache-control", "public")]), None);
        assert_eq!(lifetime(&[("cache-control", "public, Max-Age=600, must-revalidate")]), Some(600));
        assert_eq!(lifetime(&[("cache-control", "max-age=\"600\""), ("age", "500")]), Some(100));
        assert_eq!(lifetime(&[("cache-control", "max-age=600"), ("age", "900")]), Some(0));
        assert_eq!(lifetime(&[("cache-control", "no-store, max-age=600")]), Some(0));
        assert_eq!(lifetime(&[("cache-control", "no-cache")]), Some(0));
        assert_eq!(lifetime(&[("cache-control", "max-age=99999999999999999999")]), Some(u32::MAX.into()));
        assert_eq!(lifetime(&[("cache-control", "max-age=-5")]), None);
        assert_eq!(lifetime(&[("expires", IN_TWO_MINUTES)]), Some(120));
        assert_eq!(lifetime(&[("expires", IN_TWO_MINUTES), ("date", "Tue, 24 Nov 2026 12:01:00 GMT")]), Some(60));
        assert_eq!(lifetime(&[("expires", IN_TWO_MINUTES), ("cache-control", "max-age=7")]), Some(7));
        assert_eq!(lifetime(&[("expires", "0")]), Some(0));
    }

    #[test]
    fn fault_d2_retry_after_is_seconds_or_a_date() {
        let wait = |value: &str| with(&[("retry-after", value)]).retry_after(NOW).map(|span| span.as_secs());
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait(IN_TWO_MINUTES), Some(120));
        assert_eq!(wait("Tue, 24 Nov 2026 11:00:00 GMT"), Some(0));
        assert_eq!(wait("99999999999999999999"), Some(u32::MAX.into()));
        for none in ["", "-1", "soon", "1.5"] {
            assert_eq!(wait(none), None, "{none}");
        }
        assert_eq!(with(&[]).retry_after(NOW), None);
    }
}
