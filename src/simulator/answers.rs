//! The answers to the server's requests. Each request is compared with the sample of the provider; one that differs is refused as the
//! provider would refuse it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use serde_json::Value;

use super::call_log::{CallStage, RecordedCall};
use super::keys::Keys;
use super::logins::{CODE_LIFETIME, CredentialType, Login, LoginUser, Logins, PresentedCredential, credentials_in};
use super::personas::Outcome;
use super::provider::{ExpectedCall, SimulatedProvider, Target};
use super::refusal::Refusal;
use super::request::{ProviderRequest, decoded_basic};
use super::rewriting::Rewriting;
use super::signature::SignedRequest;
use super::state::SimulatorState;
use crate::provider::Protocol;
use crate::provider::request_rules::{ClientAuth, Method};
use crate::secrets::{ExposeSecret as _, constant_time_eq, matches_pkce_challenge};

/// An answer, and how long the provider takes for it.
pub struct Answer {
    pub status: StatusCode,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// `None`: never.
    pub delay: Option<Duration>,
    pub stage: CallStage,
    pub provider: Option<Arc<SimulatedProvider>>,
    pub problem: Option<String>,
}

impl Answer {
    fn new(status: u16, body: String, stage: CallStage) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: BTreeMap::new(),
            body,
            delay: Some(Duration::ZERO),
            stage,
            provider: None,
            problem: None,
        }
    }

    fn of(provider: &Arc<SimulatedProvider>, stage: CallStage, result: Result<Self, Refusal>) -> Self {
        let answer = result.unwrap_or_else(|refusal| {
            let (status, body) = refusal.answer(provider);
            let mut answer = Self { problem: Some(refusal.problem()), ..Self::new(status, body, stage) };
            match refusal.of_sample(provider) {
                Some(own) => answer.headers = own.headers,
                None if refusal == Refusal::RateLimited => {
                    answer.headers.insert("retry-after".to_owned(), "1".to_owned());
                }
                None => {}
            }
            answer
        });
        Self { provider: Some(provider.clone()), ..answer }
    }
}

/// Answers a request, and records both.
pub fn answer(simulator: &SimulatorState, request: &ProviderRequest) -> Answer {
    let answer = find_answer(simulator, request);
    let secret = answer.provider.as_ref().map(|provider| provider.provider.client_secret().expose_secret().to_owned());
    let secret = secret.unwrap_or_default();
    let call = RecordedCall {
        provider: answer.provider.as_ref().map(|provider| provider.name().to_owned()).unwrap_or_default(),
        stage: answer.stage,
        problem: answer.problem.clone(),
        ..RecordedCall::of_server(request, &secret)
    };
    simulator.log().push(call.with_answer(answer.status.as_u16(), &answer.body, &secret));
    answer
}

fn find_answer(simulator: &SimulatorState, request: &ProviderRequest) -> Answer {
    if request.method == "GET"
        && let Some((provider, body)) = document(simulator, request)
    {
        return Answer { provider: Some(provider), ..Answer::new(200, body, CallStage::Document) };
    }
    let now = simulator.deps.now();
    let credentials = credentials_in(&request.all_texts());
    let mut logins = simulator.logins();
    if let Some(credential) = credentials.iter().find(|credential| logins.get(&credential.id, now).is_some()) {
        return answer_login(simulator, request, credential, &mut logins);
    }
    if let Some(answer) = request_token(simulator, request, &mut logins) {
        return answer;
    }
    // Some profile requests have the ID of the user and no credential.
    let is_of = |login: &Login| {
        let names_client = request.all_texts().contains(login.provider.provider.client_id());
        let places =
            if login.user.is_some() && names_client { matching_calls(simulator, login, request) } else { Vec::new() };
        places.iter().any(|place| check(simulator, login, *place, request).is_ok())
    };
    if let Some(id) = logins.find(now, is_of) {
        let credential = PresentedCredential { kind: CredentialType::Code, id, text: String::new() };
        return answer_login(simulator, request, &credential, &mut logins);
    }
    // The provider shows whether it knows the client before it looks at the code.
    let texts = request.all_texts();
    let candidates: Vec<_> = simulator.providers.iter().filter(|provider| has_target(provider, request)).collect();
    let known = candidates.iter().find(|provider| texts.contains(provider.provider.client_id()));
    match (known, candidates.first()) {
        (Some(provider), _) => {
            let result = refuse_unknown(provider, request);
            Answer::of(provider, CallStage::Token, Err(result))
        }
        (None, Some(provider)) => {
            Answer::of(provider, CallStage::Token, Err(Refusal::Token("The access token is unknown.".to_owned())))
        }
        (None, None) => {
            let body = serde_json::json!({"error": "not_found", "error_description": "No simulated provider has this address."});
            Answer {
                problem: Some("no sample has this address".to_owned()),
                ..Answer::new(404, body.to_string(), CallStage::Profile)
            }
        }
    }
}

