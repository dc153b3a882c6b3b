//! What the simulated providers refuse, and in which words. Each test changes one part of a request that is accepted.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::{Endpoint as _, IntoEndpoint as _, Request};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::params::Params;
use super::request::ProviderRequest;
use super::signature::authorization_header;
use super::state::SimulatorState;
use super::{Personas, Simulator, answers, browser_routes};
use crate::clock::Deps;
use crate::outgoing::Client;
use crate::provider::{Providers, SIMULATOR_CHOICES};
use crate::settings::{Mode, Sources, read_with_errors};

const CALLBACK: &str = "http://localhost:3000/callback";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

type Pairs = Vec<(String, String)>;
type Slice = [(String, String)];

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The pairs with another value of one name, or without it.
fn changed(pairs: &Slice, name: &str, value: Option<&str>) -> Pairs {
    assert!(pairs.iter().any(|(known, _)| known == name), "{name}");
    let others = pairs.iter().filter(|(known, _)| known != name).cloned();
    others.chain(value.map(|value| (name.to_owned(), value.to_owned()))).collect()
}

struct Simulation {
    state: Arc<SimulatorState>,
}

/// The answer to a request of the server.
struct Answer {
    status: u16,
    body: String,
    problem: Option<String>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    #[track_caller]
    fn assert_refused(&self, status: u16, words: &str, problem: &str) {
        let found = self.problem.as_deref().unwrap_or_default();
        assert!(
            self.status == status && self.body.contains(words) && found.contains(problem),
            "{} {} {found}",
            self.status,
            self.body
        );
    }
}

impl Simulation {
    fn of(names: &[&str]) -> Self {
        let base = Url::parse("http://127.0.0.1:8001").expect("a URL");
        let deps = Deps::system();
        let simulator = Simulator::new(base, Personas::built_in(), deps.clone()).expect("a simulator");
        let mut settings = read_with_errors(&Sources { mode: Mode::Dev, ..Sources::default() }).0;
        let simulated: Vec<_> =
            names.iter().map(|name| simulator.add_provider(name, &mut settings).expect("a sample")).collect();
        let address = "127.0.0.1:1".parse().expect("an address");
        let client = Client::with_simulator(&settings.outgoing, simulator.network(address, &simulated));
        let client = client.expect("the rules are plain");
        let providers =
            Providers::from_settings(&settings, &client, &deps).unwrap_or_else(|errors| panic!("{errors:?}"));
        Self { state: simulator.with_providers(&providers, simulated, &settings).state }
    }

    /// Opens an authorization endpoint. `Ok`: the parameters of the callback. `Err`: the page.
    async fn open(&self, at: &str, query: &Slice) -> Result<HashMap<String, String>, String> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let request = Request::builder().uri_str(format!("/at/{at}?{query}")).finish();
        let response = browser_routes(&self.state).into_endpoint().get_response(request).await;
        let location = response.header("location").map(str::to_owned);
        match location {
            Some(location) => {
                let location = Url::parse(&location).expect("a URL");
                Ok(location.query_pairs().into_owned().collect())
            }
            None => Err(response.into_body().into_string().await.expect("a page")),
        }
    }

    /// As [`Self::open`], for a persona that is chosen in advance.
    async fn consent(&self, at: &str, query: &Slice) -> HashMap<String, String> {
        let query = [query, &pairs([(SIMULATOR_CHOICES[0].1, "mara")])].concat();
        self.open(at, &query).await.unwrap_or_else(|page| panic!("{page}"))
    }

    /// Asserts that an authorization request is refused on a page with this text.
    async fn assert_page(&self, at: &str, query: &Slice, text: &str) {
        let query = [query, &pairs([(SIMULATOR_CHOICES[0].1, "mara")])].concat();
        let page = self.open(at, &query).await.expect_err(text);
        assert!(page.contains(text), "{text}: {page}");
    }

    fn call(&self, method: &str, url: &str, body: &Body, headers: &[(&str, &str)]) -> Answer {
        let url = Url::parse(url).expect("a URL");
        let (form, json) = match body {
            Body::None => (Pairs::new(), None),
            Body::Form(form) => (form.clone(), None),
            Body::Json(text) => (Pairs::new(), serde_json::from_str(text).ok()),
        };
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
        let authorization = headers.iter().find(|(name, _)| *name == "authorization");
        let request = ProviderRequest {
            method: method.to_owned(),
            host: url.host_str().expect("a host").to_owned(),
            path: url.path().to_owned(),
            raw_path: url.path().to_owned(),
            query: Params::parse(url.query().unwrap_or_default().as_bytes()),
            form: Params::parse(form.as_bytes()),
            json,
            authorization: authorization.map(|(_, value)| (*value).to_owned()).unwrap_or_default(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let answer = answers::answer(&self.state, &request);
        Answer { status: answer.status.as_u16(), body: answer.body, problem: answer.problem }
    }

    fn post(&self, url: &str, form: &Slice) -> Answer {
        self.call("POST", url, &Body::Form(form.to_vec()), &[])
    }

    fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.call("GET", url, &Body::None, headers)
    }
}

