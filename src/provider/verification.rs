//! Verifies signed tokens with the keys of the provider: ID tokens of logins, apps and refreshes, and signed userinfo. Before a
//! token is refused, an outdated key set or discovery document is fetched again, at most once a minute.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::configured::Provider;
use super::context::ExchangeContext;
use super::error::{ProviderError, Stage};
use super::expression::Scope;
use super::id_token::{self, Expected, Purpose};
use super::jws::{SignatureAlgorithm, SignedToken, SuspectDocument, TokenError, VerifyingKey};
use super::keys::{Discovery, Key};
use super::protocol::{Callback, MaxAge, Protocol};
use crate::clock::UnixMillis;
use crate::model::{field_message, is_truthy};
use crate::outgoing::Freshness;
use crate::secrets::ExposeSecret;

const STAGE: Stage = Stage::IdToken;
/// Maximum age of an ID token that replaces a code, in seconds (SEC-20).
const MAX_AGE_WITHOUT_CODE: i64 = 600;
/// A member of the discovery document (RFC 9207, 3).
const ISS_PARAMETER_SUPPORTED: &str = "authorization_response_iss_parameter_supported";

/// An ID token that replaces a code.
pub struct VerifiedIdToken {
    pub claims: Map<String, Value>,
    /// Until when it would be accepted, so that a used one must be remembered.
    pub accepted_until: UnixMillis,
}

/// The requirements for the token of one login, besides those of the descriptor.
#[derive(Default)]
struct TokenRequirements<'a> {
    purpose: Purpose,
    audiences: Vec<String>,
    nonce: Option<&'a str>,
    access_token: Option<&'a str>,
    requires_times: bool,
    max_age: Option<i64>,
    max_authentication_age: Option<i64>,
    acr_values: Vec<String>,
}

/// Checks the claims of a token whose signature was verified.
type ClaimsCheck<'a> =
    &'a (dyn Fn(&SignedToken<'_>, &Map<String, Value>, Option<&Discovery>) -> Result<(), TokenError> + Sync);

/// Why a token could not be verified.
enum VerificationError {
    Token(TokenError),
    /// The key set cannot be fetched.
    Keys(ProviderError),
}

impl VerificationError {
    fn suspect(&self) -> SuspectDocument {
        match self {
            Self::Token(error) => error.suspect,
            Self::Keys(_) => SuspectDocument::Discovery,
        }
    }

    fn at(self, stage: Stage) -> ProviderError {
        match self {
            Self::Token(error) => error.at(stage),
            Self::Keys(error) => error,
        }
    }
}

impl From<TokenError> for VerificationError {
    fn from(unverified: TokenError) -> Self {
        Self::Token(unverified)
    }
}

impl Provider {
    /// Whether logins need an ID token.
    pub fn verifies_id_token(&self) -> bool {
        self.descriptor.protocol == Protocol::Oidc || self.descriptor.id_token.verify
    }

    /// The allowed signature algorithms: of the settings, the descriptor or the discovery document; the token never adds one (SEC-18).
    pub(super) fn algorithms(&self, discovery: Option<&Discovery>) -> Vec<SignatureAlgorithm> {
        if !self.verification.algorithms.is_empty() {
            return self.verification.algorithms.clone();
        }
        let listed = discovery.map(Discovery::algorithms).unwrap_or_default();
        if listed.is_empty() { vec![SignatureAlgorithm::RS256] } else { listed }
    }

