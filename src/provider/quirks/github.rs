//! GitHub keeps e-mail addresses in a list of their own: the primary one wins, else the first (R-O2-05).

use serde_json::{Map, Value};

use super::super::ProviderError;
use super::super::exchange::Login;
use super::Quirk;

pub struct GitHub;

impl Quirk for GitHub {
    fn profile(&self, _: &Login<'_>, bodies: &Value, profile: &mut Map<String, Value>) -> Result<(), ProviderError> {
        let Some(list) = bodies.get(1).and_then(Value::as_array) else { return Ok(()) };
        let says = |entry: &Value, member: &str| entry.get(member).and_then(Value::as_bool) == Some(true);
        let Some(entry) = list.iter().find(|entry| says(entry, "primary")).or_else(|| list.first()) else {
            return Ok(());
        };
        // The list may hold plain texts, of which nothing more is known.
        let email = entry.get("email").or(Some(entry)).filter(|email| email.is_string());
        if let Some(email) = email {
            profile.insert("email".to_owned(), email.clone());
            profile.insert("email_verified".to_owned(), Value::from(says(entry, "primary") && says(entry, "verified")));
        }
        profile.insert("emails".to_owned(), Value::Array(list.clone()));
        Ok(())
    }
}
