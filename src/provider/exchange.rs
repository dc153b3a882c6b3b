//! From a callback to an identity, in the order of RFC 6749 and OpenID Connect Core. The order is: the issuer of the callback, the
//! token request, the ID token, the profile.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::form_urlencoded;

use super::authorization::with_redirect_state;
use super::call::render_pairs;
use super::configured::Provider;
use super::context::ExchangeContext;
use super::descriptor::StateIn;
use super::error::{ProviderError, Stage};
use super::keys::Discovery;
use super::protocol::{Callback, Protocol};
use super::request_rules::{ClientAuth, TokenManagementRules};
use super::{quirks, reply};
use crate::clock::UnixMillis;
use crate::model::{Identity, as_text};
use crate::outgoing::{Body, Freshness, Pairs, Request};
use crate::secrets::ExposeSecret;

const STAGE: Stage = Stage::Token;

/// A callback that was checked before its code is claimed.
#[derive(Default)]
pub struct CheckedCallback {
    address: Map<String, Value>,
    discovery: Option<Arc<Discovery>>,
    /// Set if the callback contains the token.
    token: Value,
    access_token: Option<String>,
    /// The claims of an ID token that replaces the code.
    claims: Option<Value>,
    single_use: SingleUse,
}

/// What identifies a callback that may be used once.
#[derive(Default)]
struct SingleUse {
    parts: Vec<String>,
    /// When it would be refused for its age. `None`: it is valid as long as a code.
    valid_until: Option<UnixMillis>,
}

impl SingleUse {
    /// The same for all providers, because several may use the same client.
    fn of_id_token(token: &str, valid_until: Option<UnixMillis>) -> Self {
        Self { parts: vec!["id_token".to_owned(), signed_part(token).to_owned()], valid_until }
    }
}

impl CheckedCallback {
    /// The key of the claim.
    pub fn claim_key(&self) -> Vec<&str> {
        self.single_use.parts.iter().map(String::as_str).collect()
    }

    /// Until when the claim must be stored. `None`: as long as for a code.
    pub fn valid_until(&self) -> Option<UnixMillis> {
        self.single_use.valid_until
    }
}

impl Provider {
    /// Checks everything that the caller sent, before the code is claimed. The code is not sent, and an error here does not use it.
    /// May fetch the discovery document and the key set.
    ///
    /// Errors: a field is invalid, the callback belongs to another login, or the ID token is invalid.
    pub async fn check_callback(&self, callback: &Callback<'_>) -> Result<CheckedCallback, ProviderError> {
        // The address of the authorization request takes precedence over the callback.
        let given = if callback.address.is_empty() { callback.fields } else { callback.address };
        let address = self.checked_address(given)?;
        let discovery = self.discovery(callback.deadline, Freshness::Cached).await?;
        let checked = CheckedCallback { address, discovery, ..CheckedCallback::default() };
        let mut context = self.context_of(callback, checked);
        self.check_issuer(&context)?;
        let single_use = match (callback.id_token, self.descriptor.protocol) {
            (Some(token), _) => {
                let verified = self.verify_id_token(token, callback).await?;
                context.claims = Some(Value::Object(verified.claims));
                SingleUse::of_id_token(token, Some(verified.accepted_until))
            }
            (None, Protocol::OAuth1) => self.single_use(callback)?,
            (None, _) => {
                self.check_conditions(&context)?;
                self.check_token_call(&mut context)?;
                self.single_use(callback)?
            }
        };
        let ExchangeContext { address, discovery, token, access_token, claims, .. } = context;
        Ok(CheckedCallback { address, discovery, token, access_token, claims, single_use })
    }

    /// Sends the token request and the profile requests.
    ///
    /// Errors: the provider refuses the code, fails, or its profile cannot be used.
    pub async fn identify(&self, callback: &Callback<'_>, checked: CheckedCallback) -> Result<Identity, ProviderError> {
        let mut context = self.context_of(callback, checked);
        match (callback.id_token, self.descriptor.protocol) {
            (Some(_), _) => {}
            (None, Protocol::OAuth1) => self.exchange_verifier(&mut context).await?,
            (None, _) => self.exchange_code(&mut context).await?,
        }
        if callback.id_token.is_none() && self.verifies_id_token() {
            let claims = self.verified_claims(&mut context).await?;
            context.claims = Some(Value::Object(claims));
        }
        self.profile(&mut context).await
    }

