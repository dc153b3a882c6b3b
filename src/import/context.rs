//! What the conversion of rows needs.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::Handle;

use super::imported_users::ImportedUsers;
use crate::clock::{Deps, UnixMillis};
use crate::credential::jwt::Jwts;
use crate::provider::UidKeys;
use crate::secrets::SecretString;
use crate::settings::Settings;
use crate::store::django::Django;

/// What the conversion of rows needs. The conversions of several pages share it.
pub struct Context {
    pub source: Arc<Django>,
    pub settings: Settings,
    pub deps: Deps,
    /// The time of the import.
    pub now: UnixMillis,
    /// Rows with a higher id are left out.
    pub max_id: i64,
    /// Keys that may have signed the sessions.
    pub session_keys: Vec<SecretString>,
    /// `None`: Django's database has no refresh tokens.
    pub jwts: Option<Jwts>,
    /// Where a conversion waits for Django's database.
    pub runtime: Handle,
    /// Users that are in the target, or would be after a dry run; set when all users are imported.
    pub imported_users: OnceLock<ImportedUsers>,
    /// Read once for each provider.
    pub providers: Mutex<BTreeMap<String, Arc<ProviderRules>>>,
}

/// What the import needs to know about a provider.
pub struct ProviderRules {
    /// Whether users can sign in with it.
    pub is_configured: bool,
    /// The profile members that its uids come from. `None`: it is not known.
    pub uid_keys: Option<UidKeys>,
}

impl Context {
    /// The users that are in the target. Before all users are imported: none.
    pub fn users(&self) -> &ImportedUsers {
        static NONE: ImportedUsers = ImportedUsers::none();
        self.imported_users.get().unwrap_or(&NONE)
    }

    /// The rules of a provider.
    pub fn provider(&self, name: &str) -> Arc<ProviderRules> {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = providers.get(name) {
            return known.clone();
        }
        let configured = self.settings.providers.iter().find(|settings| settings.name == name);
        let uid_keys = UidKeys::of(name, configured);
        let rules = Arc::new(ProviderRules { is_configured: configured.is_some(), uid_keys });
        providers.insert(name.to_owned(), rules.clone());
        rules
    }
}

/// Usernames that were imported before.
pub enum Usernames {
    /// Django's database keeps them unique.
    Unique,
    /// Those so far.
    Seen(HashSet<String>),
}

impl Usernames {
    /// Whether no earlier page had the username.
    pub fn is_new(&mut self, username: &str) -> bool {
        match self {
            Self::Unique => true,
            Self::Seen(seen) => seen.insert(username.to_owned()),
        }
    }
}
