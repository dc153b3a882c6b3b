//! The body of a request: JSON, form or multipart, read into the same ordered fields.
//!
//! It is taken raw, and read when the handler asks, because the caller and the origin are looked at before a body is
//! parsed (R-IN-12). At most 64 KiB, counted while they arrive, within 30 seconds (SEC-44).

use std::marker::PhantomData;
use std::time::Duration;

use poem::http::{StatusCode, header};
use poem::{Body, FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::problem::Failure;
use crate::login::Fields;
use crate::model::lenient;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// Bytes.
const LARGEST: usize = 64 * 1024;
/// Of a body that is too large.
const MOST_DROPPED: u64 = 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a document says of a body.
pub trait BodyOf: Type {
    const DESCRIPTION: &'static str;
    const REQUIRED: bool;
    /// After the type's schema was registered.
    fn adjust(_: &mut Registry) {}
}

/// A body that is yet to be read; the document describes it as `T`.
pub struct RawBody<T> {
    content_type: Option<String>,
    body: Body,
    schemas: PhantomData<T>,
}

impl<T> RawBody<T> {
    /// Errors: 408 `request_timeout`, 413 `too_large`, 415 `unsupported_media_type`, 400 `invalid_json`,
    /// `invalid_request`.
    pub async fn fields(self) -> Result<Fields, Failure> {
        let full = self.content_type.unwrap_or_default();
        let bytes = read(self.body).await?;
        let essence = full.split(';').next().unwrap_or_default().trim();
        // No body is an empty form, whatever its type says (R-IN-01).
        if bytes.is_empty() && !essence.eq_ignore_ascii_case(MULTIPART) {
            return Ok(Fields::default());
        }
        if essence.eq_ignore_ascii_case(JSON) {
            return json_fields(&bytes);
        }
        if essence.eq_ignore_ascii_case(FORM) {
            let pairs = url::form_urlencoded::parse(&bytes);
            return Ok(Fields::form(pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))));
        }
        if essence.eq_ignore_ascii_case(MULTIPART) {
            return multipart_fields(&full, bytes).await;
        }
        Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
        ))
    }

    /// The one text that a token route takes (R-CMP-01 to 06).
    pub async fn text(self, name: &str) -> Result<String, Failure> {
        let mut errors = Vec::new();
        self.fields().await?.required(name, &mut errors).ok_or_else(|| Failure::fields(errors))
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Failure> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    match tokio::time::timeout(BODY_TIMEOUT, read_at_most(body, LARGEST)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let detail = format!("A body may have {LARGEST} bytes.");
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail))
        }
        Ok(Err(_)) => Err(Failure::bad("invalid_request", "The body broke off.")),
        Err(_) => {
            let detail = "The body did not arrive within 30 seconds.";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail))
        }
    }
}

/// `None`: there is more than `most`. What follows is read and dropped for a while: a connection that is closed under a
/// caller who still sends is reset, and the answer lost with it.
async fn read_at_most(body: Body, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut reader = body.into_async_read();
    let mut bytes = Vec::with_capacity(512);
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    (&mut reader).take(limit + 1).read_to_end(&mut bytes).await?;
    if bytes.len() <= most {
        return Ok(Some(bytes));
    }
    tokio::io::copy(&mut reader.take(MOST_DROPPED), &mut tokio::io::sink()).await?;
    Ok(None)
}

fn json_fields(bytes: &[u8]) -> Result<Fields, Failure> {
    match lenient::json(bytes) {
        Ok(Value::Object(map)) => Ok(Fields::json(map)),
        Ok(_) => Err(Failure::bad("invalid_json", "The body must be a JSON object.")),
        Err(error) => Err(Failure::bad(
            "invalid_json",
            format!("The body is not JSON: line {}, column {}.", error.line(), error.column()),
        )),
    }
}

async fn multipart_fields(content_type: &str, bytes: Vec<u8>) -> Result<Fields, Failure> {
    let broken = || Failure::bad("invalid_request", "The body is not the multipart/form-data that its type says.");
    let request = Request::builder().content_type(content_type).body(bytes);
    let (request, mut body) = request.split();
    let mut parts =
        <poem::web::Multipart as FromRequest>::from_request(&request, &mut body).await.map_err(|_| broken())?;
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let name = part.name().unwrap_or_default().to_owned();
        let value = part.bytes().await.map_err(|_| broken())?;
        // As in the other kind of form: a part that is no text, such as a file, is passed over by whoever reads fields.
        pairs.push((name, String::from_utf8_lossy(&value).into_owned()));
    }
    Ok(Fields::form(pairs))
}

impl<'a, T: BodyOf + 'a> ApiExtractor<'a> for RawBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
        T::adjust(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            [JSON, FORM, MULTIPART].map(|content_type| MetaMediaType { content_type, schema: T::schema_ref() });
        Some(MetaRequest { description: Some(T::DESCRIPTION), content: content.into(), required: T::REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Self { content_type, body: body.take()?, schemas: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(content_type: Option<&str>, body: impl Into<Body>) -> RawBody<()> {
        RawBody { content_type: content_type.map(str::to_owned), body: body.into(), schemas: PhantomData }
    }

    async fn code(content_type: Option<&str>, body: impl Into<Body>) -> String {
        posted(content_type, body).fields().await.err().map_or("read".into(), |failure| failure.code).into_owned()
    }

    #[tokio::test]
    async fn r_in_01_three_types_are_read_alike_and_others_are_415() {
        let multipart = "--b\r\ncontent-disposition: form-data; name=\"code\"\r\n\r\nu1\r\n--b--\r\n";
        for (content_type, body) in [
            ("application/json", r#"{"code":"u1"}"#),
            ("Application/JSON; charset=utf-8", r#"{"code":"u1"}"#),
            ("application/x-www-form-urlencoded", "code=u1"),
            ("multipart/form-data; boundary=b", multipart),
        ] {
            let fields = posted(Some(content_type), body).fields().await.expect(content_type);
            assert_eq!(fields.own("code"), Some("u1"), "{content_type}");
        }
        assert_eq!(code(Some("text/plain"), r#"{"code":"u1"}"#).await, "unsupported_media_type");
        assert_eq!(code(None, r#"{"code":"u1"}"#).await, "unsupported_media_type");
        let file = b"--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n\xff\xfe\r\n--b--\r\n";
        assert_eq!(code(Some("multipart/form-data; boundary=b"), file.to_vec()).await, "read");
        assert_eq!(code(None, "").await, "read");
        assert_eq!(code(Some("application/json"), "").await, "read");
    }

    #[tokio::test]
    async fn what_is_no_json_object_is_invalid_json() {
        let deep = "[".repeat(5000);
        for body in ["{bad", "[]", "\"a\"", "1", "null", "{\"a\":1}x", deep.as_str()] {
            assert_eq!(code(Some("application/json"), body.to_owned()).await, "invalid_json", "{body}");
        }
        assert_eq!(code(Some("multipart/form-data"), "x").await, "invalid_request");
        assert_eq!(code(Some("multipart/form-data; boundary=b"), "x").await, "invalid_request");
    }

    #[tokio::test]
    async fn sec_44_a_body_is_counted_while_it_arrives() {
        let of = |size: usize| format!("\"{}\"", "a".repeat(size - 2));
        assert_eq!(code(Some("application/json"), of(LARGEST)).await, "invalid_json");
        assert_eq!(code(Some("application/json"), of(LARGEST + 1)).await, "too_large");
        let stream = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 4096])));
        assert_eq!(code(Some("application/json"), Body::from_bytes_stream(stream)).await, "too_large");
    }
}
