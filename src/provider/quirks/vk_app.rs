//! A page inside VK is handed the visitor's id, an access token and a signature over the id instead of a code.

use async_trait::async_trait;
use serde_json::Value;

use super::super::ProviderError;
use super::super::call::{Call, failed};
use super::super::descriptor::{Format, Method};
use super::super::exchange::Login;
use super::super::expression::as_text;
use super::super::functions::md5_hex;
use super::super::{config, reply};
use super::Quirk;
use super::vk::Vk;
use crate::secrets::{ExposeSecret, same};

pub struct VkApp;

const API: &str = "https://api.vk.ru/api.php";

#[async_trait]
impl Quirk for VkApp {
    fn token_reply(&self, login: &Login<'_>, token: &mut Value) -> Result<(), ProviderError> {
        let (provider, text) = (login.provider, |name: &str| token.get(name).and_then(as_text).unwrap_or_default());
        let signed = format!("{}_{}_{}", provider.client_id, text("viewer_id"), provider.client_secret.expose_secret());
        if same(md5_hex(&signed).as_bytes(), text("auth_key").as_bytes()) {
            Ok(())
        } else {
            Err(ProviderError::InvalidCode { message: Some("The auth_key does not fit the viewer.".to_owned()) })
        }
    }

    async fn profile_fetch(&self, login: &Login<'_>) -> Result<Option<Vec<Value>>, ProviderError> {
        let text = |name: &str| login.token.get(name).and_then(as_text).unwrap_or_default();
        // USERMODE: 0 anybody, 1 those of whom the page says that they installed the application, 2 VK is asked.
        let installed = match login.provider.values.get("USERMODE").and_then(Value::as_f64) {
            Some(mode) if (mode - 1.0).abs() < f64::EPSILON => text("is_app_user"),
            Some(mode) if (mode - 2.0).abs() < f64::EPSILON => is_app_user(login, &text("viewer_id")).await?,
            _ => "1".to_owned(),
        };
        if matches!(installed.as_str(), "" | "0" | "null") {
            return Err(ProviderError::NotAllowed { reason: "application_not_installed".to_owned() });
        }
        Vk.profile_fetch(login).await
    }
}

async fn is_app_user(login: &Login<'_>, viewer: &str) -> Result<String, ProviderError> {
    const STAGE: &str = "profile";
    let provider = login.provider;
    let mut call = Call::new(STAGE, Method::GET, API.parse().map_err(|_| failed(STAGE, "there is no address"))?);
    let version = config::text(&provider.values, "API_VERSION").unwrap_or_default();
    // In the order of the names, as the signature wants them.
    call.query = [
        ("api_id", provider.client_id.as_str()),
        ("format", "json"),
        ("method", "isAppUser"),
        ("user_id", viewer),
        ("v", version),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let joined: String = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signature = md5_hex(&(joined + provider.client_secret.expose_secret()));
    call.query.push(("sig".to_owned(), signature));
    let answer = call.send(&provider.client, login.callback.deadline).await?;
    let body = reply::read(&answer, STAGE, Format::Json, &provider.descriptor.errors, &login.secrets())?;
    Ok(body.get("response").and_then(as_text).unwrap_or_default())
}
