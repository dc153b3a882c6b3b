//! The demo provider as its clients see it: requests go through the whole app.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, EndpointExt as _, IntoEndpoint as _, Request, Response};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::signature::authorization_header;
use super::site::Site;
use crate::clock::{Clock, Deps, Entropy, UnixMillis};
use crate::secrets::ExposeSecret;

const BASE: &str = "http://127.0.0.1:8001";
const CALLBACK: &str = "http://127.0.0.1:8000/example/callback/";
/// Of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct Hand(AtomicI64);

impl Clock for Hand {
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

struct Seen {
    status: StatusCode,
    headers: poem::http::HeaderMap,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    fn location(&self) -> Url {
        let text = self.headers.get(header::LOCATION).unwrap_or_else(|| panic!("no redirect: {}", self.body));
        Url::parse(text.to_str().unwrap()).unwrap()
    }

    /// Parameters of the redirect.
    fn answer(&self) -> HashMap<String, String> {
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
    hand: Arc<Hand>,
}

impl Provider {
    fn new() -> Self {
        let hand = Arc::new(Hand(AtomicI64::new(1_795_436_745_000)));
        let deps = Deps::new(hand.clone(), Arc::new(SystemEntropy(Deps::system())));
        let site = Arc::new(Site::new(&Url::parse(BASE).unwrap(), deps));
        let app = super::app(site.clone()).into_endpoint().map_to_response();
        Self { site, app: Box::new(poem::endpoint::ToDynEndpoint(app)), hand }
    }

    fn wait(&self, seconds: i64) {
        self.hand.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    async fn send(&self, method: Method, path: &str, authorization: &str, body: &[(&str, &str)]) -> Seen {
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
        Seen { status: parts.status, headers: parts.headers, body: body.into_string().await.unwrap() }
    }

    async fn get(&self, path: &str, params: &[(&str, &str)]) -> Seen {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        self.send(Method::GET, &format!("{path}?{query}"), "", &[]).await
    }

    async fn authorize(&self, more: &[(&str, &str)]) -> Seen {
        let params = [("client_id", "demo"), ("redirect_uri", CALLBACK), ("response_type", "code")];
        self.get("/authorize", &[&params[..], more].concat()).await
    }

    /// A code for Mara, asked with the challenge.
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
        self.choose(&page, "mara").await.answer()["code"].clone()
    }

    async fn choose(&self, page: &Seen, user: &str) -> Seen {
        self.send(Method::POST, "/consent", "", &[("consent_id", page.consent_id()), ("person", user)]).await
    }

    fn basic(&self) -> String {
        let secret = self.site.oauth2.secret.expose_secret();
        format!("Basic {}", STANDARD.encode(format!("demo:{secret}")))
    }

    async fn token(&self, body: &[(&str, &str)]) -> Seen {
        self.send(Method::POST, "/token", &self.basic(), body).await
    }

