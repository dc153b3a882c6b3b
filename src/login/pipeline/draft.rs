//! What the steps work on: who signs in by which account, and what will be written of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::email::{LoginEmail, check_allowed};
use super::names::Details;
use super::{Decision, account_key, username};
use crate::clock::Deps;
use crate::login::error::{LoginError, Refusal};
use crate::model::{EmailAddress, Identity, SocialAccount, User, UserId, without_provider_tokens};
use crate::settings::UserRules;
use crate::store::{LoginTarget, Repository};

/// A login on its way through the pipeline.
///
/// What is set here for somebody new is written when the pipeline has ended, all at once. Of somebody who is known, first
/// and last name, declared fields and extra data are written; username and e-mail never change after creation, unless
/// NO_DEFAULT_PROTECTED_USER_FIELDS lets them follow the provider.
pub struct Draft<'a> {
    pub(super) identity: &'a Identity,
    pub(super) rules: &'a UserRules,
    pub(super) store: &'a Arc<dyn Repository>,
    pub(super) deps: &'a Deps,
    pub(super) details: Details,
    /// Of `details.email`.
    pub(super) email_verified: bool,
    /// Whose word that is: the provider's, by its name, or a step's: ''.
    pub(super) verified_by: &'a str,
    /// The verified address by which users are linked, where the pipeline does so.
    pub(super) by_email: Option<EmailAddress>,
    /// Whom the login is linked to.
    pub(super) caller: Option<UserId>,
    /// The account's row, once `social_user` found it.
    pub(super) account: Option<SocialAccount>,
    /// The user who signs in, unless one is created.
    pub(super) user: Option<User>,
    pub(super) usernames: Vec<String>,
    pub(super) create: bool,
    pub(super) associate: bool,
    pub(super) extra_data: Option<Map<String, Value>>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    /// Of somebody known, where the settings let a login change it: the username, and the address with whether somebody
    /// vouches for it.
    pub(super) renamed: Option<String>,
    pub(super) email_changed: Option<(String, bool)>,
    /// Declared ones.
    pub(super) fields: Map<String, Value>,
    /// Set by steps, which wins over what the profile says.
    chosen: Chosen,
    /// To the step that runs now.
    answers: Option<Map<String, Value>>,
    /// What the step that runs now has set.
    amended: Vec<DraftChange>,
}

#[derive(Default)]
struct Chosen {
    username: Option<String>,
    /// The address itself is in the details.
    email: bool,
    first_name: Option<String>,
    last_name: Option<String>,
    extra_data: Map<String, Value>,
    fields: Map<String, Value>,
}

/// One thing that a step set; kept sealed while a login waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum DraftChange {
    Username(String),
    /// `None`: no address.
    Email(Option<EmailAddress>, bool),
    FirstName(String),
    LastName(String),
    ExtraData(String, Value),
    Field(String, Value),
}

