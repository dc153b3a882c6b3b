//! The server as a library: settings, a program's own steps, user fields and claims, built and served. `docs/LIBRARY.md` shows it whole.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::Server;
use crate::clock::Deps;
use crate::login::{Extensions, Step};
use crate::model::{Identity, User, UserField};
use crate::provider;
use crate::settings::{self, Mode, SettingError, Settings, Sources, UserRules};

/// Every mistake in the settings, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SettingErrors(pub Vec<SettingError>);

/// Puts a server together: [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    extensions: Extensions,
    fields: Vec<UserField>,
    deps: Deps,
    errors: Vec<SettingError>,
}

impl Server {
    /// Begins with nothing: no file, no environment.
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
    /// The settings file, as `serve --config` reads it.
    pub fn settings_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..self }
    }

    /// The settings in the process's environment, which win over the file.
    pub fn environment(mut self) -> Self {
        let texts =
            std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        self.environment.extend(texts);
        self
    }

    /// One setting by its environment name, which wins over the file and over what was given before.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A step of the program's own. It runs where SOCIAL_AUTH_PIPELINE (or a provider's own PIPELINE) names it; one that
    /// stands in no pipeline through which anybody may enter is a mistake, told by [`Self::build`].
    pub fn step(mut self, name: &str, step: impl Step + 'static) -> Self {
        if let Err(problem) = settings::check_step_name(name) {
            self.errors.push(SettingError::new(format!("step {name:?}"), problem));
        }
        self.extensions.step(name, step);
        self
    }

    /// A field of the user beyond the stock ones: it appears in the answers, in the `-user` tokens and in the served OpenAPI
    /// document, a provider's profile or a step fills it. REST_SOCIAL_USER_FIELDS may declare it otherwise.
    pub fn user_field(mut self, field: UserField) -> Self {
        self.fields.retain(|known| known.name != field.name);
        self.fields.push(field);
        self
    }

    /// Further claims of the JWTs that a login hands out, and of those that they are renewed to. Called once a login, while
    /// its transaction is open: it must not block. Claims that are ours or registered (RFC 7519) are left out; what they
    /// all make together must stay small, since a token of more than 8 KiB is refused.
    pub fn claims(mut self, claims: impl Fn(&User, &Identity) -> Map<String, Value> + Send + Sync + 'static) -> Self {
        self.extensions.claims(claims);
        self
    }

    /// Another clock and another source of chance, for tests.
    pub fn deps(self, deps: Deps) -> Self {
        Self { deps, ..self }
    }

    /// Reads the settings, opens the database (an SQLite file is made where it is missing) and wires everything up.
    ///
    /// Errors: every mistake at once, by the setting's name.
    pub async fn build(mut self) -> Result<Server, SettingErrors> {
        let settings = self.read();
        if let Some(settings) = &settings {
            self.find_idle_steps(settings);
        }
        match settings {
            Some(settings) if self.errors.is_empty() => {
                Server::extended(settings, self.extensions, self.deps, true).await.map_err(SettingErrors)
            }
            _ => Err(SettingErrors(self.errors)),
        }
    }

    fn read(&mut self) -> Option<Settings> {
        let catalog = provider::catalog_names();
        let steps: Vec<&str> = self.extensions.steps().collect();
        let read = settings::read(&Sources {
            mode: Mode::Serve,
            defaults: toml::Table::new(),
            file: self.file.as_deref(),
            environment: std::mem::take(&mut self.environment),
            catalog: &catalog,
            steps: &steps,
            fields: &self.fields,
        });
        read.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// A step that checks something and never runs is worse than none.
    fn find_idle_steps(&mut self, settings: &Settings) {
        let sign_in_providers =
            settings.providers.iter().map(|provider| &provider.user_rules).filter(|rules| rules.allows_sign_in);
        let mut in_effect: Vec<&UserRules> = sign_in_providers.collect();
        if in_effect.is_empty() {
            in_effect.push(&settings.users);
        }
        let names = |rules: &UserRules, step: &str| rules.pipeline.iter().any(|named| named == step);
        let idle = |step: &&str| !in_effect.iter().any(|rules| names(rules, step));
        let errors = self.extensions.steps().filter(idle).map(|step| {
            let problem = if names(&settings.users, step) {
                format!("names the program's own step {step:?}, but every provider has a PIPELINE without it")
            } else {
                format!("does not name the program's own step {step:?}, which would never run")
            };
            SettingError::new("SOCIAL_AUTH_PIPELINE", problem)
        });
        let errors: Vec<SettingError> = errors.collect();
        self.errors.extend(errors);
    }
}
