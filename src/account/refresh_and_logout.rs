//! Refresh, verify and blacklist of JWTs (R-CMP-01 to 06), and every logout.

use super::account_service::AccountService;
use super::authenticate::{AuthScheme, Caller, PresentedCredentials, Proof};
use super::error::AuthError;
use crate::credential::jwt::{JwtFault, TokenType, Verified};
use crate::credential::token_family::{FamilyDecision, decide};
use crate::model::{
    AuditEvent, AuditKind, ClientInfo, CredentialHandle, CredentialKind, FamilyState, RefreshRefusal, RefreshRow, User,
    UserId,
};
use crate::store::{BlacklistScope, Blacklisting, RefreshStep, Revocation, RevokedCredentials, Rotated, Rotation};

/// The tokens of a refresh.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The new access token.
    pub access: String,
    /// The successor of the refresh token, with ROTATE_REFRESH_TOKENS.
    pub refresh: Option<String>,
}

/// What a refresh does with the presented token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RefreshMode {
    /// It gets a successor. The transaction decides again, and revokes the family of a reused token.
    Rotate,
    /// It stays valid.
    Keep,
}

impl AccountService {
    /// A new access token, and with ROTATE_REFRESH_TOKENS a new refresh token. Errors: an invalid or reused refresh token.
    pub async fn refresh(&self, token: &str, client: &ClientInfo) -> Result<Refreshed, AuthError> {
        let jwt = &self.credentials.jwt;
        let verified = self.verified(token, &[TokenType::Refresh]).await?;
        let mode = if jwt.rules().rotate_refresh_tokens { RefreshMode::Rotate } else { RefreshMode::Keep };
        let (user, state) = self.user_to_refresh(&verified, mode).await?;
        if mode == RefreshMode::Rotate {
            let (user, row) = self.rotate(&verified, client).await?;
            let (access, refresh) = jwt.successor_pair(&verified, &row, &user, &self.deps);
            return Ok(Refreshed { access, refresh: Some(refresh) });
        }
        let family = state.as_ref().map_or(&verified.jti, |state| &state.family);
        let access = jwt.access_of(&verified, family, &user, self.deps.now(), &self.deps);
        self.note_use_of(state.as_ref(), user.id).await;
        Ok(Refreshed { access, refresh: None })
    }

    /// Stores the successor of a token, or revokes the family of a reused one: see [`decide`].
    async fn rotate(&self, verified: &Verified, client: &ClientInfo) -> Result<(User, RefreshRow), AuthError> {
        let (jwt, now) = (&self.credentials.jwt, self.deps.now());
        let (token, rules) = (jwt.presented(verified, now), jwt.family_rules());
        let kind = token.kind;
        let reuse = self.event(AuditKind::TokenReused, Some(token.kind), verified.user_id, client);
        let next = |user: &User, stored: Option<&FamilyState>| {
            if let Err(refusal) = verified.check_user(user) {
                return RefreshStep::Refuse(refusal);
            }
            let unknown = || FamilyState::of_unknown(token.jti, token.issued);
            let state = stored.cloned().unwrap_or_else(unknown);
            match decide(&state, rules, now) {
                FamilyDecision::RevokeFamily => RefreshStep::RevokeFamily,
                FamilyDecision::Refuse(refusal) => RefreshStep::Refuse(refusal),
                FamilyDecision::Rotate | FamilyDecision::ReplaceSuccessor | FamilyDecision::ReplaceSibling => {
                    RefreshStep::Issue(Box::new(jwt.successor(&token, &state, user, client, now, &self.deps)))
                }
            }
        };
        let rotation = Rotation { user: verified.user_id, token, blacklists: rules.detects_reuse, reuse: &reuse, now };
        match self.store.rotate(&rotation, &next).await? {
            Rotated::Issued { user, row } => Ok((*user, *row)),
            Rotated::FamilyRevoked => {
                self.deps.metrics().credentials_revoked(kind, 1);
                Err(AuthError::FamilyRevoked(verified.user_id))
            }
            Rotated::Refused(refusal) => Err(refused(refusal, verified.user_id)),
            Rotated::UserNotFound => Err(AuthError::UserNotFound),
        }
    }

    /// Verifies a token of any type. Unlike in simplejwt, it is invalid when its user was deleted, is inactive or has logged out
    /// everywhere, and an access token also when its family was revoked.
    ///
    /// Errors: an invalid or expired token, a blacklisted one, an unknown or inactive user; the database fails.
    pub async fn verify(&self, token: &str) -> Result<(), AuthError> {
        let verified = self.verified(token, &TokenType::ALL).await?;
        let (_, state) = self.valid_user(&verified).await?;
        let is_blacklisted = state.is_some_and(|state| !state.is_valid);
        if is_blacklisted && self.credentials.jwt.rules().blacklist_after_rotation {
            return Err(AuthError::Blacklisted);
        }
        Ok(())
    }

