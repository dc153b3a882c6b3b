//! The body of a request: JSON, form or multipart, read into the same ordered fields.
//!
//! The handler reads the body after it has checked the credential and the origin (R-IN-12). A body has at most 64 KiB,
//! counted while it arrives, and arrives within REQUEST_BODY_TIMEOUT (SEC-44).

use std::marker::PhantomData;
use std::time::Duration;

use poem::http::{StatusCode, header};
use poem::{Body, FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::problem::Failure;
use crate::login::Fields;
use crate::model::lenient;
use crate::settings::ConnectionRules;

const JSON: &str = "application/json";
/// The media type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

const MAX_BODY_BYTES: usize = 64 * 1024;
/// How much of a body that is too large is read after the limit.
const MAX_DISCARDED_BYTES: u64 = 1024 * 1024;
/// How long the refusal of a body that was announced as too large waits for it.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// REQUEST_BODY_TIMEOUT, in the extensions of a request.
#[derive(Clone, Copy, Debug)]
pub struct BodyTimeout(pub Duration);

impl Default for BodyTimeout {
    fn default() -> Self {
        Self(ConnectionRules::default().body_timeout)
    }
}

/// The type of a body in the OpenAPI document.
pub trait RequestSchema: Type {
    /// Whether the document requires a body.
    const IS_BODY_REQUIRED: bool = true;
    /// The media type in the document. JSON, forms and multipart are accepted everywhere.
    const MEDIA_TYPE: &'static str = JSON;
    /// Whether the document has the body. A body that only forms of pages need is in prose: generated clients send none.
    const IS_DOCUMENTED: bool = true;
}

/// What the head of a request says about its body.
#[derive(Clone, Copy, Default)]
struct Announcement {
    /// Content-Length.
    bytes: Option<u64>,
    /// The client sends the body only after the answer 100, which reading the body causes (RFC 9110, 10.1.1).
    expects_continue: bool,
}

impl Announcement {
    fn of(request: &Request) -> Self {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            bytes: header(header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()),
            expects_continue: header(header::EXPECT).is_some_and(|what| what.eq_ignore_ascii_case("100-continue")),
        }
    }
}

type JsonParser = fn(&[u8]) -> Result<Value, serde_json::Error>;

/// A body that is not read yet; the document describes it as `T`.
pub struct RawBody<T> {
    content_type: Option<String>,
    /// A coding of the body other than `identity`.
    is_encoded: bool,
    announced: Announcement,
    body: Body,
    timeout: BodyTimeout,
    schemas: PhantomData<T>,
}

impl<T> RawBody<T> {
    /// Reads the body.
    ///
    /// Errors: 408 `request_timeout`, 413 `too_large`, 415 `unsupported_media_type`, 400 `invalid_json`,
    /// `invalid_request`.
    pub async fn fields(self) -> Result<Fields, Failure> {
        self.parsed(lenient::json).await
    }

    /// Reads the body of an OAuth request, in which a parameter must not occur twice (RFC 6749, section 3.2).
    ///
    /// Errors: those of [`Self::fields`].
    pub async fn unique_fields(self) -> Result<Fields, Failure> {
        let fields = self.parsed(lenient::unique_json).await?;
        if fields.is_repetitive() { Err(repeated()) } else { Ok(fields) }
    }

    async fn parsed(self, parser: JsonParser) -> Result<Fields, Failure> {
        let full = self.content_type.unwrap_or_default();
        let bytes = read(self.body, self.announced, self.timeout).await?;
        let essence = full.split(';').next().unwrap_or_default().trim();
        // An empty body is an empty form, whatever its type (R-IN-01).
        if bytes.is_empty() && !essence.eq_ignore_ascii_case(MULTIPART) {
            return Ok(Fields::default());
        }
        if self.is_encoded {
            return Err(unsupported("Send the request body without a Content-Encoding."));
        }
        if essence.eq_ignore_ascii_case(JSON) {
            return json_fields(&bytes, parser);
        }
        if essence.eq_ignore_ascii_case(FORM) {
            // `curl -d` without a header sends JSON as a form, of which no field has a known name.
            if bytes.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok() {
                return Err(unsupported("The request body is JSON: send it with `Content-Type: application/json`."));
            }
            return Ok(form_fields(&bytes));
        }
        if essence.eq_ignore_ascii_case(MULTIPART) {
            return multipart_fields(&full, bytes).await;
        }
        Err(unsupported("Send application/json, application/x-www-form-urlencoded or multipart/form-data."))
    }

