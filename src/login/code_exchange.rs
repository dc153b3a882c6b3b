//! Completes a login up to the provider's answer: checks what was posted, claims the code, and calls the provider.
//! `decide_and_commit.rs` does the rest.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::answer_cipher::AnswerCipher;
use super::capacity::Reservation;
use super::decide_and_commit::{AuthenticatedIdentity, LoginContext, LoginTerms};
use super::error::{LoginError, Refusal};
use super::link::{LinkFacts, link_target};
use super::outcome::LoginOutcome;
use super::pipeline::{LinkProof, Pipeline, Progress};
use super::redirect_uri::{self, RedirectUri};
use super::request::{LoginRequest, RequestContext};
use super::request_fields::Fields;
use super::request_lookup::{CompletionMode, MatchedRequest, state_mismatch};
use super::request_secrets::{self, Binding};
use super::service::LoginService;
use crate::clock::UnixMillis;
use crate::model::{CodeClaim, Identity, LoginKind, StartedBy, UsedCode, is_truthy};
use crate::provider::{Callback, CheckedCallback, Protocol, Provider, RequestToken};
use crate::rate_limit::ReservedLogin;
use crate::secrets::{self, Digest, ExposeSecret};
use crate::store::{Claimed, ConsumedCredential};

/// What the calls to the provider need.
struct Exchange {
    fields: Fields,
    matched: Option<MatchedRequest>,
    /// `None`: no redirect took place, since an ID token replaces the code.
    redirect_uri: Option<RedirectUri>,
    code_verifier: Option<String>,
    request_token: Option<RequestToken>,
    /// Replaces the code.
    id_token: Option<String>,
    nonce: Option<String>,
    /// Time limit for all calls of this login.
    deadline: Instant,
}

/// A login that passed every check that is possible before the code is claimed.
struct CheckedLogin {
    exchange: Exchange,
    checked: CheckedCallback,
    claim: CodeClaim,
    /// Until when the claim must be stored once the provider has confirmed the callback.
    remembered_until: UnixMillis,
    context: LoginContext,
}

impl CheckedLogin {
    /// Whether the claim is to be kept for hours, so that it counts against the share of its address for that time.
    fn is_long_lived(&self) -> bool {
        self.claim.claimed.plus(request_secrets::LONG_CLAIM_LIFETIME) < self.remembered_until
    }
}

/// What a claim led to.
enum AfterClaim {
    SignedIn(LoginOutcome),
    /// A repeat, which waits for the first answer as long as its caller does.
    CodeUsed {
        login: Box<CheckedLogin>,
        used: UsedCode,
    },
}

/// The parameters that the body must hold for the provider's protocol.
struct LoginParameters {
    /// Replaces the code.
    id_token: Option<String>,
    values: Vec<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

impl LoginParameters {
    /// Errors: `invalid_request`, with all invalid fields together.
    fn read(provider: &Provider, fields: &Fields) -> Result<Self, LoginError> {
        let mut errors = Vec::new();
        let names = provider.login_fields();
        let id_token = id_token_of(provider, names, fields);
        let names = if id_token.is_some() { &[] } else { names };
        let values = names.iter().filter_map(|name| fields.required_one(name, &mut errors)).collect();
        let redirect_uri = fields.optional("redirect_uri", &mut errors);
        // A list or an object as `state`, `flow_token` or `id_token` counts as absent: a login that was begun in this browser still
        // needs its state. Without a nonce or a verifier, a check of the front-end would not take place.
        fields.check_own(&["code_verifier"], &mut errors);
        if id_token.is_some() {
            fields.check_own(&["nonce"], &mut errors);
        }
        fields.check_length(&["state", "redirect_state", "flow_token", "id_token", "credential", "nonce"], &mut errors);
        let code_verifier = fields.own("code_verifier").map(str::to_owned);
        if code_verifier.as_deref().is_some_and(|verifier| !request_secrets::is_verifier(verifier)) {
            errors.push(("code_verifier".to_owned(), "Must be 43 to 128 unreserved characters.".to_owned()));
        }
        LoginError::check_fields(errors)?;
        Ok(Self { id_token, values, redirect_uri, code_verifier })
    }
}

impl Exchange {
    fn callback(&self) -> Callback<'_> {
        static NO_ADDRESS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let address = self.matched.as_ref().and_then(|matched| matched.row.address.as_ref()?.as_object());
        Callback {
            fields: self.fields.map(),
            redirect_uri: self.redirect_uri.as_ref().map_or("", RedirectUri::as_str),
            state: self.matched.as_ref().and_then(|matched| matched.state.as_deref()),
            code_verifier: self.code_verifier.as_deref(),
            nonce: self.nonce.as_deref(),
            max_age: self.matched.as_ref().and_then(MatchedRequest::max_age),
            acr_values: self.matched.as_ref().map_or(&[][..], |matched| matched.options.acr_values.as_slice()),
            request_token: self.request_token.as_ref(),
            id_token: self.id_token.as_deref(),
            address: address.unwrap_or(&NO_ADDRESS),
            deadline: self.deadline,
        }
    }
}

