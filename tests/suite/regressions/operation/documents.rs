//! Runs the commands in the documents and compares their output with the samples. `…` in a sample matches any text;
//! of values that differ in each run only the names are compared.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::double::Double;
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, GITHUB_TOKEN, github_settings};
use crate::support::process::{Process, run};
use crate::support::{Client, Engine, Held, Reply, TestApp};

const README: &str = include_str!("../../../../README.md");
const DEPLOY: &str = include_str!("../../../../docs/DEPLOY.md");
const COMMANDS: &str = include_str!("../../../../docs/COMMANDS.md");
const API: &str = include_str!("../../../../docs/API.md");
const ACCOUNTS: &str = include_str!("../../../../docs/ACCOUNTS.md");

/// The code blocks of a document with this language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    document.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Each command of a console block with its output. Continuation lines are joined.
fn console(block: &str) -> Vec<(String, String)> {
    let joined = block.replace("\\\n", " ");
    let commands = joined.split("$ ").skip(1).map(|part| {
        let (command, output) = part.split_once('\n').unwrap_or((part, ""));
        (command.split_whitespace().collect::<Vec<_>>().join(" "), output.trim_end().to_owned())
    });
    commands.collect()
}

/// The same fields in the same order. Values are compared unless `varies` names the field.
fn assert_like(sample: &Value, real: &Value, varies: &[&str], place: &str) {
    match (sample, real) {
        (Value::Object(sample), Value::Object(real)) => {
            assert_eq!(sample.keys().collect::<Vec<_>>(), real.keys().collect::<Vec<_>>(), "{place}");
            for (name, value) in sample {
                let place = format!("{place}.{name}");
                if varies.contains(&name.as_str()) {
                    let kinds = [value, &real[name]].map(|value| (value.is_string(), value.is_number()));
                    assert_eq!(kinds[0], kinds[1], "{place}");
                } else {
                    assert_like(value, &real[name], varies, &place);
                }
            }
        }
        (Value::Array(sample), Value::Array(real)) => {
            for (number, value) in sample.iter().enumerate() {
                assert_like(value, &real[number], varies, &format!("{place}[{number}]"));
            }
        }
        (Value::String(sample), Value::String(real)) if sample.contains('…') => {
            let mut parts = sample.split('…');
            assert!(real.starts_with(parts.next().unwrap_or_default()), "{place}: {sample} and {real}");
            let last = parts.next_back().unwrap_or_default();
            assert!(real.ends_with(last), "{place}: {sample} and {real}");
        }
        _ => assert_eq!(sample, real, "{place}"),
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

// ---- README: a login by hand, against `dev`

/// Sends the request of a `curl` command, but to `base`.
async fn curl(client: &Client, command: &str, values: &[(&str, &str)]) -> Value {
    let path = command.split("http://127.0.0.1:8000").nth(1).and_then(|rest| rest.split(' ').next()).expect("a URL");
    let method = if command.contains("-d ") { "POST" } else { "GET" };
    let mut request = client.request(method, path);
    if command.contains("Authorization: Bearer") {
        let token = values.iter().find(|(name, _)| *name == "token").expect("a token").1;
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if command.contains("-d \"$CALLBACK\"") {
        let form: Vec<_> = values.iter().filter(|(name, _)| *name != "token").copied().collect();
        request = request.form(&form);
    } else if let Some(body) = command.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()) {
        let mut body = json_of(body);
        for (name, value) in body.as_object_mut().expect("an object") {
            *value = json!(values.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1);
        }
        request = request.json(&body);
    }
    let answer = request.send().await;
    assert_eq!(answer.status, 200, "{command}: {}", answer.text);
    json_of(&answer.text)
}

/// The query parameters of a URL without values that vary.
fn parameters(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').expect("a query").1;
    let varies = |name: &str| ["state", "nonce", "code_challenge"].contains(&name);
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    pairs.map(|(name, value)| if varies(&name) { (name, String::new()) } else { (name, value) }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d10_readme_login_by_hand_works() {
    let folder = TempDir::new().expect("a temporary folder");
    let process = Process::start(&["dev"], &[], folder.path()).await;
    let client = process.client();
    let commands: Vec<_> = blocks(README, "console").into_iter().flat_map(console).collect();
    let [(begin, begun), (callback, _), (finish, finished), (who, user)] = &commands[..] else {
        panic!("{commands:?}")
    };

    let real = curl(&client, begin, &[("redirect_uri", "http://127.0.0.1:9999/")]).await;
    let sample = json_of(begun);
    let varies = ["authorization_url", "state", "flow_token", "nonce"];
    assert_like(&sample, &real, &varies, "begin");
    let url = real["authorization_url"].as_str().expect("a URL");
    assert_eq!(parameters(sample["authorization_url"].as_str().expect("a URL")), parameters(url));

    // The user opens the page and chooses an account.
    let demo = Client::new(url.split("/authorize").next().expect("the provider"));
    let page = demo.get(&url[url.find("/authorize").expect("its path")..]).send().await.text;
    let consent_id = page.split("name=\"consent_id\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = [("consent_id", consent_id.expect("a consent id")), ("user", "mara")];
    let back = demo.post("/consent").form(&form).send().await;
    let back = url::Url::parse(back.header("location").expect("the way back")).expect("a URL");
    let of = |name: &str| back.query_pairs().find(|(known, _)| known == name).expect("a parameter").1.into_owned();
    let (code, state) = (of("code"), of("state"));
    // The value is the query of the URL as it is, in the order of the demo provider.
    let names = |query: &str| {
        query.split('&').map(|pair| pair.split('=').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let printed = callback.strip_prefix("CALLBACK='").and_then(|rest| rest.strip_suffix('\'')).expect("a variable");
    assert_eq!(names(printed), names(back.query().expect("a query")));

    let flow_token = real["flow_token"].as_str().expect("a text");
    let iss = of("iss");
    let values = [("code", code.as_str()), ("state", &state), ("iss", &iss), ("flow_token", flow_token)];
    let real = curl(&client, finish, &values).await;
    assert_like(&json_of(finished), &real, &["token", "refresh"], "finish");
    let token = real["token"].as_str().expect("a token");
    let real = curl(&client, who, &[("token", token)]).await;
    assert_like(&json_of(user), &real, &[], "user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d10_documented_environment_starts_a_server() {
    let block = blocks(DEPLOY, "sh").into_iter().find(|block| block.contains("export SECRET_KEY")).expect("the block");
    let exports = block.lines().filter_map(|line| line.strip_prefix("export ")).flat_map(str::split_whitespace);
    let mut environment: Vec<(String, String)> = Vec::new();
    for word in exports.filter(|word| word.contains('=')) {
        let (name, value) = word.split_once('=').expect("as filtered");
        let value = if name == "SECRET_KEY" { "a-key-of-the-documents-tests-0a1b2c3d4e5f607" } else { value };
        environment.push((name.to_owned(), value.to_owned()));
    }
    assert!(environment.len() > 5, "{environment:?}");
    let folder = TempDir::new().expect("a temporary folder");
    let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let process = Process::start(&["serve"], &environment, folder.path()).await;
    let listed = process.client().get("/api/login/social/providers/").send().await.ok();
    assert_eq!(listed["providers"][0]["name"], "github");
    assert!(!process.output().contains("is not a known setting"), "{}", process.output());
}

// ---- COMMANDS

/// Rows `| \`command [--option]\` | … |` of the tables.
fn documented() -> Vec<String> {
    let rows = COMMANDS.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let commands = cells.flat_map(|cell| cell.split("`, `").map(|one| one.trim_end_matches('`').to_owned()));
    commands.filter(|one| one.chars().next().is_some_and(|first| first.is_ascii_lowercase())).collect()
}

fn options(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "[]|\\,<>=.`".contains(c));
    let mut options: Vec<String> =
        words.filter(|word| word.starts_with("--") && !word.ends_with('-')).map(str::to_owned).collect();
    options.sort();
    options.dedup();
    options
}

#[test]
fn fault_d10_every_documented_command_has_the_documented_options() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut checked = Vec::new();
    for command in documented() {
        let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let names: Vec<&str> = command.split_whitespace().take_while(is_name).collect();
        if names.is_empty() {
            continue;
        }
        let help = run(&[&names[..], &["--help"]].concat(), &[], folder.path());
        if !help.status.success() {
            // A row of another table, such as the table of audit events.
            assert!(!command.contains("--"), "{command}");
            continue;
        }
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let mut known = options(&help);
        known.retain(|option| !["--config", "--help", "--version"].contains(&option.as_str()));
        let mut said: Vec<String> = documented()
            .iter()
            .filter(|other| other.split_whitespace().take(names.len()).eq(names.iter().copied()))
            .flat_map(|other| options(other))
            .collect();
        said.sort();
        said.dedup();
        if command.contains("[FILTERS]") {
            said.extend(options(
                COMMANDS
                    .split("All filters must match:\n\n")
                    .nth(1)
                    .and_then(|table| table.split("\n\n").next())
                    .expect("the filters"),
            ));
            said.sort();
            said.dedup();
            // Those of `audit prune`.
            said.retain(|option| !["--before", "--yes"].contains(&option.as_str()));
        }
        assert_eq!(said, known, "{command}");
        checked.push(command);
    }
    assert!(checked.len() > 20, "{checked:?}");
}

#[test]
fn providers_guide_prints_the_redirect_uris_and_settings_of_this_server() {
    let folder = TempDir::new().expect("a temporary folder");
    let lists = [("PUBLIC_URL", "https://id.example.org"), ("ALLOWED_REDIRECT_URIS", "https://app.example.org/back")];
    let printed = |name: &str, environment: &[(&str, &str)]| {
        let output = run(&["providers", "guide", name], environment, folder.path());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, text) = printed("google", &lists);
    assert_eq!(status, Some(0));
    for part in [
        "# Google\n",
        "`https://app.example.org/back` (your front-end",
        "`https://id.example.org/api/login/social/complete/google-oauth2/` (the redirect flow",
        "export SOCIAL_AUTH_GOOGLE_OAUTH2_KEY='<Client ID>'",
        "redirect_uri_mismatch",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, without) = printed("google", &[]);
    assert!(without.starts_with("PUBLIC_URL is not set"), "{without}");
    assert_eq!(printed("unknown-provider", &lists).0, Some(1));
}

/// Settings of providers, and a double that answers every request.
fn with_providers(double: &Double) -> Vec<(&str, &str)> {
    [&[("SECRET_KEY", "a-key-of-the-documents-tests-0a1b2c3d4e5f607")][..], &github_settings(double)].concat()
}

async fn output(command: &str, environment: &[(&str, &str)], folder: &Path) -> String {
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let output = tokio::task::block_in_place(|| run(&arguments, environment, folder));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d10_samples_of_providers_check_and_audit_match() {
    let samples: Vec<_> = blocks(COMMANDS, "console").into_iter().flat_map(console).collect();
    let [(check, checked), (audit, row)] = &samples[..] else { panic!("{samples:?}") };
    let folder = TempDir::new().expect("a temporary folder");
    let double = Double::start().await;
    double.rule(|_| Some(Reply::json(&json!({}))));
    double.always(GITHUB_TOKEN, Reply::json(&json!({"error": "bad_verification_code"})));
    let of_server = with_providers(&double);

    let lists =
        [("PUBLIC_URL", "https://login.example.com"), ("ALLOWED_REDIRECT_URIS", "https://app.example.com/callback")];
    let environment = [&of_server[..], &lists].concat();
    let printed = output(check, &environment, folder.path()).await;
    assert_eq!(printed.trim_end(), checked);
    let printed = json_of(&output(&format!("{check} --json"), &environment, folder.path()).await);
    let sample = COMMANDS.split("As JSON: `").nth(1).and_then(|rest| rest.split('`').next()).expect("the sample");
    assert_like(&json_of(sample), &printed, &[], "check");

    let process = Process::start(&["serve"], &of_server, folder.path()).await;
    let login = process.client().post("/api/login/social/token/github/").header("user-agent", "Mozilla/5.0 (X11)");
    login.json(&json!({"code": "wrong"})).send().await.problem(400, "invalid_code");
    let printed = output(audit, &of_server, folder.path()).await;
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert_like(&json_of(row), &json_of(&printed), &["at", "ip", "request_id"], "audit");
}

/// Each endpoint answers only after both have been called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_b40_provider_check_calls_all_endpoints_concurrently() {
    let (double, folder) = (Double::start().await, TempDir::new().expect("a temporary folder"));
    let (held, asked) = (Arc::<Held>::default(), AtomicUsize::new(0));
    double.rule(|_| Some(Reply::json(&json!({}))));
    double.rule(move |call| {
        (call.host == "github.com").then(|| {
            if asked.fetch_add(1, Ordering::SeqCst) == 1 {
                held.release();
            }
            Reply::of(200, "text/html", "").held(&held)
        })
    });
    let lists = [("PUBLIC_URL", "https://login.example.com")];
    let environment = [&with_providers(&double)[..], &lists].concat();
    let printed = output("rest-social-auth providers check github", &environment, folder.path()).await;
    assert!(printed.contains("ok     token endpoint") && !printed.contains("error  "), "{printed}");
}

/// A hanging host does not delay checks of other providers, and delays its own by one timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_b40_hanging_provider_delays_a_check_by_one_call() {
    let (double, folder) = (Double::start().await, TempDir::new().expect("a temporary folder"));
    let further = [
        ("PUBLIC_URL", "https://login.example.com"),
        ("SOCIAL_AUTH_DISCORD_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_DISCORD_SECRET", CLIENT_SECRET),
    ];
    let environment = [&with_providers(&double)[..], &further].concat();
    double.rule(|_| Some(Reply::json(&json!({}))));
    double.always("GET github.com/login/oauth/authorize", Reply::Hang);
    let begun = Instant::now();
    output("rest-social-auth providers check", &environment, folder.path()).await;
    let one = begun.elapsed();
    double.rule(|call| (call.host == "github.com").then_some(Reply::Hang));
    let begun = Instant::now();
    let printed = output("rest-social-auth providers check", &environment, folder.path()).await;
    let all = begun.elapsed();
    assert!(one >= Duration::from_millis(9900) && all < one + one / 2, "{one:?}, {all:?}");
    for endpoint in ["authorization endpoint https://github.com", "token endpoint https://github.com"] {
        let line = printed.lines().find(|line| line.contains(endpoint)).expect("a line");
        assert!(line.contains("error  ") && line.contains("no answer within the time limit"), "{line}");
    }
    assert!(printed.contains("ok     token endpoint https://discord.com"), "{printed}");
}

// ---- API

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d10_api_samples_match() {
    let samples: Vec<Value> = blocks(API, "json").into_iter().map(json_of).collect();
    let sample = |name: &str| samples.iter().find(|sample| sample.get(name).is_some()).expect("the sample");
    let pipeline = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,require_email,\
                    create_user,associate_user,load_extra_data,user_details";
    let app = TestApp::builder(Engine::Sqlite).with("SOCIAL_AUTH_PIPELINE", pipeline).start().await;
    let refused = app.client().login("token/github", json!({})).await;
    assert_like(sample("errors"), &json_of(&refused.text), &["request_id"], "problem");
    app.fake_users.set_profile("github", "u7", json!({"id": 7, "login": "seven", "email": null}));
    let asked = app.login("token", "u7").await;
    assert_like(sample("step"), &json_of(&asked.text), &["flow_token", "request_id"], "more input");
}

/// Every route that a command in the documents calls exists with its method.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_d10_every_curl_command_calls_a_route() {
    let app = TestApp::start(Engine::Sqlite).await;
    let mut calls = 0;
    for line in
        [README, COMMANDS, API, ACCOUNTS].join("\n").replace("\\\n", " ").lines().filter(|line| line.contains("curl "))
    {
        let Some(path) =
            line.split("http://127.0.0.1:8000").nth(1).and_then(|rest| rest.split([' ', '"', '\'']).next())
        else {
            continue;
        };
        let method = line
            .split("-X ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or(if line.contains(" -d ") { "POST" } else { "GET" });
        let answer = app.client().request(method, path).send().await;
        assert_ne!(answer.status, 405, "{line}");
        let is_route = answer.status != 404 || answer.text.contains("unknown_provider");
        assert!(is_route, "{line}: {}", answer.text);
        calls += 1;
    }
    assert!(calls >= 5, "{calls}");
}