/// For steps of any kind.
impl Draft<'_> {
    /// What the provider says of the person: provider, id, address and whether it is verified, names, extra data.
    pub fn identity(&self) -> &Identity {
        self.identity
    }

    /// The user whom the account will be linked to: whoever is signed in.
    pub fn caller(&self) -> Option<UserId> {
        self.caller
    }

    /// The user who signs in, once `social_user` (or `associate_by_email`) found them. `None` after that: somebody new.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// The account's row, once `social_user` found it.
    pub fn account(&self) -> Option<&SocialAccount> {
        self.account.as_ref()
    }

    /// The name that the user will be made from; another may be taken where this one is.
    pub fn username(&self) -> &str {
        let by_email = Some(self.email()).filter(|email| self.rules.username_is_full_email && !email.is_empty());
        self.chosen.username.as_deref().or(by_email).or(self.details.username.as_deref()).unwrap_or_default()
    }

    /// The provider's address, or the one that a step set. May be empty.
    pub fn email(&self) -> &str {
        self.address().map(EmailAddress::as_str).unwrap_or_default()
    }

    pub(super) fn address(&self) -> Option<&EmailAddress> {
        self.details.email.as_ref()
    }

    /// Whether somebody vouches for [`Self::email`].
    pub fn email_verified(&self) -> bool {
        self.email_verified
    }

    pub fn first_name(&self) -> &str {
        self.chosen.first_name.as_deref().or(self.told("first_name")).unwrap_or_default()
    }

    pub fn last_name(&self) -> &str {
        self.chosen.last_name.as_deref().or(self.told("last_name")).unwrap_or_default()
    }

    /// One of the fields that REST_SOCIAL_USER_FIELDS declares, as the user has it or as a step set it.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let known = || self.user.as_ref()?.fields.get(name);
        self.chosen.fields.get(name).or_else(known)
    }

    /// What the person answered to this step's [`super::Stop::ask`]: a text, or a boolean for a checkbox. `None` before
    /// they were asked, and for an optional field that they left out. A step that asked more than once has all their
    /// answers; of a field that it asked for again, the last.
    pub fn answer(&self, field: &str) -> Option<&Value> {
        self.answers.as_ref()?.get(field)
    }

    /// The username of somebody new; it is cleaned by the settings' rules and gets a tail where it is taken.
    pub fn set_username(&mut self, username: &str) {
        self.amend(DraftChange::Username(storable(username)));
    }

    /// The address of somebody new. `verified` says that it was proved to be theirs, which lets a later login with the
    /// same verified address be linked to them (SEC-23): false, unless it was. A text that is no address counts as none. The
    /// lists of who may sign in are checked again after the last step.
    pub fn set_email(&mut self, address: &str, verified: bool) {
        self.amend(DraftChange::Email(EmailAddress::parse(address), verified));
    }

    pub fn set_first_name(&mut self, name: &str) {
        self.amend(DraftChange::FirstName(storable(name)));
    }

    pub fn set_last_name(&mut self, name: &str) {
        self.amend(DraftChange::LastName(storable(name)));
    }

    /// Kept with the account and shown to its user; what is called like a token or a secret is left out (SEC-40).
    pub fn set_extra_data(&mut self, name: &str, mut value: Value) {
        crate::model::drop_nulls(&mut value);
        self.amend(DraftChange::ExtraData(storable(name), value));
    }

    /// One of the fields that REST_SOCIAL_USER_FIELDS declares. What its user edited by hand stays as it is.
    ///
    /// Errors, for the person: a value that does not fit the field's type, and a name that is not declared.
    pub fn set_field(&mut self, name: &str, value: &Value) -> Result<(), &'static str> {
        let declared = self.rules.own_fields.iter().find(|field| field.name == name);
        let fitting = declared.ok_or("There is no such field.")?.kind.fit(value)?;
        self.amend(DraftChange::Field(name.to_owned(), fitting));
        Ok(())
    }

    fn amend(&mut self, amendment: DraftChange) {
        self.apply(amendment.clone());
        self.amended.push(amendment);
    }

    fn apply(&mut self, amendment: DraftChange) {
        match amendment {
            DraftChange::Username(name) => {
                self.chosen.username = Some(name);
                self.usernames.clear();
            }
            DraftChange::Email(address, verified) => {
                self.email_verified = verified && address.is_some();
                self.verified_by = "";
                self.details.email = address;
                self.chosen.email = true;
                if self.rules.username_is_full_email {
                    self.usernames.clear();
                }
            }
            DraftChange::FirstName(name) => self.chosen.first_name = Some(name),
            DraftChange::LastName(name) => self.chosen.last_name = Some(name),
            DraftChange::ExtraData(name, value) => {
                self.chosen.extra_data.insert(name, value);
            }
            DraftChange::Field(name, value) => {
                self.chosen.fields.insert(name, value);
            }
        }
    }
}

/// PostgreSQL keeps no null character.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}

/// For the line that runs them.
impl<'a> Draft<'a> {
    pub(super) fn new(
        identity: &'a Identity,
        rules: &'a UserRules,
        store: &'a Arc<dyn Repository>,
        deps: &'a Deps,
        link_to: Option<UserId>,
    ) -> Self {
        Self {
            identity,
            rules,
            store,
            deps,
            details: Details::of(identity),
            email_verified: identity.email_verified,
            verified_by: &identity.provider,
            by_email: None,
            caller: link_to,
            account: None,
            user: None,
            usernames: Vec::new(),
            create: false,
            associate: false,
            extra_data: None,
            first_name: None,
            last_name: None,
            renamed: None,
            email_changed: None,
            fields: Map::new(),
            chosen: Chosen::default(),
            answers: None,
            amended: Vec::new(),
        }
    }

