//! Takes a posted login as far as the provider's answer: which attempt it belongs to, one short claim, the provider's calls.
//! `finish.rs` decides and commits.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::authorization_request::{self, Binding};
use super::code_replay::AnswerCipher;
use super::decide_and_commit::{AuthenticatedIdentity, LoginContext};
use super::error::{LoginError, Refusal};
use super::link::{self, LinkFacts, link_target, may_ignore_request};
use super::pipeline::{Pipeline, Progress};
use super::{Fields, LoginRequest, LoginResult, LoginService, Outcome, RequestContext, redirect_uri};
use crate::model::{AuthorizationRequest, CodeClaim, Identity, Kind, LinkRequest};
use crate::provider::{Callback, CheckedCallback, Protocol, Provider, ProviderError, RequestToken};
use crate::secrets::{self, Digest, ExposeSecret};
use crate::settings::StatePolicy;
use crate::store::{Claimed, ConsumedCredential};

/// A login as posted, checked as far as it goes without the provider.
struct Posted {
    provider: Arc<Provider>,
    link_to: Option<LinkRequest>,
    kind: Kind,
    with_user: bool,
    request_context: RequestContext,
    fields: Fields,
    binding: Binding,
    authorization_request: Option<Begun>,
    redirect_uri: String,
    code_verifier: Option<String>,
    request_token: Option<RequestToken>,
    /// Instead of a code.
    id_token: Option<String>,
    nonce: Option<String>,
    /// When all calls of this login must be done.
    deadline: Instant,
}

/// One that was checked, and is to be claimed.
struct Claimable {
    posted: Posted,
    checked: CheckedCallback,
    context: LoginContext,
    claim: CodeClaim,
}

/// How a login was begun to be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CompletionMode {
    /// The front-end posts the code and gets the answer.
    Answer,
    /// The provider sends the person here, and the person lands elsewhere.
    ServerRedirect,
}

/// What a login posted, as far as it stands by itself.
struct LoginParameters {
    /// An id_token instead of a code.
    native: Option<String>,
    /// Of what the provider's protocol wants.
    values: Vec<String>,
    /// The redirect URI.
    asked: Option<String>,
    own_verifier: Option<String>,
}

impl LoginParameters {
    /// Errors: `invalid_request`, with all wrong fields together.
    fn read(provider: &Provider, fields: &Fields) -> Result<Self, LoginError> {
        let mut errors = Vec::new();
        let names = provider.login_fields();
        let native = id_token_of(provider, names, fields);
        let names = if native.is_some() { &[] } else { names };
        let values = names.iter().filter_map(|name| fields.required_one(name, &mut errors)).collect();
        let asked = fields.optional("redirect_uri", &mut errors);
        fields.check_own(&["state", "flow_token", "code_verifier", "id_token", "nonce"], &mut errors);
        fields.check_length(&["state", "redirect_state", "flow_token", "id_token", "credential", "nonce"], &mut errors);
        let own_verifier = fields.own("code_verifier").map(str::to_owned);
        if own_verifier.as_deref().is_some_and(|verifier| !authorization_request::is_verifier(verifier)) {
            errors.push(("code_verifier".to_owned(), "Must be 43 to 128 unreserved characters.".to_owned()));
        }
        if errors.is_empty() {
            Ok(Self { native, values, asked, own_verifier })
        } else {
            Err(LoginError::fields(errors))
        }
    }
}

impl Posted {
    fn callback(&self) -> Callback<'_> {
        static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let begun = self.authorization_request.as_ref();
        let address = begun.and_then(|begun| begun.row.address.as_ref()).and_then(Value::as_object);
        Callback {
            fields: self.fields.map(),
            redirect_uri: &self.redirect_uri,
            state: begun.map(|begun| begun.state.as_str()).filter(|state| !state.is_empty()),
            code_verifier: self.code_verifier.as_deref(),
            nonce: self.nonce.as_deref(),
            request_token: self.request_token.as_ref(),
            id_token: self.id_token.as_deref(),
            address: address.unwrap_or(&NOTHING),
            deadline: self.deadline,
        }
    }
}

/// The attempt that a login finishes, and the state that led to it.
pub(super) struct Begun {
    pub row: AuthorizationRequest,
    /// Empty in OAuth 1.0a, where the request token decides.
    pub state: String,
    /// The attempt cookie or the flow token of the request came along.
    is_bound: bool,
}

impl Begun {
    fn request(&self) -> link::Request {
        link::Request { made_by: self.row.link_request, is_bound: self.is_bound, is_first_step: self.row.classic }
    }
}

