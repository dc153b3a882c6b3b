//! Adds the webhooks to the document. They are calls of the server, so they have no handler that could describe them.

use serde_json::{Map, Value};

use super::shared_components::add_components;

/// OpenAPI 3.0 has no webhooks: tools know this name.
pub const EXTENSION: &str = "x-webhooks";

/// Adds `x-webhooks`, their components and their tag.
pub fn add(document: &mut Value) {
    let mut own: Value = serde_yaml::from_str(include_str!("webhooks.yaml")).expect("the file is YAML");
    if let (Some(tags), Value::Array(own)) = (document["tags"].as_array_mut(), own["tags"].take()) {
        tags.extend(own);
    }
    for (kind, components) in members(own["components"].take()) {
        add_components(document, &kind, members(components));
    }
    document[EXTENSION] = own["webhooks"].take();
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{DocumentFormat, DocumentOptions};
    use crate::model::EventType;

    #[test]
    fn every_event_type_is_documented() {
        let document: Value =
            serde_json::from_str(&DocumentOptions::default().document(DocumentFormat::Json)).expect("JSON");
        let documented: Vec<&String> = document[EXTENSION].as_object().expect("an object").keys().collect();
        let all: Vec<&str> = EventType::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(documented, all);
        assert!(document["components"]["schemas"]["User"].is_object(), "the other schemas are kept");
    }
}
