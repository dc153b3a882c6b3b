//! What a provider's answer means: success, the user's refusal, a bad code, an endpoint that is not there, or another failure
//! (R-ERR).

use serde_json::{Map, Value};

use super::description::{is_registered, shown, shown_code};
use super::descriptor::{ErrorRules, Format};
use super::error::ProviderError;
use super::expression::{Expr, Scope};
use crate::model::lenient::json;
use crate::model::{as_text, is_truthy};
use crate::outgoing::Reply;

const DECLINED: [&str; 6] =
    ["access_denied", "user_denied", "cancelled", "canceled", "user_refused", "permission_denied"];
/// `invalid_token` is among them where a token is what was posted; elsewhere no code is involved.
const BAD_CODE: [&str; 15] = [
    "invalid_grant",
    "bad_auth_code",
    "bad_refresh_token",
    "bad_verification_code",
    "code_already_used",
    "code_expired",
    "expired_code",
    "incorrect_code",
    "invalid_auth_code",
    "invalid_code",
    "invalid_token",
    "token_rejected",
    "token_used",
    "token_expired",
    "verifier_invalid",
];
/// Codes that speak of this client or of the provider's own state, whatever the description says.
const NOT_THE_CODE: [&str; 20] = [
    "bad_client_id",
    "bad_client_secret",
    "bad_redirect_uri",
    "incorrect_client_credentials",
    "invalid_app_id",
    "invalid_client",
    "invalid_client_id",
    "invalid_client_secret",
    "invalid_redirect_uri",
    "invalid_scope",
    "rate_limit_exceeded",
    "rate_limited",
    "ratelimited",
    "redirect_uri_mismatch",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
];
/// Codes that say nothing about what is wrong.
const VAGUE: [&str; 8] = [
    "bad request",
    "bad_request",
    "badrequest",
    "error",
    "invalid request",
    "invalidrequest",
    "unauthorized",
    "validation_error",
];
/// Most characters of an answer without any form that are taken for a description.
const MAX_TEXT_LEN: usize = 500;

/// The error in the body of a provider's answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct ProviderErrorBody {
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
    let body = match &parsed {
        Ok(value) => error_in(value, rules, stage),
        Err(_) => lenient(answer).as_ref().and_then(|value| error_in(value, rules, stage)),
    };
    let body = body.or_else(|| is_exchange(stage).then(|| error_in_other_members(answer, &parsed, stage)).flatten());
    let body = body.filter(|body| !rules.none.contains(&body.code));
    let error = body.as_ref().map(|body| classified(stage, body, answer.status, rules, secrets));
    if is_no_endpoint(answer.status) {
        return Err(match (body, error) {
            (Some(body), Some(error)) if is_of_endpoint(&body, &error, rules) => error,
            _ => ProviderError::EndpointNotFound { stage, reason: format!("status {}", answer.status) },
        });
    }
    if let Some(error) = error {
        return Err(error);
    }
    if !answer.is_success() {
        return Err(ProviderError::failed(stage, format!("status {}", answer.status)));
    }
    parsed.map_err(|reason| ProviderError::failed(stage, reason))
}

/// Statuses of an address without an endpoint. A server, a proxy or a framework adds words of its own to them.
pub fn is_no_endpoint(status: u16) -> bool {
    matches!(status, 404 | 410) || (300..400).contains(&status)
}

/// Whether an error says something that only the endpoint itself can know, whatever the status.
fn is_of_endpoint(body: &ProviderErrorBody, error: &ProviderError, rules: &ErrorRules) -> bool {
    let code = body.code.to_ascii_lowercase();
    matches!(error, ProviderError::InvalidCode { .. } | ProviderError::AccessDenied { .. })
        || is_registered(&code)
        || NOT_THE_CODE.contains(&code.as_str())
        || rules.invalid_client.contains(&body.code)
}

/// Whether a code or a refresh token is what was sent.
fn is_exchange(stage: &str) -> bool {
    matches!(stage, "token" | "refresh")
}

fn parsed(answer: &Reply, format: Format) -> Result<Value, &'static str> {
    match format {
        Format::Json => answer.json(),
        Format::Form => answer.form(),
        Format::JsonOrForm => answer.json().or_else(|_| answer.form()),
        Format::Text => Ok(Value::from(answer.text())),
    }
}

/// An error may come in another format than a good answer; QQ sends it as `callback( {...} );`.
fn lenient(answer: &Reply) -> Option<Value> {
    let wrapped = || {
        let text = answer.text();
        let text = text.trim().trim_end_matches(';').trim_end();
        json(text.split_once('(')?.1.strip_suffix(')')?.as_bytes()).ok()
    };
    parsed(answer, Format::JsonOrForm).ok().or_else(wrapped)
}

