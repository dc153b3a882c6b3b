//! The additional input that a step asks for, and the validation of the answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{EmailAddress, field_message, is_bidi_or_control};

/// Maximum length of a text answer, in characters.
const MAX_ANSWER_LEN: usize = 2000;

/// The form control of a field, and the type of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// A text of one line.
    Text,
    /// An e-mail address.
    Email,
    /// True or false; a required one must be true.
    Checkbox,
    /// One of [`InputField::choices`].
    Choice,
}

/// One field that a step asks the user to fill in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputField {
    /// Name of the answer.
    pub name: String,
    /// Type of the answer.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// Label that the user sees.
    pub title: String,
    /// Whether an answer is required.
    pub required: bool,
    /// Help text, such as a link to the terms.
    pub help: Option<String>,
    /// The choices of [`InputType::Choice`].
    pub choices: Vec<String>,
}

impl InputField {
    /// A required text.
    pub fn text(name: &str, title: &str) -> Self {
        Self::new(InputType::Text, name, title)
    }

    /// A required e-mail address.
    pub fn email(name: &str, title: &str) -> Self {
        Self::new(InputType::Email, name, title)
    }

    /// A checkbox that must be ticked.
    pub fn checkbox(name: &str, title: &str) -> Self {
        Self::new(InputType::Checkbox, name, title)
    }

    /// A required choice.
    pub fn choice(name: &str, title: &str, choices: &[&str]) -> Self {
        let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        Self { choices, ..Self::new(InputType::Choice, name, title) }
    }

    /// Makes the field optional.
    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    /// Adds a help text.
    pub fn help(self, help: &str) -> Self {
        Self { help: Some(help.to_owned()), ..self }
    }

    fn new(kind: InputType, name: &str, title: &str) -> Self {
        Self { name: name.to_owned(), kind, title: title.to_owned(), required: true, help: None, choices: Vec::new() }
    }

    /// One to 64 letters, digits and `_`, except names that the request uses itself.
    pub(super) fn has_valid_name(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=64).contains(&self.name.len()) && self.name.bytes().all(is_plain) && self.name != "flow_token"
    }

    /// The answer as the step gets it: a trimmed text or a boolean; `None` when it was left out.
    fn read(&self, given: Option<&Value>) -> Result<Option<Value>, &'static str> {
        if self.kind == InputType::Checkbox {
            let ticked = match given {
                None | Some(Value::Null) => false,
                Some(Value::Bool(ticked)) => *ticked,
                Some(Value::String(text)) => matches!(text.as_str(), "true" | "on" | "1"),
                Some(_) => return Err("Must be true or false."),
            };
            return if self.required && !ticked { Err("This must be accepted.") } else { Ok(Some(ticked.into())) };
        }
        let text = match given {
            None | Some(Value::Null) => "",
            Some(Value::String(text)) => text.trim(),
            Some(_) => return Err(field_message::NOT_TEXT),
        };
        if text.is_empty() {
            return if self.required { Err(field_message::REQUIRED) } else { Ok(None) };
        }
        let checked = match self.kind {
            InputType::Email if EmailAddress::parse(text).is_none() => Err("Enter a valid email address."),
            InputType::Choice if !self.choices.iter().any(|choice| choice == text) => Err("Not one of the choices."),
            _ if text.contains('\0') => Err(field_message::NUL_CHARACTER),
            _ if text.contains(is_bidi_or_control) => Err(field_message::CONTROL_CHARACTER),
            _ if text.chars().count() > MAX_ANSWER_LEN => Err("This is too long."),
            _ => Ok(()),
        };
        checked.map(|()| Some(text.into()))
    }
}

