//! Identity and caller in, decision out: the original's steps by name, in the order of SOCIAL_AUTH_PIPELINE (R-PIPE).
//!
//! A step reads the store and changes the draft; it writes nothing. What is decided here is written by the one
//! transaction of `commit_login`.

mod email;
mod extra;
mod fields;
mod names;
mod username;

pub use self::extra::without_provider_tokens;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::{LoginError, Refusal};
use crate::clock::Ambient;
use crate::model::{Identity, SocialAccount, User, UserId};
use crate::settings::UserRules;
use crate::store::{Repository, Who};

/// What the one transaction of a login will write.
#[derive(Debug)]
pub struct Decision {
    pub who: Who,
    pub extra_data: Value,
    /// `None`: stays as it is.
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Declared ones.
    pub fields: Map<String, Value>,
}

/// What the steps work on.
struct Draft<'a> {
    identity: &'a Identity,
    rules: &'a UserRules,
    store: &'a Arc<dyn Repository>,
    ambient: &'a Ambient,
    details: names::Details,
    /// Whom the login is linked to.
    caller: Option<UserId>,
    /// The account's row, once `social_user` found it.
    account: Option<SocialAccount>,
    /// The user who signs in, unless one is created.
    user: Option<User>,
    usernames: Vec<String>,
    create: bool,
    associate: bool,
    extra_data: Option<Map<String, Value>>,
    first_name: Option<String>,
    last_name: Option<String>,
    fields: Map<String, Value>,
}

/// Errors: `not_allowed`, `account_in_use`, `account_exists`, `user_inactive`, `no_user`, `provider_error`,
/// `database_unavailable`.
pub async fn decide(
    store: &Arc<dyn Repository>,
    ambient: &Ambient,
    rules: &UserRules,
    identity: &Identity,
    link_to: Option<UserId>,
) -> Result<Decision, LoginError> {
    let mut draft = Draft {
        identity,
        rules,
        store,
        ambient,
        details: names::Details::of(identity),
        caller: link_to,
        account: None,
        user: None,
        usernames: Vec::new(),
        create: false,
        associate: false,
        extra_data: None,
        first_name: None,
        last_name: None,
        fields: Map::new(),
    };
    for step in &rules.pipeline {
        draft.run(step).await?;
    }
    draft.decision()
}

