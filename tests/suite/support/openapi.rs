//! Compares each response of the suite with the OpenAPI document: status, media type, error code and body. And each webhook.

use std::sync::LazyLock;

use serde_json::Value;

use super::client::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
    serde_yaml::from_str(&std::fs::read_to_string(path).expect("openapi.yaml")).expect("YAML")
});

/// The tags of the operations that also answer the first step of OAuth 1.0a.
static LOGIN_TAGS: LazyLock<[Value; 2]> = LazyLock::new(|| ["login".into(), "compatibility".into()]);
/// Schemas that declared fields of users are members of.
const OPEN_SCHEMAS: [&str; 9] = [
    "User",
    "SessionUser",
    "UserWithToken",
    "UserWithTokenPair",
    "JwtPairUserLogin",
    "TokenUserLogin",
    "JwtSlidingUserLogin",
    "KnoxUserLogin",
    "SessionLogin",
];

/// Checks the response to a request for `path`. Paths that are not in the document, and OPTIONS, are not checked.
#[track_caller]
pub fn assert_documented(method: &str, path: &str, answer: &Answer) {
    let Some(operations) = operations(path).filter(|_| method != "OPTIONS") else { return };
    // Too large a request head is refused before it has a path.
    if answer.status == 431 {
        return;
    }
    // `?optional=true`, which the document has in prose: generators would make two types of success of it.
    if (method, path.trim_end_matches('/'), answer.status) == ("GET", "/api/user", 204) {
        return;
    }
    // A method that the path does not have gets what any of its operations may answer, such as 405.
    let key = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let found = operations.get(&key).or_else(|| operations.as_object()?.values().next());
    let operation = found.expect("a path has an operation");
    if let Err(difference) = compare(method, operation, answer) {
        let id = &operation["operationId"];
        panic!("{method} {path} ({id}) is not as in openapi.yaml: {difference}\n{} {}", answer.status, answer.text);
    }
}

/// Checks the body of a webhook.
#[track_caller]
pub fn assert_documented_webhook(body: &Value) {
    let kind = body["type"].as_str().unwrap_or_default();
    let request = resolve(&DOCUMENT["x-webhooks"][kind]["post"]["requestBody"]);
    let schema = &request["content"]["application/json"]["schema"];
    if let Err(difference) = validate(schema, body, false) {
        panic!("{kind} is not as in openapi.yaml: {difference}\n{body}");
    }
}

/// The operations of the path; a literal segment takes precedence over a parameter.
fn operations(path: &str) -> Option<&'static Value> {
    let segments = |path: &str| -> Vec<String> { path.trim_matches('/').split('/').map(str::to_owned).collect() };
    let wanted = segments(path);
    let is_parameter = |segment: &String| segment.starts_with('{');
    let paths = DOCUMENT["paths"].as_object().expect("paths").iter();
    let matching = paths.filter_map(|(pattern, operations)| {
        let pattern = segments(pattern);
        let is_match = |(own, given): (&String, &String)| is_parameter(own) && !given.is_empty() || own == given;
        let is_found = pattern.len() == wanted.len() && pattern.iter().zip(&wanted).all(is_match);
        is_found.then(|| (pattern.iter().filter(|segment| is_parameter(segment)).count(), operations))
    });
    matching.min_by_key(|(parameters, _)| *parameters).map(|(_, operations)| operations)
}

fn compare(method: &str, operation: &'static Value, answer: &Answer) -> Result<(), String> {
    let response = operation["responses"].get(answer.status.to_string()).ok_or("the status is not documented")?;
    let response = resolve(response);
    let essence = answer.header("content-type").and_then(|kind| kind.split(';').next()).map(str::trim);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        if resolve(header)["required"] == true && answer.header(&name.to_lowercase()).is_none() {
            return Err(format!("the header {name} is missing"));
        }
    }
    let Some(content) = response.get("content") else {
        return if answer.text.is_empty() { Ok(()) } else { Err("a body is not documented".to_owned()) };
    };
    let media_type =
        content.as_object().into_iter().flatten().find(|(name, _)| name.split(';').next().map(str::trim) == essence);
    let (_, media_type) = media_type.ok_or_else(|| format!("the media type {essence:?} is not documented"))?;
    if method == "HEAD" || essence == Some("text/html") {
        return Ok(());
    }
    if answer.text.is_empty() {
        return Err("the body is missing".to_owned());
    }
    let body = answer.json();
    // The first step of OAuth 1.0a, which is for front-ends of django-rest-social-auth and not in the document.
    let is_login = || operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| LOGIN_TAGS.contains(tag)));
    let is_first_step =
        |body: &Value| body.as_object().is_some_and(|all| all.keys().eq(["oauth_token", "oauth_callback_confirmed"]));
    if answer.status == 200 && is_first_step(&body) && is_login() {
        return Ok(());
    }
    let response = base_of(response);
    let has_own_codes = response["description"].as_str().is_some_and(|text| text.contains("any other code"));
    let is_own_code = has_own_codes && !is_built_in(&body["code"]);
    if essence == Some("application/problem+json") && !is_own_code {
        let is_documented = documented_codes(response).any(|code| body["code"] == code);
        if !is_documented {
            return Err(format!("the code {} is not documented", body["code"]));
        }
    }
    validate(&media_type["schema"], &body, false).map_err(|error| format!("body{error}"))
}

