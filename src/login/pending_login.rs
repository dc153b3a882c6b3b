//! Pending logins: a step asked the user for additional input, and the answers come with a flow token in a call of their own.
//!
//! The identity is kept for ten minutes, encrypted with a key derived from the flow token, which is in no table; the
//! provider is not called again. A refused answer leaves the login pending; the transaction of a success consumes it, and so
//! does the user who cancels it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer_cipher::{AnswerCipher, already_used};
use super::code_replay::REPLAY_WINDOW;
use super::decide_and_commit::{AuthenticatedIdentity, LoginContext, LoginTerms};
use super::error::{LoginError, Refusal};
use super::outcome::{LoginOutcome, PendingLogin, RedirectOutcome, Resumed};
use super::pipeline::{InputField, LinkProof, Progress, Question, read_answers};
use super::request::{FormHost, RequestContext};
use super::request_fields::Fields;
use super::request_lookup::state_mismatch;
use super::request_secrets::{Binding, FlowToken};
use super::service::LoginService;
use crate::model::{
    CompletedAnswer, Identity, LoginKind, StoredPendingLogin, UNFINISHED_LOGIN_LIFETIME, field_message,
    without_provider_tokens,
};
use crate::secrets::{self, Digest};
use crate::store::ConsumedCredential;

/// A pending login as it is encrypted.
#[derive(Serialize, Deserialize)]
struct PendingState {
    identity: Identity,
    tokens: Option<Vec<u8>>,
    terms: LoginTerms,
    step: String,
    fields: Vec<InputField>,
    progress: Progress,
}

impl PendingState {
    /// An app continues by itself, outside the browser that signed the user in.
    fn is_of_app(&self) -> bool {
        self.terms.server_redirect.is_some() && self.terms.kind != LoginKind::Session
    }
}

impl LoginService {
    pub(super) async fn store_pending_login(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        question: Question,
    ) -> Result<PendingLogin, LoginError> {
        let Question { step, fields, progress } = question;
        let flow_token = FlowToken::new(&self.deps);
        let extra_data = without_provider_tokens(&authenticated.identity.extra_data);
        let state = PendingState {
            identity: Identity { extra_data, ..authenticated.identity.clone() },
            tokens: authenticated.tokens.clone(),
            terms: context.terms.clone(),
            step: step.clone(),
            fields: fields.clone(),
            progress,
        };
        let plain = serde_json::to_vec(&state).expect("plain data has a JSON form");
        let (token, now) = (flow_token.digest(), self.deps.now());
        let row = StoredPendingLogin {
            encrypted: secrets::encrypt(&self.pending_login_key(&flow_token), token.as_bytes(), &plain, &self.deps),
            token,
            browser: context.binding.browser.clone(),
            link_to: context.terms.linked_user(),
            expires: now.plus(UNFINISHED_LOGIN_LIFETIME),
            completed: None,
        };
        let pending_login = PendingLogin { flow_token, expires_in: UNFINISHED_LOGIN_LIFETIME.as_secs(), step, fields };
        match (&context.consumed, &context.cipher) {
            (ConsumedCredential::StoredPendingLogin(before), Some(cipher)) => {
                let answer = cipher.encrypt(&Ok(LoginOutcome::PendingLogin(pending_login.clone())), &self.deps);
                if !self.store.replace_pending_login(before, &row, &answer, now).await? {
                    return Err(already_used());
                }
            }
            _ => {
                self.store.insert_pending_login(&row).await?;
                self.capacity.add_pending_login();
            }
        }
        Ok(pending_login)
    }

    /// The question of a pending login. Errors: those of [`Self::resume`].
    pub(super) async fn pending_login(
        &self,
        flow_token: &FlowToken,
        request_context: &RequestContext,
        form_host: FormHost,
    ) -> Result<PendingLogin, LoginError> {
        let (state, row) = self.load_pending_login(flow_token, request_context, form_host).await?;
        if row.completed.is_some() {
            return Err(already_used());
        }
        Ok(self.question(flow_token, &state, &row))
    }

