//! Introspection (RFC 7662) and revocation (RFC 7009) of every kind of credential, for services.
//!
//! A credential is found by its value alone, so `token_type_hint` is not needed. Introspection is not a use: it neither extends
//! a session or knox token nor changes when it was last used. Otherwise a service could keep a session open whose user is away.

use serde_json::Value;

use super::account_service::AccountService;
use super::error::AuthError;
use crate::clock::UnixMillis;
use crate::credential::jwt::{Jwts, TokenType, Verified};
use crate::credential::session::SessionStatus;
use crate::model::{AuditEvent, AuditKind, ClientInfo, CredentialHandle, CredentialKind, ServiceName, User, UserId};
use crate::store::{BlacklistScope, Blacklisting};

/// What a credential may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUsage {
    /// It authenticates requests.
    Access,
    /// It only gets new access tokens. A service must not accept it.
    Refresh,
}

/// A valid credential.
#[derive(Clone, Debug)]
pub struct ActiveCredential {
    /// Its kind.
    pub kind: CredentialKind,
    /// A sliding token is for access: it authenticates requests.
    pub usage: TokenUsage,
    /// The active user that it belongs to.
    pub user: User,
    /// The scheme of the `Authorization` header that carries it; `None` for a session and a refresh token.
    pub scheme: Option<String>,
    /// When it was issued, in seconds since 1970.
    pub issued: Option<i64>,
    /// When it expires, in seconds since 1970; `None`: never.
    pub expires: Option<i64>,
    /// Of a JWT.
    pub issuer: Option<String>,
    /// Of a JWT.
    pub audience: Vec<String>,
    /// Of a JWT.
    pub jti: Option<String>,
    target: Target,
}

/// What must be revoked to revoke a credential.
#[derive(Clone, Debug)]
enum Target {
    /// A row of the store, or a token family.
    Handle(CredentialHandle),
    /// The family of an access token with this `jti`.
    FamilyOf(String),
    /// A refresh or sliding token of simplejwt, which has no row.
    Foreign(Box<Verified>),
}

impl AccountService {
    /// The credential with this value, of any kind. `None`: it is unknown, expired or revoked, or its user is inactive.
    ///
    /// Errors: the database fails.
    pub async fn introspect(&self, token: &str) -> Result<Option<ActiveCredential>, AuthError> {
        if token.split('.').count() == 3
            && let Some(found) = self.find_jwt(token).await?
        {
            return Ok(Some(found));
        }
        if let Some(found) = self.find_session(token).await? {
            return Ok(Some(found));
        }
        if let Some(found) = self.find_token(token).await? {
            return Ok(Some(found));
        }
        self.find_knox(token).await
    }

    /// Revokes the credential with this value. A JWT of a pair revokes its whole family, so that its access tokens are not active
    /// any more. An invalid credential is revoked already (RFC 7009, section 2.2).
    ///
    /// Errors: `unsupported_token_type` for an access token of simplejwt, which belongs to no known family.
    pub async fn revoke_by_value(
        &self,
        token: &str,
        service: &ServiceName,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        let Some(found) = self.introspect(token).await? else {
            return self.revoke_family_of_replaced(token, service, client).await;
        };
        let (user, now) = (found.user.id, self.deps.now());
        let audit = self.revocation(found.kind, user, service, client);
        let is_new = match found.target {
            Target::Handle(handle) => {
                self.revoke_credentials(user, &[handle], &audit).await?;
                return Ok(());
            }
            Target::FamilyOf(jti) => {
                let families = self.store.families(user).await?;
                let family = families.iter().find(|family| Jwts::is_of_family(&jti, family));
                let family = family.ok_or(AuthError::UnsupportedTokenType)?;
                self.store.revoke_family(family, user, now, &audit).await?
            }
            Target::Foreign(verified) => {
                let token = self.credentials.jwt.presented(&verified, now);
                let blacklisting = Blacklisting { user, token, scope: BlacklistScope::Family, now };
                self.store.blacklist(&blacklisting, &audit).await?
            }
        };
        if is_new {
            self.deps.metrics().credentials_revoked(found.kind, 1);
        }
        Ok(())
    }

    /// A replaced refresh token is not active, but it gets a new successor while its own was never used. A caller who has it
    /// could continue the family, so its revocation revokes the family.
    async fn revoke_family_of_replaced(
        &self,
        token: &str,
        service: &ServiceName,
        client: &ClientInfo,
    ) -> Result<(), AuthError> {
        let types = [TokenType::Refresh, TokenType::Sliding];
        let Ok(verified) = self.verify_jwt(token, &types).await? else { return Ok(()) };
        let found = self.store.token_family(&verified.jti, verified.user_id).await?;
        let Some((user, Some(state))) = found else { return Ok(()) };
        let kind = verified.token_type.credential_kind();
        let audit = self.revocation(kind, user.id, service, client);
        if self.store.revoke_family(&state.family, user.id, self.deps.now(), &audit).await? {
            self.deps.metrics().credentials_revoked(kind, 1);
        }
        Ok(())
    }