impl LoginService {
    /// Completes a login of any kind. Errors: every [`Refusal`].
    pub async fn login(self: &Arc<Self>, mut request: LoginRequest) -> Result<LoginOutcome, LoginError> {
        let (kind, name) = (request.kind.credential(), provider_name(&request)?);
        let result = async {
            let provider = self.provider(&name)?.clone();
            request.fields = request.fields.unwrap_callback(&provider)?;
            self.complete(provider, request, None).await
        };
        let result = result.await;
        self.log_outcome(&name, kind, result)
    }

    /// `request` has its fields unwrapped. `redirected`: in the redirect flow, the authorization request that it finishes.
    ///
    /// Errors: every refusal.
    pub(super) async fn complete(
        self: &Arc<Self>,
        provider: Arc<Provider>,
        request: LoginRequest,
        redirected: Option<MatchedRequest>,
    ) -> Result<LoginOutcome, LoginError> {
        let LoginRequest { fields, request_context, .. } = &request;
        let refused = provider.callback_error(fields.map());
        let is_first_step =
            provider.protocol() == Protocol::OAuth1 && refused.is_none() && fields.own("oauth_token").is_none();
        if is_first_step && redirected.is_none() {
            return self.first_step(&provider, &request).await;
        }
        let parameters = match refused {
            Some(refused) => Err(refused),
            None => Ok(LoginParameters::read(&provider, fields)?),
        };
        let matched = match redirected {
            None => self.matched_request(&provider, fields, request_context, CompletionMode::Answer).await?,
            redirected => redirected,
        };
        if let (Err(_), Some(matched)) = (&parameters, &matched) {
            // An error callback ends the authorization request: its state cannot be used again (SEC-7).
            let claimed = self.store.claim(Some(&matched.row.key), None, self.deps.now()).await?;
            if matches!(claimed, Claimed::Acquired) {
                let client_ip = request_context.client.ip.as_deref();
                self.capacity.finish_authorization_request(client_ip, matched.row.created);
            }
        }
        let mut login = self.check(provider, request, parameters?, matched).await?;
        let reserved = match self.reserve_login(&login.context).await {
            Ok(reserved) => reserved,
            Err(exceeded) => return self.replay_or(&login, exceeded).await,
        };
        // The time that the login waited for a limit is neither the provider's nor that in which a repeat is answered.
        login.exchange.deadline = Instant::now() + self.settings.outgoing.login_timeout;
        login.claim.claimed = self.deps.now();
        let service = self.clone();
        // Boxed, so that the futures of the routes stay small.
        let work = Box::pin(async move { service.claim_and_exchange(login, reserved).await });
        match self.spawn_detached(work).await? {
            AfterClaim::SignedIn(outcome) => Ok(outcome),
            AfterClaim::CodeUsed { login, used } => self.replay(&login.claim, used, &login.context).await,
        }
    }

    /// In a task of its own: a claim whose caller disconnected would leave a code that no login uses.
    async fn claim_and_exchange(&self, login: CheckedLogin, reserved: ReservedLogin) -> Result<AfterClaim, LoginError> {
        match self.claim(&login).await? {
            Claimed::Acquired => {
                if let Some(matched) = &login.exchange.matched {
                    let client_ip = login.context.client.ip.as_deref();
                    self.capacity.finish_authorization_request(client_ip, matched.row.created);
                }
                self.exchange(login, reserved).await.map(AfterClaim::SignedIn)
            }
            Claimed::RequestAlreadyUsed => Err(state_mismatch("This state was used already: start the login again.")),
            // `reserved` is dropped before the wait for the first answer: a repeat does not count.
            Claimed::CodeUsed(used) => Ok(AfterClaim::CodeUsed { login: Box::new(login), used }),
        }
    }

