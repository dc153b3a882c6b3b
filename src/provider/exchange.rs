//! From a callback to an identity, in the order of RFC 6749 (and OpenID Connect Core): the issuer of the callback, the
//! code exchange, the id_token, the profile.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::authorization::with_redirect_state;
use super::call::{failed, place, rendered};
use super::descriptor::{ClientAuth, StateIn};
use super::documents::{CacheUse, Discovery};
use super::expression::{Part, Scope, Template};
use super::{Callback, Protocol, Provider, ProviderError, reply};
use crate::clock::UnixMillis;
use crate::model::{Identity, as_text};
use crate::outgoing::{Body, Pairs, Request};
use crate::secrets::{ExposeSecret, SecretString};

const STAGE: &str = "token";

/// One login on its way: what it has brought so far. Handed to quirks; holds secrets, so it prints nothing.
pub struct Login<'a> {
    pub provider: &'a Provider,
    pub callback: &'a Callback<'a>,
    /// As the provider knows it.
    pub redirect_uri: String,
    pub code: Option<String>,
    pub address: Map<String, Value>,
    pub discovery: Option<Arc<Discovery>>,
    /// The token answer; null until there is one.
    pub token: Value,
    pub access_token: Option<String>,
    /// OAuth 1.0a.
    pub token_secret: Option<SecretString>,
    /// The claims of the verified id_token.
    pub claims: Option<Value>,
}

/// What of a callback was judged before its code is claimed.
#[derive(Default)]
pub struct CheckedCallback {
    address: Map<String, Value>,
    discovery: Option<Arc<Discovery>>,
    /// Where the callback itself brings the token.
    token: Value,
    access_token: Option<String>,
    /// Of an ID token that came instead of a code.
    claims: Option<Value>,
    single_use: SingleUse,
}

/// What is good for one login.
#[derive(Default)]
struct SingleUse {
    parts: Vec<String>,
    /// When a used one would be refused for its age; `None`: as long as a code.
    valid_until: Option<UnixMillis>,
}

impl SingleUse {
    /// One for all providers together, since several may share one client.
    fn of_id_token(token: &str, valid_until: Option<UnixMillis>) -> Self {
        Self { parts: vec!["id_token".to_owned(), signed_part(token).to_owned()], valid_until }
    }
}

impl CheckedCallback {
    /// What the claim on the login is keyed by.
    pub fn claim_key(&self) -> Vec<&str> {
        self.single_use.parts.iter().map(String::as_str).collect()
    }

    /// When a used one would be refused for its age; `None`: as long as a code.
    pub fn valid_until(&self) -> Option<UnixMillis> {
        self.single_use.valid_until
    }
}

impl Login<'_> {
    pub fn scope(&self) -> Scope<'_> {
        let document = self.discovery.as_ref().map(|document| &document.members);
        self.provider
            .scope_of_settings()
            .with("redirect_uri", Some(self.redirect_uri.as_str()))
            .with("state", self.callback.state)
            .with("nonce", self.callback.nonce)
            .with("code", self.code.as_deref())
            .with("code_verifier", self.callback.code_verifier)
            .with("access_token", self.access_token.as_deref())
            .with("scope", Some(self.provider.scope.as_str()))
            .with("callback", Some(self.callback.fields))
            .with("address", Some(&self.address))
            .with("discovery", document)
            .with("token", Some(&self.token))
            .with("id_token", self.claims.as_ref())
    }

    /// What must not come back in a provider's words.
    pub fn secrets(&self) -> Vec<&str> {
        let mut secrets = vec![self.provider.client_secret.expose_secret()];
        secrets.extend(self.code.as_deref());
        secrets.extend(self.callback.code_verifier);
        secrets.extend(self.access_token.as_deref());
        secrets.extend(self.token_secret.as_ref().map(ExposeSecret::expose_secret));
        secrets.extend(self.callback.id_token);
        let kept =
            ["refresh_token", "id_token", "oauth_token"].into_iter().filter_map(|name| self.token.get(name)?.as_str());
        secrets.extend(kept);
        secrets
    }

    pub fn token_address(&self) -> Result<Url, ProviderError> {
        let rules = &self.provider.descriptor.token;
        let template = self.provider.override_of("ACCESS_TOKEN_URL").unwrap_or(&rules.url);
        place(STAGE, template, &self.scope(), &rules.hosts)
    }
}

