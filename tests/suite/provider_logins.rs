//! Every provider of the catalogue signs a user in. Each has a sample with an invented user in `src/provider/samples/`. It runs with the
//! real host names, with only a code and after begin. The README of that folder documents the format.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use rest_social_auth::provider::{Sample, SampleCall, catalog_samples};
use serde_json::{Map, Value, json};

use crate::provider_requests::signature;
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET};
use crate::support::{Answer, Call, Client, Engine, REDIRECT_URI, Reply, TestApp, signer};

/// The bot token in the Telegram case.
pub const BOT_TOKEN: &str = "4711:bot-token-of-the-test";

type StringMap = BTreeMap<String, String>;

/// What replaces the placeholders of samples.
const PLACEHOLDERS: [(&str, &str); 12] = [
    ("{client_id}", CLIENT_ID),
    ("{client_secret}", CLIENT_SECRET),
    ("{basic}", "Y2xpZW50LW9mLXRoZS10ZXN0OmNsaWVudC1zZWNyZXQtNWYyZDdj"),
    ("{redirect_uri}", REDIRECT_URI),
    ("{redirect_origin}", "https://front.example"),
    ("{code}", "code-4711"),
    ("{access_token}", "token-of-ines"),
    ("{base64_access_token}", "dG9rZW4tb2YtaW5lcw=="),
    ("{refresh_token}", "refresh-1"),
    ("{token_secret}", "secret-of-it"),
    ("{request_token}", "request-token-7"),
    ("{request_secret}", "request-secret"),
];
/// Signatures of the requests and callbacks with these values, by sample. They do not come from the expressions of the samples.
const SIGNATURES: [(&str, &str, &str); 6] = [
    ("facebook", "{appsecret_proof}", "4034d07c234e4b88414d95553311578a6986710d87806faef410ebe6d7db56af"),
    ("facebook-app", "{appsecret_proof}", "4034d07c234e4b88414d95553311578a6986710d87806faef410ebe6d7db56af"),
    ("mailru-oauth2", "{sig}", "2a9cebdf3d2b7943d2f3fb4108c37921"),
    ("odnoklassniki-oauth2", "{sig}", "86a29e1eacae41731744289ab880b47e"),
    ("vk-app", "{sig}", "6fff02f96a2f55100d0acad723b460be"),
    ("vk-app", "{auth_key}", "f1b279f8dc0756dc89477d8fa8239a39"),
];

/// A sample with the values of the test.
#[derive(Clone)]
pub struct Case {
    file: String,
    sample: Arc<Sample>,
}

impl Deref for Case {
    type Target = Sample;

    fn deref(&self) -> &Sample {
        &self.sample
    }
}

impl Case {
    fn new(file: &str, text: &str) -> Self {
        let mut text = text.replace("{now_utc}", "2026-01-01T10:00:00Z");
        for (placeholder, value) in PLACEHOLDERS {
            text = text.replace(placeholder, value);
        }
        for (_, placeholder, value) in SIGNATURES.iter().filter(|(name, ..)| *name == file) {
            text = text.replace(placeholder, value);
        }
        let sample = Sample::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self { file: file.to_owned(), sample: Arc::new(sample) }
    }
}

/// `METHOD host/path`, as [`Call::endpoint`].
fn endpoint_of(exchange: &SampleCall) -> String {
    exchange.request.replacen("https://", "", 1)
}

fn matches_call(exchange: &SampleCall, call: &Call) -> bool {
    call.endpoint() == endpoint_of(exchange) && texts(&call.query) == exchange.query
}

fn texts(pairs: &[(String, String)]) -> StringMap {
    pairs.iter().cloned().collect()
}

pub fn cases() -> Vec<Case> {
    catalog_samples().map(|(file, text)| Case::new(file, text)).collect()
}

