//! The settings file and the environment, read once at start. `table.toml` has name, type, default and description of every
//! setting. All errors are reported together.
//!
//! The environment uses django-rest-social-auth's names; the file the same names in lower case. Settings of one provider stay
//! untyped (`ProviderSettings`) until its descriptor says which ones it knows (`SettingRules`).

mod addresses;
mod build;
mod credential_rules;
mod database_url;
mod file_access;
mod other_sites;
mod pipeline_steps;
mod provider_names;
mod provider_settings;
mod rate_limits;
mod secret_keys;
mod setting_reader;
mod site_rules;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod trace_rules;
mod types;
mod user_fields;
mod user_rules;
mod value_type;
mod webhook_rules;

pub(crate) use self::addresses::{POSTMESSAGE, is_loopback};
pub use self::build::{Settings, read};
pub(crate) use self::build::{read_with_errors, without_duplicates};
pub(crate) use self::database_url::check_database_url;
pub(crate) use self::file_access::{exposed_database_files, sqlite_file, sqlite_files};
pub(crate) use self::pipeline_steps::check_step_name;
pub(crate) use self::provider_names::meant_provider;
pub(crate) use self::provider_settings::{
    ProviderSettings, SettingRules, SettingValues, TypedSettings, is_protocol_parameter,
};
pub(crate) use self::rate_limits::{Quota, RateLimitRules};
pub(crate) use self::secret_keys::{DERIVED_KEY, check_p256_public_key, check_rsa_public_key};
pub(crate) use self::site_rules::SiteRules;
pub use self::sources::Sources;
pub(crate) use self::sources::{NOT_UTF_8, process_environment};
pub(crate) use self::table::{initial_value, provider_variable};
pub(crate) use self::types::{
    BackupTarget, ConnectionRules, DatabaseLimits, GENERATION_CLAIM, JwtAlgorithm, JwtRules, KnoxRules, LogFormat,
    OnFailure, OutgoingRules, Postmessage, SessionRules, SqliteSynchronous, StatePolicy, TableLimits, UserRules,
    WebhookRules,
};
pub use self::types::{Mode, SettingError};
pub use self::user_rules::ProviderLists;
