//! The draft of a login, which the steps read and change, and the decision that is made from it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::email::{LoginEmail, check_allowed};
use super::profile_details::Details;
use super::{account_key, extra_data, username};
use crate::clock::Deps;
use crate::login::error::{LoginError, Refusal};
use crate::model::{
    EmailAddress, Identity, LinkRequest, SocialAccount, User, UserId, clean_name, without_provider_tokens,
};
use crate::settings::UserRules;
use crate::store::{LoginTarget, NewEmail, Repository};

/// What the one transaction of a login will write.
#[derive(Debug)]
pub(in crate::login) struct Decision {
    pub target: LoginTarget,
    pub extra_data: Value,
    /// `None` leaves it.
    pub first_name: Option<String>,
    /// `None` leaves it.
    pub last_name: Option<String>,
    /// A new username of an existing user.
    pub username: Option<String>,
    /// A new address of an existing user.
    pub email: Option<NewEmail>,
    /// Declared fields.
    pub fields: Map<String, Value>,
    /// Code of the audit event.
    pub code: Option<&'static str>,
}

/// What a login is decided from, besides what is stored.
#[derive(Clone, Copy, Debug)]
pub(in crate::login) struct DecisionInput<'a> {
    pub rules: &'a UserRules,
    pub identity: &'a Identity,
    /// The user to link the account to.
    pub link_to: Option<UserId>,
    /// What the application attached to the login.
    pub data: Option<&'a Map<String, Value>>,
    /// For `ask_link`.
    pub link_proof: LinkProof,
}

/// What came with the answers to a pending login and may prove that they are of an existing user.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::login) struct LinkProof {
    /// The user of the credential.
    pub caller: Option<LinkRequest>,
    /// The credential is of a login after the question.
    pub is_newer: bool,
    /// The answers come from the browser of the login that they belong to, or that login had no cookie.
    pub is_same_browser: bool,
}

/// What the user answered to `ask_link`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum LinkChoice {
    /// Link the account to this user, who signed in after the question.
    To(LinkRequest),
    /// Create a user, who does not get the address verified.
    Separate,
}

/// A login on its way through the pipeline.
///
/// Everything that is set here is written at once, after the last step. For an existing user that is first and last name,
/// declared fields and extra data; username and e-mail change only with NO_DEFAULT_PROTECTED_USER_FIELDS.
pub struct Draft<'a> {
    pub(super) identity: &'a Identity,
    data: Option<&'a Map<String, Value>>,
    pub(super) link_proof: LinkProof,
    pub(super) link_choice: Option<LinkChoice>,
    pub(super) rules: &'a UserRules,
    pub(super) store: &'a Arc<dyn Repository>,
    pub(super) deps: &'a Deps,
    pub(super) details: Details,
    /// Whether `details.email` is verified.
    pub(super) email_verified: bool,
    /// Who verified it: the provider's name, or `''` for a step.
    pub(super) verified_by: &'a str,
    /// The verified address by which `associate_by_email` finds users.
    pub(super) by_email: Option<EmailAddress>,
    /// The user to link the account to.
    pub(super) caller: Option<UserId>,
    /// The stored account, after `social_user` found it.
    pub(super) account: Option<SocialAccount>,
    /// The user who signs in; `None`: a user will be created.
    pub(super) user: Option<User>,
    pub(super) usernames: Vec<String>,
    pub(super) create: bool,
    pub(super) associate: bool,
    pub(super) extra_data: Option<Map<String, Value>>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    /// A new username of an existing user, where the settings allow it.
    pub(super) username_changed: Option<String>,
    /// A new address of an existing user.
    pub(super) email_changed: Option<NewEmail>,
    /// Declared fields.
    pub(super) fields: Map<String, Value>,
    /// Set by steps; takes precedence over the profile.
    chosen: Chosen,
    /// The user's answers to the step that runs now.
    answers: Option<Map<String, Value>>,
    /// Changes of the step that runs now.
    changes: Vec<DraftChange>,
}

#[derive(Default)]
struct Chosen {
    username: Option<String>,
    /// Whether a step set `details.email`.
    email: bool,
    first_name: Option<String>,
    last_name: Option<String>,
    extra_data: Map<String, Value>,
    fields: Map<String, Value>,
}