    /// The details by the rules of names, but for an address that a step set before.
    pub(super) fn complete(&mut self) {
        let chosen = self.details.email.take();
        let details = Details::completed(self.identity);
        let email = if self.chosen.email { chosen } else { details.email.clone() };
        self.details = Details { email, ..details };
    }

    /// What the person said to the step that runs next.
    pub(super) fn set_answers(&mut self, answers: Option<&Map<String, Value>>) {
        self.answers = answers.cloned();
        self.amended.clear();
    }

    /// What the step that ran last has set.
    pub(super) fn amendments(&mut self) -> Vec<DraftChange> {
        std::mem::take(&mut self.amended)
    }

    /// What a step did before the login waited.
    pub(super) fn repeat(&mut self, amendments: &[DraftChange]) {
        amendments.iter().cloned().for_each(|amendment| self.apply(amendment));
    }

    /// What the lists of who may sign in look at.
    pub(super) fn login_email(&self) -> LoginEmail<'_> {
        LoginEmail {
            address: self.address(),
            is_verified: self.email_verified,
            // An address that a step set replaces the provider's invalid one.
            is_invalid: self.identity.has_invalid_email && !self.chosen.email,
        }
    }

    /// A step set the address of a new user: it is held against the lists again.
    pub(super) fn check_chosen_email(&self) -> Result<(), LoginError> {
        if self.user.is_none() && self.chosen.email { check_allowed(self.rules, &self.login_email()) } else { Ok(()) }
    }

    /// Whether nobody is known and nobody may be new.
    pub(super) fn is_closed(&self) -> bool {
        self.user.is_none() && !self.rules.sign_up
    }

    pub(super) fn candidates(&self) -> Vec<String> {
        username::candidates(self.rules, self.username(), self.deps)
    }

    /// What the provider tells for a field of the user, by USER_FIELD_MAPPING.
    pub(super) fn told(&self, field: &str) -> Option<&str> {
        self.details.field(field, self.rules).or_else(|| self.identity.fields.get(field)?.as_str())
    }

    pub(super) fn decision(self) -> Result<Decision, LoginError> {
        let no_user = || LoginError::new(Refusal::NoUser, "Nobody signs in with this account here.");
        let who = match (&self.account, &self.user) {
            (Some(account), Some(user)) => LoginTarget::Known {
                user: Box::new(user.clone()),
                account_id: account.id,
                account_modified: account.modified,
                is_rekeyed: account_key::needs_new_key(account, self.identity),
            },
            (None, Some(user)) if self.associate => {
                let (user_id, generation) = (user.id, user.link_generation);
                LoginTarget::Link { user_id, generation, by_email: self.by_email }
            }
            (None, None) if self.create && self.associate => {
                let email =
                    self.address().map(|address| self.rules.stored_email(address).to_string()).unwrap_or_default();
                let has_email = self.rules.user_fields.iter().any(|field| field == "email");
                let usernames = if self.usernames.is_empty() { self.candidates() } else { self.usernames };
                let email_verified = has_email && self.email_verified && !email.is_empty();
                let is_holder = email_verified && self.by_email.as_ref().is_some_and(|held| held.as_str() == email);
                LoginTarget::Create {
                    usernames,
                    email_verified,
                    email: if has_email { email } else { String::new() },
                    verified_by: if email_verified { self.verified_by.to_owned() } else { String::new() },
                    require_unclaimed_by: if is_holder { self.rules.trusted_email_sources.clone() } else { Vec::new() },
                }
            }
            _ => return Err(no_user()),
        };
        let code = self.account.as_ref().and_then(|account| account_key::rekey_code(account, self.identity));
        let kept = self.account.map_or_else(|| Value::Object(Map::new()), |account| account.extra_data);
        let mut extra_data = self.extra_data.map_or(kept, Value::Object);
        if let (false, Some(members)) = (self.chosen.extra_data.is_empty(), extra_data.as_object_mut()) {
            members.extend(without_provider_tokens(&self.chosen.extra_data));
        }
        let mut fields = self.fields;
        fields.extend(self.chosen.fields);
        Ok(Decision {
            who,
            extra_data,
            first_name: self.chosen.first_name.or(self.first_name),
            last_name: self.chosen.last_name.or(self.last_name),
            username: self.renamed,
            email: self.email_changed,
            fields,
            code,
        })
    }
}