fn document(simulator: &SimulatorState, request: &ProviderRequest) -> Option<(Arc<SimulatedProvider>, String)> {
    simulator.providers.iter().find_map(|provider| {
        let body = provider.document(&request.host, &request.path)?;
        Some((provider.clone(), simulator.fill(&body, provider, None)))
    })
}

fn has_target(provider: &SimulatedProvider, request: &ProviderRequest) -> bool {
    provider.calls().any(|expected| expected.target.is_at(&request.host, &request.path))
}

/// The refusal of a request without a known credential of a user.
fn refuse_unknown(provider: &SimulatedProvider, request: &ProviderRequest) -> Refusal {
    let secret = provider.provider.client_secret().expose_secret();
    let needs_secret = !matches!(provider.descriptor().token.auth, ClientAuth::Public | ClientAuth::None);
    if needs_secret && !secret.is_empty() && !request.all_texts().contains(secret) {
        return Refusal::Client("The client secret is wrong.".to_owned());
    }
    Refusal::Grant("The code is invalid or has expired.".to_owned())
}

/// OAuth 1.0a: temporary credentials (RFC 5849, section 2.1). `None`: it is another request.
fn request_token(simulator: &SimulatorState, request: &ProviderRequest, logins: &mut Logins) -> Option<Answer> {
    const STAGE: CallStage = CallStage::RequestToken;
    let others = [request.query.pairs(), request.form.pairs()].concat();
    let signed = SignedRequest::parse(&request.authorization, &others).ok()?;
    let client_id = signed.get("oauth_consumer_key")?;
    let is_first = |provider: &&Arc<SimulatedProvider>| {
        let mut calls = provider.calls();
        provider.uses_oauth1()
            && provider.provider.client_id() == client_id
            && calls.next().is_some_and(|expected| {
                expected.target.method == request.method
                    && expected.target.is_at(&request.host, &request.path)
                    && has_pairs(&expected.call.query, request)
            })
    };
    let provider = simulator.providers.iter().find(is_first)?;
    let result = (|| {
        verify_signature(simulator, provider, request, "", logins)?;
        let callback = signed.get("oauth_callback").unwrap_or_default();
        if callback != "oob" && !provider.is_registered(callback) {
            return Err(Refusal::Request("The oauth_callback is not registered.".to_owned()));
        }
        let login = Logins::begin(provider.clone(), callback, &simulator.deps);
        let call = &provider.sample.calls[0];
        let text = |text: &str| simulator.fill(text, provider, Some(&login));
        let body = Rewriting::default().answer(&call.answer, &text);
        logins.insert(login, simulator.deps.now());
        Ok(Answer::new(200, body, STAGE))
    })();
    Some(Answer::of(provider, STAGE, result))
}

fn has_pairs(wanted: &BTreeMap<String, String>, request: &ProviderRequest) -> bool {
    wanted.iter().all(|(name, value)| request.query.get(name).unwrap_or_default() == value)
}

/// Section 3.2 of RFC 5849.
fn verify_signature(
    simulator: &SimulatorState,
    provider: &SimulatedProvider,
    request: &ProviderRequest,
    token_secret: &str,
    logins: &mut Logins,
) -> Result<(), Refusal> {
    let others = [request.query.pairs(), request.form.pairs()].concat();
    let refused = |problem: &str| Refusal::Client(format!("The signature is refused: {problem}."));
    let signed = SignedRequest::parse(&request.authorization, &others).map_err(refused)?;
    let uri = format!("https://{}{}", request.host, request.raw_path);
    let secrets = (provider.provider.client_secret().expose_secret(), token_secret);
    let now = simulator.deps.now();
    signed.verify(&request.method, &uri, secrets, now.seconds()).map_err(refused)?;
    signed.use_nonce(&mut logins.nonces, now).map_err(refused)
}

