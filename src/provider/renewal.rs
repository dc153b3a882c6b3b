//! A provider's tokens after the login: renewal (RFC 6749, section 6) and revocation (RFC 7009).

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::call::{render_pairs, resolve_url};
use super::configured::Provider;
use super::context::ExchangeContext;
use super::descriptor::{ClientAuth, TokenManagementRules};
use super::error::ProviderError;
use super::expression::{Ordered, Template};
use super::profile::{evaluated, id_text, remaining_seconds};
use super::protocol::{Callback, Protocol};
use super::{quirks, reply};
use crate::model::{AccountUid, ProviderTokens, as_text};
use crate::outgoing::{Body, Freshness, Reply, Request};
use crate::secrets::{ExposeSecret, SecretString};

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl Provider {
    /// Fresh tokens for a refresh token; what the answer leaves out stays. Errors: `InvalidCode` where the provider refuses the
    /// refresh token.
    pub async fn refresh_tokens(
        &self,
        kept: &ProviderTokens,
        uid: &str,
        deadline: Instant,
    ) -> Result<ProviderTokens, ProviderError> {
        const STAGE: &str = "refresh";
        let rules = &self.descriptor.refresh;
        let refresh =
            kept.refresh_token.as_ref().ok_or_else(|| ProviderError::failed(STAGE, "there is no refresh token"))?;
        let url = rules.url.as_ref().or_else(|| self.override_of("ACCESS_TOKEN_URL"));
        let headers = rules.headers.as_ref().unwrap_or(&self.descriptor.token.headers);
        let usual = [("refresh_token", refresh.expose_secret()), ("grant_type", "refresh_token")];
        let url = url.unwrap_or(&self.descriptor.token.url);
        let callback = Callback::after_login(&kept.callback, &NOTHING, deadline);
        let mut context = self.resumed(kept, &callback).await?;
        let secrets = [refresh.expose_secret(), self.client_secret.expose_secret()];
        let read = |answer: Reply| {
            reply::read(&answer, STAGE, self.descriptor.token.format, &self.descriptor.errors, &secrets)
        };
        let body = match self
            .token_management_call(STAGE, (&context, uid), rules, (url, headers), &usual)
            .await
            .and_then(read)
        {
            // The refresh token was not used: it may go to where the endpoint is now.
            Err(ProviderError::EndpointNotFound { .. }) if self.has_moved(&mut context).await => {
                read(self.token_management_call(STAGE, (&context, uid), rules, (url, headers), &usual).await?)?
            }
            answered => answered?,
        };
        self.read_token(STAGE, &mut context, body)?;
        let access = context.access_token.clone();
        let access = access.ok_or_else(|| ProviderError::failed(STAGE, "there is no access token in the answer"))?;
        let fresh = self.tokens_in(&context.token, &access);
        let identity = self.same_user(STAGE, &mut context, kept, uid).await?;
        Ok(ProviderTokens {
            identity,
            refresh_token: fresh.refresh_token.or_else(|| kept.refresh_token.clone()),
            token_type: fresh.token_type.or_else(|| kept.token_type.clone()),
            callback: kept.callback.clone(),
            ..fresh
        })
    }

    /// Asks the provider to end the tokens. False: it has no way to.
    pub async fn revoke_provider_tokens(
        &self,
        kept: &ProviderTokens,
        uid: &str,
        deadline: Instant,
    ) -> Result<bool, ProviderError> {
        const STAGE: &str = "revoke";
        let rules = &self.descriptor.revoke;
        let Some(url) = self.override_of("REVOKE_TOKEN_URL").or(rules.url.as_ref()) else { return Ok(false) };
        let (usual, none) = ([("token", kept.access_token.expose_secret())], Ordered::new());
        let headers = rules.headers.as_ref().unwrap_or(&none);
        let callback = Callback::after_login(&kept.callback, &NOTHING, deadline);
        let mut context = self.resumed(kept, &callback).await?;
        let mut answer = self.token_management_call(STAGE, (&context, uid), rules, (url, headers), &usual).await?;
        if reply::is_no_endpoint(answer.status) && self.has_moved(&mut context).await {
            answer = self.token_management_call(STAGE, (&context, uid), rules, (url, headers), &usual).await?;
        }
        if answer.is_success() {
            Ok(true)
        } else {
            Err(ProviderError::failed(STAGE, format!("status {}", answer.status)))
        }
    }

    /// The login that the kept tokens are of, as far as calls after it need it.
    async fn resumed<'a>(
        &'a self,
        kept: &ProviderTokens,
        callback: &'a Callback<'a>,
    ) -> Result<ExchangeContext<'a>, ProviderError> {
        let refresh = kept.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        Ok(ExchangeContext {
            provider: self,
            callback,
            redirect_uri: String::new(),
            code: None,
            address: Map::new(),
            discovery: self.discovery(callback.deadline, Freshness::Cached).await?,
            token: json!({"access_token": kept.access_token.expose_secret(), "refresh_token": refresh}),
            access_token: Some(kept.access_token.expose_secret().to_owned()),
            token_secret: kept.secret.clone(),
            claims: None,
        })
    }

    /// OpenID Connect Core 12.2: a renewal answers for the user of the login. What the answer says of that is kept beside what
    /// was known.
    async fn same_user(
        &self,
        stage: &'static str,
        context: &mut ExchangeContext<'_>,
        kept: &ProviderTokens,
        uid: &str,
    ) -> Result<Map<String, Value>, ProviderError> {
        let claims = if self.verifies_id_token() { self.verify_renewed(context).await? } else { None };
        context.claims = claims.map(Value::Object);
        let mut known = kept.identity.clone();
        let said = self.identity_in(context, uid, &known);
        for (name, value) in &said {
            let is_same = match known.get(name) {
                Some(before) => before == value,
                // Of tokens that were kept without the identity, such as imported ones, only the id of the account is known.
                None if name == "id_token.sub" && self.id_key() == "sub" => {
                    self.uid_of_claims(context).is_some_and(|of_claims| of_claims.as_str() == uid)
                }
                None => true,
            };
            if !is_same {
                let reason = format!("{name} differs from that of the login");
                return Err(ProviderError::UserMismatch { stage, reason });
            }
        }
        known.extend(said);
        Ok(known)
    }

    /// The uid that the ID token of a renewal stands for; it may be composed of several claims.
    pub(super) fn uid_of_claims(&self, context: &ExchangeContext<'_>) -> Option<AccountUid> {
        let claims = context.claims.as_ref()?;
        self.uid(&context.scope().with("profile", Some(claims)).with("details", Some(&*NOTHING))).ok()
    }

    /// The user that a token answer names: in its ID token, and beside the tokens. `known`: what the login's answer said; its
    /// members are compared whatever they are called.
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

    /// A call after the login: to where, with which headers, and with which body where the descriptor says nothing.
    async fn token_management_call(
        &self,
        stage: &'static str,
        (context, uid): (&ExchangeContext<'_>, &str),
        rules: &TokenManagementRules,
        (url, headers): (&Template, &Ordered<Template>),
        usual: &[(&str, &str)],
    ) -> Result<Reply, ProviderError> {
        let scope = context.scope().with("uid", Some(uid));
        let mut call = Request::new(rules.method, resolve_url(stage, url, &scope, &self.descriptor.token.hosts)?);
        call.headers = render_pairs(headers, &scope)?;
        call.query = render_pairs(&rules.query, &scope)?;
        call.body = match &rules.form {
            Some(form) => Body::Form(render_pairs(form, &scope)?),
            None if rules.auth == ClientAuth::Templates => Body::None,
            None => Body::Form(usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()),
        };
        self.prove(&mut call, rules.auth);
        quirks::prepare_token_request(context, &mut call).await?;
        self.send(stage, &call, context.callback.deadline).await
    }

    /// What a login's token answer hands out, for keeping; `None` where it holds no access token.
    pub(super) fn tokens_of(
        &self,
        context: &ExchangeContext<'_>,
        uid: &str,
    ) -> Result<Option<ProviderTokens>, ProviderError> {
        let Some(access_token) = context.access_token.as_deref() else { return Ok(None) };
        let callback = evaluated(&self.descriptor.refresh.needs, &context.scope())?;
        let identity = self.identity_in(context, uid, &NOTHING);
        Ok(Some(ProviderTokens { callback, identity, ..self.tokens_in(&context.token, access_token) }))
    }

    fn tokens_in(&self, token: &Value, access_token: &str) -> ProviderTokens {
        let text = |name: &str| token.get(name).and_then(as_text).filter(|text| !text.is_empty());
        let secret = text("oauth_token_secret").filter(|_| self.descriptor.protocol == Protocol::OAuth1);
        let now = self.deps.now();
        let seconds = remaining_seconds(&[token.as_object()], now.seconds());
        let lifetime = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
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
