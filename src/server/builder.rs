//! The server as a library: settings, and a program's own steps, user fields and claims. `docs/LIBRARY.md` describes it.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::run::Server;
use crate::clock::Deps;
use crate::login::{Extensions, Step};
use crate::model::{Identity, User, UserField};
use crate::provider;
use crate::settings::{self, SettingError, Settings, Sources, UserRules};

/// All errors in the settings; its text has one line for each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SettingErrors(pub Vec<SettingError>);

/// Builds a [`Server`] from settings and from extensions of a program. See [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    file: Option<PathBuf>,
    environment: Vec<(String, OsString)>,
    extensions: Extensions,
    fields: Vec<UserField>,
    deps: Deps,
    errors: Vec<SettingError>,
}

impl Server {
    /// A builder without any settings: neither the settings file nor the environment is read.
    pub fn builder() -> Builder {
        Builder {
            file: None,
            environment: Vec::new(),
            extensions: Extensions::default(),
            fields: Vec::new(),
            deps: Deps::system(),
            errors: Vec::new(),
        }
    }
}

impl Builder {
    /// Reads the settings file, as `serve --config` does.
    pub fn settings_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..self }
    }

    /// Reads the environment of the process, which takes precedence over the file.
    pub fn environment(mut self) -> Self {
        self.environment.extend(settings::process_environment());
        self
    }

    /// Sets one setting by its environment name. It takes precedence over the file, and over earlier calls of
    /// [`Self::environment`] and [`Self::setting`].
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into().into()));
        self
    }

    /// Registers a pipeline step. It runs where SOCIAL_AUTH_PIPELINE, or the PIPELINE of a provider, names it. A step that no
    /// pipeline of a sign-in provider names is an error of [`Self::build`].
    pub fn step(mut self, name: &str, step: impl Step + 'static) -> Self {
        if let Err(problem) = settings::check_step_name(name) {
            self.errors.push(SettingError::new(format!("step {name:?}"), problem));
        }
        self.extensions.step(name, step);
        self
    }

    /// Declares a field of the user. It appears in answers, in `-user` tokens and in the OpenAPI document. The profile of a
    /// provider or a step provides its value. REST_SOCIAL_USER_FIELDS can replace the declaration.
    pub fn user_field(mut self, field: UserField) -> Self {
        self.fields.retain(|known| known.name != field.name);
        self.fields.push(field);
        self
    }

    /// Adds claims to the JWTs of a login, which stay when the tokens are refreshed. The function is called once for each login
    /// inside its transaction, so it must not block. Claims that the server sets and claims of RFC 7519 are ignored. Keep the
    /// claims small: the server refuses tokens of more than 8 KiB.
    pub fn claims(mut self, claims: impl Fn(&User, &Identity) -> Map<String, Value> + Send + Sync + 'static) -> Self {
        self.extensions.claims(claims);
        self
    }

    /// Replaces the clock and the source of randomness, for tests.
    pub fn deps(self, deps: Deps) -> Self {
        Self { deps, ..self }
    }

    /// Reads the settings, opens the database, and creates the server. It creates the SQLite file if it does not exist.
    ///
    /// Errors: all errors in the settings together.
    pub async fn build(mut self) -> Result<Server, SettingErrors> {
        let settings = self.read();
        if let Some(settings) = &settings {
            self.check_step_use(settings);
        }
        match settings {
            Some(settings) if self.errors.is_empty() => {
                Server::build_with(settings, self.extensions, self.deps).await.map_err(SettingErrors)
            }
            _ => Err(SettingErrors(self.errors)),
        }
    }

    fn read(&mut self) -> Option<Settings> {
        let catalog = provider::catalog_names();
        let steps: Vec<&str> = self.extensions.steps().collect();
        let read = settings::read(&Sources {
            file: self.file.as_deref(),
            environment: std::mem::take(&mut self.environment),
            catalog: &catalog,
            steps: &steps,
            fields: &self.fields,
            ..Sources::default()
        });
        read.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// A step that never runs is an error, because it may be there to refuse users.
    fn check_step_use(&mut self, settings: &Settings) {
        let sign_in_providers =
            settings.providers.iter().map(|provider| &provider.user_rules).filter(|rules| rules.allows_sign_in);
        let mut in_effect: Vec<&UserRules> = sign_in_providers.collect();
        if in_effect.is_empty() {
            in_effect.push(&settings.users);
        }
        let names = |rules: &UserRules, step: &str| rules.pipeline.iter().any(|named| named == step);
        let is_unused = |step: &&str| !in_effect.iter().any(|rules| names(rules, step));
        let errors = self.extensions.steps().filter(is_unused).map(|step| {
            let problem = if names(&settings.users, step) {
                format!("names the custom step {step:?}, but every provider has a PIPELINE without it")
            } else {
                format!("does not name the custom step {step:?}, which would never run")
            };
            SettingError::new("SOCIAL_AUTH_PIPELINE", problem)
        });
        let errors: Vec<SettingError> = errors.collect();
        self.errors.extend(errors);
    }
}
