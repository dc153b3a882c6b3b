//! Authenticates a request. A login route accepts only its own kind of credential (R-AUT-01). Elsewhere the `Authorization`
//! header takes precedence over the session cookie.

use std::sync::Arc;

use super::account_service::{AccountService, BOOKKEEPING_WAIT};
use super::error::AuthError;
use crate::clock::{MAX_CLOCK_DIFFERENCE, UnixMillis};
use crate::credential::TOUCH_INTERVAL;
use crate::credential::jwt::{JwtFault, Jwts, TokenType, Verified};
use crate::credential::session::SessionStatus;
use crate::credential::token_family::{FamilyDecision, decide};
use crate::model::{CredentialHandle, FamilyState, KnoxRow, RefreshRefusal, User, UserId};
use crate::secrets::Digest;
use crate::store::Repository;

/// The credentials that a request carries.
#[derive(Clone, Debug, Default)]
pub struct PresentedCredentials {
    /// The `Authorization` header.
    pub authorization: Authorization,
    /// The values of all session cookies. A browser sends several when another server of the same host or of a parent domain
    /// sets a cookie of this name.
    pub session_cookies: Vec<String>,
}

/// The `Authorization` header of a request.
#[derive(Clone, Debug, Default)]
pub enum Authorization {
    /// No header, or a blank one, which some clients send without a credential.
    #[default]
    Absent,
    /// The header is not text, or is repeated.
    Unreadable,
    /// The header's value.
    One(String),
}

/// Maximum session cookies that are looked up for one request.
const MAX_SESSION_COOKIES: usize = 4;

/// The credentials that a route accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthScheme {
    /// A session cookie.
    Session,
    /// A permanent token.
    Token,
    /// An access or sliding JWT.
    Jwt,
    /// A knox token.
    Knox,
    /// All of them.
    Any,
}

/// An authenticated user, and the credential that proves it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// The credential.
    pub proof: Proof,
}

/// The key of the credential that authenticated a request.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Of a session.
    Session(Digest),
    /// Of a permanent token.
    Token(Digest),
    /// `jti` of an access or sliding token of this server.
    Jwt(String),
    /// `jti` of an access or sliding token of simplejwt, which has no credential generation.
    SimpleJwt(String),
    /// Hex SHA-512 of a knox token.
    Knox(String),
}

const INVALID: AuthError = AuthError::InvalidToken("Invalid token.");

impl AccountService {
    /// `None`: the request carries no accepted credential. Errors: it carries an invalid one.
    pub async fn authenticate(
        &self,
        presented: &PresentedCredentials,
        scheme: AuthScheme,
    ) -> Result<Option<Caller>, AuthError> {
        if scheme == AuthScheme::Session {
            return self.by_session(&presented.session_cookies).await;
        }
        let (header, word) = match &presented.authorization {
            Authorization::Absent if scheme == AuthScheme::Any => {
                return self.by_session(&presented.session_cookies).await;
            }
            Authorization::Absent => return Ok(None),
            // An unreadable header is an invalid credential, not a missing one.
            Authorization::Unreadable => {
                return Err(AuthError::BadHeader("The Authorization header cannot be read."));
            }
            Authorization::One(header) => (header, header.split_whitespace().next().unwrap_or_default()),
        };
        // RFC 9110, section 11.1: the scheme is case-insensitive.
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        let is_token = is("token");
        let is_knox = is(self.credentials.knox.header_prefix());
        let is_bearer = self.credentials.jwt.rules().auth_header_types.iter().any(|known| is(known));
        match scheme {
            AuthScheme::Token if is_token => self.by_token(token_of(header)?).await.map(Some),
            AuthScheme::Knox if is_knox => self.by_knox(token_of(header)?).await.map(Some),
            AuthScheme::Jwt if is_bearer => self.by_jwt(bearer(header)?).await.map(Some),
            // First: the settings may give knox tokens or JWTs the other's word, and `by_bearer` tells them apart.
            AuthScheme::Any if is_bearer => self.by_bearer(bearer(header)?).await.map(Some),
            AuthScheme::Any if is_token || is_knox => self.by_token_or_knox(token_of(header)?).await.map(Some),
            // Unknown scheme: 401, because the Authorization header takes precedence over the cookie.
            AuthScheme::Any => Err(AuthError::BadHeader("Unknown Authorization scheme.")),
            _ => Ok(None),
        }
    }

