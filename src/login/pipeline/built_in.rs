//! The built-in steps of django-rest-social-auth by name, and `save_avatar`.

use async_trait::async_trait;
use serde_json::Value;

use super::account_key::{Match, match_account};
use super::draft::{Draft, sign_up_closed};
use super::step::{Step, Stop};
use super::{declared_fields, email, extra_data, username};
use crate::login::error::{LoginError, Refusal};
use crate::model::{AccountUid, EmailAddress, LegacyUids, SocialAccount, User, is_truthy};
use crate::store::{NewEmail, StoreError};

#[derive(Clone, Copy, Debug, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
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

#[async_trait]
impl Step for BuiltIn {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match self {
            Self::SocialDetails => draft.complete_details(),
            Self::AuthAllowed => draft.check_allowed()?,
            Self::SocialUser => draft.find_account().await?,
            Self::GetUsername if draft.user.is_none() => draft.usernames = draft.candidates(),
            Self::AssociateByEmail if draft.user.is_none() => draft.find_by_email().await?,
            Self::CreateUser if draft.is_closed() => return Err(sign_up_closed().into()),
            Self::CreateUser if draft.user.is_none() => draft.create(),
            Self::AssociateUser => draft.associate = true,
            Self::LoadExtraData => {
                let stored = draft.account.as_ref().and_then(|account| account.extra_data.as_object());
                let interval = draft.rules.auth_time_interval;
                draft.extra_data = Some(extra_data::merged(draft.identity, stored, draft.deps.now(), interval));
            }
            Self::UserDetails => draft.update_details().await?,
            Self::SaveAvatar => draft.store_picture_url(),
            // The uid was read before the first step.
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

    /// The account of the identity, and its user. Errors: `not_allowed` when a changed setting would match the account of
    /// another user.
    async fn stored_account(&self) -> Result<Option<(SocialAccount, User)>, LoginError> {
        let legacy_uids = LegacyUids::at(self.deps.now(), self.rules.legacy_uids_until);
        let uid = self.identity.uid.as_str();
        let as_sent = self.identity.uid_address.as_ref().map(EmailAddress::as_str).filter(|address| *address != uid);
        let legacy = self.identity.legacy_uids.iter().filter(|_| legacy_uids == LegacyUids::Accepted);
        let legacy = legacy.map(AccountUid::as_str);
        let uids: Vec<&str> = std::iter::once(uid).chain(as_sent).chain(legacy).collect();
        let mut found = self.store.accounts_by_uid(&self.identity.provider, &uids).await?;
        let is_same = |account: &SocialAccount| match_account(account, self.identity, legacy_uids) == Match::Same;
        if let Some(address) = &self.identity.uid_address
            && !found.iter().any(|(account, _)| is_same(account))
        {
            found.extend(self.accounts_by_address(address).await?);
        }
        // The uid takes precedence over its other spellings, these over legacy uids, and a known scope over an unknown one.
        let is_exact =
            |account: &SocialAccount| account.uid == uid && account.uid_scope == self.identity.uid_scope.current;
        let position = |account: &SocialAccount| uids.iter().position(|uid| *uid == account.uid);
        let is_spelling = |account: &SocialAccount| self.identity.has_uid(&account.uid);
        found.sort_by_key(|(account, _)| {
            (account.uid != uid, !is_spelling(account), position(account), !is_exact(account))
        });
        for (account, user) in found {
            match match_account(&account, self.identity, legacy_uids) {
                Match::Same => return Ok(Some((account, user))),
                Match::Different => {}
                Match::DifferentScope => return Err(self.other_scope(&account)),
                Match::UnknownTenant => return Err(self.unknown_tenant(&account)),
            }
        }
        Ok(None)
    }

    /// The accounts that an import stored under another spelling of the address that is the uid. The user's address, which has an
    /// index without case, leads to them.
    async fn accounts_by_address(&self, address: &EmailAddress) -> Result<Vec<(SocialAccount, User)>, StoreError> {
        let mut found = Vec::new();
        for user in self.store.users_by_email(address).await? {
            let accounts = self.store.accounts_of(user.id).await?;
            let is_found = |account: &SocialAccount| {
                account.provider == self.identity.provider && self.identity.has_uid(&account.uid)
            };
            found.extend(accounts.into_iter().filter(is_found).map(|account| (account, user.clone())));
        }
        Ok(found)
    }

