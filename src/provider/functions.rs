//! The functions of expressions besides minijinja's filters. An absent value stays absent; a value of the wrong type is an error,
//! which fails the login.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::model::{AccountUid, lenient};
use crate::secrets::constant_time_eq;

/// Names at which users of many tenants of Microsoft sign in.
const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

pub fn add_to(environment: &mut Environment<'static>) {
    add_selection(environment);
    add_texts(environment);
    add_signatures(environment);
}

/// Functions that select values.
fn add_selection(environment: &mut Environment<'static>) {
    environment.add_function("first_where", |list: Value, field: String| {
        first(list, |item| item.get_attr(&field).is_ok_and(|value| value.is_true()))
    });
    environment.add_function("first_having", |list: Value, field: String| {
        first(list, |item| item.get_attr(&field).is_ok_and(|value| !value.is_undefined()))
    });
    environment.add_function("first_key", |object: Value| -> Result<Value, Error> {
        match object.kind() {
            ValueKind::Map => Ok(object.try_iter()?.next().unwrap_or_default()),
            _ => absent_or_error(object),
        }
    });
    // The primary address, otherwise the first one.
    environment.add_function("primary", |list: Value| -> Result<Value, Error> {
        let is_primary = |item: &Value| item.get_attr("primary").is_ok_and(|value| is_true(&value));
        match first(list.clone(), is_primary)? {
            found if found.is_undefined() => first(list, |_| true),
            found => Ok(found),
        }
    });
    environment.add_function("non_null", |a: Value, b: Value| if a.is_undefined() || a.is_none() { b } else { a });
    environment.add_function("any_of", |have: Value, allowed: Value| -> Result<bool, Error> {
        let (have, allowed) = (as_list(have)?, as_list(allowed)?);
        Ok(have.iter().any(|value| allowed.contains(value)))
    });
    environment.add_function("as_list", as_list);
    // A value that can be the ID of an account, as a text (R-PIPE-02).
    environment.add_function("id_text", |x: Value| {
        let uid = serde_json::to_value(&x).ok().as_ref().and_then(AccountUid::of_json);
        uid.map_or(Value::UNDEFINED, |uid| Value::from(uid.as_str()))
    });
    environment.add_function("is_true", |x: Value| is_true(&x));
    // A flag is valid only for the address beside it (SEC-23).
    environment.add_function("email_flag", |object: Value, address: Value| {
        let member = |name: &str| object.get_attr(name).unwrap_or_default();
        let is_about = address.as_str().is_some_and(|address| member("email").as_str() == Some(address));
        if is_about { member("email_verified") } else { Value::UNDEFINED }
    });
    environment.add_function("only", |object: Value, names: Vec<String>| members(object, |name| has(&names, name)));
    environment.add_function("without", |object: Value, names: Vec<String>| members(object, |name| !has(&names, name)));
    // Items of EXTRA_DATA: a name, or a list of a name and its alias.
    environment.add_function("names", |list: Value| -> Result<Vec<Value>, Error> {
        let name = |item: Value| if item.kind() == ValueKind::Seq { item.get_item_by_index(0) } else { Ok(item) };
        as_list(list)?.into_iter().map(name).collect()
    });
}