impl Draft<'_> {
    /// The names are checked when the settings are read.
    async fn run(&mut self, step: &str) -> Result<(), LoginError> {
        match step {
            "social_details" => self.details = names::Details::completed(self.identity),
            "social_uid" => self.check_uid()?,
            "auth_allowed" => email::check_allowed(self.rules, self.details.email.as_deref())?,
            "social_user" => self.social_user().await?,
            "get_username" if self.user.is_none() => {
                self.usernames = username::candidates(self.rules, &self.details, self.ambient);
            }
            "associate_by_email" if self.user.is_none() => self.associate_by_email().await?,
            "create_user" if self.user.is_none() => self.create = true,
            "associate_user" => self.associate = true,
            "load_extra_data" => {
                let known = self.account.as_ref().and_then(|account| account.extra_data.as_object());
                self.extra_data = Some(extra::merged(self.identity, known, self.ambient.now()));
            }
            "user_details" => self.user_details(),
            _ => {}
        }
        Ok(())
    }

    fn check_uid(&self) -> Result<(), LoginError> {
        let length = self.identity.uid.chars().count();
        if length == 0 || length > 255 {
            return Err(LoginError::new(Refusal::ProviderError, "The provider's profile has no usable id."));
        }
        Ok(())
    }

    /// Who has this account (R-PIPE-04, R-AUT-03, R-AUT-05).
    async fn social_user(&mut self) -> Result<(), LoginError> {
        let uids: Vec<&str> =
            std::iter::once(&self.identity.uid).chain(&self.identity.legacy_uids).map(String::as_str).collect();
        let found = self.store.account(&self.identity.provider, &uids).await?;
        let found = match found {
            Some((account, _)) if self.is_somebody_elses(&account) => {
                if account.uid == self.identity.uid {
                    return Err(LoginError::new(Refusal::NotAllowed, "This account has passed to another person."));
                }
                None
            }
            found => found,
        };
        if let Some((account, user)) = found {
            if self.caller.is_some_and(|caller| caller != user.id) {
                return Err(LoginError::new(
                    Refusal::AccountInUse,
                    "This account already signs another user in, and is not moved.",
                ));
            }
            self.account = Some(account);
            self.user = Some(user);
        } else if let Some(caller) = self.caller {
            self.user = self.store.user(caller).await?;
        }
        match &self.user {
            Some(user) if !user.is_active => Err(inactive()),
            None if self.caller.is_some() => {
                Err(LoginError::new(Refusal::NotAuthenticated, "The user who began this login is gone."))
            }
            _ => Ok(()),
        }
    }

    /// Whether what the row keeps tells another person than what came now. A row found by an older id must tell the same.
    fn is_somebody_elses(&self, account: &SocialAccount) -> bool {
        let by_old_id = account.uid != self.identity.uid;
        self.identity.same.iter().any(|name| {
            let kept = account.extra_data.get(name).filter(|value| !value.is_null());
            kept.map_or(by_old_id, |kept| self.identity.extra_data.get(name) != Some(kept))
        })
    }

    /// Not in the default pipeline. Takes a user only when the provider vouches for the address, and vouched for it when
    /// it was stored here too (SEC-23); else nobody is signed in.
    async fn associate_by_email(&mut self) -> Result<(), LoginError> {
        let Some(address) = self.details.email.as_deref().filter(|address| !address.is_empty()) else {
            return Ok(());
        };
        let mut users = self.store.users_by_email(address).await?;
        match (users.pop(), users.is_empty()) {
            (None, _) => Ok(()),
            (Some(user), true) if self.identity.email_verified && user.email_verified && user.is_active => {
                self.user = Some(user);
                Ok(())
            }
            _ => Err(LoginError::new(
                Refusal::AccountExists,
                "A user with this e-mail exists. Sign in the way you did before, then link this account.",
            )),
        }
    }

    /// First and last name follow the provider at every login, even to empty ones (R-PIPE-09, R-AUT-04); declared fields as
    /// far as they say so.
    fn user_details(&mut self) {
        let new = |detail: &Option<String>| detail.clone().unwrap_or_default();
        let may = |field: &str, now: Option<&str>| {
            let protected = self.rules.protected_user_fields.iter().any(|name| name == field);
            let immutable = self.rules.immutable_user_fields.iter().any(|name| name == field);
            !protected && (!immutable || now.is_none_or(str::is_empty))
        };
        let user = self.user.as_ref();
        let (first, last) = (user.map(|user| user.first_name.as_str()), user.map(|user| user.last_name.as_str()));
        if may("first_name", first) {
            self.first_name = Some(new(self.details.field("first_name", self.rules)));
        }
        if may("last_name", last) {
            self.last_name = Some(new(self.details.field("last_name", self.rules)));
        }
        self.fields = fields::chosen(&self.rules.own_fields, self.identity, self.rules, user);
    }

    fn decision(self) -> Result<Decision, LoginError> {
        let no_user = || LoginError::new(Refusal::NoUser, "Nobody signs in with this account here.");
        let who = match (&self.account, &self.user) {
            (Some(account), Some(user)) => Who::Known { user_id: user.id, account_id: account.id },
            (None, Some(user)) if self.associate => Who::Attach { user_id: user.id },
            (None, None) if self.create && self.associate => {
                let fields = &self.rules.user_fields;
                let email = self.rules.stored_email(self.details.email.as_deref().unwrap_or_default());
                let has_email = fields.iter().any(|field| field == "email");
                let usernames = match self.usernames {
                    list if list.is_empty() => username::candidates(self.rules, &self.details, self.ambient),
                    list => list,
                };
                Who::Create {
                    usernames,
                    email_verified: has_email && self.identity.email_verified && !email.is_empty(),
                    email: if has_email { email } else { String::new() },
                }
            }
            _ => return Err(no_user()),
        };
        let kept = self.account.map_or_else(|| Value::Object(Map::new()), |account| account.extra_data);
        Ok(Decision {
            who,
            extra_data: self.extra_data.map_or(kept, Value::Object),
            first_name: self.first_name,
            last_name: self.last_name,
            fields: self.fields,
        })
    }
}

fn inactive() -> LoginError {
    LoginError::new(Refusal::UserInactive, "This user is inactive.")
}
