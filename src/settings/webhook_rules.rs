//! WEBHOOK_*: the endpoint, its secrets, and the events that are sent. `hook/` checks whether the address may be called.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::provider_settings::ProviderSettings;
use super::setting_reader::SettingReader;
use super::types::WebhookRules;
use super::value_type;
use super::{pipeline_steps, secret_keys};
use crate::model::EventType;
use crate::secrets::SharedKey;

const PREFIX: &str = "whsec_";
/// Bytes of a secret (Standard Webhooks).
const MIN_SECRET_LEN: usize = 24;
const MAX_SECRET_LEN: usize = 64;

/// `None` without WEBHOOK_URL.
pub(super) fn webhooks(reader: &mut SettingReader) -> Option<WebhookRules> {
    let url = reader.optional("WEBHOOK_URL", |url| {
        Url::parse(url.as_str().unwrap_or_default()).map_err(|_| "must be a URL".to_owned())
    });
    if reader.is_set("WEBHOOK_URL") {
        let problem = "must be set with WEBHOOK_URL, so that your software can verify the calls: whsec_ followed by what \
                       `openssl rand -base64 32` prints";
        reader.require("WEBHOOK_SECRETS", problem);
    }
    let secrets = reader.optional("WEBHOOK_SECRETS", |list| match value_type::texts(list)?.as_slice() {
        [] => Err("must contain at least one secret".to_owned()),
        secrets => secrets.iter().map(|text| secret(text)).collect::<Result<Vec<SharedKey>, String>>(),
    });
    let events = reader.list_of("WEBHOOK_EVENTS", event);
    let allow_private = reader.boolean("WEBHOOK_ALLOW_PRIVATE");
    let timeout = reader.seconds("WEBHOOK_TIMEOUT");
    let on_failure = reader.word("WEBHOOK_ON_FAILURE");
    let retention = reader.seconds_above_zero("WEBHOOK_RETENTION");
    Some(WebhookRules { url: url?, secrets: secrets?, events, allow_private, timeout, on_failure, retention })
}

/// Adds the step that asks before a user is created where WEBHOOK_EVENTS contains `user.creating`.
pub(super) fn add_webhook_step(
    reader: &mut SettingReader,
    webhooks: Option<&WebhookRules>,
    providers: &mut [ProviderSettings],
) {
    let asks = webhooks.is_some_and(|rules| rules.events.contains(&EventType::UserCreating));
    let mut has_step = false;
    for pipeline in providers.iter_mut().map(|provider| &mut provider.user_rules.pipeline) {
        if asks {
            pipeline_steps::add_webhook(pipeline);
        }
        has_step |= pipeline_steps::has_webhook(pipeline);
    }
    if has_step {
        reader.require("WEBHOOK_URL", "must be set, because the pipeline has the step webhook");
    }
}

/// Errors contain no part of the secret.
fn secret(text: &str) -> Result<SharedKey, String> {
    let bytes = text.trim().strip_prefix(PREFIX).and_then(|key| STANDARD.decode(key).ok());
    let bytes = bytes.filter(|bytes| (MIN_SECRET_LEN..=MAX_SECRET_LEN).contains(&bytes.len()));
    let bytes = bytes.ok_or_else(|| {
        format!("must be a list of {PREFIX} followed by {MIN_SECRET_LEN} to {MAX_SECRET_LEN} bytes in base64")
    })?;
    secret_keys::check_strength(&bytes).map_err(|problem| format!("a secret {problem}"))?;
    Ok(SharedKey::new(&bytes))
}

fn event(name: &str) -> Result<EventType, String> {
    let known = EventType::ALL.iter().copied().find(|kind| kind.name() == name);
    known.ok_or_else(|| {
        format!("{name:?} is not an event: {}", value_type::one_of(EventType::ALL.iter().map(|kind| kind.name())))
    })
}
