//! A login that waits: a step asked the person for more, and the answers come with a flow token on a call of their own.
//!
//! What the provider said is kept for ten minutes, sealed with a key derived from the flow token, which no table has; the
//! provider is not asked again. Answers that will not do leave the login waiting; those that do are taken once.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::{self, Binding};
use super::error::{LoginError, Refusal};
use super::finish::{Person, Ticket};
use super::pipeline::{Field, Progress, Question, read_answers};
use super::repeat::Seal;
use super::{Concluded, Fields, Landed, LoginService, Outcome, Visitor};
use crate::model::{CodeClaim, Halt, Identity, Kind, Landing, UserId, without_provider_tokens};
use crate::secrets::{self, Digest};
use crate::store::Claimed;

/// How long a halted login waits.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What a login waits for: the answer to its post, whatever its kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Halted {
    /// To be posted with the answers, once.
    pub flow_token: String,
    /// Seconds.
    pub expires_in: u64,
    /// The step that asks.
    pub step: String,
    pub fields: Vec<Field>,
}

/// What became of the answers, and the shape in which the login was to end.
#[derive(Debug)]
pub struct Resumed {
    pub kind: Kind,
    pub with_user: bool,
    pub outcome: Outcome,
    /// Where the person lands, in the redirect flow on the server.
    pub landing: Option<Landing>,
}

/// All of a halted login, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Waiting {
    identity: Identity,
    tokens: Option<Vec<u8>>,
    kind: Kind,
    with_user: bool,
    link_to: Option<UserId>,
    stale: bool,
    landing: Option<Landing>,
    step: String,
    fields: Vec<Field>,
    progress: Progress,
}

impl LoginService {
    pub(super) async fn halt(
        &self,
        ticket: &Ticket,
        person: &Person,
        question: Question,
    ) -> Result<Halted, LoginError> {
        let Question { step, fields, progress } = question;
        let flow_token = attempt::new_flow_token(&self.ambient);
        let extra_data = without_provider_tokens(&person.identity.extra_data);
        let waiting = Waiting {
            identity: Identity { extra_data, ..person.identity.clone() },
            tokens: person.tokens.clone(),
            kind: ticket.kind,
            with_user: ticket.with_user,
            link_to: ticket.link_to,
            stale: ticket.stale,
            landing: ticket.landing.clone(),
            step: step.clone(),
            fields: fields.clone(),
            progress,
        };
        let plain = serde_json::to_vec(&waiting).expect("plain data has a JSON form");
        let token = Digest::of(flow_token.as_bytes());
        // An app goes on by itself, outside the browser that signed the person in.
        let in_app = ticket.landing.is_some() && ticket.kind != Kind::Session;
        let halt = Halt {
            sealed: secrets::seal(&self.halt_key(&flow_token), token.as_bytes(), &plain, &self.ambient),
            token,
            browser: ticket.browser.clone().filter(|_| !in_app),
            link_to: ticket.link_to,
            expires: self.ambient.now().plus(LIFETIME),
        };
        self.store.insert_halt(&halt).await?;
        Ok(Halted { flow_token, expires_in: LIFETIME.as_secs(), step, fields })
    }

    /// What a login of this flow token waits for. Errors: as [`Self::resume`], but for the answers.
    pub async fn halted(&self, flow_token: &str, visitor: &Visitor) -> Result<Halted, LoginError> {
        let (waiting, halt) = self.waiting(flow_token, visitor).await?;
        let left = halt.expires.0.saturating_sub(self.ambient.now().0) / 1000;
        let (flow_token, expires_in) = (flow_token.to_owned(), u64::try_from(left).unwrap_or(0));
        Ok(Halted { flow_token, expires_in, step: waiting.step, fields: waiting.fields })
    }

    /// Goes on with a login that waits. Errors: `invalid_request` for answers that will not do, `state_mismatch` for an
    /// unknown flow token, `state_expired`, `flow_mismatch` for another browser, `code_already_used`, and whatever the
    /// steps refuse.
    pub async fn resume(self: &Arc<Self>, fields: Fields, visitor: Visitor) -> Result<Resumed, LoginError> {
        let Some(flow_token) = fields.own("flow_token") else {
            return Err(LoginError::field("flow_token", "This field is required."));
        };
        let client = visitor.client.clone();
        let waiting = match self.waiting(flow_token, &visitor).await {
            Ok((waiting, _)) => waiting,
            Err(error) => {
                self.record("unknown", None, client, &Err(error.clone())).await;
                return Err(error);
            }
        };
        let (kind, with_user, landing) = (waiting.kind, waiting.with_user, waiting.landing.clone());
        let provider = waiting.identity.provider.clone();
        let (service, flow_token) = (self.clone(), flow_token.to_owned());
        let work = async move { service.go_on(&flow_token, waiting, &fields, visitor).await };
        let result = self.in_a_job(work).await.map(Outcome::from);
        // Mistyped answers are no refusal of the login, which still waits.
        if !matches!(&result, Err(error) if error.refusal == Refusal::InvalidRequest) {
            self.record(&provider, Some(kind), client, &result).await;
        }
        Ok(Resumed { kind, with_user, outcome: result?, landing })
    }

