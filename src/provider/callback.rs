//! The fields of a callback: those that a provider wraps into another field, and the error that may replace the code.

use serde_json::{Map, Value};

use super::configured::Provider;
use super::error::ProviderError;
use super::reply::callback_error;
use crate::model::{as_text, is_truthy, lenient};

/// Members that the wrapping field may contain besides the login fields.
const WRAPPED_MEMBERS: [&str; 4] = ["state", "error", "error_code", "error_description"];

impl Provider {
    /// Adds the members of the wrapping field (`callback_wrapper`): login fields, the state or an error. Other members are ignored.
    ///
    /// Errors: the wrapping field is not JSON, or contradicts another field.
    pub fn unwrap_callback(&self, mut fields: Map<String, Value>) -> Result<Map<String, Value>, ProviderError> {
        let Some(name) = &self.descriptor.callback_wrapper else { return Ok(fields) };
        let invalid = |problem: &str| ProviderError::InvalidFields(vec![(name.clone(), problem.to_owned())]);
        let members = match fields.get(name).filter(|value| is_truthy(value)) {
            None => return Ok(fields),
            Some(Value::Object(members)) => members.clone(),
            Some(Value::String(text)) => match lenient::json(text.as_bytes()) {
                Ok(Value::Object(members)) => members,
                Ok(_) => return Ok(fields),
                // A script writes `undefined` for a missing value.
                Err(_) if self.is_complete(&fields) => return Ok(fields),
                Err(_) => return Err(invalid("Must be JSON.")),
            },
            Some(_) => return Ok(fields),
        };
        for (member, value) in members {
            let is_login_field =
                self.descriptor.callback_fields.iter().any(|names| names.split('|').any(|n| n == member));
            if !(is_login_field || WRAPPED_MEMBERS.contains(&member.as_str())) {
                continue;
            }
            match fields.get(&member).filter(|outer| is_truthy(outer)) {
                Some(outer) if as_text(outer) != as_text(&value) => {
                    return Err(invalid(&format!("Its {member} differs from the field {member}.")));
                }
                _ => {
                    fields.insert(member, value);
                }
            }
        }
        Ok(fields)
    }

    /// Whether the fields have an error, or everything that a login needs.
    fn is_complete(&self, fields: &Map<String, Value>) -> bool {
        let has = |name: &str| fields.get(name).is_some_and(is_truthy);
        callback_error(fields).is_some() || self.login_fields.iter().all(|names| names.split('|').any(has))
    }

    /// The error in a callback, which takes precedence over missing fields (R-ERR-12, SEC-7). `None`: there is none.
    pub fn callback_error(&self, fields: &Map<String, Value>) -> Option<ProviderError> {
        callback_error(fields).or_else(|| {
            let has = |name: &str| fields.get(name).is_some_and(is_truthy);
            let no_login_field = || !self.login_fields.iter().any(|names| names.split('|').any(has));
            let declined = self.descriptor.errors.state_alone && has("state") && no_login_field();
            declined.then_some(ProviderError::AccessDenied { message: None })
        })
    }
}
