//! The original's steps by name, and `save_avatar`.

use async_trait::async_trait;
use serde_json::Value;

use super::draft::Draft;
use super::runner::sign_up_closed;
use super::{Step, Stop, email, extra, fields, username};
use crate::login::error::{LoginError, Refusal};
use crate::model::{EmailAddress, SocialAccount, User, is_filled};
use crate::store::StoreError;

#[derive(Clone, Copy, Debug)]
pub(super) enum BuiltIn {
    SocialDetails,
    SocialUid,
    AuthAllowed,
    SocialUser,
    GetUsername,
    AssociateByEmail,
    CreateUser,
    AssociateUser,
    LoadExtraData,
    UserDetails,
    SaveAvatar,
}

impl BuiltIn {
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "social_details" => Self::SocialDetails,
            "social_uid" => Self::SocialUid,
            "auth_allowed" => Self::AuthAllowed,
            "social_user" => Self::SocialUser,
            "get_username" => Self::GetUsername,
            "associate_by_email" => Self::AssociateByEmail,
            "create_user" => Self::CreateUser,
            "associate_user" => Self::AssociateUser,
            "load_extra_data" => Self::LoadExtraData,
            "user_details" => Self::UserDetails,
            "save_avatar" => Self::SaveAvatar,
            _ => return None,
        })
    }
}

#[async_trait]
impl Step for BuiltIn {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match self {
            Self::SocialDetails => draft.complete(),
            Self::AuthAllowed => draft.check_allowed()?,
            Self::SocialUser => draft.find_account().await?,
            Self::GetUsername if draft.user.is_none() => draft.usernames = draft.candidates(),
            Self::AssociateByEmail if draft.user.is_none() => draft.find_by_email().await?,
            Self::CreateUser if draft.is_closed() => return Err(sign_up_closed().into()),
            Self::CreateUser if draft.user.is_none() => draft.create(),
            Self::AssociateUser => draft.associate = true,
            Self::LoadExtraData => {
                let known = draft.account.as_ref().and_then(|account| account.extra_data.as_object());
                draft.extra_data = Some(extra::merged(draft.identity, known, draft.deps.now()));
            }
            Self::UserDetails => draft.take_details().await?,
            Self::SaveAvatar => draft.keep_picture(),
            // The id was found, and held against what is kept, before the first step.
            Self::SocialUid | Self::GetUsername | Self::AssociateByEmail | Self::CreateUser => {}
        }
        Ok(())
    }
}

