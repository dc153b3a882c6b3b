//! A login that waits: a step asked the person for more, and the answers come with a flow token on a call of their own.
//!
//! What the provider said is kept for ten minutes, sealed with a key derived from the flow token, which no table has; the
//! provider is not asked again. Whatever is refused leaves the login waiting; the transaction of one success takes it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::authorization_request::{self, Binding};
use super::code_replay::{AnswerCipher, WINDOW, already_used};
use super::decide_and_commit::{AuthenticatedIdentity, LoginContext};
use super::error::{LoginError, Refusal};
use super::pipeline::{Field, Progress, Question, read_answers};
use super::{Fields, LoginResult, LoginService, Outcome, RequestContext};
use crate::model::{Identity, Kind, LinkRequest, ServerRedirect, StoredPendingLogin, Taken, without_provider_tokens};
use crate::secrets::{self, Digest};
use crate::store::ConsumedCredential;

/// How long a halted login waits.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What a login waits for: the answer to its post, whatever its kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingLogin {
    /// To be posted with the answers.
    pub flow_token: String,
    /// Seconds.
    pub expires_in: u64,
    /// The step that asks.
    pub step: String,
    pub fields: Vec<Field>,
}

/// Who shows the person what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A front-end or an app.
    Elsewhere,
    /// This server, on a page of its own.
    Here,
}

/// What became of the answers, and the shape in which the login was to end.
#[derive(Debug)]
pub struct Resumed {
    pub kind: Kind,
    pub with_user: bool,
    /// Where the person lands, in the redirect flow on the server.
    pub server_redirect: Option<ServerRedirect>,
    /// What was answered.
    pub asked: PendingLogin,
    pub outcome: Result<Outcome, LoginError>,
}

impl Resumed {
    /// The mistake or the passing trouble after which the person may well answer the same question once more.
    pub fn may_answer_again(&self) -> Option<&LoginError> {
        use Refusal::{DatabaseUnavailable, InvalidRequest, SignUpUnavailable};
        let error = self.outcome.as_ref().err()?;
        matches!(error.refusal, InvalidRequest | DatabaseUnavailable | SignUpUnavailable).then_some(error)
    }
}

/// All of a halted login, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Waiting {
    identity: Identity,
    tokens: Option<Vec<u8>>,
    kind: Kind,
    with_user: bool,
    link_to: Option<LinkRequest>,
    needs_fresh_login: bool,
    server_redirect: Option<ServerRedirect>,
    step: String,
    fields: Vec<Field>,
    progress: Progress,
}

impl Waiting {
    /// An app goes on by itself, outside the browser that signed the person in.
    fn ends_in_an_app(&self) -> bool {
        self.server_redirect.is_some() && self.kind != Kind::Session
    }
}

impl LoginService {
    pub(super) async fn halt(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        question: Question,
    ) -> Result<PendingLogin, LoginError> {
        let Question { step, fields, progress } = question;
        let flow_token = authorization_request::new_flow_token(&self.deps);
        let extra_data = without_provider_tokens(&authenticated.identity.extra_data);
        let waiting = Waiting {
            identity: Identity { extra_data, ..authenticated.identity.clone() },
            tokens: authenticated.tokens.clone(),
            kind: context.kind,
            with_user: context.with_user,
            link_to: context.link_to,
            needs_fresh_login: context.needs_fresh_login,
            server_redirect: context.server_redirect.clone(),
            step: step.clone(),
            fields: fields.clone(),
            progress,
        };
        let plain = serde_json::to_vec(&waiting).expect("plain data has a JSON form");
        let (token, now) = (Digest::of(flow_token.as_bytes()), self.deps.now());
        let halt = StoredPendingLogin {
            encrypted: secrets::encrypt(&self.pending_login_key(&flow_token), token.as_bytes(), &plain, &self.deps),
            token,
            browser: context.browser.clone(),
            link_to: context.link_to.map(|link_request| link_request.user),
            expires: now.plus(LIFETIME),
            taken: None,
        };
        let pending_login = PendingLogin { flow_token, expires_in: LIFETIME.as_secs(), step, fields };
        match (&context.ends, &context.encrypt) {
            (ConsumedCredential::StoredPendingLogin(before), Some(encrypt)) => {
                let answer = encrypt.close(&Ok(LoginResult::PendingLogin(pending_login.clone())), &self.deps);
                if !self.store.replace_pending_login(before, &halt, &answer, now).await? {
                    return Err(already_used());
                }
            }
            _ => {
                self.store.insert_pending_login(&halt).await?;
                self.capacity.add_pending_login();
            }
        }
        Ok(pending_login)
    }

    /// What a login of this flow token waits for, to be shown `shown`. Errors: those of [`Self::resume`].
    pub(super) async fn pending_login(
        &self,
        flow_token: &str,
        request_context: &RequestContext,
        shown: Shown,
    ) -> Result<PendingLogin, LoginError> {
        let (waiting, halt) = self.waiting(flow_token, request_context, shown).await?;
        if halt.taken.is_some() {
            return Err(already_used());
        }
        Ok(self.asked(flow_token, &waiting, &halt))
    }

