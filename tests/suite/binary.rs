//! The real binary: how it starts, what it says, how it ends, and that no secret gets into its log.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::double::{Double, Reply};
use crate::support::people::{CLIENT_ID, CLIENT_SECRET, GITHUB_TOKEN, People};
use crate::support::process::{Process, run};

const SECRET_KEY: &str = "the-binarys-own-secret-key-9e1f4b7a-long-enough";

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

#[test]
fn sec_47_every_mistake_of_the_settings_is_told_at_once() {
    let folder = folder();
    let environment = [
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "http://login.example.com"),
        ("STATE_POLICY", "sometimes"),
        ("ALLOWED_ORIGINS", "https://app.example.com/path"),
        ("DATABASE_URL", "mysql://x"),
    ];
    let output = run(&["serve"], &environment, folder.path());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for (name, _) in environment {
        assert!(told.contains(name), "{name} is not told of: {told}");
    }
    assert!(!told.contains("short"), "a key is no part of a message: {told}");
}

#[test]
fn sec_47_there_is_no_default_secret() {
    let folder = folder();
    let output = run(&["serve"], &[("PUBLIC_URL", "http://127.0.0.1:1")], folder.path());
    assert!(String::from_utf8_lossy(&output.stderr).contains("SECRET_KEY"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_document_is_printed_without_database_or_settings() {
    let folder = folder();
    let yaml = run(&["openapi"], &[], folder.path());
    let checked_in = include_str!("../../openapi.yaml");
    assert_eq!(String::from_utf8_lossy(&yaml.stdout), checked_in);
    let json = run(&["openapi", "--format", "json"], &[], folder.path());
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(document["openapi"], "3.0.0");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn what_init_writes_is_what_serve_takes() {
    let folder = folder();
    let written = run(&["init"], &[], folder.path());
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    assert!(!run(&["init"], &[], folder.path()).status.success(), "it overwrites nothing");
    let arguments = ["serve", "--config", "rest-social-auth.toml"];
    let server = Process::start(&arguments, &[], folder.path()).await;
    server.client().get("/readyz").send().await.ok();
    assert!(!server.output().contains("STATE_POLICY is"), "the file asks for begun logins: {}", server.output());
}

#[tokio::test]
async fn serve_makes_its_database_and_ends_on_sigterm_with_the_login_under_way() {
    let (folder, double) = (folder(), Double::start().await);
    People::default().answer(&double);
    double.on(GITHUB_TOKEN, |_| {
        Reply::json(&json!({"access_token": "gho_u1", "token_type": "bearer"})).after(Duration::from_millis(1500))
    });
    let mut server = Process::start(&["serve"], &environment(&double), folder.path()).await;
    assert!(folder.path().join("rest-social-auth.db").exists());
    let client = server.client();
    let login = tokio::spawn(async move { client.login("token_user/github", json!({"code": "u1"})).await });
    while double.calls_at(GITHUB_TOKEN).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.terminate();
    assert_eq!(login.await.expect("no panic").field("username"), "user1");
    assert!(server.ended(Duration::from_secs(15)).await.success(), "{}", server.output());
}

/// The suite's providers, by their real names.
fn environment(double: &Double) -> Vec<(&'static str, &str)> {
    vec![
        ("SECRET_KEY", SECRET_KEY),
        ("HTTPS_PROXY", double.proxy()),
        ("SSL_CERT_FILE", double.authority().to_str().expect("a path in UTF-8")),
        ("RUST_LOG", "trace"),
        ("SOCIAL_AUTH_GITHUB_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_GITHUB_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_FACEBOOK_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_FACEBOOK_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_TWITTER_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_TWITTER_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_OIDC_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_OIDC_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", "https://id.example"),
    ]
}

#[tokio::test]
async fn sec_41_no_secret_gets_into_the_log() {
    let (folder, double) = (folder(), Double::start().await);
    let people = People::default();
    people.answer(&double);
    people.set_now(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs().cast_signed());
    let mut environment = environment(&double);
    environment.push(("STORE_PROVIDER_TOKENS", "true"));
    let server = Process::start(&["serve"], &environment, folder.path()).await;
    let client = server.client();
    let mut secrets = vec![SECRET_KEY.to_owned(), CLIENT_SECRET.to_owned()];
    let mut codes = 100..;
    for provider in ["github", "facebook", "oidc"] {
        for kind in ["token_user", "jwt-pair-user", "jwt-sliding", "knox", "session"] {
            let code = format!("u{}", codes.next().expect("numbers go on"));
            let browser = server.client().browser();
            let answer = browser.login(&format!("{kind}/{provider}"), json!({"code": code})).await;
            let body = answer.ok();
            secrets.extend(["token", "refresh"].iter().filter_map(|name| body[name].as_str().map(str::to_owned)));
            secrets.extend(browser.cookies().into_values());
            secrets.push(format!("gho_{code}"));
            secrets.push(format!("oidc-{code}"));
            secrets.push(code);
        }
    }
    let browser = server.client().browser();
    let begun = browser.post("/api/login/social/begin/oidc/").json(&json!({})).send().await.ok();
    secrets.extend(["state", "flow_token", "nonce"].iter().filter_map(|name| begun[name].as_str().map(str::to_owned)));
    secrets.extend(browser.cookies().into_values());
    client.login("token/github", json!({"code": "bad-code-of-a-stranger"})).await.problem(400, "invalid_code");
    secrets.push("bad-code-of-a-stranger".to_owned());
    let first = client.login("token/twitter", json!({})).await.ok();
    let token = first["oauth_token"].as_str().expect("a request token").to_owned();
    secrets.extend(people.request_token_secret(&token));
    let finish = json!({"oauth_token": token, "oauth_verifier": "u7"});
    secrets.push(client.login("token/twitter", finish).await.field("token"));
    let bearer = format!("Token {}", secrets.last().expect("the token"));
    client.user(&bearer).await.ok();
    client.user("Bearer made.up.token-of-a-stranger").await.problem(401, "token_not_valid");
    secrets.push("token-of-a-stranger".to_owned());

    let log = server.output();
    assert!(log.contains("signed in"), "there is a log to search: {log}");
    for secret in secrets.iter().filter(|secret| secret.len() > 4) {
        assert!(!log.contains(secret.as_str()), "{secret} stands in the log");
    }
}
