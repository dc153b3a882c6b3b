//! The meaning of a provider's answer: success, denied consent, an invalid code, a missing endpoint, or another failure (R-ERR).

use serde_json::{Map, Value};

use super::descriptor::ErrorRules;
use super::error::{Interaction, ProviderError, Stage};
use super::error_description::{is_registered, safe_code, safe_description};
use super::expression::{Expr, Scope};
use super::request_rules::Format;
use crate::model::lenient::foreign_json;
use crate::model::{as_text, is_truthy};
use crate::outgoing::Reply;

/// Descriptions that are about the client ID or the client secret.
const CLIENT_SUBJECTS: &str = "client secret|client credentials|client authentication|client assertion|invalid client|\
    unknown client|app secret";
/// A longer answer in plain text is not an error description.
const MAX_TEXT_LEN: usize = 500;

/// What an error code says, unless the descriptor lists it otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CodeMeaning {
    /// The user denied consent.
    Denied,
    /// The authorization code or the refresh token is invalid, used or expired.
    InvalidCode,
    /// The client ID or the client secret is wrong.
    Client,
    /// Another error of the client or the provider, whatever the description is.
    Other,
    /// Nothing: the description decides.
    Vague,
}

impl CodeMeaning {
    /// `None`: the code is not known.
    fn of(code: &str) -> Option<Self> {
        Some(match code.to_ascii_lowercase().as_str() {
            "access_denied" | "user_denied" | "cancelled" | "canceled" | "user_refused" | "permission_denied" => {
                Self::Denied
            }
            "invalid_grant"
            | "bad_auth_code"
            | "bad_refresh_token"
            | "bad_verification_code"
            | "code_already_used"
            | "code_expired"
            | "expired_code"
            | "incorrect_code"
            | "invalid_auth_code"
            | "invalid_code"
            | "invalid_token"
            | "token_rejected"
            | "token_used"
            | "token_expired"
            | "verifier_invalid" => Self::InvalidCode,
            "bad_client_id"
            | "bad_client_secret"
            | "incorrect_client_credentials"
            | "invalid_app_id"
            | "invalid_client"
            | "invalid_client_id"
            | "invalid_client_secret"
            | "unauthorized_client" => Self::Client,
            "bad_redirect_uri"
            | "invalid_redirect_uri"
            | "invalid_scope"
            | "rate_limit_exceeded"
            | "rate_limited"
            | "ratelimited"
            | "redirect_uri_mismatch"
            | "server_error"
            | "slow_down"
            | "temporarily_unavailable"
            | "unsupported_grant_type"
            | "unsupported_response_type" => Self::Other,
            "bad request" | "bad_request" | "badrequest" | "error" | "invalid request" | "invalidrequest"
            | "unauthorized" | "validation_error" => Self::Vague,
            _ => return None,
        })
    }
}

/// The error in the body of a provider's answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct ProviderErrorBody {
    code: String,
    message: Option<String>,
}

