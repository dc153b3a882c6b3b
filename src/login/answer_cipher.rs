//! Encrypts the answer of a login, so that the same browser can get it again.

use super::error::{LoginError, Refusal};
use super::outcome::LoginOutcome;
use crate::clock::Deps;
use crate::model::{AuditState, LoginKind};
use crate::secrets::{self, ServerKey};

/// Encrypts an answer with a key that is derived from the code itself. The code is in no table, so the database alone cannot
/// decrypt the answer.
pub(super) struct AnswerCipher {
    key: [u8; 32],
    /// The name of the route, as associated data.
    route: &'static str,
}

impl AnswerCipher {
    pub(super) fn new(key: &ServerKey, code: &[&[u8]], kind: LoginKind) -> Self {
        Self { key: key.derive("login answer", code), route: kind.into() }
    }

    pub(super) fn encrypt(&self, answer: &Result<LoginOutcome, LoginError>, deps: &Deps) -> Vec<u8> {
        let plain = serde_json::to_vec(answer).expect("plain data has a JSON form");
        secrets::encrypt(&self.key, self.route.as_bytes(), &plain, deps)
    }

    /// `None`: it was encrypted with another SECRET_KEY, for another route, or by another release.
    pub(super) fn decrypt(&self, encrypted: &[u8]) -> Option<Result<LoginOutcome, LoginError>> {
        let plain = secrets::decrypt(&self.key, self.route.as_bytes(), encrypted)?;
        let mut answer: Result<LoginOutcome, LoginError> = serde_json::from_slice(&plain).ok()?;
        if let Err(error) = &mut answer {
            // The first answer is in the audit log already (SEC-45).
            error.context.audit = AuditState::Written;
        }
        Some(answer)
    }
}

pub(super) fn already_used() -> LoginError {
    LoginError::new(Refusal::CodeAlreadyUsed, "This code was used already: start the login again to get a new one.")
}
