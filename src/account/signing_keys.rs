//! The keys that sign JWTs, made by the server or given by the settings (SEC-31). Every node reads them, the node that the
//! database lets change them changes them, and commands manage them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::clock::{Deps, MAX_CLOCK_DIFFERENCE, UnixMillis};
use crate::credential::{self, Credentials, KeySchedule, KeyStep, NewKey};
use crate::model::{AuditEvent, AuditKind, ClientInfo, SigningKey, SigningKeyChange, SigningKeyState};
use crate::secrets::{ExposeSecret as _, SecretString, TokenCipher};
use crate::settings::JwtAlgorithm;
use crate::store::{self, Repository, StoreError};

/// How long `keys list` shows a key after it stopped to verify.
const REMOVED_KEY_DISPLAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Tokens with unknown keys make a node read the keys once in this time.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Requests with unknown keys that may wait for that; further ones are refused at once.
const MAX_WAITING_REQUESTS: usize = 256;
/// Steps of one call; each one that another node did first counts too. More are never due at once.
const MAX_STEPS: usize = 12;

/// Why the keys cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key was made with other ENCRYPTION_KEYS, or with another SECRET_KEY.
    #[error(
        "the signing key {0} cannot be decrypted: set the ENCRYPTION_KEYS, or without them the SECRET_KEY, with which it was made. \
         If they are lost, run `rest-social-auth keys retire {0}`: it ends all JWTs of this key"
    )]
    Undecryptable(String),
    /// The row of a key that signs or is to sign cannot be read.
    #[error(
        "the signing key {0} cannot be read: its row was changed, or another release wrote it. Restore the row, or run \
         `rest-social-auth keys retire {0}`: it ends all JWTs of this key"
    )]
    Unreadable(String),
    /// The settings give the key.
    #[error("{0} is a key of the settings: replace it in SIMPLE_JWT_SIGNING_KEY and SIMPLE_JWT_VERIFYING_KEY first")]
    Configured(String),
    /// The settings give a key that was retired, and there is no other one.
    #[error("{0} is SIMPLE_JWT_SIGNING_KEY, and was retired: set a new key")]
    RetiredKeyOfSettings(String),
    /// There is no such key.
    #[error("there is no signing key {0} that verifies: `keys list` lists the keys")]
    Unknown(String),
    /// `HS*`, or the settings have a key.
    #[error("the server makes no signing keys with this SIMPLE_JWT_ALGORITHM or SIMPLE_JWT_SIGNING_KEY")]
    NotMade,
    /// Another process changed the keys at the same time.
    #[error("the keys were changed by another process at the same time: run the command again")]
    Contended,
}

/// A key that signs or verifies, as commands show it.
#[derive(Clone, Debug, Serialize)]
pub struct SigningKeyEntry {
    /// The `kid` of its tokens.
    pub kid: String,
    /// Its `alg`.
    pub algorithm: String,
    /// Its state. A key of the settings without a row signs or is published.
    pub state: SigningKeyState,
    /// Whether the settings have it.
    pub in_settings: bool,
    /// RFC 3339, as the following times; `None` for a key of the settings without a row.
    pub created: Option<String>,
    /// Since when it signs, or from when on it signs after `keys rotate`.
    pub signs_from: Option<String>,
    /// When it was retired.
    pub retired: Option<String>,
    /// When it stops to verify, or did.
    pub expires: Option<String>,
}

/// The result of a requested rotation.
#[derive(Clone, Debug, Serialize)]
pub struct RequestedRotation {
    /// The next key.
    pub kid: String,
    /// From when on it signs, in RFC 3339. It may be in the future: every node and service must know it first.
    pub signs_from: String,
    /// Whether it signs now.
    pub signs: bool,
}

/// Stored keys that this process cannot use, by their `kid`.
#[derive(Clone, Debug, Default)]
pub struct UnusableKeys {
    /// None of its encryption keys decrypts them.
    pub undecryptable: Vec<String>,
    /// Their rows were changed, or another release wrote them.
    pub unreadable: Vec<String>,
    /// The settings name them, but they were retired.
    pub retired: Vec<String>,
}