/// Whether it is an error code of this server, not of a pipeline step of a program.
fn is_built_in(code: &Value) -> bool {
    let codes = &DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["x-extensible-enum"];
    codes.as_array().expect("the error codes").contains(code)
}

/// The error codes that a shared response describes: the words in backticks at the start of a line.
pub fn documented_codes(response: &Value) -> impl Iterator<Item = &str> {
    let lines = response["description"].as_str().unwrap_or_default().lines();
    lines.filter_map(|line| line.trim_start_matches("- ").strip_prefix('`')?.split('`').next())
}

/// The response whose codes another one has: `…OrPage` may only refer to it.
fn base_of(response: &'static Value) -> &'static Value {
    let description = response["description"].as_str().unwrap_or_default();
    let base = description.strip_prefix("As `").and_then(|rest| rest.split('`').next());
    base.map_or(response, |name| &DOCUMENT["components"]["responses"][name])
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).expect("a reference to a component"),
        None => value,
    }
}

/// Validates the part of JSON Schema that the document uses. Unlike JSON Schema, it rejects a member that the schema does not
/// have, unless `is_open`.
fn validate(schema: &'static Value, value: &Value, is_open: bool) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return validate(resolve(schema), value, OPEN_SCHEMAS.contains(&name));
    }
    if let Some(variants) = schema["oneOf"].as_array() {
        let kind = schema["discriminator"]["propertyName"].as_str();
        if let Some(name) = kind.filter(|name| value.get(name).is_none()) {
            return Err(format!(": {name} is missing"));
        }
        let matching = variants.iter().filter(|variant| validate(variant, value, false).is_ok()).count();
        return if matching == 1 { Ok(()) } else { Err(format!(": {matching} schemas of the union match")) };
    }
    let is_of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !is_of_type {
        return Err(format!(": {value} is not of the type {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        return Err(format!(": {value} is not in the enum"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().enumerate().try_for_each(|(index, item)| {
            validate(&schema["items"], item, false).map_err(|error| format!("[{index}]{error}"))
        });
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    let mut required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.find(|name| !members.contains_key(*name)) {
        return Err(format!(": {missing} is missing"));
    }
    members.iter().try_for_each(|(name, member)| {
        let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        match known {
            Some(schema) => validate(schema, member, false).map_err(|error| format!(".{name}{error}")),
            None if is_open || schema.get("type").is_none() => Ok(()),
            None => Err(format!(".{name} is not documented")),
        }
    })
}

#[test]
fn a_value_that_differs_from_its_schema_is_rejected() {
    let schema: &'static Value = Box::leak(Box::new(serde_json::json!({
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "kinds": {"type": "array", "items": {"type": "string", "enum": ["a"]}}},
    })));
    let error = |value: Value| validate(schema, &value, false).expect_err("an error");
    assert_eq!(error(serde_json::json!({})), ": id is missing");
    assert_eq!(error(serde_json::json!({"id": "1"})), ".id: \"1\" is not of the type \"integer\"");
    assert_eq!(error(serde_json::json!({"id": 1, "kinds": ["a", "b"]})), ".kinds[1]: \"b\" is not in the enum");
    assert_eq!(error(serde_json::json!({"id": 1, "more": 1})), ".more is not documented");
    assert_eq!(validate(schema, &serde_json::json!({"id": 1, "kinds": ["a"]}), false), Ok(()));
}
