//! All that is signed in, whatever its kind: one list, each entry ended by its id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;

use super::authenticate::{Caller, Proof};
use super::{AccountService, AuthError};
use crate::clock::UnixMillis;
use crate::model::{AuditKind, ClientInfo, CredentialEntry, CredentialHandle, CredentialPage, CredentialPosition};
use crate::secrets::{Digest, ServerKey, decrypt, encrypt};

/// Entries read at a time where one of them is looked for.
const SEARCH_PAGE: i64 = 100;

/// An entry of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Names the entry and tells nothing of what authenticates.
    pub id: String,
    /// Whether it is what the caller just showed.
    pub is_current: bool,
    pub entry: CredentialEntry,
}

/// A page of the list.
#[derive(Clone, Debug)]
pub struct ListedPage {
    pub entries: Vec<Listed>,
    /// What names the next page to this caller; `None`: this is the last one.
    pub next: Option<String>,
}

impl AccountService {
    /// One page of at most `limit` entries, the latest used first. `None`: `cursor` names no page of this user's list.
    pub async fn credential_page(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Option<ListedPage>, AuthError> {
        let after = match cursor {
            None => None,
            Some(cursor) => match self.opened_cursor(caller, cursor) {
                Some(position) => Some(position),
                None => return Ok(None),
            },
        };
        // One more than asked for tells whether there are more.
        let mut entries =
            self.credentials_after(caller, after, i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1).await?;
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| has_more);
        let next = last.map(|last| self.cursor(caller, &last.entry.position()));
        Ok(Some(ListedPage { entries, next }))
    }

    /// The whole list, the latest used first.
    pub async fn credentials(&self, caller: &Caller) -> Result<Vec<Listed>, AuthError> {
        self.credentials_after(caller, None, i64::MAX).await
    }

    async fn credentials_after(
        &self,
        caller: &Caller,
        after: Option<CredentialPosition>,
        limit: i64,
    ) -> Result<Vec<Listed>, AuthError> {
        let now = self.deps.now();
        let page = CredentialPage { now, idle_since: self.credentials.session.idle_since(now), after, limit };
        let entries = self.store.credentials_of(caller.user.id, &page).await?;
        let listed = |entry: CredentialEntry| Listed {
            id: id_of(&entry),
            is_current: self.is_current(caller, &entry.handle),
            entry,
        };
        Ok(entries.into_iter().map(listed).collect())
    }

    /// Reads page after page: what is looked for was mostly used a moment ago.
    async fn find_credential(
        &self,
        caller: &Caller,
        is_wanted: impl Fn(&Listed) -> bool,
    ) -> Result<Option<Listed>, AuthError> {
        let mut after = None;
        loop {
            let mut page = self.credentials_after(caller, after, SEARCH_PAGE).await?;
            if let Some(found) = page.iter().position(&is_wanted) {
                return Ok(Some(page.swap_remove(found)));
            }
            let Some(last) = page.last() else { return Ok(None) };
            after = Some(last.entry.position());
        }
    }

    /// Encrypted and bound to the user: the position has the digest of a credential.
    fn cursor(&self, caller: &Caller, position: &CredentialPosition) -> String {
        let (kind, key) = match &position.handle {
            CredentialHandle::Session(digest) => (0, digest.as_bytes()),
            CredentialHandle::Token(digest) => (1, digest.as_bytes()),
            CredentialHandle::Knox(name) => (2, name.as_bytes()),
            CredentialHandle::Family(name) => (3, name.as_bytes()),
        };
        let (last_used, created) = (position.last_used.0.to_be_bytes(), position.created.0.to_be_bytes());
        let plain = [&last_used[..], &created, &[kind], key].concat();
        let user = caller.user.id.0.to_be_bytes();
        URL_SAFE_NO_PAD.encode(encrypt(&self.cursor_key(), &user, &plain, &self.deps))
    }

    fn opened_cursor(&self, caller: &Caller, cursor: &str) -> Option<CredentialPosition> {
        let encrypted = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let plain = decrypt(&self.cursor_key(), &caller.user.id.0.to_be_bytes(), &encrypted)?;
        let (last_used, rest) = plain.split_first_chunk::<8>()?;
        let (created, rest) = rest.split_first_chunk::<8>()?;
        let (kind, key) = rest.split_first()?;
        let name = || String::from_utf8(key.to_vec()).ok();
        let handle = match kind {
            0 => CredentialHandle::Session(Digest::from_stored(key)?),
            1 => CredentialHandle::Token(Digest::from_stored(key)?),
            2 => CredentialHandle::Knox(name()?),
            3 => CredentialHandle::Family(name()?),
            _ => return None,
        };
        let moment = |bytes: &[u8; 8]| UnixMillis(i64::from_be_bytes(*bytes));
        Some(CredentialPosition { last_used: moment(last_used), created: moment(created), handle })
    }

    fn cursor_key(&self) -> [u8; 32] {
        ServerKey::new(&self.settings.secret_key).derive("cursor of the list of credentials", &[])
    }

    /// Ends one entry of the list. False: there is none of this id. An access JWT that was already handed out lives on
    /// until its end, minutes later: nobody asks the store about it.
    pub async fn end_credential(&self, caller: &Caller, id: &str, client: &ClientInfo) -> Result<bool, AuthError> {
        let Some(found) = self.find_credential(caller, |listed| listed.id == id).await? else { return Ok(false) };
        let audit = self.event(AuditKind::LogOut, Some(found.entry.kind), caller.user.id, client);
        self.store.revoke(&[found.entry.handle], caller.user.id, self.deps.now(), &audit).await?;
        Ok(true)
    }

    /// Ends all entries but the one that the caller showed; returns how many.
    pub async fn end_other_credentials(&self, caller: &Caller, client: &ClientInfo) -> Result<u64, AuthError> {
        let listed = self.credentials(caller).await?;
        let others = listed.into_iter().filter(|listed| !listed.is_current).map(|listed| listed.entry.handle);
        let others: Vec<_> = others.collect();
        let audit = self.event(AuditKind::LogOut, None, caller.user.id, client);
        self.store.revoke(&others, caller.user.id, self.deps.now(), &audit).await?;
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
        let shown = self.find_credential(caller, |listed| listed.is_current).await?;
        let signed_in = shown.and_then(|listed| listed.entry.signed_in);
        Ok(signed_in.is_some_and(|at| at.plus(age) >= self.deps.now()))
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
    HEXLOWER.encode(&digest.as_bytes()[..12])
}
