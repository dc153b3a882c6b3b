//! The authorization endpoints of the simulated providers, which the browser opens: the request is checked as the provider would, then
//! a user is chosen, on the consent page or by `login_hint`.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::header;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::call_log::{CallStage, RecordedCall};
use super::logins::{CredentialType, Login, LoginUser, Logins, credentials_in};
use super::pages;
use super::params::Params;
use super::personas::{Behaviour, Outcome, Persona};
use super::provider::{SimulatedProvider, host_and_path};
use super::rewriting::{NameState, Rewriting};
use super::state::SimulatorState;
use crate::http::{Language, Texts};
use crate::provider::SIMULATOR_CHOICES;
use crate::provider::descriptor::StateIn;
use crate::secrets::{ExposeSecret as _, is_pkce_challenge};

/// The cookies by which a browser chooses in advance.
pub const PERSONA_COOKIE: &str = "simulator_persona";
pub const BEHAVIOUR_COOKIE: &str = "simulator_behaviour";

/// The user who signs in, and what happens.
struct Chosen {
    /// The position of the persona in its file.
    place: usize,
    persona: Persona,
    behaviour: Behaviour,
}

/// `/at/<host>/<path>`: the authorization endpoint of a provider.
#[handler]
pub async fn authorize(simulator: Data<&Arc<SimulatorState>>, Path(at): Path<String>, request: &Request) -> Response {
    let names = SIMULATOR_CHOICES.map(|(_, parameter)| parameter);
    let (params, choice) = Params::of_query(request).without(&names);
    let url = format!("https://{at}");
    let (host, path) = host_and_path(&url);
    let language = Language::of(request);
    let login = match begin(&simulator, &host, &path, &params) {
        Ok(login) => login,
        Err(problem) => {
            let mut call = RecordedCall::of_browser("", CallStage::Authorize, &url, params.pairs());
            (call.status, call.problem) = (400, Some(problem.clone()));
            simulator.log().push(call);
            return pages::refusal(&problem, language);
        }
    };
    let name = login.provider.name().to_owned();
    simulator.log().push(RecordedCall::of_browser(&name, CallStage::Authorize, &url, params.pairs()));
    let (id, now) = (login.id.clone(), simulator.deps.now());
    let chosen = chosen_in_advance(&simulator, &params, &choice, request);
    let problem = chosen.as_ref().err().and_then(Option::as_deref);
    let page = pages::consent(&simulator, &login, &params, problem, language);
    simulator.logins().insert(login, now);
    match chosen {
        Ok(chosen) => decide(&simulator, &id, &chosen, language),
        Err(_) => page,
    }
}

/// The answer to the consent page.
#[handler]
pub async fn consent(simulator: Data<&Arc<SimulatorState>>, request: &Request, body: Body) -> Response {
    let params = match Params::of_form(request, body).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (id, language) = (params.get("consent_id").unwrap_or_default(), Language::of(request));
    let behaviour = params.get("behaviour").and_then(|name| simulator.personas.behaviour(name));
    let behaviour = behaviour.unwrap_or(&simulator.personas.behaviours[0]);
    if params.get("deny").is_some() {
        let behaviour = Behaviour { outcome: Outcome::Denied, ..behaviour.clone() };
        let chosen = Chosen { place: 0, persona: simulator.personas.personas[0].clone(), behaviour };
        return decide(&simulator, id, &chosen, language);
    }
    match params.get("user").and_then(|login| simulator.personas.find(login)) {
        Some((place, persona)) => {
            let chosen = Chosen { place, persona: persona.clone(), behaviour: behaviour.clone() };
            decide(&simulator, id, &chosen, language)
        }
        None => pages::refusal("No user was chosen. Go back and choose a user, or deny.", language),
    }
}

