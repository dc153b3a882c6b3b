//! `keys`: the keys that sign JWTs, and the names of ENCRYPTION_KEYS with the number of stored secrets that each has encrypted. It
//! prints no key.

use std::path::Path;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::configuration::settings_for;
use super::confirmation::confirm;
use super::database;
use super::failure::Failure;
use super::output::{print, print_either, print_json, table};
use super::progress::TerminalProgress;
use crate::account::{self, RequestedRotation, SigningKeyEntry, SigningKeyService};
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::model::ClientInfo;
use crate::secrets::TokenCipher;
use crate::settings::{DERIVED_KEY, Settings};
use crate::store::Repository;

const NOT_STORED: &str = "STORE_PROVIDER_TOKENS is off: new provider tokens are not stored";
const NOT_MADE: &str = "the server makes no keys: set SIMPLE_JWT_ALGORITHM to ES256, EdDSA or RS256, without SIMPLE_JWT_SIGNING_KEY. To replace \
     SIMPLE_JWT_SIGNING_KEY, change it and reload the settings";
const NOT_MADE_YET: &str = "no keys yet: the first start of the server makes them";
/// Settings whose errors end these commands.
const NEEDED: [&str; 14] = [
    "SECRET_KEY",
    "SECRET_KEY_FILE",
    "ENCRYPTION_KEYS",
    "STORE_PROVIDER_TOKENS",
    "SIMPLE_JWT_ALGORITHM",
    "SIMPLE_JWT_SIGNING_KEY",
    "SIMPLE_JWT_SIGNING_KEY_FILE",
    "SIMPLE_JWT_VERIFYING_KEY",
    "SIMPLE_JWT_VERIFYING_KEY_FILE",
    "SIMPLE_JWT_KEY_ROTATION",
    "SIMPLE_JWT_KEY_PUBLICATION",
    "SIMPLE_JWT_ACCESS_TOKEN_LIFETIME",
    "SIMPLE_JWT_REFRESH_TOKEN_LIFETIME",
    "SIMPLE_JWT_SLIDING_TOKEN_REFRESH_LIFETIME",
];

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the keys that sign or verify JWTs, and the names of ENCRYPTION_KEYS with the number of secrets that each has encrypted
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the next key sign JWTs, and encrypt all stored secrets again with the first of ENCRYPTION_KEYS. Servers may run meanwhile
    Rotate {
        /// Rotate these keys only
        #[arg(long, value_enum, value_name = "KEYS")]
        only: Option<Keys>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a key that signs or verifies JWTs at once, because others may know it: its tokens are refused, and another key signs. Or
    /// check that one of ENCRYPTION_KEYS can be removed from the settings: nothing is encrypted with it
    Retire {
        /// The id of the signing key, or the name of the encryption key, as `keys list` shows it
        #[arg(value_name = "KEY", allow_hyphen_values = true)]
        key: String,
        /// Do not ask before a signing key is ended
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which keys a rotation is for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Keys {
    /// The keys that sign JWTs
    Signing,
    /// ENCRYPTION_KEYS
    Encryption,
}

/// Stored secrets by the key that has encrypted them.
pub(super) struct EncryptedSecrets {
    pub keys: Vec<KeyUse>,
    /// Provider tokens that none of the keys decrypts.
    pub undecryptable_tokens: i64,
}

/// What one of ENCRYPTION_KEYS has encrypted. The key of SECRET_KEY is always the last one.
#[derive(Serialize)]
pub(super) struct KeyUse {
    pub name: String,
    /// Whether it is the first key, which encrypts.
    pub encrypts: bool,
    pub provider_tokens: i64,
    /// Private parts of keys that sign JWTs.
    pub signing_keys: i64,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let settings = settings_for(config, &NEEDED)?;
    let repository = database::open(&settings).await?;
    database::close_after(repository, async |repository| {
        let signing = signing_keys(&settings, repository.clone(), &deps)?;
        let keys = KeyCommands { settings: &settings, repository: repository.as_ref(), signing, deps: &deps };
        match command {
            Command::List { json } => keys.list(json).await,
            Command::Rotate { only, json } => keys.rotate(only, json).await,
            Command::Retire { key, yes, json } => keys.retire(&key, yes, json).await,
        }
    })
    .await
}

/// Errors: a key of the settings that cannot be used.
pub(super) fn signing_keys(
    settings: &Settings,
    repository: Arc<dyn Repository>,
    deps: &Deps,
) -> Result<SigningKeyService, Failure> {
    let credentials = Credentials::new(settings).map_err(|error| Failure::Settings(vec![error]))?;
    let cipher = settings.signing_key_cipher.clone();
    Ok(SigningKeyService::new(Arc::new(credentials), repository, cipher, deps.clone()))
}

pub(super) async fn count_encrypted(
    cipher: &TokenCipher,
    repository: &dyn Repository,
    signing: &SigningKeyService,
) -> Result<EncryptedSecrets, Failure> {
    let mut keys: Vec<KeyUse> = Vec::new();
    let signing_keys = signing.encrypted_by().await?;
    for (name, prefix) in cipher.key_prefixes() {
        let provider_tokens = repository.count_encrypted(&prefix).await?;
        let signing_keys = signing_keys.get(name).copied().unwrap_or_default();
        keys.push(KeyUse { name: name.to_owned(), encrypts: keys.is_empty(), provider_tokens, signing_keys });
    }
    let all = repository.count_encrypted(&[]).await?;
    let undecryptable_tokens = all - keys.iter().map(|key| key.provider_tokens).sum::<i64>();
    Ok(EncryptedSecrets { keys, undecryptable_tokens })
}

struct KeyCommands<'a> {
    settings: &'a Settings,
    repository: &'a dyn Repository,
    signing: SigningKeyService,
    deps: &'a Deps,
}

/// What `keys list` prints.
#[derive(Serialize)]
struct KeyList {
    signing_keys: Vec<SigningKeyEntry>,
    encryption_keys: Vec<KeyUse>,
    /// Provider tokens that none of the keys decrypts.
    undecryptable: i64,
    /// Keys that sign JWTs and that none of the keys decrypts.
    undecryptable_signing_keys: Vec<String>,
    /// Keys that sign JWTs whose rows cannot be read.
    unreadable_signing_keys: Vec<String>,
}

/// What `keys rotate` did to the stored secrets.
#[derive(Serialize)]
struct Reencryption {
    key: String,
    provider_tokens: u64,
    signing_keys: u64,
    /// Secrets that none of the keys decrypts.
    undecryptable: u64,
}

impl KeyCommands<'_> {
    async fn list(&self, as_json: bool) -> Result<(), Failure> {
        let encrypted = count_encrypted(&self.settings.signing_key_cipher, self.repository, &self.signing).await?;
        let unusable = self.signing.unusable().await?;
        let listed = KeyList {
            signing_keys: self.signing.list().await?,
            encryption_keys: encrypted.keys,
            undecryptable: encrypted.undecryptable_tokens,
            undecryptable_signing_keys: unusable.undecryptable,
            unreadable_signing_keys: unusable.unreadable,
        };
        if as_json {
            return print_json(&listed);
        }
        if listed.signing_keys.is_empty() {
            print(if self.settings.jwt.makes_keys { NOT_MADE_YET } else { NOT_MADE })?;
        } else {
            print(&table(
                ["signing key", "algorithm", "state", "since", "until"],
                listed.signing_keys.into_iter().map(row),
            ))?;
        }
        print("")?;
        let use_row = |key: KeyUse| {
            let task = if key.encrypts { "encrypts and decrypts" } else { "decrypts" };
            [key.name, task.to_owned(), key.provider_tokens.to_string(), key.signing_keys.to_string()]
        };
        let titles = ["encryption key", "use", "provider tokens", "signing keys"];
        print(&table(titles, listed.encryption_keys.into_iter().map(use_row)))?;
        if self.settings.token_cipher.is_none() {
            print(NOT_STORED)?;
        }
        if listed.undecryptable > 0 {
            print(&format!("{} provider tokens were encrypted with a key that is missing.", listed.undecryptable))?;
        }
        for kid in listed.undecryptable_signing_keys {
            print(&format!("The signing key {kid} was encrypted with a key that is missing."))?;
        }
        for kid in listed.unreadable_signing_keys {
            print(&format!("The signing key {kid} cannot be read: its row was changed, or another release wrote it."))?;
        }
        Ok(())
    }

    async fn rotate(&self, only: Option<Keys>, as_json: bool) -> Result<(), Failure> {
        let makes_keys = self.settings.jwt.makes_keys;
        if only == Some(Keys::Signing) && !makes_keys {
            return Err(Failure::Other(NOT_MADE.to_owned()));
        }
        // First, so that the next signing key is encrypted with the present key.
        let encryption = match only {
            Some(Keys::Signing) => None,
            _ => Some(self.reencrypt().await?),
        };
        let signing = match only {
            Some(Keys::Encryption) => None,
            _ if makes_keys => Some(self.signing.rotate(&ClientInfo::of_command()).await?),
            _ => None,
        };
        let text = rotation_text(encryption.as_ref(), signing.as_ref());
        print_either(as_json, &json!({"encryption": encryption, "signing": signing}), &text)?;
        match encryption.map_or(0, |encryption| encryption.undecryptable) {
            0 => Ok(()),
            count => Err(Failure::Other(format!(
                "{count} provider tokens or signing keys were not changed, because none of ENCRYPTION_KEYS decrypts them"
            ))),
        }
    }

    async fn reencrypt(&self) -> Result<Reencryption, Failure> {
        let cipher = &self.settings.signing_key_cipher;
        let key = cipher.names().next().unwrap_or_default().to_owned();
        // Also without STORE_PROVIDER_TOKENS: tokens may be left from before.
        let total = u64::try_from(self.repository.count_encrypted(&[]).await?).unwrap_or_default();
        let progress = TerminalProgress::of("provider tokens", Some(total));
        let (provider_tokens, lost_tokens) =
            account::rotate_keys(self.repository, cipher, self.deps, |rows| progress.add(rows)).await?;
        progress.finish();
        let (signing_keys, lost_keys) = self.signing.reencrypt().await?;
        Ok(Reencryption { key, provider_tokens, signing_keys, undecryptable: lost_tokens + lost_keys })
    }

    async fn retire(&self, key: &str, yes: bool, as_json: bool) -> Result<(), Failure> {
        if self.settings.signing_key_cipher.names().any(|name| name == key) {
            return self.retire_encryption_key(key, as_json).await;
        }
        let kid = key;
        if !yes {
            let question = format!("Retire {kid}? All JWTs that it has signed end, and their users sign in again.");
            confirm(&format!("retire {kid}"), &question, "yes")?;
        }
        self.signing.retire(kid, &ClientInfo::of_command()).await?;
        let reload = self.signing.schedule().map_or(0, |schedule| schedule.reload_interval().as_secs().max(1));
        let text = format!("{kid} verifies no more. Running servers follow within {reload} seconds");
        print_either(as_json, &json!({"kid": kid, "state": "removed"}), &text)
    }

    /// The settings have the key, so only the operator can remove it. Here is the check that nothing needs it.
    async fn retire_encryption_key(&self, name: &str, as_json: bool) -> Result<(), Failure> {
        let encrypted = count_encrypted(&self.settings.signing_key_cipher, self.repository, &self.signing).await?;
        let key = encrypted.keys.into_iter().find(|key| key.name == name);
        let Some(KeyUse { encrypts, provider_tokens, signing_keys, .. }) = key else { return Ok(()) };
        if encrypts {
            let advice = "put another key in front of it in ENCRYPTION_KEYS, restart all servers, and run \
                          `rest-social-auth keys rotate --only encryption`";
            return Err(Failure::Other(format!(
                "the encryption key {name} is in use: it is the first one. To replace it, {advice}"
            )));
        }
        if provider_tokens + signing_keys > 0 {
            return Err(Failure::Other(format!(
                "the encryption key {name} is in use: {provider_tokens} provider tokens and {signing_keys} signing keys are \
                 encrypted with it. Run `rest-social-auth keys rotate --only encryption` first"
            )));
        }
        let text = if name == DERIVED_KEY {
            "nothing is encrypted with the key of SECRET_KEY: SECRET_KEY can be changed without losing stored secrets"
                .to_owned()
        } else {
            format!("nothing is encrypted with {name}: remove it from ENCRYPTION_KEYS, and restart all servers")
        };
        print_either(as_json, &json!({"encryption_key": name, "in_use": false}), &text)
    }
}

fn row(key: SigningKeyEntry) -> [String; 5] {
    let since = key.retired.or(key.signs_from).or(key.created);
    let state = if key.in_settings { format!("{} (settings)", key.state) } else { key.state.to_string() };
    [key.kid, key.algorithm, state, since.unwrap_or_default(), key.expires.unwrap_or_default()]
}

fn rotation_text(encryption: Option<&Reencryption>, signing: Option<&RequestedRotation>) -> String {
    let encryption = encryption.map(|done| {
        let Reencryption { key, provider_tokens, signing_keys, .. } = done;
        format!("encrypted {provider_tokens} provider tokens and {signing_keys} signing keys again with {key}")
    });
    let signing = signing.map(|rotation| {
        if rotation.signs {
            format!("{} signs from now on", rotation.kid)
        } else {
            format!("{} signs from {} on, when every server and service has it", rotation.kid, rotation.signs_from)
        }
    });
    encryption.into_iter().chain(signing).collect::<Vec<_>>().join("\n")
}