/// Parses an answer. `secrets` are texts that an error description must not contain.
pub fn read(
    answer: &Reply,
    stage: Stage,
    format: Format,
    rules: &ErrorRules,
    secrets: &[&str],
) -> Result<Value, ProviderError> {
    let parsed = parse(answer, format);
    let body = match &parsed {
        Ok(value) => error_in(value, rules, stage),
        Err(_) => parse_leniently(answer).as_ref().and_then(|value| error_in(value, rules, stage)),
    };
    let body = body.or_else(|| is_exchange(stage).then(|| error_in_other_members(answer, &parsed, stage)).flatten());
    let body = body.filter(|body| !rules.none.contains(&body.code));
    let error = body.as_ref().map(|body| classify(stage, body, answer.status, rules, secrets));
    if is_endpoint_missing(answer.status) {
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

/// Whether a status means that there is no endpoint. Proxies and frameworks send bodies of their own with it.
pub fn is_endpoint_missing(status: u16) -> bool {
    matches!(status, 404 | 410) || (300..400).contains(&status)
}

/// Whether only the endpoint itself can have sent this error, whatever the status.
fn is_of_endpoint(body: &ProviderErrorBody, error: &ProviderError, rules: &ErrorRules) -> bool {
    matches!(error, ProviderError::InvalidCode { .. } | ProviderError::AccessDenied { .. })
        || is_registered(&body.code.to_ascii_lowercase())
        || matches!(CodeMeaning::of(&body.code), Some(CodeMeaning::Client | CodeMeaning::Other))
        || rules.invalid_client.contains(&body.code)
}

/// Whether the request contained a code or a refresh token.
fn is_exchange(stage: Stage) -> bool {
    matches!(stage, Stage::Token | Stage::Refresh)
}

fn parse(answer: &Reply, format: Format) -> Result<Value, &'static str> {
    match format {
        Format::Json => answer.json(),
        Format::Form => answer.form(),
        Format::JsonOrForm => answer.json().or_else(|_| answer.form()),
        Format::Text => Ok(Value::from(answer.text())),
    }
}

/// An error may have another format than a successful answer. QQ sends `callback( {...} );`.
fn parse_leniently(answer: &Reply) -> Option<Value> {
    let wrapped = || {
        let text = answer.text();
        let text = text.trim().trim_end_matches(';').trim_end();
        foreign_json(text.split_once('(')?.1.strip_suffix(')')?.as_bytes()).ok()
    };
    parse(answer, Format::JsonOrForm).ok().or_else(wrapped)
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

/// The error in an answer: by the rule of the descriptor, otherwise `error`, which may be an object.
fn error_in(value: &Value, rules: &ErrorRules, stage: Stage) -> Option<ProviderErrorBody> {
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

/// The error in an answer without `error`: in other members, in the first item of `errors`, or as plain text.
fn error_in_other_members(
    answer: &Reply,
    parsed: &Result<Value, &'static str>,
    stage: Stage,
) -> Option<ProviderErrorBody> {
    let value = parsed.as_ref().ok().cloned().or_else(|| parse_leniently(answer)).unwrap_or_default();
    let Some(members) = value.as_object() else {
        let text = Some(answer.text()).filter(|text| text.len() <= MAX_TEXT_LEN)?;
        let text = text.trim();
        // With status 200 a text is an error only if it describes one.
        if answer.is_success() && (parsed.is_ok() || !describes_invalid_code(stage, text)) {
            return None;
        }
        return (!text.is_empty()).then(|| ProviderErrorBody { code: String::new(), message: Some(text.to_owned()) });
    };
    let is_false = |name: &&str| members.get(*name) == Some(&Value::Bool(false));
    let has_code = ["errcode", "error_code", "errorCode"].iter().any(|name| members.get(*name).is_some_and(is_truthy));
    if answer.is_success() && !["ok", "success"].iter().any(is_false) && !has_code {
        return None;
    }
    let first = members.get("errors").and_then(Value::as_array).and_then(|all| all.first());
    let inner = first.and_then(Value::as_object);
    let code = inner.and_then(|inner| text_of(inner, &CODES)).or_else(|| text_of(members, &CODES));
    // Strava names the resource and the field.
    let named = inner.and_then(|inner| text_of(inner, &["resource", "field"]));
    let texts = [
        named,
        code.clone().filter(|_| inner.is_some()),
        first.and_then(Value::as_str).map(str::to_owned),
        inner.and_then(|inner| text_of(inner, &MESSAGES)),
        text_of(members, &MESSAGES),
    ];
    let texts: Vec<String> = texts.into_iter().flatten().collect();
    let message = (!texts.is_empty()).then(|| texts.join(": "));
    (code.is_some() || message.is_some()).then(|| ProviderErrorBody { code: code.unwrap_or_default(), message })
}

fn classify(
    stage: Stage,
    body: &ProviderErrorBody,
    status: u16,
    rules: &ErrorRules,
    secrets: &[&str],
) -> ProviderError {
    let registered = || is_registered(&body.code).then(|| body.code.clone());
    let message = body.message.as_deref().and_then(|text| safe_description(text, secrets)).or_else(registered);
    let code = body.code.to_ascii_lowercase();
    let has_denied_code = CodeMeaning::of(&code) == Some(CodeMeaning::Denied);
    // RFC 6749, 5.2: with status 401 the client could not be authenticated. The user was asked before.
    let is_of_client = status == 401 && matches!(code.as_str(), "access_denied" | "permission_denied");
    let is_denied = rules.declined.contains(&body.code)
        || has_denied_code && !is_of_client && !rules.invalid_client.contains(&body.code);
    // After these statuses the code may still be valid, whatever the body contains.
    let is_final = status < 500 && status != 429;
    // Only the refusal of a new code shows the user's decision; a refused refresh means that the consent was withdrawn.
    if is_final && is_denied && stage == Stage::Token {
        ProviderError::AccessDenied { message }
    } else if is_final && is_exchange(stage) && (is_denied || is_invalid_code(stage, body, rules)) {
        ProviderError::InvalidCode { message }
    } else {
        let reason = format!("status {status}, error {}", safe_code(&body.code, secrets));
        if is_final && is_exchange(stage) && (is_of_client || rejects_client(body, rules)) {
            ProviderError::ClientRejected { stage, reason, message }
        } else {
            ProviderError::Failed { stage, reason, message }
        }
    }
}

/// Whether the error is about the client: by the error code, otherwise by the description.
fn rejects_client(body: &ProviderErrorBody, rules: &ErrorRules) -> bool {
    if rules.invalid_client.contains(&body.code) {
        return true;
    }
    match CodeMeaning::of(&body.code) {
        Some(CodeMeaning::Client) => true,
        Some(CodeMeaning::Other) => false,
        Some(CodeMeaning::Denied | CodeMeaning::InvalidCode | CodeMeaning::Vague) | None => {
            let words = normalize(body.message.as_deref().unwrap_or_default());
            CLIENT_SUBJECTS.split('|').any(|phrase| words.contains(phrase))
        }
    }
}

/// Whether a code, verifier or refresh token is invalid, used or expired: by the error code, otherwise by the description.
fn is_invalid_code(stage: Stage, body: &ProviderErrorBody, rules: &ErrorRules) -> bool {
    let meaning = CodeMeaning::of(&body.code);
    if rules.invalid_code.contains(&body.code) || meaning == Some(CodeMeaning::InvalidCode) {
        return true;
    }
    if rules.invalid_client.contains(&body.code) {
        return false;
    }
    let message = body.message.as_deref().unwrap_or_default();
    let lower = message.to_lowercase();
    // The provider's own words come before the usual meaning of its code: Gitea calls an unknown code `unauthorized_client`.
    if rules.invalid_code_phrases.iter().any(|phrase| lower.contains(phrase.as_str())) {
        return true;
    }
    if matches!(meaning, Some(CodeMeaning::Client | CodeMeaning::Other)) {
        return false;
    }
    // An error code may be a sentence: `Invalid authorization code`.
    let may_be_sentence = !is_registered(&body.code.to_ascii_lowercase()) && meaning != Some(CodeMeaning::Vague);
    let sentence = may_be_sentence.then_some(body.code.as_str());
    describes_invalid_code(stage, message)
        || sentence.is_some_and(|sentence| describes_invalid_code(stage, &format!("{sentence} {message}")))
}

/// Names of a code, with one space between words.
const CODE_NAMES: &str = "authorization code|authorisation code|authorizationcode|auth code|authcode|oauth code|verification code|\
    access code|grant code|authorization grant|access grant|code verifier|code challenge|pkce";
/// Descriptions of an invalid code.
const VERDICTS: &str = "invalid|expired|not valid|not found|unknown|incorrect|wrong|bad|revoked|malformed|not exist|consumed|\
    mismatch|not match|unrecogni|already|been used|was used|reused|re used|used before|redeemed|could not be verified|\
    error validating|cannot be found|too old|unable to verify";
/// Descriptions of errors that are not about the code.
const OTHER_SUBJECTS: &str = "client secret|client id|client credentials|client authentication|client assertion|\
    invalid client|unknown client|app secret|app id|appid|app key|application|api key|consumer key|grant type|scope|\
    rate limit|too many|disabled|not supported";
/// Other kinds of codes, and missing codes.
const OTHER_KINDS_OF_CODE: &str = "redirect|status code|error code|response code|country code|http code|postal code|zip code|\
    source code|code challenge method|missing|required|not allowed";

/// The rule for descriptions that no descriptor lists.
fn describes_invalid_code(stage: Stage, text: &str) -> bool {
    let words = normalize(text);
    let has = |list: &str| list.split('|').any(|phrase| words.contains(phrase));
    if !has(VERDICTS) || has(OTHER_SUBJECTS) {
        return false;
    }
    if stage == Stage::Refresh {
        return has("refresh token|refreshtoken");
    }
    has(CODE_NAMES) || format!(" {words} ").contains(" code ") && !has(OTHER_KINDS_OF_CODE)
}

/// Lower case, with one space between words.
fn normalize(text: &str) -> String {
    let text = text.to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    words.join(" ").replace("n't", " not")
}

/// The error in a callback (`error`, `denied`, `oauth_problem`, `error_code`; R-ERR-12, SEC-7). `None`: there is none.
pub fn callback_error(fields: &Map<String, Value>) -> Option<ProviderError> {
    let field = |name: &str| fields.get(name).filter(|value| is_truthy(value));
    let message = || {
        let text = ["error_description", "error_message", "error_reason"].iter().find_map(|name| field(name)?.as_str());
        text.and_then(|text| safe_description(text, &[]))
    };
    // Facebook sends only error_code when consent is denied (R-ERR-12).
    let is_cancelled = field("openid.mode").is_some_and(|mode| mode == "cancel");
    if is_cancelled || field("denied").is_some() || field("error_code").is_some() && field("error").is_none() {
        return Some(ProviderError::AccessDenied { message: message() });
    }
    let code = match field("error").or_else(|| field("oauth_problem"))? {
        Value::Object(error) => error.get("code").or_else(|| error.get("type")).and_then(as_text).unwrap_or_default(),
        // A value of another type is an error, too.
        value => as_text(value).unwrap_or_default(),
    };
    let lower = code.to_ascii_lowercase();
    let is_denied =
        CodeMeaning::of(&lower) == Some(CodeMeaning::Denied) || lower.contains("denied") || lower.contains("cancel");
    if is_denied {
        return Some(ProviderError::AccessDenied { message: message() });
    }
    if let Some(needed) = Interaction::of_code(&lower) {
        return Some(ProviderError::InteractionNeeded { needed, message: message() });
    }
    let registered = || is_registered(&code).then(|| code.clone());
    Some(ProviderError::AuthorizationError {
        reason: format!("error {}", safe_code(&code, &[])),
        message: message().or_else(registered),
    })
}