    /// The user of the first of these cookies that belongs to a valid session.
    async fn by_session(&self, cookies: &[String]) -> Result<Option<Caller>, AuthError> {
        for digest in self.session_digests(cookies) {
            if let Some(caller) = self.by_session_digest(digest).await? {
                return Ok(Some(caller));
            }
        }
        Ok(None)
    }

    /// The valid sessions among these cookies, each with its user. Errors: the database.
    pub(super) async fn all_sessions(&self, cookies: &[String]) -> Result<Vec<Caller>, AuthError> {
        let mut sessions = Vec::new();
        for digest in self.session_digests(cookies) {
            sessions.extend(self.by_session_digest(digest).await?);
        }
        Ok(sessions)
    }

    fn session_digests(&self, cookies: &[String]) -> impl Iterator<Item = Digest> {
        let digests = cookies.iter().filter_map(|value| self.credentials.session.lookup_key(value));
        digests.take(MAX_SESSION_COOKIES)
    }

    /// An unknown or expired session counts as none, and so does the session of an inactive user (SEC-26).
    async fn by_session_digest(&self, digest: Digest) -> Result<Option<Caller>, AuthError> {
        let Some((row, user)) = self.store.session(&digest).await? else { return Ok(None) };
        let now = self.deps.now();
        match self.credentials.session.status(&row, now) {
            SessionStatus::Expired => return Ok(None),
            SessionStatus::NeedsTouch => self.touch(CredentialHandle::Session(digest.clone()), user.id).await,
            SessionStatus::Valid => {}
        }
        Ok(user.is_active.then_some(Caller { user, proof: Proof::Session(digest) }))
    }

    async fn by_token(&self, token: &str) -> Result<Caller, AuthError> {
        let digest = self.credentials.token.lookup_key(token).ok_or(INVALID)?;
        let (token_use, user) = self.store.token(&digest).await?.ok_or(INVALID)?;
        if !user.is_active {
            return Err(AuthError::TokenUserInactive);
        }
        self.note_use(&CredentialHandle::Token(digest.clone()), user.id, token_use.last_used).await;
        Ok(Caller { user, proof: Proof::Token(digest) })
    }

    async fn by_knox(&self, token: &str) -> Result<Caller, AuthError> {
        let (row, user) = self.knox_row(token).await?.ok_or(INVALID)?;
        let digest = row.digest.clone();
        let now = self.deps.now();
        if self.credentials.knox.is_expired(&row, now) {
            self.record(move |store| async move { store.delete_knox(&digest).await }).await;
            return Err(INVALID);
        }
        if !user.is_active {
            return Err(AuthError::TokenUserInactive);
        }
        if let Some(expires) = self.credentials.knox.extended_expiry(&row, now) {
            let digest = digest.clone();
            self.record(move |store| async move { store.extend_knox(&digest, expires).await }).await;
        }
        self.note_use(&CredentialHandle::Knox(digest.clone()), user.id, row.last_used).await;
        Ok(Caller { user, proof: Proof::Knox(digest) })
    }