impl LoginService {
    /// All nine login routes. Errors: every [`Refusal`].
    pub async fn login(self: &Arc<Self>, mut request: LoginRequest) -> Result<Outcome, LoginError> {
        let (kind, name) = (request.kind, self.name_of(&request)?);
        let result = async {
            request.fields = request.fields.unwrap_callback(self.provider(&name)?)?;
            self.login_at(&name, request, CompletionMode::Answer).await
        };
        let result = result.await;
        self.told(&name, kind, result)
    }

    /// `request` has its fields unwrapped.
    pub(super) async fn login_at(
        self: &Arc<Self>,
        name: &str,
        request: LoginRequest,
        ending: CompletionMode,
    ) -> Result<Outcome, LoginError> {
        let provider = self.provider(name)?.clone();
        let declined = provider.callback_error(request.fields.map());
        let is_first_step = provider.protocol() == Protocol::OAuth1
            && declined.is_none()
            && request.fields.own("oauth_token").is_none();
        if is_first_step && ending == CompletionMode::Answer {
            return self.first_step(&provider, &request).await;
        }
        if let Some(declined) = declined {
            // The provider's "no" ends the flow and spends its state (SEC-7).
            let authorization_request = self.authorization_request_of(&provider, &request, ending).await?;
            if let Some(begun) = authorization_request {
                let claimed = self.store.claim(Some(&begun.row.key), None, self.deps.now()).await?;
                if matches!(claimed, Claimed::Acquired) {
                    self.finish_authorization_request(&request.request_context);
                }
            }
            return Err(declined.into());
        }
        let Claimable { posted, checked, context, claim } = self.check(provider, request, ending).await?;
        let key = posted.authorization_request.as_ref().map(|begun| &begun.row.key);
        match self.claim(key, &claim, &context).await? {
            Claimed::Acquired => {
                if key.is_some() {
                    self.finish_authorization_request(&posted.request_context);
                }
                let service = self.clone();
                self.spawn_detached(async move { service.finish(posted, checked, context, claim).await }).await
            }
            Claimed::RequestAlreadyUsed => Err(spent()),
            Claimed::CodeUsed(used) => self.repeat(&claim, used, &posted.binding, context.encrypt).await,
        }
        .map(Outcome::from)
    }

    fn finish_authorization_request(&self, request_context: &RequestContext) {
        self.capacity.finish_authorization_request(request_context.client.ip.as_deref(), self.deps.now());
    }

    /// Errors: `too_many_requests` for a code that is new, where something that its login may write has no room. A code
    /// is good once: it is claimed only if the login can be finished.
    async fn claim(
        &self,
        authorization_request: Option<&Digest>,
        claim: &CodeClaim,
        context: &LoginContext,
    ) -> Result<Claimed, LoginError> {
        if let Err(full) = self.check_room_for(context) {
            return self.store.used_code(&claim.digest).await?.map(Claimed::CodeUsed).ok_or(full);
        }
        let claimed = self.store.claim(authorization_request, Some(claim), self.deps.now()).await?;
        if matches!(claimed, Claimed::Acquired) {
            self.capacity.add_used_code();
        }
        Ok(claimed)
    }

    /// Errors: `too_many_requests`.
    fn check_room_for(&self, context: &LoginContext) -> Result<(), LoginError> {
        let may_ask = self.pipelines.get(context.provider.name()).is_some_and(Pipeline::may_ask);
        self.capacity.check_used_codes()?;
        if may_ask {
            self.capacity.check_pending_logins()?;
        }
        // In the redirect flow, an app and a login that asks get a one-time code.
        if context
            .server_redirect
            .as_ref()
            .is_some_and(|server_redirect| may_ask || server_redirect.kind != Kind::Session)
        {
            self.capacity.check_one_time_codes()?;
        }
        Ok(())
    }

    /// URL first; the body's provider is read and must be a text all the same (R-IN-02).
    fn name_of(&self, request: &LoginRequest) -> Result<String, LoginError> {
        let in_body = request.fields.provider()?;
        request.provider.clone().or(in_body).ok_or_else(|| {
            LoginError::new(Refusal::ProviderMissing, "Provider is not specified: put it into the URL or the body.")
        })
    }