/// One change that a step made; stored encrypted with a pending login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum DraftChange {
    Username(String),
    Email {
        /// `None`: no address.
        address: Option<EmailAddress>,
        is_verified: bool,
    },
    FirstName(String),
    LastName(String),
    ExtraData(String, Value),
    Field(String, Value),
    LinkChoice(LinkChoice),
}

/// For all steps.
impl Draft<'_> {
    /// The identity that the provider asserts: provider, uid, e-mail address and its verification, names, extra data.
    pub fn identity(&self) -> &Identity {
        self.identity
    }

    /// The `data` with which the application began the login. The browser sent it, so it proves nothing about the user.
    pub fn data(&self) -> Option<&Map<String, Value>> {
        self.data
    }

    /// The signed-in user whom the account will be linked to.
    pub fn caller(&self) -> Option<UserId> {
        self.caller
    }

    /// The user who signs in, after `social_user` (or `associate_by_email`) found them. `None` after these steps: a new user.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// The stored account, after `social_user` found it.
    pub fn account(&self) -> Option<&SocialAccount> {
        self.account.as_ref()
    }

    /// The username that a new user will get, if it is free.
    pub fn username(&self) -> Cow<'_, str> {
        let chosen = self.chosen.username.as_deref().map(Cow::Borrowed);
        let of_profile = || self.username_of_profile().map(Cow::Borrowed);
        chosen.or_else(|| self.username_of_email()).or_else(of_profile).unwrap_or_default()
    }

    /// With USERNAME_IS_FULL_EMAIL, the address. It must be verified and keep all its characters, so that no user gets the address
    /// of another user as a username.
    fn username_of_email(&self) -> Option<Cow<'_, str>> {
        let address = self.address().filter(|_| self.rules.username_is_full_email)?;
        if self.rules.usernames_accept_unverified {
            return Some(Cow::Borrowed(address.as_str()));
        }
        let username = address.with_ascii_domain();
        let is_safe = self.email_verified && username::stays_unchanged(&username, self.rules);
        is_safe.then_some(Cow::Owned(username))
    }

    /// The provider's username.
    fn username_of_profile(&self) -> Option<&str> {
        self.details.username.as_deref().map(|name| self.without_address(name))
    }

    /// A name of the profile without what makes it look like an address, where usernames are verified addresses.
    pub(super) fn without_address<'n>(&self, name: &'n str) -> &'n str {
        // NFKC makes an `@` of each of them.
        let is_at = |c: char| matches!(c, '@' | '\u{ff20}' | '\u{fe6b}');
        let end = name.find(is_at).filter(|_| self.rules.addresses_as_usernames);
        end.map_or(name, |end| &name[..end])
    }

    /// The provider's address, or the one that a step set; may be empty.
    pub fn email(&self) -> &str {
        self.address().map(EmailAddress::as_str).unwrap_or_default()
    }

    pub(super) fn address(&self) -> Option<&EmailAddress> {
        self.details.email.as_ref()
    }

    /// Whether [`Self::email`] is verified.
    pub fn email_verified(&self) -> bool {
        self.email_verified
    }

    /// The first name that will be written.
    pub fn first_name(&self) -> &str {
        self.chosen.first_name.as_deref().or(self.profile_field("first_name")).unwrap_or_default()
    }

    /// The last name that will be written.
    pub fn last_name(&self) -> &str {
        self.chosen.last_name.as_deref().or(self.profile_field("last_name")).unwrap_or_default()
    }

    /// The value of a field that REST_SOCIAL_USER_FIELDS declares, as stored or as a step set it.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let stored = || self.user.as_ref()?.fields.get(name);
        self.chosen.fields.get(name).or_else(stored)
    }

    /// The user's answer to this step's `Stop::ask`: a text, or a boolean for a checkbox. `None` before the step asked, and
    /// for an optional field that was left out. A step that asked more than once gets all answers; for a repeated field, the
    /// last one.
    pub fn answer(&self, field: &str) -> Option<&Value> {
        self.answers.as_ref()?.get(field)
    }

    /// Sets the username of a new user. The settings' rules clean it, and it gets a suffix if it is not free.
    pub fn set_username(&mut self, username: &str) {
        self.change(DraftChange::Username(storable(username)));
    }

    /// Sets the e-mail address of a new user, unverified. An invalid address counts as none. The allow and deny lists are
    /// checked again after the last step.
    pub fn set_email(&mut self, address: &str) {
        self.change(DraftChange::Email { address: EmailAddress::parse(address), is_verified: false });
    }

    /// As [`Self::set_email`], for an address that the user proved to be theirs. A later login with the same verified address
    /// may be linked to them (SEC-23).
    pub fn set_verified_email(&mut self, address: &str) {
        self.change(DraftChange::Email { address: EmailAddress::parse(address), is_verified: true });
    }

    /// Sets the first name.
    pub fn set_first_name(&mut self, name: &str) {
        self.change(DraftChange::FirstName(cleaned(name)));
    }

    /// Sets the last name.
    pub fn set_last_name(&mut self, name: &str) {
        self.change(DraftChange::LastName(cleaned(name)));
    }

    /// Stores a value in the account's extra data, which its user can see. Names of tokens and secrets are ignored (SEC-40).
    pub fn set_extra_data(&mut self, name: &str, mut value: Value) {
        crate::model::strip_nul_characters(&mut value);
        self.change(DraftChange::ExtraData(storable(name), value));
    }

    /// Sets a field that REST_SOCIAL_USER_FIELDS declares. A value that the user edited stays.
    ///
    /// Errors, for the user: an invalid value of the field's type, and an undeclared name.
    pub fn set_field(&mut self, name: &str, value: &Value) -> Result<(), &'static str> {
        let declared = self.rules.own_fields.iter().find(|field| field.name == name);
        let value = declared.ok_or("There is no such field.")?.kind.parse(value)?;
        self.change(DraftChange::Field(name.to_owned(), value));
        Ok(())
    }

    pub(super) fn change(&mut self, change: DraftChange) {
        self.apply(change.clone());
        self.changes.push(change);
    }

    fn apply(&mut self, change: DraftChange) {
        match change {
            DraftChange::Username(name) => {
                self.chosen.username = Some(name);
                self.usernames.clear();
            }
            DraftChange::Email { address, is_verified } => {
                self.email_verified = is_verified && address.is_some();
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
            DraftChange::LinkChoice(choice) => self.link_choice = Some(choice),
        }
    }
}

