//! The page that asks the questions of a pending login.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::context;
use poem::Request;
use serde::Serialize;
use serde_json::Value;

use super::texts::Texts;
use super::{Page, Pages};
use crate::http::protocol::{Failure, Language};
use crate::login::{Fields, InputField, InputType, PendingLogin};

/// The field of the form that cancels the login. No field of a step has a hyphen in its name.
pub const CANCEL_FIELD: &str = "cancel-login";

/// A field as the template shows it.
#[derive(Serialize)]
struct Question<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: InputType,
    title: Cow<'a, str>,
    required: bool,
    help: Option<Cow<'a, str>>,
    choices: Vec<Choice<'a>>,
    value: &'a str,
    errors: Vec<Cow<'a, str>>,
    has_focus: bool,
}

#[derive(Serialize)]
struct Choice<'a> {
    value: &'a str,
    title: Cow<'a, str>,
}

/// The page. `rejected`: the answers that were refused, and why.
pub fn question_page(
    pages: &Pages,
    language: Language,
    pending: &PendingLogin,
    rejected: Option<(&Fields, &Failure)>,
) -> Page {
    let texts = Texts::of(language);
    let no_errors = BTreeMap::new();
    let errors = rejected.map_or(&no_errors, |(_, failure)| &failure.errors);
    let has_error = |field: &&InputField| errors.contains_key(&field.name);
    let first_error = pending.fields.iter().find(has_error).map(|field| &field.name);
    let question = |field| {
        let field: &InputField = field;
        let answer = rejected.and_then(|(answers, _)| answers.map().get(&field.name).and_then(Value::as_str));
        let messages = errors.get(&field.name).map_or(&[][..], Vec::as_slice);
        let choice = |value| Choice { value, title: texts.built_in(value) };
        Question {
            name: &field.name,
            kind: field.kind,
            title: texts.built_in(&field.title),
            required: field.required,
            help: field.help.as_deref().map(|help| texts.built_in(help)),
            choices: field.choices.iter().map(|value| choice(value.as_str())).collect(),
            value: answer.unwrap_or_default(),
            errors: messages.iter().map(|message| texts.built_in(message)).collect(),
            has_focus: first_error == Some(&field.name),
        }
    };
    // Errors that belong to no field of the form are shown above it.
    let is_asked = |name: &String| pending.fields.iter().any(|field| field.name == *name);
    let others = errors.iter().filter(|(name, _)| !is_asked(name)).flat_map(|(_, messages)| messages);
    let detail = rejected.map(|(_, failure)| &failure.detail).filter(|_| errors.is_empty());
    let values = context! {
        title => texts.get(&["question", "title"]),
        flow_token => pending.flow_token,
        cancel => CANCEL_FIELD,
        messages => others.chain(detail).map(|message| texts.built_in(message)).collect::<Vec<_>>(),
        fields => pending.fields.iter().map(question).collect::<Vec<_>>(),
    };
    pages.render("question.html", language, values)
}

/// The problem document of a pending login, or of refused answers, with its texts for the user in the language of the request: titles
/// and explanations of the fields, and their errors. Answers, names and `detail` stay as they are.
pub fn translated(mut failure: Failure, request: &Request) -> Failure {
    let language = Language::of(request);
    let texts = Texts::of(language);
    let translate = |text: &mut String| *text = texts.built_in(text).into_owned();
    for field in failure.pending_login.iter_mut().flat_map(|pending| &mut pending.fields) {
        translate(&mut field.title);
        field.help.iter_mut().for_each(translate);
    }
    failure.errors.values_mut().flatten().for_each(translate);
    let has_texts_for_users = failure.pending_login.is_some() || !failure.errors.is_empty();
    Failure { language: has_texts_for_users.then_some(language), ..failure }
}
