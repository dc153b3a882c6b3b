//! All that is signed in, whatever its kind: one list, each entry ended by its id.

use super::authenticate::{Caller, Proof};
use super::{AccountService, AuthError};
use crate::model::{AuditKind, ClientInfo, CredentialEntry, CredentialHandle, Kind};
use crate::secrets::{Digest, hex};

/// An entry of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Names the entry and tells nothing of what authenticates.
    pub id: String,
    /// Whether it is what the caller just showed.
    pub is_current: bool,
    pub entry: CredentialEntry,
}

impl AccountService {
    /// The latest used first.
    pub async fn credentials(&self, caller: &Caller) -> Result<Vec<Listed>, AuthError> {
        let now = self.ambient.now();
        let mut entries = self.store.credentials_of(caller.user.id, now).await?;
        entries.retain(|entry| entry.kind != Kind::Session || !self.credentials.session.is_idle(entry.last_used, now));
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.last_used, entry.created)));
        let listed = |entry: CredentialEntry| Listed {
            id: id_of(&entry),
            is_current: self.is_current(caller, &entry.handle),
            entry,
        };
        Ok(entries.into_iter().map(listed).collect())
    }

    /// Ends one entry of the list. False: there is none of this id. An access JWT that was already handed out lives on
    /// until its end, minutes later: nobody asks the store about it.
    pub async fn end_credential(&self, caller: &Caller, id: &str, client: &ClientInfo) -> Result<bool, AuthError> {
        let listed = self.credentials(caller).await?;
        let Some(found) = listed.into_iter().find(|listed| listed.id == id) else { return Ok(false) };
        let audit = self.event(AuditKind::LogOut, Some(found.entry.kind), caller.user.id, client);
        self.store.end(&[found.entry.handle], caller.user.id, self.ambient.now(), &audit).await?;
        Ok(true)
    }

    /// Ends all entries but the one that the caller showed; returns how many.
    pub async fn end_other_credentials(&self, caller: &Caller, client: &ClientInfo) -> Result<u64, AuthError> {
        let listed = self.credentials(caller).await?;
        let others = listed.into_iter().filter(|listed| !listed.is_current).map(|listed| listed.entry.handle);
        let others: Vec<_> = others.collect();
        let audit = self.event(AuditKind::LogOut, None, caller.user.id, client);
        self.store.end(&others, caller.user.id, self.ambient.now(), &audit).await?;
        Ok(others.len() as u64)
    }

    /// Whether what the caller shows comes from a login that is at most FRESH_LOGIN_AGE old (SEC-25). One of which nobody
    /// knows where it comes from is not. Errors: `fresh_login_required`.
    pub(super) async fn require_fresh_login(&self, caller: &Caller) -> Result<(), AuthError> {
        if self.is_fresh(caller).await? { Ok(()) } else { Err(AuthError::LoginTooOld) }
    }

    /// Whether the caller may not link an account before a new login: only with LINK_NEEDS_FRESH_LOGIN (SEC-25).
    pub async fn is_too_old_to_link(&self, caller: Option<&Caller>) -> Result<bool, AuthError> {
        match caller.filter(|_| self.settings.link_needs_fresh_login) {
            Some(caller) => Ok(!self.is_fresh(caller).await?),
            None => Ok(false),
        }
    }

    async fn is_fresh(&self, caller: &Caller) -> Result<bool, AuthError> {
        let Some(age) = self.settings.fresh_login_age else { return Ok(true) };
        let listed = self.credentials(caller).await?;
        let shown = listed.iter().find(|listed| listed.is_current);
        let signed_in = shown.and_then(|listed| listed.entry.signed_in);
        Ok(signed_in.is_some_and(|at| at.plus(age) >= self.ambient.now()))
    }

    fn is_current(&self, caller: &Caller, handle: &CredentialHandle) -> bool {
        match (&caller.proof, handle) {
            (Proof::Session(shown), CredentialHandle::Session(kept))
            | (Proof::Token(shown), CredentialHandle::Token(kept)) => shown.matches(kept),
            (Proof::Knox(shown), CredentialHandle::Knox(kept)) => shown == kept,
            (Proof::Jwt(jti), CredentialHandle::Family(family)) => self.credentials.jwt.is_of_family(jti, family),
            _ => false,
        }
    }
}

fn id_of(entry: &CredentialEntry) -> String {
    let digest = match &entry.handle {
        CredentialHandle::Session(digest) | CredentialHandle::Token(digest) => Digest::of(digest.as_bytes()),
        CredentialHandle::Family(name) | CredentialHandle::Knox(name) => Digest::of(name.as_bytes()),
    };
    hex(&digest.as_bytes()[..12])
}
