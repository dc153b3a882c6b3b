//! `keys`: the names of ENCRYPTION_KEYS, how much each has sealed, and sealing everything anew with the first. It never
//! shows a key.

use std::path::Path;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::table::columns;
use super::{Failure, database, pretty, print};
use crate::account;
use crate::clock::Deps;
use crate::secrets::TokenCipher;
use crate::store::Repository;

const OFF: &str = "STORE_PROVIDER_TOKENS is off: nothing is sealed and nothing is opened";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Their names, the one that seals first, and how many texts each has sealed
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Seal everything anew with the first of ENCRYPTION_KEYS; servers may run meanwhile
    Rotate {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What has been sealed, by key.
#[derive(Serialize)]
pub(super) struct EncryptedTokens {
    pub(super) keys: Vec<EncryptedBy>,
    /// Sealed with a key that is not there.
    pub(super) closed: i64,
}

#[derive(Serialize)]
pub(super) struct EncryptedBy {
    pub(super) name: String,
    /// Whether it is the one that seals now.
    pub(super) seals: bool,
    pub(super) texts: i64,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let needed = ["SECRET_KEY", "SECRET_KEY_FILE", "ENCRYPTION_KEYS", "STORE_PROVIDER_TOKENS"];
    let settings = database::settings_of(config, &needed)?;
    let repository = database::open(&settings).await?;
    let vault = settings.vault.as_deref();
    let done = match command {
        Command::List { json } => list(json, vault, repository.as_ref()).await,
        Command::Rotate { json } => rotate(json, vault, repository.as_ref(), &deps).await,
    };
    repository.close().await;
    done
}

pub(super) async fn encrypted(
    vault: Option<&TokenCipher>,
    repository: &dyn Repository,
) -> Result<EncryptedTokens, Failure> {
    let mut keys: Vec<EncryptedBy> = Vec::new();
    for (name, mark) in vault.iter().flat_map(|vault| vault.key_prefixes()) {
        let texts = repository.count_encrypted(&mark).await?;
        keys.push(EncryptedBy { name: name.to_owned(), seals: keys.is_empty(), texts });
    }
    let all = repository.count_encrypted(&[]).await?;
    let closed = all - keys.iter().map(|key| key.texts).sum::<i64>();
    Ok(EncryptedTokens { keys, closed })
}

async fn list(json: bool, vault: Option<&TokenCipher>, repository: &dyn Repository) -> Result<(), Failure> {
    let encrypted = encrypted(vault, repository).await?;
    if json {
        return print(&pretty(&encrypted)?);
    }
    if vault.is_none() {
        print(OFF)?;
    } else {
        let mut rows = vec![["key", "use", "texts"].map(str::to_owned)];
        rows.extend(encrypted.keys.into_iter().map(|key| {
            let task = if key.seals { "seals and opens" } else { "opens" };
            [key.name, task.to_owned(), key.texts.to_string()]
        }));
        print(&columns(&rows))?;
    }
    if encrypted.closed > 0 {
        print(&format!("{} texts were sealed with a key that is not there.", encrypted.closed))?;
    }
    Ok(())
}

async fn rotate(
    json: bool,
    vault: Option<&TokenCipher>,
    repository: &dyn Repository,
    deps: &Deps,
) -> Result<(), Failure> {
    let vault = vault.ok_or_else(|| Failure::Other(OFF.to_owned()))?;
    let first = vault.names().next().unwrap_or_default();
    let (anew, closed) = account::rotate_keys(repository, vault, deps).await?;
    if json {
        print(&pretty(&json!({"key": first, "sealed_anew": anew, "closed": closed}))?)?;
    } else {
        print(&format!("{anew} texts are sealed anew with {first}"))?;
    }
    if closed == 0 {
        return Ok(());
    }
    Err(Failure::Other(format!("{closed} texts open with none of ENCRYPTION_KEYS and stay as they are")))
}
