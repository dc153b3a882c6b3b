//! The functions that expressions have besides minijinja's own filters. A value that is not there passes through as not
//! there; one of a wrong type is an error, which refuses the login.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::model::AccountUid;
use crate::model::lenient;
use crate::secrets::constant_time_eq;

pub fn add_to(environment: &mut Environment<'static>) {
    add_pickers(environment);
    add_texts(environment);
    add_signatures(environment);
}

/// What chooses among values.
fn add_pickers(environment: &mut Environment<'static>) {
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
    // Of several addresses: the primary one, else the first.
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
    // The id of an account as a text, and nothing where the value is none (R-PIPE-02).
    environment.add_function("id_text", |x: Value| {
        let uid = serde_json::to_value(&x).ok().as_ref().and_then(AccountUid::of_json);
        uid.map_or(Value::UNDEFINED, |uid| Value::from(uid.as_str()))
    });
    environment.add_function("is_true", |x: Value| is_true(&x));
    // A flag without an address, or beside another one, says nothing about this one (SEC-23).
    environment.add_function("email_flag", |object: Value, address: Value| {
        let member = |name: &str| object.get_attr(name).unwrap_or_default();
        let is_about = address.as_str().is_some_and(|address| member("email").as_str() == Some(address));
        if is_about { member("email_verified") } else { Value::UNDEFINED }
    });
    environment.add_function("only", |object: Value, names: Vec<String>| members(object, |name| has(&names, name)));
    environment.add_function("without", |object: Value, names: Vec<String>| members(object, |name| !has(&names, name)));
    // EXTRA_DATA: a name, or a name with its alias.
    environment.add_function("names", |list: Value| -> Result<Vec<Value>, Error> {
        let name = |item: Value| if item.kind() == ValueKind::Seq { item.get_item_by_index(0) } else { Ok(item) };
        as_list(list)?.into_iter().map(name).collect()
    });
}

/// What makes texts of texts.
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
        Url::parse(&url).map(|url| url.origin().ascii_serialization()).map_err(|_| wrong("not a URL"))
    });
    environment.add_function("chars", |x: Value, from: usize, to: Option<usize>| {
        on_text(x, |text| text.chars().skip(from).take(to.unwrap_or(usize::MAX).saturating_sub(from)).collect())
    });
    environment.add_function("concat", |parts: Rest<Value>| {
        parts.iter().filter(|part| !part.is_undefined() && !part.is_none()).map(ToString::to_string).collect::<String>()
    });
    environment.add_function("is_digits", |x: Value, count: usize| {
        x.as_str().is_some_and(|text| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
    });
    environment.add_function("words", |x: Value, separator: String| match x.as_str() {
        Some(text) => text.split(separator.as_str()).filter(|word| !word.is_empty()).collect(),
        None => x,
    });
    environment.add_function("parse_json", |x: Value| -> Result<Value, Error> {
        let Some(text) = x.as_str() else { return missing_or_wrong(x) };
        json(text.as_bytes()).ok_or_else(|| wrong("not JSON"))
    });
    environment.add_function("base64", |text: String| STANDARD.encode(text));
    environment.add_function("utf8_again", |x: Value| on_text(x, utf8_again));
}

/// What shows that a provider signed something.
fn add_signatures(environment: &mut Environment<'static>) {
    environment.add_function("sha256", |text: String| {
        Value::from_bytes(digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec())
    });
    environment.add_function("hmac_sha256_hex", |key: Value, text: String| {
        let key = key.as_bytes().ok_or_else(|| wrong("a key of a wrong type"))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Ok::<_, Error>(HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref()))
    });
    environment.add_function("md5_hex", |text: String| HEXLOWER.encode(&Md5::digest(text.as_bytes())));
    environment.add_function("same", |a: Value, b: Value| match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => !a.is_empty() && constant_time_eq(a.as_bytes(), b.as_bytes()),
        _ => false,
    });
    // `name=value` in the order of the names, as signatures are made over. A value that holds the separator could pass for
    // several members.
    environment.add_function("sorted_pairs", |object: Value, separator: String| -> Result<String, Error> {
        let mut pairs = Vec::new();
        for name in object.try_iter()? {
            let value = object.get_item(&name)?;
            if !value.is_none() {
                pairs.push(format!("{name}={value}"));
            }
        }
        if pairs.iter().any(|pair| pair.contains(&separator)) {
            return Err(wrong("the separator inside a value"));
        }
        pairs.sort_unstable();
        Ok(pairs.join(&separator))
    });
    environment.add_function("signed_json", |x: Value, secret: String| {
        x.as_str().and_then(|text| signed_json(text, secret.as_bytes())).unwrap_or_default()
    });
}

/// Facebook's signed requests: base64 of an HMAC, a dot, base64 of JSON.
fn signed_json(signed: &str, secret: &[u8]) -> Option<Value> {
    let (signature, payload) = signed.split_once('.')?;
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
    let kept = object.try_iter()?.filter(keeps);
    kept.map(|name| Ok((name.clone(), object.get_item(&name)?))).collect()
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
