//! Snapshots of texts that users, clients and operators read: problem documents, pages, help texts and the file of `init`.
//! `make snapshots` writes them again after an intended change; review the difference.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Request;
use crate::support::{Answer, Client, Engine, REDIRECT_URI, Reply, TestApp, fake_users, process};

/// A pipeline that asks a user without an e-mail address for one.
const WITH_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,\
                          associate_user,load_extra_data,user_details";

const NATIVE_APP: &str = "com.example.app:/cb";

async fn start_app() -> TestApp {
    let plan = TestApp::builder(Engine::Sqlite).oidc().with("SOCIAL_AUTH_PIPELINE", WITH_EMAIL);
    plan.with("ALLOWED_REDIRECT_URIS", &format!("{REDIRECT_URI},{NATIVE_APP}")).start().await
}

/// Replaces values that differ in each run.
fn redact(app: &TestApp, text: &str, secrets: &[&str]) -> String {
    let host = app.node.base.trim_start_matches("http://");
    let text = text.replace(&app.node.base, "https://login.example").replace(host, "login.example");
    secrets.iter().fold(text, |text, secret| text.replace(secret, "[redacted]"))
}

/// The status, headers that a client reads, and the body of a problem.
fn problem(app: &TestApp, answer: &Answer) -> String {
    let mut body: Value = answer.json();
    body["request_id"] = json!("[request id]");
    let headers = ["allow", "www-authenticate", "retry-after"];
    let headers = headers.iter().filter_map(|name| Some(format!("{name}: {}\n", answer.header(name)?)));
    let body = serde_json::to_string_pretty(&body).expect("JSON");
    redact(app, &format!("{}\n{}{body}\n", answer.status, headers.collect::<String>()), &[])
}

