//! Changes that users make to their own data: which fields they may edit, and the validation of values. Messages are those of
//! Django REST framework.

use serde_json::{Map, Value};

use super::account_service::AccountService;
use super::authenticate::Caller;
use super::error::AuthError;
use crate::model::{
    AuditKind, ClientInfo, EmailAddress, MAX_EMAIL_LEN, MAX_NAME_LEN, User, UsernameCharacters, field_message,
    is_bidi_or_control,
};
use crate::settings::UserRules;
use crate::store::{StoreError, Updated};

const NOT_EDITABLE: &str = "This field cannot be changed.";

/// New values; `None` leaves a field.
#[derive(Clone, Debug, Default)]
struct Change {
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    /// Declared fields; null removes the value.
    fields: Map<String, Value>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Invalid fields, each with its message.
    #[error("The request has invalid fields.")]
    Fields(Vec<(String, String)>),
    /// The user was deleted, or the database does not answer.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl AccountService {
    /// Changes all fields that `wanted` names, or none; returns the changed user. Unknown members are ignored. A new e-mail
    /// address is not verified, and later logins do not overwrite edited fields (R-PIPE-09). Errors: invalid fields; `too_many_requests`.
    pub async fn change(
        &self,
        caller: &Caller,
        wanted: &Map<String, Value>,
        client: &ClientInfo,
    ) -> Result<User, ChangeError> {
        let change = self.read_change(&caller.user, wanted).map_err(ChangeError::Fields)?;
        self.check_user_limit(caller.user.id).await?;
        let audit = self.event(AuditKind::Updated, None, caller.user.id, client);
        match self.store.update_user(caller.user.id, &|user| change.applied(user), &audit).await? {
            Updated::Done(user) => Ok(*user),
            Updated::UsernameTaken => {
                let message = "A user with that username already exists.".to_owned();
                Err(ChangeError::Fields(vec![("username".to_owned(), message)]))
            }
            Updated::NotFound => Err(AuthError::UserNotFound.into()),
        }
    }

    fn read_change(&self, user: &User, wanted: &Map<String, Value>) -> Result<Change, Vec<(String, String)>> {
        let mut change = Change::default();
        let mut errors = Vec::new();
        for (name, value) in wanted {
            if let Err(message) = self.read_field(&mut change, user, name, value) {
                errors.push((name.clone(), message));
            }
        }
        if errors.is_empty() { Ok(change) } else { Err(errors) }
    }

    fn read_field(&self, change: &mut Change, user: &User, name: &str, value: &Value) -> Result<(), String> {
        let rules = &self.settings.users;
        if let Some(field) = rules.own_fields.get(name) {
            if !field.editable {
                return Err(NOT_EDITABLE.to_owned());
            }
            let is_empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
            let new = if is_empty { Value::Null } else { field.kind.parse(value)? };
            change.fields.insert(name.to_owned(), new);
            return Ok(());
        }
        let is_known = name == "id" || User::STANDARD_FIELDS.contains(&name);
        if is_known && !self.settings.rest_social.editable_user_fields.iter().any(|field| field == name) {
            return Err(NOT_EDITABLE.to_owned());
        }
        match name {
            "username" => {
                let new = text(value, MAX_NAME_LEN)?;
                // The stored username may be older than the rules.
                change.username = Some(if new == user.username { new } else { username(rules, &new, user)? });
            }
            "first_name" => change.first_name = Some(first_or_last_name(value, &user.first_name)?),
            "last_name" => change.last_name = Some(first_or_last_name(value, &user.last_name)?),
            "email" => {
                let new = text(value, MAX_EMAIL_LEN)?;
                // The stored address may be older than the parser.
                change.email = Some(if new == user.email { new } else { email(rules, &new)? });
            }
            _ => {}
        }
        Ok(())
    }
}

impl Change {
    fn applied(&self, before: &User) -> User {
        let or = |new: &Option<String>, old: &str| new.clone().unwrap_or_else(|| old.to_owned());
        let mut user = User {
            username: or(&self.username, &before.username),
            first_name: or(&self.first_name, &before.first_name),
            last_name: or(&self.last_name, &before.last_name),
            email: or(&self.email, &before.email),
            ..before.clone()
        };
        let stock = [
            ("username", before.username != user.username),
            ("first_name", before.first_name != user.first_name),
            ("last_name", before.last_name != user.last_name),
            ("email", before.email != user.email),
        ];
        let mut changed: Vec<String> =
            stock.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect();
        user.email_verified &= before.email == user.email;
        if !user.email_verified {
            user.email_verified_by.clear();
        }
        for (name, new) in &self.fields {
            if before.fields.get(name).unwrap_or(&Value::Null) != new {
                changed.push(name.clone());
            }
            match new {
                Value::Null => user.fields.shift_remove(name),
                new => user.fields.insert(name.clone(), new.clone()),
            };
        }
        changed.retain(|name| !before.has_edited(name));
        user.edited.append(&mut changed);
        user
    }
}

fn text(value: &Value, max_len: usize) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null => return Err(field_message::NULL.to_owned()),
        _ => return Err(field_message::NOT_TEXT.to_owned()),
    };
    if text.contains('\0') {
        return Err(field_message::NUL_CHARACTER.to_owned());
    }
    if text.chars().count() > max_len {
        return Err(field_message::too_long(max_len));
    }
    Ok(text)
}