    /// A repeat that gets the stored answer calls no provider, so no limit refuses it. Errors: `refusal`, if the code was not used.
    async fn replay_or(&self, login: &CheckedLogin, refusal: LoginError) -> Result<LoginOutcome, LoginError> {
        if login.context.cipher.is_none() {
            return Err(refusal);
        }
        let used = self.store.used_code(&login.claim.digest).await?.ok_or(refusal)?;
        self.replay(&login.claim, used, &login.context).await
    }

    /// Errors: `too_many_requests` for a new code when a table that this login may write is full. A code can be used once
    /// only, so it is claimed only when the login can be completed.
    async fn claim(&self, login: &CheckedLogin) -> Result<Claimed, LoginError> {
        let CheckedLogin { exchange, claim, .. } = login;
        let reservation = match self.reserve_rows(login).await {
            Ok(reservation) => reservation,
            Err(full) => return self.store.used_code(&claim.digest).await?.map(Claimed::CodeUsed).ok_or(full),
        };
        let request_key = exchange.matched.as_ref().map(|matched| &matched.row.key);
        let claimed = self.store.claim(request_key, Some(claim), self.deps.now()).await?;
        if matches!(claimed, Claimed::Acquired) {
            reservation.keep();
        }
        Ok(claimed)
    }

    /// Counts the used code, and checks the limits of the other rows that this login may write.
    ///
    /// Errors: `too_many_requests`.
    async fn reserve_rows(&self, login: &CheckedLogin) -> Result<Reservation<'_>, LoginError> {
        let context = &login.context;
        let may_ask = self.pipelines.get(context.provider.name()).is_some_and(Pipeline::may_ask);
        if may_ask {
            self.capacity.check_pending_logins()?;
        }
        // In the redirect flow, an app and a pending login get a one-time code.
        let terms = &context.terms;
        if terms.server_redirect.is_some() && (may_ask || terms.kind != LoginKind::Session) {
            self.capacity.check_one_time_codes()?;
        }
        let (address, now) = (context.client.ip.as_deref(), self.deps.now());
        if login.is_long_lived() {
            let (owner, max) = self.capacity.long_lived_share(address);
            let stored = self.store.long_lived_claims(&owner, max, now).await?;
            self.capacity.check_long_lived(address, stored, max, now)?;
        }
        self.capacity.reserve_used_code(address, now)
    }

    /// Everything that can be checked before the code is claimed.
    async fn check(
        &self,
        provider: Arc<Provider>,
        request: LoginRequest,
        parameters: LoginParameters,
        matched: Option<MatchedRequest>,
    ) -> Result<CheckedLogin, LoginError> {
        let LoginParameters { id_token, values, redirect_uri, code_verifier } = parameters;
        let LoginRequest { kind, fields, request_context, .. } = request;
        let redirect_uri = match &matched {
            None if id_token.is_some() => None,
            matched => {
                Some(self.redirect_uri_for(&provider, matched.as_ref(), redirect_uri.as_deref(), &request_context)?)
            }
        };
        let row = matched.as_ref().map(|matched| &matched.row);
        let link_to = link_target(LinkFacts {
            started_by: row.and_then(|row| row.link_request),
            is_first_step: row.is_some_and(|row| matches!(row.started_by, StartedBy::OAuth1Login)),
            caller: request_context.caller,
            association_only: provider.is_association_only(),
            link_without_request: self.settings.link_without_authorization_request,
        });
        let exchange = Exchange {
            code_verifier: self.verifier_for(&provider, matched.as_ref(), code_verifier)?,
            request_token: self.request_token_for(&provider, matched.as_ref(), &values)?,
            nonce: self.nonce_for(&provider, matched.as_ref(), id_token.is_some(), &fields),
            redirect_uri,
            id_token,
            matched,
            fields,
            deadline: Instant::now() + self.settings.outgoing.login_timeout,
        };
        let row = exchange.matched.as_ref().map(|matched| &matched.row);
        let terms = LoginTerms {
            kind,
            link_to: link_to?,
            server_redirect: row.and_then(|row| row.server_redirect.clone()),
            app: exchange.matched.as_ref().map(|matched| matched.options.app.clone()).unwrap_or_default(),
        };
        let binding = request_context.binding(exchange.fields.own("flow_token"));
        let checked = provider.check_callback(&exchange.callback()).await?;
        let now = self.deps.now();
        let short = now.plus(request_secrets::USED_CODE_LIFETIME);
        let remembered_until = checked.valid_until().unwrap_or(short);
        // Anyone can post a text that looks like a long-lived token. Only a verified one is remembered for long at once.
        let is_verified = exchange.id_token.is_some();
        let longest = if is_verified { now.plus(request_secrets::LONG_CLAIM_LIFETIME) } else { short };
        let expires = if remembered_until <= longest { remembered_until } else { short.min(remembered_until) };
        let (claim, context) = self.claim_of(provider, &checked, expires, terms, binding, request_context);
        Ok(CheckedLogin { exchange, checked, claim, remembered_until, context })
    }

    fn claim_of(
        &self,
        provider: Arc<Provider>,
        checked: &CheckedCallback,
        expires: UnixMillis,
        terms: LoginTerms,
        binding: Binding,
        request_context: RequestContext,
    ) -> (CodeClaim, LoginContext) {
        let claim_key = checked.claim_key();
        let parts: Vec<&[u8]> = claim_key.iter().map(|part| part.as_bytes()).collect();
        let claim = CodeClaim {
            digest: Digest::of_parts(&parts),
            binding: binding.primary().cloned(),
            claimed: self.deps.now(),
            expires,
        };
        let parts: Vec<&[u8]> = std::iter::once(provider.name().as_bytes()).chain(parts).collect();
        let cipher = AnswerCipher::new(&self.key, &parts, terms.kind);
        let context = LoginContext {
            cipher: (!binding.is_empty()).then_some(cipher),
            provider,
            terms,
            client: request_context.client,
            session: request_context.session,
            binding,
            consumed: ConsumedCredential::Code(claim.digest.clone()),
            link_proof: LinkProof::default(),
        };
        (claim, context)
    }

    /// Errors: `state_mismatch` for another one than that of the authorization request; as [`redirect_uri::choose`].
    fn redirect_uri_for(
        &self,
        provider: &Provider,
        matched: Option<&MatchedRequest>,
        asked: Option<&str>,
        request_context: &RequestContext,
    ) -> Result<RedirectUri, LoginError> {
        match matched {
            Some(matched) if asked.is_some_and(|asked| asked != matched.row.redirect_uri) => {
                Err(state_mismatch("This login was started with another redirect_uri."))
            }
            Some(matched) => Ok(RedirectUri::of_request(&matched.row)),
            None if redirect_uri::is_postmessage(&self.settings, provider, asked) => Ok(RedirectUri::postmessage()),
            None => self.redirect_uri(asked, request_context),
        }
    }

    /// The nonce that an ID token must carry: the one of the authorization request, or the one that the front-end gave to
    /// the provider's SDK when it started no request here.
    fn nonce_for(
        &self,
        provider: &Provider,
        matched: Option<&MatchedRequest>,
        is_native: bool,
        fields: &Fields,
    ) -> Option<String> {
        match matched.and_then(|matched| matched.state.as_deref()) {
            Some(state) => (provider.uses_nonce() || is_native).then(|| request_secrets::nonce(&self.key, state)),
            None => fields.own("nonce").filter(|_| is_native).map(str::to_owned),
        }
    }

    /// The verifier for the provider. Without an authorization request of this server, it is the front-end's own.
    ///
    /// Errors: `flow_mismatch` for a verifier that does not match the front-end's own challenge, or for one although the request
    /// was started without a challenge: then the caller did not start it (SEC-3; RFC 9700, section 4.8.2).
    fn verifier_for(
        &self,
        provider: &Provider,
        matched: Option<&MatchedRequest>,
        own: Option<String>,
    ) -> Result<Option<String>, LoginError> {
        let Some(matched) = matched else { return Ok(own) };
        if let Some(challenge) = &matched.row.code_challenge {
            let own = own.filter(|verifier| secrets::matches_pkce_challenge(verifier, challenge));
            return own.map(Some).ok_or_else(verifier_mismatch);
        }
        // OAuth 1.0a has no PKCE: classic front-ends may send the field to every provider.
        if own.is_some() && provider.protocol() != Protocol::OAuth1 {
            return Err(verifier_mismatch());
        }
        let state = matched.state.as_deref().filter(|_| provider.uses_pkce());
        Ok(state.map(|state| request_secrets::verifier(&self.key, state).expose_secret().to_owned()))
    }

    /// Errors: `state_expired` for a token that was encrypted with another SECRET_KEY.
    fn request_token_for(
        &self,
        provider: &Provider,
        matched: Option<&MatchedRequest>,
        values: &[String],
    ) -> Result<Option<RequestToken>, LoginError> {
        if provider.protocol() != Protocol::OAuth1 {
            return Ok(None);
        }
        let encrypted = matched.and_then(|matched| matched.row.encrypted_secret.as_deref());
        let token = values
            .first()
            .zip(encrypted)
            .and_then(|(token, encrypted)| request_secrets::decrypt_request_token(&self.key, token, encrypted));
        token
            .map(Some)
            .ok_or_else(|| LoginError::new(Refusal::StateExpired, "This login cannot be completed: start it again."))
    }

    /// Calls the provider, decides and commits. The outcome is kept for a repeat by the same browser, whatever it is.
    async fn exchange(&self, login: CheckedLogin, reserved: ReservedLogin) -> Result<LoginOutcome, LoginError> {
        let owner = login.is_long_lived().then(|| self.capacity.long_lived_share(login.context.client.ip.as_deref()).0);
        let CheckedLogin { exchange, checked, claim, remembered_until, context } = login;
        let identified = self.identify(&exchange, checked, &context).await;
        reserved.count(identified.as_ref().is_err_and(|error| error.refusal == Refusal::InvalidCode));
        let result = async {
            let authenticated = identified?;
            // Before the commit: without it, the same token could sign in again.
            if claim.expires < remembered_until {
                self.store.extend_claim(&claim.digest, remembered_until, owner.as_ref()).await?;
            }
            self.decide_and_commit(&context, &authenticated, Progress::default()).await
        };
        let result = result.await;
        let result = self.with_audit(&context, result).await;
        // A commit stores its own answer.
        if let (false, Some(cipher)) = (matches!(&result, Ok(LoginOutcome::SignedIn(_))), &context.cipher) {
            let answer = cipher.encrypt(&result, &self.deps);
            if let Err(failure) = self.store.store_answer(&claim.digest, &answer).await {
                tracing::warn!(%failure, "the answer of a login could not be stored for a repeat");
            }
        }
        result
    }

    async fn identify(
        &self,
        exchange: &Exchange,
        checked: CheckedCallback,
        context: &LoginContext,
    ) -> Result<AuthenticatedIdentity, LoginError> {
        let identity = context.provider.identify(&exchange.callback(), checked).await?.storable();
        let tokens = self.encrypted_tokens(&identity);
        Ok(AuthenticatedIdentity { identity, tokens })
    }

    /// Bound to the account's row, so that the tokens of two rows cannot be exchanged (SEC-40).
    fn encrypted_tokens(&self, identity: &Identity) -> Option<Vec<u8>> {
        let (cipher, tokens) = self.settings.token_cipher.as_ref().zip(identity.tokens.as_ref())?;
        Some(cipher.encrypt(&identity.token_binding(), &tokens.to_bytes(), &self.deps))
    }
}

/// The provider in the URL; else the one in the body, which is checked in any case (R-IN-02).
fn provider_name(request: &LoginRequest) -> Result<String, LoginError> {
    let is_value = |value: &Value| is_truthy(value) && value.as_str().is_none_or(|text| !text.trim().is_empty());
    let must_check_body = request.provider.is_some() || request.fields.map().get("provider").is_some_and(is_value);
    let in_body = if must_check_body { request.fields.provider()? } else { None };
    request.provider.clone().or(in_body).ok_or_else(|| {
        LoginError::new(Refusal::ProviderMissing, "Provider is not specified: put it into the URL or the body.")
    })
}

/// An ID token that replaces the code, when the body has none of the provider's usual fields. Google One Tap names it
/// `credential`.
fn id_token_of(provider: &Provider, names: &[String], fields: &Fields) -> Option<String> {
    let is_native = provider.accepts_id_token() && names.iter().all(|name| fields.own(name).is_none());
    let token = fields.own("id_token").or_else(|| fields.own("credential")).filter(|_| is_native)?;
    Some(token.to_owned())
}

pub(super) fn verifier_mismatch() -> LoginError {
    LoginError::new(Refusal::FlowMismatch, "The code_verifier does not match the code_challenge.")
}
