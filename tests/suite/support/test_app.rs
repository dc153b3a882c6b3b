//! A server in this process with its clock, database, providers and clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rest_social_auth::clock::{Clock, Deps, Entropy, UnixMillis};
use rest_social_auth::server::{Builder, Server};
use rest_social_auth::settings::{self, Mode, SettingError, Settings, Sources};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::{Answer, Client};
use super::database::{Database, Engine};
use super::double::Double;
use super::fake_users::{CLIENT_ID, CLIENT_SECRET, FakeUsers, ISSUER};

/// The front-end's origin, in ALLOWED_ORIGINS.
pub const FRONTEND: &str = "https://front.example";
/// The front-end's redirect URI, in ALLOWED_REDIRECT_URIS.
pub const REDIRECT_URI: &str = "https://front.example/cb";
pub const SECRET_KEY: &str = "the-suites-own-secret-key-71c0d2a9-not-for-anybody-else";
/// 2026-11-24T12:00:00Z, the time at the start of every test.
const START: i64 = 1_795_521_600_000;

/// A clock that moves only with [`TestApp::advance`].
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        self.now()
    }
}

struct RealEntropy;

impl Entropy for RealEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system's random generator works");
    }
}

/// The settings of a server before its start.
pub struct TestAppBuilder {
    engine: Engine,
    settings: Vec<(String, String)>,
    program: Program,
}

/// Steps and claims that a program which uses the library adds.
type Program = Arc<dyn Fn(Builder) -> Builder + Send + Sync>;

impl TestAppBuilder {
    /// Sets a setting by its environment name. An empty value removes a default of this file.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds custom steps and claims, as a program that uses the library does.
    pub fn with_builder(self, program: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        Self { program: Arc::new(program), ..self }
    }

    /// Configures the generic OpenID Connect provider at `id.example`.
    pub fn oidc(self) -> Self {
        self.with("SOCIAL_AUTH_OIDC_KEY", CLIENT_ID)
            .with("SOCIAL_AUTH_OIDC_SECRET", CLIENT_SECRET)
            .with("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", ISSUER)
    }

    pub async fn start(self) -> TestApp {
        self.try_start().await.unwrap_or_else(|errors| panic!("the server does not start: {errors:?}"))
    }

