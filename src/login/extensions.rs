//! What a Rust program adds to the server: pipeline steps and JWT claims.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::pipeline::{AskWebhook, Step};
use crate::hook::Webhook;
use crate::model::{Identity, User};

/// Makes additional claims from a user and the identity of the login.
pub(super) type Claims = Arc<dyn Fn(&User, &Identity) -> Map<String, Value> + Send + Sync>;

/// Steps and claims of a Rust program.
#[derive(Clone, Default)]
pub struct Extensions {
    pub(super) steps: HashMap<String, Arc<dyn Step>>,
    pub(super) claims: Option<Claims>,
}

impl Extensions {
    /// Adds a step that SOCIAL_AUTH_PIPELINE can name, or replaces the one of this name.
    pub fn step(&mut self, name: &str, step: impl Step + 'static) {
        self.steps.insert(name.to_owned(), Arc::new(step));
    }

    /// Adds the step `webhook`.
    pub fn webhook(&mut self, hook: Arc<Webhook>) {
        self.step("webhook", AskWebhook(hook));
    }

    /// Names of the added steps.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.steps.keys().map(String::as_str)
    }

    /// Sets the function that makes additional claims. It runs inside the transaction of each login, so it must not block.
    pub fn claims(&mut self, claims: impl Fn(&User, &Identity) -> Map<String, Value> + Send + Sync + 'static) {
        self.claims = Some(Arc::new(claims));
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").field("steps", &self.steps.keys()).finish_non_exhaustive()
    }
}
