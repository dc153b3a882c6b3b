//! What becomes of a provider's tokens after the login: renewed (RFC 6749, section 6) and given back (RFC 7009).

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::call::{Body, Call, address, failed, rendered};
use super::descriptor::ClientAuth;
use super::exchange::Login;
use super::expression::{Ordered, Template, as_text};
use super::{Callback, Protocol, Provider, ProviderError, reply};
use crate::model::ProviderTokens;
use crate::secrets::{ExposeSecret, SecretString};

impl Provider {
    /// Fresh tokens for a refresh token; what the answer leaves out stays. Errors: `InvalidCode` where the provider does
    /// not take the refresh token any more.
    pub async fn renew(&self, kept: &ProviderTokens, deadline: Instant) -> Result<ProviderTokens, ProviderError> {
        const STAGE: &str = "refresh";
        let rules = &self.descriptor.refresh;
        let refresh = kept.refresh_token.as_ref().ok_or_else(|| failed(STAGE, "there is no refresh token"))?;
        let place = rules.url.as_ref().or_else(|| self.override_of("ACCESS_TOKEN_URL"));
        let place = place.unwrap_or(&self.descriptor.token.url);
        let headers = rules.headers.as_ref().unwrap_or(&self.descriptor.token.headers);
        let usual = [("refresh_token", refresh.expose_secret()), ("grant_type", "refresh_token")];
        let after = After { stage: STAGE, place, headers, query: &rules.query, form: rules.form.as_ref() };
        let answer = self.afterwards(kept, deadline, &after, rules.method, rules.auth, &usual).await?;
        let secrets = [refresh.expose_secret(), self.client_secret.expose_secret()];
        let token = reply::read(&answer, STAGE, self.descriptor.token.format, &self.descriptor.errors, &secrets)?;
        let access = token.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let mut fresh = self.tokens_of(&token, access);
        if let Some(fresh) = &mut fresh {
            fresh.refresh_token = fresh.refresh_token.take().or_else(|| kept.refresh_token.clone());
            fresh.token_type = fresh.token_type.take().or_else(|| kept.token_type.clone());
        }
        fresh.ok_or_else(|| failed(STAGE, "there is no access token in the answer"))
    }

    /// Asks the provider to end the tokens. False: it has no way to.
    pub async fn give_back(&self, kept: &ProviderTokens, deadline: Instant) -> Result<bool, ProviderError> {
        const STAGE: &str = "revoke";
        let rules = &self.descriptor.revoke;
        let Some(place) = self.override_of("REVOKE_TOKEN_URL").or(rules.url.as_ref()) else { return Ok(false) };
        let usual = [("token", kept.access_token.expose_secret())];
        let after =
            After { stage: STAGE, place, headers: &rules.headers, query: &rules.query, form: rules.form.as_ref() };
        let answer = self.afterwards(kept, deadline, &after, rules.method, rules.auth, &usual).await?;
        if answer.is_success() { Ok(true) } else { Err(failed(STAGE, format!("status {}", answer.status))) }
    }

    async fn afterwards(
        &self,
        kept: &ProviderTokens,
        deadline: Instant,
        after: &After<'_>,
        method: super::descriptor::Method,
        auth: ClientAuth,
        usual: &[(&str, &str)],
    ) -> Result<super::call::Answer, ProviderError> {
        let stage = after.stage;
        let nothing = Map::new();
        let callback = Callback {
            fields: &nothing,
            redirect_uri: "",
            state: None,
            code_verifier: None,
            nonce: None,
            request_token: None,
            id_token: None,
            address: &nothing,
            deadline,
        };
        let refresh = kept.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        let login = Login {
            provider: self,
            callback: &callback,
            redirect_uri: String::new(),
            code: None,
            address: Map::new(),
            discovery: if self.reads_discovery { Some(self.discovery(deadline).await?) } else { None },
            token: json!({"access_token": kept.access_token.expose_secret(), "refresh_token": refresh}),
            access_token: Some(kept.access_token.expose_secret().to_owned()),
            token_secret: kept.secret.clone(),
            claims: None,
        };
        let scope = login.scope();
        let url = address(after.place, &scope, &self.descriptor.token.hosts).map_err(|text| failed(stage, text))?;
        let mut call = Call::new(stage, method, url.ok_or_else(|| failed(stage, "there is no address"))?);
        call.headers = rendered(stage, after.headers, &scope)?;
        call.query = rendered(stage, after.query, &scope)?;
        call.body = match after.form {
            Some(form) => Body::Form(rendered(stage, form, &scope)?),
            None if auth == ClientAuth::Templates => Body::None,
            None => Body::Form(usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()),
        };
        self.prove(&mut call, auth);
        self.quirk.token_request(&login, &mut call)?;
        call.send(&self.client, deadline).await
    }

    /// What a token answer hands out, for keeping; `None` where it holds no access token.
    pub(super) fn tokens_of(&self, token: &Value, access_token: Option<&str>) -> Option<ProviderTokens> {
        let text = |name: &str| token.get(name).and_then(as_text).filter(|text| !text.is_empty());
        let secret = text("oauth_token_secret").filter(|_| self.descriptor.protocol == Protocol::OAuth1);
        let now = self.ambient.now();
        let seconds = text("expires_in").and_then(|seconds| seconds.trim().parse::<u64>().ok());
        Some(ProviderTokens {
            access_token: SecretString::from(access_token?.to_owned()),
            refresh_token: text("refresh_token").map(SecretString::from),
            secret: secret.map(SecretString::from),
            token_type: text("token_type"),
            expires: seconds.map(|seconds| now.plus(std::time::Duration::from_secs(seconds))),
        })
    }
}

/// Where and with what a call after the login goes.
struct After<'a> {
    stage: &'static str,
    place: &'a Template,
    headers: &'a Ordered<Template>,
    query: &'a Ordered<Template>,
    form: Option<&'a Ordered<Template>>,
}
