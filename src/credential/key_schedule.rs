//! When the keys that sign JWTs change their state (SEC-31). Pure: the database and the clock are elsewhere.
//!
//! If the server makes the keys, there is always one published key beside the one that signs. So the next key is known to every
//! node and every service long before it signs, also when an operator retires the signing key at once. A new key of the settings,
//! or of another SIMPLE_JWT_ALGORITHM, is published first too, and the former key signs until then, on every node.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::model::{SigningKey, SigningKeyChange, SigningKeyState};
use crate::settings::{JwtAlgorithm, JwtRules};

/// The longest time between two reads of the keys.
const MAX_RELOAD_INTERVAL: Duration = Duration::from_secs(10);
/// The longest time that others may cache the public keys.
const MAX_CACHE_AGE: Duration = Duration::from_secs(5 * 60);
/// The publication of a key has room for this many reloads and ages of a cache.
const RELOADS_PER_PUBLICATION: u32 = 4;
/// How much longer a retired key verifies than its last token is valid: nodes that have not read the change still sign with it.
const RETIREMENT_MARGIN: Duration = Duration::from_secs(10 * 60);
/// How long a key of another algorithm than SIMPLE_JWT_ALGORITHM stays beside the first key of this one. Nodes with the former
/// settings may still sign with it, and would make another one; and to them, a key of the new settings is the other one.
const FORMER_ALGORITHM_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The times of the keys, from the settings.
#[derive(Clone, Debug)]
pub struct KeySchedule {
    /// That of new keys.
    algorithm: JwtAlgorithm,
    /// The `kid` of SIMPLE_JWT_SIGNING_KEY; `None`: the server makes the keys.
    configured: Option<String>,
    rotation: Option<Duration>,
    publication: Duration,
    /// From its retirement until a key verifies no token any more.
    verification: Duration,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Make a key of this algorithm in this state.
    Make(JwtAlgorithm, SigningKeyState),
    /// Store SIMPLE_JWT_SIGNING_KEY in this state.
    Import(SigningKeyState),
    /// Change the state of keys in one transaction. `signs`: the key that signs from then on.
    Change { changes: Vec<SigningKeyChange>, signs: Option<String> },
}

impl KeySchedule {
    /// `configured`: the `kid` of SIMPLE_JWT_SIGNING_KEY; `None`: the server makes the keys.
    ///
    /// `None`: `HS*`, which has no key pairs.
    pub fn new(rules: &JwtRules, configured: Option<String>) -> Option<Self> {
        (!rules.algorithm.is_symmetric()).then(|| Self {
            algorithm: rules.algorithm,
            configured,
            rotation: rules.key_rotation,
            publication: rules.key_publication,
            verification: rules.longest_lifetime().saturating_add(RETIREMENT_MARGIN),
        })
    }

    /// How often each node reads the keys.
    pub fn reload_interval(&self) -> Duration {
        (self.publication / RELOADS_PER_PUBLICATION).min(MAX_RELOAD_INTERVAL)
    }

    /// How long others may cache the public keys.
    pub fn cache_age(&self) -> Duration {
        (self.publication / RELOADS_PER_PUBLICATION).min(MAX_CACHE_AGE)
    }

    /// Whether the server makes the keys. Otherwise SIMPLE_JWT_SIGNING_KEY is one.
    pub fn makes_keys(&self) -> bool {
        self.configured.is_none()
    }