    /// Resumes a pending login with the user's answers. The transaction that signs in, or asks for more, consumes it.
    ///
    /// Errors, of a login that cannot be resumed: `invalid_request`, `state_mismatch` for an unknown flow token,
    /// `state_expired`, `flow_mismatch` for another browser, `too_many_requests`, `database_unavailable`. Later errors are
    /// the [`Resumed::outcome`]: `invalid_request` for invalid answers, `code_already_used`, and the refusals of the steps.
    pub async fn resume(
        self: &Arc<Self>,
        fields: Fields,
        request_context: RequestContext,
        form_host: FormHost,
    ) -> Result<Resumed, LoginError> {
        let flow_token = flow_token(&fields)?;
        let (state, row) = self.load_pending_login(&flow_token, &request_context, form_host).await?;
        let (kind, server_redirect) = (state.terms.kind, state.terms.server_redirect.clone());
        // On a page of this server, an app's login ends with a one-time code.
        if form_host == FormHost::Server && state.is_of_app() {
            self.capacity.check_one_time_codes()?;
        }
        let provider = state.identity.provider.clone();
        let asked = self.question(&flow_token, &state, &row);
        let service = self.clone();
        let work =
            async move { service.complete_pending_login(&flow_token, state, row, &fields, request_context).await };
        let outcome = self.log_outcome(&provider, kind.credential(), self.spawn_detached(work).await);
        Ok(Resumed { kind, server_redirect, asked, outcome })
    }

    /// Cancels a pending login on the page of this server: it ends as one that the user denied at the provider.
    ///
    /// Errors: those of [`Self::resume`] for a login that cannot be resumed; `code_already_used` for one that was completed;
    /// `access_denied` outside the redirect flow, where nothing says which page comes next.
    pub async fn cancel(
        &self,
        fields: &Fields,
        request_context: &RequestContext,
    ) -> Result<RedirectOutcome, LoginError> {
        let flow_token = flow_token(fields)?;
        let (state, row) = self.load_pending_login(&flow_token, request_context, FormHost::Server).await?;
        let user = state.terms.linked_user();
        let LoginTerms { kind, server_redirect, .. } = state.terms;
        let cipher = self.answer_cipher(&flow_token, kind);
        let canceled = LoginError::new(Refusal::AccessDenied, "The user canceled the login.");
        let answer = cipher.encrypt(&Err(canceled.clone()), &self.deps);
        let is_first = self.store.cancel_pending_login(&row.token, &answer, self.deps.now()).await?;
        let error = if is_first { canceled } else { self.first_refusal(&row.token, &cipher).await? };
        let provider = Some(state.identity.provider.as_str());
        self.deps.metrics().login(provider, kind.credential(), || error.refusal.code());
        let error = error.with_login(provider, kind.credential(), user);
        match server_redirect {
            Some(server_redirect) => self.redirect_outcome(server_redirect, Err(error)).await,
            None => Err(error),
        }
    }

    /// The refusal of a login that was canceled before. Errors: `code_already_used` for one that was completed.
    async fn first_refusal(&self, token: &Digest, cipher: &AnswerCipher) -> Result<LoginError, LoginError> {
        let row = self.store.pending_login(token).await?.ok_or_else(unknown_flow_token)?;
        let completed = row.completed.ok_or_else(already_used)?;
        match self.first_answer(&completed, cipher) {
            Err(error) if error.refusal == Refusal::AccessDenied => Ok(error),
            _ => Err(already_used()),
        }
    }

    async fn complete_pending_login(
        &self,
        flow_token: &FlowToken,
        state: PendingState,
        row: StoredPendingLogin,
        fields: &Fields,
        request_context: RequestContext,
    ) -> Result<LoginOutcome, LoginError> {
        let cipher = self.answer_cipher(flow_token, state.terms.kind);
        if let Some(completed) = &row.completed {
            return self.first_answer(completed, &cipher);
        }
        let answers = read_answers(&state.fields, fields.map()).map_err(LoginError::fields)?;
        let link_proof = link_proof(&row, &request_context);
        let context = LoginContext {
            provider: self.provider(&state.identity.provider)?.clone(),
            terms: state.terms,
            // The browser that started the login, also when an app continues it.
            binding: Binding { browser: row.browser.or_else(|| request_context.binding(None).browser), flow: None },
            client: request_context.client,
            session: request_context.session,
            consumed: ConsumedCredential::StoredPendingLogin(row.token.clone()),
            cipher: Some(cipher),
            link_proof,
        };
        let progress = state.progress.answered(&state.step, &state.fields, answers);
        let authenticated = AuthenticatedIdentity { identity: state.identity, tokens: state.tokens };
        let error = match self.decide_and_commit(&context, &authenticated, progress).await {
            Err(error) => error,
            outcome => return outcome,
        };
        // The same answers may have been posted twice at once, and the other request was first.
        if let (Ok(Some(StoredPendingLogin { completed: Some(completed), .. })), Some(cipher)) =
            (self.store.pending_login(&row.token).await, &context.cipher)
        {
            return self.first_answer(&completed, cipher);
        }
        match error.refusal {
            // These do not refuse the login; it stays pending.
            Refusal::InvalidRequest | Refusal::LinkLoginRequired => Err(error),
            _ => self.with_audit(&context, Err(error)).await,
        }
    }

