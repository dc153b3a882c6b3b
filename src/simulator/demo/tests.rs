//! Requests to the whole app of the demo provider.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, EndpointExt as _, IntoEndpoint as _, Request, Response};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::site::Site;
use crate::clock::{Clock, Deps, Entropy, UnixMillis};
use crate::secrets::ExposeSecret;
use crate::simulator::signature::authorization_header;

const BASE: &str = "http://127.0.0.1:8001";
const CALLBACK: &str = "http://127.0.0.1:8000/example/callback/";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

struct SystemEntropy(Deps);

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.bytes::<1>()[0];
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: poem::http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    fn location(&self) -> Url {
        let text = self.headers.get(header::LOCATION).unwrap_or_else(|| panic!("no redirect: {}", self.body));
        Url::parse(text.to_str().unwrap()).unwrap()
    }

    /// The parameters of the redirect.
    fn redirect_parameters(&self) -> HashMap<String, String> {
        self.location().query_pairs().into_owned().collect()
    }

    fn form(&self) -> HashMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    fn consent_id(&self) -> &str {
        let rest = self.body.split_once(r#"name="consent_id" value=""#).unwrap_or_else(|| panic!("{}", self.body)).1;
        rest.split_once('"').unwrap().0
    }
}

struct Provider {
    site: Arc<Site>,
    app: Box<dyn poem::endpoint::DynEndpoint<Output = Response>>,
    clock: Arc<ManualClock>,
}

impl Provider {
    fn new() -> Self {
        let clock = Arc::new(ManualClock(AtomicI64::new(1_795_436_745_000)));
        let deps = Deps::new(clock.clone(), Arc::new(SystemEntropy(Deps::system())));
        let site =
            Arc::new(Site::new(&Url::parse(BASE).unwrap(), &crate::simulator::personas::Personas::built_in(), deps));
        let app = super::app(poem::Route::new(), site.clone()).into_endpoint().map_to_response();
        Self { site, app: Box::new(poem::endpoint::ToDynEndpoint(app)), clock }
    }

    fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    async fn send(&self, method: Method, path: &str, authorization: &str, body: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri_str(path);
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = if body.is_empty() {
            request.finish()
        } else {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(body).finish();
            request.content_type("application/x-www-form-urlencoded").body(body)
        };
        let response = self.app.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.into_string().await.unwrap() }
    }

    async fn get(&self, path: &str, params: &[(&str, &str)]) -> Answer {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        self.send(Method::GET, &format!("{path}?{query}"), "", &[]).await
    }

    async fn authorize(&self, more: &[(&str, &str)]) -> Answer {
        let params = [("client_id", "demo"), ("redirect_uri", CALLBACK), ("response_type", "code")];
        self.get("/authorize", &[&params[..], more].concat()).await
    }

    /// A code of the user mara, for the PKCE challenge.
    async fn code(&self) -> String {
        let page = self
            .authorize(&[
                ("state", "s1"),
                ("nonce", "n1"),
                ("scope", "openid profile email"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ])
            .await;
        self.choose(&page, "mara").await.redirect_parameters()["code"].clone()
    }

    async fn choose(&self, page: &Answer, user: &str) -> Answer {
        self.send(Method::POST, "/consent", "", &[("consent_id", page.consent_id()), ("user", user)]).await
    }

    fn basic(&self) -> String {
        let secret = self.site.oauth2.secret.expose_secret();
        format!("Basic {}", STANDARD.encode(format!("demo:{secret}")))
    }

    async fn token(&self, body: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, "/token", &self.basic(), body).await
    }

    async fn exchange(&self, code: &str) -> Answer {
        let params = [("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
        self.token(&[&[("grant_type", "authorization_code"), ("code", code)], &params[..]].concat()).await
    }

    async fn userinfo(&self, token: &Value) -> Answer {
        let header = format!("Bearer {}", token.as_str().unwrap());
        self.send(Method::GET, "/userinfo", &header, &[]).await
    }

    /// A signed OAuth 1.0a request.
    async fn signed(&self, method: Method, path: &str, token: (&str, &str), more: &[(&str, &str)]) -> Answer {
        let now = self.site.deps.now().seconds().to_string();
        let nonce = self.site.deps.token::<8>();
        let mut oauth = vec![
            ("oauth_consumer_key", "demo-oauth1"),
            ("oauth_nonce", &nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &now),
            ("oauth_version", "1.0"),
        ];
        oauth.extend_from_slice(more);
        if !token.0.is_empty() {
            oauth.push(("oauth_token", token.0));
        }
        let secrets = (self.site.oauth1.secret.expose_secret(), token.1);
        let header = authorization_header(method.as_str(), &format!("{BASE}{path}"), &oauth, &[], secrets);
        self.send(method, path, &header, &[]).await
    }

    async fn request_token(&self) -> (String, String) {
        let response =
            self.signed(Method::POST, "/oauth1/request_token", ("", ""), &[("oauth_callback", CALLBACK)]).await;
        let form = response.form();
        assert_eq!(form["oauth_callback_confirmed"], "true");
        (form["oauth_token"].clone(), form["oauth_token_secret"].clone())
    }
}

#[tokio::test]
async fn login_returns_tokens_and_a_valid_id_token() {
    let provider = Provider::new();
    let page = provider
        .authorize(&[
            ("state", "s1"),
            ("nonce", "n1"),
            ("acr_values", "urn:mfa urn:pwd"),
            ("scope", "openid profile email unknown"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ])
        .await;
    assert!(page.body.contains("rest-social-auth (dev)") && page.body.contains("your e-mail address"));
    let answer = provider.choose(&page, "mara").await.redirect_parameters();
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("s1", BASE));

    let tokens = provider.exchange(&answer["code"]).await.json();
    assert_eq!(tokens["token_type"], "Bearer");
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(provider.get("/jwks.json", &[]).await.json()).unwrap();
    let id_token = tokens["id_token"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(id_token).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    rules.set_audience(&["demo"]);
    rules.set_issuer(&[BASE]);
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(id_token, &key, &rules).unwrap().claims;
    assert_eq!((&claims["nonce"], &claims["email"]), (&"n1".into(), &"mara@demo.example".into()));
    assert_eq!(claims["acr"], "urn:mfa");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);

    let profile = provider.userinfo(&tokens["access_token"]).await.json();
    assert_eq!((&profile["sub"], &profile["given_name"]), (&claims["sub"], &"Mara".into()));
}

#[tokio::test]
async fn endpoints_of_the_discovery_document_exist() {
    let provider = Provider::new();
    let document = provider.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(document["issuer"], BASE);
    for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint"] {
        let path = document[name].as_str().unwrap().strip_prefix(BASE).unwrap();
        assert_ne!(provider.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn only_loopback_redirect_uris_are_accepted() {
    let provider = Provider::new();
    for uri in [
        "https://evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://me@127.0.0.1/cb",
        "http://127.0.0.1/cb#fragment",
        "javascript://127.0.0.1/",
        "/cb",
        "",
    ] {
        let params = [("client_id", "demo"), ("redirect_uri", uri), ("response_type", "code")];
        let response = provider.get("/authorize", &params).await;
        assert_eq!((response.status, response.headers.get(header::LOCATION)), (StatusCode::BAD_REQUEST, None), "{uri}");
    }
    for uri in ["http://localhost:3000/cb", "http://[::1]:5/", "https://127.0.0.1/cb?x=1"] {
        let params = [("client_id", "demo"), ("redirect_uri", uri), ("response_type", "code")];
        assert_eq!(provider.get("/authorize", &params).await.status, StatusCode::OK, "{uri}");
    }
}

#[tokio::test]
async fn authorization_errors_are_sent_to_the_redirect_uri_with_the_state() {
    let provider = Provider::new();
    for (more, error) in [
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", CHALLENGE)], "invalid_request"),
        (vec![("code_challenge", CHALLENGE), ("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", "short"), ("code_challenge_method", "S256")], "invalid_request"),
        (vec![("nonce", "a"), ("nonce", "b")], "invalid_request"),
        (vec![("prompt", "none")], "interaction_required"),
    ] {
        let answer = provider.authorize(&[&more[..], &[("state", "s1")]].concat()).await.redirect_parameters();
        assert_eq!((answer["error"].as_str(), answer["state"].as_str()), (error, "s1"), "{more:?}");
    }
}

#[tokio::test]
async fn denied_consent_redirects_with_access_denied() {
    let provider = Provider::new();
    let page = provider.authorize(&[("state", "s1")]).await;
    let body = [("consent_id", page.consent_id()), ("deny", "1")];
    let answer = provider.send(Method::POST, "/consent", "", &body).await.redirect_parameters();
    assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("access_denied", "s1"));
    assert!(!answer.contains_key("code"));
}

#[tokio::test]
async fn a_consent_page_accepts_one_answer() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    assert_eq!(provider.choose(&page, "unknown").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(provider.choose(&page, "yuki").await.status, StatusCode::SEE_OTHER);
    assert_eq!(provider.choose(&page, "yuki").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn code_reuse_revokes_the_tokens_of_the_first_use() {
    let provider = Provider::new();
    let code = provider.code().await;
    let tokens = provider.exchange(&code).await.json();
    assert_eq!(provider.userinfo(&tokens["access_token"]).await.status, StatusCode::OK);
    let again = provider.exchange(&code).await;
    assert_eq!((again.status, &again.json()["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
    assert_eq!(provider.userinfo(&tokens["access_token"]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri_its_challenge_and_sixty_seconds() {
    let provider = Provider::new();
    let other = "http://127.0.0.1:8000/other/";
    for params in [
        vec![("redirect_uri", other), ("code_verifier", VERIFIER)],
        vec![("code_verifier", VERIFIER)],
        vec![("redirect_uri", CALLBACK)],
        vec![("redirect_uri", CALLBACK), ("code_verifier", CHALLENGE)],
    ] {
        let code = provider.code().await;
        let body = [&[("grant_type", "authorization_code"), ("code", &code)], &params[..]].concat();
        assert_eq!(provider.token(&body).await.json()["error"], "invalid_grant", "{params:?}");
        assert_eq!(provider.exchange(&code).await.json()["error"], "invalid_grant", "a failed try uses the code up");
    }
    let code = provider.code().await;
    provider.wait(60);
    assert_eq!(provider.exchange(&code).await.json()["error"], "invalid_grant");

    // A verifier without a challenge: an attacker may have removed the challenge.
    let page = provider.authorize(&[]).await;
    let code = provider.choose(&page, "mara").await.redirect_parameters()["code"].clone();
    assert_eq!(provider.exchange(&code).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn token_endpoint_authenticates_the_client() {
    let provider = Provider::new();
    let code = provider.code().await;
    let secret = provider.site.oauth2.secret.expose_secret().to_owned();
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let wrong = format!("Basic {}", STANDARD.encode("demo:wrong"));
    for (header, more) in [
        (String::new(), vec![]),
        (String::new(), vec![("client_id", "demo"), ("client_secret", "wrong")]),
        (String::new(), vec![("client_id", "other"), ("client_secret", &secret)]),
        (provider.basic(), vec![("client_id", "demo"), ("client_secret", &secret)]),
        (wrong, vec![]),
        ("Basic ???".to_owned(), vec![]),
    ] {
        let response = provider.send(Method::POST, "/token", &header, &[&exchange[..], &more].concat()).await;
        assert_eq!((response.status, &response.json()["error"]), (StatusCode::UNAUTHORIZED, &"invalid_client".into()));
    }
    let body = [&exchange[..], &[("client_id", "demo"), ("client_secret", &secret)]].concat();
    assert_eq!(provider.send(Method::POST, "/token", "", &body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn refresh_token_reuse_revokes_the_grant() {
    let provider = Provider::new();
    let code = provider.code().await;
    let first = provider.exchange(&code).await.json();
    let refresh = first["refresh_token"].as_str().unwrap().to_owned();
    let body = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let second = provider.token(&body).await.json();
    assert_eq!(provider.userinfo(&second["access_token"]).await.status, StatusCode::OK);
    assert_eq!(provider.token(&body).await.json()["error"], "invalid_grant");
    assert_eq!(provider.userinfo(&second["access_token"]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_revoked_token_is_refused() {
    let provider = Provider::new();
    for name in ["access_token", "refresh_token"] {
        let code = provider.code().await;
        let tokens = provider.exchange(&code).await.json();
        let body = [("token", tokens[name].as_str().unwrap())];
        let response = provider.send(Method::POST, "/revoke", &provider.basic(), &body).await;
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(provider.userinfo(&tokens["access_token"]).await.status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn every_answer_has_security_headers() {
    let provider = Provider::new();
    for path in ["/", "/authorize", "/token", "/jwks.json", "/nothing", "/oauth1/authorize"] {
        let headers = provider.get(path, &[]).await.headers;
        assert!(
            headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert!(!headers.contains_key("cross-origin-opener-policy"), "{path}");
    }
}

#[tokio::test]
async fn large_bodies_and_other_content_types_are_refused() {
    let provider = Provider::new();
    let large = "x".repeat(70_000);
    assert_eq!(provider.token(&[("code", &large)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = Request::builder().method(Method::POST).uri_str("/token").content_type("application/json").body("{}");
    assert_eq!(provider.app.call(request).await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn oauth1_login() {
    let provider = Provider::new();
    let (token, secret) = provider.request_token().await;
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    let answer = provider.choose(&page, "tomas").await.redirect_parameters();
    assert_eq!(answer["oauth_token"], token);
    let verifier = [("oauth_verifier", answer["oauth_verifier"].as_str())];
    let response = provider.signed(Method::POST, "/oauth1/access_token", (&token, &secret), &verifier).await;
    let access = response.form();
    assert_eq!((access["user_id"].as_str(), access["screen_name"].as_str()), ("1002", "tomas"));
    let pair = (access["oauth_token"].as_str(), access["oauth_token_secret"].as_str());
    let profile = provider.signed(Method::GET, "/oauth1/account", pair, &[]).await.json();
    assert_eq!((&profile["id_str"], &profile["name"]), (&"1002".into(), &"Tomás Oyelaran-Ruiz".into()));

    let again = provider.signed(Method::POST, "/oauth1/access_token", (&token, &secret), &verifier).await;
    assert_eq!(again.form()["oauth_problem"], "token_rejected", "a request token is used once");
}

#[tokio::test]
async fn oauth1_request_token_needs_consent_and_verifier() {
    let provider = Provider::new();
    let (token, secret) = provider.request_token().await;
    let response = provider
        .signed(Method::POST, "/oauth1/access_token", (&token, &secret), &[("oauth_verifier", "guessed")])
        .await;
    assert_eq!(response.form()["oauth_problem"], "permission_unknown");

    let (token, secret) = provider.request_token().await;
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    provider.choose(&page, "mara").await;
    let response = provider
        .signed(Method::POST, "/oauth1/access_token", (&token, &secret), &[("oauth_verifier", "guessed")])
        .await;
    assert_eq!(response.form()["oauth_problem"], "verifier_invalid");
}

#[tokio::test]
async fn oauth1_refuses_bad_signatures_unregistered_callbacks_and_replays() {
    let provider = Provider::new();
    let path = "/oauth1/request_token";
    let response = provider.signed(Method::POST, path, ("", "wrong"), &[("oauth_callback", CALLBACK)]).await;
    assert_eq!(
        (response.status, response.form()["oauth_problem"].as_str()),
        (StatusCode::UNAUTHORIZED, "signature_invalid")
    );
    let response = provider.signed(Method::POST, path, ("", ""), &[("oauth_callback", "https://evil.example/")]).await;
    assert_eq!(response.form()["oauth_problem"], "callback_rejected");
    assert_eq!(provider.signed(Method::POST, path, ("", ""), &[]).await.form()["oauth_problem"], "parameter_absent");
    assert_eq!(provider.send(Method::POST, path, "", &[]).await.form()["oauth_problem"], "parameter_absent");

    let now = provider.site.deps.now().seconds().to_string();
    let oauth = [
        ("oauth_callback", CALLBACK),
        ("oauth_consumer_key", "demo-oauth1"),
        ("oauth_nonce", "once"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &now),
    ];
    let secrets = (provider.site.oauth1.secret.expose_secret(), "");
    let header = authorization_header("POST", &format!("{BASE}{path}"), &oauth, &[], secrets);
    assert_eq!(provider.send(Method::POST, path, &header, &[]).await.status, StatusCode::OK);
    assert_eq!(provider.send(Method::POST, path, &header, &[]).await.form()["oauth_problem"], "nonce_used");
}

#[tokio::test]
async fn oauth1_denied_consent_redirects_with_denied() {
    let provider = Provider::new();
    let (token, _) = provider.request_token().await;
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    let body = [("consent_id", page.consent_id()), ("deny", "1")];
    assert_eq!(provider.send(Method::POST, "/consent", "", &body).await.redirect_parameters()["denied"], token);
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "the request token is deleted");
}

#[test]
fn settings_contain_both_providers_with_their_fixed_clients() {
    let settings = Provider::new().site.settings();
    for name in ["demo", "demo-oauth1"] {
        let table = &settings["providers"][name];
        assert_eq!(table["key"].as_str(), Some(name));
        assert_eq!(table["secret"].as_str(), Some(format!("{name}-secret").as_str()));
    }
}