impl Provider {
    /// Judges all that the client itself brought, before its code is claimed: no code goes out, and nothing that is wrong
    /// here uses up what is good for one login. May fetch the discovery document and the key set.
    pub async fn check_callback(&self, callback: &Callback<'_>) -> Result<CheckedCallback, ProviderError> {
        let (begun, classic) = (self.checked_address(callback.address, false)?, callback.address.is_empty());
        // A login that began with an address ends with it, whatever the callback says.
        let address = if classic { self.checked_address(callback.fields, true)? } else { begun };
        let discovery = self.discovery(callback.deadline, CacheUse::Kept).await?;
        let checked = CheckedCallback { address, discovery, ..CheckedCallback::default() };
        let mut login = self.login_of(callback, checked);
        self.check_issuer(&login)?;
        let mut valid_until = None;
        match (callback.id_token, self.descriptor.protocol) {
            (Some(token), _) => {
                let verified = self.verify_id_token(token, callback.nonce, callback.deadline).await?;
                login.claims = Some(Value::Object(verified.claims));
                valid_until = Some(verified.accepted_until);
            }
            (None, Protocol::OAuth1) => {}
            (None, _) => {
                self.check_conditions(&login)?;
                self.check_token_call(&mut login)?;
            }
        }
        let single_use = match callback.id_token {
            Some(token) => SingleUse::of_id_token(token, valid_until),
            None => self.single_use(callback)?,
        };
        let Login { address, discovery, token, access_token, claims, .. } = login;
        Ok(CheckedCallback { address, discovery, token, access_token, claims, single_use })
    }

    /// The code exchange and the profile calls, one or two and one or two.
    pub async fn identify(&self, callback: &Callback<'_>, checked: CheckedCallback) -> Result<Identity, ProviderError> {
        let mut login = self.login_of(callback, checked);
        match (callback.id_token, self.descriptor.protocol) {
            (Some(_), _) => {}
            (None, Protocol::OAuth1) => self.exchange_verifier(&mut login).await?,
            (None, _) => self.exchange_code(&mut login).await?,
        }
        if callback.id_token.is_none() && self.verifies_id_token() {
            let claims = self.verified_claims(&mut login).await?;
            login.claims = Some(Value::Object(claims));
        }
        self.profile(&mut login).await
    }

