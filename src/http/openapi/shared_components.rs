//! Moves what several operations have in common to the components of the document: poem-openapi writes it into each operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

const SCHEMAS: &str = "#/components/schemas/";

/// Replaces parameters, request bodies, responses and headers that occur several times by references.
pub fn share(document: &mut Value) {
    let mut bodies = BTreeMap::new();
    let mut parameters = BTreeMap::new();
    let mut responses = BTreeMap::new();
    for operation in operations(document) {
        operation.get("requestBody").into_iter().for_each(|body| count(body, body_name(body), &mut bodies));
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            count(parameter, parameter_name(parameter), &mut parameters);
        }
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            count(response, response_name(status, response), &mut responses);
        }
    }
    for operation in operations(document) {
        operation.get_mut("requestBody").into_iter().for_each(|body| refer(body, "requestBodies", &bodies));
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            refer(parameter, "parameters", &parameters);
        }
        for response in operation["responses"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
            refer(response, "responses", &responses);
        }
    }
    add(document, "requestBodies", bodies);
    add(document, "parameters", parameters);
    add(document, "responses", responses);
    share_headers(document);
}

/// Of the shared responses and of the operations.
fn share_headers(document: &mut Value) {
    let mut headers = BTreeMap::new();
    for_each_header(document, &mut |name, header| count(header, Some(header_name(name, header)), &mut headers));
    for_each_header(document, &mut |_, header| refer(header, "headers", &headers));
    add(document, "headers", headers);
}

fn for_each_header(document: &mut Value, visit: &mut impl FnMut(&str, &mut Value)) {
    let of_response = |response: &mut Value, visit: &mut dyn FnMut(&str, &mut Value)| {
        for (name, header) in response.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
            visit(name, header);
        }
    };
    for operation in operations(document) {
        let responses = operation["responses"].as_object_mut().into_iter().flat_map(|all| all.values_mut());
        responses.for_each(|response| of_response(response, visit));
    }
    let shared = document["components"]["responses"].as_object_mut().into_iter().flat_map(|all| all.values_mut());
    shared.for_each(|response| of_response(response, visit));
}

/// All operations of a document.
pub fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut())
}

/// How often a value occurs, by its text, with its name in the components.
type Counted = BTreeMap<String, (String, usize)>;

fn count(value: &Value, name: Option<String>, counted: &mut Counted) {
    if let Some(name) = name.filter(|_| value.get("$ref").is_none()) {
        counted.entry(value.to_string()).or_insert((name, 0)).1 += 1;
    }
}

/// The name of a value that occurs several times. `None` too if another such value has the same name.
fn shared_name<'a>(text: &str, counted: &'a Counted) -> Option<&'a str> {
    let (name, occurrences) = counted.get(text)?;
    let rivals = counted.values().filter(|(other, occurrences)| other == name && *occurrences > 1).count();
    (*occurrences > 1 && rivals == 1).then_some(name.as_str())
}

fn refer(value: &mut Value, kind: &str, counted: &Counted) {
    if let Some(name) = shared_name(&value.to_string(), counted) {
        *value = json!({"$ref": format!("#/components/{kind}/{name}")});
    }
}

fn add(document: &mut Value, kind: &str, counted: Counted) {
    let shared = counted.keys().filter_map(|text| {
        let name = shared_name(text, &counted)?.to_owned();
        Some((name, serde_json::from_str::<Value>(text).expect("the text of a value")))
    });
    add_components(document, kind, shared);
}

/// Adds components of a kind, such as `schemas`, in the order of their names.
pub fn add_components(document: &mut Value, kind: &str, new: impl IntoIterator<Item = (String, Value)>) {
    let components = &mut document["components"][kind];
    if components.is_null() {
        *components = Value::Object(Map::new());
    }
    if let Some(components) = components.as_object_mut() {
        components.extend(new);
        components.sort_keys();
    }
}

/// No component has the name of a schema: some generators make a type of each.
fn body_name(body: &Value) -> Option<String> {
    Some(schema_name(body)?.trim_end_matches("Input").to_owned() + "Body")
}

fn parameter_name(parameter: &Value) -> Option<String> {
    let name = parameter["name"].as_str()?;
    Some(match name {
        "id" => "AccountId".to_owned(),
        _ => pascal_case(name) + if parameter["in"] == "path" { "Name" } else { "" },
    })
}

fn response_name(status: &str, response: &Value) -> Option<String> {
    let has_cookie = response["headers"].get("Set-Cookie").is_some();
    let name = match (status, has_cookie) {
        ("204", true) => "LoggedOut",
        ("204", false) => "NoContent",
        ("303", true) => "RedirectOfLogin",
        ("303", false) => "RedirectOfLogout",
        ("304", _) => "NotModified",
        _ => return Some(schema_name(response)?.to_owned() + "Answer"),
    };
    Some(name.to_owned())
}

fn header_name(name: &str, header: &Value) -> String {
    let optional = if header["required"] == true || name != "Retry-After" { "" } else { "Optional" };
    optional.to_owned() + &pascal_case(name)
}

/// The schema of the only content.
fn schema_name(body: &Value) -> Option<&str> {
    let content = body["content"].as_object().filter(|content| content.len() == 1)?;
    content.values().next()?["schema"]["$ref"].as_str()?.strip_prefix(SCHEMAS)
}

/// A name that is valid in every language: `jwt-pair-user` becomes `JwtPairUser`.
pub fn pascal_case(value: &str) -> String {
    let word = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    value.split(['-', '_']).map(|part| -> String { word(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_occurs_once_stays_in_its_operation() {
        let header = json!({"description": "a", "required": true, "schema": {"type": "string"}});
        let response = |schema: &str| {
            let schema = json!({"$ref": format!("{SCHEMAS}{schema}")});
            json!({"description": "Done.", "headers": {"ETag": header}, "content": {"application/json": {"schema": schema}}})
        };
        let operation = |schema: &str| json!({"responses": {"200": response("User"), "201": response(schema)}});
        let mut document = json!({"paths": {"/a": {"get": operation("A")}, "/b": {"get": operation("B")}}});
        share(&mut document);
        let responses = &document["paths"]["/a"]["get"]["responses"];
        assert_eq!(responses["200"], json!({"$ref": "#/components/responses/UserAnswer"}));
        assert_eq!(responses["201"]["headers"]["ETag"], json!({"$ref": "#/components/headers/ETag"}));
        assert_eq!(document["components"]["headers"]["ETag"], header);
        assert_eq!(document["components"]["responses"].as_object().expect("an object").len(), 1);
    }

    #[test]
    fn a_name_is_valid_in_every_language() {
        for (value, name) in
            [("token_user", "TokenUser"), ("jwt-pair", "JwtPair"), ("S256", "S256"), ("If-None-Match", "IfNoneMatch")]
        {
            assert_eq!(pascal_case(value), name);
        }
    }
}
