//! Converts a document from OpenAPI 3.0 to 3.1, whose schemas are JSON Schema 2020-12.

use serde_json::{Map, Value, json};

use super::webhooks;

/// The same document in OpenAPI 3.1.
pub fn converted(mut document: Value) -> Value {
    convert(&mut document);
    let Value::Object(members) = document else { return document };
    let named = members.into_iter().map(|(name, value)| match name.as_str() {
        "openapi" => (name, "3.1.0".into()),
        webhooks::EXTENSION => ("webhooks".to_owned(), value),
        _ => (name, value),
    });
    Value::Object(named.collect())
}

/// Only a schema has a boolean `nullable`, `exclusiveMinimum` or `exclusiveMaximum`: a property of such a name is an object.
fn convert(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(convert);
            move_exclusive_limit(members, "minimum", "exclusiveMinimum");
            move_exclusive_limit(members, "maximum", "exclusiveMaximum");
            if let Some(Value::Bool(nullable)) = members.get("nullable") {
                let nullable = *nullable;
                members.shift_remove("nullable");
                if nullable {
                    allow_null(members);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(convert),
        _ => {}
    }
}

fn move_exclusive_limit(schema: &mut Map<String, Value>, limit: &str, exclusive: &str) {
    if let Some(Value::Bool(is_exclusive)) = schema.get(exclusive) {
        let is_exclusive = *is_exclusive;
        schema.shift_remove(exclusive);
        if is_exclusive && let Some(value) = schema.shift_remove(limit) {
            schema.insert(exclusive.to_owned(), value);
        }
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
    if let Some(kind @ Value::String(_)) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    } else if !schema.contains_key("type") {
        // A reference, or a combination of schemas.
        let schema_alone = std::mem::take(schema);
        schema.insert("anyOf".to_owned(), json!([schema_alone, {"type": "null"}]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{DocumentFormat, DocumentOptions, SpecVersion};

    #[test]
    fn schemas_are_converted_and_properties_of_the_same_names_are_kept() {
        let document = json!({"openapi": "3.0.3", "x-webhooks": {"a": {}}, "components": {"schemas": {
            "A": {"type": "string", "nullable": true, "enum": ["x"]},
            "B": {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": true},
            "C": {"type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false},
            "D": {"type": "object", "properties": {"nullable": {"type": "boolean", "nullable": false}}},
        }}});
        let expected = json!({"openapi": "3.1.0", "webhooks": {"a": {}}, "components": {"schemas": {
            "A": {"type": ["string", "null"], "enum": ["x", null]},
            "B": {"anyOf": [{"allOf": [{"$ref": "#/components/schemas/A"}]}, {"type": "null"}]},
            "C": {"type": "integer", "exclusiveMinimum": 1, "maximum": 9},
            "D": {"type": "object", "properties": {"nullable": {"type": "boolean"}}},
        }}});
        assert_eq!(converted(document), expected);
    }

    #[test]
    fn no_word_of_openapi_3_0_is_left() {
        let options = DocumentOptions { version: SpecVersion::V3_1, ..DocumentOptions::default() };
        let text = options.document(DocumentFormat::MinifiedJson);
        for word in ["\"nullable\":true", "\"nullable\":false", "\"exclusiveMinimum\":true", webhooks::EXTENSION] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(text.starts_with("{\"openapi\":\"3.1.0\"") && text.contains("\"webhooks\":{\"user.creating\""));
    }
}
