//! Corrects what poem-openapi's macros generate, for the document and for the routes.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaPath, Registry};
use serde_json::{Value, json};

use super::shared_components::{self, pascal_case};
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
    simplify(document);
    shared_components::share(document);
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

#[cfg(test)]
mod tests {
    /// OpenAPI 3.0 allows nothing beside `$ref`, and generators disagree about what `allOf` means there: the description of a
    /// property belongs to its type.
    #[test]
    fn a_reference_has_no_description_of_its_own() {
        let text = crate::http::DocumentOptions::default().document(crate::http::DocumentFormat::Json);
        assert!(!text.contains("allOf") && !text.contains("anyOf"));
    }
}
