//! The provider simulator of `dev`: logins through begin, consent and callback, the behaviours, and what it refuses. `make
//! test-simulator` does the same with every provider.

mod behaviours;
mod dev_server;
mod refusals;

use std::collections::HashMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Process, run};
use crate::support::{Answer, Client};

/// One provider of each kind.
const SAMPLE: [&str; 14] = [
    "apple-id",
    "discord",
    "facebook",
    "github",
    "google-oauth2",
    "google-openidconnect",
    "keycloak",
    "mediawiki",
    "notion",
    "shopify",
    "steam",
    "telegram",
    "twitter",
    "vk-id",
];

struct Dev {
    process: Process,
    simulator: String,
    folder: TempDir,
}

impl Dev {
    async fn start(more: &[&str]) -> Self {
        Self::start_with(more, &[]).await
    }

    async fn start_with(more: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let names = SAMPLE.join(",");
        let arguments = [&["dev", "--ephemeral", "--print-url", "--simulate", names.as_str()], more].concat();
        let temporary = folder.path().to_str().expect("a path").to_owned();
        // Temporary directories of one test, although `dev` deletes those of killed processes.
        let environment = [environment, &[("TMPDIR", temporary.as_str())]].concat();
        Self::of(Process::start(&arguments, &environment, folder.path()).await, folder).await
    }

    /// Waits for the addresses.
    async fn of(process: Process, folder: TempDir) -> Self {
        while !process.output().contains("\"simulator\"") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let output = process.output();
        let line = output.lines().find(|line| line.contains("\"simulator\"")).expect("a line");
        let addresses: Value = serde_json::from_str(line).expect("one line of JSON");
        assert_eq!(addresses["url"], process.base.as_str());
        let simulator = addresses["simulator"].as_str().expect("an address").to_owned();
        Self { process, simulator, folder }
    }

    fn simulator(&self) -> Client {
        Client::new(&self.simulator)
    }

    async fn begin(&self, browser: &Client, provider: &str) -> Value {
        self.begin_with(browser, provider, json!({})).await
    }

    async fn begin_with(&self, browser: &Client, provider: &str, mut body: Value) -> Value {
        if provider == "shopify" {
            body["shop"] = json!("farrow-lamps.myshopify.com");
        }
        browser.post(&format!("/api/login/social/begin/{provider}/")).json(&body).send().await.ok()
    }

    /// The path of the authorization URL in the simulator.
    fn page_of(&self, begun: &Value) -> String {
        let url = begun["authorization_url"].as_str().expect("a URL");
        assert!(url.starts_with(&format!("{}/at/", self.simulator)), "{url}");
        url.split('#').next().unwrap_or_default()[self.simulator.len()..].to_owned()
    }

    /// The answer of the simulator to an authorization request with further parameters.
    async fn consent(&self, begun: &Value, more: &str) -> Answer {
        let page = self.page_of(begun);
        let separator = if page.contains('?') { '&' } else { '?' };
        self.simulator().get(&format!("{page}{separator}{more}")).send().await
    }

    async fn sign_in(&self, provider: &str, kind: &str, more: &str) -> Answer {
        let browser = self.process.client();
        let begun = self.begin(&browser, provider).await;
        let callback = callback_of(&self.consent(&begun, more).await);
        self.finish(&browser, provider, kind, &begun, &callback).await
    }

    async fn finish(
        &self,
        browser: &Client,
        provider: &str,
        kind: &str,
        begun: &Value,
        callback: &HashMap<String, String>,
    ) -> Answer {
        let mut body = json!(callback);
        body["flow_token"] = begun["flow_token"].clone();
        browser.post(&format!("/api/login/social/{kind}/{provider}/")).json(&body).send().await
    }

    async fn calls(&self, provider: &str) -> Vec<Value> {
        let answer = self.simulator().get(&format!("/simulator/calls?provider={provider}")).send().await.ok();
        answer["calls"].as_array().cloned().expect("a list")
    }
}

