//! The stored token of a linked account.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use crate::http::openapi::answers::Answer;
use crate::http::openapi::{Refused, Tag, error_list};
use crate::http::protocol::{App, ByAny, Failure, OriginPolicy, RequiredAuth, client_info};
use crate::secrets::ExposeSecret;

pub struct ProviderTokens {
    pub app: Arc<App>,
}

error_list! {
    TokenErrors: ANY, CREDENTIAL_REJECTED, USER_RATE_LIMITED, PROVIDER_TOKEN, PROVIDER_CALL;
}

#[OpenApi(prefix_path = "/api/user/social", tag = Tag::User)]
impl ProviderTokens {
    /// Get a provider token
    ///
    /// The access token that the provider issued for this user, refreshed if necessary, so that your front-end or back-end
    /// can call the provider. Needs STORE_PROVIDER_TOKENS.
    #[oai(path = "/:id/token", method = "get", operation_id = "getProviderToken")]
    async fn provider_token(
        &self,
        /// The id of the linked account.
        id: Path<String>,
        auth: RequiredAuth<'_, ByAny>,
    ) -> Result<Answer<ProviderToken>, Refused<TokenErrors>> {
        let caller = auth.admit(&self.app, OriginPolicy::Unchecked).await?;
        let Ok(id) = id.0.parse() else { return Err(Failure::not_found().into()) };
        let tokens = self.app.account.provider_token(&caller, id, &client_info(auth.request)).await?;
        let now = self.app.account.now();
        Ok(Answer(ProviderToken {
            access_token: tokens.access_token.expose_secret().to_owned(),
            token_type: tokens.token_type,
            expires_in: tokens.expires.map(|expires| (expires.seconds() - now.seconds()).max(0)),
            oauth_token_secret: tokens.secret.map(|secret| secret.expose_secret().to_owned()),
        }))
    }
}

/// A provider token: it authorizes calls to the provider on behalf of the user.
#[derive(Object)]
#[oai(example)]
pub struct ProviderToken {
    pub access_token: String,
    #[oai(skip_serializing_if_is_none)]
    pub token_type: Option<String>,
    /// In seconds; absent if the provider did not send a lifetime.
    #[oai(skip_serializing_if_is_none)]
    pub expires_in: Option<i64>,
    /// OAuth 1.0a.
    #[oai(skip_serializing_if_is_none)]
    pub oauth_token_secret: Option<String>,
}

impl Example for ProviderToken {
    fn example() -> Self {
        Self {
            access_token: "ya29.a0AfB_byC".to_owned(),
            token_type: Some("Bearer".to_owned()),
            expires_in: Some(3599),
            oauth_token_secret: None,
        }
    }
}
