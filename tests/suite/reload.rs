//! SIGHUP: the server reads its settings again, loses no request, and keeps the old settings on any error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::double::{Double, Held, Reply};
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, FakeUsers, GITHUB_TOKEN};
use crate::support::process::Process;

const SECRET_KEY: &str = "secret-key-of-the-reload-tests-77aa31-for-no-other-use";

/// A running `serve` with a settings file, and the provider doubles that it calls.
struct Reloadable {
    folder: TempDir,
    double: Double,
    process: Process,
}

impl Reloadable {
    async fn start(file: &str) -> Self {
        let (double, _) = FakeUsers::start_now().await;
        let folder = TempDir::new().expect("a temporary folder");
        write(&config(folder.path()), file, &double);
        let path = config(folder.path());
        let arguments = ["serve", "--config", path.to_str().expect("a path in UTF-8")];
        let process = Process::start(&arguments, &[], folder.path()).await;
        Self { folder, double, process }
    }

    /// Writes the file and sends SIGHUP; returns the log lines of the reload. `last`: the end of its last line.
    async fn reload(&self, file: &str, last: &str) -> String {
        write(&config(self.folder.path()), file, &self.double);
        let before = self.process.output().len();
        self.process.signal("HUP");
        loop {
            let output = self.process.output();
            if output[before..].contains(last) {
                return output[before..].to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn providers(&self) -> Vec<String> {
        let answer = self.process.client().get("/api/login/social/providers/").send().await.ok();
        let listed = answer["providers"].as_array().expect("a list").clone();
        listed.iter().map(|provider| provider["name"].as_str().expect("a name").to_owned()).collect()
    }
}

const RELOADED: &str = "the settings were reloaded";
const REFUSED: &str = "the old settings stay in force";

fn config(folder: &Path) -> PathBuf {
    folder.join("settings.toml")
}

fn write(path: &Path, file: &str, double: &Double) {
    use std::os::unix::fs::PermissionsExt as _;
    let always = format!(
        "secret_key = {SECRET_KEY:?}\nhttps_proxy = {:?}\nssl_cert_file = {:?}\n",
        double.proxy(),
        double.authority().display().to_string()
    );
    std::fs::write(path, always + file).expect("the file is written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("access rights");
}

fn provider(name: &str) -> String {
    format!("[providers.{name}]\nkey = {CLIENT_ID:?}\nsecret = {CLIENT_SECRET:?}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_applies_new_settings_and_providers() {
    let server = Reloadable::start(&provider("github")).await;
    let client = server.process.client();
    let token = client.login("token/github", json!({"code": "u1"})).await.field("token");
    assert_eq!(server.providers().await, ["github"]);

    let file = format!("hsts = true\nlog_format = \"json\"\n{}{}", provider("facebook"), provider("github"));
    let log = server.reload(&file, RELOADED).await;
    assert!(log.contains("LOG_FORMAT has changed: restart the server to apply it"), "{log}");
    assert_eq!(server.providers().await, ["facebook", "github"]);
    let answer = client.user(&format!("Token {token}")).await;
    assert_eq!((answer.status, answer.header("strict-transport-security").is_some()), (200, true));
    client.login("token/github", json!({"code": "u2"})).await.ok();

    server.reload(&provider("facebook"), RELOADED).await;
    client.login("token/github", json!({"code": "u3"})).await.problem(404, "unknown_provider");
    assert!(client.user(&format!("Token {token}")).await.header("strict-transport-security").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_errors_are_reported_and_the_old_settings_stay() {
    let server = Reloadable::start(&provider("github")).await;
    let bad = format!("state_policy = \"sometimes\"\nhsts = 7\n{}", provider("facebook"));
    let log = server.reload(&bad, REFUSED).await;
    assert!(log.contains("state_policy") && log.contains("hsts"), "{log}");
    assert!(!log.contains(SECRET_KEY) && !log.contains(CLIENT_SECRET), "{log}");
    assert_eq!(server.providers().await, ["github"]);
    // An error that only the provider's descriptor can find.
    let log = server.reload("[providers.not-in-the-catalogue]\nkey = \"x\"\n", REFUSED).await;
    assert!(log.contains("not-in-the-catalogue"), "{log}");
    // A file that is not complete.
    server.reload("[providers", REFUSED).await;
    std::fs::remove_file(config(server.folder.path())).expect("the file is there");
    server.process.signal("HUP");
    while server.process.output().matches(REFUSED).count() < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.providers().await, ["github"]);
    server.process.client().login("token/github", json!({"code": "u1"})).await.ok();
    server.reload(&provider("facebook"), RELOADED).await;
    assert_eq!(server.providers().await, ["facebook"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reload_loses_no_request() {
    let server = Reloadable::start(&provider("github")).await;
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|worker| {
            let (client, done) = (server.process.client(), done.clone());
            tokio::spawn(async move {
                let mut logins = 0;
                while !done.load(Ordering::SeqCst) {
                    client
                        .login("session/github", json!({"code": format!("u{}", (worker + 1) * 100_000 + logins)}))
                        .await
                        .ok();
                    logins += 1;
                }
                logins
            })
        })
        .collect();
    for round in 0..10 {
        let file = if round % 2 == 0 { provider("github") + &provider("facebook") } else { provider("github") };
        server.reload(&format!("hsts = {}\n{file}", round % 2 == 0), RELOADED).await;
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        assert!(client.await.expect("every login succeeds") > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settings_file_that_blocks_stops_neither_requests_nor_the_shutdown() {
    let mut server = Reloadable::start(&provider("github")).await;
    let file = config(server.folder.path());
    std::fs::remove_file(&file).expect("the file is there");
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&file).status().expect("mkfifo").success());
    server.process.signal("HUP");
    while !server.process.output().contains("SIGHUP") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for n in 0..20 {
        server.process.client().login("token/github", json!({"code": format!("u{}", 1000 + n)})).await.ok();
    }
    assert_eq!(server.providers().await, ["github"]);
    server.process.terminate();
    assert!(server.process.wait_for_exit().await.success(), "{}", server.process.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_in_progress_ends_with_the_settings_with_which_it_began() {
    let mut server = Reloadable::start(&provider("github")).await;
    let held = Arc::<Held>::default();
    let reply = json!({"access_token": "gho_u1", "token_type": "bearer"});
    server.double.always(GITHUB_TOKEN, Reply::json(&reply).held(&held));
    let client = server.process.client();
    let login = tokio::spawn(async move { client.login("session/github", json!({"code": "u1"})).await });
    while server.double.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.reload(&provider("facebook"), RELOADED).await;
    // The shutdown also waits for logins of the settings before the reload.
    server.process.terminate();
    held.release();
    let user: Value = login.await.expect("no panic").ok();
    assert!(user["username"].is_string(), "{user}");
    assert!(server.process.wait_for_exit().await.success());
}
