//! The page on which this server asks for what a login waits for: no script, no style, nothing from elsewhere.

use std::fmt::Write as _;

use poem::Response;
use serde_json::Value;

use super::problem::{Failure, escaped};
use crate::login::{Field, FieldType, Fields, Halted};

/// The first time.
pub fn asking(halted: &Halted) -> Response {
    page(halted, |_| None, None)
}

/// Once more, with what was typed and why it did not do. What is wrong with no field of the form stands above it.
pub fn asking_again(halted: &Halted, given: &Fields, mut failure: Failure) -> Response {
    let mut response = page(halted, |field| given.map().get(&field.name).and_then(Value::as_str), Some(&failure));
    response.set_status(failure.status);
    response.extensions_mut().insert(failure.declined());
    response
}

/// Its own `Referrer-Policy` lets the form say where it comes from.
fn page<'a>(halted: &Halted, typed: impl Fn(&Field) -> Option<&'a str>, failure: Option<&Failure>) -> Response {
    let mut form = String::with_capacity(1024);
    for message in failure.into_iter().flat_map(|failure| general(halted, failure)) {
        write!(form, "<p><strong>{}</strong></p>", escaped(message)).expect(FITS);
    }
    for field in &halted.fields {
        let help = field.help.as_deref();
        let help = help.map(|help| format!("<br><small>{}</small>", escaped(help))).unwrap_or_default();
        let wrong = failure.and_then(|failure| failure.errors.get(&field.name)).into_iter().flatten();
        let wrong: String = wrong.map(|message| format!("<br><strong>{}</strong>", escaped(message))).collect();
        write!(form, "<p>{}{help}{wrong}</p>", input(field, typed(field).unwrap_or_default())).expect(FITS);
    }
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"referrer\" content=\"same-origin\"><title>One more thing</title>\
         <h1>One more thing</h1><form method=\"post\" action=\"/api/login/social/resume/\">\
         <input type=\"hidden\" name=\"flow_token\" value=\"{}\">{form}<p><button>Go on</button></p></form></html>",
        escaped(&halted.flow_token)
    );
    Response::builder().content_type("text/html; charset=utf-8").body(body)
}

const FITS: &str = "writing to a String does not fail";

/// What no field of the form can show.
fn general<'a>(halted: &'a Halted, failure: &'a Failure) -> Vec<&'a str> {
    let is_shown = |name: &String| halted.fields.iter().any(|field| field.name == *name);
    let others = failure.errors.iter().filter(|(name, _)| !is_shown(name)).flat_map(|(_, messages)| messages);
    let mut messages: Vec<&str> = others.map(String::as_str).collect();
    if failure.errors.is_empty() {
        messages.push(&failure.detail);
    }
    messages
}

fn input(field: &Field, typed: &str) -> String {
    let (name, title) = (escaped(&field.name), escaped(&field.title));
    let required = if field.required { " required" } else { "" };
    match field.kind {
        FieldType::Checkbox => {
            let checked = if typed == "true" { " checked" } else { "" };
            format!(
                "<label><input type=\"checkbox\" name=\"{name}\" value=\"true\"{required}{checked}> {title}</label>"
            )
        }
        FieldType::Choice => {
            let option = |choice: &String| {
                let selected = if choice == typed { " selected" } else { "" };
                format!("<option{selected}>{}</option>", escaped(choice))
            };
            let choices: String = field.choices.iter().map(option).collect();
            let none = "<option value=\"\"></option>";
            format!("<label>{title}<br><select name=\"{name}\"{required}>{none}{choices}</select></label>")
        }
        FieldType::Email | FieldType::Text => {
            let kind = if field.kind == FieldType::Email { "email" } else { "text" };
            let typed = if typed.is_empty() { String::new() } else { format!(" value=\"{}\"", escaped(typed)) };
            format!("<label>{title}<br><input type=\"{kind}\" name=\"{name}\"{typed}{required}></label>")
        }
    }
}