#[test]
fn every_catalog_entry_has_a_case() {
    let cases = cases();
    let has = |entry: &rest_social_auth::provider::CatalogEntry| {
        let variant =
            |case: &Case| case.variant.as_deref().unwrap_or(if entry.variant_only { "" } else { entry.id }) == entry.id;
        cases.iter().any(|case| case.provider == entry.name && variant(case))
    };
    let missing: Vec<&str> =
        rest_social_auth::provider::catalog_entries().filter(|entry| !has(entry)).map(|entry| entry.id).collect();
    assert!(missing.is_empty(), "entries without a case: {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_signs_in_with_the_code_only() {
    let cases = cases().into_iter().filter(|case| !case.links_only);
    play(Engine::Sqlite, cases, |stage| async move { stage.sign_in_with_code_only().await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_signs_in_after_begin() {
    play(Engine::Sqlite, cases().into_iter(), |stage| async move { stage.sign_in_after_begin().await }).await;
}

/// Runs all cases, a few at a time, and reports all failures together.
pub async fn play<F: Future<Output = ()>>(
    engine: Engine,
    cases: impl Iterator<Item = Case>,
    part: impl Fn(Stage) -> F,
) {
    let part = &part;
    let played = stream::iter(cases.map(|case| async move {
        let file = case.file.clone();
        let outcome = AssertUnwindSafe(async { part(Stage::start(engine, case).await).await }).catch_unwind().await;
        outcome.err().map(|panic| format!("{file}: {}", panic_message(&*panic)))
    }));
    let wrong: Vec<String> = played.buffer_unordered(4).filter_map(|outcome| async move { outcome }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// A server with one provider, and the double of that provider.
pub struct Stage {
    case: Case,
    app: TestApp,
    nonce: Arc<Mutex<Option<String>>>,
}

impl Stage {
    async fn start(engine: Engine, case: Case) -> Self {
        let prefix = format!("SOCIAL_AUTH_{}_", case.provider.to_ascii_uppercase().replace('-', "_"));
        let mut plan = TestApp::builder(engine);
        let usual = [("KEY", CLIENT_ID), ("SECRET", CLIENT_SECRET)].map(|(name, value)| (name, value.to_owned()));
        let usual = usual.into_iter().filter(|(name, _)| !case.settings.contains_key(*name));
        let variant = case.variant.clone().map(|id| ("VARIANT", id));
        for (name, value) in usual.chain(variant) {
            plan = plan.with(&format!("{prefix}{name}"), &value);
        }
        for (name, value) in &case.settings {
            let value = value.as_str().map_or_else(|| value.to_string(), replace_keys);
            plan = plan.with(&format!("{prefix}{name}"), &value);
        }
        let stage = Self { case, app: plan.start().await, nonce: Arc::default() };
        stage.register_replies();
        stage
    }

    /// The provider answers each request of the case once, and its documents any number of times.
    fn register_replies(&self) {
        let mut documents = self.case.documents.clone();
        if let Some(issuer) = &self.case.issuer {
            let at = |path: &str| format!("{issuer}/{path}");
            let discovery = json!({
                "issuer": issuer,
                "authorization_endpoint": at("authorize"),
                "token_endpoint": at("token"),
                "userinfo_endpoint": at("userinfo"),
                "jwks_uri": at("jwks"),
            });
            documents.insert(at(".well-known/openid-configuration"), discovery.to_string());
            documents.insert(at("jwks"), "{jwks}".to_owned());
        }
        for (url, body) in documents {
            let body = body.replace("{jwks}", &signer::jwks().to_string());
            let reply = Reply::of(200, "application/json", body);
            self.app.double.on(&format!("GET {}", url.replacen("https://", "", 1)), move |_| reply.clone());
        }
        let left = Mutex::new(self.case.calls.clone());
        let (claims, nonce, now) = (self.claims(), self.nonce.clone(), self.app.clock.now().seconds());
        self.app.double.rule(move |call| {
            let mut left = left.lock().expect("the lock is not poisoned");
            let place = left.iter().position(|exchange| matches_call(exchange, call))?;
            let exchange = left.remove(place);
            let nonce = nonce.lock().expect("the lock is not poisoned").clone();
            let answer = exchange.answer.replace("{id_token}", &id_token(claims.clone(), nonce, now));
            let answer = answer.replace("{identity}", &identity(claims.clone(), call, now));
            let state = call.form().into_iter().find(|(name, _)| name == "state").map(|(_, value)| value);
            let answer = answer.replace("{state}", &state.unwrap_or_default());
            let kind = if answer.starts_with(['{', '[']) { "application/json" } else { "text/plain" };
            let reply = Reply::of(200, kind, answer);
            Some(exchange.answer_headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value)))
        });
    }

    fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::from_iter([("aud".to_owned(), json!(CLIENT_ID))]);
        claims.extend(self.case.issuer.as_ref().map(|issuer| ("iss".to_owned(), json!(issuer))));
        claims.extend(self.case.id_token.clone().unwrap_or_default());
        claims
    }

    async fn sign_in_with_code_only(&self) {
        let browser = self.app.browser();
        let mut body = json!({"redirect_uri": REDIRECT_URI});
        if self.case.oauth1 {
            let token = self.login(&browser, &body, None).await.field("oauth_token");
            body["oauth_token"] = json!(token);
        }
        self.add_callback_parameters(&mut body);
        self.check(&self.login(&browser, &body, None).await, None).await;
    }

    async fn sign_in_after_begin(&self) {
        let browser = self.app.browser();
        let helper =
            if self.case.links_only { Some(format!("Token {}", self.app.token("token", "u7").await)) } else { None };
        self.app.double.clear_calls();
        let mut body = Value::Object(self.case.address.clone());
        body["redirect_uri"] = json!(REDIRECT_URI);
        let request = browser.post(&format!("/api/login/social/begin/{}/", self.case.provider)).json(&body);
        let request = match &helper {
            Some(credential) => request.header("authorization", credential),
            None => request,
        };
        let begun = request.send().await;
        let url = url::Url::parse(&begun.field("authorization_url")).expect("a URL");
        let challenge = self.check_redirect(&url);
        let mut body = json!({"state": begun.field("state")});
        // OpenID 2.0 repeats return_to in the assertion.
        let return_to =
            url.query_pairs().find(|(name, _)| name == "openid.return_to").map(|(_, value)| value.into_owned());
        if let Some((_, token)) = url.query_pairs().find(|(name, _)| self.case.oauth1 && name == "oauth_token") {
            body["oauth_token"] = json!(token);
        }
        self.add_callback_parameters(&mut body);
        if let Some(return_to) = return_to {
            body["openid.return_to"] = json!(return_to);
        }
        // Another browser is refused before the provider is called.
        let elsewhere = self.login(&self.app.browser(), &body, helper.as_deref()).await;
        assert_eq!(elsewhere.json()["code"], "flow_mismatch", "in another browser: {}", elsewhere.text);
        self.check(&self.login(&browser, &body, helper.as_deref()).await, challenge.as_deref()).await;
    }

    /// A callback from another browser, or without the right state, is refused before the provider is called: on the
    /// login routes and in the server-side redirect flow.
    pub async fn refuses_callbacks_without_its_state(&self) {
        let (owner, other) = (self.app.browser(), self.app.browser());
        let helper =
            if self.case.links_only { Some(format!("Token {}", self.app.token("token", "u7").await)) } else { None };
        let mut body = Value::Object(self.case.address.clone());
        body["redirect_uri"] = json!(REDIRECT_URI);
        let request = owner.post(&format!("/api/login/social/begin/{}/", self.case.provider)).json(&body);
        let request = helper.iter().fold(request, |request, helper| request.header("authorization", helper));
        let begun = request.send().await;
        let mut body = json!({"state": begun.field("state")});
        let url = url::Url::parse(&begun.field("authorization_url")).expect("a URL");
        let token = url.query_pairs().find(|(name, _)| self.case.oauth1 && name == "oauth_token");
        if let Some((_, token)) = token {
            body["oauth_token"] = json!(token);
        } else {
            let repeated = url.as_str().contains(&begun.field("state"));
            assert!(repeated, "the state is not sent to the provider: {url}");
        }
        self.add_callback_parameters(&mut body);
        self.app.double.clear_calls();
        let without = |name: &str, value: Value| {
            let mut body = body.clone();
            body[name] = value;
            body
        };
        let key = if self.case.oauth1 { "oauth_token" } else { "state" };
        let mut callbacks = vec![(&other, body.clone()), (&owner, without(key, json!("forged")))];
        if !self.case.oauth1 {
            callbacks.push((&owner, without(key, Value::Null)));
        }
        for (browser, body) in callbacks {
            let answer = self.login(browser, &body, helper.as_deref()).await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.text);
            let code = answer.json()["code"].clone();
            assert!(code == "flow_mismatch" || code == "state_mismatch", "{body}: {}", answer.text);
        }
        if !self.case.links_only && !self.case.oauth1 {
            self.redirect_flow_refuses_callbacks_without_its_state().await;
        }
        assert!(self.app.double.calls().is_empty(), "the provider was called");
        let users = i64::from(self.case.links_only);
        assert_eq!(self.app.database.count("users").await, users);
    }

    async fn redirect_flow_refuses_callbacks_without_its_state(&self) {
        let texts = |map: &Map<String, Value>| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            map.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), text(value))).collect()
        };
        let query = |pairs: &[(String, String)]| {
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        };
        let (owner, other) = (self.app.browser(), self.app.browser());
        let mut asked = texts(&self.case.address);
        asked.push(("next".to_owned(), REDIRECT_URI.to_owned()));
        let path = format!("/api/login/social/authorize/{}/?{}", self.case.provider, query(&asked));
        let answer = owner.get(&path).send().await;
        assert_eq!(answer.status, 303, "{}", answer.headers_and_body());
        self.app.double.clear_calls();
        let mut body = json!({});
        self.add_callback_parameters(&mut body);
        let url = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
        let nested = url.query_pairs().find_map(|(_, value)| url::Url::parse(&value).ok());
        let pairs = |url: &url::Url| url.query_pairs().into_owned().collect::<Vec<_>>();
        let all: Vec<(String, String)> = pairs(&url).into_iter().chain(nested.iter().flat_map(pairs)).collect();
        for name in ["state", "redirect_state"] {
            if let Some((_, value)) = all.iter().find(|(known, _)| known == name) {
                body[name] = json!(value);
            }
        }
        let brought = texts(body.as_object().expect("an object"));
        let of_none = brought.iter().filter(|(name, _)| !name.contains("state")).cloned();
        for (browser, pairs) in [(&other, brought.clone()), (&owner, of_none.collect())] {
            let path = format!("/api/login/social/complete/{}/?{}", self.case.provider, query(&pairs));
            let answer = browser.get(&path).send().await;
            assert_eq!(answer.status, 400, "{path}: {}", answer.headers_and_body());
            assert!(browser.cookie("sessionid").is_none(), "{path}");
        }
    }

    /// Adds the parameters of the provider's callback.
    fn add_callback_parameters(&self, body: &mut Value) {
        let usual = if self.case.oauth1 { ("oauth_verifier", "verifier-9") } else { ("code", "code-4711") };
        body[usual.0] = json!(usual.1);
        for (name, value) in &self.case.callback {
            body[name] = value.clone();
        }
        let now = self.app.clock.now().seconds();
        if body["timestamp"] == "{now}" {
            body["timestamp"] = json!(now.to_string());
        }
        if body["hmac"] == "{hmac}" {
            body["hmac"] = json!(callback_hmac(body));
        }
        if body["auth_date"] == "{now}" {
            body["auth_date"] = json!(now);
            body["hash"] = json!(telegram_hash(body));
        }
        if let Some(text) = body["signed_request"].as_str() {
            body["signed_request"] = json!(signed_request(&text.replace("{now}", &now.to_string())));
        }
    }

    async fn login(&self, browser: &Client, body: &Value, credential: Option<&str>) -> Answer {
        let request = browser.post(&format!("/api/login/social/token_user/{}/", self.case.provider)).json(body);
        let request = match credential {
            Some(credential) => request.header("authorization", credential),
            None => request,
        };
        request.send().await
    }

    /// Compares the authorization URL; state, nonce and challenge may have any value. Returns the challenge.
    fn check_redirect(&self, url: &url::Url) -> Option<String> {
        let wanted = &self.case.authorization;
        assert_eq!(url.as_str().split(['?', '#']).next(), Some(wanted.url.as_str()), "authorization");
        let mut query: StringMap = url.query_pairs().into_owned().collect();
        let nonce = query.remove("nonce");
        assert_eq!(nonce.is_some(), wanted.nonce, "a nonce in {url}");
        *self.nonce.lock().expect("the lock is not poisoned") = nonce;
        let challenge = query.remove("code_challenge");
        assert_eq!(challenge.is_some(), wanted.pkce, "a challenge in {url}");
        assert_eq!(query.remove("code_challenge_method").as_deref(), wanted.pkce.then_some("S256"));
        for (name, value) in &wanted.query {
            let free = value == "*" && query.get(name).is_some_and(|value| value.len() >= 16);
            assert!(free || query.get(name) == Some(value), "{name}={value} is wanted in {url}");
        }
        let more: Vec<&String> = query.keys().filter(|name| !wanted.query.contains_key(*name)).collect();
        assert!(more.is_empty(), "{more:?} in {url}");
        challenge
    }

    async fn check(&self, answer: &Answer, challenge: Option<&str>) {
        if answer.status != 200 {
            let places: Vec<String> = self.app.double.calls().iter().map(Call::endpoint).collect();
            panic!("status {}: {}; calls: {places:?}", answer.status, answer.text);
        }
        self.check_calls(challenge);
        let expected = &self.case.user;
        let user = answer.ok();
        let helped = self.case.links_only;
        if !helped {
            let username = user["username"].as_str().unwrap_or_default();
            let random = expected.username == "*" && username.len() >= 16;
            assert!(random || username == expected.username, "username {username}");
            for (name, wanted) in
                [("email", &expected.email), ("first_name", &expected.first_name), ("last_name", &expected.last_name)]
            {
                assert_eq!(user[name], wanted.as_str(), "{name}");
            }
            let verified = self.app.database.number("SELECT count(*) FROM users WHERE email_verified").await;
            assert_eq!(verified == 1, expected.email_verified, "a verified e-mail");
        }
        let token = user["token"].as_str().expect("a token");
        let request = self.app.client().get("/api/user/social/").header("authorization", format!("Token {token}"));
        let accounts = request.send().await.ok();
        let account =
            accounts.as_array().expect("a list").iter().find(|account| account["provider"] == self.case.provider);
        let account = account.unwrap_or_else(|| panic!("no account in {accounts}"));
        assert_eq!(account["uid"], expected.uid.as_str(), "uid");
        let mut extra = account["extra_data"].clone();
        extra.as_object_mut().expect("an object").remove("auth_time").expect("a time");
        let wanted: Value = serde_json::from_str(&expected.extra_data).expect("extra_data in JSON");
        for (name, value) in extra.as_object_mut().into_iter().flatten() {
            if wanted[name] == "*" {
                *value = json!("*");
            }
        }
        assert_eq!(extra, wanted, "extra_data");
    }

    /// All requests of the case were made, in order, and no others except for documents.
    fn check_calls(&self, challenge: Option<&str>) {
        let is_document = |call: &Call| {
            let url = format!("https://{}{}", call.host, call.path);
            let of_issuer =
                |issuer: &String| url.starts_with(issuer) && (url.contains("/.well-known/") || url.ends_with("/jwks"));
            call.method == "GET" && (self.case.documents.contains_key(&url) || self.case.issuer.iter().any(of_issuer))
        };
        let calls: Vec<Call> = self.app.double.calls().into_iter().filter(|call| !is_document(call)).collect();
        let places: Vec<String> = calls.iter().map(Call::endpoint).collect();
        let wanted: Vec<String> = self.case.calls.iter().map(endpoint_of).collect();
        assert_eq!(places, wanted, "calls");
        let mut secret = String::new();
        for (call, exchange) in calls.iter().zip(&self.case.calls) {
            check_call(call, exchange, challenge.filter(|_| endpoint_of(exchange) == wanted[0]));
            if self.case.oauth1 {
                let header = call.header("authorization").unwrap_or_default();
                let sent =
                    header.split(", ").find_map(|pair| pair.strip_prefix("oauth_signature=")).unwrap_or_default();
                let sent = percent_encoding::percent_decode_str(sent.trim_matches('"')).decode_utf8_lossy();
                assert_eq!(sent, signature(call, &secret), "the signature of {}", call.endpoint());
                let given = url::form_urlencoded::parse(exchange.answer.as_bytes());
                let given = given.into_owned().find(|(name, _)| name == "oauth_token_secret");
                secret = given.map_or(secret, |(_, value)| value);
            } else if !exchange.headers.contains_key("authorization") {
                assert_eq!(call.header("authorization"), None, "{}", call.endpoint());
            }
        }
    }
}

