//! Why a command failed. Its kind decides the exit code.

use std::path::Path;
use std::process::ExitCode;

use crate::account::SigningKeyError;
use crate::settings::SettingError;
use crate::store::StoreError;

pub(super) enum Failure {
    /// Errors in settings; each is printed on a line of its own.
    Settings(Vec<SettingError>),
    /// An option or an argument has a value that is not possible.
    CommandLine(String),
    Other(String),
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            // The settings may be right, and the database available a moment later.
            Self::Settings(errors) if errors.iter().all(|error| error.is_temporary) => ExitCode::FAILURE,
            Self::Settings(_) | Self::CommandLine(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }

    pub fn cannot_read(path: &Path, error: &std::io::Error) -> Self {
        Self::Other(format!("{} cannot be read: {error}", path.display()))
    }

    pub fn cannot_write(path: &Path, error: &std::io::Error) -> Self {
        Self::Other(format!("{} cannot be written: {error}", path.display()))
    }
}

impl From<Vec<SettingError>> for Failure {
    fn from(errors: Vec<SettingError>) -> Self {
        Self::Settings(errors)
    }
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Self {
        Self::Settings(vec![error])
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<SigningKeyError> for Failure {
    fn from(error: SigningKeyError) -> Self {
        Self::Other(error.to_string())
    }
}
