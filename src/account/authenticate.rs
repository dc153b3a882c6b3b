//! Whose credential is this? On a login route only its own kind is read (R-AUT-01); elsewhere an `Authorization` header
//! settles it, and without one the session cookie.

use std::sync::Arc;

use super::error::AuthError;
use super::{AccountService, BOOKKEEPING_WAIT};
use crate::clock::UnixMillis;
use crate::credential::TOUCH_EVERY;
use crate::credential::jwt::{JwtFault, TokenType};
use crate::credential::session::SessionStatus;
use crate::model::{CredentialHandle, RefreshUse, User, UserId};
use crate::secrets::Digest;
use crate::store::Repository;

/// What a request carries.
#[derive(Clone, Debug, Default)]
pub struct Presented {
    pub authorization: Authorization,
    /// The values of all session cookies. A browser sends several where another server of the same host, or one of a
    /// parent domain, sets a cookie of this name.
    pub session_cookies: Vec<String>,
}

/// The `Authorization` header of a request.
#[derive(Clone, Debug, Default)]
pub enum Authorization {
    /// There is no header, or a blank one, which clients without a credential send.
    #[default]
    Absent,
    /// The header cannot be decoded, or is repeated: then no value of it can be preferred.
    Unreadable,
    One(String),
}

/// Session cookies that are looked up for one request.
const MAX_SESSION_COOKIES: usize = 4;

/// Which credentials count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Session,
    Token,
    Jwt,
    Knox,
    Any,
}

/// A user who proved who they are, and by what.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: User,
    pub proof: Proof,
}

#[derive(Clone, Debug)]
pub enum Proof {
    Session(Digest),
    Token(Digest),
    /// `jti` of an access or sliding token.
    Jwt(String),
    /// Hex SHA-512.
    Knox(String),
}

const INVALID: AuthError = AuthError::InvalidToken("Invalid token.");
const INACTIVE: AuthError = AuthError::InvalidToken("User inactive or deleted.");

impl AccountService {
    /// `None`: nothing was presented that this family reads. An error: something was, and it does not hold.
    pub async fn authenticate(&self, presented: &Presented, family: Family) -> Result<Option<Caller>, AuthError> {
        if family == Family::Session {
            return self.by_session(&presented.session_cookies).await;
        }
        let (header, scheme) = match &presented.authorization {
            Authorization::Absent if family == Family::Any => return self.by_session(&presented.session_cookies).await,
            Authorization::Absent => return Ok(None),
            // What cannot be read is a bad credential, not an absent one.
            Authorization::Unreadable => {
                return Err(AuthError::BadHeader("The Authorization header cannot be read."));
            }
            Authorization::One(header) => (header, header.split_whitespace().next().unwrap_or_default()),
        };
        // RFC 9110, section 11.1: the scheme is case-insensitive.
        let is = |known: &str| scheme.eq_ignore_ascii_case(known);
        let is_token = is("token");
        let is_knox = is(self.credentials.knox.header_prefix());
        let is_bearer = self.credentials.jwt.rules().auth_header_types.iter().any(|known| is(known));
        match family {
            Family::Token if is_token => self.by_token(one_of_two(header)?).await.map(Some),
            Family::Knox if is_knox => self.by_knox(one_of_two(header)?).await.map(Some),
            Family::Jwt if is_bearer => self.by_jwt(bearer(header)?).await.map(Some),
            Family::Any if is_token || is_knox => self.by_token_or_knox(one_of_two(header)?).await.map(Some),
            Family::Any if is_bearer => self.by_bearer(bearer(header)?).await.map(Some),
            // A scheme that nobody here reads cannot be a good credential where one decides.
            Family::Any => Err(AuthError::BadHeader("This Authorization scheme is not known here.")),
            _ => Ok(None),
        }
    }

    /// The first of these cookies that is the cookie of a session.
    pub(super) async fn by_session(&self, cookies: &[String]) -> Result<Option<Caller>, AuthError> {
        let digests = cookies.iter().filter_map(|value| self.credentials.session.authenticate(value));
        for digest in digests.take(MAX_SESSION_COOKIES) {
            if let Some(caller) = self.by_session_digest(digest).await? {
                return Ok(Some(caller));
            }
        }
        Ok(None)
    }

    /// A cookie that is unknown or expired counts as none, and so does the session of an inactive user (SEC-26).
    async fn by_session_digest(&self, digest: Digest) -> Result<Option<Caller>, AuthError> {
        let Some((row, user)) = self.store.session(&digest).await? else { return Ok(None) };
        let now = self.deps.now();
        match self.credentials.session.standing(&row, now) {
            SessionStatus::Over => return Ok(None),
            SessionStatus::Touch => self.touch(CredentialHandle::Session(digest.clone()), user.id).await,
            SessionStatus::Live => {}
        }
        Ok(user.is_active.then_some(Caller { user, proof: Proof::Session(digest) }))
    }

    async fn by_token(&self, token: &str) -> Result<Caller, AuthError> {
        let digest = self.credentials.token.authenticate(token).ok_or(INVALID)?;
        let (last_used, user) = self.store.token(&digest).await?.ok_or(INVALID)?;
        if !user.is_active {
            return Err(INACTIVE);
        }
        self.note_use(&CredentialHandle::Token(digest.clone()), user.id, last_used).await;
        Ok(Caller { user, proof: Proof::Token(digest) })
    }

