//! Introspection and revocation for services (RFC 7662, RFC 7009).

use std::sync::Arc;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object, OpenApi};

use super::tokens::EmptyObject;
use crate::account::{ActiveCredential, TokenUsage};
use crate::http::openapi::answers::Answer;
use crate::http::openapi::inputs::ServiceInput;
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{App, RawBody, ServiceAuth, client_info};
use crate::model::LoginKind;

pub struct Introspections {
    pub app: Arc<App>,
}

error_list! {
    IntrospectErrors: ANY, BODY, ADDRESS_RATE_LIMITED, SERVICE_REJECTED, INVALID_INTROSPECT;
    RevokeErrors: ANY, BODY, ADDRESS_RATE_LIMITED, SERVICE_REJECTED, INVALID_REVOKE;
}

#[OpenApi(prefix_path = "/api/token", tag = Tag::Services)]
impl Introspections {
    /// Introspect a token
    ///
    /// RFC 7662, for services that `services add` registered. Says whether a credential of any kind is valid now, and whose it
    /// is. An access token whose login was revoked is not active, although it has not expired. It is not a use: sessions
    /// and knox tokens are not extended.
    #[oai(path = "/introspect", method = "post", operation_id = "introspectToken")]
    async fn introspect(
        &self,
        auth: ServiceAuth<'_>,
        body: RawBody<ServiceInput>,
    ) -> Result<Answer<Introspection>, Refused<IntrospectErrors>> {
        let call = auth.admit(&self.app, body).await?;
        let found = self.app.account.introspect(&call.token).await?;
        Ok(Answer(found.map_or_else(Introspection::default, Introspection::from)))
    }

    /// Revoke a token
    ///
    /// RFC 7009, for services that `services add` registered. Revokes a credential of any kind. An access or refresh token
    /// revokes all tokens of its login. A token that is unknown, expired or revoked is answered with 200 too.
    #[oai(path = "/revoke", method = "post", operation_id = "revokeToken")]
    async fn revoke(
        &self,
        auth: ServiceAuth<'_>,
        body: RawBody<ServiceInput>,
    ) -> Result<Answer<EmptyObject>, Refused<RevokeErrors>> {
        let call = auth.admit(&self.app, body).await?;
        self.app.account.revoke_by_value(&call.token, &call.service.name, &client_info(auth.request)).await?;
        Ok(Answer(EmptyObject::default()))
    }
}

/// What a token may be used for. `access`: it authenticates requests. `refresh`: it only gets new access tokens, so a service
/// must not accept it.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase")]
pub enum TokenUse {
    Access,
    Refresh,
}

/// The answer of RFC 7662, section 2.2. Only `active` is present if the token is not valid.
#[derive(Object, Default)]
#[oai(example)]
pub struct Introspection {
    /// Whether the token is valid now. False for any token that is unknown, expired or revoked, or whose user is inactive.
    pub active: bool,
    /// The id of the user.
    #[oai(skip_serializing_if_is_none)]
    pub sub: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub username: Option<String>,
    /// The scheme of the `Authorization` header that carries the token, such as `Bearer` or `Token`. Absent for a session and
    /// for a refresh token.
    #[oai(skip_serializing_if_is_none)]
    pub token_type: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub token_use: Option<TokenUse>,
    #[oai(skip_serializing_if_is_none)]
    pub credential_kind: Option<LoginKind>,
    /// When the token expires, in seconds since 1970. For a session, the earlier of its two time limits. Absent if the token
    /// does not expire.
    #[oai(skip_serializing_if_is_none)]
    pub exp: Option<i64>,
    /// When the token was issued, in seconds since 1970.
    #[oai(skip_serializing_if_is_none)]
    pub iat: Option<i64>,
    /// The issuer, of a JWT that has one.
    #[oai(skip_serializing_if_is_none)]
    pub iss: Option<String>,
    /// The audiences, of a JWT that has any.
    #[oai(skip_serializing_if_is_none)]
    pub aud: Option<Vec<String>>,
    /// The id, of a JWT.
    #[oai(skip_serializing_if_is_none)]
    pub jti: Option<String>,
}

impl From<ActiveCredential> for Introspection {
    fn from(found: ActiveCredential) -> Self {
        Self {
            active: true,
            sub: Some(found.user.id.to_string()),
            username: Some(found.user.username),
            token_type: found.scheme,
            token_use: Some(match found.usage {
                TokenUsage::Access => TokenUse::Access,
                TokenUsage::Refresh => TokenUse::Refresh,
            }),
            credential_kind: Some(found.kind.into()),
            exp: found.expires,
            iat: found.issued,
            iss: found.issuer,
            aud: (!found.audience.is_empty()).then_some(found.audience),
            jti: found.jti,
        }
    }
}

impl Example for Introspection {
    fn example() -> Self {
        Self {
            active: true,
            sub: Some("1".to_owned()),
            username: Some("mara".to_owned()),
            token_type: Some("Bearer".to_owned()),
            token_use: Some(TokenUse::Access),
            credential_kind: Some(LoginKind::JwtPair),
            exp: Some(1_795_522_900),
            iat: Some(1_795_522_600),
            iss: None,
            aud: None,
            jti: None,
        }
    }
}