    /// The row of a knox token, expired or not, and its user. Errors: the database.
    pub(super) async fn knox_row(&self, token: &str) -> Result<Option<(KnoxRow, User)>, AuthError> {
        let knox = &self.credentials.knox;
        for digest in knox.lookup_keys(token) {
            let found = self.store.knox(&digest).await?.filter(|(row, _)| knox.is_row_of(row, token));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    pub(super) async fn note_use(&self, handle: &CredentialHandle, user: UserId, last: UnixMillis) {
        if last.plus(TOUCH_INTERVAL) <= self.deps.now() {
            self.touch(handle.clone(), user).await;
        }
    }

    async fn touch(&self, handle: CredentialHandle, user: UserId) {
        let now = self.deps.now();
        self.record(move |store| async move { store.touch(&handle, user, now).await }).await;
    }

    /// Writes the use of a credential. It never fails the request, and delays it by [`BOOKKEEPING_WAIT`] at most. A slower write
    /// continues in the background; one that has no free slot is skipped until the credential's next use.
    pub(super) async fn record<W>(&self, write: impl FnOnce(Arc<dyn Repository>) -> W)
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
        // The write continues after the timeout, and the task logs its failure.
        let _timed_out = tokio::time::timeout(BOOKKEEPING_WAIT, task).await;
    }

    /// As [`Self::note_use`], for a refresh or sliding token.
    pub(super) async fn note_use_of(&self, state: Option<&FamilyState>, user: UserId) {
        if let Some(state) = state {
            self.note_use(&CredentialHandle::Family(state.family.clone()), user, state.last_used).await;
        }
    }

    async fn by_token_or_knox(&self, token: &str) -> Result<Caller, AuthError> {
        match self.by_token(token).await {
            Err(AuthError::InvalidToken(_)) => self.by_knox(token).await,
            result => result,
        }
    }

    /// Legacy front-ends also send permanent and knox tokens as `Bearer`. A token of three parts between dots is a JWT.
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
        let verified = self.verify_jwt(token, &ACCEPTED).await?.map_err(|fault| self.not_valid(fault))?;
        let user = match verified.token_type {
            TokenType::Sliding => self.sliding_user(&verified).await?,
            TokenType::Access | TokenType::Refresh => {
                let (user, is_family_revoked) = self.access_token_user(&verified).await?;
                if is_family_revoked {
                    return Err(self.not_valid(JwtFault::Invalid));
                }
                user
            }
        };
        verified.check_user(&user).map_err(|refusal| match refusal {
            RefreshRefusal::UserInactive => AuthError::UserInactive("User is inactive"),
            _ => self.not_valid(JwtFault::Invalid),
        })?;
        let proof = if verified.has_generation() { Proof::Jwt } else { Proof::SimpleJwt };
        Ok(Caller { user, proof: proof(verified.jti) })
    }

    /// The user of an access token, and whether the token's family was revoked. Access tokens are not stored; their `jti` carries a
    /// tag of the family.
    ///
    /// Errors: the user was deleted; the database.
    pub(super) async fn access_token_user(&self, verified: &Verified) -> Result<(User, bool), AuthError> {
        // Whatever the settings were then: its family was revoked after the token was issued, or not at all.
        let since = verified.issued().unwrap_or_default().minus(MAX_CLOCK_DIFFERENCE);
        let found = self.store.access_token_user(verified.user_id, since).await?;
        let (user, revoked) = found.ok_or(AuthError::UserNotFound)?;
        let is_family_revoked = revoked.iter().any(|family| Jwts::is_of_family(&verified.jti, family));
        Ok((user, is_family_revoked))
    }

    /// A sliding token is its own refresh token: it authenticates for as long as it could be refreshed.
    async fn sliding_user(&self, verified: &Verified) -> Result<User, AuthError> {
        let found = self.store.token_family(&verified.jti, verified.user_id).await?;
        let (user, state) = found.ok_or(AuthError::UserNotFound)?;
        match self.family_decision(verified, state.as_ref()) {
            decision if decision.is_accepted() => {}
            FamilyDecision::Refuse(RefreshRefusal::Expired) => return Err(self.not_valid(JwtFault::Expired)),
            _ => return Err(self.not_valid(JwtFault::Invalid)),
        }
        if verified.check_user(&user).is_ok() {
            self.note_use_of(state.as_ref(), user.id).await;
        }
        Ok(user)
    }

    /// What a refresh with this token would do.
    pub(super) fn family_decision(&self, verified: &Verified, state: Option<&FamilyState>) -> FamilyDecision {
        let (jwt, now) = (&self.credentials.jwt, self.deps.now());
        let unknown = || FamilyState::of_unknown(&verified.jti, verified.issued().unwrap_or(now));
        decide(&state.cloned().unwrap_or_else(unknown), jwt.family_rules(), now)
    }

    fn not_valid(&self, fault: JwtFault) -> AuthError {
        AuthError::TokenNotValid(vec![(TokenType::Access, fault), (TokenType::Sliding, fault)])
    }
}

/// Parses `Token KEY` with the checks and messages of Django REST framework.
fn token_of(header: &str) -> Result<&str, AuthError> {
    let mut words = header.split_whitespace().skip(1);
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(token),
        (None, _) => Err(AuthError::InvalidToken("Invalid token header. No credentials provided.")),
        _ => Err(AuthError::InvalidToken("Invalid token header. Token string should not contain spaces.")),
    }
}

/// Parses `Bearer JWT` with the checks and messages of simplejwt.
fn bearer(header: &str) -> Result<&str, AuthError> {
    let mut words = header.split_whitespace().skip(1);
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(token),
        _ => Err(AuthError::BadHeader("Authorization header must contain two space-delimited values")),
    }
}