/// The parameters of the callback: of a redirect, or of the form that the browser posts.
fn callback_of(answer: &Answer) -> HashMap<String, String> {
    if let Some(location) = answer.header("location") {
        let url = url::Url::parse(location).expect("a URL");
        return url.query_pairs().into_owned().collect();
    }
    let fields = answer.text.split("<input type=\"hidden\" name=\"").skip(1);
    let unescaped = |text: &str| text.replace("&quot;", "\"").replace("&#x2f;", "/").replace("&amp;", "&");
    let field = |part: &str| {
        let (name, rest) = part.split_once("\" value=\"")?;
        Some((name.to_owned(), unescaped(rest.split_once('"')?.0)))
    };
    let fields: HashMap<String, String> = fields.filter_map(field).collect();
    assert!(!fields.is_empty() && !fields.contains_key("consent_id"), "{}", answer.headers_and_body());
    fields
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_providers_sign_in_with_three_kinds_of_credential() {
    let dev = Dev::start(&[]).await;
    let mut wrong = Vec::new();
    for provider in SAMPLE {
        for kind in ["jwt-pair-user", "token_user", "knox_user"] {
            let answer = dev.sign_in(provider, kind, "login_hint=mara").await;
            if answer.status != 200 {
                wrong.push(format!("{provider} {kind}: {} {:?}", answer.text, dev.calls(provider).await));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_consent_page_and_the_control_endpoints_work_without_a_hint() {
    let dev = Dev::start(&[]).await;
    let browser = dev.process.client();
    let begun = dev.begin(&browser, "github").await;
    let page = dev.consent(&begun, "").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("Simulated GitHub") && page.text.contains("Continue as Mara Lindqvist"),
        "{}",
        page.text
    );
    let id =
        page.text.split("name=\"consent_id\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an ID");
    let form = [("consent_id", id), ("user", "mara"), ("behaviour", "ordinary")];
    let answer = dev.simulator().post("/simulator/consent").form(&form).send().await;
    let signed_in = dev.finish(&browser, "github", "token_user", &begun, &callback_of(&answer)).await;
    assert_eq!(signed_in.ok()["email"], "mara@demo.example");
    let again = dev.simulator().post("/simulator/consent").form(&form).send().await;
    assert_eq!(again.status, 400, "a page is answered once");
    let stages: Vec<Value> = dev.calls("github").await.iter().map(|call| call["stage"].clone()).collect();
    assert_eq!(json!(stages), json!(["authorize", "consent", "token", "profile", "profile"]));
    let chosen = dev.simulator().get("/simulator/choose?login_hint=unknown").send().await;
    assert_eq!(chosen.status, 400);
}

#[test]
fn check_simulate_runs_a_login_and_prints_it_without_secrets() {
    let folder = TempDir::new().expect("a temporary folder");
    for provider in ["google-oauth2", "reddit"] {
        let output = run(&["providers", "check", "--simulate", provider, "--json"], &[], folder.path());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let result: Value = serde_json::from_str(&text).expect("JSON");
        assert!(result["user"]["first_name"].is_string() || result["user"]["username"].is_string(), "{result}");
        assert!(!text.contains("simulated-secret"), "{text}");
        let stages: Vec<&str> =
            result["calls"].as_array().expect("calls").iter().filter_map(|call| call["stage"].as_str()).collect();
        assert!(stages.contains(&"consent") && stages.contains(&"token") && stages.contains(&"profile"), "{stages:?}");
    }
}

/// An operator's own provider with a sample, as docs/OFFLINE.md shows it.
const OWN: &str = r#"
[providers.acme]
title = "Acme"
protocol = "oauth2"
extra_data = ["id"]
authorization = { url = "https://acme.example/oauth/authorize", pkce = true }
token = { url = "https://acme.example/oauth/token" }
userinfo = [{ url = "https://api.acme.example/me" }]
user = { username = "profile.login", email = "profile.email | default('')", email_verified = "profile.verified", fullname = "profile.name" }

[providers.acme.sample]
authorization = { url = "https://acme.example/oauth/authorize", query = { client_id = "{client_id}", redirect_uri = "{redirect_uri}", state = "*", response_type = "code" } }
user = { uid = "77", username = "ines", email = "ines@mail.example", first_name = "Ines", last_name = "Farrow" }

[[providers.acme.sample.calls]]
request = "POST https://acme.example/oauth/token"
form = { grant_type = "authorization_code", code = "{code}", redirect_uri = "{redirect_uri}", client_id = "{client_id}", client_secret = "{client_secret}" }
answer = '{"access_token": "{access_token}", "token_type": "bearer", "refresh_token": "{refresh_token}"}'

[[providers.acme.sample.calls]]
request = "GET https://api.acme.example/me"
headers = { authorization = "Bearer {access_token}" }
answer = '{"id": 77, "login": "ines", "name": "Ines Farrow", "email": "ines@mail.example", "verified": true}'
"#;

#[test]
fn a_provider_of_the_settings_with_a_sample_is_simulated() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("settings.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        let path = file.to_str().expect("a path");
        let output = run(&["--config", path, "providers", "check", "--simulate", "acme", "--json"], &[], folder.path());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    let (succeeded, result) = check(OWN);
    assert!(succeeded, "{result}");
    assert_eq!(result["user"]["email"], "mara@demo.example");
    assert_eq!((&result["user"]["uid"], &result["user"]["email_verified"]), (&json!("77"), &json!(true)));
    // A descriptor that does not fit its sample is reported with the request.
    let (succeeded, result) = check(&OWN.replace(
        "userinfo = [{ url = \"https://api.acme.example/me\" }]",
        "userinfo = [{ url = \"https://api.acme.example/you\" }]",
    ));
    assert!(!succeeded);
    assert!(result["calls"].as_array().expect("calls").iter().any(|call| call["problem"].is_string()), "{result}");
    let (succeeded, result) = check(&OWN.replace("[providers.acme.sample]\n", "[providers.acme.sample]\nanswr = 1\n"));
    assert!(!succeeded && result["error"]["message"].as_str().expect("a message").contains("answr"), "{result}");
}
