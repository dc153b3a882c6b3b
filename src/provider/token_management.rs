//! Refresh (RFC 6749, section 6) and revocation (RFC 7009) of stored provider tokens.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::call::{render_pairs, resolve_url};
use super::configured::Provider;
use super::context::ExchangeContext;
use super::error::{ProviderError, Stage};
use super::expression::{Ordered, Template};
use super::profile::{evaluated, id_text};
use super::protocol::{Callback, Protocol};
use super::request_rules::{ClientAuth, TokenManagementRules};
use super::{quirks, reply};
use crate::model::{AccountUid, ProviderTokens, as_text, remaining_seconds};
use crate::outgoing::{Body, Freshness, Reply, Request};
use crate::secrets::{ExposeSecret, SecretString};

/// A refresh or a revocation of stored tokens.
struct ManagementCall<'a> {
    stage: Stage,
    /// Of the account with these tokens.
    uid: &'a str,
    rules: &'a TokenManagementRules,
    url: &'a Template,
    headers: &'a Ordered<Template>,
    /// The body if the descriptor has none.
    default_form: &'a [(&'a str, &'a str)],
}

static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl Provider {
    /// Refreshes tokens. Values that the answer lacks are stored.
    ///
    /// Errors: [`ProviderError::InvalidCode`] if the provider refuses the refresh token, [`ProviderError::UserMismatch`] if the new
    /// tokens are of another user, and failures of the provider.
    pub async fn refresh_tokens(
        &self,
        stored: &ProviderTokens,
        uid: &str,
        deadline: Instant,
    ) -> Result<ProviderTokens, ProviderError> {
        const STAGE: Stage = Stage::Refresh;
        let rules = &self.descriptor.refresh;
        let refresh =
            stored.refresh_token.as_ref().ok_or_else(|| ProviderError::failed(STAGE, "there is no refresh token"))?;
        let url = rules.url.as_ref().or_else(|| self.override_of("ACCESS_TOKEN_URL"));
        let call = ManagementCall {
            stage: STAGE,
            uid,
            rules,
            url: url.unwrap_or(&self.descriptor.token.url),
            headers: rules.headers.as_ref().unwrap_or(&self.descriptor.token.headers),
            default_form: &[("refresh_token", refresh.expose_secret()), ("grant_type", "refresh_token")],
        };
        let callback = Callback::after_login(&stored.callback, &EMPTY, deadline);
        let mut context = self.context_of_tokens(stored, &callback).await?;
        let secrets = [refresh.expose_secret(), self.client_secret.expose_secret()];
        let read = |answer: Reply| {
            reply::read(&answer, STAGE, self.descriptor.token.format, &self.descriptor.errors, &secrets)
        };
        let body = match self.send_management_call(&call, &context).await.and_then(read) {
            // The refresh token was not used, so it can be sent to the new endpoint.
            Err(ProviderError::EndpointNotFound { .. }) if self.endpoints_changed(&mut context).await => {
                read(self.send_management_call(&call, &context).await?)?
            }
            answered => answered?,
        };
        self.read_token(STAGE, &mut context, body)?;
        let access = context.access_token.clone();
        let access = access.ok_or_else(|| ProviderError::failed(STAGE, "there is no access token in the answer"))?;
        let fresh = self.tokens_in(&context.token, &access);
        let identity = self.check_user(&mut context, stored, uid).await?;
        Ok(ProviderTokens {
            identity,
            refresh_token: fresh.refresh_token.or_else(|| stored.refresh_token.clone()),
            token_type: fresh.token_type.or_else(|| stored.token_type.clone()),
            callback: stored.callback.clone(),
            ..fresh
        })
    }

    /// Revokes tokens at the provider. False: the provider has no revocation endpoint.
    ///
    /// Errors: failures of the provider.
    pub async fn revoke_provider_tokens(
        &self,
        stored: &ProviderTokens,
        uid: &str,
        deadline: Instant,
    ) -> Result<bool, ProviderError> {
        const STAGE: Stage = Stage::Revoke;
        let rules = &self.descriptor.revoke;
        let Some(url) = self.override_of("REVOKE_TOKEN_URL").or(rules.url.as_ref()) else { return Ok(false) };
        let token = stored.refresh_token.as_ref().unwrap_or(&stored.access_token);
        let no_headers = Ordered::new();
        let call = ManagementCall {
            stage: STAGE,
            uid,
            rules,
            url,
            headers: rules.headers.as_ref().unwrap_or(&no_headers),
            default_form: &[("token", token.expose_secret())],
        };
        let callback = Callback::after_login(&stored.callback, &EMPTY, deadline);
        let mut context = self.context_of_tokens(stored, &callback).await?;
        let mut answer = self.send_management_call(&call, &context).await?;
        if reply::is_endpoint_missing(answer.status) && self.endpoints_changed(&mut context).await {
            answer = self.send_management_call(&call, &context).await?;
        }
        if answer.is_success() {
            Ok(true)
        } else {
            Err(ProviderError::failed(STAGE, format!("status {}", answer.status)))
        }
    }

    /// The context of the login that issued the tokens, as far as it is stored.
    async fn context_of_tokens<'a>(
        &'a self,
        stored: &ProviderTokens,
        callback: &'a Callback<'a>,
    ) -> Result<ExchangeContext<'a>, ProviderError> {
        let refresh = stored.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        Ok(ExchangeContext {
            provider: self,
            callback,
            redirect_uri: String::new(),
            code: None,
            address: Map::new(),
            discovery: self.discovery(callback.deadline, Freshness::Cached).await?,
            token: json!({"access_token": stored.access_token.expose_secret(), "refresh_token": refresh}),
            access_token: Some(stored.access_token.expose_secret().to_owned()),
            token_secret: stored.secret.clone(),
            claims: None,
        })
    }

    /// OpenID Connect Core 12.2: the new tokens must be of the same user. The result is the identity to store, with new members
    /// added.
    async fn check_user(
        &self,
        context: &mut ExchangeContext<'_>,
        stored: &ProviderTokens,
        uid: &str,
    ) -> Result<Map<String, Value>, ProviderError> {
        let claims = if self.verifies_id_token() { self.verify_refreshed(context).await? } else { None };
        context.claims = claims.map(Value::Object);
        let mut known = stored.identity.clone();
        let identity = self.identity_in(context, uid, &known);
        for (name, value) in &identity {
            let is_same = match known.get(name) {
                Some(before) => before == value,
                // Of tokens without a stored identity, such as imported ones, only the uid is known.
                None if name == "id_token.sub" && self.id_key() == "sub" => {
                    self.uid_of_claims(context).is_some_and(|of_claims| of_claims.as_str() == uid)
                }
                None if *name == self.id_key() => value.as_str() == Some(uid),
                None => true,
            };
            if !is_same {
                let reason = format!("{name} differs from that of the login");
                return Err(ProviderError::UserMismatch { stage: Stage::Refresh, reason });
            }
        }
        known.extend(identity);
        Ok(known)
    }

    /// The uid of the ID token, which may consist of several claims.
    pub(super) fn uid_of_claims(&self, context: &ExchangeContext<'_>) -> Option<AccountUid> {
        let claims = context.claims.as_ref()?;
        self.uid(&context.scope().with("profile", Some(claims)).with("details", Some(&*EMPTY))).ok()
    }

    /// Members of a token answer and its ID token that identify the user. `known`: those of the login, which are included whatever
    /// their names are.
    fn identity_in(&self, context: &ExchangeContext<'_>, uid: &str, known: &Map<String, Value>) -> Map<String, Value> {
        const NAMES: [&str; 11] = [
            "sub",
            "uid",
            "user_id",
            "openid",
            "open_id",
            "unionid",
            "account_id",
            "stripe_user_id",
            "user_nsid",
            "userID",
            "membership_id",
        ];
        let claims = ["iss", "sub"].into_iter().filter_map(|name| {
            let value = context.claims.as_ref()?.get(name)?.as_str()?;
            Some((format!("id_token.{name}"), Value::from(value)))
        });
        let members = context.token.as_object().into_iter().flatten().filter_map(|(name, value)| {
            let text = id_text(value)?;
            let identifies = NAMES.contains(&name.as_str())
                || known.contains_key(name) && !name.starts_with("id_token.")
                || *name == self.id_key() && text == uid;
            identifies.then(|| (name.clone(), Value::from(text)))
        });
        claims.chain(members).collect()
    }

    async fn send_management_call(
        &self,
        call: &ManagementCall<'_>,
        context: &ExchangeContext<'_>,
    ) -> Result<Reply, ProviderError> {
        let ManagementCall { stage, uid, rules, url, headers, default_form } = *call;
        let scope = context.scope().with("uid", Some(uid));
        let mut request = Request::new(rules.method, resolve_url(stage, url, &scope, &self.descriptor.token.hosts)?);
        request.headers = render_pairs(headers, &scope)?;
        request.query = render_pairs(&rules.query, &scope)?;
        let auth = self.management_auth(rules, context.discovery.as_deref());
        request.body = match &rules.form {
            Some(form) => Body::Form(render_pairs(form, &scope)?),
            None if auth == ClientAuth::Templates => Body::None,
            None => {
                Body::Form(default_form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
            }
        };
        self.authenticate_client(&mut request, auth);
        quirks::prepare_token_request(context, &mut request).await?;
        self.send(stage, &request, context.callback.deadline).await
    }

    /// The tokens of a login, for storage. `None`: there is no access token. Errors: a value has the wrong type.
    pub(super) fn tokens_of(
        &self,
        context: &ExchangeContext<'_>,
        uid: &str,
    ) -> Result<Option<ProviderTokens>, ProviderError> {
        let Some(access_token) = context.access_token.as_deref() else { return Ok(None) };
        let callback = evaluated(&self.descriptor.refresh.needs, &context.scope())?;
        let identity = self.identity_in(context, uid, &EMPTY);
        Ok(Some(ProviderTokens { callback, identity, ..self.tokens_in(&context.token, access_token) }))
    }

    fn tokens_in(&self, token: &Value, access_token: &str) -> ProviderTokens {
        let text = |name: &str| token.get(name).and_then(as_text).filter(|text| !text.is_empty());
        let secret = text("oauth_token_secret").filter(|_| self.descriptor.protocol == Protocol::OAuth1);
        let now = self.deps.now();
        let seconds = remaining_seconds(&[token.as_object()], now.seconds());
        // A lifetime that is over makes the token expired, not endless.
        let lifetime = seconds.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        ProviderTokens {
            access_token: SecretString::from(access_token.to_owned()),
            refresh_token: text("refresh_token").map(SecretString::from),
            secret: secret.map(SecretString::from),
            token_type: text("token_type"),
            expires: lifetime.map(|lifetime| now.plus(lifetime)),
            callback: Map::new(),
            identity: Map::new(),
        }
    }
}