/// The user and the behaviour that begin, `login_hint` and `behaviour`, or the cookies choose. `Err`: the page must ask; the sentence says
/// what was chosen and does not exist.
fn chosen_in_advance(
    simulator: &SimulatorState,
    params: &Params,
    choice: &Params,
    request: &Request,
) -> Result<Chosen, Option<String>> {
    let cookies = request.header(header::COOKIE).unwrap_or_default();
    let cookie = |name: &str| {
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    };
    let chosen = |(name, parameter): (&str, &str)| choice.get(parameter).or_else(|| params.get(name));
    let [hint, behaviour] = SIMULATOR_CHOICES.map(chosen);
    let (hint, behaviour) = (hint.or_else(|| cookie(PERSONA_COOKIE)), behaviour.or_else(|| cookie(BEHAVIOUR_COOKIE)));
    if hint.is_none() && behaviour.is_none() {
        return Err(None);
    }
    let personas = &simulator.personas;
    let texts = Texts::of(Language::of(request));
    let unknown = |text: &str, name: &str| Some(texts.filled(&["simulated", text], &[("name", name)]));
    let (place, persona) = match hint {
        Some(hint) => personas.find(hint).ok_or_else(|| unknown("unknown_persona", hint))?,
        None => (0, &personas.personas[0]),
    };
    let behaviour = match behaviour {
        Some(name) => personas.behaviour(name).ok_or_else(|| unknown("unknown_behaviour", name))?,
        None => &personas.behaviours[0],
    };
    Ok(Chosen { place, persona: persona.clone(), behaviour: behaviour.clone() })
}

/// Checks an authorization request.
///
/// Errors: a sentence for the developer of the client.
fn begin(simulator: &SimulatorState, host: &str, path: &str, params: &Params) -> Result<Login, String> {
    let provider = find_provider(simulator, host, path, params)?;
    let title = provider.title().to_owned();
    if params.has_repeats() {
        return Err(format!("The simulated {title} refuses this request: a parameter is repeated."));
    }
    let rules = &provider.descriptor().authorization;
    let given = |name: &str| params.get(name).filter(|_| !name.is_empty());
    let redirect_uri = given(&rules.redirect_uri_parameter).unwrap_or_default();
    let mut login = match oauth1_login(simulator, &provider, params) {
        Some(login) => login,
        None if provider.uses_oauth1() => {
            return Err(format!("The oauth_token is unknown to the simulated {title}, used or expired."));
        }
        None => Logins::begin(provider.clone(), redirect_uri, &simulator.deps),
    };
    if login.redirect_uri.is_empty() || login.redirect_uri == "oob" {
        redirect_uri.clone_into(&mut login.redirect_uri);
    }
    if !provider.is_registered(&login.redirect_uri) {
        return Err(format!(
            "The redirect URI is not registered at the simulated {title}: add it to ALLOWED_REDIRECT_URIS, or use a loopback address."
        ));
    }
    host.clone_into(&mut login.host);
    login.state = params.get("state").map(str::to_owned);
    login.nonce = params.get("nonce").map(str::to_owned);
    login.has_max_age = params.get("max_age").is_some();
    login.acr = params.first_acr_value();
    login.form_post = provider.descriptor().form_post && params.get("response_mode") == Some("form_post");
    login.challenge =
        challenge(params).map_err(|problem| format!("The simulated {title} refuses this request: {problem}"))?;
    check_parameters(simulator, &login, params)
        .map_err(|problem| format!("The simulated {title} refuses this request: {problem}"))?;
    Ok(login)
}

/// The provider of an authorization endpoint; those that share one have different clients.
fn find_provider(
    simulator: &SimulatorState,
    host: &str,
    path: &str,
    params: &Params,
) -> Result<Arc<SimulatedProvider>, String> {
    let is_at = |provider: &&Arc<SimulatedProvider>| {
        let url = provider.descriptor().authorization.url.source();
        provider.authorization_endpoint() == (host.to_owned(), path.to_owned())
            || !provider.descriptor().address.is_empty() && SimulatedProvider::matches_template(url, host, path)
    };
    let candidates: Vec<_> = simulator.providers.iter().filter(is_at).collect();
    if candidates.is_empty() {
        return Err(format!("The simulator has no authorization endpoint at https://{host}{path}."));
    }
    let has_client = |provider: &&&Arc<SimulatedProvider>| {
        let parameter = provider.descriptor().authorization.client_id_parameter.as_str();
        if provider.uses_oauth1() {
            let tokens = credentials_in(params.get("oauth_token").unwrap_or_default());
            let logins = simulator.logins();
            let of = |id: &str| {
                logins.get(id, simulator.deps.now()).is_some_and(|login| Arc::ptr_eq(&login.provider, provider))
            };
            return tokens.iter().any(|token| of(&token.id));
        }
        parameter.is_empty() || params.get(parameter) == Some(provider.provider.client_id())
    };
    candidates.iter().find(has_client).map(|provider| (**provider).clone()).ok_or_else(|| {
        let title = candidates[0].title();
        let what = if candidates[0].uses_oauth1() {
            "The oauth_token is unknown"
        } else {
            "No client with this client ID is registered"
        };
        format!("{what} at the simulated {title}.")
    })
}

