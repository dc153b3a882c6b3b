//! What a Rust program adds to the server: steps of the pipeline, and claims of its JWTs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::pipeline::{AskWebhook, Step};
use crate::hook::Hook;
use crate::model::{Identity, User};

/// From a user and what the provider said of them to further claims.
pub(super) type Claims = Arc<dyn Fn(&User, &Identity) -> Map<String, Value> + Send + Sync>;

#[derive(Clone, Default)]
pub struct Extensions {
    pub(super) steps: HashMap<String, Arc<dyn Step>>,
    pub(super) claims: Option<Claims>,
}

impl Extensions {
    /// A step that SOCIAL_AUTH_PIPELINE names. One of the same name is replaced.
    pub fn step(&mut self, name: &str, step: impl Step + 'static) {
        self.steps.insert(name.to_owned(), Arc::new(step));
    }

    /// Whoever the step `webhook` asks.
    pub fn webhook(&mut self, hook: Arc<Hook>) {
        self.step("webhook", AskWebhook(hook));
    }

    /// Names of the steps.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.steps.keys().map(String::as_str)
    }

    /// Called once a login, while its transaction is open: it must be quick and must not block.
    pub fn claims(&mut self, claims: impl Fn(&User, &Identity) -> Map<String, Value> + Send + Sync + 'static) {
        self.claims = Some(Arc::new(claims));
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").field("steps", &self.steps.keys()).finish_non_exhaustive()
    }
}
