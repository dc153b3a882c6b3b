//! The settings file and the environment, read once at start. `table.toml` has name, type, default and description of every
//! setting. All errors are reported together.
//!
//! The environment uses django-rest-social-auth's names; the file the same names in lower case. Settings of one provider stay
//! untyped (`ProviderSettings`) until its descriptor says which ones it knows (`SettingRules`).

mod addresses; // network addresses, URIs, e-mail addresses
mod build; // `Settings`, built from the sources
mod credential_rules; // sessions, JWTs, knox tokens
mod database_url; // what a database URL must not contain
mod file_access; // access rights of files that contain secrets
mod other_sites; // origins that are on another site than PUBLIC_URL
mod pipeline_steps; // steps of a login and their order
mod provider_names;
mod provider_settings; // settings of one provider
mod rate_limits; // RATE_LIMIT_*
mod secret_keys; // secret keys and their strength
mod setting_reader; // reads one setting by its row of the table
mod site_rules; // SITE_*
mod sources; // file and environment
mod table; // the table of settings
#[cfg(test)]
mod tests;
mod trace_rules; // traces for a collector
mod types; // the rules of each group of settings
mod user_fields; // declared fields of a user
mod user_rules; // users and pipeline, general and by provider
mod value_type; // the types of values
mod webhook_rules; // WEBHOOK_*

pub(crate) use self::build::read_with_errors;
pub use self::build::{Settings, read};
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
pub(crate) use self::table::initial_value;
pub(crate) use self::trace_rules::TraceRules;
pub(crate) use self::types::{
    BackupTarget, ConnectionRules, DatabaseLimits, GENERATION_CLAIM, JwtAlgorithm, JwtRules, KnoxRules, LogFormat,
    OnFailure, OutgoingRules, SessionRules, SqliteSynchronous, StatePolicy, TableLimits, UserRules, WebhookRules,
};
pub use self::types::{Mode, SettingError};
pub use self::user_rules::ProviderLists;