    /// Reads the one field of a token route (R-CMP-01 to 06), without the whitespace around it. As no provider gets the value,
    /// R-IN-07 does not apply.
    ///
    /// Errors: those of [`Self::fields`].
    pub async fn text(self, name: &str) -> Result<String, Failure> {
        let mut errors = Vec::new();
        let value = self.fields().await?.required(name, &mut errors).ok_or_else(|| Failure::fields(errors))?;
        Ok(value.trim().to_owned())
    }
}

fn repeated() -> Failure {
    Failure::bad("invalid_request", "A parameter must not occur twice.")
}

fn unsupported(detail: &'static str) -> Failure {
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

/// The fields of `application/x-www-form-urlencoded`, which query strings use too.
pub fn form_fields(text: &[u8]) -> Fields {
    let pairs = url::form_urlencoded::parse(text);
    Fields::form(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
}

async fn read(body: Body, announced: Announcement, BodyTimeout(timeout): BodyTimeout) -> Result<Vec<u8>, Failure> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let too_large = || {
        let detail = "The request body is larger than 64 KiB.";
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    if let Some(bytes) = announced.bytes.filter(|bytes| *bytes > MAX_BODY_BYTES as u64) {
        if !announced.expects_continue && bytes <= MAX_DISCARDED_BYTES {
            // As in `read_at_most`.
            let _ = tokio::time::timeout(DISCARD_TIMEOUT, read_at_most(body, MAX_BODY_BYTES)).await;
        }
        return Err(too_large());
    }
    match tokio::time::timeout(timeout, read_at_most(body, MAX_BODY_BYTES)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(_)) => Err(Failure::bad("invalid_request", "The request body is incomplete.")),
        Err(_) => {
            let detail = "The request body did not arrive in time.";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail))
        }
    }
}

/// `None`: the body is larger than `limit` bytes. The rest is read and discarded, up to a limit: closing the connection
/// while the caller still sends resets it, and the response is lost.
async fn read_at_most(body: Body, limit: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut reader = body.into_async_read();
    let mut bytes = Vec::with_capacity(512);
    (&mut reader).take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() <= limit {
        return Ok(Some(bytes));
    }
    tokio::io::copy(&mut reader.take(MAX_DISCARDED_BYTES), &mut tokio::io::sink()).await?;
    Ok(None)
}

fn json_fields(bytes: &[u8], parser: JsonParser) -> Result<Fields, Failure> {
    match parser(bytes) {
        Ok(Value::Object(map)) => Ok(Fields::json(map)),
        Ok(_) => Err(Failure::bad("invalid_json", "The request body must be a JSON object.")),
        Err(error) if error.is_data() => Err(repeated()),
        Err(error) => Err(Failure::bad(
            "invalid_json",
            format!("The request body is not valid JSON: line {}, column {}.", error.line(), error.column()),
        )),
    }
}

async fn multipart_fields(content_type: &str, bytes: Vec<u8>) -> Result<Fields, Failure> {
    let broken = || Failure::bad("invalid_request", "The request body is not valid multipart/form-data.");
    let request = Request::builder().content_type(content_type).body(bytes);
    let (request, mut body) = request.split();
    let mut parts =
        <poem::web::Multipart as FromRequest>::from_request(&request, &mut body).await.map_err(|_| broken())?;
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let name = part.name().unwrap_or_default().to_owned();
        let value = part.bytes().await.map_err(|_| broken())?;
        // A part that is not UTF-8, such as a file, is no valid value of any field; as in a URL-encoded form.
        pairs.push((name, String::from_utf8_lossy(&value).into_owned()));
    }
    Ok(Fields::form(pairs))
}