enum Body {
    None,
    Form(Pairs),
    Json(String),
}

fn github_request() -> Pairs {
    pairs([
        ("client_id", "simulated-github"),
        ("redirect_uri", CALLBACK),
        ("state", "s-1"),
        ("response_type", "code"),
        ("scope", "user:email,read:org"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ])
}

fn github_token_request(code: &str) -> Pairs {
    pairs([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("client_id", "simulated-github"),
        ("client_secret", "simulated-secret-of-github"),
        ("code_verifier", VERIFIER),
    ])
}

fn apple_request() -> Pairs {
    pairs([
        ("client_id", "example.front.web"),
        ("redirect_uri", CALLBACK),
        ("state", "s-1"),
        ("response_type", "code"),
        ("response_mode", "form_post"),
        ("scope", "name email"),
        ("nonce", "n-1"),
    ])
}

const GITHUB_PAGE: &str = "github.com/login/oauth/authorize";
const GITHUB_TOKEN: &str = "https://github.com/login/oauth/access_token";

#[tokio::test]
async fn an_authorization_request_is_refused_for_each_wrong_parameter() {
    let simulation = Simulation::of(&["github", "google-oauth2", "apple-id", "keycloak"]);
    let github = github_request();
    for (name, value, text) in [
        ("client_id", Some("another"), "No client with this client ID is registered at the simulated GitHub."),
        ("client_id", None, "No client with this client ID"),
        ("redirect_uri", Some("https://evil.example/callback"), "The redirect URI is not registered"),
        ("redirect_uri", Some("http://localhost.evil.example/"), "The redirect URI is not registered"),
        ("redirect_uri", None, "The redirect URI is not registered"),
        ("response_type", Some("token"), "response_type must be code."),
        ("code_challenge", Some("too-short"), "PKCE needs code_challenge"),
        ("code_challenge_method", Some("plain"), "PKCE needs code_challenge"),
        ("code_challenge_method", None, "PKCE needs code_challenge"),
        ("scope", Some("user:email read:org"), "scope must be separated by"),
    ] {
        simulation.assert_page(GITHUB_PAGE, &changed(&github, name, value), text).await;
    }
    let without_pkce = changed(&changed(&github, "code_challenge", None), "code_challenge_method", None);
    simulation.assert_page(GITHUB_PAGE, &without_pkce, "code_challenge is missing.").await;
    let repeated = [github.clone(), pairs([("state", "s-2")])].concat();
    simulation.assert_page(GITHUB_PAGE, &repeated, "a parameter is repeated").await;
    simulation.assert_page("github.com/login/other", &github, "no authorization endpoint").await;
    let callback = simulation.consent(GITHUB_PAGE, &github).await;
    assert_eq!(callback["state"], "s-1");

    let apple = apple_request();
    let page = simulation.open("appleid.apple.com/auth/authorize", &apple).await.expect_err("a page");
    assert!(page.contains("Simulated Apple"), "{page}");
    for (name, value, text) in [
        ("response_mode", None, "response_mode must be form_post."),
        ("response_mode", Some("query"), "response_mode must be form_post."),
        ("scope", Some("name,email"), "scope must be separated by"),
        ("nonce", None, "nonce is missing."),
    ] {
        simulation.assert_page("appleid.apple.com/auth/authorize", &changed(&apple, name, value), text).await;
    }
}

#[tokio::test]
async fn a_token_request_is_refused_for_each_wrong_parameter_in_the_words_of_the_provider() {
    let simulation = Simulation::of(&["github"]);
    for (name, value, words, problem) in [
        ("client_secret", Some("wrong"), "incorrect_client_credentials", "client_secret is wrong or missing."),
        ("client_secret", None, "incorrect_client_credentials", "client_secret is wrong or missing."),
        ("client_id", Some("another"), "incorrect_client_credentials", "client_id is wrong or missing."),
        ("redirect_uri", Some("http://localhost:3000/other"), "bad_verification_code", "redirect_uri is wrong"),
        ("code_verifier", Some("another"), "bad_verification_code", "code_verifier does not match"),
        ("code_verifier", None, "bad_verification_code", "code_verifier does not match"),
        ("grant_type", None, "invalid_request", "grant_type is wrong or missing."),
    ] {
        let code = simulation.consent(GITHUB_PAGE, &github_request()).await["code"].clone();
        let status = if words == "invalid_request" { 400 } else { 200 };
        let wrong = changed(&github_token_request(&code), name, value);
        simulation.post(GITHUB_TOKEN, &wrong).assert_refused(status, words, problem);
    }
    simulation.post(GITHUB_TOKEN, &github_token_request("invented")).assert_refused(200, "bad_verification_code", "");

    // A code is accepted once; its second use revokes the tokens (RFC 6749, section 4.1.2).
    let code = simulation.consent(GITHUB_PAGE, &github_request()).await["code"].clone();
    let request = github_token_request(&code);
    let token = simulation.post(GITHUB_TOKEN, &request).json()["access_token"].as_str().expect("a token").to_owned();
    let header = format!("token {token}");
    let profile = |header: &str| simulation.get("https://api.github.com/user", &[("authorization", header)]);
    assert_eq!(profile(&header).json()["login"], "mara");
    profile(&format!("Basic {token}")).assert_refused(401, "Bad credentials", "authorization is wrong");
    profile("token sim_access0_invented").assert_refused(401, "Bad credentials", "unknown");
    simulation.post(GITHUB_TOKEN, &request).assert_refused(200, "bad_verification_code", "has expired");
    profile(&header).assert_refused(401, "Bad credentials", "has expired");
}

#[tokio::test]
async fn client_authentication_and_required_headers_are_those_of_the_provider() {
    let simulation = Simulation::of(&["notion", "coinbase", "apple-id"]);
    let request = pairs([
        ("client_id", "simulated-notion"),
        ("redirect_uri", CALLBACK),
        ("state", "s-1"),
        ("response_type", "code"),
        ("owner", "user"),
    ]);
    let code = simulation.consent("api.notion.com/v1/oauth/authorize", &request).await["code"].clone();
    let body = Body::Json(
        serde_json::json!({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}).to_string(),
    );
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("simulated-notion:{secret}")));
    let send = |header: &str| {
        simulation.call("POST", "https://api.notion.com/v1/oauth/token", &body, &[("authorization", header)])
    };
    send(&basic("wrong")).assert_refused(401, "invalid_client", "authorization is wrong or missing.");
    send("").assert_refused(401, "invalid_client", "authorization is wrong or missing.");
    assert_eq!(send(&basic("simulated-secret-of-notion")).status, 200);

    let request = pairs([
        ("client_id", "simulated-coinbase"),
        ("redirect_uri", CALLBACK),
        ("state", "s-1"),
        ("response_type", "code"),
        ("scope", "wallet:user:read,wallet:user:email"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let code = simulation.consent("login.coinbase.com/oauth2/auth", &request).await["code"].clone();
    let form = pairs([
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("client_id", "simulated-coinbase"),
        ("client_secret", "simulated-secret-of-coinbase"),
        ("code_verifier", VERIFIER),
    ]);
    let tokens = simulation.post("https://login.coinbase.com/oauth2/token", &form).json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    let profile = |headers: &[(&str, &str)]| simulation.get("https://api.coinbase.com/v2/user", headers);
    let good = [("authorization", bearer.as_str()), ("cb-version", "2022-01-06")];
    assert_eq!(profile(&good).status, 200, "{}", profile(&good).body);
    profile(&good[..1]).assert_refused(400, "invalid_request", "cb-version is wrong or missing.");

    // Apple's client secret is a token that the client signs.
    let request = [apple_request(), pairs([(SIMULATOR_CHOICES[0].1, "mara")])].concat();
    let page = simulation.open("appleid.apple.com/auth/authorize", &request).await.expect_err("a form");
    let code = page.split("name=\"code\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a code");
    let form = pairs([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("client_id", "example.front.web"),
        ("client_secret", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"),
    ]);
    simulation.post("https://appleid.apple.com/auth/token", &form).assert_refused(
        401,
        "invalid_client",
        "client_secret",
    );
}

/// A request of OAuth 1.0a with its signature.
struct Signed<'a> {
    url: &'a str,
    oauth: Vec<(&'a str, &'a str)>,
    secrets: (&'a str, &'a str),
}

impl Signed<'_> {
    fn header(&self, method: &str, nonce: &str, now: &str) -> String {
        let times = [
            ("oauth_consumer_key", "simulated-twitter"),
            ("oauth_nonce", nonce),
            ("oauth_timestamp", now),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_version", "1.0"),
        ];
        let oauth: Vec<(&str, &str)> = times.into_iter().chain(self.oauth.iter().copied()).collect();
        let (address, query) = self.url.split_once('?').unwrap_or((self.url, ""));
        let others = Params::parse(query.as_bytes());
        authorization_header(method, address, &oauth, others.pairs(), self.secrets)
    }
}

#[tokio::test]
async fn requests_of_oauth1_need_a_signature_a_new_nonce_and_the_verifier() {
    const SECRET: &str = "simulated-secret-of-twitter";
    let simulation = Simulation::of(&["twitter"]);
    let now = simulation.state.deps.now().seconds().to_string();
    let form = |answer: &Answer| -> HashMap<String, String> {
        form_urlencoded::parse(answer.body.as_bytes()).into_owned().collect()
    };
    let url = "https://api.twitter.com/oauth/request_token";
    let request = |secret: &'static str, callback: &'static str| Signed {
        url,
        oauth: vec![("oauth_callback", callback)],
        secrets: (secret, ""),
    };
    let send =
        |url: &str, method: &str, header: &str| simulation.call(method, url, &Body::None, &[("authorization", header)]);
    let wrong = request("wrong", CALLBACK).header("POST", "n-1", &now);
    send(url, "POST", &wrong).assert_refused(401, "consumer_key_rejected", "signature_invalid");
    let late = request(SECRET, CALLBACK).header("POST", "n-1", "1700000000");
    send(url, "POST", &late).assert_refused(401, "consumer_key_rejected", "timestamp_refused");
    let foreign = request(SECRET, "https://evil.example/").header("POST", "n-2", &now);
    send(url, "POST", &foreign).assert_refused(400, "parameter_rejected", "oauth_callback");
    let good = request(SECRET, CALLBACK).header("POST", "n-1", &now);
    let temporary = form(&send(url, "POST", &good));
    send(url, "POST", &good).assert_refused(401, "consumer_key_rejected", "nonce_used");

    let page = "api.twitter.com/oauth/authenticate";
    let invented =
        pairs([("oauth_token", "sim_request0_0123456789abcdef0123456789abcdef"), ("redirect_uri", CALLBACK)]);
    simulation.assert_page(page, &invented, "The oauth_token is unknown").await;
    let query = pairs([("oauth_token", &temporary["oauth_token"]), ("redirect_uri", CALLBACK)]);
    let callback = simulation.consent(page, &query).await;
    simulation.assert_page(page, &query, "The oauth_token is unknown").await;

    let url = "https://api.twitter.com/oauth/access_token";
    let access = |verifier: &str, nonce: &str| {
        let oauth = vec![("oauth_token", temporary["oauth_token"].as_str()), ("oauth_verifier", verifier)];
        let signed = Signed { url, oauth, secrets: (SECRET, &temporary["oauth_token_secret"]) };
        send(url, "POST", &signed.header("POST", nonce, &now))
    };
    access("wrong", "n-3").assert_refused(401, "token_rejected", "verifier");
    let tokens = form(&access(&callback["oauth_verifier"], "n-4"));
    access(&callback["oauth_verifier"], "n-5").assert_refused(401, "token_rejected", "has expired");

    let url = "https://api.twitter.com/1.1/account/verify_credentials.json?include_email=true";
    let oauth = vec![("oauth_token", tokens["oauth_token"].as_str())];
    let signed = Signed { url, oauth, secrets: (SECRET, "wrong") };
    let answer = send(url, "GET", &signed.header("GET", "n-6", &now));
    answer.assert_refused(401, "consumer_key_rejected", "signature_invalid");
    // The second use of the verifier has revoked the token.
    let signed = Signed { secrets: (SECRET, &tokens["oauth_token_secret"]), ..signed };
    let answer = send(url, "GET", &signed.header("GET", "n-7", &now));
    answer.assert_refused(401, "Invalid or expired token.", "has expired");
}

#[tokio::test]
async fn steam_confirms_an_assertion_once_and_no_changed_one() {
    let simulation = Simulation::of(&["steam"]);
    let select = "http://specs.openid.net/auth/2.0/identifier_select";
    let query = pairs([
        ("openid.ns", "http://specs.openid.net/auth/2.0"),
        ("openid.mode", "checkid_setup"),
        ("openid.realm", "http://localhost:3000/"),
        ("openid.return_to", CALLBACK),
        ("openid.identity", select),
        ("openid.claimed_id", select),
    ]);
    let page = "steamcommunity.com/openid/login";
    simulation
        .assert_page(page, &changed(&query, "openid.realm", Some("http://evil.example/")), "openid.realm must be")
        .await;
    let foreign = changed(&query, "openid.return_to", Some("https://evil.example/"));
    simulation.assert_page(page, &foreign, "The redirect URI is not registered").await;
    let url = "https://steamcommunity.com/openid/login";
    for name in ["openid.claimed_id", "openid.return_to", "openid.sig", "openid.response_nonce"] {
        let mut assertion: Pairs = simulation.consent(page, &query).await.into_iter().collect();
        assertion = changed(&assertion, "openid.mode", Some("check_authentication"));
        let value = &assertion.iter().find(|(known, _)| known == name).expect("a parameter").1;
        let other = format!("{value}1");
        let answer = simulation.post(url, &changed(&assertion, name, Some(&other)));
        assert!(answer.status == 200 && answer.body.contains("is_valid:false"), "{name}: {}", answer.body);
    }
    let assertion: Pairs = simulation.consent(page, &query).await.into_iter().collect();
    let assertion = changed(&assertion, "openid.mode", Some("check_authentication"));
    assert!(simulation.post(url, &assertion).body.contains("is_valid:true"));
    assert!(simulation.post(url, &assertion).body.contains("is_valid:false"));
}

#[tokio::test]
async fn denied_consent_has_the_words_of_the_provider() {
    let simulation = Simulation::of(&["github", "linkedin-openidconnect", "twitter", "steam"]);
    let query = [github_request(), pairs([(SIMULATOR_CHOICES[1].1, "denied")])].concat();
    let denied = simulation.open(GITHUB_PAGE, &query).await.expect("a callback");
    assert_eq!(denied["error_description"], "The user has denied your application access.");
    assert_eq!((denied["error"].as_str(), denied["state"].as_str()), ("access_denied", "s-1"));
    let limited = [github_request(), pairs([(SIMULATOR_CHOICES[1].1, "rate-limited")])].concat();
    let code = simulation.open(GITHUB_PAGE, &limited).await.expect("a callback")["code"].clone();
    simulation.post(GITHUB_TOKEN, &github_token_request(&code)).assert_refused(429, "secondary rate limit", "too many");
}
