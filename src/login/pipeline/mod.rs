//! Identity and caller in, decision out: steps by name, in the order of SOCIAL_AUTH_PIPELINE (R-PIPE).
//!
//! A [`Step`] reads the store and changes the [`Draft`]; it writes nothing. What is decided here is written by the one
//! transaction of `commit_login`. A step that needs more of the person halts the login ([`Stop::ask`]); when the answers
//! come, the pipeline runs once more, and what a step of a program's own has passed is remembered, not done again.

mod account_key;
mod ask;
mod built_in;
mod draft;
mod email;
mod extra;
mod fields;
mod names;
mod runner;
mod username;
mod webhook;

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) use self::ask::read_answers;
pub use self::ask::{Field, FieldType};
pub use self::draft::Draft;
use self::draft::DraftChange;
pub(super) use self::runner::{Pipeline, pipelines};
pub(super) use self::webhook::AskWebhook;
use super::error::{LoginError, Refusal};
use crate::store::{LoginTarget, StoreError};

/// A step of the pipeline: the built-in ones and a program's own alike.
///
/// A step may run more than once for one login: when the person answered what a step asked for, and when another login of
/// the same account came first. It must write nothing that a second run would make wrong.
#[async_trait]
pub trait Step: Send + Sync {
    /// Reads and changes the draft, or stops the login.
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop>;
}

/// Why a step does not let the login go on.
#[derive(Debug)]
pub enum Stop {
    Refused(LoginError),
    /// The person must answer first; the login waits ten minutes.
    Asks(Vec<Field>),
}

impl Stop {
    /// Refuses with a code of the program's own: 403, with this code and this text, which the person may see. The code is
    /// of lower case letters, digits and `_`; anything else in it becomes `_`.
    pub fn refuse(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        LoginError::new(Refusal::own(code), detail).into()
    }

    /// Halts the login until the person has answered. The step runs again with what they said in [`Draft::answer`], and may
    /// ask once more: what it heard before stays.
    pub fn ask(fields: impl IntoIterator<Item = Field>) -> Self {
        Self::Asks(fields.into_iter().collect())
    }

    /// An answer will not do: 400 with the message at its field, and the person may try again.
    pub fn wrong(field: &str, message: &str) -> Self {
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

/// What the one transaction of a login will write.
#[derive(Debug)]
pub(super) struct Decision {
    pub who: LoginTarget,
    pub extra_data: Value,
    /// `None`: stays as it is.
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Of somebody known; the address with whether somebody vouches for it.
    pub username: Option<String>,
    pub email: Option<(String, bool)>,
    /// Declared ones.
    pub fields: Map<String, Value>,
    /// Of the audit event.
    pub code: Option<&'static str>,
}

/// How far a halted login had come: what each step of a program's own did before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    passed: BTreeMap<String, Vec<DraftChange>>,
    /// The step that asked, and all that the person said to it so far.
    answered: Option<(String, Map<String, Value>)>,
}

impl Progress {
    /// The same, with the person's answers to what the step asked last: they are put over those it heard before.
    pub fn answered(mut self, step: &str, asked: &[Field], answers: Map<String, Value>) -> Self {
        let mut heard = self.answered.filter(|(before, _)| before == step).map(|(_, heard)| heard).unwrap_or_default();
        // Of a field that is asked for again and left out nothing stays.
        heard.retain(|name, _| !asked.iter().any(|field| field.name == *name));
        heard.extend(answers);
        self.answered = Some((step.to_owned(), heard));
        self
    }
}

/// What a login waits for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub step: String,
    pub fields: Vec<Field>,
    pub progress: Progress,
}

#[derive(Debug)]
pub(super) enum Decided {
    Commit(Box<Decision>),
    Ask(Box<Question>),
}
