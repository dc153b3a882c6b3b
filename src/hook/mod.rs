//! The operator's own software, called by signed webhooks in the manner of Standard Webhooks: asked before a user is
//! created, told of everything else afterwards.
//!
//! `login/` asks, `delivery/` tells; what is told is worded here while the store writes what it tells of. There is one
//! address, which stands in the settings and nowhere else, and no redirect is followed (SEC-37). It must never log a
//! body, an answer or the URL's query.
//!
//! | file | what |
//! |---|---|
//! | `message.rs` | what an event says, and who wants it |
//! | `signature.rs` | the three headers |
//! | `question.rs` | may this user be created, and as who |

mod message;
mod question;
mod signature;

use tokio::time::Instant;
use url::{Host, Url};

pub use self::message::event_factory;
pub use self::question::{Candidate, NoDecision, UserOverrides, Verdict};
use crate::clock::Deps;
use crate::model::{Finding, UserFields};
use crate::outgoing::{Body, Client, OutgoingError, Reply, Request};
use crate::settings::{OutgoingRules, SettingError, Settings, WebhookRules};

/// Whoever stands at WEBHOOK_URL.
pub struct Hook {
    rules: WebhookRules,
    /// Declared ones, beyond the stock user's.
    fields: UserFields,
    client: Client,
    deps: Deps,
}

impl Hook {
    /// `None`: nobody wants to be called.
    ///
    /// Errors: an address that may not be called, certificates that cannot be read.
    pub fn new(settings: &Settings, deps: &Deps) -> Result<Option<Self>, SettingError> {
        let Some(rules) = settings.webhooks.clone() else { return Ok(None) };
        let private = rules.allow_private || settings.outgoing.allow_private || is_written_out(&rules.url);
        let client = Client::new(&OutgoingRules { allow_private: private, ..settings.outgoing.clone() })?;
        client.may_call(&rules.url).map_err(|error| {
            let advice = match error {
                _ if private => "plain http is for private and loopback addresses: use https",
                _ => {
                    "must be https; an address of this network may be called by plain http if it is written as an IP \
                      address, or with WEBHOOK_ALLOW_PRIVATE"
                }
            };
            SettingError::new("WEBHOOK_URL", advice)
        })?;
        Ok(Some(Self { rules, fields: settings.users.own_fields.clone(), client, deps: deps.clone() }))
    }

    /// One attempt to tell. `body` is signed as it is, with the moment of this attempt.
    pub async fn tell(&self, id: &str, body: &str) -> Result<(), DeliveryError> {
        let reply = self.post(id, body).await?;
        if (200..300).contains(&reply.status) { Ok(()) } else { Err(DeliveryError::Status(reply.status)) }
    }

    /// Whether somebody is at home there: a plain request that proves nothing; any answer counts.
    pub async fn check_up(&self) -> Finding {
        let deadline = Instant::now() + self.rules.timeout;
        match self.client.probe(reqwest::Method::GET, self.rules.url.clone(), deadline).await {
            Ok(_) => Finding::ok("WEBHOOK_URL answers"),
            Err(error @ OutgoingError::Forbidden { .. }) => Finding::error(
                "WEBHOOK_URL",
                format!("{error}; WEBHOOK_ALLOW_PRIVATE opens addresses of this network to it"),
            ),
            Err(error) => Finding::error("WEBHOOK_URL", format!("{error}; {}", error.advice())),
        }
    }

    async fn post(&self, id: &str, body: &str) -> Result<Reply, OutgoingError> {
        let mut request = Request::new(reqwest::Method::POST, self.rules.url.clone());
        request.headers = signature::headers(&self.rules.secrets, id, self.deps.now(), body);
        request.body = Body::RawJson(body.to_owned());
        self.client.send(&request, Instant::now() + self.rules.timeout).await
    }
}

/// Why somebody could not be told.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("the answer's status is {0}")]
    Status(u16),
    /// It has failed again and again, and was not called this time.
    #[error("it is left alone for a moment")]
    CircuitOpen,
    #[error(transparent)]
    NoAnswer(OutgoingError),
}

impl From<OutgoingError> for DeliveryError {
    fn from(error: OutgoingError) -> Self {
        match error {
            OutgoingError::CoolingDown { .. } => Self::CircuitOpen,
            error => Self::NoAnswer(error),
        }
    }
}

/// An address that no name server has a say in: it is the operator's word, so it may be one of this network.
fn is_written_out(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