    fn other_scope(&self, account: &SocialAccount) -> LoginError {
        let current = &self.identity.uid_scope.current;
        tracing::error!(
            provider = self.identity.provider,
            account = account.id.0,
            stored = account.uid_scope,
            current,
            "a login was refused: an account of the same uid is stored under another claim or issuer. If both issuers have the \
             same users, add the former one to FORMER_ISSUERS of the provider; if not, configure this issuer under another \
             provider name",
        );
        LoginError::new(Refusal::NotAllowed, "This account is stored for another issuer.").with_user(account.user_id)
    }

    fn unknown_tenant(&self, account: &SocialAccount) -> LoginError {
        tracing::error!(
            provider = self.identity.provider,
            account = account.id.0,
            scope_of_login = self.identity.uid_scope.current,
            "a login was refused: an imported account of the same uid has no tenant. Set IMPORTED_TENANT of the provider to the \
             tenant of the imported accounts",
        );
        LoginError::new(Refusal::NotAllowed, "The tenant of this account is not known.").with_user(account.user_id)
    }

    /// Finds the account and its user (R-PIPE-04, R-AUT-03, R-AUT-05).
    async fn find_account(&mut self) -> Result<(), LoginError> {
        let found = match self.stored_account().await? {
            Some((account, _)) if self.belongs_to_other_user(&account) => {
                if self.identity.has_uid(&account.uid) {
                    return Err(LoginError::new(Refusal::NotAllowed, "This account now belongs to another user."));
                }
                None
            }
            found => found,
        };
        if let Some((account, user)) = found {
            if self.caller.is_some_and(|caller| caller != user.id) {
                return Err(LoginError::new(Refusal::AccountInUse, "This account is linked to another user already."));
            }
            self.account = Some(account);
            self.user = Some(user);
        } else if let Some(caller) = self.caller {
            self.user = self.store.user(caller).await?;
        }
        match &self.user {
            Some(user) if !user.is_active => {
                Err(LoginError::new(Refusal::UserInactive, "This user is inactive.").with_user(user.id))
            }
            None if self.caller.is_some() => {
                Err(LoginError::new(Refusal::NotAuthenticated, "The user who started this login no longer exists."))
            }
            _ => Ok(()),
        }
    }

    /// Whether the account belongs to another user, by the values that the descriptor requires to stay the same. An account
    /// that is found by a legacy uid must have them.
    fn belongs_to_other_user(&self, account: &SocialAccount) -> bool {
        let by_legacy_uid = !self.identity.has_uid(&account.uid);
        self.identity.must_match.iter().any(|name| {
            let stored = account.extra_data.get(name).filter(|value| is_truthy(value));
            stored.map_or(by_legacy_uid, |stored| self.identity.extra_data.get(name) != Some(stored))
        })
    }

    /// Not in the default pipeline. Finds a user only when a trusted provider verified the address now, and when it was stored;
    /// any other login with the address of a user is refused (SEC-23).
    async fn find_by_email(&mut self) -> Result<(), LoginError> {
        let Some(address) = self.address().map(|address| self.rules.stored_email(address)) else { return Ok(()) };
        let is_verified = self.rules.trusts_email && self.email_verified;
        let mut users = self.store.users_by_email(&address).await?;
        match (users.pop(), users.is_empty()) {
            (None, _) => {}
            (Some(user), true) if is_verified && user.is_active && self.has_verified(&user, &address).await? => {
                self.user = Some(user);
            }
            (Some(user), _) => {
                let detail = "A user with this e-mail exists. Sign in as you did before, then link this account.";
                return Err(LoginError::new(Refusal::AccountExists, detail).with_user(user.id));
            }
        }
        self.by_email = is_verified.then_some(address);
        Ok(())
    }

    async fn has_verified(&self, user: &User, address: &EmailAddress) -> Result<bool, LoginError> {
        let holders = self.store.users_with_verified_email(address, &self.rules.trusted_email_sources).await?;
        Ok(holders.iter().any(|holder| holder.id == user.id))
    }

