//! What a step of the pipeline is, and how it stops a login.

use std::borrow::Cow;

use async_trait::async_trait;

use super::additional_input::InputField;
use super::draft::Draft;
use crate::login::error::{LoginError, Refusal};
use crate::store::StoreError;

/// A step of the pipeline, built in or of a Rust program.
///
/// A step may run more than once for one login: after the user answered it, and when another login of the same account was
/// committed first. So it must be idempotent.
#[async_trait]
pub trait Step: Send + Sync {
    /// Reads and changes the draft, or stops the login.
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop>;
}

/// Why a step stops the login.
#[derive(Debug)]
pub enum Stop {
    /// The login is refused.
    Refused(LoginError),
    /// The user must answer first; the login stays pending for ten minutes.
    NeedsInput(Vec<InputField>),
}

impl Stop {
    /// Refuses the login: 403 with this code and this text, which the user may see. The code consists of lower case letters,
    /// digits and `_`; any other character becomes `_`.
    pub fn refuse(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        LoginError::new(Refusal::own(code), detail).into()
    }

    /// Asks the user for additional input. The step runs again with the answers in [`Draft::answer`], and may ask again;
    /// earlier answers are kept.
    pub fn ask(fields: impl IntoIterator<Item = InputField>) -> Self {
        Self::NeedsInput(fields.into_iter().collect())
    }

    /// Rejects an answer: 400 with the message at its field; the user can answer again.
    pub fn invalid(field: &str, message: &str) -> Self {
        LoginError::field(field, message).into()
    }
}

impl From<LoginError> for Stop {
    fn from(error: LoginError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}