    fn context_of<'a>(&'a self, callback: &'a Callback<'a>, checked: CheckedCallback) -> ExchangeContext<'a> {
        let redirect_uri = match (self.descriptor.authorization.state, callback.state) {
            (StateIn::Redirect, Some(state)) => with_redirect_state(callback.redirect_uri, state),
            _ => callback.redirect_uri.to_owned(),
        };
        let CheckedCallback { address, discovery, token, access_token, claims, single_use: _ } = checked;
        ExchangeContext {
            provider: self,
            callback,
            redirect_uri,
            code: callback.fields.get("code").and_then(as_text).filter(|text| !text.is_empty()),
            address,
            discovery,
            token,
            access_token,
            token_secret: None,
            claims,
        }
    }

    /// What identifies the callback: by the rule of the descriptor, otherwise the code, otherwise the login fields.
    fn single_use(&self, callback: &Callback<'_>) -> Result<SingleUse, ProviderError> {
        let text = |name: &str| callback.fields.get(name).and_then(as_text).filter(|text| !text.is_empty());
        let Some(rule) = &self.descriptor.single_use else {
            let has_code = self.login_fields.iter().any(|names| names == "code");
            let of_names = |names: &String| names.split('|').find_map(text);
            // The same code with another field is still the same code.
            let parts = match text("code").filter(|_| has_code) {
                Some(code) => vec![code],
                None => self.login_fields.iter().filter_map(of_names).collect(),
            };
            let parts = std::iter::once(self.name.clone()).chain(parts).collect();
            return Ok(SingleUse { parts, valid_until: None });
        };
        let scope = self.base_scope().with("callback", Some(callback.fields));
        let text = rule.text.text(&scope)?.filter(|text| !text.is_empty());
        let seconds = rule.seconds.eval(&scope)?.as_deref().and_then(Value::as_f64);
        let lifetime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let Some((text, lifetime)) = text.zip(lifetime) else {
            return Err(ProviderError::InvalidCode { message: None });
        };
        let valid_until = Some(self.deps.now().plus(lifetime));
        // The same for all providers, because several may use the same client.
        Ok(SingleUse { parts: vec!["callback".to_owned(), text], valid_until })
    }

    fn check_conditions(&self, context: &ExchangeContext<'_>) -> Result<(), ProviderError> {
        for rule in &self.descriptor.checks {
            rule.check(&context.scope(), invalid_callback).map_err(|error| match error {
                // A member of the wrong type is an error of the caller, not of the provider.
                ProviderError::Failed { .. } => invalid_callback(rule.reason.clone()),
                error => error,
            })?;
        }
        Ok(())
    }

    /// Checks what the callback supplies for the token request: the token itself, or a part of the URL.
    fn check_token_call(&self, context: &mut ExchangeContext<'_>) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        let error_of_caller = |error| match error {
            ProviderError::Failed { reason, .. } => invalid_callback(reason),
            ProviderError::NoUrl { .. } => invalid_callback("there is no URL".to_owned()),
            error => error,
        };
        if rules.auth == ClientAuth::None {
            let body = Value::Object(context.callback.fields.clone());
            self.read_token(STAGE, context, body).map_err(error_of_caller)?;
            // With a blank or another character that the provider ignores, a used token would look like another one.
            let is_plain = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
            return match &context.access_token {
                Some(token) if !is_plain(token) => {
                    Err(invalid_callback("The access token contains characters that are not allowed.".to_owned()))
                }
                _ => Ok(()),
            };
        }
        if rules.url.mentions("callback") && self.override_of("ACCESS_TOKEN_URL").is_none() {
            context.token_url().map_err(error_of_caller)?;
        }
        Ok(())
    }

    /// RFC 6749, 4.1.3.
    async fn exchange_code(&self, context: &mut ExchangeContext<'_>) -> Result<(), ProviderError> {
        if self.descriptor.token.auth == ClientAuth::None {
            // The callback contained the token, which was read before the claim.
            return Ok(());
        }
        let body = match self.request_token_answer(context).await {
            // The code was not used, so it can be sent to the new endpoint.
            Err(ProviderError::EndpointNotFound { .. }) if self.endpoints_changed(context).await => {
                self.request_token_answer(context).await?
            }
            answered => answered?,
        };
        self.read_token(STAGE, context, body)
    }

    /// Reads the answer to a token request or a refresh. Errors: the answer is no object, or has no access token.
    pub(super) fn read_token(
        &self,
        stage: Stage,
        context: &mut ExchangeContext<'_>,
        mut body: Value,
    ) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        if let Some(root) = &rules.root {
            let bodies = Value::Array(vec![body]);
            let inner = root.eval(&context.scope().with("bodies", Some(&bodies)))?;
            body = inner.map(Cow::into_owned).unwrap_or_default();
        }
        if !body.is_object() {
            return Err(ProviderError::failed(stage, "the answer is not an object"));
        }
        context.token = body;
        // RFC 6749, 5.1: the access token must be a text that is not empty.
        let found = match &rules.access_token {
            Some(expr) => expr.eval(&context.scope())?.as_deref().and_then(Value::as_str).map(str::to_owned),
            None => context.token.get("access_token").and_then(Value::as_str).map(str::to_owned),
        };
        context.access_token = found.filter(|token| !token.is_empty());
        if context.access_token.is_none() && !rules.access_token_optional {
            return Err(ProviderError::failed(stage, "the answer has no access token"));
        }
        Ok(())
    }

    async fn request_token_answer(&self, context: &ExchangeContext<'_>) -> Result<Value, ProviderError> {
        let rules = &self.descriptor.token;
        let mut call = self.token_request(context)?;
        quirks::prepare_token_request(context, &mut call).await?;
        let answer = self.send(STAGE, &call, context.callback.deadline).await?;
        reply::read(&answer, STAGE, rules.format, &self.descriptor.errors, &context.secrets())
    }

    /// Whether a newer discovery document differs from the cached one, whose endpoint does not exist.
    pub(super) async fn endpoints_changed(&self, context: &mut ExchangeContext<'_>) -> bool {
        self.newer_discovery(&mut context.discovery, context.callback.deadline).await.unwrap_or(false)
    }

    /// The token request before a quirk changes it. Errors: the URL or an expression is invalid.
    pub(super) fn token_request(&self, context: &ExchangeContext<'_>) -> Result<Request, ProviderError> {
        let rules = &self.descriptor.token;
        let mut call = Request::new(rules.method, context.token_url()?);
        let scope = context.scope();
        call.headers = render_pairs(&rules.headers, &scope)?;
        call.query = render_pairs(&rules.query, &scope)?;
        let auth = self.client_auth(context.discovery.as_deref());
        call.body = match (&rules.form, &rules.json) {
            (_, Some(json)) => {
                let members = render_pairs(json, &scope)?;
                Body::Json(members.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
            }
            (Some(form), None) => Body::Form(render_pairs(form, &scope)?),
            (None, None) if auth == ClientAuth::Templates => Body::None,
            (None, None) => Body::Form(default_form(context)),
        };
        self.authenticate_client(&mut call, auth);
        if let Some(verifier) = context.callback.code_verifier {
            // RFC 7636, 4.5: a parameter of the body. A URL ends in logs, so the query has it only without a body.
            let parameters = match &mut call.body {
                Body::Json(members) => {
                    members.entry("code_verifier").or_insert_with(|| verifier.into());
                    return Ok(call);
                }
                Body::Form(form) => form,
                _ => &mut call.query,
            };
            if !parameters.iter().any(|(name, _)| name == "code_verifier") {
                parameters.push(("code_verifier".to_owned(), verifier.to_owned()));
            }
        }
        Ok(call)
    }

    /// Adds the client authentication (RFC 6749, 2.3.1). Existing parameters stay, and an empty secret is left out.
    pub(super) fn authenticate_client(&self, call: &mut Request, auth: ClientAuth) {
        let secret = self.client_secret.expose_secret();
        if matches!(auth, ClientAuth::Basic | ClientAuth::BasicAndBody) {
            let encoded = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
            let is_plain = self.values.flag("PLAIN_BASIC").unwrap_or(self.descriptor.token.plain_basic);
            let (id, secret) = if is_plain {
                (self.client_id.clone(), secret.to_owned())
            } else {
                (encoded(&self.client_id), encoded(secret))
            };
            let pair = STANDARD.encode(format!("{id}:{secret}"));
            call.headers.push(("Authorization".to_owned(), format!("Basic {pair}")));
        }
        let Body::Form(form) = &mut call.body else { return };
        let in_body = matches!(auth, ClientAuth::Body | ClientAuth::BasicAndBody);
        let secret = Some(secret).filter(|secret| in_body && !secret.is_empty());
        let id = Some(self.client_id.as_str()).filter(|_| in_body || auth == ClientAuth::Public);
        for (name, value) in [("client_id", id), ("client_secret", secret)] {
            let is_there = form.iter().any(|(other, _)| other == name);
            form.extend(value.filter(|_| !is_there).map(|value| (name.to_owned(), value.to_owned())));
        }
    }

    pub(super) fn client_auth(&self, discovery: Option<&Discovery>) -> ClientAuth {
        match (self.descriptor.token.auth, self.values.text("TOKEN_ENDPOINT_AUTH_METHOD")) {
            (_, Some("client_secret_post")) => ClientAuth::Body,
            (_, Some("client_secret_basic")) => ClientAuth::Basic,
            (_, Some("none")) => ClientAuth::Public,
            (auth, _) => resolved(auth, discovery),
        }
    }

    /// How the client authenticates a refresh or a revocation.
    pub fn management_auth(&self, rules: &TokenManagementRules, discovery: Option<&Discovery>) -> ClientAuth {
        match (rules.auth, self.client_auth(discovery)) {
            (Some(own), _) => resolved(own, discovery),
            // Such a token request says nothing about others.
            (None, ClientAuth::Templates | ClientAuth::None) => ClientAuth::Body,
            (None, auth) => auth,
        }
    }
}

