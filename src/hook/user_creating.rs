//! Asks, before a user is created, whether the user may sign up and with which data; waits for the answer.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::message;
use super::webhook::Webhook;
use crate::model::{
    EmailAddress, EventType, MAX_NAME_LEN, UserFields, is_bidi_or_control, lenient, sanitize_external_text,
};
use crate::settings::OnFailure;

/// The user that would be created.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Name of the provider.
    pub provider: &'a str,
    /// The account's uid.
    pub uid: &'a str,
    pub username: &'a str,
    pub email: &'a str,
    pub email_verified: bool,
    pub first_name: &'a str,
    pub last_name: &'a str,
    /// Declared fields that the profile fills.
    pub fields: &'a Map<String, Value>,
    /// The account's extra data.
    pub extra_data: &'a Map<String, Value>,
    /// What the application attached to the login.
    pub data: Option<&'a Map<String, Value>>,
}

/// The answer.
#[derive(Debug)]
pub enum SignUpDecision {
    /// With changes of the proposed data.
    Allowed(UserOverrides),
    /// With a sanitized message for the user; may be empty.
    Refused(String),
}

/// Changes of the proposed data; `None`: as proposed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UserOverrides {
    pub username: Option<String>,
    pub email: Option<String>,
    /// False by default for another `email` than proposed.
    pub email_verified: Option<bool>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Declared fields.
    pub fields: Map<String, Value>,
}

/// There is no valid answer, and WEBHOOK_ON_FAILURE is `refuse`.
#[derive(Debug, thiserror::Error)]
#[error("the webhook gave no valid answer: {0}")]
pub struct NoDecisionError(String);

#[derive(Deserialize)]
struct Answer {
    allow: bool,
    #[serde(default)]
    message: String,
    #[serde(default)]
    user: UserOverrides,
}