    /// [`Self::resume`] for a page without script, where the login was begun to land somewhere: the person goes on there.
    /// `None`: it was not, and the answer is theirs who asked.
    pub async fn land_resumed(&self, resumed: &Resumed) -> Option<Result<Landed, LoginError>> {
        let landing = resumed.landing.clone()?;
        Some(self.landed(landing, resumed.outcome.clone()).await)
    }

    /// Decides before it claims: a flow token is spent by answers that will do.
    async fn go_on(
        &self,
        flow_token: &str,
        waiting: Waiting,
        fields: &Fields,
        visitor: Visitor,
    ) -> Result<Concluded, LoginError> {
        let answers = read_answers(&waiting.fields, fields.map()).map_err(LoginError::fields)?;
        let progress = waiting.progress.answered(&waiting.step, answers);
        let parts: [&[u8]; 2] = [b"halted login", flow_token.as_bytes()];
        let (kind, with_user) = (waiting.kind, waiting.with_user);
        let binding = Binding::of(&visitor, Some(flow_token));
        let ticket = Ticket {
            provider: self.provider(&waiting.identity.provider)?.clone(),
            kind,
            with_user,
            link_to: waiting.link_to,
            stale: waiting.stale,
            client: visitor.client,
            session: visitor.session,
            browser: binding.browser.clone(),
            landing: waiting.landing,
            code: Digest::of_parts(&parts),
            seal: Some(Seal::new(&self.key, &parts, kind, with_user)),
        };
        let now = self.ambient.now();
        let claim = CodeClaim {
            digest: ticket.code.clone(),
            binding: binding.first().cloned(),
            claimed: now,
            expires: now.plus(attempt::CODE_MEMORY),
        };
        if let Some(used) = self.store.used_code(&claim.digest).await? {
            return self.repeat(&claim, used, &binding, ticket.seal).await;
        }
        let person = Person { identity: waiting.identity, tokens: waiting.tokens };
        let first = self.decide(&ticket, &person.identity, &progress).await?;
        match self.store.claim(None, Some(&claim), now).await? {
            Claimed::Ours => {
                let result = self.conclude(&ticket, &person, progress, Some(first)).await;
                self.kept(&ticket, result).await
            }
            Claimed::CodeUsed(used) => self.repeat(&claim, used, &binding, ticket.seal).await,
            Claimed::AttemptSpent => Err(unknown()),
        }
    }

    async fn waiting(&self, flow_token: &str, visitor: &Visitor) -> Result<(Waiting, Halt), LoginError> {
        let key = attempt::key_of(flow_token).ok_or_else(unknown)?;
        let halt = self.store.halt(&key).await?.ok_or_else(unknown)?;
        if halt.expires <= self.ambient.now() {
            return Err(LoginError::new(Refusal::StateExpired, "This login waited too long: begin again."));
        }
        if let Some(browser) = &halt.browser {
            let shown = Binding::of(visitor, None).browser;
            if !shown.is_some_and(|shown| shown.matches(browser)) {
                return Err(LoginError::new(Refusal::FlowMismatch, "This login waits in another browser."));
            }
        }
        // Sealed with another SECRET_KEY, or by another release: the login must be begun again.
        let plain = secrets::open(&self.halt_key(flow_token), key.as_bytes(), &halt.sealed).ok_or_else(unknown)?;
        let waiting = serde_json::from_slice(&plain).map_err(|_| unknown())?;
        Ok((waiting, halt))
    }

    fn halt_key(&self, flow_token: &str) -> [u8; 32] {
        self.key.derive("halted login", &[flow_token.as_bytes()])
    }
}

fn unknown() -> LoginError {
    LoginError::new(Refusal::StateMismatch, "No login waits under this flow_token: begin again.")
}
