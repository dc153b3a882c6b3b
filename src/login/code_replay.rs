//! The same code again. Within 30 seconds the same browser waits for the first request and gets its answer (React's
//! StrictMode posts twice). Another browser, or a later repeat, is refused with `code_already_used` (SEC-6).

use std::time::Duration;

use super::answer_cipher::already_used;
use super::decide_and_commit::LoginContext;
use super::error::LoginError;
use super::outcome::LoginOutcome;
use super::service::LoginService;
use crate::model::{CodeClaim, UsedCode};

/// How long after the claim a repeat gets the first answer.
pub(super) const REPLAY_WINDOW: Duration = Duration::from_secs(30);
/// How long a repeat waits for the first answer: longer than all calls of one login to the provider and the webhook.
const MAX_WAIT: Duration = Duration::from_secs(28);
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(20);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(250);

impl LoginService {
    pub(super) async fn replay(
        &self,
        claim: &CodeClaim,
        mut used: UsedCode,
        context: &LoginContext,
    ) -> Result<LoginOutcome, LoginError> {
        let is_same_caller = used.binding.as_ref().is_some_and(|stored| context.binding.includes(stored));
        let is_in_window = self.deps.now() <= used.claimed.plus(REPLAY_WINDOW);
        let cipher = context.cipher.as_ref().filter(|_| is_same_caller && is_in_window).ok_or_else(already_used)?;
        let (mut interval, mut waited) = (MIN_POLL_INTERVAL, Duration::ZERO);
        loop {
            if let Some(encrypted) = &used.answer {
                return cipher.decrypt(encrypted).unwrap_or_else(|| Err(already_used()));
            }
            if waited > MAX_WAIT {
                return Err(already_used());
            }
            tokio::time::sleep(interval).await;
            waited += interval;
            interval = (interval * 2).min(MAX_POLL_INTERVAL);
            used = self.store.used_code(&claim.digest).await?.ok_or_else(already_used)?;
        }
    }
}
