//! What a halted login asks of the person, how answers are checked, and the step of ours that asks: `require_email`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::email::{LoginEmail, check_allowed};
use super::{Draft, Step, Stop};
use crate::model::EmailAddress;

/// Longest text that a person may answer, in characters.
const LONGEST: usize = 2000;

/// What a front-end draws for a field, and what its answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    Text,
    /// One address.
    Email,
    /// True or false; a required one must be true.
    Checkbox,
    /// One of [`Field::choices`].
    Choice,
}

/// One thing that a step wants to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What the person reads.
    pub title: String,
    pub required: bool,
    /// Further words: a link to the terms, why this is asked.
    pub help: Option<String>,
    /// Of a choice.
    pub choices: Vec<String>,
}

impl Field {
    /// A required text.
    pub fn text(name: &str, title: &str) -> Self {
        Self::new(FieldType::Text, name, title)
    }

    /// A required address.
    pub fn email(name: &str, title: &str) -> Self {
        Self::new(FieldType::Email, name, title)
    }

    /// A box that must be ticked.
    pub fn checkbox(name: &str, title: &str) -> Self {
        Self::new(FieldType::Checkbox, name, title)
    }

    /// One of several, required.
    pub fn choice(name: &str, title: &str, choices: &[&str]) -> Self {
        let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        Self { choices, ..Self::new(FieldType::Choice, name, title) }
    }

    /// The person may leave it out.
    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub fn help(self, help: &str) -> Self {
        Self { help: Some(help.to_owned()), ..self }
    }

    fn new(kind: FieldType, name: &str, title: &str) -> Self {
        Self { name: name.to_owned(), kind, title: title.to_owned(), required: true, help: None, choices: Vec::new() }
    }

    /// One to 64 letters, digits and `_`, and none that the request has a meaning for.
    pub(super) fn has_valid_name(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=64).contains(&self.name.len()) && self.name.bytes().all(is_plain) && self.name != "flow_token"
    }

    /// The answer as the step gets it: a text without blanks around it, or a boolean; `None` where it was left out.
    fn read(&self, given: Option<&Value>) -> Result<Option<Value>, &'static str> {
        if self.kind == FieldType::Checkbox {
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
            Some(_) => return Err("Not a valid string."),
        };
        if text.is_empty() {
            return if self.required { Err("This field is required.") } else { Ok(None) };
        }
        let fits = match self.kind {
            FieldType::Email if EmailAddress::parse(text).is_none() => Err("Enter a valid email address."),
            FieldType::Choice if !self.choices.iter().any(|choice| choice == text) => Err("Not one of the choices."),
            _ if text.contains('\0') => Err("Null characters are not allowed."),
            _ if text.chars().count() > LONGEST => Err("This is too long."),
            _ => Ok(()),
        };
        fits.map(|()| Some(text.into()))
    }
}

/// Every field's answer, or every field's mistake.
pub(in crate::login) fn read_answers(
    fields: &[Field],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<(String, String)>> {
    let (mut answers, mut errors) = (Map::new(), Vec::new());
    for field in fields {
        match field.read(given.get(&field.name)) {
            Ok(Some(answer)) => {
                answers.insert(field.name.clone(), answer);
            }
            Ok(None) => {}
            Err(message) => errors.push((field.name.clone(), message.to_owned())),
        }
    }
    if errors.is_empty() { Ok(answers) } else { Err(errors) }
}

/// Asks somebody new for an address where the provider gave none. Nobody vouches for it: it is kept as not verified, links
/// nobody, and is held against the lists of who may sign in.
pub(super) struct RequireEmail;

#[async_trait]
impl Step for RequireEmail {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() || !draft.email().is_empty() {
            return Ok(());
        }
        let Some(address) = draft.answer("email").and_then(Value::as_str).and_then(EmailAddress::parse) else {
            return Err(Stop::ask([Field::email("email", "E-mail address")]));
        };
        check_allowed(draft.rules, &LoginEmail { address: Some(&address), ..LoginEmail::default() })?;
        draft.set_email(address.as_str(), false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(field: &Field, given: &Value) -> Result<Option<Value>, &'static str> {
        field.read(Some(given))
    }

    #[test]
    fn fault_b36_the_name_of_a_field_is_letters_digits_and_underscores() {
        for good in ["email", "Terms_2", "a", &"x".repeat(64)] {
            assert!(Field::text(good, "T").has_valid_name(), "{good}");
        }
        for bad in ["", "two words", "a-b", "a.b", "é", "a\"b", "<b>", "a\n", "flow_token", &"x".repeat(65)] {
            assert!(!Field::text(bad, "T").has_valid_name(), "{bad}");
        }
    }

    #[test]
    fn a_box_that_must_be_ticked_is_ticked_by_json_and_by_forms() {
        let terms = Field::checkbox("terms", "I accept");
        for ticked in [json!(true), json!("on"), json!("true"), json!("1")] {
            assert_eq!(read(&terms, &ticked), Ok(Some(json!(true))), "{ticked}");
        }
        for not in [json!(false), json!("off"), json!(""), json!(null), json!(1), json!([])] {
            assert!(read(&terms, &not).is_err(), "{not}");
        }
        assert_eq!(terms.optional().read(None), Ok(Some(json!(false))));
    }

    #[test]
    fn every_mistake_is_told_at_its_field() {
        let fields = [Field::text("a", "A"), Field::choice("b", "B", &["x"]), Field::text("c", "C").optional()];
        let given = json!({"a": "  ", "b": "y", "c": null, "d": 1});
        let errors = read_answers(&fields, given.as_object().expect("an object")).expect_err("two mistakes");
        assert_eq!(errors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let given = json!({"a": " yes ", "b": "x"});
        let answers = read_answers(&fields, given.as_object().expect("an object")).expect("answers");
        assert_eq!(Value::Object(answers), json!({"a": "yes", "b": "x"}));
    }
}
