//! The parameters of a query or a form in order. Repeated names are kept, so that they can be refused (RFC 6749, section 3.1).

use poem::http::{StatusCode, header};
use poem::{Body, Request, Response};

/// In bytes.
const MAX_BODY_LEN: usize = 64 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn of_query(request: &Request) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// Errors, as answers: 415 for a body that is not a form, 413 for one that is too large, 400 for an incomplete one.
    pub async fn of_form(request: &Request, body: Body) -> Result<Self, Response> {
        let refused = |status: StatusCode| Response::builder().status(status).finish();
        let full = request.header(header::CONTENT_TYPE).unwrap_or_default();
        let essence = full.split(';').next().unwrap_or_default().trim();
        let bytes = body.into_bytes_limit(MAX_BODY_LEN).await.map_err(|error| match error {
            poem::error::ReadBodyError::PayloadTooLarge => refused(StatusCode::PAYLOAD_TOO_LARGE),
            _ => refused(StatusCode::BAD_REQUEST),
        })?;
        if bytes.is_empty() {
            Ok(Self::default())
        } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::parse(&bytes))
        } else {
            Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }

    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of this name. An empty value counts as absent (RFC 6749, section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The authentication context class that the client prefers (OpenID Connect Core, section 3.1.2.1).
    pub fn first_acr_value(&self) -> Option<String> {
        self.get("acr_values")?.split_whitespace().next().map(str::to_owned)
    }

    /// Separates the parameters of these names from the others, which come first.
    pub fn without(self, names: &[&str]) -> (Self, Self) {
        let (chosen, others) = self.0.into_iter().partition(|(name, _)| names.contains(&name.as_str()));
        (Self(others), Self(chosen))
    }

    /// Whether a name occurs more than once.
    pub fn has_repeats(&self) -> bool {
        self.0.iter().enumerate().any(|(at, (name, _))| self.0[..at].iter().any(|(earlier, _)| earlier == name))
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}
