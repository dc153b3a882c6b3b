//! SIMPLE_JWT_ALGORITHM or SIMPLE_JWT_SIGNING_KEY changes: the new key is published before it signs, and no token is refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Load, PUBLIC_URL, SECRET_KEY, code, command, es256, has_key, json_of, key_set, kid, wait_until_key_set};
use crate::support::client::jwt_header;
use crate::support::fake_users::{FakeUsers, github_settings};
use crate::support::process::Process;
use crate::support::{Client, Database, Engine, on_both_databases};

on_both_databases! {
    sec_31_a_key_of_another_algorithm_is_published_before_it_signs,
    sec_31_sighup_replaces_a_key_of_the_settings_without_a_401,
    sec_31_a_retired_key_of_the_settings_does_not_sign_again,
}

fn private_key() -> String {
    rcgen::KeyPair::generate().expect("a P-256 key").serialize_pem()
}

fn public_key(private_key: &str) -> String {
    rcgen::KeyPair::from_pem(private_key).expect("a key pair").public_key_pem()
}

async fn token_of(client: &Client) -> String {
    client.login("jwt-pair/github", json!({"code": code()})).await.field("token")
}

fn has_algorithm(set: &Value, algorithm: &str) -> bool {
    set["keys"].as_array().expect("keys").iter().any(|key| key["alg"] == algorithm)
}