impl Draft<'_> {
    fn check_allowed(&self) -> Result<(), LoginError> {
        email::check_allowed(self.rules, &self.login_email())?;
        email::check_organizations(self.rules, &self.identity.organizations)
    }

    /// Who has this account (R-PIPE-04, R-AUT-03, R-AUT-05).
    async fn find_account(&mut self) -> Result<(), LoginError> {
        let found = match self.stored_account().await? {
            Some((account, _)) if self.belongs_to_other_user(&account) => {
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
            Some(user) if !user.is_active => {
                Err(LoginError::new(Refusal::UserInactive, "This user is inactive.").of_user(user.id))
            }
            None if self.caller.is_some() => {
                Err(LoginError::new(Refusal::NotAuthenticated, "The user who began this login is gone."))
            }
            _ => Ok(()),
        }
    }

    /// Whether the account belongs to another person than the identity, by what the descriptor says must stay the same. An
    /// account that is found by a former key must have it.
    fn belongs_to_other_user(&self, account: &SocialAccount) -> bool {
        let by_old_id = account.uid != self.identity.uid;
        self.identity.same.iter().any(|name| {
            let kept = account.extra_data.get(name).filter(|value| is_filled(value));
            kept.map_or(by_old_id, |kept| self.identity.extra_data.get(name) != Some(kept))
        })
    }

    /// Not in the default pipeline. Takes a user only when a trusted provider vouches for the address, and one vouched for
    /// it when it was stored here too; any other login with a known address is refused (SEC-23).
    async fn find_by_email(&mut self) -> Result<(), LoginError> {
        let Some(address) = self.address().map(|address| self.rules.stored_email(address)) else { return Ok(()) };
        let vouched = self.rules.trusts_email && self.email_verified;
        let mut known = self.store.users_by_email(&address).await?;
        match (known.pop(), known.is_empty()) {
            (None, _) => {}
            (Some(user), true) if vouched && user.is_active && self.is_vouched_for(&user, &address).await? => {
                self.user = Some(user);
            }
            (Some(user), _) => {
                let detail = "A user with this e-mail exists. Sign in the way you did before, then link this account.";
                return Err(LoginError::new(Refusal::AccountExists, detail).of_user(user.id));
            }
        }
        self.by_email = vouched.then_some(address);
        Ok(())
    }

    async fn is_vouched_for(&self, user: &User, address: &EmailAddress) -> Result<bool, LoginError> {
        let holders = self.store.users_with_verified_email(address, &self.rules.trusted_email_sources).await?;
        Ok(holders.iter().any(|holder| holder.id == user.id))
    }

    /// With the names among USER_FIELDS, whether or not `user_details` comes later (R-PIPE-06).
    fn create(&mut self) {
        let wants = |name: &str| self.rules.user_fields.iter().any(|field| field == name);
        self.create = true;
        if self.first_name.is_none() && wants("first_name") {
            self.first_name.clone_from(&self.details.first_name);
        }
        if self.last_name.is_none() && wants("last_name") {
            self.last_name.clone_from(&self.details.last_name);
        }
    }

    /// First and last name follow the provider at every login, also to ones that it says are empty (R-PIPE-09, R-AUT-04);
    /// what its answer does not mention stays as it is; declared fields as far as they say so; username and e-mail with
    /// NO_DEFAULT_PROTECTED_USER_FIELDS alone.
    async fn take_details(&mut self) -> Result<(), StoreError> {
        let may = |field: &str, now: Option<&str>| {
            let protected = self.rules.protected_user_fields.iter().any(|name| name == field);
            let immutable = self.rules.immutable_user_fields.iter().any(|name| name == field);
            !protected && (!immutable || now.is_none_or(str::is_empty))
        };
        let user = self.user.as_ref();
        let said = |name: &str| self.details.field(name, self.rules).unwrap_or_default();
        let (first, last) = (user.map(|user| user.first_name.as_str()), user.map(|user| user.last_name.as_str()));
        let new = |field, now| self.told(field).filter(|_| may(field, now)).map(str::to_owned);
        let (first, last) = (new("first_name", first), new("last_name", last));
        self.first_name = first.or(self.first_name.take());
        self.last_name = last.or(self.last_name.take());
        self.fields = fields::chosen(self.identity, &self.details, self.rules, user);
        let Some(user) = user.filter(|_| self.rules.no_default_protected_user_fields) else { return Ok(()) };
        let (username, email) = (said("username"), said("email"));
        if !username.is_empty() && may("username", Some(&user.username)) {
            let wanted = username::candidates(self.rules, username, self.deps).into_iter().next();
            self.renamed = match wanted {
                // Somebody else's stays theirs.
                Some(wanted) if self.store.user_by_username(&wanted).await?.is_none() => Some(wanted),
                _ => None,
            };
        }
        if !email.is_empty() && may("email", Some(&user.email)) {
            // USER_FIELD_MAPPING may put another detail here; what is no address, or a denied one, changes nothing.
            let Some(address) = EmailAddress::parse(email).filter(|address| !self.rules.denies(address)) else {
                return Ok(());
            };
            let address = self.rules.stored_email(&address);
            // Nobody's word makes it a second user's (SEC-23).
            let others = self.store.users_by_email(&address).await?;
            let is_theirs = others.iter().all(|other| other.id == user.id);
            let is_verified = is_theirs && self.email_verified && email == self.email();
            self.email_changed = Some((address.to_string(), is_verified));
        }
        Ok(())
    }

    /// The picture's address, kept as `picture` with the account. It is not fetched: the browser that shows it does.
    fn keep_picture(&mut self) {
        match self.identity.picture.as_deref() {
            Some(address) if address.starts_with("https://") => {
                self.set_extra_data("picture", Value::from(address));
            }
            // The provider says that the user has no picture.
            Some("") => self.set_extra_data("picture", Value::Null),
            _ => {}
        }
    }
}
