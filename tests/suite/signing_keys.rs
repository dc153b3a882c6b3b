//! Keys that sign JWTs: published, rotated, retired (SEC-29, SEC-31); the key set and the metadata.

use std::collections::BTreeSet;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rest_social_auth::model::{SigningKeyChange, SigningKeyState};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{claims, jwt_header};
use crate::support::fake_users::{FakeUsers, github_settings};
use crate::support::process::{self, Process};
use crate::support::test_app::TestAppBuilder;
use crate::support::{Client, Database, Engine, TestApp, on_both_databases, signer};

mod changed_settings; // another algorithm, or another key of the settings
mod commands; // `keys list`, `rotate` and `retire`
mod documents; // the key set and the metadata

on_both_databases! {
    sec_31_keys_rotate_under_load_without_a_401,
    sec_29_forged_headers_and_other_types_are_refused,
    sec_31_a_key_that_another_node_made_is_read_when_a_token_names_it,
    sec_31_tokens_with_garbage_key_ids_read_the_keys_once_a_second,
    sec_31_a_key_in_another_state_than_assumed_is_not_retired,
    sec_31_a_key_that_cannot_be_read_stops_no_other,
    sec_31_a_node_without_the_key_that_signs_refuses_requests,
    sec_31_without_keys_requests_are_refused_at_once,
    sec_30_a_change_of_secret_key_separates_no_token_from_its_family,
    sec_31_rotation_by_schedule_keeps_refresh_tokens_valid,
    sec_31_retired_key_verifies_tokens_of_a_longer_lifetime,
}

const SECRET_KEY: &str = "secret-key-of-the-signing-key-tests-5b1e-for-no-other-use";
const PUBLIC_URL: &str = "http://localhost:8000";

/// A code of the first user that no login has used.
fn code() -> String {
    static USED: AtomicUsize = AtomicUsize::new(0);
    format!("u{}1", "0".repeat(USED.fetch_add(1, Ordering::Relaxed)))
}

fn kid(token: &str) -> String {
    jwt_header(token)["kid"].as_str().unwrap_or_else(|| panic!("no kid in {token}")).to_owned()
}

async fn key_set(client: &Client) -> Value {
    client.get("/.well-known/jwks.json").send().await.ok()
}

fn has_key(set: &Value, kid: &str) -> bool {
    set["keys"].as_array().expect("keys").iter().any(|key| key["kid"] == kid)
}

async fn wait_until_key_set(client: &Client, is_reached: impl Fn(&Value) -> bool) {
    while !is_reached(&key_set(client).await) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The keys are read again every 250 milliseconds.
fn es256(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine)
        .with("SIMPLE_JWT_ALGORITHM", "ES256")
        .with("SIMPLE_JWT_KEY_PUBLICATION", "1")
        .with("PUBLIC_URL", PUBLIC_URL)
}

// ---- several processes

/// What the clients of the load test share.
struct Load {
    nodes: Vec<Client>,
    /// The keys that signed the tokens so far.
    signed_by: Mutex<BTreeSet<String>>,
}

/// A service that verifies tokens with the key set of one node, and reads it again when a token names an unknown key.
struct Service<'a> {
    node: &'a Client,
    keys: JwkSet,
}

impl Service<'_> {
    async fn verify(&mut self, token: &str) {
        let kid = kid(token);
        if self.keys.find(&kid).is_none() {
            self.keys = serde_json::from_value(key_set(self.node).await).expect("a JWK set");
        }
        let jwk = self.keys.find(&kid).unwrap_or_else(|| panic!("{kid} signs and is not published"));
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[PUBLIC_URL]);
        validation.set_audience(&[PUBLIC_URL]);
        let key = DecodingKey::from_jwk(jwk).expect("a public key");
        jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap_or_else(|error| panic!("{token}: {error}"));
    }
}

