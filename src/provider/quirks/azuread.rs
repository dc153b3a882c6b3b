//! Clients of Microsoft may have no secret. A workload then authenticates with an assertion from a file that its platform renews
//! (federated identity credentials), or from the settings.

use tokio::time::Instant;

use super::super::call::set_pair;
use super::super::context::ExchangeContext;
use super::super::error::{ProviderError, Stage};
use crate::outgoing::Request;
use crate::secrets::ExposeSecret;

pub async fn add_client_assertion(context: &ExchangeContext<'_>, call: &mut Request) -> Result<(), ProviderError> {
    let provider = context.provider;
    if !provider.client_secret.expose_secret().is_empty() {
        return Ok(());
    }
    let setting = |name| provider.values.text(name);
    let assertion = match (setting("CLIENT_ASSERTION"), setting("FEDERATED_TOKEN_FILE")) {
        (Some(assertion), _) => assertion.to_owned(),
        // Read each time, because the platform replaces it every hour.
        (None, Some(file)) => read_file(file.to_owned(), context.callback.deadline).await.map_err(|error| {
            ProviderError::failed(Stage::Token, format!("FEDERATED_TOKEN_FILE cannot be read: {}", error.kind()))
        })?,
        (None, None) => return Err(ProviderError::failed(Stage::Token, "neither SECRET nor CLIENT_ASSERTION is set")),
    };
    if let Some(form) = call.form() {
        form.retain(|(name, _)| name != "client_secret");
        set_pair(form, "client_assertion_type", setting("CLIENT_ASSERTION_TYPE").unwrap_or_default().to_owned());
        set_pair(form, "client_assertion", assertion.trim().to_owned());
    }
    Ok(())
}

/// Runs on a blocking thread, because the file may be on a network drive.
async fn read_file(file: String, deadline: Instant) -> std::io::Result<String> {
    let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(file));
    match tokio::time::timeout_at(deadline, reading).await {
        Ok(read) => read.unwrap_or_else(|error| Err(std::io::Error::other(error))),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
