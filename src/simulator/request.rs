//! A request that reached the simulator, read once: its parameters in every form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use poem::http::header;
use poem::{Body, Request};
use serde_json::Value;

use super::params::Params;

/// In bytes.
const MAX_BODY_LEN: usize = 256 * 1024;

/// A request of the server to a provider.
pub struct ProviderRequest {
    pub method: String,
    pub host: String,
    /// Percent-decoded.
    pub path: String,
    /// As sent.
    pub raw_path: String,
    pub query: Params,
    pub form: Params,
    pub json: Option<Value>,
    pub authorization: String,
    pub headers: Vec<(String, String)>,
}

impl ProviderRequest {
    /// `None`: the body is too large or cannot be read.
    pub async fn read(request: &Request, body: Body) -> Option<Self> {
        let text = |name: header::HeaderName| request.header(name).unwrap_or_default().to_owned();
        let host = text(header::HOST);
        let bytes = body.into_bytes_limit(MAX_BODY_LEN).await.ok()?;
        let is_form = text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
        let raw_path = request.uri().path().to_owned();
        let headers = request.headers().iter();
        Some(Self {
            method: request.method().as_str().to_owned(),
            host: host.split(':').next().unwrap_or_default().to_ascii_lowercase(),
            path: percent_decode_str(&raw_path).decode_utf8_lossy().into_owned(),
            raw_path,
            query: Params::of_query(request),
            form: if is_form { Params::parse(&bytes) } else { Params::default() },
            json: serde_json::from_slice(&bytes).ok(),
            authorization: text(header::AUTHORIZATION),
            headers: headers
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect(),
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A parameter of the form, otherwise of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form.get(name).or_else(|| self.query.get(name))
    }

    /// The text of HTTP Basic, decoded.
    pub fn basic(&self) -> Option<String> {
        decoded_basic(&self.authorization)
    }

    /// Every text of the request.
    pub fn all_texts(&self) -> String {
        let mut all = vec![self.path.clone(), percent_decode_str(&self.authorization).decode_utf8_lossy().into_owned()];
        all.extend(self.basic());
        // Some providers have a header of their own for the access token.
        all.extend(self.headers.iter().map(|(_, value)| value.clone()));
        all.extend(self.query.pairs().iter().chain(self.form.pairs()).map(|(_, value)| value.clone()));
        all.extend(self.json.as_ref().map(Value::to_string));
        all.join("\n")
    }
}

/// The text after `Basic `, decoded.
pub fn decoded_basic(header: &str) -> Option<String> {
    let (scheme, encoded) = header.split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()).flatten()
}
