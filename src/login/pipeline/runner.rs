//! The steps of one provider in order, found by their names once at start, and run for each login.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ask::RequireEmail;
use super::built_in::BuiltIn;
use super::draft::Draft;
use super::{Decided, Field, Progress, Question, Step, Stop};
use crate::clock::Deps;
use crate::login::error::{LoginError, Refusal};
use crate::model::{Identity, UserId};
use crate::settings::{ProviderSettings, UserRules};
use crate::store::Repository;

/// The pipeline of one provider.
pub(in crate::login) struct Pipeline {
    steps: Vec<Named>,
}

struct Named {
    name: String,
    step: Arc<dyn Step>,
    /// It may ask the user for more, and what it did is kept while the login waits, rather than done again. The built-in
    /// steps but `require_email` never ask.
    kept: bool,
}

/// The pipeline of each provider. Unknown names were refused when the settings were read.
pub(in crate::login) fn pipelines(
    providers: &[ProviderSettings],
    own: &HashMap<String, Arc<dyn Step>>,
) -> HashMap<String, Pipeline> {
    let named = |name: &String| {
        let (step, kept): (Arc<dyn Step>, bool) = match (own.get(name), BuiltIn::of(name)) {
            (Some(own), _) => (own.clone(), true),
            (None, Some(built_in)) => (Arc::new(built_in), false),
            (None, None) if name == "require_email" => (Arc::new(RequireEmail), true),
            (None, None) => return None,
        };
        Some(Named { name: name.clone(), step, kept })
    };
    let line = |provider: &ProviderSettings| Pipeline {
        steps: provider.user_rules.pipeline.iter().filter_map(named).collect(),
    };
    providers.iter().map(|provider| (provider.name.clone(), line(provider))).collect()
}

impl Pipeline {
    /// Errors: `not_allowed`, `organization_not_allowed`, `sign_up_closed`, `sign_up_refused`, `sign_up_unavailable`,
    /// `account_in_use`, `account_exists`, `user_inactive`, `not_authenticated`, `no_user`, `invalid_request` for answers
    /// that will not do, `database_unavailable`, and the codes of a program's own steps.
    pub async fn decide(
        &self,
        store: &Arc<dyn Repository>,
        deps: &Deps,
        rules: &UserRules,
        identity: &Identity,
        link_to: Option<UserId>,
        before: &Progress,
    ) -> Result<Decided, LoginError> {
        let mut draft = Draft::new(identity, rules, store, deps, link_to);
        let mut passed = BTreeMap::new();
        for Named { name, step, kept } in &self.steps {
            if let Some(amendments) = before.passed.get(name) {
                draft.repeat(amendments);
                passed.insert(name.clone(), amendments.clone());
                continue;
            }
            draft.set_answers(before.answered.as_ref().filter(|(asked, _)| asked == name).map(|(_, answers)| answers));
            match step.run(&mut draft).await {
                Ok(()) if *kept => {
                    passed.insert(name.clone(), draft.amendments());
                }
                Ok(()) => {}
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Asks(_)) if self.is_closed_to(&draft, name) => return Err(sign_up_closed()),
                Err(Stop::Asks(fields)) => {
                    check_names(name, &fields)?;
                    let answered = before.answered.clone().filter(|(asked, _)| asked == name);
                    let progress = Progress { passed, answered };
                    return Ok(Decided::Ask(Box::new(Question { step: name.clone(), fields, progress })));
                }
            }
        }
        draft.check_chosen_email()?;
        draft.decision().map(|decision| Decided::Commit(Box::new(decision)))
    }

    /// Whether a step may ask the user for more.
    pub fn may_ask(&self) -> bool {
        self.steps.iter().any(|named| named.kept)
    }

    /// Whether nobody is known, nobody may be new, and no later step can find somebody: then there is nothing to ask.
    fn is_closed_to(&self, draft: &Draft<'_>, asking: &str) -> bool {
        let mut later = self.steps.iter().map(|named| named.name.as_str()).skip_while(|name| *name != asking);
        draft.is_closed() && !later.any(|name| name == "social_user" || name == "associate_by_email")
    }
}

/// The names of fields are members of a JSON object and names of a form's inputs. A wrong one is a mistake of the program.
fn check_names(step: &str, fields: &[Field]) -> Result<(), LoginError> {
    let is_first = |at: usize| !fields[..at].iter().any(|before| before.name == fields[at].name);
    let wrong = (0..fields.len()).find(|at| !fields[*at].has_valid_name() || !is_first(*at));
    let Some(wrong) = wrong.map(|at| &fields[at].name) else { return Ok(()) };
    tracing::error!(step, field = wrong, "a field's name must be one to 64 letters, digits and _, and stand once");
    Err(LoginError::new(
        Refusal::own("step_failed"),
        "This login cannot go on: a step of it asks for a field that has no valid name.",
    ))
}

pub(super) fn sign_up_closed() -> LoginError {
    LoginError::new(Refusal::SignUpClosed, "Only people who have a user here may sign in; nobody new is let in.")
}
