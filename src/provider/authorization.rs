//! The authorization URL, with its parameters in the order of DRSA.

use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::call::{render_pairs, render_url, resolve_url, set_pair};
use super::configured::Provider;
use super::descriptor::{AddressKind, StateIn};
use super::error::{ProviderError, Stage};
use super::login_parameters::MAX_VALUE_LEN;
use super::protocol::{Authorization, Protocol};
use crate::model::field_message;
use crate::outgoing::{Freshness, Pairs};

impl Provider {
    /// The URL to which the user is redirected. May fetch the discovery document.
    ///
    /// Errors: a part of the address is invalid, or the discovery document cannot be fetched.
    pub async fn authorization_url(
        &self,
        request: &Authorization<'_>,
        deadline: Instant,
    ) -> Result<String, ProviderError> {
        let rules = &self.descriptor.authorization;
        let address = self.checked_address(request.address)?;
        let discovery = self.discovery(deadline, Freshness::Cached).await?;
        let scopes = match request.scope {
            Some(scopes) => scopes.join(&self.descriptor.scope.separator),
            None => self.scope.clone(),
        };
        let redirect_uri = match rules.state {
            StateIn::Redirect => with_redirect_state(request.redirect_uri, request.state),
            _ => request.redirect_uri.to_owned(),
        };
        let scope = self
            .base_scope()
            .with("redirect_uri", Some(redirect_uri.as_str()))
            .with("state", Some(request.state))
            .with("nonce", request.nonce)
            .with("scope", Some(scopes.as_str()))
            .with("address", Some(&address))
            .with("discovery", discovery.as_ref().map(|document| &document.members));
        let template = self.override_of("AUTHORIZATION_URL").unwrap_or(&rules.url);
        let mut url = resolve_url(Stage::Authorization, template, &scope, &[])?;

        let mut parameters = self.default_parameters(request, &redirect_uri, &scopes);
        for (name, value) in render_pairs(&rules.parameters, &scope)? {
            set_pair(&mut parameters, &name, value);
        }
        for (name, value) in &request.parameters.pairs {
            set_pair(&mut parameters, name, value.clone());
        }
        // After those of the login, which must not replace them. Only these two may be stricter than the settings.
        let is_stricter = |name: &str| {
            let of_login = &request.parameters.pairs;
            matches!(name, "max_age" | "acr_values") && of_login.iter().any(|(own, _)| own == name)
        };
        let arguments = self.values.pairs("AUTH_EXTRA_ARGUMENTS").into_iter();
        for (name, value) in arguments.filter(|(name, _)| !is_stricter(name)) {
            set_pair(&mut parameters, &name, value);
        }
        remove_from_query(&mut url, &parameters);
        url.query_pairs_mut().extend_pairs(parameters);
        url.set_fragment(rules.fragment.as_deref());
        Ok(self.client.browser_url(url, &request.parameters.simulator_choice).into())
    }

    /// In the order of DRSA (R-O2-03).
    fn default_parameters(&self, request: &Authorization<'_>, redirect_uri: &str, scopes: &str) -> Pairs {
        let rules = &self.descriptor.authorization;
        let mut parameters = Pairs::new();
        let mut add = |name: &str, value: &str| {
            if !name.is_empty() && !value.is_empty() {
                parameters.push((name.to_owned(), value.to_owned()));
            }
        };
        if self.descriptor.protocol == Protocol::OAuth1 {
            add("oauth_token", request.request_token.map_or("", |token| &token.token));
            add(&rules.redirect_uri_parameter, redirect_uri);
        } else {
            add(&rules.client_id_parameter, &self.client_id);
            add(&rules.redirect_uri_parameter, redirect_uri);
            if rules.state == StateIn::Parameter {
                add("state", request.state);
            }
            add("response_type", &rules.response_type);
            if let Some(challenge) = request.code_challenge {
                add("code_challenge_method", "S256");
                add("code_challenge", challenge);
            }
            add("nonce", request.nonce.unwrap_or_default());
        }
        add(&self.descriptor.scope.parameter, scopes);
        parameters
    }

    /// The parts of the provider's URL that the descriptor names, checked (SEC-38).
    ///
    /// Errors: a part is missing or invalid.
    pub fn checked_address(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, ProviderError> {
        let mut checked = Map::new();
        let mut problems = Vec::new();
        for (name, rule) in &self.descriptor.address {
            let value = given.get(name).and_then(Value::as_str).map(str::trim).filter(|value| !value.is_empty());
            let Some(value) = value else {
                if rule.required {
                    problems.push((name.clone(), field_message::REQUIRED.to_owned()));
                }
                continue;
            };
            if value.chars().count() > MAX_VALUE_LEN || value.contains(char::is_control) {
                let problem = format!("Must have at most {MAX_VALUE_LEN} characters, and no control characters.");
                problems.push((name.clone(), problem));
                continue;
            }
            let value = match rule.kind {
                AddressKind::Text => value.to_owned(),
                AddressKind::Label => value.to_ascii_lowercase(),
            };
            if rule.kind == AddressKind::Label && !value.strip_suffix(&rule.suffix).is_some_and(is_label) {
                problems.push((name.clone(), format!("Must be a single name{}.", with_suffix(&rule.suffix))));
                continue;
            }
            checked.insert(name.clone(), Value::from(value));
        }
        if problems.is_empty() { Ok(checked) } else { Err(ProviderError::InvalidFields(problems)) }
    }

    /// The authorization endpoint without parameters. `None`: it is in a discovery document that is not fetched yet.
    pub fn authorization_endpoint(&self) -> Option<String> {
        let document = self.discovery_document.latest();
        let scope = self.base_scope().with("discovery", document.as_ref().map(|document| &document.members));
        let template = self.override_of("AUTHORIZATION_URL").unwrap_or(&self.descriptor.authorization.url);
        render_url(template, &scope, &[]).ok().flatten().map(Url::into)
    }
}

/// Removes what a discovery document put into the query under the name of a parameter of the login. The rest must stay
/// (RFC 6749, 3.1).
fn remove_from_query(url: &mut Url, parameters: &Pairs) {
    let is_own = |name: &str| parameters.iter().any(|(own, _)| own == name);
    if url.query_pairs().any(|(name, _)| is_own(&name)) {
        let rest = url.query_pairs().filter(|(name, _)| !is_own(name));
        let rest: Pairs = rest.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        url.query_pairs_mut().clear().extend_pairs(rest);
    }
}

fn with_suffix(suffix: &str) -> String {
    if suffix.is_empty() { String::new() } else { format!(" followed by {suffix}") }
}

/// A single DNS label.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The redirect URI with the state, for providers that do not return `state`.
pub fn with_redirect_state(redirect_uri: &str, state: &str) -> String {
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{separator}redirect_state={state}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_the_endpoint_replaces_no_parameter_of_the_login() {
        let own = Pairs::from([("state".to_owned(), "s".to_owned())]);
        for (before, after) in [
            ("https://idp.example/a?state=evil&p=1&STATE=x&state=", "https://idp.example/a?p=1&STATE=x"),
            ("https://idp.example/a?p=a%20b", "https://idp.example/a?p=a%20b"),
        ] {
            let mut url = Url::parse(before).unwrap_or_else(|error| panic!("{error}"));
            remove_from_query(&mut url, &own);
            assert_eq!(url.as_str(), after);
        }
    }
}