/// PostgreSQL cannot store null characters.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}

fn cleaned(name: &str) -> String {
    let mut name = name.to_owned();
    clean_name(&mut name);
    name
}

/// For the built-in steps and the runner.
impl<'a> Draft<'a> {
    pub(super) fn new(input: DecisionInput<'a>, store: &'a Arc<dyn Repository>, deps: &'a Deps) -> Self {
        let DecisionInput { rules, identity, link_to, data, link_proof } = input;
        Self {
            identity,
            data,
            link_proof,
            link_choice: None,
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
            username_changed: None,
            email_changed: None,
            fields: Map::new(),
            chosen: Chosen::default(),
            answers: None,
            changes: Vec::new(),
        }
    }

    /// Completes names from full names and vice versa. An address that a step set stays.
    pub(super) fn complete_details(&mut self) {
        let mut details = Details::completed(self.identity);
        if self.chosen.email {
            details.email = self.details.email.take();
        }
        self.details = details;
    }

    /// Passes the user's answers to the step that runs next.
    pub(super) fn set_answers(&mut self, answers: Option<&Map<String, Value>>) {
        self.answers = answers.cloned();
        self.changes.clear();
    }

    /// The changes of the step that ran last.
    pub(super) fn take_changes(&mut self) -> Vec<DraftChange> {
        std::mem::take(&mut self.changes)
    }

    /// Applies the changes that a step made before the login became pending.
    pub(super) fn replay(&mut self, changes: &[DraftChange]) {
        changes.iter().cloned().for_each(|change| self.apply(change));
    }