    /// The key of the algorithm in this state.
    pub fn find<'k>(&self, keys: &'k [SigningKey], state: SigningKeyState) -> Option<&'k SigningKey> {
        keys.iter().find(|key| key.state == state && self.is_own(key))
    }

    /// The key that signs: one of the algorithm, otherwise the latest of a former algorithm.
    pub fn signing<'k>(&self, keys: &'k [SigningKey]) -> Option<&'k SigningKey> {
        let signing = keys.iter().filter(|key| key.state == SigningKeyState::Signing);
        signing.max_by_key(|key| (self.is_own(key), since(key)))
    }

    /// The `kid` of SIMPLE_JWT_SIGNING_KEY, if it was retired: it never signs again.
    pub fn retired_key_of_settings(&self, keys: &[SigningKey]) -> Option<&str> {
        let kid = self.configured.as_deref()?;
        let is_live = |key: &SigningKey| matches!(key.state, SigningKeyState::Published | SigningKeyState::Signing);
        keys.iter().any(|key| key.kid == kid && !is_live(key)).then_some(kid)
    }

    fn is_own(&self, key: &SigningKey) -> bool {
        key.algorithm == self.algorithm.to_string()
    }

    /// The next step; `None`: every key is in its state. `is_usable`: whether the private key can be decrypted.
    pub fn next_step(
        &self,
        keys: &[SigningKey],
        is_usable: impl Fn(&SigningKey) -> bool,
        now: UnixMillis,
    ) -> Option<KeyStep> {
        let step = match &self.configured {
            Some(kid) => self.step_of_configured(kid, keys, now),
            None => self.step_of_own(keys, is_usable, now),
        };
        step.or_else(|| self.step_of_former(keys, now))
    }

    /// The steps until SIMPLE_JWT_SIGNING_KEY signs.
    fn step_of_configured(&self, kid: &str, keys: &[SigningKey], now: UnixMillis) -> Option<KeyStep> {
        let signing = self.signing(keys);
        match keys.iter().find(|key| key.kid == kid) {
            None => Some(match (signing, self.find(keys, SigningKeyState::Published)) {
                (None, _) => KeyStep::Import(SigningKeyState::Signing),
                // The next key of former settings has signed nothing yet.
                (Some(_), Some(next)) => KeyStep::Change { changes: vec![self.retire(next, now)], signs: None },
                (Some(_), None) => KeyStep::Import(SigningKeyState::Published),
            }),
            Some(key) if key.state == SigningKeyState::Published => {
                let is_due = signing.is_none() || self.can_sign_from(key) <= now;
                let replaced = self.find(keys, SigningKeyState::Signing);
                is_due.then(|| Self::sign(key, replaced.map(|key| self.retire(key, now)).into_iter().collect()))
            }
            Some(_) => None,
        }
    }

    fn step_of_own(
        &self,
        keys: &[SigningKey],
        is_usable: impl Fn(&SigningKey) -> bool,
        now: UnixMillis,
    ) -> Option<KeyStep> {
        let algorithm = self.algorithm;
        let published = self.find(keys, SigningKeyState::Published);
        let Some(signing) = self.find(keys, SigningKeyState::Signing) else {
            // A key of a former algorithm signs until services know the one of this algorithm.
            let is_replaced = self.signing(keys).is_some();
            return match published {
                Some(next) if !is_usable(next) => {
                    Some(KeyStep::Change { changes: vec![self.retire(next, now)], signs: None })
                }
                Some(next) if is_replaced && self.can_sign_from(next) > now => None,
                Some(next) => Some(Self::sign(next, Vec::new())),
                None if is_replaced => Some(KeyStep::Make(algorithm, SigningKeyState::Published)),
                None => Some(KeyStep::Make(algorithm, SigningKeyState::Signing)),
            };
        };
        let Some(next) = published else { return Some(KeyStep::Make(algorithm, SigningKeyState::Published)) };
        let is_requested = next.signs_from.is_some_and(|from| from <= now);
        let is_old = self.rotation.is_some_and(|rotation| since(signing).plus(rotation) <= now);
        let is_known = self.can_sign_from(next) <= now;
        (is_known && (is_requested || is_old) && is_usable(next))
            .then(|| Self::sign(next, vec![self.retire(signing, now)]))
    }

    /// The step that lets `next` sign instead of `signing`.
    pub fn rotation(&self, signing: &SigningKey, next: &SigningKey, now: UnixMillis) -> KeyStep {
        Self::sign(next, vec![self.retire(signing, now)])
    }

    /// Retires keys of an algorithm that the settings no longer name, once a key of theirs signs. Their tokens stay valid until
    /// they expire.
    fn step_of_former(&self, keys: &[SigningKey], now: UnixMillis) -> Option<KeyStep> {
        self.find(keys, SigningKeyState::Signing)?;
        let is_live = |key: &&SigningKey| matches!(key.state, SigningKeyState::Published | SigningKeyState::Signing);
        let changed = keys.iter().filter(|key| self.is_own(key)).filter(is_live).map(|key| key.created).min()?;
        // A key signs for a whole rotation, so one of this algorithm reaches that age.
        let age = self.rotation.map_or(FORMER_ALGORITHM_AGE, |rotation| rotation.min(FORMER_ALGORITHM_AGE));
        let is_former = |key: &&SigningKey| {
            // A published one may be the next key of nodes with newer settings, which signs first.
            let publication = if key.state == SigningKeyState::Published { self.publication } else { Duration::ZERO };
            is_live(key) && !self.is_own(key) && changed.max(since(key)).plus(publication).plus(age) <= now
        };
        let key = keys.iter().find(is_former)?;
        Some(KeyStep::Change { changes: vec![self.retire(key, now)], signs: None })
    }

    /// From when on a published key may sign: every node and every cache has it by then.
    pub fn can_sign_from(&self, published: &SigningKey) -> UnixMillis {
        published.created.plus(self.publication)
    }

    fn retire(&self, key: &SigningKey, now: UnixMillis) -> SigningKeyChange {
        // A published key has signed no token.
        let expires = if key.state == SigningKeyState::Signing { now.plus(self.verification) } else { now };
        SigningKeyChange::Retire { kid: key.kid.clone(), expires, from: Some(key.state) }
    }

    fn sign(next: &SigningKey, mut changes: Vec<SigningKeyChange>) -> KeyStep {
        changes.push(SigningKeyChange::Sign { kid: next.kid.clone() });
        KeyStep::Change { changes, signs: Some(next.kid.clone()) }
    }
}

