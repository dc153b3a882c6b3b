//! Calls WEBHOOK_URL.

use tokio::time::Instant;
use url::{Host, Url};

use super::signature;
use crate::clock::Deps;
use crate::model::{Finding, UserFields};
use crate::outgoing::{Client, OutgoingError, Reply, Request};
use crate::settings::{OutgoingRules, SettingError, Settings, WebhookRules};

/// The receiver at WEBHOOK_URL.
pub struct Webhook {
    pub(super) rules: WebhookRules,
    /// Declared fields of a user.
    pub(super) fields: UserFields,
    client: Client,
    pub(super) deps: Deps,
}

impl Webhook {
    /// `None`: WEBHOOK_URL is not set. Errors: an address that is not allowed, certificates that cannot be read.
    pub fn new(settings: &Settings, deps: &Deps) -> Result<Option<Self>, SettingError> {
        let Some(rules) = settings.webhooks.clone() else { return Ok(None) };
        let private = rules.allow_private || settings.outgoing.allow_private || is_literal_address(&rules.url);
        let client = Client::new(&OutgoingRules { allow_private: private, ..settings.outgoing.clone() })?;
        client.may_call(&rules.url).map_err(|error| {
            let advice = match error {
                _ if private => "plain http is only for private and loopback addresses: use https",
                _ => {
                    "must be https; plain http is allowed for an IP address of a private network, or with \
                      WEBHOOK_ALLOW_PRIVATE"
                }
            };
            SettingError::new("WEBHOOK_URL", advice)
        })?;
        Ok(Some(Self { rules, fields: settings.users.own_fields.clone(), client, deps: deps.clone() }))
    }

    /// One delivery attempt. `body` is signed unchanged, with the time of this attempt. Errors: no answer of 2xx.
    pub async fn deliver(&self, id: &str, body: &str) -> Result<(), DeliveryError> {
        let reply = self.post(id, body).await?;
        if reply.is_success() { Ok(()) } else { Err(DeliveryError::Status(reply.status)) }
    }

    /// Whether the endpoint is reachable: an unsigned GET; any answer counts.
    pub async fn check_reachable(&self) -> Finding {
        let deadline = Instant::now() + self.rules.timeout;
        match self.client.probe(reqwest::Method::GET, self.rules.url.clone(), deadline).await {
            Ok(_) => Finding::ok("WEBHOOK_URL answers"),
            Err(error @ OutgoingError::Forbidden { .. }) => {
                Finding::error("WEBHOOK_URL", format!("{error}; to allow private addresses, set WEBHOOK_ALLOW_PRIVATE"))
            }
            Err(error) => Finding::error("WEBHOOK_URL", format!("{error}; {}", error.advice())),
        }
    }

    pub(super) async fn post(&self, id: &str, body: &str) -> Result<Reply, OutgoingError> {
        let mut request = Request::post_json(self.rules.url.clone(), body.to_owned());
        request.headers = signature::headers(&self.rules.secrets, id, self.deps.now(), body);
        self.client.send(&request, Instant::now() + self.rules.timeout).await
    }
}

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The answer's status is not 2xx.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// The receiver failed repeatedly and was not called.
    #[error("not called: the circuit breaker is open")]
    CircuitOpen,
    /// The receiver did not answer.
    #[error(transparent)]
    NoAnswer(OutgoingError),
}

impl From<OutgoingError> for DeliveryError {
    fn from(error: OutgoingError) -> Self {
        match error {
            OutgoingError::CircuitOpen { .. } => Self::CircuitOpen,
            error => Self::NoAnswer(error),
        }
    }
}

/// Whether the host needs no name resolution: such an address is the operator's choice, so it may be private.
fn is_literal_address(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
