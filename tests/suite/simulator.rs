//! The provider simulator of `dev`: logins through begin, consent and callback, the behaviours, and what it refuses. `make
//! test-simulator` does the same with every provider.

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
    _folder: TempDir,
}

impl Dev {
    async fn start(more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let names = SAMPLE.join(",");
        let arguments = [&["dev", "--ephemeral", "--print-url", "--simulate", names.as_str()], more].concat();
        let process = Process::start(&arguments, &[], folder.path()).await;
        while !process.output().contains("\"simulator\"") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let output = process.output();
        let line = output.lines().find(|line| line.contains("\"simulator\"")).expect("a line");
        let addresses: Value = serde_json::from_str(line).expect("one line of JSON");
        assert_eq!(addresses["url"], process.base.as_str());
        let simulator = addresses["simulator"].as_str().expect("an address").to_owned();
        Self { process, simulator, _folder: folder }
    }

    fn simulator(&self) -> Client {
        Client::new(&self.simulator)
    }

    async fn begin(&self, browser: &Client, provider: &str) -> Value {
        let body = if provider == "shopify" { json!({"shop": "farrow-lamps.myshopify.com"}) } else { json!({}) };
        browser.post(&format!("/api/login/social/begin/{provider}/")).json(&body).send().await.ok()
    }

    /// The answer of the simulator to an authorization request with further parameters.
    async fn consent(&self, begun: &Value, more: &str) -> Answer {
        let url = begun["authorization_url"].as_str().expect("a URL");
        assert!(url.starts_with(&format!("{}/at/", self.simulator)), "{url}");
        let url = url.split('#').next().unwrap_or_default();
        let separator = if url.contains('?') { '&' } else { '?' };
        self.simulator().get(&format!("{}{separator}{more}", &url[self.simulator.len()..])).send().await
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
async fn personas_and_behaviours_decide_about_user_and_outcome() {
    let dev = Dev::start(&["--seed", "tomas"]).await;
    let user = async |more: &str| dev.sign_in("github", "token_user", more).await;
    let mara = user("login_hint=mara").await.ok();
    assert_eq!((&mara["email"], &mara["first_name"]), (&json!("mara@demo.example"), &json!("Mara")));
    assert_eq!(user("login_hint=mara").await.ok()["username"], mara["username"]);
    assert_ne!(user("login_hint=mara&behaviour=second-account").await.ok()["username"], mara["username"]);
    assert_eq!(user("login_hint=noor").await.ok()["email"], "");
    assert_eq!(user("login_hint=yuki&behaviour=no-email").await.ok()["email"], "");
    let long = user("login_hint=noor&behaviour=unicode").await;
    assert_eq!(long.status, 200, "{}", long.text);
    for (behaviour, status) in [("denied", 403), ("invalid-code", 400), ("server-error", 502), ("rate-limited", 503)] {
        let answer = user(&format!("login_hint=mara&behaviour={behaviour}")).await;
        assert!((400..=599).contains(&answer.status), "{behaviour}, {status}: {}", answer.text);
        assert!(answer.json()["code"].is_string(), "{behaviour}: {}", answer.text);
    }
    // Apple sends the name at the first consent only.
    let first = dev.sign_in("apple-id", "token_user", "login_hint=mara").await.ok();
    assert_eq!(first["first_name"], "Mara");
    let browser = dev.process.client();
    let begun = dev.begin(&browser, "apple-id").await;
    let again = callback_of(&dev.consent(&begun, "login_hint=mara").await);
    assert!(!again.contains_key("user"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_refuses_what_the_provider_refuses() {
    let dev = Dev::start(&[]).await;
    let browser = dev.process.client();
    let begun = dev.begin(&browser, "github").await;
    let url = begun["authorization_url"].as_str().expect("a URL").to_owned();
    let path = &url[dev.simulator.len()..];
    for changed in [
        path.replace("client_id=simulated-github", "client_id=another"),
        path.replace("redirect_uri=http", "redirect_uri=https%3A%2F%2Fevil.example%2F&x=http"),
        path.replace("response_type=code", "response_type=token"),
        path.replace("code_challenge_method=S256", "code_challenge_method=plain"),
        path.replace("/login/oauth/", "/login/other/"),
    ] {
        assert_ne!(changed, path);
        let answer = dev.simulator().get(&format!("{changed}&login_hint=mara")).send().await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{changed}");
    }
    // A code of one login is refused with the verifier of another.
    let other = dev.begin(&browser, "github").await;
    let code = callback_of(&dev.consent(&begun, "login_hint=mara").await)["code"].clone();
    let mut callback = callback_of(&dev.consent(&other, "login_hint=mara").await);
    callback.insert("code".to_owned(), code);
    let answer = dev.finish(&browser, "github", "token_user", &other, &callback).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let calls = dev.calls("github").await;
    let refused = calls.iter().rfind(|call| call["stage"] == "token").expect("a token request");
    assert!(refused["problem"].is_string() && refused["status"] != 200, "{refused}");
    let text = json!(calls).to_string();
    assert!(!text.contains("simulated-secret-of-github"), "{text}");
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

/// Only `dev` and `providers check --simulate` can make a simulator: no other module names it, and no setting leads there.
#[test]
fn serve_cannot_reach_the_simulator() {
    fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a text");
                let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                let uses = ["crate::simulator", "with_simulator(&", "build_simulated(settings"];
                if uses.iter().any(|part| code.contains(part)) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.retain(|path| !path.contains("/src/simulator/"));
    found.sort();
    let ends: Vec<&str> = found.iter().filter_map(|path| path.rsplit("/src/").next()).collect();
    assert_eq!(ends, ["cli/dev.rs", "cli/provider_simulation.rs"]);
}
