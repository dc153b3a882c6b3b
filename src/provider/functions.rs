//! The functions that expressions have besides minijinja's own filters. A value that is not there passes through as not
//! there; one of a wrong type is an error, which refuses the login.

use md5::{Digest as _, Md5};
use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use percent_encoding::percent_decode_str;

use crate::secrets::hex;

pub const NAMES: [&str; 19] = [
    "local_part",
    "last_segment",
    "first_where",
    "first_having",
    "first_key",
    "non_null",
    "containing",
    "trim_sep",
    "urldecode",
    "chars",
    "concat",
    "parse_json",
    "base64",
    "hmac_sha256_hex",
    "md5_hex",
    "utf8_again",
    "any_of",
    "as_list",
    "is_true",
];

pub fn add_to(environment: &mut Environment<'static>) {
    environment
        .add_function("local_part", |x: Value| on_text(x, |text| text.split('@').next().unwrap_or("").to_owned()));
    environment.add_function("last_segment", |x: Value, separator: String| {
        on_text(x, |text| text.rsplit(separator.as_str()).next().unwrap_or("").to_owned())
    });
    environment.add_function("first_where", |list: Value, field: String| {
        first(list, |item| item.get_attr(&field).is_ok_and(|value| value.is_true()))
    });
    environment.add_function("first_having", |list: Value, field: String| {
        first(list, |item| item.get_attr(&field).is_ok_and(|value| !value.is_undefined()))
    });
    environment.add_function("first_key", |object: Value| -> Result<Value, Error> {
        match object.kind() {
            ValueKind::Map => Ok(object.try_iter()?.next().unwrap_or_default()),
            _ => missing_or_wrong(object),
        }
    });
    environment.add_function("non_null", |a: Value, b: Value| if a.is_undefined() || a.is_none() { b } else { a });
    environment.add_function("containing", |x: Value, part: String| -> Result<Value, Error> {
        let keeps = x.as_str().is_some_and(|text| text.contains(&part));
        if keeps { Ok(x) } else { Ok(Value::from(())) }
    });
    environment.add_function("trim_sep", |x: Value, part: String| {
        on_text(x, |text| text.trim_start_matches(part.as_str()).trim_end_matches(part.as_str()).to_owned())
    });
    environment.add_function("urldecode", |x: Value| {
        on_text(x, |text| percent_decode_str(text).decode_utf8_lossy().into_owned())
    });
    environment.add_function("chars", |x: Value, from: usize, to: Option<usize>| {
        on_text(x, |text| text.chars().skip(from).take(to.unwrap_or(usize::MAX).saturating_sub(from)).collect())
    });
    environment.add_function("concat", |parts: Rest<Value>| {
        parts.iter().filter(|part| !part.is_undefined() && !part.is_none()).map(ToString::to_string).collect::<String>()
    });
    environment.add_function("parse_json", |x: Value| -> Result<Value, Error> {
        let Some(text) = x.as_str() else { return missing_or_wrong(x) };
        let parsed: serde_json::Value = serde_json::from_str(text).map_err(|_| wrong("not JSON"))?;
        Ok(Value::from_serialize(&parsed))
    });
    environment.add_function("base64", |text: String| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    });
    environment.add_function("hmac_sha256_hex", |key: String, text: String| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
        hex(aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref())
    });
    environment.add_function("md5_hex", |text: String| md5_hex(&text));
    environment.add_function("utf8_again", |x: Value| on_text(x, utf8_again));
    environment.add_function("any_of", |have: Value, allowed: Value| -> Result<bool, Error> {
        let (have, allowed) = (as_list(have)?, as_list(allowed)?);
        Ok(have.iter().any(|value| allowed.contains(value)))
    });
    environment.add_function("as_list", as_list);
    environment
        .add_function("is_true", |x: Value| x.kind() == ValueKind::Bool && x.is_true() || x.as_str() == Some("true"));
}

/// For providers whose signatures are made so; it proves nothing by itself.
pub fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// WeChat's nicknames are UTF-8 that passed for Latin-1; anything else stays as it is.
fn utf8_again(text: &str) -> String {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

fn wrong(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn missing_or_wrong(x: Value) -> Result<Value, Error> {
    if x.is_undefined() || x.is_none() { Ok(x) } else { Err(wrong("a value of a wrong type")) }
}

fn on_text(x: Value, change: impl FnOnce(&str) -> String) -> Result<Value, Error> {
    match x.as_str() {
        Some(text) => Ok(Value::from(change(text))),
        None => missing_or_wrong(x),
    }
}

fn first(list: Value, fits: impl Fn(&Value) -> bool) -> Result<Value, Error> {
    match list.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(list.try_iter()?.find(fits).unwrap_or_default()),
        _ => missing_or_wrong(list).map(|_| Value::UNDEFINED),
    }
}

/// A list as it is, a single value as a list of one, nothing as an empty list.
fn as_list(x: Value) -> Result<Vec<Value>, Error> {
    match x.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Vec::new()),
        ValueKind::Seq | ValueKind::Iterable => Ok(x.try_iter()?.collect()),
        _ => Ok(vec![x]),
    }
}
