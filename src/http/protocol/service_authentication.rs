//! Authenticates services: `client_secret_basic`, or `client_secret_post` (RFC 6749, section 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::app::App;
use super::body::RawBody;
use super::problem::Failure;
use crate::account::{AuthError, ServiceCredential};
use crate::login::Fields;
use crate::model::{Service, field_message};
use crate::secrets::SecretString;

/// Name of the security scheme in the OpenAPI document.
const SERVICE: &str = "service";

/// A call of a service about a token.
pub struct ServiceCall {
    /// The authenticated service.
    pub service: Service,
    /// The parameter `token`.
    pub token: String,
}

/// A call that needs the credential of a service.
pub struct ServiceAuth<'a> {
    /// The request.
    pub request: &'a Request,
}

impl ServiceAuth<'_> {
    /// Authenticates the service and reads the body. A credential in the header is verified before the body is read.
    ///
    /// Errors: 401 `invalid_client`, or 429 when the client's address has sent too many of them; 400 `invalid_request`, those of
    /// [`RawBody::fields`].
    pub async fn admit<T>(&self, app: &App, body: RawBody<T>) -> Result<ServiceCall, Failure> {
        let admitted = self.authenticate(app, body).await;
        app.count_refused(self.request, admitted).await
    }

    async fn authenticate<T>(&self, app: &App, body: RawBody<T>) -> Result<ServiceCall, Failure> {
        let by_header = match basic_credential(self.request)? {
            Some(credential) => Some(app.account.authenticate_service(&credential).await?),
            None => None,
        };
        let fields = body.unique_fields().await?;
        let service = match (by_header, posted_credential(&fields)) {
            (Some(service), _) => {
                check_single_credential(&service, &fields)?;
                service
            }
            (None, Some(credential)) => app.account.authenticate_service(&credential).await?,
            (None, None) => return Err(AuthError::InvalidClient(None).into()),
        };
        match fields.own("token") {
            Some(token) => Ok(ServiceCall { service, token: token.to_owned() }),
            None => Err(Failure::fields([("token".to_owned(), field_message::REQUIRED.to_owned())])),
        }
    }
}

/// A client uses one method of authentication in a request (RFC 6749, section 2.3). Its id alone is no credential: libraries
/// may send it in the body too.
fn check_single_credential(service: &Service, fields: &Fields) -> Result<(), Failure> {
    // A parameter without a value counts as omitted (section 3.2).
    let sent = |name: &str| fields.map().get(name).filter(|value| !value.is_null() && *value != "");
    if sent("client_secret").is_some() || sent("client_id").is_some_and(|id| *id != service.client_id.as_str()) {
        let detail = "Send the service's credential in the Authorization header or in the body, not in both.";
        return Err(Failure::bad("invalid_request", detail));
    }
    Ok(())
}

/// `None`: there is no `Authorization` header. Errors: the header has no readable `Basic` credential.
fn basic_credential(request: &Request) -> Result<Option<ServiceCredential>, Failure> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next(), values.next()) else { return Err(AuthError::InvalidClient(None).into()) };
    let Some(value) = value else { return Ok(None) };
    let credential = value.to_str().ok().and_then(parse_basic);
    credential.map(Some).ok_or_else(|| AuthError::InvalidClient(None).into())
}

fn parse_basic(header: &str) -> Option<ServiceCredential> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let pair = String::from_utf8(decoded).ok()?;
    let (client_id, secret) = pair.split_once(':')?;
    Some(ServiceCredential { client_id: form_decoded(client_id)?, secret: SecretString::from(form_decoded(secret)?) })
}

/// Id and secret are encoded as values of a form before they are joined (RFC 6749, section 2.3.1).
fn form_decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(&text.replace('+', " ")).decode_utf8().ok()?.into_owned())
}

fn posted_credential(fields: &Fields) -> Option<ServiceCredential> {
    let (client_id, secret) = (fields.own("client_id")?, fields.own("client_secret")?);
    Some(ServiceCredential { client_id: client_id.to_owned(), secret: SecretString::from(secret) })
}

impl<'a> ApiExtractor<'a> for ServiceAuth<'a> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SERVICE,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "The client id and the client secret of a service, which `services add` prints. They may also be in the \
                     body, as `client_id` and `client_secret`.",
                ),
                name: None,
                key_in: None,
                scheme: Some("basic"),
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SERVICE]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self { request })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::ExposeSecret as _;

    #[test]
    fn rfc_6749_2_3_1_id_and_secret_are_form_encoded_before_they_are_joined() {
        for (scheme, pair, wanted) in [
            ("Basic", "id:secret", Some(("id", "secret"))),
            ("basic", "id:rsak_a%2Db%5Fc", Some(("id", "rsak_a-b_c"))),
            ("Basic", "a+b:c%3Ad:e", Some(("a b", "c:d:e"))),
            ("Basic", "id", None),
            ("Basic", "id:secret&other", Some(("id", "secret&other"))),
            ("Basic", "id:%ff", None),
            ("Bearer", "id:secret", None),
        ] {
            let parsed = parse_basic(&format!("{scheme} {}", STANDARD.encode(pair)));
            let parsed = parsed.as_ref().map(|read| (read.client_id.as_str(), read.secret.expose_secret()));
            assert_eq!(parsed, wanted, "{scheme} {pair}");
        }
        assert!(parse_basic("Basic").is_none() && parse_basic("Basic !").is_none());
    }
}
