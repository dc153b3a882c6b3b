//! The operator's own fields of users (REST_SOCIAL_USER_FIELDS): expressions that read them from a profile, compiled at start.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalog;
use super::configured::Provider;
use super::expression::{Expr, Part, Scope};
use crate::model::{without_provider_tokens, without_secrets};
use crate::settings::{SettingError, Settings, UserRules};

/// The roots that an expression may read: data about the user, without credentials.
const READABLE: [&str; 5] = ["profile", "details", "id_token", "body", "bodies"];

/// Details that every provider may supply.
const STANDARD_DETAILS: [&str; 5] = ["username", "email", "fullname", "first_name", "last_name"];

/// Built-in fields that a login may write; the last two need NO_DEFAULT_PROTECTED_USER_FIELDS.
const WRITABLE_FIELDS: [&str; 4] = ["first_name", "last_name", "username", "email"];

/// A part without credentials: a profile may contain the token answer (SEC-40).
fn without_credentials(part: Part<'_>) -> Value {
    match part {
        Part::Text(text) => text.into(),
        Part::Number(number) => number.into(),
        Part::Members(members) => without_provider_tokens(members).into(),
        Part::Value(value) => without_secrets("", value).unwrap_or_default(),
    }
}

/// All errors in the declared fields.
pub(super) fn declaration_errors(settings: &Settings) -> Vec<SettingError> {
    let is_provider = |name: &str| {
        name == "*"
            || settings.providers.iter().any(|provider| provider.name == name)
            || catalog::catalog_entries().any(|entry| entry.name == name)
    };
    let mut errors = Vec::new();
    for field in settings.users.own_fields.iter() {
        for (provider, source) in &field.from {
            let problem = if is_provider(provider) {
                compile(source).err()
            } else {
                Some(format!("there is no provider `{provider}`{}", catalog::nearest(provider)))
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
        Err(format!("`{source}`: may read only {}", READABLE.join(", ")))
    }
}

/// The expressions of this provider, by name of the field. Those that do not compile are reported by [`declaration_errors`].
/// Details that USER_FIELD_MAPPING names are included, but for the standard ones, which the pipeline maps.
pub(super) fn of_provider(provider: &str, rules: &UserRules) -> Vec<(String, Expr)> {
    let further = rules.user_field_mapping.iter().filter(|(detail, _)| !STANDARD_DETAILS.contains(&detail.as_str()));
    let mapped =
        further.filter_map(|(detail, field)| Some((field.clone(), compile(&format!("details.{detail}")).ok()?)));
    let declared =
        rules.own_fields.iter().filter(|field| !rules.user_field_mapping.values().any(|to| *to == field.name));
    let expressions = declared.filter_map(|field| Some((field.name.clone(), compile(field.source(provider)?).ok()?)));
    mapped.chain(expressions).collect()
}

/// Errors in USER_FIELD_MAPPING: unknown details, and fields that a login does not write.
pub(super) fn mapping_errors(providers: &[Arc<Provider>]) -> Vec<SettingError> {
    let has = |detail: &String| providers.iter().any(|provider| provider.descriptor.user.more.contains_key(detail));
    let mut problems = BTreeSet::new();
    for rules in providers.iter().map(|provider| &provider.settings.user_rules) {
        for (detail, field) in &rules.user_field_mapping {
            if !STANDARD_DETAILS.contains(&detail.as_str()) && !has(detail) {
                problems.insert(format!(
                    "{detail:?} is not a detail of a configured provider; use one of {}",
                    STANDARD_DETAILS.join(", ")
                ));
            }
            if !WRITABLE_FIELDS.contains(&field.as_str()) && rules.own_fields.get(field).is_none() {
                problems.insert(format!(
                    "{field:?} is not a field that a login writes; use one of {}, or a declared field",
                    WRITABLE_FIELDS.join(", ")
                ));
            }
        }
    }
    problems.into_iter().map(|problem| SettingError::new("SOCIAL_AUTH_USER_FIELD_MAPPING", problem)).collect()
}

/// The values of the fields. A field whose expression fails or is null is left out, as in DRSA, because it must not make a login
/// fail. An empty text empties the field.
pub(super) fn evaluated(fields: &[(String, Expr)], scope: &Scope<'_>) -> Map<String, Value> {
    let is_read = |name: &&str| fields.iter().any(|(_, expr)| !expr.reads_only(|root| root != *name));
    let parts: Vec<(&str, Value)> = READABLE
        .into_iter()
        .filter(is_read)
        .filter_map(|name| Some((name, without_credentials(scope.get(name)?))))
        .collect();
    let scope = parts.iter().fold(scope.without_parts(), |scope, (name, part)| scope.with(name, Some(part)));
    let value = |expr: &Expr| match expr.eval(&scope) {
        Ok(value) => value.map(Cow::into_owned).filter(|value| !value.is_null()),
        Err(error) => {
            tracing::warn!(%error, "the expression of a user field failed");
            None
        }
    };
    fields.iter().filter_map(|(name, expr)| Some((name.clone(), value(expr)?))).collect()
}
