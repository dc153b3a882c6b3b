//! What a pending login asks the user for, as the problem document has it.

use poem_openapi::{Enum, Object};

use crate::login::{InputField, InputType};

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