/// Requests that each cause one error code.
fn refused_requests(app: &TestApp) -> Vec<(&'static str, Request)> {
    let client = app.client();
    let login = |path: &str, body: Value| client.post(&format!("/api/login/social/{path}/")).json(&body);
    let post = |path: &str, body: Value| client.post(path).json(&body);
    let code = || json!({"code": "wrong"});
    vec![
        ("field missing", login("token/github", json!({}))),
        ("body is not JSON", client.post("/api/login/social/token/github/").body("application/json", "{")),
        ("body too large", client.post("/api/login/social/token/github/").body("application/json", "x".repeat(70_000))),
        ("media type", client.post("/api/login/social/token/github/").body("text/plain", "x")),
        ("Accept header", client.get("/api/login/social/providers/").header("accept", "image/png")),
        ("provider missing", login("token", code())),
        ("unknown provider", login("token/no-such-provider", code())),
        ("invalid code", login("token/github", code())),
        ("provider error", login("token/oidc", json!({"id_token": "a.b.c"}))),
        ("access denied", login("token/github", json!({"error": "access_denied"}))),
        ("unknown OAuth 1.0a token", login("token/twitter", json!({"oauth_token": "x", "oauth_verifier": "y"}))),
        ("redirect URI", login("token/github", json!({"code": "u1", "redirect_uri": "https://evil.example/"}))),
        ("origin", login("token/github", code()).header("origin", "null")),
        ("next", login("begin/github", json!({"next": "//evil.example"}))),
        ("scope", login("begin/github", json!({"scope": 7}))),
        ("begin from another site", login("begin/github", json!({})).header("sec-fetch-site", "cross-site")),
        ("session login from another site", login("session/github", code()).header("origin", "https://evil.example")),
        ("kind", client.get("/api/login/social/authorize/github/?kind=unknown")),
        ("unknown state", client.get("/api/login/social/complete/github/?code=u1&state=unknown")),
        ("unknown one-time code", login("swap", json!({"code": "rsax_unknown"}))),
        ("unknown flow token", login("resume", json!({"flow_token": format!("rsaf_{}", "a".repeat(43))}))),
        ("no credential", client.get("/api/user/")),
        ("invalid token", client.get("/api/user/").header("authorization", "Token unknown")),
        ("invalid JWT", client.get("/api/user/").header("authorization", "Bearer a.b.c")),
        ("invalid refresh token", post("/api/token/refresh/", json!({"refresh": "a.b.c"}))),
        ("no service credential", post("/api/token/introspect/", json!({"token": "x"}))),
        ("unknown path", client.get("/api/unknown/")),
        ("method", client.request("DELETE", "/api/login/social/providers/")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problem_documents() {
    let app = start_app().await;
    let mut text = String::new();
    for (cause, request) in refused_requests(&app) {
        text += &format!("## {cause}: {}\n", problem(&app, &request.send().await));
    }

    let owner = format!("Token {}", app.token("token", "u1").await);
    let call = |method: &str, path: &str| app.client().request(method, path).header("authorization", &owner);
    app.login("token", "u2").await.ok();
    let account = app.database.number("SELECT min(id) FROM social_accounts").await;
    for (cause, request) in [
        ("code used twice", app.client().post("/api/login/social/token/github/").json(&json!({"code": "u1"}))),
        ("field not editable", call("PATCH", "/api/user/").json(&json!({"username": "x"}))),
        ("unknown account", call("DELETE", "/api/user/social/999/")),
        ("last account", call("DELETE", &format!("/api/user/social/{account}/"))),
        ("provider token not stored", call("GET", &format!("/api/user/social/{account}/token/"))),
    ] {
        text += &format!("## {cause}: {}\n", problem(&app, &request.send().await));
    }
    text += &format!("## account of another user: {}\n", problem(&app, &app.link("token/github", &owner, "u02").await));
    app.advance(std::time::Duration::from_secs(901));
    text += &format!("## login too old: {}\n", problem(&app, &call("DELETE", "/api/user/").send().await));
    app.double.always(fake_users::GITHUB_TOKEN, Reply::of(500, "text/plain", "x"));
    text += &format!("## provider failure: {}\n", problem(&app, &app.login("token", "u3").await));
    app.database.run("UPDATE users SET is_active = false").await;
    let inactive = app.client().get("/api/user/").header("authorization", &owner).send().await;
    text += &format!("## inactive user: {}\n", problem(&app, &inactive));
    app.database.run("DROP TABLE social_accounts").await;
    let unavailable = app.client().login("token/facebook", json!({"code": "u4"})).await;
    text += &format!("## database failure: {}", problem(&app, &unavailable));
    insta::assert_snapshot!(text);
}

async fn page(browser: &Client, path: &str) -> Answer {
    let page = browser.get(path).header("accept", "text/html").send().await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{}", page.headers_and_body());
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_page() {
    let app = start_app().await;
    let page = page(&app.browser(), "/api/login/social/authorize/github/?next=https://evil.example/").await;
    insta::assert_snapshot!(redact(&app, &page.text, &[page.header("x-request-id").expect("a request id")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn form_page() {
    let app = start_app().await;
    app.fake_users.set_profile("github", "u1", json!({"id": 1, "login": "ana", "name": "Ana Lopez"}));
    let browser = app.browser();
    let authorize = browser.get(&format!("/api/login/social/authorize/github/?next={REDIRECT_URI}")).send().await;
    let parameter = |answer: &Answer, wanted: &str| {
        let url = url::Url::parse(answer.header("location").expect("a location")).expect("a URL");
        url.query_pairs().find(|(name, _)| name == wanted).expect("the parameter").1.into_owned()
    };
    let state = parameter(&authorize, "state");
    let callback = browser.get(&format!("/api/login/social/complete/github/?code=u1&state={state}")).send().await;
    let code = parameter(&callback, "code");
    let page = page(&browser, &format!("/api/login/social/resume/?code={code}")).await;
    let flow_token = page.text.split("name=\"flow_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    insta::assert_snapshot!(redact(&app, &page.text, &[&code, flow_token.expect("a flow token")]));
}

/// The help text of a command and of its subcommands.
fn help(command: &[&str], folder: &TempDir, text: &mut String) {
    let output = process::run(&[command, &["--help"]].concat(), &[], folder.path());
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    *text += &format!("$ rest-social-auth {}\n{help}\n", [command, &["--help"]].concat().join(" "));
    let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or(rest));
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap_or_default();
        if name != "help" {
            self::help(&[command, &[name]].concat(), folder, text);
        }
    }
}

#[test]
fn help_texts() {
    let mut text = String::new();
    help(&[], &TempDir::new().expect("a temporary folder"), &mut text);
    insta::assert_snapshot!(text);
}

#[test]
fn init_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let output = process::run(&["init", "--output", "-"], &[], folder.path());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let without_key = |line: &str| match line.split_once(" = ") {
        Some(("secret_key", _)) => "secret_key = \"[redacted]\"\n".to_owned(),
        _ => format!("{line}\n"),
    };
    insta::assert_snapshot!(text.lines().map(without_key).collect::<String>());
}