/// A read of the keys.
#[derive(Clone, Copy)]
struct Read {
    began: Instant,
    succeeded: bool,
}

/// Reads, makes, rotates and retires the keys.
pub struct SigningKeyService {
    credentials: Arc<Credentials>,
    store: Arc<dyn Repository>,
    cipher: Arc<TokenCipher>,
    deps: Deps,
    /// `None`: `HS*`, which has no key pairs.
    schedule: Option<KeySchedule>,
    key_of_settings: Option<NewKey>,
    /// The last read of the keys; locked while they are read.
    last_read: Mutex<Option<Read>>,
    waiting: Semaphore,
    /// Whether the keys were read, and this node signs with the key that signs on all nodes.
    is_ready: AtomicBool,
    /// Whether a retired key of the settings was logged.
    has_warned: AtomicBool,
    /// The unreadable keys that were logged.
    logged: std::sync::Mutex<BTreeSet<String>>,
}

impl SigningKeyService {
    /// Reads nothing yet.
    pub fn new(
        credentials: Arc<Credentials>,
        store: Arc<dyn Repository>,
        cipher: Arc<TokenCipher>,
        deps: Deps,
    ) -> Self {
        let key_of_settings = credentials.jwt.configured_signing_key();
        let schedule = KeySchedule::new(credentials.jwt.rules(), key_of_settings.as_ref().map(|key| key.kid.clone()));
        Self {
            credentials,
            store,
            cipher,
            deps,
            is_ready: AtomicBool::new(schedule.is_none()),
            schedule,
            key_of_settings,
            last_read: Mutex::new(None),
            waiting: Semaphore::new(MAX_WAITING_REQUESTS),
            has_warned: AtomicBool::new(false),
            logged: std::sync::Mutex::default(),
        }
    }

    /// `None`: `HS*`, which has no key pairs.
    pub fn schedule(&self) -> Option<&KeySchedule> {
        self.schedule.as_ref()
    }

    /// The public keys as a JWK set (RFC 7517) in JSON; empty with `HS*`.
    pub fn public_keys(&self) -> String {
        self.credentials.jwt.public_keys()
    }

    /// The algorithms of the public keys.
    pub fn algorithms(&self) -> Vec<String> {
        self.credentials.jwt.algorithms()
    }

    /// Whether requests may be answered: the keys were read, and this node has the one that signs. Always with `HS*`.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Reads the keys, and makes them or changes their states when it is time.
    ///
    /// Errors: the database, or a key that signs and that this node cannot use. Without the database, the present key continues to
    /// sign.
    pub async fn maintain(&self) -> Result<(), SigningKeyError> {
        self.run_steps(&mut *self.last_read.lock().await).await
    }

    /// Reads the keys again if the token names an unknown key. Returns whether they were read after this call began.
    ///
    /// The database is read once in [`MIN_RELOAD_INTERVAL`], whatever tokens are sent. A request waits for the next read, so
    /// that a token which another node has just signed is not refused.
    ///
    /// Errors: the database.
    pub async fn reload_for(&self, token: &str) -> store::Result<bool> {
        if !self.credentials.jwt.names_unknown_key(token) {
            return Ok(false);
        }
        let arrived = Instant::now();
        let Ok(_permit) = self.waiting.try_acquire() else { return Ok(false) };
        let mut last_read = self.last_read.lock().await;
        match *last_read {
            Some(Read { began, succeeded: true }) if began >= arrived => return Ok(true),
            Some(Read { began, succeeded: false }) if began >= arrived => {
                return Err(StoreError("the keys that sign JWTs could not be read".into()));
            }
            Some(Read { began, .. }) => tokio::time::sleep_until(began + MIN_RELOAD_INTERVAL).await,
            None => {}
        }
        let keys = self.read(&mut last_read).await?;
        if let Err(error) = self.install(&keys) {
            tracing::error!(%error, "the keys that sign JWTs cannot be used");
        }
        Ok(true)
    }