    async fn swap(&self, code: &str) -> Seen {
        let params = [("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
        self.token(&[&[("grant_type", "authorization_code"), ("code", code)], &params[..]].concat()).await
    }

    async fn userinfo(&self, token: &Value) -> Seen {
        let header = format!("Bearer {}", token.as_str().unwrap());
        self.send(Method::GET, "/userinfo", &header, &[]).await
    }

    /// A signed OAuth 1.0a request.
    async fn signed(&self, method: Method, path: &str, token: (&str, &str), more: &[(&str, &str)]) -> Seen {
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
        let seen = self.signed(Method::POST, "/oauth1/request_token", ("", ""), &[("oauth_callback", CALLBACK)]).await;
        let form = seen.form();
        assert_eq!(form["oauth_callback_confirmed"], "true");
        (form["oauth_token"].clone(), form["oauth_token_secret"].clone())
    }
}

#[tokio::test]
async fn a_person_who_is_chosen_signs_in_and_the_id_token_holds() {
    let provider = Provider::new();
    let page = provider
        .authorize(&[
            ("state", "s1"),
            ("nonce", "n1"),
            ("scope", "openid profile email unknown"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ])
        .await;
    assert!(page.body.contains("rest-social-auth (dev)") && page.body.contains("your e-mail address"));
    let answer = provider.choose(&page, "mara").await.answer();
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("s1", BASE));

    let tokens = provider.swap(&answer["code"]).await.json();
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
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);

    let profile = provider.userinfo(&tokens["access_token"]).await.json();
    assert_eq!((&profile["sub"], &profile["given_name"]), (&claims["sub"], &"Mara".into()));
}

#[tokio::test]
async fn the_discovery_document_names_pages_that_are_there() {
    let provider = Provider::new();
    let document = provider.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(document["issuer"], BASE);
    for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint"] {
        let path = document[name].as_str().unwrap().strip_prefix(BASE).unwrap();
        assert_ne!(provider.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_on_this_machine() {
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
        let seen = provider.get("/authorize", &params).await;
        assert_eq!((seen.status, seen.headers.get(header::LOCATION)), (StatusCode::BAD_REQUEST, None), "{uri}");
    }
    for uri in ["http://localhost:3000/cb", "http://[::1]:5/", "https://127.0.0.1/cb?x=1"] {
        let params = [("client_id", "demo"), ("redirect_uri", uri), ("response_type", "code")];
        assert_eq!(provider.get("/authorize", &params).await.status, StatusCode::OK, "{uri}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_to_the_client_with_its_state() {
    let provider = Provider::new();
    for (more, error) in [
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", CHALLENGE)], "invalid_request"),
        (vec![("code_challenge", CHALLENGE), ("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", "short"), ("code_challenge_method", "S256")], "invalid_request"),
        (vec![("nonce", "a"), ("nonce", "b")], "invalid_request"),
        (vec![("prompt", "none")], "interaction_required"),
    ] {
        let answer = provider.authorize(&[&more[..], &[("state", "s1")]].concat()).await.answer();
        assert_eq!((answer["error"].as_str(), answer["state"].as_str()), (error, "s1"), "{more:?}");
    }
}

#[tokio::test]
async fn a_person_who_says_no_goes_back_with_access_denied() {
    let provider = Provider::new();
    let page = provider.authorize(&[("state", "s1")]).await;
    let body = [("consent_id", page.consent_id()), ("deny", "1")];
    let answer = provider.send(Method::POST, "/consent", "", &body).await.answer();
    assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("access_denied", "s1"));
    assert!(!answer.contains_key("code"));
}

#[tokio::test]
async fn a_consent_page_is_answered_once() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    assert_eq!(provider.choose(&page, "nobody").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(provider.choose(&page, "yuki").await.status, StatusCode::SEE_OTHER);
    assert_eq!(provider.choose(&page, "yuki").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_code_used_twice_ends_what_the_first_use_gave() {
    let provider = Provider::new();
    let code = provider.code().await;
    let tokens = provider.swap(&code).await.json();
    assert_eq!(provider.userinfo(&tokens["access_token"]).await.status, StatusCode::OK);
    let again = provider.swap(&code).await;
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
        assert_eq!(provider.swap(&code).await.json()["error"], "invalid_grant", "a failed try uses the code up");
    }
    let code = provider.code().await;
    provider.wait(60);
    assert_eq!(provider.swap(&code).await.json()["error"], "invalid_grant");

    // Asked without a challenge, shown with a verifier: somebody took the challenge away.
    let page = provider.authorize(&[]).await;
    let code = provider.choose(&page, "mara").await.answer()["code"].clone();
    assert_eq!(provider.swap(&code).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn only_the_client_with_its_secret_gets_tokens() {
    let provider = Provider::new();
    let code = provider.code().await;
    let secret = provider.site.oauth2.secret.expose_secret().to_owned();
    let swap = [
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
        let seen = provider.send(Method::POST, "/token", &header, &[&swap[..], &more].concat()).await;
        assert_eq!((seen.status, &seen.json()["error"]), (StatusCode::UNAUTHORIZED, &"invalid_client".into()));
    }
    let body = [&swap[..], &[("client_id", "demo"), ("client_secret", &secret)]].concat();
    assert_eq!(provider.send(Method::POST, "/token", "", &body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_everything() {
    let provider = Provider::new();
    let code = provider.code().await;
    let first = provider.swap(&code).await.json();
    let refresh = first["refresh_token"].as_str().unwrap().to_owned();
    let body = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let second = provider.token(&body).await.json();
    assert_eq!(provider.userinfo(&second["access_token"]).await.status, StatusCode::OK);
    assert_eq!(provider.token(&body).await.json()["error"], "invalid_grant");
    assert_eq!(provider.userinfo(&second["access_token"]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let provider = Provider::new();
    for name in ["access_token", "refresh_token"] {
        let code = provider.code().await;
        let tokens = provider.swap(&code).await.json();
        let body = [("token", tokens[name].as_str().unwrap())];
        let seen = provider.send(Method::POST, "/revoke", &provider.basic(), &body).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert_eq!(provider.userinfo(&tokens["access_token"]).await.status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn every_page_is_guarded_and_none_breaks_a_pop_up() {
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
async fn a_large_body_and_another_type_are_refused() {
    let provider = Provider::new();
    let large = "x".repeat(70_000);
    assert_eq!(provider.token(&[("code", &large)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = Request::builder().method(Method::POST).uri_str("/token").content_type("application/json").body("{}");
    assert_eq!(provider.app.call(request).await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn oauth1_a_person_who_is_chosen_signs_in() {
    let provider = Provider::new();
    let (token, secret) = provider.request_token().await;
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    let answer = provider.choose(&page, "tomas").await.answer();
    assert_eq!(answer["oauth_token"], token);
    let verifier = [("oauth_verifier", answer["oauth_verifier"].as_str())];
    let seen = provider.signed(Method::POST, "/oauth1/access_token", (&token, &secret), &verifier).await;
    let access = seen.form();
    assert_eq!((access["user_id"].as_str(), access["screen_name"].as_str()), ("1002", "tomas"));
    let pair = (access["oauth_token"].as_str(), access["oauth_token_secret"].as_str());
    let profile = provider.signed(Method::GET, "/oauth1/account", pair, &[]).await.json();
    assert_eq!((&profile["id_str"], &profile["name"]), (&"1002".into(), &"Tomás Oyelaran-Ruiz".into()));

    let again = provider.signed(Method::POST, "/oauth1/access_token", (&token, &secret), &verifier).await;
    assert_eq!(again.form()["oauth_problem"], "token_rejected", "a request token is used once");
}

#[tokio::test]
async fn oauth1_a_request_token_needs_consent_and_its_own_verifier() {
    let provider = Provider::new();
    let (token, secret) = provider.request_token().await;
    let seen = provider
        .signed(Method::POST, "/oauth1/access_token", (&token, &secret), &[("oauth_verifier", "guessed")])
        .await;
    assert_eq!(seen.form()["oauth_problem"], "permission_unknown");

    let (token, secret) = provider.request_token().await;
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    provider.choose(&page, "mara").await;
    let seen = provider
        .signed(Method::POST, "/oauth1/access_token", (&token, &secret), &[("oauth_verifier", "guessed")])
        .await;
    assert_eq!(seen.form()["oauth_problem"], "verifier_invalid");
}

#[tokio::test]
async fn oauth1_a_bad_signature_a_foreign_callback_and_a_replay_are_refused() {
    let provider = Provider::new();
    let path = "/oauth1/request_token";
    let seen = provider.signed(Method::POST, path, ("", "wrong"), &[("oauth_callback", CALLBACK)]).await;
    assert_eq!((seen.status, seen.form()["oauth_problem"].as_str()), (StatusCode::UNAUTHORIZED, "signature_invalid"));
    let seen = provider.signed(Method::POST, path, ("", ""), &[("oauth_callback", "https://evil.example/")]).await;
    assert_eq!(seen.form()["oauth_problem"], "callback_rejected");
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
async fn oauth1_a_person_who_says_no_goes_back_with_denied() {
    let provider = Provider::new();
    let (token, _) = provider.request_token().await;
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    let body = [("consent_id", page.consent_id()), ("deny", "1")];
    assert_eq!(provider.send(Method::POST, "/consent", "", &body).await.answer()["denied"], token);
    let page = provider.get("/oauth1/authorize", &[("oauth_token", &token)]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "and the request token is over");
}

#[test]
fn the_settings_name_both_providers_and_secrets_of_this_run() {
    let settings = [Provider::new(), Provider::new()].map(|provider| provider.site.settings());
    for name in ["demo", "demo-oauth1"] {
        let table = &settings[0]["providers"][name];
        assert_eq!(table["key"].as_str(), Some(name));
        assert!(table["secret"].as_str().is_some_and(|secret| secret.len() >= 43));
        assert_ne!(table["secret"], settings[1]["providers"][name]["secret"]);
    }
}
