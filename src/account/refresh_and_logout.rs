//! Refresh, verify and blacklist of JWTs (R-CMP-01 to 06), and every logout.

use super::authenticate::{AuthScheme, Caller, PresentedCredentials, Proof};
use super::error::AuthError;
use super::service::AccountService;
use crate::credential::IssueRequest;
use crate::credential::jwt::{JwtFault, TokenType, Verified};
use crate::model::{AuditKind, ClientInfo, CredentialHandle, CredentialKind, RefreshUse, User};
use crate::store::Rotated;

/// The tokens of a refresh.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The new access token.
    pub access: String,
    /// The successor of the refresh token, with ROTATE_REFRESH_TOKENS.
    pub refresh: Option<String>,
}

impl AccountService {
    /// A new access token, and with ROTATE_REFRESH_TOKENS a new refresh token. Errors: an invalid or reused refresh token.
    pub async fn refresh(&self, token: &str, client: &ClientInfo) -> Result<Refreshed, AuthError> {
        let (verified, user, used) = self.checked(token, &[TokenType::Refresh]).await?;
        self.check_user_limit(user.id).await?;
        if used.blacklisted {
            return Err(AuthError::Reused(user.id));
        }
        let now = self.deps.now();
        let (jwt, rules) = (&self.credentials.jwt, self.credentials.jwt.rules());
        let family = used.family.as_deref().unwrap_or(&verified.jti);
        let access = jwt.access_of(&verified, family, &user, now, &self.deps);
        self.note_use_of(&used, user.id).await;
        if !rules.rotate_refresh_tokens {
            return Ok(Refreshed { access, refresh: None });
        }
        let issue = IssueRequest {
            kind: CredentialKind::JwtPair,
            with_user: false,
            user: &user,
            now,
            client,
            claims: None,
            expires_in: None,
            max_session_length: None,
        };
        let (refresh, row) = jwt.rotate(&verified, &used, &issue, &self.deps);
        let is_valid = |user: &User| user.is_active && !verified.is_revoked(user);
        match self.store.rotate(&verified.jti, &row, rules.blacklist_after_rotation, now, &is_valid).await? {
            Rotated::Done => Ok(Refreshed { access, refresh: Some(refresh) }),
            Rotated::AlreadyUsed => Err(AuthError::Reused(user.id)),
            Rotated::Revoked => Err(body_fault(JwtFault::Invalid)),
        }
    }

    /// Verifies a token of any type. Unlike in simplejwt, it is invalid when its user was deleted, is inactive or has logged out
    /// everywhere.
    pub async fn verify(&self, token: &str) -> Result<(), AuthError> {
        let (_, _, used) = self.checked(token, &TokenType::ALL).await?;
        if used.blacklisted && self.credentials.jwt.rules().blacklist_after_rotation {
            return Err(AuthError::Blacklisted);
        }
        Ok(())
    }

    /// Revokes a refresh or sliding token. Errors: an invalid or revoked token.
    pub async fn blacklist(&self, token: &str, client: &ClientInfo) -> Result<(), AuthError> {
        let (verified, user, _) = self.checked(token, &[TokenType::Refresh, TokenType::Sliding]).await?;
        let until = self.credentials.jwt.blacklist_until(verified.token_type, verified.expires);
        let kind = if verified.token_type == TokenType::Sliding {
            CredentialKind::JwtSliding
        } else {
            CredentialKind::JwtPair
        };
        let audit = self.event(AuditKind::LogOut, Some(kind), user.id, client);
        if self.store.blacklist(&verified.jti, user.id, until, self.deps.now(), &audit).await? {
            Ok(())
        } else {
            Err(AuthError::BodyToken("Token is blacklisted"))
        }
    }

    /// A sliding token with a new expiry. Errors: an invalid or revoked token.
    pub async fn refresh_sliding(&self, token: &str) -> Result<String, AuthError> {
        let (verified, user, used) = self.checked(token, &[TokenType::Sliding]).await?;
        self.check_user_limit(user.id).await?;
        if used.blacklisted {
            return Err(AuthError::Reused(user.id));
        }
        self.note_use_of(&used, user.id).await;
        self.credentials.jwt.refresh_sliding(&verified, &user, self.deps.now()).map_err(body_fault)
    }

    async fn checked(&self, token: &str, accepted: &[TokenType]) -> Result<(Verified, User, RefreshUse), AuthError> {
        let verified = self.credentials.jwt.verify(token, accepted, self.deps.now()).map_err(body_fault)?;
        let (user, used) = self.store.refresh_use(&verified.jti, verified.user_id).await?;
        // simplejwt answers 500 for a deleted user here (R-CMP-03); this is its answer elsewhere.
        let user = user.ok_or(AuthError::UserNotFound)?;
        if !user.is_active {
            return Err(AuthError::UserInactive("No active account found for the given token."));
        }
        if verified.is_revoked(&user) {
            return Err(body_fault(JwtFault::Invalid));
        }
        Ok((verified, user, used))
    }

    /// Revokes the knox token of the request (R-CMP-07).
    pub async fn logout_knox(&self, presented: &PresentedCredentials, client: &ClientInfo) -> Result<(), AuthError> {
        let caller = self.knox_caller(presented).await?;
        let Proof::Knox(digest) = caller.proof else { return Err(AuthError::NotAuthenticated) };
        let audit = self.event(AuditKind::LogOut, Some(CredentialKind::Knox), caller.user.id, client);
        Ok(self.store.revoke(&[CredentialHandle::Knox(digest)], caller.user.id, self.deps.now(), &audit).await?)
    }

    /// Revokes all knox tokens of the user.
    pub async fn logout_all_knox(
        &self,
        presented: &PresentedCredentials,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        let caller = self.knox_caller(presented).await?;
        let audit = self.event(AuditKind::LogOut, Some(CredentialKind::Knox), caller.user.id, client);
        Ok(self.store.revoke_all_knox(caller.user.id, &audit).await?)
    }

    async fn knox_caller(&self, presented: &PresentedCredentials) -> Result<Caller, AuthError> {
        self.authenticate(presented, AuthScheme::Knox).await?.ok_or(AuthError::NotAuthenticated)
    }

    /// Revokes the session of these cookies, if there is one (R-CMP-09).
    pub async fn logout_session(&self, cookies: &[String], client: &ClientInfo) -> Result<(), AuthError> {
        if let Some(Caller { user, proof: Proof::Session(digest) }) = self.by_session(cookies).await? {
            let audit = self.event(AuditKind::LogOut, Some(CredentialKind::Session), user.id, client);
            self.store.revoke(&[CredentialHandle::Session(digest)], user.id, self.deps.now(), &audit).await?;
        }
        Ok(())
    }

    /// Revokes every credential of the caller. Returns whether the session of `cookies` was among them: when the request also has
    /// an `Authorization` header, the session may belong to another user.
    pub async fn logout_everything(
        &self,
        caller: &Caller,
        cookies: &[String],
        client: &ClientInfo,
    ) -> Result<bool, AuthError> {
        let session = self.by_session(cookies).await?;
        let audit = self.event(AuditKind::LogOut, None, caller.user.id, client);
        self.store.revoke_all(caller.user.id, self.deps.now(), &audit).await?;
        Ok(session.is_some_and(|session| session.user.id == caller.user.id))
    }
}

fn body_fault(fault: JwtFault) -> AuthError {
    AuthError::BodyToken(match fault {
        JwtFault::Invalid => "Token is invalid",
        JwtFault::Expired => "Token is expired",
        JwtFault::WrongType => "Token has wrong type",
    })
}
