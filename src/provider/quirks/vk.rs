//! VK answers only the members that are asked for: those named in EXTRA_DATA are asked for as well.

use async_trait::async_trait;
use serde_json::Value;

use super::super::ProviderError;
use super::super::exchange::Login;
use super::Quirk;

pub struct Vk;

/// Made of `photo_50`, so never asked for.
const MADE_HERE: [&str; 2] = ["photo", "user_photo"];

#[async_trait]
impl Quirk for Vk {
    async fn profile_fetch(&self, login: &Login<'_>) -> Result<Option<Vec<Value>>, ProviderError> {
        let provider = login.provider;
        let Some(request) = provider.descriptor.userinfo.first() else { return Ok(None) };
        let Some(mut call) = provider.profile_call(login, request, 0, &login.scope())? else { return Ok(None) };
        if let Some((_, fields)) = call.query.iter_mut().find(|(name, _)| name == "fields") {
            for field in provider.extra_fields_of_settings().iter().map(|field| field.from.as_str()) {
                if !MADE_HERE.contains(&field) && !fields.split(',').any(|known| known == field) {
                    fields.push(',');
                    fields.push_str(field);
                }
            }
        }
        let (body, _) = provider.ask(login, request, call).await?;
        Ok(Some(vec![body]))
    }
}