/// What a token request with an invented code shows about the client.
pub enum ClientVerdict {
    /// The provider refused the code, so it accepted the client.
    Accepted,
    /// The reason.
    Rejected(String),
    /// The answer is about neither; the reason.
    Unknown(String),
}

impl Provider {
    /// Sends a token request with an invented code, and with the client's credentials. `None`: the token request of this provider
    /// needs more than a code.
    pub async fn probe_client(&self, redirect_uri: &str, deadline: Instant) -> Option<ClientVerdict> {
        const CODE: &str = "invented-by-providers-check";
        const VERIFIER: &str = "a-verifier-that-belongs-to-no-authorization-request";
        let rules = &self.descriptor;
        let is_plain = self.login_fields.iter().eq(["code"]) && rules.checks.is_empty() && rules.address.is_empty();
        if !is_plain || rules.token.auth == ClientAuth::None || self.lacks_secret() {
            return None;
        }
        let discovery = self.discovery(deadline, Freshness::Cached).await.ok()?;
        let (fields, address) = (Map::from_iter([("code".to_owned(), Value::from(CODE))]), Map::new());
        let callback = Callback {
            redirect_uri,
            code_verifier: self.uses_pkce().then_some(VERIFIER),
            ..Callback::after_login(&fields, &address, deadline)
        };
        let mut context = self.context_of(&callback, CheckedCallback { discovery, ..CheckedCallback::default() });
        Some(match self.exchange_code(&mut context).await {
            Err(ProviderError::InvalidCode { .. }) => ClientVerdict::Accepted,
            Err(ProviderError::ClientRejected { reason, .. }) => ClientVerdict::Rejected(reason),
            Err(error) => ClientVerdict::Unknown(error.to_string()),
            Ok(()) => ClientVerdict::Unknown("the invented code was accepted".to_owned()),
        })
    }
}