    /// Goes on with a login that waits. It is taken by the transaction that signs in or asks further; whatever is refused
    /// before leaves it waiting.
    ///
    /// Errors, of a login that cannot be taken up: `invalid_request`, `state_mismatch` for an unknown flow token,
    /// `state_expired`, `flow_mismatch` for another browser, `too_many_requests`, `database_unavailable`. What went wrong after that is the
    /// outcome's: `invalid_request` for answers that will not do, `code_already_used`, and whatever the steps refuse.
    pub async fn resume(
        self: &Arc<Self>,
        fields: Fields,
        request_context: RequestContext,
        shown: Shown,
    ) -> Result<Resumed, LoginError> {
        let Some(flow_token) = fields.own("flow_token") else {
            return Err(LoginError::field("flow_token", "This field is required."));
        };
        let (waiting, halt) = self.waiting(flow_token, &request_context, shown).await?;
        let (kind, with_user, server_redirect) = (waiting.kind, waiting.with_user, waiting.server_redirect.clone());
        // On a page of this server, an app's login ends with a one-time code.
        if shown == Shown::Here && waiting.ends_in_an_app() {
            self.capacity.check_one_time_codes()?;
        }
        let provider = waiting.identity.provider.clone();
        let asked = self.asked(flow_token, &waiting, &halt);
        let (service, flow_token) = (self.clone(), flow_token.to_owned());
        let work = async move { service.go_on(&flow_token, waiting, halt, &fields, request_context).await };
        let outcome = self.told(&provider, kind, self.spawn_detached(work).await.map(Outcome::from));
        Ok(Resumed { kind, with_user, server_redirect, asked, outcome })
    }

    async fn go_on(
        &self,
        flow_token: &str,
        waiting: Waiting,
        halt: StoredPendingLogin,
        fields: &Fields,
        request_context: RequestContext,
    ) -> Result<LoginResult, LoginError> {
        let encrypt =
            || AnswerCipher::new(&self.key, &[b"halted login", flow_token.as_bytes()], waiting.kind, waiting.with_user);
        if let Some(taken) = &halt.taken {
            return self.answered(taken, &encrypt());
        }
        let answers = read_answers(&waiting.fields, fields.map()).map_err(LoginError::fields)?;
        let context = LoginContext {
            provider: self.provider(&waiting.identity.provider)?.clone(),
            kind: waiting.kind,
            with_user: waiting.with_user,
            link_to: waiting.link_to,
            needs_fresh_login: waiting.needs_fresh_login,
            encrypt: Some(encrypt()),
            // The one that began it, also where an app goes on without it.
            browser: halt.browser.or_else(|| Binding::of(&request_context, None).browser),
            client: request_context.client,
            session: request_context.session,
            server_redirect: waiting.server_redirect,
            ends: ConsumedCredential::StoredPendingLogin(halt.token.clone()),
        };
        let progress = waiting.progress.answered(&waiting.step, &waiting.fields, answers);
        let authenticated = AuthenticatedIdentity { identity: waiting.identity, tokens: waiting.tokens };
        match self.decide_and_commit(&context, &authenticated, progress).await {
            Ok(login_result) => Ok(login_result),
            // The same answers may have come twice at once, and the others been first.
            Err(error) => match self.store.pending_login(&halt.token).await {
                Ok(Some(StoredPendingLogin { taken: Some(taken), .. })) => self.answered(&taken, &encrypt()),
                // Mistyped answers are no refusal of the login, which still waits.
                _ if error.refusal == Refusal::InvalidRequest => Err(error),
                _ => self.with_audit(&context, Err(error)).await,
            },
        }
    }

    /// The answer once more, as long as it is a page that posts twice (SEC-6).
    fn answered(&self, taken: &Taken, encrypt: &AnswerCipher) -> Result<LoginResult, LoginError> {
        let in_time = self.deps.now() <= taken.at.plus(WINDOW);
        let kept = in_time.then(|| encrypt.open(&taken.answer)).flatten();
        kept.unwrap_or_else(|| Err(already_used()))
    }

    async fn waiting(
        &self,
        flow_token: &str,
        request_context: &RequestContext,
        shown: Shown,
    ) -> Result<(Waiting, StoredPendingLogin), LoginError> {
        let key = authorization_request::request_key(flow_token).ok_or_else(unknown)?;
        let halt = self.store.pending_login(&key).await?.ok_or_else(unknown)?;
        if halt.expires <= self.deps.now() {
            return Err(LoginError::new(Refusal::StateExpired, "This login waited too long: begin again."));
        }
        // Sealed with another SECRET_KEY, or by another release: the login must be begun again.
        let plain = secrets::decrypt(&self.pending_login_key(flow_token), key.as_bytes(), &halt.encrypted)
            .ok_or_else(unknown)?;
        let waiting: Waiting = serde_json::from_slice(&plain).map_err(|_| unknown())?;
        // Else whoever sends somebody else to the page would have them signed in as themselves.
        let bound = shown == Shown::Here || !waiting.ends_in_an_app();
        if let Some(browser) = halt.browser.as_ref().filter(|_| bound) {
            let cookie = Binding::of(request_context, None).browser;
            if !cookie.is_some_and(|cookie| cookie.matches(browser)) {
                return Err(LoginError::new(Refusal::FlowMismatch, "This login waits in another browser."));
            }
        }
        Ok((waiting, halt))
    }

    fn asked(&self, flow_token: &str, waiting: &Waiting, halt: &StoredPendingLogin) -> PendingLogin {
        let left = halt.expires.0.saturating_sub(self.deps.now().0) / 1000;
        PendingLogin {
            flow_token: flow_token.to_owned(),
            expires_in: u64::try_from(left).unwrap_or(0),
            step: waiting.step.clone(),
            fields: waiting.fields.clone(),
        }
    }

    fn pending_login_key(&self, flow_token: &str) -> [u8; 32] {
        self.key.derive("halted login", &[flow_token.as_bytes()])
    }
}

fn unknown() -> LoginError {
    LoginError::new(Refusal::StateMismatch, "No login waits under this flow_token: begin again.")
}
