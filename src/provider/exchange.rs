//! From a callback to an identity, in the order of RFC 6749 (and OpenID Connect Core): the issuer of the callback, the
//! code exchange, the id_token, the profile.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::Url;

use super::authorization::with_redirect_state;
use super::call::{failed, place, rendered};
use super::descriptor::{ClientAuth, StateIn};
use super::documents::{Discovery, Key};
use super::expression::{Part, Scope, Template};
use super::id_token::{self, Expected};
use super::{Callback, Protocol, Provider, ProviderError, reply};
use crate::clock::UnixMillis;
use crate::model::{Identity, as_text};
use crate::outgoing::{Body, Pairs, Request};
use crate::secrets::{ExposeSecret, SecretString};

const STAGE: &str = "token";
/// Seconds that an id_token without a code may be old.
const NATIVE_MAX_AGE: i64 = 600;
/// Of the discovery document (RFC 9207, 3).
const ISS_PARAMETER_SUPPORTED: &str = "authorization_response_iss_parameter_supported";

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
        let discovery = self.discovery(callback.deadline).await?;
        let checked = CheckedCallback { address, discovery, ..CheckedCallback::default() };
        let mut login = self.login_of(callback, checked);
        self.check_issuer(&login)?;
        let mut valid_until = None;
        match (callback.id_token, self.descriptor.protocol) {
            (Some(_), _) => {
                let (claims, until) = self.verified_claims(&login).await?;
                login.claims = Some(Value::Object(claims));
                valid_until = Some(UnixMillis::from_seconds(until));
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
            let (claims, _) = self.verified_claims(&login).await?;
            login.claims = Some(Value::Object(claims));
        }
        self.profile(&login).await
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
        let valid_until = Some(self.ambient.now().plus(lives));
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
            return self.read_token(login, body).map_err(of_sender);
        }
        let hangs_on_callback = |template: &Template| template.mentions("callback");
        if hangs_on_callback(&rules.url) && self.override_of("ACCESS_TOKEN_URL").is_none() {
            login.token_address()?;
        }
        Ok(())
    }

    /// RFC 9207, 2.4: the callback must be this provider's (SEC-5). Where no issuer is known, its host must be that of
    /// the authorization endpoint.
    fn check_issuer(&self, login: &Login<'_>) -> Result<(), ProviderError> {
        let given = login.callback.fields.get("iss").and_then(Value::as_str).filter(|iss| !iss.is_empty());
        let Some(given) = given else {
            // An ID token from an app came by no redirect, and OAuth 1.0a has no such parameter.
            let by_redirect = login.callback.id_token.is_none() && self.descriptor.protocol != Protocol::OAuth1;
            let promised = self.descriptor.authorization.sends_iss
                || login.discovery.as_deref().is_some_and(|document| document.is_true(ISS_PARAMETER_SUPPORTED));
            return if by_redirect && promised { Err(ProviderError::Mixup) } else { Ok(()) };
        };
        let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        let fits = match self.issuers(login.discovery.as_deref()) {
            Some(issuers) => issuers.iter().any(|issuer| is_issuer(issuer, given)),
            None => {
                let own = self.authorization_endpoint();
                host(given).is_some() && host(given) == own.as_deref().and_then(host)
            }
        };
        if fits { Ok(()) } else { Err(ProviderError::Mixup) }
    }

    /// RFC 6749, 4.1.3.
    async fn exchange_code(&self, login: &mut Login<'_>) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        if rules.auth == ClientAuth::None {
            // The callback brought the token, and it was read before the claim.
            return Ok(());
        }
        let mut call = Request::new(rules.method, login.token_address()?);
        self.fill_token_call(login, &mut call)?;
        self.quirk.token_request(login, &mut call)?;
        let answer = self.send(STAGE, &call, login.callback.deadline).await?;
        let body = reply::read(&answer, STAGE, rules.format, &self.descriptor.errors, &login.secrets())?;
        self.read_token(login, body)
    }

    fn read_token(&self, login: &mut Login<'_>, mut body: Value) -> Result<(), ProviderError> {
        let rules = &self.descriptor.token;
        if let Some(root) = &rules.root {
            let bodies = Value::Array(vec![body]);
            let inner = root.eval(&login.scope().with("bodies", Some(&bodies)))?;
            body = inner.map(Cow::into_owned).unwrap_or_default();
        }
        if !body.is_object() {
            return Err(failed(STAGE, "the answer is no object"));
        }
        login.token = body;
        // RFC 6749, 5.1: a non-empty text, or the login is refused.
        let found = match &rules.access_token {
            Some(expr) => expr.eval(&login.scope())?.as_deref().and_then(Value::as_str).map(str::to_owned),
            None => login.token.get("access_token").and_then(Value::as_str).map(str::to_owned),
        };
        login.access_token = found.filter(|token| !token.is_empty());
        if login.access_token.is_none() && !rules.access_token_optional {
            return Err(failed(STAGE, "there is no access token in the answer"));
        }
        Ok(())
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
            let pair = STANDARD.encode(format!("{}:{secret}", self.client_id));
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

    pub fn verifies_id_token(&self) -> bool {
        self.descriptor.protocol == Protocol::Oidc || self.descriptor.id_token.verify
    }

    /// `None`: no issuer is known.
    fn issuers(&self, discovery: Option<&Discovery>) -> Option<Vec<String>> {
        if let Some(own) = self.values.text("ID_TOKEN_ISSUER") {
            return Some(vec![own.to_owned()]);
        }
        let listed = &self.verification.issuers;
        if !listed.is_empty() {
            return Some(listed.clone());
        }
        discovery.and_then(|document| document.text("issuer")).map(|issuer| vec![issuer.to_owned()])
    }

    /// The claims, and the Unix second from which on they are refused.
    async fn verified_claims(&self, login: &Login<'_>) -> Result<(Map<String, Value>, i64), ProviderError> {
        const STAGE: &str = "id_token";
        let rules = &self.descriptor.id_token;
        let scope = login.scope();
        let native = login.callback.id_token;
        let token = match &rules.from {
            _ if native.is_some() => native.map(str::to_owned),
            Some(from) => from.text(&scope)?,
            None => login.token.get("id_token").and_then(Value::as_str).map(str::to_owned),
        };
        let token = token.filter(|token| !token.is_empty()).ok_or_else(|| failed(STAGE, "there is none"))?;
        let head = id_token::head(&token, &self.verification.algorithms)?;
        let claims = if id_token::is_shared(head.algorithm) {
            id_token::shared_claims(&token, &head, &self.client_secret)?
        } else {
            self.claims_by_key(login, &token, &head).await?
        };
        let issuers = self.issuers(login.discovery.as_deref());
        if issuers.is_none() && !rules.any_issuer {
            return Err(failed(STAGE, "no issuer is known to hold it against"));
        }
        let mut audiences = match &rules.audience {
            Some(expr) => expr.texts(&scope)?,
            None => vec![self.client_id.clone()],
        };
        let (mut nonce, mut max_age) = (login.callback.nonce.filter(|_| rules.nonce), self.verification.max_age);
        if native.is_some() {
            // An app's id_token was made for the app's own client id, moments ago, and with the nonce that the app shows
            // or with none (SEC-20).
            audiences.extend(self.values.texts("CLIENT_IDS"));
            max_age = if max_age > 0 { max_age.min(NATIVE_MAX_AGE) } else { NATIVE_MAX_AGE };
            nonce = login.callback.nonce;
            if nonce.is_none() && claims.contains_key("nonce") {
                return Err(ProviderError::InvalidFields(vec![(
                    "nonce".to_owned(),
                    "This field is required.".to_owned(),
                )]));
            }
        }
        let expected = Expected {
            issuers: issuers.as_deref().filter(|_| !rules.any_issuer),
            audiences: &audiences,
            client_id: &self.client_id,
            nonce,
            access_token: login.access_token.as_deref().filter(|_| rules.at_hash),
            hashed_by: rules.at_hash_algorithm.unwrap_or(head.algorithm),
            now: self.ambient.now().seconds(),
            leeway: self.verification.leeway,
            times: rules.times,
            max_age,
        };
        let valid_until = id_token::check(&claims, &expected)?;
        Ok((claims, valid_until))
    }

    /// The signature by a fixed key, or by the published ones: an unknown key makes the set be fetched again, at most
    /// once a minute (SEC-19).
    async fn claims_by_key(
        &self,
        login: &Login<'_>,
        token: &str,
        head: &id_token::Head,
    ) -> Result<Map<String, Value>, ProviderError> {
        if let Some(key) = &self.verification.fixed_key {
            let fitting: Vec<&Key> = std::iter::once(key).filter(|key| key.fits(head.algorithm)).collect();
            return id_token::signed_claims(token, head, &fitting);
        }
        let ignore_id = self.descriptor.id_token.ignore_kid;
        let (scope, deadline) = (login.scope(), login.callback.deadline);
        let keys = self.key_set(&scope, deadline, false).await?;
        let fitting = id_token::candidates(&keys, head, ignore_id);
        if !fitting.is_empty() {
            let claims = id_token::signed_claims(token, head, &fitting);
            if claims.is_ok() || head.key_id.is_some() && !ignore_id {
                return claims;
            }
        }
        let keys = self.key_set(&scope, deadline, true).await?;
        id_token::signed_claims(token, head, &id_token::candidates(&keys, head, ignore_id))
    }

    pub(super) fn scope_of_settings(&self) -> Scope<'_> {
        Scope::of(&self.values)
            .with("client_id", Some(self.client_id.as_str()))
            .with("client_secret", Some(self.client_secret.expose_secret()))
            .with("now", Some(Part::Number(self.ambient.now().seconds())))
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

/// Whether `given` is the issuer, or that of some tenant.
fn is_issuer(issuer: &str, given: &str) -> bool {
    let Some((before, after)) = issuer.split_once("{tenantid}") else { return issuer == given };
    let tenant = given.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
    !tenant.is_empty() && tenant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