    fn revocation(&self, kind: CredentialKind, user: UserId, service: &ServiceName, client: &ClientInfo) -> AuditEvent {
        AuditEvent { service: Some(service.clone()), ..self.event(AuditKind::LogOut, Some(kind), user, client) }
    }

    async fn find_session(&self, value: &str) -> Result<Option<ActiveCredential>, AuthError> {
        let Some(digest) = self.credentials.session.lookup_key(value) else { return Ok(None) };
        let Some((row, user)) = self.store.session(&digest).await? else { return Ok(None) };
        let is_expired = self.credentials.session.status(&row, self.deps.now()) == SessionStatus::Expired;
        let (expires, handle) = (self.credentials.session.expires(&row), CredentialHandle::Session(digest));
        let found = opaque(CredentialKind::Session, user, None, row.created, Some(expires), handle);
        Ok(found.filter(|_| !is_expired))
    }

    async fn find_token(&self, value: &str) -> Result<Option<ActiveCredential>, AuthError> {
        let Some(digest) = self.credentials.token.lookup_key(value) else { return Ok(None) };
        let Some((token_use, user)) = self.store.token(&digest).await? else { return Ok(None) };
        let (scheme, handle) = (Some("Token"), CredentialHandle::Token(digest));
        Ok(opaque(CredentialKind::Token, user, scheme, token_use.created, None, handle))
    }

    async fn find_knox(&self, value: &str) -> Result<Option<ActiveCredential>, AuthError> {
        let Some((row, user)) = self.knox_row(value).await? else { return Ok(None) };
        let is_expired = self.credentials.knox.is_expired(&row, self.deps.now());
        let scheme = Some(self.credentials.knox.header_prefix());
        let handle = CredentialHandle::Knox(row.digest);
        let found = opaque(CredentialKind::Knox, user, scheme, row.created, row.expires, handle);
        Ok(found.filter(|_| !is_expired))
    }

    async fn find_jwt(&self, token: &str) -> Result<Option<ActiveCredential>, AuthError> {
        let jwt = &self.credentials.jwt;
        let Ok(verified) = self.verify_jwt(token, &TokenType::ALL).await? else { return Ok(None) };
        let (user, state, is_revoked) = match verified.token_type {
            TokenType::Access => match self.access_token_user(&verified).await {
                Ok((user, is_family_revoked)) => (user, None, is_family_revoked),
                Err(AuthError::UserNotFound) => return Ok(None),
                Err(error) => return Err(error),
            },
            TokenType::Refresh | TokenType::Sliding => {
                let found = self.store.token_family(&verified.jti, verified.user_id).await?;
                let Some((user, state)) = found else { return Ok(None) };
                // A replaced sliding token authenticates as long as it could be refreshed; a replaced refresh token is of no use.
                let is_replaced = state.as_ref().is_some_and(|state| !state.is_valid);
                let is_accepted = self.family_decision(&verified, state.as_ref()).is_accepted()
                    && !(is_replaced && verified.token_type == TokenType::Refresh);
                (user, state, !is_accepted)
            }
        };
        if is_revoked || verified.check_user(&user).is_err() {
            return Ok(None);
        }
        let text = |name: &str| verified.claim(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| verified.claim(name).and_then(Value::as_i64);
        let is_refresh = verified.token_type == TokenType::Refresh;
        Ok(Some(ActiveCredential {
            kind: verified.token_type.credential_kind(),
            usage: if is_refresh { TokenUsage::Refresh } else { TokenUsage::Access },
            user,
            scheme: jwt.rules().auth_header_types.first().filter(|_| !is_refresh).cloned(),
            issued: number("iat"),
            expires: number("exp"),
            issuer: text("iss"),
            audience: match verified.claim("aud") {
                Some(Value::String(one)) => vec![one.clone()],
                Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => Vec::new(),
            },
            jti: Some(verified.jti.clone()),
            target: match (verified.token_type, state.map(|state| state.family)) {
                (TokenType::Access, _) => Target::FamilyOf(verified.jti),
                (_, Some(family)) => Target::Handle(CredentialHandle::Family(family)),
                (_, None) => Target::Foreign(Box::new(verified)),
            },
        }))
    }
}

/// A session, permanent token or knox token. `None`: its user is inactive.
fn opaque(
    kind: CredentialKind,
    user: User,
    scheme: Option<&str>,
    issued: UnixMillis,
    expires: Option<UnixMillis>,
    handle: CredentialHandle,
) -> Option<ActiveCredential> {
    user.is_active.then(|| ActiveCredential {
        kind,
        usage: TokenUsage::Access,
        user,
        scheme: scheme.map(str::to_owned),
        issued: Some(issued.seconds()),
        expires: expires.map(UnixMillis::seconds),
        issuer: None,
        audience: Vec::new(),
        jti: None,
        target: Target::Handle(handle),
    })
}