    /// The first answer again, within the time in which a page may post twice (SEC-6).
    fn first_answer(&self, completed: &CompletedAnswer, cipher: &AnswerCipher) -> Result<LoginOutcome, LoginError> {
        let is_in_window = self.deps.now() <= completed.at.plus(REPLAY_WINDOW);
        let answer = is_in_window.then(|| cipher.decrypt(&completed.answer)).flatten();
        answer.unwrap_or_else(|| Err(already_used()))
    }

    async fn load_pending_login(
        &self,
        flow_token: &FlowToken,
        request_context: &RequestContext,
        form_host: FormHost,
    ) -> Result<(PendingState, StoredPendingLogin), LoginError> {
        let key = flow_token.digest();
        let row = self.store.pending_login(&key).await?.ok_or_else(unknown_flow_token)?;
        if row.expires <= self.deps.now() {
            return Err(LoginError::new(Refusal::StateExpired, "This login has expired: start it again."));
        }
        // Encrypted with another SECRET_KEY, or by another release: the login must be started again.
        let plain = secrets::decrypt(&self.pending_login_key(flow_token), key.as_bytes(), &row.encrypted)
            .ok_or_else(unknown_flow_token)?;
        let state: PendingState = serde_json::from_slice(&plain).map_err(|_| unknown_flow_token())?;
        // Otherwise an attacker could send a victim to the page, to be signed in as the attacker.
        let is_bound = form_host == FormHost::Server || !state.is_of_app();
        if let Some(browser) = row.browser.as_ref().filter(|_| is_bound) {
            let cookie = request_context.binding(None).browser;
            if !cookie.is_some_and(|cookie| cookie.matches(browser)) {
                let detail = "This login was started in another browser: continue there.";
                return Err(LoginError::new(Refusal::FlowMismatch, detail));
            }
        }
        Ok((state, row))
    }

    fn question(&self, flow_token: &FlowToken, state: &PendingState, row: &StoredPendingLogin) -> PendingLogin {
        let left = row.expires.0.saturating_sub(self.deps.now().0) / 1000;
        PendingLogin {
            flow_token: flow_token.clone(),
            expires_in: u64::try_from(left).unwrap_or(0),
            step: state.step.clone(),
            fields: state.fields.clone(),
        }
    }

    fn answer_cipher(&self, flow_token: &FlowToken, kind: LoginKind) -> AnswerCipher {
        let parts: [&[u8]; 2] = [b"pending login", flow_token.as_str().as_bytes()];
        AnswerCipher::new(&self.key, &parts, kind)
    }

    fn pending_login_key(&self, flow_token: &FlowToken) -> [u8; 32] {
        self.key.derive("pending login", &[flow_token.as_str().as_bytes()])
    }
}

/// The user of the credential that came with the answers, and whether the answers come from the browser of the login.
fn link_proof(row: &StoredPendingLogin, request_context: &RequestContext) -> LinkProof {
    let asked = row.expires.minus(UNFINISHED_LOGIN_LIFETIME);
    let cookie = request_context.binding(None).browser;
    let is_same = |browser: &Digest| cookie.as_ref().is_some_and(|cookie| cookie.matches(browser));
    LinkProof {
        caller: request_context.caller,
        is_newer: request_context.caller_signed_in.is_some_and(|at| at >= asked),
        is_same_browser: row.browser.as_ref().is_none_or(is_same),
    }
}

/// Errors: `invalid_request` without one, `state_mismatch` for a text of another form.
fn flow_token(fields: &Fields) -> Result<FlowToken, LoginError> {
    let given = fields.own("flow_token");
    let given = given.ok_or_else(|| LoginError::field("flow_token", field_message::REQUIRED))?;
    FlowToken::read(given).ok_or_else(unknown_flow_token)
}

fn unknown_flow_token() -> LoginError {
    state_mismatch("The flow_token is unknown: start the login again.")
}
