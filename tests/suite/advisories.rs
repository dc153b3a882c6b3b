//! Published advisories of comparable systems since 2025, re-enacted against this server: one test each, named after its
//! number. The comment of a test says what the fault was there and what this server does.

mod addresses; // addresses that pass a list, or count as another, by the way they are written
mod browser; // logins that another browser began
mod flow; // logins finished by another flow, at another provider, or twice
mod identity; // accounts found by something a user can choose
mod linking; // accounts joined by an address
mod renewal; // what a renewed token says of its user
mod social_core; // the changelog of the engine that this server succeeds, 5.0 and 5.1
mod tokens; // tokens of another client, cut or changed
mod verified; // unverified addresses, and what is none

use serde_json::{Value, json};

use crate::support::world::Plan;
use crate::support::{Answer, Client, Engine, REDIRECT, World, signer};

/// The default pipeline with joining by e-mail address.
const BY_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,create_user,\
                        associate_user,load_extra_data,user_details";

/// Joins by e-mail address, and trusts the addresses of the named providers.
fn joining_by_email(engine: Engine, trusted: &str) -> Plan {
    let plan = World::on(engine).oidc().with("SOCIAL_AUTH_PIPELINE", BY_EMAIL);
    plan.with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", trusted)
}

/// The settings of `provider`, with a key and a secret where none are given.
fn configured(plan: Plan, provider: &str, settings: &[(&str, &str)]) -> Plan {
    let prefix = format!("SOCIAL_AUTH_{}", provider.to_ascii_uppercase().replace('-', "_"));
    let usual = [("KEY", "k1"), ("SECRET", "s1-secret")];
    usual.iter().chain(settings).fold(plan, |plan, (name, value)| plan.with(&format!("{prefix}_{name}"), value))
}

/// A login by code alone.
async fn sign_in(world: &World, provider: &str, code: &str) -> Answer {
    world.client().login(&format!("token_user/{provider}"), json!({"code": code})).await
}

fn credential(login: &Answer) -> String {
    format!("Token {}", login.field("token"))
}

/// Starts a login with the user's credential, as linking needs. Gives the answer of `begin`.
async fn begin_link(client: &Client, credential: &str, provider: &str) -> Value {
    let path = format!("/api/login/social/begin/{provider}/");
    client.post(&path).header("authorization", credential).json(&json!({})).send().await.ok()
}

/// Links the account that `code` stands for to the user of the credential.
async fn link(world: &World, credential: &str, provider: &str, code: &str) -> Answer {
    let client = world.client();
    let begun = begin_link(&client, credential, provider).await;
    let body = json!({"code": code, "state": begun["state"], "flow_token": begun["flow_token"]});
    let path = format!("/api/login/social/token_user/{provider}/");
    client.post(&path).header("authorization", credential).json(&body).send().await
}

/// Provider and uid of each linked account.
async fn linked_accounts(world: &World, credential: &str) -> Vec<(String, String)> {
    let list = world.client().get("/api/user/social/").header("authorization", credential).send().await.ok();
    let text = |account: &Value, name: &str| account[name].as_str().unwrap_or_default().to_owned();
    let accounts = list.as_array().expect("a list");
    let mut accounts: Vec<_> = accounts.iter().map(|one| (text(one, "provider"), text(one, "uid"))).collect();
    accounts.sort();
    accounts
}

/// A parameter of the URL that a 303 leads to.
fn location_parameter(answer: &Answer, name: &str) -> Option<String> {
    assert_eq!(answer.status, 303, "{}", answer.whole());
    let url = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Google hosts the domain, so that it verifies the address.
fn google_profile(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "email": email, "email_verified": true, "hd": "example.com"})
}

fn oidc_profile(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "preferred_username": sub, "email": email, "email_verified": true})
}

const APP: &str = "com.example.app:/cb";

async fn with_app(engine: Engine) -> World {
    World::on(engine).oidc().with("ALLOWED_REDIRECT_URIS", &format!("{REDIRECT},{APP}")).start().await
}

async fn authorize(browser: &Client, provider: &str, query: &str) -> Answer {
    browser.get(&format!("/api/login/social/authorize/{provider}/?{query}")).send().await
}

async fn complete(browser: &Client, provider: &str, query: &str) -> Answer {
    browser.get(&format!("/api/login/social/complete/{provider}/?{query}")).send().await
}

const KEYCLOAK: &str = "https://sso.example/realms/one";

async fn keycloak(engine: Engine) -> World {
    let key = signer::public_key_for_settings();
    let settings = [
        ("PUBLIC_KEY", key.as_str()),
        ("AUTHORIZATION_URL", "https://sso.example/realms/one/protocol/openid-connect/auth"),
        ("ACCESS_TOKEN_URL", "https://sso.example/realms/one/protocol/openid-connect/token"),
    ];
    configured(World::on(engine), "keycloak", &settings).start().await
}

fn keycloak_claims(world: &World, change: &Value) -> Value {
    let now = world.clock.now().seconds();
    let mut claims = json!({"iss": KEYCLOAK, "aud": "k1", "azp": "k1", "typ": "Bearer", "sub": "10",
        "preferred_username": "ola", "iat": now, "exp": now + 300});
    for (name, value) in change.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
    claims
}