impl Webhook {
    /// Asks, with the time limit WEBHOOK_TIMEOUT. Without a valid answer, WEBHOOK_ON_FAILURE decides. Errors: it is `refuse`.
    pub async fn ask_user_creating(&self, candidate: Candidate<'_>) -> Result<SignUpDecision, NoDecisionError> {
        let (id, now) = (message::new_id(&self.deps), self.deps.now());
        let body = message::body(EventType::UserCreating, now, data(candidate, &self.fields));
        let answer = match self.post(&id, &body).await {
            Ok(reply) if reply.is_success() => parse_answer(&reply.body, &self.fields),
            Ok(reply) => Err(format!("its status is {}", reply.status)),
            Err(error) => Err(error.to_string()),
        };
        match (answer, self.rules.on_failure) {
            (Ok(answer), _) if !answer.allow => Ok(SignUpDecision::Refused(sanitize_external_text(&answer.message))),
            (Ok(answer), _) => Ok(SignUpDecision::Allowed(answer.user)),
            (Err(reason), OnFailure::Refuse) => Err(NoDecisionError(reason)),
            (Err(reason), OnFailure::Allow) => {
                tracing::warn!(reason, "the webhook gave no valid answer: the user is created as proposed");
                Ok(SignUpDecision::Allowed(UserOverrides::default()))
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
    let mut data = Map::from_iter([("user".to_owned(), user), ("account".to_owned(), account)]);
    if let Some(attached) = candidate.data {
        data.insert("data".to_owned(), Value::Object(attached.clone()));
    }
    data
}

/// An answer must allow or refuse explicitly: an empty one, which any web server gives, does neither. Error texts contain no part
/// of the answer.
fn parse_answer(body: &[u8], fields: &UserFields) -> Result<Answer, String> {
    let answer: Value = lenient::unique_json(body).map_err(|error| {
        if error.is_data() { "an object in it has two members of one name" } else { "it is not JSON" }
    })?;
    // serde would read a list as the members in order.
    if !answer.is_object() || answer.get("user").is_some_and(|user| !user.is_object()) {
        return Err("it or its member user is not a JSON object".to_owned());
    }
    if !answer.get("allow").is_some_and(Value::is_boolean) {
        return Err("it has no boolean member allow".to_owned());
    }
    let answer: Answer = serde_json::from_value(answer).map_err(|_| "a member has the wrong type")?;
    let overrides = &answer.user;
    // `EmailAddress` has a limit of its own.
    let names: Vec<&String> =
        [&overrides.username, &overrides.first_name, &overrides.last_name].into_iter().flatten().collect();
    if names.iter().any(|name| name.chars().count() > MAX_NAME_LEN) {
        return Err(format!("a name of user is longer than {MAX_NAME_LEN} characters"));
    }
    if names.iter().any(|name| name.contains(is_bidi_or_control)) {
        return Err("a name of user contains a control character".to_owned());
    }
    if overrides.username.as_ref().is_some_and(|name| name.trim().is_empty()) {
        return Err("user.username is blank".to_owned());
    }
    if overrides.email.as_ref().is_some_and(|email| !email.is_empty() && EmailAddress::parse(email).is_none()) {
        return Err("user.email is not an e-mail address".to_owned());
    }
    let is_valid = |name: &str, value| fields.get(name).is_some_and(|field| field.kind.parse(value).is_ok());
    if !overrides.fields.iter().all(|(name, value)| is_valid(name, value)) {
        return Err("a member of user.fields is not declared, or has the wrong type".to_owned());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Answer, String> {
        parse_answer(text.as_bytes(), &UserFields::default())
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
        let refused = answer(r#"{"allow": false, "message": "Members only."}"#).expect("a valid answer");
        assert_eq!((refused.allow, refused.message.as_str()), (false, "Members only."));
        let overrides =
            answer(r#"{"allow": true, "user": {"username": "ana", "last_name": ""}}"#).expect("a valid answer").user;
        assert_eq!(
            (overrides.username.as_deref(), overrides.last_name.as_deref(), overrides.email),
            (Some("ana"), Some(""), None)
        );
    }

    #[test]
    fn an_address_may_be_longer_than_a_name() {
        let address = format!("ana@{}example.org", "a-subdomain.".repeat(18));
        let text = format!(r#"{{"allow": true, "user": {{"email": "{address}"}}}}"#);
        assert_eq!(answer(&text).expect("a valid answer").user.email, Some(address));
        assert!(answer(&text.replace("example.org", &"b.".repeat(20))).is_err());
    }

    #[test]
    fn a_member_that_occurs_twice_is_named_as_the_reason() {
        let error = answer(r#"{"allow": false, "allow": true}"#).err();
        assert_eq!(error.as_deref(), Some("an object in it has two members of one name"));
        assert!(answer(r#"{"allow": true, "user": {"allow": 1}, "other": [{"a": 1}, {"a": 1}]}"#).is_ok());
    }

    #[test]
    fn invalid_answers_are_rejected_and_not_quoted() {
        for wrong in [
            "ok",
            "[]",
            r#"{"allow": true, "user": ["ana"]}"#,
            r#"{"allow": false, "allow": true}"#,
            r#"{"allow": true, "allow": true}"#,
            r#"{"allow": false, "\u0061llow": true}"#,
            r#"{"allow": true, "user": {"email": "secret@a.example", "email": "secret@b.example"}}"#,
            "null",
            r#"{"allow": "no"}"#,
            r#"{"allow": true, "user": {"username": " "}}"#,
            r#"{"allow": true, "user": {"username": 7}}"#,
            r#"{"allow": true, "user": {"email": "secret"}}"#,
            r#"{"allow": true, "user": {"email": "secret@evil.example@company.com"}}"#,
            r#"{"allow": true, "user": {"email": "secret@evil.example,x@company.com"}}"#,
            r#"{"allow": true, "user": {"fields": {"secret": 1}}}"#,
            r#"{"allow": true, "user": {"first_name": "a\u0000secret"}}"#,
            r#"{"allow": true, "user": {"last_name": "secret\u202e"}}"#,
            &format!(r#"{{"allow": true, "user": {{"first_name": "{}"}}}}"#, "x".repeat(151)),
        ] {
            let error = answer(wrong).err().unwrap_or_else(|| panic!("{wrong} was accepted"));
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