/// Answers a request that contains a credential of a login.
fn answer_login(
    simulator: &SimulatorState,
    request: &ProviderRequest,
    credential: &PresentedCredential,
    logins: &mut Logins,
) -> Answer {
    let now = simulator.deps.now();
    let Some(login) = logins.get(&credential.id, now) else {
        return Answer::new(404, String::new(), CallStage::Profile);
    };
    let provider = login.provider.clone();
    if let Some(stage) = management_stage(&provider, request, credential) {
        let result = manage(simulator, request, credential, stage, logins);
        return Answer::of(&provider, stage, result);
    }
    let candidates = matching_calls(simulator, login, request);
    let token_call = provider.token_call();
    let place = candidates.iter().copied().find(|place| check(simulator, login, *place, request).is_ok());
    let Some(place) = place.or_else(|| candidates.first().copied()) else {
        let refusal = Refusal::Request("The sample of this provider has no such request.".to_owned());
        let problem = Some(refusal.problem());
        return Answer {
            provider: Some(provider),
            problem,
            ..Answer::new(404, refusal.answer(&login.provider).1, CallStage::Profile)
        };
    };
    if Some(place) == token_call {
        Answer::of(&provider, CallStage::Token, exchange(simulator, request, place, &credential.id, logins))
    } else {
        Answer::of(&provider, CallStage::Profile, profile(simulator, request, place, credential, logins))
    }
}

/// The requests of the sample with the method, host and path of this one. Those whose query also agrees come first.
fn matching_calls(simulator: &SimulatorState, login: &Login, request: &ProviderRequest) -> Vec<usize> {
    let rewritten = |text: &str| {
        let text = login.user.as_ref().map_or_else(|| text.to_owned(), |user| user.rewriting.text(text));
        simulator.fill(&text, &login.provider, Some(login))
    };
    let is_here = |ExpectedCall { target, .. }: &ExpectedCall<'_>| {
        target.method == request.method
            && rewritten(&target.host) == request.host
            && (target.path == request.path || rewritten(&target.path) == request.path)
    };
    // The request token was issued before the login has a credential.
    let first = usize::from(login.provider.uses_oauth1());
    login.provider.calls().skip(first).filter(is_here).map(|expected| expected.place).collect()
}

/// Compares a request with one of the sample.
fn check(simulator: &SimulatorState, login: &Login, place: usize, request: &ProviderRequest) -> Result<(), Refusal> {
    let call = &login.provider.sample.calls[place];
    for (name, wanted) in &call.query {
        compare(simulator, login, (name, wanted), request.query.get(name).unwrap_or_default())?;
    }
    for (name, wanted) in call.form.iter().flatten() {
        compare(simulator, login, (name, wanted), request.form.get(name).unwrap_or_default())?;
    }
    for (name, wanted) in &call.headers {
        compare(simulator, login, (name, wanted), request.header(name).unwrap_or_default())?;
    }
    let json: Option<Value> = call.json.as_deref().and_then(|json| serde_json::from_str(json).ok());
    for (name, wanted) in json.iter().filter_map(Value::as_object).flatten() {
        let sent = request.json.as_ref().and_then(|json| json.get(name)).and_then(Value::as_str).unwrap_or_default();
        compare(simulator, login, (name, wanted.as_str().unwrap_or_default()), sent)?;
    }
    Ok(())
}

/// Compares one parameter or header. `wanted`: as in the sample.
fn compare(simulator: &SimulatorState, login: &Login, (name, wanted): (&str, &str), sent: &str) -> Result<(), Refusal> {
    let rewritten = login.user.as_ref().map_or_else(|| wanted.to_owned(), |user| user.rewriting.text(wanted));
    let expected = simulator.fill(&rewritten, &login.provider, Some(login));
    let is_redirect_uri = name == "redirect_uri" || name == "openid.return_to";
    let agrees = match wanted {
        "*" if is_redirect_uri => sent == login.redirect_uri,
        "*" if name == "client_secret" => simulator.keys.is_signed_by_client(sent),
        "*" => !sent.is_empty(),
        _ => match (decoded_basic(&expected), decoded_basic(sent)) {
            (Some(expected), Some(sent)) => constant_time_eq(expected.as_bytes(), sent.as_bytes()),
            _ => constant_time_eq(expected.as_bytes(), sent.as_bytes()),
        },
    };
    if agrees {
        return Ok(());
    }
    let problem = format!("{name} is wrong or missing.");
    Err(
        if ["{client_id}", "{client_secret}", "{basic}"].iter().any(|part| wanted.contains(part))
            || name == "client_secret"
        {
            Refusal::Client(problem)
        } else if is_redirect_uri || wanted.contains("{code}") || wanted.contains("{redirect_uri}") {
            Refusal::Grant(problem)
        } else if wanted.contains("{access_token}") || wanted.contains("_access_token}") {
            Refusal::Token(problem)
        } else {
            Refusal::Request(problem)
        },
    )
}

