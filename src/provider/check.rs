//! What can be known of a configured provider without a person: what it publishes, whether its endpoints answer, and
//! settings that do not fit either. `cli/` calls. Nothing that proves this client is ever sent.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::call::address;
use super::descriptor::{ClientAuth, Method};
use super::documents::Discovery;
use super::expression::{Scope, Template};
use super::{Protocol, Provider, config};
use crate::model::Finding;
use crate::secrets::ExposeSecret;

/// What is to be found there, how it is called, its address, the hosts that this may name.
type Place<'a> = (&'static str, Method, &'a Template, &'a [String]);

impl Provider {
    /// Also: how many seconds the provider's clock is ahead of ours, where an answer said.
    pub async fn check_up(&self, deadline: Instant) -> (Vec<Finding>, Option<i64>) {
        let (mut findings, mut document, mut ahead) = (Vec::new(), None, None);
        let public = matches!(self.client_auth(None), ClientAuth::Public | ClientAuth::Templates | ClientAuth::None);
        if self.client_secret.expose_secret().is_empty() && !public {
            findings.push(Finding::odd(self.shown("SECRET"), "is not set: right only for a public client"));
        }
        if let Some(template) = self.discovery_url.as_ref().filter(|_| self.reads_discovery) {
            let place = ("discovery document", Method::GET, template, &[][..]);
            let (found, told) = self.knock(place, &self.scope_of_settings(), deadline).await;
            ahead = told;
            match self.discovery(deadline).await {
                Err(error) if found.ok => {
                    let (base, issuer) = (self.shown("OIDC_ENDPOINT"), self.shown("ID_TOKEN_ISSUER"));
                    let advice = format!("{error}; {base} is what stands before /.well-known, {issuer} its `issuer`");
                    findings.push(Finding::wrong(found.what, advice));
                }
                published => {
                    findings.push(found);
                    document = published.ok();
                    findings.extend(document.iter().flat_map(|published| self.compared(published)));
                }
            }
        }
        let scope = Scope { discovery: document.as_ref().map(|found| &found.members), ..self.scope_of_settings() };
        let known = self.places().into_iter().filter(|(_, _, template, _)| {
            !template.source().is_empty() && (document.is_some() || !template.mentions("{discovery"))
        });
        for (found, told) in join_all(known.map(|place| self.knock(place, &scope, deadline))).await {
            findings.push(found);
            ahead = ahead.or(told);
        }
        let by_key = self.accepts_id_token() && self.verification.fixed_key.is_none();
        if by_key && (document.is_some() || !self.reads_discovery) {
            findings.push(self.keys_found(&scope, deadline).await);
        }
        (findings, ahead)
    }

    fn places(&self) -> Vec<Place<'_>> {
        let rules = &self.descriptor;
        let written = |setting, template| self.override_of(setting).unwrap_or(template);
        let authorization = written("AUTHORIZATION_URL", &rules.authorization.url);
        let mut places: Vec<Place<'_>> = vec![("authorization endpoint", Method::GET, authorization, &[])];
        if rules.protocol == Protocol::OAuth1 {
            places.push(("request token endpoint", Method::POST, &rules.oauth1.request_token_url, &[]));
        }
        if rules.token.auth != ClientAuth::None {
            let template = written("ACCESS_TOKEN_URL", &rules.token.url);
            places.push(("token endpoint", rules.token.method, template, &rules.token.hosts));
        }
        for (index, request) in rules.userinfo.iter().enumerate() {
            let template = if index == 0 { written("USERINFO_URL", &request.url) } else { &request.url };
            places.push(("profile endpoint", request.method, template, &request.hosts));
        }
        places
    }

    /// A plain request: whatever the answer, somebody is at home.
    async fn knock(&self, place: Place<'_>, scope: &Scope<'_>, deadline: Instant) -> (Finding, Option<i64>) {
        let (what, method, template, hosts) = place;
        let Ok(Some(url)) = address(template, scope, hosts) else {
            return (Finding::odd(what, "its address is known only during a login: not looked at"), None);
        };
        let what = format!("{what} {}{}", url.origin().ascii_serialization(), url.path());
        let method = if method == Method::GET { reqwest::Method::GET } else { reqwest::Method::POST };
        match self.client.reach(method, url, deadline).await {
            Err(error) => (Finding::wrong(what, format!("{error}; {}", error.advice())), None),
            Ok(reached) => {
                let odd = matches!(reached.status, 404 | 410 | 500..).then(|| format!("has status {}", reached.status));
                let ahead = reached.date.map(|date| date - self.ambient.now().seconds());
                (Finding { what, ok: true, advice: odd }, ahead)
            }
        }
    }

    async fn keys_found(&self, scope: &Scope<'_>, deadline: Instant) -> Finding {
        let (what, wanted) = ("keys that sign id_tokens", &self.verification.algorithms);
        match self.key_set_of(scope, deadline, false).await {
            Ok(keys) if keys.iter().any(|key| wanted.iter().any(|one| key.fits(*one))) => Finding::good(what),
            Ok(_) => Finding::wrong(what, format!("none is for {wanted:?}: see {}", self.shown("JWT_ALGORITHMS"))),
            Err(error) => Finding::wrong(what, format!("{error}; see {}", self.shown("JWKS_URI"))),
        }
    }

    /// The settings held against what the provider publishes.
    fn compared(&self, published: &Discovery) -> Vec<Finding> {
        let listed = |name: &str| published.members.get(name).and_then(serde_json::Value::as_array);
        let names = |name, one: &str| listed(name).map(|all| all.iter().any(|known| known == one));
        let mut findings = Vec::new();
        if !self.uses_pkce() && names("code_challenge_methods_supported", "S256") == Some(true) {
            findings.push(Finding::odd(self.shown("USE_PKCE"), "the provider knows PKCE: set it to true"));
        }
        let wanted = &self.verification.algorithms;
        let signs = |one| names("id_token_signing_alg_values_supported", &format!("{one:?}")) != Some(false);
        if self.verifies_id_token() && !wanted.iter().any(signs) {
            let advice = format!("{wanted:?} is accepted, and the provider signs with none of them");
            findings.push(Finding::wrong(self.shown("JWT_ALGORITHMS"), advice));
        }
        findings
    }

    fn shown(&self, setting: &str) -> String {
        config::shown(&self.settings, setting)
    }
}
