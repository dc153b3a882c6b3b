//! What a callback holds, read before anything is looked up by it: the fields that a provider wraps into another one, and
//! the refusal that it carries instead of a code.

use serde_json::{Map, Value};

use super::configured::Provider;
use super::error::ProviderError;
use super::reply::callback_error;
use crate::model::{as_text, is_filled, lenient};

/// What the wrapping field may hold beside the descriptor's login fields.
const WRAPPED: [&str; 4] = ["state", "error", "error_code", "error_description"];

impl Provider {
    /// The members of a callback with those that the provider wraps into another field, which hold the fields of a login,
    /// its state or an error, and nothing else.
    ///
    /// Errors: the wrapping field is no JSON, or says something else than the field beside it.
    pub fn unwrap_callback(&self, mut fields: Map<String, Value>) -> Result<Map<String, Value>, ProviderError> {
        let Some(name) = &self.descriptor.callback_wrapper else { return Ok(fields) };
        let invalid = |problem: &str| ProviderError::InvalidFields(vec![(name.clone(), problem.to_owned())]);
        let members = match fields.get(name).filter(|value| is_filled(value)) {
            None => return Ok(fields),
            Some(Value::Object(members)) => members.clone(),
            Some(Value::String(text)) => match lenient::json(text.as_bytes()) {
                Ok(Value::Object(members)) => members,
                Ok(_) => return Ok(fields),
                Err(_) => return Err(invalid("Must be JSON.")),
            },
            Some(_) => return Ok(fields),
        };
        for (member, value) in members {
            let is_login_field =
                self.descriptor.callback_fields.iter().any(|names| names.split('|').any(|n| n == member));
            if !(is_login_field || WRAPPED.contains(&member.as_str())) {
                continue;
            }
            match fields.get(&member).filter(|outer| is_filled(outer)) {
                Some(outer) if as_text(outer) != as_text(&value) => {
                    return Err(invalid(&format!("Its {member} is not the {member} beside it.")));
                }
                _ => {
                    fields.insert(member, value);
                }
            }
        }
        Ok(fields)
    }

    /// The error that a callback carries, read before anything else is required (R-ERR-12, SEC-7); `None` where it
    /// carries none.
    pub fn callback_error(&self, fields: &Map<String, Value>) -> Option<ProviderError> {
        callback_error(fields).or_else(|| {
            let has = |name: &str| fields.get(name).is_some_and(is_filled);
            let no_login_field = || !self.login_fields.iter().any(|names| names.split('|').any(has));
            let declined = self.descriptor.errors.state_alone && has("state") && no_login_field();
            declined.then_some(ProviderError::AccessDenied { message: None })
        })
    }
}
