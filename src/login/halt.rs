//! A login that waits: a step asked the person for more, and the answers come with a flow token on a call of their own.
//!
//! What the provider said is kept for ten minutes, sealed with a key derived from the flow token, which no table has; the
//! provider is not asked again. Whatever is refused leaves the login waiting; the transaction of one success takes it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::{self, Binding};
use super::error::{LoginError, Refusal};
use super::finish::{Person, Ticket};
use super::pipeline::{Field, Progress, Question, read_answers};
use super::repeat::{Seal, WINDOW, already_used};
use super::{Concluded, Fields, LoginService, Outcome, Visitor};
use crate::model::{Halt, Identity, Kind, Landing, Linker, Taken, without_provider_tokens};
use crate::secrets::{self, Digest};
use crate::store::Ends;

/// How long a halted login waits.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What a login waits for: the answer to its post, whatever its kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Halted {
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
    pub landing: Option<Landing>,
    /// What was answered.
    pub asked: Halted,
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
    link_to: Option<Linker>,
    stale: bool,
    landing: Option<Landing>,
    step: String,
    fields: Vec<Field>,
    progress: Progress,
}

impl Waiting {
    /// An app goes on by itself, outside the browser that signed the person in.
    fn ends_in_an_app(&self) -> bool {
        self.landing.is_some() && self.kind != Kind::Session
    }
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
        let (token, now) = (Digest::of(flow_token.as_bytes()), self.ambient.now());
        let halt = Halt {
            sealed: secrets::seal(&self.halt_key(&flow_token), token.as_bytes(), &plain, &self.ambient),
            token,
            browser: ticket.browser.clone(),
            link_to: ticket.link_to.map(|linker| linker.user),
            expires: now.plus(LIFETIME),
            taken: None,
        };
        let halted = Halted { flow_token, expires_in: LIFETIME.as_secs(), step, fields };
        match (&ticket.ends, &ticket.seal) {
            (Ends::Halt(before), Some(seal)) => {
                let answer = seal.close(&Ok(Concluded::Halted(halted.clone())), &self.ambient);
                if !self.store.replace_halt(before, &halt, &answer, now).await? {
                    return Err(already_used());
                }
            }
            _ => {
                self.store.insert_halt(&halt).await?;
                self.capacity.add_pending_login();
            }
        }
        Ok(halted)
    }

    /// What a login of this flow token waits for, to be shown `shown`. Errors: those of [`Self::resume`].
    pub(super) async fn halted(&self, flow_token: &str, visitor: &Visitor, shown: Shown) -> Result<Halted, LoginError> {
        let (waiting, halt) = self.waiting(flow_token, visitor, shown).await?;
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
        visitor: Visitor,
        shown: Shown,
    ) -> Result<Resumed, LoginError> {
        let Some(flow_token) = fields.own("flow_token") else {
            return Err(LoginError::field("flow_token", "This field is required."));
        };
        let (waiting, halt) = self.waiting(flow_token, &visitor, shown).await?;
        let (kind, with_user, landing) = (waiting.kind, waiting.with_user, waiting.landing.clone());
        // On a page of this server, an app's login ends with a one-time code.
        if shown == Shown::Here && waiting.ends_in_an_app() {
            self.capacity.check_one_time_codes()?;
        }
        let provider = waiting.identity.provider.clone();
        let asked = self.asked(flow_token, &waiting, &halt);
        let (service, flow_token) = (self.clone(), flow_token.to_owned());
        let work = async move { service.go_on(&flow_token, waiting, halt, &fields, visitor).await };
        let outcome = self.told(&provider, kind, self.in_a_job(work).await.map(Outcome::from));
        Ok(Resumed { kind, with_user, landing, asked, outcome })
    }

    async fn go_on(
        &self,
        flow_token: &str,
        waiting: Waiting,
        halt: Halt,
        fields: &Fields,
        visitor: Visitor,
    ) -> Result<Concluded, LoginError> {
        let seal = || Seal::new(&self.key, &[b"halted login", flow_token.as_bytes()], waiting.kind, waiting.with_user);
        if let Some(taken) = &halt.taken {
            return self.answered(taken, &seal());
        }
        let answers = read_answers(&waiting.fields, fields.map()).map_err(LoginError::fields)?;
        let ticket = Ticket {
            provider: self.provider(&waiting.identity.provider)?.clone(),
            kind: waiting.kind,
            with_user: waiting.with_user,
            link_to: waiting.link_to,
            stale: waiting.stale,
            seal: Some(seal()),
            // The one that began it, also where an app goes on without it.
            browser: halt.browser.or_else(|| Binding::of(&visitor, None).browser),
            client: visitor.client,
            session: visitor.session,
            landing: waiting.landing,
            ends: Ends::Halt(halt.token.clone()),
        };
        let progress = waiting.progress.answered(&waiting.step, &waiting.fields, answers);
        let person = Person { identity: waiting.identity, tokens: waiting.tokens };
        match self.conclude(&ticket, &person, progress).await {
            Ok(concluded) => Ok(concluded),
            // The same answers may have come twice at once, and the others been first.
            Err(error) => match self.store.halt(&halt.token).await {
                Ok(Some(Halt { taken: Some(taken), .. })) => self.answered(&taken, &seal()),
                // Mistyped answers are no refusal of the login, which still waits.
                _ if error.refusal == Refusal::InvalidRequest => Err(error),
                _ => self.noted(&ticket, Err(error)).await,
            },
        }
    }

    /// The answer once more, as long as it is a page that posts twice (SEC-6).
    fn answered(&self, taken: &Taken, seal: &Seal) -> Result<Concluded, LoginError> {
        let in_time = self.ambient.now() <= taken.at.plus(WINDOW);
        let kept = in_time.then(|| seal.open(&taken.answer)).flatten();
        kept.unwrap_or_else(|| Err(already_used()))
    }

    async fn waiting(&self, flow_token: &str, visitor: &Visitor, shown: Shown) -> Result<(Waiting, Halt), LoginError> {
        let key = attempt::key_of(flow_token).ok_or_else(unknown)?;
        let halt = self.store.halt(&key).await?.ok_or_else(unknown)?;
        if halt.expires <= self.ambient.now() {
            return Err(LoginError::new(Refusal::StateExpired, "This login waited too long: begin again."));
        }
        // Sealed with another SECRET_KEY, or by another release: the login must be begun again.
        let plain = secrets::open(&self.halt_key(flow_token), key.as_bytes(), &halt.sealed).ok_or_else(unknown)?;
        let waiting: Waiting = serde_json::from_slice(&plain).map_err(|_| unknown())?;
        // Else whoever sends somebody else to the page would have them signed in as themselves.
        let bound = shown == Shown::Here || !waiting.ends_in_an_app();
        if let Some(browser) = halt.browser.as_ref().filter(|_| bound) {
            let cookie = Binding::of(visitor, None).browser;
            if !cookie.is_some_and(|cookie| cookie.matches(browser)) {
                return Err(LoginError::new(Refusal::FlowMismatch, "This login waits in another browser."));
            }
        }
        Ok((waiting, halt))
    }

    fn asked(&self, flow_token: &str, waiting: &Waiting, halt: &Halt) -> Halted {
        let left = halt.expires.0.saturating_sub(self.ambient.now().0) / 1000;
        Halted {
            flow_token: flow_token.to_owned(),
            expires_in: u64::try_from(left).unwrap_or(0),
            step: waiting.step.clone(),
            fields: waiting.fields.clone(),
        }
    }

    fn halt_key(&self, flow_token: &str) -> [u8; 32] {
        self.key.derive("halted login", &[flow_token.as_bytes()])
    }
}

fn unknown() -> LoginError {
    LoginError::new(Refusal::StateMismatch, "No login waits under this flow_token: begin again.")
}
