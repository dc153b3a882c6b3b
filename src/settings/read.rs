//! (being built)
use std::path::Path;

use super::{Mode, SettingError, Settings};

/// Where settings come from, weakest first: `defaults`, the file, the environment.
pub struct Sources<'a> {
    pub mode: Mode,
    /// What `dev` brings along: shaped like the file.
    pub defaults: toml::Table,
    pub file: Option<&'a Path>,
    pub environment: Vec<(String, String)>,
    /// Names of the provider catalogue, so that `SOCIAL_AUTH_*` is read by the longest provider name that fits.
    pub catalog: &'a [&'a str],
}

/// Every mistake at once, by name.
pub fn read(sources: &Sources<'_>) -> Result<Settings, Vec<SettingError>> {
    let _ = sources;
    todo!()
}
