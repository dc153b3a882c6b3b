//! The behaviours that a tester chooses, at providers of each kind: OAuth 2.0, OpenID Connect, OAuth 1.0a, OpenID 2.0 (Steam), a signed
//! callback (Telegram), and a posted form (Apple).

use serde_json::{Value, json};

use super::Dev;
use crate::support::process::Process;

const KINDS: [&str; 6] = ["github", "keycloak", "twitter", "steam", "telegram", "apple-id"];

/// Steam and the callback of Telegram have no e-mail address.
fn has_email(provider: &str) -> bool {
    !matches!(provider, "steam" | "telegram")
}

impl Dev {
    async fn user(&self, provider: &str, persona: &str, behaviour: &str) -> Value {
        let answer = self.sign_in(provider, "token_user", &format!("login_hint={persona}&behaviour={behaviour}")).await;
        assert_eq!(answer.status, 200, "{provider} {persona} {behaviour}: {}", answer.text);
        answer.json()
    }

    /// Status and code of a login that fails.
    async fn failure(&self, provider: &str, behaviour: &str) -> (u16, String) {
        let answer = self.sign_in(provider, "token_user", &format!("login_hint=mara&behaviour={behaviour}")).await;
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        (answer.status, code)
    }

    async fn last_call(&self, provider: &str, stage: &str) -> Value {
        let calls = self.calls(provider).await;
        calls.into_iter().rfind(|call| call["stage"] == stage).unwrap_or_else(|| panic!("{provider}: no {stage}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_may_be_missing_unverified_or_those_of_another_account() {
    let dev = Dev::start(&[]).await;
    for provider in KINDS {
        // A user keeps an address, so each check needs one without it.
        assert_eq!(dev.user(provider, "mara", "no-email").await["email"], "", "{provider}");
        let [first, second] =
            [dev.user(provider, "tomas", "ordinary").await, dev.user(provider, "tomas", "second-account").await];
        let expected = if has_email(provider) { "tomas@demo.example" } else { "" };
        assert_eq!((&first["email"], &second["email"]), (&json!(expected), &json!(expected)), "{provider}");
        assert_ne!(first["username"], second["username"], "{provider}");
        let again = dev.user(provider, "tomas", "second-account").await;
        assert_eq!(again["username"], second["username"], "{provider}");
    }
    dev.user("github", "tomas", "unverified-email").await;
    let emails = dev.last_call("github", "profile").await["answer"].to_string();
    assert!(emails.contains("tomas@demo.example") && !emails.contains("\"verified\":true"), "{emails}");
    // Google's users must have a verified address.
    assert_eq!(dev.failure("google-oauth2", "unverified-email").await, (403, "not_allowed".to_owned()));
    dev.user("google-oauth2", "mara", "ordinary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_may_be_very_long_in_unicode_or_sent_once() {
    let dev = Dev::start(&[]).await;
    for (provider, first_name) in [
        ("github", "Ђорђе-Þórunn"),
        ("keycloak", "Ђорђе-Þórunn 伊藤さくら"),
        ("twitter", "Ђорђе-Þórunn"),
        ("steam", ""),
        ("telegram", "Ђорђе-Þórunn 伊藤さくら"),
        ("apple-id", "Ђорђе-Þórunn 伊藤さくら"),
    ] {
        let user = dev.user(provider, "noor", "unicode").await;
        assert!(user["first_name"].as_str().expect("a name").starts_with(first_name), "{provider}: {user}");
    }
    // Apple always sends the name once, others with `name-once`.
    assert_eq!(dev.user("apple-id", "mara", "ordinary").await["first_name"], "Mara");
    assert_eq!(dev.user("apple-id", "mara", "ordinary").await["first_name"], "Mara", "the server keeps the name");
    for (at, has_name) in [(1, true), (2, false)] {
        dev.user("facebook", "mara", "name-once").await;
        let profile = dev.last_call("facebook", "profile").await["answer"].to_string();
        assert_eq!(profile.contains("Lindqvist"), has_name, "login {at}: {profile}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_consent_refused_codes_and_expired_tokens_have_the_code_of_the_failure() {
    let dev = Dev::start(&[]).await;
    for provider in KINDS {
        assert_eq!(dev.failure(provider, "denied").await, (400, "access_denied".to_owned()), "{provider}");
        // Telegram's login calls nothing.
        if provider != "telegram" {
            assert_eq!(dev.failure(provider, "invalid-code").await, (400, "invalid_code".to_owned()), "{provider}");
        }
    }
    // Apple and Keycloak send the profile in the ID token.
    for provider in ["github", "twitter", "steam"] {
        assert_eq!(dev.failure(provider, "expired-token").await, (502, "provider_error".to_owned()), "{provider}");
    }
    let refused = dev.last_call("github", "profile").await;
    assert_eq!((&refused["status"], &refused["answer"]["message"]), (&json!(401), &json!("Bad credentials")));
    let refused = dev.last_call("twitter", "profile").await;
    assert_eq!(refused["answer"]["errors"][0]["message"], "Invalid or expired token.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_silent_and_overloaded_providers_fail_the_login() {
    let dev = Dev::start_with(&[], &[("SOCIAL_AUTH_REQUESTS_TIMEOUT", "2")]).await;
    let dev = &dev;
    // Telegram's login calls nothing.
    let called = KINDS.into_iter().filter(|provider| *provider != "telegram");
    let at_once = |behaviour: &'static str, expected: (u16, &'static str)| {
        let logins = called.clone().map(move |provider| async move {
            let (status, code) = dev.failure(provider, behaviour).await;
            assert_eq!((status, code.as_str()), expected, "{provider} {behaviour}");
        });
        futures_util::future::join_all(logins)
    };
    at_once("server-error", (502, "provider_error")).await;
    at_once("timeout", (504, "provider_timeout")).await;
    at_once("rate-limited", (502, "provider_error")).await;
    let limited = dev.last_call("github", "token").await;
    assert_eq!(limited["status"], 429);
    assert!(limited["answer"]["message"].as_str().expect("a message").contains("secondary rate limit"), "{limited}");
    assert_eq!(dev.last_call("twitter", "token").await["answer"]["errors"][0]["message"], "Rate limit exceeded");
    // The behaviour is that of one login: there is no pause afterwards.
    dev.user("github", "mara", "ordinary").await;
}

/// A provider whose access tokens expire at once, so that each call of the front-end refreshes them.
const OWN: &str = r#"
store_provider_tokens = true

[providers.acme]
title = "Acme"
protocol = "oauth2"
authorization = { url = "https://acme.example/oauth/authorize" }
token = { url = "https://acme.example/oauth/token" }
userinfo = [{ url = "https://api.acme.example/me" }]
user = { username = "profile.login" }

[providers.acme.sample]
authorization = { url = "https://acme.example/oauth/authorize", query = { client_id = "{client_id}", redirect_uri = "{redirect_uri}", state = "*", response_type = "code" } }
user = { uid = "77", username = "ines" }

[[providers.acme.sample.calls]]
request = "POST https://acme.example/oauth/token"
form = { grant_type = "authorization_code", code = "{code}", redirect_uri = "{redirect_uri}", client_id = "{client_id}", client_secret = "{client_secret}" }
answer = '{"access_token": "{access_token}", "token_type": "bearer", "expires_in": 1, "refresh_token": "{refresh_token}"}'

[[providers.acme.sample.calls]]
request = "GET https://api.acme.example/me"
headers = { authorization = "Bearer {access_token}" }
answer = '{"id": 77, "login": "ines"}'
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_revokes_access_fails_the_next_refresh() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, OWN).expect("a file");
    let arguments =
        ["--config", file.to_str().expect("a path"), "dev", "--ephemeral", "--simulate", "acme", "--print-url"];
    let process = Process::start(&arguments, &[], folder.path()).await;
    let dev = Dev::of(process, folder).await;
    for (behaviour, is_refreshed) in [("ordinary", true), ("revoked", false)] {
        let user = dev.user("acme", "mara", behaviour).await;
        let header = format!("Token {}", user["token"].as_str().expect("a token"));
        let get = async |path: &str| dev.process.client().get(path).header("authorization", &header).send().await;
        let accounts = get("/api/user/social/").await.json();
        let list = accounts["accounts"].as_array().or_else(|| accounts.as_array()).cloned().unwrap_or_default();
        let id = list.first().map_or_else(|| panic!("{accounts}"), |account| account["id"].to_string());
        let answer = get(&format!("/api/user/social/{}/token/", id.trim_matches('"'))).await;
        let refresh = dev.last_call("acme", "refresh").await;
        assert_eq!(
            (answer.status == 200, refresh["status"] == 200),
            (is_refreshed, is_refreshed),
            "{behaviour}: {} {refresh}",
            answer.text
        );
    }
}