/// The login of a request token, which the authorization request uses.
fn oauth1_login(simulator: &SimulatorState, provider: &Arc<SimulatedProvider>, params: &Params) -> Option<Login> {
    let token = credentials_in(params.get("oauth_token")?)
        .into_iter()
        .find(|found| found.kind == CredentialType::RequestToken)?;
    let mut logins = simulator.logins();
    let now = simulator.deps.now();
    let is_open = |login: &Login| login.user.is_none() && Arc::ptr_eq(&login.provider, provider);
    logins.get(&token.id, now).filter(|login| is_open(login))?;
    logins.remove(&token.id, now)
}

/// PKCE: S256 alone (RFC 9700, section 2.1.1).
fn challenge(params: &Params) -> Result<Option<String>, &'static str> {
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) if is_pkce_challenge(challenge) => Ok(Some(challenge.to_owned())),
        _ => Err("PKCE needs code_challenge with a SHA-256 digest in base64url, and code_challenge_method=S256."),
    }
}

/// The parameters of the sample must be present with their values. Others are ignored, as most providers do.
fn check_parameters(simulator: &SimulatorState, login: &Login, params: &Params) -> Result<(), String> {
    let (provider, scope) = (&login.provider, &login.provider.descriptor().scope);
    if let Some(given) = params.get(&scope.parameter) {
        const SEPARATORS: [&str; 3] = [" ", ",", ";"];
        // Some scopes contain other separators themselves. A sample with one scope does not show the separator.
        let in_sample = provider.sample.authorization.query.get(&scope.parameter).map_or("", String::as_str);
        let mut allowed: Vec<&str> = SEPARATORS.into_iter().filter(|one| in_sample.contains(one)).collect();
        if allowed.is_empty() {
            allowed.push(&scope.separator);
        }
        if let Some(foreign) = SEPARATORS.into_iter().find(|one| given.contains(one) && !allowed.contains(one)) {
            return Err(format!("{} must be separated by {:?}, not by {foreign:?}.", scope.parameter, allowed[0]));
        }
    }
    let own = &provider.sample.authorization;
    // The operator may switch PKCE off.
    let has_pkce = own.pkce && (provider.provider.uses_pkce() || !provider.descriptor().authorization.pkce);
    for (name, is_needed) in [("code_challenge", has_pkce), ("nonce", own.nonce)] {
        if is_needed && params.get(name).is_none() {
            return Err(format!("{name} is missing."));
        }
    }
    for (name, wanted) in &provider.sample.authorization.query {
        let given = params.get(name).unwrap_or_default();
        let expected = simulator.fill(wanted, provider, Some(login));
        let is_right = match wanted.as_str() {
            "*" => !given.is_empty() || name == "state",
            _ if *name == scope.parameter => true,
            _ => given == expected,
        };
        if !is_right {
            return Err(format!("{name} must be {expected}."));
        }
    }
    Ok(())
}

/// Completes the consent: sends the browser back to the client.
fn decide(
    simulator: &SimulatorState,
    id: &str,
    Chosen { place, persona, behaviour }: &Chosen,
    language: Language,
) -> Response {
    let now = simulator.deps.now();
    let mut logins = simulator.logins();
    let Some(mut login) = logins.remove(id, now).filter(|login| login.user.is_none()) else {
        return pages::refusal("This page was answered before, or it has expired. Go back and start again.", language);
    };
    let name = login.provider.name().to_owned();
    let is_denied = behaviour.outcome == Outcome::Denied;
    let consented = format!("{}{}", persona.login, if behaviour.second_account { "#2" } else { "" });
    let is_first = !is_denied && logins.record_consent(&name, &consented);
    let names = if is_first || !behaviour.names_once { NameState::Sent } else { NameState::Absent };
    let mut rewriting = Rewriting::new(&login.provider.sample.user, persona, *place, behaviour, names);
    if let Some(address) = login.provider.sample.address.values().find_map(Value::as_str) {
        rewriting = Rewriting::of_address(address, &login.host);
    }
    login.user = Some(LoginUser { rewriting, behaviour: behaviour.clone() });
    let fields = if is_denied { denial(&login) } else { callback(simulator, &mut login, is_first) };
    let mut call = RecordedCall::of_browser(&name, CallStage::Consent, &login.redirect_uri, &[]);
    call.answer = Value::from(format!(
        "{} as {}, {}",
        if is_denied { "denied" } else { "granted" },
        persona.login,
        behaviour.name
    ));
    let response = send_back(&login, &fields, language);
    if !is_denied {
        logins.insert(login, now);
    }
    drop(logins);
    simulator.log().push(call);
    response
}

