//! The list of a user's credentials of all kinds; each can be revoked by its id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;

use super::account_service::AccountService;
use super::authenticate::{Caller, Proof};
use super::error::AuthError;
use crate::clock::UnixMillis;
use crate::credential::jwt::Jwts;
use crate::model::{AuditKind, ClientInfo, CredentialEntry, CredentialHandle, CredentialPosition, CredentialQuery};
use crate::secrets::{Digest, ServerKey, decrypt, encrypt};
use crate::store::Revocation;

/// Entries that are read at a time when one of them is searched.
const SEARCH_PAGE_SIZE: i64 = 100;

/// An entry of the list.
#[derive(Clone, Debug)]
pub struct ListedCredential {
    /// Identifies the entry, and reveals nothing of the credential.
    pub id: String,
    /// Whether it authenticated this request.
    pub is_current: bool,
    /// The credential's data.
    pub entry: CredentialEntry,
}

/// A page of the list.
#[derive(Clone, Debug)]
pub struct CredentialList {
    /// The last used first.
    pub entries: Vec<ListedCredential>,
    /// Cursor of the next page; `None`: this is the last one.
    pub next: Option<String>,
}

impl AccountService {
    /// One page of at most `limit` entries, the last used first. `None`: `cursor` is invalid for this user.
    ///
    /// Errors: the database fails.
    pub async fn credential_page(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Option<CredentialList>, AuthError> {
        let after = match cursor {
            None => None,
            Some(cursor) => match self.position_of(caller, cursor) {
                Some(position) => Some(position),
                None => return Ok(None),
            },
        };
        // One more entry than requested shows whether there is a next page.
        let mut entries =
            self.credentials_after(caller, after, i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1).await?;
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| has_more);
        let next = last.map(|last| self.cursor(caller, &last.entry.position()));
        Ok(Some(CredentialList { entries, next }))
    }

    /// The whole list, the last used first.
    ///
    /// Errors: the database fails.
    pub async fn credentials(&self, caller: &Caller) -> Result<Vec<ListedCredential>, AuthError> {
        self.credentials_after(caller, None, i64::MAX).await
    }

    async fn credentials_after(
        &self,
        caller: &Caller,
        after: Option<CredentialPosition>,
        limit: i64,
    ) -> Result<Vec<ListedCredential>, AuthError> {
        let now = self.deps.now();
        let page = CredentialQuery { now, idle_since: self.credentials.session.idle_since(now), after, limit };
        let entries = self.store.credentials_of(caller.user.id, &page).await?;
        let listed = |entry: CredentialEntry| ListedCredential {
            id: id_of(&entry),
            is_current: self.is_current(caller, &entry.handle),
            entry,
        };
        Ok(entries.into_iter().map(listed).collect())
    }

    /// Reads page by page: the searched entry was usually used recently.
    async fn find_credential(
        &self,
        caller: &Caller,
        is_wanted: impl Fn(&ListedCredential) -> bool,
    ) -> Result<Option<ListedCredential>, AuthError> {
        let mut after = None;
        loop {
            let mut page = self.credentials_after(caller, after, SEARCH_PAGE_SIZE).await?;
            if let Some(found) = page.iter().position(&is_wanted) {
                return Ok(Some(page.swap_remove(found)));
            }
            let Some(last) = page.last() else { return Ok(None) };
            after = Some(last.entry.position());
        }
    }

    /// Encrypted and bound to the user, since the position contains the digest of a credential.
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

    fn position_of(&self, caller: &Caller, cursor: &str) -> Option<CredentialPosition> {
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

    /// Revokes one credential; a token family with its access tokens. False: there is none of this id.
    ///
    /// Errors: `too_many_requests`; the database fails.
    pub async fn revoke_credential(&self, caller: &Caller, id: &str, client: &ClientInfo) -> Result<bool, AuthError> {
        self.check_user_limit(caller.user.id).await?;
        let Some(found) = self.find_credential(caller, |listed| listed.id == id).await? else { return Ok(false) };
        let audit = self.event(AuditKind::LogOut, Some(found.entry.kind), caller.user.id, client);
        // None: a concurrent call has revoked it.
        Ok(self.revoke_credentials(caller.user.id, &[found.entry.handle], &audit).await? > 0)
    }

    /// Revokes all credentials except the one of this request; returns how many were listed. JWTs of simplejwt that are not in the
    /// list are revoked too, unless the request has one: they cannot be told apart.
    ///
    /// Errors: `too_many_requests`; the database fails.
    pub async fn revoke_other_credentials(&self, caller: &Caller, client: &ClientInfo) -> Result<u64, AuthError> {
        let user = caller.user.id;
        self.check_user_limit(user).await?;
        let listed = self.credentials(caller).await?;
        let others = listed.into_iter().filter(|listed| !listed.is_current);
        let handles: Vec<_> = others.map(|listed| listed.entry.handle).collect();
        let audit = self.event(AuditKind::LogOut, None, user, client);
        let revokes_simplejwt = !matches!(caller.proof, Proof::SimpleJwt(_));
        let revocation = Revocation { user, handles: &handles, revokes_simplejwt, now: self.deps.now() };
        Ok(self.count_revoked(self.store.revoke(&revocation, &audit).await?))
    }

    /// Errors: `fresh_login_required` when the login of the caller's credential is older than FRESH_LOGIN_AGE, or unknown
    /// (SEC-25).
    pub(super) async fn require_fresh_login(&self, caller: &Caller) -> Result<(), AuthError> {
        if self.is_fresh(caller).await? { Ok(()) } else { Err(AuthError::LoginTooOld) }
    }

    /// Whether the caller must sign in again before linking an account, with LINK_NEEDS_FRESH_LOGIN (SEC-25).
    ///
    /// Errors: the database fails.
    pub async fn is_too_old_to_link(&self, caller: &Caller) -> Result<bool, AuthError> {
        Ok(self.settings.link_needs_fresh_login && !self.is_fresh(caller).await?)
    }

    async fn is_fresh(&self, caller: &Caller) -> Result<bool, AuthError> {
        let Some(age) = self.settings.fresh_login_age else { return Ok(true) };
        let signed_in = self.signed_in_at(caller).await?;
        Ok(signed_in.is_some_and(|at| at.plus(age) >= self.deps.now()))
    }

    /// When the login of the caller's credential was; a refreshed token counts from its login. `None`: it is not known.
    ///
    /// Errors: the database fails.
    pub async fn signed_in_at(&self, caller: &Caller) -> Result<Option<UnixMillis>, AuthError> {
        let current = self.find_credential(caller, |listed| listed.is_current).await?;
        Ok(current.and_then(|listed| listed.entry.signed_in))
    }

    fn is_current(&self, caller: &Caller, handle: &CredentialHandle) -> bool {
        match (&caller.proof, handle) {
            (Proof::Session(presented), CredentialHandle::Session(stored))
            | (Proof::Token(presented), CredentialHandle::Token(stored)) => presented.matches(stored),
            (Proof::Knox(presented), CredentialHandle::Knox(stored)) => presented == stored,
            (Proof::Jwt(jti) | Proof::SimpleJwt(jti), CredentialHandle::Family(family)) => {
                Jwts::is_of_family(jti, family)
            }
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