fn error_by_rule(code: &Expr, value: &Value, rules: &ErrorRules) -> Option<ProviderErrorBody> {
    let bodies = Value::Array(vec![value.clone()]);
    let scope = Scope::default().with("bodies", Some(&bodies));
    let read = |expr: &Expr| {
        let value = expr.eval(&scope).ok()??;
        is_truthy(&value).then(|| as_text(&value)).flatten()
    };
    Some(ProviderErrorBody { code: read(code)?, message: rules.message.as_ref().and_then(read) })
}

fn text_of(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let plain = |value: &&Value| is_truthy(value) && !value.is_object() && !value.is_array();
    names.iter().find_map(|name| object.get(*name).filter(plain).and_then(as_text))
}

const CODES: [&str; 10] =
    ["code", "error_code", "errcode", "errorCode", "error_type", "errorType", "type", "status", "name", "category"];
const MESSAGES: [&str; 10] = [
    "error_description",
    "error_message",
    "error_msg",
    "errorMessage",
    "errmsg",
    "message",
    "msg",
    "reason",
    "detail",
    "description",
];

/// The error in an answer: by the descriptor's rule, else `error`, which may be an object.
fn error_in(value: &Value, rules: &ErrorRules, stage: &str) -> Option<ProviderErrorBody> {
    if let Some(body) = rules.code.as_ref().and_then(|code| error_by_rule(code, value, rules)) {
        return Some(body);
    }
    let members = value.as_object()?;
    let message = || text_of(members, &MESSAGES);
    match members.get("error").or_else(|| members.get("oauth_problem")).filter(|error| is_truthy(error)) {
        Some(Value::Object(error)) => {
            let code = text_of(error, &CODES).unwrap_or_default();
            Some(ProviderErrorBody { code, message: text_of(error, &MESSAGES) })
        }
        Some(Value::String(code)) => Some(ProviderErrorBody { code: code.clone(), message: message() }),
        Some(other) if is_exchange(stage) => Some(ProviderErrorBody { code: other.to_string(), message: message() }),
        _ => None,
    }
}