fn check_call(call: &Call, exchange: &SampleCall, challenge: Option<&str>) {
    let place = call.endpoint();
    assert_eq!(texts(&call.query), exchange.query, "the query of {place}");
    for (name, value) in &exchange.headers {
        assert_eq!(call.header(name), Some(value.as_str()), "{name} of {place}");
    }
    if let Some(json) = &exchange.json {
        let wanted: Value = serde_json::from_str(json).expect("json in JSON");
        let sent: Value = serde_json::from_str(&call.body).unwrap_or_default();
        assert_eq!(sent, wanted, "the body of {place}");
        return;
    }
    let mut form = texts(&call.form());
    if let Some(challenge) = challenge {
        let verifier = form.remove("code_verifier").unwrap_or_else(|| panic!("no code_verifier in {place}"));
        assert_eq!(signer::challenge_of(&verifier), challenge, "the verifier of {place}");
    }
    let mut wanted = exchange.form.clone().unwrap_or_default();
    for (name, value) in wanted.iter_mut().filter(|(_, value)| *value == "*") {
        value.clone_from(form.get(name).filter(|sent| !sent.is_empty()).expect("any value, but one"));
    }
    assert_eq!(form, wanted, "the form of {place}");
}

fn id_token(mut claims: Map<String, Value>, nonce: Option<String>, now: i64) -> String {
    claims.extend(nonce.map(|nonce| ("nonce".to_owned(), Value::from(nonce))));
    for (name, value) in [("iat", now), ("exp", now + 300)] {
        claims.entry(name).or_insert_with(|| json!(value));
    }
    signer::signed(&Value::Object(claims))
}

