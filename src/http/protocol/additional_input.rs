//! A pending login as a problem document: what the user is asked for, and the token that continues the login.

use poem::http::StatusCode;
use poem_openapi::{Enum, Object};

use super::problem::Failure;
use crate::login::{InputField, InputType, PendingLogin};

/// The detail of `additional_input_required`.
pub const ADDITIONAL_INPUT_DETAIL: &str =
    "A step needs additional input: post the answers with the flow_token to /api/login/social/resume/.";

/// A requested field; post its answer under its `name`.
#[derive(Clone, Debug, Object)]
pub struct AskedField {
    pub name: String,
    #[oai(rename = "type")]
    pub kind: AskedFieldType,
    /// The label.
    pub title: String,
    /// A required checkbox must be checked.
    pub required: bool,
    /// An explanation for the user.
    #[oai(skip_serializing_if_is_none)]
    pub help: Option<String>,
    /// The valid answers, for a choice.
    #[oai(skip_serializing_if_is_none)]
    pub choices: Option<Vec<String>>,
}

/// The kind of input. The answer to a checkbox is a boolean, every other answer a text.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AskedFieldType {
    Text,
    Email,
    Checkbox,
    Choice,
}

impl Failure {
    /// 403 `additional_input_required`: a step of the pipeline asks the user for more. The login is pending, not refused,
    /// so this is in no audit log: return it as a response, not as an error.
    pub fn additional_input_required(pending_login: PendingLogin) -> Self {
        let failure = Self::new(StatusCode::FORBIDDEN, "additional_input_required", ADDITIONAL_INPUT_DETAIL);
        Self { pending_login: Some(Box::new(pending_login)), ..failure }
    }
}

impl From<InputField> for AskedField {
    fn from(field: InputField) -> Self {
        let kind = match field.kind {
            InputType::Text => AskedFieldType::Text,
            InputType::Email => AskedFieldType::Email,
            InputType::Checkbox => AskedFieldType::Checkbox,
            InputType::Choice => AskedFieldType::Choice,
        };
        let choices = (!field.choices.is_empty()).then_some(field.choices);
        Self { name: field.name, kind, title: field.title, required: field.required, help: field.help, choices }
    }
}
