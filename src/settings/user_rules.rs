//! The settings of users and of the pipeline, general ones and those of one provider; and what in them contradicts itself.

use serde_json::Value;

use super::provider_settings::ProviderSettings;
use super::setting_reader::SettingReader;
use super::sources::ProviderValues;
use super::table::SOCIAL_AUTH;
use super::types::{SettingError, UserRules};
use super::value_type;
use super::{addresses, pipeline_steps, table};
use crate::model::{UserFields, deny_list_key};

const TRUSTED: &str = "SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS";
const ALLOWED: &str = "SOCIAL_AUTH_ALLOWED_PROVIDERS";
const DENIED: &str = "SOCIAL_AUTH_DENIED_PROVIDERS";

/// The lists of provider names. A name that is not configured is an error.
#[derive(Clone, Debug, Default)]
pub struct ProviderLists {
    trusted: Vec<String>,
    /// Empty: all.
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl ProviderLists {
    /// `known`: the names that may occur.
    fn read(reader: &mut SettingReader, known: &[&str]) -> Self {
        let check = |name: &str| {
            if known.contains(&name) {
                Ok(name.to_owned())
            } else {
                Err(format!("{name:?} is not configured{}", table::hint(table::nearest(name, known.iter().copied()))))
            }
        };
        Self {
            trusted: reader.list_of(TRUSTED, check),
            allowed: reader.list_of(ALLOWED, check),
            denied: reader.list_of(DENIED, check),
        }
    }

    /// For the providers that `dev` adds after the settings are read: the first name that is not `configured`.
    pub fn check(&self, configured: &[&str]) -> Result<(), SettingError> {
        for (setting, list) in [(TRUSTED, &self.trusted), (ALLOWED, &self.allowed), (DENIED, &self.denied)] {
            if let Some(missing) = list.iter().find(|name| !configured.contains(&name.as_str())) {
                let problem = format!("{missing:?} is neither configured nor simulated");
                return Err(SettingError::new(setting, problem));
            }
        }
        Ok(())
    }

    /// The rules with what the lists say about this provider.
    pub fn apply(&self, provider: &str, rules: UserRules) -> UserRules {
        let contains = |list: &[String]| list.iter().any(|name| name == provider);
        UserRules {
            trusts_email: contains(&self.trusted),
            trusted_email_sources: std::iter::once(String::new()).chain(self.trusted.iter().cloned()).collect(),
            allows_sign_in: !contains(&self.denied) && (self.allowed.is_empty() || contains(&self.allowed)),
            ..rules
        }
    }
}

/// The rules about users that the settings contain.
pub(super) struct AllUserRules {
    pub general: UserRules,
    /// In the order of the providers.
    pub of_providers: Vec<UserRules>,
    pub lists: ProviderLists,
}

/// Reads the general rules, and those of each provider. `added_later`: further names that the lists of providers may have.
pub(super) fn read_all(
    reader: &mut SettingReader,
    fields: &UserFields,
    steps: &[&str],
    providers: &[ProviderValues],
    added_later: &[&str],
) -> AllUserRules {
    let general = read(reader, fields, steps);
    let known: Vec<&str> =
        providers.iter().map(|provider| provider.name.as_str()).chain(added_later.iter().copied()).collect();
    let lists = ProviderLists::read(reader, &known);
    let of_provider = |provider: &ProviderValues| {
        reader.provider = provider.values.clone();
        lists.apply(&provider.name, read(reader, fields, steps))
    };
    let mut of_providers: Vec<UserRules> = providers.iter().map(of_provider).collect();
    reader.provider.clear();
    let makes_usernames = |rules: &UserRules| rules.username_is_full_email && !rules.usernames_accept_unverified;
    let addresses_as_usernames = makes_usernames(&general) || of_providers.iter().any(makes_usernames);
    of_providers.iter_mut().for_each(|rules| rules.addresses_as_usernames = addresses_as_usernames);
    AllUserRules { general: UserRules { addresses_as_usernames, ..general }, of_providers, lists }
}

/// `steps`: names of the custom steps of a program.
fn read(reader: &mut SettingReader, fields: &UserFields, steps: &[&str]) -> UserRules {
    let name = |short: &str| format!("{SOCIAL_AUTH}{short}");
    let trimmed = |entry: &str| Ok(entry.trim().to_owned());
    let (emails, domains) = (addresses::email, addresses::domain);
    let steps_of = |list: &Value| pipeline_steps::checked(&value_type::texts(list)?, steps);
    let rules = UserRules {
        pipeline: reader.value(&name("PIPELINE"), steps_of),
        user_fields: reader.list(&name("USER_FIELDS")),
        username_is_full_email: reader.boolean(&name("USERNAME_IS_FULL_EMAIL")),
        usernames_accept_unverified: reader.boolean("USERNAMES_ACCEPT_UNVERIFIED_EMAIL"),
        addresses_as_usernames: false,
        slugify_usernames: reader.boolean(&name("SLUGIFY_USERNAMES")),
        clean_usernames: reader.boolean(&name("CLEAN_USERNAMES")),
        uuid_length: reader.integer(&name("UUID_LENGTH")),
        email_domain_lowercase: reader.boolean(&name("EMAIL_DOMAIN_LOWERCASE")),
        force_email_lowercase: reader.boolean(&name("FORCE_EMAIL_LOWERCASE")),
        whitelisted_emails: reader.list_of(&name("WHITELISTED_EMAILS"), emails),
        whitelisted_domains: reader.list_of(&name("WHITELISTED_DOMAINS"), domains),
        denied_emails: reader.list_of(&name("DENIED_EMAILS"), emails),
        denied_domains: reader.list_of(&name("DENIED_DOMAINS"), domains),
        allow_lists_accept_unverified: reader.boolean("ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL"),
        deny_lists_accept_missing_email: reader.boolean("DENY_LISTS_ACCEPT_MISSING_EMAIL"),
        allowed_organizations: reader.list_of(&name("ALLOWED_ORGANIZATIONS"), trimmed),
        denied_organizations: reader.list_of(&name("DENIED_ORGANIZATIONS"), |entry| Ok(deny_list_key(entry))),
        sign_up: reader.boolean(&name("SIGN_UP")),
        protected_user_fields: reader.list(&name("PROTECTED_USER_FIELDS")),
        immutable_user_fields: reader.list(&name("IMMUTABLE_USER_FIELDS")),
        no_default_protected_user_fields: reader.boolean(&name("NO_DEFAULT_PROTECTED_USER_FIELDS")),
        user_field_mapping: reader.optional(&name("USER_FIELD_MAPPING"), value_type::texts_by_name).unwrap_or_default(),
        session_expiration: reader.boolean(&name("SESSION_EXPIRATION")),
        max_session_length: reader.optional_seconds(&name("MAX_SESSION_LENGTH")),
        auth_time_interval: reader.seconds("AUTH_TIME_INTERVAL"),
        legacy_uids_until: reader.optional("LEGACY_UIDS_UNTIL", addresses::date_or_time),
        own_fields: fields.clone(),
        trusts_email: false,
        trusted_email_sources: vec![String::new()],
        allows_sign_in: true,
    };
    if rules.pipeline.iter().any(|step| step == "require_email") && !rules.user_fields.iter().any(|f| f == "email") {
        let problem = "the step require_email needs `email` in USER_FIELDS; otherwise the address would not be stored";
        reader.error(&name("USER_FIELDS"), problem);
    }
    rules
}

impl Default for UserRules {
    /// Without settings.
    fn default() -> Self {
        read(&mut SettingReader::default(), &UserFields::default(), &[])
    }
}

/// DRSA links by any address; here the provider must be trusted for it.
pub(super) fn links_no_user_by_email(providers: &[ProviderSettings]) -> Option<String> {
    trusts_no_provider(providers, "associate_by_email").then(|| {
        "SOCIAL_AUTH_PIPELINE: associate_by_email has no effect while SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS is empty; a \
         login with the e-mail address of an existing user is refused"
            .to_owned()
    })
}

/// A question about an address that no trusted provider verified would reveal who has a user here.
pub(super) fn asks_no_user(providers: &[ProviderSettings]) -> Option<String> {
    trusts_no_provider(providers, "ask_link").then(|| {
        "SOCIAL_AUTH_PIPELINE: ask_link has no effect while SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS is empty".to_owned()
    })
}

/// Whether providers have the step, and none of them is trusted for addresses.
fn trusts_no_provider(providers: &[ProviderSettings], step: &str) -> bool {
    let mut with_step = providers.iter().map(|provider| &provider.user_rules).filter(|rules| has_step(rules, step));
    let is_configured = |name: &String| providers.iter().any(|provider| provider.name == *name);
    // `dev` adds simulated providers later.
    let has_all_trusted = |rules: &UserRules| rules.trusted_email_sources.iter().skip(1).all(is_configured);
    with_step.next().is_some_and(|first| {
        !first.trusts_email && has_all_trusted(first) && with_step.all(|rules| !rules.trusts_email)
    })
}

/// An unverified address is one that the user typed at the provider.
pub(super) fn accepts_unverified(providers: &[ProviderSettings]) -> Option<String> {
    let accepts = |rules: &UserRules| {
        rules.allow_lists_accept_unverified
            && !(rules.whitelisted_emails.is_empty() && rules.whitelisted_domains.is_empty())
    };
    providers.iter().any(|provider| accepts(&provider.user_rules)).then(|| {
        "ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL: the allow lists accept unverified addresses; any user can claim one"
            .to_owned()
    })
}

/// A user could get the address of another as a username, and the slug of an address is not the address.
pub(super) fn addresses_as_usernames(providers: &[ProviderSettings]) -> Option<String> {
    let rules = || providers.iter().map(|provider| &provider.user_rules).filter(|rules| rules.username_is_full_email);
    let accepts = "USERNAMES_ACCEPT_UNVERIFIED_EMAIL: with USERNAME_IS_FULL_EMAIL a user may get the unverified address of \
                   another user, or a text that looks like it, as a username";
    let slug = "SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL: has no effect with SLUGIFY_USERNAMES, which removes characters of an address";
    if rules().any(|rules| rules.usernames_accept_unverified) {
        Some(accepts.to_owned())
    } else {
        rules().any(|rules| rules.slugify_usernames).then(|| slug.to_owned())
    }
}

/// A user may decline the scope of the e-mail address, and so keep a denied one from the server.
pub(super) fn accepts_missing(providers: &[ProviderSettings]) -> Option<String> {
    let accepts = |rules: &UserRules| rules.deny_lists_accept_missing_email && rules.has_denied_addresses();
    providers.iter().any(|provider| accepts(&provider.user_rules)).then(|| {
        "DENY_LISTS_ACCEPT_MISSING_EMAIL: a login without an e-mail address passes the lists of denied addresses and domains"
            .to_owned()
    })
}

/// One step applies the lists of who may sign in: without it they would have no effect.
pub(super) fn lists_without_step(providers: &[ProviderSettings]) -> Vec<SettingError> {
    let error = |provider: &ProviderSettings| {
        let rules = &provider.user_rules;
        let lists = [
            ("WHITELISTED_EMAILS", rules.whitelisted_emails.is_empty()),
            ("WHITELISTED_DOMAINS", rules.whitelisted_domains.is_empty()),
            ("DENIED_EMAILS", rules.denied_emails.is_empty()),
            ("DENIED_DOMAINS", rules.denied_domains.is_empty()),
            ("ALLOWED_ORGANIZATIONS", rules.allowed_organizations.is_empty()),
            ("DENIED_ORGANIZATIONS", rules.denied_organizations.is_empty()),
        ];
        let (name, _) = lists.into_iter().find(|(_, is_empty)| !is_empty)?;
        let problem = format!("needs the step auth_allowed, without which {name} has no effect for {}", provider.name);
        (!has_step(rules, "auth_allowed")).then(|| SettingError::new("SOCIAL_AUTH_PIPELINE", problem))
    };
    providers.iter().filter_map(error).collect()
}

fn has_step(rules: &UserRules, name: &str) -> bool {
    rules.pipeline.iter().any(|step| step == name)
}
