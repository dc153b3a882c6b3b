//! Declared fields of the user (REST_SOCIAL_USER_FIELDS): where a provider says them. The expressions are compiled at
//! start; a login evaluates those of its provider and nothing where there is none.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::catalog;
use super::expression::{Expr, Part, Scope};
use crate::model::{UserFields, without_provider_tokens, without_secrets};
use crate::settings::{SettingError, Settings};

/// What an expression may read: what the provider says of the person, and nothing that authenticates.
const READABLE: [&str; 5] = ["profile", "details", "id_token", "body", "bodies"];

/// Of a part that is read, what does not authenticate: a profile may hold the token answer as well (SEC-40).
fn shown(part: Part<'_>) -> Value {
    match part {
        Part::Text(text) => text.into(),
        Part::Number(number) => number.into(),
        Part::Members(members) => without_provider_tokens(members).into(),
        Part::Value(value) => without_secrets("", value).unwrap_or_default(),
    }
}

/// All mistakes, by field.
pub(super) fn mistakes(settings: &Settings) -> Vec<SettingError> {
    let is_provider = |name: &str| {
        name == "*"
            || settings.providers.iter().any(|provider| provider.name == name)
            || catalog::entries().any(|entry| entry.name == name)
    };
    let mut errors = Vec::new();
    for field in settings.users.own_fields.iter() {
        for (provider, source) in &field.from {
            let problem = if is_provider(provider) {
                compile(source).err()
            } else {
                Some(format!("no provider is called `{provider}`{}", catalog::nearest(provider)))
            };
            if let Some(problem) = problem {
                let name = format!("REST_SOCIAL_USER_FIELDS.{}.from", field.name);
                errors.push(SettingError::new(name, problem));
            }
        }
    }
    errors
}

fn compile(source: &str) -> Result<Expr, String> {
    let expr = Expr::parse(source)?;
    if expr.reads_only(|root| READABLE.contains(&root)) {
        Ok(expr)
    } else {
        Err(format!("`{source}`: may read {} only", READABLE.join(", ")))
    }
}

/// Those that this provider says, by the field's name; what does not compile was told.
pub(super) fn of_provider(provider: &str, fields: &UserFields) -> Vec<(String, Expr)> {
    let said = fields.iter().filter_map(|field| Some((field.name.clone(), compile(field.source(provider)?).ok()?)));
    said.collect()
}

/// An expression without a value, or one that meets a member of another type than it thought, says nothing: a field of the
/// operator's own is no reason to refuse a login.
pub(super) fn evaluated(fields: &[(String, Expr)], scope: &Scope<'_>) -> Map<String, Value> {
    let is_read = |name: &&str| fields.iter().any(|(_, expr)| !expr.reads_only(|root| root != *name));
    let parts: Vec<(&str, Value)> =
        READABLE.into_iter().filter(is_read).filter_map(|name| Some((name, shown(scope.get(name)?)))).collect();
    let scope = parts.iter().fold(scope.emptied(), |scope, (name, part)| scope.with(name, Some(part)));
    let value = |expr: &Expr| match expr.eval(&scope) {
        Ok(value) => value.map(Cow::into_owned).filter(|value| !value.is_null()),
        Err(error) => {
            tracing::warn!(%error, "a field of the user cannot be read");
            None
        }
    };
    fields.iter().filter_map(|(name, expr)| Some((name.clone(), value(expr)?))).collect()
}