/// The parameters of a callback without consent.
fn denial(login: &Login) -> Map<String, Value> {
    let (provider, errors) = (&login.provider, &login.provider.descriptor().errors);
    let own = &provider.sample.refusals.denied;
    let mut fields = Map::new();
    if !own.is_empty() {
        fields.clone_from(own);
    } else if provider.uses_oauth1() {
        fields.insert("denied".to_owned(), login.credential(CredentialType::RequestToken).into());
    } else if provider.provider.protocol() == crate::provider::Protocol::OpenId2 {
        fields.insert("openid.mode".to_owned(), "cancel".into());
    } else if !errors.state_alone {
        let code = errors.declined.first().map_or("access_denied", String::as_str);
        fields.insert("error".to_owned(), code.into());
        fields.insert("error_description".to_owned(), "The user denied consent.".into());
    }
    add_state(login, &mut fields);
    fields
}

fn add_state(login: &Login, fields: &mut Map<String, Value>) {
    let is_parameter =
        login.provider.descriptor().authorization.state == StateIn::Parameter && !login.provider.uses_oauth1();
    let state = login.state.as_ref().filter(|_| is_parameter);
    fields.extend(state.map(|state| ("state".to_owned(), Value::from(state.as_str()))));
}

/// The parameters of the callback. `is_first`: the user had not consented before.
fn callback(simulator: &SimulatorState, login: &mut Login, is_first: bool) -> Map<String, Value> {
    let provider = login.provider.clone();
    let mut fields = Map::new();
    if provider.uses_oauth1() {
        fields.insert("oauth_token".to_owned(), login.credential(CredentialType::RequestToken).into());
        fields.insert("oauth_verifier".to_owned(), login.credential(CredentialType::Code).into());
    } else if provider.provider.login_fields().iter().any(|name| name == "code") {
        fields.insert("code".to_owned(), login.credential(CredentialType::Code).into());
    }
    add_state(login, &mut fields);
    let mut of_sample = provider.sample.callback.clone();
    if let Some(Value::String(text)) = of_sample.get_mut("signed_request") {
        *text = simulator.fill_unsigned(text, login);
    }
    let rewritten = match &login.user {
        Some(user) => user.rewriting.members(&of_sample, &|text| simulator.fill_unsigned(text, login)),
        None => of_sample,
    };
    // Apple sends the name at the first consent only.
    let is_sent = |name: &str, value: &Value| *value != "" && (is_first || name != "user");
    for (name, value) in rewritten {
        if is_sent(&name, &value) {
            fields.insert(name, value);
        }
    }
    // Signatures cover the other fields.
    login.callback.clone_from(&fields);
    let secret = provider.provider.client_secret().expose_secret();
    for (name, value) in &mut fields {
        let Value::String(text) = value else { continue };
        *text = if name == "signed_request" {
            signed_request(text, secret)
        } else {
            simulator.fill(text, &provider, Some(login))
        };
    }
    login.callback.clone_from(&fields);
    fields
}

/// Facebook's signed request for a page inside Facebook.
fn signed_request(payload: &str, secret: &str) -> String {
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{}.{payload}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, payload.as_bytes())))
}

/// Redirects, or posts a form as Apple does.
fn send_back(login: &Login, fields: &Map<String, Value>, language: Language) -> Response {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<(String, String)> = fields.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    if login.form_post {
        return pages::form_post(&login.redirect_uri, login.provider.title(), &pairs, language);
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let separator = if login.redirect_uri.contains('?') { '&' } else { '?' };
    pages::see_other(&format!("{}{separator}{query}", login.redirect_uri))
}
