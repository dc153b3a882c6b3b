//! The configured providers, read once at start.

use std::sync::Arc;

use super::configured::Provider;
use super::user_fields;
use crate::clock::Deps;
use crate::outgoing::Client;
use crate::settings::{SettingError, Settings};

/// The configured providers.
#[derive(Clone)]
pub struct Providers {
    list: Vec<Arc<Provider>>,
    warnings: Vec<String>,
}

impl Providers {
    /// Builds every configured provider and checks its settings.
    ///
    /// Errors: all problems, each with the name of its setting.
    pub fn from_settings(settings: &Settings, client: &Client, deps: &Deps) -> Result<Self, Vec<SettingError>> {
        let (mut list, mut warnings, mut errors) = (Vec::new(), Vec::new(), user_fields::declaration_errors(settings));
        for provider in &settings.providers {
            let mut own = Vec::new();
            match Provider::new(provider, settings.outgoing.allow_private, client, deps, &mut own) {
                Ok(mut provider) => {
                    // The settings of a simulated provider are not those of the operator.
                    warnings.extend(own.into_iter().filter(|_| !client.simulates(&provider.name)));
                    provider.user_fields = user_fields::of_provider(&provider.name, &provider.settings.user_rules);
                    provider.name_hosts(deps.metrics());
                    list.push(Arc::new(provider));
                }
                Err(problems) => errors.extend(problems),
            }
        }
        if errors.is_empty() {
            errors.extend(user_fields::mapping_errors(&list));
        }
        if errors.is_empty() { Ok(Self { list, warnings }) } else { Err(errors) }
    }

    /// A configured provider.
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.list.iter().find(|provider| provider.name() == name)
    }

    /// All providers in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.list.iter()
    }

    /// Warnings to log at start, such as settings without effect.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