async fn sec_31_a_key_of_another_algorithm_is_published_before_it_signs(engine: Engine) {
    let app = es256(engine).start().await;
    let mut former = app.token("jwt-pair", &code()).await;
    let operators = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem();
    for settings in [
        &[("SIMPLE_JWT_ALGORITHM", "RS256")][..],
        &[("SIMPLE_JWT_ALGORITHM", "EdDSA"), ("SIMPLE_JWT_SIGNING_KEY", operators.as_str())],
    ] {
        let node = app.start_node_with(settings).await;
        let (client, algorithm) = (node.client(), settings[0].1);
        client.user(&format!("Bearer {former}")).await.ok();
        let early = token_of(&client).await;
        assert_eq!(kid(&early), kid(&former), "services do not know the new key yet");
        client.user(&format!("Bearer {early}")).await.ok();
        wait_until_key_set(&app.client(), |set| has_algorithm(set, algorithm)).await;
        let published = key_set(&app.client()).await;

        app.advance(Duration::from_secs(1));
        let new = loop {
            let token = token_of(&client).await;
            if kid(&token) != kid(&early) {
                break token;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(jwt_header(&new)["alg"], algorithm);
        assert!(has_key(&published, &kid(&new)), "the key that signs now was published before");
        for token in [&former, &early, &new] {
            client.user(&format!("Bearer {token}")).await.ok();
            app.client().user(&format!("Bearer {token}")).await.ok();
        }
        former = new;
    }
    // The keys of HS* are not key pairs: JWTs of the other kind end.
    let symmetric = app.start_node_with(&[("SIMPLE_JWT_ALGORITHM", "HS256")]).await;
    symmetric.client().user(&format!("Bearer {former}")).await.problem(401, "token_not_valid");
}

fn write_key(path: &Path, pem: &str) {
    std::fs::write(path, pem).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("rights");
}

/// Under load, on three nodes of one PostgreSQL: one node gets the new key first.
async fn sec_31_sighup_replaces_a_key_of_the_settings_without_a_401(engine: Engine) {
    let ((double, _), folder) = (FakeUsers::start().await, TempDir::new().expect("a folder"));
    let database = Database::create(engine).await;
    let file = folder.path().join("key.pem");
    write_key(&file, &private_key());
    let own = [
        ("RATE_LIMITS", "off"),
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLIC_URL", PUBLIC_URL),
        ("SIMPLE_JWT_ALGORITHM", "ES256"),
        ("SIMPLE_JWT_SIGNING_KEY_FILE", file.to_str().expect("a path in UTF-8")),
        ("SIMPLE_JWT_KEY_PUBLICATION", "4"),
    ];
    let environment = [&own[..], &github_settings(&double)].concat();
    let count = if engine == Engine::Postgres { 3 } else { 1 };
    let starts = (0..count).map(|_| Process::start(&["serve"], &environment, folder.path()));
    let processes: Vec<Process> = join_all(starts).await;
    let nodes: Vec<Client> = processes.iter().map(Process::client).collect();
    let first = token_of(&nodes[0]).await;

    let load = Arc::new(Load { nodes: nodes.clone(), signed_by: Mutex::default() });
    let clients: Vec<_> = (0..3)
        .map(|number| {
            let load = load.clone();
            tokio::spawn(async move { load.run(number, 2).await })
        })
        .collect();
    write_key(&file, &private_key());
    for (process, client) in processes.iter().zip(&nodes) {
        process.signal("HUP");
        wait_until_key_set(client, |set| set["keys"].as_array().is_some_and(|keys| keys.len() == 2)).await;
    }
    for client in join_all(clients).await {
        client.expect("every token is accepted by every node, and verified with the key set");
    }
    let published = "SELECT signs_from - created FROM signing_keys WHERE state = 'signing'";
    assert!(database.number(published).await >= 4000, "it was published before it signed");
    for node in &nodes {
        node.user(&format!("Bearer {first}")).await.ok();
    }
    for stored in database.dump().await {
        assert!(!String::from_utf8_lossy(&stored.bytes).contains("PRIVATE KEY"), "{}.{}", stored.table, stored.column);
    }

    // Others know the former key: the operator retires it at once.
    let retired = kid(&first);
    let of_file = [("SIMPLE_JWT_SIGNING_KEY_FILE", file.to_str().expect("a path in UTF-8"))];
    json_of(&command(&database, &["keys", "retire", &retired, "--yes", "--json"], &of_file).await);
    for node in &nodes {
        wait_until_key_set(node, |set| !has_key(set, &retired)).await;
        node.user(&format!("Bearer {first}")).await.problem(401, "token_not_valid");
    }
}

async fn sec_31_a_retired_key_of_the_settings_does_not_sign_again(engine: Engine) {
    let (own, next) = (private_key(), private_key());
    let app = es256(engine).with("SIMPLE_JWT_SIGNING_KEY", &own).start().await;
    let token = app.token("jwt-pair", &code()).await;
    let settings = [
        ("SECRET_KEY", crate::support::test_app::SECRET_KEY),
        ("PUBLIC_URL", PUBLIC_URL),
        ("SIMPLE_JWT_SIGNING_KEY", next.as_str()),
    ];
    json_of(&command(&app.database, &["keys", "retire", &kid(&token), "--yes", "--json"], &settings).await);
    // The command has the time of the system, the node that of the test.
    app.database.run(&format!("UPDATE signing_keys SET expires = {} WHERE state = 'retired'", app.clock.now().0)).await;
    // A node with the former settings follows.
    wait_until_key_set(&app.client(), |set| !has_key(set, &kid(&token))).await;
    app.client().user(&format!("Bearer {token}")).await.problem(401, "token_not_valid");
    let new = app.token("jwt-pair", &code()).await;
    assert_ne!(kid(&new), kid(&token));
    app.client().user(&format!("Bearer {new}")).await.ok();
    // simplejwt names no key.
    let nameless = |key: &str| {
        let now = app.clock.now().seconds();
        let claims = json!({"token_type": "access", "iat": now, "exp": now + 60, "jti": "j", "user_id": "1"});
        let key = EncodingKey::from_ec_pem(key.as_bytes()).expect("a private key");
        let header = Header { typ: Some("JWT".to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &key).expect("a token")
    };
    app.client().user(&format!("Bearer {}", nameless(&own))).await.problem(401, "token_not_valid");
    // A node that lists the key as one that verifies.
    let listed = [public_key(&next), public_key(&own)].concat();
    let verifies = [("SIMPLE_JWT_SIGNING_KEY", next.as_str()), ("SIMPLE_JWT_VERIFYING_KEY", listed.as_str())];
    let node = app.start_node_with(&verifies).await;
    node.client().user(&format!("Bearer {}", nameless(&next))).await.ok();
    for refused in [&token, &nameless(&own)] {
        node.client().user(&format!("Bearer {refused}")).await.problem(401, "token_not_valid");
    }
    assert!(!has_key(&key_set(&node.client()).await, &kid(&token)));

    app.database.run("UPDATE signing_keys SET state = 'retired', expires = 1").await;
    let environment = [
        ("SECRET_KEY", crate::support::test_app::SECRET_KEY),
        ("PUBLIC_URL", PUBLIC_URL),
        ("LISTEN", "127.0.0.1:0"),
        ("SIMPLE_JWT_SIGNING_KEY", own.as_str()),
    ];
    let server = command(&app.database, &["serve"], &environment).await;
    let error = String::from_utf8_lossy(&server.stderr).into_owned();
    assert!(!server.status.success() && error.contains("was retired: set a new key"), "{error}");
}
