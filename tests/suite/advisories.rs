//! Published advisories of comparable systems since 2025, each reproduced against this server in one test that is named after
//! its number. The comment of a test says what the other system did wrong and what this server does.

mod account_linking; // accounts linked by an e-mail address or by the proof of another account
mod browser_binding; // login CSRF: requests of another browser, foreign callbacks
mod email_addresses; // e-mail addresses written in misleading ways
mod email_verification; // unverified and invalid e-mail addresses
mod mutable_identifiers; // accounts matched by a value that users can change
mod provider_token_refresh; // the ID token of a token refresh
mod replay_and_mix_up; // one login completed twice, by another flow or at another provider
mod social_core; // the changelog of social-core 5.0 and 5.1
mod token_validation; // tokens of other clients, changed and truncated tokens

use serde_json::{Value, json};

use crate::support::client::{location, parameter};
use crate::support::test_app::TestAppBuilder;
use crate::support::{Answer, Client, Engine, REDIRECT_URI, TestApp, signer};

/// The default pipeline with `associate_by_email`.
const BY_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,create_user,\
                        associate_user,load_extra_data,user_details";

/// Links accounts by e-mail address and trusts the verified addresses of `trusted` providers.
fn linking_by_email(engine: Engine, trusted: &str) -> TestAppBuilder {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_PIPELINE", BY_EMAIL);
    plan.with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", trusted)
}

/// Adds `settings` of `provider`, and a client id and secret unless they are given.
fn configured(plan: TestAppBuilder, provider: &str, settings: &[(&str, &str)]) -> TestAppBuilder {
    let prefix = format!("SOCIAL_AUTH_{}", provider.to_ascii_uppercase().replace('-', "_"));
    let defaults = [("KEY", "k1"), ("SECRET", "s1-secret")];
    defaults.iter().chain(settings).fold(plan, |plan, (name, value)| plan.with(&format!("{prefix}_{name}"), value))
}

/// A login by code, without an authorization request.
async fn sign_in(app: &TestApp, provider: &str, code: &str) -> Answer {
    app.client().login(&format!("token_user/{provider}"), json!({"code": code})).await
}

fn credential(login: &Answer) -> String {
    format!("Token {}", login.field("token"))
}

/// Begins a link with the user's credential and returns the answer of the begin route.
async fn begin_link(client: &Client, credential: &str, provider: &str) -> Value {
    let path = format!("/api/login/social/begin/{provider}/");
    client.post(&path).header("authorization", credential).json(&json!({})).send().await.ok()
}

/// Links the account that `code` signs in to the user of the credential.
async fn link(app: &TestApp, credential: &str, provider: &str, code: &str) -> Answer {
    let client = app.client();
    let begun = begin_link(&client, credential, provider).await;
    let body = json!({"code": code, "state": begun["state"], "flow_token": begun["flow_token"]});
    let path = format!("/api/login/social/token_user/{provider}/");
    client.post(&path).header("authorization", credential).json(&body).send().await
}

/// Sorted (provider, uid) pairs of the user's accounts.
async fn linked_accounts(app: &TestApp, credential: &str) -> Vec<(String, String)> {
    let accounts = app.client().get("/api/user/social/").header("authorization", credential).send().await.ok();
    let text = |account: &Value, name: &str| account[name].as_str().unwrap_or_default().to_owned();
    let mut pairs: Vec<_> = accounts
        .as_array()
        .expect("a list")
        .iter()
        .map(|account| (text(account, "provider"), text(account, "uid")))
        .collect();
    pairs.sort();
    pairs
}

/// A query parameter of the `Location` of a 303.
fn location_parameter(answer: &Answer, name: &str) -> Option<String> {
    parameter(&location(answer), name)
}

/// `hd` makes Google authoritative for the address.
fn google_profile(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "email": email, "email_verified": true, "hd": "example.com"})
}

fn oidc_profile(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "preferred_username": sub, "email": email, "email_verified": true})
}

const APP: &str = "com.example.app:/cb";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`], as parameters of a query.
const CHALLENGE: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

async fn with_app(engine: Engine) -> TestApp {
    TestApp::builder(engine).oidc().with("ALLOWED_REDIRECT_URIS", &format!("{REDIRECT_URI},{APP}")).start().await
}

async fn authorize(browser: &Client, provider: &str, query: &str) -> Answer {
    browser.get(&format!("/api/login/social/authorize/{provider}/?{query}")).send().await
}

async fn complete(browser: &Client, provider: &str, query: &str) -> Answer {
    browser.get(&format!("/api/login/social/complete/{provider}/?{query}")).send().await
}

const KEYCLOAK: &str = "https://sso.example/realms/one";

async fn keycloak(engine: Engine) -> TestApp {
    let key = signer::public_key_for_settings();
    let settings = [
        ("PUBLIC_KEY", key.as_str()),
        ("AUTHORIZATION_URL", "https://sso.example/realms/one/protocol/openid-connect/auth"),
        ("ACCESS_TOKEN_URL", "https://sso.example/realms/one/protocol/openid-connect/token"),
    ];
    configured(TestApp::builder(engine), "keycloak", &settings).start().await
}

fn keycloak_claims(app: &TestApp, change: &Value) -> Value {
    let now = app.clock.now().seconds();
    let mut claims = json!({"iss": KEYCLOAK, "aud": "k1", "azp": "k1", "typ": "Bearer", "sub": "10",
        "preferred_username": "ola", "iat": now, "exp": now + 300});
    for (name, value) in change.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
    claims
}