/// A first or last name. The stored one may be older than the rule.
fn first_or_last_name(value: &Value, stored: &str) -> Result<String, String> {
    let name = text(value, MAX_NAME_LEN)?;
    if name != stored && name.contains(is_bidi_or_control) {
        return Err(field_message::CONTROL_CHARACTER.to_owned());
    }
    Ok(name)
}

/// The address to store; may be empty. A denied address is rejected as at a sign-up.
fn email(rules: &UserRules, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let address = EmailAddress::parse(text).ok_or("Enter a valid email address.")?;
    if rules.denies(&address) {
        return Err("This email address may not be used here.".to_owned());
    }
    Ok(rules.stored_email(&address).to_string())
}

/// The username to store: the same characters as at a sign-up, ASCII only with CLEAN_USERNAMES.
fn username(rules: &UserRules, text: &str, user: &User) -> Result<String, String> {
    let characters = UsernameCharacters::of(rules.clean_usernames);
    let name = characters.normalized(text);
    let is_own_address = || user.email_verified && name == user.email;
    if name.is_empty() {
        Err(field_message::BLANK.to_owned())
    } else if name.chars().count() > MAX_NAME_LEN {
        Err(field_message::too_long(MAX_NAME_LEN))
    } else if !name.chars().all(|c| characters.allows(c)) {
        Err("Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
            .to_owned())
    } else if rules.addresses_as_usernames && name.contains('@') && !is_own_address() {
        Err("Enter a username without @, or your own verified email address.".to_owned())
    } else {
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::credential::jwt::tests::user;
    use crate::model::Domain;

    #[test]
    fn changed_fields_are_marked_as_edited_and_a_new_address_is_unverified() {
        let fields = json!({"locale": "de", "gone": null});
        let change = Change {
            first_name: Some("Ann".to_owned()),
            last_name: Some(user().last_name),
            email: Some("new@example.com".to_owned()),
            fields: fields.as_object().cloned().unwrap_or_default(),
            ..Change::default()
        };
        let after = change.applied(&user());
        assert_eq!(after.edited, ["first_name", "email", "locale"], "equal values are not changes");
        assert_eq!((after.first_name.as_str(), after.email_verified), ("Ann", false));
        assert_eq!(change.applied(&after), after, "the same again changes nothing");
        assert_eq!(after.fields.keys().collect::<Vec<_>>(), ["locale"]);
    }

    #[test]
    fn addresses_and_usernames_are_validated() {
        let rules = UserRules {
            denied_domains: vec![Domain::parse("evil.example").expect("a domain")],
            ..UserRules::default()
        };
        for (text, stored) in [("", ""), ("A@Example.com", "A@example.com"), ("ü@Müller.example", "ü@müller.example")]
        {
            assert_eq!(email(&rules, text).as_deref(), Ok(stored), "{text}");
        }
        for bad in
            ["a", "a@b@c.example", "a@b.example,c@d.example", "<a@b.example>", "a@evil.example", "a@x.evil.example"]
        {
            assert!(email(&rules, bad).is_err(), "{bad}");
        }
        assert!(text(&json!("a".repeat(151)), MAX_NAME_LEN).is_err());
        for bad in ["\u{1b}[31mX", "a\nb", "\u{202e}", "a\u{2066}b"] {
            assert!(first_or_last_name(&json!(bad), "Ana").is_err(), "{bad:?}");
            assert_eq!(first_or_last_name(&json!(bad), bad).as_deref(), Ok(bad), "it is stored already");
        }
    }

    #[test]
    fn a_changed_username_follows_the_rules_of_a_sign_up() {
        let rules = |clean_usernames| UserRules { clean_usernames, ..UserRules::default() };
        let stored = |text: &str, clean| username(&rules(clean), text, &user());
        assert_eq!(stored("ana.lopez@x+1-_", true).as_deref(), Ok("ana.lopez@x+1-_"));
        assert_eq!(stored("Zoe\u{308}", false).as_deref(), Ok("Zo\u{eb}"), "NFKC");
        assert_eq!(stored("\u{ff41}dmin", false).as_deref(), Ok("admin"), "NFKC");
        let too_long = "\u{fdfa}".repeat(150);
        for (text, clean) in [
            ("Zoë", true),
            ("a b", false),
            ("", true),
            ("\u{3164}", false),
            ("admin\u{200b}", false),
            ("admin\u{202e}", false),
            (too_long.as_str(), false),
        ] {
            assert!(stored(text, clean).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_of_another_user_is_no_username() {
        let rules = UserRules { addresses_as_usernames: true, ..UserRules::default() };
        let own = User { email: "ana@x.example".to_owned(), email_verified: true, ..user() };
        let unverified = User { email_verified: false, ..own.clone() };
        assert!(username(&rules, "ana@x.example", &own).is_ok() && username(&rules, "ana", &own).is_ok());
        assert!(username(&rules, "bob@x.example", &own).is_err());
        assert!(username(&rules, "ana@x.example", &unverified).is_err());
    }
}
