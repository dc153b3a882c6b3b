//! The control endpoints of the simulator, for tests: what was called, which providers and personas there are, and a choice in advance.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::authorization::{BEHAVIOUR_COOKIE, PERSONA_COOKIE};
use super::params::Params;
use super::state::SimulatorState;

/// `GET /simulator/calls`, `?provider=NAME`: the last calls in order.
#[handler]
pub async fn calls(simulator: Data<&Arc<SimulatorState>>, request: &Request) -> Response {
    let params = Params::of_query(request);
    let calls = simulator.log().list(params.get("provider"));
    json_answer(&json!({ "calls": calls }))
}

/// `DELETE /simulator/calls`: forgets the calls.
#[handler]
pub async fn clear_calls(simulator: Data<&Arc<SimulatorState>>) -> Response {
    simulator.log().clear();
    Response::builder().status(StatusCode::NO_CONTENT).finish()
}

/// `GET /simulator/providers`: the simulated providers.
#[handler]
pub async fn providers(simulator: Data<&Arc<SimulatorState>>) -> Response {
    let provider = |provider: &Arc<super::provider::SimulatedProvider>| -> Value {
        json!({
            "name": provider.name(),
            "title": provider.title(),
            "protocol": provider.provider.protocol().to_string(),
            "client_id": provider.provider.client_id(),
            "links_only": provider.descriptor().association_only,
            "address": provider.sample.address,
        })
    };
    json_answer(&json!({ "providers": simulator.providers.iter().map(provider).collect::<Vec<_>>() }))
}

/// `GET /simulator/personas`: the names for `login_hint` and `behaviour`.
#[handler]
pub async fn personas(simulator: Data<&Arc<SimulatorState>>) -> Response {
    let personas: Vec<Value> = simulator
        .personas
        .personas
        .iter()
        .map(|one| {
            json!({"login": one.login, "name": one.name(), "email": one.email, "email_verified": one.email_verified && !one.email.is_empty()})
        })
        .collect();
    let behaviours: Vec<Value> =
        simulator.personas.behaviours.iter().map(|one| json!({"name": one.name, "title": one.title})).collect();
    json_answer(&json!({ "personas": personas, "behaviours": behaviours }))
}

/// `GET /simulator/choose?login_hint=…&behaviour=…`: this browser skips the consent page from now on; without parameters no longer.
#[handler]
pub async fn choose(simulator: Data<&Arc<SimulatorState>>, request: &Request) -> Response {
    let params = Params::of_query(request);
    let (hint, behaviour) = (params.get("login_hint"), params.get("behaviour"));
    let unknown = hint.filter(|hint| simulator.personas.find(hint).is_none());
    let unknown = unknown.or_else(|| behaviour.filter(|name| simulator.personas.behaviour(name).is_none()));
    if let Some(unknown) = unknown {
        let body = json!({"error": format!("There is no persona or behaviour {unknown:?}; see /simulator/personas.")});
        return Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .content_type("application/json")
            .body(body.to_string());
    }
    let cookie = |name: &str, value: Option<&str>| {
        let value = value.and_then(|value| {
            simulator.personas.find(value).map(|(_, persona)| persona.login.clone()).or_else(|| Some(value.to_owned()))
        });
        let age = if value.is_some() { 86_400 } else { 0 };
        format!("{name}={}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax", value.unwrap_or_default())
    };
    Response::builder()
        .status(StatusCode::OK)
        .header(header::SET_COOKIE, cookie(PERSONA_COOKIE, hint))
        .header(header::SET_COOKIE, cookie(BEHAVIOUR_COOKIE, behaviour))
        .content_type("application/json")
        .body(json!({"login_hint": hint, "behaviour": behaviour}).to_string())
}

fn json_answer(body: &Value) -> Response {
    Response::builder().content_type("application/json").body(body.to_string())
}
