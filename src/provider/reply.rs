//! What a provider's answer means: good, the person's no, a bad code, or trouble (R-ERR).

use serde_json::{Map, Value};

use super::ProviderError;
use super::call::failed;
use super::descriptor::{ErrorRules, Format};
use super::expression::{Expr, Scope};
use crate::model::{as_text, is_filled};
use crate::outgoing::Reply;

const DECLINED: [&str; 6] =
    ["access_denied", "user_denied", "cancelled", "canceled", "user_refused", "permission_denied"];
/// `invalid_token` is among them where a token is what was posted; elsewhere no code is involved.
const BAD_CODE: [&str; 10] = [
    "invalid_grant",
    "bad_refresh_token",
    "bad_verification_code",
    "incorrect_code",
    "invalid_code",
    "invalid_token",
    "token_rejected",
    "token_used",
    "token_expired",
    "verifier_invalid",
];
/// Most characters of a provider's own words that are kept.
const MESSAGE: usize = 300;

/// An error as a provider tells it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    code: String,
    message: Option<String>,
}

/// The answer's value. `secrets`: texts that must not come back in the provider's words.
pub fn read(
    answer: &Reply,
    stage: &'static str,
    format: Format,
    rules: &ErrorRules,
    secrets: &[&str],
) -> Result<Value, ProviderError> {
    let parsed = parsed(answer, format);
    let lenient = || self::parsed(answer, Format::JsonOrForm).ok();
    let told = match &parsed {
        Ok(value) => told(value, rules, stage),
        Err(_) => lenient().as_ref().and_then(|value| told(value, rules, stage)),
    };
    if let Some(told) = told.filter(|told| !rules.none.contains(&told.code)) {
        return Err(classified(stage, &told, answer.status, rules, secrets));
    }
    if !answer.is_success() {
        return Err(failed(stage, format!("status {}", answer.status)));
    }
    parsed.map_err(|reason| failed(stage, reason))
}

fn parsed(answer: &Reply, format: Format) -> Result<Value, &'static str> {
    match format {
        Format::Json => answer.json(),
        Format::Form => answer.form(),
        Format::JsonOrForm => answer.json().or_else(|_| answer.form()),
        Format::Text => Ok(Value::from(answer.text())),
    }
}

fn told_by_rule(code: &Expr, value: &Value, rules: &ErrorRules) -> Option<Told> {
    let bodies = Value::Array(vec![value.clone()]);
    let scope = Scope::default().with("bodies", Some(&bodies));
    let read = |expr: &Expr| {
        let value = expr.eval(&scope).ok()??;
        is_filled(&value).then(|| as_text(&value)).flatten()
    };
    Some(Told { code: read(code)?, message: rules.message.as_ref().and_then(read) })
}

/// The error in an answer: by the descriptor's rule, else `error`, which may be an object.
fn told(value: &Value, rules: &ErrorRules, stage: &str) -> Option<Told> {
    if let Some(told) = rules.code.as_ref().and_then(|code| told_by_rule(code, value, rules)) {
        return Some(told);
    }
    let members = value.as_object()?;
    let text = |object: &Map<String, Value>, names: &[&str]| {
        names.iter().find_map(|name| object.get(*name).filter(|value| is_filled(value)).and_then(as_text))
    };
    match members.get("error").or_else(|| members.get("oauth_problem")).filter(|error| is_filled(error)) {
        Some(Value::Object(error)) => Some(Told {
            code: text(error, &["code", "error_code", "type"]).unwrap_or_default(),
            message: text(error, &["message", "error_msg"]),
        }),
        Some(Value::String(code)) => Some(Told {
            code: code.clone(),
            message: text(members, &["error_description", "error_message", "message"]),
        }),
        Some(other) if stage == "token" => Some(Told { code: other.to_string(), message: None }),
        _ => None,
    }
}

fn classified(stage: &'static str, told: &Told, status: u16, rules: &ErrorRules, secrets: &[&str]) -> ProviderError {
    let message = told.message.as_deref().or(Some(&told.code)).and_then(|text| harmless(text, secrets));
    let listed = |own: &[String], usual: &[&str]| {
        own.contains(&told.code) || usual.contains(&told.code.to_ascii_lowercase().as_str())
    };
    if listed(&rules.declined, &DECLINED) {
        ProviderError::AccessDenied { message }
    } else if matches!(stage, "token" | "refresh") && status < 500 && listed(&rules.invalid_code, &BAD_CODE) {
        ProviderError::InvalidCode { message }
    } else {
        let code: String = told.code.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
        ProviderError::Failed { stage, reason: format!("status {status}, error {code}"), message }
    }
}

/// A provider's own words, without addresses, secrets and control characters.
pub fn harmless(text: &str, secrets: &[&str]) -> Option<String> {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        text = text.replace(secret, "***");
    }
    let words = text.split_whitespace().filter(|word| !word.contains("://"));
    let text: String = words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(MESSAGE).collect();
    (!text.is_empty()).then_some(text)
}

/// The error that a callback carries (`error`, `denied`, `oauth_problem`, `error_code`), read before anything else is
/// required (R-ERR-12, SEC-7); `None` where it carries none.
pub fn callback_error(fields: &Map<String, Value>) -> Option<ProviderError> {
    let field = |name: &str| fields.get(name).filter(|value| is_filled(value));
    let message = || {
        let words =
            ["error_description", "error_message", "error_reason"].iter().find_map(|name| field(name)?.as_str());
        words.and_then(|text| harmless(text, &[]))
    };
    // Facebook tells a refusal by error_code alone (R-ERR-12).
    let cancelled = field("openid.mode").is_some_and(|mode| mode == "cancel");
    if cancelled || field("denied").is_some() || field("error_code").is_some() && field("error").is_none() {
        return Some(ProviderError::AccessDenied { message: message() });
    }
    let code = match field("error").or_else(|| field("oauth_problem"))? {
        Value::Object(error) => error.get("code").or_else(|| error.get("type")).and_then(as_text).unwrap_or_default(),
        value => as_text(value)?,
    };
    let lower = code.to_ascii_lowercase();
    let said_no = DECLINED.contains(&lower.as_str()) || lower.contains("denied") || lower.contains("cancel");
    if said_no {
        return Some(ProviderError::AccessDenied { message: message() });
    }
    let code: String = code.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    Some(ProviderError::SentBack {
        reason: format!("error {code}"),
        message: message().or_else(|| harmless(&code, &[])),
    })
}