impl Load {
    /// Signs in, refreshes and verifies on one node after the other until `keys` keys have signed.
    async fn run(&self, number: usize, keys: usize) {
        let node = |round: usize| &self.nodes[(number + round) % self.nodes.len()];
        let first = node(0).login("jwt-pair/github", json!({"code": code()})).await;
        let refresh = first.field("refresh");
        let mut service = Service { node: node(2), keys: JwkSet::default() };
        let mut sliding: Option<String> = None;
        for round in 0.. {
            let refreshed = node(round).post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await;
            let access = refreshed.field("access");
            node(round + 1).user(&format!("Bearer {access}")).await.ok();
            service.verify(&access).await;
            let again = match &sliding {
                None => node(round).login("jwt-sliding/github", json!({"code": code()})).await,
                Some(token) => {
                    node(round).post("/api/token/sliding/refresh/").json(&json!({"token": token})).send().await
                }
            };
            let token = again.field("token");
            node(round + 2).post("/api/token/verify/").json(&json!({"token": token})).send().await.ok();
            let is_done = {
                let mut signed_by = self.signed_by.lock().expect("no panic");
                signed_by.extend([kid(&access), kid(&token)]);
                signed_by.len() >= keys
            };
            sliding = Some(token);
            if is_done {
                return;
            }
            // Other tests need the processor too.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn command(database: &Database, arguments: &[&str], further: &[(&str, &str)]) -> Output {
    let owned = |text: &&str| (*text).to_owned();
    let arguments: Vec<String> = arguments.iter().map(owned).collect();
    let mut environment = vec![
        ("DATABASE_URL".to_owned(), database.url().to_owned()),
        ("SECRET_KEY".to_owned(), SECRET_KEY.to_owned()),
        ("SIMPLE_JWT_ALGORITHM".to_owned(), "ES256".to_owned()),
    ];
    environment.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let running = tokio::task::spawn_blocking(move || {
        let folder = TempDir::new().expect("a temporary folder");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        process::run(&arguments, &environment, folder.path())
    });
    running.await.expect("no panic")
}

#[track_caller]
fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn sec_31_keys_rotate_under_load_without_a_401(engine: Engine) {
    let ((double, _), folder) = (FakeUsers::start().await, TempDir::new().expect("a folder"));
    let database = Database::create(engine).await;
    let own = [
        ("RATE_LIMITS", "off"),
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLIC_URL", PUBLIC_URL),
        ("SIMPLE_JWT_ALGORITHM", "ES256"),
        ("SIMPLE_JWT_KEY_ROTATION", "4"),
        ("SIMPLE_JWT_KEY_PUBLICATION", "4"),
    ];
    let environment = [&own[..], &github_settings(&double)].concat();
    let count = if engine == Engine::Postgres { 3 } else { 1 };
    let starts = (0..count).map(|_| Process::start(&["serve"], &environment, folder.path()));
    let processes: Vec<Process> = join_all(starts).await;
    let state = |state: &str| format!("SELECT count(*) FROM signing_keys WHERE state = '{state}'");
    assert_eq!(
        (database.number(&state("signing")).await, database.number(&state("published")).await),
        (1, 1),
        "the database lets one node make a key"
    );

    let nodes: Vec<Client> = processes.iter().map(Process::client).collect();
    let load = Arc::new(Load { nodes: nodes.clone(), signed_by: Mutex::default() });
    let clients = (0..4).map(|number| {
        let load = load.clone();
        tokio::spawn(async move { load.run(number, 4).await })
    });
    for client in join_all(clients).await {
        client.expect("every token is accepted by every node, and verified with the key set");
    }
    assert_eq!(database.number(&state("signing")).await, 1);
    assert!(database.number(&state("retired")).await >= 3);
    let rotations = "SELECT count(*) FROM audit_events WHERE event = 'signing_key_rotated'";
    assert!(database.number(rotations).await >= 3);

    // A key that others know ends at once on every node, and so do its tokens.
    let token = nodes[0].login("jwt-pair/github", json!({"code": code()})).await.field("token");
    let retired = kid(&token);
    json_of(&command(&database, &["keys", "retire", &retired, "--yes", "--json"], &[]).await);
    for node in &nodes {
        wait_until_key_set(node, |set| !has_key(set, &retired)).await;
        node.user(&format!("Bearer {token}")).await.problem(401, "token_not_valid");
        let next = node.login("jwt-pair/github", json!({"code": code()})).await.field("token");
        assert_ne!(kid(&next), retired);
        for node in &nodes {
            node.user(&format!("Bearer {next}")).await.ok();
        }
    }
}

// ---- one process

async fn sec_29_forged_headers_and_other_types_are_refused(engine: Engine) {
    let app = es256(engine).start().await;
    let pair = app.login("jwt-pair", &code()).await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    let good = claims(&access);
    let header = jwt_header(&access);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(jwt_header(&refresh)["typ"], "refresh+jwt");
    for (claim, value) in [("iss", PUBLIC_URL), ("aud", PUBLIC_URL), ("sub", "1"), ("client_id", PUBLIC_URL)] {
        assert_eq!(good[claim], value, "{claim}");
    }
    let set = key_set(&app.client()).await;
    let jwk = set["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == header["kid"]).expect("the key");

    let attackers = rcgen::KeyPair::generate().expect("a P-256 key");
    let by_attacker = |header: jsonwebtoken::Header| {
        let key = jsonwebtoken::EncodingKey::from_ec_pem(attackers.serialize_pem().as_bytes()).expect("a key");
        jsonwebtoken::encode(&header, &good, &key).expect("a token")
    };
    let es256 = |kid: Option<&str>| jsonwebtoken::Header {
        typ: Some("at+jwt".to_owned()),
        kid: kid.map(str::to_owned),
        ..jsonwebtoken::Header::new(Algorithm::ES256)
    };
    let kid = header["kid"].as_str().expect("a kid");
    let by_hmac = |secret: &[u8]| {
        let key = jsonwebtoken::EncodingKey::from_secret(secret);
        let header = jsonwebtoken::Header { alg: Algorithm::HS256, ..es256(Some(kid)) };
        jsonwebtoken::encode(&header, &good, &key).expect("a token")
    };
    let with_own_jwk = jsonwebtoken::Header {
        jwk: serde_json::from_value(jwk.clone()).ok(),
        jku: Some("https://evil.example/jwks.json".to_owned()),
        ..es256(Some(kid))
    };
    let (start, rest) = access.split_once('.').expect("a JWT");
    let forged = [
        ("none", signer::unsigned(&good)),
        ("HS256 with the public key", by_hmac(jwk.to_string().as_bytes())),
        ("HS256 with a coordinate", by_hmac(jwk["x"].as_str().expect("x").as_bytes())),
        ("HS256 with SECRET_KEY", by_hmac(crate::support::test_app::SECRET_KEY.as_bytes())),
        ("HS256 without a kid", signer::hs256(crate::support::test_app::SECRET_KEY.as_bytes(), &good)),
        ("another key under this kid", by_attacker(es256(Some(kid)))),
        ("a key in the header", by_attacker(with_own_jwk)),
        ("an unknown kid", by_attacker(es256(Some(&"A".repeat(43))))),
        ("a kid of another form", by_attacker(es256(Some("../../dev/null' OR '1'='1")))),
        ("no kid", by_attacker(es256(None))),
        ("a refresh token", refresh.clone()),
        ("an empty signature", format!("{start}.{}.", rest.split('.').next().unwrap_or_default())),
    ];
    for (fault, token) in forged {
        app.client().user(&format!("Bearer {token}")).await.problem(401, "token_not_valid");
        let refresh = if fault == "a refresh token" { &access } else { &token };
        let answer = app.client().post("/api/token/refresh/").json(&json!({"refresh": refresh})).send().await;
        assert_eq!(answer.status, 401, "{fault}");
    }
    // Many unknown keys at once: each is refused after one more read of the keys.
    let unknown = (0..30).map(|n| by_attacker(es256(Some(&format!("{n:043}")))));
    let refused = join_all(unknown.map(|token| {
        let client = app.client();
        async move { client.user(&format!("Bearer {token}")).await.status }
    }));
    assert!(refused.await.iter().all(|status| *status == 401));

    // A key that was removed, while its tokens have not expired.
    app.database.run("UPDATE signing_keys SET state = 'retired', expires = 1 WHERE state = 'signing'").await;
    wait_until_key_set(&app.client(), |set| !has_key(set, kid)).await;
    app.client().user(&format!("Bearer {access}")).await.problem(401, "token_not_valid");
    let next = app.token("jwt-pair", &code()).await;
    assert!(has_key(&set, &self::kid(&next)), "the key that signs now was published before");
    app.client().user(&format!("Bearer {next}")).await.ok();

    for stored in app.database.dump().await {
        let text = String::from_utf8_lossy(&stored.bytes);
        assert!(!text.contains("PRIVATE KEY") && !text.contains("\"d\""), "{}.{}", stored.table, stored.column);
    }
}

/// Whatever tokens are sent: otherwise a caller without a credential could make the database work.
async fn sec_31_tokens_with_garbage_key_ids_read_the_keys_once_a_second(engine: Engine) {
    const READ: &str = "read the keys that sign JWTs";
    let (database, folder) = (Database::create(engine).await, TempDir::new().expect("a folder"));
    let environment = [
        ("RATE_LIMITS", "off"),
        ("RUST_LOG", "info,rest_social_auth::account::signing_keys=trace"),
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLIC_URL", PUBLIC_URL),
        ("SIMPLE_JWT_ALGORITHM", "ES256"),
    ];
    let process = Process::start(&["serve"], &environment, folder.path()).await;
    let attackers = rcgen::KeyPair::generate().expect("a P-256 key");
    let key = jsonwebtoken::EncodingKey::from_ec_pem(attackers.serialize_pem().as_bytes()).expect("a key");
    let garbage = |number: usize| {
        let kid = Some(format!("{number:043}"));
        let header = jsonwebtoken::Header { kid, ..jsonwebtoken::Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &json!({"exp": 4_000_000_000_i64, "user_id": "1"}), &key).expect("a token")
    };
    let reads = || process.output().matches(READ).count();
    let (before, begun) = (reads(), tokio::time::Instant::now());
    assert!(before > 0, "the log has the reads: {}", process.output());
    for round in 0..3 {
        let client = process.client();
        let statuses = join_all((0..100).map(|n| {
            let (client, token) = (client.clone(), garbage(round * 100 + n));
            async move { client.user(&format!("Bearer {token}")).await.status }
        }));
        assert!(statuses.await.iter().all(|status| *status == 401));
    }
    // Once a second for the tokens, and every ten seconds in any case.
    let seconds = usize::try_from(begun.elapsed().as_secs()).expect("a short test") + 1;
    let caused = reads() - before;
    assert!(caused <= seconds + seconds / 10 + 1, "{caused} reads in {seconds} seconds");
}

/// Two nodes may decide from different reads of the keys.
async fn sec_31_a_key_in_another_state_than_assumed_is_not_retired(engine: Engine) {
    let app = es256(engine).start().await;
    app.token("jwt-pair", &code()).await;
    let (repository, now) = (app.database.repository().await, app.clock.now());
    let keys = repository.signing_keys().await.expect("a read");
    let signing = keys.iter().find(|key| key.state == SigningKeyState::Signing).expect("a key");
    let retire = |from| [SigningKeyChange::Retire { kid: signing.kid.clone(), expires: now, from }];
    let from = Some(SigningKeyState::Published);
    assert!(!repository.change_signing_keys(&retire(from), now, &[]).await.expect("a write"));
    assert!(repository.change_signing_keys(&retire(None), now, &[]).await.expect("a write"));
}

async fn sec_31_a_key_that_another_node_made_is_read_when_a_token_names_it(engine: Engine) {
    // The keys are read every ten seconds otherwise.
    let app = es256(engine).with("SIMPLE_JWT_KEY_PUBLICATION", "86400").start().await;
    let own = app.token("jwt-pair", &code()).await;
    let other = app.start_second_node().await;
    let same = other.client().login("jwt-pair/github", json!({"code": code()})).await.field("token");
    assert_eq!(kid(&own), kid(&same), "a node uses the stored key");
    app.database.run("DELETE FROM signing_keys").await;
    let third = app.start_second_node().await;
    let pair = third.client().login("jwt-pair/github", json!({"code": code()})).await;
    assert_ne!(kid(&own), kid(&pair.field("token")));
    let bearer = format!("Bearer {}", pair.field("token"));
    let requests = (0..5).map(|_| {
        let client = app.client();
        let bearer = &bearer;
        async move { client.user(bearer).await.status }
    });
    assert_eq!(join_all(requests).await, [200; 5]);
    let body = json!({"refresh": pair.field("refresh")});
    other.client().post("/api/token/refresh/").json(&body).send().await.ok();
}

/// Retires the key that signs as another node does it: the published one signs.
async fn rotate(app: &TestApp) {
    let (repository, now) = (app.database.repository().await, app.clock.now());
    let keys = repository.signing_keys().await.expect("a read");
    let find = |state| keys.iter().find(|key| key.state == state && key.algorithm == "ES256").expect("a key");
    let (signing, next) = (find(SigningKeyState::Signing), find(SigningKeyState::Published));
    let changes = [
        SigningKeyChange::Retire {
            kid: signing.kid.clone(),
            expires: now.plus(Duration::from_secs(86_400)),
            from: Some(SigningKeyState::Signing),
        },
        SigningKeyChange::Sign { kid: next.kid.clone() },
    ];
    assert!(repository.change_signing_keys(&changes, now, &[]).await.expect("a write"));
}

async fn wait_until_status(client: &Client, path: &str, status: u16) {
    while client.get(path).send().await.status != status {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Rows that were changed, or that a later release wrote.
async fn sec_31_a_key_that_cannot_be_read_stops_no_other(engine: Engine) {
    let app = es256(engine).start().await;
    let first = app.token("jwt-pair", &code()).await;
    for (kid, algorithm, state) in
        [("broken", "ES256", "retired"), ("foreign", "ML-DSA-44", "published"), ("later", "RS256", "suspended")]
    {
        let columns = "(kid, algorithm, public_jwk, state, created)";
        let values = format!("('{kid}', '{algorithm}', '{{}}', '{state}', {})", app.clock.now().0);
        app.database.run(&format!("INSERT INTO signing_keys {columns} VALUES {values}")).await;
    }
    rotate(&app).await;
    let next = loop {
        let token = app.token("jwt-pair", &code()).await;
        if kid(&token) != kid(&first) {
            break token;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for token in [first, next] {
        app.client().user(&format!("Bearer {token}")).await.ok();
    }
    wait_until_key_set(&app.client(), |set| set["keys"].as_array().is_some_and(|keys| keys.len() == 3)).await;
    app.start_second_node().await.client().get("/readyz").send().await.ok();
    let of_app = [("SECRET_KEY", crate::support::test_app::SECRET_KEY), ("PUBLIC_URL", PUBLIC_URL)];
    let list = json_of(&command(&app.database, &["keys", "list", "--json"], &of_app).await);
    assert_eq!(list["unreadable_signing_keys"], json!(["broken", "foreign", "later"]));
    let doctor = command(&app.database, &["doctor"], &of_app).await;
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("broken, foreign, later cannot be read"), "{found}");
    let retired = command(&app.database, &["keys", "retire", "later", "--yes", "--json"], &of_app).await;
    assert_eq!(json_of(&retired)["state"], "removed");
}

/// It must not sign with the former one: the others have retired it.
async fn sec_31_a_node_without_the_key_that_signs_refuses_requests(engine: Engine) {
    let lost = "encrypted_private_key = substr(encrypted_private_key, 2)";
    for (change, message) in [(lost, "cannot be decrypted"), ("public_jwk = '{}'", "cannot be read")] {
        let app = es256(engine).start().await;
        let first = app.token("jwt-pair", &code()).await;
        app.database.run(&format!("UPDATE signing_keys SET {change} WHERE state = 'published'")).await;
        rotate(&app).await;
        wait_until_status(&app.client(), "/readyz", 503).await;
        app.client().get("/healthz").send().await.ok();
        app.login("jwt-pair", &code()).await.problem(503, "database_unavailable");
        let kid = app.database.text("SELECT kid FROM signing_keys WHERE state = 'signing'").await;
        let environment = [
            ("SECRET_KEY", crate::support::test_app::SECRET_KEY),
            ("PUBLIC_URL", PUBLIC_URL),
            ("LISTEN", "127.0.0.1:0"),
        ];
        let server = command(&app.database, &["serve"], &environment).await;
        let error = String::from_utf8_lossy(&server.stderr).into_owned();
        assert!(!server.status.success(), "it does not start");
        assert!(error.contains(message) && error.contains(&format!("keys retire {kid}")), "{error}");

        app.database.run("UPDATE signing_keys SET state = 'retired', expires = 1 WHERE state = 'signing'").await;
        wait_until_status(&app.client(), "/readyz", 200).await;
        let next = app.token("jwt-pair", &code()).await;
        assert!(self::kid(&next) != kid && self::kid(&next) != self::kid(&first));
        for token in [first, next] {
            app.client().user(&format!("Bearer {token}")).await.ok();
        }
    }
}

/// No request waits for the database, so that they cannot take up all connections.
async fn sec_31_without_keys_requests_are_refused_at_once(engine: Engine) {
    let app = es256(engine).start().await;
    app.database.run("ALTER TABLE signing_keys RENAME TO hidden").await;
    let node = app.start_node_without_keys().await;
    let requests = (0..30).map(|number| {
        let client = node.client();
        async move {
            let path = if number % 2 == 0 { "/readyz" } else { "/api/login/social/providers/" };
            let answer = client.get(path).send().await;
            answer.problem(503, "database_unavailable");
            assert!(answer.header("retry-after").is_some());
        }
    });
    join_all(requests).await;
    node.client().get("/healthz").send().await.ok();
    app.client().get("/readyz").send().await.ok();
    app.token("jwt-pair", &code()).await;
    app.database.run("ALTER TABLE hidden RENAME TO signing_keys").await;
    wait_until_status(&node.client(), "/readyz", 200).await;
    node.client().login("jwt-pair/github", json!({"code": code()})).await.field("token");
}

async fn sec_30_a_change_of_secret_key_separates_no_token_from_its_family(engine: Engine) {
    let app = es256(engine)
        .with("ENCRYPTION_KEYS", "a:Zt8mVq3cYw0RkPj6LbXs1NfHd7GuAe5oT2iKyC9xQzM=")
        .with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true")
        .with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true")
        .start()
        .await;
    let pair = app.login("jwt-pair", &code()).await;
    let (bearer, body) = (format!("Bearer {}", pair.field("token")), json!({"refresh": pair.field("refresh")}));
    let node = app.start_node_with(&[("SECRET_KEY", SECRET_KEY)]).await;
    node.client().user(&bearer).await.ok();
    node.client().post("/api/token/blacklist/").json(&body).send().await.ok();
    for client in [node.client(), app.client()] {
        client.user(&bearer).await.problem(401, "token_not_valid");
    }
}

async fn sec_31_rotation_by_schedule_keeps_refresh_tokens_valid(engine: Engine) {
    let day = Duration::from_secs(86_400);
    let app = es256(engine).with("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "8640000").start().await;
    let pair = app.login("jwt-pair", &code()).await;
    let (first, body) = (kid(&pair.field("token")), json!({"refresh": pair.field("refresh")}));
    let refreshed = async || {
        let answer = app.client().post("/api/token/refresh/").json(&body).send().await;
        kid(&answer.field("access"))
    };
    app.advance(day * 90);
    wait_until_key_set(&app.client(), |set| set["keys"].as_array().is_some_and(|keys| keys.len() == 3)).await;
    let second = refreshed().await;
    assert_ne!(first, second);
    assert!(has_key(&key_set(&app.client()).await, &first), "a retired key verifies the refresh token");
    // Its last refresh token has expired.
    app.advance(day * 100 + Duration::from_secs(600));
    let is_rotated = |set: &Value| !has_key(set, &first) && set["keys"].as_array().is_some_and(|keys| keys.len() == 3);
    wait_until_key_set(&app.client(), is_rotated).await;
    assert_eq!(app.database.count("signing_keys").await, 4, "the schedule rotated again");
}

/// An operator shortens the lifetime of tokens: those that were issued before are valid as long as they say.
async fn sec_31_retired_key_verifies_tokens_of_a_longer_lifetime(engine: Engine) {
    let day = Duration::from_secs(86_400);
    let app = es256(engine).with("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "8640000").start().await;
    let pair = app.login("jwt-pair", &code()).await;
    app.advance(day * 10);
    rotate(&app).await;
    // `rotate` lets the retired key verify for a day.
    app.advance(day * 80);
    let node = app.start_second_node().await;
    let refresh = json!({"refresh": pair.field("refresh")});
    node.client().post("/api/token/refresh/").json(&refresh).send().await.ok();
}
