//! TripIt answers the profile in XML.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::super::ProviderError;
use super::super::call::failed;
use super::super::exchange::Login;
use super::Quirk;

pub struct TripIt;

#[async_trait]
impl Quirk for TripIt {
    async fn profile_fetch(&self, login: &Login<'_>) -> Result<Option<Vec<Value>>, ProviderError> {
        let provider = login.provider;
        let Some(request) = provider.descriptor.userinfo.first() else { return Ok(None) };
        let Some(call) = provider.profile_call(login, request, 0, &login.scope())? else { return Ok(None) };
        let (body, _) = provider.ask(login, request, call).await?;
        let profile = profile(body.as_str().unwrap_or_default());
        Ok(Some(vec![profile.ok_or_else(|| failed("profile", "the answer holds no profile"))?]))
    }
}

fn profile(xml: &str) -> Option<Value> {
    // The parser takes no DTD, so no entity can grow.
    let document = roxmltree::Document::parse(xml).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_address_is_the_persons() {
        let address = |text: &str, primary: bool| {
            format!(
                "<ProfileEmailAddress><address>{text}</address><is_confirmed>true</is_confirmed>\
                 <is_primary>{primary}</is_primary></ProfileEmailAddress>"
            )
        };
        let xml = format!(
            "<Response><Profile ref=\"p-1\"><ProfileEmailAddresses>{}{}</ProfileEmailAddresses>\
             <screen_name>ada</screen_name><public_display_name>Ada B.</public_display_name></Profile></Response>",
            address("old@mail.example", false),
            address("ada@mail.example", true),
        );
        let found = profile(&xml).unwrap();
        assert_eq!(found["id"], "p-1");
        assert_eq!((&found["email"], &found["email_confirmed"]), (&json!("ada@mail.example"), &json!(true)));
        assert_eq!((&found["name"], &found["screen_name"]), (&json!("Ada B."), &json!("ada")));
        assert_eq!(profile("<Response/>"), None);
        assert_eq!(profile("no XML"), None);
    }
}
