//! An HTTP client that returns statuses, headers and bodies unchanged and stores cookies only with a cookie jar.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::openapi::assert_documented;

/// A client of one server. With a cookie jar it behaves like a browser, without one like a native app.
#[derive(Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    jar: Option<Arc<Mutex<BTreeMap<String, String>>>>,
}

impl Client {
    pub fn new(base: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the test's own client is not the server's")]
        let http = reqwest::Client::builder()
            // The suite speaks plain HTTP to the server; reading the roots of the system takes longer than many tests.
            .tls_certs_only([])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { base: base.to_owned(), http, jar: None }
    }

    /// The same client with an empty cookie jar.
    pub fn browser(&self) -> Self {
        Self { jar: Some(Arc::default()), ..self.clone() }
    }

    /// The same cookie jar with another server, as behind a load balancer.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.as_ref()?.lock().expect("the lock is not poisoned").get(name).cloned()
    }

    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.jar.as_ref().map(|jar| jar.lock().expect("the lock is not poisoned").clone()).unwrap_or_default()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        let jar = self.jar.as_ref().expect("a browser");
        jar.lock().expect("the lock is not poisoned").insert(name.to_owned(), value.to_owned());
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = match self.cookies() {
            cookies if cookies.is_empty() => request,
            cookies => {
                let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request.header("cookie", pairs.join("; "))
            }
        };
        Request { client: self.clone(), request }
    }

    /// Signs in with a JSON body.
    pub async fn login(&self, route: &str, body: Value) -> Answer {
        self.post(&format!("/api/login/social/{route}/")).json(&body).send().await
    }

    /// `GET /api/user/` with an `Authorization` header.
    pub async fn user(&self, authorization: &str) -> Answer {
        self.get("/api/user/").header("authorization", authorization).send().await
    }
}

pub struct Request {
    client: Client,
    request: reqwest::RequestBuilder,
}

impl Request {
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    pub fn multipart(self, fields: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (name, value) in fields {
            body.push_str(&format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
        }
        body.push_str("--limit--\r\n");
        self.body("multipart/form-data; boundary=limit", body)
    }

    pub fn body(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", content_type).body(body);
        self
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = reqwest::header::HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.request = self.request.header(name, value);
        self
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let request = self.request.build()?;
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = self.client.http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        let answer = Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), bytes };
        assert_documented(&method, &path, &answer);
        if let Some(jar) = &self.client.jar {
            let mut jar = jar.lock().expect("the lock is not poisoned");
            for cookie in answer.set_cookies() {
                if cookie.attribute("Max-Age") == Some("0") {
                    jar.remove(&cookie.name);
                } else {
                    jar.insert(cookie.name, cookie.value);
                }
            }
        }
        Ok(answer)
    }
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub text: String,
    /// The body as it was received; this client unpacks nothing.
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn headers(&self, name: &str) -> Vec<String> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
    }

    /// Headers and body as text.
    pub fn headers_and_body(&self) -> String {
        format!("{:?}\n{}", self.headers, self.text)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("status {}, no JSON: {}", self.status, self.text))
    }

    /// The JSON body of a 200 response.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The field names in order.
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        self.ok().as_object().expect("a JSON object").keys().cloned().collect()
    }

    /// A text field of a 200 response.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let body = self.ok();
        body[name].as_str().unwrap_or_else(|| panic!("no text {name} in {body}")).to_owned()
    }

    /// Checks for a complete problem document (RFC 9457) with this status and code; returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "wanted {code}: {}", self.text);
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("application/problem+json"), "{content_type}: {}", self.text);
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
        }
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{body}");
        body
    }

    pub fn set_cookies(&self) -> Vec<SetCookie> {
        self.headers("set-cookie").iter().map(|text| SetCookie::of(text)).collect()
    }

    pub fn set_cookie(&self, name: &str) -> Option<SetCookie> {
        self.set_cookies().into_iter().find(|cookie| cookie.name == name)
    }

    /// The cookie that binds an authorization request to its browser, under any of its names.
    pub fn authorization_request_cookie(&self) -> SetCookie {
        let mut cookies = self.set_cookies().into_iter();
        cookies.find(|cookie| cookie.value.starts_with("rsab_")).expect("the authorization request cookie")
    }
}

#[derive(Clone, Debug)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    attributes: Vec<(String, String)>,
}

impl SetCookie {
    fn of(text: &str) -> Self {
        let mut parts = text.split(';').map(|part| part.trim().split_once('=').unwrap_or((part.trim(), "")));
        let (name, value) = parts.next().unwrap_or_default();
        let attributes = parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { name: name.to_owned(), value: value.to_owned(), attributes }
    }

    /// The value of an attribute; empty for an attribute without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The URL to which a 303 redirects.
#[track_caller]
pub fn location(answer: &Answer) -> url::Url {
    assert_eq!(answer.status, 303, "{}", answer.headers_and_body());
    url::Url::parse(answer.header("location").expect("a location")).expect("a URL")
}

/// The first value of a parameter in the query.
pub fn parameter(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The claims of a JWT in order, without verification.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

pub fn jwt_header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(index).unwrap_or_else(|| panic!("no JWT: {token}"));
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
