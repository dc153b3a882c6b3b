//! What is asked and what is answered: a request as the caller thinks of it, encoded only when it leaves; an answer read
//! strictly (SEC-16).

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::OutgoingError;
use crate::model::lenient;

pub type Pairs = Vec<(String, String)>;

#[derive(Clone, Debug, Default)]
pub enum Body {
    #[default]
    None,
    Form(Pairs),
    Json(Map<String, Value>),
    /// JSON that was signed as it stands.
    Written(String),
}

/// One request, still to be changed. It may hold secrets anywhere.
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: Pairs,
    /// After what the address has already.
    pub query: Pairs,
    pub body: Body,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: impl Into<Method>, url: Url) -> Self {
        Self { method: method.into(), url, headers: Vec::new(), query: Vec::new(), body: Body::None }
    }

    pub fn form(&mut self) -> Option<&mut Pairs> {
        match &mut self.body {
            Body::Form(form) => Some(form),
            _ => None,
        }
    }

    /// Address, headers and body as they go out.
    pub(super) fn encoded(&self) -> Result<(Url, HeaderMap, Vec<u8>), OutgoingError> {
        let mut url = self.url.clone();
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (kind, body) = match &self.body {
            Body::None => (None, String::new()),
            Body::Form(form) => (Some("application/x-www-form-urlencoded"), encoded(form)),
            Body::Json(object) => (Some("application/json"), Value::Object(object.clone()).to_string()),
            Body::Written(json) => (Some("application/json"), json.clone()),
        };
        headers.extend(kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|_| OutgoingError::Unsendable("a header's name"))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| OutgoingError::Unsendable("a header's value"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok((url, headers, body.into_bytes()))
    }
}

fn encoded(form: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// The texts of errors name no part of the answer.
impl Reply {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn json(&self) -> Result<Value, &'static str> {
        lenient::json(&self.body).map_err(|_| "the answer is not JSON")
    }

    pub fn text(&self) -> String {
        lenient::text(&self.body)
    }

    /// A form-encoded answer: no name twice, nothing that is not `name=value` (SEC-16).
    pub fn form(&self) -> Result<Value, &'static str> {
        let text = self.text();
        let text = text.trim();
        if text.is_empty() || text.contains(['<', '\n', '{']) || !text.split('&').all(|part| part.contains('=')) {
            return Err("the answer is not form-encoded");
        }
        let mut members = Map::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if members.insert(name.into_owned(), Value::from(value.into_owned())).is_some() {
                return Err("the answer has a member twice");
            }
        }
        Ok(Value::Object(members))
    }

    /// Names in lower case, the last of several.
    pub fn headers(&self) -> Map<String, Value> {
        let text = |value: &HeaderValue| value.to_str().ok().map(Value::from);
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_16_a_form_encoded_answer_is_read_strictly() {
        let form = |body: &[u8]| Reply { status: 200, headers: HeaderMap::new(), body: body.to_vec() }.form();
        assert_eq!(form(b"a=1&b=x%20y+z"), Ok(json!({"a": "1", "b": "x y z"})));
        for bad in ["oauth_token=a&oauth_token=b", "<html>a=b</html>", "", "a", "a=1&b", "{\"a\":\"=\"}", "a=1\nb=2"] {
            assert!(form(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(form(b"a=x\xff&b=%ff"), Ok(json!({"a": "x\u{fffd}", "b": "\u{fffd}"})));
    }
}