    /// All that can be judged before the code is claimed, the client's own input included.
    async fn check(
        &self,
        provider: Arc<Provider>,
        request: LoginRequest,
        ending: CompletionMode,
    ) -> Result<Claimable, LoginError> {
        let posted = self.posted(provider, request, ending).await?;
        let checked = posted.provider.check_callback(&posted.callback()).await?;
        let key = checked.claim_key();
        let parts: Vec<&[u8]> = key.iter().map(|part| part.as_bytes()).collect();
        let now = self.deps.now();
        let expires = match checked.valid_until() {
            Some(until) => until.plus(authorization_request::CLOCK_SKEW),
            None => now.plus(authorization_request::CODE_MEMORY),
        };
        let claim = CodeClaim {
            digest: Digest::of_parts(&parts),
            binding: posted.binding.first().cloned(),
            claimed: now,
            expires,
        };
        let context = self.context(&posted, &parts, &claim);
        Ok(Claimable { posted, checked, context, claim })
    }

    async fn posted(
        &self,
        provider: Arc<Provider>,
        request: LoginRequest,
        ending: CompletionMode,
    ) -> Result<Posted, LoginError> {
        let LoginParameters { native, values, asked, own_verifier } =
            LoginParameters::read(&provider, &request.fields)?;
        let authorization_request = self.authorization_request_of(&provider, &request, ending).await?;
        let request_context = &request.request_context;
        let redirect_uri = match &authorization_request {
            Some(begun) if asked.as_ref().is_some_and(|asked| *asked != begun.row.redirect_uri) => {
                return Err(LoginError::new(Refusal::StateMismatch, "This login was begun with another redirect_uri."));
            }
            Some(begun) => begun.row.redirect_uri.clone(),
            None if native.is_some() => String::new(),
            None => {
                redirect_uri::choose(&self.settings, &request_context.own, asked.as_deref(), &request_context.origin)?
            }
        };
        let code_verifier = self.verifier_for(&provider, authorization_request.as_ref(), own_verifier)?;
        let request_token = self.request_token_for(&provider, authorization_request.as_ref(), &values)?;
        let link_to = link_target(LinkFacts {
            request: authorization_request.as_ref().map(Begun::request),
            caller: request_context.caller,
            association_only: provider.is_association_only(),
            link_without_request: self.settings.link_without_authorization_request,
        })?;
        let binding = Binding::of(request_context, request.fields.own("flow_token"));
        let nonce = self.nonce_for(&provider, authorization_request.as_ref(), native.is_some(), &request.fields);
        let LoginRequest { kind, with_user, fields, request_context, .. } = request;
        Ok(Posted {
            provider,
            link_to,
            kind,
            with_user,
            request_context,
            fields,
            binding,
            authorization_request,
            redirect_uri,
            code_verifier,
            request_token,
            id_token: native,
            nonce,
            deadline: Instant::now() + self.settings.outgoing.login_timeout,
        })
    }

    fn context(&self, posted: &Posted, parts: &[&[u8]], claim: &CodeClaim) -> LoginContext {
        let Posted { provider, kind, with_user, request_context, binding, .. } = posted;
        let server_redirect = posted.authorization_request.as_ref().and_then(|begun| begun.row.server_redirect.clone());
        let parts: Vec<&[u8]> = std::iter::once(provider.name().as_bytes()).chain(parts.iter().copied()).collect();
        LoginContext {
            encrypt: (!binding.is_empty()).then(|| AnswerCipher::new(&self.key, &parts, *kind, *with_user)),
            provider: provider.clone(),
            kind: *kind,
            with_user: *with_user,
            link_to: posted.link_to,
            needs_fresh_login: match request_context.caller {
                Some(_) => request_context.needs_fresh_login,
                None => posted.authorization_request.as_ref().is_some_and(|begun| begun.row.needs_fresh_login),
            },
            client: request_context.client.clone(),
            session: request_context.session.clone(),
            browser: binding.browser.clone(),
            server_redirect,
            ends: ConsumedCredential::Code(claim.digest.clone()),
        }
    }

    /// The nonce that an ID token must carry: of the authorization request, or what the front-end gave to the provider's
    /// own software where it began nothing here.
    fn nonce_for(
        &self,
        provider: &Provider,
        authorization_request: Option<&Begun>,
        is_native: bool,
        fields: &Fields,
    ) -> Option<String> {
        match authorization_request.map(|begun| begun.state.as_str()).filter(|state| !state.is_empty()) {
            Some(state) => (provider.uses_nonce() || is_native).then(|| authorization_request::nonce(&self.key, state)),
            None => fields.own("nonce").filter(|_| is_native).map(str::to_owned),
        }
    }

