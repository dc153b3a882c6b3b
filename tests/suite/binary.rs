//! The compiled binary: errors at start, start and shutdown, and what its log must not contain.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::double::{Double, Reply};
use crate::support::fake_users::{
    CLIENT_ID, CLIENT_SECRET, FakeUsers, GITHUB_TOKEN, GITHUB_USER, ISSUER, OIDC_TOKEN, github_settings,
};
use crate::support::process::{Process, command, run};
use crate::support::{Answer, Client, Database, Engine, on_both_databases};

const SECRET_KEY: &str = "secret-key-of-the-binary-tests-09f3c1-for-no-other-use";

/// What a server needs to start, and the provider doubles that it calls.
struct Setup {
    folder: TempDir,
    double: Double,
    fake_users: FakeUsers,
}

async fn setup() -> Setup {
    let (double, fake_users) = FakeUsers::start_now().await;
    Setup { folder: TempDir::new().expect("a temporary folder"), double, fake_users }
}

impl Setup {
    fn variables<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("SECRET_KEY", SECRET_KEY)][..], &github_settings(&self.double), more].concat()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The names of the settings that `serve` reports as errors. Fails unless it exits with 2.
fn setting_errors(variables: &[(&str, &str)], folder: &Path) -> BTreeSet<String> {
    let output = run(&["serve"], variables, folder);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let errors = text.lines().filter_map(|line| line.strip_prefix("error: ")?.split_once(':'));
    errors.map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test]
async fn all_setting_errors_are_reported_together_by_name() {
    let folder = TempDir::new().expect("a temporary folder");
    let invalid = [
        ("SECRET_KEY", "visible-and-short"),
        ("PUBLIC_URL", "http://public.example"),
        ("STATE_POLICY", "perhaps"),
        ("LISTEN", "everywhere"),
        ("DATABASE_URL", "mysql://user:visible-password@host/db"),
        ("ALLOWED_ORIGINS", "https://front.example/path"),
        ("SOCIAL_AUTH_GITHUB_KEY", "key"),
        ("SOCIAL_AUTH_UUID_LENGTH", "many"),
        ("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "five minutes"),
        ("SOCIAL_AUTH_PIPELINE", "social_uid,invented_step"),
    ];
    let reported = setting_errors(&invalid, folder.path());
    for (name, _) in invalid.iter().filter(|(name, _)| *name != "SOCIAL_AUTH_GITHUB_KEY") {
        assert!(reported.contains(*name), "{name} in {reported:?}");
    }
    let output = run(&["serve"], &invalid, folder.path());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("visible"), "a secret is printed: {text}");
    assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "nothing was created");
}

#[test]
fn variables_that_are_not_utf_8_prevent_the_start_and_an_import() {
    let folder = TempDir::new().expect("a temporary folder");
    let valid =
        [("SECRET_KEY", SECRET_KEY), ("PUBLIC_URL", "https://login.example"), ("SOCIAL_AUTH_GITHUB_KEY", "key")];
    let errors = |arguments: &[&str], name: &[u8], value: &[u8]| {
        let mut command = command(arguments, &valid, folder.path());
        let output = command.env(OsStr::from_bytes(name), OsStr::from_bytes(value)).output().expect("the binary runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        stderr
    };
    let list = errors(&["serve"], b"SOCIAL_AUTH_WHITELISTED_DOMAINS", b"a.example,m\xfcller.example");
    assert!(list.contains("SOCIAL_AUTH_WHITELISTED_DOMAINS: is not UTF-8"), "{list}");
    let name = errors(&["serve"], b"SOCIAL_AUTH_SIGN_UP\xa0", b"false");
    assert!(name.contains("did you mean SOCIAL_AUTH_SIGN_UP?"), "{name}");
    let import = ["import", "django", "--from", "sqlite://none.db"];
    let key = errors(&import, b"DJANGO_SECRET_KEY", b"k\xff");
    assert!(key.contains("DJANGO_SECRET_KEY: is not UTF-8"), "{key}");
}

#[tokio::test]
async fn sec_47_unsafe_settings_prevent_the_start() {
    let folder = TempDir::new().expect("a temporary folder");
    let valid = [("SECRET_KEY", SECRET_KEY), ("PUBLIC_URL", "https://login.example")];
    let without = |name: &str| valid.iter().copied().filter(|(known, _)| *known != name).collect::<Vec<_>>();
    for (name, value) in [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", ""),
        ("PUBLIC_URL", "http://login.example"),
        ("PUBLIC_URL", "https://login.example/path"),
        ("SIMPLE_JWT_SIGNING_KEY", "short"),
        ("ALLOWED_REDIRECT_URIS", "javascript:alert(1)"),
        ("ALLOWED_REDIRECT_URIS", "*"),
        ("ALLOWED_ORIGINS", "*"),
        ("OUTGOING_ALLOW_PRIVATE", "perhaps"),
    ] {
        let mut variables = without(name);
        variables.push((name, value));
        let reported = setting_errors(&variables, folder.path());
        assert_eq!(reported, BTreeSet::from([name.to_owned()]), "{name}={value}");
    }
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, format!("secret_key = \"{SECRET_KEY}\"\npublic_url = \"https://login.example\"\n"))
        .expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("rights");
    let config = file.to_str().expect("a path in UTF-8");
    let reported = setting_errors(&[("REST_SOCIAL_AUTH_CONFIG", config)], folder.path());
    assert_eq!(reported.len(), 1, "a world-readable settings file: {reported:?}");
}

