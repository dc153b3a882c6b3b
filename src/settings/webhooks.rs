//! WEBHOOK_*: whom to tell what happens to users, with which keys, and of what. Whether the address may be called is
//! decided where calls are made.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;

use super::value::{self, Section};
use super::{OnFailure, ProviderSettings, SettingError, WebhookRules, pipeline, rules, strength};
use crate::model::EventType;
use crate::secrets::SharedKey;

const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the scheme has them.
const LEAST: usize = 24;
const MOST: usize = 64;

/// `None` without WEBHOOK_URL.
pub(super) fn webhooks(section: &Section, errors: &mut Vec<SettingError>) -> Option<WebhookRules> {
    let url = section.get("WEBHOOK_URL", errors, address);
    let secrets = section.get("WEBHOOK_SECRETS", errors, |value| match value::list(value)?.as_slice() {
        [] => Err("must hold at least one secret".to_owned()),
        secrets => secrets.iter().map(|text| secret(text)).collect::<Result<Vec<SharedKey>, String>>(),
    });
    let given = |name: &str| section.0.contains_key(name);
    if given("WEBHOOK_URL") && !given("WEBHOOK_SECRETS") {
        let problem = "must be set with WEBHOOK_URL, or nobody could tell our calls from a stranger's: whsec_ and what \
                       `openssl rand -base64 32` prints";
        errors.push(SettingError::new("WEBHOOK_SECRETS", problem));
    }
    let all = || EventType::ALL.into_iter().filter(|kind| *kind != EventType::UserCreating).collect();
    let events = section.get("WEBHOOK_EVENTS", errors, |value| {
        value::list(value)?.iter().map(|name| event(name)).collect::<Result<Vec<EventType>, String>>()
    });
    let timeout = section.get("WEBHOOK_TIMEOUT", errors, |value| {
        let longest = rules::LONGEST_CALL;
        value::seconds(value)
            .ok()
            .filter(|span| *span <= longest)
            .ok_or_else(|| format!("must be a number of seconds, more than 0 and at most {}", longest.as_secs()))
    });
    let on_failure = section.get("WEBHOOK_ON_FAILURE", errors, |value| {
        value::word(value, &[("refuse", OnFailure::Refuse), ("allow", OnFailure::Allow)])
    });
    let allow_private = section.get("WEBHOOK_ALLOW_PRIVATE", errors, value::flag);
    let retention = rules::retention(section, "WEBHOOK_RETENTION", Duration::from_secs(7 * 24 * 3600), errors);
    Some(WebhookRules {
        url: url?,
        secrets: secrets?,
        events: events.unwrap_or_else(all),
        allow_private: allow_private.unwrap_or(false),
        timeout: timeout.unwrap_or(Duration::from_secs(5)),
        on_failure: on_failure.unwrap_or(OnFailure::Refuse),
        retention,
    })
}

/// Places the step that asks before a user is created, where the settings want to be asked.
pub(super) fn ask_before_creation(
    webhooks: Option<&WebhookRules>,
    providers: &mut [ProviderSettings],
    section: &Section,
    errors: &mut Vec<SettingError>,
) {
    let asks = webhooks.is_some_and(|rules| rules.events.contains(&EventType::UserCreating));
    for pipeline in providers.iter_mut().map(|provider| &mut provider.user_rules.pipeline) {
        if asks {
            pipeline::ask_webhook(pipeline);
        }
    }
    let asking = providers.iter().any(|provider| pipeline::asks_webhook(&provider.user_rules.pipeline));
    if asking && !section.0.contains_key("WEBHOOK_URL") {
        errors.push(SettingError::new("WEBHOOK_URL", "must be set, since the pipeline has the step webhook"));
    }
}

fn address(value: &Value) -> Result<Url, String> {
    let written = value::text(value)?;
    Url::parse(written.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()))
        .filter(|url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none())
        .ok_or_else(|| {
            "must be a URL such as https://app.example.com/hooks/users, without a user or a fragment".to_owned()
        })
}

/// The text of a mistake shows no part of it.
fn secret(text: &str) -> Result<SharedKey, String> {
    let bytes = text.trim().strip_prefix(PREFIX).and_then(|key| STANDARD.decode(key).ok());
    let bytes = bytes
        .filter(|bytes| (LEAST..=MOST).contains(&bytes.len()))
        .ok_or_else(|| format!("must be a list of {PREFIX} followed by {LEAST} to {MOST} bytes in base64"))?;
    strength::check(&bytes).map_err(|problem| format!("a secret {problem}"))?;
    Ok(SharedKey::new(&bytes))
}

fn event(name: &str) -> Result<EventType, String> {
    EventType::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<&str> = EventType::ALL.iter().map(|kind| kind.name()).collect();
        format!("{name:?} is no event; there are {}", known.join(", "))
    })
}
