//! `providers check --simulate`: a whole login at the provider simulator, with every request and answer. It needs no client, no network
//! and no database. The simulator compares the requests with the provider's sample.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::dev::{base_url, bind_free_port, local_address};
use super::failure::Failure;
use super::output::{print_either, safe};
use crate::clock::Deps;
use crate::model::Identity;
use crate::outgoing::{Client, OutgoingError, Request};
use crate::provider::request_rules::Method;
use crate::provider::{
    Authorization, Callback, LoginParameters, Protocol, Provider, ProviderError, Providers, SIMULATOR_CHOICES,
};
use crate::secrets::pkce_challenge;
use crate::settings::Settings;
use crate::simulator::{Personas, RecordedCall, Simulator};

/// The persona that signs in.
const PERSONA: &str = "mara";
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a simulated login led to.
#[derive(Default)]
struct Outcome {
    identity: Option<Identity>,
    /// `refreshed`, `revoked`, or why not.
    notes: Vec<String>,
}

pub(super) async fn simulate(name: &str, as_json: bool, settings: &Settings, deps: &Deps) -> Result<(), Failure> {
    let (pages, hosts) = (bind_free_port()?, bind_free_port()?);
    let base = base_url("http", local_address(&pages)?)?;
    let simulator = Simulator::new(base.clone(), Personas::built_in(), deps.clone()).map_err(Failure::Other)?;
    let mut settings = settings.clone();
    settings.providers.retain(|provider| provider.name == name);
    let simulated = simulator.add_provider(name, &mut settings).map_err(Failure::Other)?;
    let (address_fields, links_only) = (simulated.sample.address.clone(), simulated.sample.links_only);
    let simulated = vec![simulated];
    // The pages of the simulator are on this machine.
    settings.outgoing.allow_private = true;
    settings.outgoing.http_proxy = None;
    let browser = Client::new(&settings.outgoing)?;
    let client = Client::with_simulator(&settings.outgoing, simulator.network(local_address(&hosts)?, &simulated))?;
    let providers = Providers::from_settings(&settings, &client, deps)?;
    let Some(provider) = providers.get(name).cloned() else {
        return Err(Failure::Other(format!("{name} cannot be simulated")));
    };
    let simulator = simulator.with_providers(&providers, simulated, &settings);
    let calls = simulator.calls();
    let running = tokio::spawn(simulator.run((pages, None), hosts, std::future::pending()));
    let login = SimulatedLogin { provider: &provider, browser: &browser, base: &base, deps, address: &address_fields };
    let mut outcome = Outcome::default();
    let result = login.run(&mut outcome).await;
    running.abort();
    if links_only {
        outcome.notes.push("this provider signs no user in; its account is linked to a signed-in user".to_owned());
    }
    let (calls, problem) = (calls(), result.err());
    print_either(as_json, &as_json_value(&calls, &outcome, problem.as_deref()), &as_text(&calls, &outcome))?;
    match problem {
        None => Ok(()),
        Some(problem) => Err(Failure::Other(format!("{name}: {problem}"))),
    }
}

struct SimulatedLogin<'a> {
    provider: &'a Provider,
    browser: &'a Client,
    base: &'a Url,
    deps: &'a Deps,
    address: &'a Map<String, Value>,
}

impl SimulatedLogin<'_> {
    /// Errors: the step that failed, and why.
    async fn run(&self, outcome: &mut Outcome) -> Result<(), String> {
        let deadline = Instant::now() + TIMEOUT;
        let at = |step: &'static str| move |error: ProviderError| format!("{step}: {error}");
        let redirect_uri = self.base.join("/callback").map_err(|error| error.to_string())?;
        let (state, nonce, verifier) = (self.deps.token::<32>(), self.deps.token::<32>(), self.deps.token::<32>());
        let nonce = self.provider.uses_nonce().then_some(nonce.as_str());
        let verifier = self.provider.uses_pkce().then_some(verifier.as_str());
        let challenge = verifier.map(pkce_challenge);
        let request_token = match self.provider.protocol() {
            Protocol::OAuth1 => {
                Some(self.provider.request_token(redirect_uri.as_str(), deadline).await.map_err(at("request token"))?)
            }
            _ => None,
        };
        let persona = (SIMULATOR_CHOICES[0].1.to_owned(), PERSONA.to_owned());
        let parameters = LoginParameters { simulator_choice: vec![persona], ..LoginParameters::default() };
        let authorization = Authorization {
            redirect_uri: redirect_uri.as_str(),
            state: &state,
            nonce,
            code_challenge: challenge.as_deref(),
            scope: None,
            address: self.address,
            parameters: &parameters,
            request_token: request_token.as_ref(),
        };
        let page = self.provider.authorization_url(&authorization, deadline).await.map_err(at("begin"))?;
        let fields = self.consent(&page, deadline).await?;
        let callback = Callback {
            fields: &fields,
            redirect_uri: redirect_uri.as_str(),
            state: Some(&state),
            code_verifier: verifier,
            nonce,
            max_age: None,
            acr_values: &[],
            request_token: request_token.as_ref(),
            id_token: None,
            address: self.address,
            deadline,
        };
        let checked = self.provider.check_callback(&callback).await.map_err(at("callback"))?;
        let identity = self.provider.identify(&callback, checked).await.map_err(at("login"))?;
        let (tokens, uid) = (identity.tokens.clone(), identity.uid.as_str().to_owned());
        outcome.identity = Some(identity);
        let Some(mut tokens) = tokens else { return Ok(()) };
        if tokens.refresh_token.is_some() && self.provider.protocol() != Protocol::OAuth1 {
            tokens = self.provider.refresh_tokens(&tokens, &uid, deadline).await.map_err(at("refresh"))?;
            outcome.notes.push("the tokens were refreshed".to_owned());
        } else {
            outcome.notes.push("there is no refresh token".to_owned());
        }
        let is_revoked = match self.provider.revoke_provider_tokens(&tokens, &uid, deadline).await {
            // The descriptor reads the URL from a discovery document that has none.
            Err(ProviderError::NoUrl { .. }) => false,
            revoked => revoked.map_err(at("revoke"))?,
        };
        outcome
            .notes
            .push(if is_revoked { "the tokens were revoked" } else { "the descriptor has no revocation" }.to_owned());
        Ok(())
    }

    /// Opens the consent page as a browser does, and returns the parameters of the callback.
    async fn consent(&self, page: &str, deadline: Instant) -> Result<Map<String, Value>, String> {
        let mut page = Url::parse(page).map_err(|error| format!("consent: {error}"))?;
        page.set_fragment(None);
        let failed = |error: OutgoingError| format!("consent: {error}");
        let answer = self.browser.send(&Request::new(Method::GET, page), deadline).await.map_err(failed)?;
        let headers = answer.headers();
        let location = headers.get("location").and_then(Value::as_str);
        let pairs: Vec<(String, String)> = match location {
            Some(location) => {
                let query = location.split_once('?').map_or("", |(_, query)| query);
                form_urlencoded::parse(query.as_bytes()).into_owned().collect()
            }
            None if answer.is_success() => hidden_fields(&answer.text()),
            None => return Err(format!("consent: {}", refusal_of(&answer.text()))),
        };
        Ok(pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
    }
}