/// The token request. The code is used once the client is known, even if the request is refused.
fn exchange(
    simulator: &SimulatorState,
    request: &ProviderRequest,
    place: usize,
    id: &str,
    logins: &mut Logins,
) -> Result<Answer, Refusal> {
    const STAGE: CallStage = CallStage::Token;
    let now = simulator.deps.now();
    let unknown = || Refusal::Grant("The code is invalid or has expired.".to_owned());
    let provider = logins.get(id, now).ok_or_else(unknown)?.provider.clone();
    if provider.uses_oauth1() {
        let secret =
            logins.get(id, now).map(|login| login.credential(CredentialType::RequestSecret)).unwrap_or_default();
        verify_signature(simulator, &provider, request, &secret, logins)?;
    }
    let login = logins.get_mut(id, now).ok_or_else(unknown)?;
    let checked = check(simulator, login, place, request);
    if let Err(refusal @ Refusal::Client(_)) = checked {
        return Err(refusal);
    }
    if provider.uses_oauth1() && !request.authorization.contains(&login.credential(CredentialType::Code)) {
        return Err(Refusal::Grant("The verifier is wrong.".to_owned()));
    }
    let was_used = std::mem::replace(&mut login.progress.code_is_used, true);
    if was_used || login.begun.plus(CODE_LIFETIME) <= now {
        login.progress.is_revoked |= was_used;
        return Err(unknown());
    }
    checked?;
    check_verifier(login, request)?;
    let Some(user) = login.user.clone() else { return Err(unknown()) };
    let answer = ordinary_answer(simulator, login, place, request, STAGE);
    after_behaviour(&user, answer)
}

/// PKCE (RFC 7636, section 4.6). A verifier without a challenge is a downgrade attack (RFC 9700, section 4.8.2).
fn check_verifier(login: &Login, request: &ProviderRequest) -> Result<(), Refusal> {
    let in_json = request.json.as_ref().and_then(|json| json.get("code_verifier")).and_then(Value::as_str);
    match (&login.challenge, request.parameter("code_verifier").or(in_json)) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if matches_pkce_challenge(verifier, challenge) => Ok(()),
        _ => Err(Refusal::Grant("The code_verifier does not match the code_challenge.".to_owned())),
    }
}

/// What the tester chose to happen at the first request of a login.
fn after_behaviour(user: &LoginUser, answer: Answer) -> Result<Answer, Refusal> {
    let delay = match user.behaviour.outcome {
        Outcome::InvalidCode => return Err(Refusal::Grant("The code is invalid or has expired.".to_owned())),
        Outcome::RateLimited => return Err(Refusal::RateLimited),
        Outcome::ServerError => return Err(Refusal::ServerError),
        Outcome::Timeout => None,
        _ => Some(Duration::from_secs(user.behaviour.delay_seconds)),
    };
    Ok(Answer { delay, ..answer })
}

fn profile(
    simulator: &SimulatorState,
    request: &ProviderRequest,
    place: usize,
    credential: &PresentedCredential,
    logins: &mut Logins,
) -> Result<Answer, Refusal> {
    let now = simulator.deps.now();
    let invalid = |problem: &str| Refusal::Token(problem.to_owned());
    let login = logins.get(&credential.id, now).ok_or_else(|| invalid("The access token is unknown."))?;
    let provider = login.provider.clone();
    if provider.uses_oauth1() {
        let has_secret = provider.sample.calls.iter().any(|call| call.answer.contains("{token_secret}"));
        let secret = if has_secret { login.credential(CredentialType::TokenSecret) } else { String::new() };
        verify_signature(simulator, &provider, request, &secret, logins)?;
    }
    let login = logins.get(&credential.id, now).ok_or_else(|| invalid("The access token is unknown."))?;
    let Some(user) = login.user.clone() else { return Err(invalid("The access token is unknown.")) };
    let is_current = credential.kind != CredentialType::AccessToken
        || credential.text == login.credential(CredentialType::AccessToken);
    let is_issued = login.progress.code_is_used || provider.token_call().is_none();
    if !is_current || !is_issued || login.progress.is_revoked {
        return Err(invalid("The access token is invalid or has expired."));
    }
    check(simulator, login, place, request)?;
    let answer = ordinary_answer(simulator, login, place, request, CallStage::Profile);
    if user.behaviour.outcome == Outcome::ExpiredToken {
        return Err(invalid("The access token has expired."));
    }
    // Without a token request, the first profile request shows the behaviour.
    if provider.token_call().is_none() { after_behaviour(&user, answer) } else { Ok(answer) }
}