    pub async fn try_start(self) -> Result<TestApp, Vec<SettingError>> {
        let (double, fake_users) = FakeUsers::start().await;
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        fake_users.set_now(clock.now().seconds());
        let database = Database::create(self.engine).await;
        let mut environment: Vec<(String, String)> = [
            ("DATABASE_URL", database.url()),
            ("SECRET_KEY", SECRET_KEY),
            ("ALLOWED_ORIGINS", FRONTEND),
            ("ALLOWED_REDIRECT_URIS", REDIRECT_URI),
            ("HTTPS_PROXY", double.proxy()),
            ("SSL_CERT_FILE", double.authority().to_str().expect("a path in UTF-8")),
            ("RATE_LIMITS", "off"),
            // A busy machine is slow, not broken. Tests with a silent database set shorter limits.
            ("DATABASE_TIMEOUT", "60"),
            ("DATABASE_QUEUE_TIMEOUT", "30"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for provider in ["GITHUB", "FACEBOOK", "GOOGLE_OAUTH2", "TWITTER"] {
            environment.push((format!("SOCIAL_AUTH_{provider}_KEY"), CLIENT_ID.to_owned()));
            environment.push((format!("SOCIAL_AUTH_{provider}_SECRET"), CLIENT_SECRET.to_owned()));
        }
        for (name, value) in self.settings {
            environment.retain(|(known, _)| *known != name);
            if !value.is_empty() {
                environment.push((name, value));
            }
        }
        let node = Node::start(&environment, &clock, &self.program).await?;
        node.wait_for_keys().await;
        Ok(TestApp { node, database, double, fake_users, clock, environment, program: self.program })
    }
}

/// A running server with its database, providers and clock.
pub struct TestApp {
    pub node: Node,
    pub database: Database,
    pub double: Double,
    pub fake_users: FakeUsers,
    pub clock: Arc<TestClock>,
    environment: Vec<(String, String)>,
    program: Program,
}

impl TestApp {
    /// github, facebook, google-oauth2 and twitter are configured; all other settings have their defaults.
    pub fn builder(engine: Engine) -> TestAppBuilder {
        TestAppBuilder { engine, settings: Vec::new(), program: Arc::new(|builder| builder) }
    }

    /// Starts a server with the default settings.
    pub async fn start(engine: Engine) -> Self {
        Self::builder(engine).start().await
    }

    /// A client without cookies.
    pub fn client(&self) -> Client {
        self.node.client()
    }

    /// The path of the provider token of the user's first account.
    pub async fn provider_token_path(&self, authorization: &str) -> String {
        let accounts = self.client().get("/api/user/social/").header("authorization", authorization).send().await.ok();
        format!("/api/user/social/{}/token/", accounts[0]["id"])
    }

    /// Asks for the provider token of this login with the permanent token in it.
    pub async fn provider_token(&self, login: &Answer) -> Answer {
        let authorization = format!("Token {}", login.field("token"));
        let path = self.provider_token_path(&authorization).await;
        self.client().get(&path).header("authorization", &authorization).send().await
    }

    /// A client with an empty cookie jar.
    pub fn browser(&self) -> Client {
        self.node.client().browser()
    }

    /// Starts another server on the same database, with its own port.
    pub async fn start_second_node(&self) -> Node {
        let node = self.start_node_without_keys().await;
        node.wait_for_keys().await;
        node
    }

    /// Like [`Self::start_second_node`], but does not wait until the server has read the keys that sign JWTs.
    pub async fn start_node_without_keys(&self) -> Node {
        Node::start(&self.environment, &self.clock, &self.program)
            .await
            .unwrap_or_else(|errors| panic!("the second server does not start: {errors:?}"))
    }

    /// Like [`Self::start_second_node`], with other settings.
    pub async fn start_node_with(&self, settings: &[(&str, &str)]) -> Node {
        let mut environment = self.environment.clone();
        environment.retain(|(known, _)| settings.iter().all(|(name, _)| name != known));
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let node = Node::start(&environment, &self.clock, &self.program)
            .await
            .unwrap_or_else(|errors| panic!("the server does not start with these settings: {errors:?}"));
        node.wait_for_keys().await;
        node
    }

    pub fn advance(&self, span: Duration) {
        let later = self.clock.now().plus(span);
        self.clock.0.store(later.0, Ordering::SeqCst);
        self.fake_users.set_now(later.seconds());
    }

    /// Signs in through github with only a code.
    pub async fn login(&self, kind: &str, code: &str) -> Answer {
        self.client().login(&format!("{kind}/github"), json!({"code": code})).await
    }

    /// Signs in through github with this profile and returns the user.
    pub async fn login_with_profile(&self, code: &str, profile: Value) -> Value {
        self.fake_users.set_profile("github", code, profile);
        self.login("session", code).await.ok()
    }

    /// The field `token` of a login through github.
    pub async fn token(&self, kind: &str, code: &str) -> String {
        self.login(kind, code).await.field("token")
    }

    /// Links an account to the caller: begins with the `Authorization` header, then completes at `route`
    /// (`token/github`) with the state and flow token of begin.
    pub async fn link(&self, route: &str, authorization: &str, code: &str) -> Answer {
        let (_, provider) = route.split_once('/').expect("a kind and a provider");
        let post = |path: String| self.client().post(&path).header("authorization", authorization);
        let begun = post(format!("/api/login/social/begin/{provider}/")).json(&json!({})).send().await;
        if begun.status != 200 {
            return begun;
        }
        // The ID token of this code must contain the nonce of this login.
        let url = url::Url::parse(&begun.field("authorization_url")).expect("a URL");
        let nonce = url.query_pairs().find(|(name, _)| name == "nonce").map(|(_, nonce)| nonce.into_owned());
        let code = nonce.map_or_else(|| code.to_owned(), |nonce| format!("{code}~{nonce}"));
        let body = json!({"code": code, "state": begun.field("state"), "flow_token": begun.field("flow_token")});
        post(format!("/api/login/social/{route}/")).json(&body).send().await
    }

    /// Begins a login at `provider` with the cookies of `browser`.
    pub async fn begin(&self, browser: &Client, provider: &str, body: Value) -> BeginAnswer {
        let answer = browser.post(&format!("/api/login/social/begin/{provider}/")).json(&body).send().await;
        let body = answer.ok();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        let url = url::Url::parse(&text("authorization_url")).expect("a URL");
        BeginAnswer {
            query: url.query_pairs().into_owned().collect(),
            url,
            state: text("state"),
            flow_token: text("flow_token"),
        }
    }
}

/// The response to begin.
pub struct BeginAnswer {
    pub url: url::Url,
    /// The query of the authorization URL.
    pub query: Vec<(String, String)>,
    pub state: String,
    pub flow_token: String,
}

impl BeginAnswer {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One server.
pub struct Node {
    pub base: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Node {
    async fn start(
        environment: &[(String, String)],
        clock: &Arc<TestClock>,
        program: &Program,
    ) -> Result<Self, Vec<SettingError>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let base = format!("http://{address}");
        let mut environment = environment.to_vec();
        environment.push(("LISTEN".to_owned(), address.to_string()));
        if !environment.iter().any(|(name, _)| name == "PUBLIC_URL") {
            environment.push(("PUBLIC_URL".to_owned(), base.clone()));
        }
        let deps = Deps::new(clock.clone(), Arc::new(RealEntropy));
        let settings = |builder: Builder, (name, value): (String, String)| builder.setting(name, value);
        let builder = environment.into_iter().fold(Server::builder().deps(deps), settings);
        let server = program(builder).build().await.map_err(|mistakes| mistakes.0)?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(server.run(listener, None, shutdown));
        Ok(Self { base, stop: Some(stop), task })
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// A server with key pairs refuses requests until a background task has read them.
    async fn wait_for_keys(&self) {
        while self.client().get("/readyz").send().await.text.contains("no key that signs JWTs") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Shuts down gracefully, as on SIGTERM.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.task.await.expect("no panic").expect("a clean shutdown");
    }
}

/// Reads the settings of an environment as `serve` does.
pub fn read_settings(environment: Vec<(String, String)>) -> Result<Settings, Vec<SettingError>> {
    let catalog = rest_social_auth::provider::catalog_names();
    settings::read(&Sources {
        mode: Mode::Serve,
        defaults: toml::Table::new(),
        file: None,
        environment: environment.into_iter().map(|(name, value)| (name, value.into())).collect(),
        catalog: &catalog,
        steps: &[],
        fields: &[],
    })
}