    /// The address that the allow and deny lists apply to.
    pub(super) fn login_email(&self) -> LoginEmail<'_> {
        LoginEmail {
            address: self.address(),
            is_verified: self.email_verified,
            // An address that a step set replaces the provider's invalid one.
            is_invalid: self.identity.has_invalid_email && !self.chosen.email,
        }
    }

    /// Checks the lists again when a step set the address of a new user. Errors: `not_allowed`.
    pub(super) fn check_chosen_email(&self) -> Result<(), LoginError> {
        if self.user.is_none() && self.chosen.email { check_allowed(self.rules, &self.login_email()) } else { Ok(()) }
    }

    /// Whether no user was found and SOCIAL_AUTH_SIGN_UP is off.
    pub(super) fn is_closed(&self) -> bool {
        self.user.is_none() && !self.rules.sign_up
    }

    pub(super) fn candidates(&self) -> Vec<String> {
        username::candidates(self.rules, &self.username(), self.deps)
    }

    /// The profile's value of a field of the user, by USER_FIELD_MAPPING.
    pub(super) fn profile_field(&self, field: &str) -> Option<&str> {
        self.details.field(field, self.rules).or_else(|| self.identity.fields.get(field)?.as_str())
    }

    /// The user to create.
    fn new_user(&self) -> LoginTarget {
        let email = self.address().map(|address| self.rules.stored_email(address).to_string()).unwrap_or_default();
        let has_email = self.rules.user_fields.iter().any(|field| field == "email");
        // Another user has the address verified (SEC-23).
        let is_separate = matches!(self.link_choice, Some(LinkChoice::Separate));
        let email_verified = has_email && self.email_verified && !email.is_empty() && !is_separate;
        let joins_by_email = email_verified && self.by_email.as_ref().is_some_and(|found| found.as_str() == email);
        LoginTarget::Create {
            usernames: if self.usernames.is_empty() { self.candidates() } else { self.usernames.clone() },
            email_verified,
            email: if has_email { email } else { String::new() },
            verified_by: if email_verified { self.verified_by.to_owned() } else { String::new() },
            require_unclaimed_by: if joins_by_email { self.rules.trusted_email_sources.clone() } else { Vec::new() },
        }
    }

    /// Errors: `no_user`.
    pub(super) fn decision(self) -> Result<Decision, LoginError> {
        let no_user =
            || LoginError::new(Refusal::NoUser, "No user signs in with this account, and the pipeline creates none.");
        let mut target = match (&self.account, &self.user) {
            (Some(account), Some(user)) => LoginTarget::Known {
                user: Box::new(user.clone()),
                account_id: account.id,
                account_modified: account.modified,
                is_account_changed: true,
                is_rekeyed: account_key::needs_new_key(account, self.identity),
            },
            (None, Some(user)) if self.associate => {
                let (user_id, generation) = (user.id, user.link_generation);
                LoginTarget::Link { user_id, generation, by_email: self.by_email }
            }
            (None, None) if self.create && self.associate => self.new_user(),
            _ => return Err(no_user()),
        };
        let email = self.email_changed.or_else(|| {
            let user =
                self.user.filter(|user| self.account.is_some() && withdraws_verification(self.identity, user))?;
            Some(NewEmail { address: user.email, is_verified: false })
        });
        let code = self.account.as_ref().and_then(|account| account_key::rekey_code(account, self.identity));
        let stored = self.account.map_or_else(|| Value::Object(Map::new()), |account| account.extra_data);
        let mut extra_data = self.extra_data.map_or_else(|| stored.clone(), Value::Object);
        if let (false, Some(members)) = (self.chosen.extra_data.is_empty(), extra_data.as_object_mut()) {
            members.extend(without_provider_tokens(&self.chosen.extra_data));
        }
        extra_data::keep_identifying_members(self.identity, &mut extra_data);
        if let LoginTarget::Known { is_account_changed, .. } = &mut target {
            *is_account_changed = extra_data != stored;
        }
        let mut fields = self.fields;
        fields.extend(self.chosen.fields);
        Ok(Decision {
            target,
            extra_data,
            first_name: self.chosen.first_name.or(self.first_name),
            last_name: self.chosen.last_name.or(self.last_name),
            username: self.username_changed,
            email,
            fields,
            code,
        })
    }
}

/// Whether the provider that verified the user's address no longer says so: it reports another address, none, or one that is not
/// verified. Otherwise the next owner of the address would sign in as this user (SEC-23). An answer that mentions neither an
/// address nor a verification withdraws nothing, and neither does one without an optional part.
fn withdraws_verification(identity: &Identity, user: &User) -> bool {
    let is_verifier = user.email_verified && user.email_verified_by == identity.provider;
    let is_same = |reported: &EmailAddress| reported.is_same_as_stored(&user.email);
    let verifies = identity.email_verified && identity.email.as_ref().is_some_and(is_same);
    is_verifier && identity.reports_email && !verifies
}

pub(super) fn sign_up_closed() -> LoginError {
    LoginError::new(Refusal::SignUpClosed, "Sign-up is closed: only existing users can sign in.")
}