/// Since when a key is in its state. A published key with a requested rotation may have a later time than now.
fn since(key: &SigningKey) -> UnixMillis {
    key.signs_from.unwrap_or(key.created)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn rules(algorithm: JwtAlgorithm) -> JwtRules {
        JwtRules { algorithm, makes_keys: true, ..JwtRules::default() }
    }

    /// A table of keys with a clock. Every key is usable, except those in `unusable`.
    struct Table {
        schedule: KeySchedule,
        keys: Vec<SigningKey>,
        now: UnixMillis,
        unusable: Vec<String>,
    }

    impl Table {
        fn new(rules: &JwtRules) -> Self {
            let schedule = KeySchedule::new(rules, None).expect("an asymmetric algorithm");
            Self { schedule, keys: Vec::new(), now: UnixMillis::from_seconds(1_000_000), unusable: Vec::new() }
        }

        /// The same keys at a node with other settings.
        fn with(&self, rules: &JwtRules, configured: Option<String>) -> Self {
            let schedule = KeySchedule::new(rules, configured).expect("an asymmetric algorithm");
            Self { schedule, keys: self.keys.clone(), now: self.now, unusable: self.unusable.clone() }
        }

        fn signing(&self) -> &str {
            &self.schedule.signing(&self.keys).expect("a key that signs").kid
        }

        fn add(&mut self, kid: String, algorithm: JwtAlgorithm, state: SigningKeyState) {
            let is_free = |key: &SigningKey| key.state != state || key.algorithm != algorithm.to_string();
            assert!(self.keys.iter().all(is_free), "the index of the database allows one");
            self.keys.push(SigningKey {
                kid,
                algorithm: algorithm.to_string(),
                public_jwk: String::new(),
                encrypted_private_key: None,
                state,
                created: self.now,
                signs_from: (state == SigningKeyState::Signing).then_some(self.now),
                retired: None,
                expires: None,
            });
        }

        fn key(&mut self, kid: &str) -> &mut SigningKey {
            self.keys.iter_mut().find(|key| key.kid == kid).expect("a known key")
        }

        fn change(&mut self, change: SigningKeyChange) {
            let now = self.now;
            match change {
                SigningKeyChange::Schedule { kid, signs_from } => self.key(&kid).signs_from = Some(signs_from),
                SigningKeyChange::Sign { kid } => {
                    let key = self.key(&kid);
                    (key.state, key.signs_from) = (SigningKeyState::Signing, Some(now));
                }
                SigningKeyChange::Retire { kid, expires, .. } => {
                    let key = self.key(&kid);
                    (key.state, key.retired, key.expires) = (SigningKeyState::Retired, Some(now), Some(expires));
                }
            }
        }

        /// Does all steps that are due; returns the states, such as `k0 retired, k1 signing`.
        fn run(&mut self) -> String {
            let mut steps = 0;
            loop {
                let is_usable = |key: &SigningKey| !self.unusable.contains(&key.kid);
                match self.schedule.next_step(&self.keys, is_usable, self.now) {
                    None => break,
                    Some(KeyStep::Make(algorithm, state)) => {
                        self.add(format!("k{}", self.keys.len()), algorithm, state);
                    }
                    Some(KeyStep::Import(state)) => {
                        let kid = self.schedule.configured.clone().expect("a key of the settings");
                        self.add(kid, self.schedule.algorithm, state);
                    }
                    Some(KeyStep::Change { changes, .. }) => changes.into_iter().for_each(|change| self.change(change)),
                }
                steps += 1;
                assert!(steps < 10, "the steps come to an end");
            }
            let shown = self.keys.iter().map(|key| format!("{} {}", key.kid, key.state_at(self.now)));
            shown.collect::<Vec<_>>().join(", ")
        }

        fn after(&mut self, span: Duration) -> String {
            self.now = self.now.plus(span);
            self.run()
        }
    }

    #[test]
    fn sec_31_a_key_is_published_signs_is_retired_and_is_removed() {
        let mut table = Table::new(&JwtRules { key_rotation: Some(DAY * 90), ..rules(JwtAlgorithm::ES256) });
        assert_eq!(table.run(), "k0 signing, k1 published");
        assert_eq!(table.after(DAY * 89), "k0 signing, k1 published");
        assert_eq!(table.after(DAY), "k0 retired, k1 signing, k2 published");
        // The refresh tokens live for a day, and nodes may have signed a little longer.
        assert_eq!(table.after(DAY), "k0 retired, k1 signing, k2 published");
        assert_eq!(table.after(RETIREMENT_MARGIN), "k0 removed, k1 signing, k2 published");
    }

    #[test]
    fn sec_31_a_requested_rotation_waits_for_the_publication() {
        let mut table = Table::new(&JwtRules { key_rotation: None, ..rules(JwtAlgorithm::EdDSA) });
        table.run();
        let next = table.key("k1").clone();
        let signs_from = table.schedule.can_sign_from(&next);
        table.change(SigningKeyChange::Schedule { kid: "k1".to_owned(), signs_from });
        assert_eq!(table.after(DAY - Duration::from_secs(1)), "k0 signing, k1 published");
        assert_eq!(table.after(Duration::from_secs(1)), "k0 retired, k1 signing, k2 published");
        assert_eq!(table.after(DAY * 1000), "k0 removed, k1 signing, k2 published", "0: no rotation by schedule");
    }

    #[test]
    fn sec_31_after_a_key_is_retired_at_once_the_published_one_signs() {
        let mut table = Table::new(&rules(JwtAlgorithm::ES256));
        table.run();
        let now = table.now;
        table.change(SigningKeyChange::Retire { kid: "k0".to_owned(), expires: now, from: None });
        assert_eq!(table.run(), "k0 removed, k1 signing, k2 published");
        table.change(SigningKeyChange::Retire { kid: "k2".to_owned(), expires: now, from: None });
        assert_eq!(table.run(), "k0 removed, k1 signing, k2 removed, k3 published");
        // The encryption key is lost: a published key that cannot sign is replaced.
        table.unusable = vec!["k1".to_owned(), "k3".to_owned()];
        table.change(SigningKeyChange::Retire { kid: "k1".to_owned(), expires: now, from: None });
        assert_eq!(table.run(), "k0 removed, k1 removed, k2 removed, k3 removed, k4 signing, k5 published");
    }

    #[test]
    fn a_published_key_that_this_node_cannot_decrypt_does_not_replace_the_one_that_signs() {
        let mut table = Table::new(&JwtRules { key_rotation: Some(DAY * 2), ..rules(JwtAlgorithm::ES256) });
        table.run();
        table.unusable = vec!["k1".to_owned()];
        assert_eq!(table.after(DAY * 2), "k0 signing, k1 published");
    }

    #[test]
    fn sec_31_a_key_of_another_algorithm_is_published_before_it_signs() {
        let mut table = Table::new(&rules(JwtAlgorithm::ES256));
        table.run();
        for (configured, further) in [(None, ", k3 published"), (Some("own".to_owned()), "")] {
            let mut table = table.with(&rules(JwtAlgorithm::EdDSA), configured.clone());
            let next = configured.unwrap_or_else(|| "k2".to_owned());
            assert_eq!(table.run(), format!("k0 signing, k1 published, {next} published"));
            assert_eq!(table.signing(), "k0", "services do not know the new key yet");
            let almost = DAY - Duration::from_secs(1);
            assert_eq!(table.after(almost), format!("k0 signing, k1 published, {next} published"));
            // Nodes with the former settings may have begun to run later than this one.
            assert_eq!(
                table.after(Duration::from_secs(1)),
                format!("k0 retired, k1 published, {next} signing{further}")
            );
            assert_eq!(table.signing(), next);
            assert_eq!(table.after(DAY), format!("k0 retired, k1 removed, {next} signing{further}"));
            assert_eq!(table.after(RETIREMENT_MARGIN), format!("k0 removed, k1 removed, {next} signing{further}"));
        }
    }

    #[test]
    fn sec_31_nodes_with_the_former_algorithm_do_not_retire_the_key_of_the_new_one() {
        let mut table = Table::new(&rules(JwtAlgorithm::ES256));
        table.run();
        assert_eq!(table.after(DAY * 30), "k0 signing, k1 published");
        table = table.with(&rules(JwtAlgorithm::EdDSA), None);
        let all = "k0 signing, k1 published, k2 published";
        assert_eq!(table.run(), all);
        table = table.with(&rules(JwtAlgorithm::ES256), None);
        assert_eq!(table.after(DAY), all);
        table = table.with(&rules(JwtAlgorithm::EdDSA), None);
        assert_eq!(table.run(), "k0 retired, k1 published, k2 signing, k3 published");
        // On a node that still has the former settings.
        table = table.with(&rules(JwtAlgorithm::ES256), None);
        assert_eq!(table.run(), "k0 retired, k1 signing, k2 signing, k3 published, k4 published");
        // The operator has changed all nodes.
        table = table.with(&rules(JwtAlgorithm::EdDSA), None);
        assert_eq!(table.signing(), "k2");
        assert_eq!(table.after(DAY), "k0 retired, k1 retired, k2 signing, k3 published, k4 published");
        assert_eq!(table.after(DAY), "k0 removed, k1 retired, k2 signing, k3 published, k4 removed");
    }

    #[test]
    fn sec_31_a_new_key_of_the_settings_is_published_before_it_signs() {
        let rules = rules(JwtAlgorithm::RS256);
        let with = |table: &Table, kid: &str| table.with(&rules, Some(kid.to_owned()));
        let mut table = with(&Table::new(&rules), "a");
        assert_eq!(table.run(), "a signing", "no service knows a key yet");
        table = with(&table, "b");
        assert_eq!(table.run(), "a signing, b published");
        // A node with the former settings changes nothing, and neither does a change back.
        table = with(&table, "a");
        assert_eq!(table.after(DAY), "a signing, b published");
        table = with(&table, "b");
        assert_eq!(table.run(), "a retired, b signing");
        // Another key replaces one that is published only.
        assert_eq!(with(&table, "c").run(), "a retired, b signing, c published");
        table = with(&with_run(with(&table, "c")), "d");
        assert_eq!(table.run(), "a retired, b signing, c removed, d published");
        // A retired key never signs again.
        let former = with(&table, "a");
        assert_eq!(former.schedule.retired_key_of_settings(&former.keys), Some("a"));
        assert_eq!(former.signing(), "b");
        // The operator retires the key that signs at once.
        let now = table.now;
        table.change(SigningKeyChange::Retire { kid: "b".to_owned(), expires: now, from: None });
        assert_eq!(table.run(), "a retired, b removed, c removed, d signing");
    }

    #[test]
    fn sec_31_a_key_of_the_settings_replaces_keys_of_the_server_and_they_replace_it() {
        let rules = JwtRules { key_rotation: Some(DAY * 90), ..rules(JwtAlgorithm::ES256) };
        let mut table = Table::new(&rules);
        table.run();
        table = table.with(&rules, Some("own".to_owned()));
        assert_eq!(table.run(), "k0 signing, k1 removed, own published");
        assert_eq!(table.after(DAY), "k0 retired, k1 removed, own signing");
        table = table.with(&rules, None);
        assert_eq!(table.run(), "k0 retired, k1 removed, own signing, k3 published");
        assert_eq!(table.after(DAY * 90), "k0 removed, k1 removed, own retired, k3 signing, k4 published");
    }

    fn with_run(mut table: Table) -> Table {
        table.run();
        table
    }

    #[test]
    fn nodes_and_caches_have_a_key_before_it_signs() {
        for seconds in [1, 60, 3600, 86_400] {
            let publication = Duration::from_secs(seconds);
            let rules = JwtRules { key_publication: publication, ..rules(JwtAlgorithm::ES256) };
            let schedule = KeySchedule::new(&rules, None).expect("an asymmetric algorithm");
            assert!(schedule.reload_interval() + schedule.cache_age() <= publication / 2, "{seconds}");
        }
        assert!(KeySchedule::new(&rules(JwtAlgorithm::HS256), None).is_none());
    }
}
