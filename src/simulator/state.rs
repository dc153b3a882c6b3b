//! The state of the simulator, and the values of the placeholders in samples.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::call_log::CallLog;
use super::keys::{Keys, base64};
use super::logins::{CredentialType, Login, Logins};
use super::personas::Personas;
use super::provider::{SimulatedProvider, origin_of};
use crate::clock::Deps;
use crate::provider::SampleValues;
use crate::secrets::ExposeSecret as _;

/// In seconds.
const TOKEN_LIFETIME: i64 = 3600;

/// The state of the simulator.
pub struct SimulatorState {
    pub providers: Vec<Arc<SimulatedProvider>>,
    pub personas: Arc<Personas>,
    pub keys: Arc<Keys>,
    pub deps: Deps,
    logins: Mutex<Logins>,
    log: Mutex<CallLog>,
}

impl SimulatorState {
    pub fn new(providers: Vec<Arc<SimulatedProvider>>, personas: Arc<Personas>, keys: Arc<Keys>, deps: Deps) -> Self {
        Self { providers, personas, keys, deps, logins: Mutex::default(), log: Mutex::default() }
    }

    pub fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn log(&self) -> MutexGuard<'_, CallLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the placeholders of a text; unknown ones stay.
    pub fn fill(&self, text: &str, provider: &SimulatedProvider, login: Option<&Login>) -> String {
        fill(text, &|name| self.value(name, provider, login))
    }

    /// As [`Self::fill`], without the signatures, which need the whole callback.
    pub fn fill_unsigned(&self, text: &str, login: &Login) -> String {
        let is_signature = |name: &str| login.provider.sample.signatures.contains_key(name);
        fill(text, &|name| if is_signature(name) { None } else { self.value(name, &login.provider, Some(login)) })
    }

    fn value(&self, name: &str, provider: &SimulatedProvider, login: Option<&Login>) -> Option<String> {
        let (id, secret) = (provider.provider.client_id(), provider.provider.client_secret().expose_secret());
        let of_client = match name {
            "client_id" => Some(id.to_owned()),
            "client_secret" => Some(secret.to_owned()),
            "basic" => Some(base64(&format!("{id}:{secret}"))),
            "now" => Some(self.deps.now().seconds().to_string()),
            "jwks" => Some(self.keys.published()),
            _ => None,
        };
        let Some(login) = login else { return of_client };
        of_client.or_else(|| self.value_of_login(name, login))
    }

    fn value_of_login(&self, name: &str, login: &Login) -> Option<String> {
        let credential = |kind| Some(login.credential(kind));
        match name {
            "redirect_uri" => Some(login.redirect_uri.clone()),
            "redirect_origin" => Some(origin_of(&login.redirect_uri)),
            "code" => credential(CredentialType::Code),
            "access_token" => credential(CredentialType::AccessToken),
            "base64_access_token" => Some(base64(&login.credential(CredentialType::AccessToken))),
            "refresh_token" => credential(CredentialType::RefreshToken),
            "token_secret" => credential(CredentialType::TokenSecret),
            "request_token" => credential(CredentialType::RequestToken),
            "request_secret" => credential(CredentialType::RequestSecret),
            "state" => login.state.clone(),
            "now_utc" => Some(format!("{}Z", login.begun.rfc3339().get(..19).unwrap_or_default())),
            "id_token" => Some(self.id_token(login)),
            name => self.signature(name, login),
        }
    }

    fn signature(&self, name: &str, login: &Login) -> Option<String> {
        let provider = &login.provider.provider;
        let access_token = login.credential(CredentialType::AccessToken);
        let values = SampleValues {
            client_id: provider.client_id(),
            client_secret: provider.client_secret().expose_secret(),
            access_token: &access_token,
            callback: &login.callback,
        };
        login.provider.sample.signature(name, &values)
    }

    /// The claims of the sample, with the client, the times and the nonce of this login.
    pub fn claims(&self, login: &Login) -> Map<String, Value> {
        let (sample, now) = (&login.provider.sample, self.deps.now().seconds());
        let mut claims = Map::from_iter([("aud".to_owned(), Value::from(login.provider.provider.client_id()))]);
        claims.extend(sample.issuer.as_ref().map(|issuer| ("iss".to_owned(), Value::from(issuer.as_str()))));
        let of_sample = sample.id_token.clone().unwrap_or_default();
        let fill = |text: &str| {
            fill(text, &|name| (name != "id_token").then(|| self.value(name, &login.provider, Some(login))).flatten())
        };
        claims.extend(match &login.user {
            Some(user) => user.rewriting.members(&of_sample, &fill),
            None => of_sample,
        });
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + TOKEN_LIFETIME).into());
        claims.extend(login.has_max_age.then(|| ("auth_time".to_owned(), now.into())));
        claims.extend(login.acr.as_ref().map(|acr| ("acr".to_owned(), Value::from(acr.as_str()))));
        claims
    }

    /// The ID token of a login (OpenID Connect Core, section 2).
    fn id_token(&self, login: &Login) -> String {
        let (rules, mut claims) = (&login.provider.descriptor().id_token, self.claims(login));
        let is_first = login.progress.generation == 0;
        let nonce = login.nonce.as_ref().filter(|_| rules.nonce && is_first);
        claims.extend(nonce.map(|nonce| ("nonce".to_owned(), Value::from(nonce.as_str()))));
        let mut calls = login.provider.sample.calls.iter();
        if rules.at_hash && calls.any(|call| call.answer.contains("\"{access_token}\"")) {
            let digest = digest::digest(&digest::SHA256, login.credential(CredentialType::AccessToken).as_bytes());
            claims.insert("at_hash".to_owned(), URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]).into());
        }
        self.keys.sign(&claims, &rules.algorithms)
    }
}

/// Replaces `{name}` where `value` has one.
pub fn fill(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let (mut result, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('{') {
        result.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        let name = end.filter(|end| *end > 0 && after[*end..].starts_with('}')).map(|end| &after[..end]);
        match name.and_then(|name| Some((name, value(name)?))) {
            Some((name, found)) => {
                result.push_str(&found);
                rest = &after[name.len() + 1..];
            }
            None => {
                result.push('{');
                rest = after;
            }
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_placeholders_are_replaced_and_other_braces_stay() {
        let value = |name: &str| (name == "code").then(|| "c1".to_owned());
        assert_eq!(
            fill(r#"{"a": "{code}", "b": {"c": "x{code}y{other}"}}"#, &value),
            r#"{"a": "c1", "b": {"c": "xc1y{other}"}}"#
        );
        assert_eq!(fill("{me{externalId displayName}} {code", &value), "{me{externalId displayName}} {code");
    }
}