    /// Checks that the callback is from this provider (RFC 9207, 2.4; SEC-5). Without a known issuer, the host of `iss` must be that of
    /// the authorization endpoint.
    ///
    /// Errors: the callback is from another provider.
    pub(super) fn check_issuer(&self, context: &ExchangeContext<'_>) -> Result<(), ProviderError> {
        let given = context.callback.fields.get("iss").filter(|iss| is_truthy(iss));
        let Some(given) = given else {
            // An ID token of an app needs no redirect, and OAuth 1.0a has no `iss`.
            let has_redirect = context.callback.id_token.is_none() && self.descriptor.protocol != Protocol::OAuth1;
            let requires_iss = self.descriptor.authorization.sends_iss
                || context.discovery.as_deref().is_some_and(|document| document.is_true(ISS_PARAMETER_SUPPORTED));
            return if has_redirect && requires_iss { Err(ProviderError::Mixup) } else { Ok(()) };
        };
        // A value of another type does not count as absent.
        let given = given.as_str().ok_or(ProviderError::Mixup)?;
        let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        let issuers = self.issuers(context.discovery.as_deref());
        let matches = if issuers.is_empty() {
            let own = self.authorization_endpoint();
            host(given).is_some() && host(given) == own.as_deref().and_then(host)
        } else {
            issuers.iter().any(|issuer| is_issuer(issuer, given))
        };
        if matches { Ok(()) } else { Err(ProviderError::Mixup) }
    }

    /// The accepted issuers. Empty: none is known.
    pub(super) fn issuers(&self, discovery: Option<&Discovery>) -> Vec<String> {
        let configured = &self.verification.issuers;
        if !configured.is_empty() {
            return configured.clone();
        }
        discovery.and_then(|document| document.text("issuer")).map(str::to_owned).into_iter().collect()
    }

