//! Tests that need no provider. Those of requests are in `tests/suite/`.

mod address_uid;
mod catalog;
mod error_words;
mod groups;
mod id_token;
mod language;
mod mapping;
mod settings;
mod token_claims;
mod uid;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::context::ExchangeContext;
use super::{Callback, Provider};
use crate::clock::Deps;
use crate::outgoing::Client;
use crate::settings::{OutgoingRules, ProviderSettings, SettingError, UserRules};

/// Settings as the environment would give them.
pub fn settings(name: &str, values: Value) -> ProviderSettings {
    let values: BTreeMap<String, Value> = values.as_object().cloned().unwrap_or_default().into_iter().collect();
    ProviderSettings {
        name: name.to_owned(),
        values,
        in_file: BTreeSet::new(),
        shared: BTreeMap::new(),
        environment: Arc::default(),
        descriptor: toml::Table::new(),
        user_rules: UserRules::default(),
    }
}

/// An operator's own provider.
pub fn own(descriptor: &str) -> ProviderSettings {
    let descriptor = descriptor.parse().expect("the test writes TOML");
    ProviderSettings { descriptor, ..settings("own", json!({"KEY": "a-key", "SECRET": "a-secret"})) }
}

pub fn try_provider(settings: &ProviderSettings) -> Result<(Provider, Vec<String>), Vec<SettingError>> {
    let rules = OutgoingRules {
        https_proxy: None,
        http_proxy: None,
        no_proxy: None,
        extra_roots: None,
        allow_private: false,
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        login_timeout: Duration::from_secs(1),
        user_agent: "test".to_owned(),
    };
    let client = Client::new(&rules).expect("the rules are plain");
    let mut warnings = Vec::new();
    Provider::new(settings, false, &client, &Deps::system(), &mut warnings).map(|provider| (provider, warnings))
}

pub fn provider(settings: &ProviderSettings) -> Provider {
    try_provider(settings).unwrap_or_else(|errors| panic!("{errors:?}")).0
}

pub fn key(name: &str) -> ProviderSettings {
    settings(name, json!({"KEY": "a-key", "SECRET": "a-secret"}))
}

pub fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

pub fn callback<'a>(fields: &'a Map<String, Value>, nothing: &'a Map<String, Value>) -> Callback<'a> {
    let deadline = Instant::now() + Duration::from_secs(1);
    Callback { redirect_uri: "https://app.example/cb", ..Callback::after_login(fields, nothing, deadline) }
}

/// A login that has its tokens.
pub fn context<'a>(provider: &'a Provider, callback: &'a Callback<'a>, token: Value) -> ExchangeContext<'a> {
    ExchangeContext {
        provider,
        callback,
        redirect_uri: callback.redirect_uri.to_owned(),
        code: Some("a-code".to_owned()),
        address: Map::new(),
        discovery: None,
        access_token: token.get("access_token").and_then(Value::as_str).map(str::to_owned),
        token,
        token_secret: None,
        claims: None,
    }
}
