//! The operator's commands, run as the compiled binary: output, changes and exit status.

mod configuration_checks;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::double::Double;
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, FakeUsers, GITHUB_TOKEN, ISSUER, OIDC_KEYS, OIDC_TOKEN};
use crate::support::{Call, Database, Engine, FRONTEND, REDIRECT_URI, Reply, TestApp, on_both_databases, process};

on_both_databases!(
    users_deactivate_revokes_all_credentials_on_all_nodes,
    users_delete_deletes_all_data_but_the_audit_log,
    users_list_and_show_find_users,
    users_delete_revokes_tokens_at_the_provider,
    keys_list_and_keys_rotate,
    audit_list_and_audit_prune,
    services_add_list_and_remove_take_effect_without_a_restart,
);

const SECRET_KEY: &str = "secret-key-of-the-command-tests-0d5f-for-no-other-use";
const KEY_A: &str = "a:Zt8mVq3cYw0RkPj6LbXs1NfHd7GuAe5oT2iKyC9xQzM=";
const KEY_B: &str = "b:J4nWc7ySx0KtGm3ZpVfQe9LrBd6HuAa1oT8iXk5NwRs=";

struct CommandOutput {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl CommandOutput {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {}{}", self.stdout, self.stderr))
    }

    #[track_caller]
    fn success(self) -> Self {
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// The standard error without the note about database and settings file.
    fn errors(&self) -> &str {
        self.stderr.split_once("note: database ").map_or(&self.stderr, |(errors, _)| errors)
    }

    /// The findings of all areas, one line each: `ok what: advice`.
    fn findings(&self) -> Vec<String> {
        let report = self.json();
        let areas = report["areas"].as_array().cloned().unwrap_or_default();
        let findings = areas.iter().flat_map(|area| area["findings"].as_array().cloned().unwrap_or_default());
        findings
            .map(|finding| {
                let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
                format!("{} {}: {}", finding["ok"], text("what"), text("advice"))
            })
            .collect()
    }

    #[track_caller]
    fn assert_finding(&self, ok: bool, part: &str) {
        let all = self.findings();
        let found = all.iter().any(|line| line.starts_with(&format!("{ok} ")) && line.contains(part));
        assert!(found, "{ok} {part} is not among {all:#?}");
    }
}

/// Runs the binary in a blocking task: the provider doubles answer in this process.
async fn run(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> CommandOutput {
    let owned = |text: &&str| (*text).to_owned();
    let arguments: Vec<String> = arguments.iter().map(owned).collect();
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let folder = folder.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        process::run(&arguments, &environment, &folder)
    });
    let Output { status, stdout, stderr } = running.await.expect("no panic");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    CommandOutput { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs a command on the database of a test.
async fn run_on(database: &Database, arguments: &[&str], further: &[(&str, &str)]) -> CommandOutput {
    let folder = TempDir::new().expect("a temporary folder");
    let mut environment = vec![("DATABASE_URL", database.url())];
    environment.extend_from_slice(further);
    run(arguments, &environment, folder.path()).await
}

/// Whether an audit event matches `filter`, an SQL condition.
async fn has_audit_event(database: &Database, filter: &str) -> bool {
    database.number(&format!("SELECT count(*) FROM audit_events WHERE {filter}")).await > 0
}

// ---- users

async fn users_deactivate_revokes_all_credentials_on_all_nodes(engine: Engine) {
    let app = TestApp::start(engine).await;
    let other = app.start_second_node().await;
    let mut headers = Vec::new();
    for (kind, scheme, code) in [("token", "Token", "u1"), ("knox", "Token", "u01"), ("jwt-sliding", "Bearer", "u001")]
    {
        headers.push(format!("{scheme} {}", app.token(kind, code).await));
    }
    let pair = app.login("jwt-pair", "u0001").await.ok();
    headers.push(format!("Bearer {}", pair["token"].as_str().expect("a token")));
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u00001"})).await.ok();
    for authorization in &headers {
        other.client().user(authorization).await.ok();
    }

    // The commands' clock is the machine's, not the test's.
    for table in ["sessions", "knox_tokens", "refresh_tokens"] {
        app.database.run(&format!("UPDATE {table} SET expires = 9999999999999")).await;
    }
    let shown = run_on(&app.database, &["users", "show", "user1", "--json"], &[]).await.success().json();
    assert_eq!(shown["accounts"][0]["provider"], "github");
    assert_eq!(shown["credentials"].as_array().expect("a list").len(), 5, "{shown}");

    let done = run_on(&app.database, &["users", "deactivate", "user1"], &[]).await.success();
    assert!(done.stdout.contains("user1 (id 1)"), "{}", done.stdout);
    for node in [&app.node, &other] {
        for authorization in &headers {
            assert_eq!(node.client().user(authorization).await.status, 401, "{authorization}");
        }
        browser.at(&node.base).get("/api/user/").send().await.problem(401, "not_authenticated");
    }
    for table in ["sessions", "tokens", "knox_tokens"] {
        assert_eq!(app.database.count(table).await, 0, "{table}");
    }
    app.login("token", "u000001").await.problem(403, "user_inactive");

    // Activation does not restore revoked credentials.
    run_on(&app.database, &["users", "activate", "id:1"], &[]).await.success();
    let refresh = json!({"refresh": pair["refresh"]});
    let refreshed = app.client().post("/api/token/refresh/").json(&refresh).send().await;
    assert_eq!(refreshed.status, 401, "{}", refreshed.text);
    for authorization in &headers[..2] {
        assert_eq!(other.client().user(authorization).await.status, 401, "{authorization}");
    }
    app.login("token", "u0000001").await.ok();
    for event in ["deactivated", "activated"] {
        let filter = format!("event = '{event}' AND user_id = 1 AND agent = 'command line'");
        assert!(has_audit_event(&app.database, &filter).await, "{event}");
    }
}

async fn users_delete_deletes_all_data_but_the_audit_log(engine: Engine) {
    let app = TestApp::start(engine).await;
    let token = app.token("token", "u1").await;
    app.login("knox", "u01").await.ok();
    app.login("token", "u2").await.ok();
    let unconfirmed = run_on(&app.database, &["users", "delete", "user1"], &[]).await;
    assert_eq!(unconfirmed.status, Some(1));
    assert!(unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    assert_eq!(app.database.count("users").await, 2);

    let done = run_on(&app.database, &["users", "delete", "user1", "--yes", "--json"], &[]).await.success();
    assert_eq!(done.json(), json!({"id": 1, "username": "user1", "deleted": true}));
    assert_eq!(app.client().user(&format!("Token {token}")).await.status, 401);
    for table in ["users", "social_accounts", "tokens"] {
        assert_eq!(app.database.count(table).await, 1, "{table}");
    }
    assert_eq!(app.database.count("knox_tokens").await, 0);
    assert!(has_audit_event(&app.database, "event = 'deleted' AND user_id = 1").await);
    assert!(has_audit_event(&app.database, "event = 'sign_up' AND user_id = 1").await);
    let again = run_on(&app.database, &["users", "delete", "id:1", "--yes"], &[]).await;
    assert_eq!((again.status, again.errors()), (Some(1), "error: there is no user id:1\n"));
}

async fn users_list_and_show_find_users(engine: Engine) {
    let app = TestApp::start(engine).await;
    for code in ["u1", "u2", "u3"] {
        app.login("token", code).await.ok();
    }
    app.database.run("UPDATE users SET username = '1' WHERE id = 3").await;
    app.database.run("UPDATE users SET first_name = '50%_Off' WHERE id = 2").await;
    let found = async |arguments: &[&str]| {
        let mut line = vec!["users", "list", "--json"];
        line.extend_from_slice(arguments);
        let users = run_on(&app.database, &line, &[]).await.success().json();
        let ids: Vec<i64> = users.as_array().expect("a list").iter().filter_map(|user| user["id"].as_i64()).collect();
        ids
    };
    let uid = app.database.text("SELECT uid FROM social_accounts WHERE user_id = 2").await;
    assert_eq!(found(&[]).await, [1, 2, 3]);
    assert_eq!(found(&["--limit", "2"]).await, [1, 2]);
    assert_eq!(found(&["--search", "USER2@"]).await, [2]);
    assert_eq!(found(&["--search", &uid]).await, [2]);
    app.database.run("UPDATE users SET last_name = 'de la Cruz' WHERE id = 3").await;
    for (text, ids) in [
        ("LAST1", &[1][..]),
        ("50%_off", &[2]),
        ("50%_off l", &[2]),
        ("de l", &[3]),
        ("LA CRUZ", &[3]),
        ("example.com", &[1, 2, 3]),
        ("@EXAMPLE.c", &[1, 2, 3]),
    ] {
        assert_eq!(found(&["--search", text]).await, ids, "{text}");
    }
    assert_eq!(found(&["--search", "example.com", "--limit", "2"]).await.len(), 2);
    for text in ["SER2@", "ast1", "%", "_", "\\", "unmatched"] {
        assert_eq!(found(&["--search", text]).await, [0; 0], "{text}");
    }
    for (text, ids) in
        [("SER2@", &[2][..]), ("last1", &[1]), ("%_o", &[2]), ("_", &[2]), ("\\", &[]), ("unmatched", &[])]
    {
        assert_eq!(found(&["--contains", text]).await, ids, "{text}");
    }

    let text = run_on(&app.database, &["users", "list", "--limit", "1"], &[]).await.success().stdout;
    assert!(text.starts_with("id  username") && text.contains("user1@example.com"), "{text}");
    assert!(text.contains("There are more users"), "{text}");

    let ambiguous = run_on(&app.database, &["users", "show", "1"], &[]).await;
    assert_eq!(ambiguous.status, Some(1));
    assert!(ambiguous.stderr.contains("id:1 or username:1"), "{}", ambiguous.stderr);
    let id =
        async |user: &str| run_on(&app.database, &["users", "show", user, "--json"], &[]).await.json()["id"].clone();
    assert_eq!((id("id:1").await, id("username:1").await, id("user2").await), (json!(1), json!(3), json!(2)));
    let page = run_on(&app.database, &["users", "show", "user2"], &[]).await.success().stdout;
    assert!(page.contains("Social accounts\nprovider") && page.contains("Credentials\nkind"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_characters_in_user_data_are_not_printed() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.login("token", "u1").await.ok();
    app.database.run("UPDATE users SET first_name = char(27) || '[2J' || char(10) || 'x'").await;
    app.database.run("UPDATE tokens SET agent = char(27) || ']0;x' || char(7)").await;
    for line in [&["users", "list"][..], &["users", "show", "user1"]] {
        let text = run_on(&app.database, line, &[]).await.success().stdout;
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}

async fn users_delete_revokes_tokens_at_the_provider(engine: Engine) {
    let app =
        TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").with("ENCRYPTION_KEYS", KEY_A).start().await;
    app.double.rule(|call| (call.method == "DELETE").then(|| Reply::json(&json!({"success": true}))));
    app.client().login("token/facebook", json!({"code": "u1"})).await.ok();
    let roots = app.double.authority().to_str().expect("a path in UTF-8");
    let further = [
        ("STORE_PROVIDER_TOKENS", "true"),
        ("ENCRYPTION_KEYS", KEY_A),
        ("SECRET_KEY", SECRET_KEY),
        ("SOCIAL_AUTH_FACEBOOK_KEY", "k"),
        ("SOCIAL_AUTH_FACEBOOK_SECRET", "s"),
        ("HTTPS_PROXY", app.double.proxy()),
        ("SSL_CERT_FILE", roots),
    ];
    run_on(&app.database, &["users", "delete", "1", "--yes"], &further).await.success();
    let revocations = app.double.calls().into_iter().filter(|call| call.method == "DELETE").count();
    assert_eq!((revocations, app.database.count("users").await), (1, 0));
}

// ---- keys

async fn keys_list_and_keys_rotate(engine: Engine) {
    let app =
        TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").with("ENCRYPTION_KEYS", KEY_A).start().await;
    app.login("token", "u1").await.ok();
    app.login("token", "u2").await.ok();
    let keys = async |keys: &str, arguments: &[&str]| {
        let further = [("STORE_PROVIDER_TOKENS", "true"), ("SECRET_KEY", SECRET_KEY), ("ENCRYPTION_KEYS", keys)];
        run_on(&app.database, arguments, &further).await
    };
    let listed = async |names: &str| {
        let list = keys(names, &["keys", "list", "--json"]).await.success().json();
        json!({"keys": list["encryption_keys"], "undecryptable": list["undecryptable"]})
    };
    let key = |name: &str, encrypts: bool, tokens: i64| json!({"name": name, "encrypts": encrypts, "provider_tokens": tokens, "signing_keys": 0});
    // The key of SECRET_KEY was used before ENCRYPTION_KEYS was set.
    let derived = || key("secret-key", false, 0);
    let both = format!("{KEY_B},{KEY_A}");
    assert_eq!(listed(KEY_A).await, json!({"keys": [key("a", true, 2), derived()], "undecryptable": 0}));
    let of_both = json!([key("b", true, 0), key("a", false, 2), derived()]);
    assert_eq!(listed(&both).await, json!({"keys": of_both, "undecryptable": 0}));
    assert_eq!(listed(KEY_B).await, json!({"keys": [key("b", true, 0), derived()], "undecryptable": 2}));
    for (name, reason) in
        [("a", "2 provider tokens and 0 signing keys are encrypted with it"), ("b", "it is the first one")]
    {
        let in_use = keys(&both, &["keys", "retire", name]).await;
        assert_eq!(in_use.status, Some(1));
        assert!(in_use.stderr.contains("is in use") && in_use.stderr.contains(reason), "{}", in_use.stderr);
    }

    // Without the old key, rotation fails and changes nothing.
    let missing_key = keys(KEY_B, &["keys", "rotate"]).await;
    assert_eq!(missing_key.status, Some(1));
    assert!(
        missing_key.stderr.contains("2 provider tokens or signing keys were not changed"),
        "{}",
        missing_key.stderr
    );
    let rotated = keys(&both, &["keys", "rotate", "--json"]).await.success().json();
    let encryption = json!({"key": "b", "provider_tokens": 2, "signing_keys": 0, "undecryptable": 0});
    assert_eq!(rotated, json!({"encryption": encryption, "signing": null}));
    assert_eq!(listed(KEY_B).await, json!({"keys": [key("b", true, 2), derived()], "undecryptable": 0}));
    for (name, can_go) in [("a", "remove it from ENCRYPTION_KEYS"), ("secret-key", "SECRET_KEY can be changed")] {
        let retired = keys(&both, &["keys", "retire", name]).await.success().stdout;
        assert!(retired.contains(can_go), "{retired}");
    }
    let text = keys(&both, &["keys", "list"]).await.success().stdout;
    assert!(text.contains("encrypts and decrypts  2") && !text.contains("J4nW"), "{text}");

    // Tokens that were stored before the setting was turned off are counted and encrypted again.
    let off = [("SECRET_KEY", SECRET_KEY), ("ENCRYPTION_KEYS", &both)];
    let text = run_on(&app.database, &["keys", "list"], &off).await.success().stdout;
    assert!(text.contains("encrypts and decrypts  2") && text.contains("STORE_PROVIDER_TOKENS is off"), "{text}");
    let reordered = [("SECRET_KEY", SECRET_KEY), ("ENCRYPTION_KEYS", &format!("{KEY_A},{KEY_B}"))];
    let rotated = run_on(&app.database, &["keys", "rotate", "--json"], &reordered).await.success().json();
    assert_eq!(rotated["encryption"]["provider_tokens"], 2);
    let reserved = keys(&KEY_A.replace("a:", "secret-key:"), &["keys", "list"]).await;
    assert!(reserved.stderr.contains("ENCRYPTION_KEYS: has a key with the name secret-key"), "{}", reserved.stderr);
    let duplicate = keys(&format!("{KEY_A},{KEY_A}"), &["keys", "list"]).await;
    assert_eq!(
        (duplicate.status, duplicate.errors()),
        (Some(2), "error: ENCRYPTION_KEYS: has two keys with the name a\n")
    );
}

// ---- audit

async fn audit_list_and_audit_prune(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    app.login("token", "u2").await.ok();
    app.login("token", "nonsense").await.problem(400, "invalid_code");
    let read = async |arguments: &[&str]| {
        let mut line = vec!["audit"];
        line.extend_from_slice(arguments);
        run_on(&app.database, &line, &[]).await.success()
    };
    let all = read(&["--json"]).await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(3), "{all}");
    assert_eq!((&all[0]["event"], &all[0]["code"]), (&json!("refused"), &json!("invalid_code")));
    assert_eq!(read(&["--limit", "1", "--json"]).await.json().as_array().map(Vec::len), Some(1));
    for user in ["2", "user2"] {
        let own = read(&["--user", user, "--json"]).await.json();
        assert_eq!((own.as_array().map(Vec::len), &own[0]["user_id"]), (Some(1), &json!(2)), "{own}");
    }
    let request = all[0]["request_id"].as_str().expect("a request id").to_owned();
    for (filter, expected) in [
        (&["--outcome", "refused"][..], 1),
        (&["--outcome", "done"], 2),
        (&["--event", "sign_up"], 2),
        (&["--event", "link"], 0),
        (&["--code", "invalid_code"], 1),
        (&["--provider", "github"], 3),
        (&["--provider", "github", "--outcome", "done", "--user", "2"], 1),
        (&["--provider", "' OR 1=1 --"], 0),
        (&["--request", &request], 1),
        (&["--since", "2026-11-24T12:00:00Z"], 3),
        (&["--since", "2026-11-24T12:00:00.001Z"], 0),
        (&["--until", "2026-11-24T12:00:00Z"], 0),
        (&["--until", "2026-11-24T13:00:01+01:00"], 3),
    ] {
        let lines = read(&[filter, &["--jsonl"]].concat()).await.stdout;
        assert_eq!(lines.lines().count(), expected, "{filter:?}: {lines}");
        for line in lines.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok_and(|row| row["at"].is_string()), "{line}");
        }
    }
    for invalid in [&["--event", "nothing"][..], &["--outcome", "x"], &["--since", "soon"], &["--json", "--jsonl"]] {
        let line = [&["audit"][..], invalid].concat();
        assert_eq!(run_on(&app.database, &line, &[]).await.status, Some(2), "{invalid:?}");
    }
    let text = read(&[]).await.stdout;
    assert!(
        text.lines().nth(1).is_some_and(|line| line.contains("refused") && line.contains("invalid_code")),
        "{text}"
    );

    // The commands' clock is the machine's, not the test's.
    app.database.run("UPDATE audit_events SET at = CASE user_id WHEN 1 THEN 5 ELSE 9999999999999 END").await;
    assert_eq!(read(&["prune", "--before", "90d", "--yes", "--json"]).await.json()["deleted"], 1);
    assert_eq!(app.database.count("audit_events").await, 2);
    for age in ["90", "soon", "-1d"] {
        let invalid = run_on(&app.database, &["audit", "prune", "--before", age], &[]).await;
        assert_eq!(invalid.status, Some(2), "{age}");
    }
}

// ---- services

async fn services_add_list_and_remove_take_effect_without_a_restart(engine: Engine) {
    let app = TestApp::start(engine).await;
    let other = app.start_second_node().await;
    let token = app.token("token", "u1").await;
    let services = async |arguments: &[&str]| run_on(&app.database, &[&["services"], arguments].concat(), &[]).await;
    let added = services(&["add", "billing", "--json"]).await.success().json();
    let text = |name: &str| added[name].as_str().expect("a text").to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    assert!(secret.starts_with("rsak_") && secret.len() == 48, "256 random bits");
    let introspect = async |client: crate::support::Client| {
        let body = json!({"token": token, "client_id": id, "client_secret": secret});
        client.post("/api/token/introspect/").json(&body).send().await
    };
    assert_eq!(introspect(app.client()).await.ok()["active"], true);
    assert_eq!(introspect(other.client()).await.ok()["active"], true);

    let again = services(&["add", "billing"]).await;
    assert_eq!((again.status, again.stdout.as_str()), (Some(1), ""));
    assert!(again.stderr.contains("the name billing is in use"), "{}", again.stderr);
    assert_eq!(services(&["add", "a b"]).await.status, Some(2));
    let second = services(&["add", "api"]).await.success().stdout;
    assert!(second.contains("client secret  rsak_") && second.contains("shown only now"), "{second}");
    let listed = services(&["list", "--json"]).await.success().json();
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|service| service["name"].clone()).collect();
    assert_eq!(names, ["api", "billing"]);
    assert!(listed[0]["last_used"].is_null() && listed[1]["last_used"].is_string(), "{listed}");
    let table = services(&["list"]).await.success().stdout;
    assert!(table.contains("never") && !table.contains("rsak_") && !listed.to_string().contains("rsak_"), "{table}");

    services(&["remove", "billing", "--yes", "--json"]).await.success();
    for client in [app.client(), other.client()] {
        introspect(client).await.problem(401, "invalid_client");
    }
    assert_eq!(services(&["remove", "billing", "--yes"]).await.status, Some(1));
    let row = "service = 'billing' AND agent = 'command line' AND user_id IS NULL AND event = ";
    for event in ["service_added", "service_removed"] {
        assert!(has_audit_event(&app.database, &format!("{row}'{event}'")).await, "{event}");
    }
    let audit = run_on(&app.database, &["audit", "--service", "api", "--json"], &[]).await.success().json();
    assert_eq!((audit.as_array().map(Vec::len), &audit[0]["service"]), (Some(1), &json!("api")));
}

// ---- the database of every command

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_e14_commands_say_which_database_and_settings_they_use() {
    let database = Database::create(Engine::Sqlite).await;
    let folder = TempDir::new().expect("a temporary folder");
    let url = database.url();
    let environment = [("DATABASE_URL", url)];
    let plain = run(&["users", "list", "--json"], &environment, folder.path()).await.success();
    let path = url.trim_start_matches("sqlite://").split('?').next().unwrap_or_default();
    assert_eq!(plain.stderr, format!("note: database {path}; settings of the environment\n"));
    let file = folder.path().join("rest-social-auth.toml");
    std::fs::write(&file, format!("database_url = \"{url}\"\n")).expect("a file in the temporary folder");
    let beside = run(&["users", "list"], &environment, folder.path()).await.success();
    assert!(beside.stderr.contains("rest-social-auth.toml was not read, to use it add --config"), "{}", beside.stderr);
    let config = file.to_str().expect("UTF-8");
    let read = run(&["users", "list", "--config", config], &[], folder.path()).await.success();
    assert_eq!(read.stderr, format!("note: database {path}; settings file {config}\n"));
    let secret = [("DATABASE_URL", "postgres://user:visible-password@127.0.0.1:1/db")];
    let unreachable = run(&["users", "list"], &secret, folder.path()).await;
    assert!(unreachable.stderr.contains("\nnote: database postgres://127.0.0.1/db; "), "{}", unreachable.stderr);
    assert!(!unreachable.stderr.contains("visible"), "{}", unreachable.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_with_a_slash_in_a_database_url_is_in_no_output() {
    let folder = TempDir::new().expect("a temporary folder");
    for url in ["postgres://u:7/Sup3rSecret@127.0.0.1:1/db", "postgres://u:/Sup3rSecret@h", "postgres://u:7?Sup3r@h/d"]
    {
        let environment = [("DATABASE_URL", url), ("SECRET_KEY", SECRET_KEY), ("PUBLIC_URL", "https://login.example")];
        let import = ["import", "django", "--from", url];
        for line in [&["serve"][..], &["migrate"], &["doctor", "--json"], &["users", "list"], &["backup", "x"], &import]
        {
            let output = run(line, &environment, folder.path()).await;
            let text = format!("{}{}", output.stdout, output.stderr);
            assert!(output.status != Some(0) && text.contains("must look like postgres://"), "{line:?}: {text}");
            assert!(!text.contains("Sup3r"), "{line:?}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_database_is_reported_and_not_changed() {
    let folder = TempDir::new().expect("a temporary folder");
    let at = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let url = at("none.db");
    let missing = run(&["users", "list"], &[("DATABASE_URL", &url)], folder.path()).await;
    assert_eq!(missing.status, Some(2));
    assert!(
        missing.errors().starts_with("error: DATABASE_URL: ") && !folder.path().join("none.db").exists(),
        "{}",
        missing.stderr
    );
    assert!(missing.stderr.contains("none.db does not exist: `serve` and `migrate` create it"), "{}", missing.stderr);
    std::fs::create_dir(folder.path().join("folder.db")).expect("a folder in a folder of ours");
    let directory = run(&["users", "list"], &[("DATABASE_URL", &at("folder.db"))], folder.path()).await;
    let wanted = format!("needs write access to it and to its directory {}\n", folder.path().display());
    assert!(directory.status == Some(2) && directory.stderr.contains(&wanted), "{}", directory.stderr);

    std::fs::write(folder.path().join("empty.db"), "").expect("a file in the temporary folder");
    let url = at("empty.db");
    for line in [&["users", "list"][..], &["audit"], &["keys", "list"]] {
        let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", SECRET_KEY)];
        let empty = run(line, &environment, folder.path()).await;
        assert_eq!(empty.status, Some(1), "{line:?}");
        assert!(empty.stderr.contains("rest-social-auth migrate"), "{}", empty.stderr);
    }

    let database = Database::create(Engine::Sqlite).await;
    database.run("UPDATE _sqlx_migrations SET version = 99999 WHERE version = 1").await;
    let newer = run_on(&database, &["users", "list"], &[]).await;
    assert!(newer.status == Some(1) && newer.stderr.contains("later release"), "{}", newer.stderr);

    let unsupported = run(&["audit"], &[("DATABASE_URL", "mysql://x")], folder.path()).await;
    assert_eq!(unsupported.status, Some(2));
}

// ---- providers show

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_show_prints_endpoints_and_settings() {
    let folder = TempDir::new().expect("a temporary folder");
    let show =
        async |name: &str| run(&["providers", "show", name, "--json"], &[], folder.path()).await.success().json();
    let github = show("github").await;
    assert_eq!(github["authorization_url"], "https://github.com/login/oauth/authorize");
    assert_eq!(github["token_url"], "https://github.com/login/oauth/access_token");
    assert_eq!(github["settings"]["required"], json!(["KEY", "SECRET"]));
    for (name, required, one_of) in [
        ("apple-id", json!(["CLIENT", "TEAM", "KEY", "SECRET"]), json!([])),
        ("auth0", json!(["KEY", "SECRET", "DOMAIN"]), json!([])),
        ("facebook", json!(["KEY", "SECRET"]), json!([])),
        ("steam", json!([]), json!([])),
        ("telegram", json!(["BOT_TOKEN"]), json!([])),
        ("azuread-oauth2", json!(["KEY"]), json!(["SECRET", "CLIENT_ASSERTION", "FEDERATED_TOKEN_FILE"])),
    ] {
        let settings = &show(name).await["settings"];
        assert_eq!((&settings["required"], &settings["one_of"]), (&required, &one_of), "{name}");
    }
    let text = run(&["providers", "show", "facebook"], &[], folder.path()).await.success().stdout;
    for part in
        ["authorization_url: https://", "defaults:", "API_VERSION: ", "APPSECRET_PROOF: true", "of_every_provider: "]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}