/// The error in an answer to a code or a refresh token that has no `error`: in members of other names, in the first of
/// `errors`, or as a plain text.
fn error_in_other_members(
    answer: &Reply,
    parsed: &Result<Value, &'static str>,
    stage: &str,
) -> Option<ProviderErrorBody> {
    let value = parsed.as_ref().ok().cloned().or_else(|| lenient(answer)).unwrap_or_default();
    let Some(members) = value.as_object() else {
        let text = Some(answer.text()).filter(|text| text.len() <= MAX_TEXT_LEN)?;
        let text = text.trim();
        // With status 200 a text is an error only where it says so.
        if answer.is_success() && (parsed.is_ok() || !speaks_of_a_bad_code(stage, text)) {
            return None;
        }
        return (!text.is_empty()).then(|| ProviderErrorBody { code: String::new(), message: Some(text.to_owned()) });
    };
    let says_no = |name: &&str| members.get(*name) == Some(&Value::Bool(false));
    let has_code = ["errcode", "error_code", "errorCode"].iter().any(|name| members.get(*name).is_some_and(is_truthy));
    if answer.is_success() && !["ok", "success"].iter().any(says_no) && !has_code {
        return None;
    }
    let first = members.get("errors").and_then(Value::as_array).and_then(|all| all.first());
    let inner = first.and_then(Value::as_object);
    let code = inner.and_then(|inner| text_of(inner, &CODES)).or_else(|| text_of(members, &CODES));
    // Strava names the resource and the field; the words are those of both levels.
    let named = inner.and_then(|inner| text_of(inner, &["resource", "field"]));
    let words = [
        named,
        code.clone().filter(|_| inner.is_some()),
        first.and_then(Value::as_str).map(str::to_owned),
        inner.and_then(|inner| text_of(inner, &MESSAGES)),
        text_of(members, &MESSAGES),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let message = (!words.is_empty()).then(|| words.join(": "));
    (code.is_some() || message.is_some()).then(|| ProviderErrorBody { code: code.unwrap_or_default(), message })
}

fn classified(
    stage: &'static str,
    body: &ProviderErrorBody,
    status: u16,
    rules: &ErrorRules,
    secrets: &[&str],
) -> ProviderError {
    let registered = || is_registered(&body.code).then(|| body.code.clone());
    let message = body.message.as_deref().and_then(|text| shown(text, secrets)).or_else(registered);
    let code = body.code.to_ascii_lowercase();
    let declined = rules.declined.contains(&body.code)
        || DECLINED.contains(&code.as_str()) && !rules.invalid_client.contains(&body.code);
    // A server that fails or refuses to listen judges nothing, whatever its body says.
    let is_judged = status < 500 && status != 429;
    if is_judged && declined {
        ProviderError::AccessDenied { message }
    } else if is_judged && is_exchange(stage) && is_bad_code(stage, body, rules) {
        ProviderError::InvalidCode { message }
    } else {
        let code = shown_code(&body.code, secrets);
        ProviderError::Failed { stage, reason: format!("status {status}, error {code}"), message }
    }
}

/// Whether a code, verifier or refresh token is bad, used or expired. First the descriptor's data and the codes that most
/// providers share, then the words.
fn is_bad_code(stage: &str, body: &ProviderErrorBody, rules: &ErrorRules) -> bool {
    let code = body.code.to_ascii_lowercase();
    if rules.invalid_code.contains(&body.code) || BAD_CODE.contains(&code.as_str()) {
        return true;
    }
    if rules.invalid_client.contains(&body.code) || NOT_THE_CODE.contains(&code.as_str()) {
        return false;
    }
    let message = body.message.as_deref().unwrap_or_default();
    let said_so = |phrase: &String| message.to_lowercase().contains(phrase.as_str());
    // A code of the provider's own may be a sentence: `Invalid authorization code`.
    let own = (!is_registered(&code) && !VAGUE.contains(&code.as_str())).then_some(body.code.as_str());
    rules.invalid_code_phrases.iter().any(said_so)
        || speaks_of_a_bad_code(stage, message)
        || own.is_some_and(|own| speaks_of_a_bad_code(stage, &format!("{own} {message}")))
}

/// What a code is called, with one blank for everything between words.
const NAMES: &str = "authorization code|authorisation code|authorizationcode|auth code|authcode|oauth code|verification code|\
    access code|grant code|authorization grant|access grant|code verifier|code challenge|pkce";
const VERDICTS: &str = "invalid|expired|not valid|not found|unknown|incorrect|wrong|bad|revoked|malformed|not exist|consumed|\
    mismatch|not match|unrecogni|already|been used|was used|reused|re used|used before|redeemed|could not be verified|\
    error validating|cannot be found|too old|unable to verify";
const ABOUT_THE_CLIENT: &str = "client secret|client id|client credentials|client authentication|client assertion|\
    invalid client|unknown client|app secret|app id|appid|app key|application|api key|consumer key|grant type|scope|\
    rate limit|too many|disabled|not supported";
/// Other codes than the one that was sent, and codes that were not sent.
const OTHER_CODES: &str = "redirect|status code|error code|response code|country code|http code|postal code|zip code|\
    source code|code challenge method|missing|required|not allowed";

/// The general rule, for words that no descriptor lists.
fn speaks_of_a_bad_code(stage: &str, words: &str) -> bool {
    let words = plain(words);
    let has = |list: &str| list.split('|').any(|phrase| words.contains(phrase));
    if !has(VERDICTS) || has(ABOUT_THE_CLIENT) {
        return false;
    }
    if stage == "refresh" {
        return has("refresh token|refreshtoken");
    }
    has(NAMES) || format!(" {words} ").contains(" code ") && !has(OTHER_CODES)
}

/// Lower case, with one blank for everything between words.
fn plain(text: &str) -> String {
    let text = text.to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    words.join(" ").replace("n't", " not")
}

/// The error that a callback carries (`error`, `denied`, `oauth_problem`, `error_code`), read before anything else is
/// required (R-ERR-12, SEC-7); `None` where it carries none.
pub fn callback_error(fields: &Map<String, Value>) -> Option<ProviderError> {
    let field = |name: &str| fields.get(name).filter(|value| is_truthy(value));
    let message = || {
        let words =
            ["error_description", "error_message", "error_reason"].iter().find_map(|name| field(name)?.as_str());
        words.and_then(|text| shown(text, &[]))
    };
    // Facebook tells a refusal by error_code alone (R-ERR-12).
    let cancelled = field("openid.mode").is_some_and(|mode| mode == "cancel");
    if cancelled || field("denied").is_some() || field("error_code").is_some() && field("error").is_none() {
        return Some(ProviderError::AccessDenied { message: message() });
    }
    let code = match field("error").or_else(|| field("oauth_problem"))? {
        Value::Object(error) => error.get("code").or_else(|| error.get("type")).and_then(as_text).unwrap_or_default(),
        // An error of another type is an error all the same.
        value => as_text(value).unwrap_or_default(),
    };
    let lower = code.to_ascii_lowercase();
    let said_no = DECLINED.contains(&lower.as_str()) || lower.contains("denied") || lower.contains("cancel");
    if said_no {
        return Some(ProviderError::AccessDenied { message: message() });
    }
    let registered = || is_registered(&code).then(|| code.clone());
    Some(ProviderError::AuthorizationError {
        reason: format!("error {}", shown_code(&code, &[])),
        message: message().or_else(registered),
    })
}
