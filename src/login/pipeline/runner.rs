//! The pipeline of one provider: its steps, looked up by name at start, and run in order for each login.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::additional_input::InputField;
use super::ask_link::{self, AskLink};
use super::built_in::BuiltIn;
use super::draft::{Decision, DecisionInput, Draft, DraftChange, sign_up_closed};
use super::require_email::{self, RequireEmail};
use super::step::{Step, Stop};
use crate::clock::Deps;
use crate::login::error::{LoginError, Refusal};
use crate::settings::ProviderSettings;
use crate::store::Repository;

/// What a pending login keeps of the run before: the changes of each step that may ask, and the answers so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::login) struct Progress {
    passed: BTreeMap<String, Vec<DraftChange>>,
    answered: Option<AnsweredStep>,
}

/// The step that asked, and all answers to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AnsweredStep {
    step: String,
    answers: Map<String, Value>,
}

impl Progress {
    /// Adds the answers to the step's last question to its earlier answers.
    pub fn answered(mut self, step: &str, asked: &[InputField], answers: Map<String, Value>) -> Self {
        let earlier = self.answered.filter(|before| before.step == step).map(|before| before.answers);
        let mut all = earlier.unwrap_or_default();
        // A repeated field that is left out loses its earlier answer.
        all.retain(|name, _| !asked.iter().any(|field| field.name == *name));
        all.extend(answers);
        self.answered = Some(AnsweredStep { step: step.to_owned(), answers: all });
        self
    }
}

/// What a pending login asks the user.
#[derive(Clone, Debug)]
pub(in crate::login) struct Question {
    pub step: String,
    pub fields: Vec<InputField>,
    pub progress: Progress,
}

/// The result of a run.
#[derive(Debug)]
pub(in crate::login) enum Decided {
    Commit(Box<Decision>),
    Ask(Box<Question>),
}

/// The pipeline of one provider.
pub(in crate::login) struct Pipeline {
    steps: Vec<NamedStep>,
}

struct NamedStep {
    name: String,
    step: Arc<dyn Step>,
    /// Whether the step may ask for additional input. Its changes are stored with a pending login and not made again. Of the
    /// built-in steps only `require_email` and `ask_link` ask.
    may_ask: bool,
    /// Whether it may find a user of an unknown account.
    finds_user: bool,
}

/// The pipeline of each provider. Unknown names were refused when the settings were read.
pub(in crate::login) fn pipelines(
    providers: &[ProviderSettings],
    own: &HashMap<String, Arc<dyn Step>>,
) -> HashMap<String, Pipeline> {
    let named = |name: &String| {
        let built_in = name.parse::<BuiltIn>().ok();
        let finds_user =
            matches!(built_in, Some(BuiltIn::SocialUser | BuiltIn::AssociateByEmail)) || name == ask_link::NAME;
        let (step, may_ask): (Arc<dyn Step>, bool) = match (own.get(name), built_in) {
            (Some(own), _) => (own.clone(), true),
            (None, Some(built_in)) => (Arc::new(built_in), false),
            (None, None) if name == require_email::NAME => (Arc::new(RequireEmail), true),
            (None, None) if name == ask_link::NAME => (Arc::new(AskLink), true),
            (None, None) => return None,
        };
        Some(NamedStep { name: name.clone(), step, may_ask, finds_user })
    };
    let pipeline = |provider: &ProviderSettings| Pipeline {
        steps: provider.user_rules.pipeline.iter().filter_map(named).collect(),
    };
    providers.iter().map(|provider| (provider.name.clone(), pipeline(provider))).collect()
}

impl Pipeline {
    /// Runs the steps. Errors: `not_allowed`, `organization_not_allowed`, `sign_up_closed`, `sign_up_refused`, `sign_up_unavailable`,
    /// `account_in_use`, `account_exists`, `user_inactive`, `not_authenticated`, `no_user`, `invalid_request` for invalid
    /// answers, `database_unavailable`, and the codes of a program's own steps.
    pub async fn decide(
        &self,
        store: &Arc<dyn Repository>,
        deps: &Deps,
        input: DecisionInput<'_>,
        before: &Progress,
    ) -> Result<Decided, LoginError> {
        let mut draft = Draft::new(input, store, deps);
        let mut passed = BTreeMap::new();
        for NamedStep { name, step, may_ask, finds_user } in &self.steps {
            if let Some(changes) = before.passed.get(name) {
                draft.replay(changes);
                passed.insert(name.clone(), changes.clone());
                // Who has the address may have changed meanwhile.
                if !finds_user {
                    continue;
                }
            }
            let answered = before.answered.as_ref().filter(|answered| answered.step == *name);
            draft.set_answers(answered.map(|answered| &answered.answers));
            match step.run(&mut draft).await {
                Ok(()) if *may_ask => {
                    passed.insert(name.clone(), draft.take_changes());
                }
                Ok(()) => {}
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::NeedsInput(_)) if self.is_closed_to(&draft, name) => return Err(sign_up_closed()),
                Err(Stop::NeedsInput(fields)) => {
                    check_names(name, &fields)?;
                    let progress = Progress { passed, answered: answered.cloned() };
                    return Ok(Decided::Ask(Box::new(Question { step: name.clone(), fields, progress })));
                }
            }
        }
        draft.check_chosen_email()?;
        draft.decision().map(|decision| Decided::Commit(Box::new(decision)))
    }

    /// Whether a step may ask the user for more.
    pub fn may_ask(&self) -> bool {
        self.steps.iter().any(|named| named.may_ask)
    }

    /// Whether no user was found, sign-up is off, and neither the asking step nor a later one can find a user: then a question
    /// would be useless.
    fn is_closed_to(&self, draft: &Draft<'_>, asking: &str) -> bool {
        let mut later = self.steps.iter().skip_while(|step| step.name != asking);
        draft.is_closed() && !later.any(|step| step.finds_user)
    }
}

/// Field names are members of a JSON object and names of form inputs. An invalid one is a bug of the program.
fn check_names(step: &str, fields: &[InputField]) -> Result<(), LoginError> {
    let is_first = |at: usize| !fields[..at].iter().any(|before| before.name == fields[at].name);
    let invalid = (0..fields.len()).find(|at| !fields[*at].has_valid_name() || !is_first(*at));
    let Some(invalid) = invalid.map(|at| &fields[at].name) else { return Ok(()) };
    tracing::error!(step, field = invalid, "a field name must be one to 64 letters, digits and _, and unique");
    Err(LoginError::new(Refusal::own("step_failed"), "A step of this login asks for a field with an invalid name."))
}
