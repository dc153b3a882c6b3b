//! Corrects what poem-openapi's macros generate, for the document and for the routes.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaPath, Registry};
use serde_json::{Value, json};

use super::{error_cases, errors};

/// The corrected description of a tuple of APIs. It has no routes.
pub struct NormalizedSpec<T>(PhantomData<T>);

impl<T> NormalizedSpec<T> {
    /// A description without instances of the APIs.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: OpenApi> OpenApi for NormalizedSpec<T> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for mut path in T::meta().into_iter().flat_map(|api| api.paths) {
            // The macros remove trailing slashes.
            if path.path.starts_with("/api/") {
                path.path.push('/');
            }
            for operation in &mut path.operations {
                // An empty alternative: no credential is required.
                if operation.security.is_empty() {
                    operation.security.push(HashMap::new());
                }
            }
            // Without this, two `impl` blocks with the same path write its key twice.
            match paths.iter_mut().find(|known| known.path == path.path) {
                Some(known) => known.operations.extend(path.operations),
                None => paths.push(path),
            }
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// What poem-openapi cannot say, and what generators of clients do not understand.
pub fn normalize_document(document: &mut Value) {
    errors::share(document);
    let schemas = &mut document["components"]["schemas"];
    schemas["Problem"]["properties"]["code"]["x-extensible-enum"] = error_cases::codes().into();
    let all = schemas.as_object_mut().into_iter().flat_map(|schemas| schemas.values_mut());
    for schema in all.filter_map(Value::as_object_mut) {
        // Some generators name a type by its title, and two schemas may have one title.
        schema.shift_remove("title");
        // Other members are explained in prose: some generators make a map of an object that may have them.
        if schema.contains_key("properties") {
            schema.shift_remove("additionalProperties");
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            let names: Vec<String> = values.iter().filter_map(Value::as_str).map(pascal_case).collect();
            schema.insert("x-enum-varnames".to_owned(), names.into());
        }
    }
    schemas["Problem"]["example"] = json!({
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "invalid_request",
        "detail": "The request has invalid fields.",
        "request_id": "0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
        "errors": {"code": ["This field is required."]},
    });
    share_parameters(document);
    simplify(document);
}

/// Moves the parameters of paths that occur several times to the components.
fn share_parameters(document: &mut Value) {
    const NAME: &str = "provider";
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    let parameters = operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut()).flatten();
    let mut shared = Value::Null;
    for parameter in parameters.filter(|parameter| parameter["name"] == NAME) {
        let reference = json!({"$ref": "#/components/parameters/ProviderName"});
        shared = std::mem::replace(parameter, reference);
    }
    document["components"]["parameters"] = json!({"ProviderName": shared});
}

/// Removes what is the default, and replaces formats that OpenAPI does not have.
fn simplify(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| {
                !(name == "deprecated" && *value == false || name == "explode" && *value == true)
            });
            if members.get("type").is_some_and(|kind| kind == "integer")
                && let Some(format) = members.get_mut("format")
            {
                let is_wide = format.as_str().is_some_and(|format| format.ends_with("64"));
                *format = if is_wide { "int64" } else { "int32" }.into();
            }
            members.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// A name of an enum's value that is valid in every language: `jwt-pair-user` becomes `JwtPairUser`.
fn pascal_case(value: &str) -> String {
    let word = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    value.split(['-', '_']).map(|part| -> String { word(part) }).collect()
}

/// The document as YAML. Short maps and lists are on one line, as JSON, which is YAML too. Times are quoted: readers of YAML 1.1 take
/// an unquoted time for a value of another type than a text.
pub fn yaml(document: &Value) -> String {
    let (mut document, mut inline) = (document.clone(), Vec::new());
    if let Value::Object(members) = &mut document {
        members.values_mut().for_each(|member| set_inline(member, &mut inline));
    }
    let text = serde_yaml::to_string(&document).expect("JSON has a YAML form");
    let mut parts = text.split(INLINE);
    let mut yaml = parts.next().unwrap_or_default().to_owned();
    for (json, rest) in inline.iter().zip(parts) {
        yaml.push_str(json);
        yaml.push_str(rest);
    }
    yaml
}

/// Stands for a value that is written as JSON. YAML does not quote it.
const INLINE: &str = "inlineJsonValue";
const MAX_INLINE_LEN: usize = 120;

fn set_inline(value: &mut Value, inline: &mut Vec<String>) {
    let is_inline = match value {
        Value::String(text) => is_time(text),
        Value::Object(_) | Value::Array(_) => value.to_string().len() <= MAX_INLINE_LEN,
        _ => false,
    };
    if is_inline {
        inline.push(std::mem::replace(value, INLINE.into()).to_string());
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| set_inline(member, inline)),
        Value::Array(items) => items.iter_mut().for_each(|item| set_inline(item, inline)),
        _ => {}
    }
}

fn is_time(text: &str) -> bool {
    let digits = text.bytes().take(4).filter(u8::is_ascii_digit).count();
    digits == 4 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenAPI 3.0 allows nothing beside `$ref`, and generators disagree about what `allOf` means there: the description of a
    /// property belongs to its type.
    #[test]
    fn a_reference_has_no_description_of_its_own() {
        let text = crate::http::DocumentOptions::default().document(crate::http::DocumentFormat::Json);
        assert!(!text.contains("allOf") && !text.contains("anyOf"));
    }

    #[test]
    fn yaml_has_quoted_times_and_short_values_on_one_line() {
        let long = "long ".repeat(30);
        let document = json!({
            "created": "2026-11-23T12:27:05.000Z",
            "text": "2026 years",
            "responses": {"400": {"$ref": "#/components/responses/A"}, "401": {"description": long}},
            "list": ["a", {"b": true}],
        });
        let yaml = yaml(&document);
        for line in [
            "created: \"2026-11-23T12:27:05.000Z\"",
            "text: 2026 years",
            "  '400': {\"$ref\":\"#/components/responses/A\"}",
            "list: [\"a\",{\"b\":true}]",
        ] {
            assert!(yaml.lines().any(|own| own == line), "{line} in {yaml}");
        }
        assert_eq!(serde_yaml::from_str::<Value>(&yaml).expect("YAML"), document);
    }

    #[test]
    fn a_value_of_an_enum_has_a_name_for_every_language() {
        for (value, name) in
            [("token_user", "TokenUser"), ("jwt-pair", "JwtPair"), ("S256", "S256"), ("oauth1", "Oauth1")]
        {
            assert_eq!(pascal_case(value), name);
        }
    }
}