    /// The attempt that this login finishes, held against all that it was bound to; `None` for a code-only login, where
    /// the policy allows one (SEC-1, SEC-2, SEC-13).
    pub(super) async fn authorization_request_of(
        &self,
        provider: &Provider,
        request: &LoginRequest,
        ending: CompletionMode,
    ) -> Result<Option<Begun>, LoginError> {
        let fields = &request.fields;
        let binding = Binding::of(&request.request_context, fields.own("flow_token"));
        let policy = match ending {
            CompletionMode::Answer => self.settings.state_policy,
            CompletionMode::ServerRedirect => StatePolicy::Required,
        };
        if provider.protocol() == Protocol::OAuth1 {
            return self.authorization_request_of_token(provider, fields, &binding, ending).await;
        }
        let is_own = |state: &&str| authorization_request::is_state(&self.key, state);
        let shown = || [fields.own("state"), fields.own("redirect_state")].into_iter().flatten();
        // A state that this server made decides, also where the body holds another one.
        let state = shown().find(is_own).or_else(|| shown().next());
        let row = match state.and_then(authorization_request::request_key) {
            Some(key) => self.store.authorization_request(&key).await?,
            None => None,
        };
        match (row, state) {
            (Some(row), Some(state)) => match self.fits(&row, provider, &binding, ending) {
                Ok(()) => Ok(Some(Begun { row, state: state.to_owned(), is_bound: true })),
                Err(_) if may_ignore_request(policy, row.link_request.map(|link_request| link_request.user)) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            (None, Some(state)) if policy != StatePolicy::Off && is_own(&state) => {
                let detail = "This state was used before, or made too long ago: begin again.";
                Err(LoginError::new(Refusal::StateMismatch, detail))
            }
            _ if policy == StatePolicy::Required => Err(LoginError::new(
                Refusal::StateMismatch,
                "A login must be begun here: post the state that /api/login/social/begin/ answered.",
            )),
            _ if policy == StatePolicy::WhenPresent && !binding.is_empty() => {
                let now = self.deps.now();
                let (browser, flow) = (binding.browser.as_ref(), binding.flow.as_ref());
                if self.store.has_open_authorization_request(provider.name(), browser, flow, now).await? {
                    return Err(LoginError::new(
                        Refusal::StateMismatch,
                        "This browser began a login here: post its state along with the code.",
                    ));
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// OAuth 1.0a: the row of the request token decides, whatever else came along.
    async fn authorization_request_of_token(
        &self,
        provider: &Provider,
        fields: &Fields,
        binding: &Binding,
        ending: CompletionMode,
    ) -> Result<Option<Begun>, LoginError> {
        // A provider that the user refused may name the request token there alone.
        let denied = fields.own("denied").filter(|_| fields.own("oauth_token").is_none());
        let token = fields.own("oauth_token").or(denied);
        let row = match token.and_then(authorization_request::request_key) {
            Some(key) => self.store.authorization_request(&key).await?,
            None if token.is_none() => return Ok(None),
            None => None,
        };
        let Some(row) = row else {
            // Without a stored request token there is nothing to claim; the login is refused all the same.
            return if denied.is_some() {
                Ok(None)
            } else {
                Err(LoginError::new(Refusal::StateMismatch, "No login was begun here with this oauth_token."))
            };
        };
        // A classic front-end on another domain never kept our cookie: its token alone will do, once (SEC-13).
        let keeps_nothing = row.classic && binding.is_empty() && self.settings.state_policy != StatePolicy::Required;
        let is_bound = match self.fits(&row, provider, binding, ending) {
            Err(error) if error.refusal == Refusal::FlowMismatch && keeps_nothing => false,
            result => result.map(|()| true)?,
        };
        Ok(Some(Begun { row, state: String::new(), is_bound }))
    }

    fn fits(
        &self,
        row: &AuthorizationRequest,
        provider: &Provider,
        binding: &Binding,
        ending: CompletionMode,
    ) -> Result<(), LoginError> {
        if row.provider != provider.name() {
            return Err(LoginError::new(Refusal::StateMismatch, "This state belongs to another provider."));
        }
        if row.server_redirect.is_some() != (ending == CompletionMode::ServerRedirect) {
            return Err(LoginError::new(
                Refusal::StateMismatch,
                "This login was begun to be finished on another route.",
            ));
        }
        if row.expires <= self.deps.now() {
            return Err(LoginError::new(Refusal::StateExpired, "This login was begun too long ago: begin again."));
        }
        if !binding.holds(row) {
            return Err(LoginError::new(
                Refusal::FlowMismatch,
                "This login was begun by another browser: send the attempt cookie or the flow_token along.",
            ));
        }
        Ok(())
    }

    fn verifier_for(
        &self,
        provider: &Provider,
        authorization_request: Option<&Begun>,
        own: Option<String>,
    ) -> Result<Option<String>, LoginError> {
        let Some(begun) = authorization_request else { return Ok(own) };
        match &begun.row.code_challenge {
            // The front-end made its own pair: it must show the verifier, before anything is sent (SEC-3).
            Some(challenge) => {
                own.filter(|verifier| secrets::matches_pkce_challenge(verifier, challenge)).map(Some).ok_or_else(|| {
                    LoginError::new(Refusal::FlowMismatch, "The code_verifier does not fit the code_challenge.")
                })
            }
            None if provider.uses_pkce() => {
                Ok(Some(authorization_request::verifier(&self.key, &begun.state).expose_secret().to_owned()))
            }
            None => Ok(None),
        }
    }

    fn request_token_for(
        &self,
        provider: &Provider,
        authorization_request: Option<&Begun>,
        values: &[String],
    ) -> Result<Option<RequestToken>, LoginError> {
        if provider.protocol() != Protocol::OAuth1 {
            return Ok(None);
        }
        let encrypted = authorization_request.and_then(|begun| begun.row.encrypted_secret.as_deref());
        let token = values
            .first()
            .zip(encrypted)
            .and_then(|(token, encrypted)| authorization_request::open_request_token(&self.key, token, encrypted));
        // Sealed with another SECRET_KEY: the login must be begun again.
        token
            .map(Some)
            .ok_or_else(|| LoginError::new(Refusal::StateExpired, "This login cannot be finished: begin again."))
    }

    /// After the claim. Whatever comes of it, the same browser's repeat will get it too.
    async fn finish(
        &self,
        posted: Posted,
        checked: CheckedCallback,
        context: LoginContext,
        claim: CodeClaim,
    ) -> Result<LoginResult, LoginError> {
        let result = match self.identify(&posted, checked, &claim).await {
            Ok(identity) => {
                let tokens = self.encrypted_tokens(&identity);
                let authenticated = AuthenticatedIdentity { identity, tokens };
                self.decide_and_commit(&context, &authenticated, Progress::default()).await
            }
            Err(error) => Err(error),
        };
        let result = self.with_audit(&context, result).await;
        // A commit keeps its own answer.
        if let (false, Some(encrypt)) = (matches!(&result, Ok(LoginResult::SignedIn(_))), &context.encrypt) {
            let answer = encrypt.close(&result, &self.deps);
            if let Err(failure) = self.store.store_answer(&claim.digest, &answer).await {
                tracing::warn!(%failure, "an answer could not be kept for a repeat");
            }
        }
        result
    }

    async fn identify(
        &self,
        posted: &Posted,
        checked: CheckedCallback,
        claim: &CodeClaim,
    ) -> Result<Identity, LoginError> {
        let identified = posted.provider.identify(&posted.callback(), checked).await;
        let is_refused = posted.id_token.is_none() && identified.as_ref().is_err_and(ProviderError::is_refusal);
        let expires = self.deps.now().plus(authorization_request::CODE_MEMORY);
        // A refused code signs no user in: its claim would only fill the table for weeks.
        if is_refused
            && expires < claim.expires
            && let Err(failure) = self.store.shorten_claim(&claim.digest, expires).await
        {
            tracing::warn!(%failure, "the claim of a refused token could not be shortened");
        }
        Ok(identified?.storable())
    }

    /// Bound to the account's row, so that two rows' tokens cannot be exchanged (SEC-40).
    fn encrypted_tokens(&self, identity: &Identity) -> Option<Vec<u8>> {
        let (vault, tokens) = self.settings.vault.as_ref().zip(identity.tokens.as_ref())?;
        Some(vault.encrypt(&identity.token_binding(), &tokens.to_bytes(), &self.deps))
    }
}

/// An id_token that stands for the code: where the provider publishes its keys and what it usually asks for is not there.
/// Google's One Tap calls it `credential`.
fn id_token_of(provider: &Provider, names: &[String], fields: &Fields) -> Option<String> {
    let is_native = provider.accepts_id_token() && names.iter().all(|name| fields.own(name).is_none());
    let token = fields.own("id_token").or_else(|| fields.own("credential")).filter(|_| is_native)?;
    Some(token.to_owned())
}

pub(super) fn spent() -> LoginError {
    LoginError::new(Refusal::StateMismatch, "This state was used before: begin again.")
}