/// The answers of all fields, or the errors of all fields. An answer is in the object `answers`, or beside it; the object
/// wins. A field may have the name `answers` too: its answer is no object.
pub(in crate::login) fn read_answers(
    fields: &[InputField],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<(String, String)>> {
    const ANSWERS: &str = "answers";
    let (mut answers, mut errors) = (Map::new(), Vec::new());
    let nested = match given.get(ANSWERS) {
        Some(Value::Object(nested)) => Some(nested),
        None | Some(Value::Null) => None,
        Some(_) if fields.iter().any(|field| field.name == ANSWERS) => None,
        Some(_) => return Err(vec![(ANSWERS.to_owned(), "Must be an object.".to_owned())]),
    };
    for field in fields {
        let nested = nested.and_then(|nested| nested.get(&field.name));
        match field.read(nested.or_else(|| given.get(&field.name))) {
            Ok(Some(answer)) => {
                answers.insert(field.name.clone(), answer);
            }
            Ok(None) => {}
            Err(message) => errors.push((field.name.clone(), message.to_owned())),
        }
    }
    if errors.is_empty() { Ok(answers) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(field: &InputField, given: &Value) -> Result<Option<Value>, &'static str> {
        field.read(Some(given))
    }

    #[test]
    fn fault_b36_a_field_name_consists_of_letters_digits_and_underscores() {
        for valid in ["email", "Terms_2", "a", &"x".repeat(64)] {
            assert!(InputField::text(valid, "T").has_valid_name(), "{valid}");
        }
        for invalid in ["", "two words", "a-b", "a.b", "é", "a\"b", "<b>", "a\n", "flow_token", &"x".repeat(65)] {
            assert!(!InputField::text(invalid, "T").has_valid_name(), "{invalid}");
        }
    }

    #[test]
    fn a_checkbox_is_ticked_by_json_and_by_forms() {
        let terms = InputField::checkbox("terms", "I accept");
        for ticked in [json!(true), json!("on"), json!("true"), json!("1")] {
            assert_eq!(read(&terms, &ticked), Ok(Some(json!(true))), "{ticked}");
        }
        for not in [json!(false), json!("off"), json!(""), json!(null), json!(1), json!([])] {
            assert!(read(&terms, &not).is_err(), "{not}");
        }
        assert_eq!(terms.optional().read(None), Ok(Some(json!(false))));
    }

    #[test]
    fn every_invalid_answer_is_reported_at_its_field() {
        let fields =
            [InputField::text("a", "A"), InputField::choice("b", "B", &["x"]), InputField::text("c", "C").optional()];
        let given = json!({"a": "  ", "b": "y", "c": null, "d": 1});
        let errors = read_answers(&fields, given.as_object().expect("an object")).expect_err("two errors");
        assert_eq!(errors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let given = json!({"a": " yes ", "b": "x"});
        let answers = read_answers(&fields, given.as_object().expect("an object")).expect("answers");
        assert_eq!(Value::Object(answers), json!({"a": "yes", "b": "x"}));
    }

    #[test]
    fn an_answer_in_the_object_wins_over_one_beside_it() {
        let fields = [InputField::text("a", "A"), InputField::text("b", "B").optional()];
        let read = |given: Value| read_answers(&fields, given.as_object().expect("an object")).map(Value::Object);
        assert_eq!(read(json!({"answers": {"a": "x"}, "a": "y", "b": "z"})), Ok(json!({"a": "x", "b": "z"})));
        assert_eq!(read(json!({"answers": null, "a": "y"})), Ok(json!({"a": "y"})));
        for invalid in [json!([]), json!("x"), json!(1), json!(true)] {
            let errors = read(json!({"answers": invalid, "a": "y"})).expect_err("an error");
            assert_eq!(errors, [("answers".to_owned(), "Must be an object.".to_owned())]);
        }
        for text in ["a\u{1b}[31m", "a\nb", "\u{202e}a"] {
            let errors = read(json!({"a": text})).expect_err("an error");
            assert_eq!(errors, [("a".to_owned(), "Control characters are not allowed.".to_owned())]);
        }
        let fields = [InputField::text("answers", "Answers")];
        for given in [json!({"answers": "x"}), json!({"answers": {"answers": "x"}})] {
            let answers = read_answers(&fields, given.as_object().expect("an object")).map(Value::Object);
            assert_eq!(answers, Ok(json!({"answers": "x"})), "{given}");
        }
    }
}
