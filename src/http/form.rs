//! The page on which this server asks for what a login waits for.

use std::fmt::Write as _;

use poem::Response;
use poem::http::StatusCode;
use serde_json::Value;
use url::{Position, Url};

use super::page::{escaped, page};
use super::problem::Failure;
use crate::login::{Field, FieldType, Fields, PendingLogin};

/// The first time. `own`: the server's base URL, by which the person knows who asks.
pub fn asking(pending_login: &PendingLogin, own: &Url) -> Response {
    form(pending_login, own, |_| None, None)
}

/// Once more, with what was typed and why it did not do. What is wrong with no field of the form stands above it.
pub fn asking_again(pending_login: &PendingLogin, own: &Url, given: &Fields, mut failure: Failure) -> Response {
    let typed = |field: &Field| given.map().get(&field.name).and_then(Value::as_str);
    let mut response = form(pending_login, own, typed, Some(&failure));
    response.extensions_mut().insert(failure.declined());
    response
}

fn form<'a>(
    pending_login: &PendingLogin,
    own: &Url,
    typed: impl Fn(&Field) -> Option<&'a str>,
    failure: Option<&Failure>,
) -> Response {
    let host = &own[Position::BeforeHost..Position::AfterPort];
    let mut body = format!(
        "<p><b>{}</b> asks for this before it signs you in. You have not been signed in yet.</p>\
         <form method=\"post\" action=\"/api/login/social/resume/\">\
         <input type=\"hidden\" name=\"flow_token\" value=\"{}\">",
        escaped(host),
        escaped(&pending_login.flow_token)
    );
    for message in failure.into_iter().flat_map(|failure| general(pending_login, failure)) {
        write!(body, "<p><strong role=\"alert\">{}</strong></p>", escaped(message)).expect(FITS);
    }
    for field in &pending_login.fields {
        let wrong = failure.and_then(|failure| failure.errors.get(&field.name)).map_or(&[][..], Vec::as_slice);
        let help = field.help.iter().map(|help| format!("<small>{}</small>", escaped(help)));
        let faults = wrong.iter().map(|message| format!("<strong>{}</strong>", escaped(message)));
        let about: String = help.chain(faults).collect();
        let name = escaped(&field.name);
        let input = input(field, typed(field).unwrap_or_default(), !wrong.is_empty());
        write!(body, "<p>{input}<span id=\"about-{name}\">{about}</span></p>").expect(FITS);
    }
    body.push_str("<p><button>Go on</button></p></form>");
    page(failure.map_or(StatusCode::OK, |failure| failure.status), "One more thing", &body)
}

const FITS: &str = "writing to a String does not fail";

/// What no field of the form can show.
fn general<'a>(pending_login: &'a PendingLogin, failure: &'a Failure) -> Vec<&'a str> {
    let is_shown = |name: &String| pending_login.fields.iter().any(|field| field.name == *name);
    let others = failure.errors.iter().filter(|(name, _)| !is_shown(name)).flat_map(|(_, messages)| messages);
    let mut messages: Vec<&str> = others.map(String::as_str).collect();
    if failure.errors.is_empty() {
        messages.push(&failure.detail);
    }
    messages
}

fn input(field: &Field, typed: &str, is_wrong: bool) -> String {
    let (name, title) = (escaped(&field.name), escaped(&field.title));
    let required = if field.required { " required" } else { "" };
    let invalid = if is_wrong { " aria-invalid=\"true\"" } else { "" };
    let attributes = format!("name=\"{name}\" aria-describedby=\"about-{name}\"{required}{invalid}");
    match field.kind {
        FieldType::Checkbox => {
            let checked = if typed == "true" { " checked" } else { "" };
            let tick = format!("<input type=\"checkbox\" value=\"true\" {attributes}{checked}>");
            format!("<label class=\"tick\">{tick}<span>{title}</span></label>")
        }
        FieldType::Choice => {
            let option = |choice: &String| {
                let selected = if choice == typed { " selected" } else { "" };
                format!("<option{selected}>{}</option>", escaped(choice))
            };
            let choices: String = field.choices.iter().map(option).collect();
            let none = "<option value=\"\"></option>";
            format!("<label>{title}<select {attributes}>{none}{choices}</select></label>")
        }
        FieldType::Email | FieldType::Text => {
            let kind = if field.kind == FieldType::Email { "email" } else { "text" };
            let typed = if typed.is_empty() { String::new() } else { format!(" value=\"{}\"", escaped(typed)) };
            format!("<label>{title}<input type=\"{kind}\" {attributes}{typed}></label>")
        }
    }
}
