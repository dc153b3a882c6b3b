//! REST_SOCIAL_USER_FIELDS: fields of a user beyond the stock ones. Where a value comes from stays text here: `provider/`
//! knows the language.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::value::{self, Section};
use super::{JwtRules, SettingError};
use crate::model::{FieldType, UserField, UserFields};

const NAME: &str = "REST_SOCIAL_USER_FIELDS";
const MEMBERS: [&str; 4] = ["type", "from", "update", "editable"];
const TYPES: [(&str, FieldType); 5] = [
    ("string", FieldType::String),
    ("integer", FieldType::Integer),
    ("boolean", FieldType::Boolean),
    ("url", FieldType::Url),
    ("date", FieldType::Date),
];

/// Whether a later login writes the field anew.
const UPDATES: [(&str, bool); 2] = [("login", true), ("sign_up", false)];

/// Members of answers, columns of the original's user, and claims that mean something else.
const RESERVED: [&str; 33] = [
    "id",
    "pk",
    "username",
    "first_name",
    "last_name",
    "email",
    "email_verified",
    "password",
    "is_active",
    "is_staff",
    "is_superuser",
    "last_login",
    "date_joined",
    "created",
    "groups",
    "user_permissions",
    "is_new",
    "token",
    "access",
    "refresh",
    "exp",
    "iat",
    "nbf",
    "iss",
    "aud",
    "sub",
    "jti",
    super::GENERATION_CLAIM,
    "user_id",
    "token_type",
    "refresh_exp",
    "hash_password",
    "fields",
];

/// A program's own, then those of the settings, which win. Errors: each by the field's name and the member that is wrong.
pub(super) fn read(
    section: &Section,
    jwt: &JwtRules,
    program: &[UserField],
    errors: &mut Vec<SettingError>,
) -> UserFields {
    let mut fields = program.to_vec();
    for UserField { name, .. } in program {
        if let Err(problem) = check_name(name, jwt) {
            errors.push(SettingError::new(format!("the program's user field {name:?}"), problem));
        }
    }
    let label = section.label(NAME).to_owned();
    for (name, members) in &section.get(NAME, errors, object).unwrap_or_default() {
        let mut wrong = |member: &str, problem: String| {
            errors.push(SettingError::new(format!("{label}.{name}{member}"), problem));
        };
        if let Err(problem) = check_name(name, jwt) {
            wrong("", problem);
        }
        let Some(members) = members.as_object() else {
            wrong("", "must be an object with type, from, update, editable".to_owned());
            continue;
        };
        fields.retain(|known| known.name != *name);
        fields.push(field(name, members, &mut wrong));
    }
    UserFields::new(fields)
}

fn object(value: &Value) -> Result<Map<String, Value>, String> {
    let parsed = match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Object(members) => Some(members.clone()),
        _ => None,
    };
    parsed.ok_or_else(|| "must be an object of fields: JSON, or tables in the file".to_owned())
}

fn check_name(name: &str, jwt: &JwtRules) -> Result<(), String> {
    let is_plain = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_plain {
        return Err("a field's name is a small letter and at most 63 more, digits and _".to_owned());
    }
    let claims = [&jwt.user_id_claim, &jwt.token_type_claim, &jwt.jti_claim, &jwt.sliding_refresh_exp_claim];
    if RESERVED.contains(&name) || claims.into_iter().any(|claim| claim == name) {
        return Err("is a name that answers or tokens use already".to_owned());
    }
    Ok(())
}

fn field(name: &str, members: &Map<String, Value>, wrong: &mut impl FnMut(&str, String)) -> UserField {
    for member in members.keys().filter(|member| !MEMBERS.contains(&member.as_str())) {
        wrong(&format!(".{member}"), format!("is no member of a field; there are {}", MEMBERS.join(", ")));
    }
    UserField {
        name: name.to_owned(),
        kind: member(members, "type", wrong, |value| value::word(value, &TYPES)).unwrap_or(FieldType::String),
        from: member(members, "from", wrong, sources).unwrap_or_default(),
        at_login: member(members, "update", wrong, |value| value::word(value, &UPDATES)).unwrap_or(true),
        editable: member(members, "editable", wrong, value::flag).unwrap_or(false),
    }
}

fn member<T>(
    members: &Map<String, Value>,
    name: &str,
    wrong: &mut impl FnMut(&str, String),
    read: impl Fn(&Value) -> Result<T, String>,
) -> Option<T> {
    let read = members.get(name).map(read)?;
    read.map_err(|problem| wrong(&format!(".{name}"), problem)).ok()
}

/// One expression for all providers, or an object of them.
fn sources(value: &Value) -> Result<BTreeMap<String, String>, String> {
    match value {
        Value::String(expression) => Ok(BTreeMap::from([("*".to_owned(), expression.clone())])),
        Value::Object(_) => value::texts_by_name(value),
        _ => Err("must be an expression such as profile.locale, or an object of them by provider".to_owned()),
    }
}
