//! Adds the operator's declared fields to the schemas of users.

use serde_json::{Map, Value, json};

use super::login_result;
use crate::model::{UserField, UserFieldType, UserFields};

/// Schemas of responses that contain a user, beside those of a [`login_result`].
const USER_SCHEMAS: [&str; 4] = ["User", "SessionUser", "UserWithToken", "UserWithTokenPair"];

/// Adds the fields after the built-in ones.
pub fn add(document: &mut Value, fields: &UserFields) {
    let schemas = &mut document["components"]["schemas"];
    for name in USER_SCHEMAS.into_iter().chain(login_result::schemas_with_user()) {
        let Some(properties) = schemas[name]["properties"].as_object_mut() else { continue };
        let position = properties.keys().position(|name| name == "is_new").unwrap_or(properties.len());
        for (number, field) in fields.iter().enumerate() {
            properties.shift_insert(position + number, field.name.clone(), Value::Object(schema(field)));
        }
    }
    if let Some(properties) = schemas["UserChange"]["properties"].as_object_mut() {
        for field in fields.iter().filter(|field| field.editable) {
            let mut schema = schema(field);
            schema.insert("nullable".to_owned(), true.into());
            properties.insert(field.name.clone(), Value::Object(schema));
        }
    }
}

fn schema(field: &UserField) -> Map<String, Value> {
    let schema = match field.kind {
        UserFieldType::String => json!({"type": "string"}),
        UserFieldType::Integer => json!({"type": "integer", "format": "int64"}),
        UserFieldType::Boolean => json!({"type": "boolean"}),
        UserFieldType::Url => json!({"type": "string", "format": "uri"}),
        UserFieldType::Date => json!({"type": "string", "format": "date"}),
    };
    match schema {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