/// The fields of the form that a page posts.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |input: &str| {
        let (name, rest) = input.split_once("\" value=\"")?;
        Some((unescaped(name), unescaped(rest.split_once('"')?.0)))
    };
    inputs.filter_map(field).collect()
}

fn unescaped(text: &str) -> String {
    const ENTITIES: [(&str, &str); 6] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

/// The sentence of an error page.
fn refusal_of(page: &str) -> String {
    let body = page.rsplit_once("</h1>").map_or(page, |(_, body)| body);
    let text: String = body.split('<').filter_map(|part| part.split_once('>').map(|(_, text)| text)).collect();
    unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn user_json(identity: &Identity) -> Value {
    let mut extra_data = identity.extra_data.clone();
    extra_data.remove("access_token");
    json!({
        "uid": identity.uid.as_str(),
        "username": identity.username,
        "email": identity.email.as_ref().map(|email| email.as_str()),
        "email_verified": identity.email_verified,
        "fullname": identity.fullname,
        "first_name": identity.first_name,
        "last_name": identity.last_name,
        "organizations": identity.organizations,
        "extra_data": extra_data,
    })
}

fn as_json_value(calls: &[RecordedCall], outcome: &Outcome, problem: Option<&str>) -> Value {
    let user = outcome.identity.as_ref().map(user_json);
    json!({"ok": problem.is_none(), "problem": problem, "calls": calls, "user": user, "notes": outcome.notes})
}

fn as_text(calls: &[RecordedCall], outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut line = |indent: &str, label: &str, value: &Value| {
        let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty) || *value == "";
        if !is_empty {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(text, "{indent}{label}{}", safe(&shown));
        }
    };
    for call in calls {
        let head = format!("{}  {} {}", call.stage, call.method, call.url);
        line("", "", &Value::from(head));
        line("    ", "query   ", &call.query);
        line("    ", "header  Authorization: ", &Value::from(call.authorization.as_str()));
        line("    ", "body    ", &call.body);
        line("    ", "answer  ", &Value::from(format!("{} {}", call.status, shortened(&call.answer))));
        line("    ", "refused ", &call.problem.as_deref().map(Value::from).unwrap_or_default());
    }
    if let Some(identity) = &outcome.identity {
        line("", "", &Value::from("user"));
        for (name, value) in user_json(identity).as_object().into_iter().flatten() {
            line("    ", &format!("{name}: "), value);
        }
    }
    for note in &outcome.notes {
        line("", "", &Value::from(note.as_str()));
    }
    text
}

/// An answer in one line.
fn shortened(answer: &Value) -> String {
    const MAX_LEN: usize = 2000;
    let text = match answer {
        Value::Null => String::new(),
        Value::String(text) => text.replace('\n', " "),
        other => other.to_string(),
    };
    if text.chars().count() > MAX_LEN { text.chars().take(MAX_LEN).collect::<String>() + "…" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_form_are_read_unescaped() {
        let page = r#"<form><input type="hidden" name="user" value="{&quot;a&quot;: &quot;b&amp;c&quot;}"></form>"#;
        assert_eq!(hidden_fields(page), [("user".to_owned(), r#"{"a": "b&c"}"#.to_owned())]);
        assert_eq!(refusal_of("<h1>No</h1>\n<p>It&#x27;s wrong.</p>"), "It's wrong.");
    }
}