/// A setting's text with the keys of this run.
fn replace_keys(text: &str) -> String {
    text.replace("{public_key}", &signer::public_key_for_settings()).replace("{private_key}", &signer::client_key())
}

/// MediaWiki's identity JWT: signed with the client secret, with the nonce of the request.
fn identity(mut claims: Map<String, Value>, call: &Call, now: i64) -> String {
    let header = call.header("authorization").unwrap_or_default();
    let nonce = header.split_once("oauth_nonce=\"").and_then(|(_, after)| after.split('"').next());
    claims.insert("nonce".to_owned(), json!(nonce));
    claims.insert("iat".to_owned(), json!(now));
    signer::hs256(CLIENT_SECRET.as_bytes(), &Value::Object(claims))
}

/// Shopify's signature of a callback.
pub fn callback_hmac(body: &Value) -> String {
    let signed = ["code", "host", "shop", "state", "timestamp"];
    let pairs: Vec<String> =
        signed.iter().filter_map(|name| Some(format!("{name}={}", body.get(name)?.as_str()?))).collect();
    hmac_sha256(&pairs.join("&")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Telegram's signature of the login widget's data.
pub fn telegram_hash(body: &Value) -> String {
    let signed = ["auth_date", "first_name", "id", "last_name", "photo_url", "username"];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let lines: Vec<String> =
        signed.iter().filter_map(|name| Some(format!("{name}={}", text(body.get(name)?)))).collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, BOT_TOKEN.as_bytes());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, digest.as_ref());
    let tag = aws_lc_rs::hmac::sign(&key, lines.join("\n").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Facebook's signed request for a page inside Facebook.
fn signed_request(payload: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = URL_SAFE_NO_PAD.encode(payload);
    format!("{}.{payload}", URL_SAFE_NO_PAD.encode(hmac_sha256(&payload)))
}

fn hmac_sha256(text: &str) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}