/// The client authentication, as the discovery document says if it decides.
fn resolved(auth: ClientAuth, discovery: Option<&Discovery>) -> ClientAuth {
    match auth {
        ClientAuth::Discovery if discovery.is_none_or(Discovery::supports_basic) => ClientAuth::Basic,
        ClientAuth::Discovery => ClientAuth::Body,
        auth => auth,
    }
}

fn invalid_callback(reason: String) -> ProviderError {
    ProviderError::InvalidCode { message: Some(reason) }
}

/// The signed part of an ID token. The signature itself may have several valid forms (ECDSA allows two values of `s`).
fn signed_part(token: &str) -> &str {
    token.rsplit_once('.').map_or(token, |(signed, _)| signed)
}

/// In the order of DRSA (R-O2-03).
fn default_form(context: &ExchangeContext<'_>) -> Pairs {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        pair("grant_type", "authorization_code"),
        pair("code", context.code.as_deref().unwrap_or_default()),
        pair("redirect_uri", &context.redirect_uri),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_a24_another_form_of_the_signature_is_the_same_id_token() {
        let key = |token| SingleUse::of_id_token(token, None).parts;
        assert_eq!(key("header.claims.one"), key("header.claims.two"));
        assert_ne!(key("header.claims.one"), key("header.other.one"));
    }
}