    /// Revokes a refresh or sliding token; where reuse is detected, its whole family. Errors: an invalid or revoked token.
    pub async fn blacklist(&self, token: &str, client: &ClientInfo) -> Result<(), AuthError> {
        let verified = self.verified(token, &[TokenType::Refresh, TokenType::Sliding]).await?;
        let (user, _) = self.valid_user(&verified).await?;
        let (jwt, now) = (&self.credentials.jwt, self.deps.now());
        let token = jwt.presented(&verified, now);
        let audit = self.event(AuditKind::LogOut, Some(token.kind), user.id, client);
        let scope = if jwt.family_rules().detects_reuse { BlacklistScope::Family } else { BlacklistScope::Token };
        let blacklisting = Blacklisting { user: user.id, token, scope, now };
        if self.store.blacklist(&blacklisting, &audit).await? {
            self.deps.metrics().credentials_revoked(blacklisting.token.kind, 1);
            Ok(())
        } else {
            Err(AuthError::BodyToken("Token is blacklisted"))
        }
    }

    /// A sliding token with a new expiry: a successor where reuse is detected, otherwise the same token (R-CMP-06). Errors: an
    /// invalid or revoked token.
    pub async fn refresh_sliding(&self, token: &str, client: &ClientInfo) -> Result<String, AuthError> {
        let jwt = &self.credentials.jwt;
        let verified = self.verified(token, &[TokenType::Sliding]).await?;
        // As in simplejwt: without the date, the token could be renewed for ever.
        let refreshable_until = verified.refreshable_until.ok_or(AuthError::BodyToken(NO_REFRESH_DATE))?;
        if refreshable_until <= self.deps.now() {
            return Err(body_fault(JwtFault::Expired));
        }
        let mode = if jwt.family_rules().detects_reuse { RefreshMode::Rotate } else { RefreshMode::Keep };
        let (user, state) = self.user_to_refresh(&verified, mode).await?;
        if mode == RefreshMode::Rotate {
            let (user, row) = self.rotate(&verified, client).await?;
            return Ok(jwt.successor_sliding(&verified, &row, &user));
        }
        self.note_use_of(state.as_ref(), user.id).await;
        let now = self.deps.now();
        let family_created = state.map_or_else(|| verified.issued().unwrap_or(now), |state| state.family_created);
        Ok(jwt.renewed_sliding(&verified, family_created, &user, now))
    }

    async fn verified(&self, token: &str, accepted: &[TokenType]) -> Result<Verified, AuthError> {
        self.verify_jwt(token, accepted).await?.map_err(body_fault)
    }

    /// The user of a token, and the token's family if it is stored. Errors: the user cannot use the token; the family of an
    /// access token was revoked.
    async fn valid_user(&self, verified: &Verified) -> Result<(User, Option<FamilyState>), AuthError> {
        let (user, state, is_family_revoked) = match verified.token_type {
            TokenType::Access => {
                let (user, is_family_revoked) = self.access_token_user(verified).await?;
                (user, None, is_family_revoked)
            }
            TokenType::Refresh | TokenType::Sliding => {
                // simplejwt answers 500 for a deleted user here (R-CMP-03); this is its answer elsewhere.
                let found = self.store.token_family(&verified.jti, verified.user_id).await?;
                let (user, state) = found.ok_or(AuthError::UserNotFound)?;
                (user, state, false)
            }
        };
        verified.check_user(&user).map_err(|refusal| refused(refusal, user.id))?;
        if is_family_revoked { Err(body_fault(JwtFault::Invalid)) } else { Ok((user, state)) }
    }

    /// The user of a refresh or sliding token that can be refreshed, and its family if it is stored. Counts the refresh by
    /// RATE_LIMIT_USER, but not that of a refused token: an old tab or a thief must not use up the user's quota.
    ///
    /// Errors: the user cannot use the token; the token or its family was revoked; `too_many_requests`.
    async fn user_to_refresh(
        &self,
        verified: &Verified,
        mode: RefreshMode,
    ) -> Result<(User, Option<FamilyState>), AuthError> {
        let (user, state) = self.valid_user(verified).await?;
        match self.family_decision(verified, state.as_ref()) {
            decision if decision.is_accepted() => self.check_user_limit(user.id).await?,
            FamilyDecision::RevokeFamily if mode == RefreshMode::Rotate => {}
            FamilyDecision::Refuse(RefreshRefusal::Expired) => return Err(body_fault(JwtFault::Expired)),
            _ => return Err(AuthError::Reused(user.id)),
        }
        Ok((user, state))
    }