impl<'a, T: RequestSchema + 'a> ApiExtractor<'a> for RawBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        if T::IS_DOCUMENTED {
            T::register(registry);
        }
    }

    fn request_meta() -> Option<MetaRequest> {
        if !T::IS_DOCUMENTED {
            return None;
        }
        let content = vec![MetaMediaType { content_type: T::MEDIA_TYPE, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: T::IS_BODY_REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let mut codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
        let is_encoded = codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
        let timeout = request.extensions().get().copied().unwrap_or_default();
        let announced = Announcement::of(request);
        Ok(Self { content_type, is_encoded, announced, body: body.take()?, timeout, schemas: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw_body(content_type: Option<&str>, body: impl Into<Body>) -> RawBody<()> {
        let timeout = BodyTimeout::default();
        let content_type = content_type.map(str::to_owned);
        let announced = Announcement::default();
        RawBody { content_type, is_encoded: false, announced, body: body.into(), timeout, schemas: PhantomData }
    }

    async fn code(content_type: Option<&str>, body: impl Into<Body>) -> String {
        raw_body(content_type, body).fields().await.err().map_or("read".into(), |failure| failure.code).into_owned()
    }

    #[tokio::test]
    async fn r_in_01_json_form_and_multipart_give_the_same_fields() {
        let multipart = "--b\r\ncontent-disposition: form-data; name=\"code\"\r\n\r\nu1\r\n--b--\r\n";
        for (content_type, body) in [
            ("application/json", r#"{"code":"u1"}"#),
            ("Application/JSON; charset=utf-8", r#"{"code":"u1"}"#),
            ("application/x-www-form-urlencoded", "code=u1"),
            ("multipart/form-data; boundary=b", multipart),
        ] {
            let fields = raw_body(Some(content_type), body).fields().await.expect(content_type);
            assert_eq!(fields.own("code"), Some("u1"), "{content_type}");
        }
        assert_eq!(code(Some("text/plain"), r#"{"code":"u1"}"#).await, "unsupported_media_type");
        assert_eq!(code(None, r#"{"code":"u1"}"#).await, "unsupported_media_type");
        let file = b"--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n\xff\xfe\r\n--b--\r\n";
        assert_eq!(code(Some("multipart/form-data; boundary=b"), file.to_vec()).await, "read");
        assert_eq!(code(None, "").await, "read");
        let encoded = |body: &'static str| RawBody { is_encoded: true, ..raw_body(Some("application/json"), body) };
        assert_eq!(encoded("{}").fields().await.err().map(|failure| failure.status.as_u16()), Some(415));
        assert!(encoded("").fields().await.is_ok());
        assert_eq!(code(Some("application/json"), "").await, "read");
    }

    #[tokio::test]
    async fn a_body_that_is_not_a_json_object_is_invalid_json() {
        let deep = "[".repeat(5000);
        for body in ["{bad", "[]", "\"a\"", "1", "null", "{\"a\":1}x", deep.as_str()] {
            assert_eq!(code(Some("application/json"), body.to_owned()).await, "invalid_json", "{body}");
        }
        assert_eq!(code(Some("multipart/form-data"), "x").await, "invalid_request");
        assert_eq!(code(Some("multipart/form-data; boundary=b"), "x").await, "invalid_request");
    }

    #[tokio::test]
    async fn sec_44_a_body_that_is_announced_as_too_large_is_refused_before_it_arrives() {
        for (bytes, expects_continue) in [(MAX_BODY_BYTES as u64 + 1, true), (MAX_DISCARDED_BYTES + 1, false)] {
            let never = Body::from_bytes_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
            let announced = Announcement { bytes: Some(bytes), expects_continue };
            let body = RawBody { announced, ..raw_body(Some("application/json"), never) };
            assert_eq!(body.fields().await.err().map(|failure| failure.status.as_u16()), Some(413), "{bytes}");
        }
    }

    #[tokio::test]
    async fn rfc_6749_3_2_a_parameter_of_an_oauth_request_must_not_occur_twice() {
        for (content_type, body) in [
            ("application/json", r#"{"token":"a","token":"b"}"#),
            ("application/x-www-form-urlencoded", "token=a&token=b"),
        ] {
            let code = raw_body(Some(content_type), body).unique_fields().await.err().map(|failure| failure.code);
            assert_eq!(code.as_deref(), Some("invalid_request"), "{content_type}");
            assert!(raw_body(Some(content_type), body).fields().await.is_ok(), "{content_type}");
        }
        let syntax = raw_body(Some("application/json"), "{\"a\":1").unique_fields().await;
        assert_eq!(syntax.err().map(|failure| failure.code).as_deref(), Some("invalid_json"));
    }

    #[tokio::test]
    async fn sec_44_the_size_of_a_body_is_checked_while_it_arrives() {
        let of = |size: usize| format!("\"{}\"", "a".repeat(size - 2));
        assert_eq!(code(Some("application/json"), of(MAX_BODY_BYTES)).await, "invalid_json");
        assert_eq!(code(Some("application/json"), of(MAX_BODY_BYTES + 1)).await, "too_large");
        let stream = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 4096])));
        assert_eq!(code(Some("application/json"), Body::from_bytes_stream(stream)).await, "too_large");
    }
}