    fn login_of<'a>(&'a self, callback: &'a Callback<'a>, checked: CheckedCallback) -> Login<'a> {
        let redirect_uri = match (self.descriptor.authorization.state, callback.state) {
            (StateIn::Redirect, Some(state)) => with_redirect_state(callback.redirect_uri, state),
            _ => callback.redirect_uri.to_owned(),
        };
        let CheckedCallback { address, discovery, token, access_token, claims, single_use: _ } = checked;
        Login {
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

    /// What of a callback is good for one login: what the descriptor says, else the code, else the login fields.
    fn single_use(&self, callback: &Callback<'_>) -> Result<SingleUse, ProviderError> {
        let text = |name: &str| callback.fields.get(name).and_then(as_text).filter(|text| !text.is_empty());
        let Some(rule) = &self.descriptor.single_use else {
            let by_code = self.login_fields.iter().any(|names| names == "code");
            let of_names = |names: &String| names.split('|').find_map(text);
            // Another field beside the same code must not make it another code.
            let parts = match text("code").filter(|_| by_code) {
                Some(code) => vec![code],
                None => self.login_fields.iter().filter_map(of_names).collect(),
            };
            let parts = std::iter::once(self.name.clone()).chain(parts).collect();
            return Ok(SingleUse { parts, valid_until: None });
        };
        let scope = self.scope_of_settings().with("callback", Some(callback.fields));
        let text = rule.text.text(&scope)?.filter(|text| !text.is_empty());
        let seconds = rule.seconds.eval(&scope)?.as_deref().and_then(Value::as_f64);
        let lives = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let Some((text, lives)) = text.zip(lives) else { return Err(ProviderError::InvalidCode { message: None }) };
        let valid_until = Some(self.deps.now().plus(lives));
        Ok(SingleUse { parts: vec![self.name.clone(), text], valid_until })
    }

    fn check_conditions(&self, login: &Login<'_>) -> Result<(), ProviderError> {
        for rule in &self.descriptor.checks {
            rule.check(&login.scope(), invalid_callback).map_err(|error| match error {
                // A member of a wrong type: the sender's mistake, not the provider's.
                ProviderError::Failed { .. } => invalid_callback(rule.reason.clone()),
                error => error,
            })?;
        }
        Ok(())
    }

    /// What the token call would be made of: a token that the callback itself brings, and an address that it names.
    fn check_token_call(&self, login: &mut Login<'_>) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        let of_sender = |error| match error {
            ProviderError::Failed { reason, .. } => invalid_callback(reason),
            error => error,
        };
        if rules.auth == ClientAuth::None {
            let body = Value::Object(login.callback.fields.clone());
            return self.read_token(STAGE, login, body).map_err(of_sender);
        }
        let hangs_on_callback = |template: &Template| template.mentions("callback");
        if hangs_on_callback(&rules.url) && self.override_of("ACCESS_TOKEN_URL").is_none() {
            login.token_address()?;
        }
        Ok(())
    }

    /// RFC 6749, 4.1.3.
    async fn exchange_code(&self, login: &mut Login<'_>) -> Result<(), ProviderError> {
        if self.descriptor.token.auth == ClientAuth::None {
            // The callback brought the token, and it was read before the claim.
            return Ok(());
        }
        let body = match self.ask_for_token(login).await {
            // Nothing was judged: the code may go to where the endpoint is now.
            Err(ProviderError::EndpointNotFound { .. }) if self.has_moved(login).await => {
                self.ask_for_token(login).await?
            }
            answered => answered?,
        };
        self.read_token(STAGE, login, body)
    }

    /// Reads a token answer as the descriptor says, that of a code or of a renewal.
    pub(super) fn read_token(
        &self,
        stage: &'static str,
        login: &mut Login<'_>,
        mut body: Value,
    ) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        if let Some(root) = &rules.root {
            let bodies = Value::Array(vec![body]);
            let inner = root.eval(&login.scope().with("bodies", Some(&bodies)))?;
            body = inner.map(Cow::into_owned).unwrap_or_default();
        }
        if !body.is_object() {
            return Err(failed(stage, "the answer is no object"));
        }
        login.token = body;
        // RFC 6749, 5.1: a non-empty text, or the login is refused.
        let found = match &rules.access_token {
            Some(expr) => expr.eval(&login.scope())?.as_deref().and_then(Value::as_str).map(str::to_owned),
            None => login.token.get("access_token").and_then(Value::as_str).map(str::to_owned),
        };
        login.access_token = found.filter(|token| !token.is_empty());
        if login.access_token.is_none() && !rules.access_token_optional {
            return Err(failed(stage, "there is no access token in the answer"));
        }
        Ok(())
    }

    async fn ask_for_token(&self, login: &Login<'_>) -> Result<Value, ProviderError> {
        let rules = &self.descriptor.token;
        let mut call = Request::new(rules.method, login.token_address()?);
        self.fill_token_call(login, &mut call)?;
        self.quirk.token_request(login, &mut call).await?;
        let answer = self.send(STAGE, &call, login.callback.deadline).await?;
        reply::read(&answer, STAGE, rules.format, &self.descriptor.errors, &login.secrets())
    }

    /// Whether a newer discovery document says something else than the kept one, whose endpoint is not there.
    pub(super) async fn has_moved(&self, login: &mut Login<'_>) -> bool {
        self.newer_discovery(&mut login.discovery, login.callback.deadline).await.unwrap_or(false)
    }

    fn fill_token_call(&self, login: &Login<'_>, call: &mut Request) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        let scope = login.scope();
        call.headers = rendered(&rules.headers, &scope)?;
        call.query = rendered(&rules.query, &scope)?;
        let auth = self.client_auth(login.discovery.as_deref());
        call.body = match (&rules.form, &rules.json) {
            (_, Some(json)) => {
                let members = rendered(json, &scope)?;
                Body::Json(members.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
            }
            (Some(form), None) => Body::Form(rendered(form, &scope)?),
            (None, None) if auth == ClientAuth::Templates => Body::None,
            (None, None) => Body::Form(usual_form(login)),
        };
        self.prove(call, auth);
        if let Some(verifier) = login.callback.code_verifier {
            let at = match &mut call.body {
                Body::Form(form) => form,
                _ => &mut call.query,
            };
            if !at.iter().any(|(name, _)| name == "code_verifier") {
                at.push(("code_verifier".to_owned(), verifier.to_owned()));
            }
        }
        Ok(())
    }

    /// The client's own proof (RFC 6749, 2.3.1), after what is there already; an unset secret is left out.
    pub(super) fn prove(&self, call: &mut Request, auth: ClientAuth) {
        let secret = self.client_secret.expose_secret();
        if matches!(auth, ClientAuth::Basic | ClientAuth::BasicAndBody) {
            let encoded = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
            let plain = self.values.flag("PLAIN_BASIC").unwrap_or(self.descriptor.token.plain_basic);
            let (id, secret) = match plain {
                true => (self.client_id.clone(), secret.to_owned()),
                false => (encoded(&self.client_id), encoded(secret)),
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
            (ClientAuth::Discovery, _) if discovery.is_none_or(Discovery::takes_basic) => ClientAuth::Basic,
            (ClientAuth::Discovery, _) => ClientAuth::Body,
            (auth, _) => auth,
        }
    }

    pub(super) fn scope_of_settings(&self) -> Scope<'_> {
        Scope::of(&self.values)
            .with("client_id", Some(self.client_id.as_str()))
            .with("client_secret", Some(self.client_secret.expose_secret()))
            .with("now", Some(Part::Number(self.deps.now().seconds())))
    }
}

fn invalid_callback(reason: String) -> ProviderError {
    ProviderError::InvalidCode { message: Some(reason) }
}

/// What an ID token's signature covers: the signature itself may have several forms (ECDSA's second value of `s`).
fn signed_part(token: &str) -> &str {
    token.rsplit_once('.').map_or(token, |(signed, _)| signed)
}

/// In the order of the original (R-O2-03).
fn usual_form(login: &Login<'_>) -> Pairs {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        pair("grant_type", "authorization_code"),
        pair("code", login.code.as_deref().unwrap_or_default()),
        pair("redirect_uri", &login.redirect_uri),
    ]
}