    async fn by_knox(&self, token: &str) -> Result<Caller, AuthError> {
        let digest = self.credentials.knox.authenticate(token).ok_or(INVALID)?;
        let (row, user) = self.store.knox(&digest).await?.ok_or(INVALID)?;
        let now = self.deps.now();
        if self.credentials.knox.is_over(&row, now) {
            self.record(move |store| async move { store.delete_knox(&digest).await }).await;
            return Err(INVALID);
        }
        if !user.is_active {
            return Err(INACTIVE);
        }
        if let Some(expires) = self.credentials.knox.renew(&row, now) {
            let digest = digest.clone();
            self.record(move |store| async move { store.extend_knox(&digest, expires).await }).await;
        }
        self.note_use(&CredentialHandle::Knox(digest.clone()), user.id, row.last_used).await;
        Ok(Caller { user, proof: Proof::Knox(digest) })
    }

    pub(super) async fn note_use(&self, handle: &CredentialHandle, user: UserId, last: UnixMillis) {
        if last.plus(TOUCH_EVERY) <= self.deps.now() {
            self.touch(handle.clone(), user).await;
        }
    }

    async fn touch(&self, handle: CredentialHandle, user: UserId) {
        let now = self.deps.now();
        self.record(move |store| async move { store.touch(&handle, user, now).await }).await;
    }

    /// Bookkeeping beside a read: it never fails the read, and delays it by [`BOOKKEEPING_WAIT`] at most. A write that takes
    /// longer goes on in the background; one that cannot be made now is made at the credential's next use.
    async fn record<W>(&self, write: impl FnOnce(Arc<dyn Repository>) -> W)
    where
        W: Future<Output = crate::store::Result<()>> + Send + 'static,
    {
        let Ok(permit) = self.bookkeeping.clone().try_acquire_owned() else { return };
        let write = write(self.store.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = write.await {
                tracing::warn!(%error, "the use of a credential could not be recorded");
            }
            drop(permit);
        });
        // The write goes on after the timeout, and its failure is logged by the task.
        let _ended = tokio::time::timeout(BOOKKEEPING_WAIT, task).await;
    }

    /// The same of a refresh or sliding token.
    pub(super) async fn note_use_of(&self, used: &RefreshUse, user: UserId) {
        if let (Some(family), Some(last)) = (&used.family, used.last_used) {
            self.note_use(&CredentialHandle::Family(family.clone()), user, last).await;
        }
    }

    async fn by_token_or_knox(&self, token: &str) -> Result<Caller, AuthError> {
        match self.by_token(token).await {
            Err(AuthError::InvalidToken(_)) => self.by_knox(token).await,
            result => result,
        }
    }

    /// Classic front-ends send permanent and knox tokens as `Bearer` too. Three parts between dots are a JWT.
    async fn by_bearer(&self, token: &str) -> Result<Caller, AuthError> {
        if token.split('.').count() == 3 {
            return self.by_jwt(token).await;
        }
        match self.by_token_or_knox(token).await {
            Err(AuthError::InvalidToken(_)) => Err(self.not_valid(JwtFault::Invalid)),
            result => result,
        }
    }

    async fn by_jwt(&self, token: &str) -> Result<Caller, AuthError> {
        const ACCEPTED: [TokenType; 2] = [TokenType::Access, TokenType::Sliding];
        let verified = self
            .credentials
            .jwt
            .authenticate(token, &ACCEPTED, self.deps.now())
            .map_err(|fault| self.not_valid(fault))?;
        let user = match verified.token_type {
            // A sliding token is its own refresh token, and can be blacklisted as one.
            TokenType::Sliding => {
                let (user, used) = self.store.refresh_use(&verified.jti, verified.user_id).await?;
                if used.blacklisted {
                    return Err(self.not_valid(JwtFault::Invalid));
                }
                if user.as_ref().is_some_and(|user| user.is_active && !verified.is_revoked(user)) {
                    self.note_use_of(&used, verified.user_id).await;
                }
                user
            }
            _ => self.store.user(verified.user_id).await?,
        };
        let user = user.ok_or(AuthError::UserNotFound)?;
        if !user.is_active {
            return Err(AuthError::UserInactive("User is inactive"));
        }
        if verified.is_revoked(&user) {
            return Err(self.not_valid(JwtFault::Invalid));
        }
        Ok(Caller { user, proof: Proof::Jwt(verified.jti) })
    }

    fn not_valid(&self, fault: JwtFault) -> AuthError {
        AuthError::TokenNotValid(vec![(TokenType::Access, fault), (TokenType::Sliding, fault)])
    }
}

/// `Token KEY`: DRF's own checks, with its own texts.
fn one_of_two(header: &str) -> Result<&str, AuthError> {
    let mut words = header.split_whitespace().skip(1);
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(token),
        (None, _) => Err(AuthError::InvalidToken("Invalid token header. No credentials provided.")),
        _ => Err(AuthError::InvalidToken("Invalid token header. Token string should not contain spaces.")),
    }
}

fn bearer(header: &str) -> Result<&str, AuthError> {
    let mut words = header.split_whitespace().skip(1);
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(token),
        _ => Err(AuthError::BadHeader("Authorization header must contain two space-delimited values")),
    }
}
