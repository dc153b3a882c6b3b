//! Facebook tells the granted scopes in the callback, with commas between (R-EXT-02).

use serde_json::{Map, Value};

use super::super::ProviderError;
use super::super::exchange::Login;
use super::Quirk;

pub struct Facebook;

impl Quirk for Facebook {
    fn profile(&self, _: &Login<'_>, _: &Value, profile: &mut Map<String, Value>) -> Result<(), ProviderError> {
        for name in ["granted_scopes", "denied_scopes"] {
            if let Some(Value::String(scopes)) = profile.get(name) {
                let split: Value = scopes.split(',').filter(|scope| !scope.is_empty()).collect();
                profile.insert(name.to_owned(), split);
            }
        }
        Ok(())
    }
}
