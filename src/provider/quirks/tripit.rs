//! The profile of TripIt is XML.

use serde_json::{Value, json};

use super::super::error::{ProviderError, Stage};
use crate::model::lenient;

pub fn read_profile(body: &Value) -> Result<Value, ProviderError> {
    let profile = profile(body.as_str().unwrap_or_default());
    profile.ok_or_else(|| ProviderError::failed(Stage::Profile, "the answer has no profile"))
}

pub fn profile(xml: &str) -> Option<Value> {
    // The parser refuses DTDs, so entities cannot be expanded.
    let xml = lenient::xml(xml);
    let document = roxmltree::Document::parse(&xml).ok()?;
    let profile = document.descendants().find(|node| node.has_tag_name("Profile"))?;
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        let child = node.children().find(|child| child.has_tag_name(name))?;
        child.text().map(str::to_owned)
    };
    let is_true = |node, name| child(node, name).as_deref() == Some("true");
    let addresses = profile.descendants().filter(|node| node.has_tag_name("ProfileEmailAddress"));
    let primary = addresses.into_iter().find(|node| is_true(*node, "is_primary"));
    Some(json!({
        "id": profile.attribute("ref"),
        "name": child(profile, "public_display_name"),
        "screen_name": child(profile, "screen_name"),
        "email": primary.and_then(|node| child(node, "address")),
        "email_confirmed": primary.is_some_and(|node| is_true(node, "is_confirmed")),
    }))
}
