//! The body of a login: JSON, form or multipart, read into the same ordered fields.
//!
//! It is taken raw first, because the caller and the origin are looked at before a body is parsed (R-IN-12).

use poem::http::StatusCode;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Map, Value};

use super::problem::Failure;
use crate::login::Fields;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// What a login posts: all that the provider's callback carried, and what ties it to a begun login. Further members of
/// any type are allowed and passed over, so that a front-end may post its whole configuration.
#[derive(Object)]
#[oai(rename = "LoginInput", example)]
#[expect(dead_code, reason = "documents the members; the body is read as ordered fields")]
pub struct LoginInput {
    /// The provider's name, where the URL has none.
    #[oai(skip_serializing_if_is_none)]
    provider: Option<String>,
    /// The authorization code. Required in OAuth 2.0 and OpenID Connect.
    #[oai(skip_serializing_if_is_none)]
    code: Option<String>,
    /// The state that begin answered.
    #[oai(skip_serializing_if_is_none)]
    state: Option<String>,
    /// The flow token that begin answered, for clients that keep no cookies.
    #[oai(skip_serializing_if_is_none)]
    flow_token: Option<String>,
    /// The redirect URI that the code was made for; one of the listed ones. A begun login knows its own.
    #[oai(skip_serializing_if_is_none)]
    redirect_uri: Option<String>,
    /// The verifier of the front-end's own PKCE pair.
    #[oai(skip_serializing_if_is_none)]
    code_verifier: Option<String>,
    /// The issuer that the callback named (RFC 9207).
    #[oai(skip_serializing_if_is_none)]
    iss: Option<String>,
    /// OAuth 1.0a: the request token. A login without it is the first step, and is answered with one.
    #[oai(skip_serializing_if_is_none)]
    oauth_token: Option<String>,
    /// OAuth 1.0a: the verifier that the callback carried.
    #[oai(skip_serializing_if_is_none)]
    oauth_verifier: Option<String>,
    /// The error that the callback carried instead of a code.
    #[oai(skip_serializing_if_is_none)]
    error: Option<String>,
}

impl poem_openapi::types::Example for LoginInput {
    fn example() -> Self {
        Self {
            provider: None,
            code: Some("SplxlOBeZQQYbYS6WxSbIA".to_owned()),
            state: Some("pjEpjvYlAhrn2JyZwIvcCzk6WJjmE1v6ilaZnGWGyVo".to_owned()),
            flow_token: None,
            redirect_uri: None,
            code_verifier: None,
            iss: None,
            oauth_token: None,
            oauth_verifier: None,
            error: None,
        }
    }
}

/// The bytes of a login's body and their type.
pub struct LoginBody {
    content_type: Option<String>,
    bytes: Vec<u8>,
}

impl LoginBody {
    /// Errors: 415 `unsupported_media_type`, 400 `invalid_json`, `invalid_request`.
    pub async fn fields(self) -> Result<Fields, Failure> {
        let full = self.content_type.unwrap_or_default();
        let essence = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if self.bytes.is_empty() && (essence.is_empty() || essence == JSON) {
            return Ok(Fields::default());
        }
        match essence.as_str() {
            JSON => json_fields(&self.bytes),
            FORM => {
                let pairs = url::form_urlencoded::parse(&self.bytes);
                Ok(Fields::form(pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))))
            }
            MULTIPART => multipart_fields(&full, self.bytes).await,
            _ => Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
            )),
        }
    }
}

fn json_fields(bytes: &[u8]) -> Result<Fields, Failure> {
    match serde_json::from_slice(bytes) {
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
        pairs.push((name, part.text().await.map_err(|_| broken())?));
    }
    Ok(Fields::form(pairs))
}

impl<'a> ApiExtractor<'a> for LoginBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        LoginInput::register(registry);
        if let Some(schema) = registry.schemas.get_mut("LoginInput") {
            let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
            schema.additional_properties = Some(Box::new(any));
        }
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = [JSON, FORM, MULTIPART]
            .map(|content_type| MetaMediaType { content_type, schema: LoginInput::schema_ref() });
        Some(MetaRequest {
            description: Some("The callback's parameters, as JSON, form or multipart."),
            content: content.into(),
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let content_type = request.content_type().map(str::to_owned);
        Ok(Self { content_type, bytes: <Vec<u8> as FromRequest>::from_request(request, body).await? })
    }
}

/// A small JSON or form body of named texts, as the token companions take (R-CMP-01 to 06).
pub fn one_text(fields: &Fields, name: &str) -> Result<String, Failure> {
    let mut errors = Vec::new();
    fields.required(name, &mut errors).ok_or_else(|| Failure::fields(errors))
}

/// All members but the named ones.
pub fn rest(map: &Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    map.iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