    async fn read(&self, last_read: &mut Option<Read>) -> store::Result<Vec<SigningKey>> {
        let began = Instant::now();
        let keys = self.store.signing_keys().await;
        tracing::trace!("read the keys that sign JWTs");
        *last_read = Some(Read { began, succeeded: keys.is_ok() });
        keys
    }

    async fn run_steps(&self, last_read: &mut Option<Read>) -> Result<(), SigningKeyError> {
        let Some(schedule) = &self.schedule else { return Ok(()) };
        for _ in 0..MAX_STEPS {
            let keys = self.read(last_read).await?;
            self.install(&keys)?;
            let now = self.deps.now();
            let Some(step) = schedule.next_step(&keys, |key| self.check_usable(key).is_ok(), now) else {
                return self.check_key_of_settings(schedule, &keys);
            };
            // If another node did it first, the next read shows its result.
            self.run_step(step, &ClientInfo::default(), now).await?;
        }
        Err(SigningKeyError::Contended)
    }

    /// Errors: no key signs, because the one of the settings was retired.
    fn check_key_of_settings(&self, schedule: &KeySchedule, keys: &[SigningKey]) -> Result<(), SigningKeyError> {
        let is_signed = schedule.signing(keys).is_some();
        self.is_ready.store(is_signed, Ordering::Release);
        let retired = schedule.retired_key_of_settings(keys);
        if let Some(kid) = retired.filter(|_| !is_signed) {
            return Err(SigningKeyError::RetiredKeyOfSettings(kid.to_owned()));
        }
        let ended = self.ended_keys_of_settings(keys);
        if (retired.is_some() || !ended.is_empty()) && !self.has_warned.swap(true, Ordering::Relaxed) {
            if let Some(kid) = retired {
                tracing::error!(kid, "SIMPLE_JWT_SIGNING_KEY was retired, so another key signs: set a new key");
            }
            for kid in ended {
                tracing::error!(
                    kid,
                    "a key of the settings was ended by `keys retire`: it verifies no token, so remove it"
                );
            }
        }
        Ok(())
    }

    /// The keys of the settings that an operator ended.
    fn ended_keys_of_settings(&self, keys: &[SigningKey]) -> Vec<String> {
        let is_ended = |kid: &String| keys.iter().any(|key| key.kid == *kid && key.is_ended());
        self.credentials.jwt.configured_keys().into_iter().map(|key| key.kid).filter(is_ended).collect()
    }

    /// False: another process changed the keys first.
    async fn run_step(&self, step: KeyStep, client: &ClientInfo, now: UnixMillis) -> Result<bool, SigningKeyError> {
        match step {
            KeyStep::Make(algorithm, state) => {
                let made = tokio::task::spawn_blocking(move || NewKey::generate(algorithm)).await;
                self.insert(&made.map_err(|error| StoreError(Box::new(error)))?, algorithm, state, now).await
            }
            KeyStep::Import(state) => match &self.key_of_settings {
                Some(key) => self.insert(key, self.credentials.jwt.rules().algorithm, state, now).await,
                None => Ok(false),
            },
            KeyStep::Change { changes, signs } => {
                let audit = signs.map(|kid| event(AuditKind::SigningKeyRotated, &kid, client, now));
                Ok(self.store.change_signing_keys(&changes, now, audit.as_slice()).await?)
            }
        }
    }