    /// Revokes the knox token of the request (R-CMP-07).
    ///
    /// Errors: the request carries no valid knox token; the database fails.
    pub async fn logout_knox(&self, presented: &PresentedCredentials, client: &ClientInfo) -> Result<(), AuthError> {
        let caller = self.knox_caller(presented).await?;
        let Proof::Knox(digest) = caller.proof else { return Err(AuthError::NotAuthenticated) };
        let audit = self.event(AuditKind::LogOut, Some(CredentialKind::Knox), caller.user.id, client);
        self.revoke_credentials(caller.user.id, &[CredentialHandle::Knox(digest)], &audit).await?;
        Ok(())
    }

    /// Revokes all knox tokens of the user.
    ///
    /// Errors: as [`Self::logout_knox`].
    pub async fn logout_all_knox(
        &self,
        presented: &PresentedCredentials,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        let caller = self.knox_caller(presented).await?;
        let audit = self.event(AuditKind::LogOut, Some(CredentialKind::Knox), caller.user.id, client);
        let revoked = self.store.revoke_all_knox(caller.user.id, &audit).await?;
        self.deps.metrics().credentials_revoked(CredentialKind::Knox, revoked);
        Ok(())
    }

    async fn knox_caller(&self, presented: &PresentedCredentials) -> Result<Caller, AuthError> {
        self.authenticate(presented, AuthScheme::Knox).await?.ok_or(AuthError::NotAuthenticated)
    }

    /// Revokes the sessions of these cookies (R-CMP-09). A browser may send several, and each of them would authenticate the next
    /// request.
    ///
    /// Errors: the database fails.
    pub async fn logout_session(&self, cookies: &[String], client: &ClientInfo) -> Result<(), AuthError> {
        for Caller { user, proof } in self.all_sessions(cookies).await? {
            let Proof::Session(digest) = proof else { continue };
            let audit = self.event(AuditKind::LogOut, Some(CredentialKind::Session), user.id, client);
            self.revoke_credentials(user.id, &[CredentialHandle::Session(digest)], &audit).await?;
        }
        Ok(())
    }

    /// Revokes these credentials of one user; returns how many there were. Errors: the database.
    pub(super) async fn revoke_credentials(
        &self,
        user: UserId,
        handles: &[CredentialHandle],
        audit: &AuditEvent,
    ) -> Result<u64, AuthError> {
        let revocation = Revocation { user, handles, revokes_simplejwt: false, now: self.deps.now() };
        Ok(self.count_revoked(self.store.revoke(&revocation, audit).await?))
    }

    /// Revokes every credential of the caller. Returns whether a session of `cookies` was among them: when the request also has
    /// an `Authorization` header, the session may belong to another user.
    ///
    /// Errors: the database fails.
    pub async fn logout_everything(
        &self,
        caller: &Caller,
        cookies: &[String],
        client: &ClientInfo,
    ) -> Result<bool, AuthError> {
        let sessions = self.all_sessions(cookies).await?;
        let audit = self.event(AuditKind::LogOut, None, caller.user.id, client);
        let revoked = self.store.revoke_all(caller.user.id, self.deps.now(), &audit).await?;
        self.count_revoked(revoked);
        Ok(sessions.iter().any(|session| session.user.id == caller.user.id))
    }

    /// Counts them in the metrics; returns how many there are.
    pub(super) fn count_revoked(&self, revoked: RevokedCredentials) -> u64 {
        let mut all = 0;
        for (kind, count) in revoked {
            self.deps.metrics().credentials_revoked(kind, count);
            all += count;
        }
        all
    }
}

const NO_REFRESH_DATE: &str = "Token has no readable date until which it can be refreshed";

fn refused(refusal: RefreshRefusal, user: UserId) -> AuthError {
    match refusal {
        RefreshRefusal::UserInactive => AuthError::UserInactive("No active account found for the given token."),
        RefreshRefusal::UserRevoked => body_fault(JwtFault::Invalid),
        RefreshRefusal::Revoked => AuthError::Reused(user),
        RefreshRefusal::Expired => body_fault(JwtFault::Expired),
    }
}

fn body_fault(fault: JwtFault) -> AuthError {
    AuthError::BodyToken(fault.message())
}
