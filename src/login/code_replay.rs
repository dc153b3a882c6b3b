//! The same code once more. The same browser, within 30 seconds, waits for the first post and gets its answer (React's
//! StrictMode posts twice); anybody else, or later, is refused (SEC-6).

use std::time::Duration;

use super::authorization_request::Binding;
use super::error::{LoginError, Refusal};
use super::{LoginResult, LoginService};
use crate::clock::Deps;
use crate::model::{CodeClaim, Kind, UsedCode};
use crate::secrets::{self, ServerKey};

/// How long after the first post the same browser gets its answer again.
pub(super) const WINDOW: Duration = Duration::from_secs(30);
/// Longer than all calls of one login may take, to the provider and to the operator's own software.
const BODY_TIMEOUT: Duration = Duration::from_secs(28);
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Seals an answer with a key derived from the code itself, which no table has: the row alone opens nothing.
pub(super) struct AnswerCipher {
    key: [u8; 32],
    /// The route: another kind of credential is another answer.
    route: String,
}

impl AnswerCipher {
    pub(super) fn new(key: &ServerKey, code: &[&[u8]], kind: Kind, with_user: bool) -> Self {
        Self { key: key.derive("login answer", code), route: format!("{kind} {with_user}") }
    }

    pub(super) fn close(&self, answer: &Result<LoginResult, LoginError>, deps: &Deps) -> Vec<u8> {
        let plain = serde_json::to_vec(answer).expect("plain data has a JSON form");
        secrets::encrypt(&self.key, self.route.as_bytes(), &plain, deps)
    }

    pub(super) fn open(&self, encrypted: &[u8]) -> Option<Result<LoginResult, LoginError>> {
        let plain = secrets::decrypt(&self.key, self.route.as_bytes(), encrypted)?;
        let mut answer: Result<LoginResult, LoginError> = serde_json::from_slice(&plain).ok()?;
        if let Err(error) = &mut answer {
            // The first answer has its row (SEC-45).
            error.about.is_written = true;
        }
        Some(answer)
    }
}

impl LoginService {
    pub(super) async fn repeat(
        &self,
        claim: &CodeClaim,
        mut used: UsedCode,
        binding: &Binding,
        encrypt: Option<AnswerCipher>,
    ) -> Result<LoginResult, LoginError> {
        let ours = used.binding.as_ref().and_then(|kept| binding.matching(kept)).is_some();
        let (true, Some(encrypt)) = (ours && self.deps.now() <= used.claimed.plus(WINDOW), encrypt) else {
            return Err(already_used());
        };
        let mut pause = FIRST_LOOK;
        let mut waited = Duration::ZERO;
        loop {
            if let Some(encrypted) = &used.answer {
                return encrypt.open(encrypted).unwrap_or_else(|| Err(already_used()));
            }
            if waited > BODY_TIMEOUT {
                return Err(already_used());
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
            used = self.store.used_code(&claim.digest).await?.ok_or_else(already_used)?;
        }
    }
}

pub(super) fn already_used() -> LoginError {
    LoginError::new(Refusal::CodeAlreadyUsed, "This code was posted before: begin again to get another one.")
}