    /// Uses these keys from now on.
    ///
    /// Errors: this node cannot use the key that signs. The others verify all the same.
    fn install(&self, keys: &[SigningKey]) -> Result<(), SigningKeyError> {
        let now = self.deps.now();
        let signing = self.schedule.as_ref().and_then(|schedule| schedule.signing(keys));
        let private_key = signing.and_then(|key| Some((key.kid.as_str(), self.private_key(key)?)));
        let signer = private_key.as_ref().map(|(kid, private_key)| (*kid, private_key));
        let unreadable = self.credentials.jwt.replace_stored_keys(keys, signer, now);
        self.log_unreadable(unreadable);
        let Some(signing) = signing else { return Ok(()) };
        self.check_usable(signing).inspect_err(|error| {
            // The other nodes do not sign with the key that this one has, unless it is the same, encrypted with another key.
            let has_it = matches!(error, SigningKeyError::Undecryptable(_))
                && self.credentials.jwt.signing_kid().as_ref() == Some(&signing.kid);
            self.is_ready.fetch_and(has_it, Ordering::AcqRel);
        })
    }

    /// Each key once: it is read again every few seconds.
    fn log_unreadable(&self, unreadable: Vec<String>) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let unreadable = BTreeSet::from_iter(unreadable);
        let new: Vec<String> = unreadable.difference(&logged).cloned().collect();
        *logged = unreadable;
        drop(logged);
        for kid in new {
            tracing::error!(
                kid,
                "a signing key cannot be read and verifies no token: its row was changed, or another release wrote it"
            );
        }
    }

    /// Errors: the key cannot sign on this node.
    fn check_usable(&self, key: &SigningKey) -> Result<(), SigningKeyError> {
        match self.private_key(key) {
            None => Err(SigningKeyError::Undecryptable(key.kid.clone())),
            Some(private_key) if credential::is_readable(key, Some(&private_key)) => Ok(()),
            Some(_) => Err(SigningKeyError::Unreadable(key.kid.clone())),
        }
    }

    /// `None`: it was deleted, or is encrypted with a key that this node does not have.
    fn private_key(&self, key: &SigningKey) -> Option<SecretString> {
        if let Some(own) = self.key_of_settings.as_ref().filter(|own| own.kid == key.kid) {
            return Some(own.private_key.clone());
        }
        let plain = self.cipher.decrypt(&SigningKey::binding(&key.kid), key.encrypted_private_key.as_deref()?)?;
        String::from_utf8(plain).ok().map(SecretString::from)
    }

    /// False: another node inserted one first.
    async fn insert(
        &self,
        new: &NewKey,
        algorithm: JwtAlgorithm,
        state: SigningKeyState,
        now: UnixMillis,
    ) -> Result<bool, SigningKeyError> {
        let plain = new.private_key.expose_secret().as_bytes();
        let encrypted = self.cipher.encrypt(&SigningKey::binding(&new.kid), plain, &self.deps);
        let key = SigningKey {
            kid: new.kid.clone(),
            algorithm: algorithm.to_string(),
            public_jwk: new.public_jwk.clone(),
            encrypted_private_key: Some(encrypted),
            state,
            created: now,
            signs_from: (state == SigningKeyState::Signing).then_some(now),
            retired: None,
            expires: None,
        };
        Ok(self.store.insert_signing_key(&key).await?)
    }

    /// All keys: those of the settings that are not stored, then the stored ones, the oldest first.
    ///
    /// Errors: the database.
    pub async fn list(&self) -> Result<Vec<SigningKeyEntry>, SigningKeyError> {
        let now = self.deps.now();
        let stored = self.store.signing_keys().await?;
        let all_configured = self.credentials.jwt.configured_keys();
        let is_signed = self.schedule.as_ref().is_some_and(|schedule| schedule.signing(&stored).is_some());
        let is_stored = |kid: &str| stored.iter().any(|key| key.kid == kid);
        let configured = all_configured.iter().filter(|key| !is_stored(&key.kid)).cloned().map(|key| SigningKeyEntry {
            kid: key.kid,
            algorithm: key.algorithm,
            state: if key.is_signing && !is_signed { SigningKeyState::Signing } else { SigningKeyState::Published },
            in_settings: true,
            created: None,
            signs_from: None,
            retired: None,
            expires: None,
        });
        let time = |at: Option<UnixMillis>| at.map(UnixMillis::rfc3339);
        let is_recent = |key: &SigningKey| key.expires.is_none_or(|expires| now < expires.plus(REMOVED_KEY_DISPLAY));
        let configured: Vec<SigningKeyEntry> = configured.collect();
        let stored = stored.into_iter().filter(is_recent).map(|key| SigningKeyEntry {
            state: key.state_at(now),
            in_settings: all_configured.iter().any(|configured| configured.kid == key.kid),
            kid: key.kid,
            algorithm: key.algorithm,
            created: time(Some(key.created)),
            signs_from: time(key.signs_from),
            retired: time(key.retired),
            expires: time(key.expires),
        });
        Ok(configured.into_iter().chain(stored).collect())
    }

    /// Makes the next key sign, now or as soon as it has been published for long enough.
    ///
    /// Errors: the server makes no keys, or as of [`Self::maintain`].
    pub async fn rotate(&self, client: &ClientInfo) -> Result<RequestedRotation, SigningKeyError> {
        let schedule = self.schedule.as_ref().filter(|schedule| schedule.makes_keys());
        let schedule = schedule.ok_or(SigningKeyError::NotMade)?;
        self.maintain().await?;
        let keys = self.store.signing_keys().await?;
        let find = |state| schedule.find(&keys, state).ok_or(SigningKeyError::Contended);
        let next = find(SigningKeyState::Published)?;
        self.check_usable(next)?;
        let now = self.deps.now();
        let (kid, signs_from) = (next.kid.clone(), schedule.can_sign_from(next).max(now));
        let signing = schedule.find(&keys, SigningKeyState::Signing);
        // Without one, a key of a former algorithm signs, and the next one replaces it as soon as it is known.
        let signs = signing.is_some() && signs_from <= now;
        let is_done = if let Some(signing) = signing.filter(|_| signs) {
            self.run_step(schedule.rotation(signing, next, now), client, now).await?
        } else {
            let change = SigningKeyChange::Schedule { kid: kid.clone(), signs_from };
            let audit = event(AuditKind::SigningKeyRotationRequested, &kid, client, now);
            self.store.change_signing_keys(&[change], now, &[audit]).await?
        };
        if !is_done {
            return Err(SigningKeyError::Contended);
        }
        self.maintain().await?;
        Ok(RequestedRotation { kid, signs_from: signs_from.rfc3339(), signs })
    }

    /// Ends a key at once: its tokens are refused, and the key set no longer has it. If it signed, the published key signs.
    /// Other nodes do the same when they read the keys next.
    ///
    /// Errors: no key of this id verifies, or as of [`Self::maintain`].
    pub async fn retire(&self, kid: &str, client: &ClientInfo) -> Result<(), SigningKeyError> {
        if self.credentials.jwt.configured_keys().iter().any(|key| key.kid == kid) {
            return Err(SigningKeyError::Configured(kid.to_owned()));
        }
        let now = self.deps.now();
        // At once on every node, also where the clock is behind this one.
        let expires = now.minus(MAX_CLOCK_DIFFERENCE);
        let mut changes = vec![SigningKeyChange::Retire { kid: kid.to_owned(), expires, from: None }];
        let mut audit = vec![event(AuditKind::SigningKeyRetired, kid, client, now)];
        if let Some(next) = self.successor_of(kid, now).await? {
            audit.push(event(AuditKind::SigningKeyRotated, &next, client, now));
            changes.push(SigningKeyChange::Sign { kid: next });
        }
        if !self.store.change_signing_keys(&changes, now, &audit).await? {
            let is_alone = changes.len() == 1;
            return Err(if is_alone { SigningKeyError::Unknown(kid.to_owned()) } else { SigningKeyError::Contended });
        }
        self.maintain().await
    }

    /// The published key that signs instead of the one that is retired, in the same transaction: a node that read the keys in between
    /// would have none that signs. It is made first if there is none. `None`: the key does not sign, or no key can replace it.
    async fn successor_of(&self, kid: &str, now: UnixMillis) -> Result<Option<String>, SigningKeyError> {
        let Some(schedule) = &self.schedule else { return Ok(None) };
        for _ in 0..MAX_STEPS {
            let keys = self.store.signing_keys().await?;
            if schedule.signing(&keys).is_none_or(|signing| signing.kid != kid) {
                return Ok(None);
            }
            if let Some(next) = schedule.find(&keys, SigningKeyState::Published) {
                // The settings may have replaced the ones that published it.
                let is_own = self.key_of_settings.as_ref().is_none_or(|own| own.kid == next.kid);
                return Ok((is_own && self.check_usable(next).is_ok()).then(|| next.kid.clone()));
            }
            if schedule.retired_key_of_settings(&keys).is_some() {
                return Ok(None);
            }
            let step = if schedule.makes_keys() {
                KeyStep::Make(self.credentials.jwt.rules().algorithm, SigningKeyState::Published)
            } else {
                KeyStep::Import(SigningKeyState::Published)
            };
            if !self.run_step(step, &ClientInfo::default(), now).await? && !schedule.makes_keys() {
                // The key of the settings is the one that is retired.
                return Ok(None);
            }
        }
        Err(SigningKeyError::Contended)
    }

    /// Encrypts all private keys again with the first of ENCRYPTION_KEYS. Returns how many were changed, and how many could not
    /// be decrypted.
    ///
    /// Errors: the database.
    pub async fn reencrypt(&self) -> Result<(u64, u64), SigningKeyError> {
        let (mut changed, mut undecryptable) = (0, 0);
        for key in self.store.signing_keys().await? {
            let Some(old) = key.encrypted_private_key.as_deref().filter(|old| !self.cipher.is_current(old)) else {
                continue;
            };
            let binding = SigningKey::binding(&key.kid);
            match self.cipher.decrypt(&binding, old) {
                Some(plain) => {
                    let new = self.cipher.encrypt(&binding, &plain, &self.deps);
                    changed += u64::from(self.store.replace_encrypted_key(&key.kid, old, &new).await?);
                }
                None => undecryptable += 1,
            }
        }
        Ok((changed, undecryptable))
    }

    /// How many private keys each encryption key has encrypted, by its name. Errors: the database.
    pub async fn encrypted_by(&self) -> Result<BTreeMap<String, i64>, SigningKeyError> {
        let mut counts = BTreeMap::new();
        for encrypted in self.store.signing_keys().await?.iter().filter_map(|key| key.encrypted_private_key.as_deref())
        {
            *counts.entry(TokenCipher::key_name(encrypted).unwrap_or_default().to_owned()).or_default() += 1;
        }
        Ok(counts)
    }

    /// Stored keys that this process cannot use. Errors: the database.
    pub async fn unusable(&self) -> Result<UnusableKeys, SigningKeyError> {
        let (mut found, now) = (UnusableKeys::default(), self.deps.now());
        let keys = self.store.signing_keys().await?;
        found.retired = self.ended_keys_of_settings(&keys);
        let replaced = self.schedule.as_ref().and_then(|schedule| schedule.retired_key_of_settings(&keys));
        found.retired.extend(replaced.filter(|kid| !found.retired.iter().any(|ended| ended == kid)).map(str::to_owned));
        for key in keys {
            let private_key = self.private_key(&key);
            if key.encrypted_private_key.is_some() && private_key.is_none() {
                found.undecryptable.push(key.kid);
            } else if key.state_at(now) != SigningKeyState::Removed
                && !credential::is_readable(&key, private_key.as_ref())
            {
                found.unreadable.push(key.kid);
            }
        }
        Ok(found)
    }
}

fn event(event: AuditKind, kid: &str, client: &ClientInfo, now: UnixMillis) -> AuditEvent {
    AuditEvent::of_signing_key(event, kid.to_owned(), client.clone(), now)
}
