//! The pipeline: an identity and a caller in, a decision out. SOCIAL_AUTH_PIPELINE names the steps and their order (R-PIPE).
//!
//! A [`Step`] reads the store and changes the [`Draft`]; it writes nothing. The one transaction of `commit_login` writes the
//! decision. A step that needs additional input stops the login ([`Stop::ask`]). When the answers come, the pipeline runs
//! again; the changes of a program's own steps that passed before are replayed.

mod account_key;
mod additional_input;
mod ask_link;
mod built_in;
mod declared_fields;
mod draft;
mod email;
mod extra_data;
mod profile_details;
mod require_email;
mod runner;
mod step;
mod username;
mod webhook;

pub(super) use self::additional_input::read_answers;
pub use self::additional_input::{InputField, InputType};
pub use self::draft::Draft;
pub(super) use self::draft::{Decision, DecisionInput, LinkProof};
pub(super) use self::runner::{Decided, Pipeline, Progress, Question, pipelines};
pub use self::step::{Step, Stop};
pub(super) use self::webhook::AskWebhook;