fn ordinary_answer(
    simulator: &SimulatorState,
    login: &Login,
    place: usize,
    request: &ProviderRequest,
    stage: CallStage,
) -> Answer {
    let call = &login.provider.sample.calls[place];
    let fill = |text: &str| simulator.fill(text, &login.provider, Some(login));
    let body = match &login.user {
        _ if call.answer == "{identity}" => identity(simulator, login, request),
        Some(user) => user.rewriting.answer(&call.answer, &fill),
        None => fill(&call.answer),
    };
    let headers = call.answer_headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
    Answer { headers, ..Answer::new(200, body, stage) }
}

/// Whether a request refreshes or revokes tokens.
fn management_stage(
    provider: &SimulatedProvider,
    request: &ProviderRequest,
    credential: &PresentedCredential,
) -> Option<CallStage> {
    let descriptor = provider.descriptor();
    if !matches!(credential.kind, CredentialType::AccessToken | CredentialType::RefreshToken) {
        return None;
    }
    let is_at = |url: &str| SimulatedProvider::matches_template(url, &request.host, &request.path);
    let grant_type = request.parameter("grant_type").unwrap_or_default();
    let is_method = method_name(descriptor.revoke.method) == request.method;
    if is_method && grant_type.is_empty() && provider.has_revocation_at(&request.host, &request.path) {
        return Some(CallStage::Revoke);
    }
    let is_token_endpoint = || {
        let place = provider.token_call();
        let is_here = |target: &Target| target.is_at(&request.host, &request.path);
        provider.calls().any(|expected| Some(expected.place) == place && is_here(expected.target))
    };
    let is_refresh_endpoint =
        descriptor.refresh.url.as_ref().is_some_and(|url| is_at(url.source())) || is_token_endpoint();
    let asks = credential.kind == CredentialType::RefreshToken || !matches!(grant_type, "" | "authorization_code");
    (is_refresh_endpoint && asks).then_some(CallStage::Refresh)
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
    }
}

/// A refresh or a revocation.
fn manage(
    simulator: &SimulatorState,
    request: &ProviderRequest,
    credential: &PresentedCredential,
    stage: CallStage,
    logins: &mut Logins,
) -> Result<Answer, Refusal> {
    let unknown = || Refusal::Grant("The token is invalid or was revoked.".to_owned());
    let login = logins.get_mut(&credential.id, simulator.deps.now()).ok_or_else(unknown)?;
    let provider = login.provider.clone();
    let rules =
        if stage == CallStage::Refresh { &provider.descriptor().refresh } else { &provider.descriptor().revoke };
    let auth = provider.provider.management_auth(rules, None);
    let secret = provider.provider.client_secret().expose_secret();
    let needs_secret = matches!(auth, ClientAuth::Body | ClientAuth::Basic | ClientAuth::BasicAndBody);
    if needs_secret && provider.provider.protocol() != Protocol::OAuth1 && !request.all_texts().contains(secret) {
        return Err(Refusal::Client("The client secret is wrong.".to_owned()));
    }
    let is_revoked =
        login.progress.is_revoked || login.user.as_ref().is_some_and(|user| user.behaviour.outcome == Outcome::Revoked);
    if credential.text != login.credential(credential.kind) || stage == CallStage::Refresh && is_revoked {
        return Err(unknown());
    }
    if stage == CallStage::Revoke {
        login.progress.is_revoked = true;
        return Ok(Answer::new(200, "{}".to_owned(), stage));
    }
    login.progress.generation += 1;
    let place = provider.token_call().ok_or_else(unknown)?;
    Ok(ordinary_answer(simulator, login, place, request, stage))
}

/// MediaWiki's identity: a token signed with the secret of the client, with the nonce of the request.
fn identity(simulator: &SimulatorState, login: &Login, request: &ProviderRequest) -> String {
    let nonce = request.authorization.split_once("oauth_nonce=\"").and_then(|(_, after)| after.split('"').next());
    let mut claims = simulator.claims(login);
    claims.insert("nonce".to_owned(), Value::from(nonce));
    Keys::sign_with_secret(&claims, login.provider.provider.client_secret().expose_secret())
}
