//! REST_SOCIAL_USER_FIELDS: declared fields of a user. `from` stays text here: `provider/` parses the expressions.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::setting_reader::SettingReader;
use super::types::{GENERATION_CLAIM, JwtRules, SettingError};
use super::value_type;
use crate::model::{UserField, UserFieldType, UserFields};

const NAME: &str = "REST_SOCIAL_USER_FIELDS";
const MEMBERS: [&str; 4] = ["type", "from", "update", "editable"];
const TYPES: [(&str, UserFieldType); 5] = [
    ("string", UserFieldType::String),
    ("integer", UserFieldType::Integer),
    ("boolean", UserFieldType::Boolean),
    ("url", UserFieldType::Url),
    ("date", UserFieldType::Date),
];

/// Whether every login updates the field.
const UPDATES: [(&str, bool); 2] = [("login", true), ("sign_up", false)];

/// Members of answers, columns of Django's user, and claims.
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
    GENERATION_CLAIM,
    "user_id",
    "token_type",
    "refresh_exp",
    "hash_password",
    "fields",
];

/// The fields of a program and those of the setting, which replace them. An error names the field and its member.
pub(super) fn read(reader: &mut SettingReader, jwt: &JwtRules, of_program: &[UserField]) -> UserFields {
    let mut fields = of_program.to_vec();
    for UserField { name, .. } in of_program {
        if let Err(problem) = check_name(name, jwt) {
            reader.errors.push(SettingError::new(format!("the program's user field {name:?}"), problem));
        }
    }
    let label = reader.label(NAME);
    let declared = reader.optional(NAME, |fields| Ok(fields.as_object().cloned().unwrap_or_default()));
    for (name, members) in &declared.unwrap_or_default() {
        let mut error = |member: &str, problem: String| {
            reader.errors.push(SettingError::new(format!("{label}.{name}{member}"), problem));
        };
        if let Err(problem) = check_name(name, jwt) {
            error("", problem);
        }
        let Some(members) = members.as_object() else {
            error("", format!("must be an object with {}", MEMBERS.join(", ")));
            continue;
        };
        fields.retain(|known| known.name != *name);
        fields.push(field(name, members, &mut error));
    }
    UserFields::new(fields)
}

fn check_name(name: &str, jwt: &JwtRules) -> Result<(), String> {
    let is_good = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_good {
        return Err("a field's name has 1 to 64 lower case letters, digits and _, and begins with a letter".to_owned());
    }
    let claims = [&jwt.user_id_claim, &jwt.token_type_claim, &jwt.jti_claim, &jwt.sliding_refresh_exp_claim];
    if RESERVED.contains(&name) || claims.into_iter().any(|claim| claim == name) {
        return Err("is a name that answers or tokens already use".to_owned());
    }
    Ok(())
}

fn field(name: &str, members: &Map<String, Value>, error: &mut impl FnMut(&str, String)) -> UserField {
    for member in members.keys().filter(|member| !MEMBERS.contains(&member.as_str())) {
        error(&format!(".{member}"), format!("is not a member of a field: {}", MEMBERS.join(", ")));
    }
    UserField {
        name: name.to_owned(),
        kind: member(members, "type", error, |value| value_type::word(value, &TYPES)).unwrap_or(UserFieldType::String),
        from: member(members, "from", error, sources).unwrap_or_default(),
        at_login: member(members, "update", error, |value| value_type::word(value, &UPDATES)).unwrap_or(true),
        editable: member(members, "editable", error, value_type::boolean).unwrap_or(false),
    }
}

fn member<T>(
    members: &Map<String, Value>,
    name: &str,
    error: &mut impl FnMut(&str, String),
    read: impl Fn(&Value) -> Result<T, String>,
) -> Option<T> {
    let value = members.get(name).map(read)?;
    value.map_err(|problem| error(&format!(".{name}"), problem)).ok()
}

/// One expression for all providers, or an object of them by provider.
fn sources(value: &Value) -> Result<BTreeMap<String, String>, String> {
    match value {
        Value::String(expression) => Ok(BTreeMap::from([("*".to_owned(), expression.clone())])),
        Value::Object(_) => value_type::texts_by_name(value),
        _ => Err("must be an expression such as profile.locale, or an object of them by provider".to_owned()),
    }
}
