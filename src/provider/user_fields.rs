//! Declared fields of the user (REST_SOCIAL_USER_FIELDS): where a provider says them. The expressions are compiled at
//! start; a login evaluates those of its provider and nothing where there is none.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalog;
use super::configured::Provider;
use super::expression::{Expr, Part, Scope};
use crate::model::{without_provider_tokens, without_secrets};
use crate::settings::{SettingError, Settings, UserRules};

/// What an expression may read: what the provider says of the person, and nothing that authenticates.
const READABLE: [&str; 5] = ["profile", "details", "id_token", "body", "bodies"];

/// Details that every provider may tell.
const STANDARD: [&str; 5] = ["username", "email", "fullname", "first_name", "last_name"];

/// Stock fields that a login may write, the last two with NO_DEFAULT_PROTECTED_USER_FIELDS alone.
const WRITTEN: [&str; 4] = ["first_name", "last_name", "username", "email"];

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
            || catalog::catalog_entries().any(|entry| entry.name == name)
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

/// Those that this provider says, by the field's name; what does not compile was told. Further details that
/// USER_FIELD_MAPPING names fill their fields the same way; the standard ones, which complete each other, the pipeline maps.
pub(super) fn of_provider(provider: &str, rules: &UserRules) -> Vec<(String, Expr)> {
    let further = rules.user_field_mapping.iter().filter(|(detail, _)| !STANDARD.contains(&detail.as_str()));
    let mapped =
        further.filter_map(|(detail, field)| Some((field.clone(), compile(&format!("details.{detail}")).ok()?)));
    let declared =
        rules.own_fields.iter().filter(|field| !rules.user_field_mapping.values().any(|to| *to == field.name));
    let said = declared.filter_map(|field| Some((field.name.clone(), compile(field.source(provider)?).ok()?)));
    mapped.chain(said).collect()
}

/// A detail that no configured provider has, and a field that no login writes.
pub(super) fn mistakes_in_mappings(providers: &[Arc<Provider>]) -> Vec<SettingError> {
    let has = |detail: &String| providers.iter().any(|provider| provider.descriptor.user.more.contains_key(detail));
    let mut problems = BTreeSet::new();
    for rules in providers.iter().map(|provider| &provider.settings.user_rules) {
        for (detail, field) in &rules.user_field_mapping {
            if !STANDARD.contains(&detail.as_str()) && !has(detail) {
                problems
                    .insert(format!("{detail:?} is no detail of a configured provider; {} are", STANDARD.join(", ")));
            }
            if !WRITTEN.contains(&field.as_str()) && rules.own_fields.get(field).is_none() {
                problems.insert(format!(
                    "{field:?} is no field that a login writes; {} and declared ones are",
                    WRITTEN.join(", ")
                ));
            }
        }
    }
    problems.into_iter().map(|problem| SettingError::new("SOCIAL_AUTH_USER_FIELD_MAPPING", problem)).collect()
}

/// An expression without a value, or one that meets a member of another type than it thought, says nothing: a field of the
/// operator's own is no reason to refuse a login. Null says nothing, as in DRSA; an empty text empties the field.
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
