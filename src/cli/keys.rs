//! `keys`: the names of ENCRYPTION_KEYS, the number of provider tokens that each has encrypted, and rotation. It prints no key.

use std::path::Path;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::configuration::settings_for;
use super::database;
use super::failure::Failure;
use super::output::{print, print_either, print_json, table};
use crate::account;
use crate::clock::Deps;
use crate::secrets::TokenCipher;
use crate::store::Repository;

const NOT_STORED: &str = "STORE_PROVIDER_TOKENS is off: provider tokens are neither encrypted nor decrypted";

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the names of the keys, their use, and how many provider tokens each has encrypted
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Encrypt all provider tokens again with the first of ENCRYPTION_KEYS. Servers may run meanwhile
    Rotate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Encrypted provider tokens by key.
#[derive(Serialize)]
pub(super) struct EncryptedTokens {
    pub keys: Vec<KeyUse>,
    /// Tokens that none of the keys decrypts.
    pub undecryptable: i64,
}

#[derive(Serialize)]
pub(super) struct KeyUse {
    pub name: String,
    /// Whether it is the first key, which encrypts.
    pub encrypts: bool,
    pub tokens: i64,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let needed = ["SECRET_KEY", "SECRET_KEY_FILE", "ENCRYPTION_KEYS", "STORE_PROVIDER_TOKENS"];
    let settings = settings_for(config, &needed)?;
    let repository = database::open(&settings).await?;
    let cipher = settings.token_cipher.as_deref();
    let result = match command {
        Command::List { json } => list(json, cipher, repository.as_ref()).await,
        Command::Rotate { json } => rotate(json, cipher, repository.as_ref(), &deps).await,
    };
    repository.close().await;
    result
}

pub(super) async fn count_encrypted(
    cipher: Option<&TokenCipher>,
    repository: &dyn Repository,
) -> Result<EncryptedTokens, Failure> {
    let mut keys: Vec<KeyUse> = Vec::new();
    for (name, prefix) in cipher.iter().flat_map(|cipher| cipher.key_prefixes()) {
        let tokens = repository.count_encrypted(&prefix).await?;
        keys.push(KeyUse { name: name.to_owned(), encrypts: keys.is_empty(), tokens });
    }
    let all = repository.count_encrypted(&[]).await?;
    let undecryptable = all - keys.iter().map(|key| key.tokens).sum::<i64>();
    Ok(EncryptedTokens { keys, undecryptable })
}

async fn list(as_json: bool, cipher: Option<&TokenCipher>, repository: &dyn Repository) -> Result<(), Failure> {
    let encrypted = count_encrypted(cipher, repository).await?;
    if as_json {
        return print_json(&encrypted);
    }
    if cipher.is_none() {
        print(NOT_STORED)?;
    } else {
        let row = |key: KeyUse| {
            let task = if key.encrypts { "encrypts and decrypts" } else { "decrypts" };
            [key.name, task.to_owned(), key.tokens.to_string()]
        };
        print(&table(["key", "use", "tokens"], encrypted.keys.into_iter().map(row)))?;
    }
    match encrypted.undecryptable {
        ..=0 => Ok(()),
        count => print(&format!("{count} provider tokens were encrypted with a key that is missing.")),
    }
}

async fn rotate(
    as_json: bool,
    cipher: Option<&TokenCipher>,
    repository: &dyn Repository,
    deps: &Deps,
) -> Result<(), Failure> {
    let cipher = cipher.ok_or_else(|| Failure::Other(NOT_STORED.to_owned()))?;
    let first = cipher.names().next().unwrap_or_default();
    let (reencrypted, undecryptable) = account::rotate_keys(repository, cipher, deps).await?;
    let result = json!({"key": first, "reencrypted": reencrypted, "undecryptable": undecryptable});
    print_either(as_json, &result, &format!("encrypted {reencrypted} provider tokens again with {first}"))?;
    if undecryptable == 0 {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "{undecryptable} provider tokens were not changed, because none of ENCRYPTION_KEYS decrypts them"
    )))
}
