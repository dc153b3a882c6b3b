//! The commands for keys that sign JWTs.

use serde_json::json;

use super::{PUBLIC_URL, command, json_of};
use crate::support::{Database, Engine, on_both_databases};

on_both_databases! {
    sec_31_keys_are_listed_rotated_and_retired_by_commands,
}

async fn sec_31_keys_are_listed_rotated_and_retired_by_commands(engine: Engine) {
    let database = Database::create(engine).await;
    let soon = [("SIMPLE_JWT_KEY_PUBLICATION", "0.001")];
    let listed = async || {
        let list = json_of(&command(&database, &["keys", "list", "--json"], &[]).await);
        let keys = list["signing_keys"].as_array().expect("keys").clone();
        let states = keys.iter().map(|key| key["state"].as_str().expect("a state").to_owned());
        // Two keys may be of the same millisecond.
        let mut states: Vec<String> = states.collect();
        states.sort();
        states
    };
    assert!(listed().await.is_empty(), "the first start makes the keys");

    // The next key must be published for a day.
    let requested = json_of(&command(&database, &["keys", "rotate", "--json"], &[]).await);
    assert_eq!(
        (&requested["signing"]["signs"], &requested["encryption"]["key"]),
        (&json!(false), &json!("secret-key"))
    );
    assert_eq!(listed().await, ["published", "signing"]);
    let rotate = &["keys", "rotate", "--only", "signing", "--json"];
    let rotated = json_of(&command(&database, rotate, &soon).await);
    assert_eq!(rotated["signing"]["signs"], true);
    assert_eq!(listed().await, ["published", "retired", "signing"]);

    let signing = "SELECT kid FROM signing_keys WHERE state = 'signing'";
    let kid = database.text(signing).await;
    json_of(&command(&database, &["keys", "retire", &kid, "--yes", "--json"], &[]).await);
    assert!(listed().await.contains(&"removed".to_owned()));
    assert_ne!(database.text(signing).await, kid);
    let unknown = command(&database, &["keys", "retire", &kid, "--yes"], &[]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no signing key"));
    let private_keys =
        "SELECT count(*) FROM signing_keys WHERE state = 'retired' AND encrypted_private_key IS NOT NULL";
    assert_eq!(database.number(private_keys).await, 0, "a private key is deleted when it signs no more");
    for (event, least) in
        [("signing_key_rotated", 1), ("signing_key_rotation_requested", 1), ("signing_key_retired", 1)]
    {
        let count = database.number(&format!("SELECT count(*) FROM audit_events WHERE event = '{event}'")).await;
        assert!(count >= least, "{event}");
    }

    // ENCRYPTION_KEYS are set for the first time, and replaced. Then the key of the signing key is lost.
    let (first, old, new) = (
        "first:pV3cYw0RkZt8mQj6LbXs1NfHd7GuAe5oT2iKyC9xQzM=",
        "a:Zt8mVq3cYw0RkPj6LbXs1NfHd7GuAe5oT2iKyC9xQzM=",
        "b:J4nWc7ySx0KtGm3ZpVfQe9LrBd6HuAa1oT8iXk5NwRs=",
    );
    let encrypted = async |keys: &str| {
        let list = json_of(&command(&database, &["keys", "list", "--json"], &[("ENCRYPTION_KEYS", keys)]).await);
        let of = list["encryption_keys"].as_array().expect("keys").clone();
        of.iter().map(|key| key["signing_keys"].as_i64().expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!(encrypted(first).await, [0, 2], "the key of SECRET_KEY still decrypts");
    let in_use = command(&database, &["keys", "retire", "secret-key"], &[("ENCRYPTION_KEYS", first)]).await;
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("0 provider tokens and 2 signing keys"));
    json_of(
        &command(&database, &["keys", "rotate", "--only", "encryption", "--json"], &[("ENCRYPTION_KEYS", first)]).await,
    );
    assert_eq!(encrypted(first).await, [2, 0]);
    json_of(&command(&database, &["keys", "retire", "secret-key", "--json"], &[("ENCRYPTION_KEYS", first)]).await);

    let lost = command(&database, &["keys", "rotate"], &[("ENCRYPTION_KEYS", old)]).await;
    let message = String::from_utf8_lossy(&lost.stderr).into_owned();
    let current = database.text(signing).await;
    assert!(
        !lost.status.success() && message.contains("cannot be decrypted") && message.contains(&current),
        "{message}"
    );
    let server = command(
        &database,
        &["serve"],
        &[("ENCRYPTION_KEYS", old), ("PUBLIC_URL", PUBLIC_URL), ("LISTEN", "127.0.0.1:0")],
    )
    .await;
    assert!(String::from_utf8_lossy(&server.stderr).contains("cannot be decrypted"), "the server does not start");
    json_of(&command(&database, &["keys", "retire", &current, "--yes", "--json"], &[("ENCRYPTION_KEYS", old)]).await);
    let both = format!("{new},{old}");
    let encrypt = &["keys", "rotate", "--only", "encryption", "--json"];
    let reencrypted = json_of(&command(&database, encrypt, &[("ENCRYPTION_KEYS", &both)]).await);
    assert_eq!(
        reencrypted["encryption"],
        json!({"key": "b", "provider_tokens": 0, "signing_keys": 2, "undecryptable": 0})
    );
    let list = json_of(&command(&database, &["keys", "list", "--json"], &[("ENCRYPTION_KEYS", new)]).await);
    assert_eq!(list["undecryptable_signing_keys"], json!([]));

    let configured = rcgen::KeyPair::generate().expect("a P-256 key").serialize_pem();
    let list =
        json_of(&command(&database, &["keys", "list", "--json"], &[("SIMPLE_JWT_SIGNING_KEY", &configured)]).await);
    assert_eq!(
        (&list["signing_keys"][0]["in_settings"], &list["signing_keys"][0]["state"]),
        (&json!(true), &json!("published")),
        "the key that signs now is one of the server"
    );
    let kid = list["signing_keys"][0]["kid"].as_str().expect("a kid");
    let refused =
        command(&database, &["keys", "retire", kid, "--yes"], &[("SIMPLE_JWT_SIGNING_KEY", &configured)]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is a key of the settings"));
}
