//! `keys`: the keys that sign JWTs, and the names of ENCRYPTION_KEYS with the number of provider tokens that each has encrypted.
//! It prints no key.

use std::path::Path;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::configuration::settings_for;
use super::database;
use super::failure::Failure;
use super::output::{print, print_either, print_json, table};
use crate::account::{self, RequestedRotation, SigningKeyEntry, SigningKeyService};
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::model::ClientInfo;
use crate::secrets::TokenCipher;
use crate::settings::Settings;
use crate::store::Repository;

const NOT_STORED: &str = "STORE_PROVIDER_TOKENS is off: provider tokens are neither encrypted nor decrypted";
const NOT_MADE: &str = "no key signs that the server made: set SIMPLE_JWT_ALGORITHM to ES256, EdDSA or RS256";
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
    /// List the keys that sign or verify JWTs, and the names of ENCRYPTION_KEYS with the number of provider tokens of each
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
    /// End a key that signs or verifies JWTs at once, because others may know it. Its tokens are refused, and another key signs
    Retire {
        /// The id of the key, as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
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

/// Encrypted provider tokens by key.
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
    let settings = settings_for(config, &NEEDED)?;
    let repository = database::open(&settings).await?;
    let result = match signing_keys(&settings, repository.clone(), &deps) {
        Ok(signing) => {
            let keys = KeyCommands { settings: &settings, repository: repository.as_ref(), signing, deps: &deps };
            match command {
                Command::List { json } => keys.list(json).await,
                Command::Rotate { only, json } => keys.rotate(only, json).await,
                Command::Retire { kid, json } => keys.retire(&kid, json).await,
            }
        }
        Err(failure) => Err(failure),
    };
    repository.close().await;
    result
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
        let cipher = self.settings.token_cipher.as_deref();
        let encrypted = count_encrypted(cipher, self.repository).await?;
        let listed = KeyList {
            signing_keys: self.signing.list().await?,
            encryption_keys: encrypted.keys,
            undecryptable: encrypted.undecryptable,
            undecryptable_signing_keys: self.signing.undecryptable().await?,
        };
        if as_json {
            return print_json(&listed);
        }
        if listed.signing_keys.is_empty() {
            print(NOT_MADE)?;
        } else {
            print(&table(
                ["signing key", "algorithm", "state", "since", "until"],
                listed.signing_keys.into_iter().map(row),
            ))?;
        }
        print("")?;
        if cipher.is_none() {
            print(NOT_STORED)?;
        } else {
            let row = |key: KeyUse| {
                let task = if key.encrypts { "encrypts and decrypts" } else { "decrypts" };
                [key.name, task.to_owned(), key.tokens.to_string()]
            };
            print(&table(["encryption key", "use", "tokens"], listed.encryption_keys.into_iter().map(row)))?;
        }
        if listed.undecryptable > 0 {
            print(&format!("{} provider tokens were encrypted with a key that is missing.", listed.undecryptable))?;
        }
        for kid in listed.undecryptable_signing_keys {
            print(&format!("The signing key {kid} was encrypted with a key that is missing."))?;
        }
        Ok(())
    }

    async fn rotate(&self, only: Option<Keys>, as_json: bool) -> Result<(), Failure> {
        let makes_keys = self.settings.jwt.makes_keys;
        let encrypts = self.settings.token_cipher.is_some() || makes_keys;
        match only {
            Some(Keys::Signing) if !makes_keys => return Err(Failure::Other(NOT_MADE.to_owned())),
            Some(Keys::Encryption) | None if !encrypts => {
                return Err(Failure::Other(format!("there is nothing to rotate: {NOT_STORED}; {NOT_MADE}")));
            }
            _ => {}
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
        let key = self.settings.signing_key_cipher.names().next().unwrap_or_default().to_owned();
        let (provider_tokens, lost_tokens) = match self.settings.token_cipher.as_deref() {
            Some(cipher) => account::rotate_keys(self.repository, cipher, self.deps).await?,
            None => (0, 0),
        };
        let (signing_keys, lost_keys) = self.signing.reencrypt().await?;
        Ok(Reencryption { key, provider_tokens, signing_keys, undecryptable: lost_tokens + lost_keys })
    }

    async fn retire(&self, kid: &str, as_json: bool) -> Result<(), Failure> {
        self.signing.retire(kid, &ClientInfo::of_command()).await?;
        let reload = self.signing.schedule().map_or(0, |schedule| schedule.reload_interval().as_secs().max(1));
        let text = format!("{kid} verifies no more. Running servers follow within {reload} seconds");
        print_either(as_json, &json!({"kid": kid, "state": "removed"}), &text)
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
    let signing = signing.map(|rotation| match rotation.signs {
        true => format!("{} signs from now on", rotation.kid),
        false => {
            format!("{} signs from {} on, when every server and service has it", rotation.kid, rotation.signs_from)
        }
    });
    encryption.into_iter().chain(signing).collect::<Vec<_>>().join("\n")
}
