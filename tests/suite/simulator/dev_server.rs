//! `dev`: logins that choose persona and behaviour at begin, personas of the tester, the temporary directory, and that `serve` has no simulator.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Dev, SAMPLE, callback_of};
use crate::support::process::{Process, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begin_chooses_persona_and_behaviour_at_every_provider_and_the_provider_url_stays_the_same() {
    let dev = Dev::start(&[]).await;
    for provider in SAMPLE {
        let browser = dev.process.client();
        let plain = dev.page_of(&dev.begin(&browser, provider).await);
        let begun =
            dev.begin_with(&browser, provider, json!({"login_hint": "tomas", "behaviour": "second-account"})).await;
        let page = dev.page_of(&begun);
        let names = |page: &str| -> Vec<String> {
            let url = url::Url::parse(&format!("http://simulator.example{page}")).expect("a URL");
            url.query_pairs().map(|(name, _)| name.into_owned()).filter(|name| name != "login_hint").collect()
        };
        let (expected, added): (Vec<_>, Vec<_>) = (names(&plain), vec!["simulator_login_hint", "simulator_behaviour"]);
        assert_eq!(
            names(&page),
            [expected, added.iter().map(|name| (*name).to_owned()).collect()].concat(),
            "{provider}"
        );
        let callback = callback_of(&dev.simulator().get(&page).send().await);
        let answer = dev.finish(&browser, provider, "token_user", &begun, &callback).await;
        assert_eq!(answer.status, 200, "{provider}: {}", answer.text);
        // The provider does not get the choice.
        let calls = dev.calls(provider).await;
        let authorize: Vec<&Value> = calls.iter().filter(|call| call["stage"] == "authorize").collect();
        assert!(authorize.iter().all(|call| !call["query"].to_string().contains("simulator_")), "{authorize:?}");
        let consents: Vec<&Value> = calls.iter().filter(|call| call["stage"] == "consent").collect();
        assert_eq!(consents[0]["answer"], "granted as tomas, second-account", "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_link_chooses_persona_and_behaviour() {
    let dev = Dev::start(&[]).await;
    let browser = dev.process.client();
    let link = |more: &str| format!("/api/login/social/authorize/github/?next=/example/session/&{more}");
    let page = browser.get(&link("login_hint=mara&behaviour=denied")).send().await;
    let page = page.header("location").expect("a redirect").to_owned();
    let denied = dev.simulator().get(&page[dev.simulator.len()..]).send().await;
    assert_eq!(callback_of(&denied)["error"], "access_denied");
    for (more, problem) in [
        ("login_hint=unknown", "There is no persona “unknown”."),
        ("login_hint=mara&behaviour=x", "There is no behaviour “x”."),
    ] {
        let page = browser.get(&link(more)).send().await.header("location").expect("a redirect").to_owned();
        let asked = dev.simulator().get(&page[dev.simulator.len()..]).send().await;
        assert!(asked.status == 200 && asked.text.contains(problem), "{}", asked.text);
    }
    // The demo provider has no behaviours.
    for provider in ["demo", "demo-oauth1"] {
        let begun = dev.begin_with(&browser, provider, json!({"login_hint": "tomas"})).await;
        let page = begun["authorization_url"].as_str().expect("a URL")[dev.simulator.len()..].to_owned();
        let callback = callback_of(&dev.simulator().get(&page).send().await);
        let user = dev.finish(&browser, provider, "token_user", &begun, &callback).await.ok();
        assert_eq!(user["first_name"], "Tomás", "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_in_the_language_of_ui_locales() {
    let dev = Dev::start(&[]).await;
    let browser = dev.process.client();
    let begun = dev.begin_with(&browser, "keycloak", json!({"ui_locales": "de en"})).await;
    assert!(dev.page_of(&begun).contains("ui_locales=de+en"));
    let page = dev.consent(&begun, "").await;
    assert_contains(
        &page.text,
        &["<html lang=\"de\">", ", simuliert</h1>", "Das ist nicht ", ">Was geschieht<", ">Der Benutzer lehnt ab<"],
    );
    assert_contains(
        &page.text,
        &["Weiter als Mara Lindqvist", "nur ein Name", ">Parameter dieser Anfrage<", "Die Benutzer sind erfunden."],
    );
    assert_contains(&page.text, &["action=\"/simulator/consent?ui_locales=de\""]);
    assert!(!page.text.contains("lang=\"en\""), "{}", page.text);

    let get = |path: &str, language: &str| dev.simulator().get(path).header("accept-language", language).send();
    let begun = dev.begin(&browser, "apple-id").await;
    let page = dev.page_of(&begun);
    let unknown = get(&format!("{page}&login_hint=unknown"), "es").await;
    assert_contains(&unknown.text, &["<html lang=\"es\">", "No existe la persona “unknown”.", ">Qué ocurre<"]);
    let form = get(&format!("{page}&login_hint=mara"), "es").await;
    assert_contains(&form.text, &["La respuesta es un formulario", ">Continuar</button>"]);
    let refused = get("/at/unknown.example/authorize", "de").await;
    assert_contains(&refused.text, &["<h1>Anfrage abgelehnt</h1>", "<p lang=\"en\">The simulator has no "]);
    let form = [("consent_id", "unknown")];
    for (path, text) in [
        ("/simulator/consent?ui_locales=de", "<p>Es wurde kein Benutzer gewählt."),
        ("/consent?ui_locales=es", "<p>No se eligió ningún usuario."),
    ] {
        assert_contains(&dev.simulator().post(path).form(&form).send().await.text, &[text]);
    }
    assert_contains(&get("/", "de").await.text, &["<h1>Simulator der Anbieter</h1>", ">Aufrufe</a>"]);
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

/// A file as docs/OFFLINE.md shows it.
const PERSONAS: &str = r#"
[[personas]]
login = "ada"
first_name = "Ada"
last_name = "Lovelace"
email = "ada@corp.example"
about = "an employee"

[[behaviours]]
name = "ordinary"
title = "Ordinary login"

[[behaviours]]
name = "slow-and-unverified"
title = "A slow provider, and an address that is not verified"
email = "unverified"
delay_seconds = 1
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_tester_replaces_personas_and_behaviours() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("personas.toml");
    std::fs::write(&file, PERSONAS).expect("a file");
    let file = file.to_str().expect("a path");
    let dev = Dev::start(&["--personas", file, "--seed", "ada"]).await;
    let listed = dev.simulator().get("/simulator/personas").send().await.ok();
    assert_eq!(listed["personas"].as_array().map(Vec::len), Some(1));
    let user = dev.sign_in("google-oauth2", "token_user", "login_hint=ada").await.ok();
    assert_eq!((&user["email"], &user["last_name"]), (&json!("ada@corp.example"), &json!("Lovelace")));
    let started = Instant::now();
    let slow = dev.sign_in("discord", "token_user", "login_hint=ada&behaviour=slow-and-unverified").await;
    assert!(slow.status == 200 && started.elapsed().as_millis() >= 1000, "{}", slow.text);
    assert_eq!(dev.simulator().get("/simulator/choose?login_hint=mara").send().await.status, 400);
    let demo = dev.begin(&dev.process.client(), "demo").await;
    let page = demo["authorization_url"].as_str().expect("a URL")[dev.simulator.len()..].to_owned();
    assert!(dev.simulator().get(&page).send().await.text.contains("Ada Lovelace"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_temporary_directory_is_deleted_at_the_end_and_after_a_kill_by_the_next_start() {
    let mut dev = Dev::start(&[]).await;
    let folder = dev.folder.path().to_owned();
    let directories = |folder: &Path| -> usize {
        let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name.to_string_lossy().starts_with("rest-social-auth-dev-")).count()
    };
    assert_eq!(directories(&folder), 1);
    dev.process.signal("KILL");
    dev.process.wait_for_exit().await;
    assert_eq!(directories(&folder), 1);
    let temporary = [("TMPDIR", folder.to_str().expect("a path"))];
    let arguments = ["dev", "--ephemeral", "--simulate", "none"];
    let mut next = Process::start(&arguments, &temporary, &folder).await;
    let beside = Process::start(&arguments, &temporary, &folder).await;
    assert_eq!(directories(&folder), 2, "that of a running process stays");
    next.terminate();
    next.wait_for_exit().await;
    assert_eq!(directories(&folder), 1);
    assert_eq!(beside.client().get("/readyz").send().await.status, 200);
}

#[test]
fn ephemeral_dev_ends_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = r#""$0" dev --ephemeral --port 0 --print-url --simulate none 2>/dev/null & wait"#;
    let mut shell = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_rest-social-auth")])
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh runs");
    let mut line = String::new();
    let output = shell.stdout.take().expect("the output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let addresses: Value = serde_json::from_str(&line).expect("one line of JSON");
    let address = addresses["url"].as_str().expect("an address").trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    shell.kill().expect("the shell is running");
    shell.wait().expect("the shell has ended");
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "the server still runs");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_dev_has_no_warning_and_providers_that_most_applications_offer_are_first() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::start(&["dev"], &[], folder.path()).await;
    let list = process.client().get("/api/login/social/providers/").send().await.ok();
    let list = list["providers"].as_array().or_else(|| list.as_array()).expect("a list").clone();
    let names: Vec<&str> = list.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names[..6], ["demo", "demo-oauth1", "google-oauth2", "github", "apple-id", "microsoft-graph"]);
    assert!(names.len() > 190, "{}", names.len());
    let output = process.output();
    assert!(!output.contains("WARN"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_of_providers_apply_to_simulated_providers() {
    let pipeline = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,create_user,\
                    associate_user,load_extra_data,user_details";
    let trusted = "SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS";
    let environment = [
        ("SOCIAL_AUTH_PIPELINE", pipeline),
        (trusted, "google-oauth2,github,discord"),
        ("SOCIAL_AUTH_DENIED_PROVIDERS", "twitter"),
    ];
    let dev = Dev::start_with(&["--simulate", "discord,apple-id"], &environment).await;
    assert!(!dev.process.output().contains("WARN"), "{}", dev.process.output());
    let browser = dev.process.client();
    let mut users = Vec::new();
    for provider in ["github", "discord", "keycloak"] {
        let begun = dev.begin_with(&browser, provider, json!({"login_hint": "mara"})).await;
        let callback = callback_of(&dev.simulator().get(&dev.page_of(&begun)).send().await);
        let answer = dev.finish(&browser, provider, "token_user", &begun, &callback).await;
        users.push((answer.status, answer.json()["id"].clone()));
    }
    assert_eq!(users[0], users[1], "both providers are trusted for the address");
    assert_ne!(users[0], users[2], "keycloak is not");
    let list = browser.get("/api/login/social/providers/").send().await.text;
    assert!(list.contains("\"keycloak\"") && !list.contains("\"twitter\""), "{list}");

    let wrong = [(trusted, "google-oauth2,github")];
    let output = run(&["dev", "--ephemeral", "--port", "0", "--simulate", "github"], &wrong, dev.folder.path());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("{trusted}: \"google-oauth2\" is neither configured nor simulated")), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_prints_public_url_unchanged_and_which_providers_are_real() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let environment =
        [("PUBLIC_URL", "http://127.0.0.1:8000"), ("SOCIAL_AUTH_GITHUB_KEY", "k"), ("SOCIAL_AUTH_GITHUB_SECRET", "s")];
    for (only, simulated) in [
        (
            "github,discord",
            "Simulated      1 provider, such as http://127.0.0.1:8000/api/login/social/authorize/discord/",
        ),
        ("none", "Simulated      no provider"),
    ] {
        let process = Process::start(&["dev", "--ephemeral", "--simulate", only], &environment, folder.path()).await;
        while !process.output().contains("Stop with Ctrl-C") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let output = process.output();
        assert!(output.contains("Open http://127.0.0.1:8000/\n") && !output.contains("localhost"), "{output}");
        assert!(output.contains(simulated), "{output}");
        assert!(output.contains("Real           github, with the client of the settings"), "{output}");
    }
}

/// `serve` ignores what chooses a user at the simulator, and sends the browser to the provider.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_sends_the_browser_to_the_provider_without_the_choice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = format!("sqlite://{}", folder.path().join("serve.db").display());
    let environment = [
        ("SECRET_KEY", "secret-key-of-the-simulator-tests-5be41c-for-no-other-use"),
        ("DATABASE_URL", database.as_str()),
        ("SOCIAL_AUTH_GITHUB_KEY", "simulated-github"),
        ("SOCIAL_AUTH_GITHUB_SECRET", "simulated-secret-of-github"),
        ("ALLOWED_REDIRECT_URIS", "http://localhost:3000/callback"),
    ];
    let process = Process::start(&["serve"], &environment, folder.path()).await;
    let body = json!({"login_hint": "mara", "behaviour": "denied", "simulator_login_hint": "mara", "redirect_uri": "http://localhost:3000/callback"});
    let begun = process.client().post("/api/login/social/begin/github/").json(&body).send().await.ok();
    let url = begun["authorization_url"].as_str().expect("a URL");
    assert!(url.starts_with("https://github.com/login/oauth/authorize?"), "{url}");
    for part in ["mara", "behaviour", "simulator_"] {
        assert!(!url.contains(part), "{url}");
    }
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