/// Functions of texts.
fn add_texts(environment: &mut Environment<'static>) {
    environment
        .add_function("local_part", |x: Value| on_text(x, |text| text.split('@').next().unwrap_or("").to_owned()));
    environment.add_function("last_segment", |x: Value, separator: String| {
        on_text(x, |text| text.rsplit(separator.as_str()).next().unwrap_or("").to_owned())
    });
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
    environment.add_function("origin", |url: String| -> Result<String, Error> {
        Url::parse(&url).map(|url| url.origin().ascii_serialization()).map_err(|_| type_error("the value is not a URL"))
    });
    environment.add_function("chars", |x: Value, from: usize, to: Option<usize>| {
        on_text(x, |text| text.chars().skip(from).take(to.unwrap_or(usize::MAX).saturating_sub(from)).collect())
    });
    environment.add_function("concat", |parts: Rest<Value>| {
        parts.iter().filter(|part| !part.is_undefined() && !part.is_none()).map(ToString::to_string).collect::<String>()
    });
    // A URL or a name of an endpoint of Microsoft.
    environment.add_function("names_one_tenant", |x: Value| {
        let is_shared = |part: &str| SHARED_TENANTS.iter().any(|name| part.eq_ignore_ascii_case(name));
        x.as_str().is_some_and(|text| !text.trim().is_empty() && !text.split('/').any(|part| is_shared(part.trim())))
    });
    environment.add_function("is_digits", |x: Value, count: usize| {
        x.as_str().is_some_and(|text| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
    });
    environment.add_function("words", |x: Value, separator: String| match x.as_str() {
        Some(text) => text.split(separator.as_str()).filter(|word| !word.is_empty()).collect(),
        None => x,
    });
    environment.add_function("parse_json", |x: Value| -> Result<Value, Error> {
        let Some(text) = x.as_str() else { return absent_or_error(x) };
        json(text.as_bytes()).ok_or_else(|| type_error("the value is not JSON"))
    });
    environment.add_function("base64", |text: String| STANDARD.encode(text));
    environment.add_function("utf8_again", |x: Value| on_text(x, decode_latin1_as_utf8));
}

/// Functions to verify signatures.
fn add_signatures(environment: &mut Environment<'static>) {
    environment.add_function("sha256", |text: String| {
        Value::from_bytes(digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec())
    });
    environment.add_function("hmac_sha256_hex", |key: Value, text: String| {
        let key = key.as_bytes().ok_or_else(|| type_error("the key has the wrong type"))?;
        if key.is_empty() {
            return Err(type_error("the key is empty"));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Ok::<_, Error>(HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref()))
    });
    environment.add_function("md5_hex", |text: String| HEXLOWER.encode(&Md5::digest(text.as_bytes())));
    environment.add_function("same", |a: Value, b: Value| match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => !a.is_empty() && constant_time_eq(a.as_bytes(), b.as_bytes()),
        _ => false,
    });
    // `name=value`, sorted by name, for signatures. A value with the separator could be confused with several members.
    environment.add_function("sorted_pairs", |object: Value, separator: String| -> Result<String, Error> {
        let mut pairs = Vec::new();
        for name in object.try_iter()? {
            let value = object.get_item(&name)?;
            if !value.is_none() {
                pairs.push(format!("{name}={value}"));
            }
        }
        if pairs.iter().any(|pair| pair.contains(&separator)) {
            return Err(type_error("a value contains the separator"));
        }
        pairs.sort_unstable();
        Ok(pairs.join(&separator))
    });
    environment.add_function("signed_json", |x: Value, secret: String| {
        x.as_str().and_then(|text| signed_json(text, secret.as_bytes())).unwrap_or_default()
    });
}

/// Facebook's signed requests: an HMAC and JSON, each in base64, joined by a dot.
fn signed_json(signed: &str, secret: &[u8]) -> Option<Value> {
    // Anyone can sign with an empty key.
    let (signature, payload) = signed.split_once('.').filter(|_| !secret.is_empty())?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, payload.as_bytes(), &decode(signature)?).ok()?;
    json(&decode(payload)?)
}

fn json(text: &[u8]) -> Option<Value> {
    lenient::json(text).ok().map(|parsed| Value::from_serialize(&parsed))
}

fn is_true(x: &Value) -> bool {
    x.kind() == ValueKind::Bool && x.is_true() || x.as_str() == Some("true")
}

fn has(names: &[String], name: &Value) -> bool {
    names.iter().any(|one| name.as_str() == Some(one))
}

fn members(object: Value, keeps: impl Fn(&Value) -> bool) -> Result<Value, Error> {
    let names = object.try_iter()?.filter(keeps);
    names.map(|name| Ok((name.clone(), object.get_item(&name)?))).collect()
}

/// Decodes WeChat's nicknames, which are UTF-8 that was decoded as Latin-1. Any other text is not changed.
fn decode_latin1_as_utf8(text: &str) -> String {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

fn type_error(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn absent_or_error(x: Value) -> Result<Value, Error> {
    if x.is_undefined() || x.is_none() { Ok(x) } else { Err(type_error("the value has the wrong type")) }
}

fn on_text(x: Value, change: impl FnOnce(&str) -> String) -> Result<Value, Error> {
    match x.as_str() {
        Some(text) => Ok(Value::from(change(text))),
        None => absent_or_error(x),
    }
}

fn first(list: Value, matches: impl Fn(&Value) -> bool) -> Result<Value, Error> {
    match list.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(list.try_iter()?.find(matches).unwrap_or_default()),
        _ => absent_or_error(list).map(|_| Value::UNDEFINED),
    }
}

/// A single value becomes a list of one, an absent value an empty list.
fn as_list(x: Value) -> Result<Vec<Value>, Error> {
    match x.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Vec::new()),
        ValueKind::Seq | ValueKind::Iterable => Ok(x.try_iter()?.collect()),
        _ => Ok(vec![x]),
    }
}