#[tokio::test]
async fn unknown_setting_is_an_error_in_the_file_and_a_warning_in_the_environment() {
    let setup = setup().await;
    let file = setup.path().join("settings.toml");
    std::fs::write(&file, "state_polcy = \"required\"\n[providers.github]\nsecrte = \"x\"\n").expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("rights");
    let config = file.to_str().expect("a path in UTF-8");
    let environment = setup.variables(&[("PUBLIC_URL", "https://login.example"), ("REST_SOCIAL_AUTH_CONFIG", config)]);
    let output = run(&["serve"], &environment, setup.path());
    let text = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in ["state_polcy", "state_policy", "secrte", "secret"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let environment = setup.variables(&[("SOCIAL_AUTH_GITHUB_SCOEP", "x"), ("REST_SOCIAL_VERBOSE_EROR", "1")]);
    let process = Process::start(&["serve"], &environment, setup.path()).await;
    let log = process.output();
    for part in ["SOCIAL_AUTH_GITHUB_SCOEP", "REST_SOCIAL_VERBOSE_EROR", "REST_SOCIAL_VERBOSE_ERRORS"] {
        assert!(log.contains(part), "{part} in {log}");
    }
}

#[tokio::test]
async fn missing_provider_settings_are_warned_about_at_start() {
    let setup = setup().await;
    let environment: Vec<_> = setup
        .variables(&[("SIMPLE_JWT_ISUER", "x")])
        .into_iter()
        .filter(|(name, _)| !name.ends_with("_SECRET"))
        .collect();
    let log = Process::start(&["serve"], &environment, setup.path()).await.output();
    for part in
        ["SIMPLE_JWT_ISUER: is not a known setting; did you mean SIMPLE_JWT_ISSUER?", "GITHUB_SECRET: is not set"]
    {
        assert!(log.contains(part), "{part} in {log}");
    }
    let without = [("SECRET_KEY", SECRET_KEY), ("DATABASE_URL", "sqlite://other.db")];
    let log = Process::start(&["serve"], &without, setup.path()).await.output();
    assert!(log.contains("no provider is configured"), "{log}");
}

#[test]
fn missing_settings_file_is_reported() {
    let folder = TempDir::new().expect("a temporary folder");
    let stderr = |arguments: &[&str]| {
        let output = run(arguments, &[], folder.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let missing = stderr(&["serve", "--config", "nope.toml"]);
    assert!(missing.starts_with("error: nope.toml: cannot be read") && missing.lines().count() == 1, "{missing}");
    assert!(!stderr(&["serve"]).contains("--config"));
    assert!(run(&["init"], &[], folder.path()).status.success());
    let not_named = stderr(&["serve"]);
    assert!(not_named.ends_with("add --config rest-social-auth.toml\n"), "{not_named}");
    let named = run(&["init", "--config", "own.toml"], &[], folder.path());
    assert!(named.status.success() && folder.path().join("own.toml").exists());
}

#[tokio::test]
async fn r_log_02_refusals_are_logged_unless_turned_off() {
    for (setting, logged) in [("True", true), ("False", false)] {
        let setup = setup().await;
        let environment = setup.variables(&[("REST_SOCIAL_LOG_AUTH_EXCEPTIONS", setting)]);
        let process = Process::start(&["serve"], &environment, setup.path()).await;
        process.client().login("token/unknown", json!({"code": "u1"})).await.problem(404, "unknown_provider");
        process.client().login("token/github", json!({"code": "u1"})).await.ok();
        while !process.output().contains("signed in") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(process.output().contains("refused code="), logged, "{setting}: {}", process.output());
    }
}

#[tokio::test]
async fn serve_creates_a_private_database_and_becomes_ready() {
    let setup = setup().await;
    let process = Process::start(&["serve"], &setup.variables(&[]), setup.path()).await;
    let client = process.client();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(client.get(path).send().await.status, 200, "{path}");
    }
    let file = setup.path().join("rest-social-auth.db");
    assert_eq!(std::fs::metadata(&file).expect("the database").permissions().mode() & 0o077, 0);
    client.login("token/github", json!({"code": "u1"})).await.ok();
    let providers = client.get("/api/login/social/providers/").send().await.ok();
    assert_eq!(providers["providers"].as_array().map(Vec::len), Some(1), "no demo provider: {providers}");
    assert!(process.output().contains("STATE_POLICY"), "no warning that a login needs no state: {}", process.output());
}

#[tokio::test]
async fn dev_prints_redirect_uris_and_state_policy() {
    let folder = TempDir::new().expect("a temporary folder");
    for (environment, state) in [(&[][..], "required"), (&[("STATE_POLICY", "off")][..], "not verified")] {
        let process = Process::start(&["dev"], environment, folder.path()).await;
        let output = process.output();
        for line in
            ["Redirect URIs  every page of this machine, and ALLOWED_REDIRECT_URIS", &format!("State          {state}")]
        {
            assert!(output.contains(line), "no {line} in {output}");
        }
    }
}

#[tokio::test]
async fn fault_e13_dev_listens_on_a_given_loopback_address() {
    let folder = TempDir::new().expect("a temporary folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let (listen, public_url) = (free.to_string(), format!("http://{free}"));
    let process = Process::spawn(&["dev", "--listen", &listen], &[("PUBLIC_URL", &public_url)], folder.path()).await;
    // Without --listen, it would listen on the port of LISTEN, which the process has as well.
    while !Client::new(&public_url).get("/readyz").try_send().await.is_ok_and(|answer| answer.status == 200) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let output = process.output();
    assert!(output.contains("client `demo`, secret `demo-secret`"), "{output}");
    let refused = run(&["dev", "--listen", "0.0.0.0:0"], &[], folder.path());
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && text.contains("LISTEN: must be a loopback address"), "{text}");
}

#[tokio::test]
async fn database_open_error_does_not_contain_the_password() {
    let folder = TempDir::new().expect("a temporary folder");
    // A database that is down may answer later: exit code 1, which supervisors repeat.
    for (url, code, cause) in [
        ("sqlite:///nowhere/at/all/x.db", 2, "No such file"),
        ("postgres://user:visible-password@127.0.0.1:1/db", 1, "Connection refused"),
    ] {
        let environment = [("SECRET_KEY", SECRET_KEY), ("PUBLIC_URL", "https://login.example"), ("DATABASE_URL", url)];
        let output = run(&["serve"], &environment, folder.path());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("DATABASE_URL") && text.contains(cause) && !text.contains("visible"), "{text}");
    }
}

#[tokio::test]
async fn serve_without_migrate_runs_on_a_migrated_database() {
    let setup = setup().await;
    let output = run(&["migrate"], &setup.variables(&[]), setup.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let process = Process::start(&["serve", "--no-migrate"], &setup.variables(&[]), setup.path()).await;
    process.client().login("token/github", json!({"code": "u1"})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_completes_logins_in_flight() {
    let setup = setup().await;
    let reply = json!({"access_token": "gho_u1", "token_type": "bearer"});
    setup.double.always(GITHUB_TOKEN, Reply::json(&reply).after(Duration::from_millis(1500)));
    let mut process = Process::start(&["serve"], &setup.variables(&[]), setup.path()).await;
    let client = process.client();
    let login = tokio::spawn(async move { client.login("token_user/github", json!({"code": "u1"})).await });
    while setup.double.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    process.terminate();
    assert_eq!(login.await.expect("no panic").field("username"), "user1");
    assert!(process.wait_for_exit().await.success(), "{}", process.output());
    assert!(process.client().get("/healthz").try_send().await.is_err(), "the port is closed");
}

#[test]
fn openapi_is_printed_without_database_or_configuration() {
    let folder = TempDir::new().expect("a temporary folder");
    let yaml = run(&["openapi"], &[], folder.path());
    assert!(yaml.status.success());
    let checked_in = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml")).expect("openapi.yaml");
    assert!(yaml.stdout == checked_in, "openapi.yaml is not up to date: run make openapi");
    let json = run(&["openapi", "--format", "json"], &[], folder.path());
    let document: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(document["paths"].as_object().is_some_and(|paths| paths.len() > 20));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no file is created");
}

#[tokio::test]
async fn init_writes_a_file_that_serve_accepts() {
    let setup = setup().await;
    let output = run(&["init"], &[], setup.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = setup.path().join("rest-social-auth.toml");
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o077, 0);
    let text = std::fs::read_to_string(&file).expect("the file");
    let again = run(&["init"], &[], setup.path());
    assert!(!again.status.success(), "an existing file is not overwritten");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), text);

    let environment: Vec<_> = setup.variables(&[]).into_iter().filter(|(name, _)| *name != "SECRET_KEY").collect();
    let process = Process::start(&["serve", "--config", "rest-social-auth.toml"], &environment, setup.path()).await;
    let client = process.client().browser();
    client.login("token/github", json!({"code": "u1"})).await.problem(400, "state_mismatch");
    let begun = client.post("/api/login/social/begin/github/").json(&json!({})).send().await.ok();
    let pair = client.login("jwt-pair/github", json!({"code": "u1", "state": begun["state"]})).await;
    let refresh = json!({"refresh": pair.field("refresh")});
    assert_eq!(
        client.post("/api/token/refresh/").json(&refresh).send().await.keys(),
        ["access", "refresh"],
        "refresh tokens rotate"
    );
}

#[tokio::test]
async fn json_log_contains_the_request_id() {
    let setup = setup().await;
    let process = Process::start(&["serve"], &setup.variables(&[("LOG_FORMAT", "json")]), setup.path()).await;
    let answer = process.client().login("token/github", json!({"code": "u1"})).await;
    let id = answer.header("x-request-id").expect("an id").to_owned();
    let log = process.output();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let of_request: Vec<&Value> = lines.iter().filter(|line| line.to_string().contains(&id)).collect();
    assert!(of_request.iter().any(|line| line.to_string().contains("signed in")), "{log}");
    assert!(
        of_request.iter().any(|line| line.to_string().contains("token") && line.to_string().contains("200")),
        "{log}"
    );
}

on_both_databases! {
    sec_41_trace_log_contains_no_secret,
}

async fn sec_41_trace_log_contains_no_secret(engine: Engine) {
    let (setup, database) = (setup().await, Database::create(engine).await);
    let environment = setup.variables(&[
        ("DATABASE_URL", database.url()),
        ("RUST_LOG", "trace"),
        ("REST_SOCIAL_VERBOSE_ERRORS", "true"),
        ("SOCIAL_AUTH_FACEBOOK_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_FACEBOOK_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_GOOGLE_OAUTH2_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_GOOGLE_OAUTH2_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_TWITTER_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_TWITTER_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_OIDC_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_OIDC_SECRET", CLIENT_SECRET),
        ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", ISSUER),
        ("STORE_PROVIDER_TOKENS", "true"),
        ("WEBHOOK_URL", "https://hooks.example/users?key=webhook-url-secret-31c7"),
        ("WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ]);
    let process = Process::start(&["serve"], &environment, setup.path()).await;
    let mut secrets = BTreeSet::from([SECRET_KEY.to_owned(), CLIENT_SECRET.to_owned()]);
    secrets.extend(["webhook-url-secret-31c7", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"].map(str::to_owned));
    exercise_every_route(&setup, &process, &mut secrets).await;
    let log = process.output();
    assert!(
        log.lines().count() > 80 && log.contains("signed in"),
        "the log is too short for this test: {} lines",
        log.lines().count()
    );
    assert!(secrets.len() > 25, "too few secrets were collected: {}", secrets.len());
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        let found = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(found.is_none(), "{secret} in {found:?}");
        // Neither percent-encoded nor printed as a list of bytes.
        let escaped = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        assert!(!log.contains(&escaped), "{escaped}");
        let bytes = secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        assert!(!log.contains(&bytes), "{secret} as bytes");
    }
}

/// Signs in with several kinds and providers, with and without errors, and collects every secret that was used.
async fn exercise_every_route(setup: &Setup, process: &Process, secrets: &mut BTreeSet<String>) {
    let browser = process.client().browser();
    let mut collect = |answer: &Answer| {
        for name in ["token", "refresh", "access", "flow_token", "state", "oauth_token"] {
            let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
            secrets.extend(body[name].as_str().map(str::to_owned));
        }
        secrets.extend(answer.set_cookies().into_iter().map(|cookie| cookie.value));
    };
    let long_code = |n: usize| format!("u{}{n}", "0".repeat(30));
    let mut codes = Vec::new();
    for (n, kind) in ["session", "token", "jwt-pair-user", "jwt-sliding", "knox_user"].iter().enumerate() {
        for (m, provider) in ["github", "facebook", "google-oauth2", "oidc"].iter().enumerate() {
            let code = long_code(1 + n * 10 + m);
            let post = process.client().post(&format!("/api/login/social/{kind}/{provider}/"));
            let answer = post.json(&json!({"code": code})).send().await;
            answer.ok();
            collect(&answer);
            codes.push(code);
        }
    }
    let begun = browser.post("/api/login/social/begin/oidc/").json(&json!({})).send().await;
    let url = begun.field("authorization_url");
    let nonce = url::Url::parse(&url)
        .expect("a URL")
        .query_pairs()
        .find(|(name, _)| name == "nonce")
        .expect("a nonce")
        .1
        .into_owned();
    let code = format!("{}~{nonce}", long_code(90));
    let completed = browser.login("jwt-pair/oidc", json!({"code": code, "state": begun.field("state")})).await;
    let verifier =
        setup.double.calls_at(OIDC_TOKEN).last().and_then(|call| call.field("code_verifier")).expect("a verifier");
    let (refresh, access) = (completed.field("refresh"), completed.field("token"));
    let refreshed = browser.post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await;
    let request_token = browser.login("token/twitter", json!({})).await;
    let callback = json!({"oauth_token": request_token.field("oauth_token"), "oauth_verifier": long_code(91)});
    let signed_in = browser.login("token/twitter", callback).await;
    let user = browser.user(&format!("Bearer {access}")).await;
    let refused = browser.user("Bearer invented-credential-5521").await;
    for answer in [&begun, &completed, &refreshed, &request_token, &signed_in, &user, &refused] {
        collect(answer);
    }
    // Errors are logged with the most detail.
    for (n, (place, reply)) in [
        (GITHUB_TOKEN, Reply::Reset),
        (GITHUB_TOKEN, Reply::of(500, "text/html", "provider-secret-77f1")),
        (GITHUB_USER, Reply::json_at(401, &json!({"message": "provider-secret-77f1"}))),
        (GITHUB_USER, Reply::Reset),
    ]
    .into_iter()
    .enumerate()
    {
        setup.fake_users.answer(&setup.double);
        setup.double.always(place, reply);
        let code = long_code(70 + n);
        let answer =
            process.client().login("token/github", json!({"code": code, "code_verifier": "v".repeat(50)})).await;
        answer.problem(502, "provider_error");
        codes.push(code);
    }
    codes.extend([code, long_code(91), nonce, verifier, "v".repeat(50), "invented-credential-5521".to_owned()]);
    let provider_tokens = codes
        .iter()
        .flat_map(|code| ["gho_", "fb-", "ya29.", "oidc-", "tw-", "tws-"].map(|prefix| format!("{prefix}{code}")));
    secrets.extend(provider_tokens.collect::<Vec<_>>());
    secrets.extend(setup.fake_users.request_token_secret("rt-1"));
    secrets.extend(codes);
    secrets.extend(browser.cookies().into_values());
    // Short values are names and kinds.
    secrets.retain(|secret| secret.len() >= 8);
}
