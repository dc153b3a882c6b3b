//! Asked before a user is created, and waited for: may this user be, and as who?

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Hook, message};
use crate::model::{EmailAddress, EventType, UserFields, lenient, sanitize_external_text};
use crate::settings::OnFailure;

/// Who is about to be created.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub provider: &'a str,
    pub uid: &'a str,
    pub username: &'a str,
    pub email: &'a str,
    pub email_verified: bool,
    pub first_name: &'a str,
    pub last_name: &'a str,
    /// Declared ones that the profile fills.
    pub fields: &'a Map<String, Value>,
    /// What will be kept of the profile.
    pub extra_data: &'a Map<String, Value>,
}

#[derive(Debug)]
pub enum Verdict {
    Allowed(UserOverrides),
    /// With words for the person, harmless ones; there may be none.
    Refused(String),
}

/// Fields that shall be other than proposed; `None`: as proposed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UserOverrides {
    pub username: Option<String>,
    pub email: Option<String>,
    /// Of another `email` than proposed, false unless said.
    pub email_verified: Option<bool>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Declared ones, of their types.
    pub fields: Map<String, Value>,
}

/// No answer that can be understood, where the settings want one.
#[derive(Debug, thiserror::Error)]
#[error("the webhook did not answer as it should: {0}")]
pub struct NoDecision(String);

#[derive(Deserialize)]
struct Answer {
    allow: bool,
    #[serde(default)]
    message: String,
    #[serde(default)]
    user: UserOverrides,
}

impl Hook {
    /// Within WEBHOOK_TIMEOUT. Without an answer, WEBHOOK_ON_FAILURE decides.
    pub async fn ask_user_creating(&self, candidate: Candidate<'_>) -> Result<Verdict, NoDecision> {
        let (id, now) = (message::new_id(&self.deps), self.deps.now());
        let body = message::body(EventType::UserCreating, now, data(candidate, &self.fields));
        let answer = match self.post(&id, &body).await {
            Ok(reply) if (200..300).contains(&reply.status) => understood(&reply.body, &self.fields),
            Ok(reply) => Err(format!("its status is {}", reply.status)),
            Err(error) => Err(error.to_string()),
        };
        match (answer, self.rules.on_failure) {
            (Ok(answer), _) if !answer.allow => Ok(Verdict::Refused(sanitize_external_text(&answer.message))),
            (Ok(answer), _) => Ok(Verdict::Allowed(answer.user)),
            (Err(reason), OnFailure::Refuse) => Err(NoDecision(reason)),
            (Err(reason), OnFailure::Allow) => {
                tracing::warn!(reason, "the webhook did not answer as it should: the user is created all the same");
                Ok(Verdict::Allowed(UserOverrides::default()))
            }
        }
    }
}

fn data(candidate: Candidate<'_>, fields: &UserFields) -> Map<String, Value> {
    let mut user = json!({
        "username": candidate.username,
        "first_name": candidate.first_name,
        "last_name": candidate.last_name,
        "email": candidate.email,
        "email_verified": candidate.email_verified,
    });
    if !fields.is_empty() {
        user["fields"] = Value::Object(candidate.fields.clone());
    }
    let account = json!({
        "provider": candidate.provider,
        "uid": candidate.uid,
        "extra_data": candidate.extra_data,
    });
    Map::from_iter([("user".to_owned(), user), ("account".to_owned(), account)])
}

/// An answer allows or refuses in so many words: an empty one, which any web server gives, does neither. The text of an error
/// holds no part of the answer.
fn understood(body: &[u8], fields: &UserFields) -> Result<Answer, String> {
    let answer: Value = lenient::json(body).map_err(|_| "it is not JSON")?;
    // A list would be read as the members in order.
    if !answer.is_object() || answer.get("user").is_some_and(|user| !user.is_object()) {
        return Err("it is no JSON object, or its user is none".to_owned());
    }
    if !answer.get("allow").is_some_and(Value::is_boolean) {
        return Err("it has no member allow that is true or false".to_owned());
    }
    let answer: Answer =
        serde_json::from_value(answer).map_err(|_| "a member of it is of another type than it must be")?;
    let amended = &answer.user;
    let texts = [&amended.username, &amended.email, &amended.first_name, &amended.last_name];
    let too_long = |text: &&Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > LONGEST);
    let unprintable = |text: &&Option<String>| text.as_ref().is_some_and(|text| text.contains(char::is_control));
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    let is_no_address = |email: &String| !email.is_empty() && EmailAddress::parse(email).is_none();
    let unfit = |(name, value): (&String, &Value)| fields.get(name).is_none_or(|field| field.kind.fit(value).is_err());
    match () {
        () if texts.iter().any(too_long) => Err(format!("a field of user is longer than {LONGEST} characters")),
        () if texts.iter().any(unprintable) => Err("a field of user holds a control character".to_owned()),
        () if is_blank(&amended.username) => Err("user.username is blank".to_owned()),
        () if amended.email.as_ref().is_some_and(is_no_address) => Err("user.email is no address".to_owned()),
        () if amended.fields.iter().any(unfit) => {
            Err("a member of user.fields is not declared, or not of its type".to_owned())
        }
        () => Ok(answer),
    }
}

/// As long as the shortest of the columns.
const LONGEST: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Answer, String> {
        understood(text.as_bytes(), &UserFields::default())
    }

    #[test]
    fn fault_a20_only_an_explicit_allow_allows() {
        for allowed in [r#"{"allow": true}"#, r#"{"allow": true, "user": {}}"#, r#"{"allow": true, "other": [1]}"#] {
            assert!(answer(allowed).unwrap_or_else(|error| panic!("{allowed}: {error}")).allow);
        }
        for silent in
            ["", " \n", "{}", r#"{"user": {}}"#, r#"{"allow": null}"#, r#"{"Allow": true}"#, r#"{"allow": 1}"#]
        {
            assert!(answer(silent).is_err(), "{silent}");
        }
        let refused = answer(r#"{"allow": false, "message": "Members only."}"#).expect("understood");
        assert_eq!((refused.allow, refused.message.as_str()), (false, "Members only."));
        let amended =
            answer(r#"{"allow": true, "user": {"username": "ana", "last_name": ""}}"#).expect("understood").user;
        assert_eq!(
            (amended.username.as_deref(), amended.last_name.as_deref(), amended.email),
            (Some("ana"), Some(""), None)
        );
    }

    #[test]
    fn what_cannot_be_understood_is_no_answer_and_is_not_repeated() {
        for wrong in [
            "ok",
            "[]",
            r#"{"allow": true, "user": ["ana"]}"#,
            "null",
            r#"{"allow": "no"}"#,
            r#"{"allow": true, "user": {"username": " "}}"#,
            r#"{"allow": true, "user": {"username": 7}}"#,
            r#"{"allow": true, "user": {"email": "secret"}}"#,
            r#"{"allow": true, "user": {"email": "secret@evil.example@company.com"}}"#,
            r#"{"allow": true, "user": {"email": "secret@evil.example,x@company.com"}}"#,
            r#"{"allow": true, "user": {"fields": {"secret": 1}}}"#,
            r#"{"allow": true, "user": {"first_name": "a\u0000secret"}}"#,
            &format!(r#"{{"allow": true, "user": {{"first_name": "{}"}}}}"#, "x".repeat(151)),
        ] {
            let error = answer(wrong).err().unwrap_or_else(|| panic!("{wrong} was understood"));
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