    /// Verifies the ID token of a token answer and returns its claims.
    ///
    /// Errors: the token is absent or invalid, or the keys cannot be fetched.
    pub(super) async fn verified_claims(
        &self,
        context: &mut ExchangeContext<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let rules = &self.descriptor.id_token;
        let (nonce, deadline) = (context.callback.nonce, context.callback.deadline);
        let token = match &rules.from {
            Some(from) => from.text(&context.scope())?,
            None => context.token.get("id_token").and_then(Value::as_str).map(str::to_owned),
        };
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| ProviderError::failed(STAGE, "the token answer has no ID token"))?;
        let access_token = context.access_token.clone();
        let mut required = TokenRequirements {
            purpose: rules.purpose,
            audiences: self.audiences(&context.scope())?,
            nonce: nonce.filter(|_| rules.nonce),
            access_token: access_token.as_deref().filter(|_| rules.at_hash),
            requires_times: rules.times,
            max_age: self.verification.max_age,
            max_authentication_age: self.max_authentication_age(context.callback.max_age),
            acr_values: self.required_acr_values(context.callback.acr_values),
        };
        let fallback = context.token.get("id_token").and_then(Value::as_str).filter(|other| **other != token);
        let fallback = fallback.map(str::to_owned).filter(|_| rules.purpose == Purpose::AccessToken);
        let found = self.verified(&mut context.discovery, &token, &required, deadline).await;
        match (found, fallback) {
            // Keycloak's lightweight access tokens have no audience and subject. With the scope `openid` the answer has an ID
            // token, too.
            (Err(_), Some(id_token)) => {
                required.purpose = Purpose::IdToken;
                self.verified(&mut context.discovery, &id_token, &required, deadline).await
            }
            (Err(error), None) if rules.purpose == Purpose::AccessToken => Err(ProviderError::failed(
                STAGE,
                format!("{error}; with lightweight access tokens add `openid` to SCOPE, or turn them off"),
            )),
            (found, _) => found,
        }
    }

    /// `sent`: that of the authorization request. A request that this server did not make has the value of the settings. The user
    /// may also have authenticated after the request was made.
    fn max_authentication_age(&self, sent: Option<MaxAge>) -> Option<i64> {
        let now = self.deps.now();
        let configured = || self.configured_max_age().map(|seconds| MaxAge { seconds, requested: now });
        sent.or_else(configured).map(|max_age| {
            let since_request = now.seconds().saturating_sub(max_age.requested.seconds());
            i64::from(max_age.seconds).saturating_add(since_request.max(0))
        })
    }

    fn audiences(&self, scope: &Scope<'_>) -> Result<Vec<String>, ProviderError> {
        match &self.descriptor.id_token.audience {
            Some(expr) => Ok(expr.texts(scope)?),
            None => Ok(vec![self.client_id.clone()]),
        }
    }

    /// Verifies an ID token that replaces a code. It must be recent, be issued for the client ID of the app, and have the nonce that
    /// the app sends, or none (SEC-20).
    ///
    /// Errors: the token is invalid, or the keys cannot be fetched.
    pub(super) async fn verify_id_token(
        &self,
        token: &str,
        callback: &Callback<'_>,
    ) -> Result<VerifiedIdToken, ProviderError> {
        let (nonce, deadline) = (callback.nonce, callback.deadline);
        let mut audiences = self.audiences(&self.base_scope())?;
        audiences.extend(self.values.texts("CLIENT_IDS"));
        let max_age = Some(self.verification.max_age.map_or(MAX_AGE_WITHOUT_CODE, |own| own.min(MAX_AGE_WITHOUT_CODE)));
        let required = TokenRequirements {
            audiences,
            nonce,
            requires_times: true,
            max_age,
            max_authentication_age: self.max_authentication_age(callback.max_age),
            acr_values: self.required_acr_values(callback.acr_values),
            ..TokenRequirements::default()
        };
        let mut discovery = self.discovery(deadline, Freshness::Cached).await?;
        let claims = self.verified(&mut discovery, token, &required, deadline).await?;
        if nonce.is_none() && claims.contains_key("nonce") {
            let required = field_message::REQUIRED.to_owned();
            return Err(ProviderError::InvalidFields(vec![("nonce".to_owned(), required)]));
        }
        let until = id_token::accepted_until(&claims, self.verification.leeway, max_age).unwrap_or(i64::MAX);
        // Until the end of that second.
        let accepted_until = UnixMillis(UnixMillis::from_seconds(until).0.saturating_add(999));
        Ok(VerifiedIdToken { claims, accepted_until })
    }

    /// Verifies the ID token of a refresh, which has no nonce (OpenID Connect Core 12.2). `token_management.rs` compares the users.
    /// `None`: the answer has none.
    ///
    /// Errors: the token is invalid, or the keys cannot be fetched.
    pub(super) async fn verify_refreshed(
        &self,
        context: &mut ExchangeContext<'_>,
    ) -> Result<Option<Map<String, Value>>, ProviderError> {
        let rules = &self.descriptor.id_token;
        let id_token = match context.token.get("id_token") {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) => Some(token.clone()),
            Some(_) => return Err(ProviderError::failed(STAGE, "it is not a text")),
        };
        let (token, purpose) = match (&rules.from, id_token) {
            (None, token) => (token, rules.purpose),
            (Some(_), Some(token)) if rules.purpose == Purpose::AccessToken => (Some(token), Purpose::IdToken),
            (Some(from), _) => (from.text(&context.scope())?, rules.purpose),
        };
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        let access_token = context.access_token.clone();
        let required = TokenRequirements {
            purpose,
            audiences: self.audiences(&context.scope())?,
            access_token: access_token.as_deref().filter(|_| rules.at_hash),
            requires_times: rules.times,
            max_age: self.verification.max_age,
            // A refresh authenticates no user, and has no nonce.
            ..TokenRequirements::default()
        };
        self.verified(&mut context.discovery, &token, &required, context.callback.deadline).await.map(Some)
    }

    /// Verifies a signed userinfo answer (OpenID Connect Core 5.3.2).
    ///
    /// Errors: the answer is not signed by this provider, or is for another client.
    pub(super) async fn verified_userinfo(
        &self,
        context: &ExchangeContext<'_>,
        text: &str,
    ) -> Result<Value, ProviderError> {
        const STAGE: Stage = Stage::Profile;
        if !self.verifies_id_token() {
            return Err(ProviderError::failed(
                STAGE,
                "the answer is a JWT, but this provider has no keys; use an oidc descriptor",
            ));
        }
        let audiences = self.audiences(&context.scope())?;
        let (now, leeway) = (self.deps.now().seconds(), self.verification.leeway);
        let check = |token: &SignedToken<'_>, claims: &Map<String, Value>, discovery: Option<&Discovery>| {
            id_token::check_userinfo(token, claims, &self.issuers(discovery), &audiences, now - leeway)
        };
        let mut discovery = context.discovery.clone();
        let claims = self.signed(&mut discovery, text.trim(), context.callback.deadline, &check).await;
        claims.map(Value::Object).map_err(|error| error.at(STAGE))
    }

    /// Verifies a token and returns its claims.
    async fn verified(
        &self,
        discovery: &mut Option<Arc<Discovery>>,
        text: &str,
        required: &TokenRequirements<'_>,
        deadline: Instant,
    ) -> Result<Map<String, Value>, ProviderError> {
        let trusted_audiences = self.values.texts("TRUSTED_AUDIENCES");
        let check = |token: &SignedToken<'_>, claims: &Map<String, Value>, discovery: Option<&Discovery>| {
            let expected = Expected {
                purpose: required.purpose,
                issuers: &self.issuers(discovery),
                audiences: &required.audiences,
                trusted_audiences: &trusted_audiences,
                client_id: &self.client_id,
                nonce: required.nonce,
                access_token: required.access_token,
                hashed_by: self.descriptor.id_token.at_hash_algorithm,
                now: self.deps.now().seconds(),
                leeway: self.verification.leeway,
                requires_times: required.requires_times,
                max_age: required.max_age,
                max_authentication_age: required.max_authentication_age,
                acr_values: &required.acr_values,
            };
            id_token::check(token, claims, &expected)
        };
        self.signed(discovery, text, deadline, &check).await.map_err(|error| error.at(STAGE))
    }

    /// Verifies a token with the cached documents, then with a newer key set, then with a newer discovery document.
    async fn signed(
        &self,
        discovery: &mut Option<Arc<Discovery>>,
        text: &str,
        deadline: Instant,
        check: ClaimsCheck<'_>,
    ) -> Result<Map<String, Value>, VerificationError> {
        let mut error = match self.verify_with(discovery.as_deref(), text, deadline, Freshness::Cached, check).await {
            Err(error) => error,
            verified => return verified,
        };
        if error.suspect() == SuspectDocument::KeySet && self.verification.fixed_key.is_none() {
            error = match self.verify_with(discovery.as_deref(), text, deadline, Freshness::Newer, check).await {
                Err(error) => error,
                verified => return verified,
            };
        }
        let may_be_outdated = error.suspect() != SuspectDocument::None;
        if may_be_outdated && self.newer_discovery(discovery, deadline).await.unwrap_or(false) {
            return self.verify_with(discovery.as_deref(), text, deadline, Freshness::Cached, check).await;
        }
        Err(error)
    }

    async fn verify_with(
        &self,
        discovery: Option<&Discovery>,
        text: &str,
        deadline: Instant,
        freshness: Freshness,
        check: ClaimsCheck<'_>,
    ) -> Result<Map<String, Value>, VerificationError> {
        let token = SignedToken::parse(text, &self.algorithms(discovery))?;
        let claims = if token.algorithm.is_symmetric() {
            // HMAC with the client secret is allowed only where the descriptor lists it (SEC-18).
            let key = VerifyingKey::of_secret(self.client_secret.expose_secret());
            let is_signed = key.is_some_and(|key| token.is_signed_by(&key));
            if !is_signed {
                return Err(TokenError::new("its signature does not verify with the client secret").into());
            }
            token.claims()?
        } else if let Some(key) = &self.verification.fixed_key {
            let fitting: Vec<&Key> = std::iter::once(key).filter(|key| key.is_for(token.algorithm)).collect();
            id_token::signed_claims(&token, &fitting)?
        } else {
            let scope = self.base_scope().with("discovery", discovery.map(|document| &document.members));
            let keys = self.key_set(&scope, deadline, freshness).await.map_err(VerificationError::Keys)?;
            let key_id = token.key_id.as_deref().filter(|_| !self.descriptor.id_token.ignore_kid);
            let fitting = id_token::candidates(&keys, key_id, token.algorithm);
            id_token::signed_claims(&token, &fitting)?
        };
        check(&token, &claims, discovery)?;
        Ok(claims)
    }
}

/// Whether `given` is the issuer, for any tenant.
fn is_issuer(issuer: &str, given: &str) -> bool {
    let Some((before, after)) = issuer.split_once("{tenantid}") else { return issuer == given };
    let tenant = given.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
    !tenant.is_empty() && tenant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