    /// Sets the names that USER_FIELDS lists, also when `user_details` does not run later (R-PIPE-06).
    fn create(&mut self) {
        let is_listed = |name: &str| self.rules.user_fields.iter().any(|field| field == name);
        self.create = true;
        if self.first_name.is_none() && is_listed("first_name") {
            self.first_name.clone_from(&self.details.first_name);
        }
        if self.last_name.is_none() && is_listed("last_name") {
            self.last_name.clone_from(&self.details.last_name);
        }
    }

    /// First and last name follow the provider at every login, also when it sends empty ones (R-PIPE-09, R-AUT-04); a name
    /// that its answer lacks stays. Username and e-mail follow it only with NO_DEFAULT_PROTECTED_USER_FIELDS.
    async fn update_details(&mut self) -> Result<(), StoreError> {
        let may_change = |field: &str, now: Option<&str>| {
            let protected = self.rules.protected_user_fields.iter().any(|name| name == field);
            let immutable = self.rules.immutable_user_fields.iter().any(|name| name == field);
            !protected && (!immutable || now.is_none_or(str::is_empty))
        };
        let user = self.user.as_ref();
        let detail = |name: &str| self.details.field(name, self.rules).unwrap_or_default();
        let (first, last) = (user.map(|user| user.first_name.as_str()), user.map(|user| user.last_name.as_str()));
        let new = |field, now| self.profile_field(field).filter(|_| may_change(field, now)).map(str::to_owned);
        let (first, last) = (new("first_name", first), new("last_name", last));
        self.first_name = first.or(self.first_name.take());
        self.last_name = last.or(self.last_name.take());
        self.fields = declared_fields::values(self.identity, &self.details, self.rules, user);
        let Some(user) = user.filter(|_| self.rules.no_default_protected_user_fields) else { return Ok(()) };
        let (username, email) = (detail("username"), detail("email"));
        let username = self.without_address(username);
        // An address as username is the one that its user proved to own; the profile's name, cut at the `@`, does not replace it.
        let has_address = self.rules.addresses_as_usernames && user.username.contains('@');
        if !username.is_empty() && !has_address && may_change("username", Some(&user.username)) {
            let wanted = username::candidates(self.rules, username, self.deps).into_iter().next();
            self.username_changed = match wanted {
                // Only a username that no user has.
                Some(wanted) if self.store.user_by_username(&wanted).await?.is_none() => Some(wanted),
                _ => None,
            };
        }
        if !email.is_empty() && may_change("email", Some(&user.email)) {
            // USER_FIELD_MAPPING may map another detail here; an invalid or denied address changes nothing.
            let Some(address) = EmailAddress::parse(email).filter(|address| !self.rules.denies(address)) else {
                return Ok(());
            };
            let address = self.rules.stored_email(&address);
            // An address that another user has is not marked verified (SEC-23).
            let others = self.store.users_by_email(&address).await?;
            let is_unclaimed = others.iter().all(|other| other.id == user.id);
            let is_verified = is_unclaimed && self.email_verified && email == self.email();
            let new = NewEmail { address: address.to_string(), is_verified };
            self.email_changed = Some(new).filter(|new| new.address != user.email);
            if may_change("username", Some(&user.username)) {
                self.follow_address(&address).await?;
            }
        }
        Ok(())
    }

    /// A username that is the address of its user follows it. Otherwise the next owner of the address could not get it as a username.
    async fn follow_address(&mut self, new: &EmailAddress) -> Result<(), StoreError> {
        let is_followed = |user: &User| {
            let is_own = |old: EmailAddress| old.is_same_as_stored(&user.email);
            self.rules.addresses_as_usernames && EmailAddress::parse(&user.username).is_some_and(is_own)
        };
        let is_verified = self.email_changed.as_ref().is_some_and(|changed| changed.is_verified);
        let may_follow = is_verified && self.user.as_ref().is_some_and(is_followed);
        let name = new.with_ascii_domain();
        if may_follow
            && username::stays_unchanged(&name, self.rules)
            && self.store.user_by_username(&name).await?.is_none()
        {
            self.username_changed = Some(name);
        }
        Ok(())
    }

    /// Stores the picture's URL as `picture` in the extra data. The server does not fetch it.
    fn store_picture_url(&mut self) {
        match self.identity.picture.as_deref() {
            Some(address) if address.starts_with("https://") => {
                self.set_extra_data("picture", Value::from(address));
            }
            // The user has no picture at the provider.
            Some("") => self.set_extra_data("picture", Value::Null),
            _ => {}
        }
    }
}
